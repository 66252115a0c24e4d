//! Intake: turns ready jobs into leases, hands them to extraction, keeps the leases alive and settles them.
//!
//! Owns every lease of this process. Receives wake-ups, verdicts and cancellations. Sends documents to extraction.
//! Whatever it holds when it dies goes back to the queue when its leases run out; a fencing token keeps a late writer
//! of such a lease from writing.

mod leasing;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use self::leasing::{in_time, lease_with_texts, persist};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio_util::task::TaskTracker;

use crate::{
    domain::{ids::JobId, verdict::Verdict},
    extraction::{ExtractionMessage, Halt, JobWatch, Work},
    finished::Finished,
    mailbox::{ActorMessage, Address, Letter, ToMyself},
    metrics::{JOB_ATTEMPTS, JOB_DURATION},
    outcomes::Outcomes,
    queue::JobQueue,
    store::{
        Store, StoreResult,
        documents::Text,
        leases::{Beat, Kind, Lease, QueueState},
    },
};

/// Leases held for each worker: enough that workers never wait for the database, and that the writer gets batches;
/// few enough that jobs wait in the table, where every process can take them, and not here.
pub(crate) const LEASES_PER_WORKER: usize = 16;
/// How often ready jobs are looked for when nothing announced any: due retries, and announcements that were missed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often leases are extended and progress is noted: many times within a lease's term, and fast enough to watch.
const BEAT_INTERVAL: Duration = Duration::from_millis(500);
/// How often leases that ran out are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

impl ActorMessage for IntakeMessage {
    const ACTOR: &'static str = "intake";
}

/// What intake is told.
pub enum IntakeMessage {
    /// Jobs may have become ready.
    WakeUp,
    /// The poll's turn.
    Poll,
    /// What leasing came to, with the texts.
    Leased(StoreResult<Vec<(Lease, Option<Text>)>>),
    /// Extend the leases.
    Beat,
    /// Which of the leases with these numbers still hold.
    Extended(Vec<(JobId, i64)>, StoreResult<Vec<JobId>>),
    /// Look for leases that ran out.
    Sweep,
    /// What the queue looks like after the sweep.
    Swept(StoreResult<QueueState>),
    /// How a try ended.
    Settle {
        /// The job.
        job: JobId,
        /// The number of the lease under which it was tried.
        fence: i64,
        /// How it ended.
        verdict: Verdict,
    },
    /// Somebody called this job off: stop working on it.
    Cancel(JobId),
    /// Lease nothing more, give back what has not been read, and answer when nothing is held any more.
    Drain(RpcReplyPort<()>),
}

/// What intake is started with.
#[derive(Clone)]
pub struct IntakeArguments {
    /// Where texts are.
    pub store: Store,
    /// Where jobs come from.
    pub queue: Arc<dyn JobQueue>,
    /// Documents that are read at the same time.
    pub workers: usize,
    /// Who reads.
    pub extraction: Address<Letter<ExtractionMessage>>,
    /// Who wants to know what tries came to.
    pub outcomes: Outcomes,
    /// Who waits for jobs to end.
    pub finished: Finished,
}

struct Held {
    lease: Lease,
    watch: Arc<JobWatch>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// Jobs above suspicion, side by side.
    Ordinary,
    /// A suspect waits: lease nothing until nothing is held.
    Clearing,
    /// A suspect runs, with nothing beside it.
    Suspect,
}

/// The actor.
pub struct Intake;

/// Its state.
pub struct IntakeState {
    arguments: IntakeArguments,
    held: HashMap<JobId, Held>,
    leasing: bool,
    /// Something happened while a lease was under way: look again after it.
    look_again: bool,
    suspects: bool,
    turn: Turn,
    drained: Option<RpcReplyPort<()>>,
    draining: bool,
    /// Verdicts and returned leases on their way to the queue; a drain waits for them.
    settling: TaskTracker,
    listener: tokio::task::JoinHandle<()>,
}

impl Drop for IntakeState {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Actor for Intake {
    type Msg = Letter<IntakeMessage>;
    type State = IntakeState;
    type Arguments = IntakeArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let (queue, waker) = (Arc::clone(&arguments.queue), myself.clone());
        let listener = tokio::spawn(async move {
            loop {
                queue.wake_up().await;
                if !waker.tell(IntakeMessage::WakeUp) {
                    return;
                }
            }
        });
        // An incarnation before this one may have died with leases in its hands; should this fail, they run out.
        if let Err(error) = arguments.queue.reclaim().await {
            tracing::warn!(%error, "leases of an earlier incarnation were not taken back");
        }
        for first in [IntakeMessage::Poll, IntakeMessage::Beat, IntakeMessage::Sweep] {
            myself.tell(first);
        }
        Ok(IntakeState {
            arguments,
            held: HashMap::new(),
            leasing: false,
            look_again: false,
            suspects: false,
            turn: Turn::Ordinary,
            drained: None,
            draining: false,
            settling: TaskTracker::new(),
            listener,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(message) = message.open() else { return Ok(()) };
        match message {
            IntakeMessage::WakeUp => state.lease(&myself),
            IntakeMessage::Poll => {
                myself.tell_after(POLL_INTERVAL, || IntakeMessage::Poll);
                state.lease(&myself);
            }
            IntakeMessage::Leased(leased) => state.leased(leased, &myself),
            IntakeMessage::Beat => state.beat(&myself),
            IntakeMessage::Extended(sent, answer) => {
                state.extended(&sent, answer);
                myself.tell_after(BEAT_INTERVAL, || IntakeMessage::Beat);
                state.after_settling(&myself);
            }
            IntakeMessage::Sweep => state.sweep(&myself),
            IntakeMessage::Swept(queue) => {
                state.swept(queue);
                myself.tell_after(SWEEP_INTERVAL, || IntakeMessage::Sweep);
                state.lease(&myself);
            }
            IntakeMessage::Settle { job, fence, verdict } => state.settle(job, fence, verdict, &myself),
            IntakeMessage::Cancel(job) => state.cancel(job),
            IntakeMessage::Drain(reply) => state.drain(reply),
        }
        Ok(())
    }
}

impl IntakeState {
    fn capacity(&self) -> usize {
        self.arguments.workers * LEASES_PER_WORKER
    }

    /// Asks the queue for jobs if there is room for a worthwhile batch; the answer comes as a message.
    fn lease(&mut self, myself: &ActorRef<Letter<IntakeMessage>>) {
        if self.draining {
            return;
        }
        if self.leasing {
            self.look_again = true;
            return;
        }
        let Some((kind, limit)) = self.next_lease() else { return };
        self.leasing = true;
        let (queue, store) = (Arc::clone(&self.arguments.queue), self.arguments.store.clone());
        let myself = myself.clone();
        tokio::spawn(async move {
            let leased = in_time(lease_with_texts(&*queue, &store, kind, limit)).await;
            myself.tell(IntakeMessage::Leased(leased));
        });
    }

    fn next_lease(&mut self) -> Option<(Kind, usize)> {
        if self.held.is_empty() && self.turn == Turn::Clearing {
            self.turn = Turn::Suspect;
            return Some((Kind::Suspect, 1));
        }
        let free = self.capacity().saturating_sub(self.held.len());
        (self.turn == Turn::Ordinary && free * 2 >= self.capacity()).then_some((Kind::Ordinary, free))
    }

    fn leased(&mut self, leased: StoreResult<Vec<(Lease, Option<Text>)>>, myself: &ActorRef<Letter<IntakeMessage>>) {
        self.leasing = false;
        let leased = leased.unwrap_or_else(|error| {
            tracing::warn!(%error, "no jobs could be leased; trying again at the next poll");
            Vec::new()
        });
        if self.draining {
            self.give_back(leased.into_iter().map(|(lease, _)| (lease.job_id, lease.fence)).collect());
            self.answer_drain();
            return;
        }
        if leased.is_empty() && self.turn == Turn::Suspect {
            self.suspects = false;
        }
        let full = leased.len() * 2 >= self.capacity();
        for (lease, text) in leased {
            self.hand_over(lease, text);
        }
        self.next_turn();
        if std::mem::take(&mut self.look_again) || full {
            self.lease(myself);
        }
    }

    /// Ordinary jobs and suspects take turns, so that neither keeps the other out: a batch of these, then one of those.
    fn next_turn(&mut self) {
        self.turn = match self.turn {
            Turn::Suspect if self.held.is_empty() && !self.leasing => Turn::Ordinary,
            Turn::Ordinary if self.suspects && !self.leasing => Turn::Clearing,
            turn => turn,
        };
    }

    fn hand_over(&mut self, lease: Lease, text: Option<Text>) {
        let watch = Arc::new(JobWatch::default());
        let (job, fence) = (lease.job_id, lease.fence);
        let Some(text) = text else {
            // Deleted since it was leased, and its job with it; but its message, if there is one, is still there.
            self.give_back(vec![(job, fence)]);
            return;
        };
        tracing::debug!(job.id = %job, attempt = lease.attempt, traceparent = lease.traceparent, "leased");
        let work = Work { lease: lease.clone(), text, watch: Arc::clone(&watch) };
        if self.arguments.extraction.cast(ExtractionMessage::Extract(Box::new(work))) {
            if let Some(older) = self.held.insert(job, Held { lease, watch }) {
                older.watch.halt(Halt::Gone);
            }
        } else {
            self.give_back(vec![(job, fence)]);
        }
    }

    fn give_back(&self, leases: Vec<(JobId, i64)>) {
        if leases.is_empty() {
            return;
        }
        let queue = Arc::clone(&self.arguments.queue);
        self.settling.spawn(async move {
            persist("giving leases back", || queue.release(leases.clone())).await;
        });
    }

    fn beat(&self, myself: &ActorRef<Letter<IntakeMessage>>) {
        if self.held.is_empty() {
            myself.tell_after(BEAT_INTERVAL, || IntakeMessage::Beat);
            return;
        }
        let beats: Vec<Beat> = self.held.values().map(beat_of).collect();
        let sent = beats.iter().map(|beat| (beat.job_id, beat.fence)).collect();
        let (queue, myself) = (Arc::clone(&self.arguments.queue), myself.clone());
        tokio::spawn(async move {
            let held = in_time(queue.extend(beats)).await;
            myself.tell(IntakeMessage::Extended(sent, held));
        });
    }

    /// Stops the work on jobs whose lease no longer holds: called off by another process, deleted, or run out.
    fn extended(&mut self, sent: &[(JobId, i64)], answer: StoreResult<Vec<JobId>>) {
        let held: HashSet<JobId> = match answer {
            Ok(held) => held.into_iter().collect(),
            Err(error) => {
                tracing::warn!(%error, "leases were not extended");
                return;
            }
        };
        for (job, fence) in sent.iter().filter(|(job, _)| !held.contains(job)) {
            // Those that were settled meanwhile are not here any more.
            if self.held.get(job).is_some_and(|h| h.lease.fence == *fence)
                && let Some(lost) = self.held.remove(job)
            {
                lost.watch.halt(Halt::Gone);
                tracing::info!(job.id = %job, "the lease no longer holds");
            }
        }
    }

    fn sweep(&self, myself: &ActorRef<Letter<IntakeMessage>>) {
        let (queue, myself) = (Arc::clone(&self.arguments.queue), myself.clone());
        tokio::spawn(async move {
            let state = in_time(async {
                queue.sweep().await?;
                queue.state().await
            })
            .await;
            myself.tell(IntakeMessage::Swept(state));
        });
    }

    fn swept(&mut self, queue: StoreResult<QueueState>) {
        match queue {
            Ok(queue) => {
                self.suspects = queue.suspects;
                self.next_turn();
            }
            Err(error) => tracing::warn!(%error, "the queue was not swept"),
        }
    }

    fn settle(&mut self, job: JobId, fence: i64, verdict: Verdict, myself: &ActorRef<Letter<IntakeMessage>>) {
        if self.held.get(&job).is_none_or(|held| held.lease.fence != fence) {
            return;
        }
        let Some(Held { lease, .. }) = self.held.remove(&job) else { return };
        self.note(&lease, &verdict);
        let (queue, finished) = (Arc::clone(&self.arguments.queue), self.arguments.finished.clone());
        self.settling.spawn(async move {
            persist("recording a verdict", || queue.settle(lease.clone(), verdict.clone())).await;
            finished.announce(job);
        });
        self.after_settling(myself);
    }

    fn after_settling(&mut self, myself: &ActorRef<Letter<IntakeMessage>>) {
        self.next_turn();
        self.answer_drain();
        self.lease(myself);
    }

    /// Answers whoever drains, once nothing is held and all that was is recorded.
    fn answer_drain(&mut self) {
        if !self.draining || self.leasing || !self.held.is_empty() {
            return;
        }
        let Some(reply) = self.drained.take() else { return };
        let settling = self.settling.clone();
        settling.close();
        tokio::spawn(async move {
            settling.wait().await;
            let _ = reply.send(());
        });
    }

    fn note(&self, lease: &Lease, verdict: &Verdict) {
        let outcome = match verdict {
            Verdict::Done(_) => "done",
            Verdict::Reject(_) => "reject",
            Verdict::Retry(_) => "retry",
            Verdict::Postpone(_) => "postpone",
            Verdict::Unavailable { .. } => "unavailable",
            Verdict::Release => "release",
            Verdict::Gone => "gone",
        };
        metrics::counter!(JOB_ATTEMPTS, "outcome" => outcome).increment(1);
        match verdict {
            Verdict::Done(_) => {
                let took = (chrono::Utc::now() - lease.created_at).to_std().unwrap_or_default();
                metrics::histogram!(JOB_DURATION).record(took.as_secs_f64());
                self.arguments.outcomes.note(lease.owner_id, true);
            }
            Verdict::Retry(reason) => {
                tracing::warn!(job.id = %lease.job_id, attempt = lease.attempt, reason, "a try failed");
                self.arguments.outcomes.note(lease.owner_id, false);
            }
            Verdict::Postpone(reason) => tracing::warn!(job.id = %lease.job_id, reason, "a try was put off"),
            Verdict::Unavailable { reason, pause } => {
                tracing::warn!(job.id = %lease.job_id, reason, ?pause, "the extractor is not available");
                // An extractor that only this job asked for says nothing of the service itself.
                if lease.options.extractor.is_none() {
                    self.arguments.outcomes.note(lease.owner_id, false);
                }
            }
            Verdict::Reject(reason) => tracing::info!(job.id = %lease.job_id, reason, "a document cannot be done"),
            Verdict::Release | Verdict::Gone => {}
        }
    }

    fn cancel(&mut self, job: JobId) {
        if let Some(held) = self.held.get(&job) {
            held.watch.halt(Halt::Gone);
        }
    }

    fn drain(&mut self, reply: RpcReplyPort<()>) {
        self.draining = true;
        self.drained = Some(reply);
        // What is being written is past asking and gets done; everything else stops at its next sentence.
        for held in self.held.values() {
            held.watch.halt(Halt::Release);
        }
        self.answer_drain();
    }
}

fn beat_of(held: &Held) -> Beat {
    let (stage, done, total) = held.watch.progress();
    Beat { job_id: held.lease.job_id, fence: held.lease.fence, stage, done, total }
}
