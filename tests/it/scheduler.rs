//! Recurring work: done by one process of all, wherever that is, and gone on with when it dies.

use std::time::Duration;

use kgl_test_support::{number, postgres::Server};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    harness::{SIGNING_SECRET, Service},
    wait::until,
};

/// Somebody leads again so soon after the leader is gone.
const HANDOVER: Duration = Duration::from_secs(5);
/// How the lock shows in `pg_locks`.
const HOLDERS: &str = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
     AND (classid::bigint << 32 | objid::bigint) = x'6b676c206c656164'::bigint";

/// Two processes on one server. The server is dropped last.
struct Two {
    nodes: Vec<Service>,
    server: Server,
    _folder: TempDir,
}

fn two() -> Two {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"), None);
    let url = server.url("postgres", "postgres");
    let settings = [("DATABASE_URL", &*url), ("KGL_JWT_SECRET", SIGNING_SECRET), ("KGL_CLEANUP_INTERVAL_SECONDS", "1")];
    let nodes = ["a", "b"].map(|name| {
        Service::start_in(&folder.path().join(name), &settings).unwrap_or_else(|log| panic!("no start:\n{log}"))
    });
    Two { nodes: nodes.into(), server, _folder: folder }
}

/// The value of a metric; none where nobody answers or it is not there.
fn metric(node: &Service, name: &str) -> Option<f64> {
    let answer = node.anonymous().try_request("GET", "/metrics", &[], crate::harness::Body::Empty).ok()?;
    let line = answer.text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn runs(node: &Service, task: &str, outcome: &str) -> f64 {
    metric(node, &format!("kgl_scheduler_runs_total{{task=\"{task}\",outcome=\"{outcome}\"}}")).unwrap_or(0.0)
}

impl Two {
    /// Which of the nodes say that they lead.
    fn leaders(&self) -> Vec<usize> {
        let leads = |at: &usize| metric(&self.nodes[*at], "kgl_scheduler_leader") == Some(1.0);
        (0..self.nodes.len()).filter(leads).collect()
    }

    /// The backend that holds the lock: at most one.
    fn holder(&self) -> Option<String> {
        let holders = self.server.rows("postgres", HOLDERS);
        assert!(holders.len() <= 1, "{holders:?}");
        holders.into_iter().next().and_then(|row| row[0].clone())
    }

    /// The one node that leads and whose backend holds the lock, once there is one.
    fn leader(&self, what: &str, within: Duration) -> (usize, String) {
        until(what, within, || {
            let leaders = self.leaders();
            assert!(leaders.len() <= 1, "{leaders:?} lead");
            Some((*leaders.first()?, self.holder()?))
        })
    }
}

#[test]
fn one_process_leads_and_another_takes_its_place_when_it_is_killed() {
    let mut two = two();
    let (first, backend) = two.leader("one leads", HANDOVER);
    until("the leader works", Duration::from_secs(10), || {
        (runs(&two.nodes[first], "access_logs", "done") >= 2.0).then_some(())
    });
    assert_eq!(two.leader("it goes on leading", HANDOVER), (first, backend.clone()));
    let follower = &two.nodes[1 - first];
    assert_eq!(runs(follower, "access_logs", "done"), 0.0, "the other leaves it alone");
    let health = until("it knows of the leader", HANDOVER, || {
        let health = follower.anonymous().get("/health/detailed").expect(200)["services"]["scheduler"].clone();
        (health["details"]["leader_known"] == json!(true)).then_some(health)
    });
    assert_eq!((&health["status"], &health["details"]["leads"]), (&json!("healthy"), &json!(false)), "{health}");

    two.nodes[first].kill();
    let (second, after) = two.leader("the other leads", HANDOVER);
    assert_eq!(second, 1 - first);
    assert_ne!(after, backend);
    until("it works too", Duration::from_secs(10), || {
        (runs(&two.nodes[second], "access_logs", "done") >= 1.0).then_some(())
    });
}

#[test]
fn leadership_goes_with_its_connection_and_comes_back_to_somebody() {
    let mut two = two();
    let (mut leader, mut backend) = two.leader("one leads", HANDOVER);
    for round in 0..2 {
        let _ = two.server.rows("postgres", &format!("SELECT pg_terminate_backend({backend})"));
        let former = &two.nodes[leader];
        until("the leader gives up at once", Duration::from_secs(2), || {
            (former.log().matches("does the recurring work no more").count() > 0).then_some(())
        });
        let before = backend.clone();
        (leader, backend) = until("somebody leads again", HANDOVER, || {
            let leaders = two.leaders();
            two.holder().filter(|now| *now != before).and_then(|now| (leaders.len() == 1).then(|| (leaders[0], now)))
        });
        assert_ne!(backend, before, "round {round}");
    }
    // Whoever stops in good order leaves the lock free.
    let (status, _) = two.nodes[leader].terminate();
    assert!(status.success());
    let (next, _) = two.leader("the other leads", HANDOVER);
    assert_eq!(next, 1 - leader);
}

#[test]
fn what_is_over_is_cleared_away_and_a_task_that_fails_stops_no_other() {
    let settings = [
        ("KGL_CLEANUP_INTERVAL_SECONDS", "1"),
        ("KGL_DEAD_RETENTION_DAYS", "7"),
        ("KGL_ACCESS_LOG_RETENTION_DAYS", "2"),
    ];
    let service = Service::start_with(&settings);
    let _ = service.sql("REVOKE DELETE ON idempotency_keys FROM kgl_system");
    let client = service.new_user();
    let jobs: Vec<String> = (0..2)
        .map(|n| {
            client.finished(&client.submit(&format!("Text number {n}."))["job"])["id"].as_str().expect("an id").into()
        })
        .collect();
    for (job, days) in jobs.iter().zip([8, 6]) {
        let _ = service.sql(&format!(
            "UPDATE jobs SET status = 'dead', error_message = 'no luck', finished_at = now() - interval '{days} days' WHERE id = '{job}'"
        ));
    }
    let _ = service.sql(
        "INSERT INTO api_access_logs (request_id, endpoint, method, status_code, response_time_ms, request_size_bytes, timestamp)
         SELECT 'old', '/', 'GET', 200, 1, 0, now() - n * interval '1 hour' FROM generate_series(24, 72) n",
    );
    until("the old dead job is discarded", Duration::from_secs(15), || {
        (client.get(&format!("/api/v1/jobs/{}", jobs[0])).expect(200)["status"] == json!("cancelled")).then_some(())
    });
    let job = client.get(&format!("/api/v1/jobs/{}", jobs[0])).expect(200);
    assert_eq!(job["error_message"], json!("no luck; discarded after 7 days"));
    let young = client.get(&format!("/api/v1/jobs/{}", jobs[1])).expect(200);
    assert_eq!((&young["status"], &young["error_message"]), (&json!("dead"), &json!("no luck")));
    until("old access records are deleted", Duration::from_secs(15), || {
        let left = number(&service.data, "SELECT count(*) FROM api_access_logs WHERE request_id = 'old'");
        (left == 24).then_some(())
    });
    assert!(number(&service.data, "SELECT count(*) FROM api_access_logs WHERE request_id <> 'old'") > 0);
    until("the failing task is tried again and again", Duration::from_secs(15), || {
        (runs(&service, "idempotency_keys", "failed") >= 3.0).then_some(())
    });
    assert!(runs(&service, "language_model_answers", "done") >= 3.0, "the others go on");
    let _ = service.sql("GRANT DELETE ON idempotency_keys TO kgl_system");
    until("it does its work when it can", Duration::from_secs(15), || {
        (runs(&service, "idempotency_keys", "done") >= 1.0).then_some(())
    });
    let health = service.anonymous().get("/health/detailed").expect(200)["services"]["scheduler"].clone();
    assert_eq!(health["details"]["leads"], json!(true), "{health}");
    assert_eq!(health["details"]["tasks"]["dead_letters"]["last_outcome"], json!("done"), "{health}");
}
