//! Windows of neighbouring sentences, as the encoder reads them: `[CLS] sentence [SEP] sentence [SEP]`.

use crate::draft::ReadSentence;
use crate::features::Scratch;
use crate::lexicon::Lexicon;
use crate::neural::wordpiece::{CLS, SEP, WordPiece};

/// Pieces of a window that sentences are gathered up to: enough to see what a text is about, few enough that attention
/// stays a small part of the work.
const GATHERED: usize = 200;

/// Pieces of the longest window. Positions end at 512; a longer sentence is read in parts.
const LONGEST: usize = 480;

/// A sentence, or a part of one that is too long, in its window.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Index of the sentence.
    pub(crate) sentence: usize,
    /// Its first word that is read here.
    pub(crate) first: usize,
    /// The first piece of each word, and the piece after the last word's.
    pub(crate) starts: Vec<usize>,
}

impl Segment {
    /// The word after the last that is read here.
    pub(crate) fn last(&self) -> usize {
        self.first + self.starts.len() - 1
    }

    /// Where the pieces of the sentence's word `word` begin; also for the word after the last.
    pub(crate) fn piece(&self, word: usize) -> usize {
        self.starts[word - self.first]
    }
}

/// What the encoder reads at once.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) pieces: Vec<i32>,
    /// The case shape of each piece's word; 0 for marks that no text holds.
    pub(crate) shapes: Vec<i32>,
    /// The name lists that each piece's word is on, a bit each.
    pub(crate) known: Vec<u32>,
    pub(crate) segments: Vec<Segment>,
}

impl Window {
    fn new() -> Self {
        Self { pieces: vec![CLS], shapes: vec![0], known: vec![0], segments: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.pieces.len()
    }

    fn push(&mut self, piece: i32, shape: i32, known: u32) {
        self.pieces.push(piece);
        self.shapes.push(shape);
        self.known.push(known);
    }

    fn close(&mut self) {
        if let Some(segment) = self.segments.last_mut() {
            segment.starts.push(self.pieces.len());
        }
        self.push(SEP, 0, 0);
    }
}

/// Cuts a text into windows, in reading order.
pub(crate) fn cut(text: &str, sentences: &[ReadSentence], wordpiece: &WordPiece, lexicon: &Lexicon) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    let mut scratch = Scratch::default();
    let (mut pieces, mut counts) = (Vec::new(), Vec::new());
    for (index, sentence) in sentences.iter().enumerate() {
        pieces.clear();
        counts.clear();
        scratch.look(text, &sentence.tokens, lexicon);
        for token in &sentence.tokens {
            counts.push(wordpiece.encode(token.text(text), &mut pieces));
        }
        let fits = windows.last().is_some_and(|window| window.len() + pieces.len() < GATHERED);
        if !fits {
            windows.push(Window::new());
        }
        let mut place = 0;
        for (word, &count) in counts.iter().enumerate() {
            let is_full = windows.last().is_some_and(|window| window.len() + count >= LONGEST);
            if is_full {
                if let Some(window) = windows.last_mut() {
                    window.close();
                }
                windows.push(Window::new());
            }
            let Some(window) = windows.last_mut() else { continue };
            if word == 0 || is_full {
                window.segments.push(Segment { sentence: index, first: word, starts: Vec::new() });
            }
            let begin = window.len();
            if let Some(segment) = window.segments.last_mut() {
                segment.starts.push(begin);
            }
            let (shape, known) = (shape(sentence.tokens[word].text(text)), scratch.known(word));
            for &piece in &pieces[place..place + count] {
                window.push(piece, shape, known);
            }
            place += count;
        }
        if let Some(window) = windows.last_mut() {
            window.close();
        }
    }
    windows
}

/// The case shape of a word, which the uncased vocabulary does not show.
pub(crate) fn shape(word: &str) -> i32 {
    let has_digit = word.chars().any(char::is_numeric);
    let mut letters = word.chars().filter(|c| c.is_alphabetic()).peekable();
    if letters.peek().is_none() {
        let all_digits = has_digit && word.chars().all(char::is_numeric);
        return if all_digits { 1 } else { 3 - i32::from(has_digit) };
    }
    if has_digit {
        return 4;
    }
    if letters.clone().all(char::is_uppercase) {
        return if letters.count() == 1 { 5 } else { 6 };
    }
    if word.starts_with(char::is_uppercase) {
        return if word.chars().skip(1).any(char::is_uppercase) { 8 } else { 7 };
    }
    if letters.any(char::is_uppercase) { 10 } else { 9 }
}

#[cfg(test)]
mod tests {
    use super::shape;

    #[test]
    fn shapes_tell_case_and_digits_apart() {
        let words = ["1867", "7th", "1,5", "--", "A", "U.S.", "Curie", "McKay", "iPhone", "radium", "北京", "A4"];
        assert_eq!(words.map(shape), [1, 4, 2, 3, 5, 6, 7, 8, 10, 9, 9, 4]);
    }
}
