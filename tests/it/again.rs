//! Reading a document again: what is found takes the place of what was found before, and the difference is told.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    documents::count,
    graphs::{all, check_quotes, graph_of, id},
    harness::{Answer, Body, Client, shared},
    samples,
};

/// Submits a text for an extractor, and answers the document once it is completed.
#[track_caller]
fn read_by(client: &Client, extractor: &str, text: &str) -> Value {
    let body = json!({"content": text, "extraction": {"extractor": extractor}});
    let submitted =
        client.request("POST", "/api/v1/documents", &[("prefer", "wait=30")], Body::Json(&body)).expect(202);
    assert_eq!(submitted["job"]["status"], json!("completed"), "{submitted}");
    assert_eq!(submitted["document"]["extractor"], json!(extractor));
    submitted["document"].clone()
}

fn ask_again(client: &Client, document: &Value, body: &Value) -> Answer {
    let path = format!("/api/v1/documents/{}/extract", id(document));
    client.request("POST", &path, &[("prefer", "wait=30")], Body::Json(body))
}

/// Reads a document again, and answers its job and the changes.
#[track_caller]
fn again(client: &Client, document: &Value, body: &Value) -> (Value, Vec<Value>) {
    let answer = ask_again(client, document, body);
    let location = answer.header("location").expect("a place").to_owned();
    let taken = answer.expect(202);
    let job = taken["job"].clone();
    assert_eq!(location, format!("/api/v1/jobs/{}", id(&job)));
    assert_eq!(job["status"], json!("completed"), "{job}");
    assert_eq!(taken["document"]["id"], document["id"]);
    assert_eq!(taken["document"]["extractor"], job["result"]["extractor"]);
    assert_eq!(taken["document"]["extractor_version"], job["result"]["extractor_version"]);
    let changes = all(client, &format!("{location}/changes"), "changes");
    for (kind, counts) in [("entity", "entities"), ("relationship", "relationships")] {
        for change in ["added", "removed", "changed"] {
            let listed = changes.iter().filter(|c| c["kind"] == json!(kind) && c["change"] == json!(change)).count();
            assert_eq!(job["result"]["changes"][counts][change], json!(listed), "{kind} {change}: {job}");
            let filtered = count(client, &format!("{location}/changes?kind={kind}&change={change}&limit=1"));
            assert_eq!(filtered, i64::try_from(listed).expect("few"));
        }
    }
    (job, changes)
}

/// The ids of a document's entities by type and name.
fn entities(client: &Client, document: &Value) -> BTreeMap<String, String> {
    let graph = client.get(&format!("/api/v1/documents/{}/graph", id(document))).expect(200);
    let listed = graph["entities"].as_array().expect("a list").iter();
    listed.map(|entity| (format!("{} {}", entity["type"], entity["name"]), id(entity))).collect()
}

#[test]
fn a_first_look_by_the_fast_extractor_is_replaced_by_the_better_one_when_asked() {
    let (client, direct) = (shared().new_user(), shared().new_user());
    let mut texts: Vec<String> =
        samples::files().iter().map(|file| std::fs::read_to_string(file).expect("readable")).collect();
    // The shortest: comparing whole graphs takes a request for each fact.
    texts.sort_by_key(String::len);
    texts.truncate(2);
    let documents: Vec<Value> = texts.iter().map(|text| read_by(&client, "fast", text)).collect();
    texts.iter().for_each(|text| drop(read_by(&direct, "builtin", text)));
    for document in &documents {
        let before = entities(&client, document);
        let (job, changes) = again(&client, document, &json!({"extractor": "builtin"}));
        assert_eq!(job["result"]["extractor"], json!("builtin"));
        let after = entities(&client, document);
        let names = |change: &str| -> BTreeSet<&str> {
            let told = changes.iter().filter(|c| c["kind"] == json!("entity") && c["change"] == json!(change));
            told.filter_map(|c| c["id"].as_str()).collect()
        };
        let ids = |of: &BTreeMap<String, String>| of.values().cloned().collect::<BTreeSet<_>>();
        let (old, new) = (ids(&before), ids(&after));
        assert_eq!(names("added"), new.difference(&old).map(String::as_str).collect());
        assert_eq!(names("removed"), old.difference(&new).map(String::as_str).collect());
        for (name, id) in &before {
            assert!(after.get(name).is_none_or(|now| now == id), "{name} is the same entity as before");
        }
        assert!(check_quotes(&client, &id(document)) > 20);
    }
    assert_eq!(graph_of(&client), graph_of(&direct), "as if it had been read so from the start");
}

#[test]
fn what_is_found_no_more_goes_unless_another_document_says_it() {
    let (client, direct) = (shared().new_user(), shared().new_user());
    let text = "Marie Curie was born in Warsaw. She worked with Pierre Curie in Paris.";
    let other = "Marie Curie was born in Warsaw, they say.";
    let document = read_by(&client, "noop", text);
    let (_, added) = again(&client, &document, &json!({"extractor": "builtin"}));
    assert!(added.len() > 3 && added.iter().all(|change| change["change"] == json!("added")), "{added:?}");
    let born = added.iter().find(|change| change["type"] == json!("born_in")).expect("a relationship");
    assert_eq!((&born["source"]["name"], &born["target"]["name"]), (&json!("Marie Curie"), &json!("Warsaw")));
    assert_eq!((&born["before"], &born["after"]["places"]), (&Value::Null, &json!(1)));

    read_by(&client, "builtin", other);
    read_by(&direct, "builtin", other);
    let (job, same) = again(&client, &document, &json!({"extractor": "builtin"}));
    assert_eq!((same.len(), &job["result"]["extractor"]), (0, &json!("builtin")), "{same:?}");

    let people = json!({"extraction": {"entity_types": ["person"], "extractor": "builtin"}});
    let (_, changes) = again(&client, &document, &people);
    assert!(changes.iter().all(|change| change["change"] == json!("removed")), "{changes:?}");
    assert!(changes.iter().any(|change| change["name"] == json!("Paris")), "{changes:?}");

    let (job, removed) = again(&client, &document, &json!({"extraction": {"extractor": "noop"}}));
    assert!(!removed.is_empty() && removed.iter().all(|change| change["after"].is_null()), "{removed:?}");
    assert_eq!(job["result"]["entities"], json!(0));
    client.delete(&format!("/api/v1/documents/{}", id(&document))).expect(204);
    assert_eq!(graph_of(&client), graph_of(&direct), "no debris");
}

#[test]
fn a_first_extraction_changes_nothing_and_force_tells_what_it_changed() {
    let client = shared().new_user();
    let text = "Ada Lovelace was born in London.";
    let document = read_by(&client, "fast", text);
    let first = client.get(&format!("/api/v1/jobs/{}", document["job_id"].as_str().expect("an id"))).expect(200);
    assert_eq!(first["result"].get("changes"), None, "{first}");
    assert_eq!(count(&client, &format!("/api/v1/jobs/{}/changes", id(&first))), 0);
    let body = json!({"content": text, "extraction": {"extractor": "noop"}});
    let forced = client.post("/api/v1/documents?force=true", &body).expect(202);
    let job = client.finished(&forced["job"]);
    assert!(job["result"]["changes"]["entities"]["removed"].as_i64() >= Some(2), "{job}");
}

#[test]
fn asking_twice_with_a_key_is_asking_once_and_nonsense_is_refused() {
    let client = shared().new_user();
    let document = read_by(&client, "fast", "Grace Hopper worked in New York.");
    let path = format!("/api/v1/documents/{}/extract", id(&document));
    let keyed = |body: &Value| client.request("POST", &path, &[("idempotency-key", "k")], Body::Json(body));
    let first = keyed(&json!({"extractor": "fast"})).expect(202);
    let second = keyed(&json!({"extractor": "fast"})).expect(200);
    assert_eq!(first["job"]["id"], second["job"]["id"]);
    keyed(&json!({"extractor": "noop"})).expect_problem(409, "Conflict");
    client.finished(&first["job"]);
    // Everything has a default; the extractor's is the service's.
    let bare = client.request("POST", &path, &[], Body::Empty).expect(202);
    assert_eq!(client.finished(&bare["job"])["status"], json!("completed"));

    let invalid = ask_again(&client, &document, &json!({"extractor": "oracle"})).expect_problem(422, "ValidationError");
    assert_eq!(invalid["details"][0]["field"], json!("extraction.extractor"));
    ask_again(&client, &document, &json!({"extractor": "fast", "extraction": {"extractor": "noop"}}))
        .expect_problem(422, "ValidationError");
    let stranger = shared().new_user();
    ask_again(&stranger, &document, &json!({})).expect_problem(404, "NotFound");
    let job = document["job_id"].as_str().expect("an id");
    stranger.get(&format!("/api/v1/jobs/{job}/changes")).expect_problem(404, "NotFound");
    client.get(&format!("/api/v1/jobs/{job}/changes?kind=thing")).expect_problem(422, "ValidationError");
}

#[test]
fn a_document_that_is_being_read_is_not_read_again_beside_that() {
    let client = shared().new_user();
    let submitted = client.submit(&"Grace Hopper worked in New York with Howard Aiken. ".repeat(40_000));
    ask_again(&client, &submitted["document"], &json!({})).expect_problem(409, "Conflict");
    client.post(&format!("/api/v1/jobs/{}/cancel", id(&submitted["job"])), &json!({})).expect(200);
}
