//! What a user wants extracted unless a request says otherwise.

use chrono::{DateTime, Utc};

use super::document::JobOptions;

/// A user's schema as it is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredSchema {
    /// Counts its changes; 0 if there never was one.
    pub version: i32,
    /// What it says; none where there is none (any more).
    pub options: Option<JobOptions>,
    /// When it was changed last.
    pub updated_at: Option<DateTime<Utc>>,
}

/// What a caller takes a schema for who changes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever it is.
    #[default]
    None,
    /// There is one.
    Exists,
    /// It is one of these versions.
    Versions(Vec<i32>),
}

impl Precondition {
    /// Whether it is so.
    #[must_use]
    pub fn holds(&self, schema: &StoredSchema) -> bool {
        match self {
            Precondition::None => true,
            Precondition::Exists => schema.options.is_some(),
            Precondition::Versions(versions) => versions.contains(&schema.version),
        }
    }
}
