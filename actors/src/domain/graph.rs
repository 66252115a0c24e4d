//! The graph: entities, relationships, and the spans that prove them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    document::SourceType,
    ids::{DocumentId, EntityId, RelationshipId, UserId},
};

/// A node of the graph.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Entity {
    /// Identifier.
    pub id: EntityId,
    /// The name it goes by.
    pub name: String,
    /// What it is: `person`, `organization`, …
    #[serde(rename = "type")]
    pub entity_type: String,
    /// How sure it is that this is such an entity, 0 to 1: documents count as independent evidence.
    pub confidence: f64,
    /// The source of the first document that named it.
    pub source: Option<String>,
    /// What kind of source that was.
    pub source_type: SourceType,
    /// What is known of it besides, such as `iso` of a date.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// Other names that documents use for it.
    pub aliases: Vec<String>,
    /// How often documents name it.
    pub mention_count: i64,
    /// Whose it is.
    pub created_by: UserId,
    /// When it was first seen.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Whether it is in use.
    pub is_active: bool,
}

/// A directed edge of the graph.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Relationship {
    /// Identifier.
    pub id: RelationshipId,
    /// Where it starts.
    pub source_entity_id: EntityId,
    /// Where it ends.
    pub target_entity_id: EntityId,
    /// What it says: `works_for`, `founded`, …
    pub relationship_type: String,
    /// Whether it is in the text's own words (`contains`, `grown_in`) and not one of the known ones: less sure.
    pub open: bool,
    /// How sure it is, 0 to 1: documents count as independent evidence.
    pub confidence: f64,
    /// What is known of it besides.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// How many passages state it.
    pub evidence_count: i64,
    /// Whose it is.
    pub created_by: UserId,
    /// When it was first seen.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Whether it is in use.
    pub is_active: bool,
}

/// A stretch of a document's plain text, in Unicode scalar values; the end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TextSpan {
    /// The first character.
    pub start: i32,
    /// The first character after it.
    pub end: i32,
}

/// Where a document names an entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EntityEvidence {
    /// The document.
    pub document_id: DocumentId,
    /// The revision of its text.
    pub revision: i32,
    /// First character of the name.
    pub start: i32,
    /// First character after it.
    pub end: i32,
    /// The text at that span.
    pub quote: String,
    /// The sentence around it.
    pub sentence: TextSpan,
    /// How sure this one mention is, 0 to 1.
    pub confidence: f64,
    /// The page it begins on, counted from 1; absent when the document has no pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<i32>,
}

/// Where a document states a relationship.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RelationshipEvidence {
    /// The document.
    pub document_id: DocumentId,
    /// The revision of its text.
    pub revision: i32,
    /// First character of the passage.
    pub start: i32,
    /// First character after it.
    pub end: i32,
    /// The text at that span.
    pub quote: String,
    /// Where the passage names the source entity.
    pub head: TextSpan,
    /// Where it names the target entity.
    pub tail: TextSpan,
    /// How sure this one passage makes it, 0 to 1.
    pub confidence: f64,
    /// The page it begins on, counted from 1; absent when the document has no pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<i32>,
}

/// Which way an edge is followed from an entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Edges that end at it.
    Incoming,
    /// Edges that start at it.
    Outgoing,
    /// Both.
    #[default]
    Both,
}

/// The step by which confidence is kept as evidence: a millionth of a nat.
const WEIGHT_SCALE: f64 = 1e6;
/// No single document proves more than this: a thousandth of doubt stays.
const MAX_DOCUMENT_CONFIDENCE: f64 = 0.999;

/// What one document's confidence in a fact adds to the fact's evidence, in whole millionths of a nat.
///
/// Independent evidence multiplies doubt, 1 - c = Π (1 - cᵢ) (noisy-or), so its logarithm adds up; whole numbers make
/// the sum exact in any order, and a document that is taken away leaves no trace.
#[must_use]
pub fn evidence_weight(confidence: f64) -> i64 {
    let doubt = 1.0 - confidence.clamp(0.0, MAX_DOCUMENT_CONFIDENCE);
    #[allow(clippy::cast_possible_truncation)]
    {
        (-doubt.ln() * WEIGHT_SCALE).round() as i64
    }
}

/// The confidence that so much evidence amounts to; the inverse of [`evidence_weight`].
#[must_use]
pub fn combined_confidence(weight: i64) -> f64 {
    #[allow(clippy::cast_precision_loss)]
    let nats = weight as f64 / WEIGHT_SCALE;
    -(-nats).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_combines_as_independent_and_in_any_order() {
        let (a, b) = (evidence_weight(0.5), evidence_weight(0.8));
        assert!((combined_confidence(a + b) - 0.9).abs() < 1e-5);
        assert_eq!(a + b, b + a);
        assert!((combined_confidence(a + b - b) - 0.5).abs() < 1e-5);
    }

    #[test]
    fn certainty_is_never_reached_and_nothing_is_nothing() {
        assert!(combined_confidence(evidence_weight(1.0)) < 1.0);
        assert_eq!(evidence_weight(0.0), 0);
        assert!(combined_confidence(0).abs() < f64::EPSILON);
    }
}
