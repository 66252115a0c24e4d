//! Health watch: looks after the stores and the queue, and sets the gauges.
//!
//! Owns the newest findings. Probes run beside the actor and report back, so a store that hangs never makes it deaf.
//! Whoever asks for health reads the findings through a [`HealthBoard`] and crosses no mailbox.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use kgl_language_model::EndpointHealth;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::json;

use crate::{
    extractors::Extractors,
    health::{HealthReport, HealthStatus, ServiceHealth},
    mailbox::{ActorMessage, Letter, ToMyself},
    metrics::{POOL_CONNECTIONS, POOL_WAIT, QUEUE_DEPTH, QUEUE_OLDEST_AGE},
    outcomes::Outcomes,
    queue::{BrokerHealth, JobQueue},
    scheduler::SchedulerStanding,
    store::{Store, StoreResult, leases::QueueState},
};

/// How often stores are probed.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// A store that has not answered a probe by then is away.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// A probe that answers later than this is a sign of trouble.
const SLOW_PROBE: Duration = Duration::from_millis(500);
/// Findings older than this say nothing: then the watch itself is stuck, and that is not healthy.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// A job that is ready and waits longer than this means that the service cannot keep up.
const LATE_QUEUE_SECONDS: f64 = 60.0;

/// What one round of probes found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    at: Option<Instant>,
    database: Option<Duration>,
    queue: Option<QueueState>,
    broker: Option<BrokerHealth>,
}

/// The newest findings, to be read from anywhere.
#[derive(Clone)]
pub struct HealthBoard {
    findings: Arc<RwLock<Findings>>,
    outcomes: Outcomes,
    extractors: Extractors,
    scheduler: SchedulerStanding,
}

impl HealthBoard {
    /// A board for a service with these extractors.
    #[must_use]
    pub fn new(outcomes: Outcomes, extractors: Extractors) -> Self {
        Self { findings: Arc::default(), outcomes, extractors, scheduler: SchedulerStanding::default() }
    }

    /// Where the scheduler posts who leads.
    #[must_use]
    pub fn scheduler(&self) -> &SchedulerStanding {
        &self.scheduler
    }

    fn post(&self, findings: Findings) {
        *self.findings.write().unwrap_or_else(PoisonError::into_inner) = findings;
    }

    /// What the findings amount to.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let findings = self.findings.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut services = BTreeMap::from([
            ("database".to_owned(), database(&findings)),
            ("extractor".to_owned(), self.extractor()),
            ("queue".to_owned(), queue(&findings)),
            ("scheduler".to_owned(), self.scheduler.health()),
        ]);
        if let Some(health) = &findings.broker {
            services.insert("rabbitmq".to_owned(), broker(health));
        }
        let mut reasons = Vec::new();
        if services["database"].status == HealthStatus::Unhealthy {
            reasons.push("the database does not answer".to_owned());
        }
        if services["extractor"].status == HealthStatus::Unhealthy {
            reasons
                .push("extraction fails: no document was done in the last minute, and several owners' failed".into());
        }
        let worst = services.values().map(|service| service.status).max().unwrap_or(HealthStatus::Unhealthy);
        HealthReport { status: worst, ready: reasons.is_empty(), reasons, services }
    }

    fn extractor(&self) -> ServiceHealth {
        let minute = self.outcomes.last_minute();
        let status = match (minute.is_broken(), minute.failures) {
            (true, _) => HealthStatus::Unhealthy,
            (false, 0) => HealthStatus::Healthy,
            // Something of ours fails beside what succeeds.
            (false, _) => HealthStatus::Degraded,
        };
        let mut details = json!({
            "name": self.extractors.default_name(),
            "successes_last_minute": minute.successes,
            "internal_failures_last_minute": minute.failures,
        });
        let endpoint = self.extractors.endpoint_health();
        let unwell =
            endpoint.as_ref().and_then(|endpoint| endpoint.newest).is_some_and(|(newest, _)| !newest.is_fine());
        if let Some(endpoint) = endpoint {
            details["language_model"] = language_model(&endpoint);
        }
        let status = if unwell { status.max(HealthStatus::Degraded) } else { status };
        ServiceHealth { status, response_time_ms: None, details }
    }
}

/// What the newest request to the language model came to.
fn language_model(endpoint: &EndpointHealth) -> serde_json::Value {
    let newest = endpoint.newest;
    json!({
        "model": endpoint.model,
        "last_outcome": newest.map(|(outcome, _)| outcome.as_str()),
        "last_request_seconds_ago": newest.map(|(_, ago)| ago.as_secs_f64()),
    })
}

fn database(findings: &Findings) -> ServiceHealth {
    let fresh = findings.at.is_some_and(|at| at.elapsed() < STALE_AFTER);
    let status = match findings.database {
        Some(took) if fresh && took > SLOW_PROBE => HealthStatus::Degraded,
        Some(_) if fresh => HealthStatus::Healthy,
        _ => HealthStatus::Unhealthy,
    };
    let age = findings.at.map(|at| at.elapsed().as_secs_f64());
    ServiceHealth {
        status,
        response_time_ms: findings.database.map(|took| took.as_secs_f64() * 1e3),
        details: json!({ "probed_seconds_ago": age }),
    }
}

fn queue(findings: &Findings) -> ServiceHealth {
    let Some(queue) = findings.queue else {
        let details = json!({ "reason": "its state is not known" });
        return ServiceHealth { status: HealthStatus::Unhealthy, response_time_ms: None, details };
    };
    let late = queue.oldest_ready_seconds > LATE_QUEUE_SECONDS;
    let details = json!({
        "transport": if findings.broker.is_some() { "rabbitmq" } else { "postgres" },
        "pending": queue.pending,
        "processing": queue.processing,
        "oldest_ready_seconds": queue.oldest_ready_seconds,
    });
    let status = if late { HealthStatus::Degraded } else { HealthStatus::Healthy };
    ServiceHealth { status, response_time_ms: None, details }
}

/// Without its broker the service still takes documents in, and reads them when it is back: that is degraded.
fn broker(health: &BrokerHealth) -> ServiceHealth {
    let well = health.consuming && health.publishing != Some(false);
    let details = json!({
        "consuming": health.consuming,
        "publishing": health.publishing,
        "waiting": health.waiting,
    });
    let status = if well { HealthStatus::Healthy } else { HealthStatus::Degraded };
    ServiceHealth { status, response_time_ms: None, details }
}

impl ActorMessage for HealthWatchMessage {
    const ACTOR: &'static str = "health_watch";
}

/// What the health watch is told.
pub enum HealthWatchMessage {
    /// Look after everything.
    Probe,
    /// What the probes found.
    Probed(Findings),
}

/// What the health watch is started with.
#[derive(Clone)]
pub struct HealthWatchArguments {
    /// The store to probe.
    pub store: Store,
    /// The queue to look at.
    pub queue: Arc<dyn JobQueue>,
    /// Where findings are posted.
    pub board: HealthBoard,
}

/// The actor.
pub struct HealthWatch;

impl Actor for HealthWatch {
    type Msg = Letter<HealthWatchMessage>;
    type State = HealthWatchArguments;
    type Arguments = HealthWatchArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        // The first findings are there before the first request.
        arguments.board.post(look(&arguments).await);
        myself.tell_after(PROBE_INTERVAL, || HealthWatchMessage::Probe);
        Ok(arguments)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(message) = message.open() else { return Ok(()) };
        match message {
            HealthWatchMessage::Probe => {
                let arguments = state.clone();
                tokio::spawn(async move {
                    let findings = look(&arguments).await;
                    myself.tell(HealthWatchMessage::Probed(findings));
                });
            }
            HealthWatchMessage::Probed(findings) => {
                set_gauges(&state.store, &findings);
                state.board.post(findings);
                myself.tell_after(PROBE_INTERVAL, || HealthWatchMessage::Probe);
            }
        }
        Ok(())
    }
}

async fn look(arguments: &HealthWatchArguments) -> Findings {
    let probe = async {
        let begun = Instant::now();
        ping(&arguments.store).await.map(|()| begun.elapsed())
    };
    let database = tokio::time::timeout(PROBE_TIMEOUT, probe).await;
    let database = match database {
        Ok(Ok(took)) => Some(took),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            None
        }
        Err(_) => {
            tracing::warn!(timeout = ?PROBE_TIMEOUT, "the database does not answer in time");
            None
        }
    };
    let queue = tokio::time::timeout(PROBE_TIMEOUT, arguments.queue.state()).await;
    Findings {
        at: Some(Instant::now()),
        database,
        queue: queue.ok().and_then(Result::ok),
        broker: arguments.queue.broker(),
    }
}

/// Through the callers' own pool, so that a pool with no connection to give counts as what it is to a caller.
async fn ping(store: &Store) -> StoreResult<()> {
    let begun = Instant::now();
    let mut connection = store.service().acquire().await?;
    metrics::histogram!(POOL_WAIT).record(begun.elapsed().as_secs_f64());
    sqlx::query("SELECT 1").execute(&mut *connection).await?;
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn set_gauges(store: &Store, findings: &Findings) {
    for (name, pool) in [("service", store.service()), ("system", store.system())] {
        let idle = pool.num_idle();
        let used = (pool.size() as usize).saturating_sub(idle);
        metrics::gauge!(POOL_CONNECTIONS, "pool" => name, "state" => "idle").set(idle as f64);
        metrics::gauge!(POOL_CONNECTIONS, "pool" => name, "state" => "used").set(used as f64);
    }
    if let Some(queue) = findings.queue {
        metrics::gauge!(QUEUE_DEPTH, "status" => "pending").set(queue.pending as f64);
        metrics::gauge!(QUEUE_DEPTH, "status" => "processing").set(queue.processing as f64);
        metrics::gauge!(QUEUE_OLDEST_AGE).set(queue.oldest_ready_seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::UserId;

    fn extractors() -> Extractors {
        Extractors::noop()
    }

    fn found(database: Option<Duration>, oldest: f64) -> Findings {
        let queue = database.map(|_| QueueState { oldest_ready_seconds: oldest, ..QueueState::default() });
        Findings { at: Some(Instant::now()), database, queue, broker: None }
    }

    #[test]
    fn readiness_looks_at_outcomes_and_not_only_at_ports() {
        let outcomes = Outcomes::default();
        let board = HealthBoard::new(outcomes.clone(), extractors());
        assert!(!board.report().ready, "nothing was probed yet");
        board.post(found(Some(Duration::from_millis(1)), 0.0));
        assert_eq!((board.report().ready, board.report().status), (true, HealthStatus::Healthy));
        for owner in [UserId::new(), UserId::new()] {
            (0..3).for_each(|_| outcomes.note(owner, false));
        }
        assert_eq!((board.report().ready, board.report().status), (false, HealthStatus::Unhealthy));
    }

    #[test]
    fn a_late_queue_degrades_and_an_absent_database_ends_readiness() {
        let board = HealthBoard::new(Outcomes::default(), extractors());
        board.post(found(Some(Duration::from_millis(1)), 3600.0));
        assert_eq!((board.report().ready, board.report().status), (true, HealthStatus::Degraded));
        board.post(found(None, 0.0));
        assert_eq!((board.report().ready, board.report().status), (false, HealthStatus::Unhealthy));
    }
}
