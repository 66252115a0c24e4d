//! Annotated texts in their three forms, brought to one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::names;
use crate::Span;

/// What is given to the extractor in one piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// The sentences of a `doc` together, where the gold names documents.
    #[default]
    Document,
    /// Each line for itself.
    Sentence,
}

/// A span with the type that the gold gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoldEntity {
    /// Where it stands in the text, in Unicode scalar values.
    pub span: Span,
    /// The gold's own label.
    pub label: String,
    /// Our type for it; `None` where we have none, and then it is not judged.
    pub kind: Option<String>,
    /// Whether it names something; `false` for pronouns and "the company".
    pub is_name: bool,
}

/// A statement between two of the entities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Index into the document's entities, in our relation's direction.
    pub head: usize,
    /// Index into the document's entities.
    pub tail: usize,
    /// The gold's own name.
    pub label: String,
    /// Our relation for it; `None` where we have none.
    pub relation: Option<String>,
}

/// One text with everything that the gold says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldDocument {
    /// The text to be read.
    pub text: String,
    /// Spans, in the gold's order.
    pub entities: Vec<GoldEntity>,
    /// Statements, in the gold's order.
    pub facts: Vec<Fact>,
}

/// A file of annotated texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldSet {
    /// The texts, in the order of their first lines.
    pub documents: Vec<GoldDocument>,
    /// Whether all names of all texts are annotated; not so where each line is one fact.
    pub complete: bool,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct GoldError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

#[derive(Deserialize)]
struct TokenLine {
    tokens: Vec<String>,
    ents: Vec<(usize, usize, String)>,
    #[serde(default)]
    rels: Vec<(usize, usize, String)>,
    #[serde(default)]
    doc: Option<Value>,
}

#[derive(Deserialize)]
struct FactLine {
    #[serde(default)]
    doc: Value,
    #[serde(default)]
    passage: Value,
    rel: String,
    text: String,
    s: (usize, usize),
    o: (usize, usize),
}

#[derive(Deserialize)]
struct SpanLine {
    text: String,
    entities: Vec<SpanEntity>,
    #[serde(default)]
    relationships: Vec<SpanFact>,
}

#[derive(Deserialize)]
struct SpanEntity {
    #[serde(rename = "type")]
    kind: String,
    start: usize,
    end: usize,
}

#[derive(Deserialize)]
struct SpanFact {
    #[serde(rename = "type")]
    kind: String,
    head: usize,
    tail: usize,
}

impl GoldSet {
    /// Reads JSON lines in one of three forms, told apart by their fields. Blank lines are skipped.
    ///
    /// - `{"tokens": […], "ents": [[start, end, type], …], "rels": [[head, tail, type], …], "doc"?}`: a sentence, its
    ///   tokens joined by single spaces, and the sentences of a document likewise;
    /// - `{"text", "s": [start, end], "o": [start, end], "rel", "doc", "passage"}`: one fact of a passage (KnowledgeNet);
    /// - `{"text", "entities": [{type, start, end}], "relationships": [{type, head, tail}]}`: a text.
    ///
    /// # Errors
    /// The first line that is none of these, or whose numbers point outside what they index.
    pub fn parse(lines: &str, unit: Unit) -> Result<Self, GoldError> {
        let mut gathering = Gathering { unit, complete: true, ..Gathering::default() };
        for (index, line) in lines.lines().enumerate() {
            if !line.trim().is_empty() {
                gathering.line(index, line).map_err(|reason| GoldError { line: index + 1, reason })?;
            }
        }
        Ok(Self { documents: gathering.documents, complete: gathering.complete })
    }
}

#[derive(Default)]
struct Gathering {
    unit: Unit,
    documents: Vec<GoldDocument>,
    /// Which document a key of the gold's belongs to.
    places: BTreeMap<String, usize>,
    complete: bool,
}

impl Gathering {
    fn line(&mut self, index: usize, line: &str) -> Result<(), String> {
        let fields: Map<String, Value> =
            serde_json::from_str(line).map_err(|error| format!("no JSON object: {error}"))?;
        if fields.contains_key("tokens") {
            self.sentence(index, read(fields)?)
        } else if fields.contains_key("rel") {
            self.complete = false;
            self.fact(read(fields)?)
        } else if fields.contains_key("entities") {
            let document = spans(read(fields)?)?;
            self.documents.push(document);
            Ok(())
        } else {
            Err("none of the known forms: tokens and ents, text with s, o and rel, or text with entities".to_owned())
        }
    }

    fn document(&mut self, key: String) -> &mut GoldDocument {
        let next = self.documents.len();
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.documents.push(GoldDocument::default());
        }
        &mut self.documents[place]
    }

    fn sentence(&mut self, index: usize, line: TokenLine) -> Result<(), String> {
        let key = match line.doc.filter(|doc| self.unit == Unit::Document && !doc.is_null()) {
            Some(doc) => format!("doc {doc}"),
            None => format!("line {index}"),
        };
        let document = self.document(key);
        let first = document.entities.len();
        let places = append(&mut document.text, &line.tokens);
        for (start, end, label) in line.ents {
            if start >= end || end > places.len() {
                return Err(format!("the entity [{start}, {end}] is not within the {} tokens", places.len()));
            }
            document.entities.push(GoldEntity::new(Span::new(places[start].start, places[end - 1].end), label));
        }
        let entities = document.entities.len() - first;
        for (head, tail, label) in line.rels {
            if head.max(tail) >= entities {
                return Err(format!("the relation [{head}, {tail}] points past the {entities} entities"));
            }
            document.facts.push(Fact::new(first + head, first + tail, label));
        }
        Ok(())
    }

    fn fact(&mut self, line: FactLine) -> Result<(), String> {
        let key = format!("passage {} {} {}", line.doc, line.passage, line.text);
        let document = self.document(key);
        if document.text.is_empty() {
            document.text.clone_from(&line.text);
        }
        let chars: Vec<char> = line.text.chars().collect();
        let (subject, object) = names::roles(&line.rel);
        let mut place = |(start, end): (usize, usize), kind: &str| {
            let words = chars.get(start..end).filter(|words| !words.is_empty());
            let words = words.ok_or_else(|| format!("the span [{start}, {end}] is not within the text"))?;
            let span = Span::new(start, end);
            if let Some(known) = document.entities.iter().position(|entity| entity.span == span) {
                return Ok(known);
            }
            let mut entity = GoldEntity::new(span, kind.to_owned());
            entity.is_name = !names::is_anaphor(&words.iter().collect::<String>());
            document.entities.push(entity);
            Ok::<_, String>(document.entities.len() - 1)
        };
        let (head, tail) = (place(line.s, subject)?, place(line.o, object)?);
        document.facts.push(Fact::new(head, tail, line.rel));
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}

/// Appends tokens to a text, and says where each stands.
fn append(text: &mut String, tokens: &[String]) -> Vec<Span> {
    let mut at = text.chars().count();
    let mut places = Vec::with_capacity(tokens.len());
    for token in tokens {
        if !text.is_empty() {
            text.push(' ');
            at += 1;
        }
        text.push_str(token);
        let end = at + token.chars().count();
        places.push(Span::new(at, end));
        at = end;
    }
    places
}

fn spans(line: SpanLine) -> Result<GoldDocument, String> {
    let length = line.text.chars().count();
    let mut entities = Vec::new();
    for SpanEntity { kind, start, end } in line.entities {
        if start >= end || end > length {
            return Err(format!("the entity [{start}, {end}] is not within the text's {length} characters"));
        }
        let mut entity = GoldEntity::new(Span::new(start, end), kind);
        // What an extractor printed can hold types of a user's own: they stand for themselves.
        entity.kind.get_or_insert_with(|| entity.label.clone());
        entities.push(entity);
    }
    let mut facts = Vec::new();
    for SpanFact { kind, head, tail } in line.relationships {
        if head.max(tail) >= entities.len() {
            return Err(format!("the relation [{head}, {tail}] points past the {} entities", entities.len()));
        }
        facts.push(Fact::new(head, tail, kind));
    }
    Ok(GoldDocument { text: line.text, entities, facts })
}

impl GoldEntity {
    fn new(span: Span, label: String) -> Self {
        let kind = names::entity_type(&label).map(str::to_owned);
        Self { span, label, kind, is_name: true }
    }
}

impl Fact {
    /// A statement in our direction. A name in snake_case counts as one of ours.
    fn new(head: usize, tail: usize, label: String) -> Self {
        let ours = label.starts_with(|c: char| c.is_ascii_lowercase());
        let (relation, inverse) = match names::relation(&label) {
            Some((relation, inverse)) => (Some(relation.to_owned()), inverse),
            None => (ours.then(|| label.clone()), false),
        };
        let (head, tail) = if inverse { (tail, head) } else { (head, tail) };
        Self { head, tail, label, relation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTENCES: &str = concat!(
        r#"{"tokens": ["Zoë", "Ng", "works", "."], "ents": [[0, 2, "PER"]], "doc": 7}"#,
        "\n\n",
        r#"{"tokens": ["She", "founded", "Acme"], "ents": [[2, 3, "ORG"], [0, 1, "PER"]], "rels": [[0, 1, "P112"]], "doc": 7}"#,
    );

    fn texts(document: &GoldDocument) -> Vec<String> {
        let chars: Vec<char> = document.text.chars().collect();
        document.entities.iter().map(|e| chars[e.span.start..e.span.end].iter().collect()).collect()
    }

    #[test]
    fn sentences_of_a_document_are_one_text_and_spans_stay_on_their_words() {
        let set = GoldSet::parse(SENTENCES, Unit::Document).expect("readable");
        assert_eq!(set.documents.len(), 1);
        let document = &set.documents[0];
        assert_eq!(document.text, "Zoë Ng works . She founded Acme");
        assert_eq!(texts(document), ["Zoë Ng", "Acme", "She"]);
        let fact = &document.facts[0];
        // P112 is "founded by": the person comes first in ours.
        assert_eq!((fact.head, fact.tail, fact.relation.as_deref()), (2, 1, Some("founded")));
        assert_eq!(GoldSet::parse(SENTENCES, Unit::Sentence).expect("readable").documents.len(), 2);
    }

    #[test]
    fn facts_of_a_passage_are_gathered_and_pronouns_told_apart() {
        let line = |rel: &str, s: &str, o: &str| {
            format!(
                r#"{{"doc": "1", "passage": "2", "rel": "{rel}", "text": "He left Žižka for Brno.", "s": {s}, "o": {o}}}"#
            )
        };
        let lines = [line("SPOUSE", "[0, 2]", "[8, 13]"), line("PLACE_OF_RESIDENCE", "[8, 13]", "[18, 22]")].join("\n");
        let set = GoldSet::parse(&lines, Unit::Document).expect("readable");
        assert!(!set.complete);
        assert_eq!(set.documents.len(), 1);
        assert_eq!(texts(&set.documents[0]), ["He", "Žižka", "Brno"]);
        assert_eq!(set.documents[0].entities.iter().map(|e| e.is_name).collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (lines, reason) in [
            ("{\"tokens\": [\"a\"], \"ents\": []}\nnot json", "line 2: no JSON object"),
            (r#"{"tokens": ["a"], "ents": [[0, 2, "PER"]]}"#, "line 1: the entity [0, 2]"),
            (r#"{"tokens": ["a"], "ents": [[0, 1, "PER"]], "rels": [[0, 1, "P19"]]}"#, "line 1: the relation [0, 1]"),
            (r#"{"text": "a", "s": [0, 9], "o": [0, 1], "rel": "CEO"}"#, "line 1: the span [0, 9]"),
            (r#"{"text": "a", "entities": [{"type": "x", "start": 1, "end": 1}]}"#, "line 1: the entity [1, 1]"),
            (r#"{"words": []}"#, "line 1: none of the known forms"),
        ] {
            let error = GoldSet::parse(lines, Unit::Document).expect_err(lines).to_string();
            assert!(error.starts_with(reason), "{error}");
        }
    }
}
