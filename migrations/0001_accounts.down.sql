-- Roles belong to the whole cluster and other databases may use them, so they stay; so do the extensions.
REVOKE ALL ON database_schemas FROM kgl_admin;
DROP TABLE refresh_tokens;
DROP TABLE sessions;
DROP TABLE users;
DROP FUNCTION end_sessions_of_changed_account();
DROP FUNCTION app_user_id();
REVOKE USAGE ON SCHEMA public FROM kgl_user, kgl_system;
