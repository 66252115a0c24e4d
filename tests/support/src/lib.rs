//! A look into the service's own database, past the service.
//!
//! A package of its own, so that the front's package depends on no database driver, not even for its tests.

pub mod postgres;
pub mod rabbitmq;
pub mod tokens;

use std::{fs, path::Path};

use sqlx::{Column, Connection, Executor, PgConnection, Row, TypeInfo, ValueRef, postgres::PgConnectOptions};

/// How to reach the embedded server of a data folder as its superuser.
///
/// # Panics
/// When no server runs there.
#[must_use]
pub fn superuser(data: &Path) -> PgConnectOptions {
    let folder = fs::read_to_string(data.join("postgres/socket-folder")).expect("the server runs");
    PgConnectOptions::new_without_pgpass().socket(folder.trim()).port(5432).username("postgres").database("postgres")
}

/// Runs a statement and answers its rows as text.
///
/// # Panics
/// When the statement fails: that is a failure of the test.
#[must_use]
pub fn rows(data: &Path, statement: &str) -> Vec<Vec<Option<String>>> {
    rows_at(&superuser(data), statement)
}

/// As [`rows`], wherever the database is.
fn rows_at(options: &PgConnectOptions, statement: &str) -> Vec<Vec<Option<String>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection = PgConnection::connect_with(options).await.expect("connects");
        // The simple protocol answers everything as text.
        let rows = connection.fetch_all(sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))).await.expect("runs");
        let text = |row: &sqlx::postgres::PgRow, at: usize| {
            let value = row.try_get_raw(at).expect("a column");
            let name = row.column(at).type_info().name().to_owned();
            (!value.is_null()).then(|| value.as_str().map(str::to_owned).unwrap_or_else(|e| panic!("{name}: {e}")))
        };
        rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
    })
}

/// The single number that a statement answers.
///
/// # Panics
/// As [`rows`].
#[must_use]
pub fn number(data: &Path, statement: &str) -> i64 {
    let rows = rows(data, statement);
    rows[0][0].as_deref().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{statement}: {rows:?}"))
}
