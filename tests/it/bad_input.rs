//! Input that nobody should send: each gets its status and its problem, and nothing of it is stored.

use serde_json::{Value, json};

use crate::{
    documents::{form, send_form},
    graphs::id,
    harness::{Answer, Body, Client, shared},
};

const DOCUMENTS: &str = "/api/v1/documents";
const JSON: &str = "application/json";

fn send(client: &Client, kind: &str, body: &[u8]) -> Answer {
    client.request("POST", DOCUMENTS, &[], Body::Bytes(kind, body))
}

fn send_json(client: &Client, body: &[u8]) -> Answer {
    send(client, JSON, body)
}

/// Neither a document nor a job is there.
#[track_caller]
pub fn nothing_stored(client: &Client) {
    for list in ["documents", "jobs", "entities"] {
        assert_eq!(client.get(&format!("/api/v1/{list}")).expect(200)["total"], json!(0), "{list}");
    }
}

#[track_caller]
fn invalid(answer: Answer, field: &str) -> Value {
    let problem = answer.expect_problem(422, "ValidationError");
    let fields: Vec<&str> =
        problem["details"].as_array().into_iter().flatten().filter_map(|d| d["field"].as_str()).collect();
    assert!(fields.contains(&field), "{field}: {problem}");
    problem
}

#[test]
fn broken_json_is_unreadable() {
    let client = shared().new_user();
    for body in [
        "",
        " ",
        "{",
        "{\"content\": \"a\"",
        "{\"content\": 'a'}",
        "{\"content\": \"a\"} x",
        "nonsense",
        "{\"content\": 01}",
    ] {
        send_json(&client, body.as_bytes()).expect_problem(400, "ValidationError");
    }
    nothing_stored(&client);
}

#[test]
fn wrong_types_are_named_by_their_place() {
    let client = shared().new_user();
    let cases = [
        (json!({ "title": "x" }), "content"),
        (json!({ "content": 5 }), "content"),
        (json!({ "content": null }), "content"),
        (json!({ "content": "x", "title": ["a"] }), "title"),
        (json!({ "content": "x", "priority": "urgent" }), "priority"),
        (json!({ "content": "x", "source_type": "rumour" }), "source_type"),
        (json!({ "content": "x", "metadata": [] }), "metadata"),
        (json!({ "content": "x", "extraction": { "entity_types": ["person", 7] } }), "extraction.entity_types[1]"),
        (
            json!({ "content": "x", "extraction": { "confidence_threshold": "high" } }),
            "extraction.confidence_threshold",
        ),
        (json!({ "content": "x", "title": "t".repeat(501) }), "title"),
        (json!({ "content": "x", "source": "s".repeat(2001) }), "source"),
        (json!({ "content": "x", "language": "not a language" }), "language"),
    ];
    for (body, field) in cases {
        invalid(client.post(DOCUMENTS, &body), field);
    }
    for body in ["[]", "5", "\"text\"", "null", "true"] {
        send_json(&client, body.as_bytes()).expect_problem(422, "ValidationError");
    }
    nothing_stored(&client);
}

#[test]
fn empty_documents_are_not_valid() {
    let client = shared().new_user();
    let cases = [
        ("", "text/plain"),
        (" \n\t\u{2003} ", "text/plain"),
        ("<html><body><script>x()</script></body></html>", "text/html"),
        ("<!-- nothing -->", "text/markdown"),
    ];
    for (content, kind) in cases {
        invalid(client.post(DOCUMENTS, &json!({ "content": content, "content_type": kind })), "content");
    }
    let empty = ("name=\"file\"; filename=\"a.txt\"", b"".as_slice());
    send_form(&client, &[empty]).expect_problem(422, "ValidationError");
    nothing_stored(&client);
}

#[test]
fn nul_characters_are_refused_wherever_they_stand() {
    let client = shared().new_user();
    send_json(&client, b"{\"content\": \"a\0b\"}").expect_problem(400, "ValidationError");
    invalid(send_json(&client, br#"{"content": "a\u0000b"}"#), "content");
    invalid(send_json(&client, br#"{"content": "a", "title": "\u0000"}"#), "title");
    invalid(send_json(&client, br#"{"content": "a", "metadata": {"k": ["\u0000"]}}"#), "metadata.k[0]");
    send_json(&client, br#"{"content": "a", "metadata": {"\u0000": 1}}"#).expect_problem(422, "ValidationError");
    for path in ["documents?search=%00", "entities?search=a%00b", "entities?type=%00", "documents?source=%00"] {
        client.get(&format!("/api/v1/{path}")).expect_problem(422, "ValidationError");
    }
    client
        .post("/api/v1/graph/query", &json!({ "query": "a\0b", "query_type": "entity_search" }))
        .expect_problem(422, "ValidationError");
    nothing_stored(&client);
}

#[test]
fn nul_characters_in_accounts_are_refused() {
    let body =
        json!({ "email": "nul@example.org", "password": "a good password\0", "first_name": "A\0", "last_name": "B" });
    shared().anonymous().post("/api/v1/auth/register", &body).expect_problem(422, "ValidationError");
    let login = json!({ "email": "nul\0@example.org", "password": "a good password" });
    let answer = shared().anonymous().post("/api/v1/auth/login", &login);
    assert!(matches!(answer.status, 401 | 422), "{}", answer.text);
    let refresh = json!({ "refresh_token": "\0" });
    let answer = shared().anonymous().post("/api/v1/auth/refresh", &refresh);
    assert!(matches!(answer.status, 401 | 422), "{}", answer.text);
}

#[test]
fn invalid_utf8_is_unreadable() {
    let client = shared().new_user();
    send_json(&client, b"{\"content\": \"caf\xe9\"}").expect_problem(400, "ValidationError");
    send_json(&client, b"\xff\xfe{\0}\0").expect_problem(400, "ValidationError");
    let title = ("name=\"title\"", b"\xc3\x28".as_slice());
    send_form(&client, &[title]).expect_problem(400, "ValidationError");
    let paths = ["/api/v1/documents?search=%FF", "/api/v1/entities?search=%C3%28"];
    for path in paths {
        let answer = client.get(path);
        assert!(matches!(answer.status, 200 | 400 | 422), "{} {}", answer.status, answer.text);
    }
    nothing_stored(&client);
}

#[test]
fn lone_surrogates_are_no_text() {
    let client = shared().new_user();
    for body in [r#"{"content": "\ud800"}"#, r#"{"content": "a\udc00b"}"#, r#"{"content": "\ud800\ud800"}"#] {
        let answer = send_json(&client, body.as_bytes());
        assert!(matches!(answer.status, 400 | 422), "{}", answer.text);
        let status = answer.status;
        answer.expect_problem(status, "ValidationError");
    }
    nothing_stored(&client);
    let rocket = send_json(&client, br#"{"content": "\ud83d\ude80 lands in Paris."}"#).expect(202);
    let content = client.get(&format!("{DOCUMENTS}/{}/content", id(&rocket["document"]))).expect(200);
    assert_eq!(content["content"], json!("🚀 lands in Paris."));
}

#[test]
fn deep_json_is_unreadable_and_harms_nothing() {
    let client = shared().new_user();
    let deep =
        format!("{{\"content\": \"a\", \"metadata\": {{\"k\": {}{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    let answer = send_json(&client, deep.as_bytes());
    assert!(matches!(answer.status, 400 | 422), "{}", answer.status);
    let status = answer.status;
    answer.expect_problem(status, "ValidationError");
    let unclosed = send_json(&client, "[".repeat(100_000).as_bytes());
    assert!(matches!(unclosed.status, 400 | 422), "{}", unclosed.status);
    nothing_stored(&client);
}

#[test]
fn huge_numbers_are_kept_or_refused_but_break_nothing() {
    let client = shared().new_user();
    let threshold = send_json(&client, br#"{"content": "a", "extraction": {"confidence_threshold": 1e400}}"#);
    assert!(matches!(threshold.status, 400 | 422), "{}", threshold.text);
    for limit in ["99999999999999999999", "1e3", "0x10", "%2B5x"] {
        client.get(&format!("{DOCUMENTS}?limit={limit}")).expect_problem(422, "ValidationError");
    }
    client.get(&format!("{DOCUMENTS}?skip=4294967296")).expect_problem(422, "ValidationError");
    client.get(&format!("{DOCUMENTS}?skip=4294967295")).expect(200);
    client
        .get("/api/v1/graph/entity/01890000-0000-7000-8000-000000000000?relationship_depth=256")
        .expect_problem(422, "ValidationError");
    nothing_stored(&client);
    let body = br#"{"content": "About numbers.", "metadata": {"big": 123456789012345678901234567890, "small": -1e-300, "max": 1.7976931348623157e308}}"#;
    let kept = send_json(&client, body).expect(202);
    let read = client.get(&format!("{DOCUMENTS}/{}", id(&kept["document"]))).expect(200);
    assert_eq!(read["metadata"]["max"], json!(f64::MAX));
    let beyond = send_json(&client, br#"{"content": "More.", "metadata": {"n": 1e400}}"#);
    assert!(matches!(beyond.status, 202 | 400 | 422), "{}", beyond.text);
}

#[test]
fn an_eleven_megabyte_body_is_too_large() {
    let client = shared().new_user();
    let content = "x".repeat(11 * 1024 * 1024);
    client.post(DOCUMENTS, &json!({ "content": content })).expect_problem(413, "PayloadTooLarge");
    send_form(&client, &[("name=\"file\"; filename=\"a.txt\"", content.as_bytes())])
        .expect_problem(413, "PayloadTooLarge");
    let login = json!({ "email": "a@example.org", "password": "x".repeat(2 << 20) });
    shared().anonymous().post("/api/v1/auth/login", &login).expect_problem(413, "PayloadTooLarge");
    nothing_stored(&client);
}

#[test]
fn a_document_of_ten_megabytes_in_characters_is_measured_in_bytes() {
    let client = shared().new_user();
    // 10 MiB and one byte: within the room for the request's other fields, beyond what a document may have.
    let content = format!("{}xyz", "é".repeat(5 * 1024 * 1024 - 1));
    assert_eq!(content.len(), 10 * 1024 * 1024 + 1);
    client.post(DOCUMENTS, &json!({ "content": content })).expect_problem(413, "PayloadTooLarge");
    nothing_stored(&client);
}

#[test]
fn what_is_no_known_content_type_is_not_taken() {
    let client = shared().new_user();
    for kind in ["text/plain", "application/xml", "image/png", "application/x-www-form-urlencoded", "nonsense"] {
        send(&client, kind, b"content=a").expect_problem(415, "UnsupportedMediaType");
    }
    for kind in ["image/png", "application/pdf", "text", ""] {
        let answer = client.post(DOCUMENTS, &json!({ "content": "x", "content_type": kind }));
        answer.expect_problem(415, "UnsupportedMediaType");
    }
    let login = Body::Bytes("text/plain", b"{}");
    shared().anonymous().request("POST", "/api/v1/auth/login", &[], login).expect_problem(415, "UnsupportedMediaType");
    nothing_stored(&client);
    send(&client, "application/json; charset=utf-8", br#"{"content": "Fine."}"#).expect(202);
}

#[test]
fn a_megabyte_in_one_line_completes() {
    let client = shared().new_user();
    let words = "Marie Curie met Albert Einstein in Brussels and they talked about physics while ";
    let line = words.repeat((1 << 20) / words.len() + 1);
    assert!(line.len() > 1 << 20 && !line.contains('\n') && !line.contains('.'));
    let submitted = client.submit(&line);
    let job = client.finished(&submitted["job"]);
    assert_eq!(job["status"], json!("completed"), "{job}");
    let unbroken = client.submit(&"x".repeat(1 << 20));
    let job = client.finished(&unbroken["job"]);
    assert_eq!(job["status"], json!("completed"), "{job}");
}

#[test]
fn a_form_that_breaks_off_is_unreadable() {
    let client = shared().new_user();
    let whole = form(&[("name=\"file\"; filename=\"a.txt\"", b"Some text about Paris.")]);
    let kind = "multipart/form-data; boundary=edge";
    for length in [10, 40, 80, whole.len() - 10] {
        send(&client, kind, &whole[..length]).expect_problem(400, "ValidationError");
    }
    send(&client, "multipart/form-data", &whole).expect_problem(400, "ValidationError");
    let other = send(&client, "multipart/form-data; boundary=other", &whole);
    assert!(matches!(other.status, 400 | 422), "{}", other.text);
    nothing_stored(&client);
    send(&client, kind, &whole).expect(202);
}

#[test]
fn wrong_methods_hear_of_the_right_ones() {
    let client = shared().new_user();
    let cases = [
        ("PUT", DOCUMENTS, "GET, POST"),
        ("PATCH", DOCUMENTS, "GET, POST"),
        ("DELETE", "/api/v1/auth/me", "GET, PATCH"),
        ("GET", "/api/v1/auth/login", "POST"),
        ("POST", "/health", "GET"),
        ("DELETE", "/", "GET"),
        ("BREW", DOCUMENTS, "GET, POST"),
    ];
    for (method, path, expected) in cases {
        let answer = client.request(method, path, &[], Body::Empty);
        let allow = answer.header("allow").unwrap_or_else(|| panic!("{method} {path}: no Allow")).to_owned();
        for name in expected.split(", ") {
            assert!(allow.split(", ").any(|m| m == name), "{method} {path}: {allow}");
        }
        assert!(!allow.split(", ").any(|m| m == method), "{allow}");
        assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
}

#[test]
fn unknown_paths_are_not_found() {
    let client = shared().new_user();
    let long = format!("/{}", "a".repeat(4000));
    for path in [
        "/nothing",
        "/api",
        "/api/v1",
        "/api/v2/documents",
        "/api/v1/documents/",
        "/api/v1/documents/a/b/c",
        "/..%2f..%2fetc/passwd",
        "/%00",
        "/%FF",
        "//",
        &long,
    ] {
        client.get(path).expect_problem(404, "NotFound");
    }
    client.post("/api/v1/nothing", &json!({})).expect_problem(404, "NotFound");
}

#[test]
fn problems_never_show_what_lies_beneath() {
    let client = shared().new_user();
    let answers = [
        send_json(&client, b"{"),
        client.get("/api/v1/documents/x"),
        client.get("/api/v1/documents?limit=x"),
        client.post("/api/v1/auth/login", &json!({ "email": "a", "password": ["secret word"] })),
        client.post(DOCUMENTS, &json!({ "content": "x", "priority": "'; DROP TABLE users; --" })),
        client.get("/api/v1/entities?search=';%20DROP%20TABLE%20users;%20--"),
    ];
    for answer in answers {
        let text = answer.text.to_lowercase();
        for word in ["sqlx", "postgres", "panicked", "src/", ".rs:", "select ", "drop table", "secret word", "serde"] {
            assert!(!text.contains(word), "{word}: {text}");
        }
    }
}
