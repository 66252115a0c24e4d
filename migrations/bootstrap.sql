-- What has to stand before the first migration and to outlive the rollback of the last: the schema's own history.
-- Idempotent; run at every `kgl migrate` and at every start.
CREATE TABLE IF NOT EXISTS database_schemas (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version             text        NOT NULL,
    name                text        NOT NULL,
    description         text        NOT NULL,
    ddl_statements      text[]      NOT NULL,
    rollback_statements text[]      NOT NULL,
    migration_script    text        NOT NULL,
    checksum            text        NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    applied_at          timestamptz NOT NULL DEFAULT now(),
    applied_by          text        NOT NULL,
    is_rollback         boolean     NOT NULL DEFAULT false
);
