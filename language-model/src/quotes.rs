//! Finding what a model says that it copied. Models tidy up what they copy: quote marks, dashes, spaces, case. Such a
//! copy is found by its tidied form and mapped back to the text's own letters; anything else is not a quote.

use unicode_normalization::UnicodeNormalization;

/// A text that is searched many times.
pub(crate) struct Quotable<'a> {
    text: &'a str,
    folded: String,
    /// For each byte of `folded`, where the letter that it comes from begins and ends in `text`, in bytes.
    origins: Vec<(u32, u32)>,
}

impl<'a> Quotable<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let (mut folded, mut origins) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()));
        for (start, c) in text.char_indices() {
            let end = start + c.len_utf8();
            if c.is_whitespace() {
                // A run of spaces is one, and comes from all of them.
                match origins.last_mut() {
                    Some((_, last)) if folded.ends_with(' ') => *last = end as u32,
                    _ => {
                        folded.push(' ');
                        origins.push((start as u32, end as u32));
                    }
                }
                continue;
            }
            let before = folded.len();
            fold(c, true, &mut folded);
            origins.extend(std::iter::repeat_n((start as u32, end as u32), folded.len() - before));
        }
        Self { text, folded, origins }
    }

    /// All places of `quote`, in bytes: as it stands, or else as it may have been tidied up.
    pub(crate) fn find(&self, quote: &str) -> Vec<(usize, usize)> {
        let quote = quote.trim();
        if quote.is_empty() {
            return Vec::new();
        }
        let exact: Vec<_> = self.text.match_indices(quote).map(|(at, found)| (at, at + found.len())).collect();
        if !exact.is_empty() {
            return exact;
        }
        let folded = fold_all(quote, true);
        let found = self.find_folded(&folded);
        if !found.is_empty() {
            return found;
        }
        // Wrapped into quote marks, or with dots for what was left out at its ends.
        let bare = folded.trim_matches(|c: char| c == '"' || c == '\'' || c == '.' || c == ' ');
        self.find_folded(bare)
    }

    fn find_folded(&self, folded: &str) -> Vec<(usize, usize)> {
        if !folded.contains(char::is_alphanumeric) {
            return Vec::new();
        }
        self.folded.match_indices(folded).filter_map(|(at, found)| self.origin(at, at + found.len())).collect()
    }

    /// Where a stretch of the folded text comes from; none if it begins or ends inside a letter.
    fn origin(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let (first, last) = (self.origins.get(start)?, self.origins.get(end - 1)?);
        let cuts_first = start > 0 && self.origins[start - 1] == *first;
        let cuts_last = self.origins.get(end) == Some(last);
        (!cuts_first && !cuts_last).then_some((first.0 as usize, last.1 as usize))
    }

    /// All places of a name, in bytes: where it stands as a word of its own and not as a part of one. In its own case, or
    /// else in any.
    pub(crate) fn find_name(&self, name: &str) -> Vec<(usize, usize)> {
        let folded = fold_all(name, true);
        let bounded = |&(start, end): &(usize, usize)| self.is_bounded(start, end);
        let any_case: Vec<_> = self.find_folded(folded.trim()).into_iter().filter(bounded).collect();
        let tidy = fold_all(name, false);
        let same: Vec<_> =
            any_case.iter().copied().filter(|&(start, end)| fold_all(&self.text[start..end], false) == tidy).collect();
        if same.is_empty() { any_case } else { same }
    }

    fn is_bounded(&self, start: usize, end: usize) -> bool {
        let inner = &self.text[start..end];
        let joins = |a: Option<char>, b: Option<char>| match (a, b) {
            (Some(a), Some(b)) => a.is_alphanumeric() && b.is_alphanumeric() && !stands_alone(a) && !stands_alone(b),
            _ => false,
        };
        !joins(self.text[..start].chars().next_back(), inner.chars().next())
            && !joins(inner.chars().next_back(), self.text[end..].chars().next())
    }
}

fn fold_all(text: &str, lower: bool) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.trim().chars() {
        if !c.is_whitespace() {
            fold(c, lower, &mut folded);
        } else if !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded
}

/// A letter in the form in which tidied and untidied copies of it agree, whatever their case if `lower`.
fn fold(c: char, lower: bool, into: &mut String) {
    match c {
        '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' => into.push('\''),
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '‹' | '›' => into.push('"'),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => into.push('-'),
        '…' => into.push_str("..."),
        // Shown as nothing.
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
        c if c.is_ascii() && lower => into.push(c.to_ascii_lowercase()),
        c if c.is_ascii() => into.push(c),
        c if lower => into.extend(std::iter::once(c).nfkd().flat_map(char::to_lowercase)),
        c => into.extend(std::iter::once(c).nfkd()),
    }
}

/// Scripts written without spaces: a name's neighbours are letters there.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str, quote: &str) -> Vec<String> {
        Quotable::new(text).find(quote).into_iter().map(|(a, b)| text[a..b].to_owned()).collect()
    }

    fn named(text: &str, name: &str) -> usize {
        Quotable::new(text).find_name(name).len()
    }

    #[test]
    fn tidied_copies_are_found_in_the_texts_own_letters() {
        let text = "She said: “Well\u{a0}–\n  it’s ﬁne…”, in the caf\u{e9} of Mü\u{ad}nchen.";
        for (quote, own) in [
            ("in the café", "in the café"),
            ("Well - it's fine...", "Well\u{a0}–\n  it’s ﬁne…"),
            ("\"well - it's FINE…\"", "“Well\u{a0}–\n  it’s ﬁne…”"),
            ("cafe\u{301} of München", "café of Mü\u{ad}nchen"),
            ("'in the café of...'", "in the café of"),
        ] {
            assert_eq!(found(text, quote), [own], "{quote}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let text = "Marie Curie was born in Warsaw.";
        for quote in ["Marie Curie was born in Paris.", "Curie Marie", "", "  ", "...", "\"", "i n"] {
            assert_eq!(found(text, quote), Vec::<String>::new(), "{quote}");
        }
        assert_eq!(found("a ﬁn b", "a f"), Vec::<String>::new(), "half a ligature is no letter");
        assert_eq!(found("cafe\u{301}s", "cafe\u{301}"), ["cafe\u{301}"]);
    }

    #[test]
    fn names_are_words_of_their_own() {
        let text = "Ann met Anna at ANN's; Annabel did not. 東京都に住む。";
        assert_eq!(named(text, "Ann"), 1, "the exact form goes first");
        assert_eq!(named(text, "ann"), 2, "then any case");
        assert_eq!(named(text, "nna"), 0);
        assert_eq!(named(text, "東京"), 1);
        assert_eq!(named("The annual Ann", "ann"), 1, "inside a word as it stands, alone in another case");
        assert_eq!(named("Acme AG, Acme\n  AG, ACME AG", "Acme AG"), 2, "broken over two lines it is the same");
    }

    proptest! {
        #[test]
        fn every_stretch_of_a_text_is_found_whole(text in "\\PC{0,40}", from in 0usize..40, length in 1usize..20) {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let (start, end) = (from.min(places.len() - 1), (from + length).min(places.len() - 1));
            let quote = text[places[start]..places[end]].trim();
            let quotable = Quotable::new(&text);
            let all = quotable.find(quote);
            prop_assert_eq!(all.is_empty(), quote.is_empty());
            for (a, b) in quotable.find(&quote.to_uppercase()) {
                prop_assert!(text.get(a..b).is_some());
            }
        }
    }
}
