//! A linear-chain conditional random field over BIO labels (Lafferty, McCallum, Pereira 2001):
//! the best labelling (Viterbi) and the probability of each (forward-backward).

use crate::labels::{LABELS, follows};
use crate::weights::{Row, WIDTH};

/// Scores of one label following another, and of one starting a sentence.
#[derive(Clone)]
pub(crate) struct Transitions {
    /// Indexed by the label before, then by the label after.
    pub(crate) between: [Row; LABELS],
    /// For the first token.
    pub(crate) start: Row,
}

impl Default for Transitions {
    fn default() -> Self {
        Self { between: [[0.0; WIDTH]; LABELS], start: [0.0; WIDTH] }
    }
}

/// The best sequence of labels that BIO allows.
pub(crate) fn viterbi(scores: &[Row], transitions: &Transitions, back: &mut Vec<[u8; WIDTH]>) -> Vec<u8> {
    let Some(first) = scores.first() else {
        return Vec::new();
    };
    let lattice = transitions.allowed();
    back.clear();
    let mut best = [f32::NEG_INFINITY; WIDTH];
    for label in 0..LABELS {
        if !crate::labels::is_inside(label) {
            best[label] = first[label] + transitions.start[label];
        }
    }
    for score in &scores[1..] {
        let mut next = [f32::NEG_INFINITY; WIDTH];
        let mut from = [0_u8; WIDTH];
        for (before, row) in lattice.iter().enumerate() {
            let base = best[before];
            for label in 0..WIDTH {
                let reached = base + row[label];
                if reached > next[label] {
                    next[label] = reached;
                    from[label] = before as u8;
                }
            }
        }
        for (total, score) in next.iter_mut().zip(score) {
            *total += score;
        }
        back.push(from);
        best = next;
    }
    let last = (0..LABELS).fold(0, |top, label| if best[label] > best[top] { label } else { top });
    let mut path = vec![last as u8; scores.len()];
    for (at, from) in back.iter().enumerate().rev() {
        path[at] = from[path[at + 1] as usize];
    }
    path
}

impl Transitions {
    /// The scores with forbidden steps at minus infinity.
    fn allowed(&self) -> [Row; LABELS] {
        let mut rows = [[f32::NEG_INFINITY; WIDTH]; LABELS];
        for (before, row) in rows.iter_mut().enumerate() {
            for (after, score) in row.iter_mut().enumerate().take(LABELS) {
                if follows(before, after) {
                    *score = self.between[before][after];
                }
            }
        }
        rows
    }

    /// `exp` of the scores, zero for forbidden steps: between labels, and for the first label.
    pub(crate) fn potentials(&self) -> Potentials {
        let mut between = self.allowed();
        for row in &mut between {
            *row = row.map(f32::exp);
        }
        let mut start = [0.0; WIDTH];
        for label in (0..LABELS).filter(|&label| !crate::labels::is_inside(label)) {
            start[label] = self.start[label].exp();
        }
        Potentials { between, start }
    }
}

/// Transition scores in the probability domain.
pub(crate) struct Potentials {
    pub(crate) between: [Row; LABELS],
    pub(crate) start: Row,
}

/// What forward-backward leaves; buffers are used again from sentence to sentence.
#[derive(Default)]
pub(crate) struct Lattice {
    /// `exp` of the scores, each token's largest scaled to 1.
    pub(crate) local: Vec<Row>,
    /// Forward probabilities, normalised at each token.
    pub(crate) alpha: Vec<Row>,
    /// Backward terms; `alpha · beta` is the marginal.
    pub(crate) beta: Vec<Row>,
    /// The normaliser of each token.
    pub(crate) norm: Vec<f32>,
}

impl Lattice {
    /// Runs both passes over the labellings that `allowed` (a bit a label, for each token) leaves.
    /// The log of the partition function, or `None` when nothing is left.
    pub(crate) fn run(&mut self, scores: &[Row], potentials: &Potentials, allowed: Option<&[u32]>) -> Option<f64> {
        let mut log_z = 0.0;
        self.local.clear();
        self.alpha.clear();
        self.norm.clear();
        for (at, score) in scores.iter().enumerate() {
            let top = score[..LABELS].iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
            let mut local = [0.0; WIDTH];
            for label in 0..LABELS {
                if allowed.is_none_or(|masks| masks[at] >> label & 1 == 1) {
                    local[label] = (score[label] - top).exp();
                }
            }
            let mut alpha = match self.alpha.last() {
                None => potentials.start,
                Some(before) => {
                    let mut sum = [0.0; WIDTH];
                    for (weight, row) in before.iter().zip(&potentials.between) {
                        for (total, step) in sum.iter_mut().zip(row) {
                            *total += weight * step;
                        }
                    }
                    sum
                }
            };
            let mut norm = 0.0;
            for (a, l) in alpha.iter_mut().zip(&local) {
                *a *= l;
                norm += *a;
            }
            if norm <= f32::MIN_POSITIVE || !norm.is_finite() {
                return None;
            }
            log_z += f64::from(norm.ln()) + f64::from(top);
            self.local.push(local);
            self.alpha.push(alpha.map(|a| a / norm));
            self.norm.push(norm);
        }
        self.backward(potentials);
        Some(log_z)
    }

    fn backward(&mut self, potentials: &Potentials) {
        let count = self.local.len();
        self.beta.clear();
        self.beta.resize(count, [1.0; WIDTH]);
        for at in (1..count).rev() {
            let mut after = self.beta[at];
            for (b, l) in after.iter_mut().zip(&self.local[at]) {
                *b *= l / self.norm[at];
            }
            let mut beta = [0.0; WIDTH];
            for (total, row) in beta.iter_mut().zip(&potentials.between) {
                *total = row.iter().zip(&after).map(|(step, b)| step * b).sum();
            }
            self.beta[at - 1] = beta;
        }
    }

    /// The probability of a label at a token.
    pub(crate) fn marginal(&self, at: usize, label: usize) -> f32 {
        self.alpha[at][label] * self.beta[at][label]
    }

    /// The probability that exactly `start..end` is one span of the type whose labels are `begin`
    /// and `inside`.
    pub(crate) fn span(&self, potentials: &Potentials, start: usize, end: usize, begin: usize, inside: usize) -> f32 {
        let mut reached = self.alpha[start][begin];
        let mut label = begin;
        for at in start + 1..end {
            reached *= potentials.between[label][inside] * self.local[at][inside] / self.norm[at];
            label = inside;
        }
        if end == self.local.len() {
            return reached;
        }
        let leave: f32 = (0..LABELS)
            .filter(|&next| next != inside)
            .map(|next| potentials.between[label][next] * self.local[end][next] * self.beta[end][next])
            .sum();
        reached * leave / self.norm[end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_marginals_agree_with_counting_all_labellings() {
        let scores: Vec<Row> =
            (0..4).map(|at| std::array::from_fn(|label| ((at * 7 + label * 3) % 5) as f32 * 0.4)).collect();
        let mut transitions = Transitions::default();
        transitions.between[0][1] = 0.7;
        transitions.between[1][2] = -0.3;
        let potentials = transitions.potentials();
        let mut lattice = Lattice::default();
        lattice.run(&scores, &potentials, None).expect("possible");
        let (mut all, mut first, mut span) = (0.0, 0.0, 0.0);
        for code in 0..LABELS.pow(4) {
            let path: Vec<usize> = (0..4).map(|at| code / LABELS.pow(at) % LABELS).collect();
            let mut weight = potentials.start[path[0]];
            for at in 0..4 {
                weight *= scores[at][path[at]].exp();
                if at > 0 {
                    weight *= potentials.between[path[at - 1]][path[at]];
                }
            }
            all += f64::from(weight);
            first += if path[2] == 1 { f64::from(weight) } else { 0.0 };
            span += if path[1..3] == [1, 2] && path[3] != 2 { f64::from(weight) } else { 0.0 };
        }
        assert!((f64::from(lattice.marginal(2, 1)) - first / all).abs() < 1e-4);
        assert!((f64::from(lattice.span(&potentials, 1, 3, 1, 2)) - span / all).abs() < 1e-4);
    }
}
