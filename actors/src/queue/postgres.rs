//! The job table as the queue: SKIP LOCKED in batches, leases that are extended, LISTEN for wake-ups.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use tokio::sync::Mutex;

use super::{JobQueue, LEASE_TERM, Swept};
use crate::{
    domain::{
        ids::{JobId, UserId},
        job::JobStatus,
        verdict::{LONGEST_UNAVAILABLE, POSTPONE_PAUSE, Verdict, backoff},
    },
    metrics::{JOB_LEASES_LOST, JOBS_FINISHED},
    store::{
        Store, StoreResult,
        leases::{Beat, Kind, Lease, Orphans, QueueState},
    },
};

/// The channel on which processes tell each other that jobs became ready.
const READY_CHANNEL: &str = "kgl_jobs_ready";
/// How long to wait before listening again after the connection broke. Polling goes on meanwhile.
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// The job table as the queue.
pub struct PostgresQueue {
    store: Store,
    holder: String,
    listen_at: PgConnectOptions,
    listener: Mutex<Option<PgListener>>,
    /// Whose turn it was last.
    last_turn: Mutex<UserId>,
}

impl PostgresQueue {
    /// A queue over `store`; `holder` names this process in leases, `listen_at` is how to open the connection that
    /// listens.
    #[must_use]
    pub fn new(store: Store, holder: String, listen_at: PgConnectOptions) -> Self {
        Self { store, holder, listen_at, listener: Mutex::new(None), last_turn: Mutex::new(UserId(uuid::Uuid::nil())) }
    }

    async fn connect(&self) -> sqlx::Result<PgListener> {
        // A pool of its own: the listener holds its connection for good and must not take one from the others.
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(self.listen_at.clone());
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(READY_CHANNEL).await?;
        Ok(listener)
    }

    async fn next_wake_up(&self) {
        let mut slot = self.listener.lock().await;
        if slot.is_none() {
            match self.connect().await {
                Ok(listener) => *slot = Some(listener),
                Err(error) => {
                    tracing::warn!(%error, "cannot listen for ready jobs; polling goes on");
                    tokio::time::sleep(RECONNECT_PAUSE).await;
                    return;
                }
            }
        }
        if let Some(listener) = slot.as_mut()
            && let Err(error) = listener.recv().await
        {
            tracing::warn!(%error, "the connection that listens for ready jobs broke; polling goes on");
            *slot = None;
            tokio::time::sleep(RECONNECT_PAUSE).await;
        }
    }

    /// Owners take turns. Where all whose turn it is have jobs that are not ready yet, the oldest ready job of anybody
    /// is next, so that nobody waits for theirs.
    async fn lease_ordinary(&self, limit: usize) -> StoreResult<Vec<Lease>> {
        let after = *self.last_turn.lock().await;
        let leases = self.store.lease_in_turns(&self.holder, after, limit, LEASE_TERM).await?;
        if leases.is_empty() {
            return self.store.lease_oldest(&self.holder, Kind::Ordinary, limit, LEASE_TERM).await;
        }
        // The last owner in the order of turns: those after `after` first, then from the beginning.
        let last = leases.iter().map(|lease| lease.owner_id).max_by_key(|owner| (*owner <= after, *owner));
        *self.last_turn.lock().await = last.unwrap_or(after);
        Ok(leases)
    }

    async fn take_back(&self, which: Orphans<'_>) -> StoreResult<Swept> {
        let (returned, dead) = self.store.sweep_leases(which).await?;
        if returned + dead > 0 {
            tracing::warn!(returned, dead, "leases were lost");
        }
        metrics::counter!(JOB_LEASES_LOST).increment((returned + dead) as u64);
        metrics::counter!(JOBS_FINISHED, "status" => JobStatus::Dead.as_str()).increment(dead as u64);
        Ok(Swept { returned, dead })
    }

    async fn settled(&self, lease: Lease, verdict: Verdict) -> StoreResult<()> {
        let ended = match verdict {
            // The writer's transaction closed the job and counted it.
            Verdict::Done(_) | Verdict::Gone => None,
            Verdict::Release => {
                self.store.release_jobs(&[(lease.job_id, lease.fence)]).await?;
                None
            }
            Verdict::Postpone(reason) => {
                self.store.postpone_job(&lease, &reason, POSTPONE_PAUSE).await?;
                None
            }
            Verdict::Unavailable { reason, pause } => {
                // Those that were turned away together do not come back together.
                let pause = pause.clamp(POSTPONE_PAUSE, LONGEST_UNAVAILABLE).mul_f64(1.0 + 0.5 * rand::random::<f64>());
                let pause = Duration::from_millis(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
                self.store.postpone_job(&lease, &reason, pause).await?;
                None
            }
            Verdict::Reject(reason) => self.store.reject_job(&lease, &reason).await?.then_some(JobStatus::Failed),
            Verdict::Retry(reason) => {
                let pause = backoff(lease.attempt, rand::random());
                self.store.retry_later(&lease, &reason, pause).await?.filter(|status| status.is_final())
            }
        };
        if let Some(status) = ended {
            metrics::counter!(JOBS_FINISHED, "status" => status.as_str()).increment(1);
        }
        Ok(())
    }
}

impl JobQueue for PostgresQueue {
    fn lease(&self, kind: Kind, limit: usize) -> BoxFuture<'_, StoreResult<Vec<Lease>>> {
        async move {
            match kind {
                Kind::Ordinary => self.lease_ordinary(limit).await,
                Kind::Suspect => self.store.lease_oldest(&self.holder, kind, limit, LEASE_TERM).await,
            }
        }
        .boxed()
    }

    fn extend(&self, beats: Vec<Beat>) -> BoxFuture<'_, StoreResult<Vec<JobId>>> {
        async move { self.store.extend_leases(&beats, LEASE_TERM).await }.boxed()
    }

    fn settle(&self, lease: Lease, verdict: Verdict) -> BoxFuture<'_, StoreResult<()>> {
        self.settled(lease, verdict).boxed()
    }

    fn release(&self, leases: Vec<(JobId, i64)>) -> BoxFuture<'_, StoreResult<()>> {
        async move { self.store.release_jobs(&leases).await.map(drop) }.boxed()
    }

    fn reclaim(&self) -> BoxFuture<'_, StoreResult<Swept>> {
        self.take_back(Orphans::Of(&self.holder)).boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, StoreResult<Swept>> {
        self.take_back(Orphans::Expired { but_not_of: &self.holder }).boxed()
    }

    fn wake_up(&self) -> BoxFuture<'_, ()> {
        self.next_wake_up().boxed()
    }

    fn announce(&self) -> BoxFuture<'_, StoreResult<()>> {
        async move {
            sqlx::query("SELECT pg_notify($1, '')").bind(READY_CHANNEL).execute(self.store.system()).await?;
            Ok(())
        }
        .boxed()
    }

    fn state(&self) -> BoxFuture<'_, StoreResult<QueueState>> {
        self.store.queue_state().boxed()
    }
}
