//! From a model's own probability to one that means what it says.

use crate::wire::{Reader, WireError};

/// Platt scaling (Platt 1999): a line in log-odds, fitted on texts the model was not trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Calibration {
    /// Slope; below 1 for a model that is too sure of itself.
    pub(crate) slope: f32,
    /// Offset in log-odds.
    pub(crate) offset: f32,
}

impl Default for Calibration {
    fn default() -> Self {
        Self { slope: 1.0, offset: 0.0 }
    }
}

impl Calibration {
    /// The calibrated probability for log-odds, rounded to four places: a finer grain would only
    /// look like more than is known, and would differ with the order of a sum.
    pub(crate) fn of_log_odds(self, log_odds: f32) -> f64 {
        let z = f64::from(self.slope * log_odds.clamp(-30.0, 30.0) + self.offset);
        ((1.0 / (1.0 + (-z).exp())) * 1e4).round() / 1e4
    }

    /// The calibrated probability for a probability.
    pub(crate) fn of(self, probability: f32) -> f64 {
        self.of_log_odds(log_odds(probability))
    }

    pub(crate) fn write(self, out: &mut Vec<u8>) {
        out.extend(self.slope.to_le_bytes());
        out.extend(self.offset.to_le_bytes());
    }

    pub(crate) fn read(input: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self { slope: input.f32()?, offset: input.f32()? })
    }
}

/// `ln(p / (1 - p))`, kept away from the infinite ends.
pub(crate) fn log_odds(probability: f32) -> f32 {
    let p = probability.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}
