//! The data sets, brought to one shape: running text with spans of our types.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::TrainError;
use crate::labels::{self, LABELS, OUTSIDE, TYPES};

/// The types a span or a free token may have, a bit each (an index into [`TYPES`]).
pub(crate) type TypeSet = u32;

/// A span with its types: one when it is known, several when only some are ruled out.
#[derive(Clone, Debug)]
pub(crate) struct Gold {
    /// Bytes in the text.
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) types: TypeSet,
    /// Pronouns take part in relations only.
    pub(crate) pronoun: bool,
}

/// One sentence or passage.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) set: &'static str,
    pub(crate) text: String,
    pub(crate) gold: Vec<Gold>,
    /// Labels that a token outside all spans may have: `O`, and what the set does not annotate.
    pub(crate) free: u32,
    /// Types that the set annotates in full, so that what it does not name is wrong.
    pub(crate) judged: TypeSet,
    /// Head, tail (indexes into `gold`), relation.
    pub(crate) relations: Vec<(usize, usize, String)>,
    /// Whether every relation that holds is named.
    pub(crate) all_relations: bool,
    /// Kept out of training when measuring.
    pub(crate) held_out: bool,
}

#[derive(Deserialize)]
struct Line {
    tokens: Vec<String>,
    ents: Vec<(usize, usize, String)>,
    #[serde(default)]
    rels: Vec<(usize, usize, String)>,
    doc: Option<usize>,
}

#[derive(Deserialize)]
struct Fact {
    doc: String,
    passage: String,
    rel: String,
    text: String,
    s: (usize, usize),
    o: (usize, usize),
}

const ONE_IN: usize = 5;

/// All samples of the known sets among `files`.
pub(crate) fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Sample>, TrainError> {
    let mut samples = Vec::new();
    for (name, bytes) in files {
        let set = match name.as_str() {
            _ if name.starts_with("crossner_") => "crossner",
            _ if name.starts_with("redocred_") => "redocred",
            _ if name.starts_with("wnut17_") => "wnut17",
            _ if name.starts_with("knowledgenet_") => "knowledgenet",
            _ => continue,
        };
        let text = std::str::from_utf8(bytes).map_err(|_| TrainError::Data(name.clone()))?;
        if set == "knowledgenet" {
            samples.extend(knowledge_net(text).ok_or_else(|| TrainError::Data(name.clone()))?);
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let line: Line = serde_json::from_str(line).map_err(|_| TrainError::Data(name.clone()))?;
            let held_out = match set {
                "redocred" => line.doc.unwrap_or(number) % ONE_IN == ONE_IN - 1,
                _ => name.ends_with("_dev.jsonl") && number % ONE_IN == ONE_IN - 1,
            };
            samples.push(sample(set, line, held_out));
        }
    }
    Ok(samples)
}

fn set_of(names: &[&str]) -> TypeSet {
    names.iter().filter_map(|name| labels::type_index(name)).fold(0, |set, kind| set | 1 << kind)
}

/// Labels of a free token in a set that annotates all but `missing`.
fn free_labels(missing: TypeSet) -> u32 {
    (0..TYPES.len())
        .filter(|kind| missing >> kind & 1 == 1)
        .fold(1 << OUTSIDE, |mask, kind| mask | 1 << labels::begin(kind) | 1 << labels::inside(kind))
}

fn sample(set: &'static str, line: Line, held_out: bool) -> Sample {
    let (text, places) = join(&line.tokens);
    let mut gold = Vec::new();
    // A number is no name: its place in the list stays free, for relations to skip.
    let mut place = vec![None; line.ents.len()];
    for (index, (start, end, kind)) in line.ents.iter().enumerate() {
        let types = types_of(set, kind, end - start);
        if types != 0 {
            place[index] = Some(gold.len());
            gold.push(Gold { start: places[*start].0, end: places[end - 1].1, types, pronoun: false });
        }
    }
    let relations =
        line.rels.into_iter().filter_map(|(head, tail, kind)| Some((place[head]?, place[tail]?, kind))).collect();
    let (missing, judged) = match set {
        "redocred" => (0, set_of(&["person", "organization", "location", "date"])),
        "crossner" => (set_of(&["date"]), set_of(&["person", "organization", "location"])),
        _ => (
            set_of(&["date", "event", "concept", "technology", "other"]),
            set_of(&["person", "organization", "location"]),
        ),
    };
    Sample {
        set,
        text,
        gold,
        free: free_labels(missing),
        judged,
        relations,
        all_relations: set == "redocred",
        held_out,
    }
}

/// The types a set's own type stands for; nothing for what is not a name.
fn types_of(set: &str, kind: &str, tokens: usize) -> TypeSet {
    let vague = set_of(&["product", "event", "work", "concept", "technology", "other"]);
    let name = match kind {
        "PER" | "person" | "politician" | "scientist" | "researcher" | "musicalartist" | "writer" => "person",
        "ORG" | "organisation" | "politicalparty" | "university" | "band" | "corporation" | "group" => "organization",
        "LOC" | "location" | "country" => "location",
        "TIME" => "date",
        "product" | "musicalinstrument" => "product",
        "event" | "election" | "conference" => "event",
        "book" | "poem" | "magazine" | "academicjournal" | "album" | "song" | "creative-work" => "work",
        "award" | "field" | "task" | "metrics" | "discipline" | "theory" | "musicgenre" | "literarygenre"
        | "chemicalelement" | "chemicalcompound" | "enzyme" | "protein" => "concept",
        "algorithm" | "programlang" => "technology",
        "astronomicalobject" => "other",
        "MISC" => return vague,
        // "Italian" is a miscellany in one set and a place in another.
        "misc" if set == "crossner" && tokens == 1 => return vague | set_of(&["location"]),
        "misc" => return vague,
        _ => return 0,
    };
    set_of(&[name])
}

/// Tokens back to running text, and the bytes of each.
fn join(tokens: &[String]) -> (String, Vec<(usize, usize)>) {
    let mut text = String::new();
    let mut places = Vec::new();
    let mut glue = true;
    let mut quote_open = false;
    for (index, token) in tokens.iter().enumerate() {
        let closes =
            matches!(token.as_str(), "," | "." | ";" | ":" | "!" | "?" | ")" | "]" | "}" | "%" | "'s" | "n't" | "'")
                || (token.starts_with('\'') && token.len() <= 3);
        let quote = matches!(token.as_str(), "\"" | "''" | "``");
        let dash = token == "-" && index > 0 && index + 1 < tokens.len();
        if !(glue || closes || dash || (quote && quote_open)) {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(token);
        places.push((start, text.len()));
        glue = matches!(token.as_str(), "(" | "[" | "{" | "$" | "£" | "€") || dash || (quote && !quote_open);
        quote_open ^= quote;
    }
    (text, places)
}

/// Facts of KnowledgeNet, gathered by passage. Only the arguments of facts are annotated.
fn knowledge_net(lines: &str) -> Option<Vec<Sample>> {
    let mut passages: BTreeMap<(String, String), Vec<Fact>> = BTreeMap::new();
    for line in lines.lines() {
        let fact: Fact = serde_json::from_str(line).ok()?;
        passages.entry((fact.doc.clone(), fact.passage.clone())).or_default().push(fact);
    }
    Some(passages.into_values().map(passage).collect())
}

fn passage(facts: Vec<Fact>) -> Sample {
    let text = facts[0].text.clone();
    let held_out = facts[0].doc.parse::<usize>().unwrap_or(0) % ONE_IN == ONE_IN - 1;
    let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut gold: Vec<Gold> = Vec::new();
    let mut relations = Vec::new();
    for fact in &facts {
        let (subject, object) = roles(&fact.rel);
        let mut place = |span: (usize, usize), kind: &str| {
            let (start, end) = (*offsets.get(span.0)?, *offsets.get(span.1)?);
            if let Some(known) = gold.iter().position(|g| g.start == start && g.end == end) {
                return Some(known);
            }
            if gold.iter().any(|g| g.start < end && start < g.end) || start >= end {
                return None;
            }
            let pronoun = text[start..end].split(' ').all(|word| word.starts_with(char::is_lowercase))
                || matches!(&text[start..end], "He" | "She" | "It" | "His" | "Her" | "They" | "Their" | "Its");
            gold.push(Gold { start, end, types: set_of(&[kind]), pronoun });
            Some(gold.len() - 1)
        };
        if let (Some(head), Some(tail)) = (place(fact.s, subject), place(fact.o, object)) {
            relations.push((head, tail, fact.rel.clone()));
        }
    }
    Sample {
        set: "knowledgenet",
        text,
        gold,
        free: (1 << LABELS) - 1,
        judged: 0,
        relations,
        all_relations: false,
        held_out,
    }
}

/// The types of a fact's subject and object.
fn roles(relation: &str) -> (&'static str, &'static str) {
    match relation {
        "DATE_OF_BIRTH" | "DATE_OF_DEATH" => ("person", "date"),
        "DATE_FOUNDED" => ("organization", "date"),
        "HEADQUARTERS" => ("organization", "location"),
        "SUBSIDIARY_OF" => ("organization", "organization"),
        "FOUNDED_BY" | "CEO" => ("organization", "person"),
        "SPOUSE" | "CHILD_OF" => ("person", "person"),
        "EDUCATED_AT" | "EMPLOYEE_OR_MEMBER_OF" | "POLITICAL_AFFILIATION" => ("person", "organization"),
        _ => ("person", "location"),
    }
}
