//! Submissions: taking a document in once, with its job, under its idempotency key.

use sha2::{Digest, Sha256};
use sqlx::types::Json;

use super::{
    Scope, Store, StoreError, StoreResult, documents::document_in, extraction_schemas::schema_in_force, jobs::job_in,
};
use crate::domain::{
    caller::Caller,
    document::{Document, Idempotency, JobOptions, ReadAgain, SourceType},
    ids::{DocumentId, JobId, UserId},
    job::{Job, JobStatus, Priority},
};

/// How often a submission and the deletion of the same content may cross each other.
const MAX_TURNS: usize = 3;
/// How many tries a job gets.
pub const MAX_ATTEMPTS: i32 = 5;

/// A document that became plain text and is ready to be stored.
#[derive(Clone, Debug)]
pub struct PreparedDocument {
    /// Title, if there is one.
    pub title: Option<String>,
    /// The plain text that all offsets refer to.
    pub text: String,
    /// Where its pages begin, in Unicode scalar values; empty when it has none.
    pub pages: Vec<i32>,
    /// What its owner should know of how it became text.
    pub notes: Vec<String>,
    /// SHA-256 of the content as it was submitted.
    pub content_hash: [u8; 32],
    /// Its size in bytes.
    pub size_bytes: i32,
    /// MIME type of what was submitted.
    pub content_type: &'static str,
    /// Where it came from.
    pub source: Option<String>,
    /// What kind of place that is.
    pub source_type: SourceType,
    /// Its language as a BCP 47 tag.
    pub language: Option<String>,
    /// What the submitter wants kept with it.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// How urgent it is.
    pub priority: Priority,
    /// What to extract.
    pub options: JobOptions,
    /// Extract again although the content is known.
    pub force: bool,
    /// The W3C trace context of the submission.
    pub traceparent: Option<String>,
}

impl PreparedDocument {
    /// The hash under which the same content is recognised.
    #[must_use]
    pub fn hash(content: &[u8]) -> [u8; 32] {
        Sha256::digest(content).into()
    }
}

/// What taking a document in came to.
#[derive(Debug)]
pub enum Intake {
    /// A new job was committed.
    Created(Document, Job),
    /// The content, or the idempotency key with the same request, was known: nothing was written.
    Known(Document, Job),
    /// The idempotency key was used for another request.
    KeyReused,
}

impl Store {
    /// Commits a document and its job together, unless its content or its idempotency key is known already.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn take_in(
        &self,
        caller: &Caller,
        document: &PreparedDocument,
        idempotency: Option<&Idempotency>,
    ) -> StoreResult<Intake> {
        match self.try_take_in(caller, document, idempotency).await {
            // The same key was committed by a request beside this one: what it did is there now.
            Err(error) if error.violated_constraint() == Some("idempotency_keys_pkey") => {
                self.try_take_in(caller, document, idempotency).await
            }
            result => result,
        }
    }

    async fn try_take_in(
        &self,
        caller: &Caller,
        document: &PreparedDocument,
        idempotency: Option<&Idempotency>,
    ) -> StoreResult<Intake> {
        // What is submitted is the submitter's own, whatever else their role lets them see.
        let mut scope = self.owner(caller.user_id).await?;
        if let Some(key) = idempotency
            && let Some(known) = known_key(&mut scope, key).await?
        {
            return Ok(known);
        }
        let (document_id, job_id, created) = insert_or_find(&mut scope, caller.user_id, document).await?;
        if let Some(key) = idempotency {
            remember_key(&mut scope, caller.user_id, key, document_id, job_id).await?;
        }
        let (document, job) = read_both(&mut scope, document_id, job_id).await?;
        scope.commit().await?;
        Ok(if created { Intake::Created(document, job) } else { Intake::Known(document, job) })
    }
}

/// What the key stands for, if it was used before.
async fn known_key(scope: &mut Scope, key: &Idempotency) -> StoreResult<Option<Intake>> {
    let row: Option<(Vec<u8>, DocumentId, JobId)> = sqlx::query_as(
        "SELECT request_hash, document_id, job_id FROM idempotency_keys WHERE key = $1 AND owner_id = app_user_id()",
    )
    .bind(&key.key)
    .fetch_optional(&mut **scope)
    .await?;
    let Some((hash, document_id, job_id)) = row else { return Ok(None) };
    if hash != key.request_hash {
        return Ok(Some(Intake::KeyReused));
    }
    let (document, job) = read_both(scope, document_id, job_id).await?;
    Ok(Some(Intake::Known(document, job)))
}

async fn remember_key(
    scope: &mut Scope,
    owner: UserId,
    key: &Idempotency,
    document: DocumentId,
    job: JobId,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO idempotency_keys (owner_id, key, request_hash, document_id, job_id) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(owner)
    .bind(&key.key)
    .bind(key.request_hash.as_slice())
    .bind(document)
    .bind(job)
    .execute(&mut **scope)
    .await?;
    Ok(())
}

/// Writes the document, or finds the one with the same content.
async fn insert_or_find(
    scope: &mut Scope,
    owner: UserId,
    document: &PreparedDocument,
) -> StoreResult<(DocumentId, JobId, bool)> {
    for _ in 0..MAX_TURNS {
        if let Some((document_id, job_id)) = insert(scope, owner, document).await? {
            return Ok((document_id, job_id, true));
        }
        // None if the other document was deleted between the two statements: then there is room for this one.
        if let Some(found) = again(scope, owner, document).await? {
            return Ok(found);
        }
    }
    Err(StoreError::from(sqlx::Error::RowNotFound))
}

/// Writes document, text and job in one statement; none if the owner has this content already.
async fn insert(
    scope: &mut Scope,
    owner: UserId,
    document: &PreparedDocument,
) -> StoreResult<Option<(DocumentId, JobId)>> {
    let (document_id, job_id) = (DocumentId::new(), JobId::new());
    let done = sqlx::query(concat!(
        "WITH d AS (
             INSERT INTO documents (id, owner_id, title, source, source_type, content_type, language, metadata,
                                    content_hash, size_bytes, job_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (owner_id, content_hash) DO NOTHING RETURNING id
         ), r AS (
             INSERT INTO document_revisions (document_id, revision, owner_id, content, pages, notes)
             SELECT id, 1, $2, $12, $17, $18 FROM d
         )
         INSERT INTO jobs (id, owner_id, document_id, revision, priority, options, max_attempts, traceparent,
                           size_bytes, schema_version)
         SELECT $11, $2, id, 1, $13, $14, $15, $16, $10, ",
        schema_in_force!("$2"),
        " FROM d"
    ))
    .bind(document_id)
    .bind(owner)
    .bind(&document.title)
    .bind(&document.source)
    .bind(document.source_type.as_str())
    .bind(document.content_type)
    .bind(&document.language)
    .bind(Json(&document.metadata))
    .bind(document.content_hash.as_slice())
    .bind(document.size_bytes)
    .bind(job_id)
    .bind(&document.text)
    .bind(document.priority.rank())
    .bind(Json(&document.options))
    .bind(MAX_ATTEMPTS)
    .bind(&document.traceparent)
    .bind(&document.pages)
    .bind(&document.notes)
    .execute(&mut **scope)
    .await?;
    Ok((done.rows_affected() > 0).then_some((document_id, job_id)))
}

/// The content is known: answers its newest job, or makes another one where the submitter insists and the newest has
/// ended.
async fn again(
    scope: &mut Scope,
    owner: UserId,
    document: &PreparedDocument,
) -> StoreResult<Option<(DocumentId, JobId, bool)>> {
    let known: Option<(DocumentId, i32, JobId, String)> = sqlx::query_as(
        "SELECT d.id, d.revision, d.job_id, j.status FROM documents d JOIN jobs j ON j.id = d.job_id
         WHERE d.owner_id = $1 AND d.content_hash = $2 FOR UPDATE OF d",
    )
    .bind(owner)
    .bind(document.content_hash.as_slice())
    .fetch_optional(&mut **scope)
    .await?;
    let Some((id, revision, job_id, status)) = known else { return Ok(None) };
    if !document.force || !JobStatus::parse(&status).is_some_and(JobStatus::is_final) {
        return Ok(Some((id, job_id, false)));
    }
    let known = KnownDocument { id, owner, revision, size_bytes: document.size_bytes };
    let new_job = insert_again(scope, &known, document.priority, &document.options, document.traceparent.as_deref());
    Ok(Some((id, new_job.await?, true)))
}

/// A document that is there.
struct KnownDocument {
    id: DocumentId,
    owner: UserId,
    revision: i32,
    size_bytes: i32,
}

/// Another job for a document whose newest has ended.
async fn insert_again(
    scope: &mut Scope,
    document: &KnownDocument,
    priority: Priority,
    options: &JobOptions,
    traceparent: Option<&str>,
) -> StoreResult<JobId> {
    let job = JobId::new();
    sqlx::query(concat!(
        "WITH d AS (UPDATE documents SET job_id = $1, updated_at = now() WHERE id = $2 RETURNING id)
         INSERT INTO jobs (id, owner_id, document_id, revision, priority, options, max_attempts, traceparent,
                           size_bytes, schema_version)
         SELECT $1, $3, id, $4, $5, $6, $7, $8, $9, ",
        schema_in_force!("$3"),
        " FROM d"
    ))
    .bind(job)
    .bind(document.id)
    .bind(document.owner)
    .bind(document.revision)
    .bind(priority.rank())
    .bind(Json(options))
    .bind(MAX_ATTEMPTS)
    .bind(traceparent)
    .bind(document.size_bytes)
    .execute(&mut **scope)
    .await?;
    Ok(job)
}

/// What asking for another extraction came to.
#[derive(Debug)]
pub enum Again {
    /// A new job, or the one that this idempotency key made, was committed.
    Taken(Box<Intake>),
    /// The document's newest job is not over.
    AtWork(JobStatus),
    /// There is no such document for this caller.
    NoSuchDocument,
}

impl Store {
    /// Commits another job for a document, to read its stored text again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn read_again(
        &self,
        caller: &Caller,
        id: DocumentId,
        again: &ReadAgain,
        idempotency: Option<&Idempotency>,
    ) -> StoreResult<Again> {
        let mut scope = self.scope(caller).await?;
        if let Some(key) = idempotency
            && let Some(known) = known_key(&mut scope, key).await?
        {
            return Ok(Again::Taken(Box::new(known)));
        }
        let known: Option<(UserId, i32, i32, String)> = sqlx::query_as(
            "SELECT d.owner_id, d.revision, d.size_bytes, j.status FROM documents d JOIN jobs j ON j.id = d.job_id
             WHERE d.id = $1 FOR UPDATE OF d",
        )
        .bind(id)
        .fetch_optional(&mut *scope)
        .await?;
        let Some((owner, revision, size_bytes, status)) = known else { return Ok(Again::NoSuchDocument) };
        if let Some(status) = JobStatus::parse(&status).filter(|status| !status.is_final()) {
            return Ok(Again::AtWork(status));
        }
        let known = KnownDocument { id, owner, revision, size_bytes };
        let traceparent = again.traceparent.as_deref();
        let job = insert_again(&mut scope, &known, again.priority, &again.extraction, traceparent).await?;
        // A key is kept with its own user's documents; an admin who reads another's again has none.
        if let Some(key) = idempotency.filter(|_| owner == caller.user_id) {
            remember_key(&mut scope, owner, key, id, job).await?;
        }
        let (document, job) = read_both(&mut scope, id, job).await?;
        scope.commit().await?;
        Ok(Again::Taken(Box::new(Intake::Created(document, job))))
    }
}

async fn read_both(scope: &mut Scope, document: DocumentId, job: JobId) -> StoreResult<(Document, Job)> {
    let found = document_in(scope, document).await?.zip(job_in(scope, job).await?);
    found.ok_or_else(|| StoreError::from(sqlx::Error::RowNotFound))
}

impl Store {
    /// Clears away idempotency keys that are older than a repeated request can reasonably be.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_idempotency_keys(&self) -> StoreResult<u64> {
        let done = sqlx::query("DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'")
            .execute(self.system())
            .await?;
        Ok(done.rows_affected())
    }
}
