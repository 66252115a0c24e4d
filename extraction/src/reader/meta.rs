//! What the reader's networks mean by their numbers.

use serde::Deserialize;

use crate::calibration::Calibration;

/// Entity types and relations in the order of the networks' outputs; written by the trainer.
#[derive(Debug, Deserialize)]
pub(crate) struct Meta {
    /// Types; the labels are `O`, then begin and inside of each.
    pub(crate) types: Vec<String>,
    /// Calibration of each type's mentions.
    pub(crate) mentions: Vec<Line>,
    pub(crate) relations: Vec<Known>,
}

/// A line in log-odds: slope and offset.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Line(f32, f32);

impl Line {
    pub(crate) fn calibration(self) -> Calibration {
        Calibration { slope: self.0, offset: self.1 }
    }
}

/// A relation.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) line: Line,
    /// The least calibrated probability that is shown: below it fewer than six in ten were right on held-out text.
    pub(crate) least: f64,
    /// The roles (types, then pronouns for people and for others) that heads and tails can have, together.
    pub(crate) roles: Vec<(usize, usize)>,
}
