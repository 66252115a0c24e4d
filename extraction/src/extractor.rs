//! The seam between the service and whatever reads its texts.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::extraction::Extraction;
use crate::fast::Fast;
use crate::gazetteer::Gazetteer;
use crate::neural::NeuralError;
use crate::pipeline::Pipeline;
use crate::reader::ReaderTier;
use crate::schema::{Synonyms, Thresholds};

/// Longest text in bytes that an extractor takes: several times the largest document the service
/// accepts, and small enough that offsets fit in 32 bits.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// What a text is given unless its extractor asks for more. The largest ones need seconds; what needs minutes is stuck.
pub(crate) const USUAL_TIME_LIMIT: Duration = Duration::from_secs(120);

/// Reads a text. Implementations are deterministic: the same version, text and options give the
/// same answer, on every machine.
pub trait Extractor: Send + Sync {
    /// The name under which [`by_name`] finds it.
    fn name(&self) -> &str;

    /// Changes whenever the output could change; stored results of other versions are stale.
    fn version(&self) -> &str;

    /// Reads `text` and asks `watch` between sentences whether to go on.
    ///
    /// # Errors
    /// [`ExtractError::Cancelled`] when the watch said so; [`ExtractError::Unavailable`] and
    /// [`ExtractError::Failed`] when another program that it needs did not do its part. Every other
    /// error is the fault of this text or these options, and trying again will not help.
    fn extract(&self, text: &str, options: &ExtractOptions, watch: &dyn Watch) -> Result<Extraction, ExtractError>;

    /// The longest that reading this text may take before it counts as stuck.
    fn time_limit(&self, _text: &str) -> Duration {
        USUAL_TIME_LIMIT
    }
}

/// What the caller wants to see of what is found.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
pub struct ExtractOptions {
    /// Only these entity types, and relations between them; `None` is all. `funding_amount` is
    /// another name for `money`. Unknown names match nothing.
    pub entity_types: Option<Vec<String>>,
    /// Only these relation types; `None` is all.
    pub relationship_types: Option<Vec<String>>,
    /// Only mentions and relations of at least this confidence, 0 to 1.
    pub confidence_threshold: Option<f64>,
    /// How sure single types have to be, in place of `confidence_threshold`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
    /// Whether relations in the text's own words are wanted too, and the noun phrases that they hold between; `None` is
    /// no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_relations: Option<bool>,
    /// What the caller calls types and relations. Lists of types and thresholds may use either name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synonyms: Option<Synonyms>,
    /// The caller's own names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gazetteer: Option<Gazetteer>,
}

/// Progress and cancellation.
pub trait Watch: Sync {
    /// Called at least every 20 ms of work or so, with the number of steps done and in all: each sentence is a step of
    /// each stage that takes time. An extractor that waits for another program calls it while it waits. `Break` ends the
    /// extraction with [`ExtractError::Cancelled`].
    fn sentence(&self, done: usize, total: usize) -> ControlFlow<()>;
}

/// A watch that looks at nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn sentence(&self, _done: usize, _total: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// Why a text was not read to its end.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ExtractError {
    /// The watch asked to stop.
    #[error("the extraction was cancelled")]
    Cancelled,
    /// The text is longer than [`MAX_TEXT_BYTES`].
    #[error("the text has {bytes} bytes, {limit} are allowed")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// The most that is taken.
        limit: usize,
    },
    /// The confidence threshold is not a number from 0 to 1.
    #[error("the confidence threshold {0} is not between 0 and 1")]
    Threshold(f64),
    /// Another program that the extractor needs is away, overloaded, or does not let it in. No text
    /// is to blame, and none can be read before that changes.
    #[error("{reason}")]
    Unavailable {
        /// Why, in a line that names no secret.
        reason: String,
        /// When it may be worth another try, if that is known.
        retry_after: Option<Duration>,
    },
    /// Another program that the extractor needs did not do its part for this text. It may the next
    /// time.
    #[error("{0}")]
    Failed(String),
    /// The text cannot be read by this extractor, within these limits; the line says why.
    #[error("{0}")]
    Unreadable(String),
    /// A schema of the caller's that cannot be used.
    #[error("the schema cannot be used: {0}")]
    Schema(String),
}

/// Finds nothing: for measuring what surrounds the extractor.
struct Noop;

impl Extractor for Noop {
    fn name(&self) -> &str {
        "noop"
    }

    fn version(&self) -> &str {
        "1"
    }

    fn extract(&self, _text: &str, _options: &ExtractOptions, _watch: &dyn Watch) -> Result<Extraction, ExtractError> {
        Ok(Extraction {
            extractor: self.name().to_owned(),
            version: self.version().to_owned(),
            ..Extraction::default()
        })
    }
}

/// The fast tier's models, decoded once a process.
fn fast_tier() -> Arc<Fast> {
    static FAST: OnceLock<Arc<Fast>> = OnceLock::new();
    Arc::clone(FAST.get_or_init(|| Arc::new(Fast::load())))
}

/// The default extractor, with networks that are part of the binary, loaded once a process.
#[must_use]
pub fn builtin() -> Arc<dyn Extractor> {
    static BUILTIN: OnceLock<Arc<dyn Extractor>> = OnceLock::new();
    let load = || match ReaderTier::load() {
        Ok(tier) => Arc::new(Pipeline::new("builtin", Arc::new(tier))) as Arc<dyn Extractor>,
        Err(error) => Arc::new(Unable { name: "builtin", error }),
    };
    BUILTIN.get_or_init(load).clone()
}

/// An extractor whose networks cannot be loaded: as in a development build made before `make setup`.
struct Unable {
    name: &'static str,
    error: NeuralError,
}

impl Extractor for Unable {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> &str {
        "none"
    }

    fn extract(&self, _text: &str, _options: &ExtractOptions, _watch: &dyn Watch) -> Result<Extraction, ExtractError> {
        Err(self.error.clone().into())
    }
}

/// The extractor for bulk and for a first look, with models that are part of the binary, decoded once a process.
#[must_use]
pub fn fast() -> Arc<dyn Extractor> {
    static FAST: OnceLock<Arc<Pipeline>> = OnceLock::new();
    FAST.get_or_init(|| Arc::new(Pipeline::new("fast", fast_tier()))).clone()
}

/// The extractor that finds nothing, not even sentences.
#[must_use]
pub fn noop() -> Arc<dyn Extractor> {
    Arc::new(Noop)
}

/// An extractor by its setting: `builtin`, `fast` or `noop`.
#[must_use]
pub fn by_name(name: &str) -> Option<Arc<dyn Extractor>> {
    match name {
        "builtin" => Some(builtin()),
        "fast" => Some(fast()),
        "noop" => Some(noop()),
        _ => None,
    }
}
