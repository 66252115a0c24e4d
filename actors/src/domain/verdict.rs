//! How a try at a job ended. A failure is data that travels to whoever settles the job, not an error that unwinds.

use std::time::Duration;

use super::job::JobResult;

/// How a try at a job ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Its facts are committed and the job is closed.
    Done(JobResult),
    /// The document itself cannot be done: `failed`, with the reason.
    Reject(String),
    /// Something of ours went wrong: try again later, or `dead` when the attempts are used up.
    Retry(String),
    /// Trouble that is not the document's, such as a store that was away: try again later, and the try does not count.
    Postpone(String),
    /// Another service that the extractor needs is away or lets nobody in: try again after the pause, and the try does
    /// not count.
    Unavailable {
        /// Why, for the document's owner.
        reason: String,
        /// What to wait at least.
        pause: Duration,
    },
    /// Not begun, or broken off by a drain: back to the queue, and the try does not count.
    Release,
    /// Called off, or taken over by a newer lease: nothing is left to settle.
    Gone,
}

/// How long a job waits that was postponed: an outage is not shortened by asking more often.
pub const POSTPONE_PAUSE: Duration = Duration::from_secs(2);
/// No job that waits for another service waits longer than this between two looks, give or take a half.
pub const LONGEST_UNAVAILABLE: Duration = Duration::from_secs(300);
/// The first pause before a failed try is repeated.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// No pause is longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long to wait after the `attempt`-th try failed: exponential with full jitter, at least half of the step, so
/// that jobs that failed together do not come back together.
///
/// `jitter` is a random number from 0 to 1.
#[must_use]
pub fn backoff(attempt: i32, jitter: f64) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or(0).min(16);
    let step = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    let pause = step.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
    // PostgreSQL counts microseconds and refuses finer times.
    Duration::from_millis(u64::try_from(pause.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_jitter_stays_within_half() {
        assert_eq!(backoff(1, 1.0), FIRST_PAUSE);
        assert_eq!(backoff(2, 1.0), FIRST_PAUSE * 2);
        assert_eq!(backoff(1, 0.0), FIRST_PAUSE / 2);
        assert_eq!(backoff(1000, 1.0), LONGEST_PAUSE);
        assert_eq!(backoff(-3, 1.0), FIRST_PAUSE);
    }
}
