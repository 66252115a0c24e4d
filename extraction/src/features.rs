//! What the tagger sees of a sentence: hashed features of each token and its neighbours.

use crate::hash::{self, pair};
use crate::lexicon::{self, Entry, Lexicon};
use crate::tokens::Token;
use crate::words::Words;

/// Features of one token.
pub(crate) const FEATURES: usize = 52;

/// Buckets of the tagger's weights are numbers below two to this power.
pub(crate) const TAGGER_BITS: u32 = 21;

/// What is known of one token on its own.
#[derive(Clone, Copy, Default)]
pub(crate) struct Traits {
    /// Hash of the lowercase form, digits made equal.
    pub(crate) word: u64,
    /// Hash of the shape: `Xx`, `X.`, `00`.
    pub(crate) shape: u64,
    /// Hashes of the first 2, 3, 4 and the last 1, 2, 3, 4 characters.
    pub(crate) affixes: [u64; 7],
    /// What the lexicon says.
    pub(crate) entry: Entry,
    /// Flags of known names of several words that it begins (low byte) or continues (high byte).
    pub(crate) names: u16,
    pub(crate) capital: bool,
}

/// Room for the work on one sentence, used again for the next.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(crate) traits: Vec<Traits>,
    pub(crate) words: Words,
}

impl Scratch {
    /// Looks at each token of a sentence on its own.
    pub(crate) fn look(&mut self, text: &str, tokens: &[Token], lexicon: &Lexicon) {
        self.words.fill(text, tokens);
        self.traits.clear();
        for (at, token) in tokens.iter().enumerate() {
            let word = token.text(text);
            let lower = self.words.lower(at);
            self.traits.push(Traits {
                word: hash::bytes(lower.bytes().map(|b| if b.is_ascii_digit() { b'0' } else { b })),
                shape: shape(word),
                affixes: affixes(lower),
                entry: lexicon.get(lexicon::key(lower)),
                names: 0,
                capital: word.starts_with(char::is_uppercase),
            });
        }
        self.find_names(lexicon);
    }

    /// Which name lists the token at `at` is on, a bit each: alone (bits 0 to 7), as the first word of a longer name
    /// (8 to 15), as a later one (16 to 23).
    pub(crate) fn known(&self, at: usize) -> u32 {
        let traits = &self.traits[at];
        u32::from(traits.entry.flags) | u32::from(traits.names) << 8
    }

    /// Marks the tokens of known names of several words, the longest from each place.
    fn find_names(&mut self, lexicon: &Lexicon) {
        for start in 0..self.traits.len() {
            if !self.traits[start].capital {
                continue;
            }
            let last = (start + lexicon::MAX_NAME_WORDS).min(self.traits.len());
            for end in (start + 2..=last).rev() {
                if !self.traits[end - 1].capital {
                    continue;
                }
                let flags = lexicon.get(lexicon::key(self.words.phrase(start, end))).flags;
                if flags != 0 {
                    self.traits[start].names |= u16::from(flags);
                    for inner in &mut self.traits[start + 1..end] {
                        inner.names |= u16::from(flags) << 8;
                    }
                    break;
                }
            }
        }
    }

    /// The features of the token at `at`.
    pub(crate) fn features(&self, at: usize) -> [u32; FEATURES] {
        let get = |offset: isize| -> Traits {
            match at.checked_add_signed(offset) {
                Some(place) if place < self.traits.len() => self.traits[place],
                // Before and after the sentence: two words that no text holds.
                _ => Traits { word: if offset < 0 { 1 } else { 2 }, shape: 3, ..Traits::default() },
            }
        };
        let (pp, p, t, n, nn) = (get(-2), get(-1), get(0), get(1), get(2));
        let known = |x: Traits| u64::from(x.entry.flags) | u64::from(x.names) << 8;
        let fine = |x: Traits| u64::from(x.entry.fine) + 1;
        let coarse = |x: Traits| u64::from(x.entry.coarse) + 1;
        let first = u64::from(at == 0);
        let values: [u64; FEATURES] = [
            0,
            t.word,
            p.word,
            n.word,
            pp.word,
            nn.word,
            pair(p.word, t.word),
            pair(t.word, n.word),
            pair(p.word, n.word),
            t.shape,
            p.shape,
            n.shape,
            pair(p.shape, t.shape),
            pair(t.shape, n.shape),
            pair(pair(p.shape, t.shape), n.shape),
            pair(pair(pp.shape, p.shape), t.shape),
            pair(pair(t.shape, n.shape), nn.shape),
            t.affixes[0],
            t.affixes[1],
            t.affixes[2],
            t.affixes[3],
            t.affixes[4],
            t.affixes[5],
            t.affixes[6],
            pair(t.affixes[5], t.shape),
            p.affixes[5],
            n.affixes[5],
            fine(t),
            fine(p),
            fine(n),
            fine(pp),
            fine(nn),
            coarse(t),
            coarse(p),
            coarse(n),
            pair(fine(p), fine(t)),
            pair(fine(t), fine(n)),
            pair(coarse(p), coarse(n)),
            pair(pair(coarse(p), coarse(t)), coarse(n)),
            pair(p.word, t.shape),
            pair(n.word, t.shape),
            pair(pair(pp.word, p.word), t.shape),
            pair(pair(n.word, nn.word), t.shape),
            pair(coarse(t), t.shape),
            pair(fine(p), t.shape),
            pair(fine(n), t.shape),
            pair(known(t), t.shape),
            pair(known(p), known(t)),
            pair(known(t), known(n)),
            pair(pair(first, t.shape), n.shape),
            pair(first, t.word),
            pair(known(t), coarse(p)),
        ];
        let mut features = [0; FEATURES];
        for (template, (feature, value)) in features.iter_mut().zip(values).enumerate() {
            *feature = hash::bucket(pair(template as u64 + 11, value), TAGGER_BITS);
        }
        features
    }
}

/// Letters become `X` and `x`, digits `0`; runs of letters count as at most two, of digits as at
/// most four ("1867" is a year, "12" is not).
fn shape(word: &str) -> u64 {
    let mut last = 0_u8;
    let mut run = 0;
    hash::bytes(word.chars().filter_map(|c| {
        let class = match c {
            _ if c.is_ascii_digit() => b'0',
            _ if c.is_uppercase() => b'X',
            _ if c.is_alphabetic() => b'x',
            _ if c.is_ascii() => c as u8,
            _ => b'?',
        };
        run = if class == last { run + 1 } else { 1 };
        last = class;
        (run <= if class == b'0' { 4 } else { 2 }).then_some(class)
    }))
}

fn affixes(lower: &str) -> [u64; 7] {
    let head = |count: usize| lower.char_indices().nth(count).map_or(lower.len(), |(at, _)| at);
    let tail = |count: usize| lower.char_indices().rev().nth(count - 1).map_or(0, |(at, _)| at);
    let of = |part: &str| hash::bytes(part.bytes());
    [
        of(&lower[..head(2)]),
        of(&lower[..head(3)]),
        of(&lower[..head(4)]),
        of(&lower[tail(1)..]),
        of(&lower[tail(2)..]),
        of(&lower[tail(3)..]),
        of(&lower[tail(4)..]),
    ]
}
