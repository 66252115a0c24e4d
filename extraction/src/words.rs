//! The lowercase forms of a sentence's tokens.

use crate::tokens::Token;

/// What rules look at: each token's lowercase form.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// The forms, one space apart.
    lower: String,
    /// Where each stands in `lower`.
    ranges: Vec<(u32, u32)>,
}

impl Words {
    /// The words of `tokens`, which are of `text`.
    pub(crate) fn of(text: &str, tokens: &[Token]) -> Self {
        let mut words = Self::default();
        words.fill(text, tokens);
        words
    }

    /// Takes the words of another sentence, in the room there is.
    pub(crate) fn fill(&mut self, text: &str, tokens: &[Token]) {
        self.lower.clear();
        self.ranges.clear();
        for token in tokens {
            if !self.lower.is_empty() {
                self.lower.push(' ');
            }
            let start = self.lower.len();
            for c in token.text(text).chars() {
                if c.is_ascii() {
                    self.lower.push(c.to_ascii_lowercase());
                } else {
                    self.lower.extend(c.to_lowercase());
                }
            }
            // Lowercasing at most triples a sentence's bytes, and sentences are bounded.
            self.ranges.push((start as u32, self.lower.len() as u32));
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The lowercase form of the token at `at`.
    pub(crate) fn lower(&self, at: usize) -> &str {
        self.phrase(at, at + 1)
    }

    /// The lowercase forms of the tokens `start..end`, one space apart.
    pub(crate) fn phrase(&self, start: usize, end: usize) -> &str {
        &self.lower[self.ranges[start].0 as usize..self.ranges[end - 1].1 as usize]
    }
}
