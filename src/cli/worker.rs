//! `kgl worker`: the engine without the API. As many as wanted share a database, and a broker if there is one.

use std::{io::Write, process::ExitCode, time::Instant};

use anyhow::Context;
use kgl_actors::Engine;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use super::{
    drain,
    serve::{bind, gave_up, run_to_the_end},
};
use crate::{
    http::server,
    settings::{Settings, SettingsError},
    telemetry,
};

pub(super) fn run() -> anyhow::Result<ExitCode> {
    run_to_the_end(Settings::for_worker()?, work)
}

async fn work(settings: Settings, metrics: PrometheusHandle) -> anyhow::Result<ExitCode> {
    let mut stop = drain::StopSignal::new()?;
    if settings.engine.database_url.is_none() {
        let issue = "must be set for a worker: it shares the database of a service";
        return Err(SettingsError::new("DATABASE_URL", issue).into());
    }
    let listener = match &settings.http.metrics_listen {
        Some(address) => Some(bind("KGL_METRICS_LISTEN", address).await?),
        None => None,
    };
    let upkeep = telemetry::keep_up(metrics.clone());
    let engine = Engine::start(settings.engine.clone()).await?;
    let closing = CancellationToken::new();
    if let Some(listener) = listener {
        tokio::spawn(server::serve_operations(listener, metrics, Some(engine.clone()), closing.clone()));
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "working").and_then(|()| out.flush()).context("standard output")?;
    drop(out);
    tracing::info!(workers = settings.engine.workers, "working");
    let failed = tokio::select! {
        () = stop.received() => false,
        () = engine.failed() => true,
    };
    let deadline = Instant::now() + settings.http.shutdown;
    drain::exit_at_next_signal(stop);
    tracing::info!(failed, "stopping");
    closing.cancel();
    engine.drain(deadline.saturating_duration_since(Instant::now())).await;
    upkeep.abort();
    tracing::info!("stopped");
    gave_up(failed)
}
