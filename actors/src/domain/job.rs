//! Jobs: what is done with a document, and how far it is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    changes::ChangeCounts,
    ids::{DocumentId, JobId},
};

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Waiting for its turn, or, with `retry_at`, for its next try.
    Pending,
    /// Somebody is at it.
    Processing,
    /// Its facts are in the graph.
    Completed,
    /// The document itself cannot be done. Final.
    Failed,
    /// Called off. Final unless retried.
    Cancelled,
    /// Its attempts are used up. Final unless retried.
    Dead,
}

impl JobStatus {
    /// The name that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Pending => "pending",
            JobStatus::Processing => "processing",
            JobStatus::Completed => "completed",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
            JobStatus::Dead => "dead",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Processing, Self::Completed, Self::Failed, Self::Cancelled, Self::Dead]
            .into_iter()
            .find(|status| status.as_str() == name)
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, JobStatus::Pending | JobStatus::Processing)
    }
}

/// How urgent a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before all others.
    High,
    /// As most are.
    #[default]
    Normal,
    /// When there is nothing else.
    Low,
}

impl Priority {
    /// The number by which the queue is ordered, smallest first.
    #[must_use]
    pub fn rank(self) -> i16 {
        match self {
            Priority::High => 0,
            Priority::Normal => 1,
            Priority::Low => 2,
        }
    }

    /// The priority of that rank; an unknown rank is the lowest.
    #[must_use]
    pub fn from_rank(rank: i16) -> Self {
        match rank {
            0 => Priority::High,
            1 => Priority::Normal,
            _ => Priority::Low,
        }
    }
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// `queued`, `extracting`, `writing` or `done`.
    pub stage: String,
    /// How many units of the stage are done (sentences, while extracting).
    pub done: i32,
    /// How many there are; 0 while that is not known.
    pub total: i32,
}

/// What a completed job found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobResult {
    /// Different entities that the document names.
    pub entities: i64,
    /// Different relationships that it states.
    pub relationships: i64,
    /// How often it names an entity.
    pub mentions: i64,
    /// The extractor that read it.
    pub extractor: String,
    /// That extractor's version.
    pub extractor_version: String,
    /// The document's language as a BCP 47 tag: as its submitter says, or else as its text seems.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What its submitter should know of how it was read, a sentence each; absent when there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What a language model took for it; absent where none was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<JobCost>,
    /// What this changed of what an earlier extraction found in the same document; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeCounts>,
}

/// What a language model took for a document, in the try that read it to its end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobCost {
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// Passages whose answer was known from before and cost nothing.
    pub cached_passages: u64,
    /// What the tokens cost, in the unit of `KGL_OPENAI_PRICE_INPUT` and `KGL_OPENAI_PRICE_OUTPUT`; null without these.
    pub estimate: Option<f64>,
}

/// A job as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Job {
    /// Identifier.
    pub id: JobId,
    /// The document it works on.
    pub document_id: DocumentId,
    /// Where it is.
    pub status: JobStatus,
    /// How urgent it is.
    pub priority: Priority,
    /// How many tries have begun.
    pub attempt: i32,
    /// How many tries it gets.
    pub max_attempts: i32,
    /// How far it is.
    pub progress: Progress,
    /// When it was submitted.
    pub created_at: DateTime<Utc>,
    /// When the newest try began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended for good.
    pub finished_at: Option<DateTime<Utc>>,
    /// From the start of the newest try to its end, in seconds.
    pub processing_time_seconds: Option<f64>,
    /// Why the newest try failed.
    pub error_message: Option<String>,
    /// When the next try begins; only of a job that waits for one.
    pub retry_at: Option<DateTime<Utc>>,
    /// What it found; only of a completed job.
    pub result: Option<JobResult>,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only those with this status.
    pub status: Option<JobStatus>,
    /// Only those of this document.
    pub document_id: Option<DocumentId>,
}
