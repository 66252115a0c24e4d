//! Word pieces: BERT's uncased tokenization (Devlin et al. 2019; WordPiece, Schuster and Nakajima 2012).
//!
//! Text is cleaned (control characters dropped), put in canonical decomposition without its accents and in lowercase;
//! punctuation and Chinese characters stand alone; then each word becomes the longest pieces of the vocabulary from
//! left to right, or the unknown word when that does not end. The pieces are those of the package `tokenizers`, but for
//! characters that are newer than its tables (Unicode 8), and for marks such as `[CLS]` spelt out in a text, which are
//! no marks here.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::NeuralError;

/// Fills what is left of a shorter text in a batch.
pub(crate) const PAD: i32 = 0;
/// The unknown word.
pub(crate) const UNK: i32 = 100;
/// Before a text.
pub(crate) const CLS: i32 = 101;
/// After a text.
pub(crate) const SEP: i32 = 102;

/// Most pieces of one word that [`WordPiece::encode`] gives: what a long identifier means does not lie in its end.
const MAX_PIECES: usize = 12;
/// A longer word is unknown, as in BERT.
const MAX_WORD_CHARS: usize = 100;
/// What a piece inside of a word starts with in the vocabulary.
const INNER: &str = "##";

/// The vocabulary: pieces that start a word, and pieces within one (without their `##`).
pub(crate) struct WordPiece {
    outer: Pieces,
    inner: Pieces,
    len: usize,
}

type Pieces = HashMap<&'static str, i32, BuildHasherDefault<Fnv>>;

impl WordPiece {
    /// Reads a vocabulary: one piece a line, the line's number is its id.
    pub(super) fn new(vocabulary: &'static str) -> Result<Self, NeuralError> {
        let mut pieces = Self { outer: Pieces::default(), inner: Pieces::default(), len: 0 };
        for (id, piece) in (0_i32..).zip(vocabulary.lines()) {
            let (map, piece) = match piece.strip_prefix(INNER) {
                Some(inner) if !inner.is_empty() => (&mut pieces.inner, inner),
                _ => (&mut pieces.outer, piece),
            };
            map.insert(piece, id);
            pieces.len += 1;
        }
        let special = [("[PAD]", PAD), ("[UNK]", UNK), ("[CLS]", CLS), ("[SEP]", SEP)];
        match special.iter().find(|(piece, id)| pieces.outer.get(piece) != Some(id)) {
            None => Ok(pieces),
            Some((piece, _)) => {
                Err(NeuralError::Unreadable { name: "vocab.txt", reason: format!("{piece} is not where it should be") })
            }
        }
    }

    /// How many pieces the vocabulary has.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Appends the pieces of one word, from 1 to 12, and says how many. A word that leaves nothing (of control
    /// characters or accents alone) is unknown.
    pub(crate) fn encode(&self, word: &str, pieces: &mut Vec<i32>) -> usize {
        let before = pieces.len();
        self.encode_text(word, pieces);
        pieces.truncate(before + MAX_PIECES);
        if pieces.len() == before {
            pieces.push(UNK);
        }
        pieces.len() - before
    }

    /// Appends the pieces of a text, without marks at its ends.
    pub(crate) fn encode_text(&self, text: &str, pieces: &mut Vec<i32>) {
        let mut word = String::with_capacity(32);
        if text.is_ascii() {
            for byte in text.bytes() {
                let c = char::from(byte.to_ascii_lowercase());
                if c.is_ascii_alphanumeric() {
                    word.push(c);
                } else {
                    self.step(c, &mut word, pieces);
                }
            }
        } else {
            let clean = text.chars().filter(|&c| !is_dropped(c));
            // Chinese characters are told apart before they are decomposed.
            let spaced = clean.flat_map(|c| if is_chinese(c) { [' ', c, ' '] } else { ['\0', c, '\0'] });
            let decomposed = spaced.filter(|&c| c != '\0').nfd();
            let bare = decomposed.filter(|&c| c.is_ascii() || c.general_category() != GeneralCategory::NonspacingMark);
            for c in bare.flat_map(char::to_lowercase) {
                self.step(c, &mut word, pieces);
            }
        }
        self.flush(&mut word, pieces);
    }

    fn step(&self, c: char, word: &mut String, pieces: &mut Vec<i32>) {
        if c.is_ascii() && is_dropped(c) {
            return;
        }
        if c.is_whitespace() {
            self.flush(word, pieces);
        } else if is_punctuation(c) {
            self.flush(word, pieces);
            word.push(c);
            self.flush(word, pieces);
        } else {
            word.push(c);
        }
    }

    /// Turns a word into pieces and empties it.
    fn flush(&self, word: &mut String, pieces: &mut Vec<i32>) {
        if word.is_empty() {
            return;
        }
        let before = pieces.len();
        if !self.split(word, pieces) {
            pieces.truncate(before);
            pieces.push(UNK);
        }
        word.clear();
    }

    /// The longest pieces from left to right; whether they reach the end.
    fn split(&self, word: &str, pieces: &mut Vec<i32>) -> bool {
        if word.len() > MAX_WORD_CHARS && word.chars().count() > MAX_WORD_CHARS {
            return false;
        }
        let (mut rest, mut map) = (word, &self.outer);
        while !rest.is_empty() {
            let ends = rest.char_indices().rev().map(|(at, c)| at + c.len_utf8());
            let Some((end, id)) = ends.into_iter().find_map(|end| map.get(&rest[..end]).map(|&id| (end, id))) else {
                return false;
            };
            pieces.push(id);
            (rest, map) = (&rest[end..], &self.inner);
        }
        true
    }
}

/// Characters that BERT's tokenizer drops: control, format and private ones, and the replacement character.
fn is_dropped(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        ' '..='~' => false,
        '\u{fffd}' => true,
        _ => matches!(
            c.general_category(),
            GeneralCategory::Control | GeneralCategory::Format | GeneralCategory::PrivateUse
        ),
    }
}

fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation() || (!c.is_ascii() && c.general_category_group() == GeneralCategoryGroup::Punctuation)
}

/// Blocks of Chinese characters; not the Japanese and Korean alphabets, which are written with spaces or not at all
/// like Chinese.
fn is_chinese(c: char) -> bool {
    matches!(u32::from(c),
        0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F | 0x2B740..=0x2B81F
        | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}

/// FNV-1a: the keys are short and come from our own vocabulary, so nobody can make them collide.
#[derive(Default)]
struct Fnv(u64);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        let start = if self.0 == 0 { 0xcbf2_9ce4_8422_2325 } else { self.0 };
        self.0 = bytes.iter().fold(start, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::package;
    use super::*;

    fn encode(word: &str) -> Vec<i32> {
        let mut pieces = Vec::new();
        let count = package().expect("`make setup` ran").wordpiece.encode(word, &mut pieces);
        assert_eq!(count, pieces.len());
        pieces
    }

    /// Made by training/runtime_fixtures.py with the package tokenizers of Python.
    #[test]
    fn odd_words_get_the_pieces_of_the_reference() {
        let expected: Vec<(String, Vec<i32>)> =
            serde_json::from_str(include_str!("../../tests/fixtures/word-pieces.json")).expect("a list of pairs");
        assert!(expected.len() > 300);
        for (word, pieces) in expected {
            assert_eq!(encode(&word), pieces, "{word:?}");
        }
    }

    #[test]
    fn a_text_is_its_words_one_after_the_other() {
        let (text, mut whole, mut parts) = ("Zoë's well-known\u{a0}thesis, 東京 1999.", Vec::new(), Vec::new());
        let wordpiece = &package().expect("`make setup` ran").wordpiece;
        wordpiece.encode_text(text, &mut whole);
        for word in text.split_whitespace() {
            wordpiece.encode(word, &mut parts);
        }
        assert_eq!(whole, parts);
    }

    #[test]
    fn a_word_never_gets_more_than_its_share() {
        assert_eq!(encode(&"x-".repeat(50)).len(), MAX_PIECES);
    }

    #[test]
    fn a_vocabulary_without_its_marks_is_refused() {
        assert!(WordPiece::new("[PAD]\nthe\n").is_err());
        assert!(WordPiece::new("").is_err());
    }

    proptest! {
        #[test]
        fn any_text_gives_pieces_of_the_vocabulary(text in any::<String>()) {
            let pieces = encode(&text);
            prop_assert!((1..=MAX_PIECES).contains(&pieces.len()));
            prop_assert!(pieces.iter().all(|id| (0..30_522).contains(id) && ![PAD, CLS, SEP].contains(id)));
        }
    }
}
