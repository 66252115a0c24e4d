//! The articles in `samples/`: every fact of every one is proven by the document's own words.

use std::{collections::HashSet, fs, path::PathBuf};

use serde_json::{Value, json};

use crate::{
    documents::send_form,
    graphs::{all, check_quotes, id, slice},
    harness::{Client, Service},
};

/// The sample files, in the order of their names.
pub fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/samples");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).expect("samples").flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// A user who submitted all samples to the extractor that is the default, and the documents.
fn read_all() -> (Service, Client, Vec<Value>) {
    let service = Service::start_with(&[("KGL_EXTRACTOR", "builtin")]);
    let client = service.new_user();
    let submitted: Vec<Value> = files()
        .iter()
        .map(|file| {
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
            let part = format!("name=\"file\"; filename=\"{name}\"");
            send_form(&client, &[(&part, &fs::read(file).expect("readable"))]).expect(202)
        })
        .collect();
    for item in &submitted {
        let job = client.finished(&item["job"]);
        assert_eq!(job["status"], json!("completed"), "{}: {job}", item["document"]["source"]);
    }
    (service, client, submitted.into_iter().map(|item| item["document"].clone()).collect())
}

#[test]
fn every_quote_of_every_sample_is_the_text_at_its_span() {
    let (_service, client, documents) = read_all();
    assert!(documents.len() >= 12, "a dozen articles");
    for document in &documents {
        let compared = check_quotes(&client, &id(document));
        assert!(compared > 20, "{}: only {compared} quotes", document["source"]);
    }
    // The same through the evidence of entities and relationships themselves, where there is more than one piece of it.
    let texts: Vec<(String, Vec<char>)> = documents
        .iter()
        .map(|document| {
            let content = client.get(&format!("/api/v1/documents/{}/content", id(document))).expect(200);
            (id(document), content["content"].as_str().expect("a text").chars().collect())
        })
        .collect();
    let check = |path: &str, count: &Value| {
        let page = client.get(&format!("{path}/evidence?limit=1000")).expect(200);
        let rows = page["evidence"].as_array().expect("a list");
        assert_eq!((&json!(rows.len()), &page["total"]), (count, count), "{path}");
        for row in rows {
            let (_, text) = texts.iter().find(|(id, _)| row["document_id"] == json!(id)).expect("one of the documents");
            assert_eq!(row["quote"], json!(slice(text, &row["start"], &row["end"])), "{path}");
        }
        rows.iter().filter_map(|row| row["document_id"].as_str()).collect::<HashSet<_>>().len()
    };
    let entities = all(&client, "/api/v1/entities", "entities");
    let (mut facts, mut shared_by_documents) = (0, 0);
    for entity in entities.iter().filter(|entity| entity["mention_count"].as_i64() > Some(1)) {
        let path = format!("/api/v1/entities/{}", id(entity));
        shared_by_documents += i32::from(check(&path, &entity["mention_count"]) > 1);
        for fact in all(&client, &format!("{path}/relationships?direction=outgoing"), "relationships") {
            assert_ne!(fact["source_entity_id"], fact["target_entity_id"]);
            check(&format!("/api/v1/relationships/{}", id(&fact)), &fact["evidence_count"]);
            facts += 1;
        }
    }
    assert!(facts >= documents.len() * 2, "only {facts} facts in {} articles", documents.len());
    assert!(shared_by_documents > 0, "no name occurs in two articles");
}
