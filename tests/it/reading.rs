//! Reading the graph: entities, relationships, the words behind them, and questions to the whole.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    graphs::{all, check_quotes, id, slice},
    harness::{Client, shared},
};

const NOWHERE: &str = "01890000-0000-7000-8000-000000000000";

/// The one entity of that name.
#[track_caller]
pub fn entity(client: &Client, name: &str) -> Value {
    let entities = all(client, "/api/v1/entities", "entities");
    let mut found: Vec<&Value> = entities.iter().filter(|e| e["name"] == json!(name)).collect();
    assert_eq!(found.len(), 1, "{name} in {:?}", entities.iter().map(|e| (&e["type"], &e["name"])).collect::<Vec<_>>());
    found.remove(0).clone()
}

/// The relationships of an entity.
#[track_caller]
fn around(client: &Client, entity: &Value, query: &str) -> Vec<Value> {
    all(client, &format!("/api/v1/entities/{}/relationships?{query}", id(entity)), "relationships")
}

/// Nodes and edges by id.
fn parts(graph: &Value) -> (HashSet<String>, HashSet<String>) {
    let ids = |name: &str| graph[name].as_array().expect("a list").iter().map(id).collect();
    (ids("nodes"), ids("edges"))
}

#[test]
fn an_entity_shows_what_it_is_and_the_words_that_prove_it() {
    let client = shared().new_user();
    let content = "🚀 Zoë Müller lives in Łódź. Later Zoë Müller moved to Paris.";
    let document = client.completed(content);
    let entity = entity(&client, "Zoë Müller");
    assert_eq!((&entity["type"], &entity["mention_count"]), (&json!("person"), &json!(2)));
    assert_eq!((&entity["is_active"], &entity["metadata"].is_object()), (&json!(true), &true));
    assert!(entity["confidence"].as_f64().is_some_and(|c| c > 0.0 && c < 1.0), "{entity}");
    assert_eq!(entity["created_by"], client.get("/api/v1/auth/me").expect(200)["id"]);
    assert_eq!(client.get(&format!("/api/v1/entities/{}", id(&entity))).expect(200), entity);
    let page = client.get(&format!("/api/v1/entities/{}/evidence", id(&entity))).expect(200);
    assert_eq!(page["total"], json!(2));
    let text: Vec<char> = content.chars().collect();
    for evidence in page["evidence"].as_array().expect("a list") {
        assert_eq!(evidence["document_id"], document["id"]);
        assert_eq!(evidence["quote"], json!("Zoë Müller"));
        assert_eq!(slice(&text, &evidence["start"], &evidence["end"]), "Zoë Müller");
        let sentence = slice(&text, &evidence["sentence"]["start"], &evidence["sentence"]["end"]);
        assert!(sentence.contains("Zoë Müller") && sentence.ends_with('.'), "{sentence}");
    }
    assert_eq!(page["evidence"][0]["start"], json!(2), "the rocket is one character");
}

#[test]
fn a_relationship_shows_its_ends_and_the_sentence_that_states_it() {
    let client = shared().new_user();
    let content = "It rained. Marie Curie was born in Warsaw. It rained on.";
    client.completed(content);
    let (curie, warsaw) = (entity(&client, "Marie Curie"), entity(&client, "Warsaw"));
    let born: Vec<Value> = around(&client, &curie, "relationship_type=born_in");
    assert_eq!(born.len(), 1, "{born:?}");
    let fact = &born[0];
    assert_eq!((&fact["source_entity_id"], &fact["target_entity_id"]), (&curie["id"], &warsaw["id"]));
    assert_eq!(client.get(&format!("/api/v1/relationships/{}", id(fact))).expect(200), *fact);
    let page = client.get(&format!("/api/v1/relationships/{}/evidence", id(fact))).expect(200);
    let evidence = &page["evidence"][0];
    let text: Vec<char> = content.chars().collect();
    assert_eq!(evidence["quote"], json!(slice(&text, &evidence["start"], &evidence["end"])));
    assert!(
        evidence["quote"].as_str().is_some_and(|q| q.contains("was born in") && !q.contains("rained")),
        "{evidence}"
    );
    assert_eq!(slice(&text, &evidence["head"]["start"], &evidence["head"]["end"]), "Marie Curie");
    assert_eq!(slice(&text, &evidence["tail"]["start"], &evidence["tail"]["end"]), "Warsaw");
}

#[test]
fn direction_and_type_choose_among_an_entitys_relationships() {
    let client = shared().new_user();
    client.completed("Marie Curie was born in Warsaw. Warsaw is the capital of Poland.");
    let (curie, warsaw) = (entity(&client, "Marie Curie"), entity(&client, "Warsaw"));
    let ids = |query: &str| around(&client, &warsaw, query).iter().map(id).collect::<HashSet<_>>();
    let (incoming, outgoing, both) = (ids("direction=incoming"), ids("direction=outgoing"), ids("direction=both"));
    assert!(!incoming.is_empty());
    assert!(incoming.is_disjoint(&outgoing));
    assert_eq!(incoming.union(&outgoing).cloned().collect::<HashSet<_>>(), both);
    assert_eq!(ids(""), both, "both is the default");
    for fact in around(&client, &warsaw, "direction=incoming") {
        assert_eq!(fact["target_entity_id"], warsaw["id"]);
    }
    assert!(around(&client, &curie, "direction=incoming").is_empty());
    assert!(around(&client, &curie, "relationship_type=acquires").is_empty());
    client
        .get(&format!("/api/v1/entities/{}/relationships?direction=up", id(&warsaw)))
        .expect_problem(422, "ValidationError");
}

#[test]
fn one_name_and_type_in_many_documents_is_one_entity_and_evidence_adds_up() {
    let client = shared().new_user();
    // Each document's own confidence in a name, to be combined as independent: 1 - (1 - a)(1 - b).
    let alone: Vec<f64> = ["Marie Curie was born in Warsaw.", "Marie Curie lived in Paris."]
        .map(|content| {
            let other = shared().new_user();
            other.completed(content);
            entity(&other, "Marie Curie")["confidence"].as_f64().expect("a number")
        })
        .to_vec();
    client.completed("Marie Curie was born in Warsaw.");
    let first = entity(&client, "Marie Curie");
    assert!((first["confidence"].as_f64().expect("a number") - alone[0]).abs() < 1e-9);
    client.completed("Marie Curie lived in Paris.");
    let both = entity(&client, "Marie Curie");
    assert_eq!(both["id"], first["id"]);
    assert_eq!(both["mention_count"], json!(2));
    let expected = 1.0 - (1.0 - alone[0]) * (1.0 - alone[1]);
    let combined = both["confidence"].as_f64().expect("a number");
    assert!((combined - expected).abs() < 1e-4, "{combined} instead of {expected}");
    let page = client.get(&format!("/api/v1/entities/{}/evidence", id(&both))).expect(200);
    let documents: HashSet<&str> =
        page["evidence"].as_array().expect("a list").iter().filter_map(|e| e["document_id"].as_str()).collect();
    assert_eq!(documents.len(), 2);
}

#[test]
fn the_same_fact_in_two_documents_is_one_relationship_with_two_proofs() {
    let client = shared().new_user();
    client.completed("Marie Curie was born in Warsaw.");
    let alone = around(&client, &entity(&client, "Marie Curie"), "relationship_type=born_in");
    client.completed("As everybody knows, Marie Curie was born in Warsaw.");
    let both = around(&client, &entity(&client, "Marie Curie"), "relationship_type=born_in");
    assert_eq!((alone.len(), both.len()), (1, 1));
    assert_eq!(alone[0]["id"], both[0]["id"]);
    assert_eq!((&alone[0]["evidence_count"], &both[0]["evidence_count"]), (&json!(1), &json!(2)));
    assert!(both[0]["confidence"].as_f64() > alone[0]["confidence"].as_f64());
    let page = client.get(&format!("/api/v1/relationships/{}/evidence", id(&both[0]))).expect(200);
    assert_eq!(page["total"], json!(2));
}

#[test]
fn the_names_that_texts_use_for_an_entity_are_its_aliases() {
    let client = shared().new_user();
    let content = "Marie Curie was born in Warsaw. Curie worked in Paris. Marie Curie died in 1934.";
    let document = client.completed(content);
    let curie = entity(&client, "Marie Curie");
    assert!(curie["aliases"].as_array().is_some_and(|a| a.contains(&json!("Curie"))), "{curie}");
    let people = client.get("/api/v1/entities?type=person").expect(200);
    assert_eq!(people["total"], json!(1), "{people}");
    let found = client.get("/api/v1/entities?search=curie").expect(200);
    assert_eq!(found["entities"][0]["id"], curie["id"]);
    assert!(check_quotes(&client, &id(&document)) > 0);
}

#[test]
fn entities_are_filtered_by_type_name_confidence_source_and_document() {
    let client = shared().new_user();
    let submit = |source: &str, content: &str| {
        let body = json!({ "content": content, "source": source });
        let submitted = client.post("/api/v1/documents", &body).expect(202);
        client.finished(&submitted["job"]);
        id(&submitted["document"])
    };
    let one = submit("one", "Marie Curie was born in Warsaw.");
    let two = submit("two", "Nokia acquired Navteq. Marie Curie lived in Paris.");
    let names = |query: &str| {
        let entities = all(&client, &format!("/api/v1/entities?{query}"), "entities");
        let mut names: Vec<String> = entities.iter().filter_map(|e| e["name"].as_str().map(str::to_owned)).collect();
        names.sort();
        names
    };
    assert_eq!(names("type=person"), ["Marie Curie"]);
    assert_eq!(names("type=organization"), ["Navteq", "Nokia"]);
    assert_eq!(names("search=nok"), ["Nokia"]);
    assert!(names("search=xyzzy").is_empty() && names("search=%25").is_empty() && names("search=_").is_empty());
    assert_eq!(names(&format!("document_id={one}")), ["Marie Curie", "Warsaw"]);
    assert_eq!(names(&format!("document_id={two}&type=location")), ["Paris"]);
    assert_eq!(names("source=two&type=organization"), ["Navteq", "Nokia"]);
    let confidences: Vec<f64> =
        all(&client, "/api/v1/entities", "entities").iter().filter_map(|e| e["confidence"].as_f64()).collect();
    let most = confidences.iter().copied().fold(0.0, f64::max);
    assert_eq!(names(&format!("confidence_min={most}")).len(), confidences.iter().filter(|c| **c >= most).count());
    assert_eq!(names("confidence_min=1").len(), 0);
    client.get("/api/v1/entities?confidence_min=1.5").expect_problem(422, "ValidationError");
    client.get("/api/v1/entities?confidence_min=NaN").expect_problem(422, "ValidationError");
    let wrong = client.get("/api/v1/entities?document_id=7");
    assert!(matches!(wrong.status, 400 | 422), "{}", wrong.text);
}

#[test]
fn entity_lists_page_by_cursor() {
    let client = shared().new_user();
    client.completed("Paris, London, Berlin, Vienna and Rome are in Europe. Marie Curie lived in Paris.");
    let expected: Vec<String> = all(&client, "/api/v1/entities", "entities").iter().map(id).collect();
    assert!(expected.len() >= 5, "{expected:?}");
    let mut seen = Vec::new();
    let mut path = "/api/v1/entities?limit=2".to_owned();
    loop {
        let page = client.get(&path).expect(200);
        seen.extend(page["entities"].as_array().expect("a list").iter().map(id));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/entities?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, expected);
}

/// A chain of five, each a step from the next, with nothing else in it.
fn chain(client: &Client) -> Vec<Value> {
    client.completed(
        "Arvid Wikström founded Finnish Cable Works. Finnish Cable Works acquired Nokia Corporation. \
         Nokia Corporation is based in Helsinki. Helsinki is the capital of Finland.",
    );
    let names = ["Arvid Wikström", "Finnish Cable Works", "Nokia Corporation", "Helsinki", "Finland"];
    names.map(|name| entity(client, name)).to_vec()
}

#[test]
fn a_neighbourhood_reaches_as_far_as_asked() {
    let client = shared().new_user();
    let chain = chain(&client);
    let path = format!("/api/v1/graph/entity/{}", id(&chain[0]));
    let nodes = |query: &str| parts(&client.get(&format!("{path}{query}")).expect(200)).0;
    let expected = |n: usize| chain.iter().take(n).map(id).collect::<HashSet<_>>();
    assert_eq!(nodes(""), expected(2), "one step is the default");
    for depth in 1..=3 {
        assert_eq!(nodes(&format!("?relationship_depth={depth}")), expected(depth + 1), "depth {depth}");
    }
    let graph = client.get(&format!("{path}?relationship_depth=3")).expect(200);
    let (nodes, _) = parts(&graph);
    for edge in graph["edges"].as_array().expect("a list") {
        for end in ["source_entity_id", "target_entity_id"] {
            assert!(nodes.contains(edge[end].as_str().expect("an id")), "an edge to nowhere: {edge}");
        }
    }
    for wrong in ["0", "4", "-1", "x"] {
        client.get(&format!("{path}?relationship_depth={wrong}")).expect_problem(422, "ValidationError");
    }
}

#[test]
fn the_graph_answers_questions_by_name() {
    let client = shared().new_user();
    let chain = chain(&client);
    let ask = |body: Value| client.post("/api/v1/graph/query", &body);
    let answer = ask(json!({ "query": "nokia", "query_type": "entity_search" })).expect(200);
    assert!(answer["query_id"].is_string() && answer["execution_time_ms"].as_f64() >= Some(0.0), "{answer}");
    assert_eq!((&answer["total_results"], &answer["results"]["entities"][0]["id"]), (&json!(1), &chain[2]["id"]));
    let (nodes, edges) = parts(&answer["results"]["knowledge_graph"]);
    assert!(nodes.contains(&id(&chain[1])) && nodes.contains(&id(&chain[3])), "its neighbours: {answer}");
    assert!(edges.len() >= 2, "{answer}");
    let people = json!({ "query": "Nokia", "query_type": "entity_search", "filters": { "entity_types": ["person"] } });
    assert_eq!(ask(people).expect(200)["total_results"], json!(0));
    let sure = json!({ "query": "Nokia", "query_type": "entity_search", "filters": { "confidence_threshold": 1.0 } });
    assert_eq!(ask(sure).expect(200)["total_results"], json!(0));
    let early = json!({ "query": "Nokia", "query_type": "entity_search", "filters": { "date_range": { "end": "2001-01-01T00:00:00Z" } } });
    assert_eq!(ask(early).expect(200)["total_results"], json!(0));
    assert_eq!(
        ask(json!({ "query": "xyzzy", "query_type": "entity_search" })).expect(200)["results"]["entities"],
        json!([])
    );
}

#[test]
fn the_graph_answers_questions_by_relationship() {
    let client = shared().new_user();
    let chain = chain(&client);
    let ask = |body: Value| client.post("/api/v1/graph/query", &body).expect(200);
    let answer = ask(json!({ "query": "acquires", "query_type": "relationship_query" }));
    assert_eq!(answer["total_results"], json!(1), "{answer}");
    let edges = answer["results"]["knowledge_graph"]["edges"].as_array().expect("a list");
    assert!(edges.iter().all(|edge| edge["relationship_type"] == json!("acquires")), "{answer}");
    let (nodes, _) = parts(&answer["results"]["knowledge_graph"]);
    assert_eq!(nodes, chain[1..3].iter().map(id).collect::<HashSet<_>>(), "{answer}");
    let by_name = |filters: Value| {
        let body = json!({ "query": "Nokia Corporation", "query_type": "relationship_query", "filters": filters });
        ask(body)["total_results"].clone()
    };
    assert_eq!(by_name(json!({})), json!(2), "at either end");
    assert_eq!(by_name(json!({ "relationship_types": ["acquires"] })), json!(1));
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let client = shared().new_user();
    let refused = |body: Value| client.post("/api/v1/graph/query", &body).expect_problem(422, "ValidationError");
    refused(json!({ "query_type": "entity_search" }));
    refused(json!({ "query": "x", "query_type": "fortune_telling" }));
    refused(json!({ "query": "x".repeat(1001), "query_type": "entity_search" }));
    refused(json!({ "query": "x", "filters": { "limit": 0 } }));
    refused(json!({ "query": "x", "filters": { "limit": 1001 } }));
    refused(json!({ "query": "x", "filters": { "confidence_threshold": -0.1 } }));
    refused(json!({ "query": "x", "filters": { "date_range": { "start": "yesterday" } } }));
}

#[test]
fn what_is_not_there_is_not_found_and_what_is_no_id_is_said_so() {
    let client = shared().new_user();
    let paths = [
        "documents/{}",
        "documents/{}/content",
        "documents/{}/graph",
        "jobs/{}",
        "entities/{}",
        "entities/{}/evidence",
        "entities/{}/relationships",
        "relationships/{}",
        "relationships/{}/evidence",
        "graph/entity/{}",
    ];
    for path in paths {
        let at = |id: &str| format!("/api/v1/{}", path.replace("{}", id));
        client.get(&at(NOWHERE)).expect_problem(404, "NotFound");
        let problem = client.get(&at("not-a-uuid")).expect_problem(400, "ValidationError");
        assert_eq!(problem["details"][0]["field"], json!("id"), "{path}");
    }
}

#[test]
fn a_documents_graph_is_whole_and_holds_nothing_of_others() {
    let client = shared().new_user();
    let one = client.completed("Marie Curie was born in Warsaw.");
    client.completed("Marie Curie lived in Paris. Nokia acquired Navteq.");
    let graph = client.get(&format!("/api/v1/documents/{}/graph", id(&one))).expect(200);
    let mut names: Vec<&str> =
        graph["entities"].as_array().expect("a list").iter().filter_map(|e| e["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Marie Curie", "Warsaw"]);
    for item in graph["relationships"].as_array().expect("a list") {
        assert_eq!(item["evidence"].as_array().map(Vec::len), Some(1), "only this document's: {item}");
    }
    for item in graph["entities"].as_array().expect("a list") {
        assert_eq!(item["mentions"].as_array().map(Vec::len), Some(1), "only this document's: {item}");
    }
}
