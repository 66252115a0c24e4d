-- Fills a migrated, empty database with a large graph: owner 0 has a million entities, owners 1 to 10 have ten thousand
-- each; two million mentions in twenty thousand documents; a million relationships, one entity being at the end of a
-- hundred thousand of them. The same data at every run. Needs a superuser (the foreign keys are not checked while it
-- writes). Takes one to five minutes.
--
--   psql -d DATABASE -f benches/plans/fill.sql && psql -d DATABASE -f benches/plans/explain.sql
\set ON_ERROR_STOP on
SET session_replication_role = replica;
SET synchronous_commit = off;
SET maintenance_work_mem = '256MB';
SELECT setseed(0.5);

-- An identifier as UUID version 7 would make it: of kind `kind`, the n-th in time.
CREATE FUNCTION pg_temp.nth(kind integer, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(1750000000000 + n), 12, '0') || '7000' || lpad(to_hex(32768 + kind), 4, '0')
            || lpad(to_hex(n), 12, '0'))::uuid
$$;

-- 5,000 words of two to four syllables.
CREATE TEMP TABLE words AS
SELECT n, string_agg(syllable, '' ORDER BY k) AS word
FROM generate_series(0, 4999) n, generate_series(0, 3) k,
     LATERAL (SELECT (ARRAY['ka','ro','mi','len','ta','vor','sen','di','pol','ura','be','nix','o','gra','el','tun','sha',
                            'wi','cor','an'])[1 + ((n / (20 ^ k)::int) + k * 7 + (n % 7) * k) % 20] AS syllable) s
WHERE k < 2 + n % 3
GROUP BY n;
CREATE UNIQUE INDEX ON words (n);

INSERT INTO users (id, email, password_hash, first_name, last_name)
SELECT pg_temp.nth(0, n), 'owner' || n || '@example.org', '-', 'Owner', n::text FROM generate_series(0, 10) n;

INSERT INTO documents (id, owner_id, title, source, source_type, content_type, content_hash, size_bytes, job_id)
SELECT pg_temp.nth(1, n), pg_temp.nth(0, 0), 'Document ' || n, 'https://example.org/' || n, 'article', 'text/plain',
       sha256(n::text::bytea), 3000, pg_temp.nth(5, n)
FROM generate_series(0, 19999) n;
INSERT INTO document_revisions (document_id, revision, owner_id, content)
SELECT id, 1, owner_id, '' FROM documents;

-- Each pair of a first and a last word once; the number keeps apart what the pairs do not.
INSERT INTO entities (id, owner_id, name, name_key, type, aliases, confidence, mention_count, source, source_type,
                      created_by, created_at, updated_at, is_active)
SELECT pg_temp.nth(2, i), o.id, initcap(k.key), k.key,
       (ARRAY['person','person','person','organization','organization','location','work','product','date','event'])
           [1 + i % 10],
       CASE WHEN i % 5 = 0 THEN ARRAY[initcap(b.word)] ELSE '{}' END,
       0.5 + (i::bigint * 7919 % 4999) / 10000.0, 2, 'https://example.org/' || i / 50, 'article', o.id,
       to_timestamp(1750000000 + i), to_timestamp(1750000000 + i), i % 50 <> 49
FROM generate_series(0, 1099999) AS s (i)
JOIN words a ON a.n = i % 5000
JOIN words b ON b.n = i / 5000 % 200
CROSS JOIN LATERAL (SELECT a.word || ' ' || b.word || ' ' || i AS key) k
CROSS JOIN LATERAL (SELECT pg_temp.nth(0, CASE WHEN i < 1000000 THEN 0 ELSE 1 + i % 10 END) AS id) o;

-- A hundred mentions a document; one in forty is of entity 0.
INSERT INTO entity_mentions (document_id, revision, start_offset, end_offset, entity_id, owner_id, sentence_start,
                             sentence_end, quote, confidence)
SELECT pg_temp.nth(1, n / 100), 1, n % 100 * 30, n % 100 * 30 + 12,
       pg_temp.nth(2, CASE WHEN n % 40 = 0 THEN 0 ELSE n::bigint * 7919 % 1000000 END), pg_temp.nth(0, 0),
       n % 100 * 30, n % 100 * 30 + 29, 'twelve chars', 0.8
FROM generate_series(0, 1999999) n;
UPDATE entities SET mention_count = 50000 WHERE id = pg_temp.nth(2, 0);

-- Between neighbours in number, and one in ten to entity 0.
INSERT INTO entity_relationships (id, owner_id, source_entity_id, target_entity_id, relationship_type, confidence,
                                  evidence_count, created_by)
SELECT pg_temp.nth(3, n), pg_temp.nth(0, 0), pg_temp.nth(2, 1 + n % 999998),
       pg_temp.nth(2, CASE WHEN n % 10 = 0 THEN 0 ELSE 2 + (n % 999998 + n % 97) % 999998 END),
       (ARRAY['works_for','related_to','founded','part_of','located_in'])[1 + n % 5], 0.4 + (n * 31 % 5999) / 10000.0, 1,
       pg_temp.nth(0, 0)
FROM generate_series(0, 999997) n
ON CONFLICT DO NOTHING;
DELETE FROM entity_relationships WHERE source_entity_id = target_entity_id;

INSERT INTO relationship_evidence (document_id, revision, relationship_id, owner_id, start_offset, end_offset,
                                   head_start, head_end, tail_start, tail_end, quote, confidence)
SELECT pg_temp.nth(1, n / 50 % 20000), 1, pg_temp.nth(3, n), pg_temp.nth(0, 0), n % 50 * 60, n % 50 * 60 + 40,
       n % 50 * 60, n % 50 * 60 + 12, n % 50 * 60 + 20, n % 50 * 60 + 32, 'a passage', 0.7
FROM generate_series(0, 999997) n;

RESET session_replication_role;
VACUUM (ANALYZE) users, documents, document_revisions, entities, entity_mentions, entity_relationships,
    relationship_evidence;
