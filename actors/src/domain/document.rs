//! Documents: what comes in.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use kgl_extraction::{ContentType, Declared, ExtractOptions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    ids::{DocumentId, UserId},
    job::{Job, JobStatus, Priority},
};

/// The largest document that is taken, in bytes of its submitted form.
pub const MAX_CONTENT_BYTES: usize = 10 * 1024 * 1024;

/// Where a document came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceType {
    /// A news or encyclopedic article.
    Article,
    /// A file.
    #[default]
    Document,
    /// A page of the web.
    WebPage,
    /// Another program.
    Api,
    /// Typed in by a person.
    Manual,
}

impl SourceType {
    /// The name that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SourceType::Article => "article",
            SourceType::Document => "document",
            SourceType::WebPage => "web_page",
            SourceType::Api => "api",
            SourceType::Manual => "manual",
        }
    }

    /// The source type of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Article, Self::Document, Self::WebPage, Self::Api, Self::Manual]
            .into_iter()
            .find(|source_type| source_type.as_str() == name)
    }
}

/// A document that somebody submits.
#[derive(Clone, Debug)]
pub struct NewDocument {
    /// Its title; without one, what the content itself gives.
    pub title: Option<String>,
    /// The content as it came, before it becomes plain text.
    pub content: NewContent,
    /// Where it came from, in the submitter's words: a URL, a file name.
    pub source: Option<String>,
    /// What kind of place that is.
    pub source_type: SourceType,
    /// Its language as a BCP 47 tag.
    pub language: Option<String>,
    /// Whatever the submitter wants kept with it. A JSON object.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// How urgent it is.
    pub priority: Priority,
    /// What to extract.
    pub extraction: JobOptions,
    /// Extract again although the same content is known already.
    pub force: bool,
    /// The W3C trace context that the request carried.
    pub traceparent: Option<String>,
}

/// The content of a document that somebody submits.
#[derive(Clone, Debug)]
pub enum NewContent {
    /// Text that came as such.
    Text {
        /// The text.
        text: String,
        /// What it is written in.
        content_type: ContentType,
    },
    /// A file.
    File {
        /// Its bytes.
        bytes: Bytes,
        /// What it is said to be; without this, its name and its bytes tell.
        content_type: Option<ContentType>,
        /// The charset that came with it.
        charset: Option<String>,
        /// Its name: the title where neither its submitter nor its content gives one.
        name: Option<String>,
    },
}

impl NewContent {
    /// The content as it was sent.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text { text, .. } => text.as_bytes(),
            Self::File { bytes, .. } => bytes,
        }
    }

    /// What is said of it.
    #[must_use]
    pub fn declared(&self) -> Declared<'_> {
        match self {
            Self::Text { content_type, .. } => Declared::utf8(*content_type),
            Self::File { content_type, charset, name, .. } => Declared {
                content_type: *content_type,
                charset: charset.as_deref(),
                file_name: name.as_deref(),
                certain: false,
            },
        }
    }

    /// The field of the request that it came in.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self {
            Self::Text { .. } => "content",
            Self::File { .. } => "file",
        }
    }
}

/// What a job asks of the extractor; stored with the job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JobOptions {
    /// Which extractor; none is the service's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extractor: Option<String>,
    /// What to keep of what it finds.
    #[serde(flatten)]
    pub extract: ExtractOptions,
}

impl JobOptions {
    /// These where they say something, field by field, and `default` where they do not.
    #[must_use]
    pub fn over(self, default: &Self) -> Self {
        Self {
            extractor: self.extractor.or_else(|| default.extractor.clone()),
            extract: self.extract.over(&default.extract),
        }
    }
}

/// A document that is to be read again.
#[derive(Clone, Debug)]
pub struct ReadAgain {
    /// What to extract this time.
    pub extraction: JobOptions,
    /// How urgent it is.
    pub priority: Priority,
    /// The W3C trace context that the request carried.
    pub traceparent: Option<String>,
}

/// Makes a repeated request answer what the first one did.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The client's key, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of the request's body: the same key with another body is a conflict.
    pub request_hash: [u8; 32],
}

/// A document as the API shows it. Its text is read separately.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Document {
    /// Identifier.
    pub id: DocumentId,
    /// Title.
    pub title: Option<String>,
    /// The status of its newest job.
    pub status: JobStatus,
    /// Where it came from.
    pub source: Option<String>,
    /// What kind of place that is.
    pub source_type: SourceType,
    /// MIME type of what was submitted.
    pub content_type: String,
    /// Its language as a BCP 47 tag, if known.
    pub language: Option<String>,
    /// What the submitter wanted kept with it.
    #[schema(value_type = Object)]
    pub metadata: serde_json::Value,
    /// Size of what was submitted, in bytes.
    pub size_bytes: i32,
    /// The revision of its text; counts from 1.
    pub revision: i32,
    /// Its newest job.
    pub job_id: super::ids::JobId,
    /// The extractor that found what the graph holds of it; none before the first extraction is done.
    pub extractor: Option<String>,
    /// That extractor's version.
    pub extractor_version: Option<String>,
    /// Who submitted it.
    pub created_by: UserId,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// The stored plain text of a document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentContent {
    /// Whose text.
    pub document_id: DocumentId,
    /// Which revision of it.
    pub revision: i32,
    /// The plain text. All offsets count its Unicode scalar values.
    pub content: String,
    /// MIME type of what was submitted; the text itself is always plain.
    pub content_type: String,
    /// Where its pages begin, in order; absent when it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<PageStart>,
}

/// Where a page of a document begins in its plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PageStart {
    /// The page, counted from 1.
    pub page: i32,
    /// Its first character. A page without text begins where the next one does.
    pub start: i32,
}

/// What a submission came to.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The document.
    pub document: Document,
    /// Its job.
    pub job: Job,
    /// Whether this call made the job, or found what was there already.
    pub created: bool,
}

/// Which documents to list.
#[derive(Clone, Debug, Default)]
pub struct DocumentFilter {
    /// Only those whose newest job has this status.
    pub status: Option<JobStatus>,
    /// Only those from exactly this source.
    pub source: Option<String>,
    /// Only those whose title contains this, whatever its case.
    pub search: Option<String>,
}
