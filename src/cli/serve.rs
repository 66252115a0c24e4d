//! `kgl serve`: settings → telemetry → engine → listen → drain.

use std::{
    io::Write,
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context;
use kgl_actors::Engine;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{development, drain, runtime};
use crate::{
    http::server,
    settings::{Settings, SettingsError},
    telemetry,
};

pub(super) fn run() -> anyhow::Result<ExitCode> {
    run_to_the_end(Settings::from_environment()?, serve)
}

/// Runs a process with an engine in it, with logs, metrics and a runtime.
pub(super) fn run_to_the_end<F: Future<Output = anyhow::Result<ExitCode>>>(
    settings: Settings,
    work: impl FnOnce(Settings, PrometheusHandle) -> F,
) -> anyhow::Result<ExitCode> {
    telemetry::start_logs(&settings.log)?;
    let metrics = telemetry::start_metrics()?;
    let runtime = runtime()?;
    let result = runtime.block_on(work(settings, metrics));
    // What still runs on a blocking thread was given up on by the drain: waiting for it would have no end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

async fn serve(settings: Settings, metrics: PrometheusHandle) -> anyhow::Result<ExitCode> {
    // From here on a stop signal is ours, so that a start that is stopped half-way still stops its database.
    let mut stop = drain::StopSignal::new()?;
    let listener = bind("KGL_LISTEN", &settings.http.listen).await?;
    let metrics_listener = match &settings.http.metrics_listen {
        Some(address) => Some(bind("KGL_METRICS_LISTEN", address).await?),
        None => None,
    };
    let upkeep = telemetry::keep_up(metrics.clone());
    let engine = Engine::start(settings.engine.clone()).await?;
    let closing = CancellationToken::new();
    announce(&settings, &engine, listener.local_addr()?)?;

    if let Some(listener) = metrics_listener {
        tokio::spawn(server::serve_operations(listener, metrics.clone(), None, closing.clone()));
    }
    // Half of the time is for requests under way, the rest for the work behind them.
    let patience = settings.http.shutdown / 2;
    let front = tokio::spawn(server::serve(
        listener,
        engine.clone(),
        settings.http.clone(),
        settings.environment,
        metrics,
        closing.clone(),
        patience,
    ));
    let failed = tokio::select! {
        () = stop.received() => false,
        () = engine.failed() => true,
    };
    let deadline = Instant::now() + settings.http.shutdown;
    drain::exit_at_next_signal(stop);
    tracing::info!(failed, "stopping");
    closing.cancel();
    front.await.context("the HTTP server")?;
    engine.drain(deadline.saturating_duration_since(Instant::now())).await;
    upkeep.abort();
    tracing::info!("stopped");
    gave_up(failed)
}

/// How a process ends: with an error if its engine did not go on, so that its host starts it anew.
pub(super) fn gave_up(failed: bool) -> anyhow::Result<ExitCode> {
    if failed {
        anyhow::bail!("the engine gave up after too many failures; see the log");
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn bind(variable: &'static str, address: &str) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    Ok(listener.map_err(|error| SettingsError::new(variable, format!("cannot listen on {address}: {error}")))?)
}

/// Tells scripts (one line on standard output) and people (a few on standard error) where the service is.
fn announce(settings: &Settings, engine: &Engine, address: SocketAddr) -> anyhow::Result<()> {
    let url = format!("http://{address}");
    let line = format!("listening on {url}");
    // A wildcard is an address to listen on, not one to go to.
    let url = match address {
        _ if !address.ip().is_unspecified() => url,
        _ => format!("http://localhost:{}", address.port()),
    };
    let account = development::account(&settings.engine.data_dir, engine.development_account(), &url)?;
    // Who waits for this line goes on at once, and may look for the account's file.
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("standard output")?;
    drop(out);
    eprintln!();
    eprintln!("  Knowledge Graph Lab is ready.");
    eprintln!("    Page      {url}/");
    eprintln!("    API docs  {url}/docs");
    eprintln!("    Submit    {} submit FILE...{}", program(), hint(&url));
    if let Some(account) = account {
        eprintln!("    Sign in   {}  password  {}", account.email, account.password);
        eprintln!(
            "              (made up for development; kept in {})",
            development::file(&settings.engine.data_dir).display()
        );
    } else {
        eprintln!("    Sign in   kgl login, or create an account on the page");
    }
    eprintln!();
    Ok(())
}

/// This program by the name under which it was called, so that what is printed can be typed.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "kgl".to_owned())
}

/// Clients look at the usual address by themselves.
fn hint(url: &str) -> String {
    if url.ends_with(":8000") { String::new() } else { format!("  (with KGL_URL={url})") }
}
