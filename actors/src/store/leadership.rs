//! Who leads: the one process whose session holds an advisory lock. The lock goes with the session, so it is free the
//! moment its holder dies or its connection breaks.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::time::timeout;

use super::{StoreError, StoreResult};

/// The lock's number: "kgl lead" in ASCII. Locks belong to a database, so deployments on one server do not meet.
const LOCK: i64 = i64::from_be_bytes(*b"kgl lead");
/// What the session is called in `pg_stat_activity`.
const SESSION_NAME: &str = "kgl scheduler";
/// How often a held connection is tried out, beside being listened to: a peer that vanished says nothing.
const PING_INTERVAL: Duration = Duration::from_secs(1);
/// A server that does not answer by then may have given the lock to somebody else.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Opening a connection takes longer than a statement on a busy machine.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How the server notices, over a network, that the holder's machine is gone: after 3 seconds. With a try of the others
/// every 2 seconds that is 5 until somebody leads again. On a local socket the end is seen at once.
const KEEPALIVES: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "1"),
    ("tcp_keepalives_interval", "1"),
    ("tcp_keepalives_count", "2"),
    ("tcp_user_timeout", "3000"),
];

/// A session that holds the lock, or stands ready to take it.
pub struct Candidate {
    // Listens although nobody calls: so the end of the connection is noticed when it comes, and not at the next
    // statement. A listener may also open its connection anew, and that one would hold no lock: see `lost`.
    listener: PgListener,
}

impl Candidate {
    /// Opens a session of its own. `at` is that of the system's role.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn connect(at: &PgConnectOptions) -> StoreResult<Self> {
        let at = at.clone().application_name(SESSION_NAME).options(KEEPALIVES);
        // A pool of its own: the session is held for good and must not take one from the others.
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECT_TIMEOUT).connect_lazy_with(at);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        Ok(Self { listener })
    }

    /// Takes the lock if nobody has it. Whether it is this session's now.
    ///
    /// # Errors
    /// When the connection is of no more use.
    pub async fn try_to_lead(&mut self) -> StoreResult<bool> {
        let asked = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(LOCK).fetch_one(&mut self.listener);
        Ok(timeout(ANSWER_TIMEOUT, asked).await.map_err(|_| StoreError::timed_out())??)
    }

    /// Resolves when the connection, and the lock with it, is lost; says how.
    pub async fn lost(mut self) -> String {
        loop {
            match timeout(PING_INTERVAL, self.listener.try_recv()).await {
                // Nothing is ever sent here, but a notification would do no harm.
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) => return "the connection was closed".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Err(_) => {
                    let ping = sqlx::query("SELECT 1").execute(&mut self.listener);
                    match timeout(ANSWER_TIMEOUT, ping).await {
                        Ok(Ok(_)) => {}
                        Ok(Err(error)) => return error.to_string(),
                        Err(_) => return "the server does not answer".to_owned(),
                    }
                }
            }
        }
    }
}
