//! The names of a text as every tier's are tidied: values by rules first, spans without what clings to their edges,
//! nothing that cannot be a name.

use std::borrow::Cow;

use serde_json::Map;

use crate::draft::{DraftMention, ReadSentence};
use crate::values;
use crate::words::Words;

/// Mentions below this calibrated probability are not shown.
const LEAST_MENTION: f64 = 0.4;

/// How sure a rule for amounts and full dates is; no set to measure it on annotates them.
const VALUE_CONFIDENCE: f64 = 0.97;

/// Names longer than this are runaway tags.
const MAX_NAME_CHARS: usize = 200;

/// The values of a sentence and the names that `tagged` gives for it, in order. Where they overlap, the value stays.
pub(crate) fn settle(
    text: &str,
    index: usize,
    sentence: &ReadSentence,
    tagged: impl Iterator<Item = DraftMention>,
    settled: &mut Vec<DraftMention>,
) {
    let first = settled.len();
    settled.extend(values::find(&sentence.words).into_iter().map(|value| DraftMention {
        sentence: index,
        start: value.start,
        end: value.end,
        entity_type: Cow::Borrowed(value.entity_type),
        confidence: VALUE_CONFIDENCE,
        metadata: value.metadata,
    }));
    let names = settled.len();
    for name in tagged {
        let is_free = |name: &DraftMention| {
            settled[first..names].iter().all(|value| value.end <= name.start || name.end <= value.start)
        };
        if let Some(name) = tidy(text, sentence, name).filter(is_free) {
            settled.push(name);
        }
    }
    settled[first..].sort_by_key(|name| name.start);
}

/// A tagged name without what clings to it; nothing when it is doubtful or cannot be a name.
fn tidy(text: &str, sentence: &ReadSentence, mut name: DraftMention) -> Option<DraftMention> {
    let words = &sentence.words;
    (name.start, name.end) = trim(words, name.start, name.end);
    let is_date = name.entity_type == "date";
    if is_date {
        name.end = trim_date(text, sentence, name.start, name.end);
    }
    if name.start >= name.end || name.confidence < LEAST_MENTION {
        return None;
    }
    if is_date {
        name.metadata = values::calendar(words, name.start, name.end)?;
    } else {
        name.metadata = Map::new();
        is_name(text, sentence, name.start, name.end).then_some(())?;
    }
    Some(name)
}

/// A span without possessives and marks at its edges.
fn trim(words: &Words, mut start: usize, mut end: usize) -> (usize, usize) {
    let is_edge = |at: usize| {
        let word = words.lower(at);
        matches!(word, "'s" | "’s") || !word.contains(|c: char| c.is_alphanumeric() || matches!(c, ')' | '!' | '?'))
    };
    while start < end && is_edge(start) {
        start += 1;
    }
    while end > start && is_edge(end - 1) {
        end -= 1;
    }
    (start, end)
}

/// A date without the capitalised word that begins the next phrase ("on 20 July Armstrong").
fn trim_date(text: &str, sentence: &ReadSentence, start: usize, mut end: usize) -> usize {
    let is_capital = |at: usize| sentence.tokens[at].text(text).starts_with(char::is_uppercase);
    while end > start + 1 && is_capital(end - 1) && !values::is_calendar_word(sentence.words.lower(end - 1)) {
        end -= 1;
    }
    end
}

/// Whether a span can be a name: it holds a letter, is of bearable length, and is no address.
fn is_name(text: &str, sentence: &ReadSentence, start: usize, end: usize) -> bool {
    let chars = sentence.tokens[end - 1].char_end - sentence.tokens[start].char_start;
    let text = sentence.text(text, start, end);
    chars as usize <= MAX_NAME_CHARS
        && text.contains(char::is_alphabetic)
        && !text.contains('@')
        && !text.contains("://")
        && !text.starts_with("www.")
}
