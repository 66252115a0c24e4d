//! Logs on standard error, and the recorder behind `/metrics`.

use std::{io, panic, time::Duration};

use anyhow::Context;
use kgl_actors::metrics::{self as names, Kind};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::{task::JoinHandle, time::interval};
use tracing_subscriber::{EnvFilter, fmt};

use crate::settings::{LogFormat, LogSettings};

/// Upper bounds for times in seconds: from a cached read to a document that waited in a queue.
const SECONDS: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Upper bounds for counts, such as documents in a transaction.
const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];
/// How often the recorder folds samples into buckets, so that they do not pile up while nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Starts logging, for the whole process.
///
/// # Errors
/// When logging was started before, or the filter is none.
pub(crate) fn start_logs(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter).context("KGL_LOG")?;
    let logs = fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match settings.format {
        LogFormat::Json => logs.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Pretty => {
            let colours = io::IsTerminal::is_terminal(&io::stderr());
            logs.with_ansi(colours).with_target(false).try_init()
        }
    };
    started.map_err(|error| anyhow::anyhow!("logging: {error}"))?;
    // A panic is one event like any other, also where logs are read by machines.
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic: {}", panic.payload_as_str().unwrap_or("without a message"));
    }));
    Ok(())
}

/// Installs the recorder of metrics, for the whole process.
///
/// # Errors
/// When one was installed before.
pub(crate) fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let handle = builder()?.install_recorder().context("metrics")?;
    names::describe();
    Ok(handle)
}

fn builder() -> anyhow::Result<PrometheusBuilder> {
    let mut builder = PrometheusBuilder::new();
    for metric in names::ALL.iter().filter(|metric| metric.kind == Kind::Histogram) {
        let buckets = if metric.name.ends_with("_seconds") { SECONDS } else { COUNTS };
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
    }
    Ok(builder)
}

/// Keeps the recorder small for as long as the task runs.
pub(crate) fn keep_up(handle: PrometheusHandle) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = interval(UPKEEP);
        loop {
            ticks.tick().await;
            handle.run_upkeep();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/metrics.md` as the code's own table makes it.
    fn documented() -> String {
        let mut table = String::from("| name | kind | labels | meaning |\n|---|---|---|---|\n");
        for metric in names::ALL {
            let kind = match metric.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram => "histogram",
            };
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
            table += &format!("| `{}` | {kind} | {} | {} |\n", metric.name, labels.join(", "), metric.help);
        }
        table
    }

    #[test]
    fn the_documentation_lists_exactly_these_metrics() {
        let page = include_str!("../docs/metrics.md");
        let table = documented();
        assert!(page.contains(&table), "docs/metrics.md should hold this table:\n\n{table}");
        let rows = page.lines().filter(|line| line.starts_with("| `kgl_")).count();
        assert_eq!(rows, names::ALL.len(), "docs/metrics.md lists a metric that is not there");
    }

    #[test]
    fn histograms_come_out_with_buckets_and_their_meaning() {
        let recorder = builder().expect("buckets").build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            names::describe();
            metrics::histogram!(names::HTTP_DURATION, "method" => "GET", "route" => "/").record(0.003);
            metrics::histogram!(names::GRAPH_WRITE_DOCUMENTS).record(3.0);
        });
        let text = handle.render();
        assert!(
            text.contains("kgl_http_request_duration_seconds_bucket{method=\"GET\",route=\"/\",le=\"0.005\"} 1"),
            "{text}"
        );
        assert!(text.contains("kgl_graph_write_documents_bucket{le=\"4\"} 1"), "{text}");
        assert!(text.contains("# HELP kgl_http_request_duration_seconds From a request's head"), "{text}");
    }
}
