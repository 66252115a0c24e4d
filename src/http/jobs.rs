//! `/api/v1/jobs`: following and steering the work on documents.

use std::time::Duration;

use kgl_actors::domain::{
    changes::{Change, ChangeFilter, ChangeType, ChangedKind},
    ids::{DocumentId, JobId},
    job::{Job, JobFilter, JobStatus},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Answer,
    call::{Call, PageQuery, applied},
    openapi::ProblemBody,
    problem::Problem,
    respond::{self, list_answer},
};

/// Which jobs to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct JobQuery {
    /// Only those with this status.
    status: Option<JobStatus>,
    /// Only those of this document.
    document_id: Option<DocumentId>,
}

list_answer!(
    /// A page of jobs.
    JobList,
    jobs: Job
);

/// Lists one's jobs, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "Jobs", params(PageQuery, JobQuery),
    responses((status = 200, body = JobList), (status = 401, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn list(call: Call) -> Answer {
    let page = call.page()?;
    let JobQuery { status, document_id } = call.query()?;
    let listing = call.app.engine.jobs().list(call.caller()?, &JobFilter { status, document_id }, &page).await?;
    respond::ok(&JobList::new(listing, &page))
}

/// One job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "Jobs", params(("id" = JobId, Path),
    ("Prefer" = Option<String>, Header, description = "`wait=N` holds the answer until the job ends or N (at most 30) \
     seconds have passed")),
    responses((status = 200, body = Job), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody)))]
pub(crate) async fn get(call: Call) -> Answer {
    let mut job = call.app.engine.jobs().get(call.caller()?, call.id()?).await?;
    if let Some(patience) = call.wait() {
        job = wait(&call, job, patience).await?;
    }
    Ok(applied(respond::ok(&job)?, call.wait()))
}

/// The job when it has ended, or when `patience` or the service itself is at its end.
///
/// # Errors
/// As reading a job.
pub(crate) async fn wait(call: &Call, job: Job, patience: Duration) -> Result<Job, Problem> {
    if job.status.is_final() {
        return Ok(job);
    }
    let id = job.id;
    tokio::select! {
        ended = call.app.engine.jobs().wait(call.caller()?, id, patience) => Ok(ended?),
        () = call.app.closing.cancelled() => Ok(job),
    }
}

/// Which changes to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangeQuery {
    /// Only of entities, or of relationships.
    kind: Option<ChangedKind>,
    /// Only what was added, removed or changed.
    change: Option<ChangeType>,
}

list_answer!(
    /// A page of changes, in the order of names.
    ChangeList,
    changes: Change
);

/// What a job changed of what an earlier extraction had found in the same document: at most 10,000 changes are kept,
/// `result.changes` of the job counts all.
#[utoipa::path(get, path = "/api/v1/jobs/{id}/changes", tag = "Jobs", params(("id" = JobId, Path), PageQuery, ChangeQuery),
    responses((status = 200, body = ChangeList), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn changes(call: Call) -> Answer {
    let page = call.page()?;
    let ChangeQuery { kind, change } = call.query()?;
    let filter = ChangeFilter { kind, change };
    let listing = call.app.engine.jobs().changes(call.caller()?, call.id()?, filter, &page).await?;
    respond::ok(&ChangeList::new(listing, &page))
}

/// Calls a job off. One that has ended is a conflict.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "Jobs", params(("id" = JobId, Path)),
    responses((status = 200, body = Job), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody),
    (status = 409, response = ProblemBody)))]
pub(crate) async fn cancel(call: Call) -> Answer {
    respond::ok(&call.app.engine.jobs().cancel(call.caller()?, call.id()?).await?)
}

/// Starts a failed, dead or cancelled job again. Any other is a conflict.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "Jobs", params(("id" = JobId, Path)),
    responses((status = 200, body = Job), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody),
    (status = 409, response = ProblemBody)))]
pub(crate) async fn retry(call: Call) -> Answer {
    respond::ok(&call.app.engine.jobs().retry(call.caller()?, call.id()?).await?)
}
