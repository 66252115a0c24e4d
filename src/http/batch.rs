//! `POST /api/v1/documents/batch`: many documents, each with its own result.

use futures_util::{StreamExt, stream};
use http::StatusCode;
use kgl_actors::domain::{
    document::{Document, Idempotency, Submission},
    error::Error,
    job::Job,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    Answer, call::Call, documents::SubmitQuery, extract, openapi::ProblemBody, problem::Problem, respond,
    validate::SubmitDocument,
};

/// The most documents of one batch.
const MAX_DOCUMENTS: usize = 100;
/// Documents of a batch that are taken in at the same time: enough to keep the database's log busy, and few enough
/// to leave connections to others.
const AT_ONCE: usize = 4;

/// Many documents.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Batch {
    /// 1 to 100 documents.
    #[schema(value_type = Vec<SubmitDocument>, min_items = 1, max_items = 100)]
    documents: Vec<Value>,
}

/// What became of each document of a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchResults {
    /// In the order of the request.
    results: Vec<BatchResult>,
    /// How many were taken in, or were there already.
    accepted: usize,
    /// How many were not.
    failed: usize,
}

/// What became of one document of a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchResult {
    /// Its place in the request, from 0.
    index: usize,
    /// The status that it would have had alone.
    #[schema(example = 202)]
    status: u16,
    /// The document, if it was taken in or was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    document: Option<Document>,
    /// Its job.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<Job>,
    /// Why it was not taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
}

/// Submits up to 100 documents. Each has its own result: one that is wrong does not harm the others.
#[utoipa::path(post, path = "/api/v1/documents/batch", tag = "Documents", params(SubmitQuery,
    ("Idempotency-Key" = Option<String>, Header, description = "Makes a repeated request answer what the first did")),
    request_body = Batch, responses(
    (status = 202, body = BatchResults, description = "At least one document was taken in, or was there already"),
    (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 409, response = ProblemBody), (status = 413, response = ProblemBody),
    (status = 415, response = ProblemBody),
    (status = 422, body = BatchResults, description = "No document was taken in"),
    (status = 429, response = ProblemBody)))]
pub(crate) async fn submit(call: Call) -> Answer {
    let Batch { documents } = call.json()?;
    if !(1..=MAX_DOCUMENTS).contains(&documents.len()) {
        return Err(Error::invalid("documents", format!("must have 1 to {MAX_DOCUMENTS} items")).into());
    }
    let SubmitQuery { force } = call.query()?;
    let key = call.idempotency(Sha256::digest(&call.body).into())?;
    let (call, force) = (&call, force.unwrap_or(false));
    let mut items = documents.into_iter().enumerate();
    let mut outcomes = Vec::new();
    if let Some(key) = &key
        && let Some((index, document)) = items.next()
    {
        // The key is tied to the whole body: if the first item's is taken by another body, so is every item's.
        let first = one(call, document, force, Some(derived(key, index))).await;
        if let Err(problem) = &first
            && problem.status() == StatusCode::CONFLICT
        {
            return Err(problem.clone());
        }
        outcomes.push(first);
    }
    let rest = items.map(|(index, document)| {
        let key = key.as_ref().map(|key| derived(key, index));
        one(call, document, force, key)
    });
    outcomes.extend(stream::iter(rest).buffered(AT_ONCE).collect::<Vec<_>>().await);
    answer(call, outcomes)
}

async fn one(call: &Call, document: Value, force: bool, key: Option<Idempotency>) -> Result<Submission, Problem> {
    let document: SubmitDocument = extract::json_value(document)?;
    let new = document.checked(force, call.context.trace.traceparent())?;
    Ok(call.app.engine.documents().submit(call.caller()?, new, key).await?)
}

/// The key of one item: of a fixed length, whatever that of the batch.
fn derived(key: &Idempotency, index: usize) -> Idempotency {
    let digest = Sha256::digest(format!("{index}:{}", key.key));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Idempotency { key: format!("batch:{hex}"), request_hash: key.request_hash }
}

fn answer(call: &Call, outcomes: Vec<Result<Submission, Problem>>) -> Answer {
    let request_id = &call.context.request_id;
    let results: Vec<_> = outcomes.into_iter().enumerate().map(|(index, o)| result(index, o, request_id)).collect();
    let accepted = results.iter().filter(|result| result.document.is_some()).count();
    let failed = results.len() - accepted;
    let status = if accepted > 0 { StatusCode::ACCEPTED } else { StatusCode::UNPROCESSABLE_ENTITY };
    respond::json(status, &BatchResults { results, accepted, failed })
}

fn result(index: usize, outcome: Result<Submission, Problem>, request_id: &str) -> BatchResult {
    match outcome {
        Ok(Submission { document, job, created }) => {
            let status = if created { StatusCode::ACCEPTED } else { StatusCode::OK };
            BatchResult { index, status: status.as_u16(), document: Some(document), job: Some(job), error: None }
        }
        Err(problem) => {
            let error = serde_json::to_value(problem.body(request_id)).ok();
            BatchResult { index, status: problem.status().as_u16(), document: None, job: None, error }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_items_differ_by_item_and_by_key_and_fit() {
        let key = |text: &str| Idempotency { key: text.to_owned(), request_hash: [7; 32] };
        let (long, other) = (key(&"k".repeat(255)), key("other"));
        let first = derived(&long, 0);
        assert!(first.key.len() <= 255);
        assert_eq!(first.key, derived(&long, 0).key);
        assert_ne!(first.key, derived(&long, 1).key);
        assert_ne!(first.key, derived(&other, 0).key);
        assert_eq!(first.request_hash, [7; 32]);
    }

    #[test]
    fn an_item_that_is_wrong_is_told_as_it_would_be_alone() {
        let problem = Problem::from(Error::invalid("content", "must not be empty"));
        let result = serde_json::to_value(result(3, Err(problem), "r-1")).expect("JSON");
        assert_eq!((&result["index"], &result["status"]), (&3.into(), &422.into()));
        assert_eq!(result["error"]["details"][0]["field"], "content");
        assert!(result.get("job").is_none());
    }
}
