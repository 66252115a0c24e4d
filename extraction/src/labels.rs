//! The labels of the tagger: begin and inside of each type, and outside.

/// What the tagger tells apart. The last, `other`, takes names of no type of ours and is not shown.
pub(crate) const TYPES: [&str; 10] =
    ["person", "organization", "location", "date", "product", "event", "work", "concept", "technology", "other"];

/// `O`, then `B` and `I` of each type.
pub(crate) const LABELS: usize = 1 + 2 * TYPES.len();

/// The label of a token outside all names.
pub(crate) const OUTSIDE: usize = 0;

/// The label that begins a name of type `kind` (an index into [`TYPES`]).
pub(crate) fn begin(kind: usize) -> usize {
    1 + 2 * kind
}

/// The label that continues a name of type `kind`.
pub(crate) fn inside(kind: usize) -> usize {
    2 + 2 * kind
}

pub(crate) fn is_inside(label: usize) -> bool {
    label != OUTSIDE && label.is_multiple_of(2)
}

/// The type that a label other than `O` belongs to.
pub(crate) fn kind(label: usize) -> usize {
    (label - 1) / 2
}

/// Whether BIO lets `after` come right after `before`.
pub(crate) fn follows(before: usize, after: usize) -> bool {
    !is_inside(after) || (before != OUTSIDE && kind(before) == kind(after))
}

/// The index of a type by its name.
pub(crate) fn type_index(name: &str) -> Option<usize> {
    TYPES.iter().position(|known| *known == name)
}
