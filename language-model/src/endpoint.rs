//! One question to the endpoint: sent, repeated where that may help, and its answer or the trouble with it sorted by
//! what to do about it.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use ureq::http::{HeaderMap, StatusCode};

use crate::{
    answer,
    cost::{Ledger, Usage, estimated_tokens},
    dialect::Dialect,
    gate::{Closed, Gate, Stop},
    observer::{Observer, Outcome},
    reply::{self, Reply},
    schema::AnswerSchema,
    settings::Settings,
};

/// The largest answer that is read. What a model says to a passage has some ten thousand bytes.
const MAX_BODY_BYTES: u64 = 8 << 20;
/// The first pause before a request is repeated; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// No pause is longer, unless the endpoint asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An endpoint that wants to be left alone for longer than this is not waited for within a try.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an endpoint is left alone that let nobody in: long enough that a queue of texts does not become a flood.
const REST: Duration = Duration::from_secs(15);
/// A passage that timed out is asked about this often again: what takes too long mostly takes too long each time.
const TIMEOUT_RETRIES: u32 = 1;
/// How often a passage is asked about again after words that are no answer.
const UNUSABLE_RETRIES: u32 = 1;
/// What an endpoint may turn out not to know, one thing after the other.
const MAX_CONCESSIONS: u32 = 4;

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
struct Failure {
    outcome: Outcome,
    next: Next,
}

enum Next {
    /// The same may work later; what it comes to when it does not.
    Repeat { trouble: Trouble, after: Option<Duration>, most: u32 },
    /// It will not work; why.
    GiveUp(Trouble),
    /// The endpoint knows less than was thought.
    Concede(Dialect),
}

/// An answer that can be read, as the model gave it.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) content: String,
    pub(crate) usage: Usage,
}

/// How the newest request ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newest {
    pub(crate) outcome: Outcome,
    pub(crate) at: Instant,
}

/// The endpoint as this process knows it.
pub(crate) struct Endpoint {
    settings: Settings,
    agent: ureq::Agent,
    gate: Gate,
    dialect: Mutex<Dialect>,
    newest: Mutex<Option<Newest>>,
    observer: Arc<dyn Observer>,
}

impl Endpoint {
    pub(crate) fn new(settings: Settings, observer: Arc<dyn Observer>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirected POST would lose its body, and the key has no business elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .user_agent(concat!("kgl/", env!("CARGO_PKG_VERSION")))
            .max_idle_connections_per_host(settings.concurrency.clamp(1, 64))
            .build()
            .new_agent();
        let gate = Gate::new(settings.concurrency.max(1));
        Self { settings, agent, gate, dialect: Mutex::default(), newest: Mutex::default(), observer }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn observer(&self) -> &dyn Observer {
        &*self.observer
    }

    pub(crate) fn newest(&self) -> Option<Newest> {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks about one passage until there is an answer or no hope. Everything that was paid for is in the ledger.
    pub(crate) fn ask(
        &self,
        passage: &str,
        schema: &AnswerSchema,
        ledger: &Ledger,
        stop: &Stop,
    ) -> Result<Said, Trouble> {
        let (mut repeats, mut concessions, mut variant) = (0, 0, 0);
        loop {
            let dialect = *self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
            let failure = match self.ask_once(dialect, passage, schema, variant, ledger, stop)? {
                Ok(said) => return Ok(said),
                Err(failure) => failure,
            };
            match failure.next {
                Next::GiveUp(trouble) => return Err(self.given_up(trouble)),
                Next::Concede(less) => {
                    concessions += 1;
                    if concessions > MAX_CONCESSIONS {
                        return Err(Trouble::Failed(
                            "the language model's endpoint takes no form of the request".into(),
                        ));
                    }
                    self.concede(dialect, less);
                }
                Next::Repeat { trouble, after, most } => {
                    let too_late = after.is_some_and(|after| after > PATIENCE);
                    if repeats >= most.min(self.settings.max_retries) || too_late {
                        return Err(self.given_up(trouble));
                    }
                    if failure.outcome == Outcome::Unusable {
                        variant += 1;
                    }
                    let pause = after.unwrap_or_else(|| backoff(repeats, rand::random()));
                    repeats += 1;
                    tracing::debug!(
                        outcome = failure.outcome.as_str(),
                        repeats,
                        ?pause,
                        "asking the language model again"
                    );
                    if failure.outcome == Outcome::Busy && after.is_some() {
                        self.gate.hold_back(pause);
                    } else if !stop.sleep(pause) {
                        return Err(Trouble::Stopped);
                    }
                }
            }
        }
    }

    /// Another thread may have found out something else meanwhile; that stays.
    fn concede(&self, from: Dialect, to: Dialect) {
        let mut dialect = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        if *dialect == from {
            tracing::info!(?to, "the language model's endpoint does not know all of the protocol");
            *dialect = to;
        }
    }

    fn given_up(&self, trouble: Trouble) -> Trouble {
        if let Trouble::Unavailable { reason, retry_after } = &trouble {
            self.gate.close(reason, (*retry_after).min(PATIENCE));
        }
        trouble
    }

    fn ask_once(
        &self,
        dialect: Dialect,
        passage: &str,
        schema: &AnswerSchema,
        variant: u64,
        ledger: &Ledger,
        stop: &Stop,
    ) -> Result<Result<Said, Failure>, Trouble> {
        let body = dialect.body(&self.settings.model, schema, passage, variant).to_string();
        let _permit = self.gate.enter(stop).map_err(|closed| match closed {
            Closed::Stopped => Trouble::Stopped,
            Closed::Resting(reason, retry_after) => Trouble::Unavailable { reason, retry_after },
        })?;
        let _under_way = ledger.begin(estimated_tokens(&body)).map_err(Trouble::OverBudget)?;
        let begun = Instant::now();
        let result = self.send(&body).and_then(|(status, headers, bytes)| {
            if status.is_success() {
                self.understand(&bytes, &body, ledger)
            } else {
                Err(self.refused(dialect, status, &headers, &bytes))
            }
        });
        let outcome = result.as_ref().map_or_else(|failure| failure.outcome, |_| Outcome::Answered);
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Newest { outcome, at: Instant::now() });
        self.observer.request(outcome, begun.elapsed());
        Ok(result)
    }

    fn send(&self, body: &str) -> Result<(StatusCode, HeaderMap, Vec<u8>), Failure> {
        let mut request = self
            .agent
            .post(self.settings.base_url.chat_completions())
            .header("content-type", "application/json")
            .header("accept", "application/json");
        if let Some(key) = &self.settings.api_key {
            request = request.header("authorization", key.bearer().as_str());
        }
        let mut answer = request.send(body).map_err(|error| self.disconnected(error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_vec();
        Ok((status, headers, bytes.map_err(|error| self.disconnected(error))?))
    }

    fn disconnected(&self, error: ureq::Error) -> Failure {
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
            ureq::Error::Timeout(_) => self.timed_out(),
            ureq::Error::BodyExceedsLimit(limit) => Failure {
                outcome: Outcome::Unusable,
                next: Next::GiveUp(Trouble::Failed(format!("the language model's answer has more than {limit} bytes"))),
            },
            ureq::Error::HostNotFound => away("its host is not known"),
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => away("no secure connection comes about"),
            ureq::Error::Io(error) => match error.kind() {
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => self.timed_out(),
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

    fn timed_out(&self) -> Failure {
        let seconds = self.settings.timeout.as_secs_f64();
        let trouble = Trouble::Failed(format!("the language model did not answer within {seconds} s"));
        Failure { outcome: Outcome::TimedOut, next: Next::Repeat { trouble, after: None, most: TIMEOUT_RETRIES } }
    }

    /// An answer with a status of success.
    fn understand(&self, bytes: &[u8], sent: &str, ledger: &Ledger) -> Result<Said, Failure> {
        let (reply, usage) = reply::read(bytes, sent);
        ledger.spend(usage);
        self.observer.tokens(usage);
        let unusable = |why: &str| Failure {
            outcome: Outcome::Unusable,
            next: Next::Repeat {
                trouble: Trouble::Failed(format!("the language model's answer cannot be used: {why}")),
                after: None,
                most: UNUSABLE_RETRIES,
            },
        };
        match reply {
            Reply::Content(content) => match answer::parse(&content) {
                Ok(_) => Ok(Said { content, usage }),
                Err(why) => Err(unusable(why)),
            },
            Reply::CutOff => Err(Failure { outcome: Outcome::CutOff, next: Next::GiveUp(Trouble::TooLong) }),
            Reply::Refused(why) => {
                let why = self.shown(why.as_bytes());
                Err(Failure { outcome: Outcome::Refused, next: Next::GiveUp(Trouble::Refused(why)) })
            }
            Reply::Unusable(why) => Err(unusable(why)),
        }
    }

    /// An answer with any other status.
    fn refused(&self, dialect: Dialect, status: StatusCode, headers: &HeaderMap, bytes: &[u8]) -> Failure {
        let give_up = |outcome, trouble| Failure { outcome, next: Next::GiveUp(trouble) };
        let away = |reason: String| Trouble::Unavailable { reason, retry_after: REST };
        let complaint = self.shown(bytes);
        let after = retry_after(headers, SystemTime::now());
        match status.as_u16() {
            300..=399 => give_up(
                Outcome::Denied,
                away("the language model's endpoint has moved: KGL_OPENAI_BASE_URL must name the new place".into()),
            ),
            400 | 413 | 422 if status == 413 || is_about_length(&complaint) => {
                give_up(Outcome::CutOff, Trouble::TooLong)
            }
            400 | 422 => match dialect.without_what(&complaint) {
                Some(less) => Failure { outcome: Outcome::Rejected, next: Next::Concede(less) },
                None => give_up(Outcome::Rejected, self.rejected(status, &complaint)),
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
            _ => give_up(Outcome::Rejected, self.rejected(status, &complaint)),
        }
    }

    fn rejected(&self, status: StatusCode, complaint: &str) -> Trouble {
        Trouble::Failed(format!(
            "the language model's endpoint does not take the request ({}): {complaint}",
            status.as_u16()
        ))
    }

    /// The endpoint's words as they may be shown.
    fn shown(&self, bytes: &[u8]) -> String {
        let complaint = reply::complaint(bytes);
        self.settings.api_key.as_ref().map_or_else(|| complaint.clone(), |key| key.scrub(&complaint))
    }
}

/// Whether a complaint is that the passage does not fit into what the model can read.
fn is_about_length(complaint: &str) -> bool {
    let complaint = complaint.to_lowercase();
    ["context length", "context_length", "maximum context", "context window", "context size", "too many tokens"]
        .iter()
        .any(|words| complaint.contains(words))
}

/// The pause before the repeat after `repeats` others: exponential, with a jitter that keeps at least half of it.
fn backoff(repeats: u32, jitter: f64) -> Duration {
    let step = FIRST_PAUSE.saturating_mul(1 << repeats.min(16)).min(LONGEST_PAUSE);
    step.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
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
    fn pauses_double_up_to_a_limit() {
        assert_eq!(backoff(0, 1.0), FIRST_PAUSE);
        assert_eq!(backoff(1, 0.0), FIRST_PAUSE);
        assert_eq!(backoff(40, 1.0), LONGEST_PAUSE);
    }

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
