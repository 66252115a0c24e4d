//! A child process that is signalled only while it is ours, and that does not outlive this process.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Child, Command, ExitStatus},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid},
};

/// A running or ended child.
pub(crate) struct Process {
    pid: Pid,
    fate: Arc<Fate>,
}

#[derive(Default)]
struct Fate {
    ended: Mutex<Option<Ended>>,
    changed: Condvar,
}

/// How it ended; the status is missing when the system would not tell.
#[derive(Clone, Copy)]
pub(crate) struct Ended(pub(crate) Option<ExitStatus>);

impl Process {
    /// Spawns `command` with `inherited` open in it.
    ///
    /// A death signal comes when the *thread* that spawned ends, so the child gets a thread that lives as long as it.
    pub(crate) fn spawn(mut command: Command, inherited: File) -> io::Result<Self> {
        let descriptor = inherited.as_raw_fd();
        // SAFETY: one system call on a descriptor that this closure's owner keeps open until after the spawn.
        unsafe {
            command.pre_exec(move || {
                let descriptor = std::os::fd::BorrowedFd::borrow_raw(descriptor);
                Ok(fcntl_setfd(descriptor, FdFlags::empty())?)
            });
        }
        let fate = Arc::new(Fate::default());
        let (spawned, receive) = mpsc::sync_channel(1);
        let of_child = Arc::clone(&fate);
        let guard = move || {
            let child = command.spawn();
            // Both hold what only the child should hold on to: its ends of the pipe, and the lock.
            drop((command, inherited));
            match child {
                Ok(child) => {
                    let told = spawned.send(Ok(child.id().cast_signed()));
                    of_child.watch(child);
                    drop(told);
                }
                // The receiver waits for this very message.
                Err(error) => drop(spawned.send(Err(error))),
            }
        };
        thread::Builder::new().name("postgres".into()).spawn(guard)?;
        let pid = receive.recv().map_err(io::Error::other)??;
        let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("a child without an id"))?;
        Ok(Self { pid, fate })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// How it ended, once it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        *self.fate.lock()
    }

    /// Sends a signal unless it has ended.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        // While the lock is held the child is not reaped, so its id still means it.
        match *self.fate.lock() {
            None => Ok(kill_process(self.pid, signal)?),
            Some(_) => Ok(()),
        }
    }

    /// Waits for its end, at most this long.
    pub(crate) fn wait(&self, limit: Duration) -> Option<Ended> {
        let running = |ended: &mut Option<Ended>| ended.is_none();
        let waited = self.fate.changed.wait_timeout_while(self.fate.lock(), limit, running);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Fate {
    fn lock(&self) -> MutexGuard<'_, Option<Ended>> {
        // Nothing in here panics half-way through a change.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the child's end and makes it known before its id can be given to another process.
    fn watch(&self, mut child: Child) {
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            let seen = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while waitid(WaitId::Pid(pid), seen).is_err_and(|error| error == rustix::io::Errno::INTR) {}
        }
        let mut ended = self.lock();
        *ended = Some(Ended(child.wait().ok()));
        self.changed.notify_all();
    }
}
