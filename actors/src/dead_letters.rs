//! Dead letters and the queue, for admins: how full it is, and what to do with jobs whose attempts are used up.
//!
//! Whoever is no admin is refused here, in words; the database would show them nothing of anybody else's either.

use std::sync::Arc;

use chrono::Utc;

use crate::{
    domain::{
        caller::{Caller, Role},
        dead_letter::{DeadLetter, DeadLetterFilter, QueueOverview, Replay, Replayed},
        error::{Error, Result},
        ids::JobId,
        job::{Job, JobStatus},
        page::{Listing, Page},
    },
    finished::Finished,
    intake::IntakeMessage,
    mailbox::{Address, Letter},
    metrics::{JOBS_FINISHED, JOBS_REPLAYED},
    queue::JobQueue,
    store::{Store, jobs::Changed},
};

/// Jobs that one transaction puts back: small enough to take a moment, so that no lock is held for long.
const REPLAY_PART: i64 = 1000;

/// Looking after the queue.
#[derive(Clone)]
pub struct DeadLetters {
    store: Store,
    queue: Arc<dyn JobQueue>,
    intake: Address<Letter<IntakeMessage>>,
    finished: Finished,
}

impl DeadLetters {
    pub(crate) fn new(
        store: Store,
        queue: Arc<dyn JobQueue>,
        intake: Address<Letter<IntakeMessage>>,
        finished: Finished,
    ) -> Self {
        // There from the start, so that a rate can be told from the first replay on.
        metrics::counter!(JOBS_REPLAYED).increment(0);
        Self { store, queue, intake, finished }
    }

    /// How full the queue is.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin.
    pub async fn overview(&self, caller: &Caller) -> Result<QueueOverview> {
        admin(caller)?;
        Ok(self.store.queue_overview(caller, self.queue.transport()).await?)
    }

    /// A page of all dead letters, newest job first.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin.
    pub async fn list(&self, caller: &Caller, filter: &DeadLetterFilter, page: &Page) -> Result<Listing<DeadLetter>> {
        admin(caller)?;
        Ok(self.store.dead_letters(caller, filter, page).await?)
    }

    /// One dead letter.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin, [`Error::NotFound`] also for a job that is not dead.
    pub async fn get(&self, caller: &Caller, id: JobId) -> Result<DeadLetter> {
        admin(caller)?;
        self.store.dead_letter(caller, id).await?.ok_or(Error::NotFound("dead letter"))
    }

    /// Puts one back into the queue, with all its attempts.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin, [`Error::NotFound`], or [`Error::Conflict`] for a job that is not
    /// dead or whose document has a newer job.
    pub async fn replay(&self, caller: &Caller, id: JobId) -> Result<Job> {
        admin(caller)?;
        match self.store.replay_dead_letter(caller, id).await? {
            Changed::Yes => {
                tracing::info!(job.id = %id, admin = %caller.user_id, "a dead job was replayed");
                self.wake_up(1).await;
                self.job(caller, id).await
            }
            changed => Err(refusal(&changed, "replayed")),
        }
    }

    /// Puts many back. It stops with the first failure of the database; what was put back by then stays so.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for whoever is no admin.
    pub async fn replay_many(&self, caller: &Caller, which: Replay) -> Result<Replayed> {
        admin(caller)?;
        let replayed = match which {
            Replay::Named(mut ids) => {
                ids.sort_unstable();
                ids.dedup();
                let replayed = self.store.replay_named(caller, &ids).await?;
                Replayed { replayed, skipped: ids.len() as u64 - replayed }
            }
            Replay::DeadBefore(time) => {
                // What dies while this runs is left to the next request.
                let (before, mut after, mut sum) = (time.min(Utc::now()), None, Replayed::default());
                loop {
                    let part = self.store.replay_part(caller, before, after, REPLAY_PART).await?;
                    sum.replayed += part.replayed.replayed;
                    sum.skipped += part.replayed.skipped;
                    after = part.next;
                    if after.is_none() {
                        break sum;
                    }
                }
            }
        };
        tracing::info!(
            replayed = replayed.replayed,
            skipped = replayed.skipped,
            admin = %caller.user_id,
            "dead jobs were replayed"
        );
        self.wake_up(replayed.replayed).await;
        Ok(replayed)
    }

    /// Gives up on one for good. Its document remains.
    ///
    /// # Errors
    /// As [`DeadLetters::replay`].
    pub async fn discard(&self, caller: &Caller, id: JobId) -> Result<Job> {
        admin(caller)?;
        match self.store.discard_dead_letter(caller, id).await? {
            Changed::Yes => {
                tracing::info!(job.id = %id, admin = %caller.user_id, "a dead job was discarded");
                metrics::counter!(JOBS_FINISHED, "status" => JobStatus::Cancelled.as_str()).increment(1);
                self.finished.announce(id);
                self.job(caller, id).await
            }
            changed => Err(refusal(&changed, "discarded")),
        }
    }

    async fn job(&self, caller: &Caller, id: JobId) -> Result<Job> {
        self.store.job(caller, id).await?.ok_or(Error::NotFound("job"))
    }

    /// Tells this process, and the others, that jobs became ready.
    async fn wake_up(&self, jobs: u64) {
        if jobs == 0 {
            return;
        }
        metrics::counter!(JOBS_REPLAYED).increment(jobs);
        self.intake.cast(IntakeMessage::WakeUp);
        if let Err(error) = self.queue.announce().await {
            tracing::warn!(%error, "other processes were not told of ready jobs; they find them by polling");
        }
    }
}

fn admin(caller: &Caller) -> Result<()> {
    if caller.role == Role::Admin { Ok(()) } else { Err(Error::Forbidden("only an admin may look after the queue")) }
}

fn refusal(changed: &Changed, what: &str) -> Error {
    match changed {
        Changed::NotFrom(JobStatus::Dead) => {
            Error::Conflict(format!("this job cannot be {what}: a newer job of its document has taken its place"))
        }
        Changed::NotFrom(status) => {
            Error::Conflict(format!("only a dead job can be {what}; this one is {}", status.as_str()))
        }
        Changed::Yes | Changed::NoSuchJob => Error::NotFound("dead letter"),
    }
}
