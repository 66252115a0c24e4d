//! What a text says in its own words: marked as open, filtered, left out where nobody wants it.

use serde_json::{Value, json};

use crate::{
    graphs::{all, id},
    harness::{Client, Service, shared},
};

const TEXT: &str = "Coffee beans contain caffeine. Bees pollinate flowers. Marie Curie was born in Warsaw.";

/// The graph of a document as "head | relation | tail", those of one kind.
fn facts(client: &Client, document: &Value, open: bool) -> Vec<String> {
    let graph = client.get(&format!("/api/v1/documents/{}/graph", id(document))).expect(200);
    let name = |end: &Value| {
        let of = graph["entities"].as_array().expect("a list").iter().find(|entity| entity["id"] == *end);
        of.and_then(|entity| entity["name"].as_str()).expect("an entity of the graph").to_owned()
    };
    let mut facts: Vec<String> = graph["relationships"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|fact| fact["open"] == json!(open))
        .map(|fact| {
            let kind = fact["relationship_type"].as_str().expect("a type");
            format!("{} | {kind} | {}", name(&fact["source_entity_id"]), name(&fact["target_entity_id"]))
        })
        .collect();
    facts.sort_unstable();
    facts
}

#[test]
fn what_plain_prose_says_is_in_the_graph_and_marked() {
    let client = shared().new_user();
    let document = client.completed(TEXT);
    assert_eq!(facts(&client, &document, true), ["Bees | pollinates | flowers", "Coffee beans | contains | caffeine"]);
    assert_eq!(facts(&client, &document, false), ["Marie Curie | born_in | Warsaw"]);
    let beans = all(&client, "/api/v1/entities?search=coffee%20beans", "entities").remove(0);
    assert_eq!(beans["type"], json!("concept"));
    let around = |query: &str| {
        all(&client, &format!("/api/v1/entities/{}/relationships?{query}", id(&beans)), "relationships").len()
    };
    assert_eq!((around(""), around("open=true"), around("open=false")), (1, 1, 0));
    let edges = |filters: Value| {
        let question = json!({ "query": "caffeine", "query_type": "entity_search", "filters": filters });
        let answer = client.post("/api/v1/graph/query", &question).expect(200);
        answer["results"]["knowledge_graph"]["edges"].as_array().expect("a list").len()
    };
    assert_eq!((edges(json!({})), edges(json!({ "open": true })), edges(json!({ "open": false }))), (1, 1, 0));
}

#[test]
fn open_relations_are_left_out_where_nobody_wants_them() {
    let client = shared().new_user();
    let leaves = |client: &Client, extraction: Value| {
        let body = json!({ "content": TEXT, "content_type": "text/plain", "extraction": extraction });
        let submitted = client.post("/api/v1/documents", &body).expect(202);
        assert_eq!(client.finished(&submitted["job"])["status"], json!("completed"));
        let document = &submitted["document"];
        assert_eq!(facts(client, document, false), ["Marie Curie | born_in | Warsaw"]);
        facts(client, document, true).len()
    };
    assert_eq!(leaves(&client, json!({ "open_relations": false })), 0);
    assert_eq!(all(&client, "/api/v1/entities?type=concept", "entities"), Vec::<Value>::new(), "nor their ends");

    let service = Service::start_with(&[("KGL_OPEN_RELATIONS", "false")]);
    assert_eq!(leaves(&service.new_user(), json!({})), 0);
    assert_eq!(leaves(&service.new_user(), json!({ "open_relations": true })), 2, "unless asked for");
}

#[test]
fn a_deleted_document_takes_its_open_relations_along() {
    let client = shared().new_user();
    let (first, second) = (client.completed(TEXT), client.completed("Coffee beans contain caffeine."));
    let beans = all(&client, "/api/v1/entities?search=coffee%20beans", "entities").remove(0);
    let evidence = || {
        let facts = all(&client, &format!("/api/v1/entities/{}/relationships", id(&beans)), "relationships");
        facts.iter().map(|fact| fact["evidence_count"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(evidence(), [json!(2)]);
    assert_eq!(client.delete(&format!("/api/v1/documents/{}", id(&first))).status, 204);
    assert_eq!(evidence(), [json!(1)]);
    assert_eq!(client.delete(&format!("/api/v1/documents/{}", id(&second))).status, 204);
    assert_eq!(all(&client, "/api/v1/entities", "entities"), Vec::<Value>::new());
}
