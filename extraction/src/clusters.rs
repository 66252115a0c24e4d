//! Which mentions of one document name the same thing. Only what is safe: the same name, a bare
//! surname after the full name, an acronym that the text itself explains, the same calendar day.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;

use crate::draft::{DraftMention, ReadSentence, mentions_in};
use crate::extraction::Entity;
use crate::name_key::name_key;

/// Above this a name keeps the type it has, even if a person of the text bears it too.
const SURE: f64 = 0.93;

/// A mention to be placed.
struct Candidate<'a> {
    text: &'a str,
    mention: &'a DraftMention,
    /// The entity of the name before it where the text up to it is "full name (": then this may be its acronym.
    in_brackets_after: Option<usize>,
}

/// Entities as they grow, in order of their first mention.
#[derive(Default)]
pub(crate) struct Clusters {
    pub(crate) entities: Vec<Entity>,
    /// The entity of each mention: an index into `entities`.
    pub(crate) entity_of: Vec<usize>,
    by_key: HashMap<(Cow<'static, str>, String), usize>,
    /// Persons by the last word of a name of several words; `None` when two share it.
    surnames: HashMap<String, Option<usize>>,
}

impl Clusters {
    /// Gathers all mentions of a text. Types change where the text tells better.
    pub(crate) fn gather(text: &str, sentences: &[ReadSentence], mentions: &mut [DraftMention]) -> Self {
        let mut clusters = Self::default();
        for (index, sentence) in sentences.iter().enumerate() {
            let range = mentions_in(mentions, index);
            for mention in &mut mentions[range.clone()] {
                clusters.retype(text, sentence, mention);
            }
            for at in range.clone() {
                let mention = &mentions[at];
                // "(" directly behind the mention before, this one directly behind "(".
                let opens = mention.start > 0 && sentence.words.lower(mention.start - 1) == "(";
                let before = at.checked_sub(1).filter(|before| range.contains(before));
                let in_brackets_after = before.filter(|&before| opens && mentions[before].end + 1 == mention.start);
                let entity = clusters.place(&Candidate {
                    text: sentence.text(text, mention.start, mention.end),
                    mention,
                    in_brackets_after: in_brackets_after.map(|before| clusters.entity_of[before]),
                });
                clusters.entity_of.push(entity);
            }
        }
        clusters
    }

    /// Takes other entities in place of these; `from` says which of these each comes from.
    pub(crate) fn replace(&mut self, entities: Vec<Entity>, entity_of: Vec<usize>, _from: &[usize]) {
        (self.entities, self.entity_of) = (entities, entity_of);
    }

    /// A doubtful single word that is the surname of a person of this text is that person.
    fn retype(&self, text: &str, sentence: &ReadSentence, name: &mut DraftMention) {
        let alone = name.end - name.start == 1
            && matches!(&*name.entity_type, "location" | "organization" | "work" | "product");
        if alone && name.confidence < SURE && self.has_surname(sentence.text(text, name.start, name.end)) {
            name.entity_type = Cow::Borrowed("person");
        }
    }

    /// The entity that `candidate` names, new or known.
    fn place(&mut self, candidate: &Candidate<'_>) -> usize {
        let name = candidate.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = bare_name(&name, &candidate.mention.entity_type).to_owned();
        let key = (candidate.mention.entity_type.clone(), self.key(&name, candidate));
        let is_person = candidate.mention.entity_type == "person";
        let entity = match self.by_key.get(&key).copied().or_else(|| self.indirect(&name, candidate)) {
            Some(entity) => {
                // A surname is asked for anew each time: another bearer may have come up.
                if !is_person {
                    self.by_key.insert(key, entity);
                }
                self.add_form(entity, name, candidate);
                entity
            }
            None => {
                self.entities.push(Entity {
                    name: name.clone(),
                    entity_type: candidate.mention.entity_type.clone().into_owned(),
                    aliases: Vec::new(),
                    confidence: candidate.mention.confidence,
                    metadata: candidate.mention.metadata.clone(),
                });
                self.by_key.insert(key, self.entities.len() - 1);
                self.entities.len() - 1
            }
        };
        if is_person {
            self.note_surname(entity);
        }
        entity
    }

    /// Whether exactly one person so far bears this surname.
    fn has_surname(&self, name: &str) -> bool {
        self.surnames.get(&name_key(name)).is_some_and(Option::is_some)
    }

    fn key(&self, name: &str, candidate: &Candidate<'_>) -> String {
        // A date is the day it means, whichever way it is written.
        match candidate.mention.metadata.get("iso").and_then(Value::as_str) {
            Some(iso) => format!("iso {iso}"),
            None if candidate.mention.entity_type == "organization" => without_legal_form(&name_key(name)).to_owned(),
            None => name_key(name),
        }
    }

    fn indirect(&self, name: &str, candidate: &Candidate<'_>) -> Option<usize> {
        match &*candidate.mention.entity_type {
            "person" if !name.contains(' ') => self.surnames.get(&name_key(name)).copied().flatten(),
            "organization" => candidate.in_brackets_after.filter(|&full| {
                let full = &self.entities[full];
                full.entity_type == "organization" && is_acronym(name, &full.name)
            }),
            _ => None,
        }
    }

    fn note_surname(&mut self, entity: usize) {
        let name = name_key(&self.entities[entity].name);
        let mut words: Vec<&str> = name.split(' ').collect();
        while words.len() > 1 && matches!(words.last(), Some(&("jr" | "sr" | "ii" | "iii" | "iv"))) {
            words.pop();
        }
        if words.len() > 1
            && let Some(surname) = words.pop()
        {
            let owner = self.surnames.entry(surname.to_owned()).or_insert(Some(entity));
            if *owner != Some(entity) {
                *owner = None;
            }
        }
    }

    fn add_form(&mut self, index: usize, name: String, candidate: &Candidate<'_>) {
        let entity = &mut self.entities[index];
        entity.confidence = entity.confidence.max(candidate.mention.confidence);
        if name == entity.name || entity.aliases.contains(&name) {
            return;
        }
        // The same key in another spelling is no fuller form: the first one stays.
        let fuller = name_key(&name) != name_key(&entity.name) && name.chars().count() > entity.name.chars().count();
        let alias = if fuller { std::mem::replace(&mut entity.name, name) } else { name };
        if !entity.aliases.contains(&alias) {
            entity.aliases.push(alias);
        }
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

/// A company's key without its legal form: within one text "Apple" is "Apple Inc.".
fn without_legal_form(key: &str) -> &str {
    let bare = ["inc", "ltd", "corp", "plc", "llc", "gmbh", "ag", "limited", "incorporated"]
        .iter()
        .find_map(|form| key.strip_suffix(form)?.strip_suffix(' '));
    bare.map(|bare| bare.trim_end_matches(',')).filter(|bare| !bare.is_empty()).unwrap_or(key)
}

/// Whether `short` is made of the initials of `full`: of all its words, or of the capitalised ones.
fn is_acronym(short: &str, full: &str) -> bool {
    let letters: String = short.chars().filter(|c| c.is_alphanumeric()).collect();
    if letters.chars().count() < 2 || !letters.chars().all(|c| c.is_uppercase() || c.is_numeric()) {
        return false;
    }
    let words = || full.split(|c: char| c.is_whitespace() || c == '-').filter(|word| !word.is_empty());
    let initials = |capital: bool| -> String {
        words()
            .filter(|word| !capital || word.starts_with(char::is_uppercase))
            .filter(|word| *word != "The")
            .filter_map(|word| word.chars().next())
            .flat_map(char::to_uppercase)
            .collect()
    };
    initials(true) == letters || initials(false) == letters
}
