//! Breadth first from some entities, the surest edges first, within bounds.

use std::collections::HashSet;

use super::KnowledgeGraph;
use crate::{
    domain::{
        error::Result,
        graph::{Entity, Relationship},
        ids::EntityId,
    },
    store::{
        Scope, entities,
        graph_reads::{EdgeFilter, edges_at},
    },
};

/// More than anybody can look at, and few enough to be sent.
pub(super) const MAX_NODES: usize = 1000;
/// As [`MAX_NODES`]: five edges a node.
pub(super) const MAX_EDGES: usize = 5000;
/// How many edges one step may look at in each direction, shared by the entities that it starts from: a step from one
/// hub or from a thousand costs about the same.
const EDGES_READ: usize = 50_000;

/// The surroundings of the seeds, as many steps out. The seeds come first.
pub(super) async fn around(
    scope: &mut Scope,
    seeds: Vec<Entity>,
    depth: u8,
    filter: EdgeFilter<'_>,
) -> Result<KnowledgeGraph> {
    let mut frontier: Vec<EntityId> = seeds.iter().map(|seed| seed.id).collect();
    let mut graph = KnowledgeGraph { nodes: seeds, edges: Vec::new() };
    let mut nodes: HashSet<EntityId> = frontier.iter().copied().collect();
    for _ in 0..depth {
        let room = MAX_EDGES - graph.edges.len();
        if frontier.is_empty() || room == 0 {
            break;
        }
        let each = i64::try_from(EDGES_READ / frontier.len()).unwrap_or(i64::MAX).max(1);
        // An edge within the frontier comes from both ends, and one to the frontier before was taken already.
        let at_most = i64::try_from(2 * MAX_EDGES + graph.edges.len()).unwrap_or(i64::MAX);
        let found = edges_at(scope, &frontier, filter, each, at_most).await?;
        let step = choose(&graph.edges, found, &nodes, MAX_NODES.saturating_sub(nodes.len()), room);
        let reached = entities::active(scope, &step.reached).await?;
        frontier = reached.iter().map(|entity| entity.id).collect();
        nodes.extend(&frontier);
        graph.nodes.extend(reached);
        // What was reached may have been switched off: its edges lead nowhere then.
        let alive =
            |edge: &Relationship| nodes.contains(&edge.source_entity_id) && nodes.contains(&edge.target_entity_id);
        graph.edges.extend(step.edges.into_iter().filter(alive));
    }
    Ok(graph)
}

/// What one step adds.
struct Step {
    edges: Vec<Relationship>,
    /// The entities that were not there before, in the order of the edges to them.
    reached: Vec<EntityId>,
}

/// Of the edges found, the surest first, those that are new and lead to an entity that is there or finds room.
fn choose(
    taken: &[Relationship],
    found: Vec<Relationship>,
    nodes: &HashSet<EntityId>,
    node_room: usize,
    edge_room: usize,
) -> Step {
    let mut seen: HashSet<_> = taken.iter().map(|edge| edge.id).collect();
    let mut reached: HashSet<EntityId> = HashSet::new();
    let mut step = Step { edges: Vec::new(), reached: Vec::new() };
    for edge in found {
        if step.edges.len() == edge_room {
            break;
        }
        let new_end = [edge.source_entity_id, edge.target_entity_id]
            .into_iter()
            .find(|end| !nodes.contains(end) && !reached.contains(end));
        if new_end.is_some() && reached.len() == node_room {
            continue;
        }
        if seen.insert(edge.id) {
            if let Some(end) = new_end {
                reached.insert(end);
                step.reached.push(end);
            }
            step.edges.push(edge);
        }
    }
    step
}
