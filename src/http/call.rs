//! A request as a handler sees it: routed, authorised, its body read.

use std::{str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::IF_MATCH, request::Parts};
use kgl_actors::domain::{caller::Caller, document::Idempotency, error::Error, page::Page, schema::Precondition};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{App, Response, auth, context::Context, extract, problem::Problem, routes::Params};

/// RFC 7240.
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest that an answer is held back.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The longest idempotency key, in characters.
const MAX_KEY: usize = 255;

/// A routed and authorised request with its whole body.
pub(crate) struct Call {
    /// The service.
    pub(crate) app: Arc<App>,
    /// Head of the request.
    pub(crate) parts: Parts,
    /// Its body, empty where the route takes none.
    pub(crate) body: Bytes,
    /// What accompanies it.
    pub(crate) context: Arc<Context>,
    pub(super) params: Params,
    pub(super) caller: Option<Caller>,
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// How many items to pass over. Slow when large: use `cursor` to go deep.
    #[param(default = 0)]
    skip: Option<u32>,
    /// How many items to answer.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; `skip` is then ignored.
    cursor: Option<String>,
}

impl Call {
    /// Whoever signed in.
    ///
    /// # Errors
    /// 401 when nobody did; routes that need somebody never get that far.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(auth::missing)
    }

    /// The id in the path.
    ///
    /// # Errors
    /// 400 when it is no UUID.
    pub(crate) fn id<T: From<Uuid>>(&self) -> Result<T, Problem> {
        let text = self.param("id");
        Uuid::from_str(text).map(T::from).map_err(|_| Problem::unreadable_field("id", "is not a UUID"))
    }

    /// A parameter of the path; empty if the pattern has none of that name.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.params.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The query string's parameters. Unknown ones are ignored, empty ones count as absent.
    ///
    /// # Errors
    /// 422 when one has the wrong type.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        extract::query(self.parts.uri.query().unwrap_or_default())
    }

    /// Which part of a list is wanted.
    ///
    /// # Errors
    /// 422 when limits or cursor make no sense.
    pub(crate) fn page(&self) -> Result<Page, Problem> {
        let PageQuery { skip, limit, cursor } = self.query()?;
        Ok(Page::new(skip, limit, cursor.as_deref())?)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// 415, 400 or 422: see [`extract::json`].
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        extract::require_json(self.content_type())?;
        extract::json(&self.body)
    }

    /// The media type of the body, with its parameters.
    pub(crate) fn content_type(&self) -> Option<&str> {
        self.parts.headers.get(http::header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"))
    }

    /// The client's `Idempotency-Key`, tied to `request_hash`.
    ///
    /// # Errors
    /// 422 when the key is empty or too long.
    pub(crate) fn idempotency(&self, request_hash: [u8; 32]) -> Result<Option<Idempotency>, Problem> {
        let Some(value) = self.parts.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        match value.to_str() {
            Ok(key) if (1..=MAX_KEY).contains(&key.len()) => {
                Ok(Some(Idempotency { key: key.to_owned(), request_hash }))
            }
            _ => {
                let issue = format!("must be 1 to {MAX_KEY} visible ASCII characters");
                Err(Error::invalid("Idempotency-Key", issue).into())
            }
        }
    }

    /// What the client takes for the current version of what it changes: its `If-Match`.
    ///
    /// # Errors
    /// 400 when it is none of our tags.
    pub(crate) fn precondition(&self) -> Result<Precondition, Problem> {
        let lines: Vec<&str> = self.parts.headers.get_all(IF_MATCH).iter().map(|v| v.to_str().unwrap_or("?")).collect();
        if lines.is_empty() {
            return Ok(Precondition::None);
        }
        let line = lines.join(",");
        if line.trim() == "*" {
            return Ok(Precondition::Exists);
        }
        let versions = line.split(',').map(str::trim).map(|tag| {
            let text = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            text.ok_or_else(|| Problem::unreadable_field("If-Match", "is not an entity tag"))
        });
        // A tag that is none of ours matches nothing, as one of another day would.
        Ok(Precondition::Versions(versions.collect::<Result<Vec<_>, _>>()?.into_iter().flat_map(str::parse).collect()))
    }

    /// How long the client would rather wait than be answered early.
    pub(crate) fn wait(&self) -> Option<Duration> {
        preferred_wait(&self.parts.headers)
    }
}

/// `wait=N` of the `Prefer` headers, at most [`MAX_WAIT`]. What cannot be read is no preference.
pub(crate) fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all(PREFER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split([',', ';']))
        .filter_map(|preference| preference.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok())
        .map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT))
}

/// Says on the answer that the preference was heeded.
pub(crate) fn applied(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        let text = format!("wait={}", wait.as_secs());
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(PREFERENCE_APPLIED, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_found_among_other_preferences_and_capped() {
        let wait = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_str(text).expect("a value"));
            preferred_wait(&headers).map(|d| d.as_secs())
        };
        assert_eq!(wait("wait=10"), Some(10));
        assert_eq!(wait("respond-async, WAIT = 5"), Some(5));
        assert_eq!(wait("wait=600"), Some(30));
        assert_eq!(wait("wait=soon"), None);
        assert_eq!(wait("return=minimal"), None);
    }
}
