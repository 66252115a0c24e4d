//! Writing what documents say into their owner's graph. Taking it out again is in `graph_retract`.
//!
//! One transaction locks the jobs, writes entities, relationships and their evidence in a fixed key order, and closes
//! the jobs whose lease still holds. So a job is closed exactly when its facts are there: twice is the same as once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::types::Json;

use super::{
    Scope, Store, StoreResult,
    graph_homonyms::regroup,
    graph_retract::{subtract, sweep, told_apart},
    job_changes::{note, statements},
    leases::Lease,
};
use crate::domain::{
    changes::{Statements, compare},
    ids::{DocumentId, EntityId, JobId, RelationshipId, UserId},
    job::JobResult,
    merge::{GraphGain, ReadDocument, merge},
};

/// No entity keeps more other names than this.
pub(super) const MAX_ALIASES: i32 = 50;

/// A leased document that was read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The right to write it.
    pub lease: Lease,
    /// What it says.
    pub document: ReadDocument,
}

/// How often a batch is begun again because some of its jobs were called off while it was written.
const MAX_ROUNDS: usize = 8;

impl Store {
    /// Writes one owner's readings and closes their jobs. Answers, for each reading in order, what its job came to, or
    /// none where the lease no longer held and nothing was written.
    ///
    /// Jobs are not locked while their facts are written, so that calling one off never waits for that; they are closed
    /// last, and when the lease of one no longer holds by then, everything is taken back and written without it.
    ///
    /// # Errors
    /// When the database is away or a statement failed; then nothing was written.
    pub async fn write_graph(&self, owner: UserId, readings: &[Reading]) -> StoreResult<Vec<Option<JobResult>>> {
        for _ in 0..MAX_ROUNDS {
            let mut scope = self.owner(owner).await?;
            lock_graph(&mut scope, owner).await?;
            let held = held_jobs(&mut scope, readings).await?;
            let alive: Vec<&Reading> = readings.iter().filter(|r| held.contains(&r.lease.job_id)).collect();
            let results = write_in(&mut scope, owner, &alive).await?;
            if close_jobs(&mut scope, &alive, &results).await? == alive.len() {
                scope.commit().await?;
                let mut results: HashMap<JobId, JobResult> =
                    alive.iter().map(|r| r.lease.job_id).zip(results).collect();
                return Ok(readings.iter().map(|r| results.remove(&r.lease.job_id)).collect());
            }
            scope.rollback().await?;
        }
        // Somebody keeps calling jobs of this batch off; alone, each of them is decided in a round or two.
        Err(sqlx::Error::WorkerCrashed.into())
    }
}

/// Lets one transaction at a time change an owner's graph, whichever process it is in: adding facts and taking them out
/// lock rows in different orders.
pub(super) async fn lock_graph(scope: &mut Scope, owner: UserId) -> StoreResult<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))")
        .bind(owner)
        .execute(&mut **scope)
        .await?;
    Ok(())
}

/// Those jobs whose lease still holds.
async fn held_jobs(scope: &mut Scope, readings: &[Reading]) -> StoreResult<HashSet<JobId>> {
    let rows: Vec<JobId> = sqlx::query_scalar(
        "SELECT j.id FROM jobs j JOIN unnest($1::uuid[], $2::bigint[]) AS l(id, fence) ON j.id = l.id
         WHERE j.fence = l.fence AND j.status = 'processing'",
    )
    .persistent(false)
    .bind(readings.iter().map(|r| r.lease.job_id).collect::<Vec<_>>())
    .bind(readings.iter().map(|r| r.lease.fence).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?;
    Ok(rows.into_iter().collect())
}

/// Writes what the readings say, in place of what an earlier job read in the same documents.
async fn write_in(scope: &mut Scope, owner: UserId, readings: &[&Reading]) -> StoreResult<Vec<JobResult>> {
    let documents: Vec<&ReadDocument> = readings.iter().map(|r| &r.document).collect();
    let again = read_before(scope, &documents).await?;
    let (mut before, mut touched) = (BTreeMap::new(), None);
    // Names whose bearers may have to be told apart, or need not be any more.
    let mut names = BTreeSet::new();
    if !again.is_empty() {
        before = statements(scope, &again).await?;
        names.extend(told_apart(scope, &again).await?);
        touched = Some(subtract(scope, &again).await?);
    }
    let mut gain = merge(&documents);
    let entities = upsert_entities(scope, owner, &gain).await?;
    let relationships = upsert_relationships(scope, owner, &gain, &entities).await?;
    insert_mentions(scope, owner, &documents, &gain, &entities).await?;
    insert_evidence(scope, owner, &documents, &gain, &relationships).await?;
    names.extend(gain.entities.iter().map(|(key, _)| key).filter(|key| key.entity_type == "person").cloned());
    // Before what is left without proof goes: a namesake that only these documents name keeps its id.
    regroup(scope, owner, &names.into_iter().collect::<Vec<_>>()).await?;
    if let Some(touched) = touched {
        sweep(scope, &touched).await?;
        note_changes(scope, owner, readings, &before, &mut gain.results).await?;
    }
    Ok(gain.results)
}

/// Compares what documents say now with what they said before, and notes it with their jobs.
async fn note_changes(
    scope: &mut Scope,
    owner: UserId,
    readings: &[&Reading],
    before: &BTreeMap<DocumentId, Statements>,
    results: &mut [JobResult],
) -> StoreResult<()> {
    let documents: Vec<DocumentId> = before.keys().copied().collect();
    let after = statements(scope, &documents).await?;
    for (reading, result) in readings.iter().zip(results) {
        let id = reading.document.document_id;
        let Some((before, after)) = before.get(&id).zip(after.get(&id)) else { continue };
        let (changes, counts) = compare(before, after);
        note(scope, owner, reading.lease.job_id, &changes).await?;
        result.changes = Some(counts);
    }
    Ok(())
}

/// Those of the documents that an earlier job read already: what that one said is taken out first.
async fn read_before(scope: &mut Scope, documents: &[&ReadDocument]) -> StoreResult<Vec<DocumentId>> {
    Ok(sqlx::query_scalar(
        "SELECT d.id FROM unnest($1::uuid[]) AS d(id)
         WHERE EXISTS (SELECT FROM jobs j WHERE j.document_id = d.id AND j.status = 'completed')",
    )
    .persistent(false)
    .bind(documents.iter().map(|d| d.document_id).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?)
}

async fn upsert_entities(scope: &mut Scope, owner: UserId, gain: &GraphGain) -> StoreResult<Vec<EntityId>> {
    if gain.entities.is_empty() {
        return Ok(Vec::new());
    }
    let rows = &gain.entities;
    // An extracted entity that no document names at the moment is being read again, or is kept for a relationship that
    // was made by hand: it takes everything from the newcomers.
    // Aliases cannot travel as an array of arrays, which PostgreSQL wants rectangular: they go as JSON.
    let ids: Vec<(EntityId, String, String)> = sqlx::query_as(
        "INSERT INTO entities AS e (id, owner_id, name, name_key, type, aliases, confidence, evidence_weight,
             mention_count, first_document, source, source_type, metadata, created_by)
         SELECT n.id, $1, n.name, n.name_key, n.type,
                ARRAY(SELECT a FROM jsonb_array_elements_text(n.aliases) a WHERE a <> n.name
                      ORDER BY a COLLATE \"C\" LIMIT $11),
                combined_confidence(n.weight), n.weight, n.mentions, n.first_document, n.source, n.source_type,
                n.metadata, $1
         FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::bigint[], $8::bigint[],
                     $9::text[], $10::text[], $12::jsonb[], $13::uuid[])
           AS n(id, name, name_key, type, aliases, weight, mentions, source, source_type, metadata, first_document)
         ON CONFLICT (owner_id, type, name_key, distinction) DO UPDATE SET
             evidence_weight = e.evidence_weight + excluded.evidence_weight,
             mention_count = e.mention_count + excluded.mention_count,
             confidence = CASE e.origin WHEN 'manual' THEN e.confidence
                          ELSE combined_confidence(e.evidence_weight + excluded.evidence_weight) END,
             name = CASE WHEN e.mention_count = 0 AND e.origin = 'extracted' THEN excluded.name
                    ELSE better_entity_name(e, excluded.name) END,
             aliases = CASE WHEN e.mention_count = 0 AND e.origin = 'extracted' THEN excluded.aliases
                       WHEN (excluded.aliases || excluded.name) <@ (e.aliases || e.name) THEN e.aliases
                       ELSE ARRAY(SELECT a FROM (SELECT DISTINCT a COLLATE \"C\" AS a
                                                 FROM unnest(e.aliases || e.name || excluded.aliases || excluded.name) a) s
                                  WHERE a <> better_entity_name(e, excluded.name) ORDER BY a LIMIT $11) END,
             metadata = CASE WHEN e.mention_count = 0 AND e.origin = 'extracted' THEN excluded.metadata
                        WHEN excluded.metadata <@ e.metadata THEN e.metadata
                        ELSE excluded.metadata || e.metadata END,
             (first_document, source, source_type) =
                 (SELECT CASE WHEN older THEN excluded.first_document ELSE e.first_document END,
                         CASE WHEN older THEN excluded.source ELSE e.source END,
                         CASE WHEN older THEN excluded.source_type ELSE e.source_type END
                  FROM (SELECT e.origin = 'extracted'
                               AND (e.mention_count = 0 OR excluded.first_document < e.first_document)) AS o(older)),
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
    .bind(rows.iter().map(|(_, e)| e.first_document).collect::<Vec<_>>())
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
    let mut rows: Vec<(EntityId, EntityId, &str, bool, i64, i64, usize)> = gain
        .relationships
        .iter()
        .enumerate()
        .map(|(at, (key, r))| {
            (entities[key.head], entities[key.tail], key.relationship_type.as_str(), key.open, r.weight, r.evidence, at)
        })
        .collect();
    // By the entities' ids and not by their names: the order in which every writer locks.
    rows.sort_unstable();
    let ids: Vec<(RelationshipId, EntityId, EntityId, String, bool)> = sqlx::query_as(
        "INSERT INTO entity_relationships AS r (id, owner_id, source_entity_id, target_entity_id, relationship_type,
             open, confidence, evidence_weight, evidence_count, created_by)
         SELECT n.id, $1, n.source, n.target, n.type, n.open, combined_confidence(n.weight), n.weight, n.evidence, $1
         FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::boolean[], $7::bigint[], $8::bigint[])
           AS n(id, source, target, type, open, weight, evidence)
         ON CONFLICT (source_entity_id, target_entity_id, relationship_type, open) DO UPDATE SET
             evidence_weight = r.evidence_weight + excluded.evidence_weight,
             evidence_count = r.evidence_count + excluded.evidence_count,
             confidence = CASE r.origin WHEN 'manual' THEN r.confidence
                          ELSE combined_confidence(r.evidence_weight + excluded.evidence_weight) END,
             updated_at = now()
         RETURNING r.id, r.source_entity_id, r.target_entity_id, r.relationship_type, r.open",
    )
    .bind(owner)
    .bind(rows.iter().map(|_| RelationshipId::new()).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.2).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.3).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.4).collect::<Vec<_>>())
    .bind(rows.iter().map(|r| r.5).collect::<Vec<_>>())
    .fetch_all(&mut **scope)
    .await?;
    let by_key: HashMap<(EntityId, EntityId, &str, bool), RelationshipId> =
        ids.iter().map(|(id, head, tail, kind, open)| ((*head, *tail, kind.as_str(), *open), *id)).collect();
    let mut placed = vec![None; rows.len()];
    for (head, tail, kind, open, _, _, at) in &rows {
        placed[*at] = by_key.get(&(*head, *tail, *kind, *open)).copied();
    }
    placed.into_iter().map(|id| id.ok_or_else(|| sqlx::Error::RowNotFound.into())).collect()
}

async fn insert_mentions(
    scope: &mut Scope,
    owner: UserId,
    documents: &[&ReadDocument],
    gain: &GraphGain,
    entities: &[EntityId],
) -> StoreResult<()> {
    let rows = &gain.mentions;
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO entity_mentions (owner_id, document_id, revision, entity_id, start_offset, end_offset,
             sentence_start, sentence_end, quote, confidence, page, distinction)
         SELECT $1, n.* FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::int[], $6::int[], $7::int[], $8::int[],
                                    $9::text[], $10::real[], $11::int[], $12::text[]) AS n",
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
    .bind(rows.iter().map(|m| m.page).collect::<Vec<_>>())
    .bind(rows.iter().map(|m| m.distinction.as_deref()).collect::<Vec<_>>())
    .execute(&mut **scope)
    .await?;
    Ok(())
}

async fn insert_evidence(
    scope: &mut Scope,
    owner: UserId,
    documents: &[&ReadDocument],
    gain: &GraphGain,
    relationships: &[RelationshipId],
) -> StoreResult<()> {
    let rows = &gain.evidence;
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO relationship_evidence (owner_id, document_id, revision, relationship_id, start_offset, end_offset,
             head_start, head_end, tail_start, tail_end, quote, confidence, page)
         SELECT $1, n.* FROM unnest($2::uuid[], $3::int[], $4::uuid[], $5::int[], $6::int[], $7::int[], $8::int[],
                                    $9::int[], $10::int[], $11::text[], $12::real[], $13::int[]) AS n",
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
    .bind(rows.iter().map(|e| e.page).collect::<Vec<_>>())
    .execute(&mut **scope)
    .await?;
    Ok(())
}

/// Closes the jobs whose lease still holds, and answers how many those were.
async fn close_jobs(scope: &mut Scope, readings: &[&Reading], results: &[JobResult]) -> StoreResult<usize> {
    let done = sqlx::query(
        "UPDATE jobs j SET status = 'completed', result = n.result, error_message = NULL, finished_at = clock_timestamp(),
                leased_by = NULL, leased_until = NULL, progress_stage = 'done', progress_done = n.sentences,
                progress_total = n.sentences
         FROM unnest($1::uuid[], $2::bigint[], $3::jsonb[], $4::int[]) AS n(id, fence, result, sentences)
         WHERE j.id = n.id AND j.fence = n.fence AND j.status = 'processing'",
    )
    .persistent(false)
    .bind(readings.iter().map(|r| r.lease.job_id).collect::<Vec<_>>())
    .bind(readings.iter().map(|r| r.lease.fence).collect::<Vec<_>>())
    .bind(results.iter().map(Json).collect::<Vec<_>>())
    .bind(
        readings
            .iter()
            .map(|r| i32::try_from(r.document.extraction.sentences.len()).unwrap_or(i32::MAX))
            .collect::<Vec<_>>(),
    )
    .execute(&mut **scope)
    .await?;
    Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
}
