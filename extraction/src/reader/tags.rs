//! From scores of labels to mentions: the best sequence that BIO allows (Viterbi 1967).

/// A mention in a run of words.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tagged {
    /// First word.
    pub(crate) start: usize,
    /// First word after it.
    pub(crate) end: usize,
    /// Index of its type.
    pub(crate) kind: usize,
    /// Mean log-probability of its labels.
    pub(crate) sureness: f32,
}

/// Scores to log-probabilities, for each word.
pub(crate) fn normalise(scores: &mut [f32], labels: usize) {
    for row in scores.chunks_exact_mut(labels) {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = row.iter().map(|score| (score - most).exp()).sum();
        let shift = most + sum.ln();
        for score in row {
            *score -= shift;
        }
    }
}

/// The mentions of words whose labels have these log-probabilities, `labels` a word: `O`, then `B` and `I` of each type.
pub(crate) fn decode(scores: &[f32], labels: usize) -> Vec<Tagged> {
    let rows: Vec<&[f32]> = scores.chunks_exact(labels).collect();
    let path = best_path(&rows, labels);
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for at in 0..=path.len() {
        let label = path.get(at).copied().unwrap_or(0);
        if let Some(start) = open
            && !is_inside(label)
        {
            let sum: f32 = (start..at).map(|word| rows[word][path[word]]).sum();
            #[allow(clippy::cast_precision_loss)]
            let sureness = sum / (at - start) as f32;
            found.push(Tagged { start, end: at, kind: (path[start] - 1) / 2, sureness });
            open = None;
        }
        if label % 2 == 1 {
            open = Some(at);
        }
    }
    found
}

fn is_inside(label: usize) -> bool {
    label > 0 && label.is_multiple_of(2)
}

fn best_path(rows: &[&[f32]], labels: usize) -> Vec<usize> {
    let Some(first) = rows.first() else { return Vec::new() };
    let mut best: Vec<f32> =
        (0..labels).map(|label| if is_inside(label) { f32::NEG_INFINITY } else { first[label] }).collect();
    let mut back: Vec<Vec<usize>> = Vec::with_capacity(rows.len());
    for row in &rows[1..] {
        // Anything may come before `O` and `B`; before `I` only the same type's `B` and `I`.
        let top = (0..labels).fold(0, |top, label| if best[label] > best[top] { label } else { top });
        let from = |label: usize| match label {
            _ if !is_inside(label) => top,
            _ if best[label] > best[label - 1] => label,
            _ => label - 1,
        };
        let choice: Vec<usize> = (0..labels).map(from).collect();
        best = (0..labels).map(|label| best[choice[label]] + row[label]).collect();
        back.push(choice);
    }
    let mut label = (0..labels).fold(0, |top, label| if best[label] > best[top] { label } else { top });
    let mut path = vec![label];
    for choice in back.iter().rev() {
        label = choice[label];
        path.push(label);
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Log-probabilities of five labels (two types) for each word, from weights.
    fn scores(rows: &[[f32; 5]]) -> Vec<f32> {
        let mut scores: Vec<f32> = rows.iter().flatten().map(|weight| weight.ln()).collect();
        normalise(&mut scores, 5);
        scores
    }

    #[test]
    fn a_mention_begins_before_it_goes_on() {
        // The last word alone would be an `I` of the second type, which nothing begins.
        let found =
            decode(&scores(&[[1.0, 8.0, 0.1, 1.0, 0.1], [0.5, 0.1, 5.0, 0.1, 0.2], [3.0, 0.1, 0.1, 1.0, 4.0]]), 5);
        assert_eq!(found.iter().map(|t| (t.start, t.end, t.kind)).collect::<Vec<_>>(), [(0, 2, 0)]);
        assert!(found[0].sureness < 0.0 && found[0].sureness > -0.5);
    }

    #[test]
    fn neighbours_of_one_type_are_two_mentions() {
        let found = decode(&scores(&[[0.1, 9.0, 0.1, 0.1, 0.1], [0.1, 9.0, 0.1, 0.1, 0.1]]), 5);
        assert_eq!(found.iter().map(|t| (t.start, t.end, t.kind)).collect::<Vec<_>>(), [(0, 1, 0), (1, 2, 0)]);
        assert!(decode(&[], 5).is_empty());
    }
}
