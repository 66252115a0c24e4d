//! The recurring work itself. Each piece may be done twice, by two processes at once, or be cut off anywhere: it only
//! takes away what is over, in statements that are whole by themselves.

use std::{error::Error, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use crate::{
    accounts::Accounts,
    domain::job::JobStatus,
    metrics::JOBS_FINISHED,
    start::Upkeep,
    store::{Store, StoreResult},
};

/// Rows that one statement takes away: so few that it holds no lock for long.
const BATCH: i64 = 10_000;
/// After so long a round of batches leaves the rest to the next round.
const ROUND: Duration = Duration::from_secs(20);

/// Why a run failed.
pub(super) type Trouble = Box<dyn Error + Send + Sync>;
type Work = Arc<dyn Fn() -> BoxFuture<'static, Result<u64, Trouble>> + Send + Sync>;

/// A piece of recurring work.
#[derive(Clone)]
pub(super) struct Task {
    /// In logs, metrics and health.
    pub(super) name: &'static str,
    /// From the start of a run to that of the next.
    pub(super) interval: Duration,
    /// Does it once; answers how many rows it took away.
    pub(super) work: Work,
}

impl Task {
    pub(super) fn new<F>(name: &'static str, interval: Duration, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<u64, Trouble>> + Send + 'static,
    {
        Self { name, interval, work: Arc::new(move || work().boxed()) }
    }
}

/// All of it.
pub(super) fn all(accounts: &Accounts, store: &Store, upkeep: Upkeep) -> Vec<Task> {
    let interval = upkeep.interval;
    let (accounts, keys, answers) = (accounts.clone(), store.clone(), store.clone());
    let mut tasks = vec![
        Task::new("expired_sessions", interval, move || {
            let accounts = accounts.clone();
            async move { Ok(accounts.housekeeping().await?) }
        }),
        Task::new("idempotency_keys", interval, move || {
            let store = keys.clone();
            async move { Ok(store.forget_idempotency_keys().await?) }
        }),
        Task::new("language_model_answers", interval, move || {
            let store = answers.clone();
            async move { Ok(store.forget_language_model_answers().await?) }
        }),
    ];
    // Zero days: for ever.
    if upkeep.dead_retention_days > 0 {
        let (store, days) = (store.clone(), upkeep.dead_retention_days);
        tasks.push(Task::new("dead_letters", interval, move || discard_dead_letters(store.clone(), days)));
    }
    if upkeep.access_log_retention_days > 0 {
        let (store, days) = (store.clone(), upkeep.access_log_retention_days);
        tasks.push(Task::new("access_logs", interval, move || forget_access_records(store.clone(), days)));
    }
    tasks
}

async fn discard_dead_letters(store: Store, days: u32) -> Result<u64, Trouble> {
    let discarded = in_batches(ROUND, || store.discard_old_dead_letters(days, BATCH)).await?;
    metrics::counter!(JOBS_FINISHED, "status" => JobStatus::Cancelled.as_str()).increment(discarded);
    Ok(discarded)
}

async fn forget_access_records(store: Store, days: u32) -> Result<u64, Trouble> {
    in_batches(ROUND, || store.forget_access_records(days, BATCH)).await
}

/// Repeats a statement until it finds less than a batch, or the round is over.
async fn in_batches<F: Future<Output = StoreResult<u64>>>(
    round: Duration,
    batch: impl Fn() -> F,
) -> Result<u64, Trouble> {
    let (until, full, mut sum) = (Instant::now() + round, BATCH.unsigned_abs(), 0);
    loop {
        let rows = batch().await?;
        sum += rows;
        if rows < full || Instant::now() >= until {
            return Ok(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_round_of_batches_ends_with_the_work_or_with_its_time() {
        let left = AtomicU64::new(25_000);
        let batch = || async {
            let before = left.load(Ordering::Relaxed);
            let taken = before.min(BATCH.unsigned_abs());
            left.store(before - taken, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
            Ok(taken)
        };
        assert_eq!(in_batches(ROUND, batch).await.ok(), Some(25_000));
        left.store(u64::MAX, Ordering::Relaxed);
        assert!(in_batches(Duration::from_millis(20), batch).await.is_ok(), "it ends although there is more");
        assert!(left.load(Ordering::Relaxed) > u64::MAX / 2);
    }
}
