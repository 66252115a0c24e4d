//! A PostgreSQL server of the tests' own, for the service to be pointed at.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kgl_embedded::{Postgres, Settings};
use sqlx::{Connection, Executor, PgConnection, postgres::PgConnectOptions};

/// A private server. It ends when it is dropped.
pub struct Server {
    postgres: Postgres,
}

impl Server {
    /// Starts one on a folder, or on what an earlier one left there.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(folder: &Path, bundle: Option<PathBuf>) -> Self {
        let settings = Settings { data_dir: folder.to_owned(), bundle, max_connections: 60 };
        Self { postgres: Postgres::start(&settings).expect("the server starts") }
    }

    /// Its address for a user and a database of its own.
    #[must_use]
    pub fn url(&self, user: &str, database: &str) -> String {
        let folder = self.postgres.socket_dir().display().to_string().replace('/', "%2F");
        format!("postgresql://{user}@{folder}:{}/{database}", self.postgres.port())
    }

    /// Runs a statement as the superuser in a database, and answers its rows as text.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn rows(&self, database: &str, statement: &str) -> Vec<Vec<Option<String>>> {
        crate::rows_at(&self.superuser(database), statement)
    }

    fn superuser(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.postgres.socket_dir())
            .port(self.postgres.port())
            .username(self.postgres.superuser())
            .database(database)
    }

    /// Runs statements as the superuser in a database.
    ///
    /// # Panics
    /// When one fails.
    pub fn run(&self, database: &str, statements: &str) {
        let options = self.superuser(database);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut connection = PgConnection::connect_with(&options).await.expect("connects");
            for statement in statements.split(';').filter(|text| !text.trim().is_empty()) {
                connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))).await.expect("runs");
            }
        });
    }
}

/// A copy of a server's programs, by hard links, without the extension pgvector.
///
/// # Panics
/// When `state` is not the folder of a server that was started, or links cannot be made.
#[must_use]
pub fn programs_without_vector(state: &Path, to: &Path) -> PathBuf {
    let programs = fs::read_dir(state).expect("a folder").flatten().map(|entry| entry.path());
    let is_programs = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("programs-"));
    let from = programs.into_iter().find(is_programs).expect("the programs are unpacked");
    let left_out = link(&from, to);
    assert!(left_out > 0, "the bundle has no vector.control to leave out");
    to.to_owned()
}

/// Links a folder's files into another; how many were left out.
fn link(from: &Path, to: &Path) -> usize {
    fs::create_dir_all(to).expect("a folder");
    let mut left_out = 0;
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            left_out += link(&path, &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&path).expect("a link"), target).expect("links");
        } else if entry.file_name() == "vector.control" {
            left_out += 1;
        } else {
            fs::hard_link(path, target).expect("links");
        }
    }
    left_out
}
