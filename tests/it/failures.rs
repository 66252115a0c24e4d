//! What fails for real: in the database, in the process, and for good; and that it harms nothing else.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kgl_test_support::number;
use serde_json::{Value, json};

use crate::{
    corpus::{large_text, text},
    crash::postmaster,
    harness::{Answer, Client, Service},
    snapshot::{assert_sound, graph, user_id},
    wait::until,
};

/// Every document that names this fails, for as long as the trigger is there.
const POISON: &str = "Zebulon Quackenbush";
/// Lets a document fail where its facts are written, as a full disk or a fault of ours would.
const POISON_TRIGGER: &str = "CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS
     $$ BEGIN RAISE EXCEPTION 'injected: secret words'; END $$;
     CREATE TRIGGER refuse_poison BEFORE INSERT ON entity_mentions FOR EACH ROW
     WHEN (new.quote LIKE '%Quackenbush%') EXECUTE FUNCTION refuse_poison()";

fn poisoned(number: usize) -> String {
    format!("{} {POISON} worked for Nokia in Helsinki.", text(number, 60))
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

fn job(client: &Client, job: &Value) -> Value {
    client.get(&format!("/api/v1/jobs/{}", id(job))).expect(200)
}

fn time(value: &Value) -> DateTime<Utc> {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no time"))
}

/// The job when it waits for the try after its `attempt`-th.
fn waiting_after(client: &Client, of: &Value, attempt: i64) -> Value {
    let begun = Instant::now();
    loop {
        let job = job(client, of);
        if job["attempt"] == json!(attempt) && job["status"] == json!("pending") {
            return job;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it does not wait for a try after the one numbered {attempt}: {job}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_document_that_keeps_failing_ends_dead_and_harms_no_other() {
    let service = Service::start();
    service.sql(POISON_TRIGGER);
    let client = service.new_user();
    let mut texts: Vec<String> = (0..8).map(|n| text(n, 80)).collect();
    texts.insert(4, poisoned(100));
    let documents: Vec<Value> = texts.iter().map(|t| json!({ "content": t, "content_type": "text/plain" })).collect();
    let results = client.post("/api/v1/documents/batch", &json!({ "documents": documents })).expect(202);
    let jobs: Vec<&Value> = results["results"].as_array().expect("a list").iter().map(|r| &r["job"]).collect();

    let mut pauses = Vec::new();
    for attempt in 1..5 {
        let waiting = waiting_after(&client, jobs[4], attempt);
        assert!(waiting["error_message"].is_string(), "{waiting}");
        pauses.push((time(&waiting["retry_at"]) - time(&waiting["started_at"])).as_seconds_f64());
        // The pause itself is not what takes time here.
        service.sql(&format!("UPDATE jobs SET run_at = now() WHERE id = '{}' AND status = 'pending'", id(jobs[4])));
    }
    // Half a second, doubled each time, of which at least a half is kept; a try itself may take a while.
    for (attempt, pause) in pauses.iter().enumerate() {
        let step = 0.5 * f64::from(1 << attempt);
        assert!((step / 2.0..step + 1.5).contains(pause), "pauses grow: {pauses:?}");
    }
    let dead = client.finished(jobs[4]);
    assert_eq!((dead["status"].as_str(), dead["attempt"].as_i64()), (Some("dead"), Some(5)), "{dead}");
    assert!(dead["retry_at"].is_null() && dead["finished_at"].is_string(), "{dead}");
    let reason = dead["error_message"].as_str().expect("a reason");
    assert!(!reason.is_empty() && !reason.contains("injected"), "not the database's words: {reason}");

    for neighbour in jobs.iter().enumerate().filter(|(at, _)| *at != 4).map(|(_, job)| job) {
        let done = client.finished(neighbour);
        assert_eq!((done["status"].as_str(), done["attempt"].as_i64()), (Some("completed"), Some(1)), "{done}");
    }
    assert_sound(&service);

    service.sql("DROP TRIGGER refuse_poison ON entity_mentions");
    let revived = client.post(&format!("/api/v1/jobs/{}/retry", id(jobs[4])), &json!({})).expect(200);
    assert!(matches!(revived["status"].as_str(), Some("pending" | "processing" | "completed")), "{revived}");
    let done = client.finished(jobs[4]);
    assert_eq!((done["status"].as_str(), done["attempt"].as_i64()), (Some("completed"), Some(1)), "{done}");
    assert!(done["error_message"].is_null(), "{done}");
    client.post(&format!("/api/v1/jobs/{}/retry", id(jobs[4])), &json!({})).expect_problem(409, "Conflict");
    assert_sound(&service);
}

fn readiness(service: &Service) -> Answer {
    service.anonymous().get("/health/readiness")
}

#[test]
fn broken_extraction_ends_readiness_and_a_success_brings_it_back() {
    let service = Service::start();
    service.sql(POISON_TRIGGER);
    let (one, two) = (service.new_user(), service.new_user());
    for n in 0..4 {
        one.submit(&poisoned(n));
    }
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(readiness(&service).status, 200, "one owner's failures are not yet the service's");
    let failing: Vec<Value> = (4..8).map(|n| two.submit(&poisoned(n))["job"].clone()).collect();
    let answer = until("it is not ready", Duration::from_secs(20), || {
        Some(readiness(&service)).filter(|answer| answer.status == 503)
    });
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(answer.json()["ready"], json!(false));
    let detailed = service.anonymous().get("/health/detailed").expect(200);
    assert_eq!(detailed["services"]["extractor"]["status"], json!("unhealthy"), "{detailed}");
    assert_eq!(service.anonymous().get("/health/liveness").status, 200, "but it lives");

    service
        .sql("DROP TRIGGER refuse_poison ON entity_mentions; UPDATE jobs SET run_at = now() WHERE status = 'pending'");
    one.completed(&text(9, 60));
    until("it is ready again", Duration::from_secs(10), || (readiness(&service).status == 200).then_some(()));
    for job in &failing {
        assert_eq!(two.finished(job)["status"], json!("completed"));
    }
}

#[test]
fn health_tells_how_long_the_oldest_ready_job_waits() {
    // One worker with large documents: what comes after them waits, ready.
    let service = Service::start_with(&[("KGL_WORKERS", "1")]);
    let client = service.new_user();
    for n in 0..24 {
        client.submit(&large_text(n, 1_000_000));
    }
    let queue = || service.anonymous().get("/health/detailed").expect(200)["services"]["queue"]["details"].clone();
    let age = |queue: &Value| queue["oldest_ready_seconds"].as_f64().expect("a number");
    let first = until("jobs wait", Duration::from_secs(20), || Some(queue()).filter(|queue| age(queue) > 0.5));
    assert!(first["pending"].as_i64().is_some_and(|pending| pending > 0), "{first}");
    until("it grows older", Duration::from_secs(20), || (age(&queue()) > age(&first)).then_some(()));
}

/// Makes it look as if the holder of a job's lease had died.
fn lose_lease(service: &Service, job: &Value) {
    service.sql(&format!(
        "UPDATE jobs SET fence = nextval('job_fences'), leased_by = 'gone', leased_until = now() - interval '1 second'
         WHERE id = '{}' AND status = 'processing'",
        id(job)
    ));
}

fn lost_leases(service: &Service, job: &Value) -> i64 {
    number(&service.data, &format!("SELECT lost_leases FROM jobs WHERE id = '{}'", id(job)))
}

fn until_processing(client: &Client, of: &Value) {
    until("it is being extracted", Duration::from_secs(30), || {
        (job(client, of)["status"] == json!("processing")).then_some(())
    });
}

#[test]
fn a_job_whose_lease_is_lost_is_done_once_and_one_that_keeps_losing_it_ends_dead() {
    let service = Service::start();
    let (client, reference) = (service.new_user(), service.new_user());
    let (once, often) = (large_text(1, 700_000), large_text(2, 1_500_000));
    let lost = client.submit(&once)["job"].clone();
    until_processing(&client, &lost);
    lose_lease(&service, &lost);
    until("the lease is taken back", Duration::from_secs(15), || (lost_leases(&service, &lost) == 1).then_some(()));
    let done = client.finished(&lost);
    assert_eq!((done["status"].as_str(), done["attempt"].as_i64()), (Some("completed"), Some(1)), "{done}");
    reference.completed(&once);
    assert_eq!(graph(&service, &user_id(&client)), graph(&service, &user_id(&reference)), "its facts are there once");

    let unlucky = client.submit(&often)["job"].clone();
    until_processing(&client, &unlucky);
    // As if it had taken its process with it twice already while nothing else ran.
    service.sql(&format!(
        "UPDATE jobs SET lost_leases = 4, lost_alone = 2, runs_alone = true WHERE id = '{}'",
        id(&unlucky)
    ));
    lose_lease(&service, &unlucky);
    let dead = client.finished(&unlucky);
    assert_eq!(dead["status"], json!("dead"), "{dead}");
    assert!(dead["error_message"].as_str().is_some_and(|reason| !reason.is_empty()), "{dead}");
    assert_sound(&service);
    // The late writer of the lost lease comes to its end without a trace.
    client.completed(&text(70, 100));
    assert_eq!(job(&client, &unlucky)["status"], json!("dead"));
    assert_sound(&service);
}

#[test]
fn suspects_are_done_one_after_the_other_without_keeping_anybody_waiting() {
    let service = Service::start();
    let client = service.new_user();
    // Held back until all are marked as having lost two leases, as after two power cuts.
    service.sql("ALTER TABLE jobs ALTER run_at SET DEFAULT now() + interval '1 hour'");
    let suspects: Vec<Value> = (0..12).map(|n| client.submit(&text(n, 80))["job"].clone()).collect();
    service.sql("ALTER TABLE jobs ALTER run_at SET DEFAULT now(); UPDATE jobs SET lost_leases = 2, run_at = now()");
    let begun = Instant::now();
    client.completed(&text(90, 80));
    assert!(begun.elapsed() < Duration::from_secs(5), "ordinary work goes on beside suspects: {:?}", begun.elapsed());
    until("all suspects are done", Duration::from_secs(20), || {
        suspects.iter().all(|suspect| job(&client, suspect)["status"] == json!("completed")).then_some(())
    });
    assert_sound(&service);
}

/// The server and all processes that it started.
fn server_processes(service: &Service) -> Vec<String> {
    let postmaster = postmaster(service);
    let mut all = vec![postmaster.to_string()];
    let children =
        std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).expect("its children");
    all.extend(children.split_whitespace().map(str::to_owned));
    all
}

fn signal(processes: &[String], name: &str) {
    // Some may have ended meanwhile.
    let _ = Command::new("kill").arg(format!("-{name}")).args(processes).stderr(std::process::Stdio::null()).status();
}

#[test]
fn a_database_that_hangs_is_a_503_and_nothing_is_lost_when_it_comes_back() {
    let service = Service::start();
    let client = service.new_user();
    let before: Vec<Value> = (0..5).map(|n| client.submit(&text(n, 100))["job"].clone()).collect();
    let large = client.submit(&large_text(3, 700_000))["job"].clone();
    let processes = server_processes(&service);
    signal(&processes, "STOP");
    let frozen = Instant::now();
    let (read, write, ready) = thread::scope(|scope| {
        let read = scope.spawn(|| (client.get("/api/v1/documents"), frozen.elapsed()));
        let body = json!({ "content": text(50, 100), "content_type": "text/plain" });
        let write = scope.spawn({
            let client = &client;
            move || (client.post("/api/v1/documents", &body), frozen.elapsed())
        });
        let ready = until("it is not ready", Duration::from_secs(20), || {
            Some(readiness(&service)).filter(|answer| answer.status == 503)
        });
        (read.join().expect("no panic"), write.join().expect("no panic"), (ready, frozen.elapsed()))
    });
    signal(&processes, "CONT");
    for (what, (answer, took)) in [("a read", &read), ("a submission", &write), ("readiness", &ready)] {
        assert_eq!(answer.status, 503, "{what} after {took:?}: {}", answer.text);
        assert!(took < &Duration::from_secs(16), "{what} took {took:?}");
    }
    assert!(ready.0.json()["reasons"].to_string().contains("database"), "{}", ready.0.text);
    read.0.expect_problem(503, "ServiceUnavailable");
    write.0.expect_problem(503, "ServiceUnavailable");

    until("it is ready again", Duration::from_secs(15), || (readiness(&service).status == 200).then_some(()));
    for job in before.iter().chain([&large]) {
        let done = client.finished(job);
        assert_eq!((done["status"].as_str(), done["attempt"].as_i64()), (Some("completed"), Some(1)), "{done}");
    }
    // Its answer never came, so it is submitted again, and is there once.
    client.completed(&text(50, 100));
    assert_eq!(number(&service.data, "SELECT count(*) FROM documents"), 7);
    assert_eq!(
        number(&service.data, "SELECT count(*) FROM jobs WHERE lost_leases > 0"),
        0,
        "a hiccup blames no document"
    );
    assert_sound(&service);
}
