-- version: 0.5.0
-- description: Search by name and alias under row-level security, and indexes that follow the lists

-- Row-level security is a barrier: an operator that could leak a row's content (LIKE, the trigram operators) is not
-- evaluated before the policy, so it cannot use an index. The search therefore runs in functions of a role of its own,
-- which reads only the columns that a search needs, and which filter by owner themselves. Two sets of them: one for
-- the caller's own entities, and one over all owners that only a moderator may call. Both answer nothing but ids.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kgl_search') THEN
        BEGIN
            CREATE ROLE kgl_search NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END IF;
    -- To give its functions to the role, the owner of the schema must be able to step into it. Since version 16 whoever
    -- made a role is a member of it without that right, so membership alone proves nothing there.
    IF NOT pg_has_role('kgl_search',
                       CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
        GRANT kgl_search TO CURRENT_USER;
    END IF;
END
$$;

-- All names of an entity in one text: its key and its aliases, folded alike, a line each. Each word begins after a
-- space, so that '% word%' finds beginnings of words. Immutable in fact: array elements are text.
CREATE FUNCTION entity_search_text(name_key text, aliases text[]) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT ' ' || name_key || COALESCE(
            (SELECT string_agg(E'\n ' || btrim(regexp_replace(lower(normalize(alias, NFKC)), '\s+', ' ', 'g')), ''
                               ORDER BY position)
             FROM unnest(aliases) WITH ORDINALITY AS a (alias, position)),
            '')
    $$;

-- A source may be longer than an index entry can be, hence its hash.
ALTER TABLE entities
    ADD COLUMN search_text text   NOT NULL GENERATED ALWAYS AS (entity_search_text(name_key, aliases)) STORED,
    ADD COLUMN source_hash bigint          GENERATED ALWAYS AS (hashtextextended(source, 0)) STORED;

-- Confidence and counts change with every document that names a thing again. No index holds them, so that such an
-- update touches none of the indexes below (a heap-only tuple).
DROP INDEX entities_owner;
DROP INDEX entities_owner_type;
CREATE INDEX entities_active ON entities (owner_id, id) WHERE is_active;
CREATE INDEX entities_active_type ON entities (owner_id, type, id) WHERE is_active;
CREATE INDEX entities_active_source ON entities (owner_id, source_hash, id) WHERE is_active AND source_hash IS NOT NULL;
-- New names wait in a pending list of at most 2 MB: merged together they cost a third of what they cost one by one,
-- merging them holds an insert up by some 40 ms once in several thousand rows, and a search reads the list in 2 ms.
CREATE INDEX entities_search ON entities USING gin (owner_id, search_text gin_trgm_ops)
    WITH (fastupdate = on, gin_pending_list_limit = 2048)
    WHERE is_active;

-- The same orders as before, and what the policy, the type filter and the exact count need besides.
DROP INDEX entity_relationships_source;
DROP INDEX entity_relationships_target;
DROP INDEX entity_relationships_owner;
CREATE INDEX entity_relationships_source
    ON entity_relationships (source_entity_id, id) INCLUDE (owner_id, relationship_type, is_active);
CREATE INDEX entity_relationships_target
    ON entity_relationships (target_entity_id, id) INCLUDE (owner_id, relationship_type, is_active);
CREATE INDEX entity_relationships_owner_type
    ON entity_relationships (owner_id, relationship_type, id) INCLUDE (is_active);

GRANT USAGE ON SCHEMA public TO kgl_search;
GRANT SELECT (id, owner_id, type, name_key, source, source_hash, confidence, created_at, is_active, search_text)
    ON entities TO kgl_search;
CREATE POLICY search ON entities FOR SELECT TO kgl_search USING (true);

-- The two sets differ in whose entities they look at and in who may call them, and in nothing else.
DO $do$
DECLARE
    prefix text;
    owned text;
    caller text;
    name text;
BEGIN
    GRANT CREATE ON SCHEMA public TO kgl_search;
    FOR prefix, owned, caller IN VALUES
        ('own', 'e.owner_id = app_user_id()', 'kgl_user'),
        ('any', 'true', 'kgl_moderator')
    LOOP
        -- A page of the entities with a name like the pattern, newest first.
        EXECUTE format($create$
            CREATE FUNCTION %1$I (
                pattern text, only_type text, only_source text, confidence_min double precision,
                after uuid, to_skip bigint, at_most bigint
            ) RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER
            SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan
            AS $body$
            BEGIN
                RETURN QUERY
                SELECT e.id FROM entities e
                WHERE %2$s AND e.is_active AND e.search_text LIKE pattern
                  AND (only_type IS NULL OR e.type = only_type)
                  AND (only_source IS NULL OR e.source_hash = hashtextextended(only_source, 0) AND e.source = only_source)
                  AND (confidence_min IS NULL OR e.confidence >= confidence_min)
                  AND (after IS NULL OR e.id < after)
                ORDER BY e.id DESC OFFSET to_skip LIMIT at_most;
            END
            $body$
        $create$, prefix || '_entities_like', owned);

        -- How many entities have a name like the pattern.
        EXECUTE format($create$
            CREATE FUNCTION %1$I (
                pattern text, only_type text, only_source text, confidence_min double precision
            ) RETURNS bigint LANGUAGE plpgsql STABLE SECURITY DEFINER
            SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan
            AS $body$
            BEGIN
                RETURN (
                    SELECT count(*) FROM entities e
                    WHERE %2$s AND e.is_active AND e.search_text LIKE pattern
                      AND (only_type IS NULL OR e.type = only_type)
                      AND (only_source IS NULL OR e.source_hash = hashtextextended(only_source, 0) AND e.source = only_source)
                      AND (confidence_min IS NULL OR e.confidence >= confidence_min)
                );
            END
            $body$
        $create$, prefix || '_entities_like_count', owned);

        -- The best of the entities with a name like the pattern: those that are called exactly so, those with such an
        -- alias, those whose name begins so, the surest. With each, how many there are in all.
        EXECUTE format($create$
            CREATE FUNCTION %1$I (
                needle text, pattern text, only_types text[], confidence_min double precision,
                seen_from timestamptz, seen_to timestamptz, at_most bigint
            ) RETURNS TABLE (id uuid, total bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER
            SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan
            AS $body$
            BEGIN
                RETURN QUERY
                WITH matches AS MATERIALIZED (
                    SELECT e.id, e.confidence,
                           CASE WHEN e.name_key = needle THEN 0
                                WHEN strpos(e.search_text || E'\n', E'\n ' || needle || E'\n') > 0 THEN 1
                                WHEN starts_with(e.name_key, needle) THEN 2
                                ELSE 3 END AS step
                    FROM entities e
                    WHERE %2$s AND e.is_active AND e.search_text LIKE pattern
                      AND (only_types = '{}' OR e.type = ANY (only_types))
                      AND (confidence_min IS NULL OR e.confidence >= confidence_min)
                      AND (seen_from IS NULL OR e.created_at >= seen_from)
                      AND (seen_to IS NULL OR e.created_at <= seen_to)
                )
                SELECT m.id, (SELECT count(*) FROM matches) FROM matches m
                ORDER BY m.step, m.confidence DESC, m.id DESC LIMIT at_most;
            END
            $body$
        $create$, prefix || '_entities_named', owned);

        -- The same for entities whose name is only similar to the needle, the most similar first.
        EXECUTE format($create$
            CREATE FUNCTION %1$I (
                needle text, pattern text, only_types text[], confidence_min double precision,
                seen_from timestamptz, seen_to timestamptz, at_most bigint
            ) RETURNS TABLE (id uuid, total bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER
            SET search_path = pg_catalog, public, pg_temp SET plan_cache_mode = force_custom_plan
            SET pg_trgm.word_similarity_threshold = 0.6
            AS $body$
            BEGIN
                RETURN QUERY
                WITH matches AS MATERIALIZED (
                    SELECT e.id, e.confidence, word_similarity(needle, e.search_text) AS likeness
                    FROM entities e
                    WHERE %2$s AND e.is_active AND needle <%% e.search_text AND e.search_text NOT LIKE pattern
                      AND (only_types = '{}' OR e.type = ANY (only_types))
                      AND (confidence_min IS NULL OR e.confidence >= confidence_min)
                      AND (seen_from IS NULL OR e.created_at >= seen_from)
                      AND (seen_to IS NULL OR e.created_at <= seen_to)
                )
                SELECT m.id, (SELECT count(*) FROM matches) FROM matches m
                ORDER BY m.likeness DESC, m.confidence DESC, m.id DESC LIMIT at_most;
            END
            $body$
        $create$, prefix || '_entities_similar', owned);

        FOREACH name IN ARRAY ARRAY['_entities_like', '_entities_like_count', '_entities_named', '_entities_similar'] LOOP
            -- By name alone: each is there once.
            EXECUTE format('REVOKE ALL ON FUNCTION %I FROM PUBLIC', prefix || name);
            EXECUTE format('GRANT EXECUTE ON FUNCTION %I TO %I', prefix || name, caller);
            EXECUTE format('ALTER FUNCTION %I OWNER TO kgl_search', prefix || name);
        END LOOP;
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM kgl_search;
END
$do$;
