//! Ingestion: commits documents with their jobs, and tells intake that there is work.
//!
//! Owns the submissions that are being committed. Receives [`IngestionMessage::Commit`] with an admission permit in
//! it, so there are never more of them than permits. Sends a wake-up to intake, and, gathered, to other processes.
//! Dies only by its supervisor's hand; commits under way are then finished by their own tasks.

use std::{sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_util::task::TaskTracker;

use crate::{
    domain::{
        caller::Caller,
        document::Idempotency,
        error::{Error, Result},
    },
    intake::IntakeMessage,
    mailbox::{ActorMessage, Address, Letter},
    metrics::JOBS_SUBMITTED,
    queue::JobQueue,
    store::{
        Store,
        submissions::{Intake, PreparedDocument},
    },
};

/// Wake-ups for other processes are gathered for this long: a notification takes a lock that all commits share.
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(20);

/// A document to commit.
pub struct Commit {
    /// Who submits it.
    pub caller: Caller,
    /// What is submitted.
    pub document: PreparedDocument,
    /// What makes a repetition of the request harmless.
    pub idempotency: Option<Idempotency>,
    /// Given back when the commit is over.
    pub permit: OwnedSemaphorePermit,
    /// Where the answer goes.
    pub reply: RpcReplyPort<Result<Intake>>,
}

impl ActorMessage for IngestionMessage {
    const ACTOR: &'static str = "ingestion";
}

/// What ingestion is told.
pub enum IngestionMessage {
    /// Commit this document.
    Commit(Box<Commit>),
    /// Answer when nothing is being committed any more.
    Drain(RpcReplyPort<()>),
}

/// What ingestion is started with.
#[derive(Clone)]
pub struct IngestionArguments {
    /// Where documents go.
    pub store: Store,
    /// How other processes hear of them.
    pub queue: Arc<dyn JobQueue>,
    /// Who leases their jobs.
    pub intake: Address<Letter<IntakeMessage>>,
}

/// The actor.
pub struct Ingestion;

/// Its state.
pub struct IngestionState {
    arguments: IngestionArguments,
    commits: TaskTracker,
    committed: Arc<Notify>,
    announcer: tokio::task::JoinHandle<()>,
}

impl Actor for Ingestion {
    type Msg = Letter<IngestionMessage>;
    type State = IngestionState;
    type Arguments = IngestionArguments;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> std::result::Result<Self::State, ActorProcessingErr> {
        let committed = Arc::new(Notify::new());
        let announcer = tokio::spawn(announce(Arc::clone(&arguments.queue), Arc::clone(&committed)));
        Ok(IngestionState { arguments, commits: TaskTracker::new(), committed, announcer })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> std::result::Result<(), ActorProcessingErr> {
        let Some(message) = message.open() else { return Ok(()) };
        match message {
            IngestionMessage::Commit(commit) => state.commit(*commit),
            IngestionMessage::Drain(reply) => state.drain(reply),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> std::result::Result<(), ActorProcessingErr> {
        state.announcer.abort();
        Ok(())
    }
}

impl Drop for IngestionState {
    fn drop(&mut self) {
        self.announcer.abort();
    }
}

impl IngestionState {
    /// Each commit is a task: the database gathers those that come together into one write to disk.
    fn commit(&self, commit: Commit) {
        let (store, intake) = (self.arguments.store.clone(), self.arguments.intake.clone());
        let (committed, queue) = (Arc::clone(&self.committed), Arc::clone(&self.arguments.queue));
        self.commits.spawn(async move {
            let Commit { caller, document, idempotency, permit, reply } = commit;
            let result = store.take_in(&caller, &document, idempotency.as_ref()).await.map_err(Error::from);
            if matches!(result, Ok(Intake::Created(..))) {
                metrics::counter!(JOBS_SUBMITTED).increment(1);
                intake.cast(IntakeMessage::WakeUp);
                queue.committed();
                committed.notify_one();
            }
            drop(permit);
            // A caller that went away finds its document by its content or its key.
            let _ = reply.send(result);
        });
    }

    fn drain(&self, reply: RpcReplyPort<()>) {
        let commits = self.commits.clone();
        commits.close();
        tokio::spawn(async move {
            commits.wait().await;
            let _ = reply.send(());
        });
    }
}

/// Tells other processes of new jobs, many commits at a time.
async fn announce(queue: Arc<dyn JobQueue>, committed: Arc<Notify>) {
    loop {
        committed.notified().await;
        tokio::time::sleep(ANNOUNCE_PAUSE).await;
        if let Err(error) = queue.announce().await {
            tracing::debug!(%error, "new jobs were not announced; other processes find them by polling");
        }
    }
}
