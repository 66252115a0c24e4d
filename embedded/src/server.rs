//! The server's process: started, watched, stopped, and ended where it was left over.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{EmbeddedError, bundle::Programs, log, privileges::Privileges};

/// The number in the socket's name; nothing listens on a port.
pub(crate) const PORT: u16 = 5432;
/// A start is given up after this: recovery from a crash under load takes seconds, not minutes.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// A server left over from a dead parent was told to stop by the kernel and needs a moment for it.
const ORPHAN_TIMEOUT: Duration = Duration::from_secs(15);
/// How long sessions may take to end and the last checkpoint to be written.
const STOP_TIMEOUT: Duration = Duration::from_millis(2500);
/// How long the server may take to end without a checkpoint, before it is killed.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// The longest socket path that the system takes, less the socket's own name.
const MAX_SOCKET_DIR: usize = 107 - "/.s.PGSQL.5432".len();
/// Where the folder of the last socket is noted, to be cleared away after a parent that died.
const SOCKET_NOTE: &str = "socket-folder";

pub(crate) struct Server {
    pid: i32,
    socket_dir: PathBuf,
    state: PathBuf,
    exited: Arc<AtomicBool>,
    waiter: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(
        state: &Path,
        data: &Path,
        programs: &Programs,
        privileges: Privileges,
        max_connections: u32,
    ) -> Result<Self, EmbeddedError> {
        end_orphan(data)?;
        clear_old_socket(state);
        let socket_dir = make_socket_dir(state, privileges)?;
        let mut command = privileges.command(&programs.program("postgres"))?;
        command.arg("-D").arg(data).args(options(&socket_dir, max_connections));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        die_with_parent(&mut command);
        let exited = Arc::new(AtomicBool::new(false));
        let (pid, waiter) = spawn(command, state, Arc::clone(&exited))?;
        let server = Self { pid, socket_dir, state: state.to_owned(), exited, waiter: Some(waiter) };
        server.wait_until_ready(data)?;
        Ok(server)
    }

    pub(crate) fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) fn has_exited(&self) -> bool {
        self.exited.load(Ordering::Acquire)
    }

    /// The server says in its pid file when it takes connections.
    fn wait_until_ready(&self, data: &Path) -> Result<(), EmbeddedError> {
        let (begun, pid_file) = (Instant::now(), data.join("postmaster.pid"));
        let socket = self.socket_dir.join(format!(".s.PGSQL.{PORT}"));
        loop {
            let status = fs::read_to_string(&pid_file).unwrap_or_default();
            if status.lines().nth(7).is_some_and(|line| line.trim() == "ready") && socket.exists() {
                return Ok(());
            }
            let reason = if self.has_exited() {
                "it ended".to_owned()
            } else if begun.elapsed() > START_TIMEOUT {
                format!("it was not ready after {} s", START_TIMEOUT.as_secs())
            } else {
                thread::sleep(LOOK_INTERVAL);
                continue;
            };
            return Err(EmbeddedError::NotStarted { reason, log: log::tail(&self.state) });
        }
    }

    pub(crate) fn stop(&mut self) -> Result<(), EmbeddedError> {
        let Some(waiter) = self.waiter.take() else {
            return Ok(());
        };
        let mut result = Ok(());
        // Fast: sessions end, a checkpoint is written. Immediate: neither, and the next start recovers.
        for (signal, patience) in
            [(libc::SIGINT, STOP_TIMEOUT), (libc::SIGQUIT, QUIT_TIMEOUT), (libc::SIGKILL, QUIT_TIMEOUT)]
        {
            if self.has_exited() {
                break;
            }
            if signal != libc::SIGINT {
                result = Err(EmbeddedError::Forced);
            }
            send(self.pid, signal);
            let begun = Instant::now();
            while !self.has_exited() && begun.elapsed() < patience {
                thread::sleep(LOOK_INTERVAL);
            }
        }
        if self.has_exited() {
            let _ = waiter.join();
        }
        let _ = fs::remove_dir_all(&self.socket_dir);
        let _ = fs::remove_file(self.state.join(SOCKET_NOTE));
        result
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::warn!(%error, "embedded PostgreSQL");
        }
    }
}

fn options(socket_dir: &Path, max_connections: u32) -> Vec<String> {
    let settings = [
        ("listen_addresses", String::new()),
        ("unix_socket_directories", socket_dir.display().to_string()),
        ("unix_socket_permissions", "0700".into()),
        ("max_connections", max_connections.to_string()),
        // After a crash one sync of the file system takes the place of one for each file.
        ("recovery_init_sync_method", "syncfs".into()),
        ("shared_buffers", "128MB".into()),
        ("effective_cache_size", "1GB".into()),
        ("work_mem", "16MB".into()),
        ("maintenance_work_mem", "128MB".into()),
        ("random_page_cost", "1.1".into()),
        ("max_wal_size", "2GB".into()),
        ("wal_compression", "pglz".into()),
        ("checkpoint_timeout", "15min".into()),
        ("autovacuum_naptime", "15s".into()),
        ("log_line_prefix", "%m [%p] ".into()),
        // The service reports what fails; texts of statements may hold what somebody wants kept private.
        ("log_min_error_statement", "panic".into()),
    ];
    settings.into_iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]).collect()
}

/// The kernel tells the server to stop when the thread that started it is no more.
fn die_with_parent(command: &mut Command) {
    // SAFETY: takes nothing and cannot fail.
    let parent = unsafe { libc::getpid() };
    // SAFETY: system calls only, nothing allocated.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT) != 0 {
                return Err(io::Error::last_os_error());
            }
            // A session of its own: the terminal's Ctrl-C is for the parent, which stops the server in good order.
            libc::setsid();
            // The parent may have died between the fork and the call above; then nobody would tell.
            if libc::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}

/// The death signal follows the thread that forks, so that thread lives for as long as the server.
fn spawn(mut command: Command, state: &Path, exited: Arc<AtomicBool>) -> Result<(i32, JoinHandle<()>), EmbeddedError> {
    let (report, started) = mpsc::channel::<io::Result<i32>>();
    let state = state.to_owned();
    let waiter = thread::Builder::new().name("embedded-postgres".into()).spawn(move || match command.spawn() {
        Ok(mut child) => {
            let _ = report.send(Ok(i32::try_from(child.id()).unwrap_or_default()));
            let copier = start_log(&mut child, state);
            let _ = child.wait();
            if let Some(copier) = copier {
                let _ = copier.join();
            }
            exited.store(true, Ordering::Release);
        }
        Err(error) => {
            let _ = report.send(Err(error));
        }
    });
    let waiter = waiter.map_err(EmbeddedError::system("no thread for the server"))?;
    let pid = started.recv().unwrap_or_else(|_| Err(io::ErrorKind::BrokenPipe.into()));
    Ok((pid.map_err(EmbeddedError::system("the server could not be run"))?, waiter))
}

fn start_log(child: &mut Child, state: PathBuf) -> Option<JoinHandle<()>> {
    let said = child.stderr.take()?;
    thread::Builder::new().name("embedded-postgres-log".into()).spawn(move || log::copy(said, &state)).ok()
}

fn make_socket_dir(state: &Path, privileges: Privileges) -> Result<PathBuf, EmbeddedError> {
    // Names that nobody else can have made: the process, and the time to the nanosecond.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let name = format!("kgl-{}-{:x}", std::process::id(), now.as_nanos());
    let wished = std::env::temp_dir().join(&name);
    let folder = if wished.as_os_str().len() <= MAX_SOCKET_DIR { wished } else { Path::new("/tmp").join(&name) };
    fs::write(state.join(SOCKET_NOTE), folder.as_os_str().as_encoded_bytes()).map_err(EmbeddedError::folder(state))?;
    fs::create_dir(&folder).map_err(EmbeddedError::folder(&folder))?;
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).map_err(EmbeddedError::folder(&folder))?;
    privileges.give(&folder)?;
    Ok(folder)
}

fn clear_old_socket(state: &Path) {
    let noted = fs::read_to_string(state.join(SOCKET_NOTE)).unwrap_or_default();
    let folder = Path::new(noted.trim());
    let is_ours = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kgl-"));
    if folder.is_absolute() && is_ours {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Ends the server of a parent that died. Only a process that is a server, and works in this very folder, is touched.
fn end_orphan(data: &Path) -> Result<(), EmbeddedError> {
    let pid_file = data.join("postmaster.pid");
    let noted = fs::read_to_string(&pid_file).unwrap_or_default();
    let Some(pid) = noted.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else {
        return Ok(());
    };
    if !is_server_of(pid, data) {
        return Ok(());
    }
    tracing::warn!(pid, "ending a PostgreSQL that an earlier run left over");
    for signal in [libc::SIGINT, libc::SIGQUIT, libc::SIGKILL] {
        send(pid, signal);
        let begun = Instant::now();
        while begun.elapsed() < ORPHAN_TIMEOUT / 3 {
            if !is_server_of(pid, data) {
                return Ok(());
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }
    Err(EmbeddedError::Orphan(pid))
}

fn is_server_of(pid: i32, data: &Path) -> bool {
    let process = PathBuf::from(format!("/proc/{pid}"));
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    name.trim() == "postgres" && fs::read_link(process.join("cwd")).is_ok_and(|folder| folder == data)
}

fn send(pid: i32, signal: i32) {
    // SAFETY: a system call on a process id that was checked to be the server's.
    unsafe {
        libc::kill(pid, signal);
    }
}
