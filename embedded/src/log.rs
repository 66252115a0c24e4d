//! The server's log: what it says on standard error, kept in a file that does not grow without end.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
};

/// The file is moved aside at this size, in bytes; one older file is kept.
const MAX_BYTES: u64 = 8 << 20;
/// How many of its last lines are shown when a start fails.
const TAIL_LINES: usize = 12;

pub(crate) fn path(state: &Path) -> PathBuf {
    state.join("postgres.log")
}

/// Copies what the server says to its file, until the server ends. A log that cannot be written stops no server.
pub(crate) fn copy(from: impl Read, state: &Path) {
    let path = path(state);
    let mut file = open(&path);
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        if file.as_ref().and_then(|f| f.metadata().ok()).is_some_and(|meta| meta.len() > MAX_BYTES) {
            let _ = fs::rename(&path, path.with_extension("log.1"));
            file = open(&path);
        }
        if let Some(file) = file.as_mut() {
            let _ = file.write_all(&line);
        }
        line.clear();
    }
}

fn open(path: &Path) -> Option<File> {
    OpenOptions::new().create(true).append(true).open(path).ok()
}

/// The last lines of the log.
pub(crate) fn tail(state: &Path) -> String {
    let text = fs::read(path(state)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_moved_aside_before_it_grows_too_large() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let line = [b'x'; 1023].iter().chain(b"\n").copied().collect::<Vec<u8>>();
        let said = line.repeat(usize::try_from(MAX_BYTES).unwrap_or(0) / 1024 * 2 + 100);
        copy(said.as_slice(), folder.path());
        let size = fs::metadata(path(folder.path()))?.len();
        assert!(size <= MAX_BYTES + 2048, "{size}");
        assert!(path(folder.path()).with_extension("log.1").exists());
        assert_eq!(tail(folder.path()).lines().count(), TAIL_LINES);
        Ok(())
    }
}
