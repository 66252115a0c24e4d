use kgl_extraction::{Entity, Mention, Relation, Span};

use super::*;

/// "Zoë founded Acmé. Acmé grew." read by hand.
fn document() -> ReadDocument {
    let text = "Zoë founded Acmé. Acmé grew.";
    let entity = |name: &str, entity_type: &str| Entity {
        name: name.into(),
        entity_type: entity_type.into(),
        aliases: vec![],
        confidence: 0.9,
        metadata: Map::new(),
    };
    let mention = |start, end, entity, confidence, sentence, text: &str| Mention {
        span: Span { start, end },
        entity,
        confidence,
        sentence,
        text: text.into(),
    };
    ReadDocument {
        document_id: DocumentId::new(),
        revision: 1,
        text: text.into(),
        source: None,
        source_type: "article".into(),
        language: None,
        pages: vec![],
        notes: vec![],
        cost: None,
        extraction: Extraction {
            extractor: "hand".into(),
            version: "1".into(),
            sentences: vec![Span { start: 0, end: 17 }, Span { start: 18, end: 28 }],
            entities: vec![entity("Zoë", "person"), entity("Acmé", "organization")],
            mentions: vec![
                mention(0, 3, 0, 0.9, 0, "Zoë"),
                mention(12, 16, 1, 0.6, 0, "Acmé"),
                mention(18, 22, 1, 0.8, 1, "Acmé"),
            ],
            relations: vec![Relation {
                head: 0,
                tail: 1,
                head_mention: 0,
                tail_mention: 1,
                head_span: Span { start: 0, end: 3 },
                tail_span: Span { start: 12, end: 16 },
                open: false,
                relation_type: "founded".into(),
                confidence: 0.5,
                evidence: Span { start: 0, end: 17 },
            }],
        },
    }
}

#[test]
fn quotes_are_cut_at_characters_and_a_document_counts_with_its_surest_mention() {
    let gain = merge(&[&document()]);
    assert_eq!(gain.entities.len(), 2);
    let (key, acme) = &gain.entities[0];
    assert_eq!((key.entity_type.as_str(), acme.mentions), ("organization", 2));
    assert_eq!(acme.weight, evidence_weight(f64::from(0.8_f32)));
    assert_eq!(gain.mentions[1].quote, "Acmé");
    assert_eq!(gain.evidence[0].quote, "Zoë founded Acmé.");
    assert_eq!((gain.results[0].entities, gain.results[0].mentions, gain.results[0].relationships), (2, 3, 1));
}

#[test]
fn two_documents_are_independent_evidence_of_the_same_facts() {
    let (one, two) = (merge(&[&document()]), merge(&[&document(), &document()]));
    assert_eq!(two.entities.len(), 2);
    assert_eq!(two.entities[1].1.weight, 2 * one.entities[1].1.weight);
    assert_eq!(two.relationships.len(), 1);
    assert_eq!(two.relationships[0].1, RelationshipGain { weight: 2 * one.relationships[0].1.weight, evidence: 2 });
    assert_eq!(two.evidence.len(), 2);
}

#[test]
fn what_the_graph_cannot_hold_is_left_out_with_all_that_leads_to_it() {
    let mut bad = document();
    bad.extraction.entities[1].name = " ".into();
    let gain = merge(&[&bad]);
    assert_eq!((gain.entities.len(), gain.mentions.len(), gain.relationships.len()), (1, 1, 0));
    let mut long = document();
    long.extraction.entities[0].name = "x".repeat(501);
    assert_eq!(merge(&[&long]).entities.len(), 1);
}

#[test]
fn two_clusters_with_one_key_become_one_entity_and_no_edge_to_itself() {
    let mut same = document();
    same.extraction.entities[0] = same.extraction.entities[1].clone();
    let gain = merge(&[&same]);
    assert_eq!((gain.entities.len(), gain.relationships.len(), gain.evidence.len()), (1, 0, 0));
    // The hand's other name is a mention like any other.
    assert_eq!(gain.entities[0].1.mentions, 3);
}

#[test]
fn the_order_of_documents_does_not_show() {
    let (mut one, mut two) = (document(), document());
    one.source = Some("first".into());
    two.text = two.text.replace("Acmé", "ACMÉ");
    for mention in &mut two.extraction.mentions {
        mention.text = mention.text.replace("Acmé", "ACMÉ");
    }
    let (forth, back) = (merge(&[&one, &two]), merge(&[&two, &one]));
    assert_eq!(forth.entities, back.entities);
    assert_eq!(forth.relationships, back.relationships);
    assert_eq!(forth.entities[0].1.name, "ACMÉ");
    assert_eq!(forth.entities[0].1.source.as_deref(), Some("first"));
}

#[test]
fn spans_know_the_page_that_they_begin_on() {
    // The second page is empty.
    let document = ReadDocument { pages: vec![0, 12, 12, 18], ..document() };
    let gain = merge(&[&document]);
    assert_eq!(gain.mentions.iter().map(|m| m.page).collect::<Vec<_>>(), [Some(1), Some(3), Some(4)]);
    assert_eq!(gain.evidence[0].page, Some(1));
    let without = ReadDocument { pages: vec![], ..document };
    assert_eq!(merge(&[&without]).mentions[0].page, None);
}

#[test]
fn a_job_tells_its_language_and_what_follows_from_it() {
    let mut document = ReadDocument { language: Some("de".into()), notes: vec!["noted".into()], ..document() };
    let result = |document: &ReadDocument| merge(&[document]).results[0].clone();
    // An extractor that nothing is known of knows all languages.
    assert_eq!(result(&document).notes, ["noted"]);
    document.extraction.extractor = "builtin".into();
    let told = result(&document);
    assert_eq!(told.language.as_deref(), Some("de"));
    assert!(told.notes[1].contains("German"), "{:?}", told.notes);
    document.language = Some("en-GB".into());
    assert_eq!(result(&document).notes, ["noted"]);
}

#[test]
fn a_year_of_birth_tells_a_person_from_namesakes_when_it_is_sure() {
    let distinctions = |confidence: f64, kind: &str| {
        let mut born = document();
        born.extraction.entities[1].entity_type = "date".into();
        born.extraction.entities[1].metadata = Map::from_iter([("iso".to_owned(), Value::from("1580-01-09"))]);
        born.extraction.relations[0].relation_type = kind.into();
        born.extraction.relations[0].confidence = confidence;
        merge(&[&born]).mentions.into_iter().map(|m| m.distinction).collect::<Vec<_>>()
    };
    let told = Some("born 1580".to_owned());
    assert_eq!(distinctions(0.95, "born_on"), [told, None, None]);
    assert_eq!(distinctions(0.8, "born_on"), [None, None, None]);
    assert_eq!(distinctions(0.95, "died_on"), [None, None, None]);
}
