//! Why the server does not run.

use std::{io, path::PathBuf};

/// Why the server does not run; each is a line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// The binary was built without a bundle and none was named.
    #[error(
        "this program was built without PostgreSQL: run `make setup` and build again, or set DATABASE_URL or KGL_POSTGRES_BUNDLE"
    )]
    NoBundle,
    /// The bundle cannot be read.
    #[error("the PostgreSQL bundle {path} cannot be used: {reason}")]
    Bundle {
        /// Which one.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Another process uses the same folder.
    #[error("another process uses {0}; stop it, or choose another KGL_DATA_DIR")]
    InUse(PathBuf),
    /// The folder cannot be made, read or written: permissions, a full disk.
    #[error("{path}: {source}")]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The data was made by another major version.
    #[error(
        "{path} holds data of PostgreSQL {found}, and this program carries {expected}: dump it with the older program and load it with this one"
    )]
    OtherVersion {
        /// Where.
        path: PathBuf,
        /// The version that made it.
        found: String,
        /// The version that would read it.
        expected: String,
    },
    /// A new cluster could not be made.
    #[error("initdb failed: {0}")]
    Initdb(String),
    /// The server ended while starting, or was not ready in time.
    #[error("the server did not start: {reason}\n{log}")]
    NotStarted {
        /// What happened.
        reason: String,
        /// The last lines of its log.
        log: String,
    },
    /// A server of a process that died would not end.
    #[error("a server left over from an earlier run (process {0}) does not end; end it by hand")]
    Orphan(i32),
    /// The server did not stop in time and was ended without a last checkpoint.
    #[error("the server did not stop in time and was ended; the next start recovers")]
    Forced,
    /// The operating system refused something else.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl EmbeddedError {
    pub(crate) fn folder(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| EmbeddedError::Folder { path, source }
    }

    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| EmbeddedError::System { what, source }
    }
}
