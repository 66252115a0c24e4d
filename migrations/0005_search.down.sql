-- The role stays: other databases of the cluster may use it.
DROP FUNCTION any_entities_similar;
DROP FUNCTION any_entities_named;
DROP FUNCTION any_entities_like_count;
DROP FUNCTION any_entities_like;
DROP FUNCTION own_entities_similar;
DROP FUNCTION own_entities_named;
DROP FUNCTION own_entities_like_count;
DROP FUNCTION own_entities_like;
DROP POLICY search ON entities;
REVOKE SELECT (id, owner_id, type, name_key, source, source_hash, confidence, created_at, is_active, search_text)
    ON entities FROM kgl_search;
REVOKE USAGE ON SCHEMA public FROM kgl_search;
DROP INDEX entity_relationships_owner_type;
DROP INDEX entity_relationships_target;
DROP INDEX entity_relationships_source;
CREATE INDEX entity_relationships_source ON entity_relationships (source_entity_id, id);
CREATE INDEX entity_relationships_target ON entity_relationships (target_entity_id, id);
CREATE INDEX entity_relationships_owner ON entity_relationships (owner_id, id);
DROP INDEX entities_search;
DROP INDEX entities_active_source;
DROP INDEX entities_active_type;
DROP INDEX entities_active;
ALTER TABLE entities DROP COLUMN source_hash, DROP COLUMN search_text;
DROP FUNCTION entity_search_text;
CREATE INDEX entities_owner ON entities (owner_id, id);
CREATE INDEX entities_owner_type ON entities (owner_id, type, id);
