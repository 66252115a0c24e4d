//! PostgreSQL's data directory: made aside, put on disk, and only then given its name.

use std::{
    fs::{self, DirBuilder},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::process::Signal;

use crate::{
    error::{EmbeddedError, io},
    runtime::{Runtime, settle},
    server::SUPERUSER,
};

/// The same text order everywhere, without depending on the machine's C library, and UTF-8 throughout. Whoever reaches
/// the socket's private folder is this user, so nothing more is asked of them; from elsewhere nobody gets in.
const INITDB_OPTIONS: [&str; 8] = [
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--auth-local=trust",
    "--auth-host=reject",
    // One syncfs follows, which is quicker than a sync of each file.
    "--no-sync",
    "--no-instructions",
];

/// To the trigram index, characters beyond ASCII are letters only where the C library's locale says so; not every
/// C library has this one.
const CHARACTER_TYPES: [&str; 2] = ["C.UTF-8", "C"];

/// Where the cluster of a folder lies.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// Makes the cluster if there is none, or checks that the one there can be used.
pub(crate) fn prepare(folder: &Path, runtime: &Runtime) -> Result<(), EmbeddedError> {
    let cluster = path(folder);
    match fs::symlink_metadata(&cluster) {
        Ok(_) => check(&cluster, runtime),
        Err(error) if error.kind() == ErrorKind::NotFound => create(folder, &cluster, runtime),
        Err(error) => Err(io("read", &cluster)(error)),
    }
}

fn check(cluster: &Path, runtime: &Runtime) -> Result<(), EmbeddedError> {
    let file = cluster.join("PG_VERSION");
    let found = match fs::read_to_string(&file) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(EmbeddedError::NotACluster { path: cluster.to_owned() });
        }
        Err(error) => return Err(io("read", &file)(error)),
    };
    if found != runtime.major {
        return Err(EmbeddedError::OtherVersion { path: cluster.to_owned(), found, carried: runtime.major.clone() });
    }
    runtime.identity.claim(cluster)
}

fn create(folder: &Path, cluster: &Path, runtime: &Runtime) -> Result<(), EmbeddedError> {
    tracing::info!(folder = %cluster.display(), "making the PostgreSQL cluster");
    let side = folder.join("data.new");
    match fs::remove_dir_all(&side) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(io("remove", &side)(error)),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(&side).map_err(io("create", &side))?;
    runtime.identity.claim(&side)?;
    let mut failure = None;
    for character_type in CHARACTER_TYPES {
        match initdb(&side, character_type, runtime) {
            Ok(()) => return settle(&side, cluster),
            Err(error @ EmbeddedError::Initialize { .. }) => failure = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(failure.unwrap_or(EmbeddedError::Initialize { output: "no character type to try".into() }))
}

/// initdb takes away what a run that failed left in the folder, so another may follow.
fn initdb(side: &Path, character_type: &str, runtime: &Runtime) -> Result<(), EmbeddedError> {
    let initdb = runtime.program("initdb");
    let output = runtime
        .identity
        .command(&initdb, Signal::KILL)
        .args(INITDB_OPTIONS)
        .arg(format!("--lc-ctype={character_type}"))
        .arg(format!("--username={SUPERUSER}"))
        .arg("--pgdata")
        .arg(side)
        .output()
        .map_err(io("run", &initdb))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(if says_disk_full(&text) {
        EmbeddedError::DiskFull { path: side.to_owned() }
    } else {
        EmbeddedError::Initialize { output: if text.is_empty() { output.status.to_string() } else { text } }
    })
}

/// Whether a program's words are the C library's for a full disk (the programs run with `LC_ALL=C`).
pub(crate) fn says_disk_full(text: &str) -> bool {
    text.contains("No space left on device") || text.contains("Disk quota exceeded")
}
