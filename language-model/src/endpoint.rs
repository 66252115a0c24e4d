//! One question to the endpoint: sent, and repeated where that may help.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
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
    trouble::{Failure, Next, Trouble, disconnected, refused},
};

/// The largest answer that is read. What a model says to a passage has some ten thousand bytes.
const MAX_BODY_BYTES: u64 = 8 << 20;
/// The first pause before a request is repeated; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// No pause is longer, unless the endpoint asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An endpoint that wants to be left alone for longer than this is not waited for within a try.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a passage is asked about again after words that are no answer.
const UNUSABLE_RETRIES: u32 = 1;
/// What an endpoint may turn out not to know, one thing after the other.
const MAX_CONCESSIONS: u32 = 4;

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
                Err(refused(dialect, status, &headers, &self.shown(&bytes)))
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
        let mut answer = request.send(body).map_err(|error| disconnected(error, self.settings.timeout))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let bytes = answer.body_mut().with_config().limit(MAX_BODY_BYTES).read_to_vec();
        Ok((status, headers, bytes.map_err(|error| disconnected(error, self.settings.timeout))?))
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

    /// The endpoint's words as they may be shown.
    fn shown(&self, bytes: &[u8]) -> String {
        let complaint = reply::complaint(bytes);
        self.settings.api_key.as_ref().map_or_else(|| complaint.clone(), |key| key.scrub(&complaint))
    }
}

/// The pause before the repeat after `repeats` others: exponential, with a jitter that keeps at least half of it.
fn backoff(repeats: u32, jitter: f64) -> Duration {
    let step = FIRST_PAUSE.saturating_mul(1 << repeats.min(16)).min(LONGEST_PAUSE);
    step.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
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
}
