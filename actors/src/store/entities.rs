//! Entities and where documents name them.

use kgl_extraction::name_key;
use sqlx::{FromRow, Postgres, QueryBuilder, Row, postgres::PgRow};
use uuid::Uuid;

use super::{Scope, StoreResult, push_owner_range};
use crate::{
    domain::view::EntityFilter,
    domain::{
        caller::{Caller, Role},
        document::SourceType,
        graph::{Entity, EntityEvidence, TextSpan},
        ids::EntityId,
        page::Page,
    },
};

/// What an [`Entity`] is read from; the table goes by `e`.
macro_rules! entity_columns {
    () => {
        "e.id, e.name, e.type, e.confidence, e.source, e.source_type, \
         CASE WHEN e.distinction = '' THEN e.metadata \
              ELSE e.metadata || jsonb_build_object('distinction', e.distinction) END AS metadata, \
         e.aliases, e.mention_count, e.created_by, e.created_at, e.updated_at, e.is_active"
    };
}

impl FromRow<'_, PgRow> for Entity {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            entity_type: row.try_get("type")?,
            confidence: row.try_get("confidence")?,
            source: row.try_get("source")?,
            source_type: source_type(row.try_get("source_type")?)?,
            metadata: row.try_get("metadata")?,
            aliases: row.try_get("aliases")?,
            mention_count: row.try_get("mention_count")?,
            created_by: row.try_get("created_by")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            is_active: row.try_get("is_active")?,
        })
    }
}

fn source_type(name: &str) -> sqlx::Result<SourceType> {
    SourceType::parse(name).ok_or_else(|| sqlx::Error::ColumnDecode {
        index: "source_type".into(),
        source: format!("{name:?} is no source type").into(),
    })
}

impl FromRow<'_, PgRow> for EntityEvidence {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            document_id: row.try_get("document_id")?,
            revision: row.try_get("revision")?,
            start: row.try_get("start_offset")?,
            end: row.try_get("end_offset")?,
            quote: row.try_get("quote")?,
            sentence: TextSpan { start: row.try_get("sentence_start")?, end: row.try_get("sentence_end")? },
            confidence: f64::from(row.try_get::<f32, _>("confidence")?),
            page: row.try_get("page")?,
        })
    }
}

/// What somebody looks for, as the search compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needle {
    /// The normal form of the name.
    pub(crate) key: String,
    /// The LIKE pattern over `entities.search_text`.
    pub(crate) pattern: String,
}

impl Needle {
    /// The needle of a text; none when the text says nothing.
    ///
    /// It is found anywhere in a name. Only one without three letters or digits in a row ("AI", "C++"), which no
    /// trigram index can find inside words, is found at the beginnings of words alone.
    pub(crate) fn new(text: &str) -> Option<Self> {
        // PostgreSQL's texts hold no NUL, so nothing can be called so.
        let key = name_key(&text.replace('\0', " "));
        if key.is_empty() {
            return None;
        }
        let longest = key.split(|c: char| !c.is_alphanumeric()).map(|run| run.chars().count()).max().unwrap_or(0);
        let escaped = key.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let pattern = if longest < 3 { format!("% {escaped}%") } else { format!("%{escaped}%") };
        Some(Self { key, pattern })
    }
}

/// The search functions that a role may call: over what is theirs, or over all.
pub(super) fn searched_set(role: Role) -> &'static str {
    match role {
        Role::User => "own",
        Role::Moderator | Role::Admin => "any",
    }
}

/// Which way a list is read: a document's entities are few, so a search among them needs no index of its own.
enum Search {
    None,
    Indexed(Needle),
    Within(Needle),
}

impl Search {
    fn of(filter: &EntityFilter) -> Self {
        match (filter.search.as_deref().and_then(Needle::new), filter.document_id) {
            (None, _) => Search::None,
            (Some(needle), None) => Search::Indexed(needle),
            (Some(needle), Some(_)) => Search::Within(needle),
        }
    }
}

/// A page of active entities, newest first, and one more if there is one.
pub(crate) async fn list(
    scope: &mut Scope,
    caller: &Caller,
    filter: &EntityFilter,
    page: &Page,
) -> StoreResult<Vec<Entity>> {
    let mut query = QueryBuilder::<Postgres>::new(concat!("SELECT ", entity_columns!(), " FROM "));
    let skip = if page.after.is_some() { 0 } else { i64::from(page.skip) };
    let at_most = i64::from(page.limit) + 1;
    match Search::of(filter) {
        Search::Indexed(needle) => {
            query.push(searched_set(caller.role)).push("_entities_like(");
            push_search(&mut query, needle, filter);
            query.push(", ").push_bind(page.after).push(", ").push_bind(skip).push(", ").push_bind(at_most);
            // Joined with the table itself the ids pass the policy once more.
            query.push(") AS s (id) JOIN entities e ON e.id = s.id ORDER BY e.id DESC");
        }
        search => {
            query.push("entities e WHERE e.is_active");
            push_filter(&mut query, filter, search);
            push_owner_range(&mut query, caller.role, "e.owner_id");
            if let Some(after) = page.after {
                query.push(" AND e.id < ").push_bind(after);
            }
            query.push(" ORDER BY e.id DESC OFFSET ").push_bind(skip).push(" LIMIT ").push_bind(at_most);
        }
    }
    Ok(query.build_query_as().fetch_all(&mut **scope).await?)
}

/// How many active entities a filter lets through.
pub(crate) async fn count(scope: &mut Scope, caller: &Caller, filter: &EntityFilter) -> StoreResult<i64> {
    let mut query = QueryBuilder::<Postgres>::new("SELECT ");
    match Search::of(filter) {
        Search::Indexed(needle) => {
            query.push(searched_set(caller.role)).push("_entities_like_count(");
            push_search(&mut query, needle, filter);
            query.push(")");
        }
        search => {
            query.push("count(*) FROM entities e WHERE e.is_active");
            push_filter(&mut query, filter, search);
        }
    }
    Ok(query.build_query_scalar().fetch_one(&mut **scope).await?)
}

fn push_search(query: &mut QueryBuilder<Postgres>, needle: Needle, filter: &EntityFilter) {
    query.push_bind(needle.pattern);
    query.push(", ").push_bind(filter.entity_type.clone());
    query.push(", ").push_bind(filter.source.clone());
    query.push(", ").push_bind(filter.confidence_min);
}

/// Only the conditions that are asked for: a plan for "this, if it is given" could use no index.
fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &EntityFilter, search: Search) {
    if let Some(entity_type) = &filter.entity_type {
        query.push(" AND e.type = ").push_bind(entity_type.clone());
    }
    if let Some(source) = &filter.source {
        query.push(" AND e.source_hash = hashtextextended(").push_bind(source.clone());
        query.push("::text, 0) AND e.source = ").push_bind(source.clone());
    }
    if let Some(confidence) = filter.confidence_min {
        query.push(" AND e.confidence >= ").push_bind(confidence);
    }
    if let Some(document) = filter.document_id {
        query.push(" AND e.id IN (SELECT m.entity_id FROM entity_mentions m WHERE m.document_id = ");
        query.push_bind(document).push(")");
    }
    if let Search::Within(needle) = search {
        query.push(" AND e.search_text LIKE ").push_bind(needle.pattern);
    }
}

/// One entity, active or not.
pub(crate) async fn get(scope: &mut Scope, id: EntityId) -> StoreResult<Option<Entity>> {
    Ok(sqlx::query_as(concat!("SELECT ", entity_columns!(), " FROM entities e WHERE e.id = $1"))
        .bind(id)
        .fetch_optional(&mut **scope)
        .await?)
}

/// The active ones of these entities, in the order of `ids`.
pub(crate) async fn active(scope: &mut Scope, ids: &[EntityId]) -> StoreResult<Vec<Entity>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as(concat!(
        "SELECT ",
        entity_columns!(),
        " FROM entities e JOIN unnest($1::uuid[]) WITH ORDINALITY AS i (id, position) ON i.id = e.id
          WHERE e.is_active ORDER BY i.position"
    ))
    .bind(ids.iter().map(|id| id.0).collect::<Vec<Uuid>>())
    .fetch_all(&mut **scope)
    .await?)
}

/// A page of where documents name an entity, newest document first and in the order of its text, and one more if there
/// is one.
pub(crate) async fn evidence(scope: &mut Scope, id: EntityId, page: &Page) -> StoreResult<Vec<EntityEvidence>> {
    Ok(sqlx::query_as(
        "SELECT document_id, revision, start_offset, end_offset, quote, sentence_start, sentence_end, confidence,
                page
         FROM entity_mentions WHERE entity_id = $1 AND entity_id BETWEEN (SELECT $1) AND (SELECT $1)
         ORDER BY document_id DESC, start_offset, end_offset, revision OFFSET $2 LIMIT $3",
    )
    .bind(id)
    .bind(i64::from(page.skip))
    .bind(i64::from(page.limit) + 1)
    .fetch_all(&mut **scope)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::Needle;

    fn pattern(text: &str) -> Option<String> {
        Needle::new(text).map(|needle| needle.pattern)
    }

    #[test]
    fn a_needle_is_folded_like_the_names_and_its_wildcards_are_plain_text() {
        assert_eq!(pattern("  The  ÉCOLE "), Some("%école%".into()));
        assert_eq!(pattern("100%_sure\\"), Some("%100\\%\\_sure%".into()));
        assert_eq!(pattern(" \t\0"), None);
    }

    #[test]
    fn a_needle_too_short_for_trigrams_is_sought_at_beginnings_of_words() {
        assert_eq!(pattern("AI"), Some("% ai%".into()));
        assert_eq!(pattern("C++"), Some("% c++%".into()));
        assert_eq!(pattern("東京都"), Some("%東京都%".into()));
    }
}
