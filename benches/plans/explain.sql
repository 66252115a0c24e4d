-- The reads of the graph as the service sends them, explained as the role that sends them, over what fill.sql wrote.
-- docs/query-plans.md holds the outcome.
\set ON_ERROR_STOP on
\pset pager off
\pset format unaligned
\pset tuples_only on
SELECT id AS owner FROM users ORDER BY id LIMIT 1 \gset
SELECT id AS hub FROM entities ORDER BY id LIMIT 1 \gset
SELECT id AS some FROM entities ORDER BY id OFFSET 500000 LIMIT 1 \gset
SELECT id AS document FROM documents ORDER BY id OFFSET 10000 LIMIT 1 \gset
SELECT array_agg(id)::text AS seeds FROM (SELECT id FROM entities ORDER BY id OFFSET 1000 LIMIT 1000) s \gset

\set explain 'EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, SUMMARY ON)'
\set range 'e.owner_id BETWEEN (SELECT app_user_id()) AND (SELECT app_user_id())'

BEGIN READ ONLY;
SET LOCAL ROLE kgl_user;
SELECT set_config('app.user_id', :'owner', true);
-- Once unmeasured, so that the first figure is not about reading the catalogue.
SELECT count(*) FROM entities e WHERE e.is_active;

\echo
\echo ## entities: first page
:explain SELECT e.* FROM entities e WHERE e.is_active AND :range ORDER BY e.id DESC OFFSET 0 LIMIT 101;
\echo
\echo ## entities: first page, without the range around the owner
:explain SELECT e.* FROM entities e WHERE e.is_active ORDER BY e.id DESC OFFSET 0 LIMIT 101;
\echo
\echo ## entities: after a cursor in the middle
:explain SELECT e.* FROM entities e WHERE e.is_active AND :range AND e.id < :'some' ORDER BY e.id DESC OFFSET 0 LIMIT 101;
\echo
\echo ## entities: skip 500000
:explain SELECT e.* FROM entities e WHERE e.is_active AND :range ORDER BY e.id DESC OFFSET 500000 LIMIT 101;
\echo
\echo ## entities: total
:explain SELECT count(*) FROM entities e WHERE e.is_active;
\echo
\echo ## entities of a type: page
:explain SELECT e.* FROM entities e WHERE e.is_active AND e.type = 'date' AND :range ORDER BY e.id DESC LIMIT 101;
\echo
\echo ## entities of a type: total (300,000)
:explain SELECT count(*) FROM entities e WHERE e.is_active AND e.type = 'person';
\echo
\echo ## entities of a source: page
:explain SELECT e.* FROM entities e WHERE e.is_active AND e.source_hash = hashtextextended('https://example.org/77'::text, 0) AND e.source = 'https://example.org/77' AND :range ORDER BY e.id DESC LIMIT 101;
\echo
\echo ## entities at least 0.9 sure: page
:explain SELECT e.* FROM entities e WHERE e.is_active AND e.confidence >= 0.9 AND :range ORDER BY e.id DESC LIMIT 101;
\echo
\echo ## entities at least 0.9 sure: total (196,000)
:explain SELECT count(*) FROM entities e WHERE e.is_active AND e.confidence >= 0.9;
\echo
\echo ## entities surer than any: page (the whole list is read)
:explain SELECT e.* FROM entities e WHERE e.is_active AND e.confidence >= 0.9999 AND :range ORDER BY e.id DESC LIMIT 101;
\echo
\echo ## entities of a document: page
:explain SELECT e.* FROM entities e WHERE e.is_active AND e.id IN (SELECT m.entity_id FROM entity_mentions m WHERE m.document_id = :'document') AND :range ORDER BY e.id DESC LIMIT 101;
\echo
\echo ## search, 200 matches: page
:explain SELECT e.* FROM own_entities_like('%karomi%', NULL, NULL, NULL, NULL, 0, 101) AS s (id) JOIN entities e ON e.id = s.id ORDER BY e.id DESC;
\echo
\echo ## search, 200 matches: total
:explain SELECT own_entities_like_count('%karomi%', NULL, NULL, NULL);
\echo
\echo ## search, 18,000 matches: page
:explain SELECT e.* FROM own_entities_like('%karo%', NULL, NULL, NULL, NULL, 0, 101) AS s (id) JOIN entities e ON e.id = s.id ORDER BY e.id DESC;
\echo
\echo ## search, 18,000 matches: total
:explain SELECT own_entities_like_count('%karo%', NULL, NULL, NULL);
\echo
\echo ## search, two letters at the beginning of a word, many matches: page
:explain SELECT e.* FROM own_entities_like('% ka%', NULL, NULL, NULL, NULL, 0, 101) AS s (id) JOIN entities e ON e.id = s.id ORDER BY e.id DESC;
\echo
\echo ## search, two letters at the beginning of a word, many matches: total
:explain SELECT own_entities_like_count('% ka%', NULL, NULL, NULL);
\echo
\echo ## search for signs alone (no trigram): total
:explain SELECT own_entities_like_count('% ++%', NULL, NULL, NULL);
\echo
\echo ## search without the function: the policy keeps LIKE from the index
:explain SELECT e.id FROM entities e WHERE e.is_active AND e.search_text LIKE '%karomi%' ORDER BY e.id DESC LIMIT 101;
\echo
\echo ## query by name, 200 matches
:explain SELECT id, total FROM own_entities_named('karomi', '%karomi%', '{}', NULL, NULL, NULL, 100);
\echo
\echo ## query by name, 18,000 matches
:explain SELECT id, total FROM own_entities_named('karo', '%karo%', '{}', NULL, NULL, NULL, 100);
\echo
\echo ## query by a similar name
:explain SELECT id, total FROM own_entities_similar('varomi kadi', '%varomi kadi%', '{}', NULL, NULL, NULL, 100);
\echo
\echo ## evidence of an entity with 50,000 mentions
:explain SELECT document_id, revision, start_offset, end_offset, quote, sentence_start, sentence_end, confidence FROM entity_mentions WHERE entity_id = :'hub' AND entity_id BETWEEN (SELECT :'hub'::uuid) AND (SELECT :'hub'::uuid) ORDER BY document_id DESC, start_offset, end_offset, revision OFFSET 0 LIMIT 101;
\echo
\echo ## relationships of an entity with 100,000: page
:explain SELECT r.* FROM ((SELECT * FROM entity_relationships r WHERE r.source_entity_id = :'hub' AND r.source_entity_id BETWEEN (SELECT :'hub'::uuid) AND (SELECT :'hub'::uuid) AND r.is_active ORDER BY r.id DESC LIMIT 101) UNION ALL (SELECT * FROM entity_relationships r WHERE r.target_entity_id = :'hub' AND r.target_entity_id BETWEEN (SELECT :'hub'::uuid) AND (SELECT :'hub'::uuid) AND r.is_active ORDER BY r.id DESC LIMIT 101)) r ORDER BY r.id DESC OFFSET 0 LIMIT 101;
\echo
\echo ## relationships of an entity with 100,000: total
:explain SELECT 0 + (SELECT count(*) FROM entity_relationships r WHERE r.source_entity_id = :'hub' AND r.is_active) + (SELECT count(*) FROM entity_relationships r WHERE r.target_entity_id = :'hub' AND r.is_active);
\echo
\echo ## relationships of a type: newest
:explain SELECT r.* FROM entity_relationships r WHERE r.is_active AND r.relationship_type = 'founded' AND r.owner_id BETWEEN (SELECT app_user_id()) AND (SELECT app_user_id()) ORDER BY r.id DESC LIMIT 200;
\echo
\echo ## relationships of a type: total (200,000)
:explain SELECT count(*) FROM entity_relationships r WHERE r.is_active AND r.relationship_type = 'founded';
\echo
\echo ## neighbourhood: step from a thousand entities
:explain SELECT r.* FROM (SELECT e.id, e.confidence FROM unnest(:'seeds'::uuid[]) AS f (id) CROSS JOIN LATERAL ((SELECT r.id, r.confidence FROM entity_relationships r WHERE r.source_entity_id = f.id AND r.is_active ORDER BY r.id DESC LIMIT 50) UNION ALL (SELECT r.id, r.confidence FROM entity_relationships r WHERE r.target_entity_id = f.id AND r.is_active ORDER BY r.id DESC LIMIT 50)) e ORDER BY e.confidence DESC, e.id DESC LIMIT 10000) best JOIN entity_relationships r ON r.id = best.id ORDER BY r.confidence DESC, r.id DESC;
\echo
\echo ## neighbourhood: step from the entity with 100,000 relationships
:explain SELECT r.* FROM (SELECT e.id, e.confidence FROM unnest(ARRAY[:'hub']::uuid[]) AS f (id) CROSS JOIN LATERAL ((SELECT r.id, r.confidence FROM entity_relationships r WHERE r.source_entity_id = f.id AND r.is_active ORDER BY r.id DESC LIMIT 50000) UNION ALL (SELECT r.id, r.confidence FROM entity_relationships r WHERE r.target_entity_id = f.id AND r.is_active ORDER BY r.id DESC LIMIT 50000)) e ORDER BY e.confidence DESC, e.id DESC LIMIT 10000) best JOIN entity_relationships r ON r.id = best.id ORDER BY r.confidence DESC, r.id DESC;
\echo
\echo ## entities by a thousand ids
:explain SELECT e.* FROM entities e JOIN unnest(:'seeds'::uuid[]) WITH ORDINALITY AS i (id, position) ON i.id = e.id WHERE e.is_active ORDER BY i.position;
\echo
\echo ## document: mentions
:explain SELECT entity_id, start_offset, end_offset, quote, confidence FROM entity_mentions WHERE document_id = :'document' AND revision = 1 ORDER BY start_offset, end_offset, entity_id;
\echo
\echo ## document: evidence
:explain SELECT relationship_id, start_offset, end_offset, quote, confidence FROM relationship_evidence WHERE document_id = :'document' AND revision = 1 ORDER BY start_offset, head_start, tail_start, relationship_id;
COMMIT;

BEGIN READ ONLY;
SET LOCAL ROLE kgl_moderator;
SELECT set_config('app.user_id', :'owner', true);
\echo
\echo ## moderator: entities, first page
:explain SELECT e.* FROM entities e WHERE e.is_active ORDER BY e.id DESC OFFSET 0 LIMIT 101;
\echo
\echo ## moderator: entities, total
:explain SELECT count(*) FROM entities e WHERE e.is_active;
\echo
\echo ## moderator: entities of a type, page
:explain SELECT e.* FROM entities e WHERE e.is_active AND e.type = 'date' ORDER BY e.id DESC LIMIT 101;
\echo
\echo ## moderator: search, 200 matches: page
:explain SELECT e.* FROM any_entities_like('%karomi%', NULL, NULL, NULL, NULL, 0, 101) AS s (id) JOIN entities e ON e.id = s.id ORDER BY e.id DESC;
COMMIT;

-- What the graph writer asks for each batch, as the owner whom it writes for.
SELECT array_agg(type)::text AS types, array_agg(name_key)::text AS keys
FROM (SELECT type, name_key FROM entities WHERE owner_id = :'owner' ORDER BY id OFFSET 1000 LIMIT 1000) s \gset
SELECT type AS hub_type, name_key AS hub_key FROM entities WHERE id = :'hub' \gset
BEGIN READ ONLY;
SET LOCAL ROLE kgl_user;
SELECT set_config('app.user_id', :'owner', true);
\echo
\echo ## writer: which of a thousand names have namesakes
:explain SELECT k.type, k.name_key FROM unnest(:'types'::text[], :'keys'::text[]) AS k(type, name_key) WHERE (SELECT bool_or(e.distinction <> '') OR min(m.least) <> max(m.most) FROM entities e LEFT JOIN LATERAL (SELECT min(distinction) AS least, max(distinction) AS most FROM entity_mentions WHERE entity_id = e.id AND distinction IS NOT NULL) m ON true WHERE e.owner_id = :'owner' AND e.type = k.type AND e.name_key = k.name_key) ORDER BY 1, 2;
\echo
\echo ## writer: which documents mean a name with 50,000 mentions
:explain SELECT e.id, e.distinction, m.document_id, max(m.distinction) FROM entities e JOIN entity_mentions m ON m.entity_id = e.id WHERE e.owner_id = :'owner' AND e.type = :'hub_type' AND e.name_key = :'hub_key' GROUP BY e.id, m.document_id ORDER BY e.id, m.document_id;
\echo
\echo ## writer: names of a document that are told apart
:explain SELECT DISTINCT e.type, e.name_key FROM entity_mentions m JOIN entities e ON e.id = m.entity_id WHERE m.document_id = ANY(ARRAY[:'document']::uuid[]) AND (e.distinction <> '' OR m.distinction IS NOT NULL) ORDER BY 1, 2;
\echo
\echo ## writer: all that a document states, before it is read again
:explain SELECT v.document_id, r.id, r.relationship_type, r.source_entity_id, r.target_entity_id, v.start_offset, v.end_offset, v.head_start, v.tail_start, v.confidence FROM relationship_evidence v JOIN entity_relationships r ON r.id = v.relationship_id WHERE v.document_id = ANY (ARRAY[:'document']::uuid[]) ORDER BY v.document_id, v.start_offset, v.head_start, v.tail_start, v.end_offset;
\echo
\echo ## writer: the schema in force
:explain SELECT CASE WHEN s.options IS NOT NULL THEN s.version END FROM extraction_schemas s WHERE s.owner_id = :'owner' ORDER BY s.version DESC LIMIT 1;
COMMIT;

BEGIN READ ONLY;
SET LOCAL ROLE kgl_user;
SELECT set_config('app.user_id', :'owner', true);
\echo
\echo ## relationships with open wordings: newest (none is)
:explain SELECT r.* FROM entity_relationships r WHERE r.is_active AND r.owner_id BETWEEN (SELECT app_user_id()) AND (SELECT app_user_id()) AND r.open ORDER BY r.id DESC LIMIT 101;
\echo
\echo ## relationships with open wordings: total
:explain SELECT count(*) FROM entity_relationships r WHERE r.is_active AND r.open;
\echo
\echo ## relationships without open wordings: newest
:explain SELECT r.* FROM entity_relationships r WHERE r.is_active AND r.owner_id BETWEEN (SELECT app_user_id()) AND (SELECT app_user_id()) AND NOT r.open ORDER BY r.id DESC LIMIT 101;
COMMIT;
