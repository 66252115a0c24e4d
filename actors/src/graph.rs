//! Answers questions about the graph. Reads cross no mailbox: each is a scope of the caller's and a few statements.

mod document;
mod neighbourhood;
mod query;

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        caller::Caller,
        error::{Error, Result},
        graph::{Direction, Entity, EntityEvidence, Relationship, RelationshipEvidence, TextSpan},
        ids::{DocumentId, EntityId, RelationshipId},
        page::{Listing, Page},
    },
    store::{Store, entities, relationships},
};

/// Which entities to list.
#[derive(Clone, Debug, Default)]
pub struct EntityFilter {
    /// Only of this type.
    pub entity_type: Option<String>,
    /// Only from this source.
    pub source: Option<String>,
    /// Only at least this sure.
    pub confidence_min: Option<f64>,
    /// Only those whose name or alias contains this, whatever its case. Fewer than three letters or digits in a row are
    /// looked for at the beginnings of words only.
    pub search: Option<String>,
    /// Only those that this document names.
    pub document_id: Option<DocumentId>,
}

/// Which relationships of an entity to list.
#[derive(Clone, Debug, Default)]
pub struct RelationshipFilter {
    /// Only of this type.
    pub relationship_type: Option<String>,
    /// Which way.
    pub direction: Direction,
}

/// What `POST /graph/query` asks.
#[derive(Clone, Debug)]
pub struct GraphQuery {
    /// Name or part of it (entity_search), or relationship type / name (relationship_query).
    pub query: String,
    /// What kind of question.
    pub query_type: QueryType,
    /// Only entities of these types; empty is all.
    pub entity_types: Vec<String>,
    /// Only relationships of these types; empty is all.
    pub relationship_types: Vec<String>,
    /// Only facts at least this sure.
    pub confidence_threshold: Option<f64>,
    /// Only entities first seen in this range, ends included.
    pub date_range: Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)>,
    /// At most so many entities, 1 to 1000.
    pub limit: u32,
}

/// The kinds of question that the graph answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryType {
    /// Entities by name, with the relationships among and around them.
    EntitySearch,
    /// Relationships by type, or by the name of an entity at either end.
    RelationshipQuery,
}

/// Nodes and the edges between them.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct KnowledgeGraph {
    /// Entities.
    pub nodes: Vec<Entity>,
    /// Relationships between them.
    pub edges: Vec<Relationship>,
}

/// The answer to a [`GraphQuery`].
#[derive(Clone, Debug)]
pub struct QueryAnswer {
    /// How many match in all: entities by name, or relationships.
    pub total_results: i64,
    /// The best of the entities, or those at the ends of the relationships.
    pub entities: Vec<Entity>,
    /// They and their relationships.
    pub knowledge_graph: KnowledgeGraph,
}

/// An entity of one document, with where the document names it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentEntity {
    /// The entity.
    #[serde(flatten)]
    pub entity: Entity,
    /// Where this document names it, in the order of the text.
    pub mentions: Vec<MentionSpan>,
}

/// A mention within a known document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MentionSpan {
    /// First character.
    pub start: i32,
    /// First character after it.
    pub end: i32,
    /// The text there.
    pub quote: String,
    /// How sure this mention is.
    pub confidence: f64,
}

/// A relationship of one document, with where the document states it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentRelationship {
    /// The relationship.
    #[serde(flatten)]
    pub relationship: Relationship,
    /// Where this document states it, in the order of the text.
    pub evidence: Vec<EvidenceSpan>,
}

/// A passage within a known document that states a relationship.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EvidenceSpan {
    /// First character.
    pub start: i32,
    /// First character after it.
    pub end: i32,
    /// The text there.
    pub quote: String,
    /// Where it names the source entity.
    pub head: TextSpan,
    /// Where it names the target entity.
    pub tail: TextSpan,
    /// How sure this passage makes it.
    pub confidence: f64,
}

/// All that one document says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentGraph {
    /// The document.
    pub document_id: DocumentId,
    /// The revision of its text that the spans refer to.
    pub revision: i32,
    /// Whom and what it names.
    pub entities: Vec<DocumentEntity>,
    /// What it says of them.
    pub relationships: Vec<DocumentRelationship>,
}

/// Reading the graph. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Graph {
    store: Store,
}

impl Graph {
    /// Reads from this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// A page of entities, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn entities(&self, caller: &Caller, filter: &EntityFilter, page: &Page) -> Result<Listing<Entity>> {
        let mut scope = self.store.scope(caller).await?;
        let rows = entities::list(&mut scope, caller, filter, page).await?;
        let total = match total_seen(page, rows.len()) {
            Some(total) => total,
            None => entities::count(&mut scope, caller, filter).await?,
        };
        scope.commit().await?;
        Ok(Listing::from_rows(rows, page.limit, total, |entity| entity.id.0))
    }

    /// One entity.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that the caller may see; when the database is away.
    pub async fn entity(&self, caller: &Caller, id: EntityId) -> Result<Entity> {
        let mut scope = self.store.scope(caller).await?;
        let entity = entities::get(&mut scope, id).await?;
        scope.commit().await?;
        entity.ok_or(Error::NotFound("entity"))
    }

    /// Where documents name it, newest document first. Goes by `skip`: a mention has no single id to be a cursor.
    ///
    /// # Errors
    /// As [`Graph::entity`]; [`Error::Invalid`] for a cursor.
    pub async fn entity_evidence(&self, caller: &Caller, id: EntityId, page: &Page) -> Result<Listing<EntityEvidence>> {
        refuse_cursor(page)?;
        let mut scope = self.store.scope(caller).await?;
        let entity = entities::get(&mut scope, id).await?.ok_or(Error::NotFound("entity"))?;
        let rows = entities::evidence(&mut scope, id, page).await?;
        scope.commit().await?;
        Ok(skipping(rows, page, entity.mention_count))
    }

    /// Its relationships, newest first.
    ///
    /// # Errors
    /// As [`Graph::entity`].
    pub async fn entity_relationships(
        &self,
        caller: &Caller,
        id: EntityId,
        filter: &RelationshipFilter,
        page: &Page,
    ) -> Result<Listing<Relationship>> {
        let mut scope = self.store.scope(caller).await?;
        entities::get(&mut scope, id).await?.ok_or(Error::NotFound("entity"))?;
        let rows = relationships::of_entity(&mut scope, id, filter, page).await?;
        let total = match total_seen(page, rows.len()) {
            Some(total) => total,
            None => relationships::count_of_entity(&mut scope, id, filter).await?,
        };
        scope.commit().await?;
        Ok(Listing::from_rows(rows, page.limit, total, |relationship| relationship.id.0))
    }

    /// One relationship.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none that the caller may see; when the database is away.
    pub async fn relationship(&self, caller: &Caller, id: RelationshipId) -> Result<Relationship> {
        let mut scope = self.store.scope(caller).await?;
        let relationship = relationships::get(&mut scope, id).await?;
        scope.commit().await?;
        relationship.ok_or(Error::NotFound("relationship"))
    }

    /// Where documents state it, newest document first. Goes by `skip`, as [`Graph::entity_evidence`].
    ///
    /// # Errors
    /// As [`Graph::relationship`]; [`Error::Invalid`] for a cursor.
    pub async fn relationship_evidence(
        &self,
        caller: &Caller,
        id: RelationshipId,
        page: &Page,
    ) -> Result<Listing<RelationshipEvidence>> {
        refuse_cursor(page)?;
        let mut scope = self.store.scope(caller).await?;
        let relationship = relationships::get(&mut scope, id).await?.ok_or(Error::NotFound("relationship"))?;
        let rows = relationships::evidence(&mut scope, id, page).await?;
        scope.commit().await?;
        Ok(skipping(rows, page, relationship.evidence_count))
    }

    /// Searches by name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it asks for nothing or for too much; when the database is away.
    pub async fn query(&self, caller: &Caller, query: &GraphQuery) -> Result<QueryAnswer> {
        query::check(query)?;
        let mut scope = self.store.scope(caller).await?;
        let answer = query::answer(&mut scope, caller, query).await?;
        scope.commit().await?;
        Ok(answer)
    }

    /// The surroundings of an entity, `depth` 1 to 3 steps out: at most a thousand entities and five thousand
    /// relationships, the surest first. An edge belongs to it when one of its ends is less than `depth` steps away.
    ///
    /// # Errors
    /// As [`Graph::entity`]; [`Error::Invalid`] for another depth.
    pub async fn neighbourhood(&self, caller: &Caller, id: EntityId, depth: u8) -> Result<KnowledgeGraph> {
        if !(1..=3).contains(&depth) {
            return Err(Error::invalid("relationship_depth", "must be from 1 to 3"));
        }
        let mut scope = self.store.scope(caller).await?;
        let centre = entities::get(&mut scope, id).await?.ok_or(Error::NotFound("entity"))?;
        let graph = neighbourhood::around(&mut scope, vec![centre], depth, Default::default()).await?;
        scope.commit().await?;
        Ok(graph)
    }

    /// All that one document says.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such document that the caller may read; when the database is away.
    pub async fn document(&self, caller: &Caller, id: DocumentId) -> Result<DocumentGraph> {
        let mut scope = self.store.scope(caller).await?;
        let graph = document::read(&mut scope, id).await?.ok_or(Error::NotFound("document"))?;
        scope.commit().await?;
        Ok(graph)
    }
}

/// How many items a list has, when its page shows that by itself: it is the last one and not beyond the end.
fn total_seen(page: &Page, rows: usize) -> Option<i64> {
    let is_last = page.after.is_none() && rows <= page.limit as usize && (rows > 0 || page.skip == 0);
    is_last.then(|| i64::from(page.skip) + i64::try_from(rows).unwrap_or(i64::MAX))
}

fn refuse_cursor(page: &Page) -> Result<()> {
    match page.after {
        Some(_) => Err(Error::invalid("cursor", "this list goes by skip")),
        None => Ok(()),
    }
}

/// A page of a list without cursors. The total is the count that entity or relationship carries: its rows of evidence.
fn skipping<T>(mut rows: Vec<T>, page: &Page, total: i64) -> Listing<T> {
    let has_more = rows.len() > page.limit as usize;
    rows.truncate(page.limit as usize);
    Listing { items: rows, total, has_more, next_cursor: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_last_page_shows_the_total_and_others_do_not() {
        let page = |skip, after| Page { skip, limit: 10, after };
        assert_eq!(total_seen(&page(0, None), 0), Some(0));
        assert_eq!(total_seen(&page(20, None), 10), Some(30));
        assert_eq!(total_seen(&page(20, None), 11), None, "there is more");
        assert_eq!(total_seen(&page(20, None), 0), None, "beyond the end");
        assert_eq!(total_seen(&page(0, Some(uuid::Uuid::nil())), 3), None, "what came before is not known");
    }
}
