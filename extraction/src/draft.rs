//! What the stages hand on to each other before it becomes an [`Extraction`](crate::Extraction): places are sentences
//! and their tokens, not characters.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Map, Value};

use crate::antecedents::Way;
use crate::relations::{Role, Slot};
use crate::sentences::Sentence;
use crate::tokens::{Token, Tokenizer};
use crate::words::Words;

/// A sentence cut into tokens.
#[derive(Clone, Debug)]
pub(crate) struct ReadSentence {
    pub(crate) place: Sentence,
    /// With places in the whole text; never empty.
    pub(crate) tokens: Vec<Token>,
    pub(crate) words: Words,
}

impl ReadSentence {
    pub(crate) fn new(text: &str, place: Sentence) -> Self {
        let tokens: Vec<Token> = Tokenizer::within(text, place.byte_start, place.byte_end, place.char_start).collect();
        let words = Words::of(text, &tokens);
        Self { place, tokens, words }
    }

    /// The text of the tokens `start..end`, as it is written.
    pub(crate) fn text<'a>(&self, text: &'a str, start: usize, end: usize) -> &'a str {
        &text[self.tokens[start].start as usize..self.tokens[end - 1].end as usize]
    }
}

/// A name, a date or an amount in its sentence. Stages hand them on in reading order, not overlapping.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DraftMention {
    /// Index of the sentence.
    pub(crate) sentence: usize,
    /// First token.
    pub(crate) start: usize,
    /// First token after it.
    pub(crate) end: usize,
    pub(crate) entity_type: Cow<'static, str>,
    /// Probability, calibrated, that span and type are right.
    pub(crate) confidence: f64,
    /// As in [`Entity::metadata`](crate::Entity::metadata).
    pub(crate) metadata: Map<String, Value>,
}

/// A pronoun or a noun phrase ("the company") that stands for a name, with the name it was led to. What leads nowhere
/// safely is none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Anaphor {
    /// Index of the sentence.
    pub(crate) sentence: usize,
    /// First token.
    pub(crate) start: usize,
    /// First token after it.
    pub(crate) end: usize,
    /// The mention that it stands for: an index into the mentions, mostly of an earlier sentence.
    pub(crate) antecedent: usize,
    /// The type of that mention.
    pub(crate) entity_type: Cow<'static, str>,
    /// Probability that it stands for that one.
    pub(crate) confidence: f64,
    /// How it was led there.
    pub(crate) way: Way,
}

/// What a relation holds between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Argument {
    /// Index into the mentions.
    Mention(usize),
    /// Index into the anaphors.
    Anaphor(usize),
}

/// A statement of one sentence.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DraftRelation {
    /// Index of the sentence, in which both arguments stand.
    pub(crate) sentence: usize,
    pub(crate) head: Argument,
    pub(crate) tail: Argument,
    pub(crate) relation_type: Cow<'static, str>,
    /// Probability, calibrated, that it holds between what the arguments name: it counts the mentions' confidence, but
    /// not that of an anaphor, which is multiplied in later.
    pub(crate) confidence: f64,
    /// As in [`Relation::open`](crate::Relation::open).
    pub(crate) open: bool,
}

/// The mentions of a sentence, as a range of all of them.
pub(crate) fn mentions_in(mentions: &[DraftMention], sentence: usize) -> Range<usize> {
    mentions.partition_point(|m| m.sentence < sentence)..mentions.partition_point(|m| m.sentence <= sentence)
}

/// The anaphors of a sentence, as a range of all of them.
pub(crate) fn anaphors_in(anaphors: &[Anaphor], sentence: usize) -> Range<usize> {
    anaphors.partition_point(|a| a.sentence < sentence)..anaphors.partition_point(|a| a.sentence <= sentence)
}

/// What relations can hold between in one sentence, in reading order: its mentions and anaphors, without amounts.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    /// Where each stands.
    pub(crate) slots: Vec<Slot>,
    /// Which mention or anaphor each is.
    pub(crate) names: Vec<Argument>,
    /// How sure each mention is; 1 for anaphors, whose confidence is multiplied in later.
    pub(crate) confidences: Vec<f64>,
}

impl Arguments {
    pub(crate) fn of(mentions: &[DraftMention], anaphors: &[Anaphor], sentence: usize) -> Self {
        let named = mentions_in(mentions, sentence).map(|index| {
            let m = &mentions[index];
            (m.start, m.end, &m.entity_type, Argument::Mention(index), m.confidence)
        });
        // "Curie, who was born": the name stands beside it already.
        let led = anaphors_in(anaphors, sentence).filter(|&index| anaphors[index].way != Way::Relative).map(|index| {
            let a = &anaphors[index];
            (a.start, a.end, &a.entity_type, Argument::Anaphor(index), 1.0)
        });
        let mut all: Vec<_> = named.chain(led).collect();
        all.sort_by_key(|argument| argument.0);
        let mut arguments = Self::default();
        for (start, end, entity_type, name, confidence) in all {
            if let Some(role) = Role::of(entity_type) {
                arguments.slots.push(Slot { start, end, role });
                arguments.names.push(name);
                arguments.confidences.push(confidence);
            }
        }
        arguments
    }
}
