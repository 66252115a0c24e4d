DROP TABLE api_access_logs;
