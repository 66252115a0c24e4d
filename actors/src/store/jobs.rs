//! Jobs: reading and steering them in their owner's name. The moves of the queue are in `leases`.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, types::Json};

use super::{Scope, Store, StoreResult};
use crate::domain::{
    caller::Caller,
    ids::{DocumentId, JobId},
    job::{Job, JobFilter, JobResult, JobStatus, Priority, Progress},
    page::{Listing, Page},
};

/// The columns of a job as the API shows it; `j` is the table.
macro_rules! job_columns {
    () => {
        "j.id, j.document_id, j.status, j.priority, j.attempt, j.max_attempts, j.progress_stage, j.progress_done, \
         j.progress_total, j.created_at, j.started_at, j.finished_at, j.error_message, j.run_at, j.result"
    };
}

/// A row of [`job_columns`].
#[derive(FromRow)]
struct JobRow {
    id: JobId,
    document_id: DocumentId,
    status: String,
    priority: i16,
    attempt: i32,
    max_attempts: i32,
    progress_stage: String,
    progress_done: i32,
    progress_total: i32,
    created_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    error_message: Option<String>,
    run_at: DateTime<Utc>,
    result: Option<Json<JobResult>>,
}

impl From<JobRow> for Job {
    fn from(row: JobRow) -> Self {
        // The table's check allows no other text.
        let status = JobStatus::parse(&row.status).unwrap_or(JobStatus::Dead);
        let took = row.finished_at.zip(row.started_at).map(|(end, start)| end - start);
        #[allow(clippy::cast_precision_loss)]
        let seconds = took.and_then(|took| took.num_microseconds()).map(|us| us as f64 / 1e6);
        Job {
            id: row.id,
            document_id: row.document_id,
            status,
            priority: Priority::from_rank(row.priority),
            attempt: row.attempt,
            max_attempts: row.max_attempts,
            progress: Progress { stage: row.progress_stage, done: row.progress_done, total: row.progress_total },
            created_at: row.created_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            processing_time_seconds: seconds,
            retry_at: (status == JobStatus::Pending && row.error_message.is_some()).then_some(row.run_at),
            error_message: row.error_message,
            result: row.result.map(|Json(result)| result),
        }
    }
}

/// What calling a job off came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Changed {
    /// It was done.
    Yes,
    /// The job is in a status that does not allow it.
    NotFrom(JobStatus),
    /// There is no such job for this caller.
    NoSuchJob,
}

impl Store {
    /// A page of the jobs that the caller may see, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn jobs(&self, caller: &Caller, filter: &JobFilter, page: &Page) -> StoreResult<Listing<Job>> {
        let mut scope = self.scope(caller).await?;
        let status = filter.status.map(JobStatus::as_str);
        let rows: Vec<JobRow> = sqlx::query_as(concat!(
            "SELECT ",
            job_columns!(),
            " FROM jobs j WHERE ($1::text IS NULL OR j.status = $1) AND ($2::uuid IS NULL OR j.document_id = $2)
               AND ($3::uuid IS NULL OR j.id < $3) ORDER BY j.id DESC LIMIT $4 OFFSET $5"
        ))
        .bind(status)
        .bind(filter.document_id)
        .bind(page.after)
        .bind(i64::from(page.limit) + 1)
        .bind(if page.after.is_some() { 0 } else { i64::from(page.skip) })
        .fetch_all(&mut *scope)
        .await?;
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM jobs WHERE ($1::text IS NULL OR status = $1) AND ($2::uuid IS NULL OR document_id = $2)",
        )
        .bind(status)
        .bind(filter.document_id)
        .fetch_one(&mut *scope)
        .await?;
        scope.commit().await?;
        let jobs = rows.into_iter().map(Job::from).collect();
        Ok(Listing::from_rows(jobs, page.limit, total, |job: &Job| job.id.0))
    }

    /// One job.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn job(&self, caller: &Caller, id: JobId) -> StoreResult<Option<Job>> {
        let mut scope = self.scope(caller).await?;
        let job = job_in(&mut scope, id).await?;
        scope.commit().await?;
        Ok(job)
    }

    /// Calls a job off: at once, whoever holds its lease, because the lease's number no longer fits.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn cancel_job(&self, caller: &Caller, id: JobId) -> StoreResult<Changed> {
        let mut scope = self.scope(caller).await?;
        let done = sqlx::query(
            "UPDATE jobs SET status = 'cancelled', fence = nextval('job_fences'), leased_by = NULL, leased_until = NULL,
                    finished_at = now(), progress_stage = 'done'
             WHERE id = $1 AND status IN ('pending', 'processing')",
        )
        .bind(id)
        .execute(&mut *scope)
        .await?;
        finish_change(scope, id, done.rows_affected()).await
    }

    /// Puts a job that ended without success back into the queue, with all its attempts. Only a document's newest job:
    /// a later one has taken the place of any other.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn retry_job(&self, caller: &Caller, id: JobId) -> StoreResult<Changed> {
        let mut scope = self.scope(caller).await?;
        let done = sqlx::query(
            "UPDATE jobs j SET status = 'pending', attempt = 0, lost_leases = 0, lost_alone = 0, run_at = now(),
                    error_message = NULL, started_at = NULL, finished_at = NULL, progress_stage = 'queued',
                    progress_done = 0, progress_total = 0
             WHERE id = $1 AND status IN ('failed', 'dead', 'cancelled')
               AND EXISTS (SELECT FROM documents d WHERE d.job_id = j.id)",
        )
        .bind(id)
        .execute(&mut *scope)
        .await?;
        finish_change(scope, id, done.rows_affected()).await
    }
}

pub(super) async fn finish_change(mut scope: Scope, id: JobId, rows: u64) -> StoreResult<Changed> {
    let changed = if rows > 0 {
        Changed::Yes
    } else {
        job_in(&mut scope, id).await?.map_or(Changed::NoSuchJob, |job| Changed::NotFrom(job.status))
    };
    scope.commit().await?;
    Ok(changed)
}

/// One job, within a transaction.
pub(super) async fn job_in(scope: &mut Scope, id: JobId) -> StoreResult<Option<Job>> {
    let row: Option<JobRow> = sqlx::query_as(concat!("SELECT ", job_columns!(), " FROM jobs j WHERE j.id = $1"))
        .bind(id)
        .fetch_optional(&mut **scope)
        .await?;
    Ok(row.map(Job::from))
}
