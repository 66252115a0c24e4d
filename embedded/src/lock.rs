//! One process a folder.

use std::{
    fs::{File, OpenOptions},
    os::fd::AsRawFd,
    path::Path,
};

use crate::EmbeddedError;

/// Held while it lives; the kernel lets go of it when the process dies, however it dies.
pub(crate) struct Lock(#[allow(dead_code)] File);

impl Lock {
    pub(crate) fn take(state: &Path) -> Result<Self, EmbeddedError> {
        let path = state.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(EmbeddedError::folder(&path))?;
        // SAFETY: the descriptor is open for as long as `file` lives.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } != 0 {
            return Err(EmbeddedError::InUse(state.to_owned()));
        }
        Ok(Self(file))
    }
}
