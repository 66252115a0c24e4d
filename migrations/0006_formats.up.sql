-- version: 0.6.0
-- description: Pages of documents, and notes on how they were read

-- Where each page of the text begins, in Unicode scalar values; empty for a text without pages.
ALTER TABLE document_revisions
    ADD COLUMN pages integer[] NOT NULL DEFAULT '{}',
    ADD COLUMN notes text[]    NOT NULL DEFAULT '{}';

-- The page on which a span begins. Kept with the span, because whoever may read evidence may not read the document.
ALTER TABLE entity_mentions ADD COLUMN page integer CHECK (page >= 1);
ALTER TABLE relationship_evidence ADD COLUMN page integer CHECK (page >= 1);
