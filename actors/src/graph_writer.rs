//! The graph writer: writes what documents say, keyed by owner, many documents a transaction.
//!
//! Owns the readings that wait. Receives [`GraphWriterMessage::Write`] from extraction, never more than intake leases.
//! Sends a verdict for each to intake. One owner's documents are written by one transaction at a time, so they never
//! wait for each other's locks; owners take turns, so none waits behind another's backlog. A reading that cannot be
//! written, or crashes the writing, spoils only its own try.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::{
    domain::{ids::UserId, job::JobResult, verdict::Verdict},
    intake::IntakeMessage,
    mailbox::{ActorMessage, Address, Letter, ToMyself},
    metrics::{GRAPH_WRITE_DOCUMENTS, GRAPH_WRITE_DURATION, JOBS_FINISHED},
    store::{Store, StoreError, StoreResult, graph_write::Reading},
};

/// Owners that are written at the same time: a transaction waits mostly for the disk, and the disk takes several.
const CONCURRENT_OWNERS: usize = 4;
/// Documents in one transaction: past this the gain is small and a failure costs more to sort out.
const BATCH_DOCUMENTS: usize = 64;
/// Mentions in one transaction, so that large documents do not pile up in one.
const BATCH_MENTIONS: usize = 20_000;
/// How often a transaction that lost a race is run again at once.
const RACE_RETRIES: u32 = 3;
/// The pause before that, times the number of the retry.
const RACE_PAUSE: Duration = Duration::from_millis(10);

impl ActorMessage for GraphWriterMessage {
    const ACTOR: &'static str = "graph_writer";
}

/// What the graph writer is told.
pub enum GraphWriterMessage {
    /// Write this.
    Write(Box<Reading>),
    /// The transaction of this owner is over.
    Finished(UserId),
}

/// What the graph writer is started with.
#[derive(Clone)]
pub struct GraphWriterArguments {
    /// Where the graph is.
    pub store: Store,
    /// Who settles.
    pub intake: Address<Letter<IntakeMessage>>,
}

/// The actor.
pub struct GraphWriter;

/// Its state.
pub struct GraphWriterState {
    arguments: GraphWriterArguments,
    waiting: HashMap<UserId, VecDeque<Reading>>,
    /// Owners with something waiting and nothing being written, in the order of their turns.
    turns: VecDeque<UserId>,
    writing: Vec<UserId>,
}

impl Actor for GraphWriter {
    type Msg = Letter<GraphWriterMessage>;
    type State = GraphWriterState;
    type Arguments = GraphWriterArguments;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(GraphWriterState { arguments, waiting: HashMap::new(), turns: VecDeque::new(), writing: Vec::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(message) = message.open() else { return Ok(()) };
        match message {
            GraphWriterMessage::Write(reading) => state.enqueue(*reading),
            GraphWriterMessage::Finished(owner) => state.finished(owner),
        }
        state.write(&myself);
        Ok(())
    }
}

impl GraphWriterState {
    fn enqueue(&mut self, reading: Reading) {
        let owner = reading.lease.owner_id;
        self.waiting.entry(owner).or_default().push_back(reading);
        self.take_turn(owner);
    }

    fn take_turn(&mut self, owner: UserId) {
        if !self.writing.contains(&owner) && !self.turns.contains(&owner) && self.waiting.contains_key(&owner) {
            self.turns.push_back(owner);
        }
    }

    fn finished(&mut self, owner: UserId) {
        self.writing.retain(|writing| *writing != owner);
        self.take_turn(owner);
    }

    /// Starts a transaction for each owner whose turn it is, up to the limit.
    fn write(&mut self, myself: &ActorRef<Letter<GraphWriterMessage>>) {
        while self.writing.len() < CONCURRENT_OWNERS {
            let Some(owner) = self.turns.pop_front() else { return };
            let batch = self.next_batch(owner);
            if batch.is_empty() {
                continue;
            }
            self.writing.push(owner);
            let guard = FinishedGuard { owner, myself: myself.clone() };
            tokio::spawn(write_batch(self.arguments.clone(), owner, batch, guard));
        }
    }

    fn next_batch(&mut self, owner: UserId) -> Vec<Reading> {
        let Some(waiting) = self.waiting.get_mut(&owner) else { return Vec::new() };
        let (mut batch, mut mentions) = (Vec::new(), 0);
        while let Some(next) = waiting.front() {
            mentions += next.document.extraction.mentions.len();
            if !batch.is_empty() && (batch.len() >= BATCH_DOCUMENTS || mentions > BATCH_MENTIONS) {
                break;
            }
            batch.extend(waiting.pop_front());
        }
        if waiting.is_empty() {
            self.waiting.remove(&owner);
        }
        batch
    }
}

/// Says that an owner's transaction is over even when its task panics: an owner must never be stuck.
struct FinishedGuard {
    owner: UserId,
    myself: ActorRef<Letter<GraphWriterMessage>>,
}

impl Drop for FinishedGuard {
    fn drop(&mut self) {
        // Refused only by an incarnation that is gone, with all its owners.
        self.myself.tell(GraphWriterMessage::Finished(self.owner));
    }
}

/// Writes a batch and settles each of its documents. When the batch as a whole cannot be written, each is tried alone.
async fn write_batch(arguments: GraphWriterArguments, owner: UserId, batch: Vec<Reading>, guard: FinishedGuard) {
    let batch = Arc::new(batch);
    match write_safely(&arguments.store, owner, &batch).await {
        Err(failure) if batch.len() > 1 && !failure.is_away() => {
            tracing::warn!(%failure, documents = batch.len(), "a batch could not be written; trying each document alone");
            for reading in batch.iter() {
                let alone = Arc::new(vec![reading.clone()]);
                settle(&arguments, &alone, write_safely(&arguments.store, owner, &alone).await);
            }
        }
        outcome => settle(&arguments, &batch, outcome),
    }
    drop(guard);
}

fn settle(arguments: &GraphWriterArguments, batch: &[Reading], outcome: Result<Vec<Option<JobResult>>, Failure>) {
    let verdicts: Vec<Verdict> = match outcome {
        Ok(results) => results.into_iter().map(|result| result.map_or(Verdict::Gone, Verdict::Done)).collect(),
        Err(failure) => {
            tracing::error!(%failure, documents = batch.len(), "documents could not be written");
            vec![failure.verdict(); batch.len()]
        }
    };
    for (reading, verdict) in batch.iter().zip(verdicts) {
        let (job, fence) = (reading.lease.job_id, reading.lease.fence);
        arguments.intake.cast(IntakeMessage::Settle { job, fence, verdict });
    }
}

/// Why documents were not written.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the writing crashed: {0}")]
    Crash(#[from] tokio::task::JoinError),
}

impl Failure {
    fn is_away(&self) -> bool {
        matches!(self, Failure::Store(error) if error.is_away())
    }

    /// The reason is for the document's owner; the statement's own words are in the log.
    fn verdict(&self) -> Verdict {
        match self {
            Failure::Store(error) if error.is_away() => {
                Verdict::Postpone("the database was not available when its facts were to be written".into())
            }
            Failure::Store(_) => Verdict::Retry("its facts could not be written to the graph".into()),
            Failure::Crash(_) => Verdict::Retry("writing its facts to the graph crashed".into()),
        }
    }
}

/// In a task of its own, where a panic ends as a failure.
async fn write_safely(
    store: &Store,
    owner: UserId,
    batch: &Arc<Vec<Reading>>,
) -> Result<Vec<Option<JobResult>>, Failure> {
    let (store, batch) = (store.clone(), Arc::clone(batch));
    Ok(tokio::spawn(async move { write(&store, owner, &batch).await }).await??)
}

/// One transaction, run again when it lost a race.
async fn write(store: &Store, owner: UserId, batch: &[Reading]) -> StoreResult<Vec<Option<JobResult>>> {
    let mut retries = 0;
    loop {
        let begun = Instant::now();
        match store.write_graph(owner, batch).await {
            Ok(results) => {
                metrics::histogram!(GRAPH_WRITE_DURATION).record(begun.elapsed().as_secs_f64());
                #[allow(clippy::cast_precision_loss)]
                metrics::histogram!(GRAPH_WRITE_DOCUMENTS).record(batch.len() as f64);
                let done = results.iter().flatten().count();
                metrics::counter!(JOBS_FINISHED, "status" => "completed").increment(done as u64);
                return Ok(results);
            }
            Err(error) if error.is_conflict_of_transactions() && retries < RACE_RETRIES => {
                retries += 1;
                tokio::time::sleep(RACE_PAUSE * retries).await;
            }
            Err(error) => return Err(error),
        }
    }
}
