//! What one document says.

use std::{collections::HashMap, hash::Hash};

use super::{DocumentEntity, DocumentGraph, DocumentRelationship};
use crate::{
    domain::{error::Result, ids::DocumentId},
    store::{Scope, entities, graph_reads},
};

/// The graph of a document, in the order of its text; none when there is no such document.
pub(super) async fn read(scope: &mut Scope, id: DocumentId) -> Result<Option<DocumentGraph>> {
    let Some(revision) = graph_reads::revision(scope, id).await? else {
        return Ok(None);
    };
    let (named, mut mentions) = grouped(graph_reads::mentions(scope, id, revision).await?);
    let (stated, mut evidence) = grouped(graph_reads::statements(scope, id, revision).await?);
    let entities: Vec<DocumentEntity> = entities::active(scope, &named)
        .await?
        .into_iter()
        .map(|entity| DocumentEntity { mentions: mentions.remove(&entity.id).unwrap_or_default(), entity })
        .collect();
    let relationships = graph_reads::active_relationships(scope, &stated)
        .await?
        .into_iter()
        .map(|relationship| DocumentRelationship {
            evidence: evidence.remove(&relationship.id).unwrap_or_default(),
            relationship,
        })
        .collect();
    Ok(Some(DocumentGraph { document_id: id, revision, entities, relationships }))
}

/// The ids in the order of their first rows, and the rows of each.
fn grouped<K: Copy + Eq + Hash, V>(rows: Vec<(K, V)>) -> (Vec<K>, HashMap<K, Vec<V>>) {
    let mut order = Vec::new();
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for (key, value) in rows {
        groups
            .entry(key)
            .or_insert_with(|| {
                order.push(key);
                Vec::new()
            })
            .push(value);
    }
    (order, groups)
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn groups_keep_the_order_in_which_they_and_their_rows_come() {
        let (order, groups) = grouped(vec![("b", 1), ("a", 2), ("b", 3)]);
        assert_eq!(order, ["b", "a"]);
        assert_eq!(groups["b"], [1, 3]);
    }
}
