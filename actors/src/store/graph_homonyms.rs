//! Keeping namesakes apart: where documents say of two bearers of a name what cannot be true of one, each of them is an
//! entity of its own.
//!
//! Which entity a document's facts belong to follows from all documents that name it, and from nothing else: not from
//! their order, nor from what was there before. So it is looked at anew whenever documents come or go, and facts move.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Scope, StoreResult, graph_retract::rename_entities};
use crate::domain::{
    graph::evidence_weight,
    ids::{DocumentId, EntityId, RelationshipId, UserId},
    merge::EntityKey,
};

/// Where the facts of one document about a name stand, and what it says that tells the bearer from others.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    entity: EntityId,
    distinction: String,
    document: DocumentId,
    told: Option<String>,
}

/// A move of what documents say of one entity to its namesake.
type Moves = BTreeMap<(EntityId, String), Vec<DocumentId>>;

/// Sees to it that each of these names has as many entities as its documents tell apart.
pub(super) async fn regroup(scope: &mut Scope, owner: UserId, keys: &[EntityKey]) -> StoreResult<()> {
    for key in several(scope, owner, keys).await? {
        let moves = moves(&standings(scope, owner, &key).await?);
        let mut touched: BTreeSet<EntityId> = BTreeSet::new();
        let mut relationships: BTreeSet<RelationshipId> = BTreeSet::new();
        for ((from, distinction), documents) in &moves {
            let to = namesake(scope, *from, distinction).await?;
            relationships.extend(move_relationships(scope, owner, *from, to, documents).await?);
            move_mentions(scope, *from, to, documents).await?;
            touched.extend([*from, to]);
        }
        weigh_relationships(scope, &relationships.into_iter().collect::<Vec<_>>()).await?;
        weigh_entities(scope, &touched.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok(())
}

/// Those of the names that are told apart, or that were.
async fn several(scope: &mut Scope, owner: UserId, keys: &[EntityKey]) -> StoreResult<Vec<EntityKey>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT k.type, k.name_key FROM unnest($2::text[], $3::text[]) AS k(type, name_key)
         WHERE (SELECT bool_or(e.distinction <> '') OR min(m.least) <> max(m.most)
                FROM entities e
                LEFT JOIN LATERAL (SELECT min(distinction) AS least, max(distinction) AS most
                                   FROM entity_mentions WHERE entity_id = e.id AND distinction IS NOT NULL) m ON true
                WHERE e.owner_id = $1 AND e.type = k.type AND e.name_key = k.name_key)
         ORDER BY 1, 2",
    )
    .persistent(false)
    .bind(owner)
    .bind(keys.iter().map(|key| key.entity_type.as_str()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.name_key.as_str()).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?;
    Ok(rows.into_iter().map(|(entity_type, name_key)| EntityKey { entity_type, name_key }).collect())
}

async fn standings(scope: &mut Scope, owner: UserId, key: &EntityKey) -> StoreResult<Vec<Standing>> {
    let rows: Vec<(EntityId, String, DocumentId, Option<String>)> = sqlx::query_as(
        "SELECT e.id, e.distinction, m.document_id, max(m.distinction)
         FROM entities e JOIN entity_mentions m ON m.entity_id = e.id
         WHERE e.owner_id = $1 AND e.type = $2 AND e.name_key = $3
         GROUP BY e.id, m.document_id ORDER BY e.id, m.document_id",
    )
    .persistent(false)
    .bind(owner)
    .bind(&key.entity_type)
    .bind(&key.name_key)
    .fetch_all(&mut **scope)
    .await?;
    let standing = |(entity, distinction, document, told)| Standing { entity, distinction, document, told };
    Ok(rows.into_iter().map(standing).collect())
}

/// What has to move: while the documents tell of one bearer, or of none in particular, all belong together; else each
/// goes with those that say the same, and those that say nothing stay among themselves.
fn moves(standings: &[Standing]) -> Moves {
    let told: BTreeSet<&String> = standings.iter().filter_map(|s| s.told.as_ref()).collect();
    let apart = told.len() > 1;
    let mut moves = Moves::new();
    for standing in standings {
        let place = standing.told.clone().filter(|_| apart).unwrap_or_default();
        if place != standing.distinction {
            moves.entry((standing.entity, place)).or_default().push(standing.document);
        }
    }
    moves
}

/// The entity of the same name with this distinction; made when there is none.
async fn namesake(scope: &mut Scope, from: EntityId, distinction: &str) -> StoreResult<EntityId> {
    sqlx::query(
        "INSERT INTO entities (id, owner_id, name, name_key, type, distinction, confidence, source, source_type,
             metadata, created_by)
         SELECT $2, owner_id, name, name_key, type, $3, 0, source, source_type, metadata, created_by
         FROM entities WHERE id = $1
         ON CONFLICT (owner_id, type, name_key, distinction) DO NOTHING",
    )
    .persistent(false)
    .bind(from)
    .bind(EntityId::new())
    .bind(distinction)
    .execute(&mut **scope)
    .await?;
    Ok(sqlx::query_scalar(
        "SELECT e.id FROM entities e JOIN entities o USING (owner_id, type, name_key)
         WHERE o.id = $1 AND e.distinction = $2",
    )
    .persistent(false)
    .bind(from)
    .bind(distinction)
    .fetch_one(&mut **scope)
    .await?)
}

async fn move_mentions(scope: &mut Scope, from: EntityId, to: EntityId, documents: &[DocumentId]) -> StoreResult<()> {
    sqlx::query("UPDATE entity_mentions SET entity_id = $2 WHERE entity_id = $1 AND document_id = ANY($3)")
        .persistent(false)
        .bind(from)
        .bind(to)
        .bind(documents)
        .execute(&mut **scope)
        .await?;
    Ok(())
}

/// Moves what the documents say of one entity and others; answers the relationships that lost or won by it.
async fn move_relationships(
    scope: &mut Scope,
    owner: UserId,
    from: EntityId,
    to: EntityId,
    documents: &[DocumentId],
) -> StoreResult<Vec<RelationshipId>> {
    let said: Vec<(RelationshipId, EntityId, EntityId, String, bool)> = sqlx::query_as(
        "SELECT r.id, r.source_entity_id, r.target_entity_id, r.relationship_type, r.open FROM entity_relationships r
         WHERE (r.source_entity_id = $1 OR r.target_entity_id = $1)
           AND EXISTS (SELECT FROM relationship_evidence v WHERE v.relationship_id = r.id AND v.document_id = ANY($2))
         ORDER BY r.id",
    )
    .persistent(false)
    .bind(from)
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    let mut touched = Vec::new();
    for (old, source, target, kind, open) in said {
        let moved = |end: EntityId| if end == from { to } else { end };
        sqlx::query(
            "INSERT INTO entity_relationships (id, owner_id, source_entity_id, target_entity_id, relationship_type,
                 open, confidence, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, 0, $2)
             ON CONFLICT (source_entity_id, target_entity_id, relationship_type, open) DO NOTHING",
        )
        .persistent(false)
        .bind(RelationshipId::new())
        .bind(owner)
        .bind(moved(source))
        .bind(moved(target))
        .bind(&kind)
        .bind(open)
        .execute(&mut **scope)
        .await?;
        let new: RelationshipId = sqlx::query_scalar(
            "SELECT id FROM entity_relationships
             WHERE source_entity_id = $1 AND target_entity_id = $2 AND relationship_type = $3 AND open = $4",
        )
        .persistent(false)
        .bind(moved(source))
        .bind(moved(target))
        .bind(&kind)
        .bind(open)
        .fetch_one(&mut **scope)
        .await?;
        sqlx::query(
            "UPDATE relationship_evidence SET relationship_id = $2 WHERE relationship_id = $1 AND document_id = ANY($3)",
        )
        .persistent(false)
        .bind(old)
        .bind(new)
        .bind(documents)
        .execute(&mut **scope)
        .await?;
        touched.extend([old, new]);
    }
    Ok(touched)
}

/// The weight and the number of pieces that evidence amounts to, a row a document: its surest piece, and their number.
fn sums<I: Copy + Eq + std::hash::Hash>(ids: &[I], said: Vec<(I, f32, i64)>) -> (Vec<i64>, Vec<i64>) {
    let mut sums: HashMap<I, (i64, i64)> = HashMap::new();
    for (id, confidence, pieces) in said {
        let sum = sums.entry(id).or_default();
        sum.0 += evidence_weight(f64::from(confidence));
        sum.1 += pieces;
    }
    ids.iter().map(|id| sums.get(id).copied().unwrap_or_default()).unzip()
}

/// Adds up the evidence of relationships anew, and drops those that have none.
async fn weigh_relationships(scope: &mut Scope, ids: &[RelationshipId]) -> StoreResult<()> {
    let said: Vec<(RelationshipId, f32, i64)> = sqlx::query_as(
        "SELECT relationship_id, max(confidence), count(*) FROM relationship_evidence
         WHERE relationship_id = ANY($1) GROUP BY relationship_id, document_id",
    )
    .persistent(false)
    .bind(ids)
    .fetch_all(&mut **scope)
    .await?;
    let (weights, pieces) = sums(ids, said);
    sqlx::query(
        "UPDATE entity_relationships r SET evidence_weight = n.weight, evidence_count = n.pieces,
             confidence = CASE r.origin WHEN 'manual' THEN r.confidence ELSE combined_confidence(n.weight) END,
             updated_at = now()
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS n(id, weight, pieces) WHERE r.id = n.id",
    )
    .persistent(false)
    .bind(ids)
    .bind(&weights)
    .bind(&pieces)
    .execute(&mut **scope)
    .await?;
    sqlx::query("DELETE FROM entity_relationships WHERE id = ANY($1) AND evidence_count = 0 AND origin = 'extracted'")
        .persistent(false)
        .bind(ids)
        .execute(&mut **scope)
        .await?;
    Ok(())
}

/// Adds up the evidence of entities anew, names them by it, and drops those that nobody names any more.
async fn weigh_entities(scope: &mut Scope, ids: &[EntityId]) -> StoreResult<()> {
    let said: Vec<(EntityId, f32, i64)> = sqlx::query_as(
        "SELECT entity_id, max(confidence), count(*) FROM entity_mentions
         WHERE entity_id = ANY($1) GROUP BY entity_id, document_id",
    )
    .persistent(false)
    .bind(ids)
    .fetch_all(&mut **scope)
    .await?;
    let (weights, pieces) = sums(ids, said);
    sqlx::query(
        "UPDATE entities e SET evidence_weight = n.weight, mention_count = n.pieces,
             confidence = CASE e.origin WHEN 'manual' THEN e.confidence ELSE combined_confidence(n.weight) END,
             updated_at = now()
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS n(id, weight, pieces) WHERE e.id = n.id",
    )
    .persistent(false)
    .bind(ids)
    .bind(&weights)
    .bind(&pieces)
    .execute(&mut **scope)
    .await?;
    rename_entities(scope, ids).await?;
    sqlx::query(
        "DELETE FROM entities e WHERE e.id = ANY($1) AND e.mention_count = 0 AND e.origin = 'extracted'
           AND NOT EXISTS (SELECT FROM entity_relationships r WHERE r.source_entity_id = e.id)
           AND NOT EXISTS (SELECT FROM entity_relationships r WHERE r.target_entity_id = e.id)",
    )
    .persistent(false)
    .bind(ids)
    .execute(&mut **scope)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(entity: EntityId, distinction: &str, told: Option<&str>) -> Standing {
        Standing { entity, distinction: distinction.into(), document: DocumentId::new(), told: told.map(Into::into) }
    }

    #[test]
    fn documents_that_may_mean_the_same_one_stay_together() {
        let smith = EntityId::new();
        assert!(moves(&[standing(smith, "", Some("born 1580")), standing(smith, "", None)]).is_empty());
        let other = EntityId::new();
        let left = [standing(smith, "", None), standing(other, "born 1580", Some("born 1580"))];
        // The one who was born another year is gone: no reason to keep them apart any more.
        assert_eq!(moves(&left), Moves::from([((other, String::new()), vec![left[1].document])]));
    }

    #[test]
    fn each_goes_with_those_that_say_the_same() {
        let smith = EntityId::new();
        let all = [
            standing(smith, "", Some("born 1580")),
            standing(smith, "", Some("born 1938")),
            standing(smith, "", None),
            standing(smith, "", Some("born 1580")),
        ];
        let moves = moves(&all);
        assert_eq!(moves[&(smith, "born 1580".to_owned())], [all[0].document, all[3].document]);
        assert_eq!(moves[&(smith, "born 1938".to_owned())], [all[1].document]);
        assert_eq!(moves.len(), 2);
    }
}
