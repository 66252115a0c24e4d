//! Scores: precision, recall, F1, and how far confidence is from the truth.

use std::collections::BTreeMap;

use crate::calibration::{Calibration, log_odds};

/// Counts for one label.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) right: usize,
    pub(crate) wrong: usize,
    pub(crate) missed: usize,
}

impl Count {
    fn line(&self) -> String {
        let ratio = |a: usize, b: usize| {
            if b == 0 { 0.0 } else { 100.0 * a as f64 / b as f64 }
        };
        let precision = ratio(self.right, self.right + self.wrong);
        let recall = ratio(self.right, self.right + self.missed);
        let f1 = ratio(2 * self.right, 2 * self.right + self.wrong + self.missed);
        format!("P {precision:5.1}  R {recall:5.1}  F1 {f1:5.1}  (gold {})", self.right + self.missed)
    }
}

/// Counts by label.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<String, Count>);

impl Table {
    pub(crate) fn at(&mut self, label: &str) -> &mut Count {
        self.0.entry(label.to_owned()).or_default()
    }

    /// A line a label, and their sum.
    pub(crate) fn lines(&self) -> Vec<String> {
        let sum = self.0.values().fold(Count::default(), |a, b| Count {
            right: a.right + b.right,
            wrong: a.wrong + b.wrong,
            missed: a.missed + b.missed,
        });
        let all = ("micro".to_owned(), sum);
        self.0.iter().chain([(&all.0, &all.1)]).map(|(name, count)| format!("  {name:<16} {}", count.line())).collect()
    }
}

/// Probabilities and whether each came true.
pub(crate) type Outcomes = Vec<(f32, bool)>;

/// Fits Platt scaling by Newton's method.
pub(crate) fn fit(outcomes: &[(f32, bool)]) -> Calibration {
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..50 {
        let (mut g, mut h) = ([0.0; 2], [[1e-3, 0.0], [0.0, 1e-3]]);
        for &(p, right) in outcomes {
            let x = f64::from(log_odds(p));
            let q = 1.0 / (1.0 + (-(slope * x + offset)).exp());
            let (error, curve) = (q - f64::from(u8::from(right)), q * (1.0 - q));
            g[0] += error * x;
            g[1] += error;
            h[0][0] += curve * x * x;
            h[0][1] += curve * x;
            h[1][1] += curve;
        }
        h[1][0] = h[0][1];
        let det = h[0][0] * h[1][1] - h[0][1] * h[1][0];
        if det.abs() < 1e-12 {
            break;
        }
        slope -= (h[1][1] * g[0] - h[0][1] * g[1]) / det;
        offset -= (h[0][0] * g[1] - h[1][0] * g[0]) / det;
    }
    Calibration { slope: slope as f32, offset: offset as f32 }
}

/// Expected calibration error over ten equal bins (Naeini, Cooper, Hauskrecht 2015).
pub(crate) fn ece(outcomes: &[(f32, bool)], calibration: Calibration) -> f64 {
    let mut bins = [(0.0, 0.0, 0.0); 10];
    for &(p, right) in outcomes {
        let q = calibration.of(p);
        let bin = &mut bins[((q * 10.0) as usize).min(9)];
        bin.0 += 1.0;
        bin.1 += q;
        bin.2 += f64::from(u8::from(right));
    }
    bins.iter().map(|(_, q, r): &(f64, f64, f64)| (q - r).abs()).sum::<f64>() / outcomes.len().max(1) as f64
}

/// Calibration error on each half with the line fitted on the other: what to expect elsewhere.
pub(crate) fn crossed_ece(outcomes: &[(f32, bool)]) -> f64 {
    let even: Outcomes = outcomes.iter().copied().step_by(2).collect();
    let odd: Outcomes = outcomes.iter().copied().skip(1).step_by(2).collect();
    (ece(&even, fit(&odd)) + ece(&odd, fit(&even))) / 2.0
}
