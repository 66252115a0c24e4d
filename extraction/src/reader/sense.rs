//! What the networks' answers must make sense with: small rules that the words themselves decide.

use super::pairs::Place;
use crate::draft::DraftMention;
use crate::words::Words;

/// Words that name nothing when they stand alone.
const EMPTY: [&str; 16] =
    ["a", "an", "and", "as", "at", "by", "for", "from", "he", "in", "it", "of", "on", "she", "the", "to"];
/// Words between a nationality and the name that it describes: "the French physicist and chemist Marie Curie".
const BETWEEN: usize = 4;

/// Words that are the beginning of a place's name when another place follows at once ("County Donegal").
const KINDS: [&str; 9] = ["cape", "county", "fort", "isle", "lake", "mount", "point", "port", "saint"];

/// Mends the mentions of one run of words: those of articles and prepositions alone are no names, and what only says
/// which kind of place follows is part of its name.
pub(crate) fn mend(mentions: &mut Vec<DraftMention>, from: usize, words: &Words) {
    let mut mended: Vec<DraftMention> = Vec::with_capacity(mentions.len() - from);
    for mention in mentions.drain(from..) {
        if (mention.start..mention.end).all(|at| EMPTY.contains(&words.lower(at))) {
            continue;
        }
        match mended.last_mut() {
            Some(last)
                if last.end == mention.start
                    && (&*last.entity_type, &*mention.entity_type) == ("location", "location")
                    && KINDS.contains(&words.phrase(last.start, last.end)) =>
            {
                last.end = mention.end;
                last.confidence = last.confidence.min(mention.confidence);
            }
            _ => mended.push(mention),
        }
    }
    mentions.extend(mended);
}

/// For each place that is a nationality, whom it describes: the person right behind it, with a few plain words between,
/// as in "the German lawyer Walter Hallstein". `places` in reading order, of one sentence; `nationality` and `person` are
/// roles.
pub(crate) fn described(places: &[Place], nationality: usize, person: usize, words: &Words) -> Vec<Option<usize>> {
    let behind = |index: usize| {
        let (own, next) = (places[index], places.get(index + 1)?);
        let near = own.end <= next.start && next.start - own.end <= BETWEEN;
        (near && next.role == person && (own.end..next.start).all(|at| is_plain(words.lower(at)))).then_some(index + 1)
    };
    (0..places.len()).map(|index| (places[index].role == nationality).then(|| behind(index)).flatten()).collect()
}

/// Whether a phrase goes on over this word.
fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_alphabetic() || c == '-') && !matches!(word, "of" | "by" | "in" | "with" | "for" | "to")
}

/// Whether two relations mostly say the same in other words, so that the less sure of them is a guess.
pub(crate) fn are_rivals(a: &str, b: &str) -> bool {
    let person = ["works_for", "member_of", "founded", "leads", "owns", "studied_at"];
    let place = ["based_in", "located_in"];
    [&person[..], &place[..]].iter().any(|group| group.contains(&a) && group.contains(&b))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::Map;

    use super::*;
    use crate::tokens::Tokenizer;

    fn words(text: &str) -> Words {
        let tokens: Vec<_> = Tokenizer::within(text, 0, text.len(), 0).collect();
        Words::of(text, &tokens)
    }

    fn mention(start: usize, end: usize) -> DraftMention {
        let entity_type = Cow::Borrowed("location");
        DraftMention { sentence: 0, start, end, entity_type, confidence: 0.9, metadata: Map::new() }
    }

    #[test]
    fn names_are_mended() {
        let words = words("Born in County Donegal , Paris France of the");
        let mut mentions = vec![mention(2, 3), mention(3, 4), mention(5, 6), mention(6, 7), mention(7, 9)];
        mend(&mut mentions, 0, &words);
        assert_eq!(mentions.iter().map(|m| (m.start, m.end)).collect::<Vec<_>>(), [(2, 4), (5, 6), (6, 7)]);
    }

    #[test]
    fn a_nationality_describes_the_person_right_behind_it() {
        let words = words("the German lawyer Walter Hallstein and the French , said Louis Armand");
        let place = |start, end, role| Place { start, end, role };
        let places = [place(1, 2, 10), place(3, 5, 0), place(7, 8, 10), place(10, 12, 0)];
        assert_eq!(described(&places, 10, 0, &words), [Some(1), None, None, None]);
    }
}
