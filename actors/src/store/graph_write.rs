//! Writing what documents say into their owner's graph, and taking it out again.
//!
//! One transaction locks the jobs, writes entities, relationships and their evidence in a fixed key order, and closes
//! the jobs whose lease still holds. So a job is closed exactly when its facts are there: twice is the same as once.

use std::collections::{HashMap, HashSet};

use sqlx::types::Json;

use super::{Scope, Store, StoreResult, jobs::Lease};
use crate::domain::{
    caller::Caller,
    graph::evidence_weight,
    ids::{DocumentId, EntityId, JobId, RelationshipId, UserId},
    job::JobResult,
    merge::{GraphGain, ReadDocument, merge},
};

/// No entity keeps more other names than this.
const MAX_ALIASES: i32 = 50;

/// A leased document that was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The right to write it.
    pub lease: Lease,
    /// What it says.
    pub document: ReadDocument,
}

impl Store {
    /// Writes one owner's readings and closes their jobs. Answers, for each reading in order, what its job came to, or
    /// none where the lease no longer held and nothing was written.
    ///
    /// # Errors
    /// When the database is away or a statement failed; then nothing was written.
    pub async fn write_graph(&self, owner: UserId, readings: &[Reading]) -> StoreResult<Vec<Option<JobResult>>> {
        let mut scope = self.owner(owner).await?;
        let held = lock_jobs(&mut scope, readings).await?;
        let alive: Vec<&Reading> = readings.iter().filter(|r| held.contains(&r.lease.job_id)).collect();
        let documents: Vec<ReadDocument> = alive.iter().map(|r| r.document.clone()).collect();
        let again = documents_with_facts(&mut scope, &documents).await?;
        if !again.is_empty() {
            retract(&mut scope, &again).await?;
        }
        let gain = merge(&documents);
        let entities = upsert_entities(&mut scope, owner, &gain).await?;
        let relationships = upsert_relationships(&mut scope, owner, &gain, &entities).await?;
        insert_mentions(&mut scope, owner, &documents, &gain, &entities).await?;
        insert_evidence(&mut scope, owner, &documents, &gain, &relationships).await?;
        close_jobs(&mut scope, &alive, &gain.results).await?;
        scope.commit().await?;
        let mut results: HashMap<JobId, JobResult> = alive.iter().map(|r| r.lease.job_id).zip(gain.results).collect();
        Ok(readings.iter().map(|r| results.remove(&r.lease.job_id)).collect())
    }

    /// Deletes a document and everything that only it said. Whether there was one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn delete_document(&self, caller: &Caller, id: DocumentId) -> StoreResult<bool> {
        let mut scope = self.scope(caller).await?;
        // Whoever writes this document's facts at the moment holds these rows; whoever comes later finds them gone.
        sqlx::query("SELECT id FROM jobs WHERE document_id = $1 ORDER BY id FOR UPDATE")
            .bind(id)
            .execute(&mut *scope)
            .await?;
        retract(&mut scope, &[id]).await?;
        let done = sqlx::query("DELETE FROM documents WHERE id = $1").bind(id).execute(&mut *scope).await?;
        scope.commit().await?;
        Ok(done.rows_affected() > 0)
    }
}

/// Locks the jobs in order of their ids and answers those whose lease still holds.
async fn lock_jobs(scope: &mut Scope, readings: &[Reading]) -> StoreResult<HashSet<JobId>> {
    let rows: Vec<JobId> = sqlx::query_scalar(
        "SELECT j.id FROM jobs j JOIN unnest($1::uuid[], $2::bigint[]) AS l(id, fence) ON j.id = l.id
         WHERE j.fence = l.fence AND j.status = 'processing' ORDER BY j.id FOR UPDATE OF j",
    )
    .bind(readings.iter().map(|r| r.lease.job_id).collect::<Vec<_>>())
    .bind(readings.iter().map(|r| r.lease.fence).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Those of the documents that an earlier job wrote already: what that one said is taken out first.
async fn documents_with_facts(scope: &mut Scope, documents: &[ReadDocument]) -> StoreResult<Vec<DocumentId>> {
    Ok(sqlx::query_scalar(
        "SELECT d.id FROM unnest($1::uuid[]) AS d(id)
         WHERE EXISTS (SELECT FROM entity_mentions m WHERE m.document_id = d.id)",
    )
    .bind(documents.iter().map(|d| d.document_id).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?)
}

async fn upsert_entities(scope: &mut Scope, owner: UserId, gain: &GraphGain) -> StoreResult<Vec<EntityId>> {
    if gain.entities.is_empty() {
        return Ok(Vec::new());
    }
    let rows = &gain.entities;
    // Aliases cannot travel as an array of arrays, which PostgreSQL wants rectangular: they go as JSON.
    let ids: Vec<(EntityId, String, String)> = sqlx::query_as(
        "INSERT INTO entities AS e (id, owner_id, name, name_key, type, aliases, confidence, evidence_weight,
             mention_count, source, source_type, metadata, created_by)
         SELECT n.id, $1, n.name, n.name_key, n.type,
                ARRAY(SELECT a FROM jsonb_array_elements_text(n.aliases) a WHERE a <> n.name LIMIT $11),
                1 - exp(-n.weight / 1e6::float8), n.weight, n.mentions, n.source, n.source_type, n.metadata, $1
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[], $8::bigint[],
                     $9::text[], $10::text[], $12::jsonb[])
           AS n(id, name, name_key, type, aliases, weight, mentions, source, source_type, metadata)
         ON CONFLICT (owner_id, type, name_key) DO UPDATE SET
             evidence_weight = e.evidence_weight + excluded.evidence_weight,
             mention_count = e.mention_count + excluded.mention_count,
             confidence = CASE e.origin WHEN 'manual' THEN e.confidence
                          ELSE 1 - exp(-(e.evidence_weight + excluded.evidence_weight) / 1e6::float8) END,
             aliases = CASE WHEN excluded.aliases || excluded.name <@ e.aliases || e.name THEN e.aliases
                       ELSE ARRAY(SELECT DISTINCT a FROM unnest(e.aliases || excluded.aliases || excluded.name) a
                                  WHERE a <> e.name ORDER BY a LIMIT $11) END,
             metadata = CASE WHEN excluded.metadata <@ e.metadata THEN e.metadata
                        ELSE excluded.metadata || e.metadata END,
             updated_at = now()
         RETURNING e.id, e.type, e.name_key",
    )
    .bind(owner)
    .bind(rows.iter().map(|_| EntityId::new()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, e)| e.name.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(key, _)| key.name_key.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(key, _)| key.entity_type.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, e)| Json(&e.aliases)).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, e)| e.weight).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, e)| e.mentions).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, e)| e.source.as_deref()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, e)| e.source_type.as_str()).collect::<Vec<_>>())
    .bind(MAX_ALIASES)
    .bind(rows.iter().map(|(_, e)| Json(&e.metadata)).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?;
    let by_key: HashMap<(&str, &str), EntityId> =
        ids.iter().map(|(id, entity_type, key)| ((entity_type.as_str(), key.as_str()), *id)).collect();
    let place = |key: &(&str, &str)| by_key.get(key).copied();
    rows.iter()
        .map(|(key, _)| place(&(&key.entity_type, &key.name_key)).ok_or_else(|| sqlx::Error::RowNotFound.into()))
        .collect()
}

async fn upsert_relationships(
    scope: &mut Scope,
    owner: UserId,
    gain: &GraphGain,
    entities: &[EntityId],
) -> StoreResult<Vec<RelationshipId>> {
    if gain.relationships.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: Vec<(EntityId, EntityId, &str, i64, i64, usize)> = gain
        .relationships
        .iter()
        .enumerate()
        .map(|(at, (key, r))| {
            (entities[key.head], entities[key.tail], key.relationship_type.as_str(), r.weight, r.evidence, at)
        })
        .collect();
    // By the entities' ids and not by their names: the order in which every writer locks.
    rows.sort_unstable();
    let ids: Vec<(RelationshipId, EntityId, EntityId, String)> = sqlx::query_as(
        "INSERT INTO entity_relationships AS r (id, owner_id, source_entity_id, target_entity_id, relationship_type,
             confidence, evidence_weight, evidence_count, created_by)
         SELECT n.id, $1, n.source, n.target, n.type, 1 - exp(-n.weight / 1e6::float8), n.weight, n.evidence, $1
         FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::bigint[])
           AS n(id, source, target, type, weight, evidence)
         ON CONFLICT (source_entity_id, target_entity_id, relationship_type) DO UPDATE SET
             evidence_weight = r.evidence_weight + excluded.evidence_weight,
             evidence_count = r.evidence_count + excluded.evidence_count,
             confidence = CASE r.origin WHEN 'manual' THEN r.confidence
                          ELSE 1 - exp(-(r.evidence_weight + excluded.evidence_weight) / 1e6::float8) END,
             updated_at = now()
         RETURNING r.id, r.source_entity_id, r.target_entity_id, r.relationship_type",
    )
    .bind(owner)
    .bind(rows.iter().map(|_| RelationshipId::new()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.2).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.3).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.4).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?;
    let by_key: HashMap<(EntityId, EntityId, &str), RelationshipId> =
        ids.iter().map(|(id, head, tail, kind)| ((*head, *tail, kind.as_str()), *id)).collect();
    let mut placed = vec![None; rows.len()];
    for (head, tail, kind, _, _, at) in &rows {
        placed[*at] = by_key.get(&(*head, *tail, *kind)).copied();
    }
    placed.into_iter().map(|id| id.ok_or_else(|| sqlx::Error::RowNotFound.into())).collect()
}

async fn insert_mentions(
    scope: &mut Scope,
    owner: UserId,
    documents: &[ReadDocument],
    gain: &GraphGain,
    entities: &[EntityId],
) -> StoreResult<()> {
    let rows = &gain.mentions;
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO entity_mentions (owner_id, document_id, revision, entity_id, start_offset, end_offset,
             sentence_start, sentence_end, quote, confidence)
         SELECT $1, n.* FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::int[], $6::int[], $7::int[], $8::int[],
                                    $9::text[], $10::real[]) AS n",
    )
    .bind(owner)
    .bind(rows.iter().map(|m| documents[m.document].document_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| documents[m.document].revision).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| entities[m.entity]).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| m.span.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| m.span.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| m.sentence.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| m.sentence.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| m.quote.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| m.confidence).collect::<Vec<_>>())
    .execute(&mut **scope)
    .await?;
    Ok(())
}

async fn insert_evidence(
    scope: &mut Scope,
    owner: UserId,
    documents: &[ReadDocument],
    gain: &GraphGain,
    relationships: &[RelationshipId],
) -> StoreResult<()> {
    let rows = &gain.evidence;
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO relationship_evidence (owner_id, document_id, revision, relationship_id, start_offset, end_offset,
             head_start, head_end, tail_start, tail_end, quote, confidence)
         SELECT $1, n.* FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::int[], $6::int[], $7::int[], $8::int[],
                                    $9::int[], $10::int[], $11::text[], $12::real[]) AS n",
    )
    .bind(owner)
    .bind(rows.iter().map(|e| documents[e.document].document_id).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| documents[e.document].revision).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| relationships[e.relationship]).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.span.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.span.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.head.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.head.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.tail.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.tail.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.quote.as_str()).collect::<Vec<_>>())
    .bind(rows.iter().map(|e| e.confidence).collect::<Vec<_>>())
    .execute(&mut **scope)
    .await?;
    Ok(())
}

async fn close_jobs(scope: &mut Scope, readings: &[&Reading], results: &[JobResult]) -> StoreResult<()> {
    sqlx::query(
        "UPDATE jobs j SET status = 'completed', result = n.result, error_message = NULL, finished_at = clock_timestamp(),
                leased_by = NULL, leased_until = NULL, progress_stage = 'done',
                progress_done = greatest(n.sentences, 1), progress_total = greatest(n.sentences, 1)
         FROM unnest($1::uuid[], $2::jsonb[], $3::int[]) AS n(id, result, sentences) WHERE j.id = n.id",
    )
    .bind(readings.iter().map(|r| r.lease.job_id).collect::<Vec<_>>())
    .bind(results.iter().map(Json).collect::<Vec<_>>())
    .bind(
        readings
            .iter()
            .map(|r| i32::try_from(r.document.extraction.sentences.len()).unwrap_or(i32::MAX))
            .collect::<Vec<_>>(),
    )
    .execute(&mut **scope)
    .await?;
    Ok(())
}

/// Takes out of the graph what these documents put in: the graph becomes what it would be had they never come. What
/// somebody made or changed by hand stays.
async fn retract(scope: &mut Scope, documents: &[DocumentId]) -> StoreResult<()> {
    retract_relationships(scope, documents).await?;
    retract_entities(scope, documents).await
}

async fn retract_relationships(scope: &mut Scope, documents: &[DocumentId]) -> StoreResult<()> {
    let said: Vec<(RelationshipId, f32, i64)> = sqlx::query_as(
        "SELECT relationship_id, max(confidence), count(*) FROM relationship_evidence
         WHERE document_id = ANY($1) GROUP BY relationship_id, document_id",
    )
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    let (ids, weights, counts) = losses(said.into_iter());
    sqlx::query("DELETE FROM relationship_evidence WHERE document_id = ANY($1)")
        .bind(documents)
        .execute(&mut **scope)
        .await?;
    sqlx::query("SELECT id FROM entity_relationships WHERE id = ANY($1) ORDER BY source_entity_id, target_entity_id, relationship_type FOR UPDATE")
        .bind(&ids)
        .execute(&mut **scope)
        .await?;
    sqlx::query(
        "UPDATE entity_relationships r SET evidence_weight = r.evidence_weight - n.weight,
             evidence_count = r.evidence_count - n.passages,
             confidence = CASE r.origin WHEN 'manual' THEN r.confidence
                          ELSE 1 - exp(-(r.evidence_weight - n.weight) / 1e6::float8) END, updated_at = now()
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS n(id, weight, passages) WHERE r.id = n.id",
    )
    .bind(&ids)
    .bind(&weights)
    .bind(&counts)
    .execute(&mut **scope)
    .await?;
    sqlx::query("DELETE FROM entity_relationships WHERE id = ANY($1) AND evidence_count = 0 AND origin = 'extracted'")
        .bind(&ids)
        .execute(&mut **scope)
        .await?;
    Ok(())
}

async fn retract_entities(scope: &mut Scope, documents: &[DocumentId]) -> StoreResult<()> {
    let said: Vec<(EntityId, f32, i64)> = sqlx::query_as(
        "SELECT entity_id, max(confidence), count(*) FROM entity_mentions
         WHERE document_id = ANY($1) GROUP BY entity_id, document_id",
    )
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    let (ids, weights, counts) = losses(said.into_iter());
    sqlx::query("SELECT id FROM entities WHERE id = ANY($1) ORDER BY type, name_key FOR UPDATE")
        .bind(&ids)
        .execute(&mut **scope)
        .await?;
    sqlx::query("DELETE FROM entity_mentions WHERE document_id = ANY($1)")
        .bind(documents)
        .execute(&mut **scope)
        .await?;
    sqlx::query(
        "UPDATE entities e SET evidence_weight = e.evidence_weight - n.weight,
             mention_count = e.mention_count - n.mentions,
             confidence = CASE e.origin WHEN 'manual' THEN e.confidence
                          ELSE 1 - exp(-(e.evidence_weight - n.weight) / 1e6::float8) END,
             aliases = CASE e.origin WHEN 'manual' THEN e.aliases
                       ELSE ARRAY(SELECT DISTINCT m.quote FROM entity_mentions m
                                  WHERE m.entity_id = e.id AND m.quote <> e.name ORDER BY m.quote LIMIT $4) END,
             updated_at = now()
         FROM unnest($1::uuid[], $2::bigint[], $3::bigint[]) AS n(id, weight, mentions) WHERE e.id = n.id",
    )
    .bind(&ids)
    .bind(&weights)
    .bind(&counts)
    .bind(MAX_ALIASES)
    .execute(&mut **scope)
    .await?;
    // An entity that somebody tied a relationship to by hand stays, without mentions.
    sqlx::query(
        "DELETE FROM entities e WHERE e.id = ANY($1) AND e.mention_count = 0 AND e.origin = 'extracted'
           AND NOT EXISTS (SELECT FROM entity_relationships r WHERE r.source_entity_id = e.id)
           AND NOT EXISTS (SELECT FROM entity_relationships r WHERE r.target_entity_id = e.id)",
    )
    .bind(&ids)
    .execute(&mut **scope)
    .await?;
    Ok(())
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
