//! What a short name stands for in its text: a surname, a given name, an acronym, "the Bank".

use std::collections::{BTreeMap, HashMap};

use crate::clusters::Name;
use crate::draft::{DraftMention, ReadSentence};
use crate::gender;
use crate::name_key::name_key;

/// Longest acronym in letters.
const MAX_ACRONYM: usize = 12;

/// Acronyms that the text explains in brackets: "World Health Organization (WHO)", "WHO (World Health Organization)".
pub(crate) struct Acronyms {
    /// From the acronym's key to that of the full name; none where the text explains one acronym twice.
    full: HashMap<String, Option<String>>,
}

impl Acronyms {
    pub(crate) fn defined(text: &str, sentences: &[ReadSentence], mentions: &[DraftMention]) -> Self {
        let mut full: HashMap<String, Option<String>> = HashMap::new();
        for mention in mentions.iter().filter(|m| !matches!(&*m.entity_type, "person" | "date" | "money" | "percent")) {
            let sentence = &sentences[mention.sentence];
            let written = sentence.text(text, mention.start, mention.end);
            let opens = |at: usize| at < sentence.words.len() && sentence.words.lower(at) == "(";
            // In brackets behind the full name.
            let behind = mention.end + 1;
            if opens(mention.end) && behind < sentence.words.len() {
                let short = sentence.text(text, behind, behind + 1);
                if abbreviates(short, written) {
                    note(&mut full, short, written);
                }
            }
            // The full name in brackets behind it.
            if mention.start > 1 && opens(mention.start - 1) {
                let short = sentence.text(text, mention.start - 2, mention.start - 1);
                if abbreviates(short, written) {
                    note(&mut full, short, written);
                }
            }
        }
        Self { full }
    }

    /// The key of the full name of what has this key.
    pub(crate) fn full_key(&self, key: &str) -> Option<&str> {
        self.full.get(key)?.as_deref()
    }
}

fn note(full: &mut HashMap<String, Option<String>>, short: &str, long: &str) {
    let long = name_key(long);
    let known = full.entry(name_key(short)).or_insert_with(|| Some(long.clone()));
    if known.as_ref() != Some(&long) {
        *known = None;
    }
}

/// The letters of what looks like an acronym.
fn letters(short: &str) -> Option<String> {
    let letters: String = short.chars().filter(|c| c.is_alphanumeric()).collect();
    let count = letters.chars().count();
    let upper = letters.chars().filter(|c| c.is_uppercase()).count();
    let looks = (2..=MAX_ACRONYM).contains(&count) && upper >= 2 && letters.starts_with(char::is_uppercase);
    looks.then_some(letters)
}

/// Whether an acronym beside a name in brackets is made of its letters: in order, from the first on, and the last one
/// from its last word.
fn abbreviates(short: &str, long: &str) -> bool {
    let Some(letters) = letters(short).filter(|_| long.contains([' ', '-'])) else { return false };
    if spells(&letters, long) {
        return true;
    }
    let long = long.to_lowercase();
    let mut rest = long.strip_prefix("the ").unwrap_or(&long).chars();
    let letters = letters.to_lowercase();
    let starts = letters.chars().next() == rest.clone().next();
    let in_order = letters.chars().all(|letter| rest.any(|c| c == letter));
    let last = long.rsplit([' ', '-']).next().unwrap_or_default();
    starts && in_order && letters.chars().next_back().is_some_and(|letter| last.contains(letter))
}

/// Whether letters are the initials of a name: of all its words, or of the capitalised ones.
fn spells(letters: &str, long: &str) -> bool {
    let words = || long.split(|c: char| c.is_whitespace() || c == '-').filter(|word| !word.is_empty());
    let initials = |capital: bool| -> String {
        words()
            .filter(|word| !capital || word.starts_with(char::is_uppercase))
            .filter(|word| !matches!(*word, "The" | "the"))
            .filter_map(|word| word.chars().next())
            .flat_map(char::to_uppercase)
            .collect()
    };
    initials(true) == letters || initials(false) == letters
}

/// Among more bearers of one name than this nobody is looked for: it bounds the work on a text made for it.
const MAX_BEARERS: usize = 50;

/// The persons of a text by the parts of their names.
pub(crate) struct People {
    /// By the last word of a name of several words: the key of each bearer and the first mention of it.
    surnames: HashMap<String, BTreeMap<String, usize>>,
    /// By the first word.
    given: HashMap<String, BTreeMap<String, usize>>,
    /// A fuller form of a name of several words, where one alone is fuller ("J. R. Tolkien").
    fuller: HashMap<String, String>,
}

impl People {
    pub(crate) fn of(mentions: &[DraftMention], names: &[Name]) -> Self {
        let mut people = Self { surnames: HashMap::new(), given: HashMap::new(), fuller: HashMap::new() };
        for (index, (mention, name)) in mentions.iter().zip(names).enumerate() {
            if mention.entity_type == "person"
                && let Some((given, surname)) = ends(&name.key)
            {
                // "Skłodowska-Curie" is also called Curie.
                let joined = surname.rsplit_once('-').map(|(_, last)| (false, last));
                for (first, part) in [(true, given), (false, surname)].into_iter().chain(joined) {
                    let list = if first { &mut people.given } else { &mut people.surnames };
                    list.entry(part.to_owned()).or_default().entry(name.key.clone()).or_insert(index);
                }
            }
        }
        for bearers in people.surnames.values().filter(|bearers| bearers.len() <= MAX_BEARERS) {
            for key in bearers.keys() {
                let part = |other: &&String| *other != key && (is_part(key, other) || is_tail(key, other));
                let mut longer = bearers.keys().filter(part);
                if let (Some(only), None) = (longer.next(), longer.next()) {
                    people.fuller.insert(key.clone(), only.clone());
                }
            }
        }
        people
    }

    /// The key under which the person of a mention is known, where the name is a short form.
    pub(crate) fn full_key<'a>(&'a self, index: usize, name: &'a Name) -> Option<&'a str> {
        if name.key.contains(' ') {
            return self.fullest(&name.key);
        }
        if let Some(bearers) = self.surnames.get(&name.key) {
            if bearers.len() > MAX_BEARERS {
                return None;
            }
            let fits = |key: &str| {
                let given = ends(key).and_then(|(given, _)| gender::of_given_name(given));
                name.title.is_none() || given.is_none() || given == name.title
            };
            let fitting = || bearers.iter().filter(|(key, _)| fits(key));
            // Those named so far; the others only where none was.
            return match fitting().any(|(_, first)| *first < index) {
                true => self.only(fitting().filter(|(_, first)| **first < index)),
                false => self.only(fitting()),
            };
        }
        // A given name alone is only taken for its bearer's when nobody is called so by surname.
        let bearers = self.given.get(&name.key).filter(|b| !name.titled && b.len() <= MAX_BEARERS)?;
        self.only(bearers.iter().filter(|(_, first)| **first < index))
    }

    /// Whether exactly one person of several words, named before mention `index`, bears this surname.
    pub(crate) fn is_surname_before(&self, index: usize, key: &str) -> bool {
        let bearers = self.surnames.get(key).filter(|b| !key.contains(' ') && b.len() <= MAX_BEARERS);
        bearers.is_some_and(|bearers| self.only(bearers.iter().filter(|(_, first)| **first < index)).is_some())
    }

    /// The one person that all of these forms name.
    fn only<'a>(&'a self, mut forms: impl Iterator<Item = (&'a String, &'a usize)>) -> Option<&'a str> {
        let full = |key: &'a str| self.fullest(key).unwrap_or(key);
        let first = full(forms.next()?.0);
        forms.all(|(key, _)| full(key) == first).then_some(first)
    }

    fn fullest(&self, key: &str) -> Option<&str> {
        let mut full = self.fuller.get(key)?;
        // Each step leads to a name of more words or letters, so this ends.
        while let Some(next) = self.fuller.get(full) {
            full = next;
        }
        Some(full)
    }
}

/// The first and the last word of a name of several words, without "Jr." and the like.
fn ends(key: &str) -> Option<(&str, &str)> {
    let mut words: Vec<&str> = key.split(' ').collect();
    while words.len() > 1 && matches!(words.last(), Some(&("jr" | "sr" | "ii" | "iii" | "iv" | "jr." | "sr."))) {
        words.pop();
    }
    (words.len() > 1).then(|| (words[0].trim_end_matches(','), words[words.len() - 1].trim_end_matches(',')))
}

/// Whether the words of `short` stand in `long` in order, an initial for its word, with first and last word in common.
fn is_part(short: &str, long: &str) -> bool {
    let same = |short: &str, long: &str| {
        let initial = short.strip_suffix('.').unwrap_or(short);
        short == long || (initial.chars().count() == 1 && long.starts_with(initial) && long != initial)
    };
    let (mut short, mut long): (Vec<&str>, Vec<&str>) = (short.split(' ').collect(), long.split(' ').collect());
    let (Some(name), Some(full)) = (short.pop(), long.pop()) else { return false };
    let joined = full.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('-'));
    if !joined || !short.first().zip(long.first()).is_some_and(|(s, l)| same(s, l)) {
        return false;
    }
    let mut rest = long.iter();
    short.iter().all(|word| rest.any(|other| same(word, other)))
}

/// Whether `short` is `long` without its given names ("García Márquez").
fn is_tail(short: &str, long: &str) -> bool {
    let begins = short.split(' ').next().unwrap_or_default();
    long.strip_suffix(short).is_some_and(|given| given.ends_with(' '))
        && short.contains(' ')
        && !begins.ends_with('.')
        && gender::of_given_name(begins).is_none()
}

/// Organizations and places of a text by what they are called for short.
pub(crate) struct Places {
    /// Type and short form, to the key of the only full name it can stand for.
    short: HashMap<(String, String), Option<String>>,
}

/// Nouns that stand for an organization whose name they are part of ("the Bank").
const HEADS: [&str; 22] = [
    "bank",
    "university",
    "college",
    "institute",
    "academy",
    "ministry",
    "museum",
    "society",
    "foundation",
    "party",
    "council",
    "commission",
    "committee",
    "court",
    "agency",
    "department",
    "association",
    "league",
    "corporation",
    "federation",
    "church",
    "senate",
];

impl Places {
    pub(crate) fn of(mentions: &[DraftMention], names: &[Name]) -> Self {
        let mut short: HashMap<(String, String), Option<String>> = HashMap::new();
        let mut add = |entity_type: &str, form: String, key: &str| {
            let known = short.entry((entity_type.to_owned(), form)).or_insert_with(|| Some(key.to_owned()));
            if known.as_deref() != Some(key) {
                *known = None;
            }
        };
        for (mention, name) in mentions.iter().zip(names) {
            let words: Vec<&str> = name.key.split(' ').collect();
            let entity_type = &*mention.entity_type;
            if words.len() < 2 || !matches!(entity_type, "organization" | "location") {
                continue;
            }
            for head in HEADS.iter().filter(|head| entity_type == "organization" && words.contains(head)) {
                add(entity_type, (*head).to_owned(), &name.key);
            }
            let initials: String = words
                .iter()
                .filter(|word| !matches!(**word, "of" | "the" | "and" | "for" | "in" | "on"))
                .filter_map(|word| word.chars().next())
                .collect();
            // Three letters that all agree are no chance; of two only those of countries that everybody writes so.
            if initials.chars().count() >= 3 || matches!(&*initials, "us" | "uk" | "eu" | "un") {
                add(entity_type, initials, &name.key);
            }
        }
        Self { short }
    }

    /// The key of the full name that a name of one word is short for.
    pub(crate) fn full_key(&self, entity_type: &str, name: &Name) -> Option<&str> {
        if name.key.contains(' ') {
            return None;
        }
        let is_acronym = letters(&name.shown).is_some();
        let form = if is_acronym { name.key.replace('.', "") } else { name.key.clone() };
        let is_head = HEADS.contains(&form.as_str());
        if !is_acronym && !is_head {
            return None;
        }
        // "USA" is no other country than "the US".
        let form = if entity_type == "location" && form == "usa" { "us".to_owned() } else { form };
        self.short.get(&(entity_type.to_owned(), form))?.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_are_made_of_their_names_letters() {
        for (short, long) in [
            ("WHO", "World Health Organization"),
            ("MIT", "Massachusetts Institute of Technology"),
            ("NASA", "National Aeronautics and Space Administration"),
            ("DARPA", "Defense Advanced Research Projects Agency"),
            ("OeNB", "Oesterreichische Nationalbank Bank"),
        ] {
            assert!(abbreviates(short, long), "{short} {long}");
        }
        for (short, long) in
            [("WHO", "World Trade Organization"), ("IBM", "Apple Computer"), ("NYSE", "Nestle Group"), ("A", "A B")]
        {
            assert!(!abbreviates(short, long), "{short} {long}");
        }
    }

    #[test]
    fn a_name_is_part_of_a_fuller_one_with_the_same_ends() {
        assert!(is_part("j. smith", "john smith"));
        assert!(is_part("john kennedy", "john f. kennedy"));
        assert!(is_part("j. r. r. tolkien", "john ronald reuel tolkien"));
        assert!(is_part("marie curie", "marie skłodowska-curie"));
        assert!(!is_part("john smith", "jane smith"));
        assert!(!is_part("john smith", "john smithson"));
        assert!(!is_part("robert kennedy", "john robert kennedy"));
        assert!(is_tail("garcía márquez", "gabriel garcía márquez"));
        assert!(!is_tail("robert kennedy", "john robert kennedy"));
    }
}
