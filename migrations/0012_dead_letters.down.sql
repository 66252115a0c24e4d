DROP POLICY system_forgets ON api_access_logs;
DROP POLICY system_sees_age ON api_access_logs;
REVOKE SELECT (id, timestamp), DELETE ON api_access_logs FROM kgl_system;
DROP INDEX jobs_dead_age;
DROP INDEX jobs_dead;
