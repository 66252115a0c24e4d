//! Scores of an extractor against annotated texts: pure computation, the reading of files is the caller's.
//!
//! What is right is counted in sets: a span, a span with its type, a statement between two spans. What the gold says
//! nothing about is not judged: types and relations that it never names, and, in sets that annotate single facts, all
//! relations that a passage has no fact of.

mod gold;
mod names;
mod score;

pub use gold::{Fact, GoldDocument, GoldEntity, GoldError, GoldSet, Unit};
pub use score::{EntityScores, Evaluation, NotJudged, RelationScore, RelationScores, Report, Score};
