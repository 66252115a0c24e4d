//! Accounts. What signs people in runs as the system; what they do to their own account runs in their own scope.

use sqlx::{FromRow, PgConnection, Row, postgres::PgRow};

use super::StoreResult;
use crate::domain::{caller::Role, ids::UserId, user::User};

/// The columns that every role may read of accounts in its sight, which is all but the password's hash.
macro_rules! columns {
    () => {
        "id, email, first_name, last_name, role, is_active, created_at, updated_at, last_login"
    };
}

impl FromRow<'_, PgRow> for User {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let role: &str = row.try_get("role")?;
        let role = Role::parse(role).ok_or_else(|| sqlx::Error::ColumnDecode {
            index: "role".to_owned(),
            source: "not a role that this program knows".into(),
        })?;
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            first_name: row.try_get("first_name")?,
            last_name: row.try_get("last_name")?,
            role,
            is_active: row.try_get("is_active")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            last_login: row.try_get("last_login")?,
        })
    }
}

/// An account to be written.
pub(crate) struct NewRow<'a> {
    pub(crate) id: UserId,
    pub(crate) email: &'a str,
    pub(crate) password_hash: &'a str,
    pub(crate) first_name: &'a str,
    pub(crate) last_name: &'a str,
    pub(crate) role: Role,
}

/// Writes an account; none if its e-mail address is taken.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewRow<'_>) -> StoreResult<Option<User>> {
    let user = sqlx::query_as(concat!(
        "INSERT INTO users (id, email, password_hash, first_name, last_name, role) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (email) DO NOTHING RETURNING ",
        columns!()
    ))
    .bind(new.id)
    .bind(new.email)
    .bind(new.password_hash)
    .bind(new.first_name)
    .bind(new.last_name)
    .bind(new.role.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(user)
}

/// What signing in needs to know of an account. The hash is secret: no `Debug`.
pub(crate) struct Credentials {
    pub(crate) id: UserId,
    pub(crate) password_hash: String,
    pub(crate) is_active: bool,
}

impl FromRow<'_, PgRow> for Credentials {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            password_hash: row.try_get("password_hash")?,
            is_active: row.try_get("is_active")?,
        })
    }
}

/// The credentials of an e-mail address in lower case.
pub(crate) async fn credentials(connection: &mut PgConnection, email: &str) -> StoreResult<Option<Credentials>> {
    let found = sqlx::query_as("SELECT id, password_hash, is_active FROM users WHERE email = $1")
        .bind(email)
        .fetch_optional(connection)
        .await?;
    Ok(found)
}

/// The credentials of an account.
pub(crate) async fn credentials_of(connection: &mut PgConnection, id: UserId) -> StoreResult<Option<Credentials>> {
    let found = sqlx::query_as("SELECT id, password_hash, is_active FROM users WHERE id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(found)
}

/// Notes that an account signs in now and locks it until the end of the transaction. None if it was deactivated or its
/// password changed since `checked_hash` was read.
pub(crate) async fn sign_in(
    connection: &mut PgConnection,
    id: UserId,
    checked_hash: &str,
    new_hash: Option<&str>,
) -> StoreResult<Option<User>> {
    let user = sqlx::query_as(concat!(
        "UPDATE users SET last_login = now(), password_hash = COALESCE($3, password_hash)
         WHERE id = $1 AND password_hash = $2 AND is_active RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(checked_hash)
    .bind(new_hash)
    .fetch_optional(connection)
    .await?;
    Ok(user)
}

/// Replaces the password's hash; false if it is no longer `checked_hash`.
pub(crate) async fn change_password(
    connection: &mut PgConnection,
    id: UserId,
    checked_hash: &str,
    new_hash: &str,
) -> StoreResult<bool> {
    let done = sqlx::query(
        "UPDATE users SET password_hash = $3, updated_at = now() WHERE id = $1 AND password_hash = $2 AND is_active",
    )
    .bind(id)
    .bind(checked_hash)
    .bind(new_hash)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// An account in the scope's sight.
pub(crate) async fn get(connection: &mut PgConnection, id: UserId) -> StoreResult<Option<User>> {
    let user = sqlx::query_as(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"))
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Ok(user)
}

/// Changes the names of an account in the scope's sight; one that is none stays.
pub(crate) async fn rename(
    connection: &mut PgConnection,
    id: UserId,
    first_name: Option<&str>,
    last_name: Option<&str>,
) -> StoreResult<Option<User>> {
    let user = sqlx::query_as(concat!(
        "UPDATE users SET first_name = COALESCE($2, first_name), last_name = COALESCE($3, last_name),
             updated_at = now()
         WHERE id = $1 RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(first_name)
    .bind(last_name)
    .fetch_optional(connection)
    .await?;
    Ok(user)
}

/// Whether there is any account at all.
pub(crate) async fn any(connection: &mut PgConnection) -> StoreResult<bool> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM users)").fetch_one(connection).await?)
}
