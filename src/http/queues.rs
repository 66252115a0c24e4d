//! `/api/v1/admin/queues`: how full the queue is, and jobs whose attempts are used up. For admins.

use chrono::{DateTime, Utc};
use kgl_actors::domain::{
    caller::Role,
    dead_letter::{DeadLetter, DeadLetterFilter, MAX_NAMED, QueueOverview, Replay, Replayed},
    error::Error,
    ids::{JobId, UserId},
    job::Job,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Answer,
    call::{Call, PageQuery},
    openapi::ProblemBody,
    problem::Problem,
    respond::{self, list_answer},
};

/// Which dead letters to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLetterQuery {
    /// Only those of this user.
    owner_id: Option<UserId>,
    /// Only those that died at this time or later.
    since: Option<DateTime<Utc>>,
}

/// Which dead letters to put back: exactly one of the fields.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ReplayRequest {
    /// These jobs.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<JobId>>,
    /// All that died before this time.
    older_than: Option<DateTime<Utc>>,
    /// All there are.
    #[schema(default = false)]
    all: Option<bool>,
}

list_answer!(
    /// A page of dead letters.
    DeadLetterList,
    dead_letters: DeadLetter
);

impl ReplayRequest {
    fn which(self) -> Result<Replay, Error> {
        match (self.ids, self.older_than, self.all.unwrap_or(false)) {
            (Some(ids), None, false) if (1..=MAX_NAMED).contains(&ids.len()) => Ok(Replay::Named(ids)),
            (Some(_), None, false) => Err(Error::invalid("ids", format!("must name 1 to {MAX_NAMED} jobs"))),
            (None, Some(time), false) => Ok(Replay::DeadBefore(time)),
            (None, None, true) => Ok(Replay::DeadBefore(Utc::now())),
            _ => Err(Error::invalid("body", "must have exactly one of: ids, older_than, all (true)")),
        }
    }
}

/// How full the queue is: jobs that wait, by priority, how long the oldest has been waiting, and who works on how many.
#[utoipa::path(get, path = "/api/v1/admin/queues", tag = "Operations",
    responses((status = 200, body = QueueOverview), (status = 401, response = ProblemBody),
    (status = 403, response = ProblemBody)))]
pub(crate) async fn overview(call: Call) -> Answer {
    respond::ok(&call.app.engine.dead_letters().overview(call.caller()?).await?)
}

/// Lists all users' dead letters, newest job first.
#[utoipa::path(get, path = "/api/v1/admin/queues/dead", tag = "Operations", params(PageQuery, DeadLetterQuery),
    responses((status = 200, body = DeadLetterList), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 403, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn list(call: Call) -> Answer {
    admin(&call)?;
    let page = call.page()?;
    let DeadLetterQuery { owner_id, since } = call.query()?;
    let filter = DeadLetterFilter { owner_id, since };
    let listing = call.app.engine.dead_letters().list(call.caller()?, &filter, &page).await?;
    respond::ok(&DeadLetterList::new(listing, &page))
}

/// One dead letter.
#[utoipa::path(get, path = "/api/v1/admin/queues/dead/{id}", tag = "Operations", params(("id" = JobId, Path)),
    responses((status = 200, body = DeadLetter), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 403, response = ProblemBody),
    (status = 404, response = ProblemBody)))]
pub(crate) async fn get(call: Call) -> Answer {
    admin(&call)?;
    respond::ok(&call.app.engine.dead_letters().get(call.caller()?, call.id()?).await?)
}

/// Puts a dead letter back into the queue, with all its attempts. A job that is not dead, or whose document has a newer
/// one, is a conflict.
#[utoipa::path(post, path = "/api/v1/admin/queues/dead/{id}/replay", tag = "Operations", params(("id" = JobId, Path)),
    responses((status = 200, body = Job), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 403, response = ProblemBody),
    (status = 404, response = ProblemBody), (status = 409, response = ProblemBody)))]
pub(crate) async fn replay(call: Call) -> Answer {
    admin(&call)?;
    respond::ok(&call.app.engine.dead_letters().replay(call.caller()?, call.id()?).await?)
}

/// Puts many dead letters back. What is not dead, or whose document has a newer job, is skipped.
#[utoipa::path(post, path = "/api/v1/admin/queues/dead/replay", tag = "Operations", request_body = ReplayRequest,
    responses((status = 200, body = Replayed), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 403, response = ProblemBody),
    (status = 415, response = ProblemBody), (status = 422, response = ProblemBody)))]
pub(crate) async fn replay_many(call: Call) -> Answer {
    admin(&call)?;
    let which = call.json::<ReplayRequest>()?.which()?;
    respond::ok(&call.app.engine.dead_letters().replay_many(call.caller()?, which).await?)
}

/// Gives up on a dead letter for good: the job is cancelled, the document remains. Any other job is a conflict.
#[utoipa::path(delete, path = "/api/v1/admin/queues/dead/{id}", tag = "Operations", params(("id" = JobId, Path)),
    responses((status = 200, body = Job), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 403, response = ProblemBody),
    (status = 404, response = ProblemBody), (status = 409, response = ProblemBody)))]
pub(crate) async fn discard(call: Call) -> Answer {
    admin(&call)?;
    respond::ok(&call.app.engine.dead_letters().discard(call.caller()?, call.id()?).await?)
}

/// Refuses others before anything of their request is judged. The engine refuses them too.
fn admin(call: &Call) -> Result<(), Problem> {
    match call.caller()?.role {
        Role::Admin => Ok(()),
        _ => Err(Error::Forbidden("only an admin may look after the queue").into()),
    }
}
