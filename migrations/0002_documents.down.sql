DROP TABLE idempotency_keys;
ALTER TABLE documents DROP CONSTRAINT documents_job_id_fkey;
DROP TABLE jobs;
DROP SEQUENCE job_fences;
DROP TABLE document_revisions;
DROP TABLE documents;
