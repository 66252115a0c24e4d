//! What `kgl login` stores, and where the address and the token of a client come from.

use std::{
    fs,
    io::Write,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A login that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) url: String,
    pub(super) email: String,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    pub(super) expires_at: DateTime<Utc>,
}

/// `$XDG_CONFIG_HOME/kgl/credentials.json`, or the same below `~/.config`.
pub(super) fn file() -> anyhow::Result<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    Ok(config.context("neither XDG_CONFIG_HOME nor HOME is set")?.join("kgl/credentials.json"))
}

impl Stored {
    /// The stored login, if there is one that can be read.
    pub(super) fn read() -> Option<Self> {
        serde_json::from_slice(&fs::read(file().ok()?).ok()?).ok()
    }

    /// Stores the login in place of another.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self) -> anyhow::Result<PathBuf> {
        let file = file()?;
        write_private(&file, &serde_json::to_vec_pretty(self)?).with_context(|| file.display().to_string())?;
        Ok(file)
    }
}

/// Writes a file that only its owner can read, in one step: a reader sees the old or the new one.
pub(super) fn write_private(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let draft = file.with_extension(format!("{}.tmp", std::process::id()));
    let _ = fs::remove_file(&draft);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut open| open.write_all(bytes).and_then(|()| open.sync_all()))
        .and_then(|()| fs::rename(&draft, file));
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written
}
