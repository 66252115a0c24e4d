//! `kgl health`.

use std::{process::ExitCode, time::Duration};

use super::client;
use crate::settings::Settings;

/// Health checks are given few seconds by whoever runs them.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn run() -> anyhow::Result<ExitCode> {
    let url = match std::env::var("KGL_URL") {
        Ok(url) if !url.is_empty() => url,
        // In a container the service's own settings are at hand.
        _ => local(&Settings::from_environment()?.http.listen),
    };
    let agent = client::agent(PATIENCE);
    match agent.get(format!("{}/health/readiness", url.trim_end_matches('/'))).call() {
        Ok(response) if response.status().is_success() => Ok(ExitCode::SUCCESS),
        Ok(mut response) => {
            let reason = response.body_mut().read_to_string().unwrap_or_default();
            anyhow::bail!("not ready ({}): {reason}", response.status().as_u16())
        }
        Err(error) => anyhow::bail!("{url} does not answer: {error}"),
    }
}

/// The address to reach a listener at from its own machine.
fn local(listen: &str) -> String {
    let (host, port) = listen.rsplit_once(':').unwrap_or((listen, "8000"));
    let host = if matches!(host, "0.0.0.0" | "[::]") { "127.0.0.1" } else { host };
    format!("http://{host}:{port}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_is_reached_at_home() {
        assert_eq!(local("0.0.0.0:80"), "http://127.0.0.1:80");
        assert_eq!(local("[::1]:80"), "http://[::1]:80");
    }
}
