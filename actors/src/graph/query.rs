//! Questions by name and by type of relationship.

use std::collections::HashSet;

use kgl_extraction::name_key;

use super::{GraphQuery, KnowledgeGraph, QueryAnswer, QueryType, neighbourhood};
use crate::{
    domain::{
        caller::Caller,
        error::{Error, Result},
        graph::{Entity, Relationship},
        ids::EntityId,
    },
    store::{
        Scope, entities,
        entities::Needle,
        graph_reads::{self, EdgeFilter, Likeness},
    },
};

/// The longest name that there is; a longer question has no answer.
const MAX_QUERY_CHARS: usize = 500;
/// The largest limit of a query.
const MAX_LIMIT: u32 = 1000;
/// How many entities a name in a question about relationships may mean.
const MAX_MEANT: usize = 20;

/// Refuses a question that asks for nothing or for too much.
pub(super) fn check(query: &GraphQuery) -> Result<()> {
    if !(1..=MAX_LIMIT).contains(&query.limit) {
        return Err(Error::invalid("filters.limit", format!("must be from 1 to {MAX_LIMIT}")));
    }
    if query.query.chars().count() > MAX_QUERY_CHARS {
        return Err(Error::invalid("query", format!("must have at most {MAX_QUERY_CHARS} characters")));
    }
    let by_type = query.query_type == QueryType::RelationshipQuery && !query.relationship_types.is_empty();
    if Needle::new(&query.query).is_none() && !by_type {
        return Err(Error::invalid("query", "must not be empty"));
    }
    Ok(())
}

/// Answers it.
pub(super) async fn answer(scope: &mut Scope, caller: &Caller, query: &GraphQuery) -> Result<QueryAnswer> {
    match query.query_type {
        QueryType::EntitySearch => entity_search(scope, caller, query).await,
        QueryType::RelationshipQuery => relationship_query(scope, caller, query).await,
    }
}

async fn entity_search(scope: &mut Scope, caller: &Caller, query: &GraphQuery) -> Result<QueryAnswer> {
    let (ids, total) = named(scope, caller, query, query.limit as usize).await?;
    let found = entities::active(scope, &ids).await?;
    let knowledge_graph = neighbourhood::around(scope, found.clone(), 1, edge_filter(query)).await?;
    Ok(QueryAnswer { total_results: total, entities: found, knowledge_graph })
}

/// Entities whose name holds the needle, and if that leaves room, those with a name spelt alike after them. How many
/// there are counts what was looked for.
async fn named(scope: &mut Scope, caller: &Caller, query: &GraphQuery, at_most: usize) -> Result<(Vec<EntityId>, i64)> {
    let Some(needle) = Needle::new(&query.query) else {
        return Ok((Vec::new(), 0));
    };
    let (mut ids, mut total) =
        graph_reads::by_name(scope, caller.role, Likeness::Holds, &needle, query, at_most).await?;
    if ids.len() < at_most {
        let room = at_most - ids.len();
        let (alike, count) = graph_reads::by_name(scope, caller.role, Likeness::Alike, &needle, query, room).await?;
        ids.extend(alike);
        total += count;
    }
    Ok((ids, total))
}

/// A question that is a type of relationship ("works for") is answered with the newest of that type; any other one is
/// a name, and is answered with the surest relationships of whoever is called so.
async fn relationship_query(scope: &mut Scope, caller: &Caller, query: &GraphQuery) -> Result<QueryAnswer> {
    // Twice as many edges as entities are asked for are always enough to fill the answer or to end.
    let at_most = i64::from(query.limit) * 2;
    let types = types_meant(query);
    if !types.is_empty() {
        let edges = graph_reads::edges_of_types(scope, caller.role, &types, query, at_most).await?;
        if !edges.is_empty() {
            let total = graph_reads::count_edges_of_types(scope, &types, query).await?;
            return with_ends(scope, query, edges, total).await;
        }
    }
    let (meant, _) = named(scope, caller, query, MAX_MEANT).await?;
    if meant.is_empty() {
        return Ok(QueryAnswer { total_results: 0, entities: Vec::new(), knowledge_graph: KnowledgeGraph::default() });
    }
    let filter = edge_filter(query);
    let found = entities::active(scope, &meant).await?;
    let graph = neighbourhood::around(scope, found, 1, filter).await?;
    let total = graph_reads::count_edges_at(scope, &meant, filter).await?;
    with_ends(scope, query, graph.edges, total).await
}

/// The types that the question names: its own text as a type, if the filter lets that through, or with no text those
/// of the filter.
fn types_meant(query: &GraphQuery) -> Vec<String> {
    let key = name_key(&query.query).replace([' ', '-'], "_");
    if key.is_empty() {
        return query.relationship_types.clone();
    }
    let allowed = query.relationship_types.is_empty() || query.relationship_types.contains(&key);
    if allowed { vec![key] } else { Vec::new() }
}

/// The answer that edges make: as many of them, in order, as have no more ends than entities are wanted.
async fn with_ends(scope: &mut Scope, query: &GraphQuery, edges: Vec<Relationship>, total: i64) -> Result<QueryAnswer> {
    let room = (query.limit as usize).max(2);
    let mut ends: Vec<EntityId> = Vec::new();
    let mut seen: HashSet<EntityId> = HashSet::new();
    let mut kept: Vec<Relationship> = Vec::new();
    for edge in edges {
        let new: Vec<EntityId> =
            [edge.source_entity_id, edge.target_entity_id].into_iter().filter(|end| !seen.contains(end)).collect();
        if seen.len() + new.len() > room {
            continue;
        }
        seen.extend(&new);
        ends.extend(new);
        kept.push(edge);
    }
    let nodes = entities::active(scope, &ends).await?;
    let there: HashSet<EntityId> = nodes.iter().map(|node| node.id).collect();
    kept.retain(|edge| there.contains(&edge.source_entity_id) && there.contains(&edge.target_entity_id));
    let entities: Vec<Entity> = nodes.iter().take(query.limit as usize).cloned().collect();
    Ok(QueryAnswer { total_results: total, entities, knowledge_graph: KnowledgeGraph { nodes, edges: kept } })
}

fn edge_filter(query: &GraphQuery) -> EdgeFilter<'_> {
    EdgeFilter { types: &query.relationship_types, open: query.open, confidence_min: query.confidence_threshold }
}
