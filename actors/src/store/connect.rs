//! Where the database is and how the service's sessions are opened.

use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Store, StoreResult};

/// How long a caller waits for a free connection before the request is answered as unavailable: shorter than a
/// client's patience, longer than a burst.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// No statement of the service is meant to take longer; one that does is ended by the server.
const STATEMENT_TIMEOUT: &str = "30s";
/// A transaction that its holder forgot must not hold locks for ever.
const IDLE_IN_TRANSACTION_TIMEOUT: &str = "60s";

/// Which database to use.
#[derive(Clone)]
pub enum Target {
    /// The server of a `DATABASE_URL`. Its user owns the schema; sessions step down into the service's roles.
    Url(String),
    /// A private server on a Unix socket that trusts whoever reaches it; sessions log in as the service's roles.
    Socket {
        /// The folder of the socket.
        dir: std::path::PathBuf,
        /// The port number in the socket's name.
        port: u16,
        /// The superuser, who migrates.
        superuser: String,
    },
}

impl std::fmt::Debug for Target {
    /// Without the password that a URL may hold.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::Url(_) => f.write_str("Url(…)"),
            Target::Socket { dir, .. } => write!(f, "Socket({})", dir.display()),
        }
    }
}

impl Target {
    /// How the owner of the schema connects.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn owner(&self) -> StoreResult<PgConnectOptions> {
        let options = match self {
            Target::Url(url) => PgConnectOptions::from_str(url)?,
            Target::Socket { dir, port, superuser } => {
                PgConnectOptions::new_without_pgpass().socket(dir).port(*port).username(superuser).database("postgres")
            }
        };
        Ok(options.application_name("kgl").log_slow_statements(log::LevelFilter::Warn, Duration::from_secs(1)))
    }

    /// How a session of one of the service's roles connects.
    fn session(&self, role: &str) -> StoreResult<PgConnectOptions> {
        let options = match self {
            // `role` given at the start is also what RESET ROLE goes back to.
            Target::Url(_) => self.owner()?.options([("role", role)]),
            Target::Socket { .. } => self.owner()?.username(role),
        };
        Ok(options.options([
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_TIMEOUT),
        ]))
    }

    /// One connection outside any pool, in a role of the service's, for LISTEN.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn listener(&self) -> StoreResult<PgConnectOptions> {
        self.session("kgl_system")
    }

    /// Opens both pools. `connections` is what callers may use at once; the system gets a quarter of that besides.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(&self, connections: u32) -> StoreResult<Store> {
        let service = pool(connections).connect_with(self.session("kgl_service")?).await?;
        let system = pool((connections / 4).max(4)).connect_with(self.session("kgl_system")?).await?;
        Ok(Store::new(service, system))
    }
}

fn pool(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A ping for each acquisition would cost a round trip; a connection that died fails its first statement.
        .test_before_acquire(false)
        .max_lifetime(Duration::from_secs(3600))
}

/// Makes the roles of the embedded server able to log in. They have no password: only who reaches the private socket
/// gets that far.
///
/// # Errors
/// When the database is away.
pub async fn allow_login(owner: &PgPool) -> StoreResult<()> {
    sqlx::raw_sql("ALTER ROLE kgl_service LOGIN; ALTER ROLE kgl_system LOGIN").execute(owner).await?;
    Ok(())
}
