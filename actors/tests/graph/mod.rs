//! An owner with a graph, written row by row as the tests need it.
#![allow(dead_code, reason = "each test binary uses its part")]

use kgl_actors::{
    domain::{
        caller::{Caller, Role},
        graph::Entity,
        ids::{DocumentId, EntityId, RelationshipId, SessionId, UserId},
    },
    graph::Graph,
    store::{Scope, Store},
};
use kgl_extraction::name_key;
use uuid::Uuid;

use super::common;

/// An owner and the graph as they see it.
pub(crate) struct Library {
    pub(crate) store: Store,
    pub(crate) graph: Graph,
    pub(crate) caller: Caller,
}

pub(crate) fn caller(user_id: UserId, role: Role) -> Caller {
    Caller { user_id, role, session_id: SessionId::new() }
}

pub(crate) fn ids(entities: &[Entity]) -> Vec<EntityId> {
    entities.iter().map(|entity| entity.id).collect()
}

impl Library {
    /// Of a new owner.
    pub(crate) async fn open() -> Self {
        let store = common::store().await;
        let caller = caller(UserId::new(), Role::User);
        sqlx::query(
            "INSERT INTO users (id, email, password_hash, first_name, last_name) VALUES ($1, $2, '-', 'A', 'B')",
        )
        .bind(caller.user_id)
        .bind(format!("{}@example.org", caller.user_id))
        .execute(store.system())
        .await
        .unwrap();
        Self { graph: Graph::new(store.clone()), store, caller }
    }

    async fn scope(&self) -> Scope {
        self.store.scope(&self.caller).await.unwrap()
    }

    async fn change(&self, sql: &'static str, id: Uuid) {
        let mut scope = self.scope().await;
        let done = sqlx::query(sql).bind(id).execute(&mut *scope).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
        scope.commit().await.unwrap();
    }

    pub(crate) async fn entity(
        &self,
        entity_type: &str,
        name: &str,
        confidence: f64,
        source: Option<&str>,
    ) -> EntityId {
        let id = EntityId::new();
        let mut scope = self.scope().await;
        sqlx::query(
            "INSERT INTO entities (id, owner_id, name, name_key, type, confidence, source, source_type, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'article', $2)",
        )
        .bind(id)
        .bind(self.caller.user_id)
        .bind(name)
        .bind(name_key(name))
        .bind(entity_type)
        .bind(confidence)
        .bind(source)
        .execute(&mut *scope)
        .await
        .unwrap();
        scope.commit().await.unwrap();
        id
    }

    /// So many of them, oldest first, called `name` and a number.
    pub(crate) async fn entities(&self, count: usize, entity_type: &str, name: &str) -> Vec<EntityId> {
        let ids: Vec<EntityId> = (0..count).map(|_| EntityId::new()).collect();
        let mut scope = self.scope().await;
        sqlx::query(
            "INSERT INTO entities (id, owner_id, name, name_key, type, confidence, source_type, created_by)
             SELECT id, $1, $3 || ' ' || n, lower($3) || ' ' || n, $4, 0.9, 'article', $1
             FROM unnest($2::uuid[]) WITH ORDINALITY AS i (id, n)",
        )
        .bind(self.caller.user_id)
        .bind(&ids)
        .bind(name)
        .bind(entity_type)
        .execute(&mut *scope)
        .await
        .unwrap();
        scope.commit().await.unwrap();
        ids
    }

    pub(crate) async fn alias(&self, id: EntityId, alias: &str) {
        let mut scope = self.scope().await;
        sqlx::query("UPDATE entities SET aliases = aliases || $2 WHERE id = $1")
            .bind(id)
            .bind(alias)
            .execute(&mut *scope)
            .await
            .unwrap();
        scope.commit().await.unwrap();
    }

    pub(crate) async fn switch_off(&self, id: EntityId) {
        self.change("UPDATE entities SET is_active = false WHERE id = $1", id.0).await;
    }

    pub(crate) async fn switch_relationship_off(&self, id: RelationshipId) {
        self.change("UPDATE entity_relationships SET is_active = false WHERE id = $1", id.0).await;
    }

    pub(crate) async fn relationship(
        &self,
        from: EntityId,
        to: EntityId,
        kind: &str,
        confidence: f64,
    ) -> RelationshipId {
        let id = RelationshipId::new();
        let mut scope = self.scope().await;
        sqlx::query(
            "INSERT INTO entity_relationships (id, owner_id, source_entity_id, target_entity_id, relationship_type,
                                               confidence, created_by)
             VALUES ($1, $2, $3, $4, $5, $6, $2)",
        )
        .bind(id)
        .bind(self.caller.user_id)
        .bind(from)
        .bind(to)
        .bind(kind)
        .bind(confidence)
        .execute(&mut *scope)
        .await
        .unwrap();
        scope.commit().await.unwrap();
        id
    }

    /// From each of them to the hub, each a little surer than the one before, from 0.1 to 0.9.
    pub(crate) async fn spokes(&self, hub: EntityId, around: &[EntityId]) {
        let mut scope = self.scope().await;
        sqlx::query(
            "INSERT INTO entity_relationships (id, owner_id, source_entity_id, target_entity_id, relationship_type,
                                               confidence, created_by)
             SELECT gen_random_uuid(), $1, i.id, $2, 'knows', 0.1 + 0.8 * i.n / cardinality($3::uuid[]), $1
             FROM unnest($3::uuid[]) WITH ORDINALITY AS i (id, n)",
        )
        .bind(self.caller.user_id)
        .bind(hub)
        .bind(around)
        .execute(&mut *scope)
        .await
        .unwrap();
        scope.commit().await.unwrap();
    }

    /// A document with a job and an empty text.
    pub(crate) async fn document(&self) -> DocumentId {
        let (id, job) = (DocumentId::new(), Uuid::now_v7());
        let mut scope = self.scope().await;
        for sql in [
            "INSERT INTO documents (id, owner_id, source_type, content_type, content_hash, size_bytes, job_id)
             VALUES ($1, $2, 'article', 'text/plain', sha256($1::text::bytea), 0, $3)",
            "INSERT INTO document_revisions (document_id, revision, owner_id, content) VALUES ($1, 1, $2, $3::uuid::text)",
            "INSERT INTO jobs (id, owner_id, document_id, revision, max_attempts) VALUES ($3, $2, $1, 1, 5)",
        ] {
            sqlx::query(sql).bind(id).bind(self.caller.user_id).bind(job).execute(&mut *scope).await.unwrap();
        }
        scope.commit().await.unwrap();
        id
    }

    pub(crate) async fn mention(&self, document: DocumentId, entity: EntityId, start: i32, quote: &str) {
        let mut scope = self.scope().await;
        sqlx::query(
            "WITH counted AS (UPDATE entities SET mention_count = mention_count + 1 WHERE id = $2)
             INSERT INTO entity_mentions (document_id, revision, start_offset, end_offset, entity_id, owner_id,
                                          sentence_start, sentence_end, quote, confidence)
             VALUES ($1, 1, $4, $4 + char_length($5), $2, $3, $4, $4 + char_length($5), $5, 0.8)",
        )
        .bind(document)
        .bind(entity)
        .bind(self.caller.user_id)
        .bind(start)
        .bind(quote)
        .execute(&mut *scope)
        .await
        .unwrap();
        scope.commit().await.unwrap();
    }

    pub(crate) async fn evidence(
        &self,
        document: DocumentId,
        relationship: RelationshipId,
        start: i32,
        end: i32,
        head: (i32, i32),
        tail: (i32, i32),
    ) {
        let mut scope = self.scope().await;
        sqlx::query(
            "WITH counted AS (UPDATE entity_relationships SET evidence_count = evidence_count + 1 WHERE id = $2)
             INSERT INTO relationship_evidence (document_id, revision, relationship_id, owner_id, start_offset,
                                                end_offset, head_start, head_end, tail_start, tail_end, quote,
                                                confidence)
             VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9, 'a passage', 0.7)",
        )
        .bind(document)
        .bind(relationship)
        .bind(self.caller.user_id)
        .bind(start)
        .bind(end)
        .bind(head.0)
        .bind(head.1)
        .bind(tail.0)
        .bind(tail.1)
        .execute(&mut *scope)
        .await
        .unwrap();
        scope.commit().await.unwrap();
    }
}
