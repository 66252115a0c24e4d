//! Words and punctuation, with their places. One pass, no look further than a word ahead.

use unicode_normalization::char::is_combining_mark;

/// Longest token in characters: what is longer is cut, so that no run of letters, however long,
/// becomes one name.
const MAX_TOKEN_CHARS: u32 = 100;

/// A word, number or punctuation mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// First byte in the text.
    pub(crate) start: u32,
    /// First byte after it.
    pub(crate) end: u32,
    /// Scalar values of the text before it.
    pub(crate) char_start: u32,
    /// Scalar values of the text up to its end.
    pub(crate) char_end: u32,
    /// Line feeds between it and the token before.
    pub(crate) newlines: u8,
    /// Whether whitespace (or nothing) stands before it.
    pub(crate) spaced: bool,
}

impl Token {
    pub(crate) fn text<'a>(&self, text: &'a str) -> &'a str {
        &text[self.start as usize..self.end as usize]
    }
}

/// Abbreviations that keep their full stop, without it, in lowercase and sorted.
const ABBREVIATIONS: &[&str] = &[
    "adm", "al", "apr", "assn", "aug", "ave", "bldg", "blvd", "brig", "bros", "c", "ca", "capt", "cf", "co", "col",
    "comdr", "corp", "dec", "dept", "dr", "ed", "eds", "est", "etc", "ext", "feb", "fig", "fr", "ft", "gen", "gov",
    "hon", "inc", "jan", "jr", "lt", "ltd", "maj", "messrs", "mr", "mrs", "ms", "mt", "nov", "oct", "op", "ph", "pp",
    "prof", "pvt", "rep", "rev", "sen", "sept", "sgt", "sr", "st", "ste", "univ", "viz", "vol", "vs",
];

fn is_abbreviation(word: &str) -> bool {
    word.len() <= 6 && {
        let lower = word.to_ascii_lowercase();
        ABBREVIATIONS.binary_search(&lower.as_str()).is_ok()
    }
}

/// Yields the tokens of a text from a given place on.
pub(crate) struct Tokenizer<'a> {
    text: &'a str,
    byte: usize,
    chars: u32,
}

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, byte: 0, chars: 0 }
    }

    /// The tokens of `text[byte..end]`; `chars` is the number of scalar values before `byte`.
    pub(crate) fn within(text: &'a str, byte: usize, end: usize, chars: u32) -> Self {
        Self { text: &text[..end], byte, chars }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.byte..].chars().next()
    }

    fn bump(&mut self, c: char) {
        self.byte += c.len_utf8();
        self.chars += 1;
    }

    fn skip_space(&mut self) -> (u8, bool) {
        let mut newlines = 0_u8;
        let mut spaced = self.byte == 0;
        while let Some(c) = self.peek().filter(|c| c.is_whitespace() || is_invisible(*c)) {
            newlines = newlines.saturating_add(u8::from(matches!(c, '\n' | '\u{2028}' | '\u{2029}')));
            spaced = true;
            self.bump(c);
        }
        (newlines, spaced)
    }

    /// A run of letters and digits, with the joints that belong inside a word.
    fn word(&mut self, first: char) {
        let (start, from) = (self.byte, self.chars);
        self.bump(first);
        let mut last = first;
        while let Some(c) = self.peek() {
            if self.chars - from >= MAX_TOKEN_CHARS {
                return;
            }
            let ends = !is_word(c) || stands_alone(c);
            if ends && !self.joins(start, last, c) {
                return;
            }
            self.bump(c);
            last = c;
        }
    }

    /// Whether the mark `c` at the current place, after `last`, is part of the word from `start`.
    fn joins(&self, start: usize, last: char, c: char) -> bool {
        let mut after = self.text[self.byte + c.len_utf8()..].chars();
        let next = after.next();
        let next_is_word = next.is_some_and(|n| is_word(n) && !stands_alone(n));
        match c {
            '.' => {
                let word = &self.text[start..self.byte];
                if last == '.' {
                    return false;
                }
                if next_is_word {
                    // "3.5", "example.com", "U.S."; but "end.The" has lost a space.
                    return !(last.is_lowercase() && next.is_some_and(char::is_uppercase));
                }
                let letter = word.rsplit('.').next().unwrap_or(word);
                let single = letter.chars().count() == 1 && letter.chars().all(char::is_alphabetic);
                (single && (word.contains('.') || last.is_uppercase())) || is_abbreviation(word)
            }
            ',' => last.is_ascii_digit() && next.is_some_and(|n| n.is_ascii_digit()),
            '\'' | '’' => next_is_word && !is_clitic(&self.text[self.byte + c.len_utf8()..]),
            '&' => last.is_uppercase() && next.is_some_and(char::is_uppercase),
            '@' | '_' => next_is_word,
            '+' | '#' => self.byte - start <= 2 && last.is_alphabetic() || (c == '+' && last == '+'),
            _ => false,
        }
    }

    /// A run of one and the same mark: "...", "--".
    fn mark(&mut self, c: char) {
        let from = self.chars;
        while self.peek() == Some(c) && self.chars - from < MAX_TOKEN_CHARS {
            self.bump(c);
        }
    }

    fn address(&mut self) {
        let from = self.chars;
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '"' | ')')) {
            if self.chars - from >= MAX_TOKEN_CHARS {
                return;
            }
            self.bump(c);
        }
    }
}

impl Iterator for Tokenizer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let (newlines, spaced) = self.skip_space();
        let c = self.peek()?;
        let (start, char_start) = (self.byte, self.chars);
        let rest = &self.text[self.byte..];
        if rest.starts_with("http://") || rest.starts_with("https://") || rest.starts_with("www.") {
            self.address();
        } else if stands_alone(c) {
            self.bump(c);
        } else if matches!(c, '\'' | '’') && !spaced && is_clitic(&rest[c.len_utf8()..]) {
            self.bump(c);
            while let Some(letter) = self.peek().filter(|&letter| is_word(letter)) {
                self.bump(letter);
            }
        } else if is_word(c) {
            self.word(c);
        } else {
            self.mark(c);
        }
        Some(Token { start: start as u32, end: self.byte as u32, char_start, char_end: self.chars, newlines, spaced })
    }
}

fn is_word(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphanumeric() } else { c.is_alphanumeric() || is_combining_mark(c) }
}

/// Scripts written without spaces: every character is a token.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

/// Characters that show nothing and part nothing.
fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// Whether an apostrophe before `rest` starts a word of its own: 's, 'll, 're, 've, 'd, 'm.
fn is_clitic(rest: &str) -> bool {
    let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    matches!(&rest[..end], "s" | "S" | "ll" | "re" | "ve" | "d" | "m")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        Tokenizer::new(text).map(|token| token.text(text)).collect()
    }

    #[test]
    fn abbreviations_are_sorted_for_the_search() {
        assert!(ABBREVIATIONS.is_sorted());
    }

    #[test]
    fn words_keep_what_belongs_inside() {
        assert_eq!(words("Dr. O'Brien's U.S. firm."), ["Dr.", "O'Brien", "'s", "U.S.", "firm", "."]);
        assert_eq!(words("AT&T paid $4.5bn, 1,200 each"), ["AT&T", "paid", "$", "4.5bn", ",", "1,200", "each"]);
        assert_eq!(words("J. R. R. Tolkien…"), ["J.", "R.", "R.", "Tolkien", "…"]);
        assert_eq!(words("Boston-based C++ (C#)"), ["Boston", "-", "based", "C++", "(", "C#", ")"]);
        assert_eq!(words("see https://a.b/c?d. End"), ["see", "https://a.b/c?d.", "End"]);
        assert_eq!(words("東京 e\u{301}a"), ["東", "京", "e\u{301}a"]);
    }

    #[test]
    fn an_endless_word_is_cut() {
        let text = "é".repeat(1000);
        let tokens: Vec<_> = Tokenizer::new(&text).collect();
        assert_eq!(tokens.len(), 10);
        assert_eq!((tokens[9].char_start, tokens[9].end), (900, 2000));
    }
}
