-- version: 0.9.0
-- description: Relationships in a text's own words are told from the known ones

-- A relation read from the text's own verb phrase is another relationship than a known one of the same name: so a
-- relationship is open or not for good, whichever documents come and go.
ALTER TABLE entity_relationships ADD COLUMN open boolean NOT NULL DEFAULT false;
DROP INDEX entity_relationships_key;
CREATE UNIQUE INDEX entity_relationships_key
    ON entity_relationships (source_entity_id, target_entity_id, relationship_type, open);
