-- version: 0.12.0
-- description: Lists and retention of dead jobs, retention of access logs

-- Dead jobs are few beside all others: operators list them newest first, and narrow that by when they died.
CREATE INDEX jobs_dead ON jobs (id, finished_at) WHERE status = 'dead';
-- The oldest first, for retention.
CREATE INDEX jobs_dead_age ON jobs (finished_at) WHERE status = 'dead';

-- To clear away old access records, their age is all that the system has to see, and what is younger than a day it
-- cannot delete, whatever it is told.
GRANT SELECT (id, timestamp), DELETE ON api_access_logs TO kgl_system;
CREATE POLICY system_sees_age ON api_access_logs FOR SELECT TO kgl_system USING (true);
CREATE POLICY system_forgets ON api_access_logs FOR DELETE TO kgl_system USING (timestamp < now() - interval '1 day');
