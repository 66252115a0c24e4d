//! With RabbitMQ as the transport, and several processes on one database: nothing is lost when any of them dies.

use std::{
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use kgl_test_support::{number, postgres::Server, rabbitmq::Broker};
use serde_json::json;

use crate::{
    corpus::text,
    harness::{Client, Service, command},
    snapshot::{assert_same, assert_sound, graph, user_id},
    wait::until,
};

/// How long what was accepted may take, on a machine that runs the other tests meanwhile.
const PATIENCE: Duration = Duration::from_secs(90);
/// A lease's term. Whoever waits for it to run out is later than this.
const LEASE_TERM: Duration = Duration::from_secs(30);

/// A database and a broker that processes can share. What is declared last is dropped last.
struct Hosts {
    broker: Broker,
    server: Server,
    folder: tempfile::TempDir,
}

impl Hosts {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(&folder.path().join("data/postgres"), None);
        let broker = Broker::start(&folder.path().join("broker"));
        Self { broker: broker.expect("RabbitMQ is installed: `make test` sees to that"), server, folder }
    }

    fn settings(&self, more: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = [("DATABASE_URL", self.server.url("postgres", "postgres")), ("AMQP_URL", self.broker.url())];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        own.chain(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
    }

    /// A service whose data folder is that of the database, so that the tests' look into it finds it.
    fn service(&self, more: &[(&str, &str)]) -> Service {
        let settings = self.settings(more);
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        Service::start_in(&self.data(), &settings).unwrap_or_else(|log| panic!("kgl did not start:\n{log}"))
    }

    fn worker(&self, name: &str, more: &[(&str, &str)]) -> Worker {
        let settings = self.settings(more);
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let mut command = command(&self.folder.path().join(name), &settings);
        let log = std::fs::File::create(self.folder.path().join(format!("{name}.log"))).expect("a log");
        command.arg("worker").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Worker(command.spawn().expect("kgl runs"))
    }

    fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    fn count(&self, statement: &str) -> i64 {
        number(&self.data(), statement)
    }
}

/// A running `kgl worker`. Dropping it kills it.
struct Worker(Child);

impl Worker {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

fn submit(client: &Client, numbers: std::ops::Range<usize>) {
    for chunk in numbers.collect::<Vec<_>>().chunks(100) {
        let documents: Vec<_> =
            chunk.iter().map(|n| json!({ "content": text(*n, 80), "content_type": "text/plain" })).collect();
        let answer = client.post("/api/v1/documents/batch", &json!({ "documents": documents })).expect(202);
        assert_eq!(answer["failed"], json!(0), "{answer}");
    }
}

fn all_done(data: &Path) {
    until("all accepted documents are done", PATIENCE, || {
        (number(data, "SELECT count(*) FROM jobs WHERE status IN ('pending', 'processing')") == 0).then_some(())
    });
    assert_eq!(number(data, "SELECT count(*) FROM jobs WHERE status <> 'completed'"), 0, "all are completed");
}

#[test]
fn jobs_travel_by_the_broker_and_unreadable_messages_are_put_aside() {
    let hosts = Hosts::start();
    let service = hosts.service(&[("KGL_AMQP_PREFIX", "kgl.test")]);
    let client = service.new_user();
    submit(&client, 0..120);
    // The first look was taken before there was a connection.
    let health = until("health says so", PATIENCE, || {
        let health = service.anonymous().get("/health/detailed").expect(200);
        (health["services"]["rabbitmq"]["status"] == json!("healthy")).then_some(health)
    });
    hosts.broker.publish("kgl.test", "kgl.test.jobs", b"{\"version\":9}");
    hosts.broker.publish("kgl.test", "kgl.test.jobs", b"\xff\xfe");
    submit(&client, 120..150);
    all_done(&service.data);
    assert_sound(&service);

    let metrics = service.anonymous().get("/metrics").text;
    let confirmed = "kgl_broker_messages_total{outcome=\"confirmed\"} ";
    let sent = metrics.lines().find_map(|line| line.strip_prefix(confirmed)).and_then(|n| n.parse().ok());
    assert!(sent >= Some(150.0), "{metrics}");
    assert_eq!(health["services"]["queue"]["details"]["transport"], json!("rabbitmq"), "{health}");
    assert!(!health.to_string().contains("guest"), "no credentials: {health}");

    let aside: Vec<_> =
        (0..2).map(|_| until("it is put aside", PATIENCE, || hosts.broker.take("kgl.test.dead"))).collect();
    assert!(aside.iter().any(|(payload, _)| payload == b"{\"version\":9}"), "{aside:?}");
    assert!(aside.iter().all(|(_, reason)| reason.contains("not a JobReady")), "{aside:?}");
    assert_eq!(hosts.broker.take("kgl.test.dead"), None);
    // The last acknowledgements may still be under way.
    until("the broker's queue is empty", PATIENCE, || {
        let queues = hosts.broker.control(&["list_queues", "--silent", "name", "messages"]);
        queues.lines().any(|line| line.split_whitespace().eq(["kgl.test.jobs", "0"])).then_some(())
    });
    assert_eq!(hosts.count("SELECT count(*) FROM job_dispatches"), 0, "nothing is owed");
}

#[test]
fn a_killed_worker_returns_its_document_at_once() {
    let hosts = Hosts::start();
    let service = hosts.service(&[("KGL_WORKERS", "0")]);
    let client = service.new_user();
    // Long enough to be under way when its worker is killed.
    let long = (0..200).map(|n| text(n, 80)).collect::<Vec<_>>().join("\n\n");
    let reading = [("KGL_EXTRACTOR", "builtin"), ("KGL_WORKERS", "1")];
    let mut first = hosts.worker("first", &reading);
    client.submit(&long);
    let under_way = "SELECT count(*) FROM jobs WHERE status = 'processing' AND progress_done > 0";
    until("it is being read", PATIENCE, || (hosts.count(under_way) == 1).then_some(()));
    let _second = hosts.worker("second", &reading);
    let consumers = || hosts.broker.control(&["list_queues", "--silent", "name", "consumers"]);
    until("both receive", PATIENCE, || {
        consumers().lines().any(|line| line.split_whitespace().eq(["kgl.jobs", "2"])).then_some(())
    });
    first.kill();
    let killed = Instant::now();
    let again = "SELECT count(*) FROM jobs WHERE status IN ('processing', 'completed') AND lost_leases = 1";
    until("another works on it", PATIENCE, || (hosts.count(again) == 1).then_some(()));
    let took = killed.elapsed();
    assert!(took < LEASE_TERM / 2, "the broker, not the lease's end, brought it back: {took:?}");
    all_done(&service.data);
}

#[test]
fn the_broker_may_go_and_come_back() {
    let mut hosts = Hosts::start();
    let service = hosts.service(&[]);
    let client = service.new_user();
    let mut accepted = 0;
    for round in 0..3 {
        submit(&client, accepted..accepted + 60);
        accepted += 60;
        // At once, half-way through, or when most are done.
        thread::sleep(Duration::from_millis(150 * round));
        hosts.broker.kill();
        submit(&client, accepted..accepted + 20);
        accepted += 20;
        until("health says so", PATIENCE, || {
            let health = service.anonymous().get("/health/detailed").expect(200);
            (health["services"]["rabbitmq"]["status"] == json!("degraded")).then_some(())
        });
        assert_eq!(service.anonymous().get("/health/readiness").status, 200, "documents are still taken in");
        hosts.broker.restart();
    }
    all_done(&service.data);
    assert_sound(&service);
    let documents = hosts.count("SELECT count(*) FROM documents");
    assert_eq!(usize::try_from(documents).expect("a count"), accepted);
    let quiet = service.new_user();
    submit(&quiet, 0..accepted);
    all_done(&service.data);
    assert_same(
        &graph(&service, &user_id(&client)),
        &graph(&service, &user_id(&quiet)),
        "the graph that the broker's absence left",
    );
}

#[test]
fn what_the_broker_lost_is_sent_again() {
    let mut hosts = Hosts::start();
    let service = hosts.service(&[("KGL_WORKERS", "0")]);
    let client = service.new_user();
    submit(&client, 0..20);
    let confirmed = "SELECT count(*) FROM job_dispatches WHERE confirmed";
    until("the broker has them", PATIENCE, || (hosts.count(confirmed) == 20).then_some(()));
    hosts.broker.kill();
    std::fs::remove_dir_all(hosts.folder.path().join("broker/mnesia")).expect("it forgets");
    hosts.broker.restart();
    let _worker = hosts.worker("worker", &[]);
    all_done(&service.data);
    assert_sound(&service);
    assert_eq!(hosts.count("SELECT count(*) FROM job_dispatches"), 0, "nothing is owed");
}
