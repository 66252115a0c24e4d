//! The questions to the pair head: which mentions, how far apart, and where the words of the window lie from there.

use super::windows::{Segment, Window};

/// Pieces of a mention that are looked at: of a longer one the first half and the last half of so many.
pub(crate) const SPAN_PIECES: usize = 8;

/// Mentions further apart than this many words are not asked about.
const FURTHEST: usize = 60;
/// Nor are those with more mentions than this between them: it bounds the work on a list of names.
const MOST_BETWEEN: usize = 24;

/// A mention or anaphor of a segment: words of its sentence, and its role as the pair head tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) role: usize,
}

/// The ordered pairs of places that are asked about; `places` in reading order.
pub(crate) fn pairs(places: &[Place]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for head in 0..places.len() {
        let low = head.saturating_sub(MOST_BETWEEN);
        let high = (head + MOST_BETWEEN + 1).min(places.len());
        pairs.extend((low..high).filter(|&tail| near(places[head], places[tail]) && head != tail).map(|t| (head, t)));
    }
    pairs
}

fn near(a: Place, b: Place) -> bool {
    a.start.max(b.start).saturating_sub(a.end.min(b.end)) <= FURTHEST
}

/// Bucket of the distance in words from head to tail: up to 6 forward, 7 to 13 backward.
pub(crate) fn distance(head: Place, tail: Place) -> i32 {
    let forward = tail.start >= head.start;
    let gap = if forward { tail.start.saturating_sub(head.end) } else { head.start.saturating_sub(tail.end) };
    let bucket = if gap < 3 { gap } else { (gap.ilog2() as usize + 2).min(6) };
    i32::try_from(bucket + if forward { 0 } else { 7 }).unwrap_or(0)
}

/// The [`SPAN_PIECES`] places that stand for the pieces `first..last`; a short span repeats its last.
pub(crate) fn span_pieces(first: usize, last: usize) -> [i32; SPAN_PIECES] {
    let half = SPAN_PIECES / 2;
    std::array::from_fn(|at| {
        let place = match last - first {
            0..=SPAN_PIECES => (first + at).min(last - 1),
            _ if at < half => first + at,
            _ => last + at - SPAN_PIECES,
        };
        i32::try_from(place).unwrap_or(0)
    })
}

/// Where each piece of the window lies from a pair: 0 in another sentence, 1 before both, 2 in the head, 3 between with
/// the head first, 4 in the tail, 5 after both, 6 between with the tail first.
pub(crate) fn regions(row: &mut [i32], window: &Window, segment: &Segment, head: Place, tail: Place) {
    row[..window.len()].fill(0);
    let head_first = head.start <= tail.start;
    let (a, b) = if head_first { (head, tail) } else { (tail, head) };
    let piece = |word: usize| segment.piece(word);
    row[piece(segment.first)..piece(a.start)].fill(1);
    row[piece(a.end)..piece(b.start).max(piece(a.end))].fill(if head_first { 3 } else { 6 });
    row[piece(b.end)..piece(segment.last())].fill(5);
    row[piece(head.start)..piece(head.end)].fill(2);
    row[piece(tail.start)..piece(tail.end)].fill(4);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(start: usize, end: usize) -> Place {
        Place { start, end, role: 0 }
    }

    #[test]
    fn distances_grow_in_steps_and_know_their_direction() {
        assert_eq!(distance(place(0, 1), place(1, 2)), 0);
        assert_eq!(distance(place(0, 1), place(4, 5)), 3);
        assert_eq!(distance(place(0, 1), place(50, 51)), 6);
        assert_eq!(distance(place(4, 5), place(0, 1)), 10);
    }

    #[test]
    fn long_spans_show_their_ends() {
        assert_eq!(span_pieces(3, 5), [3, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(span_pieces(0, 20), [0, 1, 2, 3, 16, 17, 18, 19]);
    }

    #[test]
    fn the_regions_of_a_pair_cover_its_window() {
        let segment = Segment { sentence: 0, first: 0, starts: vec![1, 2, 4, 5, 6] };
        let window = Window { pieces: vec![0; 10], shapes: vec![], known: vec![], segments: vec![] };
        let mut row = [9; 10];
        regions(&mut row, &window, &segment, place(3, 4), place(1, 2));
        assert_eq!(row, [0, 1, 4, 4, 6, 2, 0, 0, 0, 0]);
    }

    #[test]
    fn what_stands_far_apart_is_not_asked_about() {
        let places = [place(0, 1), place(2, 3), place(100, 101)];
        assert_eq!(pairs(&places), [(0, 1), (1, 0)]);
    }
}
