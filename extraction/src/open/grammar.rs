//! A parsed sentence, as the rules ask about it.

use super::{End, Taken};
use crate::draft::ReadSentence;
use crate::syntax::Parse;
use crate::syntax::labels::{Dep, Tag};

/// Most steps up from a word to the root that are followed.
const MAX_CLIMB: usize = 80;

pub(super) struct Grammar<'a> {
    text: &'a str,
    sentence: &'a ReadSentence,
    parse: &'a Parse,
    pub(super) taken: &'a [Taken],
    /// Each word's first dependent, and each word's next fellow dependent; the number of words stands for none.
    first: Vec<usize>,
    next: Vec<usize>,
}

impl<'a> Grammar<'a> {
    pub(super) fn new(text: &'a str, sentence: &'a ReadSentence, parse: &'a Parse, taken: &'a [Taken]) -> Self {
        let words = parse.heads.len();
        let (mut first, mut next) = (vec![words; words + 1], vec![words; words]);
        for at in (0..words).rev() {
            next[at] = std::mem::replace(&mut first[parse.heads[at]], at);
        }
        Self { text, sentence, parse, taken, first, next }
    }

    /// The number of words.
    pub(super) fn words(&self) -> usize {
        self.parse.heads.len()
    }

    pub(super) fn lower(&self, at: usize) -> &str {
        self.sentence.words.lower(at)
    }

    pub(super) fn phrase(&self, start: usize, end: usize) -> &'a str {
        self.sentence.text(self.text, start, end)
    }

    /// Whether whitespace stands before a word.
    pub(super) fn is_spaced(&self, at: usize) -> bool {
        self.sentence.tokens[at].spaced
    }

    pub(super) fn tag(&self, at: usize) -> Tag {
        self.parse.tags[at]
    }

    pub(super) fn dep(&self, at: usize) -> Dep {
        self.parse.deps[at]
    }

    /// The head of a word; the root has none.
    pub(super) fn head(&self, at: usize) -> Option<usize> {
        Some(self.parse.heads[at]).filter(|&head| head < self.words())
    }

    /// How sure the parser was of a word's place, 0 to 1.
    pub(super) fn sure(&self, at: usize) -> f64 {
        f64::from(self.parse.sure[at])
    }

    /// The dependents of a word, in reading order.
    pub(super) fn children(&self, at: usize) -> impl Iterator<Item = usize> + '_ {
        let end = self.words();
        let step = move |at: usize| Some(at).filter(|&at| at < end);
        std::iter::successors(step(self.first[at]), move |&child| step(self.next[child]))
    }

    /// The dependents of a kind.
    pub(super) fn of_kind(&self, at: usize, dep: Dep) -> impl Iterator<Item = usize> + '_ {
        self.children(at).filter(move |&child| self.dep(child) == dep)
    }

    pub(super) fn child(&self, at: usize, dep: Dep) -> Option<usize> {
        self.of_kind(at, dep).next()
    }

    pub(super) fn has(&self, at: usize, dep: Dep) -> bool {
        self.child(at, dep).is_some()
    }

    /// The dependent of `head` over which `at` hangs on it, itself perhaps.
    pub(super) fn branch(&self, head: usize, mut at: usize) -> Option<usize> {
        for _ in 0..MAX_CLIMB {
            match self.head(at)? {
                up if up == head => return Some(at),
                up => at = up,
            }
        }
        None
    }

    /// The name or anaphor that a word is part of.
    pub(super) fn named(&self, at: usize) -> Option<&Taken> {
        let before = self.taken.partition_point(|taken| taken.start <= at);
        before.checked_sub(1).map(|index| &self.taken[index]).filter(|taken| at < taken.end)
    }

    /// Whether an end is a date, an amount or a share.
    pub(super) fn is_value(&self, end: End) -> bool {
        match end {
            End::Phrase(..) => false,
            End::Named(argument) => self.taken.iter().any(|taken| taken.argument == argument && taken.is_value),
        }
    }

    /// Where an end stands, for the order of triples.
    pub(super) fn place(&self, end: End) -> usize {
        match end {
            End::Phrase(start, _) => start,
            End::Named(argument) => {
                self.taken.iter().find(|taken| taken.argument == argument).map_or(0, |taken| taken.start)
            }
        }
    }

    /// The prepositions of a word ("in", "such as"), one word each.
    pub(super) fn case(&self, at: usize) -> Option<usize> {
        self.child(at, Dep::Case).filter(|&case| case < at)
    }
}
