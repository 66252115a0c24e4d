-- version: 0.8.0
-- description: Each user's schema for extraction, in versions, and what an extraction changed

-- What a user wants extracted, unless a request says otherwise. A version is never changed: a job names the one it was
-- submitted under, so that a retry reads the same.
CREATE TABLE extraction_schemas (
    owner_id      uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    version       integer     NOT NULL CHECK (version >= 1),
    -- NULL where the schema was taken away: versions go on counting.
    options       jsonb       CHECK (jsonb_typeof(options) = 'object'),
    created_at    timestamptz NOT NULL DEFAULT now(),
    superseded_at timestamptz,
    PRIMARY KEY (owner_id, version)
);

ALTER TABLE jobs ADD COLUMN schema_version integer;
-- Which older versions are still needed. Most jobs have none, and cost nothing here.
CREATE INDEX jobs_schema ON jobs (owner_id, schema_version) WHERE schema_version IS NOT NULL AND status <> 'completed';

-- What reading a document again changed of what it says, a row a fact; at most so many as the service keeps.
CREATE TABLE job_changes (
    job_id   uuid    NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    number   integer NOT NULL CHECK (number >= 0),
    owner_id uuid    NOT NULL,
    kind     text    NOT NULL CHECK (kind IN ('entity', 'relationship')),
    change   text    NOT NULL CHECK (change IN ('added', 'removed', 'changed')),
    detail   jsonb   NOT NULL CHECK (jsonb_typeof(detail) = 'object'),
    PRIMARY KEY (job_id, number)
);

ALTER TABLE extraction_schemas ENABLE ROW LEVEL SECURITY;
ALTER TABLE extraction_schemas FORCE ROW LEVEL SECURITY;
ALTER TABLE job_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_changes FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE, DELETE ON extraction_schemas, job_changes TO kgl_user;

CREATE POLICY own ON extraction_schemas TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY own ON job_changes TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY any_owner ON extraction_schemas TO kgl_admin USING (true);
CREATE POLICY any_owner ON job_changes TO kgl_admin USING (true);
