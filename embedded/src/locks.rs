//! Who may use a folder, and the end of servers whose owner was killed.
//!
//! Two locks (`flock`) tell the cases apart. `lock` belongs to the process that owns the folder. `server.lock`
//! is inherited by every process of the server, so it is free exactly when none of them lives, whatever became of the
//! owner. Holding both proves that a `postmaster.pid` left behind is stale.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::error::{EmbeddedError, io};

/// What each signal is given before a harsher one follows.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);
/// Fast shutdown, immediate shutdown, and what nobody can refuse.
const ESCALATION: [Signal; 3] = [Signal::INT, Signal::QUIT, Signal::KILL];

/// Takes the lock that makes this process the owner of the folder.
pub(crate) fn own(folder: &Path) -> Result<File, EmbeddedError> {
    let path = folder.join("lock");
    let file = open(&path)?;
    match try_lock(&file, &path)? {
        true => Ok(file),
        false => Err(EmbeddedError::InUse { path: folder.to_owned() }),
    }
}

/// Takes the lock that the server will inherit, and ends what an earlier server left running on `cluster`.
///
/// # Errors
/// [`EmbeddedError::Survivor`] when something holds on to it against every signal.
pub(crate) fn clear(folder: &Path, cluster: &Path) -> Result<File, EmbeddedError> {
    let path = folder.join("server.lock");
    let file = open(&path)?;
    if try_lock(&file, &path)? {
        return Ok(file);
    }
    for signal in ESCALATION {
        let survivors = processes_on(cluster);
        tracing::warn!(processes = ?survivors, ?signal, "ending the PostgreSQL of an owner that was killed");
        for pid in survivors {
            end(pid, cluster, signal);
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if try_lock(&file, &path)? {
                return Ok(file);
            }
            thread::sleep(POLL);
        }
    }
    Err(EmbeddedError::Survivor { path: folder.to_owned(), pids: processes_on(cluster) })
}

fn open(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(io("open", path))
}

fn try_lock(file: &File, path: &Path) -> Result<bool, EmbeddedError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(io("lock", path)(error)),
    }
}

/// The processes named `postgres` whose working directory is `cluster`, which is where every process of a server works.
fn processes_on(cluster: &Path) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|&pid| works_on(pid, cluster)).collect()
}

fn works_on(pid: i32, cluster: &Path) -> bool {
    let named = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim_end() == "postgres");
    let folder = |path: &Path| fs::metadata(path).map(|data| (data.dev(), data.ino())).ok();
    let here = folder(format!("/proc/{pid}/cwd").as_ref());
    named && here.is_some() && here == folder(cluster)
}

/// Signals a process that still works on `cluster`. What fails here shows as a lock that stays taken.
fn end(pid: i32, cluster: &Path, signal: Signal) {
    let Some(handle) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return };
    // Looked at again through the handle's eyes: from here on the id cannot come to mean another process.
    if works_on(pid, cluster) {
        let sent = pidfd_send_signal(&handle, signal);
        // A stopped process acts on a signal only once it continues.
        let continued = pidfd_send_signal(&handle, Signal::CONT);
        tracing::debug!(pid, ?signal, ?sent, ?continued, "signalled");
    }
}
