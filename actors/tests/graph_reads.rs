//! Reading the graph, against a real server.

mod common;
mod graph;

use graph::{Library, caller, ids};
use kgl_actors::{
    domain::{
        caller::Role,
        error::Error,
        graph::Direction,
        ids::{DocumentId, EntityId, RelationshipId},
        page::{Page, decode_cursor},
    },
    graph::{EntityFilter, GraphQuery, QueryType, RelationshipFilter},
};

fn page(skip: u32, limit: u32) -> Page {
    Page { skip, limit, after: None }
}

fn search(text: &str) -> EntityFilter {
    EntityFilter { search: Some(text.into()), ..EntityFilter::default() }
}

fn question(query_type: QueryType, query: &str) -> GraphQuery {
    GraphQuery {
        query: query.into(),
        query_type,
        entity_types: Vec::new(),
        relationship_types: Vec::new(),
        open: None,
        confidence_threshold: None,
        date_range: None,
        limit: 100,
    }
}

#[tokio::test]
async fn a_list_of_entities_is_newest_first_and_pages_without_gaps() {
    let library = Library::open().await;
    let entities = library.entities(25, "person", "Person").await;
    let newest: Vec<EntityId> = entities.iter().rev().copied().collect();
    let all = library.graph.entities(&library.caller, &EntityFilter::default(), &page(0, 100)).await.unwrap();
    assert_eq!((ids(&all.items), all.total, all.has_more), (newest.clone(), 25, false));

    let by_skip = library.graph.entities(&library.caller, &EntityFilter::default(), &page(10, 10)).await.unwrap();
    assert_eq!((ids(&by_skip.items), by_skip.total, by_skip.has_more), (newest[10..20].to_vec(), 25, true));
    let beyond = library.graph.entities(&library.caller, &EntityFilter::default(), &page(30, 10)).await.unwrap();
    assert_eq!((beyond.items.len(), beyond.total, beyond.has_more), (0, 25, false));

    let (mut seen, mut at) = (Vec::new(), page(0, 10));
    loop {
        let next = library.graph.entities(&library.caller, &EntityFilter::default(), &at).await.unwrap();
        assert_eq!(next.total, 25);
        seen.extend(ids(&next.items));
        match next.next_cursor {
            Some(cursor) => at.after = Some(decode_cursor(&cursor).unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, newest);
}

#[tokio::test]
async fn filters_of_entities_combine_and_what_is_off_is_not_listed() {
    let library = Library::open().await;
    let ada = library.entity("person", "Ada Lovelace", 0.9, Some("https://a.example/1")).await;
    let engine = library.entity("product", "Analytical Engine", 0.6, Some("https://a.example/1")).await;
    let off = library.entity("person", "Charles Babbage", 0.95, Some("https://a.example/1")).await;
    library.switch_off(off).await;
    let document = library.document().await;
    library.mention(document, ada, 0, "Ada Lovelace").await;

    let filter = |change: fn(&mut EntityFilter)| {
        let mut filter = EntityFilter::default();
        change(&mut filter);
        filter
    };
    let of_document = EntityFilter { document_id: Some(document), ..EntityFilter::default() };
    let searched_there = EntityFilter { search: Some("LOVE".into()), ..of_document.clone() };
    let not_there = EntityFilter { search: Some("engine".into()), ..of_document.clone() };
    for (filter, expected) in [
        (EntityFilter::default(), vec![engine, ada]),
        (filter(|f| f.entity_type = Some("person".into())), vec![ada]),
        (filter(|f| f.source = Some("https://a.example/1".into())), vec![engine, ada]),
        (filter(|f| f.source = Some("https://a.example/2".into())), vec![]),
        (filter(|f| f.confidence_min = Some(0.7)), vec![ada]),
        (
            filter(|f| {
                f.source = Some("https://a.example/1".into());
                f.search = Some("engine".into());
                f.confidence_min = Some(0.5);
                f.entity_type = Some("product".into());
            }),
            vec![engine],
        ),
        (of_document, vec![ada]),
        (searched_there, vec![ada]),
        (not_there, vec![]),
        (EntityFilter { document_id: Some(DocumentId::new()), ..EntityFilter::default() }, vec![]),
    ] {
        let listing = library.graph.entities(&library.caller, &filter, &page(0, 10)).await.unwrap();
        assert_eq!(ids(&listing.items), expected, "{filter:?}");
        let total = i64::try_from(expected.len()).unwrap();
        assert_eq!(listing.total, total, "{filter:?}");
        // Beyond the end the database has to count.
        let beyond = library.graph.entities(&library.caller, &filter, &page(50, 10)).await.unwrap();
        assert_eq!(beyond.total, total, "{filter:?}");
    }
}

#[tokio::test]
async fn a_search_finds_names_and_aliases_and_takes_wildcards_as_text() {
    let library = Library::open().await;
    let who = library.entity("organization", "The World  Health\nOrganization", 0.9, None).await;
    library.alias(who, "WHO").await;
    let lodz = library.entity("location", "Łódź", 0.9, None).await;
    let tokyo = library.entity("organization", "東京大学", 0.9, None).await;
    let percent = library.entity("percent", "100% sure_thing", 0.9, None).await;
    let ai = library.entity("concept", "Open AI research", 0.9, None).await;
    let rain = library.entity("concept", "Rain", 0.9, None).await;
    for (text, expected) in [
        ("health org", vec![who]),
        ("the WORLD", vec![who]),
        ("who", vec![who]),
        ("ŁÓD", vec![lodz]),
        ("ódź", vec![lodz]),
        ("京大学", vec![tokyo]),
        ("100% s", vec![percent]),
        ("%", vec![]),
        ("sure_t", vec![percent]),
        ("ure%thing", vec![]),
        ("r_in", vec![]),
        ("rain", vec![rain]),
        ("ai", vec![ai]),
        ("\\", vec![]),
        ("'; DROP TABLE entities; --", vec![]),
    ] {
        let listing = library.graph.entities(&library.caller, &search(text), &page(0, 10)).await.unwrap();
        assert_eq!(ids(&listing.items), expected, "{text:?}");
    }
    let blank = library.graph.entities(&library.caller, &search("  "), &page(0, 10)).await.unwrap();
    assert_eq!(blank.total, 6, "to search for nothing is no filter");
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_found_and_a_moderator_finds_it() {
    let (mine, theirs) = (Library::open().await, Library::open().await);
    let [a, b] = [theirs.entity("person", "A", 0.9, None).await, theirs.entity("person", "B", 0.9, None).await];
    let edge = theirs.relationship(a, b, "knows", 0.9).await;
    let document = theirs.document().await;
    let (graph, me) = (&mine.graph, &mine.caller);
    let first = page(0, 10);
    let both = RelationshipFilter::default();
    for missing in [a, EntityId::new()] {
        assert!(matches!(graph.entity(me, missing).await, Err(Error::NotFound("entity"))));
        assert!(matches!(graph.entity_evidence(me, missing, &first).await, Err(Error::NotFound("entity"))));
        assert!(matches!(graph.entity_relationships(me, missing, &both, &first).await, Err(Error::NotFound("entity"))));
        assert!(matches!(graph.neighbourhood(me, missing, 2).await, Err(Error::NotFound("entity"))));
    }
    for missing in [edge, RelationshipId::new()] {
        assert!(matches!(graph.relationship(me, missing).await, Err(Error::NotFound("relationship"))));
        let evidence = graph.relationship_evidence(me, missing, &first).await;
        assert!(matches!(evidence, Err(Error::NotFound("relationship"))));
    }
    assert!(matches!(graph.document(me, document).await, Err(Error::NotFound("document"))));

    let moderator = caller(mine.caller.user_id, Role::Moderator);
    assert_eq!(graph.entity(&moderator, a).await.unwrap().name, "A");
    assert_eq!(graph.relationship(&moderator, edge).await.unwrap().id, edge);
    let whole = graph.document(&moderator, document).await;
    assert!(matches!(whole, Err(Error::NotFound("document"))), "whole documents are not for moderators");
    let admin = caller(mine.caller.user_id, Role::Admin);
    assert_eq!(graph.document(&admin, document).await.unwrap().document_id, document);
}

#[tokio::test]
async fn evidence_comes_newest_document_first_and_in_the_order_of_the_text() {
    let library = Library::open().await;
    let ada = library.entity("person", "Ada", 0.9, None).await;
    let (older, newer) = (library.document().await, library.document().await);
    for (document, start) in [(older, 40), (newer, 30), (older, 0), (newer, 5)] {
        library.mention(document, ada, start, "Ada").await;
    }
    let first = library.graph.entity_evidence(&library.caller, ada, &page(0, 3)).await.unwrap();
    let places: Vec<_> = first.items.iter().map(|e| (e.document_id, e.start, e.end)).collect();
    assert_eq!(places, [(newer, 5, 8), (newer, 30, 33), (older, 0, 3)]);
    assert_eq!((first.total, first.has_more, first.items[0].quote.as_str()), (4, true, "Ada"));
    let rest = library.graph.entity_evidence(&library.caller, ada, &page(3, 3)).await.unwrap();
    assert_eq!((rest.items.len(), rest.items[0].start, rest.has_more), (1, 40, false));
    let cursor = Page { after: Some(ada.0), ..Page::default() };
    assert!(matches!(library.graph.entity_evidence(&library.caller, ada, &cursor).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn relationships_of_an_entity_go_by_direction_and_type() {
    let library = Library::open().await;
    let people = library.entities(4, "person", "Person").await;
    let out = library.relationship(people[0], people[1], "knows", 0.5).await;
    let into = library.relationship(people[2], people[0], "leads", 0.6).await;
    let newest = library.relationship(people[0], people[3], "leads", 0.7).await;
    let off = library.relationship(people[3], people[0], "knows", 0.7).await;
    library.switch_relationship_off(off).await;
    for (direction, relationship_type, expected) in [
        (Direction::Both, None, vec![newest, into, out]),
        (Direction::Outgoing, None, vec![newest, out]),
        (Direction::Incoming, None, vec![into]),
        (Direction::Both, Some("leads"), vec![newest, into]),
        (Direction::Outgoing, Some("knows"), vec![out]),
        (Direction::Both, Some("owns"), vec![]),
    ] {
        let filter = RelationshipFilter { direction, relationship_type: relationship_type.map(Into::into), open: None };
        let list = async |page: &Page| {
            library.graph.entity_relationships(&library.caller, people[0], &filter, page).await.unwrap()
        };
        let listing = list(&page(0, 10)).await;
        let found: Vec<_> = listing.items.iter().map(|r| r.id).collect();
        assert_eq!((found, listing.total), (expected.clone(), expected.len() as i64), "{filter:?}");
        let mut at = page(0, 1);
        for id in expected {
            let next = list(&at).await;
            assert_eq!(next.items[0].id, id);
            assert_eq!(next.total, listing.total);
            at = Page { after: next.next_cursor.as_deref().and_then(decode_cursor), ..at };
        }
    }
}

#[tokio::test]
async fn a_neighbourhood_reaches_as_far_as_asked_and_not_through_what_is_off() {
    let library = Library::open().await;
    let chain = library.entities(5, "person", "Link").await;
    for pair in chain.windows(2) {
        library.relationship(pair[0], pair[1], "knows", 0.5).await;
    }
    let loose = library.entity("person", "Loose", 0.9, None).await;
    let beyond = library.entity("person", "Beyond", 0.9, None).await;
    library.relationship(loose, chain[0], "knows", 0.9).await;
    library.relationship(loose, beyond, "knows", 0.9).await;
    library.switch_off(loose).await;
    for depth in 1..=3_u8 {
        let graph = library.graph.neighbourhood(&library.caller, chain[0], depth).await.unwrap();
        assert_eq!(ids(&graph.nodes), chain[..=usize::from(depth)]);
        assert_eq!(graph.edges.len(), usize::from(depth));
    }
    for depth in [0, 4] {
        let refused = library.graph.neighbourhood(&library.caller, chain[0], depth).await;
        assert!(matches!(refused, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn a_hub_is_cut_at_its_surest_edges_and_the_same_at_every_call() {
    let library = Library::open().await;
    let hub = library.entity("location", "Hub", 0.9, None).await;
    let around = library.entities(1100, "person", "Spoke").await;
    library.spokes(hub, &around).await;
    let graph = library.graph.neighbourhood(&library.caller, hub, 2).await.unwrap();
    assert_eq!((graph.nodes.len(), graph.edges.len()), (1000, 999));
    assert!(graph.edges.is_sorted_by(|a, b| a.confidence >= b.confidence));
    let weakest = graph.edges.last().unwrap().confidence;
    assert!(weakest > 0.1 + 0.8 * 100.0 / 1100.0, "the hundred weakest are left out, not {weakest}");
    let again = library.graph.neighbourhood(&library.caller, hub, 2).await.unwrap();
    assert_eq!(ids(&graph.nodes), ids(&again.nodes));
}

#[tokio::test]
async fn a_question_by_name_ranks_exact_then_alias_then_beginning_then_inside_then_alike() {
    let library = Library::open().await;
    let inside = library.entity("person", "Old Marie Curie", 0.99, None).await;
    let beginning = library.entity("organization", "Marie Curie Institute", 0.95, None).await;
    let alike = library.entity("person", "Mary Curie", 0.99, None).await;
    let alias = library.entity("person", "Maria Skłodowska", 0.6, None).await;
    library.alias(alias, "Marie  Curie").await;
    let exact = library.entity("person", "Marie Curie", 0.5, None).await;
    let radium = library.entity("product", "Radium", 0.9, None).await;
    let found = library.relationship(exact, radium, "discovered", 0.9).await;
    let mut by_name = question(QueryType::EntitySearch, "marie curie");
    let answer = library.graph.query(&library.caller, &by_name).await.unwrap();
    assert_eq!(ids(&answer.entities), [exact, alias, beginning, inside, alike]);
    assert_eq!(answer.total_results, 5);
    assert_eq!(ids(&answer.knowledge_graph.nodes), [exact, alias, beginning, inside, alike, radium]);
    assert_eq!(answer.knowledge_graph.edges[0].id, found);

    by_name.entity_types = vec!["organization".into(), "product".into()];
    let answer = library.graph.query(&library.caller, &by_name).await.unwrap();
    assert_eq!((ids(&answer.entities), answer.total_results), (vec![beginning], 1));
    by_name.entity_types.clear();
    by_name.confidence_threshold = Some(0.9);
    by_name.limit = 1;
    let answer = library.graph.query(&library.caller, &by_name).await.unwrap();
    assert_eq!((ids(&answer.entities), answer.total_results), (vec![beginning], 2));
    let tomorrow = chrono::Utc::now() + chrono::Duration::days(1);
    by_name.date_range = Some((tomorrow, tomorrow + chrono::Duration::days(1)));
    assert_eq!(library.graph.query(&library.caller, &by_name).await.unwrap().total_results, 0);
    for refused in [question(QueryType::EntitySearch, "  "), GraphQuery { limit: 0, ..by_name.clone() }] {
        assert!(matches!(library.graph.query(&library.caller, &refused).await, Err(Error::Invalid(_))));
    }
}

#[tokio::test]
async fn a_question_about_relationships_goes_by_type_or_by_the_name_at_an_end() {
    let library = Library::open().await;
    let people = library.entities(3, "person", "Person").await;
    let acme = library.entity("organization", "Acme", 0.9, None).await;
    let works = library.relationship(people[0], acme, "works_for", 0.5).await;
    let leads = library.relationship(people[1], acme, "leads", 0.9).await;
    let knows = library.relationship(people[1], people[2], "knows", 0.9).await;
    let by_type = question(QueryType::RelationshipQuery, "works for");
    let by_name = question(QueryType::RelationshipQuery, "ACME");
    let filtered = GraphQuery { relationship_types: vec!["works_for".into()], ..by_name.clone() };
    let only_types = GraphQuery { query: String::new(), relationship_types: vec!["knows".into()], ..by_name.clone() };
    let sure = GraphQuery { confidence_threshold: Some(0.8), ..by_type.clone() };
    let of_people = GraphQuery { entity_types: vec!["location".into()], ..by_type.clone() };
    let nobody = question(QueryType::RelationshipQuery, "zzyzx");
    let mut answers = Vec::new();
    for query in [by_type, by_name, filtered, only_types, sure, of_people, nobody] {
        answers.push(answer_to(&library, &query).await);
    }
    let expected = [
        (1, vec![works]),
        (2, vec![leads, works]),
        (1, vec![works]),
        (1, vec![knows]),
        (0, vec![]),
        (0, vec![]),
        (0, vec![]),
    ];
    assert_eq!(answers, expected);
}

#[tokio::test]
async fn a_document_says_what_it_names_and_states_in_the_order_of_its_text() {
    let library = Library::open().await;
    let (ada, charles) =
        (library.entity("person", "Ada", 0.9, None).await, library.entity("person", "Charles", 0.9, None).await);
    let knows = library.relationship(charles, ada, "knows", 0.9).await;
    let (document, other) = (library.document().await, library.document().await);
    library.mention(document, charles, 0, "Charles").await;
    library.mention(document, ada, 20, "Ada").await;
    library.mention(document, charles, 30, "Charles").await;
    library.mention(other, ada, 0, "Ada").await;
    library.evidence(document, knows, 0, 23, (0, 7), (20, 23)).await;
    let graph = library.graph.document(&library.caller, document).await.unwrap();
    let named: Vec<_> =
        graph.entities.iter().map(|e| (e.entity.id, e.mentions.iter().map(|m| m.start).collect::<Vec<_>>())).collect();
    assert_eq!(named, [(charles, vec![0, 30]), (ada, vec![20])]);
    assert_eq!((graph.revision, graph.relationships.len()), (1, 1));
    let stated = &graph.relationships[0];
    assert_eq!((stated.relationship.id, stated.evidence[0].tail.start), (knows, 20));
    let evidence = library.graph.relationship_evidence(&library.caller, knows, &page(0, 10)).await.unwrap();
    assert_eq!((evidence.total, evidence.items[0].document_id, evidence.items[0].head.end), (1, document, 7));
}

/// How many there are in all, and the edges of the answer.
async fn answer_to(library: &Library, query: &GraphQuery) -> (i64, Vec<RelationshipId>) {
    let answer = library.graph.query(&library.caller, query).await.unwrap();
    (answer.total_results, answer.knowledge_graph.edges.iter().map(|edge| edge.id).collect())
}
