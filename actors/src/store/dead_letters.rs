//! Dead letters: reading them and putting them back in an admin's name, and giving up on those that nobody missed.
//!
//! Row-level security holds here as everywhere: in a scope that is no admin's, only one's own jobs are there.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, StoreResult, jobs::Changed, jobs::finish_change, leases::MAX_COUNTED};
use crate::domain::{
    caller::Caller,
    dead_letter::{DeadLetter, DeadLetterFilter, PendingJobs, QueueOverview, Replayed},
    ids::{DocumentId, JobId, UserId},
    job::Priority,
    page::{Listing, Page},
};

/// What the owner of a job reads that an operator discarded, after the reason for which it died.
const DISCARDED: &str = "discarded by an operator";

/// The columns of a dead letter; `j` is the job, `d` its document.
macro_rules! columns {
    () => {
        "j.id, j.owner_id, j.document_id, d.title, j.error_message, j.attempt, j.max_attempts, j.lost_leases, \
         j.priority, j.size_bytes, d.job_id <> j.id AS superseded, j.created_at, j.started_at, j.finished_at"
    };
}

/// What putting a job back changes. As with a job that its owner retries, nothing of the earlier tries counts.
macro_rules! replay_changes {
    () => {
        "status = 'pending', attempt = 0, lost_leases = 0, lost_alone = 0, runs_alone = false, run_at = now(), \
         error_message = NULL, started_at = NULL, finished_at = NULL, progress_stage = 'queued', progress_done = 0, \
         progress_total = 0"
    };
}

/// A row of [`columns`].
#[derive(FromRow)]
struct Row {
    id: JobId,
    owner_id: UserId,
    document_id: DocumentId,
    title: Option<String>,
    error_message: Option<String>,
    attempt: i32,
    max_attempts: i32,
    lost_leases: i32,
    priority: i16,
    size_bytes: i32,
    superseded: bool,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: DateTime<Utc>,
}

impl From<Row> for DeadLetter {
    fn from(row: Row) -> Self {
        DeadLetter {
            id: row.id,
            owner_id: row.owner_id,
            document_id: row.document_id,
            title: row.title,
            reason: row.error_message,
            attempts: row.attempt,
            max_attempts: row.max_attempts,
            lost_leases: row.lost_leases,
            priority: Priority::from_rank(row.priority),
            size_bytes: row.size_bytes,
            superseded: row.superseded,
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        }
    }
}

/// A part of a replay of many: what it came to, and where the next part begins.
#[derive(Debug)]
pub struct ReplayedPart {
    /// What it came to.
    pub replayed: Replayed,
    /// After which job the next part begins; none at the end.
    pub next: Option<JobId>,
}

impl Store {
    /// A page of the dead letters that the caller may see, newest job first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn dead_letters(
        &self,
        caller: &Caller,
        filter: &DeadLetterFilter,
        page: &Page,
    ) -> StoreResult<Listing<DeadLetter>> {
        let mut scope = self.scope(caller).await?;
        // Not prepared for keeps: a plan for any filter would do without the indexes that a filter is for.
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM jobs j JOIN documents d ON d.id = j.document_id
             WHERE j.status = 'dead' AND ($1::uuid IS NULL OR j.owner_id = $1)
               AND ($2::timestamptz IS NULL OR j.finished_at >= $2) AND ($3::uuid IS NULL OR j.id < $3)
             ORDER BY j.id DESC LIMIT $4 OFFSET $5"
        ))
        .persistent(false)
        .bind(filter.owner_id)
        .bind(filter.since)
        .bind(page.after)
        .bind(i64::from(page.limit) + 1)
        .bind(if page.after.is_some() { 0 } else { i64::from(page.skip) })
        .fetch_all(&mut *scope)
        .await?;
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM jobs WHERE status = 'dead' AND ($1::uuid IS NULL OR owner_id = $1)
               AND ($2::timestamptz IS NULL OR finished_at >= $2)",
        )
        .persistent(false)
        .bind(filter.owner_id)
        .bind(filter.since)
        .fetch_one(&mut *scope)
        .await?;
        scope.commit().await?;
        let letters = rows.into_iter().map(DeadLetter::from).collect();
        Ok(Listing::from_rows(letters, page.limit, total, |letter: &DeadLetter| letter.id.0))
    }

    /// One dead letter.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn dead_letter(&self, caller: &Caller, id: JobId) -> StoreResult<Option<DeadLetter>> {
        let mut scope = self.scope(caller).await?;
        let row: Option<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM jobs j JOIN documents d ON d.id = j.document_id WHERE j.id = $1 AND j.status = 'dead'"
        ))
        .bind(id)
        .fetch_optional(&mut *scope)
        .await?;
        scope.commit().await?;
        Ok(row.map(DeadLetter::from))
    }

    /// Puts a dead job back into the queue, with all its attempts. Only a document's newest job.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn replay_dead_letter(&self, caller: &Caller, id: JobId) -> StoreResult<Changed> {
        let mut scope = self.scope(caller).await?;
        let done = sqlx::query(concat!(
            "WITH newest AS (
                 SELECT j.id FROM jobs j JOIN documents d ON d.job_id = j.id WHERE j.id = $1 FOR UPDATE OF d
             )
             UPDATE jobs j SET ",
            replay_changes!(),
            " FROM newest WHERE j.id = newest.id AND j.status = 'dead'"
        ))
        .bind(id)
        .execute(&mut *scope)
        .await?;
        finish_change(scope, id, done.rows_affected()).await
    }

    /// Puts these jobs back, as far as they are dead and their document's newest.
    ///
    /// # Errors
    /// When the database is away; then none was put back.
    pub async fn replay_named(&self, caller: &Caller, ids: &[JobId]) -> StoreResult<u64> {
        let mut scope = self.scope(caller).await?;
        // Documents are locked first, and in one order, as by whoever makes another job for one of them.
        let done = sqlx::query(concat!(
            "WITH newest AS (
                 SELECT j.id FROM documents d JOIN jobs j ON j.id = d.job_id
                 WHERE j.id = ANY ($1) AND j.status = 'dead' ORDER BY d.id FOR UPDATE OF d
             )
             UPDATE jobs j SET ",
            replay_changes!(),
            " FROM newest WHERE j.id = newest.id AND j.status = 'dead'"
        ))
        .persistent(false)
        .bind(ids)
        .execute(&mut *scope)
        .await?;
        scope.commit().await?;
        Ok(done.rows_affected())
    }

    /// Puts back up to `limit` jobs that died before a time, those after `after` in the order of their ids.
    ///
    /// # Errors
    /// When the database is away; then none of this part was put back.
    pub async fn replay_part(
        &self,
        caller: &Caller,
        dead_before: DateTime<Utc>,
        after: Option<JobId>,
        limit: i64,
    ) -> StoreResult<ReplayedPart> {
        let mut scope = self.scope(caller).await?;
        let ids: Vec<JobId> = sqlx::query_scalar(
            "SELECT id FROM jobs WHERE status = 'dead' AND finished_at < $1 AND ($2::uuid IS NULL OR id > $2)
             ORDER BY id LIMIT $3",
        )
        .persistent(false)
        .bind(dead_before)
        .bind(after)
        .bind(limit)
        .fetch_all(&mut *scope)
        .await?;
        scope.commit().await?;
        let replayed = self.replay_named(caller, &ids).await?;
        let found = ids.len() as u64;
        let next = ids.last().copied().filter(|_| i64::try_from(found).is_ok_and(|found| found == limit));
        Ok(ReplayedPart { replayed: Replayed { replayed, skipped: found - replayed }, next })
    }

    /// Gives up on a dead job for good: it is cancelled, and says why it died and that it was discarded.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn discard_dead_letter(&self, caller: &Caller, id: JobId) -> StoreResult<Changed> {
        let mut scope = self.scope(caller).await?;
        let done = sqlx::query(
            "UPDATE jobs SET status = 'cancelled', error_message = concat_ws('; ', error_message, $2)
             WHERE id = $1 AND status = 'dead'",
        )
        .bind(id)
        .bind(DISCARDED)
        .execute(&mut *scope)
        .await?;
        finish_change(scope, id, done.rows_affected()).await
    }

    /// Gives up on up to `limit` jobs that have been dead for so many days. The system's work.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn discard_old_dead_letters(&self, days: u32, limit: i64) -> StoreResult<u64> {
        let done = sqlx::query(
            "UPDATE jobs SET status = 'cancelled', error_message = concat_ws('; ', error_message, $3)
             WHERE id IN (SELECT id FROM jobs WHERE status = 'dead' AND finished_at < now() - $1
                          ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .persistent(false)
        .bind(Duration::from_secs(u64::from(days) * 86_400))
        .bind(limit)
        .bind(format!("discarded after {days} days"))
        .execute(self.system())
        .await?;
        Ok(done.rows_affected())
    }

    /// The queue as the caller may see it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn queue_overview(&self, caller: &Caller, transport: &str) -> StoreResult<QueueOverview> {
        let mut scope = self.scope(caller).await?;
        let (high, normal, low, oldest, processing, consumers, dead): (i64, i64, i64, Option<f64>, i64, i64, i64) =
            sqlx::query_as(
                "SELECT (SELECT count(*) FROM (SELECT FROM jobs WHERE status = 'pending' AND priority = 0 LIMIT $1) p),
                        (SELECT count(*) FROM (SELECT FROM jobs WHERE status = 'pending' AND priority = 1 LIMIT $1) p),
                        (SELECT count(*) FROM (SELECT FROM jobs WHERE status = 'pending' AND priority = 2 LIMIT $1) p),
                        (SELECT extract(epoch FROM now() - min(first.run_at))::float8
                         FROM (VALUES (0), (1), (2)) AS p(priority) CROSS JOIN LATERAL (
                             SELECT run_at FROM jobs WHERE status = 'pending' AND priority = p.priority
                             ORDER BY run_at LIMIT 1) first
                         WHERE first.run_at <= now()),
                        (SELECT count(*) FROM jobs WHERE status = 'processing'),
                        (SELECT count(DISTINCT leased_by) FROM jobs WHERE status = 'processing' AND leased_until > now()),
                        (SELECT count(*) FROM (SELECT FROM jobs WHERE status = 'dead' LIMIT $1) d)",
            )
            .persistent(false)
            .bind(MAX_COUNTED)
            .fetch_one(&mut *scope)
            .await?;
        scope.commit().await?;
        Ok(QueueOverview {
            transport: transport.to_owned(),
            pending: PendingJobs { high, normal, low },
            oldest_ready_seconds: oldest,
            processing,
            consumers,
            dead_letters: dead,
        })
    }
}
