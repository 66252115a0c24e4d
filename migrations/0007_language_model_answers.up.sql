-- version: 0.7.0
-- description: Answers of a language model, kept so that nothing is paid for twice

-- An answer quotes its document, so it is its owner's alone and goes away with the document that was read first; the same
-- passage in another document is then asked about again.
CREATE TABLE language_model_answers (
    owner_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A hash over the passage, the types that were asked for, the model and the words of the question.
    key           bytea       NOT NULL CHECK (octet_length(key) = 32),
    document_id   uuid        NOT NULL,
    model         text        NOT NULL,
    -- The model's words; null where it could not finish them, and the passage's halves were asked about instead.
    answer        text,
    input_tokens  bigint      NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint      NOT NULL CHECK (output_tokens >= 0),
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, key),
    FOREIGN KEY (document_id, owner_id) REFERENCES documents (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX language_model_answers_age ON language_model_answers (created_at);
CREATE INDEX language_model_answers_document ON language_model_answers (document_id);

ALTER TABLE language_model_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE language_model_answers FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON language_model_answers TO kgl_user;
-- To clear away what is old, its age is all that the system has to see.
GRANT SELECT (created_at), DELETE ON language_model_answers TO kgl_system;
CREATE POLICY own ON language_model_answers TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY system ON language_model_answers TO kgl_system USING (true);
