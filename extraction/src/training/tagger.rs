//! Learning the tagger: stochastic gradient ascent on the likelihood of the partly known labels.

use super::corpus::{Sample, TypeSet};
use super::rng::Rng;
use crate::calibration::Calibration;
use crate::crf::{Lattice, Transitions};
use crate::features::{FEATURES, Scratch, TAGGER_BITS};
use crate::labels::{self, LABELS, TYPES};
use crate::lexicon::Lexicon;
use crate::sentences;
use crate::tagger::Tagger;
use crate::tokens::{Token, Tokenizer};
use crate::weights::{Row, WIDTH, Weights};

/// Passes over the data.
const EPOCHS: usize = 12;
/// Step of AdaGrad (Duchi, Hazan, Singer 2011).
const STEP: f32 = 0.12;
/// What the accumulators start from: dampens the first steps of rare features.
const START: f32 = 1.0;
/// Part of a token's features left out at each step, so that none is relied on alone.
const DROPOUT: f32 = 0.3;
/// Weights nearer to zero than this are not stored.
const LEAST: f32 = 0.06;

/// A sentence with its features and the labels it may have.
struct Example {
    features: Vec<[u32; FEATURES]>,
    allowed: Vec<u32>,
}

/// A sentence of a sample, tokenised as in use.
pub(crate) fn sentences_of(sample: &Sample) -> Vec<Vec<Token>> {
    sentences::split(&sample.text)
        .iter()
        .map(|s| Tokenizer::within(&sample.text, s.byte_start, s.byte_end, s.char_start).collect())
        .collect()
}

/// The labels each token may have.
fn allowed(sample: &Sample, tokens: &[Token]) -> Vec<u32> {
    tokens
        .iter()
        .map(|token| {
            let (start, end) = (token.start as usize, token.end as usize);
            let Some(gold) = sample.gold.iter().find(|g| g.start < end && start < g.end) else {
                return sample.free;
            };
            let first = start <= gold.start;
            // A token that reaches out of its span was cut otherwise by the set: nothing is known.
            if start < gold.start || end > gold.end || gold.pronoun {
                return (1 << LABELS) - 1;
            }
            (0..TYPES.len())
                .filter(|kind| gold.types >> kind & 1 == 1)
                .fold(0, |mask, kind| mask | 1 << if first { labels::begin(kind) } else { labels::inside(kind) })
        })
        .collect()
}

fn examples(samples: &[&Sample], lexicon: &Lexicon) -> Vec<Example> {
    let mut scratch = Scratch::default();
    let mut all = Vec::new();
    for sample in samples {
        for tokens in sentences_of(sample) {
            scratch.look(&sample.text, &tokens, lexicon);
            all.push(Example {
                features: (0..tokens.len()).map(|at| scratch.features(at)).collect(),
                allowed: allowed(sample, &tokens),
            });
        }
    }
    all
}

struct Learner {
    weights: Vec<Row>,
    squares: Vec<Row>,
    transitions: Transitions,
    transition_squares: Transitions,
    free: Lattice,
    bound: Lattice,
}

/// Learns from `samples`.
pub(crate) fn train(samples: &[&Sample], lexicon: &Lexicon, report: &mut dyn FnMut(String)) -> Tagger {
    let examples = examples(samples, lexicon);
    let mut learner = Learner {
        weights: vec![[0.0; WIDTH]; 1 << TAGGER_BITS],
        squares: vec![[START; WIDTH]; 1 << TAGGER_BITS],
        transitions: Transitions::default(),
        transition_squares: Transitions { between: [[START; WIDTH]; LABELS], start: [START; WIDTH] },
        free: Lattice::default(),
        bound: Lattice::default(),
    };
    let mut rng = Rng::new(20_261_123);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for epoch in 1..=EPOCHS {
        rng.shuffle(&mut order);
        let loss: f64 = order.iter().map(|&index| learner.step(&examples[index], &mut rng)).sum();
        report(format!("tagger epoch {epoch}: loss {:.4} a sentence", loss / examples.len() as f64));
    }
    let weights = Weights::compress(&learner.weights, TAGGER_BITS, LEAST);
    Tagger::new(weights, learner.transitions, Calibration::default())
}

impl Learner {
    fn step(&mut self, example: &Example, rng: &mut Rng) -> f64 {
        let kept: Vec<Vec<u32>> = example
            .features
            .iter()
            .map(|features| features.iter().copied().filter(|_| rng.unit() >= DROPOUT).collect())
            .collect();
        let scores: Vec<Row> = kept
            .iter()
            .map(|features| {
                let mut sum = [0.0; WIDTH];
                for &feature in features {
                    let row = &self.weights[feature as usize];
                    sum.iter_mut().zip(row).for_each(|(s, w)| *s += w);
                }
                sum.map(|s| s / (1.0 - DROPOUT))
            })
            .collect();
        let potentials = self.transitions.potentials();
        let (Some(all), Some(right)) =
            (self.free.run(&scores, &potentials, None), self.bound.run(&scores, &potentials, Some(&example.allowed)))
        else {
            return 0.0;
        };
        for (at, features) in kept.iter().enumerate() {
            let mut gradient = [0.0; WIDTH];
            for (label, slot) in gradient.iter_mut().enumerate().take(LABELS) {
                *slot = self.free.marginal(at, label) - self.bound.marginal(at, label);
            }
            if gradient.iter().all(|g| g.abs() < 1e-3) {
                continue;
            }
            for &feature in features {
                let feature = feature as usize;
                descend(&mut self.weights[feature], &mut self.squares[feature], &gradient, STEP);
            }
            self.step_transition(at, &gradient, &potentials);
        }
        all - right
    }

    fn step_transition(&mut self, at: usize, gradient: &Row, potentials: &crate::crf::Potentials) {
        if at == 0 {
            descend(&mut self.transitions.start, &mut self.transition_squares.start, gradient, STEP);
            return;
        }
        for before in 0..LABELS {
            let mut row = [0.0; WIDTH];
            for (after, slot) in row.iter_mut().enumerate().take(LABELS) {
                let pair = |lattice: &Lattice| {
                    lattice.alpha[at - 1][before]
                        * potentials.between[before][after]
                        * lattice.local[at][after]
                        * lattice.beta[at][after]
                        / lattice.norm[at]
                };
                *slot = pair(&self.free) - pair(&self.bound);
            }
            let (weights, squares) =
                (&mut self.transitions.between[before], &mut self.transition_squares.between[before]);
            descend(weights, squares, &row, STEP);
        }
    }
}

/// One AdaGrad step.
pub(crate) fn descend(weights: &mut Row, squares: &mut Row, gradient: &Row, step: f32) {
    for i in 0..WIDTH {
        squares[i] += gradient[i] * gradient[i];
        weights[i] -= step * gradient[i] / squares[i].sqrt();
    }
}

/// The spans of a sample that are of a judged type, as (start, end, type).
pub(crate) fn judged_gold(sample: &Sample) -> Vec<(usize, usize, usize)> {
    sample
        .gold
        .iter()
        .filter(|g| !g.pronoun && g.types.count_ones() == 1)
        .map(|g| (g.start, g.end, g.types.trailing_zeros() as usize))
        .collect()
}

/// Whether a prediction of this type can be counted wrong in this set.
pub(crate) fn is_judged(types: TypeSet, kind: usize) -> bool {
    types >> kind & 1 == 1
}
