DROP TABLE relationship_evidence;
DROP TABLE entity_relationships;
DROP TABLE entity_mentions;
DROP TABLE entities;
