//! Starting and stopping the server.

use std::{
    fs::{self, DirBuilder, File},
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    cluster,
    error::{EmbeddedError, io},
    locks,
    log::{self, Tail},
    process::{Ended, Process},
    runtime::Runtime,
    socket::{PORT, SocketDir},
};

pub(crate) const SUPERUSER: &str = "postgres";

/// How long a starting server may be silent. One that recovers from a crash says every ten seconds how far it is, and
/// is waited for: ending it would only make the next start begin again.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);
/// A fast shutdown writes a checkpoint, in well under a second as a rule. A service has about five seconds to end, and
/// the recovery after an immediate shutdown costs less than being killed.
const FAST_SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);
/// The server itself kills its children five seconds into an immediate shutdown.
const IMMEDIATE_SHUTDOWN_LIMIT: Duration = Duration::from_secs(6);
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// Modest: a service that shares a small machine. Given on the command line, so that a new version of this program
/// brings its own.
const OPTIONS: [&str; 14] = [
    // No TCP at all.
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "cluster_name=kgl",
    "shared_buffers=128MB",
    "effective_cache_size=512MB",
    // Bounds both the disk that the log takes and what a recovery has to read.
    "max_wal_size=512MB",
    "huge_pages=off",
    "jit=off",
    // After a crash one sync of the file system takes the place of opening each file: 0.6 s instead of 9 s.
    "recovery_init_sync_method=syncfs",
    "log_destination=stderr",
    "logging_collector=off",
    "log_checkpoints=off",
    "log_line_prefix=%m [%p] %q%u@%d ",
    "log_timezone=UTC",
];

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds everything of this server; made if it is missing, its parents too.
    pub data_dir: PathBuf,
    /// A bundle (`.tar.gz`, as `make setup` makes it) or an unpacked one, instead of the one in the binary.
    pub bundle: Option<PathBuf>,
    /// Connections that the server takes at the same time.
    pub max_connections: u32,
}

/// A running server that belongs to this process. Dropping it stops it, which may block for some seconds.
pub struct Postgres {
    process: Process,
    socket: SocketDir,
    /// Released last: whoever gets it then finds a server that has ended.
    _owned: File,
}

impl Postgres {
    /// Starts the server and returns when it takes connections. Blocks: about two seconds at the first start in a
    /// folder, a tenth of a second later on, and as long as the recovery takes after a crash.
    ///
    /// # Errors
    /// See [`EmbeddedError`]; nothing is left running.
    pub fn start(settings: &Settings) -> Result<Postgres, EmbeddedError> {
        let begun = Instant::now();
        let folder = state_folder(&settings.data_dir)?;
        let owned = locks::own(&folder)?;
        let data = cluster::path(&folder);
        let lock = locks::clear(&folder, &data)?;
        let runtime = Runtime::prepare(&folder, settings.bundle.as_deref())?;
        cluster::prepare(&folder, &runtime)?;
        remove_stale_pid_file(&data)?;
        let socket = SocketDir::create(&folder, &runtime.identity)?;

        let mut command = runtime.identity.command(&runtime.program("postgres"), Signal::INT);
        command.arg("-D").arg(&data);
        for option in OPTIONS {
            command.arg("-c").arg(option);
        }
        command.arg("-c").arg(format!("max_connections={}", settings.max_connections));
        command.arg("-c").arg(format!("port={PORT}"));
        command.arg("-c").arg(format!("unix_socket_directories={}", socket.path().display()));
        let log = folder.join("postgres.log");
        let tail = record_output(&mut command, &log)?;
        let process = Process::spawn(command, lock).map_err(io("run", &runtime.program("postgres")))?;
        let server = Postgres { process, socket, _owned: owned };
        server.wait_until_ready(&data, &tail, &log)?;
        tracing::info!(pid = server.pid(), elapsed_ms = begun.elapsed().as_millis(), "PostgreSQL is ready");
        Ok(server)
    }

    /// The folder of the server's socket: the `host` of a connection.
    pub fn socket_dir(&self) -> &Path {
        self.socket.path()
    }

    /// The port, which with [`Self::socket_dir`] makes the socket's name; no TCP port is opened.
    pub fn port(&self) -> u16 {
        PORT
    }

    /// The id of the server's main process.
    pub fn pid(&self) -> i32 {
        self.process.pid()
    }

    /// The database user that may do everything; needs no password.
    pub fn superuser(&self) -> &str {
        SUPERUSER
    }

    /// Whether the server has ended, by itself or by somebody else's hand.
    pub fn has_exited(&self) -> bool {
        self.process.ended().is_some()
    }

    /// Stops the server: open transactions are rolled back and connections closed. Takes 13 seconds at the very most;
    /// after two it stops without a checkpoint, and the next start recovers.
    ///
    /// # Errors
    /// [`EmbeddedError::Stop`] when it had ended before, or did not end in good order. It has ended all the same,
    /// unless the error says otherwise.
    pub fn stop(self) -> Result<(), EmbeddedError> {
        let reason = match self.process.ended() {
            Some(ended) => format!("it had ended before ({})", describe(ended)),
            None => match self.shut_down() {
                Some(ended) if ended.0.is_some_and(|status| status.success()) => return Ok(()),
                Some(ended) => describe(ended),
                None => "it still runs, though it was killed".into(),
            },
        };
        Err(EmbeddedError::Stop { reason })
    }

    /// Ends the server, ever less politely.
    fn shut_down(&self) -> Option<Ended> {
        let steps =
            [(Signal::INT, FAST_SHUTDOWN_LIMIT), (Signal::QUIT, IMMEDIATE_SHUTDOWN_LIMIT), (Signal::KILL, KILL_LIMIT)];
        steps.into_iter().find_map(|(signal, limit)| {
            if let Err(error) = self.process.signal(signal) {
                tracing::warn!(%error, pid = self.pid(), "PostgreSQL cannot be signalled");
            }
            self.process.wait(limit)
        })
    }

    fn wait_until_ready(&self, data: &Path, tail: &Tail, log: &Path) -> Result<(), EmbeddedError> {
        let pid_file = data.join("postmaster.pid");
        let failed = |reason: String| {
            // The log's last words come through a pipe, a moment after the end.
            thread::sleep(POLL * 10);
            let tail = tail.text();
            if cluster::says_disk_full(&tail) {
                EmbeddedError::DiskFull { path: data.to_owned() }
            } else {
                EmbeddedError::Start { reason, log: log.to_owned(), tail }
            }
        };
        loop {
            if is_ready(&pid_file, self.pid()) && self.socket.has_socket() {
                return Ok(());
            }
            if let Some(ended) = self.process.ended() {
                return Err(failed(format!("it ended at once ({})", describe(ended))));
            }
            if tail.last_spoke().elapsed() > SILENCE_LIMIT {
                return Err(failed(format!("nothing was heard of it for {} s", SILENCE_LIMIT.as_secs())));
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if !self.has_exited() && self.shut_down().is_none() {
            tracing::error!(pid = self.pid(), "PostgreSQL still runs, though it was killed");
        }
    }
}

/// Makes the folder, readable for its owner only, and returns its absolute path.
fn state_folder(path: &Path) -> Result<PathBuf, EmbeddedError> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io("create", path))?;
    path.canonicalize().map_err(io("read", path))
}

/// A server refuses to start when the id in the file belongs to any process of this user, which in a fresh container is
/// likely. Only called with the server's lock in hand, so no server lives that could have written it.
fn remove_stale_pid_file(data: &Path) -> Result<(), EmbeddedError> {
    let path = data.join("postmaster.pid");
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", &path)(error)),
        _ => Ok(()),
    }
}

fn record_output(command: &mut Command, log: &Path) -> Result<Tail, EmbeddedError> {
    let (reader, writer) = std::io::pipe().map_err(io("open a pipe for", log))?;
    command.stdout(writer.try_clone().map_err(io("open a pipe for", log))?).stderr(writer);
    log::record(reader, log)
}

/// Whether `postmaster.pid` is this server's and its eighth line says that connections are taken.
fn is_ready(pid_file: &Path, pid: i32) -> bool {
    let Ok(text) = fs::read_to_string(pid_file) else { return false };
    let mut lines = text.lines();
    lines.next() == Some(pid.to_string().as_str()) && lines.nth(6).is_some_and(|status| status.trim() == "ready")
}

fn describe(ended: Ended) -> String {
    ended.0.map_or_else(|| "its exit status is unknown".into(), |status| status.to_string())
}
