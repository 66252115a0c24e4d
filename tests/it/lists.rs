//! Lists of documents and jobs: pages, cursors and filters.

use serde_json::{Value, json};

use crate::{
    documents::{count, text},
    graphs::id,
    harness::{Client, shared},
};

const DOCUMENTS: &str = "/api/v1/documents";

/// Submits so many documents, in order; their ids, newest first.
fn many(client: &Client, n: usize) -> Vec<String> {
    let mut ids: Vec<String> =
        (0..n).map(|i| id(&client.submit(&format!("Document number {i}."))["document"])).collect();
    ids.reverse();
    ids
}

fn ids(page: &Value, name: &str) -> Vec<String> {
    page[name].as_array().expect("a list").iter().map(id).collect()
}

#[test]
fn lists_go_by_skip_and_limit_newest_first() {
    let client = shared().new_user();
    let expected = many(&client, 7);
    let page = client.get(&format!("{DOCUMENTS}?skip=2&limit=3")).expect(200);
    assert_eq!(ids(&page, "documents"), expected[2..5]);
    let parts = (&page["total"], &page["skip"], &page["limit"], &page["has_more"]);
    assert_eq!(parts, (&json!(7), &json!(2), &json!(3), &json!(true)));
    let last = client.get(&format!("{DOCUMENTS}?skip=4&limit=3")).expect(200);
    assert_eq!((ids(&last, "documents"), &last["has_more"]), (expected[4..].to_vec(), &json!(false)));
    assert!(last["next_cursor"].is_null(), "{last}");
    let beyond = client.get(&format!("{DOCUMENTS}?skip=100")).expect(200);
    assert_eq!((&beyond["documents"], &beyond["total"]), (&json!([]), &json!(7)));
    let usual = client.get(DOCUMENTS).expect(200);
    assert_eq!((&usual["skip"], &usual["limit"]), (&json!(0), &json!(100)));
}

#[test]
fn cursors_show_each_row_once_while_others_come_in() {
    let client = shared().new_user();
    let expected = many(&client, 7);
    let mut seen = Vec::new();
    let mut path = format!("{DOCUMENTS}?limit=2");
    for round in 0.. {
        let page = client.get(&path).expect(200);
        seen.extend(ids(&page, "documents"));
        client.submit(&format!("Meanwhile {round}."));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{DOCUMENTS}?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

#[test]
fn wrong_pages_are_refused() {
    let client = shared().new_user();
    for list in ["documents", "jobs", "entities"] {
        for query in ["limit=0", "limit=1001", "limit=-1", "skip=-1", "limit=many", "cursor=rubbish"] {
            let problem = client.get(&format!("/api/v1/{list}?{query}")).expect_problem(422, "ValidationError");
            let field = query.split('=').next().unwrap_or_default();
            assert_eq!(problem["details"][0]["field"], json!(field), "{list}?{query}");
        }
    }
}

#[test]
fn documents_are_found_by_status_source_and_title() {
    let client = shared().new_user();
    let submit = |title: &str, source: &str, content: &str| {
        let mut body = text(content);
        (body["title"], body["source"]) = (json!(title), json!(source));
        let submitted = client.post(DOCUMENTS, &body).expect(202);
        assert_eq!(client.finished(&submitted["job"])["status"], json!("completed"));
        id(&submitted["document"])
    };
    let moon = submit("To the Moon_100%", "a", "First text.");
    let mars = submit("Life on Mars", "b", "Second text.");
    let found = |query: &str| ids(&client.get(&format!("{DOCUMENTS}?{query}")).expect(200), "documents");
    assert_eq!(found("source=a"), std::slice::from_ref(&moon));
    assert_eq!(found("search=mars"), std::slice::from_ref(&mars));
    assert_eq!(found("search=MOON"), std::slice::from_ref(&moon));
    assert_eq!(found("search=n_100%25"), std::slice::from_ref(&moon));
    assert!(found("search=n__00").is_empty(), "an underscore is no wildcard");
    assert!(found("search=%25").len() == 1, "a percent sign is no wildcard");
    assert_eq!(found("status=completed"), [mars, moon]);
    assert!(found("status=failed").is_empty());
    assert!(found("source=a&search=mars").is_empty(), "filters combine");
    client.get(&format!("{DOCUMENTS}?status=lost")).expect_problem(422, "ValidationError");
}

#[test]
fn jobs_are_listed_and_found_by_status_and_document() {
    let client = shared().new_user();
    let (one, two) = (client.completed("One."), client.completed("Two."));
    let jobs = client.get("/api/v1/jobs").expect(200);
    let job = |document: &Value| document["job_id"].as_str().expect("an id").to_owned();
    assert_eq!(ids(&jobs, "jobs"), [job(&two), job(&one)]);
    assert_eq!(jobs["total"], json!(2));
    let of_one = client.get(&format!("/api/v1/jobs?document_id={}", id(&one))).expect(200);
    assert_eq!(ids(&of_one, "jobs"), [job(&one)]);
    assert_eq!(count(&client, "/api/v1/jobs?status=completed"), 2);
    assert_eq!(count(&client, "/api/v1/jobs?status=dead"), 0);
    let got = client.get(&format!("/api/v1/jobs/{}", job(&one))).expect(200);
    assert_eq!(got["max_attempts"].as_i64().map(|n| n > 1), Some(true));
    assert_eq!(got["attempt"], json!(1));
    client.post(&format!("/api/v1/jobs/{}/cancel", job(&one)), &json!({})).expect_problem(409, "Conflict");
    client.post(&format!("/api/v1/jobs/{}/retry", job(&one)), &json!({})).expect_problem(409, "Conflict");
}
