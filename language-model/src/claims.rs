//! Checking what the model claims of a passage against the passage. What is not there is dropped and counted.

use std::collections::{BTreeMap, HashMap};

use kgl_extraction::{GAZETTEER_CONFIDENCE, Span, name_key};

use crate::{
    answer::{Answer, ClaimedEntity},
    listed::Listed,
    quotes::Quotable,
    schema::AnswerSchema,
};

/// The longest name; what is longer is a description.
const MAX_NAME_CHARS: usize = 200;

/// Claims that were dropped, by reason.
pub(crate) type Dropped = BTreeMap<&'static str, usize>;

/// The reasons for which a claim is dropped, as the metrics know them.
pub(crate) mod reason {
    /// The quote, or the name, does not stand in the text.
    pub(crate) const NOT_IN_TEXT: &str = "not_in_text";
    /// The type is none of those that were asked for.
    pub(crate) const TYPE: &str = "type";
    /// An end of the relationship is no entity of the answer, or the text names it nowhere near.
    pub(crate) const ENDS: &str = "ends";
    /// The relationship leads from an entity to itself.
    pub(crate) const SELF: &str = "self";
    /// It lacks a name, a type or a quote.
    pub(crate) const MALFORMED: &str = "malformed";
}

/// An entity that the passage does name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckedEntity {
    pub(crate) entity_type: String,
    pub(crate) confidence: f64,
    /// The forms of its name that stand in the passage, each with its places in the text; the main one first.
    pub(crate) forms: Vec<Form>,
}

/// A form of a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Form {
    /// As it stands at its first place, whitespace collapsed.
    pub(crate) text: String,
    pub(crate) key: String,
    pub(crate) places: Vec<Span>,
}

/// A relationship whose quote stands in the passage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CheckedRelationship {
    /// Indices into the passage's entities.
    pub(crate) head: usize,
    pub(crate) tail: usize,
    pub(crate) relationship_type: String,
    pub(crate) confidence: f64,
    /// Where the quote stands in the text, each place.
    pub(crate) quotes: Vec<Span>,
    pub(crate) open: bool,
}

/// What holds of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Checked {
    pub(crate) entities: Vec<CheckedEntity>,
    pub(crate) relationships: Vec<CheckedRelationship>,
}

/// A passage with its place in the text.
struct Place<'a> {
    text: &'a str,
    quotable: Quotable<'a>,
    /// Scalar values of the whole text before the passage.
    start: usize,
    /// The scalar values before each byte that begins one; none for ASCII, where they are the bytes.
    chars: Option<Vec<u32>>,
}

impl<'a> Place<'a> {
    fn new(text: &'a str, start: usize) -> Self {
        let chars = (!text.is_ascii()).then(|| {
            let mut chars = vec![0; text.len() + 1];
            for (n, (byte, _)) in text.char_indices().chain([(text.len(), '\0')]).enumerate() {
                chars[byte] = n as u32;
            }
            chars
        });
        Self { text, quotable: Quotable::new(text), start, chars }
    }

    fn span(&self, (start, end): (usize, usize)) -> Span {
        let at = |byte: usize| self.start + self.chars.as_ref().map_or(byte, |chars| chars[byte] as usize);
        Span::new(at(start), at(end))
    }

    /// A name where it stands as a word of its own.
    fn form(&self, name: &str) -> Option<Form> {
        if name.chars().count() > MAX_NAME_CHARS {
            return None;
        }
        let places = self.quotable.find_name(name);
        let (start, end) = *places.first()?;
        let text = self.text[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
        let key = name_key(&text);
        let named = key.contains(char::is_alphanumeric);
        named.then(|| Form { text, key, places: places.into_iter().map(|place| self.span(place)).collect() })
    }
}

/// Checks an answer about the passage `text`, which begins after `start` scalar values of the whole text. `listed` are the
/// caller's own names in it, which a relationship may lead to although the model does not list them.
pub(crate) fn check(
    answer: &Answer,
    text: &str,
    start: usize,
    schema: &AnswerSchema,
    listed: &Listed,
    dropped: &mut Dropped,
) -> Checked {
    let mut drop = |reason: &'static str, claims: usize| {
        if claims > 0 {
            *dropped.entry(reason).or_default() += claims;
        }
    };
    drop(reason::MALFORMED, answer.malformed);
    let place = Place::new(text, start);
    let mut checked = Checked::default();
    // Which entity each name that the model used stands for.
    let mut by_name: HashMap<String, usize> = HashMap::new();
    for claim in &answer.entities {
        match check_entity(claim, &place, schema) {
            Ok(entity) => add_entity(&mut checked.entities, &mut by_name, claim, entity),
            Err(reason) => drop(reason, 1),
        }
    }
    for claim in &answer.relationships {
        if !schema.allows_relationship(&claim.relationship_type) {
            drop(reason::TYPE, 1);
            continue;
        }
        let quotes: Vec<Span> = place.quotable.find(&claim.quote).into_iter().map(|at| place.span(at)).collect();
        if quotes.is_empty() {
            drop(reason::NOT_IN_TEXT, 1);
            continue;
        }
        let mut end = |name: &str| {
            let key = name_key(name);
            by_name.get(&key).copied().or_else(|| {
                checked.entities.push(listed_entity(name, &key, listed, &place)?);
                by_name.insert(key, checked.entities.len() - 1);
                Some(checked.entities.len() - 1)
            })
        };
        match (end(&claim.head), end(&claim.tail)) {
            (Some(head), Some(tail)) if head == tail => drop(reason::SELF, 1),
            (Some(head), Some(tail)) => checked.relationships.push(CheckedRelationship {
                head,
                tail,
                relationship_type: schema.our_relationship_type(&claim.relationship_type).to_owned(),
                confidence: claim.confidence,
                quotes,
                open: schema.is_open(&claim.relationship_type),
            }),
            _ => drop(reason::ENDS, 1),
        }
    }
    checked
}

fn check_entity(
    claim: &ClaimedEntity,
    place: &Place<'_>,
    schema: &AnswerSchema,
) -> Result<CheckedEntity, &'static str> {
    if !schema.allows_entity(&claim.entity_type) {
        return Err(reason::TYPE);
    }
    if claim.quotes.iter().any(|quote| place.quotable.find(quote).is_empty()) {
        return Err(reason::NOT_IN_TEXT);
    }
    let mut forms = vec![place.form(&claim.name).ok_or(reason::NOT_IN_TEXT)?];
    for alias in claim.aliases.iter().filter(|alias| is_name(alias)) {
        if let Some(form) = place.form(alias)
            && !forms.iter().any(|known| known.key == form.key)
        {
            forms.push(form);
        }
    }
    let entity_type = schema.our_entity_type(&claim.entity_type).to_owned();
    Ok(CheckedEntity { entity_type, confidence: claim.confidence, forms })
}

/// A listed name that the passage holds, as an entity of the answer.
fn listed_entity(name: &str, key: &str, listed: &Listed, place: &Place<'_>) -> Option<CheckedEntity> {
    let entity = &listed.entities[listed.named(key)?];
    let forms = vec![place.form(name)?];
    Some(CheckedEntity { entity_type: entity.entity_type.clone(), confidence: GAZETTEER_CONFIDENCE, forms })
}

/// Adds an entity, or what is new of it where the model lists it twice. Of two types the surer stays.
fn add_entity(
    entities: &mut Vec<CheckedEntity>,
    by_name: &mut HashMap<String, usize>,
    claim: &ClaimedEntity,
    entity: CheckedEntity,
) {
    let main = entity.forms[0].key.clone();
    let index = match by_name.get(&main).copied().filter(|known| entities[*known].forms[0].key == main) {
        Some(known) => {
            let before = &mut entities[known];
            if entity.confidence > before.confidence {
                before.confidence = entity.confidence;
                before.entity_type = entity.entity_type;
            }
            for form in entity.forms {
                if !before.forms.iter().any(|known| known.key == form.key) {
                    before.forms.push(form);
                }
            }
            known
        }
        None => {
            entities.push(entity);
            entities.len() - 1
        }
    };
    by_name.insert(main, index);
    by_name.insert(name_key(&claim.name), index);
    for alias in &claim.aliases {
        by_name.entry(name_key(alias)).or_insert(index);
    }
}

/// Whether an alias can be a name. "She" and "the company" are none, whatever the model says.
fn is_name(alias: &str) -> bool {
    const PRONOUNS: [&str; 34] = [
        "i",
        "me",
        "my",
        "we",
        "us",
        "our",
        "you",
        "your",
        "he",
        "him",
        "his",
        "she",
        "her",
        "hers",
        "it",
        "its",
        "they",
        "them",
        "their",
        "theirs",
        "who",
        "whom",
        "whose",
        "which",
        "this",
        "that",
        "these",
        "those",
        "himself",
        "herself",
        "itself",
        "themselves",
        "one",
        "both",
    ];
    let lower = alias.trim().to_lowercase();
    if PRONOUNS.contains(&lower.as_str()) {
        return false;
    }
    let described = ["the ", "this ", "that ", "its ", "his ", "her ", "their ", "our ", "a ", "an "]
        .iter()
        .any(|word| lower.starts_with(word));
    let rest = alias.trim().split_once(' ').map_or("", |(_, rest)| rest);
    !described || rest.chars().any(|c| c.is_uppercase() || c.is_numeric())
}

#[cfg(test)]
mod tests {
    use kgl_extraction::ExtractOptions;
    use serde_json::json;

    use super::*;
    use crate::answer;

    const TEXT: &str = "Zoë Müller founded “Acme AG” in 1999. Müller led the company; Acme\n  AG grew. Müllers Büro?";

    fn checked(entities: serde_json::Value, relationships: serde_json::Value) -> (Checked, Dropped) {
        let content = json!({ "entities": entities, "relationships": relationships }).to_string();
        let answer = answer::parse(&content).expect("an answer");
        let mut dropped = Dropped::new();
        let schema = AnswerSchema::of(&ExtractOptions::default());
        (check(&answer, TEXT, 100, &schema, &Listed::default(), &mut dropped), dropped)
    }

    fn at(span: Span) -> String {
        TEXT.chars().skip(span.start - 100).take(span.len()).collect()
    }

    fn entity(name: &str, entity_type: &str, aliases: &[&str]) -> serde_json::Value {
        json!({ "name": name, "type": entity_type, "aliases": aliases, "confidence": 0.9 })
    }

    #[test]
    fn names_and_quotes_are_found_where_they_stand_in_the_whole_text() {
        let quote = "Zoë Müller founded \"Acme AG\" in 1999.";
        let (found, dropped) = checked(
            json!([
                entity("Zoë Müller", "person", &["Müller", "She", "the company"]),
                entity("Acme AG", "organization", &[])
            ]),
            json!([{ "head": "Zoë Müller", "type": "founded", "tail": "Acme AG", "quote": quote, "confidence": 2 }]),
        );
        assert_eq!(dropped, Dropped::new());
        let [zoe, acme] = found.entities.as_slice() else { panic!("two entities") };
        assert_eq!(zoe.forms.iter().map(|form| form.text.as_str()).collect::<Vec<_>>(), ["Zoë Müller", "Müller"]);
        assert_eq!(zoe.forms[1].places.len(), 2, "not inside Müllers");
        assert_eq!(acme.forms[0].places.iter().map(|p| at(*p)).collect::<Vec<_>>(), ["Acme AG", "Acme\n  AG"]);
        let founded = &found.relationships[0];
        assert_eq!((founded.head, founded.tail, founded.confidence), (0, 1, 1.0));
        assert_eq!(at(founded.quotes[0]), "Zoë Müller founded “Acme AG” in 1999.");
    }

    #[test]
    fn what_is_not_in_the_text_or_not_asked_for_is_dropped_with_its_reason() {
        let said = |head: &str, kind: &str, tail: &str, quote: &str| json!({ "head": head, "type": kind, "tail": tail, "quote": quote });
        let (found, dropped) = checked(
            json!([
                entity("Zoë Müller", "person", &[]),
                entity("Acme AG", "organization", &[]),
                entity("Zoe Mueller", "person", &[]),
                entity("1999", "year", &[]),
                { "name": "Büro", "type": "location", "quote": "She works in an office." },
            ]),
            json!([
                said("Zoë Müller", "founded", "Acme AG", "Müller founded Acme AG in 1999."),
                said("Zoë Müller", "hates", "Acme AG", "Müller led the company"),
                said("Zoë Müller", "leads", "Initech", "Müller led the company"),
                said("Zoë Müller", "leads", "Zoë Müller", "Müller led the company"),
                said("Zoë Müller", "leads", "Acme AG", "müller LED the company"),
                { "head": "Zoë Müller" },
            ]),
        );
        assert_eq!(found.entities.len(), 2);
        assert_eq!(found.relationships.len(), 1);
        let expected =
            [(reason::NOT_IN_TEXT, 3), (reason::TYPE, 2), (reason::ENDS, 1), (reason::SELF, 1), (reason::MALFORMED, 1)];
        assert_eq!(dropped, Dropped::from(expected));
    }

    #[test]
    fn an_entity_that_is_listed_twice_is_one_of_the_surer_type() {
        let (found, _) = checked(
            json!([entity("Acme AG", "organization", &[]), { "name": "Acme AG", "type": "product", "confidence": 0.3 }]),
            json!([]),
        );
        assert_eq!(found.entities.len(), 1);
        assert_eq!(found.entities[0].entity_type, "organization");
    }

    #[test]
    fn pronouns_and_descriptions_are_no_names() {
        for name in ["Curie", "The Times", "the EU", "A-10", "IBM", "machine learning"] {
            assert!(is_name(name), "{name}");
        }
        for none in ["she", "It", "the company", "The firm", "her husband", "this city"] {
            assert!(!is_name(none), "{none}");
        }
    }
}
