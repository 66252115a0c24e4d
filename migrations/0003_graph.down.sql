DROP TABLE relationship_evidence;
DROP TABLE entity_relationships;
DROP TABLE entity_mentions;
DROP FUNCTION better_entity_name(entities, text);
DROP TABLE entities;
DROP FUNCTION combined_confidence(bigint);
