DROP TABLE job_changes;
DROP INDEX jobs_schema;
ALTER TABLE jobs DROP COLUMN schema_version;
DROP TABLE extraction_schemas;
