//! Documents: taking them in once, and reading them.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, types::Json};

use super::{Scope, Store, StoreResult};
use crate::domain::{
    caller::Caller,
    document::{Document, DocumentContent, DocumentFilter, PageStart, SourceType},
    ids::{DocumentId, JobId, UserId},
    job::JobStatus,
    page::{Listing, Page},
};

macro_rules! document_columns {
    () => {
        "d.id, d.title, j.status, d.source, d.source_type, d.content_type, d.language, d.metadata, d.size_bytes, \
         d.revision, d.job_id, x.extractor, x.extractor_version, d.owner_id, d.created_at, d.updated_at"
    };
}

/// Documents `d` with their newest jobs `j` and the extraction `x` that made what the graph holds of them: the last one
/// that completed.
macro_rules! documents_with_jobs {
    () => {
        "documents d JOIN jobs j ON j.id = d.job_id
         LEFT JOIN LATERAL (
             SELECT c.result->>'extractor' AS extractor, c.result->>'extractor_version' AS extractor_version
             FROM jobs c WHERE c.document_id = d.id AND c.status = 'completed' ORDER BY c.id DESC LIMIT 1
         ) x ON true"
    };
}

#[derive(FromRow)]
struct DocumentRow {
    id: DocumentId,
    title: Option<String>,
    status: String,
    source: Option<String>,
    source_type: String,
    content_type: String,
    language: Option<String>,
    metadata: Json<serde_json::Value>,
    size_bytes: i32,
    revision: i32,
    job_id: JobId,
    extractor: Option<String>,
    extractor_version: Option<String>,
    owner_id: UserId,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<DocumentRow> for Document {
    fn from(row: DocumentRow) -> Self {
        Document {
            id: row.id,
            title: row.title,
            status: JobStatus::parse(&row.status).unwrap_or(JobStatus::Dead),
            source: row.source,
            source_type: SourceType::parse(&row.source_type).unwrap_or_default(),
            content_type: row.content_type,
            language: row.language,
            metadata: row.metadata.0,
            size_bytes: row.size_bytes,
            revision: row.revision,
            job_id: row.job_id,
            extractor: row.extractor,
            extractor_version: row.extractor_version,
            created_by: row.owner_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl Store {
    /// A page of the documents that the caller may see, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn documents(
        &self,
        caller: &Caller,
        filter: &DocumentFilter,
        page: &Page,
    ) -> StoreResult<Listing<Document>> {
        let mut scope = self.scope(caller).await?;
        let status = filter.status.map(JobStatus::as_str);
        let pattern = filter.search.as_deref().map(contains_pattern);
        let rows: Vec<DocumentRow> = sqlx::query_as(concat!(
            "SELECT ",
            document_columns!(),
            " FROM ",
            documents_with_jobs!(),
            " WHERE ($1::text IS NULL OR j.status = $1) AND ($2::text IS NULL OR (hashtextextended(d.source, 0) = hashtextextended($2, 0) AND d.source = $2))
                AND ($3::text IS NULL OR d.title ILIKE $3) AND ($4::uuid IS NULL OR d.id < $4)
              ORDER BY d.id DESC LIMIT $5 OFFSET $6"
        ))
        .bind(status)
        .bind(filter.source.as_deref())
        .bind(pattern.as_deref())
        .bind(page.after)
        .bind(i64::from(page.limit) + 1)
        .bind(if page.after.is_some() { 0 } else { i64::from(page.skip) })
        .fetch_all(&mut *scope)
        .await?;
        let count = if status.is_some() {
            "SELECT count(*) FROM documents d JOIN jobs j ON j.id = d.job_id
             WHERE j.status = $1 AND ($2::text IS NULL OR (hashtextextended(d.source, 0) = hashtextextended($2, 0) AND d.source = $2)) AND ($3::text IS NULL OR d.title ILIKE $3)"
        } else {
            "SELECT count(*) FROM documents d
             WHERE $1::text IS NULL AND ($2::text IS NULL OR (hashtextextended(d.source, 0) = hashtextextended($2, 0) AND d.source = $2)) AND ($3::text IS NULL OR d.title ILIKE $3)"
        };
        let total: i64 = sqlx::query_scalar(count)
            .bind(status)
            .bind(filter.source.as_deref())
            .bind(pattern.as_deref())
            .fetch_one(&mut *scope)
            .await?;
        scope.commit().await?;
        let documents = rows.into_iter().map(Document::from).collect();
        Ok(Listing::from_rows(documents, page.limit, total, |d: &Document| d.id.0))
    }

    /// One document.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn document(&self, caller: &Caller, id: DocumentId) -> StoreResult<Option<Document>> {
        let mut scope = self.scope(caller).await?;
        let document = document_in(&mut scope, id).await?;
        scope.commit().await?;
        Ok(document)
    }

    /// A document's plain text at its newest revision.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn document_content(&self, caller: &Caller, id: DocumentId) -> StoreResult<Option<DocumentContent>> {
        let mut scope = self.scope(caller).await?;
        let row: Option<(i32, String, String, Vec<i32>)> = sqlx::query_as(
            "SELECT r.revision, r.content, d.content_type, r.pages FROM documents d
             JOIN document_revisions r ON r.document_id = d.id AND r.revision = d.revision WHERE d.id = $1",
        )
        .bind(id)
        .fetch_optional(&mut *scope)
        .await?;
        scope.commit().await?;
        Ok(row.map(|(revision, content, content_type, starts)| DocumentContent {
            document_id: id,
            revision,
            content,
            content_type,
            pages: (1..).zip(starts).map(|(page, start)| PageStart { page, start }).collect(),
        }))
    }

    /// The texts to extract of one owner's leased documents; those deleted in the meantime are missing.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn texts(&self, owner: UserId, of: &[(DocumentId, i32)]) -> StoreResult<Vec<Text>> {
        let mut scope = self.owner(owner).await?;
        let texts = sqlx::query_as(
            "SELECT d.id AS document_id, r.revision, r.content, r.pages, r.notes, d.language, d.source, d.source_type
             FROM unnest($1::uuid[], $2::int[]) AS w(id, revision)
             JOIN documents d ON d.id = w.id
             JOIN document_revisions r ON r.document_id = w.id AND r.revision = w.revision",
        )
        .persistent(false)
        .bind(of.iter().map(|(id, _)| *id).collect::<Vec<_>>())
        .bind(of.iter().map(|(_, revision)| *revision).collect::<Vec<_>>())
        .fetch_all(&mut *scope)
        .await?;
        scope.commit().await?;
        Ok(texts)
    }
}

/// A document's text on its way to the extractor, with what its entities inherit.
#[derive(Clone, Debug, FromRow)]
pub struct Text {
    /// The document.
    pub document_id: DocumentId,
    /// Which revision of it.
    pub revision: i32,
    /// The plain text.
    pub content: String,
    /// Where its pages begin.
    pub pages: Vec<i32>,
    /// What was noted when it became text.
    pub notes: Vec<String>,
    /// Its language as a BCP 47 tag, if known.
    pub language: Option<String>,
    /// Where the document came from.
    pub source: Option<String>,
    /// What kind of place that is, as the database names it.
    pub source_type: String,
}

pub(super) async fn document_in(scope: &mut Scope, id: DocumentId) -> StoreResult<Option<Document>> {
    let row: Option<DocumentRow> =
        sqlx::query_as(concat!("SELECT ", document_columns!(), " FROM ", documents_with_jobs!(), " WHERE d.id = $1"))
            .bind(id)
            .fetch_optional(&mut **scope)
            .await?;
    Ok(row.map(Document::from))
}

/// An ILIKE pattern for texts that contain `text` literally.
pub(super) fn contains_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        let _ = pattern.write_char(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_in_a_search_stand_for_themselves() {
        assert_eq!(contains_pattern("50%_a\\b"), "%50\\%\\_a\\\\b%");
    }
}
