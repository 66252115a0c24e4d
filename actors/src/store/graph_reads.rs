//! Reading the graph as a graph: by name, outward from entities, and of one document.

use sqlx::{AssertSqlSafe, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::{
    Scope, StoreResult,
    entities::{Needle, searched_set},
    push_owner_range,
    relationships::relationship_columns,
};
use crate::{
    domain::view::{EvidenceSpan, GraphQuery, MentionSpan},
    domain::{
        caller::Role,
        graph::{Relationship, TextSpan},
        ids::{DocumentId, EntityId, RelationshipId},
    },
};

/// How a name is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Names that hold the needle.
    Holds,
    /// Names that do not, but are spelt alike.
    Alike,
}

/// The best active entities by name that a query's filters let through, and how many there are in all.
pub(crate) async fn by_name(
    scope: &mut Scope,
    role: Role,
    likeness: Likeness,
    needle: &Needle,
    query: &GraphQuery,
    at_most: usize,
) -> StoreResult<(Vec<EntityId>, i64)> {
    let function = match likeness {
        Likeness::Holds => "named",
        Likeness::Alike => "similar",
    };
    // Two fixed words make the text; all that was asked travels beside it.
    let sql = format!("SELECT id, total FROM {}_entities_{function}($1, $2, $3, $4, $5, $6, $7)", searched_set(role));
    let rows: Vec<(EntityId, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(&needle.key)
        .bind(&needle.pattern)
        .bind(&query.entity_types)
        .bind(query.confidence_threshold)
        .bind(query.date_range.map(|(from, _)| from))
        .bind(query.date_range.map(|(_, to)| to))
        .bind(i64::try_from(at_most).unwrap_or(i64::MAX))
        .fetch_all(&mut **scope)
        .await?;
    let total = rows.first().map_or(0, |(_, total)| *total);
    Ok((rows.into_iter().map(|(id, _)| id).collect(), total))
}

/// Which edges count.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EdgeFilter<'a> {
    /// Only of these types; empty is all.
    pub(crate) types: &'a [String],
    /// Only those in the text's own words, or only the known ones.
    pub(crate) open: Option<bool>,
    /// Only at least this sure.
    pub(crate) confidence_min: Option<f64>,
}

impl EdgeFilter<'_> {
    fn push(&self, query: &mut QueryBuilder<Postgres>) {
        query.push("r.is_active");
        if !self.types.is_empty() {
            query.push(" AND r.relationship_type = ANY (").push_bind(self.types.to_vec()).push(")");
        }
        if let Some(open) = self.open {
            query.push(if open { " AND r.open" } else { " AND NOT r.open" });
        }
        if let Some(confidence) = self.confidence_min {
            query.push(" AND r.confidence >= ").push_bind(confidence);
        }
    }
}

/// The surest `at_most` active edges at any of these entities, the surest first; an edge between two of them may come
/// twice. Of an entity with more than `each` edges in a direction only the newest `each` are looked at, so that hubs
/// cannot make this slow.
pub(crate) async fn edges_at(
    scope: &mut Scope,
    entities: &[EntityId],
    filter: EdgeFilter<'_>,
    each: i64,
    at_most: i64,
) -> StoreResult<Vec<Relationship>> {
    // Found by id first, so that only the chosen ones are read and sorted whole.
    let mut query = QueryBuilder::<Postgres>::new(concat!(
        "SELECT ",
        relationship_columns!(),
        " FROM (SELECT e.id, e.confidence FROM unnest("
    ));
    query.push_bind(entities.iter().map(|id| id.0).collect::<Vec<Uuid>>());
    query.push("::uuid[]) AS f (id) CROSS JOIN LATERAL (");
    for (n, end) in ["r.source_entity_id", "r.target_entity_id"].into_iter().enumerate() {
        query.push(if n == 0 { "(" } else { " UNION ALL (" });
        query.push("SELECT r.id, r.confidence FROM entity_relationships r WHERE ").push(end).push(" = f.id AND ");
        filter.push(&mut query);
        query.push(" ORDER BY r.id DESC LIMIT ").push_bind(each).push(")");
    }
    query.push(") e ORDER BY e.confidence DESC, e.id DESC LIMIT ").push_bind(at_most);
    query.push(") best JOIN entity_relationships r ON r.id = best.id ORDER BY r.confidence DESC, r.id DESC");
    Ok(query.build_query_as().fetch_all(&mut **scope).await?)
}

/// How many active edges there are at any of these entities.
pub(crate) async fn count_edges_at(
    scope: &mut Scope,
    entities: &[EntityId],
    filter: EdgeFilter<'_>,
) -> StoreResult<i64> {
    let ids = entities.iter().map(|id| id.0).collect::<Vec<Uuid>>();
    let mut query = QueryBuilder::<Postgres>::new("SELECT (SELECT count(*) FROM entity_relationships r WHERE ");
    filter.push(&mut query);
    query.push(" AND r.source_entity_id = ANY (").push_bind(ids.clone());
    query.push(")) + (SELECT count(*) FROM entity_relationships r WHERE ");
    filter.push(&mut query);
    query.push(" AND r.target_entity_id = ANY (").push_bind(ids.clone());
    query.push(") AND r.source_entity_id <> ALL (").push_bind(ids).push("))");
    Ok(query.build_query_scalar().fetch_one(&mut **scope).await?)
}

/// The newest active edges of a type that a query's filters let through.
pub(crate) async fn edges_of_types(
    scope: &mut Scope,
    role: Role,
    types: &[String],
    query: &GraphQuery,
    at_most: i64,
) -> StoreResult<Vec<Relationship>> {
    let mut sql = QueryBuilder::<Postgres>::new(concat!(
        "SELECT ",
        relationship_columns!(),
        " FROM entity_relationships r WHERE "
    ));
    push_types(&mut sql, types, query);
    push_owner_range(&mut sql, role, "r.owner_id");
    sql.push(" ORDER BY r.id DESC LIMIT ").push_bind(at_most);
    Ok(sql.build_query_as().fetch_all(&mut **scope).await?)
}

/// How many active edges of these types a query's filters let through.
pub(crate) async fn count_edges_of_types(scope: &mut Scope, types: &[String], query: &GraphQuery) -> StoreResult<i64> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT count(*) FROM entity_relationships r WHERE ");
    push_types(&mut sql, types, query);
    Ok(sql.build_query_scalar().fetch_one(&mut **scope).await?)
}

/// A filter on entities lets an edge through when one of its ends is such an entity.
fn push_types(sql: &mut QueryBuilder<Postgres>, types: &[String], query: &GraphQuery) {
    let filter = EdgeFilter { types: &[], open: query.open, confidence_min: query.confidence_threshold };
    filter.push(sql);
    match types {
        // One type is read in the order of its index.
        [only] => sql.push(" AND r.relationship_type = ").push_bind(only.clone()),
        several => sql.push(" AND r.relationship_type = ANY (").push_bind(several.to_vec()).push(")"),
    };
    if query.entity_types.is_empty() && query.date_range.is_none() {
        return;
    }
    sql.push(
        " AND EXISTS (SELECT FROM entities e WHERE e.id IN (r.source_entity_id, r.target_entity_id) AND e.is_active",
    );
    if !query.entity_types.is_empty() {
        sql.push(" AND e.type = ANY (").push_bind(query.entity_types.clone()).push(")");
    }
    if let Some((from, to)) = query.date_range {
        sql.push(" AND e.created_at >= ").push_bind(from).push(" AND e.created_at <= ").push_bind(to);
    }
    sql.push(")");
}

/// The revision of a document's text that its facts refer to; none when there is no such document.
pub(crate) async fn revision(scope: &mut Scope, id: DocumentId) -> StoreResult<Option<i32>> {
    Ok(sqlx::query_scalar("SELECT revision FROM documents WHERE id = $1").bind(id).fetch_optional(&mut **scope).await?)
}

/// All that a document names, in the order of its text.
pub(crate) async fn mentions(
    scope: &mut Scope,
    id: DocumentId,
    revision: i32,
) -> StoreResult<Vec<(EntityId, MentionSpan)>> {
    let rows = sqlx::query(
        "SELECT entity_id, start_offset, end_offset, quote, confidence, page FROM entity_mentions
         WHERE document_id = $1 AND revision = $2 ORDER BY start_offset, end_offset, entity_id",
    )
    .bind(id)
    .bind(revision)
    .fetch_all(&mut **scope)
    .await?;
    let mention = |row: sqlx::postgres::PgRow| {
        let span = MentionSpan {
            start: row.try_get("start_offset")?,
            end: row.try_get("end_offset")?,
            quote: row.try_get("quote")?,
            confidence: f64::from(row.try_get::<f32, _>("confidence")?),
            page: row.try_get("page")?,
        };
        Ok((row.try_get("entity_id")?, span))
    };
    rows.into_iter().map(mention).collect()
}

/// All passages of a document that state something, in the order of its text.
pub(crate) async fn statements(
    scope: &mut Scope,
    id: DocumentId,
    revision: i32,
) -> StoreResult<Vec<(RelationshipId, EvidenceSpan)>> {
    let rows = sqlx::query(
        "SELECT relationship_id, start_offset, end_offset, quote, head_start, head_end, tail_start, tail_end, confidence,
                page
         FROM relationship_evidence WHERE document_id = $1 AND revision = $2
         ORDER BY start_offset, head_start, tail_start, relationship_id",
    )
    .bind(id)
    .bind(revision)
    .fetch_all(&mut **scope)
    .await?;
    let statement = |row: sqlx::postgres::PgRow| {
        let span = EvidenceSpan {
            start: row.try_get("start_offset")?,
            end: row.try_get("end_offset")?,
            quote: row.try_get("quote")?,
            head: TextSpan { start: row.try_get("head_start")?, end: row.try_get("head_end")? },
            tail: TextSpan { start: row.try_get("tail_start")?, end: row.try_get("tail_end")? },
            confidence: f64::from(row.try_get::<f32, _>("confidence")?),
            page: row.try_get("page")?,
        };
        Ok((row.try_get("relationship_id")?, span))
    };
    rows.into_iter().map(statement).collect()
}

/// The active ones of these relationships, in the order of `ids`.
pub(crate) async fn active_relationships(scope: &mut Scope, ids: &[RelationshipId]) -> StoreResult<Vec<Relationship>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        relationship_columns!(),
        " FROM entity_relationships r JOIN unnest($1::uuid[]) WITH ORDINALITY AS i (id, position) ON i.id = r.id
          WHERE r.is_active ORDER BY i.position"
    ))
    .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>())
    .fetch_all(&mut **scope)
    .await?)
}
