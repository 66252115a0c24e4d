-- version: 0.4.0
-- description: One row for each answered API request

CREATE TABLE api_access_logs (
    id                  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- No foreign key: the log outlives the account.
    user_id             uuid,
    request_id          text        NOT NULL,
    endpoint            text        NOT NULL,
    method              text        NOT NULL,
    status_code         smallint    NOT NULL,
    response_time_ms    real        NOT NULL,
    request_size_bytes  bigint      NOT NULL,
    response_size_bytes bigint,
    ip_address          inet,
    user_agent          text,
    timestamp           timestamptz NOT NULL,
    error_message       text
);
-- Rows arrive in the order of time: a block range index is a thousandth of a b-tree and as good for a range.
CREATE INDEX api_access_logs_time ON api_access_logs USING brin (timestamp);
CREATE INDEX api_access_logs_user ON api_access_logs (user_id, id);

ALTER TABLE api_access_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_access_logs FORCE ROW LEVEL SECURITY;
GRANT SELECT ON api_access_logs TO kgl_admin;
GRANT INSERT ON api_access_logs TO kgl_system;
CREATE POLICY admins ON api_access_logs FOR SELECT TO kgl_admin USING (true);
CREATE POLICY system ON api_access_logs FOR INSERT TO kgl_system WITH CHECK (true);
