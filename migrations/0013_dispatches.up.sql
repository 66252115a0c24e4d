-- version: 0.13.0
-- description: Jobs whose ids a message broker was given

-- A row from the moment before a job's id is sent until somebody leases the job: the outbox of what is owed to the
-- broker, and the count that keeps the broker's queue short. Without a broker it stays empty. No reference to jobs: that
-- would lock and rewrite their rows; what is left of deleted jobs is swept.
CREATE TABLE job_dispatches (
    job_id  uuid        PRIMARY KEY,
    -- How often it was sent.
    sent    smallint    NOT NULL DEFAULT 1,
    sent_at timestamptz NOT NULL DEFAULT now(),
    -- Whether the broker has confirmed the newest sending.
    confirmed boolean   NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
ALTER TABLE job_dispatches ENABLE ROW LEVEL SECURITY;
ALTER TABLE job_dispatches FORCE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON job_dispatches TO kgl_system;
CREATE POLICY system ON job_dispatches TO kgl_system USING (true) WITH CHECK (true);
