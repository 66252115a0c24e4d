//! `/api/v1/documents`: submitting documents and reading them back.

use http::{HeaderValue, StatusCode, header::LOCATION};
use kgl_actors::{
    domain::{
        document::{Document, DocumentContent, DocumentFilter, NewDocument, ReadAgain, Submission},
        error::Error,
        ids::DocumentId,
        job::{Job, JobStatus, Priority},
    },
    graph::DocumentGraph,
};
use kgl_extraction::MAX_REQUEST_GAZETTEER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::{
    Answer,
    call::{Call, PageQuery, applied},
    extract, jobs, multipart,
    multipart::DocumentForm,
    openapi::ProblemBody,
    problem::Problem,
    respond::{self, list_answer},
    validate::{ExtractionRequest, SubmitDocument},
};

/// A document and the job that reads it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Submitted {
    pub(super) document: Document,
    pub(super) job: Job,
}

/// How to submit.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubmitQuery {
    /// Extract again although the same content is known already.
    #[param(default = false)]
    pub(super) force: Option<bool>,
}

/// Which documents to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentQuery {
    /// Only those whose newest job has this status.
    status: Option<JobStatus>,
    /// Only those from exactly this source.
    source: Option<String>,
    /// Only those whose title contains this.
    search: Option<String>,
}

list_answer!(
    /// A page of documents.
    DocumentList,
    documents: Document
);

/// Submits a document. Answered once the document and its job are committed; the same content again answers the
/// document and job that are there.
#[utoipa::path(post, path = "/api/v1/documents", tag = "Documents", params(SubmitQuery,
    ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request answer what the first did"),
    ("Prefer" = Option<String>, Header, description = "`wait=N` holds the answer until the job ends or N (at most 30) \
     seconds have passed")),
    request_body(content((SubmitDocument = "application/json"), (DocumentForm = "multipart/form-data"))),
    responses(
    (status = 202, body = Submitted, description = "A new job", headers(("Location" = String, description = "The job"))),
    (status = 200, body = Submitted, description = "The same content is known: its document and job"),
    (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 408, response = ProblemBody), (status = 409, response = ProblemBody),
    (status = 413, response = ProblemBody), (status = 415, response = ProblemBody),
    (status = 422, response = ProblemBody), (status = 429, response = ProblemBody),
    (status = 503, response = ProblemBody)))]
pub(crate) async fn submit(call: Call) -> Answer {
    let SubmitQuery { force } = call.query()?;
    let (document, hash) = parse(&call, force.unwrap_or(false)).await?;
    take_in(&call, document, hash).await
}

/// Submits a document that was checked; `hash` is of all that the request says.
pub(super) async fn take_in(call: &Call, document: NewDocument, hash: [u8; 32]) -> Answer {
    let idempotency = call.idempotency(hash)?;
    let submission = call.app.engine.documents().submit(call.caller()?, document, idempotency).await?;
    waited_for(call, submission).await
}

/// The answer to a submission, held back for as long as the client prefers.
async fn waited_for(call: &Call, mut submission: Submission) -> Answer {
    if let Some(patience) = call.wait() {
        let id = submission.document.id;
        submission.job = jobs::wait(call, submission.job, patience).await?;
        if submission.job.status.is_final() {
            // Which extractor read it, besides its status.
            submission.document = call.app.engine.documents().get(call.caller()?, id).await?;
        }
        submission.document.status = submission.job.status;
    }
    Ok(applied(accepted(submission)?, call.wait()))
}

/// How to read a document again.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct ReadAgainRequest {
    /// Which extractor, as in `extraction`.
    #[schema(example = "builtin")]
    extractor: Option<String>,
    /// What to extract. What the first submission asked for is not remembered.
    extraction: Option<ExtractionRequest>,
    /// How urgent it is.
    priority: Option<Priority>,
}

/// Reads a document's stored text again, by another extractor, a newer one, or with other wishes. What it finds takes
/// the place of what was found before, all at once; `result.changes` of the job and its `changes` tell the difference.
#[utoipa::path(post, path = "/api/v1/documents/{id}/extract", tag = "Documents", params(("id" = DocumentId, Path),
    ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request answer what the first did"),
    ("Prefer" = Option<String>, Header, description = "`wait=N` holds the answer until the job ends or N (at most 30) \
     seconds have passed")),
    request_body = ReadAgainRequest, responses(
    (status = 202, body = Submitted, description = "A new job", headers(("Location" = String, description = "The job"))),
    (status = 200, body = Submitted, description = "The job of an earlier request with the same key"),
    (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 404, response = ProblemBody), (status = 409, response = ProblemBody),
    (status = 413, response = ProblemBody), (status = 415, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn read_again(call: Call) -> Answer {
    let id: DocumentId = call.id()?;
    // Everything has a default, so an empty body is one too.
    let request: ReadAgainRequest = if call.body.is_empty() { ReadAgainRequest::default() } else { call.json()? };
    let extraction = request.extraction.unwrap_or_default().with_extractor(request.extractor)?;
    let mut issues = Vec::new();
    extraction.issues("extraction.", MAX_REQUEST_GAZETTEER, &mut issues);
    if !issues.is_empty() {
        return Err(Error::Invalid(issues).into());
    }
    let again = ReadAgain {
        extraction: extraction.into(),
        priority: request.priority.unwrap_or_default(),
        traceparent: Some(call.context.trace.traceparent()),
    };
    let hash = Sha256::new_with_prefix(id.to_string()).chain_update(&call.body).finalize().into();
    let key = call.idempotency(hash)?;
    let submission = call.app.engine.documents().read_again(call.caller()?, id, &again, key.as_ref()).await?;
    waited_for(&call, submission).await
}

/// The document of a request, and a hash of all that the request says.
async fn parse(call: &Call, force: bool) -> Result<(NewDocument, [u8; 32]), Problem> {
    let trace = call.context.trace.traceparent();
    match call.content_type() {
        Some(kind) if extract::essence(kind) == "multipart/form-data" => {
            let form = multipart::read(kind, call.body.clone()).await?;
            Ok((form.document.checked(force, trace)?, form.hash))
        }
        Some(kind) if extract::require_json(Some(kind)).is_err() => {
            let detail = "this takes application/json or multipart/form-data";
            Err(Problem::unsupported_media_type(detail))
        }
        _ => {
            let document: SubmitDocument = call.json()?;
            Ok((document.checked(force, trace)?, Sha256::digest(&call.body).into()))
        }
    }
}

/// 202 with the job's place for a new job, 200 for one that was there.
fn accepted(submission: Submission) -> Answer {
    let Submission { document, job, created } = submission;
    let location = HeaderValue::from_str(&format!("/api/v1/jobs/{}", job.id));
    let status = if created { StatusCode::ACCEPTED } else { StatusCode::OK };
    let mut response = respond::json(status, &Submitted { document, job })?;
    if let Ok(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Lists one's documents, newest first.
#[utoipa::path(get, path = "/api/v1/documents", tag = "Documents", params(PageQuery, DocumentQuery),
    responses((status = 200, body = DocumentList), (status = 401, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn list(call: Call) -> Answer {
    let page = call.page()?;
    let DocumentQuery { status, source, search } = call.query()?;
    let filter = DocumentFilter { status, source, search };
    let listing = call.app.engine.documents().list(call.caller()?, &filter, &page).await?;
    respond::ok(&DocumentList::new(listing, &page))
}

/// One document.
#[utoipa::path(get, path = "/api/v1/documents/{id}", tag = "Documents", params(("id" = DocumentId, Path)),
    responses((status = 200, body = Document), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody)))]
pub(crate) async fn get(call: Call) -> Answer {
    respond::ok(&call.app.engine.documents().get(call.caller()?, call.id()?).await?)
}

/// The plain text of a document, which all offsets refer to.
#[utoipa::path(get, path = "/api/v1/documents/{id}/content", tag = "Documents", params(("id" = DocumentId, Path)),
    responses((status = 200, body = DocumentContent), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody)))]
pub(crate) async fn content(call: Call) -> Answer {
    respond::ok(&call.app.engine.documents().content(call.caller()?, call.id()?).await?)
}

/// All that a document says: its entities and relationships with every place in its text.
#[utoipa::path(get, path = "/api/v1/documents/{id}/graph", tag = "Documents", params(("id" = DocumentId, Path)),
    responses((status = 200, body = DocumentGraph), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody)))]
pub(crate) async fn graph(call: Call) -> Answer {
    respond::ok(&call.app.engine.graph().document(call.caller()?, call.id()?).await?)
}

/// Deletes a document. The graph becomes what it would be had the document never come.
#[utoipa::path(delete, path = "/api/v1/documents/{id}", tag = "Documents", params(("id" = DocumentId, Path)),
    responses((status = 204), (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 404, response = ProblemBody)))]
pub(crate) async fn delete(call: Call) -> Answer {
    let id: DocumentId = call.id()?;
    call.app.engine.documents().delete(call.caller()?, id).await?;
    respond::no_content()
}
