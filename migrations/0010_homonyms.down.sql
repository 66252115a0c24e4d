-- The names come back to one entity each when their documents are extracted again; until then only the one that most
-- documents mean can stay.
DELETE FROM entities e USING entities o
WHERE o.owner_id = e.owner_id AND o.type = e.type AND o.name_key = e.name_key
  AND (o.evidence_weight, o.id) > (e.evidence_weight, e.id);
DROP INDEX entities_key;
ALTER TABLE entities DROP COLUMN distinction;
CREATE UNIQUE INDEX entities_key ON entities (owner_id, type, name_key);
DROP INDEX entity_mentions_distinction;
ALTER TABLE entity_mentions DROP COLUMN distinction;
