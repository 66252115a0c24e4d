//! Who sees whose rows when no query filters: what the database alone enforces, for every table there is.

mod common;
mod graph;

use std::collections::BTreeSet;

use graph::{Library, caller};
use kgl_actors::domain::{caller::Role, ids::UserId};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

/// What a role sees of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    Own,
    All,
    Nothing,
}
use Sees::{All, Nothing, Own};

/// Table, the column with the owner, all columns that may be read, and what user, moderator and admin see.
const MATRIX: [(&str, &str, &str, [Sees; 3]); 18] = [
    (
        "users",
        "id",
        "id, email, first_name, last_name, role, is_active, created_at, updated_at, last_login",
        [Own, Own, All],
    ),
    ("sessions", "user_id", "*", [Own, Own, All]),
    ("refresh_tokens", "", "*", [Nothing, Nothing, Nothing]),
    ("documents", "owner_id", "*", [Own, Own, All]),
    ("document_revisions", "owner_id", "*", [Own, Own, All]),
    ("jobs", "owner_id", "*", [Own, Own, All]),
    ("job_dispatches", "", "*", [Nothing, Nothing, Nothing]),
    ("extraction_schemas", "owner_id", "*", [Own, Own, All]),
    ("job_changes", "owner_id", "*", [Own, Own, All]),
    ("idempotency_keys", "owner_id", "*", [Own, Own, Own]),
    ("language_model_answers", "owner_id", "*", [Own, Own, Own]),
    ("entities", "owner_id", "*", [Own, All, All]),
    ("entity_mentions", "owner_id", "*", [Own, All, All]),
    ("entity_relationships", "owner_id", "*", [Own, All, All]),
    ("relationship_evidence", "owner_id", "*", [Own, All, All]),
    ("api_access_logs", "user_id", "*", [Nothing, Nothing, All]),
    ("database_schemas", "", "*", [Nothing, Nothing, All]),
    ("_sqlx_migrations", "", "*", [Nothing, Nothing, Nothing]),
];

/// An owner with a row in every table.
async fn owner_of_everything() -> Library {
    let library = Library::open().await;
    let (a, b) = (library.entity("person", "A", 0.9, None).await, library.entity("person", "B", 0.9, None).await);
    let edge = library.relationship(a, b, "knows", 0.9).await;
    let document = library.document().await;
    library.mention(document, a, 0, "A").await;
    library.evidence(document, edge, 0, 9, (0, 1), (2, 3)).await;
    let user = library.caller.user_id;
    let mut scope = library.store.scope(&library.caller).await.unwrap();
    sqlx::query(
        "INSERT INTO idempotency_keys (owner_id, key, request_hash, document_id, job_id)
         SELECT owner_id, 'k', content_hash, id, job_id FROM documents",
    )
    .execute(&mut *scope)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO language_model_answers (owner_id, key, document_id, model, answer, input_tokens, output_tokens)
         SELECT owner_id, sha256('passage'), id, 'm', '{}', 1, 1 FROM documents",
    )
    .execute(&mut *scope)
    .await
    .unwrap();
    for sql in [
        "INSERT INTO extraction_schemas (owner_id, version, options) SELECT owner_id, 1, '{}' FROM documents",
        "INSERT INTO job_changes (job_id, owner_id, number, kind, change, detail)
         SELECT job_id, owner_id, 0, 'entity', 'added', '{}' FROM documents",
    ] {
        sqlx::query(sql).execute(&mut *scope).await.unwrap();
    }
    scope.commit().await.unwrap();
    let session = Uuid::now_v7();
    for sql in [
        "INSERT INTO sessions (id, user_id, expires_at) VALUES ($1, $2, now())",
        "INSERT INTO refresh_tokens (hash, session_id) SELECT sha256($1::uuid::text::bytea), $1 WHERE $2::uuid IS NOT NULL",
        "INSERT INTO api_access_logs (user_id, request_id, endpoint, method, status_code, response_time_ms,
                                      request_size_bytes, timestamp)
         VALUES ($2, $1::uuid::text, '/', 'GET', 200, 1, 0, now())",
    ] {
        sqlx::query(sql).bind(session).bind(user).execute(library.store.system()).await.unwrap();
    }
    library
}

/// The owners of the rows that a plain read answers, or the SQLSTATE that refuses it.
async fn owners_seen(
    library: &Library,
    role: Role,
    table: &str,
    owner: &str,
    columns: &str,
) -> Result<BTreeSet<Uuid>, String> {
    let mut scope = library.store.scope(&caller(library.caller.user_id, role)).await.unwrap();
    let rows = sqlx::query(AssertSqlSafe(format!("SELECT {columns} FROM {table}"))).fetch_all(&mut *scope).await;
    let rows = rows.map_err(|e| e.as_database_error().unwrap().code().unwrap().into_owned())?;
    assert!(!rows.is_empty(), "{role:?} sees no row of {table}, not even their own");
    if owner.is_empty() {
        return Ok(BTreeSet::new());
    }
    Ok(rows.iter().filter_map(|row| row.get::<Option<Uuid>, _>(owner)).collect())
}

#[tokio::test]
async fn every_table_shows_each_role_what_it_may_see_and_no_more() {
    let (mine, theirs) = (owner_of_everything().await, owner_of_everything().await);
    let (me, them): (UserId, UserId) = (mine.caller.user_id, theirs.caller.user_id);
    for (table, owner, columns, sees) in MATRIX {
        for (role, sees) in [Role::User, Role::Moderator, Role::Admin].into_iter().zip(sees) {
            let owners = owners_seen(&mine, role, table, owner, columns).await;
            match sees {
                Nothing => assert_eq!(owners, Err("42501".into()), "{role:?} {table}"),
                Own => assert_eq!(owners, Ok(BTreeSet::from([me.0])), "{role:?} {table}"),
                All if owner.is_empty() => assert!(owners.is_ok(), "{role:?} {table}"),
                All => assert!(owners.unwrap().is_superset(&BTreeSet::from([me.0, them.0])), "{role:?} {table}"),
            }
        }
    }
}

#[tokio::test]
async fn no_table_is_missing_from_the_matrix_and_each_with_an_owner_is_under_the_policies() {
    let library = Library::open().await;
    let tables: Vec<(String, bool, bool, bool)> = sqlx::query_as(
        "SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
                EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('owner_id', 'user_id'))
         FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')",
    )
    .fetch_all(library.store.system())
    .await
    .unwrap();
    let named: BTreeSet<&str> = MATRIX.iter().map(|(table, ..)| *table).collect();
    assert_eq!(tables.iter().map(|(table, ..)| table.as_str()).collect::<BTreeSet<_>>(), named);
    for (table, enabled, forced, owned) in &tables {
        assert!(!owned || (*enabled && *forced), "{table}");
    }
}

#[tokio::test]
async fn a_session_outside_a_scope_may_read_nothing() {
    let library = Library::open().await;
    for (table, ..) in MATRIX {
        let read = sqlx::query(AssertSqlSafe(format!("SELECT FROM {table}"))).fetch_all(library.store.service()).await;
        let code = read.err().and_then(|e| e.as_database_error().and_then(|e| e.code().map(|c| c.into_owned())));
        assert_eq!(code.as_deref(), Some("42501"), "{table}");
    }
}

const SEARCHES: [&str; 4] = [
    "_entities_like('%a%', NULL, NULL, NULL, NULL, 0, 1000)",
    "_entities_like_count('%a%', NULL, NULL, NULL)",
    "_entities_named('a', '%a%', '{}', NULL, NULL, NULL, 1000)",
    "_entities_similar('a', '%b%', '{}', NULL, NULL, NULL, 1000)",
];

#[tokio::test]
async fn a_user_searches_only_what_is_theirs_whatever_they_call() {
    let (mine, theirs) = (Library::open().await, Library::open().await);
    let my_entity = mine.entity("person", "a", 0.9, None).await;
    let their_entity = theirs.entity("person", "a", 0.9, None).await;
    for search in SEARCHES {
        let mut scope = mine.store.scope(&mine.caller).await.unwrap();
        let call = format!("SELECT * FROM any{search}");
        let refused = sqlx::query(AssertSqlSafe(call)).fetch_all(&mut *scope).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "any{search}");
        drop(scope);

        let mut scope = mine.store.scope(&mine.caller).await.unwrap();
        let call = format!("SELECT * FROM own{search}");
        let found = sqlx::query(AssertSqlSafe(call)).fetch_all(&mut *scope).await.unwrap();
        if search.contains("count") {
            assert_eq!(found[0].get::<i64, _>(0), 1);
        } else {
            let found: Vec<Uuid> = found.iter().map(|row| row.get(0)).collect();
            assert_eq!(found, [my_entity.0], "own{search}");
        }

        let mut scope = mine.store.scope(&caller(mine.caller.user_id, Role::Moderator)).await.unwrap();
        let call = format!("SELECT * FROM any{search}");
        let found = sqlx::query(AssertSqlSafe(call)).fetch_all(&mut *scope).await.unwrap();
        if !search.contains("count") {
            let found: BTreeSet<Uuid> = found.iter().map(|row| row.get(0)).collect();
            assert!(found.is_superset(&BTreeSet::from([my_entity.0, their_entity.0])), "any{search}");
        }
    }
}

#[tokio::test]
async fn a_search_in_nobodys_name_finds_nothing() {
    let library = Library::open().await;
    library.entity("person", "a", 0.9, None).await;
    let mut scope = library.store.scope(&library.caller).await.unwrap();
    sqlx::query("SET LOCAL app.user_id = ''").execute(&mut *scope).await.unwrap();
    for search in SEARCHES {
        let call =
            format!("SELECT count(*) FROM own{search} AS s (x) WHERE x IS DISTINCT FROM NULL AND x::text <> '0'");
        let found: i64 = sqlx::query_scalar(AssertSqlSafe(call)).fetch_one(&mut *scope).await.unwrap();
        assert_eq!(found, 0, "own{search}");
    }
}

#[tokio::test]
async fn the_system_deletes_access_records_only_when_they_are_old_and_reads_none() {
    let library = Library::open().await;
    let user = library.caller.user_id;
    for age in ["0 hours", "23 hours", "25 hours"] {
        sqlx::query(
            "INSERT INTO api_access_logs (user_id, request_id, endpoint, method, status_code, response_time_ms,
                                          request_size_bytes, timestamp)
             VALUES ($1, 'r', '/', 'GET', 200, 1, 0, now() - $2::text::interval)",
        )
        .bind(user)
        .bind(age)
        .execute(library.store.system())
        .await
        .unwrap();
    }
    let read = sqlx::query("SELECT user_id, endpoint FROM api_access_logs").fetch_all(library.store.system()).await;
    assert_eq!(read.err().unwrap().as_database_error().unwrap().code().unwrap(), "42501");
    sqlx::query("DELETE FROM api_access_logs").execute(library.store.system()).await.unwrap();
    let mut scope = library.store.scope(&caller(user, Role::Admin)).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM api_access_logs WHERE user_id = $1")
        .bind(user)
        .fetch_one(&mut *scope)
        .await
        .unwrap();
    assert_eq!(left, 2);
}
