//! Calling work off: at once, and without a trace.

use std::time::{Duration, Instant};

use kgl_test_support::number;
use serde_json::{Value, json};

use crate::{
    corpus::{large_text, text},
    harness::{Client, Service},
    snapshot::{assert_sound, graph, user_id},
    wait::until,
};

/// A cancellation holds so soon after it was asked for.
const EFFECT: Duration = Duration::from_millis(100);

fn path(job: &Value) -> String {
    format!("/api/v1/jobs/{}", job["id"].as_str().expect("an id"))
}

/// Calls a job off; how long that took until the job was seen to be off.
fn cancel(client: &Client, job: &Value) -> Duration {
    let begun = Instant::now();
    let cancelled = client.post(&format!("{}/cancel", path(job)), &json!({})).expect(200);
    assert_eq!(cancelled["status"], json!("cancelled"), "{cancelled}");
    let took = begun.elapsed();
    assert_eq!(client.get(&path(job)).expect(200)["status"], json!("cancelled"));
    took
}

fn until_extracting(client: &Client, job: &Value) {
    until("it is on its way", Duration::from_secs(30), || {
        let job = client.get(&path(job)).expect(200);
        let done = job["progress"]["done"].as_i64().expect("a count");
        (job["status"] == json!("processing") && job["progress"]["stage"] == json!("extracting") && done > 0)
            .then_some(())
    });
}

#[test]
fn a_job_that_is_called_off_stops_within_a_tenth_of_a_second_and_writes_nothing() {
    let service = Service::start_with(&[("KGL_WORKERS", "1")]);
    let client = service.new_user();
    let user = user_id(&client);
    let mut took = Vec::new();
    for n in 0..2 {
        let running = client.submit(&large_text(n, 5_000_000))["job"].clone();
        until_extracting(&client, &running);
        // Behind it, with the only worker taken.
        let waiting = client.submit(&text(n, 80))["job"].clone();
        took.push(cancel(&client, &waiting));
        took.push(cancel(&client, &running));
        // The worker is free again at once: the large document would have kept it for seconds.
        let begun = Instant::now();
        client.completed(&text(1000 + n, 80));
        assert!(begun.elapsed() < Duration::from_secs(2), "the worker went on for {:?}", begun.elapsed());
    }
    took.sort_unstable();
    // The quickest: what else the machine is doing may hold up any of them.
    assert!(took[0] < EFFECT, "cancelling took {took:?}");
    let facts = "SELECT count(*) FROM entity_mentions m JOIN documents d ON d.id = m.document_id
                 JOIN jobs j ON j.id = d.job_id WHERE j.status = 'cancelled'";
    assert_eq!(number(&service.data, facts), 0, "nothing was written");
    assert_eq!(number(&service.data, "SELECT count(*) FROM jobs WHERE status = 'cancelled'"), 4);
    assert!(!graph(&service, &user).is_empty());
    assert_sound(&service);
}

#[test]
fn a_cancelled_job_can_be_retried_and_an_ended_one_not_cancelled() {
    let service = crate::harness::shared();
    let client = service.new_user();
    let document = client.submit(&large_text(20, 300_000));
    cancel(&client, &document["job"]);
    client.post(&format!("{}/cancel", path(&document["job"])), &json!({})).expect_problem(409, "Conflict");
    client.post(&format!("{}/retry", path(&document["job"])), &json!({})).expect(200);
    assert_eq!(client.finished(&document["job"])["status"], json!("completed"));
    client.post(&format!("{}/cancel", path(&document["job"])), &json!({})).expect_problem(409, "Conflict");
    let stranger = service.new_user();
    stranger.post(&format!("{}/cancel", path(&document["job"])), &json!({})).expect_problem(404, "NotFound");
    stranger.post(&format!("{}/retry", path(&document["job"])), &json!({})).expect_problem(404, "NotFound");
}

#[test]
fn a_superseded_job_cannot_be_retried_beside_its_successor() {
    let service = crate::harness::shared();
    let client = service.new_user();
    let body = json!({ "content": large_text(21, 300_000), "content_type": "text/plain" });
    let first = client.post("/api/v1/documents", &body).expect(202);
    cancel(&client, &first["job"]);
    let second = client.post("/api/v1/documents?force=true", &body).expect(202);
    assert_ne!(first["job"]["id"], second["job"]["id"]);
    client.post(&format!("{}/retry", path(&first["job"])), &json!({})).expect_problem(409, "Conflict");
    assert_eq!(client.finished(&second["job"])["status"], json!("completed"));
}

#[test]
fn a_document_deleted_while_it_is_read_leaves_nothing() {
    let service = Service::start_with(&[("KGL_WORKERS", "1")]);
    let client = service.new_user();
    let user = user_id(&client);
    let submitted = client.submit(&large_text(30, 4_000_000));
    until_extracting(&client, &submitted["job"]);
    let document = format!("/api/v1/documents/{}", submitted["document"]["id"].as_str().expect("an id"));
    assert_eq!(client.delete(&document).status, 204);
    client.get(&document).expect_problem(404, "NotFound");
    client.get(&path(&submitted["job"])).expect_problem(404, "NotFound");
    // The only worker is free again, and what it had read so far is nowhere.
    let begun = Instant::now();
    let small = client.completed(&text(77, 80));
    assert!(begun.elapsed() < Duration::from_secs(2), "the worker went on for {:?}", begun.elapsed());
    assert_eq!(client.delete(&format!("/api/v1/documents/{}", small["id"].as_str().expect("an id"))).status, 204);
    assert_eq!(graph(&service, &user), Vec::<String>::new());
    for table in ["documents", "document_revisions", "jobs", "entities", "entity_mentions", "entity_relationships"] {
        assert_eq!(number(&service.data, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
}

/// Documents that share facts are written and deleted at the same time: no request fails, and no trace stays.
#[test]
fn documents_deleted_while_others_are_written_leave_the_others_graph() {
    let service = crate::harness::shared();
    let (client, reference) = (service.new_user(), service.new_user());
    let user = user_id(&client);
    let kept: Vec<Value> = (0..6).map(|n| client.submit(&text(200 + n, 400))).collect();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let client = &client;
            scope.spawn(move || {
                for n in 0..8 {
                    // The same sentences as those that stay.
                    let document = client.submit(&format!("{} {thread}.{n}", text(200 + n % 6, 400)));
                    if n % 2 == 0 {
                        client.finished(&document["job"]);
                    }
                    let path = format!("/api/v1/documents/{}", document["document"]["id"].as_str().expect("an id"));
                    let answer = client.delete(&path);
                    assert_eq!(answer.status, 204, "{}", answer.text);
                }
            });
        }
    });
    for document in &kept {
        assert_eq!(client.finished(&document["job"])["status"], json!("completed"));
    }
    for n in 0..6 {
        reference.completed(&text(200 + n, 400));
    }
    let (found, expected) = (graph(service, &user), graph(service, &user_id(&reference)));
    crate::snapshot::assert_same(&found, &expected, "what stays");
}
