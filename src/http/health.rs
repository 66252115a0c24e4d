//! How the service does: for people, for dashboards, and for whoever restarts it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER};
use kgl_actors::health::{HealthStatus, ServiceHealth};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Answer, call::Call, respond};

/// How the service does, in short.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthSummary {
    /// How well.
    status: HealthStatus,
    /// Now.
    timestamp: DateTime<Utc>,
    /// The program's version.
    version: &'static str,
    /// Seconds since it was ready to serve.
    uptime_seconds: u64,
    /// `development` or `production`.
    environment: &'static str,
}

/// How the service and its parts do.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthDetails {
    #[serde(flatten)]
    summary: HealthSummary,
    /// By part: `database`, `extractor`, `queue`, `scheduler`.
    services: BTreeMap<String, ServiceHealth>,
}

/// Whether the process lives.
#[derive(Serialize, ToSchema)]
pub(crate) struct Liveness {
    /// Always `alive`: a process that is not does not answer.
    status: &'static str,
}

/// Whether the service can do its work.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// Whether it can.
    ready: bool,
    /// Why not.
    reasons: Vec<String>,
}

/// How the service does. Always 200: a service that is not well still answers.
#[utoipa::path(get, path = "/health", tag = "Operations", security(()),
    responses((status = 200, body = HealthSummary)))]
pub(crate) fn summary(call: &Call) -> Answer {
    respond::ok(&summarise(call, call.app.engine.health().status))
}

/// How the service and each of its parts do.
#[utoipa::path(get, path = "/health/detailed", tag = "Operations", security(()),
    responses((status = 200, body = HealthDetails)))]
pub(crate) fn detailed(call: &Call) -> Answer {
    let report = call.app.engine.health();
    respond::ok(&HealthDetails { summary: summarise(call, report.status), services: report.services })
}

/// Whether the process lives.
#[utoipa::path(get, path = "/health/liveness", tag = "Operations", security(()),
    responses((status = 200, body = Liveness)))]
pub(crate) fn liveness() -> Answer {
    respond::ok(&Liveness { status: "alive" })
}

/// Whether the service can do its work: stores answer and extraction succeeds.
#[utoipa::path(get, path = "/health/readiness", tag = "Operations", security(()), responses(
    (status = 200, body = Readiness), (status = 503, description = "It cannot; says why", body = Readiness)))]
pub(crate) fn readiness(call: &Call) -> Answer {
    let report = call.app.engine.health();
    let mut readiness = Readiness { ready: report.ready, reasons: report.reasons };
    if call.app.closing.is_cancelled() {
        readiness.ready = false;
        readiness.reasons.push("the service is shutting down".to_owned());
    }
    if readiness.ready {
        return respond::ok(&readiness);
    }
    let mut response = respond::json(StatusCode::SERVICE_UNAVAILABLE, &readiness)?;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    Ok(response)
}

fn summarise(call: &Call, status: HealthStatus) -> HealthSummary {
    HealthSummary {
        status,
        timestamp: Utc::now(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: call.app.started.elapsed().as_secs(),
        environment: call.app.environment.as_str(),
    }
}
