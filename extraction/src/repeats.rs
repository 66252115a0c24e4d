//! Names that a text repeats where the tagger did not see them again, and acronyms that it explains in brackets.
//!
//! A name that is sure in one sentence is a name in the others too, unless the text also writes the word small.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_json::Map;

use crate::draft::{DraftMention, ReadSentence};

/// Only what is at least this sure somewhere is looked for elsewhere.
const SURE: f64 = 0.8;
/// How sure a repetition is beside the name it repeats. Set by hand: the tagger misses too few for a measurement.
const REPEATED: f64 = 0.9;
/// Words of the longest name that is looked for.
const MOST_WORDS: usize = 6;

/// A name that is looked for.
struct Known {
    entity_type: Cow<'static, str>,
    confidence: f64,
}

/// Adds to `mentions`, which are in reading order, the repetitions that are missing among them.
pub(crate) fn add(text: &str, sentences: &[ReadSentence], mentions: &mut Vec<DraftMention>) {
    let mut taken: Vec<Vec<bool>> = sentences.iter().map(|s| vec![false; s.tokens.len()]).collect();
    for mention in mentions.iter() {
        taken[mention.sentence][mention.start..mention.end].fill(true);
    }
    let explained = acronyms(text, sentences, mentions, &mut taken);
    mentions.extend(explained);
    let mut added = Vec::new();
    let known = known(text, sentences, mentions);
    if !known.is_empty() {
        for (index, sentence) in sentences.iter().enumerate() {
            repeated(text, index, sentence, &known, &mut taken[index], &mut added);
        }
    }
    mentions.append(&mut added);
    mentions.sort_by_key(|mention| (mention.sentence, mention.start));
}

/// "WHO" behind "World Health Organization (".
fn acronyms(
    text: &str,
    sentences: &[ReadSentence],
    mentions: &[DraftMention],
    taken: &mut [Vec<bool>],
) -> Vec<DraftMention> {
    let mut added = Vec::new();
    for full in mentions.iter().filter(|m| m.end - m.start > 1 && is_name(&m.entity_type)) {
        let (sentence, at) = (&sentences[full.sentence], full.end + 1);
        let word = |at: usize| sentence.tokens.get(at).map(|token| token.text(text));
        if word(full.end) != Some("(") || word(at + 1) != Some(")") || taken[full.sentence][at] {
            continue;
        }
        let initials: String =
            (full.start..full.end).filter_map(|at| word(at)?.chars().next().filter(|c| c.is_uppercase())).collect();
        if initials.len() > 1 && word(at) == Some(initials.as_str()) {
            taken[full.sentence][at] = true;
            added.push(DraftMention { start: at, end: at + 1, metadata: Map::new(), ..full.clone() });
        }
    }
    added
}

fn is_name(entity_type: &str) -> bool {
    matches!(entity_type, "person" | "organization" | "location" | "product" | "event" | "work" | "technology")
}

/// The names that are sure, by their words; of two types the surer.
fn known<'a>(text: &'a str, sentences: &'a [ReadSentence], mentions: &[DraftMention]) -> HashMap<Vec<&'a str>, Known> {
    let mut known: HashMap<Vec<&str>, Known> = HashMap::new();
    for mention in mentions.iter().filter(|m| m.confidence >= SURE && is_name(&m.entity_type)) {
        let words = &sentences[mention.sentence].tokens[mention.start..mention.end];
        let words: Vec<&str> = words.iter().map(|token| token.text(text)).collect();
        let capital = |word: &&str| word.starts_with(char::is_uppercase);
        if words.len() > MOST_WORDS || !words.iter().any(capital) || words == ["I"] || words.concat().len() < 2 {
            continue;
        }
        let new = Known { entity_type: mention.entity_type.clone(), confidence: mention.confidence };
        match known.get(&words) {
            Some(old) if (old.confidence, &new.entity_type) >= (new.confidence, &old.entity_type) => {}
            _ => {
                known.insert(words, new);
            }
        }
    }
    // A word that the text writes small too is no name wherever it is capital.
    if known.keys().any(|words| words.len() == 1) {
        let small: HashSet<&str> = sentences
            .iter()
            .flat_map(|sentence| (0..sentence.words.len()).map(move |at| (sentence, at)))
            .filter(|(sentence, at)| sentence.tokens[*at].text(text) == sentence.words.lower(*at))
            .map(|(sentence, at)| sentence.words.lower(at))
            .collect();
        known.retain(|words, _| words.len() > 1 || !small.contains(words[0].to_lowercase().as_str()));
    }
    known
}

/// The longest known names in what is not taken of a sentence.
fn repeated(
    text: &str,
    index: usize,
    sentence: &ReadSentence,
    known: &HashMap<Vec<&str>, Known>,
    taken: &mut [bool],
    added: &mut Vec<DraftMention>,
) {
    let words: Vec<&str> = sentence.tokens.iter().map(|token| token.text(text)).collect();
    let mut start = 0;
    while start < words.len() {
        let free = taken[start..].iter().take(MOST_WORDS).take_while(|taken| !**taken).count();
        let found = (start + 1..=start + free).rev().find_map(|end| Some((end, known.get(&words[start..end])?)));
        let Some((end, name)) = found else {
            start += 1;
            continue;
        };
        // Part of a longer name that nobody knows: "Paris" in "Paris Hilton Foundation".
        let goes_on =
            |at: usize| words.get(at).is_some_and(|word| word.starts_with(char::is_uppercase)) && at > 0 && !taken[at];
        let goes_back = start > 1 && goes_on(start - 1);
        if !goes_on(end) && !goes_back {
            taken[start..end].fill(true);
            added.push(DraftMention {
                sentence: index,
                start,
                end,
                entity_type: name.entity_type.clone(),
                confidence: (name.confidence * REPEATED * 1e4).round() / 1e4,
                metadata: Map::new(),
            });
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentences;

    fn read(text: &str) -> Vec<ReadSentence> {
        sentences::split(text).into_iter().map(|place| ReadSentence::new(text, place)).collect()
    }

    fn mention(sentence: usize, start: usize, end: usize, entity_type: &'static str) -> DraftMention {
        DraftMention {
            sentence,
            start,
            end,
            entity_type: Cow::Borrowed(entity_type),
            confidence: 0.9,
            metadata: Map::new(),
        }
    }

    fn added(text: &str, known: DraftMention) -> Vec<String> {
        let sentences = read(text);
        let mut mentions = vec![known];
        add(text, &sentences, &mut mentions);
        let text = |m: &DraftMention| sentences[m.sentence].text(text, m.start, m.end).to_owned();
        mentions[1..].iter().map(text).collect()
    }

    #[test]
    fn an_acronym_in_brackets_is_its_name_here_and_later() {
        let text = "The World Health Organization (WHO) is in Geneva. Last year WHO met.";
        assert_eq!(added(text, mention(0, 1, 4, "organization")), ["WHO", "WHO"]);
        assert!(added("The World Health Organization (UN) met.", mention(0, 1, 4, "organization")).is_empty());
    }

    #[test]
    fn a_sure_name_is_found_again_but_not_inside_another() {
        let text = "She joined Stripe. Then Stripe grew. A Stripe Press book.";
        assert_eq!(added(text, mention(0, 2, 3, "organization")), ["Stripe"]);
    }

    #[test]
    fn a_word_that_is_also_written_small_is_left_alone() {
        let text = "They read Time. It took time. Time went by.";
        assert!(added(text, mention(0, 2, 3, "work")).is_empty());
    }
}
