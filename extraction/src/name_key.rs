//! The normal form of a name.

use unicode_normalization::UnicodeNormalization;

/// The form under which two names of one type are the same entity: NFKC, lowercase, whitespace
/// collapsed, punctuation at the edges and a possessive `'s` trimmed, a leading `the` dropped.
///
/// Idempotent. A name of nothing but punctuation or spaces keeps its characters (a key is empty
/// only for an empty or blank name), so that `+` and `!` stay different.
#[must_use]
pub fn name_key(name: &str) -> String {
    let mut key = fold(name);
    // Trimming can bring a new edge to light ("the 'the", "Curie's'"): go on until nothing changes.
    loop {
        let next = trim_once(&key);
        if next.len() == key.len() {
            // Lowercasing can leave a form that NFKC changes again, and the other way round.
            let refolded = fold(&key);
            if refolded == key {
                return key;
            }
            key = refolded;
        } else {
            key = next.to_owned();
        }
    }
}

fn fold(name: &str) -> String {
    let lowered: String = name.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    let mut key = String::with_capacity(lowered.len());
    for word in lowered.split_whitespace() {
        if !key.is_empty() {
            key.push(' ');
        }
        key.push_str(word);
    }
    key
}

/// One round of trimming; the same text when there is nothing to trim.
fn trim_once(key: &str) -> &str {
    let bare = key.trim_matches(is_edge).trim_end_matches(['.', ',']);
    let bare = if bare.is_empty() { key } else { bare };
    if let Some(rest) = bare.strip_prefix("the ").filter(|rest| !rest.is_empty()) {
        return rest;
    }
    for possessive in ["'s", "’s"] {
        if let Some(owner) = bare.strip_suffix(possessive).filter(|owner| !owner.is_empty()) {
            return owner;
        }
    }
    bare
}

/// Punctuation that says nothing at the edge of a name. Symbols that tell names apart ("C++",
/// "C#", "@kgl", "$5", "5%") stay.
fn is_edge(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '.' | ','
                | ';'
                | ':'
                | '!'
                | '?'
                | '"'
                | '\''
                | '`'
                | '('
                | ')'
                | '['
                | ']'
                | '{'
                | '}'
                | '-'
                | '_'
                | '/'
                | '\\'
                | '*'
                | '|'
                | '‘'
                | '’'
                | '‚'
                | '“'
                | '”'
                | '„'
                | '«'
                | '»'
                | '‹'
                | '›'
                | '–'
                | '—'
                | '―'
                | '…'
                | '·'
                | '•'
                | '¿'
                | '¡'
                | '、'
                | '。'
                | '「'
                | '」'
                | '『'
                | '』'
                | '《'
                | '》'
                | '・'
                | '\u{200b}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::name_key;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_name_share_a_key() {
        for (name, key) in [
            ("The  World Health\nOrganization", "world health organization"),
            ("Marie Curie's", "marie curie"),
            ("Curie’s", "curie"),
            ("“Nature”", "nature"),
            ("Apple Inc.", "apple inc"),
            ("U.S.", "u.s"),
            ("ＫＧＬ", "kgl"),
            ("Łódź", "łódź"),
            ("E\u{301}cole", "école"),
            ("The", "the"),
            ("C++", "c++"),
            ("\u{feff}Ada", "ada"),
            ("...", "..."),
            ("", ""),
            ("  ", ""),
        ] {
            assert_eq!(name_key(name), key, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(name in "\\PC{0,24}|(the |'s|’|\\.|[A-Za-zİſéß ]){0,12}") {
            let key = name_key(&name);
            prop_assert_eq!(name_key(&key), key);
        }
    }
}
