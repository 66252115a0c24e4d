//! The built-in extractor: sentences, tokens, values by rules, names by the tagger, relations by
//! the pair model and by wording, and one entity for the mentions that belong together.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::clusters::{Candidate, Clusters};
use crate::extraction::{Extraction, Mention, Relation, Span};
use crate::extractor::{ExtractError, ExtractOptions, Extractor, MAX_TEXT_BYTES, Watch};
use crate::features::Scratch;
use crate::hash;
use crate::labels::TYPES;
use crate::lexicon::Lexicon;
use crate::patterns;
use crate::relations::{Argument, RELATIONS, RelationModel, Role};
use crate::sentences::{self, Sentence};
use crate::tagger::{Tagger, Workspace};
use crate::tokens::{Token, Tokenizer};
use crate::values;
use crate::wanted::Wanted;
use crate::wire::{Reader, WireError};

/// Mentions and relations below these calibrated probabilities are not shown.
const LEAST_MENTION: f64 = 0.4;
pub(crate) const LEAST_RELATION: f64 = 0.5;

/// How sure a rule for amounts and full dates is; no set to measure it on annotates them.
const VALUE_CONFIDENCE: f64 = 0.97;

/// Above this a name keeps the type it has, even if a person of the text bears it too.
const SURE: f64 = 0.93;

/// Names longer than this are runaway tags.
const MAX_NAME_CHARS: usize = 200;

pub(crate) struct Builtin {
    lexicon: Lexicon,
    tagger: Tagger,
    relations: RelationModel,
    version: String,
}

/// Of the code: to be raised with every change that could change what is found.
const CODE_VERSION: &str = "1.1.0";

const LEXICON: &[u8] = include_bytes!("../weights/lexicon.bin");
const TAGGER: &[u8] = include_bytes!("../weights/tagger.bin");
const RELATION_MODEL: &[u8] = include_bytes!("../weights/relations.bin");

impl Builtin {
    /// Decodes the models that are part of the binary.
    pub(crate) fn load() -> Self {
        // A test decodes them: what is compiled in cannot fail later.
        Self::decode().expect("the models compiled in are whole")
    }

    fn decode() -> Result<Self, WireError> {
        let weights = [LEXICON, TAGGER, RELATION_MODEL].map(|part| hash::bytes(part.iter().copied()));
        let weights = weights.into_iter().fold(0, hash::pair);
        Ok(Self {
            lexicon: Lexicon::read(&mut Reader::new(LEXICON))?,
            tagger: Tagger::read(&mut Reader::new(TAGGER))?,
            relations: RelationModel::read(&mut Reader::new(RELATION_MODEL))?,
            version: format!("{CODE_VERSION}+{:08x}", hash::bucket(weights, 32)),
        })
    }
}

impl Extractor for Builtin {
    fn name(&self) -> &str {
        "builtin"
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn extract(&self, text: &str, options: &ExtractOptions, watch: &dyn Watch) -> Result<Extraction, ExtractError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ExtractError::TooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
        }
        let wanted = Wanted::new(options)?;
        let sentences = sentences::split(text);
        let mut reading = Reading::new(self, text, wanted);
        for (index, sentence) in sentences.iter().enumerate() {
            reading.sentence(index, sentence);
            if watch.sentence(index + 1, sentences.len()).is_break() {
                return Err(ExtractError::Cancelled);
            }
        }
        Ok(reading.finish(self, &sentences))
    }
}

/// A mention in its sentence.
struct Found {
    start: usize,
    end: usize,
    entity_type: &'static str,
    confidence: f64,
    metadata: Map<String, Value>,
}

/// The state of one extraction.
struct Reading<'a> {
    builtin: &'a Builtin,
    text: &'a str,
    wanted: Wanted,
    tokens: Vec<Token>,
    scratch: Scratch,
    work: Workspace,
    clusters: Clusters,
    mentions: Vec<Mention>,
    relations: Vec<Relation>,
}

impl<'a> Reading<'a> {
    fn new(builtin: &'a Builtin, text: &'a str, wanted: Wanted) -> Self {
        Self {
            builtin,
            text,
            wanted,
            tokens: Vec::new(),
            scratch: Scratch::default(),
            work: Workspace::default(),
            clusters: Clusters::default(),
            mentions: Vec::new(),
            relations: Vec::new(),
        }
    }

    fn sentence(&mut self, index: usize, sentence: &Sentence) {
        self.tokens.clear();
        self.tokens.extend(Tokenizer::within(self.text, sentence.byte_start, sentence.byte_end, sentence.char_start));
        self.scratch.look(self.text, &self.tokens, &self.builtin.lexicon);
        let found = self.names();
        let first = self.mentions.len();
        let mut arguments = Vec::new();
        // Which mention each argument is.
        let mut places = Vec::new();
        for name in found {
            if let Some(role) = Role::of(name.entity_type) {
                arguments.push(Argument { start: name.start, end: name.end, role });
                places.push(self.mentions.len());
            }
            self.add_mention(index, first, name);
        }
        if arguments.len() > 1 {
            self.relate(&arguments, &places, Span::new(sentence.char_start as usize, sentence.char_end as usize));
        }
    }

    /// Values and names of the sentence in order; where they overlap, the value stays.
    fn names(&mut self) -> Vec<Found> {
        let mut found: Vec<Found> = values::find(&self.scratch)
            .into_iter()
            .map(|value| Found {
                start: value.start,
                end: value.end,
                entity_type: value.entity_type,
                confidence: VALUE_CONFIDENCE,
                metadata: value.metadata,
            })
            .collect();
        let values = found.len();
        for tagged in self.builtin.tagger.tag(&self.scratch, &mut self.work) {
            let entity_type = TYPES[tagged.kind];
            let (start, mut end) = self.trim(tagged.start, tagged.end);
            if entity_type == "date" {
                end = self.trim_date(start, end);
            }
            let confidence = self.builtin.tagger.calibration.of(tagged.probability);
            let overlaps = found[..values].iter().any(|value| value.start < end && start < value.end);
            if entity_type == "other" || start >= end || overlaps || confidence < LEAST_MENTION {
                continue;
            }
            let metadata = match entity_type {
                "date" => match values::calendar(&self.scratch, start, end) {
                    Some(metadata) => metadata,
                    None => continue,
                },
                _ if !self.is_name(start, end) => continue,
                _ => Map::new(),
            };
            found.push(Found { start, end, entity_type, confidence, metadata });
        }
        found.sort_by_key(|name| name.start);
        for name in &mut found {
            self.retype(name);
        }
        found
    }

    /// A doubtful single word that is the surname of a person of this text is that person.
    fn retype(&self, name: &mut Found) {
        let alone =
            name.end - name.start == 1 && matches!(name.entity_type, "location" | "organization" | "work" | "product");
        if alone && name.confidence < SURE && self.clusters.has_surname(self.tokens[name.start].text(self.text)) {
            name.entity_type = "person";
        }
    }

    /// A span without possessives and marks at its edges.
    fn trim(&self, mut start: usize, mut end: usize) -> (usize, usize) {
        let is_edge = |at: usize| {
            let word = self.scratch.lower(at);
            matches!(word, "'s" | "’s") || !word.contains(|c: char| c.is_alphanumeric() || matches!(c, ')' | '!' | '?'))
        };
        while start < end && is_edge(start) {
            start += 1;
        }
        while end > start && is_edge(end - 1) {
            end -= 1;
        }
        (start, end)
    }

    /// A date without the capitalised word that begins the next phrase ("on 20 July Armstrong").
    fn trim_date(&self, start: usize, mut end: usize) -> usize {
        while end > start + 1
            && self.scratch.traits[end - 1].capital
            && !values::is_calendar_word(self.scratch.lower(end - 1))
        {
            end -= 1;
        }
        end
    }

    /// Whether a span can be a name: it holds a letter, is of bearable length, and is no address.
    fn is_name(&self, start: usize, end: usize) -> bool {
        let (first, last) = (&self.tokens[start], &self.tokens[end - 1]);
        let text = &self.text[first.start as usize..last.end as usize];
        (last.char_end - first.char_start) as usize <= MAX_NAME_CHARS
            && text.contains(char::is_alphabetic)
            && !text.contains('@')
            && !text.contains("://")
            && !text.starts_with("www.")
    }

    fn add_mention(&mut self, sentence: usize, first: usize, name: Found) {
        let (begin, last) = (self.tokens[name.start], self.tokens[name.end - 1]);
        let text = &self.text[begin.start as usize..last.end as usize];
        let before = self.mentions.len().checked_sub(1).filter(|&before| before >= first);
        let opens = name.start > 0 && self.scratch.lower(name.start - 1) == "(";
        // "(" directly behind the mention before, this one directly behind "(".
        let in_brackets_after = before.map(|before| &self.mentions[before]).filter(|before| {
            opens && name.start > 1 && before.span.end == self.tokens[name.start - 2].char_end as usize
        });
        let entity = self.clusters.place(Candidate {
            text,
            entity_type: name.entity_type,
            confidence: name.confidence,
            metadata: name.metadata,
            in_brackets_after: in_brackets_after.map(|before| before.entity),
        });
        self.mentions.push(Mention {
            span: Span::new(begin.char_start as usize, last.char_end as usize),
            entity,
            confidence: name.confidence,
            sentence,
            text: text.to_owned(),
        });
    }

    fn relate(&mut self, arguments: &[Argument], places: &[usize], evidence: Span) {
        let model = &self.builtin.relations;
        // The best confidence for each statement between two mentions.
        let mut stated: HashMap<(usize, usize, &'static str), f64> = HashMap::new();
        let mut add = |head: usize, tail: usize, relation: &'static str, confidence: f64| {
            let best = stated.entry((places[head], places[tail], relation)).or_default();
            *best = best.max(confidence);
        };
        // A statement holds only if its names do.
        let names = |head: usize, tail: usize| {
            (self.mentions[places[head]].confidence * self.mentions[places[tail]].confidence) as f32
        };
        for said in model.state(&self.scratch, arguments, 0.2) {
            let confidence = model.calibration.of(said.probability * names(said.head, said.tail));
            add(said.head, said.tail, RELATIONS[said.relation].name, confidence);
        }
        for said in patterns::find(&self.scratch, arguments) {
            let confidence = patterns::confidence(said.relation) * f64::from(names(said.head, said.tail));
            add(said.head, said.tail, said.relation, (confidence * 1e4).round() / 1e4);
        }
        let mut chosen: HashMap<(usize, usize, &'static str), Relation> = HashMap::new();
        for ((head_mention, tail_mention, relation), confidence) in stated {
            let (head, tail) = (self.mentions[head_mention].entity, self.mentions[tail_mention].entity);
            if confidence < LEAST_RELATION || head == tail || !self.is_cued(relation) {
                continue;
            }
            let new = Relation {
                head,
                tail,
                head_mention,
                tail_mention,
                head_span: self.mentions[head_mention].span,
                tail_span: self.mentions[tail_mention].span,
                relation_type: relation.to_owned(),
                confidence,
                evidence,
                open: false,
            };
            // One sentence states a thing once, and "A married B" is no second thing as "B married A".
            let key = if is_symmetric(relation) {
                (head.min(tail), head.max(tail), relation)
            } else {
                (head, tail, relation)
            };
            match chosen.get(&key) {
                Some(old) if rank(old) >= rank(&new) => {}
                _ => {
                    chosen.insert(key, new);
                }
            }
        }
        let mut chosen: Vec<Relation> = chosen.into_values().collect();
        chosen.sort_by(|a, b| {
            (a.head_mention, a.tail_mention, &a.relation_type).cmp(&(b.head_mention, b.tail_mention, &b.relation_type))
        });
        self.relations.extend(chosen);
    }

    /// Whether the sentence has a word for what happened on that day. The model learnt from texts in which a year beside
    /// a company is mostly that of its founding; elsewhere it is the year of whatever the sentence tells.
    fn is_cued(&self, relation: &str) -> bool {
        let cues: &[&str] = match relation {
            "founded_on" => {
                &["found", "establish", "creat", "form", "incorporat", "start", "launch", "began", "set", "("]
            }
            "born_on" => &["born", "birth", "("],
            "died_on" => &["die", "death", "dead", "kill", "murder", "assassinat", "execut", "("],
            _ => return true,
        };
        (0..self.tokens.len()).any(|at| {
            let word = self.scratch.lower(at);
            !word.starts_with("former") && cues.iter().any(|cue| word.starts_with(cue))
        })
    }

    fn finish(mut self, builtin: &Builtin, sentences: &[Sentence]) -> Extraction {
        keep_surest(&mut self.relations);
        let wanted = self.wanted;
        let mut all = Extraction {
            extractor: builtin.name().to_owned(),
            version: builtin.version().to_owned(),
            sentences: sentences.iter().map(|s| Span::new(s.char_start as usize, s.char_end as usize)).collect(),
            entities: self.clusters.finish(),
            mentions: self.mentions,
            relations: self.relations,
        };
        wanted.filter(&mut all);
        all
    }
}

/// Of what can be true only once (a day of birth), only the surest answer stays.
fn keep_surest(relations: &mut Vec<Relation>) {
    let once = |relation: &Relation| matches!(relation.relation_type.as_str(), "born_on" | "died_on" | "founded_on");
    let mut best: HashMap<(usize, String), (f64, usize)> = HashMap::new();
    for relation in relations.iter().filter(|relation| once(relation)) {
        let key = (relation.head, relation.relation_type.clone());
        let surest = best.entry(key).or_insert((relation.confidence, relation.tail));
        if relation.confidence > surest.0 {
            *surest = (relation.confidence, relation.tail);
        }
    }
    relations.retain(|relation| {
        let surest = best.get(&(relation.head, relation.relation_type.clone()));
        !once(relation) || surest.is_none_or(|(_, tail)| *tail == relation.tail)
    });
}

/// Which of two statements of the same thing stays: the surer, then the one that stands first.
fn rank(relation: &Relation) -> (u64, std::cmp::Reverse<(usize, usize)>) {
    let confidence = (relation.confidence * 1e4).round() as u64;
    (confidence, std::cmp::Reverse((relation.head_mention, relation.tail_mention)))
}

fn is_symmetric(relation: &str) -> bool {
    matches!(relation, "spouse_of" | "sibling_of" | "partners_with" | "competes_with" | "collaborates_with")
}
