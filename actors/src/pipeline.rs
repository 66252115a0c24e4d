//! The tree of actors: what is started in which order, what depends on what, and how it is drained.
//!
//! ```text
//! root            one-for-one; when it gives up, the process ends and its host starts it anew
//! ├ access_log    drained last
//! ├ health_watch
//! ├ scheduler     recurring work, in one process of all
//! └ pipeline      rest-for-one: graph_writer, extraction, outbox_relay (with a broker), ingestion, intake
//! ```

use std::{sync::Arc, time::Duration};

use ractor::{Actor, ActorRef, RpcReplyPort, SpawnErr};
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{oneshot, watch};

use crate::{
    access_log::{AccessLog, AccessLogMessage},
    accounts::Accounts,
    extraction::{Extraction, ExtractionArguments, ExtractionMessage},
    extractors::Extractors,
    finished::Finished,
    graph_writer::{GraphWriter, GraphWriterArguments, GraphWriterMessage},
    health_watch::{HealthBoard, HealthWatch, HealthWatchArguments, HealthWatchMessage},
    ingestion::{Ingestion, IngestionArguments, IngestionMessage},
    intake::{Intake, IntakeArguments, IntakeMessage},
    mailbox::{ActorMessage, Address, Letter},
    outbox_relay::{OutboxRelay, OutboxRelayArguments, OutboxRelayMessage},
    outcomes::Outcomes,
    queue::{JobQueue, rabbitmq::Outbox},
    scheduler::{Scheduler, SchedulerArguments, SchedulerMessage},
    schemas::Schemas,
    start::Upkeep,
    store::Store,
    supervision::{ChildSpec, Intensity, Strategy, Supervisor, SupervisorArguments, SupervisorMessage},
};

/// Restarts in a minute that are still a hiccup; more are a fault that restarting does not mend.
const PIPELINE_INTENSITY: Intensity = Intensity { restarts: 5, window: Duration::from_secs(60) };
/// The root restarts a pipeline that gave up only this often: each time stands for several deaths below it.
const ROOT_INTENSITY: Intensity = Intensity { restarts: 3, window: Duration::from_secs(60) };

/// Where to find each actor.
#[derive(Clone, Default)]
pub(crate) struct Addresses {
    /// Writes access records.
    pub access_log: Address<Letter<AccessLogMessage>>,
    /// Probes the stores.
    pub health_watch: Address<Letter<HealthWatchMessage>>,
    /// Does recurring work.
    pub scheduler: Address<Letter<SchedulerMessage>>,
    /// Commits documents.
    pub ingestion: Address<Letter<IngestionMessage>>,
    /// Leases jobs.
    pub intake: Address<Letter<IntakeMessage>>,
    /// Reads documents.
    pub extraction: Address<Letter<ExtractionMessage>>,
    /// Writes the graph.
    pub graph_writer: Address<Letter<GraphWriterMessage>>,
    /// Tells the broker of jobs.
    pub outbox_relay: Address<Letter<OutboxRelayMessage>>,
}

/// What the actors work with.
#[derive(Clone)]
pub(crate) struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// Where jobs come from.
    pub queue: Arc<dyn JobQueue>,
    /// Where jobs are sent, if a broker brings them.
    pub outbox: Option<Outbox>,
    /// Who reads documents.
    pub extractors: Extractors,
    /// What owners want of their documents.
    pub schemas: Schemas,
    /// Documents that are read at the same time.
    pub workers: usize,
    /// What tries came to.
    pub outcomes: Outcomes,
    /// Where findings are posted.
    pub board: HealthBoard,
    /// Who waits for jobs to end.
    pub finished: Finished,
    /// Who clears expired sessions away.
    pub accounts: Accounts,
    /// How the scheduler opens the connection that holds its lock.
    pub lock_at: PgConnectOptions,
    /// How long things are kept.
    pub upkeep: Upkeep,
}

/// The running tree.
pub(crate) struct Tree {
    root: ActorRef<SupervisorMessage>,
    addresses: Addresses,
    ended: watch::Receiver<bool>,
}

impl Tree {
    /// Starts all actors.
    ///
    /// # Errors
    /// When one of them cannot start even once.
    pub(crate) async fn start(parts: Parts, addresses: Addresses) -> Result<Self, SpawnErr> {
        let pipeline = Address::default();
        let (log_store, watch_parts) = (parts.store.clone(), parts.clone());
        let scheduler = SchedulerArguments {
            lock_at: parts.lock_at.clone(),
            accounts: parts.accounts.clone(),
            store: parts.store.clone(),
            upkeep: parts.upkeep,
            standing: parts.board.scheduler().clone(),
        };
        let (pipeline_parts, pipeline_addresses) = (parts, addresses.clone());
        let children = vec![
            ChildSpec::new("access_log", addresses.access_log.clone(), || AccessLog, move || log_store.clone()),
            ChildSpec::new(
                "health_watch",
                addresses.health_watch.clone(),
                || HealthWatch,
                move || HealthWatchArguments {
                    store: watch_parts.store.clone(),
                    queue: Arc::clone(&watch_parts.queue),
                    board: watch_parts.board.clone(),
                },
            ),
            ChildSpec::new("scheduler", addresses.scheduler.clone(), || Scheduler, move || scheduler.clone()),
            ChildSpec::new(
                "pipeline",
                pipeline,
                || Supervisor,
                move || pipeline_arguments(&pipeline_parts, &pipeline_addresses),
            ),
        ];
        let arguments =
            SupervisorArguments { name: "root", strategy: Strategy::OneForOne, intensity: ROOT_INTENSITY, children };
        let (root, handle) = Actor::spawn(None, Supervisor, arguments).await?;
        let (end, ended) = watch::channel(false);
        tokio::spawn(async move {
            // Whether it stopped or failed: the tree is no more.
            let _ = handle.await;
            let _ = end.send(true);
        });
        Ok(Self { root, addresses, ended })
    }

    /// Resolves when the tree is no more: it gave up, or was shut down.
    pub(crate) async fn ended(&self) {
        let mut ended = self.ended.clone();
        // An error means that the sender is gone, and with it the tree.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    /// Stops the work in the order in which it flows, giving back what is not finished, and then the actors.
    pub(crate) async fn drain(&self, deadline: Duration) {
        let until = tokio::time::Instant::now() + deadline;
        let a = &self.addresses;
        // First what takes work in, so that nothing new comes; then what holds work.
        ask("ingestion", &a.ingestion, until, IngestionMessage::Drain).await;
        ask("intake", &a.intake, until, IntakeMessage::Drain).await;
        ask("access_log", &a.access_log, until, AccessLogMessage::Drain).await;
        let _ = self.root.cast(SupervisorMessage::Shutdown);
        if tokio::time::timeout_at(until + Duration::from_millis(500), self.ended()).await.is_err() {
            tracing::warn!("actors were still running at the deadline");
        }
    }
}

/// Sends a request to drain and waits for the answer, until the deadline.
async fn ask<M: ActorMessage>(
    name: &str,
    address: &Address<Letter<M>>,
    until: tokio::time::Instant,
    message: impl FnOnce(RpcReplyPort<()>) -> M,
) {
    let (reply, answer) = oneshot::channel();
    if !address.cast(message(reply.into())) {
        return;
    }
    match tokio::time::timeout_at(until, answer).await {
        Ok(Ok(())) => tracing::debug!(actor = name, "drained"),
        Ok(Err(_)) => tracing::warn!(actor = name, "died while draining"),
        Err(_) => tracing::warn!(actor = name, "not drained by the deadline; its work goes back to the queue"),
    }
}

fn pipeline_arguments(parts: &Parts, addresses: &Addresses) -> SupervisorArguments {
    let (a, p) = (addresses.clone(), parts.clone());
    let writer = GraphWriterArguments { store: p.store.clone(), intake: a.intake.clone() };
    let extraction = ExtractionArguments {
        workers: p.workers,
        extractors: p.extractors,
        store: p.store.clone(),
        schemas: p.schemas,
        graph_writer: a.graph_writer.clone(),
        intake: a.intake.clone(),
    };
    let ingestion =
        IngestionArguments { store: p.store.clone(), queue: Arc::clone(&p.queue), intake: a.intake.clone() };
    let relay = p.outbox.map(|outbox| OutboxRelayArguments { store: p.store.clone(), outbox });
    let intake = IntakeArguments {
        store: p.store,
        queue: p.queue,
        workers: p.workers,
        extraction: a.extraction.clone(),
        outcomes: p.outcomes,
        finished: p.finished,
    };
    let mut children = vec![
        ChildSpec::new("graph_writer", a.graph_writer, || GraphWriter, move || writer.clone()),
        ChildSpec::new("extraction", a.extraction, || Extraction, move || extraction.clone()),
    ];
    if let Some(relay) = relay {
        children.push(ChildSpec::new("outbox_relay", a.outbox_relay, || OutboxRelay, move || relay.clone()));
    }
    children.push(ChildSpec::new("ingestion", a.ingestion, || Ingestion, move || ingestion.clone()));
    if p.workers > 0 {
        children.push(ChildSpec::new("intake", a.intake, || Intake, move || intake.clone()));
    }
    SupervisorArguments { name: "pipeline", strategy: Strategy::RestForOne, intensity: PIPELINE_INTENSITY, children }
}
