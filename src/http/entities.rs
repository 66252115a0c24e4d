//! `/api/v1/entities`: the nodes of the graph.

use kgl_actors::{
    domain::{
        error::Error,
        graph::{Direction, Entity, EntityEvidence},
        ids::{DocumentId, EntityId},
    },
    graph::{EntityFilter, RelationshipFilter},
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Answer,
    call::{Call, PageQuery},
    openapi::ProblemBody,
    relationships::RelationshipList,
    respond::{self, list_answer},
    validate,
};

/// Which entities to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntityQuery {
    /// Only of this type, such as `person`.
    #[serde(rename = "type")]
    entity_type: Option<String>,
    /// Only from this source.
    source: Option<String>,
    /// Only at least this sure, 0 to 1.
    #[param(minimum = 0, maximum = 1)]
    confidence_min: Option<f64>,
    /// Only those whose name or alias contains this.
    search: Option<String>,
    /// Only those that this document names.
    document_id: Option<DocumentId>,
}

/// Which way relationships are followed from an entity.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DirectionQuery {
    /// Those that end at it.
    Incoming,
    /// Those that start at it.
    Outgoing,
    /// Both.
    #[default]
    Both,
}

/// Which relationships of an entity to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EntityRelationshipQuery {
    /// Only of this type, such as `works_for`.
    relationship_type: Option<String>,
    /// Only those in the text's own words (`true`), or only the known ones (`false`).
    open: Option<bool>,
    /// Which way: `incoming`, `outgoing` or `both`.
    #[param(inline)]
    direction: Option<DirectionQuery>,
}

list_answer!(
    /// A page of entities.
    EntityList,
    entities: Entity
);
list_answer!(
    /// A page of places where documents name an entity.
    EntityEvidenceList,
    evidence: EntityEvidence
);

/// Lists entities, newest first.
#[utoipa::path(get, path = "/api/v1/entities", tag = "Graph", params(PageQuery, EntityQuery),
    responses((status = 200, body = EntityList), (status = 401, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn list(call: Call) -> Answer {
    let page = call.page()?;
    let EntityQuery { entity_type, source, confidence_min, search, document_id } = call.query()?;
    let mut issues = Vec::new();
    validate::confidence("confidence_min", confidence_min, &mut issues);
    if !issues.is_empty() {
        return Err(Error::Invalid(issues).into());
    }
    let filter = EntityFilter { entity_type, source, confidence_min, search, document_id };
    let listing = call.app.engine.graph().entities(call.caller()?, &filter, &page).await?;
    respond::ok(&EntityList::new(listing, &page))
}

/// One entity.
#[utoipa::path(get, path = "/api/v1/entities/{id}", tag = "Graph", params(("id" = EntityId, Path)),
    responses((status = 200, body = Entity), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody)))]
pub(crate) async fn get(call: Call) -> Answer {
    respond::ok(&call.app.engine.graph().entity(call.caller()?, call.id()?).await?)
}

/// Where documents name an entity, newest document first. Each quote equals its document's text at its span.
#[utoipa::path(get, path = "/api/v1/entities/{id}/evidence", tag = "Graph",
    params(("id" = EntityId, Path), PageQuery),
    responses((status = 200, body = EntityEvidenceList), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn evidence(call: Call) -> Answer {
    let page = call.page()?;
    let listing = call.app.engine.graph().entity_evidence(call.caller()?, call.id()?, &page).await?;
    respond::ok(&EntityEvidenceList::new(listing, &page))
}

/// The relationships of an entity, newest first.
#[utoipa::path(get, path = "/api/v1/entities/{id}/relationships", tag = "Graph",
    params(("id" = EntityId, Path), PageQuery, EntityRelationshipQuery),
    responses((status = 200, body = RelationshipList), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn relationships(call: Call) -> Answer {
    let page = call.page()?;
    let EntityRelationshipQuery { relationship_type, open, direction } = call.query()?;
    let direction = match direction.unwrap_or_default() {
        DirectionQuery::Incoming => Direction::Incoming,
        DirectionQuery::Outgoing => Direction::Outgoing,
        DirectionQuery::Both => Direction::Both,
    };
    let filter = RelationshipFilter { relationship_type, open, direction };
    let listing = call.app.engine.graph().entity_relationships(call.caller()?, call.id()?, &filter, &page).await?;
    respond::ok(&RelationshipList::new(listing, &page))
}
