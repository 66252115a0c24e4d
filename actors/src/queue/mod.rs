//! The job transport: where ready jobs come from and where verdicts go.
//!
//! [`JobQueue`] is the seam. The embedded default is the job table itself ([`postgres`]); a broker takes its place
//! behind the same trait: it brings the ids of ready jobs, and leases, fences and attempts stay in PostgreSQL, because
//! only there can they be part of the transaction that writes a job's facts.

pub mod postgres;
pub mod rabbitmq;

use futures_util::future::BoxFuture;

pub use crate::store::leases::LEASE_TERM;
use crate::{
    domain::{ids::JobId, verdict::Verdict},
    store::{
        StoreResult,
        leases::{Beat, Kind, Lease, QueueState},
    },
};

/// What became of leases that ran out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Jobs that went back to the queue.
    pub returned: usize,
    /// Jobs that ended because it kept happening to them.
    pub dead: usize,
}

/// How a message broker is, seen from this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrokerHealth {
    /// Whether the connection that takes jobs stands.
    pub consuming: bool,
    /// Whether the newest sending was confirmed; none was tried yet when it is absent.
    pub publishing: Option<bool>,
    /// Messages that wait in the broker, when it last said so.
    pub waiting: Option<u32>,
}

/// Where ready jobs come from and where verdicts go.
pub trait JobQueue: Send + Sync {
    /// Leases up to `limit` ready jobs; an empty answer means that none is ready.
    fn lease(&self, kind: Kind, limit: usize) -> BoxFuture<'_, StoreResult<Vec<Lease>>>;

    /// Extends leases, notes progress, and answers the jobs whose lease still holds.
    fn extend(&self, beats: Vec<Beat>) -> BoxFuture<'_, StoreResult<Vec<JobId>>>;

    /// Ends a try. What was done needs nothing: the transaction that wrote the facts closed the job.
    fn settle(&self, lease: Lease, verdict: Verdict) -> BoxFuture<'_, StoreResult<()>>;

    /// Gives leases back unused.
    fn release(&self, leases: Vec<(JobId, i64)>) -> BoxFuture<'_, StoreResult<()>>;

    /// Takes back the leases that this process holds: those of an intake that died a moment ago.
    fn reclaim(&self) -> BoxFuture<'_, StoreResult<Swept>>;

    /// Takes back leases that ran out.
    fn sweep(&self) -> BoxFuture<'_, StoreResult<Swept>>;

    /// Resolves when jobs may have become ready. It may miss some: whoever waits also polls.
    fn wake_up(&self) -> BoxFuture<'_, ()>;

    /// Tells other processes that jobs became ready.
    fn announce(&self) -> BoxFuture<'_, StoreResult<()>>;

    /// Called after each commit of a job by this process.
    fn committed(&self) {}

    /// What carries ready jobs: `postgres` or `rabbitmq`.
    fn transport(&self) -> &'static str {
        "postgres"
    }

    /// How the broker is, if there is one.
    fn broker(&self) -> Option<BrokerHealth> {
        None
    }

    /// What waits and what is being worked on.
    fn state(&self) -> BoxFuture<'_, StoreResult<QueueState>>;
}
