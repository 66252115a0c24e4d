//! `kgl read-file`: the process that the service starts for one file. Not for people.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use kgl_actors::reading::child::{self, Task};
use kgl_extraction::ContentType;

use super::WrongUse;

/// Reads one file.
#[derive(Debug, Args)]
pub(super) struct ReadFile {
    /// What it is, as a MIME type.
    #[arg(long)]
    content_type: String,
    /// The charset that came with it.
    #[arg(long)]
    charset: Option<String>,
    /// How long it may take.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

pub(super) fn run(command: ReadFile) -> anyhow::Result<ExitCode> {
    let content_type = ContentType::from_mime(&command.content_type)
        .ok_or_else(|| WrongUse(format!("{} is not read", command.content_type)))?;
    child::run(Task { content_type, charset: command.charset, time: Duration::from_secs(command.seconds) })?;
    Ok(ExitCode::SUCCESS)
}
