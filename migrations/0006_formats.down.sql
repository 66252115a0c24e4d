ALTER TABLE relationship_evidence DROP COLUMN page;
ALTER TABLE entity_mentions DROP COLUMN page;
ALTER TABLE document_revisions DROP COLUMN notes, DROP COLUMN pages;
