//! What can go wrong with a request, in the terms of whoever asked. The front turns each into a status.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldIssue {
    /// The field, as a dotted path: `extraction.confidence_threshold`.
    pub field: String,
    /// What is wrong with it, for a person.
    pub issue: String,
}

impl FieldIssue {
    /// An issue with a field.
    pub fn new(field: impl Into<String>, issue: impl Into<String>) -> Self {
        Self { field: field.into(), issue: issue.into() }
    }
}

/// Why a request was not done. None of the messages holds SQL, a driver's text or a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not there, or somebody else's: the two are not told apart. Names the kind of thing.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// Readable, but wrong.
    #[error("{}", describe(.0))]
    Invalid(Vec<FieldIssue>),
    /// It contradicts what is there already.
    #[error("{0}")]
    Conflict(String),
    /// It changed since the caller looked. Names the kind of thing.
    #[error("the {0} is not the one that If-Match names: it was changed in the meantime")]
    Stale(&'static str),
    /// No, or no longer valid, credentials.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// Known, but not allowed.
    #[error("{0}")]
    Forbidden(&'static str),
    /// More than can be taken in now; the same request may succeed later.
    #[error("too much work is waiting; try again in {} s", retry_after.as_secs().max(1))]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// Larger than the service takes.
    #[error("{0}")]
    TooLarge(String),
    /// Of a kind that is not read.
    #[error("{0}")]
    Unsupported(String),
    /// A store is away or too slow; nothing was done.
    #[error("{what} is not available at the moment")]
    Unavailable {
        /// What is away: "the database".
        what: &'static str,
    },
    /// A fault of ours. It was logged where it happened.
    #[error("an internal error occurred")]
    Internal,
}

impl Error {
    /// A single wrong field.
    pub fn invalid(field: impl Into<String>, issue: impl Into<String>) -> Self {
        Error::Invalid(vec![FieldIssue::new(field, issue)])
    }
}

fn describe(issues: &[FieldIssue]) -> String {
    issues.iter().map(|i| format!("{}: {}", i.field, i.issue)).collect::<Vec<_>>().join("; ")
}

/// What most of the engine's calls answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;
