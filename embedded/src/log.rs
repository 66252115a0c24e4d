//! The server's log: from its standard error into a file of bounded size.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{PipeReader, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use crate::error::{EmbeddedError, io};

/// At this size the file becomes `postgres.log.1`, in place of the one before: about a month of an ordinary log.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// How much of the log's end goes into an error.
const TAIL_BYTES: usize = 2048;

/// What the server said last.
#[derive(Clone)]
pub(crate) struct Tail(Arc<Mutex<Recent>>);

struct Recent {
    bytes: VecDeque<u8>,
    spoke: Instant,
}

impl Tail {
    /// The end of the log, from the start of a line.
    pub(crate) fn text(&self) -> String {
        let bytes: Vec<u8> = self.lock().bytes.iter().copied().collect();
        let whole =
            if bytes.len() < TAIL_BYTES { 0 } else { bytes.iter().position(|&b| b == b'\n').map_or(0, |i| i + 1) };
        String::from_utf8_lossy(&bytes[whole..]).trim_end().to_owned()
    }

    /// When the server last said anything; until then, when it was started.
    pub(crate) fn last_spoke(&self) -> Instant {
        self.lock().spoke
    }

    fn add(&self, chunk: &[u8]) {
        let mut recent = self.lock();
        recent.bytes.extend(chunk);
        let excess = recent.bytes.len().saturating_sub(TAIL_BYTES);
        recent.bytes.drain(..excess);
        recent.spoke = Instant::now();
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies what comes out of `pipe` to the file at `path` until every process of the server has ended.
pub(crate) fn record(mut pipe: PipeReader, path: &Path) -> Result<Tail, EmbeddedError> {
    let mut file = LogFile::open(path).map_err(io("open", path))?;
    let tail = Tail(Arc::new(Mutex::new(Recent { bytes: VecDeque::new(), spoke: Instant::now() })));
    let recent = tail.clone();
    let copy = move || {
        let mut chunk = [0; 8192];
        loop {
            match pipe.read(&mut chunk) {
                Ok(0) => break,
                Ok(length) => {
                    recent.add(&chunk[..length]);
                    file.write(&chunk[..length]);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    };
    thread::Builder::new().name("postgres-log".into()).spawn(copy).map_err(io("start a thread for", path))?;
    Ok(tail)
}

struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
}

impl LogFile {
    fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size })
    }

    /// Adds to the file. A log that cannot be written must not stop the server, whose pipe has to be emptied: the loss
    /// is accepted, and the next chunk is tried anew.
    fn write(&mut self, chunk: &[u8]) {
        if self.size + chunk.len() as u64 > MAX_BYTES {
            let rotated = fs::rename(&self.path, self.path.with_extension("log.1"));
            match rotated.and_then(|()| Self::open(&self.path)) {
                Ok(fresh) => *self = fresh,
                Err(_) => return,
            }
        }
        if self.file.write_all(chunk).is_ok() {
            self.size += chunk.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_on_disk_stays_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postgres.log");
        let mut log = LogFile::open(&path).unwrap();
        let chunk = vec![b'x'; 1024 * 1024];
        for _ in 0..20 {
            log.write(&chunk);
        }
        log.write(b"last words\n");
        assert!(fs::read_to_string(&path).unwrap().ends_with("last words\n"));
        let sizes: Vec<u64> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).collect();
        assert_eq!(sizes.len(), 2);
        assert!(sizes.iter().all(|&size| size <= MAX_BYTES), "{sizes:?}");
    }

    #[test]
    fn the_tail_is_short_and_starts_with_a_whole_line() {
        let tail = Tail(Arc::new(Mutex::new(Recent { bytes: VecDeque::new(), spoke: Instant::now() })));
        for line in 0..1000 {
            tail.add(format!("line {line}\n").as_bytes());
        }
        let text = tail.text();
        assert!(text.len() <= TAIL_BYTES);
        assert!(text.starts_with("line ") && text.ends_with("line 999"), "{text}");
    }
}
