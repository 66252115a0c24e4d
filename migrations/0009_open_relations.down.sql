-- Open relationships cannot stand beside known ones of the same name without the column.
DELETE FROM entity_relationships WHERE open;
DROP INDEX entity_relationships_key;
ALTER TABLE entity_relationships DROP COLUMN open;
CREATE UNIQUE INDEX entity_relationships_key
    ON entity_relationships (source_entity_id, target_entity_id, relationship_type);
