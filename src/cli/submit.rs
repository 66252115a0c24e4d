//! `kgl submit`: files in, their graph out.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::{
    client::Client,
    graph_table::{self, Graph},
    print,
};

/// How long the service may hold back its answer about a job, in seconds: so long does the bar stand still.
const WAIT: u64 = 1;

#[derive(Deserialize)]
struct Submitted {
    job: Job,
}

#[derive(Clone, Deserialize)]
struct Job {
    id: String,
    document_id: String,
    status: String,
    progress: Progress,
    error_message: Option<String>,
    #[serde(default)]
    result: Option<Outcome>,
}

/// What a completed job found, as far as it is told beside the graph.
#[derive(Clone, Deserialize)]
struct Outcome {
    #[serde(default)]
    notes: Vec<String>,
}

#[derive(Clone, Deserialize)]
struct Progress {
    stage: String,
    done: u64,
    total: u64,
}

impl Job {
    fn ended(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "processing")
    }
}

/// A file and what became of it.
struct Item {
    name: String,
    outcome: Result<Job, String>,
}

pub(super) fn run(files: &[PathBuf], force: bool) -> anyhow::Result<ExitCode> {
    let mut client = Client::signed_in()?;
    let bar = bar(files.len());
    let mut items: Vec<Item> = files.iter().map(|file| submit(&mut client, file, force, &bar)).collect();
    for item in &mut items {
        follow(&mut client, item, &bar);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut failures = 0;
    for item in &items {
        match report(&mut client, item) {
            Ok(text) => {
                print(&text)?;
            }
            Err(error) => {
                failures += 1;
                eprintln!("kgl: {}: {error:#}", item.name);
            }
        }
    }
    if failures > 0 {
        eprintln!("kgl: {failures} of {} documents did not complete", items.len());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// A bar over the documents; it draws nothing where there is no terminal.
fn bar(documents: usize) -> ProgressBar {
    let bar = ProgressBar::new(documents as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} documents  {elapsed}  {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn submit(client: &mut Client, file: &Path, force: bool, bar: &ProgressBar) -> Item {
    let name = file.display().to_string();
    bar.set_message(format!("sending {name}"));
    let sent = std::fs::read(file)
        .context("cannot be read")
        .and_then(|content| client.upload::<Submitted>(&file_name(file), &content, force));
    Item { name, outcome: sent.map(|sent| sent.job).map_err(|error| format!("{error:#}")) }
}

fn file_name(file: &Path) -> String {
    file.file_name().map_or_else(|| "document".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Follows a job to its end.
fn follow(client: &mut Client, item: &mut Item, bar: &ProgressBar) {
    let Ok(job) = &mut item.outcome else { return };
    while !job.ended() {
        let Progress { stage, done, total } = &job.progress;
        let count = if *total > 0 { format!(" {done}/{total}") } else { String::new() };
        bar.set_message(format!("{}: {stage}{count}", item.name));
        match client.get(&format!("/api/v1/jobs/{}", job.id), WAIT) {
            Ok(newer) => *job = newer,
            Err(error) => {
                item.outcome = Err(format!("{error:#}"));
                return;
            }
        }
    }
}

/// What a document says, for a person.
fn report(client: &mut Client, item: &Item) -> anyhow::Result<String> {
    let job = item.outcome.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    if job.status != "completed" {
        let reason = job.error_message.as_deref().unwrap_or("no reason was given");
        anyhow::bail!("the job ended {}: {reason}", job.status);
    }
    for note in job.result.iter().flat_map(|outcome| &outcome.notes) {
        eprintln!("kgl: {}: {note}", item.name);
    }
    let graph: Graph = client.get(&format!("/api/v1/documents/{}/graph", job.document_id), 0)?;
    Ok(graph_table::render(&item.name, &graph))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_final_statuses_end_the_wait() {
        let job = |status: &str| Job {
            id: String::new(),
            document_id: String::new(),
            status: status.to_owned(),
            progress: Progress { stage: String::new(), done: 0, total: 0 },
            error_message: None,
            result: None,
        };
        assert!(!job("pending").ended() && !job("processing").ended());
        for status in ["completed", "failed", "cancelled", "dead"] {
            assert!(job(status).ended());
        }
    }
}
