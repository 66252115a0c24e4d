//! Measures a running service from outside, as its users meet it: documents a second through the whole pipeline, the
//! time from an accepted document to its facts, and what the processes occupy.
//!
//! ```sh
//! KGL_URL=http://127.0.0.1:8000 cargo run --release --example load -- --data ./data
//! ```
//!
//! Every run makes an account of its own, so runs do not find each other's documents. Texts are put together from the
//! sentences of `samples/`: real names, different for each document.

// What it measures goes to standard output.
#![allow(clippy::print_stdout)]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde_json::{Value, json};

// Shared with the tests, which use more of it.
#[allow(dead_code, unreachable_pub)]
#[path = "../tests/it/corpus.rs"]
mod corpus;

/// Documents of one request of the throughput run.
const BATCH: usize = 50;
/// How often the queue is looked at while it empties.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// Measures a running service.
#[derive(Parser)]
struct Arguments {
    /// Where the service listens.
    #[arg(long, env = "KGL_URL", default_value = "http://127.0.0.1:8000")]
    url: String,
    /// Its data folder, to find its processes and what they occupy.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Documents of the throughput run.
    #[arg(long, default_value_t = 2000)]
    documents: usize,
    /// Clients that submit them side by side.
    #[arg(long, default_value_t = 4)]
    clients: usize,
    /// Documents of the latency run, one after the other.
    #[arg(long, default_value_t = 200)]
    sequential: usize,
    /// Words of a document.
    #[arg(long, default_value_t = 500)]
    words: usize,
    /// Extractors to measure.
    #[arg(long, value_delimiter = ',', default_value = "noop,builtin")]
    extractors: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let memory = || arguments.data.as_deref().map(occupied).transpose();
    println!("before            {}", memory()?.unwrap_or_default());
    for extractor in &arguments.extractors {
        let client = Client::registered(&arguments.url, extractor)?;
        throughput(&client, &arguments)?;
        println!("{extractor:<9} after   {}", memory()?.unwrap_or_default());
        latency(&client, &arguments)?;
    }
    Ok(())
}

/// Submits all documents from several clients at once and waits until the last one is done.
fn throughput(client: &Client, arguments: &Arguments) -> anyhow::Result<()> {
    let bodies: Vec<Value> = (0..arguments.documents).map(|n| client.document(n, arguments.words)).collect();
    let batches: Vec<&[Value]> = bodies.chunks(BATCH).collect();
    let begun = Instant::now();
    thread::scope(|scope| {
        let submit = |first: usize| {
            for batch in batches.iter().skip(first).step_by(arguments.clients) {
                let answer = client.send("POST", "/api/v1/documents/batch", Some(&json!({ "documents": batch })))?;
                ensure!(answer["failed"] == json!(0), "not all documents were taken: {answer}");
            }
            Ok(())
        };
        let clients: Vec<_> = (0..arguments.clients).map(|first| scope.spawn(move || submit(first))).collect();
        clients.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| bail!("a client crashed")))
    })?;
    let accepted = begun.elapsed();
    while client.count("pending")? + client.count("processing")? > 0 {
        thread::sleep(LOOK_INTERVAL);
    }
    let took = begun.elapsed();
    let completed = client.count("completed")?;
    ensure!(completed == arguments.documents as u64, "{completed} of {} were completed", arguments.documents);
    println!(
        "{:<9} through {:8.1} documents/s ({} of {} words in {:.2} s; accepted at {:.1}/s)",
        client.extractor,
        rate(arguments.documents, took),
        arguments.documents,
        arguments.words,
        took.as_secs_f64(),
        rate(arguments.documents, accepted),
    );
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

/// Submits documents one after the other and measures from each 202 until its job is seen to be completed.
fn latency(client: &Client, arguments: &Arguments) -> anyhow::Result<()> {
    let mut times = Vec::with_capacity(arguments.sequential);
    for n in 0..arguments.sequential {
        let document = client.document(1_000_000 + n, arguments.words);
        let submitted = client.send("POST", "/api/v1/documents", Some(&document))?;
        let accepted = Instant::now();
        let path = format!("/api/v1/jobs/{}", submitted["job"]["id"].as_str().context("no job")?);
        let job = client.send("GET", &path, None)?;
        ensure!(job["status"] == json!("completed"), "not completed: {job}");
        times.push(accepted.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!(
        "{:<9} latency p50 {:.1} ms, p95 {:.1} ms, longest {:.1} ms (202 to completed, {} one after the other)",
        client.extractor,
        at(50),
        at(95),
        at(100),
        times.len(),
    );
    Ok(())
}

/// A client with an account of its own.
struct Client {
    agent: ureq::Agent,
    url: String,
    token: String,
    extractor: String,
}

impl Client {
    fn registered(url: &str, extractor: &str) -> anyhow::Result<Self> {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let (url, extractor) = (url.trim_end_matches('/').to_owned(), extractor.to_owned());
        let mut client = Self { agent, url, token: String::new(), extractor };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let (email, password) = (format!("load-{now}@example.org"), format!("load {now}"));
        let new = json!({ "email": email, "password": password, "first_name": "Load", "last_name": "Test" });
        client.send("POST", "/api/v1/auth/register", Some(&new))?;
        let pair = client.send("POST", "/api/v1/auth/login", Some(&json!({ "email": email, "password": password })))?;
        client.token = pair["access_token"].as_str().context("no token")?.to_owned();
        Ok(client)
    }

    fn document(&self, number: usize, words: usize) -> Value {
        let content = corpus::text(number, words);
        json!({ "content": content, "content_type": "text/plain", "extraction": { "extractor": self.extractor } })
    }

    /// How many of this account's jobs have a status.
    fn count(&self, status: &str) -> anyhow::Result<u64> {
        let page = self.send("GET", &format!("/api/v1/jobs?limit=1&status={status}"), None)?;
        page["total"].as_u64().context("no total")
    }

    /// One request, whose answer waits for a job to end where it can.
    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        if method == "GET" {
            request = request.header("prefer", "wait=30");
        }
        let request = request.header("content-type", "application/json");
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut answer = self.agent.run(request.body(body)?)?;
        let text = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "{method} {path}: {} {text}", answer.status());
        Ok(serde_json::from_str(&text)?)
    }
}

/// What the service and its embedded server occupy: resident memory of the one; of the other's processes the
/// proportional share, so that memory which they have in common counts once.
fn occupied(data: &Path) -> anyhow::Result<String> {
    let noted = fs::read_to_string(data.join("postgres/data/postmaster.pid")).context("no server runs in --data")?;
    let server: u32 = noted.lines().next().unwrap_or_default().trim().parse()?;
    let status = fs::read_to_string(format!("/proc/{server}/status"))?;
    let service = field(&status, "PPid:").context("the server has no parent")?;
    let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children"))?;
    let share = |pid: u64| fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok().and_then(|s| field(&s, "Pss:"));
    let postgres: u64 = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .chain([u64::from(server)])
        .filter_map(share)
        .sum();
    let kgl = field(&fs::read_to_string(format!("/proc/{service}/status"))?, "VmRSS:").unwrap_or_default();
    Ok(format!("kgl {} MiB, PostgreSQL {} MiB", kgl / 1024, postgres / 1024))
}

/// The number after a name in one of the kernel's tables.
fn field(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}
