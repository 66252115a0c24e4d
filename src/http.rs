//! The front door: a request comes in through [`server`], passes the [`layers`], is matched against the one table in
//! [`routes`], and [`dispatch`] hands it to the handler of its resource. Handlers parse, ask the engine and answer;
//! whatever goes wrong becomes a status in [`problem`] and nowhere else.

mod accounts;
mod auth;
mod batch;
mod call;
mod context;
mod direct;
mod dispatch;
mod documents;
mod entities;
mod extract;
mod graph;
mod health;
mod jobs;
mod layers;
mod limiter;
mod metrics;
mod multipart;
pub(crate) mod openapi;
mod pages;
mod problem;
mod queues;
mod relationships;
mod respond;
mod routes;
mod schema;
pub(crate) mod server;
mod validate;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http_body_util::{Full, combinators::UnsyncBoxBody};
use kgl_actors::Engine;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::{limiter::Limiter, problem::Problem, routes::Routes};
use crate::settings::{Environment, HttpSettings};

/// The body of a request, whatever brought it.
pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
/// An answer whose length is known.
pub(crate) type Response = http::Response<Full<Bytes>>;
/// What a handler makes of a request.
pub(crate) type Answer = Result<Response, Problem>;

/// Memory for request bodies that are being received or handled, in KiB: what is beyond waits its turn.
const BODY_BUDGET_KIB: usize = 256 * 1024;

/// What every handler can reach.
pub(crate) struct App {
    /// Everything behind the front.
    pub(crate) engine: Engine,
    /// The front's own settings.
    pub(crate) settings: HttpSettings,
    /// Where the service runs.
    pub(crate) environment: Environment,
    /// Renders the metrics.
    pub(crate) metrics: PrometheusHandle,
    /// Set when the service is going down: whoever waits answers now.
    pub(crate) closing: CancellationToken,
    routes: Routes,
    limiter: Limiter,
    body_budget: Arc<Semaphore>,
    started: Instant,
}

impl App {
    /// The state of a front over a running engine.
    pub(crate) fn new(
        engine: Engine,
        settings: HttpSettings,
        environment: Environment,
        metrics: PrometheusHandle,
        closing: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            routes: Routes::new(settings.metrics_listen.is_none()),
            limiter: Limiter::new(settings.rate_limit_per_minute),
            body_budget: Arc::new(Semaphore::new(BODY_BUDGET_KIB)),
            started: Instant::now(),
            engine,
            settings,
            environment,
            metrics,
            closing,
        })
    }
}
