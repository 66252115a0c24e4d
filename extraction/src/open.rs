//! Relations in the text's own words: noun phrase, verb phrase, noun phrase.
//!
//! Each sentence is parsed (`syntax`), and clauses, appositions and lists of examples become triples. Ends are the
//! names that are known anyway, where one is the head of the noun phrase, and short noun phrases elsewhere. What a text
//! asks, supposes or lets others believe is left out.

mod being;
mod clauses;
mod grammar;
mod join;
mod lemmas;
mod lists;
mod nodes;
mod predicates;
mod subjects;
mod sureness;

use std::sync::OnceLock;

use crate::draft::{Anaphor, Argument, DraftMention, ReadSentence, anaphors_in, mentions_in};
use crate::features::Scratch;
use crate::hash;
use crate::lexicon::{self, Lexicon};
use crate::syntax::{Parse, Syntax};
use crate::wire::Reader;
use grammar::Grammar;
pub(crate) use join::{Drafts, join};

/// Sentences with more tokens are not read: parses of them are seldom right, and lists and tables look like them.
const MAX_TOKENS: usize = 80;

/// Most triples of one sentence; the surest stay.
const MAX_TRIPLES: usize = 16;

/// Triples less sure than this are not shown.
pub(crate) const LEAST_OPEN: f64 = 0.2;

/// Triples that the patterns and the parser together hold for less sure than this are no good.
const LEAST_LIKELY: f64 = 0.26;

/// How the doubt of patterns shows: over this range, which ends under the least that a known relation is shown with.
const SHOWN_RANGE: f64 = 0.6;

const SYNTAX: &[u8] = include_bytes!("../weights/syntax.bin");

/// One end of a triple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A name or what stands for one.
    Named(Argument),
    /// A noun phrase: first token, and first token after it.
    Phrase(usize, usize),
}

/// A statement in the sentence's own words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Triple {
    pub(crate) head: End,
    pub(crate) tail: End,
    /// In snake_case, of at most four words: see `predicates`.
    pub(crate) predicate: String,
    /// 0.2 to 0.34: under the least that a known relation is shown with.
    pub(crate) confidence: f64,
}

/// A name, value or anaphor of the sentence.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) argument: Argument,
    /// Whether it is a date, an amount or a share: those do nothing and are nothing.
    pub(crate) is_value: bool,
}

/// Hash of the weights; part of the extractor's version.
pub(crate) fn fingerprint() -> u64 {
    hash::bytes(SYNTAX.iter().copied())
}

fn model() -> &'static Syntax {
    static MODEL: OnceLock<Syntax> = OnceLock::new();
    // A test decodes it: what is compiled in cannot fail later.
    MODEL.get_or_init(|| Syntax::read(&mut Reader::new(SYNTAX)).expect("the model compiled in is whole"))
}

/// Reads sentence after sentence, in room that is used again.
pub(crate) struct OpenReader {
    syntax: &'static Syntax,
    lexicon: &'static Lexicon,
    scratch: Scratch,
    parse: Parse,
}

impl OpenReader {
    pub(crate) fn new() -> Self {
        Self { syntax: model(), lexicon: Lexicon::shared(), scratch: Scratch::default(), parse: Parse::default() }
    }

    /// The triples of one sentence, in reading order of their heads and tails.
    pub(crate) fn read(&mut self, text: &str, sentence: &ReadSentence, taken: &[Taken]) -> Vec<Triple> {
        let tokens = &sentence.tokens;
        if tokens.len() < 3 || tokens.len() > MAX_TOKENS || is_no_statement(text, sentence) {
            return Vec::new();
        }
        self.scratch.look(text, tokens, self.lexicon);
        self.syntax.parse(&self.scratch, &mut self.parse);
        let grammar = Grammar::new(text, sentence, &self.parse, taken);
        let mut found = clauses::triples(&grammar);
        found.retain(|triple| triple.confidence >= LEAST_LIKELY && triple.head != triple.tail);
        for triple in &mut found {
            let shown = LEAST_OPEN + (triple.confidence - LEAST_LIKELY) * SHOWN_RANGE;
            triple.confidence = (shown * 1e4).round() / 1e4;
        }
        // The surest of each statement first, so that it is the one that stays.
        found.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let mut kept: Vec<Triple> = Vec::new();
        for triple in found {
            let same = |k: &Triple| k.head == triple.head && k.tail == triple.tail;
            if kept.len() < MAX_TRIPLES && !kept.iter().any(same) {
                kept.push(triple);
            }
        }
        kept.sort_by_key(|triple| (grammar.place(triple.head), grammar.place(triple.tail)));
        kept
    }
}

/// The names and anaphors of a sentence, in reading order.
pub(crate) fn taken(mentions: &[DraftMention], anaphors: &[Anaphor], sentence: usize) -> Vec<Taken> {
    let named = mentions_in(mentions, sentence).map(|index| {
        let mention = &mentions[index];
        let is_value = matches!(&*mention.entity_type, "date" | "money" | "percent");
        Taken { start: mention.start, end: mention.end, argument: Argument::Mention(index), is_value }
    });
    let led = anaphors_in(anaphors, sentence).map(|index| {
        let anaphor = &anaphors[index];
        Taken { start: anaphor.start, end: anaphor.end, argument: Argument::Anaphor(index), is_value: false }
    });
    let mut all: Vec<Taken> = named.chain(led).collect();
    all.sort_by_key(|taken| taken.start);
    all
}

/// Whether a word, in lowercase, is one that is not only a name.
fn is_common(word: &str) -> bool {
    model().forms.get(lexicon::key(word)).flags != 0
}

/// A question or a request.
fn is_no_statement(text: &str, sentence: &ReadSentence) -> bool {
    sentence.tokens.iter().rev().take(2).any(|token| token.text(text).starts_with('?'))
        || (0..sentence.words.len()).any(|at| sentence.words.lower(at) == "please")
}

#[cfg(test)]
mod tests;
