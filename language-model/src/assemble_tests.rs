//! What several answers about one text come to.

use kgl_extraction::{ExtractOptions, Extraction};
use serde_json::{Value, json};

use super::*;
use crate::{answer, claims::check, schema::AnswerSchema};

/// The result of these answers, each about the sentences of its range.
fn assembled(text: &str, answers: &[(std::ops::Range<usize>, Value)]) -> (Extraction, Dropped) {
    assembled_for(text, answers, &ExtractOptions::default())
}

/// The same for a caller with wishes.
fn assembled_for(
    text: &str,
    answers: &[(std::ops::Range<usize>, Value)],
    options: &ExtractOptions,
) -> (Extraction, Dropped) {
    let sentences = kgl_extraction::sentences(text);
    let schema = AnswerSchema::of(options);
    let listed = Listed::find(text, options, &schema).expect("a list that can be searched for");
    let mut dropped = Dropped::new();
    let cut = |start: usize, end: usize| text.chars().skip(start).take(end - start).collect::<String>();
    let checked: Vec<Checked> = answers
        .iter()
        .map(|(range, content)| {
            let (start, end) = (sentences[range.start].start, sentences[range.end - 1].end);
            let answer = answer::parse(&content.to_string()).expect("an answer");
            check(&answer, &cut(start, end), start, &schema, &listed, &mut dropped)
        })
        .collect();
    let found = assemble(&checked, &listed, text, &sentences, &mut dropped);
    for mention in &found.mentions {
        assert_eq!(cut(mention.span.start, mention.span.end), mention.text);
    }
    for pair in found.mentions.windows(2) {
        assert!(pair[0].span.end <= pair[1].span.start, "{pair:?}");
    }
    for relation in &found.relations {
        assert!(relation.evidence.contains(relation.head_span) && relation.evidence.contains(relation.tail_span));
        assert_eq!(found.mentions[relation.head_mention].entity, relation.head);
        assert_eq!(found.mentions[relation.tail_mention].entity, relation.tail);
        assert_ne!(relation.head, relation.tail);
    }
    (found, dropped)
}

fn entity(name: &str, kind: &str, aliases: &[&str], confidence: f64) -> Value {
    json!({ "name": name, "type": kind, "aliases": aliases, "confidence": confidence })
}

fn said(head: &str, kind: &str, tail: &str, quote: &str, confidence: f64) -> Value {
    json!({ "head": head, "type": kind, "tail": tail, "quote": quote, "confidence": confidence })
}

const CURIE: &str = "Zoë met Marie Curie in Łódź. She worked for the Sorbonne. Curie won the Nobel Prize. \
                     New York University invited Curie. Pierre Curie stayed in New York.";

#[test]
fn the_same_facts_from_the_overlap_are_one() {
    let first = json!({
        "entities": [entity("Marie Curie", "person", &["She", "Curie"], 0.9), entity("Sorbonne", "organization", &[], 0.8)],
        "relationships": [said("Marie Curie", "works_for", "Sorbonne", "She worked for the Sorbonne.", 0.7)]
    });
    let second = json!({
        "entities": [entity("Curie", "person", &[], 0.6), entity("the Sorbonne", "location", &[], 0.2),
                     entity("Nobel Prize", "event", &[], 0.9)],
        "relationships": [said("Curie", "works_for", "the Sorbonne", "worked for the Sorbonne", 0.8),
                          said("Curie", "received_award", "Nobel Prize", "Curie won the Nobel Prize.", 0.9)]
    });
    let (found, dropped) = assembled(CURIE, &[(0..3, first), (1..3, second)]);
    assert_eq!(dropped, Dropped::new());
    let names: Vec<_> = found.entities.iter().map(|e| (e.name.as_str(), e.entity_type.as_str())).collect();
    assert_eq!(names, [("Marie Curie", "person"), ("the Sorbonne", "organization"), ("Nobel Prize", "event")]);
    assert_eq!(found.entities[0].aliases, ["Curie"]);
    let told: Vec<_> = found.relations.iter().map(|r| (r.relation_type.as_str(), r.confidence)).collect();
    assert_eq!(told, [("received_award", 0.9), ("works_for", 0.8)].into_iter().rev().collect::<Vec<_>>());
    let works = &found.relations[0];
    let evidence: String = CURIE.chars().skip(works.evidence.start).take(works.evidence.len()).collect();
    assert_eq!(evidence, "Zoë met Marie Curie in Łódź. She worked for the Sorbonne.", "back to the name of \"she\"");
}

#[test]
fn the_order_of_answers_within_a_passage_does_not_show() {
    let entities = [entity("Marie Curie", "person", &["Curie"], 0.9), entity("Sorbonne", "organization", &[], 0.8)];
    let facts = [
        said("Marie Curie", "works_for", "Sorbonne", "She worked for the Sorbonne.", 0.7),
        said("Marie Curie", "leads", "Sorbonne", "She worked for the Sorbonne.", 0.2),
    ];
    let one = json!({ "entities": entities, "relationships": facts });
    let two = json!({ "entities": [entities[1].clone(), entities[0].clone()],
                      "relationships": [facts[1].clone(), facts[0].clone()] });
    assert_eq!(assembled(CURIE, &[(0..5, one)]), assembled(CURIE, &[(0..5, two)]));
}

#[test]
fn longer_names_keep_their_words_and_shared_short_forms_are_nobodys() {
    let answer = json!({
        "entities": [entity("New York", "location", &[], 0.9), entity("New York University", "organization", &[], 0.5),
                     entity("Marie Curie", "person", &["Curie"], 0.9), entity("Pierre Curie", "person", &["Curie"], 0.9)],
        "relationships": []
    });
    let (found, _) = assembled(CURIE, &[(0..5, answer)]);
    let mentions: Vec<_> = found.mentions.iter().map(|m| m.text.as_str()).collect();
    assert_eq!(mentions, ["Marie Curie", "New York University", "Pierre Curie", "New York"]);
    assert!(found.entities.iter().all(|entity| entity.aliases.is_empty()));
}

#[test]
fn a_quote_too_far_from_its_names_proves_nothing() {
    let text = format!("Ada met Bob. {} She hired him.", "It rained that day. ".repeat(6));
    let answer = json!({
        "entities": [entity("Ada", "person", &[], 0.9), entity("Bob", "person", &[], 0.9)],
        "relationships": [said("Ada", "leads", "Bob", "She hired him.", 0.9), said("Bob", "spouse_of", "Ada", "Ada met Bob.", 0.4),
                          said("Ada", "spouse_of", "Bob", "met Bob", 0.5)]
    });
    let (found, dropped) = assembled(&text, &[(0..8, answer)]);
    assert_eq!(dropped, Dropped::from([(reason::ENDS, 1)]));
    assert_eq!(found.relations.len(), 1, "one sentence says it once, whichever way round");
    assert!((found.relations[0].confidence - 0.5).abs() < 1e-9);
}

#[test]
fn claims_that_turn_out_to_be_of_one_entity_are_no_relationship() {
    let first = json!({ "entities": [entity("Marie Curie", "person", &["Curie"], 0.9)], "relationships": [] });
    let second = json!({
        "entities": [entity("Curie", "person", &[], 0.9), entity("Marie Curie", "person", &[], 0.9)],
        "relationships": [said("Curie", "sibling_of", "Marie Curie", "Curie won the Nobel Prize.", 0.9)]
    });
    let (found, dropped) = assembled(CURIE, &[(0..3, first), (0..5, second)]);
    assert_eq!((found.relations.len(), dropped), (0, Dropped::from([(reason::SELF, 1)])));
}

#[test]
fn listed_names_stand_over_what_the_model_finds_and_relationships_lead_to_them() {
    let text = "Marie Curie works for NYU Langone. NYU Langone is in New York. Curie met Bob.";
    let gazetteer = json!([
        { "name": "NYU Langone Health", "type": "hospital", "id": "h1", "aliases": ["NYU Langone"] },
        { "name": "Bob", "type": "person" },
        { "name": "Nobody", "type": "person" },
    ]);
    let options: ExtractOptions = serde_json::from_value(json!({ "gazetteer": gazetteer })).expect("options");
    let answer = json!({
        "entities": [entity("Marie Curie", "person", &["Curie"], 0.9), entity("NYU", "organization", &[], 0.9)],
        "relationships": [said("Marie Curie", "works_for", "NYU Langone", "Marie Curie works for NYU Langone.", 0.8)]
    });
    let (found, dropped) = assembled_for(text, &[(0..3, answer)], &options);
    assert_eq!(dropped, Dropped::new());
    let names: Vec<_> = found.entities.iter().map(|e| (e.name.as_str(), e.entity_type.as_str())).collect();
    assert_eq!(names, [("Marie Curie", "person"), ("NYU Langone Health", "hospital"), ("Bob", "person")]);
    let hospital = &found.entities[1];
    assert_eq!(
        (&hospital.aliases[..], &hospital.metadata["gazetteer_id"]),
        (&["NYU Langone".to_owned()][..], &json!("h1"))
    );
    assert_eq!(found.mentions.iter().filter(|mention| mention.entity == 1).count(), 2);
    assert_eq!((found.relations.len(), found.relations[0].tail), (1, 1));
    let people = ExtractOptions { entity_types: Some(vec!["person".into()]), ..options };
    let (found, _) = assembled_for(text, &[(0..3, json!({ "entities": [] }))], &people);
    assert_eq!(found.entities.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["Bob"]);
}
