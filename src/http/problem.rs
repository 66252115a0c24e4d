//! The one place where an error becomes a status: RFC 9457 problem details with this service's stable codes.

use std::time::Duration;

use http::{
    HeaderName, HeaderValue, Method, StatusCode,
    header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use kgl_actors::domain::error::{Error, FieldIssue};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Response, respond};

/// When to come back if a store is away: long enough for a restart, short enough not to be noticed much.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// Why a request was not done, as the client will see it.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    details: Value,
    retry_after: Option<u64>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The body of every answer that is an error (`application/problem+json`, RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// `about:blank`: the status says what kind of problem it is, and `error` says it more finely.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    kind: &'static str,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: &'a str,
    /// The status.
    #[schema(example = 422)]
    status: u16,
    /// What went wrong, for a person.
    #[schema(example = "content: must not be empty")]
    detail: &'a str,
    /// A stable code: `ValidationError`, `NotFound`, `Unauthorized`, `Forbidden`, `Conflict`, `RateLimitExceeded`,
    /// `PayloadTooLarge`, `UnsupportedMediaType`, `MethodNotAllowed`, `PreconditionFailed`, `RequestTimeout`,
    /// `ServiceUnavailable`, `InternalError`.
    #[schema(example = "ValidationError")]
    error: &'static str,
    /// The same as `detail`.
    message: &'a str,
    /// More for programs: of a validation error the list of `{field, issue}`, else an object.
    #[schema(value_type = serde_json::Value)]
    details: &'a Value,
    /// The id under which the service logged the request.
    request_id: &'a str,
    /// Seconds after which the same request may succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let (detail, details) = (detail.into(), json!({}));
        Self { status, code, detail, details, retry_after: None, headers: Vec::new() }
    }

    /// The request cannot be read: 400.
    pub(crate) fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ValidationError", detail)
    }

    /// A part of the request that names it cannot be read: 400 with the field.
    pub(crate) fn unreadable_field(field: &str, issue: &str) -> Self {
        let mut problem = Self::unreadable(format!("{field}: {issue}"));
        problem.details = json!([FieldIssue::new(field, issue)]);
        problem
    }

    /// Nothing stands at this path: 404.
    pub(crate) fn unknown_path() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "there is nothing at this path; /docs lists what there is")
    }

    /// The path is known, but not with this method: 405.
    pub(crate) fn method_not_allowed(allowed: &[Method]) -> Self {
        let list = allowed.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let detail = format!("this path takes {list}");
        let mut problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", detail);
        problem.details = json!({ "allowed": allowed.iter().map(Method::as_str).collect::<Vec<_>>() });
        problem.with_header(ALLOW, &list)
    }

    /// The body did not arrive: 408.
    pub(crate) fn body_timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", "the request's body stopped coming")
    }

    /// The body is larger than the path takes: 413.
    pub(crate) fn too_large(limit: usize) -> Self {
        let detail = format!("the request's body may have at most {limit} bytes");
        let mut problem = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", detail);
        problem.details = json!({ "limit_bytes": limit });
        problem
    }

    /// A content type that is not taken here: 415.
    pub(crate) fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", detail)
    }

    /// Too many requests: 429.
    pub(crate) fn rate_limited(retry_after: Duration) -> Self {
        let detail = format!("too many requests; try again in {} s", seconds(retry_after));
        Self::new(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded", detail).with_retry(retry_after)
    }

    /// A handler that did not end in time: 504.
    pub(crate) fn deadline(limit: Duration) -> Self {
        let detail = format!("the request took longer than {} s and was given up", seconds(limit));
        Self::new(StatusCode::GATEWAY_TIMEOUT, "ServiceUnavailable", detail)
    }

    /// A fault of ours: 500. Says nothing of its cause; that is in the log.
    pub(crate) fn internal() -> Self {
        Self::from(Error::Internal)
    }

    /// Adds a header to the answer. A value that is no header value is left out.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// Lets something else write headers of the answer.
    #[must_use]
    pub(crate) fn with_headers(mut self, write: impl FnOnce(&mut http::HeaderMap)) -> Self {
        let mut headers = http::HeaderMap::new();
        write(&mut headers);
        self.headers.extend(headers.into_iter().filter_map(|(name, value)| Some((name?, value))));
        self
    }

    /// Sets a header of the answer in place of the one that the error brought.
    #[must_use]
    pub(crate) fn replacing_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.with_header(name, value)
    }

    fn with_retry(mut self, after: Duration) -> Self {
        let after = seconds(after);
        self.retry_after = Some(after);
        self.details = json!({ "retry_after": after });
        self.with_header(RETRY_AFTER, &after.to_string())
    }

    /// The status that it will be answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Code and detail in one line, for the access log.
    pub(crate) fn summary(&self) -> String {
        format!("{}: {}", self.code, self.detail)
    }

    /// Its body.
    pub(crate) fn body<'a>(&'a self, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            error: self.code,
            message: &self.detail,
            details: &self.details,
            request_id,
            retry_after: self.retry_after,
        }
    }

    /// The answer.
    pub(crate) fn into_response(self, request_id: &str) -> Response {
        // A body of strings and numbers always serialises; an empty one would still carry the status.
        let bytes = serde_json::to_vec(&self.body(request_id)).unwrap_or_default();
        let mut response = respond::bytes(self.status, "application/problem+json", bytes);
        debug_assert!(response.headers().contains_key(CONTENT_TYPE));
        response.headers_mut().extend(self.headers);
        response
    }
}

/// Whole seconds, rounded up, at least one: what a client should wait.
fn seconds(duration: Duration) -> u64 {
    (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "NotFound", detail),
            Error::Invalid(issues) => {
                let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "ValidationError", detail);
                problem.details = json!(issues);
                problem
            }
            Error::Conflict(_) => Self::new(StatusCode::CONFLICT, "Conflict", detail),
            Error::Stale(_) => Self::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", detail),
            Error::Unauthorized(_) => Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", detail)
                .with_header(WWW_AUTHENTICATE, "Bearer realm=\"kgl\""),
            Error::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "Forbidden", detail),
            Error::Busy { retry_after } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "RateLimitExceeded", detail).with_retry(retry_after)
            }
            Error::TooLarge(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", detail),
            Error::Unsupported(_) => Self::unsupported_media_type(detail),
            Error::Unavailable { .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", detail).with_retry(UNAVAILABLE_RETRY)
            }
            Error::Internal => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(problem: &Problem) -> Value {
        serde_json::to_value(problem.body("r-1")).expect("strings and numbers")
    }

    #[test]
    fn every_engine_error_has_its_status_and_code() {
        let cases = [
            (Error::NotFound("document"), 404, "NotFound"),
            (Error::invalid("title", "is too long"), 422, "ValidationError"),
            (Error::Conflict("twice".into()), 409, "Conflict"),
            (Error::Stale("schema"), 412, "PreconditionFailed"),
            (Error::Unauthorized("who are you"), 401, "Unauthorized"),
            (Error::Forbidden("not you"), 403, "Forbidden"),
            (Error::Busy { retry_after: Duration::from_millis(1500) }, 429, "RateLimitExceeded"),
            (Error::TooLarge("large".into()), 413, "PayloadTooLarge"),
            (Error::Unsupported("a picture".into()), 415, "UnsupportedMediaType"),
            (Error::Unavailable { what: "the database" }, 503, "ServiceUnavailable"),
            (Error::Internal, 500, "InternalError"),
        ];
        for (error, status, code) in cases {
            let text = error.to_string();
            let problem = Problem::from(error);
            let body = body(&problem);
            assert_eq!((body["status"].as_u64(), body["error"].as_str()), (Some(status), Some(code)));
            assert_eq!(body["detail"], text);
            assert_eq!(body["message"], body["detail"]);
            assert_eq!(body["request_id"], "r-1");
            assert_eq!(body["type"], "about:blank");
            assert!(!body["title"].as_str().unwrap_or_default().is_empty());
        }
    }

    #[test]
    fn validation_lists_fields() {
        let issues = vec![FieldIssue::new("title", "is too long"), FieldIssue::new("content", "must not be empty")];
        let body = body(&Error::Invalid(issues).into());
        assert_eq!(body["details"][1], json!({ "field": "content", "issue": "must not be empty" }));
    }

    #[test]
    fn headers_that_the_status_asks_for_are_there() {
        let unauthorized = Problem::from(Error::Unauthorized("no")).into_response("r");
        assert_eq!(unauthorized.headers()[WWW_AUTHENTICATE], "Bearer realm=\"kgl\"");
        assert_eq!(unauthorized.headers()[CONTENT_TYPE], "application/problem+json");
        let busy = Problem::from(Error::Busy { retry_after: Duration::from_millis(1500) });
        assert_eq!(body(&busy)["retry_after"], 2, "rounded up: sooner would be refused again");
        assert_eq!(busy.into_response("r").headers()[RETRY_AFTER], "2");
        let away = Problem::from(Error::Unavailable { what: "the database" }).into_response("r");
        assert!(away.headers().contains_key(RETRY_AFTER));
        let wrong = Problem::method_not_allowed(&[Method::GET, Method::DELETE]).into_response("r");
        assert_eq!(wrong.headers()[ALLOW], "GET, DELETE");
    }
}
