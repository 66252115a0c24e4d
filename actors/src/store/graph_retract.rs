//! Taking out of the graph what documents put in: at their deletion, and before they are written anew.

use std::collections::{BTreeSet, HashMap};

use kgl_extraction::name_key;
use sqlx::types::Json;

use super::{
    Scope, Store, StoreResult,
    graph_homonyms::regroup,
    graph_write::{MAX_ALIASES, lock_graph},
};
use crate::domain::{
    caller::Caller,
    graph::evidence_weight,
    ids::{DocumentId, EntityId, RelationshipId, UserId},
    merge::{EntityKey, better_name},
};

impl Store {
    /// Deletes a document and everything that only it said. Whether there was one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_document(&self, caller: &Caller, id: DocumentId) -> StoreResult<bool> {
        let mut scope = self.scope(caller).await?;
        let owner: Option<UserId> = sqlx::query_scalar("SELECT owner_id FROM documents WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *scope)
            .await?;
        let Some(owner) = owner else { return Ok(false) };
        lock_graph(&mut scope, owner).await?;
        // A new job for it cannot be added now, and whoever reads it finds its jobs gone.
        sqlx::query("SELECT FROM documents WHERE id = $1 FOR UPDATE").bind(id).execute(&mut *scope).await?;
        retract(&mut scope, owner, &[id]).await?;
        let done = sqlx::query("DELETE FROM documents WHERE id = $1").bind(id).execute(&mut *scope).await?;
        scope.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Takes out of the graph what these documents put in: the graph becomes what it would be had they never come. What
/// somebody made or changed by hand stays.
pub(super) async fn retract(scope: &mut Scope, owner: UserId, documents: &[DocumentId]) -> StoreResult<()> {
    let told = told_apart(scope, documents).await?;
    let touched = subtract(scope, documents).await?;
    sweep(scope, &touched).await?;
    regroup(scope, owner, &told).await
}

/// The names that these documents have told apart from namesakes, or others have.
pub(super) async fn told_apart(scope: &mut Scope, documents: &[DocumentId]) -> StoreResult<Vec<EntityKey>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT DISTINCT e.type, e.name_key FROM entity_mentions m JOIN entities e ON e.id = m.entity_id
         WHERE m.document_id = ANY($1) AND (e.distinction <> '' OR m.distinction IS NOT NULL) ORDER BY 1, 2",
    )
    .persistent(false)
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    Ok(rows.into_iter().map(|(entity_type, name_key)| EntityKey { entity_type, name_key }).collect())
}

/// Facts that lost evidence.
#[derive(Debug, Default)]
pub(super) struct Touched {
    relationships: Vec<RelationshipId>,
    entities: Vec<EntityId>,
}

/// Takes away what these documents prove, and leaves facts without any proof for [`sweep`]: one that is written anew
/// before that keeps its id.
pub(super) async fn subtract(scope: &mut Scope, documents: &[DocumentId]) -> StoreResult<Touched> {
    let relationships = subtract_relationships(scope, documents).await?;
    let entities = subtract_entities(scope, documents).await?;
    Ok(Touched { relationships, entities })
}

/// Takes away those facts that nothing proves any more.
pub(super) async fn sweep(scope: &mut Scope, touched: &Touched) -> StoreResult<()> {
    sqlx::query("DELETE FROM entity_relationships WHERE id = ANY($1) AND evidence_count = 0 AND origin = 'extracted'")
        .persistent(false)
        .bind(&touched.relationships)
        .execute(&mut **scope)
        .await?;
    // An entity that somebody tied a relationship to by hand stays, without mentions.
    sqlx::query(
        "DELETE FROM entities e WHERE e.id = ANY($1) AND e.mention_count = 0 AND e.origin = 'extracted'
           AND NOT EXISTS (SELECT FROM entity_relationships r WHERE r.source_entity_id = e.id)
           AND NOT EXISTS (SELECT FROM entity_relationships r WHERE r.target_entity_id = e.id)",
    )
    .persistent(false)
    .bind(&touched.entities)
    .execute(&mut **scope)
    .await?;
    Ok(())
}

async fn subtract_relationships(scope: &mut Scope, documents: &[DocumentId]) -> StoreResult<Vec<RelationshipId>> {
    let said: Vec<(RelationshipId, f32, i64)> = sqlx::query_as(
        "SELECT relationship_id, max(confidence), count(*) FROM relationship_evidence
         WHERE document_id = ANY($1) GROUP BY relationship_id, document_id",
    )
    .persistent(false)
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    let (ids, weights, counts) = losses(said.into_iter());
    sqlx::query("DELETE FROM relationship_evidence WHERE document_id = ANY($1)")
        .persistent(false)
        .bind(documents)
        .execute(&mut **scope)
        .await?;
    sqlx::query("SELECT id FROM entity_relationships WHERE id = ANY($1) ORDER BY source_entity_id, target_entity_id, relationship_type, open FOR UPDATE")
        .persistent(false)
        .bind(&ids)
        .execute(&mut **scope)
        .await?;
    sqlx::query(
        "UPDATE entity_relationships r SET evidence_weight = r.evidence_weight - n.weight,
             evidence_count = r.evidence_count - n.passages,
             confidence = CASE r.origin WHEN 'manual' THEN r.confidence
                          ELSE combined_confidence(r.evidence_weight - n.weight) END, updated_at = now()
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS n(id, weight, passages) WHERE r.id = n.id",
    )
    .persistent(false)
    .bind(&ids)
    .bind(&weights)
    .bind(&counts)
    .execute(&mut **scope)
    .await?;
    Ok(ids)
}

async fn subtract_entities(scope: &mut Scope, documents: &[DocumentId]) -> StoreResult<Vec<EntityId>> {
    let said: Vec<(EntityId, f32, i64)> = sqlx::query_as(
        "SELECT entity_id, max(confidence), count(*) FROM entity_mentions
         WHERE document_id = ANY($1) GROUP BY entity_id, document_id",
    )
    .persistent(false)
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    let (ids, weights, counts) = losses(said.into_iter());
    sqlx::query("SELECT id FROM entities WHERE id = ANY($1) ORDER BY type, name_key, distinction FOR UPDATE")
        .persistent(false)
        .bind(&ids)
        .execute(&mut **scope)
        .await?;
    sqlx::query("DELETE FROM entity_mentions WHERE document_id = ANY($1)")
        .persistent(false)
        .bind(documents)
        .execute(&mut **scope)
        .await?;
    sqlx::query(
        "UPDATE entities e SET evidence_weight = e.evidence_weight - n.weight,
             mention_count = e.mention_count - n.mentions,
             confidence = CASE e.origin WHEN 'manual' THEN e.confidence
                          ELSE combined_confidence(e.evidence_weight - n.weight) END, updated_at = now()
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS n(id, weight, mentions) WHERE e.id = n.id",
    )
    .persistent(false)
    .bind(&ids)
    .bind(&weights)
    .bind(&counts)
    .execute(&mut **scope)
    .await?;
    rename_entities(scope, &ids).await?;
    Ok(ids)
}

/// What each fact loses: the weight of each document's surest evidence, and the number of pieces.
fn losses<I: Copy + Eq + std::hash::Hash + Ord>(
    said: impl Iterator<Item = (I, f32, i64)>,
) -> (Vec<I>, Vec<i64>, Vec<i64>) {
    let mut sums: HashMap<I, (i64, i64)> = HashMap::new();
    for (id, confidence, pieces) in said {
        let sum = sums.entry(id).or_default();
        sum.0 += evidence_weight(f64::from(confidence));
        sum.1 += pieces;
    }
    let mut rows: Vec<(I, (i64, i64))> = sums.into_iter().collect();
    rows.sort_unstable_by_key(|(id, _)| *id);
    (rows.iter().map(|r| r.0).collect(), rows.iter().map(|r| r.1.0).collect(), rows.iter().map(|r| r.1.1).collect())
}

/// Derives names, aliases and sources anew from the mentions that are left, as the documents behind those would have
/// made them.
pub(super) async fn rename_entities(scope: &mut Scope, ids: &[EntityId]) -> StoreResult<()> {
    let left: Vec<(EntityId, String, String, Vec<String>, DocumentId)> = sqlx::query_as(
        "SELECT e.id, COALESCE(e.metadata->>'gazetteer_name', e.name_key), e.name_key, array_agg(DISTINCT m.quote),
                min(m.document_id::text)::uuid
         FROM entities e JOIN entity_mentions m ON m.entity_id = e.id
         WHERE e.id = ANY($1) AND e.origin = 'extracted' GROUP BY e.id",
    )
    .persistent(false)
    .bind(ids)
    .fetch_all(&mut **scope)
    .await?;
    let named: Vec<(String, BTreeSet<&str>)> =
        left.iter().map(|(_, listed, key, quotes, _)| names(listed, key, quotes)).collect();
    sqlx::query(
        "UPDATE entities e SET name = n.name, aliases = ARRAY(SELECT jsonb_array_elements_text(n.aliases)),
             first_document = n.first_document, source = d.source, source_type = d.source_type
         FROM unnest($1::uuid[], $2::text[], $3::jsonb[], $4::uuid[]) AS n(id, name, aliases, first_document)
         JOIN documents d ON d.id = n.first_document WHERE e.id = n.id",
    )
    .bind(left.iter().map(|row| row.0).collect::<Vec<_>>())
    .bind(named.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>())
    .bind(named.iter().map(|(_, aliases)| Json(aliases)).collect::<Vec<_>>())
    .bind(left.iter().map(|row| row.4).collect::<Vec<_>>())
    .execute(&mut **scope)
    .await?;
    Ok(())
}

/// The name and the aliases of an entity of this key that is called so; `listed` is its name where no document spells
/// the name out.
fn names<'a>(listed: &str, key: &str, quotes: &'a [String]) -> (String, BTreeSet<&'a str>) {
    let spelt = quotes.iter().map(String::as_str).filter(|quote| name_key(quote) == key);
    let name = spelt.reduce(|one, two| better_name(one, two)).unwrap_or(listed).to_owned();
    let aliases: BTreeSet<&str> = quotes.iter().map(String::as_str).filter(|quote| *quote != name).collect();
    (name, aliases.into_iter().take(usize::try_from(MAX_ALIASES).unwrap_or_default()).collect())
}
