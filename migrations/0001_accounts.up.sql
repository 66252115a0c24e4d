-- version: 0.1.0
-- description: Database roles, accounts, sessions and rotating refresh tokens

CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Roles belong to the whole cluster, so another database of it may have made them, even at this very moment.
-- kgl_service    what the service's sessions are until they open a scope: it may do nothing at all
-- kgl_user, kgl_moderator, kgl_admin   the three roles of a signed-in caller; each inherits the one before it
-- kgl_system     what must cross owners: login, dispatching, sweeping, access logs; and no more than that
DO $$
DECLARE
    role_name text;
    may_set text := 'MEMBER';
BEGIN
    FOREACH role_name IN ARRAY ARRAY['kgl_service', 'kgl_user', 'kgl_moderator', 'kgl_admin', 'kgl_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            BEGIN
                -- NOINHERIT: a session that forgot to open a scope has no rights, instead of everybody's.
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE %s', role_name,
                               CASE role_name WHEN 'kgl_service' THEN 'NOINHERIT' ELSE 'INHERIT' END);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;
            END;
        END IF;
    END LOOP;
    IF NOT pg_has_role('kgl_moderator', 'kgl_user', 'MEMBER') THEN GRANT kgl_user TO kgl_moderator; END IF;
    IF NOT pg_has_role('kgl_admin', 'kgl_moderator', 'MEMBER') THEN GRANT kgl_moderator TO kgl_admin; END IF;
    IF NOT pg_has_role('kgl_service', 'kgl_admin', 'MEMBER') THEN GRANT kgl_user, kgl_moderator, kgl_admin TO kgl_service; END IF;
    -- An owner that is no superuser steps into the roles of its sessions by membership. Since PostgreSQL 16 the maker of
    -- a role is a member who may hand it out but not step into it.
    IF current_setting('server_version_num')::int >= 160000 THEN
        may_set := 'SET';
    END IF;
    FOREACH role_name IN ARRAY ARRAY['kgl_service', 'kgl_user', 'kgl_moderator', 'kgl_admin', 'kgl_system'] LOOP
        IF NOT pg_has_role(current_user, role_name, may_set) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role_name);
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO kgl_user, kgl_system;

-- The user of this transaction. A pooled connection can hold '' after a SET LOCAL, hence NULLIF.
CREATE FUNCTION app_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT NULLIF(current_setting('app.user_id', true), '')::uuid $$;

CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    email         text        NOT NULL CHECK (email = lower(email) AND char_length(email) BETWEEN 3 AND 254),
    password_hash text        NOT NULL,
    first_name    text        NOT NULL CHECK (char_length(first_name) BETWEEN 1 AND 100),
    last_name     text        NOT NULL CHECK (char_length(last_name) BETWEEN 1 AND 100),
    role          text        NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'moderator', 'admin')),
    is_active     boolean     NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    last_login    timestamptz
);
CREATE UNIQUE INDEX users_email ON users (email);

-- One row a login; all refresh tokens of one login are its family.
CREATE TABLE sessions (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    reason     text
);
CREATE INDEX sessions_user ON sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Only the SHA-256 of a token is kept. A row with used_at set that is presented again is a stolen token.
CREATE TABLE refresh_tokens (
    hash       bytea       PRIMARY KEY CHECK (octet_length(hash) = 32),
    session_id uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_used ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE refresh_tokens FORCE ROW LEVEL SECURITY;

-- The password's hash is for kgl_system alone: no signed-in role can read or write it, an admin's neither.
GRANT SELECT (id, email, first_name, last_name, role, is_active, created_at, updated_at, last_login) ON users TO kgl_user;
GRANT UPDATE (first_name, last_name, updated_at) ON users TO kgl_user;
GRANT UPDATE (email, role, is_active) ON users TO kgl_admin;
GRANT SELECT, INSERT, UPDATE ON users TO kgl_system;
GRANT SELECT ON sessions TO kgl_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON sessions, refresh_tokens TO kgl_system;

CREATE POLICY own_account ON users TO kgl_user USING (id = app_user_id());
CREATE POLICY any_account ON users TO kgl_admin USING (true);
CREATE POLICY system ON users TO kgl_system USING (true);
CREATE POLICY own_sessions ON sessions FOR SELECT TO kgl_user USING (user_id = app_user_id());
CREATE POLICY any_session ON sessions FOR SELECT TO kgl_admin USING (true);
CREATE POLICY system ON sessions TO kgl_system USING (true);
CREATE POLICY system ON refresh_tokens TO kgl_system USING (true);

-- An access token carries the role and is checked without the database, so a change of role or a deactivation must end
-- the account's sessions, whoever makes it and by whatever statement. Runs as kgl_system: an admin may change accounts
-- but no session, and not even the schema's owner passes the forced policies.
CREATE FUNCTION end_sessions_of_changed_account() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
    AS $$
BEGIN
    UPDATE sessions SET revoked_at = clock_timestamp(), reason = 'account changed'
    WHERE user_id = NEW.id AND revoked_at IS NULL;
    RETURN NULL;
END
$$;
-- Whom a function is given to must be able to create in its schema, for as long as that takes.
GRANT CREATE ON SCHEMA public TO kgl_system;
ALTER FUNCTION end_sessions_of_changed_account() OWNER TO kgl_system;
REVOKE CREATE ON SCHEMA public FROM kgl_system;
CREATE TRIGGER end_sessions AFTER UPDATE OF role, is_active ON users
    FOR EACH ROW WHEN (OLD.role <> NEW.role OR (OLD.is_active AND NOT NEW.is_active))
    EXECUTE FUNCTION end_sessions_of_changed_account();

-- Who migrated what is for admins to read and for nobody to write but the migrating owner.
GRANT SELECT ON database_schemas TO kgl_admin;
