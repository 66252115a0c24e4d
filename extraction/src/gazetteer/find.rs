//! Looking for listed names alone, for extractors that find everything else in another way.

use serde_json::{Map, Value};

use super::{Gazetteer, GazetteerEntry, Search, metadata};
use crate::draft::ReadSentence;
use crate::extraction::Span;
use crate::extractor::ExtractError;
use crate::sentences;

impl Gazetteer {
    /// Where the listed names stand in a text, in reading order, with the index of their entry. None overlaps another.
    ///
    /// # Errors
    /// [`ExtractError::Schema`] when the list cannot be searched for.
    pub fn find(&self, text: &str) -> Result<Vec<(Span, usize)>, ExtractError> {
        if self.entries().is_empty() {
            return Ok(Vec::new());
        }
        let matcher = self.matcher()?;
        let (mut search, mut found) = (Search::default(), Vec::new());
        for place in sentences::split(text) {
            let sentence = ReadSentence::new(text, place);
            for (start, end, entry) in search.sentence(matcher, text, &sentence) {
                let (first, last) = (&sentence.tokens[start], &sentence.tokens[end - 1]);
                found.push((Span::new(first.char_start as usize, last.char_end as usize), entry));
            }
        }
        Ok(found)
    }
}

impl GazetteerEntry {
    /// What an entity that is found by this entry carries in its metadata.
    #[must_use]
    pub fn metadata(&self) -> Map<String, Value> {
        metadata(self)
    }
}
