//! Where sentences end.

use crate::extraction::Span;
use crate::tokens::{Token, Tokenizer};

/// Longest sentence in tokens. What runs on longer is cut: a list, a table or a hostile text.
pub(crate) const MAX_SENTENCE_TOKENS: usize = 400;

/// A line at least this long is a paragraph of its own; hard-wrapped text has shorter lines.
const PARAGRAPH_LINE: u32 = 120;

/// A line shorter than this was not wrapped for lack of room: it is a heading or a list item.
const SHORT_LINE: u32 = 45;

/// A sentence's place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    pub(crate) byte_start: usize,
    pub(crate) byte_end: usize,
    pub(crate) char_start: u32,
    pub(crate) char_end: u32,
}

/// What stood last, as far as it can end a sentence.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    None,
    /// An abbreviation's full stop: ends a sentence only before a word that starts one.
    Abbreviation,
    /// A title's or an initial's full stop: a name goes on.
    Title,
    Mark,
    /// A mark of a script that writes no spaces after it.
    WideMark,
}

/// The sentences of a text in reading order, as every extractor of this crate sees them; whitespace between them belongs
/// to none. At most 400 words and marks each.
#[must_use]
pub fn sentences(text: &str) -> Vec<Span> {
    split(text).iter().map(|sentence| Span::new(sentence.char_start as usize, sentence.char_end as usize)).collect()
}

/// Splits a text into sentences; whitespace between them belongs to none.
pub(crate) fn split(text: &str) -> Vec<Sentence> {
    let mut sentences = Vec::new();
    let mut open: Option<Sentence> = None;
    let mut tokens_in = 0;
    let mut ending = Ending::None;
    let mut line_start = 0;
    let mut last_end = 0;
    for token in Tokenizer::new(text) {
        let word = token.text(text);
        let ends = tokens_in >= MAX_SENTENCE_TOKENS
            || ends_line(&token, word, last_end - line_start)
            || ends_before(ending, &token, word);
        if ends && let Some(sentence) = open.take() {
            sentences.push(sentence);
        }
        if token.newlines > 0 {
            line_start = token.char_start;
        }
        match &mut open {
            Some(sentence) => {
                sentence.byte_end = token.end as usize;
                sentence.char_end = token.char_end;
                tokens_in += 1;
            }
            None => {
                open = Some(Sentence {
                    byte_start: token.start as usize,
                    byte_end: token.end as usize,
                    char_start: token.char_start,
                    char_end: token.char_end,
                });
                tokens_in = 1;
            }
        }
        last_end = token.char_end;
        ending = after(ending, &token, word);
    }
    sentences.extend(open);
    sentences
}

/// Whether the line break before `token` ends the sentence; `line` is the length of the line
/// before it in characters.
fn ends_line(token: &Token, word: &str, line: u32) -> bool {
    match token.newlines {
        0 => false,
        1 => {
            let fresh = !word.starts_with(char::is_lowercase);
            line >= PARAGRAPH_LINE || is_bullet(word) || (fresh && line < SHORT_LINE)
        }
        _ => true,
    }
}

fn ends_before(ending: Ending, token: &Token, word: &str) -> bool {
    match ending {
        Ending::None | Ending::Title => false,
        Ending::Abbreviation => token.spaced && starts_sentence(word),
        Ending::Mark => token.spaced && !word.starts_with(|c: char| c.is_lowercase() || matches!(c, ',' | ';' | ')')),
        Ending::WideMark => !is_closer(word),
    }
}

fn after(before: Ending, token: &Token, word: &str) -> Ending {
    if word.starts_with(['.', '!', '?', '…', '‽']) {
        return Ending::Mark;
    }
    if word.starts_with(['。', '！', '？', '｡']) {
        return Ending::WideMark;
    }
    if matches!(before, Ending::Mark | Ending::WideMark) && !token.spaced && is_closer(word) {
        return before;
    }
    match word.strip_suffix('.') {
        Some(bare) if is_title(bare) => Ending::Title,
        Some(bare) if !bare.is_empty() => Ending::Abbreviation,
        _ => Ending::None,
    }
}

fn is_closer(word: &str) -> bool {
    word.starts_with([')', ']', '}', '"', '\'', '”', '’', '»', '」', '』', '）'])
}

fn is_bullet(word: &str) -> bool {
    matches!(word, "-" | "*" | "•" | "–" | "·" | "#" | "##" | "###")
}

/// Abbreviations that a name follows.
fn is_title(bare: &str) -> bool {
    matches!(
        bare,
        "Dr" | "Mr"
            | "Mrs"
            | "Ms"
            | "Prof"
            | "St"
            | "Ste"
            | "Gen"
            | "Col"
            | "Capt"
            | "Lt"
            | "Sgt"
            | "Maj"
            | "Rev"
            | "Sen"
            | "Rep"
            | "Gov"
            | "Hon"
            | "Mt"
            | "Ft"
            | "Adm"
            | "Fr"
            | "Messrs"
            | "vs"
            | "cf"
            | "e.g"
            | "i.e"
            | "ca"
            | "c"
            | "viz"
            | "pp"
            | "fig"
            | "Fig"
            | "vol"
            | "Vol"
    )
}

/// Words that open a sentence and do not open a name.
fn starts_sentence(word: &str) -> bool {
    matches!(
        word,
        "The"
            | "A"
            | "An"
            | "He"
            | "She"
            | "It"
            | "They"
            | "We"
            | "You"
            | "His"
            | "Her"
            | "Its"
            | "Their"
            | "Our"
            | "This"
            | "That"
            | "These"
            | "Those"
            | "There"
            | "Here"
            | "In"
            | "On"
            | "At"
            | "By"
            | "For"
            | "From"
            | "With"
            | "After"
            | "Before"
            | "During"
            | "Since"
            | "When"
            | "While"
            | "As"
            | "If"
            | "But"
            | "And"
            | "Or"
            | "However"
            | "Although"
            | "Though"
            | "Its’"
            | "Some"
            | "Many"
            | "Most"
            | "Other"
            | "Both"
            | "All"
            | "Each"
            | "One"
            | "Two"
            | "Later"
            | "Then"
            | "Today"
            | "Now"
            | "To"
            | "Under"
            | "Over"
            | "What"
            | "Who"
            | "How"
            | "Why"
            | "Where"
            | "Which"
            | "According"
            | "Also"
            | "Among"
            | "Because"
            | "Despite"
            | "Until"
            | "Not"
            | "No"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        split(text).iter().map(|s| &text[s.byte_start..s.byte_end]).collect()
    }

    #[test]
    fn full_stops_inside_a_sentence_do_not_end_it() {
        let text = "Dr. J. R. Smith of Apple Inc. paid $3.5 million, e.g. to the U.S. Army.";
        assert_eq!(sentences(text), [text]);
    }

    #[test]
    fn marks_end_sentences_with_what_closes_behind_them() {
        assert_eq!(sentences("He left. “Why?” She did… So what?!"), ["He left.", "“Why?”", "She did…", "So what?!"]);
        assert_eq!(sentences("He works at Apple Inc. The firm grew."), ["He works at Apple Inc.", "The firm grew."]);
        assert_eq!(sentences("他走了。她来了。"), ["他走了。", "她来了。"]);
    }

    #[test]
    fn headings_paragraphs_and_list_items_end_sentences() {
        assert_eq!(sentences("A heading\nIt goes on.\n\nNext"), ["A heading", "It goes on.", "Next"]);
        assert_eq!(sentences("- one\n- two"), ["- one", "- two"]);
        let wrapped = "This line is wrapped by hand at some seventy columns, and Marie\nCurie stands across it.";
        assert_eq!(sentences(wrapped), [wrapped]);
    }

    #[test]
    fn a_text_without_marks_is_cut_into_bounded_pieces() {
        let text = "word ".repeat(1000);
        assert_eq!(split(&text).len(), 3);
    }
}
