//! Parts of speech and grammatical dependencies, by two greedy classifiers over hashed features.
//!
//! The scheme is that of Universal Dependencies 2, on the tokens of this crate: each word has a part of speech, a head
//! and the kind of its dependence. Both steps take time linear in the length of the sentence.

pub(crate) mod labels;
pub(crate) mod parsing;
pub(crate) mod tagging;

use crate::features::{Scratch, Traits};
use crate::lexicon::{self, Entry, Lexicon};
use crate::weights::Weights;
use crate::wire::{Reader, WireError};
use labels::{Dep, MOVES, Tag};

/// Buckets of both classifiers' weights are numbers below two to this power.
pub(crate) const SYNTAX_BITS: u32 = 22;

/// The two models, and what they know of words beforehand.
pub(crate) struct Syntax {
    /// Under each known word: in `flags` the forms it can be ([`labels::forms`]), in `coarse` 1 for words of the closed
    /// classes.
    pub(crate) forms: Lexicon,
    pub(crate) tags: Weights,
    pub(crate) moves: Weights<MOVES>,
}

/// A sentence's grammar; room that is used again for the next.
#[derive(Default)]
pub(crate) struct Parse {
    /// Each word's part of speech.
    pub(crate) tags: Vec<Tag>,
    /// Each word's head; the number of words stands for the root.
    pub(crate) heads: Vec<usize>,
    /// What each word is to its head.
    pub(crate) deps: Vec<Dep>,
    /// How likely the step that gave each word its head was, 0 to 1, by the model.
    pub(crate) sure: Vec<f32>,
    forms: Vec<Entry>,
    stack: Vec<usize>,
    children: Vec<parsing::Children>,
}

impl Syntax {
    /// Parses the sentence that `scratch` has looked at.
    pub(crate) fn parse(&self, scratch: &Scratch, parse: &mut Parse) {
        look_up(&self.forms, scratch, &mut parse.forms);
        self.tag(scratch, &parse.forms, &mut parse.tags);
        self.attach(scratch, parse);
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.forms.write(out);
        self.tags.write(out);
        self.moves.write(out);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let forms = Lexicon::read(input)?;
        let (tags, moves) = (Weights::read(input)?, Weights::read(input)?);
        if tags.bits() != SYNTAX_BITS || moves.bits() != SYNTAX_BITS {
            return Err(WireError::Invalid);
        }
        Ok(Self { forms, tags, moves })
    }
}

/// What is known of each word beforehand.
pub(crate) fn look_up(known: &Lexicon, scratch: &Scratch, forms: &mut Vec<Entry>) {
    forms.clear();
    forms.extend((0..scratch.words.len()).map(|at| known.get(lexicon::key(scratch.words.lower(at)))));
}

/// What is known of a word outside the sentence: a word that no text holds.
fn outside(word: u64) -> Traits {
    Traits { word, shape: 3, ..Traits::default() }
}
