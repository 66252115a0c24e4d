//! The seam between the stages that every extractor of ours shares and the models that find names and relations.

use std::time::Duration;

use crate::draft::{Anaphor, DraftMention, DraftRelation, ReadSentence};
use crate::extractor::{ExtractError, Watch};

/// A set of models. Deterministic: the same weights and text give the same answer.
pub(crate) trait Tier: Send + Sync {
    /// Hash of the weights; part of the extractor's version.
    fn fingerprint(&self) -> u32;

    /// The least calibrated probability of a relation that is shown, once its pronouns are counted in.
    fn least_relation(&self) -> f64;

    /// What reading this text may take beyond the usual limit before it counts as stuck.
    fn extra_time(&self, _text: &str) -> Duration {
        Duration::ZERO
    }

    /// Begins to read a text. What the models learn of it on the way to the names may be kept for the relations.
    fn begin<'a>(&'a self, text: &'a str, sentences: &'a [ReadSentence]) -> Box<dyn TierReading + 'a>;
}

/// One text on its way through a tier: asked for names once, then for relations once.
pub(crate) trait TierReading {
    /// Names and dates in reading order, not overlapping, with calibrated confidences and without metadata. Span edges
    /// and dates are tidied later, doubtful names dropped, and amounts and full dates added by rules, which have
    /// precedence.
    ///
    /// # Errors
    /// [`ExtractError::Cancelled`] when `progress` says so.
    fn names(&mut self, progress: &mut Progress<'_>) -> Result<Vec<DraftMention>, ExtractError>;

    /// What is stated between the mentions and anaphors of each sentence. The mentions are not quite those that
    /// [`names`](Self::names) gave: tidied, retyped, with values and a user's own names. The same statement may come
    /// more than once; the surest stays.
    ///
    /// # Errors
    /// [`ExtractError::Cancelled`] when `progress` says so.
    fn relations(
        &mut self,
        mentions: &[DraftMention],
        anaphors: &[Anaphor],
        progress: &mut Progress<'_>,
    ) -> Result<Vec<DraftRelation>, ExtractError>;
}

/// How far the reading is. Each sentence is a step of the names and a step of the relations; whoever works calls
/// [`advance`](Self::advance) at least every 20 ms, with as many sentences as are done by then.
pub(crate) struct Progress<'a> {
    watch: &'a dyn Watch,
    done: usize,
    total: usize,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(watch: &'a dyn Watch, total: usize) -> Self {
        Self { watch, done: 0, total }
    }

    /// `sentences` more are done in this stage; asks whether to go on.
    ///
    /// # Errors
    /// [`ExtractError::Cancelled`] when the watch wants it to end.
    pub(crate) fn advance(&mut self, sentences: usize) -> Result<(), ExtractError> {
        self.done = (self.done + sentences).min(self.total);
        self.check()
    }

    /// Asks whether to go on, with no more done than before: for steps that are many but small.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub(crate) fn check(&self) -> Result<(), ExtractError> {
        if self.watch.sentence(self.done, self.total).is_break() { Err(ExtractError::Cancelled) } else { Ok(()) }
    }
}
