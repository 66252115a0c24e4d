//! What anybody may know of the scheduler without asking it.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::timetable::Outcome;
use crate::health::{HealthStatus, ServiceHealth};

/// For so long nobody may be known to lead: an election takes less.
const LEADERLESS: Duration = Duration::from_secs(10);

/// What this process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It does the recurring work.
    Leading,
    /// Another process does.
    Following,
    /// It cannot tell: its connection is away.
    Unknown,
}

struct Inner {
    role: Role,
    since: Instant,
    runs: BTreeMap<&'static str, (DateTime<Utc>, &'static str)>,
}

/// Who leads, and how the newest run of each task in this process ended.
#[derive(Clone)]
pub struct SchedulerStanding(Arc<RwLock<Inner>>);

impl Default for SchedulerStanding {
    fn default() -> Self {
        let inner = Inner { role: Role::Unknown, since: Instant::now(), runs: BTreeMap::new() };
        Self(Arc::new(RwLock::new(inner)))
    }
}

impl SchedulerStanding {
    pub(super) fn set_role(&self, role: Role) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if inner.role != role {
            (inner.role, inner.since) = (role, Instant::now());
        }
    }

    pub(super) fn note(&self, task: &'static str, outcome: &Outcome) {
        let run = (Utc::now(), outcome.name());
        self.0.write().unwrap_or_else(PoisonError::into_inner).runs.insert(task, run);
    }

    /// How recurring work does, as health tells it.
    #[must_use]
    pub fn health(&self) -> ServiceHealth {
        let inner = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let leaderless = inner.role == Role::Unknown && inner.since.elapsed() > LEADERLESS;
        let runs: BTreeMap<_, _> = inner
            .runs
            .iter()
            .map(|(task, (at, outcome))| {
                let at = at.to_rfc3339_opts(SecondsFormat::Millis, true);
                (*task, json!({ "last_run": at, "last_outcome": outcome }))
            })
            .collect();
        let details = json!({
            "leads": inner.role == Role::Leading,
            "leader_known": inner.role != Role::Unknown,
            "tasks": runs,
        });
        let status = if leaderless { HealthStatus::Degraded } else { HealthStatus::Healthy };
        ServiceHealth { status, response_time_ms: None, details }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_while_without_a_leader_is_no_trouble_and_a_long_one_is() {
        let standing = SchedulerStanding::default();
        assert_eq!(standing.health().status, HealthStatus::Healthy);
        standing.0.write().expect("not poisoned").since -= LEADERLESS + Duration::from_secs(1);
        assert_eq!(standing.health().status, HealthStatus::Degraded);
        standing.set_role(Role::Following);
        standing.note("a task", &Outcome::Failed("a secret".into()));
        let health = standing.health();
        assert_eq!((health.status, &health.details["leader_known"]), (HealthStatus::Healthy, &json!(true)));
        assert_eq!(health.details["tasks"]["a task"]["last_outcome"], json!("failed"));
        assert!(!health.details.to_string().contains("secret"));
    }
}
