//! Answers questions about the graph. Reads cross no mailbox: each is a scope of the caller's and a few statements.

mod document;
mod neighbourhood;
mod query;

pub use crate::domain::view::{
    DocumentEntity, DocumentGraph, DocumentRelationship, EntityFilter, EvidenceSpan, GraphQuery, KnowledgeGraph,
    MentionSpan, QueryAnswer, QueryType, RelationshipFilter,
};
use crate::{
    domain::{
        caller::Caller,
        error::{Error, Result},
        graph::{Entity, EntityEvidence, Relationship, RelationshipEvidence},
        ids::{DocumentId, EntityId, RelationshipId},
        page::{Listing, Page},
    },
    store::{Store, entities, relationships},
};

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
