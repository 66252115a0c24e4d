//! Relationships and where documents state them.

use sqlx::{FromRow, Postgres, QueryBuilder, Row, postgres::PgRow};

use super::{Scope, StoreResult};
use crate::{
    domain::view::RelationshipFilter,
    domain::{
        graph::{Direction, Relationship, RelationshipEvidence, TextSpan},
        ids::{EntityId, RelationshipId},
        page::Page,
    },
};

/// What a [`Relationship`] is read from; the table goes by `r`.
macro_rules! relationship_columns {
    () => {
        "r.id, r.source_entity_id, r.target_entity_id, r.relationship_type, r.open, r.confidence, r.metadata, \
         r.evidence_count, r.created_by, r.created_at, r.updated_at, r.is_active"
    };
}

impl FromRow<'_, PgRow> for Relationship {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            source_entity_id: row.try_get("source_entity_id")?,
            target_entity_id: row.try_get("target_entity_id")?,
            relationship_type: row.try_get("relationship_type")?,
            open: row.try_get("open")?,
            confidence: row.try_get("confidence")?,
            metadata: row.try_get("metadata")?,
            evidence_count: row.try_get("evidence_count")?,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            is_active: row.try_get("is_active")?,
        })
    }
}

impl FromRow<'_, PgRow> for RelationshipEvidence {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            document_id: row.try_get("document_id")?,
            revision: row.try_get("revision")?,
            start: row.try_get("start_offset")?,
            end: row.try_get("end_offset")?,
            quote: row.try_get("quote")?,
            head: TextSpan { start: row.try_get("head_start")?, end: row.try_get("head_end")? },
            tail: TextSpan { start: row.try_get("tail_start")?, end: row.try_get("tail_end")? },
            confidence: f64::from(row.try_get::<f32, _>("confidence")?),
            page: row.try_get("page")?,
        })
    }
}

/// A page of an entity's active relationships, newest first, and one more if there is one.
pub(crate) async fn of_entity(
    scope: &mut Scope,
    id: EntityId,
    filter: &RelationshipFilter,
    page: &Page,
) -> StoreResult<Vec<Relationship>> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT r.* FROM (");
    let skip = if page.after.is_some() { 0 } else { i64::from(page.skip) };
    let at_most = i64::from(page.limit) + 1;
    let mut any = false;
    // Each direction has an index in the order of the list, and the two are merged. No row is in both: no relationship
    // ends where it starts.
    for end in ends(filter.direction) {
        query.push(if any { " UNION ALL (" } else { "(" });
        query.push(concat!("SELECT ", relationship_columns!(), " FROM entity_relationships r WHERE "));
        push_filter(&mut query, end, id, filter);
        query
            .push(" AND ")
            .push(end)
            .push(" BETWEEN (SELECT ")
            .push_bind(id)
            .push(") AND (SELECT ")
            .push_bind(id)
            .push(")");
        if let Some(after) = page.after {
            query.push(" AND r.id < ").push_bind(after);
        }
        query.push(" ORDER BY r.id DESC LIMIT ").push_bind(skip + at_most).push(")");
        any = true;
    }
    query.push(") r ORDER BY r.id DESC OFFSET ").push_bind(skip).push(" LIMIT ").push_bind(at_most);
    Ok(query.build_query_as().fetch_all(&mut **scope).await?)
}

/// How many active relationships of an entity a filter lets through.
pub(crate) async fn count_of_entity(scope: &mut Scope, id: EntityId, filter: &RelationshipFilter) -> StoreResult<i64> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT 0");
    for end in ends(filter.direction) {
        query.push(" + (SELECT count(*) FROM entity_relationships r WHERE ");
        push_filter(&mut query, end, id, filter);
        query.push(")");
    }
    Ok(query.build_query_scalar().fetch_one(&mut **scope).await?)
}

fn ends(direction: Direction) -> &'static [&'static str] {
    match direction {
        Direction::Outgoing => &["r.source_entity_id"],
        Direction::Incoming => &["r.target_entity_id"],
        Direction::Both => &["r.source_entity_id", "r.target_entity_id"],
    }
}

fn push_filter(query: &mut QueryBuilder<Postgres>, end: &'static str, id: EntityId, filter: &RelationshipFilter) {
    query.push(end).push(" = ").push_bind(id).push(" AND r.is_active");
    if let Some(relationship_type) = &filter.relationship_type {
        query.push(" AND r.relationship_type = ").push_bind(relationship_type.clone());
    }
    if let Some(open) = filter.open {
        query.push(if open { " AND r.open" } else { " AND NOT r.open" });
    }
}

/// One relationship, active or not.
pub(crate) async fn get(scope: &mut Scope, id: RelationshipId) -> StoreResult<Option<Relationship>> {
    Ok(sqlx::query_as(concat!("SELECT ", relationship_columns!(), " FROM entity_relationships r WHERE r.id = $1"))
        .bind(id)
        .fetch_optional(&mut **scope)
        .await?)
}

/// A page of where documents state a relationship, newest document first and in the order of its text, and one more if
/// there is one.
pub(crate) async fn evidence(
    scope: &mut Scope,
    id: RelationshipId,
    page: &Page,
) -> StoreResult<Vec<RelationshipEvidence>> {
    Ok(sqlx::query_as(
        "SELECT document_id, revision, start_offset, end_offset, quote, head_start, head_end, tail_start, tail_end,
                confidence, page
         FROM relationship_evidence
         WHERE relationship_id = $1 AND relationship_id BETWEEN (SELECT $1) AND (SELECT $1)
         ORDER BY document_id DESC, start_offset, head_start, tail_start, revision OFFSET $2 LIMIT $3",
    )
    .bind(id)
    .bind(i64::from(page.skip))
    .bind(i64::from(page.limit) + 1)
    .fetch_all(&mut **scope)
    .await?)
}

pub(super) use relationship_columns;
