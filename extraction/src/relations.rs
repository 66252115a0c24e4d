//! Statements between two names of a sentence: a linear model over pairs of mentions.
//!
//! Each relation is a yes-or-no question of its own (logistic regression, one against the rest),
//! so that a pair can stand in several; a pair is only asked what its types allow.

use crate::calibration::{Calibration, log_odds};
use crate::features::Scratch;
use crate::hash::{self, pair};
use crate::weights::{WIDTH, Weights};
use crate::wire::{Reader, WireError};

/// Buckets of the weights are numbers below two to this power.
pub(crate) const RELATION_BITS: u32 = 19;

/// Mentions further apart than this are not asked about: it bounds the work on a long sentence,
/// and what stands so far apart is seldom related.
pub(crate) const MAX_MENTIONS_BETWEEN: usize = 10;
const MAX_TOKENS_BETWEEN: usize = 45;

/// A coarse type, as far as relations tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Person,
    Organization,
    Location,
    Date,
    /// A product, work, event, technology or concept.
    Thing,
}

impl Role {
    /// The role of an entity type; amounts and addresses have none. A type of the caller's own is a thing.
    pub(crate) fn of(entity_type: &str) -> Option<Self> {
        match entity_type {
            "person" => Some(Self::Person),
            "organization" => Some(Self::Organization),
            "location" => Some(Self::Location),
            "date" => Some(Self::Date),
            "money" | "percent" | "email" | "url" | "identifier" => None,
            _ => Some(Self::Thing),
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A relation the model knows: its name, and the roles of head and tail.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    heads: u8,
    tails: u8,
}

const P: u8 = 1 << Role::Person as u8;
const O: u8 = 1 << Role::Organization as u8;
const L: u8 = 1 << Role::Location as u8;
const D: u8 = 1 << Role::Date as u8;
const T: u8 = 1 << Role::Thing as u8;

const fn known(name: &'static str, heads: u8, tails: u8) -> Known {
    Known { name, heads, tails }
}

/// The relations of the model, one for each output of its weights.
pub(crate) const RELATIONS: [Known; WIDTH] = [
    known("located_in", L | O | T, L),
    known("part_of", L | O | T, L | O | T),
    known("citizen_of", P, L),
    known("born_in", P, L),
    known("born_on", P, D),
    known("died_in", P, L),
    known("died_on", P, D),
    known("founded", P | O, O),
    known("founded_on", O, D),
    known("works_for", P, O),
    known("leads", P, O | L),
    known("member_of", P | O, O),
    known("studied_at", P, O),
    known("spouse_of", P, P),
    known("child_of", P, P),
    known("sibling_of", P, P),
    known("based_in", O, L),
    known("lives_in", P, L),
    known("subsidiary_of", O, O),
    known("owns", P | O, O | T),
    known("created", P | O, T),
    known("published_on", T, D),
    known("participated_in", P | O | L, T),
    known("received_award", P | O | T, T),
];

/// Whether relation `index` can lead from `head` to `tail`.
pub(crate) fn allows(index: usize, head: Role, tail: Role) -> bool {
    RELATIONS[index].heads & head.bit() != 0 && RELATIONS[index].tails & tail.bit() != 0
}

/// A mention as the model sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// First token.
    pub(crate) start: usize,
    /// First token after it.
    pub(crate) end: usize,
    pub(crate) role: Role,
}

/// The pairs worth asking about, as indexes into `arguments`, which are in reading order. Their
/// number is linear in that of the arguments.
pub(crate) fn pairs(arguments: &[Slot]) -> impl Iterator<Item = (usize, usize)> + '_ {
    (0..arguments.len()).flat_map(move |left| {
        let last = (left + 2 + MAX_MENTIONS_BETWEEN).min(arguments.len());
        (left + 1..last)
            .filter(move |&right| arguments[right].start - arguments[left].end <= MAX_TOKENS_BETWEEN)
            .flat_map(move |right| [(left, right), (right, left)])
    })
}

/// The words of a sentence as pairs see them: a word inside a name counts as its role.
pub(crate) fn mask(scratch: &Scratch, arguments: &[Slot], masked: &mut Vec<u64>) {
    masked.clear();
    masked.extend(scratch.traits.iter().map(|traits| traits.word));
    for argument in arguments {
        masked[argument.start..argument.end].fill(40 + u64::from(argument.role.bit()));
    }
}

/// The features of a pair, `masked` as [`mask`] leaves it.
pub(crate) fn features(
    scratch: &Scratch,
    arguments: &[Slot],
    masked: &[u64],
    (head, tail): (usize, usize),
    out: &mut Vec<u32>,
) {
    out.clear();
    let (h, t) = (arguments[head], arguments[tail]);
    let forward = head < tail;
    let (left, right) = if forward { (h, t) } else { (t, h) };
    let types = u64::from(h.role.bit()) << 8 | u64::from(t.role.bit()) << 1 | u64::from(forward);
    let traits = &scratch.traits;
    let word = |at: usize| traits[at].word;
    let fine = |at: usize| u64::from(traits[at].entry.fine) + 7;
    let between = left.end..right.start;
    // The same thing with and without the types: rare pairs of types learn from common ones.
    let mut add = |template: u64, value: u64| {
        let value = pair(pair(template, u64::from(forward)), value);
        out.push(hash::bucket(pair(types, value), RELATION_BITS));
        out.push(hash::bucket(pair(999, value), RELATION_BITS));
    };
    add(1, 0);
    add(2, (between.len() as u64).min(4) + (between.len() as u64 / 5).min(6) * 8);
    let inner = || arguments[head.min(tail) + 1..head.max(tail)].iter();
    add(3, inner().count() as u64);
    add(4, inner().fold(0, |all, a| all | u64::from(a.role.bit())));
    if between.len() <= 6 {
        add(5, between.clone().fold(0, |all, at| pair(all, word(at))));
        add(6, between.clone().fold(0, |all, at| pair(all, fine(at))));
    }
    let masked = |at: usize| masked[at];
    for at in between.clone() {
        add(7, masked(at));
        add(8, fine(at));
        if at + 1 < between.end {
            add(9, pair(masked(at), masked(at + 1)));
            add(10, pair(fine(at), fine(at + 1)));
        }
        if at + 2 < between.end {
            add(11, pair(pair(masked(at), masked(at + 1)), masked(at + 2)));
        }
    }
    let around = |at: Option<usize>| at.filter(|&at| at < traits.len()).map_or(3, masked);
    let before = |count: usize| around(left.start.checked_sub(count));
    let after = |count: usize| around(Some(right.end + count - 1));
    add(12, before(1));
    add(13, pair(before(2), before(1)));
    add(14, after(1));
    add(15, pair(after(1), after(2)));
    add(16, pair(before(1), after(1)));
    add(17, before(2));
    add(18, after(2));
    add(19, pair(around(Some(left.end)), around(right.start.checked_sub(1))));
    add(20, pair(word(h.end - 1), 0));
    add(21, pair(word(t.end - 1), 0));
    add(22, fine(h.end - 1));
    add(23, fine(t.end - 1));
    add(24, pair(fine(h.end - 1), fine(t.end - 1)));
    let flags = |a: Slot| u64::from(traits[a.start].entry.flags);
    add(25, pair(flags(h), flags(t)));
    for at in left.start.saturating_sub(6)..left.start {
        add(26, masked(at));
    }
    for at in right.end..(right.end + 6).min(traits.len()) {
        add(27, masked(at));
    }
    add(28, pair(u64::from(left.start == 0), word(h.start)));
    add(29, word(t.start));
}

/// A statement the model makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stated {
    /// Indexes into the arguments.
    pub(crate) head: usize,
    pub(crate) tail: usize,
    /// Index into [`RELATIONS`].
    pub(crate) relation: usize,
    /// Probability by the model, not calibrated.
    pub(crate) probability: f32,
}

/// The model.
pub(crate) struct RelationModel {
    weights: Weights,
    pub(crate) calibration: Calibration,
}

impl RelationModel {
    pub(crate) fn new(weights: Weights, calibration: Calibration) -> Self {
        Self { weights, calibration }
    }

    /// Statements of at least probability `least`, by the model's own reckoning.
    pub(crate) fn state(&self, scratch: &Scratch, arguments: &[Slot], least: f32) -> Vec<Stated> {
        let (mut buffer, mut masked) = (Vec::new(), Vec::new());
        mask(scratch, arguments, &mut masked);
        let mut stated = Vec::new();
        let least = log_odds(least);
        for (head, tail) in pairs(arguments) {
            let (h, t) = (arguments[head].role, arguments[tail].role);
            if !(0..WIDTH).any(|relation| allows(relation, h, t)) {
                continue;
            }
            features(scratch, arguments, &masked, (head, tail), &mut buffer);
            let scores = self.weights.score(&buffer);
            for (relation, &score) in scores.iter().enumerate() {
                if score >= least && allows(relation, h, t) {
                    let probability = 1.0 / (1.0 + (-score).exp());
                    stated.push(Stated { head, tail, relation, probability });
                }
            }
        }
        stated
    }

    pub(crate) fn features(&self) -> usize {
        self.weights.len()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.calibration.write(out);
        self.weights.write(out);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let calibration = Calibration::read(input)?;
        let weights = Weights::read(input)?;
        if weights.bits() != RELATION_BITS {
            return Err(WireError::Invalid);
        }
        Ok(Self { weights, calibration })
    }
}
