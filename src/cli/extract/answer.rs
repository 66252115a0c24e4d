//! The form in which an extraction is printed.

use kgl_extraction::{Extraction, Span, wikidata};
use serde::Serialize;
use serde_json::{Map, Value};

/// An extraction; its entities are occurrences, and `cluster` tells which of them are one.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    extractor: &'a str,
    version: &'a str,
    entities: Vec<Occurrence<'a>>,
    relationships: Vec<Relationship<'a>>,
}

#[derive(Serialize)]
struct Occurrence<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    text: &'a str,
    start: usize,
    end: usize,
    confidence: f64,
    cluster: usize,
    /// What the text says beyond the name: ISO dates, amounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Map<String, Value>>,
}

#[derive(Serialize)]
struct Relationship<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    head: usize,
    tail: usize,
    confidence: f64,
    evidence: Span,
    /// The properties that say the same, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wikidata: Vec<Property>,
    #[serde(skip_serializing_if = "is_false")]
    open: bool,
}

/// A property of Wikidata.
#[derive(Serialize)]
struct Property {
    id: &'static str,
    /// Whether it leads from the tail to the head.
    #[serde(skip_serializing_if = "is_false")]
    inverse: bool,
}

fn properties(relation: &str) -> Vec<Property> {
    wikidata(relation).iter().map(|property| Property { id: property.id, inverse: property.inverse }).collect()
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl<'a> Answer<'a> {
    pub(super) fn new(found: &'a Extraction) -> Self {
        let entities = found.mentions.iter().map(|mention| {
            let entity = &found.entities[mention.entity];
            Occurrence {
                kind: &entity.entity_type,
                text: &mention.text,
                start: mention.span.start,
                end: mention.span.end,
                confidence: mention.confidence,
                cluster: mention.entity,
                metadata: (!entity.metadata.is_empty()).then_some(&entity.metadata),
            }
        });
        let relationships = found.relations.iter().map(|relation| Relationship {
            kind: &relation.relation_type,
            head: relation.head_mention,
            tail: relation.tail_mention,
            confidence: relation.confidence,
            evidence: relation.evidence,
            wikidata: if relation.open { Vec::new() } else { properties(&relation.relation_type) },
            open: relation.open,
        });
        Self {
            extractor: &found.extractor,
            version: &found.version,
            entities: entities.collect(),
            relationships: relationships.collect(),
        }
    }
}
