//! Sessions and their refresh tokens. All of it runs as the system: the tokens come before a caller is known.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, postgres::types::PgInterval};

use super::{StoreError, StoreResult};
use crate::domain::{
    ids::{SessionId, UserId},
    user::User,
};

/// How many rows one call of the housekeeping deletes of each table: small enough to finish within a second.
const HOUSEKEEPING_BATCH: i64 = 10_000;

fn interval(length: TimeDelta) -> StoreResult<PgInterval> {
    PgInterval::try_from(length).map_err(|e| StoreError::from(sqlx::Error::Encode(e)))
}

/// Opens a session with its first refresh token.
pub(crate) async fn open(
    connection: &mut PgConnection,
    id: SessionId,
    user: UserId,
    token_hash: &[u8; 32],
    lifetime: TimeDelta,
) -> StoreResult<()> {
    sqlx::query(
        "WITH session AS (INSERT INTO sessions (id, user_id, expires_at) VALUES ($1, $2, now() + $4))
         INSERT INTO refresh_tokens (hash, session_id) VALUES ($3, $1)",
    )
    .bind(id)
    .bind(user)
    .bind(token_hash.as_slice())
    .bind(interval(lifetime)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Uses up a refresh token, if it is still unused. Of callers who present the same token at the same time, exactly one
/// gets its session: the row's lock makes the others wait and then find it used.
pub(crate) async fn use_token(connection: &mut PgConnection, hash: &[u8; 32]) -> StoreResult<Option<SessionId>> {
    let session = sqlx::query_scalar(
        "UPDATE refresh_tokens SET used_at = clock_timestamp() WHERE hash = $1 AND used_at IS NULL RETURNING session_id",
    )
    .bind(hash.as_slice())
    .fetch_optional(connection)
    .await?;
    Ok(session)
}

/// Extends a living session of an active account and locks it until the end of the transaction, so that it cannot be
/// ended between this and the next token. None if it was ended, has expired, or the account is inactive.
pub(crate) async fn extend(
    connection: &mut PgConnection,
    id: SessionId,
    lifetime: TimeDelta,
) -> StoreResult<Option<User>> {
    let user = sqlx::query_as(
        "UPDATE sessions s SET expires_at = now() + $2 FROM users u
         WHERE s.id = $1 AND u.id = s.user_id AND s.revoked_at IS NULL AND s.expires_at > now() AND u.is_active
         RETURNING u.id, u.email, u.first_name, u.last_name, u.role, u.is_active, u.created_at, u.updated_at, u.last_login",
    )
    .bind(id)
    .bind(interval(lifetime)?)
    .fetch_optional(connection)
    .await?;
    Ok(user)
}

/// Adds a refresh token to a session.
pub(crate) async fn add_token(connection: &mut PgConnection, id: SessionId, hash: &[u8; 32]) -> StoreResult<()> {
    sqlx::query("INSERT INTO refresh_tokens (hash, session_id) VALUES ($1, $2)")
        .bind(hash.as_slice())
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends the session of a refresh token that was used before; answers which. None if there is no such token, it has not
/// been used, or its session ended already.
pub(crate) async fn end_by_used_token(
    connection: &mut PgConnection,
    hash: &[u8; 32],
    reason: &str,
) -> StoreResult<Option<SessionId>> {
    let ended = sqlx::query_scalar(
        "UPDATE sessions SET revoked_at = clock_timestamp(), reason = $2
         WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1 AND used_at IS NOT NULL)
           AND revoked_at IS NULL RETURNING id",
    )
    .bind(hash.as_slice())
    .bind(reason)
    .fetch_optional(connection)
    .await?;
    Ok(ended)
}

/// Ends a session of an account.
pub(crate) async fn end(connection: &mut PgConnection, id: SessionId, user: UserId, reason: &str) -> StoreResult<()> {
    sqlx::query(
        "UPDATE sessions SET revoked_at = clock_timestamp(), reason = $3
         WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL",
    )
    .bind(id)
    .bind(user)
    .bind(reason)
    .execute(connection)
    .await?;
    Ok(())
}

/// Ends all sessions of an account but one; answers which.
pub(crate) async fn end_others(
    connection: &mut PgConnection,
    user: UserId,
    but: SessionId,
    reason: &str,
) -> StoreResult<Vec<SessionId>> {
    let ended = sqlx::query_scalar(
        "UPDATE sessions SET revoked_at = clock_timestamp(), reason = $3
         WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL RETURNING id",
    )
    .bind(user)
    .bind(but)
    .bind(reason)
    .fetch_all(connection)
    .await?;
    Ok(ended)
}

/// The sessions ended after a time, or else within the last quarter of an hour and a bit, with when.
pub(crate) async fn ended_since(
    connection: &mut PgConnection,
    since: Option<DateTime<Utc>>,
) -> StoreResult<Vec<(SessionId, DateTime<Utc>)>> {
    let ended = sqlx::query_as(
        "SELECT id, revoked_at FROM sessions WHERE revoked_at > COALESCE($1, now() - interval '20 minutes')",
    )
    .bind(since)
    .fetch_all(connection)
    .await?;
    Ok(ended)
}

/// Deletes expired sessions, and used refresh tokens that would have expired by now; answers how many rows. A session
/// that was ended a moment ago stays for other processes to read.
pub(crate) async fn delete_expired(connection: &mut PgConnection, token_lifetime: TimeDelta) -> StoreResult<u64> {
    let sessions = sqlx::query(
        "DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions
             WHERE expires_at < now() AND (revoked_at IS NULL OR revoked_at < now() - interval '1 hour')
             ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
    )
    .bind(HOUSEKEEPING_BATCH)
    .execute(&mut *connection)
    .await?;
    let tokens = sqlx::query(
        "DELETE FROM refresh_tokens WHERE hash IN (
             SELECT hash FROM refresh_tokens WHERE used_at < now() - $2 ORDER BY used_at LIMIT $1 FOR UPDATE SKIP LOCKED)",
    )
    .bind(HOUSEKEEPING_BATCH)
    .bind(interval(token_lifetime)?)
    .execute(connection)
    .await?;
    Ok(sessions.rows_affected() + tokens.rows_affected())
}
