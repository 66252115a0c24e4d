//! Namesakes: kept apart where documents say what cannot be true of one, and for as long as they do.

use serde_json::{Value, json};

use crate::{
    graphs::{all, id},
    harness::{Client, shared},
    snapshot::{assert_same, assert_sound, graph, user_id},
};

const CAPTAIN: &str = "John Smith (1580–1631) was an explorer. John Smith was born in Willoughby.";
const MINISTER: &str = "John Smith (1938–1994) was a politician. John Smith was born in Dalmally.";
const UNTOLD: &str = "John Smith lived in London.";
const AGAIN: &str = "The explorer John Smith (1580–1631) lived in Virginia.";

/// Submits a text and waits for its graph; the document's id.
fn submit(client: &Client, content: &str) -> String {
    let body = json!({ "content": content, "content_type": "text/plain", "extraction": { "extractor": "fast" } });
    let submitted = client.post("/api/v1/documents", &body).expect(202);
    assert_eq!(client.finished(&submitted["job"])["status"], json!("completed"));
    id(&submitted["document"])
}

/// The persons called John Smith: what tells each from the others, and how many mentions it has.
fn smiths(client: &Client) -> Vec<(Value, Value)> {
    let mut found: Vec<(Value, Value)> = all(client, "/api/v1/entities?type=person", "entities")
        .iter()
        .filter(|entity| entity["name"] == json!("John Smith"))
        .map(|entity| (entity["metadata"]["distinction"].clone(), entity["mention_count"].clone()))
        .collect();
    found.sort_by_key(|found| found.0.to_string());
    found
}

#[test]
fn namesakes_are_apart_while_documents_tell_of_both() {
    let (service, client) = (shared(), shared().new_user());
    submit(&client, CAPTAIN);
    submit(&client, UNTOLD);
    // One year of birth: everybody may mean the same one.
    assert_eq!(smiths(&client), [(Value::Null, json!(3))]);
    let before = graph(service, &user_id(&client));
    let minister = submit(&client, MINISTER);
    submit(&client, AGAIN);
    assert_eq!(
        smiths(&client),
        [(json!("born 1580"), json!(3)), (json!("born 1938"), json!(2)), (Value::Null, json!(1))]
    );
    assert_sound(service);
    // Gone is gone: with the other one there is nobody left to be told apart from.
    client.delete(&format!("/api/v1/documents/{minister}")).expect(204);
    assert_eq!(smiths(&client), [(Value::Null, json!(4))]);
    let again = all(&client, "/api/v1/documents", "documents").iter().map(id).max().expect("a document");
    client.delete(&format!("/api/v1/documents/{again}")).expect(204);
    assert_same(&graph(service, &user_id(&client)), &before, "had they never come");
    assert_sound(service);
}

#[test]
fn namesakes_do_not_depend_on_the_order_of_documents() {
    let service = shared();
    let graphs: Vec<Vec<String>> = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]]
        .into_iter()
        .map(|order| {
            let client = service.new_user();
            for text in order {
                submit(&client, [CAPTAIN, MINISTER, UNTOLD, AGAIN][text]);
            }
            graph(service, &user_id(&client))
        })
        .collect();
    assert_same(&graphs[1], &graphs[0], "backwards");
    assert_same(&graphs[2], &graphs[0], "mixed");
    // Facts went with whom they are about.
    let says = |who: &str, place: &str| {
        graphs[0].iter().any(|line| {
            line.starts_with(&format!("relationship | person/john smith/{who} | born_in")) && line.contains(place)
        })
    };
    assert!(says("born 1580", "willoughby") && says("born 1938", "dalmally"), "{:#?}", graphs[0]);
    assert!(!says("born 1580", "dalmally") && !says("born 1938", "willoughby"), "{:#?}", graphs[0]);
}
