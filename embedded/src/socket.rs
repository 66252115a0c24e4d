//! The private folder of the server's socket.
//!
//! A socket's path has room for 107 bytes only, so it cannot lie in a data folder of any depth: it gets a short folder
//! of random name among the temporary files. A note in the data folder tells the next start what a killed process left.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    error::{EmbeddedError, io},
    identity::Identity,
};

/// The port is but the last part of the socket's name.
pub(crate) const PORT: u16 = 5432;
const PREFIX: &str = "kgl-pg-";
/// What `sockaddr_un` holds besides the final zero.
const MAX_SOCKET_PATH: usize = 107;

/// A folder that goes when this value goes.
#[derive(Debug)]
pub(crate) struct SocketDir {
    path: PathBuf,
    note: PathBuf,
}

impl SocketDir {
    /// Makes the folder, after removing the one that an earlier process left.
    pub(crate) fn create(folder: &Path, identity: &Identity) -> Result<Self, EmbeddedError> {
        let note = folder.join("socket-folder");
        if let Ok(left) = fs::read_to_string(&note) {
            remove(Path::new(&left));
        }
        let mut result = Err(EmbeddedError::Permission {
            path: env::temp_dir(),
            reason: "its path is too long for the server's socket; set TMPDIR to a short one".into(),
        });
        // Not XDG_RUNTIME_DIR, which goes when the user logs out while a service may stay.
        for parent in [env::temp_dir(), PathBuf::from("/tmp"), folder.to_owned()] {
            if socket(&parent.join(format!("{PREFIX}123456"))).as_os_str().len() > MAX_SOCKET_PATH {
                continue;
            }
            let mode = Permissions::from_mode(0o700);
            match tempfile::Builder::new().prefix(PREFIX).permissions(mode).tempdir_in(&parent) {
                Ok(made) => {
                    result = Ok(Self { path: made.keep(), note: note.clone() });
                    break;
                }
                Err(error) => result = Err(io("create a folder in", &parent)(error)),
            }
        }
        let made = result?;
        fs::write(&note, made.path.as_os_str().as_bytes()).map_err(io("write", &note))?;
        identity.claim(&made.path)?;
        Ok(made)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the server listens there.
    pub(crate) fn has_socket(&self) -> bool {
        socket(&self.path).exists()
    }
}

impl Drop for SocketDir {
    fn drop(&mut self) {
        remove(&self.path);
        // A note that stays names a folder that is gone, which is harmless.
        fs::remove_file(&self.note).ok();
    }
}

fn socket(folder: &Path) -> PathBuf {
    folder.join(format!(".s.PGSQL.{PORT}"))
}

/// Removes a folder of ours with the two files that the server makes in it, and nothing else: the note that names it
/// could be wrong.
fn remove(folder: &Path) {
    let ours = folder.file_name().is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
    if ours && folder.is_absolute() && folder.symlink_metadata().is_ok_and(|data| data.is_dir()) {
        let files = [socket(folder), folder.join(format!(".s.PGSQL.{PORT}.lock"))];
        let removed: Vec<_> = files.iter().map(fs::remove_file).collect();
        if let Err(error) = fs::remove_dir(folder) {
            tracing::debug!(folder = %folder.display(), ?removed, %error, "the socket's folder stays");
        }
    }
}
