//! What the pipeline's newest tries came to, for whoever judges whether extraction works.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::domain::ids::UserId;

/// How far back a judgement looks.
const WINDOW: Duration = Duration::from_secs(60);
/// Extraction is broken when at least so many tries failed for reasons of ours …
const BROKEN_FAILURES: usize = 5;
/// … for at least so many owners, and none succeeded.
const BROKEN_OWNERS: usize = 2;
/// More tries than this are not remembered; the newest ones decide.
const REMEMBERED: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Outcome {
    at: Instant,
    owner: UserId,
    success: bool,
}

/// Shared between those who settle jobs and those who judge.
#[derive(Clone, Debug, Default)]
pub struct Outcomes(Arc<Mutex<VecDeque<Outcome>>>);

/// The last minute, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastMinute {
    /// Documents that were done.
    pub successes: usize,
    /// Tries that failed for reasons of ours. A document's own faults do not count.
    pub failures: usize,
    /// Whose tries those were, counted.
    pub owners: usize,
}

impl LastMinute {
    /// Whether extraction itself is broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.successes == 0 && self.failures >= BROKEN_FAILURES && self.owners >= BROKEN_OWNERS
    }
}

impl Outcomes {
    /// Notes that a document of `owner` was done, or that a try at one failed for a reason of ours.
    pub fn note(&self, owner: UserId, success: bool) {
        let mut outcomes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if outcomes.len() == REMEMBERED {
            outcomes.pop_front();
        }
        outcomes.push_back(Outcome { at: Instant::now(), owner, success });
    }

    /// Counts the last minute.
    #[must_use]
    pub fn last_minute(&self) -> LastMinute {
        let mut outcomes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while outcomes.front().is_some_and(|o| o.at.elapsed() > WINDOW) {
            outcomes.pop_front();
        }
        let failed: Vec<&Outcome> = outcomes.iter().filter(|o| !o.success).collect();
        let owners: HashSet<UserId> = failed.iter().map(|o| o.owner).collect();
        LastMinute { successes: outcomes.len() - failed.len(), failures: failed.len(), owners: owners.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_owner_cannot_make_the_service_look_broken_and_one_success_clears_it() {
        let (outcomes, one, two) = (Outcomes::default(), UserId::new(), UserId::new());
        for _ in 0..10 {
            outcomes.note(one, false);
        }
        assert!(!outcomes.last_minute().is_broken());
        outcomes.note(two, false);
        assert!(outcomes.last_minute().is_broken());
        outcomes.note(two, true);
        assert!(!outcomes.last_minute().is_broken());
    }
}
