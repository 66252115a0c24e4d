-- version: 0.2.0
-- description: Documents with their revisions, the jobs that are also the embedded queue, idempotency keys

CREATE TABLE documents (
    id           uuid        PRIMARY KEY,
    owner_id     uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title        text        CHECK (char_length(title) <= 500),
    source       text        CHECK (char_length(source) <= 2000),
    source_type  text        NOT NULL CHECK (source_type IN ('article', 'document', 'web_page', 'api', 'manual')),
    content_type text        NOT NULL,
    language     text        CHECK (char_length(language) <= 35),
    metadata     jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    -- SHA-256 of the content as it was submitted, before it became plain text.
    content_hash bytea       NOT NULL CHECK (octet_length(content_hash) = 32),
    size_bytes   integer     NOT NULL CHECK (size_bytes >= 0),
    revision     integer     NOT NULL DEFAULT 1 CHECK (revision >= 1),
    -- The newest job; its status is the document's.
    job_id       uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, owner_id)
);
CREATE UNIQUE INDEX documents_content ON documents (owner_id, content_hash);
CREATE INDEX documents_owner ON documents (owner_id, id);
-- By hash: a source may be longer than an index entry.
CREATE INDEX documents_source ON documents (owner_id, hashtextextended(source, 0), id);

-- The plain text that every offset refers to. Never changed: a new text is a new revision.
CREATE TABLE document_revisions (
    document_id uuid        NOT NULL,
    revision    integer     NOT NULL CHECK (revision >= 1),
    owner_id    uuid        NOT NULL,
    content     text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, revision),
    FOREIGN KEY (document_id, owner_id) REFERENCES documents (id, owner_id) ON DELETE CASCADE
);

CREATE SEQUENCE job_fences;

CREATE TABLE jobs (
    id             uuid        PRIMARY KEY,
    owner_id       uuid        NOT NULL,
    document_id    uuid        NOT NULL,
    revision       integer     NOT NULL,
    status         text        NOT NULL DEFAULT 'pending'
                   CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'cancelled', 'dead')),
    -- 0 high, 1 normal, 2 low: the order in which ready jobs are leased.
    priority       smallint    NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2),
    options        jsonb       NOT NULL DEFAULT '{}',
    attempt        integer     NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts   integer     NOT NULL CHECK (max_attempts >= 1),
    -- Of the document, as submitted: what leasing goes by to keep texts in memory within bounds.
    size_bytes     integer     NOT NULL DEFAULT 0,
    -- How often whoever held the lease went away. Most were beside the cause; so then it runs with nothing beside it,
    -- and only what is lost then counts against it.
    lost_leases    integer     NOT NULL DEFAULT 0,
    runs_alone     boolean     NOT NULL DEFAULT false,
    lost_alone     integer     NOT NULL DEFAULT 0,
    -- The number of the newest lease; who holds an older one can no longer write.
    fence          bigint      NOT NULL DEFAULT 0,
    leased_by      text,
    leased_until   timestamptz,
    run_at         timestamptz NOT NULL DEFAULT now(),
    progress_stage text        NOT NULL DEFAULT 'queued',
    progress_done  integer     NOT NULL DEFAULT 0,
    progress_total integer     NOT NULL DEFAULT 0,
    error_message  text,
    result         jsonb,
    traceparent    text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    started_at     timestamptz,
    finished_at    timestamptz,
    FOREIGN KEY (document_id, owner_id) REFERENCES documents (id, owner_id) ON DELETE CASCADE,
    CHECK ((status = 'processing') = (leased_until IS NOT NULL)),
    CHECK ((status IN ('completed', 'failed', 'cancelled', 'dead')) = (finished_at IS NOT NULL))
) WITH (fillfactor = 70);
-- A job is updated several times in its short life; the free third of a page and few indexed columns keep that cheap.
CREATE INDEX jobs_ready ON jobs (priority, run_at, id) WHERE status = 'pending';
-- Owners take turns: the next owner after this one, and that owner's most urgent jobs.
CREATE INDEX jobs_turns ON jobs (owner_id, priority, run_at, id) WHERE status = 'pending';
CREATE INDEX jobs_suspects ON jobs (run_at) WHERE status = 'pending' AND lost_leases >= 2;
-- A document has at most one job that is not over.
CREATE UNIQUE INDEX jobs_one_active ON jobs (document_id) WHERE status IN ('pending', 'processing');
CREATE INDEX jobs_leased ON jobs (leased_until) WHERE status = 'processing';
CREATE INDEX jobs_owner ON jobs (owner_id, id);
CREATE INDEX jobs_owner_status ON jobs (owner_id, status, id);
CREATE INDEX jobs_document ON jobs (document_id, id);

-- Document and job point at each other; the document is written first and the check waits for the commit.
ALTER TABLE documents ADD CONSTRAINT documents_job_id_fkey
    FOREIGN KEY (job_id) REFERENCES jobs (id) DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE idempotency_keys (
    owner_id     uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key          text        NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    request_hash bytea       NOT NULL CHECK (octet_length(request_hash) = 32),
    document_id  uuid        NOT NULL,
    job_id       uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner_id, key),
    FOREIGN KEY (document_id, owner_id) REFERENCES documents (id, owner_id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX idempotency_keys_document ON idempotency_keys (document_id);

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE document_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_revisions FORCE ROW LEVEL SECURITY;
ALTER TABLE jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE jobs FORCE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE, DELETE ON documents, document_revisions, jobs, idempotency_keys TO kgl_user;
GRANT SELECT, UPDATE ON jobs TO kgl_system;
GRANT SELECT, DELETE ON idempotency_keys TO kgl_system;
GRANT USAGE ON SEQUENCE job_fences TO kgl_user, kgl_system;

CREATE POLICY own ON documents TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY own ON document_revisions TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY own ON jobs TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY own ON idempotency_keys TO kgl_user USING (owner_id = app_user_id());
CREATE POLICY any_owner ON documents TO kgl_admin USING (true);
CREATE POLICY any_owner ON document_revisions TO kgl_admin USING (true);
CREATE POLICY any_owner ON jobs TO kgl_admin USING (true);
-- kgl_system leases, sweeps and settles jobs; it never sees a text or a title.
CREATE POLICY system ON jobs TO kgl_system USING (true);
CREATE POLICY system ON idempotency_keys TO kgl_system USING (true);
