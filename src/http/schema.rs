//! `/api/v1/extraction/schema`: what a user wants extracted unless a request says otherwise.

use chrono::{DateTime, Utc};
use http::{HeaderValue, header::ETAG};
use kgl_actors::domain::{document::JobOptions, error::Error, schema::StoredSchema};
use kgl_extraction::MAX_STORED_GAZETTEER;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, Response, call::Call, openapi::ProblemBody, respond, validate::ExtractionRequest};

/// A user's schema for extraction.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExtractionSchema {
    /// Counts its changes; 0 if there never was one. The same as in `ETag`.
    version: i32,
    /// When it was changed last.
    updated_at: Option<DateTime<Utc>>,
    /// What it says.
    #[serde(flatten)]
    says: ExtractionRequest,
}

/// The schema that holds for one's submissions, field by field, wherever a request's `extraction` says nothing. Without
/// one all fields are null.
#[utoipa::path(get, path = "/api/v1/extraction/schema", tag = "Extraction", responses(
    (status = 200, body = ExtractionSchema, headers(("ETag" = String, description = "For `If-Match`"))),
    (status = 401, response = ProblemBody)))]
pub(crate) async fn get(call: Call) -> Answer {
    answer(call.app.engine.schemas().get(call.caller()?.user_id).await?)
}

/// Replaces one's schema. It holds for what is submitted from now on; a gazetteer in it may have 10,000 entries.
#[utoipa::path(put, path = "/api/v1/extraction/schema", tag = "Extraction",
    params(("If-Match" = Option<String>, Header, description = "Only if the schema is still this one")),
    request_body = ExtractionRequest, responses(
    (status = 200, body = ExtractionSchema, headers(("ETag" = String, description = "For `If-Match`"))),
    (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 412, response = ProblemBody), (status = 413, response = ProblemBody),
    (status = 415, response = ProblemBody), (status = 422, response = ProblemBody)))]
pub(crate) async fn put(call: Call) -> Answer {
    let precondition = call.precondition()?;
    let request: ExtractionRequest = call.json()?;
    let mut issues = Vec::new();
    request.issues("", MAX_STORED_GAZETTEER, &mut issues);
    if !issues.is_empty() {
        return Err(Error::Invalid(issues).into());
    }
    let options = JobOptions::from(request);
    let owner = call.caller()?.user_id;
    answer(call.app.engine.schemas().change(owner, Some(&options), &precondition).await?)
}

/// Takes one's schema away.
#[utoipa::path(delete, path = "/api/v1/extraction/schema", tag = "Extraction",
    params(("If-Match" = Option<String>, Header, description = "Only if the schema is still this one")),
    responses((status = 204), (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 412, response = ProblemBody)))]
pub(crate) async fn delete(call: Call) -> Answer {
    let precondition = call.precondition()?;
    call.app.engine.schemas().change(call.caller()?.user_id, None, &precondition).await?;
    respond::no_content()
}

fn answer(schema: StoredSchema) -> Answer {
    let StoredSchema { version, options, updated_at } = schema;
    let says = options.unwrap_or_default().into();
    Ok(tagged(respond::ok(&ExtractionSchema { version, updated_at, says })?, version))
}

fn tagged(mut response: Response, version: i32) -> Response {
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
