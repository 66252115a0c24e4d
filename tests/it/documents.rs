//! Documents: taking them in, finding them again, letting go of them without debris.

use std::{
    collections::HashSet,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    graphs::{all, check_quotes, graph_of, id},
    harness::{Answer, Body, Client, shared},
};

const DOCUMENTS: &str = "/api/v1/documents";

/// A text to submit.
pub fn text(content: &str) -> Value {
    json!({ "content": content, "content_type": "text/plain" })
}

/// A form of parts: their headers and their contents.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, content) in parts {
        body.extend(format!("--edge\r\nContent-Disposition: form-data; {headers}\r\n\r\n").into_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(b"--edge--\r\n");
    body
}

/// Sends a form.
pub fn send_form(client: &Client, parts: &[(&str, &[u8])]) -> Answer {
    let kind = "multipart/form-data; boundary=edge";
    client.request("POST", DOCUMENTS, &[], Body::Bytes(kind, &form(parts)))
}

/// How many a list has.
pub fn count(client: &Client, path: &str) -> i64 {
    client.get(path).expect(200)["total"].as_i64().expect("a number")
}

fn content(client: &Client, document: &Value) -> Value {
    client.get(&format!("{DOCUMENTS}/{}/content", id(document))).expect(200)
}

#[test]
fn a_submitted_document_is_answered_with_its_job_and_where_to_follow_it() {
    let client = shared().new_user();
    let body = json!({
        "title": "A title", "content": "Ada Lovelace was born in London.", "content_type": "text/plain",
        "source": "https://example.org/ada", "source_type": "web_page", "language": "en",
        "metadata": { "pages": [1, 2], "nested": { "é": null } }, "priority": "high",
    });
    let answer = client.post(DOCUMENTS, &body);
    let location = answer.header("location").expect("a place").to_owned();
    let submitted = answer.expect(202);
    let (document, job) = (&submitted["document"], &submitted["job"]);
    assert_eq!(location, format!("/api/v1/jobs/{}", id(job)));
    assert_eq!((&job["document_id"], &document["job_id"]), (&document["id"], &job["id"]));
    for field in ["title", "source", "source_type", "language", "metadata", "content_type"] {
        assert_eq!(document[field], body[field], "{field}");
    }
    assert_eq!(job["priority"], json!("high"));
    let job = client.finished(&client.get(&location).expect(200));
    assert_eq!(job["status"], json!("completed"));
    assert_eq!(job["progress"]["done"], job["progress"]["total"]);
    assert!(job["result"]["entities"].as_i64() >= Some(2), "{job}");
    assert!(job["result"]["mentions"].as_i64() >= Some(2), "{job}");
    assert!(job["started_at"].is_string() && job["finished_at"].is_string(), "{job}");
    assert!(job["processing_time_seconds"].as_f64() > Some(0.0), "{job}");
    assert_eq!((&job["error_message"], &job["retry_at"]), (&Value::Null, &Value::Null));
    let stored = client.get(&format!("{DOCUMENTS}/{}", id(document))).expect(200);
    assert_eq!(stored["status"], json!("completed"));
    assert_eq!(content(&client, document)["content"], body["content"]);
    assert_eq!(content(&client, document)["revision"], json!(1));
}

#[test]
fn what_is_left_out_has_defaults() {
    let client = shared().new_user();
    let submitted = client.post(DOCUMENTS, &json!({ "content": "Paris is in France." })).expect(202);
    assert_eq!(submitted["document"]["content_type"], json!("text/plain"));
    assert_eq!(submitted["document"]["metadata"], json!({}));
    assert_eq!(submitted["job"]["priority"], json!("normal"));
}

#[test]
fn files_come_in_as_forms_and_their_names_tell_what_they_are() {
    let client = shared().new_user();
    let files: [(&str, &str, &str, &str); 3] = [
        ("notes.txt", "Grace Hopper worked in New York.", "text/plain", "Grace Hopper worked in New York."),
        (
            "page.html",
            "<html><body><p>Grace &amp; Co. is in <b>Paris</b>.</p><script>x()</script></body></html>",
            "text/html",
            "Grace & Co. is in Paris.",
        ),
        ("read.md", "A **bold** word about [Paris](http://example.org).", "text/markdown", "A bold word about Paris."),
    ];
    for (name, bytes, kind, plain) in files {
        let part = format!("name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream");
        let submitted = send_form(&client, &[(&part, bytes.as_bytes())]).expect(202);
        let document = &submitted["document"];
        assert_eq!(document["content_type"], json!(kind));
        assert_eq!(document["source"], json!(name));
        assert_eq!(content(&client, document)["content"].as_str().map(str::trim), Some(plain));
        assert_eq!(document["title"], json!(name), "a file without a title of its own is known by its name");
    }
}

#[test]
fn a_form_may_say_what_json_may_and_its_title_comes_first() {
    let client = shared().new_user();
    let file = ("name=\"file\"; filename=\"a.md\"", b"# A heading\n\nText about Berlin.".as_slice());
    let untitled = send_form(&client, &[file]).expect(202);
    assert_eq!(untitled["document"]["title"], json!("A heading"));
    let file = ("name=\"file\"; filename=\"b.md\"", b"# A heading\n\nText about Vienna.".as_slice());
    let fields: [(&str, &[u8]); 5] = [
        ("name=\"title\"", "Títle".as_bytes()),
        ("name=\"source\"", b"https://example.org"),
        ("name=\"source_type\"", b"article"),
        ("name=\"metadata\"", b"{\"k\": 1}"),
        file,
    ];
    let document = send_form(&client, &fields).expect(202)["document"].clone();
    assert_eq!(document["title"], json!("Títle"));
    assert_eq!(document["source"], json!("https://example.org"));
    assert_eq!(document["source_type"], json!("article"));
    assert_eq!(document["metadata"], json!({ "k": 1 }));
}

#[test]
fn a_form_without_a_usable_file_is_refused() {
    let client = shared().new_user();
    send_form(&client, &[("name=\"title\"", b"no file")]).expect_problem(422, "ValidationError");
    let image = ("name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png", b"\x89PNG\r\n\x1a\n".as_slice());
    send_form(&client, &[image]).expect_problem(415, "UnsupportedMediaType");
    let program = ("name=\"file\"; filename=\"a.txt\"", b"\x7fELF\x02\x01\x01\0\0\0".as_slice());
    send_form(&client, &[program]).expect_problem(415, "UnsupportedMediaType");
    assert_eq!(count(&client, DOCUMENTS), 0);
}

#[test]
fn the_same_content_again_is_the_same_document() {
    let client = shared().new_user();
    let first = client.post(DOCUMENTS, &text("Rosalind Franklin lived in London.")).expect(202);
    let again = client.post(DOCUMENTS, &text("Rosalind Franklin lived in London.")).expect(200);
    assert_eq!(again["document"]["id"], first["document"]["id"]);
    assert_eq!(again["job"]["id"], first["job"]["id"]);
    let other_user = shared().new_user().post(DOCUMENTS, &text("Rosalind Franklin lived in London.")).expect(202);
    assert_ne!(other_user["document"]["id"], first["document"]["id"]);
    assert_eq!((count(&client, DOCUMENTS), count(&client, "/api/v1/jobs")), (1, 1));
}

#[test]
fn force_extracts_again_and_changes_nothing_that_was_right() {
    let client = shared().new_user();
    let content = "Lise Meitner was born in Vienna. She worked in Berlin.";
    let document = client.completed(content);
    let before = graph_of(&client);
    let again = client.post(&format!("{DOCUMENTS}?force=true"), &text(content)).expect(202);
    assert_eq!(again["document"]["id"], document["id"]);
    assert_ne!(again["job"]["id"], document["job_id"]);
    assert_eq!(client.finished(&again["job"])["status"], json!("completed"));
    assert_eq!(graph_of(&client), before);
    assert_eq!((count(&client, DOCUMENTS), count(&client, "/api/v1/jobs")), (1, 2));
    let jobs = all(&client, &format!("/api/v1/jobs?document_id={}", id(&document)), "jobs");
    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[0]["id"], again["job"]["id"], "newest first");
}

fn keyed(client: &Client, key: &str, body: &Value) -> Answer {
    client.request("POST", DOCUMENTS, &[("idempotency-key", key)], Body::Json(body))
}

#[test]
fn an_idempotency_key_answers_what_it_answered_before() {
    let client = shared().new_user();
    let first = keyed(&client, "key-1", &text("Emmy Noether taught in Göttingen.")).expect(202);
    let again = keyed(&client, "key-1", &text("Emmy Noether taught in Göttingen."));
    assert!(matches!(again.status, 200 | 202), "{}", again.text);
    let again = again.json();
    assert_eq!(again["document"]["id"], first["document"]["id"]);
    assert_eq!(again["job"]["id"], first["job"]["id"]);
    keyed(&client, "key-1", &text("Something else.")).expect_problem(409, "Conflict");
    assert_eq!(count(&client, DOCUMENTS), 1, "the refused one was not stored");
    keyed(&shared().new_user(), "key-1", &text("Something else.")).expect(202);
    keyed(&client, &"k".repeat(256), &text("Too long a key.")).expect_problem(422, "ValidationError");
}

#[test]
fn one_key_many_times_at_once_makes_one_document() {
    let client = shared().new_user();
    // Forced: without the key each of them would be a job of its own.
    let path = format!("{DOCUMENTS}?force=true");
    let send = || {
        let body = text("Sofia Kovalevskaya worked in Stockholm.");
        client.request("POST", &path, &[("idempotency-key", "at-once")], Body::Json(&body))
    };
    let answers: Vec<Answer> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    assert!(
        answers.iter().all(|a| matches!(a.status, 200 | 202)),
        "{:?}",
        answers.iter().map(|a| a.status).collect::<Vec<_>>()
    );
    let ids: HashSet<(String, String)> =
        answers.iter().map(|a| a.json()).map(|a| (id(&a["document"]), id(&a["job"]))).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!((count(&client, DOCUMENTS), count(&client, "/api/v1/jobs")), (1, 1));
}

#[test]
fn the_same_content_many_times_at_once_is_one_document() {
    let client = shared().new_user();
    let send = || client.post(DOCUMENTS, &text("Hypatia taught in Alexandria."));
    let answers: Vec<Answer> = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    assert_eq!(answers.iter().filter(|a| a.status == 202).count(), 1);
    assert!(answers.iter().all(|a| matches!(a.status, 200 | 202)));
    assert_eq!((count(&client, DOCUMENTS), count(&client, "/api/v1/jobs")), (1, 1));
}

#[test]
fn a_patient_client_is_answered_with_the_finished_job() {
    let client = shared().new_user();
    let body = text("Chien-Shiung Wu was born in Liuhe.");
    let answer = client.request("POST", DOCUMENTS, &[("prefer", "wait=30")], Body::Json(&body));
    assert!(answer.header("preference-applied").is_some_and(|applied| applied.contains("wait=30")));
    let submitted = answer.expect(202);
    assert_eq!(submitted["job"]["status"], json!("completed"), "{submitted}");
    assert_eq!(submitted["document"]["status"], json!("completed"));
    let begun = Instant::now();
    let path = format!("/api/v1/jobs/{}", id(&submitted["job"]));
    client.request("GET", &path, &[("prefer", "wait=30")], Body::Empty).expect(200);
    assert!(begun.elapsed() < Duration::from_secs(5), "an ended job is not waited for");
}

#[test]
fn each_document_of_a_batch_has_its_own_result() {
    let client = shared().new_user();
    let known = client.completed("Known before.");
    let batch = json!({ "documents": [
        text("Katherine Johnson worked in Hampton."),
        text(""),
        text("Known before."),
        { "content": 5 },
        { "content": "x", "content_type": "image/png" },
        { "content": "Dorothy Vaughan worked in Hampton.", "priority": "low" },
    ]});
    let answer = client.post("/api/v1/documents/batch", &batch).expect(202);
    let results = answer["results"].as_array().expect("a list");
    let statuses: Vec<i64> = results.iter().filter_map(|r| r["status"].as_i64()).collect();
    assert_eq!(statuses, [202, 422, 200, 422, 415, 202]);
    assert_eq!((&answer["accepted"], &answer["failed"]), (&json!(3), &json!(3)));
    for (index, result) in results.iter().enumerate() {
        assert_eq!(result["index"], json!(index));
    }
    assert_eq!(results[2]["document"]["id"], known["id"]);
    assert_eq!(results[1]["error"]["error"], json!("ValidationError"));
    assert_eq!(results[1]["error"]["details"][0]["field"], json!("content"));
    assert_eq!(results[3]["error"]["details"][0]["field"], json!("content"));
    assert_eq!(results[4]["error"]["error"], json!("UnsupportedMediaType"));
    for index in [0, 5] {
        assert_eq!(client.finished(&results[index]["job"])["status"], json!("completed"));
    }
    assert_eq!(count(&client, DOCUMENTS), 3);
}

#[test]
fn a_batch_has_1_to_100_documents() {
    let client = shared().new_user();
    let batch = |n: usize| json!({ "documents": (0..n).map(|i| text(&format!("Text {i}."))).collect::<Vec<_>>() });
    let refused = client.post("/api/v1/documents/batch", &batch(101)).expect_problem(422, "ValidationError");
    assert_eq!(refused["details"][0]["field"], json!("documents"));
    client.post("/api/v1/documents/batch", &batch(0)).expect_problem(422, "ValidationError");
    assert_eq!(count(&client, DOCUMENTS), 0);
    let all = client.post("/api/v1/documents/batch", &batch(100)).expect(202);
    assert_eq!(all["accepted"], json!(100));
    assert_eq!(count(&client, DOCUMENTS), 100);
    for result in all["results"].as_array().expect("a list") {
        assert_eq!(client.finished(&result["job"])["status"], json!("completed"));
    }
}

#[test]
fn a_batch_may_be_repeated_with_its_key() {
    let client = shared().new_user();
    let send = |batch: &Value| {
        client.request("POST", "/api/v1/documents/batch?force=true", &[("idempotency-key", "b")], Body::Json(batch))
    };
    let batch = json!({ "documents": [text("One."), text("Two.")] });
    let first = send(&batch).expect(202);
    let again = send(&batch).json();
    for index in [0, 1] {
        assert_eq!(again["results"][index]["job"]["id"], first["results"][index]["job"]["id"]);
    }
    send(&json!({ "documents": [text("Three.")] })).expect_problem(409, "Conflict");
    assert_eq!((count(&client, DOCUMENTS), count(&client, "/api/v1/jobs")), (2, 2));
}

#[test]
fn extraction_may_be_narrowed() {
    let client = shared().new_user();
    let content = "Alan Turing was born in London. He worked for IBM in Paris in 1950.";
    let mut body = text(content);
    body["extraction"] = json!({ "entity_types": ["location"], "confidence_threshold": 0.1 });
    let submitted = client.post(DOCUMENTS, &body).expect(202);
    client.finished(&submitted["job"]);
    let entities = all(&client, "/api/v1/entities", "entities");
    assert!(!entities.is_empty() && entities.iter().all(|e| e["type"] == json!("location")), "{entities:?}");
    body["extraction"] = json!({ "entity_types": ["No Such!"], "confidence_threshold": 2, "extractor": "magic" });
    let problem = client.post(DOCUMENTS, &body).expect_problem(422, "ValidationError");
    let fields: Vec<&str> =
        problem["details"].as_array().into_iter().flatten().filter_map(|d| d["field"].as_str()).collect();
    for field in ["extraction.entity_types[0]", "extraction.confidence_threshold", "extraction.extractor"] {
        assert!(fields.contains(&field), "{field}: {problem}");
    }
}

/// Three articles about the same people. The second one spells names in its own way and comes from elsewhere.
const ARTICLES: [(&str, &str); 3] = [
    ("one", "Marie Curie was born in Warsaw. Pierre Curie was born in Paris. Marie Curie worked for the Sorbonne."),
    ("two", "MARIE CURIE was born in Warsaw. Irène Joliot-Curie was born in Paris. Nokia acquired Navteq in 2008."),
    ("three", "Marie Curie founded the Radium Institute in Paris in 1914. Nokia was founded by Fredrik Idestam."),
];

fn submit_article(client: &Client, (source, content): (&str, &str)) -> String {
    let mut body = text(content);
    (body["source"], body["title"]) = (json!(source), json!(source));
    let submitted = client.post(DOCUMENTS, &body).expect(202);
    assert_eq!(client.finished(&submitted["job"])["status"], json!("completed"));
    id(&submitted["document"])
}

#[test]
fn a_deleted_document_leaves_the_graph_as_if_it_had_never_come() {
    // Whether it came first, in the middle or last.
    for order in [[1, 0, 2], [0, 1, 2], [0, 2, 1]] {
        let (with, without) = (shared().new_user(), shared().new_user());
        let mut deleted = String::new();
        for at in order {
            let document = submit_article(&with, ARTICLES[at]);
            if at == 1 {
                deleted = document;
            } else {
                submit_article(&without, ARTICLES[at]);
            }
        }
        let before = graph_of(&with);
        assert!(before.entities.keys().any(|key| key.contains("Navteq")), "{:?}", before.entities.keys());
        with.delete(&format!("{DOCUMENTS}/{deleted}")).expect(204);
        let (left, never) = (graph_of(&with), graph_of(&without));
        assert_eq!(left.entities, never.entities, "order {order:?}");
        assert_eq!(left.relationships, never.relationships, "order {order:?}");
        assert_ne!(left, before);
    }
}

#[test]
fn a_deleted_document_is_gone_with_its_job_and_may_come_again() {
    let client = shared().new_user();
    let keep = submit_article(&client, ARTICLES[0]);
    let gone = submit_article(&client, ARTICLES[1]);
    let whole = graph_of(&client);
    let job = client.get(&format!("{DOCUMENTS}/{gone}")).expect(200)["job_id"].as_str().expect("an id").to_owned();
    client.delete(&format!("{DOCUMENTS}/{gone}")).expect(204);
    for path in [
        format!("{DOCUMENTS}/{gone}"),
        format!("{DOCUMENTS}/{gone}/content"),
        format!("{DOCUMENTS}/{gone}/graph"),
        format!("/api/v1/jobs/{job}"),
    ] {
        client.get(&path).expect_problem(404, "NotFound");
    }
    client.delete(&format!("{DOCUMENTS}/{gone}")).expect_problem(404, "NotFound");
    assert_eq!(count(&client, DOCUMENTS), 1);
    assert!(check_quotes(&client, &keep) > 0);
    submit_article(&client, ARTICLES[1]);
    assert_eq!(graph_of(&client), whole);
    for document in all(&client, DOCUMENTS, "documents") {
        client.delete(&format!("{DOCUMENTS}/{}", id(&document))).expect(204);
    }
    assert_eq!((count(&client, "/api/v1/entities"), count(&client, "/api/v1/jobs")), (0, 0), "no debris");
    let owner = client.get("/api/v1/auth/me").expect(200)["id"].as_str().expect("an id").to_owned();
    for table in [
        "entities",
        "entity_mentions",
        "entity_relationships",
        "relationship_evidence",
        "document_revisions",
        "idempotency_keys",
    ] {
        let rows = shared().sql(&format!("SELECT count(*) FROM {table} WHERE owner_id = '{owner}'"));
        assert_eq!(rows[0][0].as_deref(), Some("0"), "{table}");
    }
}
