DROP TABLE job_dispatches;
