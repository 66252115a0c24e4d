//! `/api/v1/relationships`: the edges of the graph.

use kgl_actors::domain::{
    graph::{Relationship, RelationshipEvidence},
    ids::RelationshipId,
};

use super::{
    Answer,
    call::{Call, PageQuery},
    openapi::ProblemBody,
    respond::{self, list_answer},
};

list_answer!(
    /// A page of relationships.
    RelationshipList,
    relationships: Relationship
);
list_answer!(
    /// A page of passages that state a relationship.
    RelationshipEvidenceList,
    evidence: RelationshipEvidence
);

/// One relationship.
#[utoipa::path(get, path = "/api/v1/relationships/{id}", tag = "Graph", params(("id" = RelationshipId, Path)),
    responses((status = 200, body = Relationship), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody)))]
pub(crate) async fn get(call: Call) -> Answer {
    respond::ok(&call.app.engine.graph().relationship(call.caller()?, call.id()?).await?)
}

/// Where documents state a relationship, newest document first. Each quote equals its document's text at its span.
#[utoipa::path(get, path = "/api/v1/relationships/{id}/evidence", tag = "Graph",
    params(("id" = RelationshipId, Path), PageQuery),
    responses((status = 200, body = RelationshipEvidenceList), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 404, response = ProblemBody),
    (status = 422, response = ProblemBody)))]
pub(crate) async fn evidence(call: Call) -> Answer {
    let page = call.page()?;
    let listing = call.app.engine.graph().relationship_evidence(call.caller()?, call.id()?, &page).await?;
    respond::ok(&RelationshipEvidenceList::new(listing, &page))
}
