DROP INDEX entity_relationships_open;
