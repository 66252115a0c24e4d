//! What the service can say of its own state. Names no address and holds no secret.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

/// How well something does its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// As it should.
    Healthy,
    /// It does, but worse than it should.
    Degraded,
    /// It does not.
    Unhealthy,
}

/// How one part of the service does.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ServiceHealth {
    /// How well.
    pub status: HealthStatus,
    /// How long its newest probe took, in milliseconds; none where there is nothing to time.
    pub response_time_ms: Option<f64>,
    /// What there is to say: counts, ages, reasons.
    #[schema(value_type = Object)]
    pub details: serde_json::Value,
}

/// How the service does as a whole.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthReport {
    /// The worst of the parts that matter.
    pub status: HealthStatus,
    /// Whether it can do its work: the stores answer, and extraction is not broken.
    pub ready: bool,
    /// Why not, for a person.
    pub reasons: Vec<String>,
    /// By part: `database`, `extractor`, `queue`, `scheduler`.
    pub services: BTreeMap<String, ServiceHealth>,
}
