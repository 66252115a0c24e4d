//! What reading documents again changed: noted with the job, in the transaction that writes its facts.

use std::collections::{BTreeMap, HashMap};

use sqlx::{FromRow, types::Json};
use uuid::Uuid;

use super::{Scope, Store, StoreResult};
use crate::domain::{
    caller::Caller,
    changes::{Change, ChangeEnd, ChangeFilter, ChangeType, ChangedKind, Stated, Statements},
    ids::{DocumentId, JobId, UserId},
    page::{Listing, Page},
};

/// Changes of one job that are kept to be listed; all are counted.
const MAX_KEPT: usize = 10_000;

/// A passage that states a relationship.
#[derive(FromRow)]
struct Passage {
    document_id: DocumentId,
    id: Uuid,
    relationship_type: String,
    source_entity_id: Uuid,
    target_entity_id: Uuid,
    start_offset: i32,
    end_offset: i32,
    head_start: i32,
    tail_start: i32,
    confidence: f32,
}

/// All that these documents state now.
pub(super) async fn statements(
    scope: &mut Scope,
    documents: &[DocumentId],
) -> StoreResult<BTreeMap<DocumentId, Statements>> {
    let mut found: BTreeMap<DocumentId, Statements> = documents.iter().map(|id| (*id, Statements::new())).collect();
    let named: Vec<(DocumentId, Uuid, String, String, i32, i32, f32)> = sqlx::query_as(
        "SELECT m.document_id, e.id, e.type, e.name, m.start_offset, m.end_offset, m.confidence
         FROM entity_mentions m JOIN entities e ON e.id = m.entity_id
         WHERE m.document_id = ANY ($1) ORDER BY m.document_id, m.start_offset, m.end_offset",
    )
    .persistent(false)
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    for (document, id, type_name, name, start, end, confidence) in named {
        let stated = Stated { type_name, name: Some(name), ends: None, places: Vec::new() };
        let places = found.entry(document).or_default().entry((ChangedKind::Entity, id)).or_insert(stated);
        places.places.push((start, end, 0, 0, confidence.to_bits()));
    }
    let said: Vec<Passage> = sqlx::query_as(
        "SELECT v.document_id, r.id, r.relationship_type, r.source_entity_id, r.target_entity_id, v.start_offset,
                v.end_offset, v.head_start, v.tail_start, v.confidence
         FROM relationship_evidence v JOIN entity_relationships r ON r.id = v.relationship_id
         WHERE v.document_id = ANY ($1) ORDER BY v.document_id, v.start_offset, v.head_start, v.tail_start, v.end_offset",
    )
    .persistent(false)
    .bind(documents)
    .fetch_all(&mut **scope)
    .await?;
    let ends: Vec<Uuid> = said.iter().flat_map(|row| [row.source_entity_id, row.target_entity_id]).collect();
    let named: Vec<(Uuid, String, String)> = sqlx::query_as("SELECT id, name, type FROM entities WHERE id = ANY ($1)")
        .persistent(false)
        .bind(&ends)
        .fetch_all(&mut **scope)
        .await?;
    let named: HashMap<Uuid, ChangeEnd> =
        named.into_iter().map(|(id, name, entity_type)| (id, ChangeEnd { id, name, entity_type })).collect();
    for row in said {
        let stated = || Stated {
            type_name: row.relationship_type,
            name: None,
            ends: named.get(&row.source_entity_id).cloned().zip(named.get(&row.target_entity_id).cloned()),
            places: Vec::new(),
        };
        let key = (ChangedKind::Relationship, row.id);
        let stated = found.entry(row.document_id).or_default().entry(key).or_insert_with(stated);
        let confidence = row.confidence.to_bits();
        stated.places.push((row.start_offset, row.end_offset, row.head_start, row.tail_start, confidence));
    }
    Ok(found)
}

/// Notes what a job changed.
pub(super) async fn note(scope: &mut Scope, owner: UserId, job: JobId, changes: &[Change]) -> StoreResult<()> {
    let kept = &changes[..changes.len().min(MAX_KEPT)];
    if kept.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO job_changes (job_id, owner_id, number, kind, change, detail)
         SELECT $1, $2, n.number - 1, n.kind, n.change, n.detail
         FROM unnest($3::text[], $4::text[], $5::jsonb[]) WITH ORDINALITY AS n(kind, change, detail, number)",
    )
    .bind(job)
    .bind(owner)
    .bind(kept.iter().map(|change| change.kind.as_str()).collect::<Vec<_>>())
    .bind(kept.iter().map(|change| change.change.as_str()).collect::<Vec<_>>())
    .bind(kept.iter().map(Json).collect::<Vec<_>>())
    .execute(&mut **scope)
    .await?;
    Ok(())
}

impl Store {
    /// A page of what a job changed, in the order of names; none if there is no such job for this caller.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn job_changes(
        &self,
        caller: &Caller,
        job: JobId,
        filter: ChangeFilter,
        page: &Page,
    ) -> StoreResult<Option<Listing<Change>>> {
        let mut scope = self.scope(caller).await?;
        let there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM jobs WHERE id = $1)")
            .bind(job)
            .fetch_one(&mut *scope)
            .await?;
        if !there {
            return Ok(None);
        }
        let (kind, change) = (filter.kind.map(ChangedKind::as_str), filter.change.map(ChangeType::as_str));
        // A change's place in the list, in the clothes of an id: so its cursor is like any other.
        let after = page.after.and_then(|after| i32::try_from(after.as_u128()).ok());
        let rows: Vec<(i32, Json<Change>)> = sqlx::query_as(
            "SELECT number, detail FROM job_changes WHERE job_id = $1 AND ($2::text IS NULL OR kind = $2)
               AND ($3::text IS NULL OR change = $3) AND ($4::int IS NULL OR number > $4)
             ORDER BY number LIMIT $5 OFFSET $6",
        )
        .bind(job)
        .bind(kind)
        .bind(change)
        .bind(after)
        .bind(i64::from(page.limit) + 1)
        .bind(if page.after.is_some() { 0 } else { i64::from(page.skip) })
        .fetch_all(&mut *scope)
        .await?;
        let total: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM job_changes WHERE job_id = $1 AND ($2::text IS NULL OR kind = $2)
               AND ($3::text IS NULL OR change = $3)",
        )
        .bind(job)
        .bind(kind)
        .bind(change)
        .fetch_one(&mut *scope)
        .await?;
        scope.commit().await?;
        let place = |row: &(i32, Json<Change>)| Uuid::from_u128(u128::try_from(row.0).unwrap_or_default());
        let listing = Listing::from_rows(rows, page.limit, total, place);
        Ok(Some(Listing {
            items: listing.items.into_iter().map(|(_, Json(change))| change).collect(),
            total: listing.total,
            has_more: listing.has_more,
            next_cursor: listing.next_cursor,
        }))
    }
}
