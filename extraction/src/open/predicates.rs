//! Verb phrases as relation types, in snake_case.
//!
//! Actives stand in the third person of the present whatever the tense ("produces", "grows_in"), passives in their
//! participle ("made_from", "produced_by"), copulas as "is_a", "is", "is_part_of", "is_rich_in". What denies and what
//! allows stays ("does_not_contain", "may_cause"). Four words at most, particles and prepositions counted.

use super::grammar::Grammar;
use super::lemmas;
use crate::syntax::labels::{Dep, Tag};

const MAX_WORDS: usize = 4;
const MAX_CHARS: usize = 60;

/// How a clause speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mood<'a> {
    pub(super) negated: bool,
    /// "can", "may", "must", "will"
    pub(super) modal: Option<&'a str>,
    pub(super) passive: bool,
}

/// Why a clause states nothing.
pub(super) struct Unsaid;

/// The mood of a clause by its head, a verb or what a copula goes with.
pub(super) fn mood<'a>(g: &'a Grammar<'_>, head: usize) -> Result<Mood<'a>, Unsaid> {
    let mut mood = Mood::default();
    for child in g.children(head) {
        match (g.dep(child), g.lower(child)) {
            (_, "not" | "n't" | "n’t" | "never") => mood.negated = true,
            (
                Dep::Adverb,
                "hardly" | "rarely" | "seldom" | "barely" | "scarcely" | "almost" | "nearly" | "no" | "maybe"
                | "perhaps" | "supposedly" | "allegedly",
            ) => {
                return Err(Unsaid);
            }
            (
                Dep::Auxiliary,
                "would" | "could" | "might" | "'d" | "’d" | "couldn't" | "wouldn't" | "mightn't" | "couldn’t"
                | "wouldn’t" | "ought" | "shall",
            ) => {
                return Err(Unsaid);
            }
            (Dep::Auxiliary, modal @ ("can" | "may" | "must" | "will" | "should")) => mood.modal = Some(modal),
            (Dep::Auxiliary, "cannot" | "can't" | "can’t" | "ca") => (mood.modal, mood.negated) = (Some("can"), true),
            (Dep::Auxiliary, "won't" | "won’t" | "wo") => (mood.modal, mood.negated) = (Some("will"), true),
            (Dep::Auxiliary, "'ll" | "’ll") => mood.modal = Some("will"),
            (Dep::PassiveAuxiliary | Dep::PassiveSubject, word) => {
                mood.passive = true;
                mood.negated |= is_negative(word);
            }
            (Dep::Auxiliary | Dep::Copula, word) => mood.negated |= is_negative(word),
            _ => {}
        }
    }
    Ok(mood)
}

/// The base form of a verb where it stands.
fn base(g: &Grammar<'_>, verb: usize) -> String {
    let word = g.lower(verb);
    match g.tag(verb) {
        // Behind "will" or "to" it is the base; elsewhere the tagger may have missed a past ("fell").
        Tag::BaseVerb if g.has(verb, Dep::Auxiliary) || g.has(verb, Dep::Marker) => word.to_owned(),
        Tag::BaseVerb => lemmas::irregular(word).unwrap_or(word).to_owned(),
        _ => lemmas::base(word),
    }
}

fn is_negative(auxiliary: &str) -> bool {
    auxiliary.ends_with("n't") || auxiliary.ends_with("n’t")
}

/// A predicate while it is put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Predicate(Vec<String>);

impl Predicate {
    /// That of an active verb.
    pub(super) fn active(g: &Grammar<'_>, verb: usize, mood: Mood<'_>) -> Self {
        let base = base(g, verb);
        let mut words = Self::opening(mood);
        match (mood.modal, mood.negated) {
            (None, false) => words.push(&lemmas::third_person(&base)),
            (None, true) if base == "have" && g.tag(verb) == Tag::Auxiliary => words.push("not"),
            (None, true) => {
                words.0 = vec!["does".to_owned(), "not".to_owned()];
                words.push(&base);
            }
            (Some(_), _) => words.push(&base),
        }
        words.particle(g, verb);
        words
    }

    /// That of a passive verb.
    pub(super) fn passive(g: &Grammar<'_>, verb: usize, mood: Mood<'_>) -> Self {
        let mut words = Self::opening(mood);
        match (mood.modal, mood.negated) {
            (None, true) => words.0 = vec!["is".to_owned(), "not".to_owned()],
            (Some(_), _) => words.push("be"),
            (None, false) => {}
        }
        words.push(g.lower(verb));
        words.particle(g, verb);
        words
    }

    /// That of a copula, which more words follow.
    pub(super) fn copula(mood: Mood<'_>) -> Self {
        let mut words = Self::opening(mood);
        match (mood.modal, mood.negated) {
            (Some(_), _) => words.push("be"),
            (None, negated) => {
                words.push("is");
                if negated {
                    words.push("not");
                }
            }
        }
        words
    }

    fn opening(mood: Mood<'_>) -> Self {
        let mut words = Self::default();
        if let Some(modal) = mood.modal {
            words.push(modal);
            if mood.negated {
                words.push("not");
            }
        }
        words
    }

    fn particle(&mut self, g: &Grammar<'_>, verb: usize) {
        if let Some(particle) = g.child(verb, Dep::VerbParticle) {
            self.push(g.lower(particle));
        }
    }

    pub(super) fn push(&mut self, word: &str) {
        self.0.push(word.to_owned());
    }

    /// The same with one word more.
    pub(super) fn and(&self, word: &str) -> Self {
        let mut longer = self.clone();
        longer.push(word);
        longer
    }

    /// The relation type; nothing when it is too long or holds what no name may.
    pub(super) fn name(&self) -> Option<String> {
        let name = self.0.join("_").replace('-', "_");
        let fits = self.0.len() <= MAX_WORDS
            && name.len() <= MAX_CHARS
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        fits.then_some(name)
    }
}
