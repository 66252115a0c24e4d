-- version: 0.11.0
-- description: Lists of relationships in the text's own words

-- Few beside all others, or none: a list of them must not pass over those. Rows of the schema's words pay nothing.
CREATE INDEX entity_relationships_open ON entity_relationships (owner_id, id) WHERE open AND is_active;
