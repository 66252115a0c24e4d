//! How intake talks to the queue: batches with their texts, answers in time, records that are tried until they are made.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;

use crate::{
    domain::ids::{DocumentId, JobId, UserId},
    queue::{JobQueue, LEASE_TERM},
    store::{
        Store, StoreError, StoreResult,
        documents::Text,
        leases::{Kind, Lease},
    },
};

/// The queue's answer is waited for this long: a connection that hangs must not stop leasing, beating or sweeping.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause before a verdict that could not be recorded is tried again.
const SETTLE_PAUSE: Duration = Duration::from_millis(500);
/// Texts that one batch of leases brings into memory, in bytes; what is beyond goes back for the next one.
const BATCH_BYTES: usize = 64 << 20;

/// The queue's answer, or an error that it is away.
pub(super) async fn in_time<T>(answer: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
    tokio::time::timeout(QUEUE_TIMEOUT, answer).await.unwrap_or_else(|_| Err(StoreError::timed_out()))
}

/// Tries until it is done, or until the lease has run out and the queue takes the job back by itself. Whatever is done
/// this way names the lease's number, so twice is the same as once.
pub(super) async fn persist<'a, F>(what: &str, mut attempt: impl FnMut() -> F)
where
    F: Future<Output = StoreResult<()>> + 'a,
{
    let until = tokio::time::Instant::now() + LEASE_TERM;
    while let Err(error) = in_time(attempt()).await {
        if tokio::time::Instant::now() >= until {
            tracing::warn!(%error, "{what} failed; the lease will run out");
            return;
        }
        tracing::debug!(%error, "{what} failed; trying again");
        tokio::time::sleep(SETTLE_PAUSE).await;
    }
}

/// Leases jobs and reads their texts, each owner's in that owner's name.
pub(super) async fn lease_with_texts(
    queue: &dyn JobQueue,
    store: &Store,
    kind: Kind,
    limit: usize,
) -> StoreResult<Vec<(Lease, Option<Text>)>> {
    let mut leases = queue.lease(kind, limit).await?;
    // In the order of their submission: a statement answers in any order.
    leases.sort_by_key(|lease| lease.job_id);
    let beyond = beyond_budget(&mut leases);
    if !beyond.is_empty() {
        queue.release(beyond).await?;
    }
    let mut by_owner: HashMap<UserId, Vec<(DocumentId, i32)>> = HashMap::new();
    for lease in &leases {
        by_owner.entry(lease.owner_id).or_default().push((lease.document_id, lease.revision));
    }
    let reads = by_owner.iter().map(|(owner, documents)| store.texts(*owner, documents));
    let mut texts: HashMap<(DocumentId, i32), Text> = HashMap::new();
    for read in join_all(reads).await {
        match read {
            Ok(read) => texts.extend(read.into_iter().map(|text| ((text.document_id, text.revision), text))),
            Err(error) => {
                // Nothing of this batch was begun: all of it goes back.
                let back = leases.iter().map(|lease| (lease.job_id, lease.fence)).collect();
                queue.release(back).await?;
                return Err(error);
            }
        }
    }
    Ok(leases
        .into_iter()
        .map(|lease| {
            let text = texts.remove(&(lease.document_id, lease.revision));
            (lease, text)
        })
        .collect())
}

/// Takes those leases out whose texts would be too much at once. One is always kept, however large.
fn beyond_budget(leases: &mut Vec<Lease>) -> Vec<(JobId, i64)> {
    let mut bytes = 0_usize;
    let within = leases
        .iter()
        .take_while(|lease| {
            let before = bytes;
            bytes += usize::try_from(lease.size_bytes).unwrap_or(0);
            before == 0 || bytes <= BATCH_BYTES
        })
        .count();
    leases.split_off(within).into_iter().map(|lease| (lease.job_id, lease.fence)).collect()
}
