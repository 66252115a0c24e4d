//! Reading bodies and query strings: 413, 408 and 400 for what cannot be read, 422 with the field for what can be
//! read and is wrong.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap,
    header::{CONTENT_LENGTH, EXPECT},
};
use http_body_util::BodyExt;
use kgl_actors::domain::error::{Error, FieldIssue};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, error::Category};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Body, problem::Problem};

/// A body of which nothing came for so long is given up.
const BODY_IDLE: Duration = Duration::from_secs(15);
/// How much of a body that is too large is still taken off the wire, and for how long: a client that is cut off while
/// it sends sees a broken connection, and not why.
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(5);

/// How many bytes the head promises.
pub(crate) fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body to its end.
///
/// # Errors
/// 413 when it has more than `limit` bytes, 408 when it stops coming, 400 when the connection broke.
pub(crate) async fn body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    receive(headers, body, limit, BODY_IDLE).await
}

async fn receive(headers: &HeaderMap, mut body: Body, limit: usize, idle: Duration) -> Result<Bytes, Problem> {
    let declared = declared_length(headers);
    if declared.is_some_and(|length| length > limit) {
        // Whoever waits for "100 Continue" has not sent anything yet.
        if !headers.contains_key(EXPECT) {
            linger(body).await;
        }
        return Err(Problem::too_large(limit));
    }
    let mut read = BytesMut::with_capacity(declared.unwrap_or(0));
    loop {
        let frame = match timeout(idle, body.frame()).await {
            Err(_) => return Err(Problem::body_timeout()),
            Ok(None) => return Ok(read.freeze()),
            Ok(Some(Err(_))) => return Err(Problem::unreadable("the request's body broke off")),
            Ok(Some(Ok(frame))) => frame,
        };
        if let Some(data) = frame.data_ref() {
            if read.len() + data.len() > limit {
                linger(body).await;
                return Err(Problem::too_large(limit));
            }
            read.extend_from_slice(data);
        }
    }
}

/// Reads what a client still sends to a request that is answered already, within bounds.
pub(crate) async fn linger(mut body: Body) {
    let (until, mut left) = (Instant::now() + LINGER, LINGER_BYTES);
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
        if left == 0 {
            return;
        }
    }
}

/// Whether a body may be read as JSON.
///
/// # Errors
/// 415 when it says that it is something else.
pub(crate) fn require_json(content_type: Option<&str>) -> Result<(), Problem> {
    // Many a simple client sends JSON without saying so; nothing else is taken there, so there is no ambiguity.
    let Some(content_type) = content_type else { return Ok(()) };
    let kind = essence(content_type);
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        Ok(())
    } else {
        Err(Problem::unsupported_media_type(format!("this takes application/json, not {kind}")))
    }
}

/// A media type in lower case and without its parameters.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Parses JSON.
///
/// # Errors
/// 400 when it is not JSON in UTF-8, 422 with the field's path when it is but does not fit.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(body).map_err(|_| Problem::unreadable("the body is not valid UTF-8"))?;
    if text.trim().is_empty() {
        return Err(Problem::unreadable("the body is empty where JSON is expected"));
    }
    // A raw NUL is no JSON; an escaped one is, but no text that PostgreSQL or anybody else can keep.
    if text.contains("\\u0000") {
        let value: Value = serde_json::from_str(text).map_err(|error| unreadable_json(&error))?;
        if let Some(path) = nul_path(&value) {
            return Err(Error::invalid(path, "must not contain NUL characters").into());
        }
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.classify() != Category::Data {
            return unreadable_json(&error);
        }
        // What is wrong with a field matters only if the rest can be read.
        match serde_json::from_str::<IgnoredAny>(text) {
            Err(syntax) => unreadable_json(&syntax),
            Ok(_) => Problem::from(Error::Invalid(vec![field_issue(&path, &error.to_string())])),
        }
    })?;
    deserializer.end().map_err(|error| unreadable_json(&error))?;
    Ok(parsed)
}

/// Takes a JSON value apart.
///
/// # Errors
/// The field that does not fit.
pub(crate) fn json_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        Error::Invalid(vec![field_issue(&path, &error.into_inner().to_string())])
    })
}

fn unreadable_json(error: &serde_json::Error) -> Problem {
    Problem::unreadable(format!("the body is not valid JSON (line {}, column {})", error.line(), error.column()))
}

/// The path of the first string with a NUL in it, or of the object of which a key has one.
fn nul_path(value: &Value) -> Option<String> {
    let join = |head: &str, rest: &str| {
        if rest.is_empty() || rest.starts_with('[') { format!("{head}{rest}") } else { format!("{head}.{rest}") }
    };
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(index, item)| Some(join(&format!("[{index}]"), &nul_path(item)?)))
        }
        Value::Object(fields) => fields.iter().find_map(|(key, item)| {
            if key.contains('\0') {
                return Some(String::new());
            }
            Some(join(key, &nul_path(item)?))
        }),
        _ => None,
    }
}

/// Makes an issue of serde's words. What the client sent is not repeated: it may be a password.
fn field_issue(path: &str, message: &str) -> FieldIssue {
    let path = if path == "." { "" } else { path };
    let message = message.split(" at line ").next().unwrap_or_default();
    if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        let field = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        return FieldIssue::new(field, "is required");
    }
    let issue = match message.split_once("expected ") {
        Some((_, expected)) => format!("must be {}", expected.replacen("one of", "one of:", 1).replace('`', "")),
        None => "is not valid".to_owned(),
    };
    FieldIssue::new(if path.is_empty() { "body" } else { path }, issue)
}

/// Parses a query string. Empty values count as absent.
///
/// # Errors
/// As [`form`].
pub(crate) fn query<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let given: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !pair.ends_with('=')).collect();
    form(given.join("&").as_bytes())
}

/// Parses `application/x-www-form-urlencoded`.
///
/// # Errors
/// 422 with the parameter that does not fit; 400 if that should be a UUID.
pub(crate) fn form<T: DeserializeOwned>(encoded: &[u8]) -> Result<T, Problem> {
    if let Ok(pairs) = serde_html_form::from_bytes::<Vec<(String, String)>>(encoded)
        && let Some((name, _)) = pairs.iter().find(|(name, value)| name.contains('\0') || value.contains('\0'))
    {
        return Err(Error::invalid(name.replace('\0', ""), "must not contain NUL characters").into());
    }
    serde_path_to_error::deserialize(serde_html_form::Deserializer::from_bytes(encoded)).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        if message.contains("UUID") {
            return Problem::unreadable_field(&path, "is not a UUID");
        }
        let issue = if message.contains("invalid digit") || message.contains("number") {
            FieldIssue::new(&*path, "must be a whole number that is not negative, and not too large")
        } else if message.contains("invalid float") {
            FieldIssue::new(&*path, "must be a number")
        } else {
            field_issue(&path, &message)
        };
        Error::Invalid(vec![issue]).into()
    })
}

#[cfg(test)]
mod tests;
