//! A user's whole graph through the API, and what must hold of any.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::harness::Client;

/// All items of a list, following its cursors.
#[track_caller]
pub fn all(client: &Client, path: &str, name: &str) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}{separator}limit=1000{cursor}")).expect(200);
        items.extend(page[name].as_array().expect("a list").iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => {
                assert_eq!(page["has_more"], json!(false), "{path}");
                return items;
            }
        }
    }
}

/// An id as text.
#[track_caller]
pub fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("an id: {value}")).to_owned()
}

/// What a graph says, without what differs between two users who submitted the same: ids, owners and times. Evidence
/// names its document by content.
#[derive(Debug, PartialEq)]
pub struct Graph {
    /// By type and name.
    pub entities: BTreeMap<String, Value>,
    /// By source, type and target.
    pub relationships: BTreeMap<String, Value>,
}

/// Reads a user's whole graph.
#[track_caller]
pub fn graph_of(client: &Client) -> Graph {
    let texts: HashMap<String, Value> = all(client, "/api/v1/documents", "documents")
        .iter()
        .map(|document| {
            let content = client.get(&format!("/api/v1/documents/{}/content", id(document))).expect(200);
            (id(document), content["content"].clone())
        })
        .collect();
    let listed = all(client, "/api/v1/entities", "entities");
    let key = |entity: &Value| format!("{} {} {}", entity["type"], entity["name"], entity["metadata"]["distinction"]);
    let keys: HashMap<String, String> = listed.iter().map(|entity| (id(entity), key(entity))).collect();
    let (mut entities, mut relationships) = (BTreeMap::new(), BTreeMap::new());
    for entity in &listed {
        let path = format!("/api/v1/entities/{}", id(entity));
        let evidence = evidence(client, &path, &texts);
        let twin = entities.insert(key(entity), stripped(entity, evidence));
        assert!(twin.is_none(), "one name and type, two entities: {}", key(entity));
        for relationship in all(client, &format!("{path}/relationships?direction=outgoing"), "relationships") {
            let end = |field: &str| &keys[relationship[field].as_str().expect("an id")];
            let (kind, open) = (&relationship["relationship_type"], &relationship["open"]);
            let key = format!("{} {kind} {open} {}", end("source_entity_id"), end("target_entity_id"));
            let evidence = self::evidence(client, &format!("/api/v1/relationships/{}", id(&relationship)), &texts);
            let twin = relationships.insert(key, stripped(&relationship, evidence));
            assert!(twin.is_none(), "the same relationship twice");
        }
    }
    Graph { entities, relationships }
}

fn evidence(client: &Client, path: &str, texts: &HashMap<String, Value>) -> Value {
    let page = client.get(&format!("{path}/evidence?limit=1000")).expect(200);
    let mut rows: Vec<Value> = page["evidence"].as_array().expect("a list").clone();
    for row in &mut rows {
        let document = row["document_id"].as_str().expect("an id").to_owned();
        row["document_id"] = texts.get(&document).expect("a document that is still there").clone();
    }
    rows.sort_by_key(Value::to_string);
    Value::Array(rows)
}

fn stripped(item: &Value, evidence: Value) -> Value {
    let mut item = item.clone();
    let fields = item.as_object_mut().expect("an object");
    for name in ["id", "created_by", "created_at", "updated_at", "source_entity_id", "target_entity_id"] {
        fields.remove(name);
    }
    if let Some(Value::Array(aliases)) = fields.get_mut("aliases") {
        aliases.sort_by_key(Value::to_string);
    }
    fields.insert("evidence".to_owned(), evidence);
    item
}

/// The text between two offsets in Unicode scalar values.
pub fn slice(text: &[char], start: &Value, end: &Value) -> String {
    let at = |offset: &Value| usize::try_from(offset.as_u64().expect("an offset")).expect("fits");
    text[at(start)..at(end)].iter().collect()
}

/// Checks every span of a document's graph against the document's text; how many quotes were compared.
#[track_caller]
pub fn check_quotes(client: &Client, document: &str) -> usize {
    let content = client.get(&format!("/api/v1/documents/{document}/content")).expect(200);
    let text: Vec<char> = content["content"].as_str().expect("a text").chars().collect();
    let graph = client.get(&format!("/api/v1/documents/{document}/graph")).expect(200);
    assert_eq!(graph["revision"], content["revision"]);
    let mut compared = 0;
    let mut mentions: HashMap<&str, Vec<(&Value, &Value)>> = HashMap::new();
    for entity in graph["entities"].as_array().expect("a list") {
        let places = entity["mentions"].as_array().expect("a list");
        assert!(!places.is_empty(), "an entity that the document does not name: {entity}");
        for mention in places {
            assert_eq!(mention["quote"], json!(slice(&text, &mention["start"], &mention["end"])), "{entity}");
            mentions
                .entry(entity["id"].as_str().expect("an id"))
                .or_default()
                .push((&mention["start"], &mention["end"]));
            compared += 1;
        }
    }
    for fact in graph["relationships"].as_array().expect("a list") {
        let places = fact["evidence"].as_array().expect("a list");
        assert!(!places.is_empty(), "a fact without evidence: {fact}");
        for evidence in places {
            assert_eq!(evidence["quote"], json!(slice(&text, &evidence["start"], &evidence["end"])), "{fact}");
            for (end, place) in [("source_entity_id", "head"), ("target_entity_id", "tail")] {
                let span = &evidence[place];
                assert!(span["start"].as_i64() >= evidence["start"].as_i64(), "{place} before the passage: {fact}");
                assert!(span["end"].as_i64() <= evidence["end"].as_i64(), "{place} after the passage: {fact}");
                let entity = fact[end].as_str().expect("an id");
                assert!(mentions.contains_key(entity), "the document does not list the {place} of {fact}");
            }
            compared += 1;
        }
    }
    compared
}
