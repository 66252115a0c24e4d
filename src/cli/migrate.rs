//! `kgl migrate`: the database's schema.

use std::process::ExitCode;

use clap::Subcommand;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use kgl_actors::{StartError, maintenance::Maintenance, store::migrations::VersionStatus};

use super::{print, runtime};
use crate::{settings::Settings, telemetry};

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum Migrate {
    /// Goes up to the newest version, or to one of them.
    Up {
        /// The number of the version to stop at.
        #[arg(long, value_name = "NUMBER")]
        to: Option<i64>,
    },
    /// Goes down one version, or to one of them. What only newer versions can hold is lost.
    Down {
        /// The number of the version to go down to; 0 is an empty database.
        #[arg(long, value_name = "NUMBER")]
        to: Option<i64>,
    },
    /// Lists the versions and when they were applied.
    Status,
    /// Fails if an applied version is not the one that this program holds.
    Verify,
}

pub(super) fn run(command: Migrate) -> anyhow::Result<ExitCode> {
    let settings = Settings::from_environment()?;
    telemetry::start_logs(&settings.log)?;
    runtime()?.block_on(async {
        let maintenance = Maintenance::open(&settings.engine).await?;
        let outcome = act(&maintenance, command).await;
        maintenance.close().await;
        let (text, code) = outcome?;
        print(&text)?;
        Ok(code)
    })
}

async fn act(maintenance: &Maintenance, command: Migrate) -> Result<(String, ExitCode), StartError> {
    Ok(match command {
        Migrate::Up { to } => (told("applied", &maintenance.up(to).await?), ExitCode::SUCCESS),
        Migrate::Down { to } => (told("rolled back", &maintenance.down(to).await?), ExitCode::SUCCESS),
        Migrate::Status => (table(&maintenance.status().await?), ExitCode::SUCCESS),
        Migrate::Verify => verified(&maintenance.status().await?),
    })
}

fn told(verb: &str, versions: &[i64]) -> String {
    if versions.is_empty() {
        return "nothing to do".to_owned();
    }
    let list: Vec<_> = versions.iter().map(ToString::to_string).collect();
    format!("{verb}: {}", list.join(", "))
}

fn table(versions: &[VersionStatus]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_header(["number", "version", "name", "applied", "script"]);
    for version in versions {
        let applied = version.applied_at.map_or_else(|| "pending".to_owned(), |at| at.to_rfc3339());
        let script = if version.unchanged { "as applied" } else { "CHANGED" };
        let number = version.number.to_string();
        table.add_row([&number, &version.version, &version.name, &applied, script]);
    }
    table.to_string()
}

fn verified(versions: &[VersionStatus]) -> (String, ExitCode) {
    let changed: Vec<_> =
        versions.iter().filter(|v| !v.unchanged).map(|v| format!("{} {}", v.number, v.name)).collect();
    let applied = versions.iter().filter(|v| v.applied_at.is_some()).count();
    if changed.is_empty() {
        (format!("{applied} applied versions, none of them changed since"), ExitCode::SUCCESS)
    } else {
        (format!("changed after they were applied: {}", changed.join(", ")), ExitCode::FAILURE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: i64, unchanged: bool) -> VersionStatus {
        VersionStatus {
            number,
            version: format!("0.{number}.0"),
            name: format!("step {number}"),
            description: String::new(),
            applied_at: Some(chrono::DateTime::UNIX_EPOCH),
            unchanged,
        }
    }

    #[test]
    fn a_changed_script_fails_the_check_and_is_named() {
        assert_eq!(verified(&[version(1, true)]).1, ExitCode::SUCCESS);
        let (text, code) = verified(&[version(1, true), version(2, false)]);
        assert_eq!(code, ExitCode::FAILURE);
        assert!(text.ends_with("2 step 2"), "{text}");
        assert!(table(&[version(2, false)]).contains("CHANGED"));
    }
}
