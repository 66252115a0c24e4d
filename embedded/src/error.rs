//! Why the embedded server cannot be used: each case is one that an operator can act on.

use std::{
    io,
    path::{Path, PathBuf},
};

/// What went wrong with the embedded server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// Another process owns the folder.
    #[error("{} is in use by another process: stop that one first, or choose another folder", .path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Processes of an earlier server still use the folder and could not be ended.
    #[error("an earlier PostgreSQL still runs on {} and cannot be ended (processes {pids:?})", .path.display())]
    Survivor {
        /// The folder.
        path: PathBuf,
        /// The processes seen; empty when they run where they cannot be seen, as in another container.
        pids: Vec<i32>,
    },
    /// No space, or the quota is used up.
    #[error("the disk that holds {} is full", .path.display())]
    DiskFull {
        /// What could not be written.
        path: PathBuf,
    },
    /// The file system does not let this user read or write.
    #[error("{} cannot be used: {reason}", .path.display())]
    Permission {
        /// What could not be used.
        path: PathBuf,
        /// Why, and how it should be.
        reason: String,
    },
    /// The cluster was made by another major version.
    #[error(
        "{} was made by PostgreSQL {found}, but this program carries PostgreSQL {carried}: \
         dump it with the old version and restore it here, or choose another folder",
        .path.display()
    )]
    OtherVersion {
        /// The cluster.
        path: PathBuf,
        /// The major version that made it.
        found: String,
        /// The major version of the bundle.
        carried: String,
    },
    /// The folder of the cluster holds something else.
    #[error("{} is not a PostgreSQL data directory: move it away, or choose another folder", .path.display())]
    NotACluster {
        /// The folder.
        path: PathBuf,
    },
    /// The binary was built without the bundle.
    #[error(
        "this program was built without PostgreSQL: run `make setup` and build again, name a bundle in \
         KGL_POSTGRES_BUNDLE, or name a server in DATABASE_URL"
    )]
    NoBundle,
    /// The bundle is not what it should be.
    #[error("the PostgreSQL bundle {name} cannot be used: {reason}")]
    Bundle {
        /// Which bundle.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server's programs do not run on this machine.
    #[error("PostgreSQL does not run on this machine: {reason}")]
    Unrunnable {
        /// What was tried, and what it said.
        reason: String,
    },
    /// `initdb` failed.
    #[error("the PostgreSQL cluster could not be made: {output}")]
    Initialize {
        /// What it said.
        output: String,
    },
    /// The server ended or did not get ready.
    #[error("PostgreSQL did not start: {reason}; the end of {}:\n{tail}", .log.display())]
    Start {
        /// What happened.
        reason: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of its log.
        tail: String,
    },
    /// The server did not stop as it should; its next start recovers, and nothing that was committed is lost.
    #[error("PostgreSQL did not stop cleanly: {reason}")]
    Stop {
        /// What happened.
        reason: String,
    },
    /// Anything else that the system refused.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes an error of what the system said, for use with `map_err`.
pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => EmbeddedError::DiskFull { path },
        io::ErrorKind::PermissionDenied => {
            let uid = rustix::process::geteuid().as_raw();
            EmbeddedError::Permission {
                reason: format!("cannot {action} it as user id {uid}: {source}; it must belong to that user"),
                path,
            }
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            EmbeddedError::Permission { path, reason: "the file system is read-only".into() }
        }
        _ => EmbeddedError::Io { action, path, source },
    }
}
