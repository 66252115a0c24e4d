//! Words that stand for a name: pronouns, relative pronouns, "the company".

use crate::gender::Gender;
use crate::words::Words;

/// What a word can stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// He or she.
    Person(Gender),
    /// It.
    Thing,
    /// Who, whose, which: what is named right before.
    Relative,
    /// "The company", "the singer".
    Noun(Noun),
}

/// What a noun tells of what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Noun {
    pub(crate) entity_type: &'static str,
    pub(crate) gender: Option<Gender>,
    sort: Sort,
}

/// Organizations that say in their names what they are are not called anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Any,
    Company,
    /// One whose name holds the noun: "the bank".
    Called(&'static str),
    School,
}

const SCHOOLS: [&str; 6] = ["university", "college", "institute", "school", "academy", "polytechnic"];

impl Noun {
    /// Whether it can stand for what has this name, in lowercase.
    pub(crate) fn suits(&self, name: &str) -> bool {
        let has = |word: &str| name.split(' ').any(|part| part == word);
        let school = || SCHOOLS.iter().any(|word| has(word));
        match self.sort {
            Sort::Any => true,
            Sort::Company => {
                !school() && !["ministry", "party", "museum", "foundation", "agency", "council"].iter().any(|w| has(w))
            }
            Sort::Called(noun) => has(noun),
            Sort::School => school(),
        }
    }
}

/// How it stands in its sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// He, she, it; of nouns that is not told from the rest.
    Subject,
    /// Him, her.
    Object,
    /// His, her, its.
    Possessive,
}

/// A word or phrase that may stand for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// First token.
    pub(crate) start: usize,
    /// First token after it.
    pub(crate) end: usize,
    pub(crate) kind: Kind,
    pub(crate) case: Case,
}

/// The pointers of a sentence in order. They, them and their are none of them: too often they are several, or nobody
/// that is named.
pub(crate) fn find(words: &Words) -> Vec<Pointer> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match pronoun(words, at).or_else(|| noun(words, at)) {
            Some(pointer) => {
                at = pointer.end;
                found.push(pointer);
            }
            None => at += 1,
        }
    }
    found
}

fn word(words: &Words, at: usize) -> &str {
    if at < words.len() { words.lower(at) } else { "" }
}

fn pronoun(words: &Words, at: usize) -> Option<Pointer> {
    use Gender::{Feminine, Masculine};
    let (kind, case) = match words.lower(at) {
        "he" => (Kind::Person(Masculine), Case::Subject),
        "him" => (Kind::Person(Masculine), Case::Object),
        "his" => (Kind::Person(Masculine), Case::Possessive),
        "she" => (Kind::Person(Feminine), Case::Subject),
        "her" if is_function_word(word(words, at + 1)) => (Kind::Person(Feminine), Case::Object),
        "her" => (Kind::Person(Feminine), Case::Possessive),
        "it" if !is_expletive(words, at) => (Kind::Thing, Case::Subject),
        "its" => (Kind::Thing, Case::Possessive),
        "who" => (Kind::Relative, Case::Subject),
        "whose" => (Kind::Relative, Case::Possessive),
        // "In which", "which company": no name is meant.
        "which" if word(words, at.wrapping_sub(1)) == "," => (Kind::Relative, Case::Subject),
        _ => return None,
    };
    Some(Pointer { start: at, end: at + 1, kind, case })
}

/// Words that begin no noun phrase without an article: behind "her" they show an object.
fn is_function_word(word: &str) -> bool {
    !word.starts_with(char::is_alphanumeric)
        || matches!(
            word,
            "to" | "and"
                | "or"
                | "but"
                | "in"
                | "on"
                | "at"
                | "by"
                | "for"
                | "from"
                | "with"
                | "of"
                | "as"
                | "into"
                | "over"
                | "after"
                | "before"
                | "when"
                | "while"
                | "because"
                | "that"
                | "who"
                | "a"
                | "an"
                | "the"
                | "is"
                | "was"
                | "again"
                | "off"
                | "up"
                | "out"
                | "about"
                | "during"
                | "until"
                | "if"
                | "so"
                | "then"
        )
}

/// Whether "it" stands for nothing that has a name: "it is said that", "it took years to", "it seems".
fn is_expletive(words: &Words, at: usize) -> bool {
    let next = word(words, at + 1);
    if matches!(next, "seems" | "seemed" | "appears" | "appeared" | "turns" | "turned" | "takes" | "took" | "rains") {
        return true;
    }
    let be = matches!(next, "is" | "was" | "'s" | "’s" | "has" | "had" | "will" | "would" | "may" | "might" | "can");
    // What stands for something is described by a participle of its own: "it was founded to", "it is based in".
    let said = ["said", "believed", "thought", "known", "reported", "announced", "estimated", "claimed", "revealed"];
    be && (at + 2..(at + 8).min(words.len())).any(|later| match words.lower(later) {
        "that" | "who" | "whether" => true,
        "to" => {
            let before = words.lower(later - 1);
            !before.ends_with("ed") || said.contains(&before)
        }
        other => said.contains(&other) && later <= at + 3,
    })
}

/// "The company" and its like, with at most one word between the article and the noun.
fn noun(words: &Words, at: usize) -> Option<Pointer> {
    if words.lower(at) != "the" {
        return None;
    }
    let near = of_noun(word(words, at + 1)).map(|noun| (at + 2, noun));
    let far = || {
        let between = word(words, at + 1);
        let single =
            between.starts_with(char::is_alphabetic) && !matches!(between, "first" | "other" | "same" | "last");
        of_noun(word(words, at + 2)).filter(|_| single).map(|noun| (at + 3, noun))
    };
    let (end, noun) = near.or_else(far)?;
    // "Became the king" says what somebody is, and stands for nobody.
    if matches!(
        word(words, at.wrapping_sub(1)),
        "is" | "was" | "be" | "been" | "became" | "become" | "as" | "are" | "were" | "remained"
    ) {
        return None;
    }
    ends_phrase(words, end).then_some(Pointer {
        start: at,
        end,
        kind: Kind::Noun(noun),
        case: if matches!(word(words, end), "'s" | "’s") { Case::Possessive } else { Case::Subject },
    })
}

/// Whether the noun phrase ends at `end`: behind it stands a verb, a preposition or a mark, and neither a name nor
/// another noun, nor what says which one is meant ("the company that", "the city of").
fn ends_phrase(words: &Words, end: usize) -> bool {
    let next = word(words, end);
    if next.is_empty() || !next.starts_with(char::is_alphanumeric) {
        return !matches!(next, "-" | "(" | "/" | "&");
    }
    (next.len() > 3 && next.ends_with("ed"))
        || (next.len() > 4 && next.ends_with("ly"))
        || matches!(
            next,
            "is" | "was"
                | "has"
                | "had"
                | "have"
                | "are"
                | "were"
                | "will"
                | "would"
                | "can"
                | "could"
                | "may"
                | "might"
                | "must"
                | "should"
                | "did"
                | "does"
                | "do"
                | "in"
                | "on"
                | "at"
                | "by"
                | "for"
                | "from"
                | "with"
                | "to"
                | "into"
                | "after"
                | "before"
                | "when"
                | "while"
                | "until"
                | "since"
                | "during"
                | "through"
                | "and"
                | "or"
                | "but"
                | "as"
                | "also"
                | "now"
                | "later"
                | "then"
                | "once"
                | "soon"
                | "never"
                | "still"
                | "began"
                | "won"
                | "went"
                | "grew"
                | "sold"
                | "bought"
                | "made"
                | "took"
                | "became"
                | "said"
                | "says"
                | "makes"
                | "employs"
                | "operates"
                | "offers"
                | "produces"
                | "develops"
                | "provides"
                | "sells"
                | "owns"
                | "plans"
                | "expects"
                | "built"
                | "came"
                | "got"
                | "held"
                | "left"
                | "led"
                | "lost"
                | "met"
                | "paid"
                | "ran"
                | "saw"
                | "set"
                | "spent"
                | "told"
                | "wrote"
                | "died"
                | "rose"
                | "fell"
                | "gave"
                | "lies"
                | "stands"
                | "belongs"
        )
}

/// What a noun tells.
fn of_noun(word: &str) -> Option<Noun> {
    const CALLED: [&str; 8] = ["bank", "party", "club", "foundation", "museum", "ministry", "agency", "newspaper"];
    if let Some(noun) = CALLED.iter().find(|noun| **noun == word) {
        return Some(Noun { entity_type: "organization", gender: None, sort: Sort::Called(noun) });
    }
    let (entity_type, gender, sort) = match word {
        "company" | "firm" | "corporation" | "manufacturer" | "startup" | "retailer" | "airline" | "publisher"
        | "carmaker" | "automaker" | "conglomerate" | "multinational" | "bookseller" | "brewery" | "consultancy"
        | "band" | "label" => ("organization", None, Sort::Company),
        "organization" | "organisation" | "institution" => ("organization", None, Sort::Any),
        "university" | "college" | "institute" => ("organization", None, Sort::School),
        "city" | "town" | "village" | "island" => ("location", None, Sort::Any),
        "author" | "writer" | "novelist" | "poet" | "singer" | "scientist" | "physicist" | "chemist"
        | "mathematician" | "philosopher" | "composer" | "painter" | "artist" | "architect" | "politician"
        | "inventor" | "explorer" | "astronomer" | "economist" | "musician" | "guitarist" | "drummer"
        | "entrepreneur" | "billionaire" | "lawyer" | "journalist" | "footballer" | "actor" | "biologist"
        | "historian" | "engineer" | "senator" => ("person", None, Sort::Any),
        "king" | "emperor" | "prince" | "pope" | "businessman" | "duke" => {
            ("person", Some(Gender::Masculine), Sort::Any)
        }
        "queen" | "empress" | "princess" | "actress" | "businesswoman" | "duchess" => {
            ("person", Some(Gender::Feminine), Sort::Any)
        }
        "film" | "novel" | "book" | "album" | "song" | "poem" | "opera" => ("work", None, Sort::Any),
        _ => return None,
    };
    Some(Noun { entity_type, gender, sort })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Tokenizer;

    fn found(text: &str) -> Vec<(&str, Kind, Case)> {
        let tokens: Vec<_> = Tokenizer::new(text).collect();
        let all = find(&Words::of(text, &tokens)).into_iter();
        all.map(|p| (&text[tokens[p.start].start as usize..tokens[p.end - 1].end as usize], p.kind, p.case)).collect()
    }

    #[test]
    fn pronouns_tell_gender_and_case() {
        let (he, she) = (Kind::Person(Gender::Masculine), Kind::Person(Gender::Feminine));
        assert_eq!(
            found("She told him of her work, and he met her in Paris."),
            [
                ("She", she, Case::Subject),
                ("him", he, Case::Object),
                ("her", she, Case::Possessive),
                ("he", he, Case::Subject),
                ("her", she, Case::Object)
            ]
        );
        assert_eq!(
            found("Ada, who wrote it, in which we"),
            [("who", Kind::Relative, Case::Subject), ("it", Kind::Thing, Case::Subject)]
        );
        assert!(found("They sold their house; I like you.").is_empty());
    }

    #[test]
    fn an_it_that_names_nothing_is_left_alone() {
        for text in [
            "It is said that",
            "It was clear that",
            "it took years",
            "It seems so",
            "It is hard to say",
            "it was announced on Monday",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
        for text in
            ["It was founded in 1998.", "It is based in Paris.", "It employs 500 people", "it was renamed to Acme"]
        {
            assert_eq!(found(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn nouns_suit_what_is_called_like_them() {
        let suits = |noun: &str, name: &str| of_noun(noun).is_some_and(|noun| noun.suits(name));
        assert!(
            suits("company", "voltia") && suits("university", "university of oslo") && suits("bank", "bank of england")
        );
        assert!(!suits("company", "uppsala university") && !suits("university", "voltia") && !suits("bank", "voltia"));
    }

    #[test]
    fn noun_phrases_stand_for_a_name_only_when_nothing_narrows_them_down() {
        for text in ["The company was sold.", "the Swedish company announced", "the company's head", "at the firm, he"]
        {
            let found = found(text);
            let is_company = |kind| matches!(kind, Kind::Noun(noun) if noun.entity_type == "organization");
            assert!(found.iter().any(|f| is_company(f.1)), "{text}: {found:?}");
        }
        for text in [
            "the company Acme",
            "the company that",
            "the city of Rome",
            "the city council met",
            "a company was",
            "the first company was",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
