//! What goes wrong with a request, sorted by what to do about it.

use std::{
    io,
    time::{Duration, SystemTime},
};

use ureq::http::{HeaderMap, StatusCode};

use crate::{dialect::Dialect, observer::Outcome};

/// How long an endpoint is left alone that let nobody in: long enough that a queue of texts does not become a flood.
const REST: Duration = Duration::from_secs(15);
/// A passage that timed out is asked about this often again: what takes too long mostly takes too long each time.
const TIMEOUT_RETRIES: u32 = 1;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody waits for it any more.
    Stopped,
    /// Neither this passage nor any other can be asked about now.
    Unavailable { reason: String, retry_after: Duration },
    /// The endpoint failed for this passage.
    Failed(String),
    /// The answer does not fit into what the model may say, or the passage into what it can read.
    TooLong,
    /// The model does not want to read this.
    Refused(String),
    /// Asking once more would pass this limit.
    OverBudget(String),
}

/// How a request ended that brought no answer.
pub(crate) struct Failure {
    pub(crate) outcome: Outcome,
    pub(crate) next: Next,
}

/// What to do about it.
pub(crate) enum Next {
    /// The same may work later; what it comes to when it does not.
    Repeat { trouble: Trouble, after: Option<Duration>, most: u32 },
    /// It will not work; why.
    GiveUp(Trouble),
    /// The endpoint knows less than was thought.
    Concede(Dialect),
}

/// A request that brought no answer, or half of one.
pub(crate) fn disconnected(error: ureq::Error, timeout: Duration) -> Failure {
    let repeat = |outcome, trouble, most| Failure { outcome, next: Next::Repeat { trouble, after: None, most } };
    let away = |what: &str| {
        let reason = format!("the language model's endpoint cannot be reached: {what}");
        repeat(Outcome::Disconnected, Trouble::Unavailable { reason, retry_after: REST }, u32::MAX)
    };
    let broke_off = repeat(
        Outcome::Disconnected,
        Trouble::Failed("the connection to the language model broke off".into()),
        u32::MAX,
    );
    let error = match error {
        // What goes wrong while a body is read comes wrapped.
        ureq::Error::Io(error) => ureq::Error::from(error),
        other => other,
    };
    match error {
        ureq::Error::Timeout(_) => timed_out(timeout),
        ureq::Error::BodyExceedsLimit(limit) => Failure {
            outcome: Outcome::Unusable,
            next: Next::GiveUp(Trouble::Failed(format!("the language model's answer has more than {limit} bytes"))),
        },
        ureq::Error::HostNotFound => away("its host is not known"),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => away("no secure connection comes about"),
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => timed_out(timeout),
            io::ErrorKind::ConnectionRefused => away("the connection is refused"),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => away("there is no way to it"),
            io::ErrorKind::InvalidData => repeat(
                Outcome::Disconnected,
                Trouble::Failed("the language model's endpoint answers something that is no HTTP".into()),
                u32::MAX,
            ),
            // The system's resolver has no kind of its own.
            _ if error.to_string().contains("lookup address") => away("its host is not known"),
            _ => broke_off,
        },
        ureq::Error::ConnectionFailed => away("no connection comes about"),
        _ => broke_off,
    }
}

fn timed_out(timeout: Duration) -> Failure {
    let seconds = timeout.as_secs_f64();
    let trouble = Trouble::Failed(format!("the language model did not answer within {seconds} s"));
    Failure { outcome: Outcome::TimedOut, next: Next::Repeat { trouble, after: None, most: TIMEOUT_RETRIES } }
}

/// An answer with a status that is none of success. `complaint` is what the endpoint says, fit to be shown.
pub(crate) fn refused(dialect: Dialect, status: StatusCode, headers: &HeaderMap, complaint: &str) -> Failure {
    let give_up = |outcome, trouble| Failure { outcome, next: Next::GiveUp(trouble) };
    let away = |reason: String| Trouble::Unavailable { reason, retry_after: REST };
    let after = retry_after(headers, SystemTime::now());
    match status.as_u16() {
        300..=399 => give_up(
            Outcome::Denied,
            away("the language model's endpoint has moved: KGL_OPENAI_BASE_URL must name the new place".into()),
        ),
        400 | 413 | 422 if status == 413 || is_about_length(complaint) => give_up(Outcome::CutOff, Trouble::TooLong),
        400 | 422 => match dialect.without_what(complaint) {
            Some(less) => Failure { outcome: Outcome::Rejected, next: Next::Concede(less) },
            None => give_up(Outcome::Rejected, rejected(status, complaint)),
        },
        // What is said to a key may repeat it.
        401 | 403 => give_up(
            Outcome::Denied,
            away(format!(
                "the language model's endpoint does not accept the key ({}): see KGL_OPENAI_API_KEY",
                status.as_u16()
            )),
        ),
        402 => give_up(Outcome::Denied, away("the language model's endpoint wants to be paid (402)".into())),
        404 | 405 => give_up(
            Outcome::Denied,
            away(format!(
                "the language model's endpoint knows no such path or model ({}): see KGL_OPENAI_BASE_URL and KGL_OPENAI_MODEL",
                status.as_u16()
            )),
        ),
        429 if complaint.to_lowercase().contains("quota") && after.is_none() => {
            give_up(Outcome::Denied, away("the quota at the language model's endpoint is used up (429)".into()))
        }
        429 => {
            let trouble = Trouble::Unavailable {
                reason: "the language model's endpoint is too busy (429)".into(),
                retry_after: after.unwrap_or(REST),
            };
            Failure { outcome: Outcome::Busy, next: Next::Repeat { trouble, after, most: u32::MAX } }
        }
        502 | 503 | 529 => {
            let reason = format!("the language model's endpoint is away ({})", status.as_u16());
            let trouble = Trouble::Unavailable { reason, retry_after: after.unwrap_or(REST) };
            Failure { outcome: Outcome::ServerError, next: Next::Repeat { trouble, after, most: u32::MAX } }
        }
        408 | 409 | 425 | 500..=599 => {
            let trouble = Trouble::Failed(format!("the language model's endpoint failed ({})", status.as_u16()));
            Failure { outcome: Outcome::ServerError, next: Next::Repeat { trouble, after, most: u32::MAX } }
        }
        _ => give_up(Outcome::Rejected, rejected(status, complaint)),
    }
}

fn rejected(status: StatusCode, complaint: &str) -> Trouble {
    Trouble::Failed(format!(
        "the language model's endpoint does not take the request ({}): {complaint}",
        status.as_u16()
    ))
}

/// Whether a complaint is that the passage does not fit into what the model can read.
fn is_about_length(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    ["context length", "context_length", "maximum context", "context window", "context size", "too many tokens"]
        .iter()
        .any(|words| complaint.contains(words))
}

/// What the endpoint asks to be left alone for, in either of the header's forms and the one in milliseconds.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok().filter(|n| (0.0..1e9).contains(n));
    if let Some(milliseconds) = text("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(milliseconds / 1e3));
    }
    let text = text("retry-after")?;
    if let Some(seconds) = number(text) {
        return Some(Duration::from_secs_f64(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_may_say_when_in_any_form() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:30 GMT").expect("a date");
        let after = |name: &'static str, value: &'static str| {
            retry_after(&HeaderMap::from_iter([(name.parse().expect("a name"), value.parse().expect("a value"))]), now)
        };
        assert_eq!(after("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(after("retry-after", " 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(after("retry-after-ms", "250"), Some(Duration::from_millis(250)));
        assert_eq!(after("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(after("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO));
        for odd in ["-1", "soon", "inf", "NaN", ""] {
            assert_eq!(after("retry-after", odd), None, "{odd}");
        }
    }
}
