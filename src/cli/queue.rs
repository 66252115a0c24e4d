//! `kgl queue`: the queue and its dead letters, for admins.

use std::process::ExitCode;

use anyhow::bail;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};
use comfy_table::{ColumnConstraint, Width};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    WrongUse,
    client::Client,
    graph_table::{shortened, table},
    print,
};

const QUEUES: &str = "/api/v1/admin/queues";
/// The longest page that the service gives.
const PAGE: u32 = 1000;
/// Reasons are shortened to this many characters, and titles.
const REASON: usize = 60;
const TITLE: usize = 30;
/// The width of a column with ids: 36 characters and a space on each side.
const ID: u16 = 38;

#[derive(Debug, Args)]
pub(super) struct Queue {
    /// JSON, as the API answers it, instead of tables.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// How full the queue is.
    Status,
    /// Jobs whose attempts are used up, newest first.
    List {
        /// Only those of this user.
        #[arg(long, value_name = "ID")]
        owner: Option<Uuid>,
        /// Only those that died at this time or later, such as 2026-01-31T00:00:00Z.
        #[arg(long, value_name = "TIME")]
        since: Option<DateTime<Utc>>,
        /// How many at most.
        #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// All there is to know of one dead job.
    Show {
        /// The job.
        id: Uuid,
    },
    /// Puts dead jobs back into the queue, with all their attempts.
    Replay {
        /// The jobs.
        #[arg(value_name = "ID", required_unless_present_any = ["all", "older_than"])]
        ids: Vec<Uuid>,
        /// All dead jobs.
        #[arg(long, conflicts_with_all = ["ids", "older_than"])]
        all: bool,
        /// All that died before this time.
        #[arg(long, value_name = "TIME", conflicts_with = "ids")]
        older_than: Option<DateTime<Utc>>,
    },
    /// Gives up on dead jobs for good. Their documents remain.
    Discard {
        /// The jobs.
        #[arg(value_name = "ID", required = true)]
        ids: Vec<Uuid>,
    },
}

pub(super) fn run(queue: Queue) -> anyhow::Result<ExitCode> {
    let mut client = Client::signed_in()?;
    let json = queue.json;
    match queue.act {
        Act::Status => status(&mut client, json),
        Act::List { owner, since, limit } => list(&mut client, owner, since, limit, json),
        Act::Show { id } => {
            let letter: Value = client.get(&format!("{QUEUES}/dead/{id}"), 0)?;
            print(&if json { pretty(&letter)? } else { fields(&letter) })
        }
        Act::Replay { ids, all, older_than } if ids.is_empty() => {
            let wanted = match (all, older_than) {
                (true, _) => json!({ "all": true }),
                (false, Some(time)) => json!({ "older_than": time }),
                (false, None) => return Err(WrongUse("replay: name jobs, or give --all".into()).into()),
            };
            let done: Value = client.send("POST", &format!("{QUEUES}/dead/replay"), Some(&wanted))?;
            print(&if json {
                pretty(&done)?
            } else {
                format!("{} replayed, {} skipped", text(&done["replayed"]), text(&done["skipped"]))
            })
        }
        Act::Replay { ids, .. } => {
            each(&ids, json, "replayed", |id| client.send("POST", &format!("{QUEUES}/dead/{id}/replay"), None))
        }
        Act::Discard { ids } => {
            each(&ids, json, "discarded", |id| client.send("DELETE", &format!("{QUEUES}/dead/{id}"), None))
        }
    }
}

fn status(client: &mut Client, json: bool) -> anyhow::Result<ExitCode> {
    let queue: Value = client.get(QUEUES, 0)?;
    if json {
        return print(&pretty(&queue)?);
    }
    let mut shown = table(["queue", ""]);
    let pending = &queue["pending"];
    for (name, value) in [
        ("transport", &queue["transport"]),
        ("pending, high priority", &pending["high"]),
        ("pending, normal priority", &pending["normal"]),
        ("pending, low priority", &pending["low"]),
        ("oldest ready, seconds", &queue["oldest_ready_seconds"]),
        ("processing", &queue["processing"]),
        ("consumers", &queue["consumers"]),
        ("dead letters", &queue["dead_letters"]),
    ] {
        shown.add_row([name.to_owned(), text(value)]);
    }
    print(&shown.to_string())
}

fn list(
    client: &mut Client,
    owner: Option<Uuid>,
    since: Option<DateTime<Utc>>,
    limit: u32,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let mut query = String::new();
    if let Some(owner) = owner {
        query.push_str(&format!("&owner_id={owner}"));
    }
    if let Some(since) = since {
        // With a Z for the zone: a plus sign would be a space in a query.
        query.push_str(&format!("&since={}", since.to_rfc3339_opts(SecondsFormat::Micros, true)));
    }
    let (mut letters, mut cursor, mut total) = (Vec::new(), String::new(), Value::Null);
    while letters.len() < limit as usize {
        let wanted = u32::try_from(letters.len()).map_or(PAGE, |got| (limit - got).min(PAGE));
        let mut page: Value = client.get(&format!("{QUEUES}/dead?limit={wanted}{query}{cursor}"), 0)?;
        total = page["total"].take();
        match page["dead_letters"].take() {
            Value::Array(items) => letters.extend(items),
            _ => bail!("the answer is not what this version of kgl expects"),
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    if json {
        return print(&pretty(&json!({ "dead_letters": letters, "total": total }))?);
    }
    if letters.is_empty() {
        return print("no dead letters");
    }
    let mut shown = table(["job", "owner", "title", "reason", "attempts", "died"]);
    for column in 0..2 {
        if let Some(column) = shown.column_mut(column) {
            // Ids are copied from here, so they stay in one piece.
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(ID)));
        }
    }
    for letter in &letters {
        shown.add_row([
            text(&letter["id"]),
            text(&letter["owner_id"]),
            shortened(&text(&letter["title"]), TITLE),
            shortened(&text(&letter["reason"]), REASON),
            format!("{}/{}", text(&letter["attempts"]), text(&letter["max_attempts"])),
            text(&letter["finished_at"]),
        ]);
    }
    print(&format!("{shown}\n{} of {}", letters.len(), text(&total)))
}

/// Does something to each job; a failure of one is told and does not stop the others.
fn each(
    ids: &[Uuid],
    json: bool,
    done: &str,
    mut act: impl FnMut(&Uuid) -> anyhow::Result<Value>,
) -> anyhow::Result<ExitCode> {
    let (mut jobs, mut failures) = (Vec::new(), 0);
    for id in ids {
        match act(id) {
            Ok(job) => jobs.push(job),
            Err(error) => {
                failures += 1;
                eprintln!("kgl: {id}: {error:#}");
            }
        }
    }
    if json {
        print(&pretty(&json!(jobs))?)?;
    } else {
        for job in &jobs {
            print(&format!("{done} {}", text(&job["id"])))?;
        }
    }
    Ok(if failures > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn fields(letter: &Value) -> String {
    let mut shown = table(["dead letter", ""]);
    for (name, value) in letter.as_object().into_iter().flatten() {
        shown.add_row([name.replace('_', " "), text(value)]);
    }
    shown.to_string()
}

/// A value for a person: texts without quotes, nothing for null.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn pretty(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)?)
}
