//! Who sees what: users only what is theirs, moderators everyone's graph, admins everything.

use serde_json::{Value, json};

use crate::{
    graphs::id,
    harness::{Body, Client, PASSWORD, shared},
    reading::entity,
};

/// A user with a document, and paths to all that came of it.
struct Owner {
    client: Client,
    /// Documents and jobs.
    private: Vec<String>,
    /// Entities, relationships and their evidence.
    graph: Vec<String>,
    document: String,
    job: String,
}

fn owner() -> Owner {
    let client = shared().new_user();
    let document = client.completed("Marie Curie was born in Warsaw. It is a secret.");
    let curie = id(&entity(&client, "Marie Curie"));
    let facts = client.get(&format!("/api/v1/entities/{curie}/relationships")).expect(200);
    let fact = id(&facts["relationships"][0]);
    let (document, job) = (id(&document), document["job_id"].as_str().expect("an id").to_owned());
    let paths =
        |paths: &[(&str, &str)]| paths.iter().map(|(path, id)| format!("/api/v1/{}", path.replace("{}", id))).collect();
    let private = paths(&[
        ("documents/{}", &document),
        ("documents/{}/content", &document),
        ("documents/{}/graph", &document),
        ("jobs/{}", &job),
    ]);
    let graph = paths(&[
        ("entities/{}", &curie),
        ("entities/{}/evidence", &curie),
        ("entities/{}/relationships", &curie),
        ("relationships/{}", &fact),
        ("relationships/{}/evidence", &fact),
        ("graph/entity/{}", &curie),
    ]);
    Owner { client, private, graph, document, job }
}

/// A new account of that role.
fn with_role(role: &str) -> Client {
    let client = shared().new_user();
    let email = client.get("/api/v1/auth/me").expect(200)["email"].as_str().expect("an address").to_owned();
    let _ = shared().sql(&format!("UPDATE users SET role = '{role}' WHERE email = '{email}'"));
    shared().anonymous().signed_in(&email, PASSWORD)
}

fn total(client: &Client, path: &str) -> Value {
    client.get(path).expect(200)["total"].clone()
}

#[test]
fn what_belongs_to_one_user_is_not_there_for_another() {
    let (owner, other) = (owner(), shared().new_user());
    for path in owner.private.iter().chain(&owner.graph) {
        owner.client.get(path).expect(200);
        let theirs = other.get(path).expect_problem(404, "NotFound");
        // Existence does not leak: the same words as for what never was.
        let missing = other.get(&unknown(path)).expect_problem(404, "NotFound");
        assert_eq!(theirs["detail"], missing["detail"], "{path}");
        shared().anonymous().get(path).expect_problem(401, "Unauthorized");
    }
    for list in ["documents", "jobs", "entities"] {
        assert_eq!(total(&other, &format!("/api/v1/{list}")), json!(0), "{list}");
    }
    assert_eq!(total(&other, &format!("/api/v1/jobs?document_id={}", owner.document)), json!(0));
    assert_eq!(total(&other, &format!("/api/v1/entities?document_id={}", owner.document)), json!(0));
    let answer =
        other.post("/api/v1/graph/query", &json!({ "query": "Curie", "query_type": "entity_search" })).expect(200);
    assert_eq!((&answer["total_results"], &answer["results"]["knowledge_graph"]["nodes"]), (&json!(0), &json!([])));
}

/// The same path with an id that nothing has.
fn unknown(path: &str) -> String {
    let is_id = |part: &str| part.len() == 36 && part.matches('-').count() == 4;
    let parts = path.split('/').map(|part| if is_id(part) { "01890000-0000-7000-8000-000000000000" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[test]
fn nobody_changes_what_belongs_to_somebody_else() {
    let (owner, other, moderator) = (owner(), shared().new_user(), with_role("moderator"));
    for stranger in [&other, &moderator] {
        stranger.delete(&format!("/api/v1/documents/{}", owner.document)).expect_problem(404, "NotFound");
        for act in ["cancel", "retry"] {
            let path = format!("/api/v1/jobs/{}/{act}", owner.job);
            stranger.request("POST", &path, &[], Body::Empty).expect_problem(404, "NotFound");
        }
    }
    for path in &owner.private {
        owner.client.get(path).expect(200);
    }
}

#[test]
fn a_moderator_reads_everyones_graph_but_no_documents_and_jobs() {
    let (owner, moderator) = (owner(), with_role("moderator"));
    for path in &owner.graph {
        assert_eq!(moderator.get(path).expect(200), owner.client.get(path).expect(200), "{path}");
    }
    for path in &owner.private {
        moderator.get(path).expect_problem(404, "NotFound");
    }
    for list in ["documents", "jobs"] {
        assert_eq!(total(&moderator, &format!("/api/v1/{list}")), json!(0), "{list}");
    }
    let found = moderator.get("/api/v1/entities?search=Marie%20Curie").expect(200);
    assert!(found["total"].as_i64() >= Some(1), "{found}");
    let mine = moderator.completed("Ada Lovelace lived in London.");
    assert_eq!(total(&moderator, "/api/v1/documents"), json!(1));
    moderator.get(&format!("/api/v1/documents/{}/graph", id(&mine))).expect(200);
}

#[test]
fn an_admin_reads_all() {
    let (owner, admin) = (owner(), with_role("admin"));
    for path in owner.private.iter().chain(&owner.graph) {
        assert_eq!(admin.get(path).expect(200), owner.client.get(path).expect(200), "{path}");
    }
    assert!(total(&admin, "/api/v1/documents").as_i64() >= Some(1));
    let jobs = admin.get(&format!("/api/v1/jobs?document_id={}", owner.document)).expect(200);
    assert_eq!(jobs["jobs"][0]["id"], json!(owner.job));
    // Reading everything does not make it the admin's own: the same text is theirs anew.
    admin
        .post("/api/v1/documents", &json!({ "content": "Marie Curie was born in Warsaw. It is a secret." }))
        .expect(202);
}

#[test]
fn a_role_holds_from_the_next_login_and_a_lost_one_too() {
    let (owner, moderator) = (owner(), with_role("moderator"));
    let email = moderator.get("/api/v1/auth/me").expect(200)["email"].as_str().expect("an address").to_owned();
    let _ = shared().sql(&format!("UPDATE users SET role = 'user' WHERE email = '{email}'"));
    let again = shared().anonymous().signed_in(&email, PASSWORD);
    for path in &owner.graph {
        again.get(path).expect_problem(404, "NotFound");
    }
}

#[test]
fn the_services_sessions_are_neither_owner_nor_superuser_and_row_security_is_forced() {
    let roles = shared().sql(
        "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname LIKE 'kgl%' AND (rolsuper OR rolbypassrls)",
    );
    assert!(roles.is_empty(), "{roles:?}");
    let owned = shared().sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner LIKE 'kgl%'");
    assert!(owned.is_empty(), "{owned:?}");
    let open = shared().sql(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('owner_id', 'user_id') \
         WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
    );
    assert!(open.is_empty(), "tables with an owner and without forced row security: {open:?}");
}
