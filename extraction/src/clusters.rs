//! Which mentions of one document name the same thing, and of which type that is. Only what is safe: the same name, a
//! short form with one bearer, an acronym that the text explains, a legal form left out, the same calendar day.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::draft::{DraftMention, ReadSentence};
use crate::extraction::Entity;
use crate::gender::{self, Gender};
use crate::name_key::name_key;
use crate::short_names::{Acronyms, People, Places};

/// A mention of this confidence keeps its type where a person and a place of the text share a name ("Washington").
const SURE: f64 = 0.93;

/// A mention's name without what clings to it.
pub(crate) struct Name {
    /// As the entity shows it.
    pub(crate) shown: String,
    /// Its normal form; for a date the day that it means, whichever way it is written.
    pub(crate) key: String,
    /// What a title before it, or in it, tells.
    pub(crate) title: Option<Gender>,
    /// Whether there is such a title, telling or not.
    pub(crate) titled: bool,
}

/// Entities in order of their first mention.
pub(crate) struct Clusters {
    pub(crate) entities: Vec<Entity>,
    /// The entity of each mention: an index into `entities`.
    pub(crate) entity_of: Vec<usize>,
    /// What titles and given names tell of each entity that is a person.
    pub(crate) genders: Vec<Option<Gender>>,
}

impl Clusters {
    /// Gathers all mentions of a text. Types change where the rest of the text tells better: one entity has one type.
    pub(crate) fn gather(text: &str, sentences: &[ReadSentence], mentions: &mut [DraftMention]) -> Self {
        let name = |mention: &DraftMention| Name::of(text, &sentences[mention.sentence], mention);
        let mut names: Vec<Name> = mentions.iter().map(name).collect();
        let acronyms = Acronyms::defined(text, sentences, mentions);
        vote(mentions, &names, &acronyms);
        surnames_are_persons(mentions, &names);
        // What clings to a name depends on its type.
        names = mentions.iter().map(name).collect();
        let people = People::of(mentions, &names);
        let places = Places::of(mentions, &names);
        let mut growing = Growing::default();
        for (index, (mention, name)) in mentions.iter().zip(&names).enumerate() {
            let full = match &*mention.entity_type {
                "person" => people.full_key(index, name),
                "date" | "money" | "percent" => None,
                _ => acronyms.full_key(&name.key).or_else(|| places.full_key(&mention.entity_type, name)),
            };
            growing.place(full.unwrap_or(&name.key), mention, name);
        }
        growing.clusters
    }

    /// A new entity that nothing names but a noun phrase.
    pub(crate) fn add_concept(&mut self, name: String) -> usize {
        self.entities.push(Entity {
            name,
            entity_type: "concept".to_owned(),
            aliases: Vec::new(),
            confidence: 0.0,
            metadata: serde_json::Map::new(),
        });
        self.genders.push(None);
        self.entities.len() - 1
    }

    /// Takes other entities in place of these; `from` says which of these each comes from.
    pub(crate) fn replace(&mut self, entities: Vec<Entity>, entity_of: Vec<usize>, from: &[usize]) {
        self.genders = from.iter().map(|&old| self.genders[old]).collect();
        (self.entities, self.entity_of) = (entities, entity_of);
    }
}

impl Name {
    fn of(text: &str, sentence: &ReadSentence, mention: &DraftMention) -> Self {
        let written = sentence.text(text, mention.start, mention.end);
        let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut shown = bare_name(&written, &mention.entity_type);
        let (mut title, mut titled) = (None, false);
        if mention.entity_type == "person" {
            let before = mention.start.checked_sub(1).map(|at| sentence.words.lower(at));
            let first = sentence.words.lower(mention.start);
            for word in before.into_iter().chain([first]).filter(|word| gender::is_title(word)) {
                titled = true;
                title = title.or(gender::of_title(word));
            }
            shown = without_title(shown);
        }
        let key = match mention.metadata.get("iso").and_then(Value::as_str) {
            Some(iso) => format!("iso {iso}"),
            None if mention.entity_type == "organization" => without_legal_form(&name_key(shown)).to_owned(),
            None => name_key(shown),
        };
        Self { shown: shown.to_owned(), key, title, titled }
    }
}

/// Types that are read from what a name looks like, and not from the rules for values.
fn is_voted(entity_type: &str) -> bool {
    !matches!(entity_type, "date" | "money" | "percent")
}

/// Gives all mentions of one name the type that most of their confidence speaks for. An acronym that the text explains
/// votes together with its full name.
fn vote(mentions: &mut [DraftMention], names: &[Name], acronyms: &Acronyms) {
    fn key<'a>(name: &'a Name, acronyms: &'a Acronyms) -> &'a str {
        acronyms.full_key(&name.key).unwrap_or(&name.key)
    }
    let mut votes: HashMap<&str, BTreeMap<Cow<'static, str>, (f64, f64)>> = HashMap::new();
    for (mention, name) in mentions.iter().zip(names).filter(|(mention, _)| is_voted(&mention.entity_type)) {
        let types = votes.entry(key(name, acronyms)).or_default();
        let (sum, most) = types.entry(mention.entity_type.clone()).or_default();
        *sum += mention.confidence;
        *most = most.max(mention.confidence);
    }
    for (mention, name) in mentions.iter_mut().zip(names).filter(|(mention, _)| is_voted(&mention.entity_type)) {
        let types = &votes[key(name, acronyms)];
        // The order of the types decides a tie, so that it is always decided the same way.
        let Some((winner, _)) = types.iter().rev().max_by(|a, b| a.1.0.total_cmp(&b.1.0)) else { continue };
        let pair = (&**winner, &*mention.entity_type);
        let two_things = matches!(pair, ("person", "location") | ("location", "person"));
        if !(two_things && types[&mention.entity_type].1 >= SURE) {
            mention.entity_type = winner.clone();
        }
    }
}

/// A doubtful single word that is the surname of exactly one person of the text before it is that person.
fn surnames_are_persons(mentions: &mut [DraftMention], names: &[Name]) {
    let mut surest: HashMap<&str, f64> = HashMap::new();
    for (mention, name) in mentions.iter().zip(names) {
        let most = surest.entry(&name.key).or_default();
        *most = most.max(mention.confidence);
    }
    let people = People::of(mentions, names);
    for (index, name) in names.iter().enumerate() {
        let may = matches!(&*mentions[index].entity_type, "location" | "organization" | "work" | "product");
        if may && surest[name.key.as_str()] < SURE && people.is_surname_before(index, &name.key) {
            mentions[index].entity_type = Cow::Borrowed("person");
        }
    }
}

/// Entities as they grow.
struct Growing {
    clusters: Clusters,
    by_key: HashMap<(Cow<'static, str>, String), usize>,
}

impl Default for Growing {
    fn default() -> Self {
        let clusters = Clusters { entities: Vec::new(), entity_of: Vec::new(), genders: Vec::new() };
        Self { clusters, by_key: HashMap::new() }
    }
}

impl Growing {
    /// Adds the next mention to the entity of this key, new or known.
    fn place(&mut self, key: &str, mention: &DraftMention, name: &Name) {
        let Clusters { entities, entity_of, genders } = &mut self.clusters;
        let next = entities.len();
        let index = *self.by_key.entry((mention.entity_type.clone(), key.to_owned())).or_insert(next);
        if index == next {
            entities.push(Entity {
                name: name.shown.clone(),
                entity_type: mention.entity_type.clone().into_owned(),
                aliases: Vec::new(),
                confidence: mention.confidence,
                metadata: mention.metadata.clone(),
            });
            genders.push(None);
        } else {
            add_form(&mut entities[index], mention, &name.shown);
        }
        if mention.entity_type == "person" {
            let given = name.key.split_once(' ').and_then(|(given, _)| gender::of_given_name(given));
            genders[index] = name.title.or(genders[index]).or(given);
        }
        entity_of.push(index);
    }
}

fn add_form(entity: &mut Entity, mention: &DraftMention, name: &str) {
    entity.confidence = entity.confidence.max(mention.confidence);
    if name == entity.name || entity.aliases.iter().any(|alias| alias == name) {
        return;
    }
    // The same key in another spelling is no fuller form: the first one stays.
    let fuller = name_key(name) != name_key(&entity.name) && name.chars().count() > entity.name.chars().count();
    let alias = if fuller { std::mem::replace(&mut entity.name, name.to_owned()) } else { name.to_owned() };
    if !entity.aliases.contains(&alias) {
        entity.aliases.push(alias);
    }
}

/// A name without what clings to it: the possessive, a leading "the" unless it is all there is.
fn bare_name<'a>(name: &'a str, entity_type: &str) -> &'a str {
    let name = name.strip_suffix("'s").or_else(|| name.strip_suffix("’s")).unwrap_or(name).trim_end();
    match name.strip_prefix("the ") {
        Some(rest) if entity_type != "work" && !rest.is_empty() => rest,
        _ => name,
    }
}

/// A person's name without a form of address. Titles that are part of what somebody is called stay ("Queen Victoria").
fn without_title(name: &str) -> &str {
    match name.split_once(' ') {
        Some((title, rest)) if matches!(title.trim_end_matches('.'), "Mr" | "Mrs" | "Ms" | "Miss" | "Dr" | "Prof") => {
            rest.trim_start()
        }
        _ => name,
    }
}

/// A company's key without its legal form: within one text "Apple" is "Apple Inc.".
fn without_legal_form(key: &str) -> &str {
    let bare = ["inc", "ltd", "corp", "plc", "llc", "gmbh", "ag", "limited", "incorporated"]
        .iter()
        .find_map(|form| key.strip_suffix(form)?.strip_suffix(' '));
    bare.map(|bare| bare.trim_end_matches(',')).filter(|bare| !bare.is_empty()).unwrap_or(key)
}

#[cfg(test)]
mod tests;
