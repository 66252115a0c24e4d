//! What users want extracted: their stored schema, what a request says over it, and texts that are read at once.

use serde_json::{Value, json};

use crate::{
    documents::count,
    graphs::{all, id},
    harness::{Answer, Body, Client, shared},
};

const SCHEMA: &str = "/api/v1/extraction/schema";
const DIRECT: &str = "/api/v1/extract-entities";
const TEXT: &str = "In 2019 Brenniko acquired Vandelia. Marie Curie was born in Warsaw.";

fn put(client: &Client, schema: &Value, if_match: Option<&str>) -> Answer {
    let headers: Vec<(&str, &str)> = if_match.map(|tag| ("if-match", tag)).into_iter().collect();
    client.request("PUT", SCHEMA, &headers, Body::Json(schema))
}

fn companies() -> Value {
    json!({
        "gazetteer": [{"name": "Brenniko", "type": "company", "id": "b-1", "aliases": ["Brenniko Holding"]},
                      {"name": "Vandelia", "type": "company"}],
        "synonyms": {"entity_types": {"organization": "company"}, "relationship_types": {"acquires": "bought"}},
    })
}

fn of_type(client: &Client, kind: &str) -> Vec<Value> {
    let mut found = all(client, &format!("/api/v1/entities?type={kind}"), "entities");
    found.sort_by_key(|entity| entity["name"].to_string());
    found
}

#[test]
fn a_schema_is_kept_in_versions_and_changed_only_by_who_knows_it() {
    let client = shared().new_user();
    let none = client.get(SCHEMA);
    assert_eq!(none.header("etag"), Some("\"0\""));
    let none = none.expect(200);
    assert_eq!((&none["version"], &none["gazetteer"], &none["updated_at"]), (&json!(0), &Value::Null, &Value::Null));
    put(&client, &companies(), Some("*")).expect_problem(412, "PreconditionFailed");
    let first = put(&client, &companies(), Some("\"0\""));
    assert_eq!(first.header("etag"), Some("\"1\""));
    let first = first.expect(200);
    assert_eq!(
        first["gazetteer"],
        json!([
            {"name": "Brenniko", "type": "company", "id": "b-1", "aliases": ["Brenniko Holding"]},
            {"name": "Vandelia", "type": "company"},
        ])
    );
    // What was answered can be put back, and what is there already makes no new version.
    assert_eq!(put(&client, &first, Some("\"1\"")).expect(200)["version"], json!(1));
    put(&client, &json!({}), Some("\"0\"")).expect_problem(412, "PreconditionFailed");
    assert_eq!(
        put(&client, &json!({"confidence_threshold": 0.7}), Some("\"7\", \"1\"")).expect(200)["version"],
        json!(2)
    );
    assert_eq!(client.get(SCHEMA).expect(200)["confidence_threshold"], json!(0.7));
    assert_eq!(client.get(SCHEMA).expect(200)["gazetteer"], Value::Null, "it was replaced");
    put(&client, &json!({}), Some("7")).expect_problem(400, "ValidationError");
    client.request("DELETE", SCHEMA, &[("if-match", "\"1\"")], Body::Empty).expect_problem(412, "PreconditionFailed");
    client.request("DELETE", SCHEMA, &[("if-match", "\"2\"")], Body::Empty).expect(204);
    assert_eq!(client.get(SCHEMA).expect(200)["confidence_threshold"], Value::Null);
    assert_eq!(shared().new_user().get(SCHEMA).expect(200)["version"], json!(0), "each has their own");
}

#[test]
fn a_misspelt_wish_is_refused_and_takes_nothing_away() {
    let client = shared().new_user();
    let stored = put(&client, &companies(), None).expect(200);
    let refused = put(&client, &json!({"gazeteer": [{"name": "ASML", "type": "company"}]}), None);
    let refused = refused.expect_problem(422, "ValidationError");
    assert_eq!(refused["details"][0]["field"], json!("gazeteer"), "{refused}");
    assert!(refused["details"][0]["issue"].as_str().is_some_and(|issue| issue.contains("gazetteer")), "{refused}");
    let submission = json!({"content": TEXT, "content_type": "text/plain", "extraction": {"entity_typs": ["person"]}});
    let refused = client.post("/api/v1/documents", &submission).expect_problem(422, "ValidationError");
    assert_eq!(refused["details"][0]["field"], json!("extraction.entity_typs"), "{refused}");
    assert_eq!(client.get(SCHEMA).expect(200), stored);
    // What was answered can be sent back.
    assert_eq!(put(&client, &stored, None).expect(200)["gazetteer"], stored["gazetteer"]);
}

#[test]
fn a_schema_that_makes_no_sense_is_refused_with_its_fields() {
    let client = shared().new_user();
    let wrong = json!({
        "entity_types": ["Bad Name"], "extractor": "oracle", "thresholds": {"entity_types": {"person": 2}},
        "synonyms": {"relationship_types": {"works_for": "Employed By"}},
        "gazetteer": [{"name": "", "type": "drug"}],
    });
    let problem = put(&client, &wrong, None).expect_problem(422, "ValidationError");
    let fields: Vec<&Value> = problem["details"].as_array().expect("a list").iter().map(|d| &d["field"]).collect();
    assert_eq!(
        fields,
        [
            &json!("entity_types[0]"),
            &json!("thresholds.entity_types.person"),
            &json!("synonyms.relationship_types.works_for"),
            &json!("gazetteer[0].name"),
            &json!("extractor"),
        ]
    );
    let entry = |n: usize| json!({"name": format!("Company number {n}"), "type": "company"});
    let list = |n: usize| json!({"gazetteer": (0..n).map(entry).collect::<Vec<_>>()});
    put(&client, &list(10_001), None).expect_problem(422, "ValidationError");
    put(&client, &list(10_000), None).expect(200);
    let document = json!({"content": TEXT, "extraction": list(1_001)});
    let problem = client.post("/api/v1/documents", &document).expect_problem(422, "ValidationError");
    assert_eq!(problem["details"][0]["field"], json!("extraction.gazetteer"));
    let missing = put(&client, &json!({"gazetteer": [{"name": "x"}]}), None).expect_problem(422, "ValidationError");
    assert_eq!(missing["details"][0]["field"], json!("gazetteer[0].type"), "{missing}");
}

#[test]
fn a_submission_is_read_under_its_owners_schema_and_the_request_stands_over_it() {
    let (client, other) = (shared().new_user(), shared().new_user());
    put(&client, &companies(), None).expect(200);
    let document = client.completed(TEXT);
    let found = of_type(&client, "company");
    assert_eq!(found.iter().map(|e| &e["name"]).collect::<Vec<_>>(), [&json!("Brenniko"), &json!("Vandelia")]);
    assert_eq!(found[0]["metadata"]["gazetteer_id"], json!("b-1"));
    assert!(found[0]["confidence"].as_f64() > Some(0.98), "{}", found[0]);
    let graph = client.get(&format!("/api/v1/documents/{}/graph", id(&document))).expect(200);
    let bought =
        graph["relationships"].as_array().into_iter().flatten().find(|r| r["relationship_type"] == json!("bought"));
    assert_eq!(bought.expect("a relationship")["source_entity_id"], found[0]["id"], "{graph}");
    other.completed(TEXT);
    assert_eq!(of_type(&other, "company").len(), 0, "nobody else's names");

    // An alias alone: the entity is still shown by its name, also when the other document is gone.
    let alias = client.completed("Brenniko Holding has a new owner.");
    client.delete(&format!("/api/v1/documents/{}", id(&document))).expect(204);
    let left = of_type(&client, "company");
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!((&left[0]["name"], &left[0]["id"]), (&json!("Brenniko"), &found[0]["id"]));
    assert_eq!(left[0]["aliases"], json!(["Brenniko Holding"]));
    client.delete(&format!("/api/v1/documents/{}", id(&alias))).expect(204);

    // Field by field: without the list, but with the synonyms.
    let body = json!({"content": format!("{TEXT} Again."), "extraction": {"gazetteer": []}});
    let submitted = client.post("/api/v1/documents", &body).expect(202);
    client.finished(&submitted["job"]);
    for company in of_type(&client, "company") {
        assert_eq!(company["metadata"].get("gazetteer_id"), None, "{company}");
    }
    assert_eq!(of_type(&client, "organization").len(), 0, "synonyms still hold");
    assert!(
        of_type(&client, "person").iter().any(|e| e["name"] == json!("Marie Curie")),
        "all types, as in the schema"
    );
}

#[test]
fn a_document_is_read_again_under_the_schema_of_that_time() {
    let client = shared().new_user();
    let document = client.completed(TEXT);
    put(&client, &companies(), None).expect(200);
    let path = format!("/api/v1/documents/{}/extract", id(&document));
    let job = client.request("POST", &path, &[("prefer", "wait=30")], Body::Empty).expect(202)["job"].clone();
    assert!(job["result"]["changes"]["entities"]["added"].as_i64() >= Some(2), "{job}");
    assert_eq!(of_type(&client, "company").len(), 2);
    client.request("DELETE", SCHEMA, &[], Body::Empty).expect(204);
    client.request("POST", &path, &[("prefer", "wait=30")], Body::Empty).expect(202);
    assert_eq!(of_type(&client, "company").len(), 0);
}

#[test]
fn a_small_text_is_read_at_once_and_nothing_is_stored() {
    let client = shared().new_user();
    let html = "<p>🚀 In 2019 <b>Brenniko</b> acquired Vandelia.</p><p>Marie Curie was born in Warsaw.</p>";
    let request = json!({"content": html, "document_type": "text/html", "extraction_config": companies()});
    let answer = client.post(DIRECT, &request);
    let bytes = answer.text.clone();
    let found = answer.expect(200);
    let text: Vec<char> = found["content"].as_str().expect("a text").chars().collect();
    let at = |value: &Value, start: &str, end: &str| -> Value {
        let offset = |name: &str| value[name].as_u64().expect("an offset") as usize;
        json!(text[offset(start)..offset(end)].iter().collect::<String>())
    };
    let entities = found["entities"].as_array().expect("a list");
    for mention in entities.iter().flat_map(|entity| entity["mentions"].as_array().into_iter().flatten()) {
        assert_eq!(mention["text"], at(mention, "start", "end"));
    }
    let relationships = found["relationships"].as_array().expect("a list");
    for relationship in relationships {
        let evidence = &relationship["evidence"];
        assert_eq!(evidence["quote"], at(evidence, "start", "end"));
    }
    let bought = relationships.iter().find(|r| r["relationship_type"] == json!("bought")).expect("a relationship");
    let source = &entities[bought["source"].as_u64().expect("a place") as usize];
    assert_eq!((&source["name"], &source["metadata"]["gazetteer_id"]), (&json!("Brenniko"), &json!("b-1")));
    assert!(found["extractor"].is_string() && found["extractor_version"].is_string(), "{found}");
    assert_eq!(client.post(DIRECT, &request).text, bytes, "the same text and version give the same bytes");
    assert_eq!(count(&client, "/api/v1/documents") + count(&client, "/api/v1/entities"), 0);

    // The stored schema holds here too.
    put(&client, &companies(), None).expect(200);
    let found = client.post(DIRECT, &json!({"content": TEXT, "document_type": "article"})).expect(200);
    assert!(found["entities"].as_array().into_iter().flatten().any(|e| e["type"] == json!("company")), "{found}");
    let fewer = json!({"content": TEXT, "extraction_config": {"entity_types": ["person"], "extractor": "fast"}});
    let found = client.post(DIRECT, &fewer).expect(200);
    assert_eq!((&found["entities"][0]["name"], &found["entities"][1]), (&json!("Marie Curie"), &Value::Null));
}

#[test]
fn a_text_with_store_is_a_document_and_what_cannot_be_read_at_once_is_told() {
    let client = shared().new_user();
    let body = json!({"content": TEXT, "document_type": "article", "store": true, "title": "T"});
    let answer = client.request("POST", DIRECT, &[("prefer", "wait=30")], Body::Json(&body));
    assert!(answer.header("location").is_some_and(|place| place.starts_with("/api/v1/jobs/")));
    let submitted = answer.expect(202);
    assert_eq!(submitted["job"]["status"], json!("completed"), "{submitted}");
    assert_eq!(
        (&submitted["document"]["title"], &submitted["document"]["source_type"]),
        (&json!("T"), &json!("article"))
    );
    assert_eq!(client.post(DIRECT, &body).expect(200)["document"]["id"], submitted["document"]["id"]);

    let long = client.post(DIRECT, &json!({"content": "word ".repeat(20_001)})).expect_problem(413, "PayloadTooLarge");
    assert!(long["detail"].as_str().is_some_and(|detail| detail.contains("as a document")), "{long}");
    client.post(DIRECT, &json!({"content": "x", "document_type": "poem"})).expect_problem(422, "ValidationError");
    client
        .post(DIRECT, &json!({"content": "x", "document_type": "image/png"}))
        .expect_problem(415, "UnsupportedMediaType");
    let config = json!({"content": " ", "extraction_config": {"confidence_threshold": 7}});
    let problem = client.post(DIRECT, &config).expect_problem(422, "ValidationError");
    assert_eq!(problem["details"][1]["field"], json!("extraction_config.confidence_threshold"));
}
