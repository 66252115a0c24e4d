//! The service with a language model: a real endpoint that speaks the protocol, and all that goes wrong with one.

use std::time::{Duration, Instant};

use kgl_test_support::number;
use serde_json::{Value, json};

use crate::{
    endpoint::{Act, Endpoint, KEY, MODEL},
    harness::{Client, Service},
    snapshot::assert_sound,
    wait::until,
};

const TEXT: &str = "Ada Lovelace works for Acme Corp. Nothing happened then. Grace Hopper works for the Navy.";

/// A service whose language model is behind this endpoint.
fn service(endpoint: &Endpoint, settings: &[(&str, &str)]) -> Service {
    let mut all = vec![
        ("KGL_OPENAI_BASE_URL", endpoint.url.as_str()),
        ("KGL_OPENAI_MODEL", MODEL),
        ("KGL_OPENAI_API_KEY", KEY),
        ("KGL_OPENAI_MAX_RETRIES", "1"),
        ("KGL_LOG", "trace"),
        ("KGL_EXTRACTOR", "openai"),
    ];
    all.extend_from_slice(settings);
    Service::start_with(&all)
}

fn path(job: &Value) -> String {
    format!("/api/v1/jobs/{}", job["id"].as_str().expect("an id"))
}

/// The job when it waits for another try, with a reason.
fn waiting(client: &Client, job: &Value) -> Value {
    until("it waits for another try", Duration::from_secs(30), || {
        let job = client.get(&path(job)).expect(200);
        (job["status"] == json!("pending") && job["retry_at"].is_string()).then_some(job)
    })
}

#[test]
fn a_document_read_by_a_language_model_is_a_graph_with_evidence_and_its_cost() {
    let endpoint = Endpoint::start([]).with_key();
    let service = service(&endpoint, &[("KGL_OPENAI_PRICE_INPUT", "0.15"), ("KGL_OPENAI_PRICE_OUTPUT", "0.6")]);
    let client = service.new_user();
    let submitted = client.submit(TEXT);
    let job = client.finished(&submitted["job"]);
    assert_eq!(job["status"], json!("completed"), "{job}");
    let result = &job["result"];
    assert_eq!((&result["entities"], &result["relationships"]), (&json!(4), &json!(2)), "{result}");
    assert_eq!((&result["extractor"], &result["extractor_version"]), (&json!("openai"), &json!("1+reader-1")));
    let cost = &result["cost"];
    assert!(cost["input_tokens"].as_u64().is_some_and(|tokens| tokens > 100), "{cost}");
    assert!(cost["estimate"].as_f64().is_some_and(|estimate| estimate > 0.0), "{cost}");
    let document = submitted["document"]["id"].as_str().expect("an id");
    let graph = client.get(&format!("/api/v1/documents/{document}/graph")).expect(200);
    let relationship = &graph["relationships"][0];
    assert_eq!(relationship["relationship_type"], json!("works_for"));
    let quote = relationship["evidence"][0]["quote"].as_str().expect("a quote");
    assert!(quote.contains(" works for ") && TEXT.contains(quote), "{quote}");
    assert_sound(&service);

    // Again: nothing is asked, nothing is paid, nothing changes.
    let body = json!({ "content": TEXT, "content_type": "text/plain" });
    let again = client.post("/api/v1/documents?force=true", &body).expect(202);
    let again = client.finished(&again["job"]);
    assert_eq!(again["result"]["cost"]["cached_passages"], json!(1), "{again}");
    assert_eq!((&again["result"]["cost"]["input_tokens"], endpoint.seen().len()), (&json!(0), 1));
    assert_eq!(again["result"]["relationships"], json!(2));
    // Another owner's answers are no help: they are nobody else's.
    let other = service.new_user();
    other.completed(TEXT);
    assert_eq!(endpoint.seen().len(), 2);

    let health = service.anonymous().get("/health/detailed").expect(200)["services"]["extractor"].clone();
    assert_eq!(health["status"], json!("healthy"), "{health}");
    assert_eq!(health["details"]["name"], json!("openai"));
    let model = &health["details"]["language_model"];
    assert_eq!((&model["model"], &model["last_outcome"]), (&json!(MODEL), &json!("answered")), "{model}");
    let metrics = service.anonymous().get("/metrics").text;
    for line in [
        "kgl_language_model_requests_total{outcome=\"answered\"} 2",
        "kgl_language_model_passages_total{source=\"cache\"} 1",
        "kgl_language_model_tokens_total{direction=\"input\"}",
    ] {
        assert!(metrics.contains(line), "{line}");
    }

    // With the document, what was said of it goes too.
    assert_eq!(client.delete(&format!("/api/v1/documents/{document}")).status, 204);
    assert_eq!(number(&service.data, "SELECT count(*) FROM language_model_answers"), 1, "the other owner's");
    let log = service.log();
    assert!(!log.contains(KEY) && !log.contains("sk-the-key"), "the key is in the log");
    for (what, shown) in [("a job", again.to_string()), ("health", health.to_string()), ("metrics", metrics)] {
        assert!(!shown.contains(KEY) && !shown.contains(&endpoint.url), "{what} shows what it should not");
    }
}

#[test]
fn what_the_model_makes_up_is_dropped_and_the_job_says_so() {
    let said = json!({
        "entities": [{ "name": "Ada Lovelace", "type": "person" }, { "name": "Acme Corp", "type": "organization" },
                     { "name": "Charles Babbage", "type": "person" }],
        "relationships": [{ "head": "Ada Lovelace", "type": "founded", "tail": "Acme Corp", "quote": "Ada founded Acme." }]
    });
    let endpoint = Endpoint::start([Act::Say(said.to_string())]);
    let service = service(&endpoint, &[]);
    let client = service.new_user();
    let job = client.finished(&client.submit(TEXT)["job"]);
    let result = &job["result"];
    assert_eq!((&result["entities"], &result["relationships"]), (&json!(2), &json!(0)), "{job}");
    let note = "2 claims of the language model dropped: their quote is not in the text";
    assert_eq!(result["notes"], json!([note]), "{result}");
    assert!(result["cost"]["estimate"].is_null(), "no prices are known");
    assert!(
        service
            .anonymous()
            .get("/metrics")
            .text
            .contains("kgl_language_model_claims_dropped_total{reason=\"not_in_text\"} 2")
    );
}

#[test]
fn a_submission_may_ask_for_the_model_where_there_is_one_with_types_of_its_own() {
    let plain = crate::harness::shared();
    let body = json!({ "content": TEXT, "extraction": { "extractor": "openai" } });
    let problem = plain.new_user().post("/api/v1/documents", &body).expect_problem(422, "ValidationError");
    assert_eq!(problem["details"][0]["field"], json!("extraction.extractor"), "{problem}");

    let endpoint = Endpoint::start([]);
    let service = service(&endpoint, &[("KGL_EXTRACTOR", "builtin")]);
    let client = service.new_user();
    let builtin = client.finished(&client.submit(TEXT)["job"]);
    assert_eq!((&builtin["result"]["extractor"], endpoint.seen().len()), (&json!("builtin"), 0));
    assert!(builtin["result"]["cost"].is_null(), "{builtin}");
    let body = json!({ "content": TEXT, "extraction": { "extractor": "openai", "entity_types": ["person"] } });
    let submitted = client.post("/api/v1/documents?force=true", &body).expect(202);
    let job = client.finished(&submitted["job"]);
    assert_eq!((&job["result"]["extractor"], &job["result"]["entities"]), (&json!("openai"), &json!(2)), "{job}");
    let schema = endpoint.seen()[0].body["response_format"]["json_schema"]["schema"]["properties"].clone();
    assert_eq!(schema["entities"]["items"]["properties"]["type"]["enum"], json!(["person"]));
}

#[test]
fn a_document_beyond_its_budget_fails_and_nothing_more_is_spent() {
    let endpoint = Endpoint::start([]);
    let service = service(&endpoint, &[("KGL_OPENAI_MAX_TOKENS_PER_JOB", "100")]);
    let client = service.new_user();
    let failed = client.finished(&client.submit(TEXT)["job"]);
    assert_eq!(failed["status"], json!("failed"), "{failed}");
    let reason = failed["error_message"].as_str().expect("a reason");
    assert!(reason.contains("the budget of a job is 100 tokens") && reason.contains("nothing was spent"), "{reason}");
    assert!(endpoint.seen().is_empty());
}

#[test]
fn a_refused_key_waits_for_the_operator_and_is_no_try() {
    let endpoint = Endpoint::start([]).with_key();
    let service = service(&endpoint, &[("KGL_OPENAI_API_KEY", "sk-some-wrong-key")]);
    let client = service.new_user();
    let job = waiting(&client, &client.submit(TEXT)["job"]);
    let reason = job["error_message"].as_str().expect("a reason");
    assert!(reason.contains("does not accept the key (401)"), "{reason}");
    assert_eq!(job["attempt"], json!(0), "{job}");
    let health = service.anonymous().get("/health/detailed").expect(200)["services"]["extractor"].clone();
    assert_eq!(
        (&health["status"], &health["details"]["language_model"]["last_outcome"]),
        (&json!("degraded"), &json!("denied"))
    );
    assert!(health["details"]["internal_failures_last_minute"].as_i64().is_some_and(|failures| failures > 0));
    assert!(!service.log().contains("sk-some-wrong-key") && !job.to_string().contains("sk-"));
    // A second document is put off without another request.
    let asked = endpoint.seen().len();
    waiting(&client, &client.submit("Another text.")["job"]);
    assert_eq!(endpoint.seen().len(), asked);
}

#[test]
fn an_endpoint_that_fails_is_tried_again_and_what_was_paid_for_is_kept() {
    let text: String =
        (0..400).map(|n| format!("Person Number{n} works for Company{n} Limited. It was a day. ")).collect();
    let failure = Act::Status(500, Vec::new(), "oh".into());
    let endpoint = Endpoint::start([Act::Read, failure.clone(), failure]);
    let service = service(&endpoint, &[("KGL_OPENAI_CONCURRENCY", "1")]);
    let client = service.new_user();
    let done = client.finished(&client.submit(&text)["job"]);
    assert_eq!((&done["status"], &done["attempt"]), (&json!("completed"), &json!(2)), "{done}");
    assert_eq!(done["result"]["relationships"], json!(400));
    assert_eq!(done["result"]["cost"]["cached_passages"], json!(1), "{done}");
    let passages: Vec<String> = endpoint.seen().into_iter().map(|seen| seen.passage).collect();
    assert_eq!(passages.iter().filter(|passage| **passage == passages[0]).count(), 1, "asked about once");
    assert_sound(&service);
}

#[test]
fn a_job_that_waits_for_the_model_can_be_called_off_at_once() {
    let endpoint = Endpoint::start([]);
    endpoint.always(Act::Late(Duration::from_secs(20)));
    let service = service(&endpoint, &[("KGL_WORKERS", "1")]);
    let client = service.new_user();
    let job = client.submit(TEXT)["job"].clone();
    until("it is asked about", Duration::from_secs(20), || (!endpoint.seen().is_empty()).then_some(()));
    client.post(&format!("{}/cancel", path(&job)), &json!({})).expect(200);
    endpoint.always(Act::Read);
    let begun = Instant::now();
    // The only worker is free again at once, and the request that nobody waits for is in nobody's way.
    client.completed("Bob works for Initech.");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(client.get(&path(&job)).expect(200)["status"], json!("cancelled"));
}

#[test]
fn a_text_is_read_by_the_model_without_a_service() {
    let endpoint = Endpoint::start([]).with_key();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("text.txt");
    std::fs::write(&file, TEXT).expect("a file");
    let settings =
        [("KGL_OPENAI_BASE_URL", endpoint.url.as_str()), ("KGL_OPENAI_MODEL", MODEL), ("KGL_OPENAI_API_KEY", KEY)];
    let run = |settings: &[(&str, &str)]| {
        let mut command = crate::harness::command(folder.path(), settings);
        command.args(["extract", "--extractor", "openai", "--json"]).arg(&file);
        command.output().expect("kgl runs")
    };
    let found = run(&settings);
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let found: Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!(found["relationships"].as_array().map(Vec::len), Some(2), "{found}");
    let wrong = run(&settings[..1]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(
        (wrong.status.code(), said.trim()),
        (Some(2), "kgl: KGL_OPENAI_MODEL: must be set for the extractor openai")
    );
}
