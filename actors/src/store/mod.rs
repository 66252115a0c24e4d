//! The store: the only place with SQL. A file an aggregate.
//!
//! Every statement runs in a [`Scope`]: a transaction in the database role and with the user id of whoever asked, so
//! that row-level security holds even where a query forgets its own filter. A session outside a scope may do nothing.
//! Work that must cross owners runs in [`Store::system`], under a role that can do that work and no other.
//!
//! Statements of the pipeline that join a batch with a table are not prepared for keeps (`persistent(false)`): a plan
//! that was made while the table was small scans the whole of it, and is kept until somebody counts the table anew.

pub mod access_logs;
mod codec;
pub mod connect;
pub mod dead_letters;
pub mod dispatches;
pub mod documents;
pub(crate) mod entities;
pub mod error;
pub mod extraction_schemas;
mod graph_homonyms;
pub(crate) mod graph_reads;
mod graph_retract;
pub mod graph_write;
mod job_changes;
pub mod jobs;
mod language_model_answers;
pub mod leadership;
pub mod leases;
pub mod migrations;
pub(crate) mod relationships;
pub(crate) mod sessions;
pub mod statements;
pub mod submissions;
pub(crate) mod users;

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool, PgTransaction, Postgres, QueryBuilder};

pub use self::error::{StoreError, StoreResult};
use crate::domain::{
    caller::{Caller, Role},
    ids::UserId,
};

/// How long opening a transaction may take: getting a connection, and a server that does not hang.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(8);

/// A transaction in somebody's name. Dropped without a commit it is rolled back.
pub type Scope = PgTransaction<'static>;

/// Both pools of connections: in the name of callers, and of the system itself.
#[derive(Clone, Debug)]
pub struct Store {
    service: PgPool,
    system: PgPool,
}

impl Store {
    /// A store over pools whose sessions are `kgl_service` and `kgl_system`.
    pub(crate) fn new(service: PgPool, system: PgPool) -> Self {
        Self { service, system }
    }

    /// Opens a transaction with a caller's rights: their rows, and what their role lets them see beyond.
    ///
    /// # Errors
    /// When the database is away, or no connection came free in time.
    pub async fn scope(&self, caller: &Caller) -> StoreResult<Scope> {
        self.begin(caller.user_id, caller.role).await
    }

    /// Opens a transaction that sees and writes exactly one owner's rows: what the pipeline does for them.
    ///
    /// # Errors
    /// As [`Store::scope`].
    pub async fn owner(&self, owner: UserId) -> StoreResult<Scope> {
        self.begin(owner, Role::User).await
    }

    /// The connections of the system role: login, dispatching, sweeping and logging, across owners.
    #[must_use]
    pub fn system(&self) -> &PgPool {
        &self.system
    }

    /// The connections of callers, for measuring how busy they are.
    #[must_use]
    pub fn service(&self) -> &PgPool {
        &self.service
    }

    /// Role and user go with BEGIN in one message, so isolation costs no round trip. What is written into the text is
    /// a role's fixed name and a parsed UUID.
    async fn begin(&self, user: UserId, role: Role) -> StoreResult<Scope> {
        let role = match role {
            Role::User => "kgl_user",
            Role::Moderator => "kgl_moderator",
            Role::Admin => "kgl_admin",
        };
        let begin = format!("BEGIN; SET LOCAL ROLE {role}; SET LOCAL app.user_id = '{}'", user.0);
        let pool = self.service.clone();
        // A task of its own, because a caller may go away at any moment: cut short, it would leave the connection in a
        // transaction that the pool does not know of.
        let opened = tokio::spawn(async move { pool.begin_with(AssertSqlSafe(begin)).await });
        let opened = tokio::time::timeout(BEGIN_TIMEOUT, opened).await;
        Ok(opened.map_err(|_| sqlx::Error::PoolTimedOut)?.map_err(|_| sqlx::Error::WorkerCrashed)??)
    }

    /// Closes all connections, waiting for those in use.
    pub async fn close(&self) {
        tokio::join!(self.service.close(), self.system.close());
    }
}

/// Keeps a user's list on the index that begins with the owner; `column` is the owner's. Others see all owners' rows.
///
/// The policy restricts the list to the owner by itself. But a list in the order of its ids can also be read from the
/// primary key backwards, passing over everybody else's rows. Where one owner has a good part of all rows the planner
/// finds that cheapest, and it is, unless the others' rows are the newer ones: then all of them are read first. A range
/// around the owner that the planner cannot look into makes it expect few rows, for which such a walk would never do.
/// The same is written out where a list belongs to one entity or relationship.
fn push_owner_range(query: &mut QueryBuilder<Postgres>, role: Role, column: &'static str) {
    if role == Role::User {
        query.push(format_args!(" AND {column} BETWEEN (SELECT app_user_id()) AND (SELECT app_user_id())"));
    }
}
