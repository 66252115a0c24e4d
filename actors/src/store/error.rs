//! What the database can answer, sorted by what to do about it.

use crate::domain::error::Error;

/// A failed statement. Its text may name tables and values, so it goes to the log and never into an answer.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StoreError(#[from] sqlx::Error);

/// What the store's functions answer.
pub type StoreResult<T> = Result<T, StoreError>;

impl StoreError {
    /// The database did not answer in time.
    #[must_use]
    pub fn timed_out() -> Self {
        Self(sqlx::Error::PoolTimedOut)
    }

    /// Whether the database is away, overloaded or shutting down: the same statement may succeed later.
    #[must_use]
    pub fn is_away(&self) -> bool {
        match &self.0 {
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed => true,
            // Class 08: connection exception, 53: insufficient resources, 57P: operator intervention, 58: system error.
            sqlx::Error::Database(e) => e.code().is_some_and(|c| {
                c.starts_with("08") || c.starts_with("53") || c.starts_with("57P") || c.starts_with("58")
            }),
            _ => false,
        }
    }

    /// Whether the statement lost a race (serialisation failure, deadlock) and may simply be run again.
    #[must_use]
    pub fn is_conflict_of_transactions(&self) -> bool {
        self.code().is_some_and(|c| c == "40001" || c == "40P01")
    }

    /// The unique or foreign key, or check, that was violated.
    #[must_use]
    pub fn violated_constraint(&self) -> Option<&str> {
        match &self.0 {
            sqlx::Error::Database(e) if e.code().is_some_and(|c| c.starts_with("23")) => e.constraint(),
            _ => None,
        }
    }

    /// The SQLSTATE, when the server itself answered.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        match &self.0 {
            sqlx::Error::Database(e) => e.code().map(|c| c.into_owned()),
            _ => None,
        }
    }
}

impl From<StoreError> for Error {
    /// The boundary at which a failed statement is logged, once.
    fn from(error: StoreError) -> Self {
        metrics::counter!(crate::metrics::DATABASE_ERRORS, "sqlstate" => error.code().unwrap_or_else(|| "none".into()))
            .increment(1);
        if error.is_away() {
            tracing::warn!(error = %error, "the database is away");
            return Error::Unavailable { what: "the database" };
        }
        tracing::error!(error = %error, "a statement failed");
        Error::Internal
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        StoreError(error).into()
    }
}
