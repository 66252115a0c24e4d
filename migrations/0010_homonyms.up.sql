-- version: 0.10.0
-- description: Namesakes that documents tell apart are entities of their own

-- What the document says of the bearer that no namesake shares ("born 1580"); null where it says nothing of the kind.
-- The same in all mentions of one entity by one document.
ALTER TABLE entity_mentions ADD COLUMN distinction text CHECK (char_length(distinction) BETWEEN 1 AND 100);
-- The smallest and the largest of an entity tell at once whether its documents mean more than one.
CREATE INDEX entity_mentions_distinction ON entity_mentions (entity_id, distinction) WHERE distinction IS NOT NULL;

-- Empty while all documents may mean the same one, and for those that do not say which of several they mean.
ALTER TABLE entities ADD COLUMN distinction text NOT NULL DEFAULT '' CHECK (char_length(distinction) <= 100);
DROP INDEX entities_key;
CREATE UNIQUE INDEX entities_key ON entities (owner_id, type, name_key, distinction);
