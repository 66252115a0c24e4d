//! What there is to count, for whoever counts.

use std::time::Duration;

use crate::cost::Usage;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer.
    Answered,
    /// With an answer that broke off because the model may say no more.
    CutOff,
    /// With a refusal of the model's.
    Refused,
    /// With something that is no answer.
    Unusable,
    /// The endpoint does not take the request as it is.
    Rejected,
    /// The endpoint does not let us in, or does not know the model.
    Denied,
    /// The endpoint is too busy.
    Busy,
    /// The endpoint failed inside.
    ServerError,
    /// Not in time.
    TimedOut,
    /// No connection, or one that broke.
    Disconnected,
}

impl Outcome {
    /// Its name in metrics and in the health report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Answered => "answered",
            Outcome::CutOff => "cut_off",
            Outcome::Refused => "refused",
            Outcome::Unusable => "unusable",
            Outcome::Rejected => "rejected",
            Outcome::Denied => "denied",
            Outcome::Busy => "busy",
            Outcome::ServerError => "server_error",
            Outcome::TimedOut => "timed_out",
            Outcome::Disconnected => "disconnected",
        }
    }

    /// Whether the endpoint did its part: what the model says is another matter.
    #[must_use]
    pub fn is_fine(self) -> bool {
        matches!(self, Outcome::Answered | Outcome::CutOff | Outcome::Refused)
    }
}

/// Hears of everything that is worth counting. Called from several threads.
pub trait Observer: Send + Sync {
    /// A request ended.
    fn request(&self, _outcome: Outcome, _took: Duration) {}
    /// An answer took this many tokens.
    fn tokens(&self, _usage: Usage) {}
    /// A passage's answer was there: from the cache, or from the endpoint.
    fn passage(&self, _cached: bool) {}
    /// So many claims were dropped, for one reason.
    fn dropped(&self, _reason: &'static str, _claims: usize) {}
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
