//! Names and dates in a sentence, by the conditional random field.

use crate::calibration::Calibration;
use crate::crf::{self, Lattice, Potentials, Transitions};
use crate::features::Scratch;
use crate::labels::{self, LABELS, OUTSIDE};
use crate::weights::{Row, Weights};
use crate::wire::{Reader, WireError};

/// A name the tagger found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tagged {
    /// First token.
    pub(crate) start: usize,
    /// First token after it.
    pub(crate) end: usize,
    /// Index into [`labels::TYPES`].
    pub(crate) kind: usize,
    /// Probability by the model, not calibrated.
    pub(crate) probability: f32,
}

/// The model.
pub(crate) struct Tagger {
    weights: Weights,
    transitions: Transitions,
    potentials: Potentials,
    pub(crate) calibration: Calibration,
}

/// Room for the work on one sentence, used again for the next.
#[derive(Default)]
pub(crate) struct Workspace {
    scores: Vec<Row>,
    back: Vec<[u8; crate::weights::WIDTH]>,
    lattice: Lattice,
}

impl Tagger {
    pub(crate) fn new(weights: Weights, transitions: Transitions, calibration: Calibration) -> Self {
        let potentials = transitions.potentials();
        Self { weights, transitions, potentials, calibration }
    }

    /// Names in the sentence that `scratch` has looked at, in order, not overlapping.
    pub(crate) fn tag(&self, scratch: &Scratch, work: &mut Workspace) -> Vec<Tagged> {
        work.scores.clear();
        for at in 0..scratch.traits.len() {
            work.scores.push(self.weights.score(&scratch.features(at)));
        }
        let path = crf::viterbi(&work.scores, &self.transitions, &mut work.back);
        if path.iter().all(|&label| usize::from(label) == OUTSIDE) {
            return Vec::new();
        }
        let known = work.lattice.run(&work.scores, &self.potentials, None).is_some();
        let mut found = spans(&path);
        for span in &mut found {
            let (begin, inside) = (labels::begin(span.kind), labels::inside(span.kind));
            if known {
                span.probability = work.lattice.span(&self.potentials, span.start, span.end, begin, inside);
            }
        }
        found
    }

    /// How many features carry weights.
    pub(crate) fn features(&self) -> usize {
        self.weights.len()
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        self.calibration.write(out);
        for row in self.transitions.between.iter().chain([&self.transitions.start]) {
            row[..LABELS].iter().for_each(|w| out.extend(w.to_le_bytes()));
        }
        self.weights.write(out);
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        let calibration = Calibration::read(input)?;
        let mut transitions = Transitions::default();
        for row in transitions.between.iter_mut().chain([&mut transitions.start]) {
            for weight in &mut row[..LABELS] {
                *weight = input.f32()?;
            }
        }
        let weights = Weights::read(input)?;
        if weights.bits() != crate::features::TAGGER_BITS {
            return Err(WireError::Invalid);
        }
        Ok(Self::new(weights, transitions, calibration))
    }
}

/// The spans of a labelling.
fn spans(path: &[u8]) -> Vec<Tagged> {
    let mut found: Vec<Tagged> = Vec::new();
    for (at, &label) in path.iter().enumerate() {
        let label = usize::from(label);
        if labels::is_inside(label) {
            if let Some(open) = found.last_mut() {
                open.end = at + 1;
            }
        } else if label != OUTSIDE {
            found.push(Tagged { start: at, end: at + 1, kind: labels::kind(label), probability: 0.5 });
        }
    }
    found
}
