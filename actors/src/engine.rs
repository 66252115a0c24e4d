//! The engine: everything started in order, its handles, and everything stopped in the opposite order.

use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;

use crate::{
    access_log::AccessLogHandle,
    accounts::{AccountSettings, Accounts},
    database::Database,
    dead_letters::DeadLetters,
    direct::Direct,
    documents::{Documents, Jobs},
    extractors::Extractors,
    finished::Finished,
    graph::Graph,
    health::HealthReport,
    health_watch::HealthBoard,
    intake::LEASES_PER_WORKER,
    outbox_relay,
    outcomes::Outcomes,
    pipeline::{Addresses, Parts, Tree},
    queue::{
        JobQueue,
        postgres::PostgresQueue,
        rabbitmq::{Broker, Outbox, RabbitQueue},
    },
    reading::Reader,
    schemas::Schemas,
    start::{BrokerSettings, DevelopmentAccount, EngineSettings, StartError},
    store::{Store, leases::Orphans},
};

/// How often the embedded server is looked after; when it ended by itself, so does the process, and its host starts
/// both anew.
const SERVER_WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// What the database is given, of the drain's time, to close its connections and stop.
const STOP_RESERVE: Duration = Duration::from_millis(1500);

/// The running engine. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    documents: Documents,
    jobs: Jobs,
    dead_letters: DeadLetters,
    schemas: Schemas,
    direct: Direct,
    graph: Graph,
    access_log: AccessLogHandle,
    board: HealthBoard,
    development_account: Option<DevelopmentAccount>,
    tree: Tree,
    store: Store,
    /// Taken when it is stopped.
    database: Mutex<Option<Database>>,
}

impl Engine {
    /// Starts the database if it is ours, migrates it, and starts all actors.
    ///
    /// # Errors
    /// See [`StartError`]. What was started by then is stopped again.
    pub async fn start(settings: EngineSettings) -> Result<Engine, StartError> {
        let extractors = Extractors::new(&settings)?;
        Accounts::check_keys(account_settings(&settings, settings.database_url.is_none())).await?;
        let database = Database::start(
            settings.database_url.as_deref(),
            &settings.data_dir,
            settings.postgres_bundle.clone(),
            settings.database_connections,
        )
        .await?;
        match Self::start_on(&database, &settings, extractors).await {
            Ok(build) => Ok(Engine(Arc::new(build(database)))),
            Err(error) => {
                database.stop().await;
                Err(error)
            }
        }
    }

    async fn start_on(
        database: &Database,
        settings: &EngineSettings,
        extractors: Extractors,
    ) -> Result<impl FnOnce(Database) -> Inner + use<>, StartError> {
        let store = database.open(settings.database_connections).await?;
        let accounts = Accounts::start(store.clone(), account_settings(settings, database.is_embedded())).await?;
        if let Some(admin) = &settings.admin {
            accounts
                .ensure_admin(&admin.email, &admin.password)
                .await
                .map_err(|e| StartError::Setting { variable: "KGL_ADMIN_EMAIL", issue: e.to_string() })?;
        }
        let may_make_up = !settings.production && database.is_embedded();
        let development_account = if may_make_up {
            accounts.ensure_development_account().await.map_err(|e| StartError::Other(e.to_string()))?
        } else {
            None
        };
        if database.is_embedded() {
            // The server was started by this process for itself: whoever held a lease is gone.
            store.sweep_leases(Orphans::All).await?;
        }
        let holder = format!("{}-{}", std::process::id(), uuid::Uuid::now_v7().simple());
        let (queue, outbox) = open_queue(settings, &store, holder, database)?;
        let (outcomes, finished) = (Outcomes::default(), Finished::default());
        let board = HealthBoard::new(outcomes.clone(), extractors.clone());
        let schemas = Schemas::new(store.clone(), extractors.clone());
        let direct = Direct::new(schemas.clone(), extractors.clone(), settings.workers.max(1));
        let parts = Parts {
            store: store.clone(),
            queue: Arc::clone(&queue),
            outbox,
            extractors: extractors.clone(),
            schemas: schemas.clone(),
            workers: settings.workers,
            outcomes,
            board: board.clone(),
            finished: finished.clone(),
            accounts: accounts.clone(),
            lock_at: database.target().listener()?,
            upkeep: settings.upkeep,
        };
        let reader = Reader::new(settings.reader.clone());
        let a = Addresses::default();
        let tree = Tree::start(parts, a.clone()).await.map_err(|e| StartError::Other(e.to_string()))?;
        Ok(move |database| Inner {
            documents: Documents::new(
                store.clone(),
                extractors,
                a.ingestion,
                reader,
                a.intake.clone(),
                finished.clone(),
            ),
            dead_letters: DeadLetters::new(store.clone(), queue, a.intake.clone(), finished.clone()),
            jobs: Jobs::new(store.clone(), a.intake, finished),
            schemas,
            direct,
            graph: Graph::new(store.clone()),
            access_log: AccessLogHandle::new(a.access_log),
            accounts,
            board,
            development_account,
            tree,
            store,
            database: Mutex::new(Some(database)),
        })
    }

    /// Stops all actors in order, giving unfinished work back, then the database if it is ours. At most `deadline`,
    /// give or take the time that a server needs to stop.
    pub async fn drain(&self, deadline: Duration) {
        self.0.tree.drain(deadline.saturating_sub(STOP_RESERVE)).await;
        if tokio::time::timeout(STOP_RESERVE / 3, self.0.store.close()).await.is_err() {
            tracing::warn!("database connections were still in use at the deadline");
        }
        if let Some(database) = self.0.database.lock().await.take() {
            database.stop().await;
        }
    }

    /// Resolves when the engine cannot go on: the supervision tree has given up, or the embedded server has ended. The
    /// process should then exit with an error, and its host start it anew.
    pub async fn failed(&self) {
        tokio::select! {
            () = self.0.tree.ended() => tracing::error!("the supervision tree has given up"),
            () = self.server_ended() => tracing::error!("embedded PostgreSQL has ended"),
        }
    }

    async fn server_ended(&self) {
        loop {
            tokio::time::sleep(SERVER_WATCH_INTERVAL).await;
            if self.0.database.lock().await.as_ref().is_some_and(Database::has_exited) {
                return;
            }
        }
    }

    /// Accounts, logins and tokens.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.0.accounts
    }

    /// Submitting and reading documents.
    #[must_use]
    pub fn documents(&self) -> &Documents {
        &self.0.documents
    }

    /// Following and steering jobs.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// The queue and its dead letters, for admins.
    #[must_use]
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.0.dead_letters
    }

    /// Users' schemas for extraction.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.0.schemas
    }

    /// Reading texts at once.
    #[must_use]
    pub fn direct(&self) -> &Direct {
        &self.0.direct
    }

    /// Reading the graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.0.graph
    }

    /// Where answered requests are noted.
    #[must_use]
    pub fn access_log(&self) -> &AccessLogHandle {
        &self.0.access_log
    }

    /// What the newest probes found; answers at once.
    #[must_use]
    pub fn health(&self) -> HealthReport {
        self.0.board.report()
    }

    /// Set only when this start made it up.
    #[must_use]
    pub fn development_account(&self) -> Option<&DevelopmentAccount> {
        self.0.development_account.as_ref()
    }
}

/// The job table as the queue, with the broker before it where there is one.
fn open_queue(
    settings: &EngineSettings,
    store: &Store,
    holder: String,
    database: &Database,
) -> Result<(Arc<dyn JobQueue>, Option<Outbox>), StartError> {
    outbox_relay::begin_counters();
    let jobs = PostgresQueue::new(store.clone(), holder.clone(), database.target().listener()?);
    let Some(BrokerSettings { url, prefix }) = &settings.broker else { return Ok((Arc::new(jobs), None)) };
    let broker =
        Broker::new(url, prefix, &holder).map_err(|issue| StartError::Setting { variable: "AMQP_URL", issue })?;
    let prefetch = u16::try_from(settings.workers * LEASES_PER_WORKER).unwrap_or(u16::MAX);
    let queue = RabbitQueue::start(jobs, store.clone(), &broker, prefetch);
    let outbox = queue.outbox();
    Ok((Arc::new(queue), Some(outbox)))
}

pub(crate) fn account_settings(settings: &EngineSettings, embedded: bool) -> AccountSettings {
    AccountSettings {
        data_dir: settings.data_dir.clone(),
        production: settings.production,
        embedded,
        jwt_secret: settings.jwt_secret.clone(),
        jwt_private_key_file: settings.jwt_private_key_file.clone(),
    }
}
