//! Dead letters: jobs whose attempts are used up, as those see them who run the service.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    ids::{DocumentId, JobId, UserId},
    job::Priority,
};

/// The most dead letters that one request may name by their ids.
pub const MAX_NAMED: usize = 1000;

/// A job whose attempts are used up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadLetter {
    /// The job.
    pub id: JobId,
    /// Whose it is.
    pub owner_id: UserId,
    /// The document that it was to read.
    pub document_id: DocumentId,
    /// The document's title.
    pub title: Option<String>,
    /// Why its last try failed.
    pub reason: Option<String>,
    /// How many tries counted.
    pub attempts: i32,
    /// How many tries it had.
    pub max_attempts: i32,
    /// How often whoever worked on it went away; such tries do not count.
    pub lost_leases: i32,
    /// How urgent it was.
    pub priority: Priority,
    /// Bytes of the document as it was submitted.
    pub size_bytes: i32,
    /// Whether the document has a newer job: then this one cannot be replayed.
    pub superseded: bool,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When its last try began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it died.
    pub finished_at: DateTime<Utc>,
}

/// Which dead letters to list.
#[derive(Clone, Debug, Default)]
pub struct DeadLetterFilter {
    /// Only those of this user.
    pub owner_id: Option<UserId>,
    /// Only those that died at this time or later.
    pub since: Option<DateTime<Utc>>,
}

/// Which dead letters to put back.
#[derive(Clone, Debug)]
pub enum Replay {
    /// These.
    Named(Vec<JobId>),
    /// All that died before this time.
    DeadBefore(DateTime<Utc>),
}

/// What replaying many came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Replayed {
    /// Jobs that are pending again.
    pub replayed: u64,
    /// Jobs that were left as they are: not dead, not known, or their document has a newer job.
    pub skipped: u64,
}

/// The queue as those see it who run the service.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QueueOverview {
    /// What carries the jobs: `postgres` is the job table itself.
    pub transport: String,
    /// Jobs that wait, by priority. Each is counted up to 100,000.
    pub pending: PendingJobs,
    /// Seconds that the oldest job which is ready has been waiting; null when none is.
    pub oldest_ready_seconds: Option<f64>,
    /// Jobs that somebody works on.
    pub processing: i64,
    /// Processes that work on them.
    pub consumers: i64,
    /// Jobs whose attempts are used up. Counted up to 100,000.
    pub dead_letters: i64,
}

/// Jobs that wait, by priority.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct PendingJobs {
    /// Before all others.
    pub high: i64,
    /// As most are.
    pub normal: i64,
    /// When there is nothing else.
    pub low: i64,
}
