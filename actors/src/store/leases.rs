//! Leases: who works on which job, and until when. Moves of the queue, made by the system across owners.
//!
//! Every lease has a number from a sequence, higher than all before it. Whatever its holder does later names that
//! number and does nothing once a newer lease, or a cancellation, has taken its place.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, StoreResult};
use crate::domain::{
    document::JobOptions,
    ids::{DocumentId, JobId, UserId},
    job::JobStatus,
};

/// How long a lease holds unless it is extended. A job of a process that died waits this long at most.
pub const LEASE_TERM: Duration = Duration::from_secs(30);

/// After so many lost leases a job is suspected of killing its worker, and runs with nothing beside it.
pub const SUSPECT_AFTER: i32 = 2;
/// A job whose lease was lost this often while nothing ran beside it is what ended its workers: it is dead.
pub const DEAD_AFTER_LOST_ALONE: i32 = 3;
/// How long after its end a lease of the very process that sweeps counts as lost: it extends those that it works on.
const OWN_GRACE: Duration = Duration::from_secs(60);
/// Waiting jobs are counted up to here: counting costs time with each of them, every few seconds.
pub const MAX_COUNTED: i64 = 100_000;
/// What the owner of such a job reads.
const LOST_TOO_OFTEN: &str = "the process that worked on this document ended each time it was tried";

/// The right to work on a job, until it runs out.
#[derive(Clone, Debug, FromRow)]
pub struct Lease {
    /// The job.
    pub job_id: JobId,
    /// Whose it is.
    pub owner_id: UserId,
    /// The document to read.
    pub document_id: DocumentId,
    /// Which revision of it.
    pub revision: i32,
    /// What to extract.
    #[sqlx(json)]
    pub options: JobOptions,
    /// Under which version of its owner's schema it was submitted, if there was one.
    pub schema_version: Option<i32>,
    /// The lease's number: only the newest one may write.
    pub fence: i64,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// How large its document was when it was submitted, in bytes.
    pub size_bytes: i32,
    /// When the job was submitted.
    pub created_at: DateTime<Utc>,
    /// The W3C trace context that the submission carried.
    pub traceparent: Option<String>,
}

/// How far a leased job is.
#[derive(Clone, Debug)]
pub struct Beat {
    /// The job.
    pub job_id: JobId,
    /// The lease's number.
    pub fence: i64,
    /// Where it is.
    pub stage: &'static str,
    /// How many units are done.
    pub done: i32,
    /// How many there are.
    pub total: i32,
}

/// What a new lease changes; `$1` is its holder, `$3` its term.
macro_rules! lease_changes {
    ($alone:literal) => {
        concat!(
            "status = 'processing', attempt = attempt + 1, fence = nextval('job_fences'), leased_by = $1, \
             leased_until = now() + $3, started_at = now(), progress_stage = 'extracting', progress_done = 0, \
             progress_total = 0, runs_alone = ",
            $alone
        )
    };
}

/// The columns of a [`Lease`]; `j` is the table.
macro_rules! lease_columns {
    () => {
        "j.id AS job_id, j.owner_id, j.document_id, j.revision, j.options, j.schema_version, j.fence, j.attempt, j.size_bytes, \
         j.created_at, j.traceparent"
    };
}

pub(super) use {lease_changes, lease_columns};

/// Which jobs to lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Those above suspicion.
    Ordinary,
    /// Those that lost several leases.
    Suspect,
}

/// Leases that have nobody behind them any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphans<'a> {
    /// Those that ran out. A holder knows of its own whether somebody is behind them.
    Expired {
        /// Who asks.
        but_not_of: &'a str,
    },
    /// Those of this holder: an earlier incarnation of the actor that asks.
    Of(&'a str),
    /// Those of these jobs whose holder has not extended them for so long, although it does many times as often.
    Silent {
        /// The jobs.
        jobs: &'a [JobId],
        /// How long.
        since: Duration,
    },
    /// All: right only while no other process can be at work.
    All,
}

/// The state of the queue, for health and metrics.
#[derive(Clone, Copy, Debug, Default, FromRow)]
pub struct QueueState {
    /// Jobs that wait; a longer queue is given as [`MAX_COUNTED`].
    pub pending: i64,
    /// Jobs that somebody works on.
    pub processing: i64,
    /// Whether a job that is suspected of ending its worker is ready.
    pub suspects: bool,
    /// Seconds that the oldest job which is ready has been waiting.
    pub oldest_ready_seconds: f64,
}

impl Store {
    /// Leases up to `limit` ready jobs above suspicion. Owners take turns, beginning with the one after `after`, and
    /// each gives its most urgent and oldest; so nobody waits behind another's backlog. Each lease has a new number and
    /// is a new try.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lease_in_turns(
        &self,
        holder: &str,
        after: UserId,
        limit: usize,
        term: Duration,
    ) -> StoreResult<Vec<Lease>> {
        // One index look-up finds the next owner with pending jobs, however many jobs there are (the order names all
        // of the index's columns, so that no index which also holds ended jobs will do); past the last owner
        // the first one is next. When every owner that was found has jobs that are not ready yet, nothing is answered.
        let leases = sqlx::query_as(concat!(
            "WITH RECURSIVE turns (owner_id, number) AS (
                 SELECT COALESCE(
                     (SELECT owner_id FROM jobs WHERE status = 'pending' AND owner_id > $5 ORDER BY owner_id, priority, run_at, id LIMIT 1),
                     (SELECT owner_id FROM jobs WHERE status = 'pending' ORDER BY owner_id, priority, run_at, id LIMIT 1)), 1
                 UNION ALL
                 SELECT COALESCE(
                     (SELECT j.owner_id FROM jobs j WHERE j.status = 'pending' AND j.owner_id > t.owner_id
                      ORDER BY j.owner_id, j.priority, j.run_at, j.id LIMIT 1),
                     (SELECT owner_id FROM jobs WHERE status = 'pending' ORDER BY owner_id, priority, run_at, id LIMIT 1)), t.number + 1
                 FROM turns t WHERE t.owner_id IS NOT NULL AND t.number < $2
             ),
             owners AS MATERIALIZED (SELECT DISTINCT owner_id FROM turns WHERE owner_id IS NOT NULL),
             ready AS MATERIALIZED (
                 SELECT j.id FROM owners o CROSS JOIN LATERAL (
                     SELECT id FROM jobs
                     WHERE owner_id = o.owner_id AND status = 'pending' AND run_at <= now() AND lost_leases < $4
                     ORDER BY priority, run_at, id
                     LIMIT (SELECT greatest(($2 + count(*) - 1) / greatest(count(*), 1), 1) FROM owners)
                     FOR UPDATE SKIP LOCKED
                 ) j LIMIT $2
             )
             UPDATE jobs j SET ",
            lease_changes!("false"),
            " FROM ready WHERE j.id = ready.id RETURNING ",
            lease_columns!()
        ))
        .persistent(false)
        .bind(holder)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(term)
        .bind(SUSPECT_AFTER)
        .bind(after)
        .fetch_all(self.system())
        .await?;
        Ok(leases)
    }

    /// Leases up to `limit` ready jobs, most urgent and oldest first, whosever they are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lease_oldest(
        &self,
        holder: &str,
        kind: Kind,
        limit: usize,
        term: Duration,
    ) -> StoreResult<Vec<Lease>> {
        let sql = match kind {
            Kind::Ordinary => concat!(
                "WITH ready AS (
                     SELECT id FROM jobs WHERE status = 'pending' AND run_at <= now() AND lost_leases < $4
                     ORDER BY priority, run_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
                 )
                 UPDATE jobs j SET ",
                lease_changes!("false"),
                " FROM ready WHERE j.id = ready.id RETURNING ",
                lease_columns!()
            ),
            Kind::Suspect => concat!(
                "WITH ready AS (
                     SELECT id FROM jobs WHERE status = 'pending' AND run_at <= now() AND lost_leases >= 2
                       AND lost_leases >= $4
                     ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED
                 )
                 UPDATE jobs j SET ",
                lease_changes!("true"),
                " FROM ready WHERE j.id = ready.id RETURNING ",
                lease_columns!()
            ),
        };
        let leases = sqlx::query_as(sql)
            .bind(holder)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .bind(term)
            .bind(SUSPECT_AFTER)
            .fetch_all(self.system())
            .await?;
        Ok(leases)
    }

    /// Extends leases and notes progress. Answers the jobs whose lease still holds; all others are lost.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn extend_leases(&self, beats: &[Beat], term: Duration) -> StoreResult<Vec<JobId>> {
        let held = sqlx::query_scalar(
            "UPDATE jobs j SET leased_until = now() + $6, progress_stage = b.stage, progress_done = b.done,
                    progress_total = b.total
             FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::int[], $5::int[]) AS b(id, fence, stage, done, total)
             WHERE j.id = b.id AND j.fence = b.fence AND j.status = 'processing'
             RETURNING j.id",
        )
        .persistent(false)
        .bind(beats.iter().map(|b| b.job_id).collect::<Vec<_>>())
        .bind(beats.iter().map(|b| b.fence).collect::<Vec<_>>())
        .bind(beats.iter().map(|b| b.stage).collect::<Vec<_>>())
        .bind(beats.iter().map(|b| b.done).collect::<Vec<_>>())
        .bind(beats.iter().map(|b| b.total).collect::<Vec<_>>())
        .bind(term)
        .fetch_all(self.system())
        .await?;
        Ok(held)
    }

    /// Ends a job that cannot be done. Whether the lease still held.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reject_job(&self, lease: &Lease, reason: &str) -> StoreResult<bool> {
        let done = sqlx::query(
            "UPDATE jobs SET status = 'failed', error_message = $3, finished_at = now(), leased_by = NULL,
                    leased_until = NULL, progress_stage = 'done'
             WHERE id = $1 AND fence = $2 AND status = 'processing'",
        )
        .bind(lease.job_id)
        .bind(lease.fence)
        .bind(reason)
        .execute(self.system())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Puts a job back for later because of trouble that is not the document's: the try does not count.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn postpone_job(&self, lease: &Lease, reason: &str, pause: Duration) -> StoreResult<bool> {
        let done = sqlx::query(
            "UPDATE jobs SET status = 'pending', attempt = greatest(attempt - 1, 0), error_message = $3,
                    run_at = now() + $4, leased_by = NULL, leased_until = NULL, progress_stage = 'queued'
             WHERE id = $1 AND fence = $2 AND status = 'processing'",
        )
        .bind(lease.job_id)
        .bind(lease.fence)
        .bind(reason)
        .bind(pause)
        .execute(self.system())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Has a failed try repeated after a pause, or ends the job when it had its last. Answers the new status, or none
    /// if the lease was lost.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn retry_later(&self, lease: &Lease, reason: &str, pause: Duration) -> StoreResult<Option<JobStatus>> {
        let status: Option<String> = sqlx::query_scalar(
            "UPDATE jobs SET error_message = $3, leased_by = NULL, leased_until = NULL, run_at = now() + $4,
                    status = CASE WHEN attempt < max_attempts THEN 'pending' ELSE 'dead' END,
                    finished_at = CASE WHEN attempt < max_attempts THEN NULL ELSE now() END,
                    progress_stage = CASE WHEN attempt < max_attempts THEN 'queued' ELSE 'done' END
             WHERE id = $1 AND fence = $2 AND status = 'processing'
             RETURNING status",
        )
        .bind(lease.job_id)
        .bind(lease.fence)
        .bind(reason)
        .bind(pause)
        .fetch_optional(self.system())
        .await?;
        Ok(status.as_deref().and_then(JobStatus::parse))
    }

    /// Gives leases back unused: the tries do not count.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn release_jobs(&self, leases: &[(JobId, i64)]) -> StoreResult<u64> {
        let done = sqlx::query(
            "UPDATE jobs j SET status = 'pending', attempt = greatest(attempt - 1, 0), leased_by = NULL,
                    leased_until = NULL, started_at = NULL, progress_stage = 'queued', progress_done = 0,
                    progress_total = 0
             FROM unnest($1::uuid[], $2::bigint[]) AS l(id, fence)
             WHERE j.id = l.id AND j.fence = l.fence AND j.status = 'processing'",
        )
        .persistent(false)
        .bind(leases.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(leases.iter().map(|(_, fence)| *fence).collect::<Vec<_>>())
        .execute(self.system())
        .await?;
        Ok(done.rows_affected())
    }

    /// Takes back leases that no longer have anybody behind them. Such a try does not count, but a job to which it
    /// keeps happening runs alone, and one to which it keeps happening then ends as dead. Answers (returned, dead).
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sweep_leases(&self, which: Orphans<'_>) -> StoreResult<(usize, usize)> {
        let (rule, holder, jobs, since) = match which {
            Orphans::Expired { but_not_of } => ("expired", Some(but_not_of), None, Duration::ZERO),
            Orphans::Of(holder) => ("of", Some(holder), None, Duration::ZERO),
            Orphans::Silent { jobs, since } => ("silent", None, Some(jobs), since),
            Orphans::All => ("all", None, None, Duration::ZERO),
        };
        let statuses: Vec<String> = sqlx::query_scalar(
            "WITH lost AS (
                 SELECT id, lost_alone + runs_alone::int >= $3 AS dies FROM jobs
                 WHERE status = 'processing'
                   AND CASE $1 WHEN 'expired' THEN leased_until < now()
                                                 AND (leased_by IS DISTINCT FROM $2 OR leased_until < now() - $5)
                               WHEN 'of' THEN leased_by = $2
                               WHEN 'silent' THEN id = ANY($6) AND leased_until < now() + $7 ELSE true END
                 ORDER BY id FOR UPDATE SKIP LOCKED
             )
             UPDATE jobs j SET leased_by = NULL, leased_until = NULL, lost_leases = lost_leases + 1,
                    lost_alone = lost_alone + runs_alone::int, runs_alone = false, fence = nextval('job_fences'),
                    attempt = greatest(attempt - 1, 0), run_at = now(),
                    status = CASE WHEN dies THEN 'dead' ELSE 'pending' END,
                    finished_at = CASE WHEN dies THEN now() END,
                    progress_stage = CASE WHEN dies THEN 'done' ELSE 'queued' END,
                    error_message = CASE WHEN dies THEN $4 ELSE error_message END
             FROM lost WHERE j.id = lost.id
             RETURNING j.status",
        )
        .persistent(false)
        .bind(rule)
        .bind(holder)
        .bind(DEAD_AFTER_LOST_ALONE)
        .bind(LOST_TOO_OFTEN)
        .bind(OWN_GRACE)
        .bind(jobs)
        .bind(LEASE_TERM.saturating_sub(since))
        .fetch_all(self.system())
        .await?;
        let dead = statuses.iter().filter(|s| *s == "dead").count();
        Ok((statuses.len() - dead, dead))
    }

    /// What waits and what is being worked on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn queue_state(&self) -> StoreResult<QueueState> {
        let state = sqlx::query_as(
            "SELECT (SELECT count(*) FROM (SELECT FROM jobs WHERE status = 'pending' LIMIT $1) p) AS pending,
                    (SELECT count(*) FROM jobs WHERE status = 'processing') AS processing,
                    EXISTS (SELECT FROM jobs WHERE status = 'pending' AND lost_leases >= 2 AND run_at <= now())
                        AS suspects,
                    COALESCE((SELECT extract(epoch FROM now() - min(first.run_at))
                              FROM (VALUES (0), (1), (2)) AS p(priority) CROSS JOIN LATERAL (
                                  SELECT run_at FROM jobs WHERE status = 'pending' AND priority = p.priority
                                  ORDER BY run_at LIMIT 1) first
                              WHERE first.run_at <= now()), 0)::float8 AS oldest_ready_seconds",
        )
        .bind(MAX_COUNTED)
        .fetch_one(self.system())
        .await?;
        Ok(state)
    }
}
