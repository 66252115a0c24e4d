//! `/api/v1/graph`: questions to the graph as a whole.

use std::time::Instant;

use chrono::{DateTime, Utc};
use kgl_actors::{
    domain::{
        error::{Error, FieldIssue},
        graph::Entity,
        ids::EntityId,
        page::{DEFAULT_LIMIT, MAX_LIMIT},
    },
    graph::{GraphQuery, KnowledgeGraph, QueryType},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{Answer, call::Call, openapi::ProblemBody, respond, validate};

/// The most steps that a neighbourhood reaches.
const MAX_DEPTH: u8 = 3;
/// The longest question, in characters.
const MAX_QUERY: usize = 1000;

/// A question to the graph.
#[derive(Deserialize, ToSchema)]
pub(crate) struct GraphQuestion {
    /// For `entity_search` a name or a part of it; for `relationship_query` a relationship type or a name.
    #[schema(max_length = 1000, example = "Marie Curie")]
    query: String,
    query_type: Option<QuestionType>,
    filters: Option<QuestionFilters>,
}

/// The kind of a question.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QuestionType {
    /// Entities by name, with the relationships among and around them.
    #[default]
    EntitySearch,
    /// Entities by meaning. Not available yet: answered 422.
    SimilaritySearch,
    /// Relationships by type, or by the name of an entity at either end.
    RelationshipQuery,
}

/// What a question is narrowed to.
#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct QuestionFilters {
    entity_types: Option<Vec<String>>,
    relationship_types: Option<Vec<String>>,
    /// Only relationships in the text's own words (`true`), or only the known ones (`false`).
    open: Option<bool>,
    #[schema(minimum = 0, maximum = 1)]
    confidence_threshold: Option<f64>,
    date_range: Option<DateRange>,
    /// At most so many entities.
    #[schema(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// Only what was first seen in this time.
#[derive(Clone, Copy, Deserialize, ToSchema)]
pub(crate) struct DateRange {
    #[serde(alias = "from")]
    start: Option<DateTime<Utc>>,
    #[serde(alias = "to")]
    end: Option<DateTime<Utc>>,
}

/// The answer to a question.
#[derive(Serialize, ToSchema)]
pub(crate) struct GraphAnswer {
    /// Identifies this answer in logs.
    query_id: Uuid,
    /// How many entities match in all.
    total_results: i64,
    /// How long it took.
    execution_time_ms: f64,
    results: GraphResults,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct GraphResults {
    /// The best matches.
    entities: Vec<Entity>,
    /// They and their relationships.
    knowledge_graph: KnowledgeGraph,
}

/// How far to look around.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DepthQuery {
    /// How many steps out.
    #[param(minimum = 1, maximum = 3, default = 1)]
    relationship_depth: Option<u8>,
}

/// Asks the graph by name or by type of relationship.
#[utoipa::path(post, path = "/api/v1/graph/query", tag = "Graph", request_body = GraphQuestion,
    responses((status = 200, body = GraphAnswer), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 422, response = ProblemBody)))]
pub(crate) async fn query(call: Call) -> Answer {
    let question: GraphQuestion = call.json()?;
    let query = question.checked()?;
    let (query_id, started) = (Uuid::now_v7(), Instant::now());
    let answer = call.app.engine.graph().query(call.caller()?, &query).await?;
    respond::ok(&GraphAnswer {
        query_id,
        total_results: answer.total_results,
        execution_time_ms: started.elapsed().as_secs_f64() * 1000.0,
        results: GraphResults { entities: answer.entities, knowledge_graph: answer.knowledge_graph },
    })
}

/// The surroundings of an entity.
#[utoipa::path(get, path = "/api/v1/graph/entity/{id}", tag = "Graph", params(("id" = EntityId, Path), DepthQuery),
    responses((status = 200, body = KnowledgeGraph), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn neighbourhood(call: Call) -> Answer {
    let DepthQuery { relationship_depth } = call.query()?;
    let depth = relationship_depth.unwrap_or(1);
    if !(1..=MAX_DEPTH).contains(&depth) {
        return Err(Error::invalid("relationship_depth", format!("must be from 1 to {MAX_DEPTH}")).into());
    }
    respond::ok(&call.app.engine.graph().neighbourhood(call.caller()?, call.id()?, depth).await?)
}

impl GraphQuestion {
    /// Checks the question and makes the engine's of it.
    fn checked(self) -> Result<GraphQuery, Error> {
        let query_type = match self.query_type.unwrap_or_default() {
            QuestionType::EntitySearch => QueryType::EntitySearch,
            QuestionType::RelationshipQuery => QueryType::RelationshipQuery,
            QuestionType::SimilaritySearch => {
                let issue = "similarity_search is not available yet: take entity_search or relationship_query";
                return Err(Error::invalid("query_type", issue));
            }
        };
        let filters = self.filters.unwrap_or_default();
        let issues = filters.issues(&self.query);
        if !issues.is_empty() {
            return Err(Error::Invalid(issues));
        }
        let open_start = DateTime::UNIX_EPOCH;
        Ok(GraphQuery {
            query: self.query,
            query_type,
            entity_types: filters.entity_types.unwrap_or_default(),
            relationship_types: filters.relationship_types.unwrap_or_default(),
            open: filters.open,
            confidence_threshold: filters.confidence_threshold,
            date_range: filters
                .date_range
                .map(|range| (range.start.unwrap_or(open_start), range.end.unwrap_or_else(Utc::now))),
            limit: filters.limit.unwrap_or(DEFAULT_LIMIT),
        })
    }
}

impl QuestionFilters {
    fn issues(&self, query: &str) -> Vec<FieldIssue> {
        let mut issues = Vec::new();
        if query.chars().count() > MAX_QUERY {
            issues.push(FieldIssue::new("query", format!("must have at most {MAX_QUERY} characters")));
        }
        validate::type_names("filters.entity_types", self.entity_types.as_deref().unwrap_or_default(), &mut issues);
        let relationships = self.relationship_types.as_deref().unwrap_or_default();
        validate::type_names("filters.relationship_types", relationships, &mut issues);
        validate::confidence("filters.confidence_threshold", self.confidence_threshold, &mut issues);
        if self.limit.is_some_and(|limit| !(1..=MAX_LIMIT).contains(&limit)) {
            issues.push(FieldIssue::new("filters.limit", format!("must be from 1 to {MAX_LIMIT}")));
        }
        if let Some(DateRange { start: Some(start), end: Some(end) }) = self.date_range
            && start > end
        {
            issues.push(FieldIssue::new("filters.date_range", "must not end before it starts"));
        }
        issues
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(question: Value) -> Result<GraphQuery, Error> {
        let question: GraphQuestion = serde_json::from_value(question).expect("the right types");
        question.checked()
    }

    #[test]
    fn a_bare_question_is_a_search_by_name() {
        let query = check(json!({"query": "Curie"})).expect("a question");
        assert_eq!((query.query_type, query.limit), (QueryType::EntitySearch, DEFAULT_LIMIT));
        assert_eq!(query.date_range, None);
    }

    #[test]
    fn what_cannot_be_answered_is_said() {
        for question in [
            json!({"query": "x", "query_type": "similarity_search"}),
            json!({"query": "x".repeat(1001)}),
            json!({"query": "x", "filters": {"limit": 0}}),
            json!({"query": "x", "filters": {"confidence_threshold": -0.1}}),
            json!({"query": "x", "filters": {"entity_types": ["Person"]}}),
            json!({"query": "x", "filters": {"date_range": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}}),
        ] {
            assert!(matches!(check(question.clone()), Err(Error::Invalid(_))), "{question}");
        }
    }

    #[test]
    fn an_open_range_reaches_to_now() {
        let query = check(json!({"query": "", "filters": {"date_range": {"from": "2026-01-01T00:00:00Z"}}}));
        let (start, end) = query.expect("a question").date_range.expect("a range");
        assert!(start.timestamp() > 1_700_000_000 && end > start);
    }
}
