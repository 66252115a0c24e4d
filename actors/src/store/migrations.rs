//! The schema's versions: going up and down, the history of both, and finding a script that was changed after it ran.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
};

use super::statements;

static MIGRATOR: Migrator = sqlx::migrate!("../migrations");
const BOOTSTRAP: &str = include_str!("../../../migrations/bootstrap.sql");
/// Where sqlx keeps what is applied now; the history of how it came to that is `database_schemas`.
const APPLIED_TABLE: &str = "_sqlx_migrations";

/// Why the schema could not be brought to a version.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// pgvector is not installed on the server.
    #[error(
        "this PostgreSQL server has no pgvector extension. Install it (Debian and Ubuntu: the package \
         postgresql-NN-pgvector of the PostgreSQL project's own repository; containers: the image pgvector/pgvector; \
         managed services: enable the extension `vector`), or unset DATABASE_URL to use the embedded server"
    )]
    NoVector,
    /// pgvector is installed on the server, but only a superuser may create it in the database.
    #[error(
        "only a superuser may create pgvector in a database: have one run `CREATE EXTENSION vector` in this database \
         once; the rest needs no such rights"
    )]
    VectorByAdministrator,
    /// Another extension of PostgreSQL's own contrib set is missing.
    #[error("this PostgreSQL server lacks the contrib extension {0}; install the package postgresql-contrib")]
    NoExtension(&'static str),
    /// The server is too old.
    #[error("PostgreSQL 15 or newer is needed; this server is {0}")]
    TooOld(String),
    /// The database holds a version that this binary does not know: it was migrated by a newer one.
    #[error("the database is at schema version {0}, which this program does not know: use the newer program")]
    Unknown(i64),
    /// A script that was applied is not the script that this binary holds.
    #[error("migration {0} was changed after it was applied; `kgl migrate verify` shows which ones differ")]
    Changed(i64),
    /// The user of DATABASE_URL lacks a right.
    #[error(
        "the database user may not {0}: give it CREATEROLE and ownership of the database, or have an administrator run `kgl migrate up` once"
    )]
    NotAllowed(&'static str),
    /// A statement failed.
    #[error("migration {version} failed: {source}")]
    Failed {
        /// Of which version.
        version: i64,
        /// How.
        source: sqlx::Error,
    },
    /// The database did not answer.
    #[error("the database does not answer: {0}")]
    Database(#[from] sqlx::Error),
    /// The bookkeeping failed.
    #[error(transparent)]
    Bookkeeping(#[from] MigrateError),
}

/// A version of the schema and how the database stands to it.
#[derive(Clone, Debug, Serialize)]
pub struct VersionStatus {
    /// The number that orders versions.
    pub number: i64,
    /// Its semantic version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// What it brings.
    pub description: String,
    /// When it was applied; none if it is pending.
    pub applied_at: Option<DateTime<Utc>>,
    /// Whether the applied script is the one that this program holds.
    pub unchanged: bool,
}

/// The scripts that go up, in order.
pub fn scripts() -> impl Iterator<Item = &'static Migration> {
    MIGRATOR.iter().filter(|m| m.migration_type.is_up_migration())
}

fn script_down(version: i64) -> Option<&'static Migration> {
    MIGRATOR.iter().find(|m| m.version == version && m.migration_type == MigrationType::ReversibleDown)
}

/// `-- key: value` in a script's first lines.
fn header<'a>(sql: &'a str, key: &str) -> &'a str {
    sql.lines()
        .take_while(|line| line.starts_with("--"))
        .find_map(|line| line.trim_start_matches("--").trim().strip_prefix(key)?.strip_prefix(':'))
        .map_or("", str::trim)
}

fn sha256(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Brings the schema to the newest version, or to `to`. Answers the versions applied.
///
/// Two processes may call this at once: an advisory lock lets one after the other in.
///
/// # Errors
/// See [`MigrationError`]; a failed version leaves nothing of itself behind.
pub async fn up(options: &PgConnectOptions, to: Option<i64>) -> Result<Vec<i64>, MigrationError> {
    let mut connection = open(options).await?;
    check_server(&mut connection).await?;
    connection.lock().await?;
    let applied = applied(&mut connection).await?;
    for (version, checksum) in &applied {
        let known = scripts().find(|m| m.version == *version).ok_or(MigrationError::Unknown(*version))?;
        if known.checksum != *checksum {
            return Err(MigrationError::Changed(*version));
        }
    }
    let mut done = Vec::new();
    for migration in scripts() {
        if applied.iter().any(|(v, _)| *v == migration.version) || to.is_some_and(|to| migration.version > to) {
            continue;
        }
        let recorded = with_history(migration, migration, false);
        connection.apply(APPLIED_TABLE, &recorded).await.map_err(|e| explain(e, migration.version))?;
        tracing::info!(version = migration.version, name = %migration.description, "schema version applied");
        done.push(migration.version);
    }
    connection.unlock().await?;
    connection.close().await?;
    Ok(done)
}

/// Rolls back versions above `to`, newest first. Answers the versions rolled back.
///
/// # Errors
/// As [`up`].
pub async fn down(options: &PgConnectOptions, to: i64) -> Result<Vec<i64>, MigrationError> {
    let mut connection = open(options).await?;
    connection.lock().await?;
    let mut done = Vec::new();
    for (version, _) in applied(&mut connection).await?.into_iter().rev().filter(|(v, _)| *v > to) {
        let up = scripts().find(|m| m.version == version).ok_or(MigrationError::Unknown(version))?;
        let down = script_down(version).ok_or(MigrationError::Unknown(version))?;
        let recorded = with_history(down, up, true);
        connection.revert(APPLIED_TABLE, &recorded).await.map_err(|e| explain(e, version))?;
        tracing::info!(version, name = %up.description, "schema version rolled back");
        done.push(version);
    }
    connection.unlock().await?;
    connection.close().await?;
    Ok(done)
}

/// The versions applied now, with the checksums of their scripts, oldest first.
async fn applied(connection: &mut PgConnection) -> Result<Vec<(i64, Cow<'static, [u8]>)>, MigrationError> {
    sqlx::raw_sql(BOOTSTRAP).execute(&mut *connection).await.map_err(not_allowed_or)?;
    connection.ensure_migrations_table(APPLIED_TABLE).await.map_err(|e| match e {
        MigrateError::Execute(source) => not_allowed_or(source),
        other => MigrationError::Bookkeeping(other),
    })?;
    let applied = connection.list_applied_migrations(APPLIED_TABLE).await?;
    Ok(applied.into_iter().map(|m| (m.version, m.checksum)).collect())
}

/// How the database stands to every version that this program knows.
///
/// # Errors
/// When the database is away or not ours to read.
pub async fn status(options: &PgConnectOptions) -> Result<Vec<VersionStatus>, MigrationError> {
    let mut connection = open(options).await?;
    let applied = applied(&mut connection).await?;
    let history: Vec<(String, String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT DISTINCT ON (version) version, checksum, applied_at FROM database_schemas
         WHERE NOT is_rollback ORDER BY version, id DESC",
    )
    .fetch_all(&mut connection)
    .await?;
    connection.close().await?;
    let status = scripts().map(|m| {
        let script = m.sql.as_str();
        let version = header(script, "version").to_owned();
        let row = applied.iter().find(|(v, _)| *v == m.version);
        let record = history.iter().find(|(v, _, _)| *v == version);
        let unchanged = match (row, record) {
            (Some((_, checksum)), Some((_, recorded, _))) => *checksum == m.checksum && *recorded == sha256(script),
            (None, _) => true,
            (Some(_), None) => false,
        };
        VersionStatus {
            number: m.version,
            name: m.description.to_string(),
            description: header(script, "description").to_owned(),
            applied_at: row.and(record).map(|(_, _, at)| *at),
            unchanged,
            version,
        }
    });
    Ok(status.collect())
}

/// The script together with the row of the history that tells of it: one transaction, so there is never one without
/// the other. The checksum stays that of the script alone.
fn with_history(script: &Migration, up: &Migration, is_rollback: bool) -> Migration {
    let (up_sql, down_sql) = (up.sql.as_str(), script_down(up.version).map_or("", |m| m.sql.as_str()));
    let sql = format!(
        "{script}\n;\nINSERT INTO database_schemas (version, name, description, ddl_statements, rollback_statements, \
         migration_script, checksum, applied_by, is_rollback) VALUES ({version}, {name}, {description}, {ddl}, \
         {rollback}, {text}, {checksum}, session_user, {is_rollback});",
        script = script.sql.as_str(),
        version = literal(header(up_sql, "version")),
        name = literal(&up.description),
        description = literal(header(up_sql, "description")),
        ddl = array(&statements::split(up_sql)),
        rollback = array(&statements::split(down_sql)),
        text = literal(script.sql.as_str()),
        checksum = literal(&sha256(up_sql)),
    );
    Migration { sql: AssertSqlSafe(sql).into_sql_str(), ..script.clone() }
}

/// A text as an SQL literal. The texts are the scripts in this binary, not anybody's input.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn array(texts: &[String]) -> String {
    format!("ARRAY[{}]::text[]", texts.iter().map(|t| literal(t)).collect::<Vec<_>>().join(", "))
}

async fn open(options: &PgConnectOptions) -> Result<PgConnection, MigrationError> {
    let mut connection = PgConnection::connect_with(options).await?;
    // Escapes in literals mean nothing, and "already exists, skipping" is no news.
    sqlx::raw_sql("SET standard_conforming_strings = on; SET client_min_messages = warning; SET search_path = public")
        .execute(&mut connection)
        .await?;
    Ok(connection)
}

/// Says what is missing before a statement fails for the lack of it.
async fn check_server(connection: &mut PgConnection) -> Result<(), MigrationError> {
    let (number, version): (i32, String) =
        sqlx::query_as("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
            .fetch_one(&mut *connection)
            .await?;
    if number < 150_000 {
        return Err(MigrationError::TooOld(version));
    }
    let available: Vec<String> =
        sqlx::query_scalar("SELECT name FROM pg_available_extensions WHERE name IN ('vector', 'pg_trgm', 'btree_gin')")
            .fetch_all(&mut *connection)
            .await?;
    let has = |name: &str| available.iter().any(|a| a == name);
    if !has("vector") {
        return Err(MigrationError::NoVector);
    }
    let may_create: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'vector')
             OR current_setting('is_superuser') = 'on'
             OR EXISTS (SELECT FROM pg_available_extension_versions WHERE name = 'vector' AND trusted)",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !may_create {
        return Err(MigrationError::VectorByAdministrator);
    }
    match ["pg_trgm", "btree_gin"].into_iter().find(|name| !has(name)) {
        Some(name) => Err(MigrationError::NoExtension(name)),
        None => Ok(()),
    }
}

fn explain(error: MigrateError, version: i64) -> MigrationError {
    match error {
        MigrateError::ExecuteMigration(source, _) if lacks_right(&source) => NOT_ALLOWED,
        MigrateError::ExecuteMigration(source, _) => MigrationError::Failed { version, source },
        other => MigrationError::Bookkeeping(other),
    }
}

const NOT_ALLOWED: MigrationError = MigrationError::NotAllowed("create roles, extensions or tables");

fn lacks_right(error: &sqlx::Error) -> bool {
    // 42501: insufficient_privilege
    error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == "42501")
}

fn not_allowed_or(error: sqlx::Error) -> MigrationError {
    if lacks_right(&error) { NOT_ALLOWED } else { MigrationError::Database(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_says_what_it_is_and_can_be_rolled_back() {
        let mut versions: Vec<&str> = Vec::new();
        for migration in scripts() {
            let sql = migration.sql.as_str();
            let version = header(sql, "version");
            assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{version:?}");
            assert!(!header(sql, "description").is_empty());
            assert!(script_down(migration.version).is_some(), "{} has no way back", migration.version);
            assert!(!versions.contains(&version), "{version} twice");
            versions.push(version);
        }
        assert!(!versions.is_empty());
    }

    #[test]
    fn recording_leaves_the_checksum_of_the_script_alone() {
        let Some(first) = scripts().next() else { panic!("no migrations") };
        let recorded = with_history(first, first, false);
        assert_eq!(recorded.checksum, first.checksum);
        assert!(recorded.sql.as_str().contains("INSERT INTO database_schemas"));
    }
}
