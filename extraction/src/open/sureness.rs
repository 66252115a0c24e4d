//! How sure triples are, by pattern.

// How sure triples of a pattern are at most: coarse, from reading them, and always under what known relations get.
pub(super) const DEFINED: f64 = 0.49;
pub(super) const EXAMPLE: f64 = 0.49;
pub(super) const OBJECT: f64 = 0.46;
pub(super) const PASSIVE: f64 = 0.46;
pub(super) const APPOSED: f64 = 0.45;
pub(super) const BY_PREPOSITION: f64 = 0.42;
pub(super) const CHAINED: f64 = 0.42;
pub(super) const OF_OBJECT: f64 = 0.33;

// What makes a triple less sure.
pub(super) const INHERITED: f64 = 0.9;
pub(super) const RELATIVE: f64 = 0.9;
pub(super) const MODAL: f64 = 0.85;
pub(super) const NEGATED: f64 = 0.9;
pub(super) const SUBORDINATE: f64 = 0.9;
pub(super) const SHOWN: f64 = 0.85;
pub(super) const REPORTED: f64 = 0.6;
pub(super) const CONDITIONAL: f64 = 0.6;
pub(super) const ALTERNATIVE: f64 = 0.7;

/// Arcs that the parser holds for less likely than this carry no triple; the rest of its doubt counts by the square root.
pub(super) const LEAST_SURE: f64 = 0.3;
