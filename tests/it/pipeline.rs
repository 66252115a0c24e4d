//! The main job: a document in, a proven graph out.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use kgl_test_support::number;
use serde_json::{Value, json};

use crate::{
    corpus::{large_text, text},
    harness::{Client, Service, shared},
    snapshot::{assert_same, assert_sound, graph, user_id},
    wait::until,
};

#[test]
fn a_document_becomes_a_graph_with_the_words_that_prove_it() {
    let client = shared().new_user();
    let document =
        client.completed("Marie Curie was born in Warsaw. She founded the Curie Institute in Paris in 1920.");
    let graph = client.get(&format!("/api/v1/documents/{}/graph", document["id"].as_str().expect("id"))).expect(200);
    let entities = graph["entities"].as_array().expect("a list");
    assert!(entities.iter().any(|e| e["name"] == json!("Marie Curie") && e["type"] == json!("person")), "{graph}");
}

#[test]
fn a_document_lives_from_submission_to_deletion() {
    let (service, client) = (shared(), shared().new_user());
    let user = user_id(&client);
    let submitted = client.submit(&text(1, 300));
    let (document, job) = (&submitted["document"], &submitted["job"]);
    assert_eq!(document["job_id"], job["id"]);
    assert_eq!(job["document_id"], document["id"]);

    let done = client.finished(job);
    assert_eq!((done["status"].as_str(), done["attempt"].as_i64()), (Some("completed"), Some(1)), "{done}");
    assert_eq!(done["progress"]["stage"], json!("done"), "{done}");
    assert_eq!(done["progress"]["done"], done["progress"]["total"], "{done}");
    assert!(done["started_at"].is_string() && done["finished_at"].is_string() && done["error_message"].is_null());
    assert!(done["processing_time_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{done}");
    assert!(done["retry_at"].is_null(), "{done}");

    let path = format!("/api/v1/documents/{}", document["id"].as_str().expect("an id"));
    let graph_of = client.get(&format!("{path}/graph")).expect(200);
    let entities = graph_of["entities"].as_array().expect("a list").len();
    assert_eq!(done["result"]["entities"], json!(entities), "the job says what the graph has");
    assert!(entities > 5, "{graph_of}");

    assert_eq!(client.get(&path).expect(200)["status"], json!("completed"));
    let again = client.submit(&text(1, 300));
    assert_eq!((&again["document"]["id"], &again["job"]["id"]), (&document["id"], &job["id"]), "known content");

    assert_eq!(client.delete(&path).status, 204);
    client.get(&path).expect_problem(404, "NotFound");
    client.get(&format!("/api/v1/jobs/{}", job["id"].as_str().expect("an id"))).expect_problem(404, "NotFound");
    assert_eq!(graph(service, &user), Vec::<String>::new(), "nothing of it is left");
}

#[test]
fn deleting_one_of_two_documents_leaves_the_graph_of_the_other() {
    let (service, kept, alone) = (shared(), shared().new_user(), shared().new_user());
    kept.completed(&text(20, 250));
    let document = kept.completed(&text(21, 250));
    alone.completed(&text(20, 250));
    assert_eq!(kept.delete(&format!("/api/v1/documents/{}", document["id"].as_str().expect("an id"))).status, 204);
    assert_same(&graph(service, &user_id(&kept)), &graph(service, &user_id(&alone)), "as if it had never come");
}

/// The later document shares entities with the one that goes, so what the first brought must not stick to them.
#[test]
fn deleting_the_first_of_two_documents_leaves_the_graph_of_the_second() {
    let (service, kept, alone) = (shared(), shared().new_user(), shared().new_user());
    let (first, second) = ("NASA hired Katherine Johnson in 1953.", "Nasa launched Apollo 11 from Florida in 1969.");
    let document = kept.completed(first);
    kept.completed(second);
    alone.completed(second);
    assert_eq!(kept.delete(&format!("/api/v1/documents/{}", document["id"].as_str().expect("an id"))).status, 204);
    assert_same(&graph(service, &user_id(&kept)), &graph(service, &user_id(&alone)), "as if it had never come");
}

/// Evidence adds up without end; what is computed from it must not run out of the range of numbers.
#[test]
fn an_entity_that_very_many_documents_name_can_be_named_once_more() {
    let (service, client) = (shared(), shared().new_user());
    let user = user_id(&client);
    client.completed("Grace Hopper worked for Remington Rand in Philadelphia.");
    for table in ["entities", "entity_relationships"] {
        // As much as some hundreds of documents bring together.
        service.sql(&format!(
            "UPDATE {table} SET evidence_weight = evidence_weight + 2000000000 WHERE owner_id = '{user}'"
        ));
    }
    let document = client.completed("In Philadelphia, Grace Hopper worked for Remington Rand.");
    let certain = format!("SELECT count(*) FROM entities WHERE owner_id = '{user}' AND confidence > 0.999");
    assert!(number(&service.data, &certain) >= 2);
    assert_eq!(client.delete(&format!("/api/v1/documents/{}", document["id"].as_str().expect("an id"))).status, 204);
}

#[test]
fn extracting_again_by_force_gives_the_same_facts() {
    let (service, client) = (shared(), shared().new_user());
    let user = user_id(&client);
    for n in 40..43 {
        client.completed(&text(n, 250));
    }
    let before = graph(service, &user);
    let body = json!({ "content": text(41, 250), "content_type": "text/plain" });
    let known = client.post("/api/v1/documents", &body).expect(200);
    let forced = client.post("/api/v1/documents?force=true", &body).expect(202);
    assert_eq!(known["document"]["id"], forced["document"]["id"]);
    assert_ne!(known["job"]["id"], forced["job"]["id"], "a job of its own");
    assert_eq!(client.finished(&forced["job"])["status"], json!("completed"));
    assert_same(&graph(service, &user), &before, "after the second extraction");
}

#[test]
fn a_large_document_shows_its_progress() {
    let client = shared().new_user();
    let submitted = client.submit(&large_text(2, 1_500_000));
    let path = format!("/api/v1/jobs/{}", submitted["job"]["id"].as_str().expect("an id"));
    let (mut stages, mut counts) = (BTreeSet::new(), Vec::new());
    let done = until("it is done", Duration::from_secs(60), || {
        let job = client.get(&path).expect(200);
        let progress = &job["progress"];
        stages.insert(progress["stage"].as_str().expect("a stage").to_owned());
        if progress["stage"] == json!("extracting") {
            counts.push((progress["done"].as_i64().expect("a count"), progress["total"].as_i64().expect("a count")));
        }
        (job["status"] != json!("pending") && job["status"] != json!("processing")).then_some(job)
    });
    assert_eq!(done["status"], json!("completed"), "{done}");
    assert!(stages.contains("extracting") && stages.contains("done"), "{stages:?}");
    assert!(counts.windows(2).all(|pair| pair[0].0 <= pair[1].0), "progress never goes back: {counts:?}");
    let between: BTreeSet<i64> = counts.iter().filter(|(done, total)| 0 < *done && done < total).map(|c| c.0).collect();
    assert!(between.len() >= 2, "it is seen on its way: {counts:?}");
}

#[test]
fn documents_of_two_users_do_not_mix() {
    let (service, one, two) = (shared(), shared().new_user(), shared().new_user());
    let (first, second) = (
        one.completed("Grace Hopper worked for Remington Rand in Philadelphia."),
        two.completed("Grace Hopper was born in New York City."),
    );
    let names = |client: &Client| -> BTreeSet<String> {
        let list = client.get("/api/v1/entities").expect(200);
        let names =
            list["entities"].as_array().expect("a list").iter().map(|e| e["name"].as_str().expect("a name").to_owned());
        names.collect()
    };
    let (ones, twos) = (names(&one), names(&two));
    assert!(ones.contains("Grace Hopper") && twos.contains("Grace Hopper"), "{ones:?} {twos:?}");
    assert!(!ones.iter().any(|name| name.contains("New York")), "{ones:?}");
    assert!(!twos.iter().any(|name| name.contains("Remington")), "{twos:?}");
    let shared_rows = format!(
        "SELECT count(*) FROM entity_mentions m JOIN entities e ON e.id = m.entity_id
         WHERE m.owner_id <> e.owner_id OR (m.owner_id = '{}') <> (m.document_id = '{}') AND m.document_id IN ('{}', '{}')",
        user_id(&one),
        first["id"].as_str().expect("an id"),
        first["id"].as_str().expect("an id"),
        second["id"].as_str().expect("an id"),
    );
    assert_eq!(number(&service.data, &shared_rows), 0);
    let theirs = format!("/api/v1/documents/{}", second["id"].as_str().expect("an id"));
    one.get(&theirs).expect_problem(404, "NotFound");
    one.delete(&theirs).expect_problem(404, "NotFound");
}

/// Documents of a batch, small enough to be many and large enough to keep the workers busy for a while.
fn backlog(client: &Client, first: usize, count: usize) {
    let documents: Vec<Value> =
        (first..first + count).map(|n| json!({ "content": text(n, 2000), "content_type": "text/plain" })).collect();
    for batch in documents.chunks(100) {
        client.post("/api/v1/documents/batch", &json!({ "documents": batch })).expect(202);
    }
}

#[test]
fn one_users_backlog_does_not_keep_another_waiting_for_all_of_it() {
    let service = Service::start_with(&[("KGL_WORKERS", "1")]);
    let (busy, other) = (service.new_user(), service.new_user());
    backlog(&busy, 5000, 200);
    let begun = Instant::now();
    let single = other.submit(&text(60, 150));
    assert_eq!(other.finished(&single["job"])["status"], json!("completed"));
    let waited = begun.elapsed();
    let left = format!(
        "SELECT count(*) FROM jobs WHERE owner_id = '{}' AND status IN ('pending', 'processing')",
        user_id(&busy)
    );
    let left = number(&service.data, &left);
    assert!(left > 0, "the other user's one document waited {waited:?}, for all of the backlog");
    assert_sound(&service);
}

#[test]
fn urgent_documents_come_first() {
    let service = Service::start_with(&[("KGL_WORKERS", "1")]);
    let client = service.new_user();
    backlog(&client, 6000, 50);
    let body = json!({ "content": text(61, 150), "content_type": "text/plain", "priority": "high" });
    let urgent = client.post("/api/v1/documents", &body).expect(202);
    assert_eq!(urgent["job"]["priority"], json!("high"));
    assert_eq!(client.finished(&urgent["job"])["status"], json!("completed"));
    let waiting = number(&service.data, "SELECT count(*) FROM jobs WHERE status = 'pending'");
    assert!(waiting > 0, "it was done before those that were there first");
}
