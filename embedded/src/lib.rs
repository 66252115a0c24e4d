//! A private PostgreSQL with pgvector, started as a child process.
//!
//! The server's programs travel inside this binary ([`bundle`]). They are unpacked next to the data once, the cluster
//! is made aside and moved into place ([`cluster`]), and the server listens on a Unix socket in a private folder and on
//! no network ([`server`]). PostgreSQL refuses to run as root, so for root it runs in a user namespace that maps root
//! to an ordinary id, or else as an unprivileged user ([`privileges`]).
//!
//! It ends with its parent, however that ends: by [`Postgres::stop`], by being dropped, or by the kernel's signal when
//! the parent dies. Should a server be left over all the same, the next start ends it first.

pub mod bundle;
mod cluster;
mod error;
mod lock;
mod log;
mod privileges;
mod server;

use std::path::{Path, PathBuf};

pub use error::EmbeddedError;
use lock::Lock;
use privileges::Privileges;
use server::Server;

/// How to run the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where programs, data and the server's log live. Made if it is not there.
    pub data_dir: PathBuf,
    /// A bundle file, or a folder into which one was unpacked, to use instead of the one in this binary.
    pub bundle: Option<PathBuf>,
    /// How many connections the server accepts.
    pub max_connections: u32,
}

/// A running server.
pub struct Postgres {
    server: Server,
    /// Held for as long as the server runs.
    _lock: Lock,
}

impl Postgres {
    /// Starts the server: some seconds the first time, a tenth of one from then on. Blocks; call it on a thread that
    /// may.
    ///
    /// # Errors
    /// See [`EmbeddedError`]. Nothing is left running.
    pub fn start(settings: &Settings) -> Result<Self, EmbeddedError> {
        let state = prepare_folder(&settings.data_dir)?;
        let lock = Lock::take(&state)?;
        let privileges = Privileges::choose();
        let programs = bundle::unpack(&state, settings.bundle.as_deref())?;
        let data = cluster::prepare(&state, &programs, privileges)?;
        let server = Server::start(&state, &data, &programs, privileges, settings.max_connections)?;
        Ok(Self { server, _lock: lock })
    }

    /// The folder of the server's socket.
    #[must_use]
    pub fn socket_dir(&self) -> &Path {
        self.server.socket_dir()
    }

    /// The number in the socket's name. No network port is open.
    #[must_use]
    pub fn port(&self) -> u16 {
        server::PORT
    }

    /// The server's process.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.server.pid()
    }

    /// Who may do everything. Whoever reaches the socket is believed to be whom they say they are.
    #[must_use]
    pub fn superuser(&self) -> &'static str {
        cluster::SUPERUSER
    }

    /// Whether the server has ended, by itself or by somebody else's hand.
    #[must_use]
    pub fn has_exited(&self) -> bool {
        self.server.has_exited()
    }

    /// Ends all sessions and stops the server, waiting for it.
    ///
    /// # Errors
    /// When it had to be ended without a last checkpoint; nothing is lost, and the next start recovers.
    pub fn stop(mut self) -> Result<(), EmbeddedError> {
        self.server.stop()
    }
}

fn prepare_folder(folder: &Path) -> Result<PathBuf, EmbeddedError> {
    let problem = |source| EmbeddedError::Folder { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(problem)?;
    folder.canonicalize().map_err(problem)
}
