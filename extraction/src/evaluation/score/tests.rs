//! Scores worked out by hand.

use super::*;
use crate::evaluation::Unit;
use crate::{Entity, Mention};

/// An extraction of (start, end, type, cluster) and (head, tail, relation) over mentions, all at 0.8.
fn extraction(mentions: &[(usize, usize, &str, usize)], relations: &[(usize, usize, &str)]) -> Extraction {
    let clusters = mentions.iter().map(|m| m.3 + 1).max().unwrap_or_default();
    let entity = |at: usize| Entity {
        name: at.to_string(),
        entity_type: mentions.iter().find(|m| m.3 == at).map_or("", |m| m.2).to_owned(),
        aliases: Vec::new(),
        confidence: 0.8,
        metadata: serde_json::Map::new(),
    };
    let spans: Vec<Span> = mentions.iter().map(|m| Span::new(m.0, m.1)).collect();
    Extraction {
        entities: (0..clusters).map(entity).collect(),
        mentions: mentions
            .iter()
            .map(|m| Mention {
                span: Span::new(m.0, m.1),
                entity: m.3,
                confidence: 0.8,
                sentence: 0,
                text: String::new(),
            })
            .collect(),
        relations: relations
            .iter()
            .map(|(head, tail, relation)| Relation {
                head: mentions[*head].3,
                tail: mentions[*tail].3,
                head_mention: *head,
                tail_mention: *tail,
                head_span: spans[*head],
                tail_span: spans[*tail],
                relation_type: (*relation).to_owned(),
                confidence: 0.8,
                evidence: Span::new(0, 100),
                open: false,
            })
            .collect(),
        ..Extraction::default()
    }
}

fn report(gold: &str, found: &[Extraction], types: Option<&[String]>) -> Report {
    let set = GoldSet::parse(gold, Unit::Document).expect("gold");
    let mut evaluation = Evaluation::new(&set, types, None);
    for (document, found) in set.documents.iter().zip(found) {
        evaluation.add(document, found);
    }
    evaluation.report()
}

fn counts(score: Score) -> (usize, usize, usize) {
    (score.gold, score.found, score.right)
}

// "Ann Lee" 0..7, "Acme" 15..19, "Paris" 23..28, "Gutenberg Bible" 34..49.
const LINE: &str = r#"{"tokens": ["Ann", "Lee", "joined", "Acme", "in", "Paris", "with", "Gutenberg", "Bible", "9", "times"],
    "ents": [[0, 2, "PER"], [3, 4, "ORG"], [5, 6, "LOC"], [7, 9, "MISC"], [9, 10, "Weapon"]],
    "rels": [[0, 1, "P108"], [1, 2, "P159"], [0, 2, "P9999"]]}"#;

fn line() -> String {
    LINE.replace('\n', " ")
}

#[test]
fn names_are_right_by_span_and_type_and_unknown_types_are_not_judged() {
    let found = extraction(
        &[
            (0, 7, "person", 0),
            (15, 19, "location", 1), // the right span, the wrong type
            (23, 28, "location", 2),
            (34, 49, "work", 3), // any of the vague types is right for MISC
            (50, 51, "date", 4), // the gold knows no dates
        ],
        &[],
    );
    let report = report(&line(), std::slice::from_ref(&found), None);
    let entities = &report.entities;
    assert_eq!(counts(entities.exact), (4, 4, 3));
    assert_eq!(counts(entities.boundary), (4, 4, 4));
    assert_eq!(counts(entities.by_type["location"]), (1, 2, 1));
    assert_eq!(counts(entities.by_type["organization"]), (1, 0, 0));
    assert_eq!(counts(entities.by_type["misc"]), (1, 1, 1));
    assert_eq!(entities.by_type["location"].precision, Some(0.5));
    assert_eq!(entities.by_type["organization"].f1, None);
    // Three of four are right, each promised 0.8.
    assert!((entities.calibration_error.expect("an error") - 0.05).abs() < 1e-9);
    assert_eq!(report.not_judged.types, BTreeMap::from([("Weapon".to_owned(), 1)]));
    let only = self::report(&line(), &[found], Some(&["person".to_owned()]));
    assert_eq!(counts(only.entities.exact), (1, 1, 1));
}

#[test]
fn statements_are_strict_with_their_types_and_boundary_without() {
    let mentions = [(0, 7, "person", 0), (15, 19, "location", 1), (23, 28, "location", 2)];
    let found = extraction(
        &mentions,
        &[
            (0, 1, "works_for"), // spans and relation right, the type of Acme wrong
            (2, 1, "based_in"),  // the wrong way round
            (0, 2, "lives_in"),  // the gold knows no such relation
        ],
    );
    let report = report(&line(), &[found], None);
    assert_eq!(counts(report.relations.strict), (2, 2, 0));
    assert_eq!(counts(report.relations.boundary), (2, 2, 1));
    assert_eq!(counts(report.relations.by_relation["works_for"].boundary), (1, 1, 1));
    assert_eq!(report.not_judged.relations, BTreeMap::from([("P9999".to_owned(), 1)]));
    // One of three facts, the unknown one counted as missed.
    assert_eq!(report.relations.recall_of_all, Some(1.0 / 3.0));
}

#[test]
fn a_fact_is_right_by_any_mention_of_its_ends_and_counts_once() {
    let gold = concat!(
        r#"{"tokens": ["Ann", "of", "Acme", ".", "Ann", "Lee", "leads", "Acme"],"#,
        r#""ents": [[0, 1, "PER"], [2, 3, "ORG"], [4, 6, "PER"], [7, 8, "ORG"]], "rels": [[3, 2, "P488"]]}"#
    );
    let mentions =
        [(0, 3, "person", 0), (7, 11, "organization", 1), (14, 21, "person", 0), (28, 32, "organization", 1)];
    let found = extraction(&mentions, &[(0, 1, "leads"), (0, 3, "leads")]);
    let relations = report(gold, &[found], None).relations;
    assert_eq!(counts(relations.boundary), (1, 2, 0));
    assert_eq!(counts(relations.facts), (1, 1, 1));
    assert_eq!(relations.facts.f1, Some(1.0));
}

#[test]
fn a_marriage_has_no_direction() {
    let gold = concat!(
        r#"{"tokens": ["Ann", "Bob"], "ents": [[0, 1, "PER"], [1, 2, "PER"]], "#,
        r#""rels": [[0, 1, "P26"], [1, 0, "P26"]]}"#
    );
    let found = extraction(&[(0, 3, "person", 0), (4, 7, "person", 1)], &[(1, 0, "spouse_of")]);
    let relations = report(gold, &[found], None).relations;
    assert_eq!(counts(relations.strict), (1, 1, 1));
    assert_eq!(counts(relations.facts), (1, 1, 1));
}

#[test]
fn single_facts_judge_only_the_relations_of_their_passage() {
    // "Ann" 0..3, "Oslo" 11..15, "She" 17..20, "Bergen" 29..35.
    let fact = |rel: &str, s: &str, o: &str| {
        format!(
            r#"{{"doc": "1", "passage": "1", "rel": "{rel}", "text": "Ann was in Oslo. She died in Bergen.", "s": {s}, "o": {o}}}"#
        )
    };
    let other =
        r#"{"doc": "2", "passage": "1", "rel": "NATIONALITY", "text": "Bob of Oslo", "s": [0, 3], "o": [7, 11]}"#;
    let gold = [
        fact("PLACE_OF_RESIDENCE", "[0, 3]", "[11, 15]"),
        fact("PLACE_OF_RESIDENCE", "[17, 20]", "[29, 35]"),
        other.into(),
    ]
    .join("\n");
    let mut first = extraction(
        &[(0, 3, "person", 0), (11, 15, "location", 1), (29, 35, "location", 2)],
        &[(0, 1, "lives_in"), (0, 2, "lives_in"), (0, 2, "citizen_of")],
    );
    // The second is said with "She".
    first.relations[1].head_span = Span::new(17, 20);
    let report = report(&gold, &[first, Extraction::default()], None);
    assert_eq!(report.entities.exact.precision, None, "not all names are annotated");
    assert_eq!(counts(report.entities.exact), (5, 3, 3));
    // What a pronoun says is not asked for, but it is right when it is found.
    assert_eq!(counts(report.relations.facts), (2, 2, 2));
    assert_eq!(report.relations.facts.recall, Some(0.5));
    assert_eq!(counts(report.relations.by_relation["citizen_of"].facts), (1, 0, 0));
    assert_eq!(counts(report.relations.boundary), (2, 2, 1));
}

#[test]
fn what_an_extractor_printed_can_be_the_gold() {
    let gold =
        r#"{"id": 1, "text": "Ann took Xylo", "entities": [{"type": "person", "start": 0, "end": 3, "text": "Ann"},
        {"type": "drug", "start": 9, "end": 13}], "relationships": [{"type": "takes", "head": 0, "tail": 1}]}"#
            .replace('\n', " ");
    let found = extraction(&[(0, 3, "person", 0), (9, 13, "drug", 1)], &[(0, 1, "takes")]);
    let report = report(&gold, &[found], None);
    assert_eq!(counts(report.entities.exact), (2, 2, 2));
    assert_eq!(counts(report.relations.strict), (1, 1, 1));
}
