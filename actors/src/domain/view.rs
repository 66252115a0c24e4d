//! Questions to the graph, and answers that put its parts together.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    graph::{Direction, Entity, Relationship, TextSpan},
    ids::DocumentId,
};

/// Which entities to list.
#[derive(Clone, Debug, Default)]
pub struct EntityFilter {
    /// Only of this type.
    pub entity_type: Option<String>,
    /// Only from this source.
    pub source: Option<String>,
    /// Only at least this sure.
    pub confidence_min: Option<f64>,
    /// Only those whose name or alias contains this, whatever its case. Fewer than three letters or digits in a row are
    /// looked for at the beginnings of words only.
    pub search: Option<String>,
    /// Only those that this document names.
    pub document_id: Option<DocumentId>,
}

/// Which relationships of an entity to list.
#[derive(Clone, Debug, Default)]
pub struct RelationshipFilter {
    /// Only of this type.
    pub relationship_type: Option<String>,
    /// Only those in the text's own words, or only the known ones.
    pub open: Option<bool>,
    /// Which way.
    pub direction: Direction,
}

/// What `POST /graph/query` asks.
#[derive(Clone, Debug)]
pub struct GraphQuery {
    /// Name or part of it (entity_search), or relationship type / name (relationship_query).
    pub query: String,
    /// What kind of question.
    pub query_type: QueryType,
    /// Only entities of these types; empty is all.
    pub entity_types: Vec<String>,
    /// Only relationships of these types; empty is all.
    pub relationship_types: Vec<String>,
    /// Only relationships in the text's own words, or only the known ones.
    pub open: Option<bool>,
    /// Only facts at least this sure.
    pub confidence_threshold: Option<f64>,
    /// Only entities first seen in this range, ends included.
    pub date_range: Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)>,
    /// At most so many entities, 1 to 1000.
    pub limit: u32,
}

/// The kinds of question that the graph answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryType {
    /// Entities by name, with the relationships among and around them.
    EntitySearch,
    /// Relationships by type, or by the name of an entity at either end.
    RelationshipQuery,
}

/// Nodes and the edges between them.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct KnowledgeGraph {
    /// Entities.
    pub nodes: Vec<Entity>,
    /// Relationships between them.
    pub edges: Vec<Relationship>,
}

/// The answer to a [`GraphQuery`].
#[derive(Clone, Debug)]
pub struct QueryAnswer {
    /// How many match in all: entities by name, or relationships.
    pub total_results: i64,
    /// The best of the entities, or those at the ends of the relationships.
    pub entities: Vec<Entity>,
    /// They and their relationships.
    pub knowledge_graph: KnowledgeGraph,
}

/// An entity of one document, with where the document names it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentEntity {
    /// The entity.
    #[serde(flatten)]
    pub entity: Entity,
    /// Where this document names it, in the order of the text.
    pub mentions: Vec<MentionSpan>,
}

/// A mention within a known document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MentionSpan {
    /// First character.
    pub start: i32,
    /// First character after it.
    pub end: i32,
    /// The text there.
    pub quote: String,
    /// How sure this mention is.
    pub confidence: f64,
    /// The page it begins on, counted from 1; absent when the document has no pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<i32>,
}

/// A relationship of one document, with where the document states it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentRelationship {
    /// The relationship.
    #[serde(flatten)]
    pub relationship: Relationship,
    /// Where this document states it, in the order of the text.
    pub evidence: Vec<EvidenceSpan>,
}

/// A passage within a known document that states a relationship.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EvidenceSpan {
    /// First character.
    pub start: i32,
    /// First character after it.
    pub end: i32,
    /// The text there.
    pub quote: String,
    /// Where it names the source entity.
    pub head: TextSpan,
    /// Where it names the target entity.
    pub tail: TextSpan,
    /// How sure this passage makes it.
    pub confidence: f64,
    /// The page it begins on, counted from 1; absent when the document has no pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<i32>,
}

/// All that one document says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentGraph {
    /// The document.
    pub document_id: DocumentId,
    /// The revision of its text that the spans refer to.
    pub revision: i32,
    /// Whom and what it names.
    pub entities: Vec<DocumentEntity>,
    /// What it says of them.
    pub relationships: Vec<DocumentRelationship>,
}
