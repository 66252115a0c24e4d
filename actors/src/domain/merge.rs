//! What a batch of extractions adds to one owner's graph: each entity and relationship once, in a fixed order, with
//! the evidence for it. Pure: the graph writer turns the result into statements.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kgl_extraction::{Extraction, language_note, name_key};
use serde_json::{Map, Value};

use super::{
    graph::evidence_weight,
    ids::DocumentId,
    job::{JobCost, JobResult},
};

/// The longest name that the graph keeps, in Unicode scalar values; what is longer is not a name.
const MAX_NAME_CHARS: usize = 500;
/// The longest relationship type.
const MAX_TYPE_CHARS: usize = 64;
/// A year of birth that is surer than this tells a person from namesakes: a wrong one would tear somebody in two.
const LEAST_DISTINCTION: f64 = 0.9;

/// A document that was read.
#[derive(Clone, Debug)]
pub struct ReadDocument {
    /// The document.
    pub document_id: DocumentId,
    /// The revision of its text.
    pub revision: i32,
    /// Its text, for the quotes.
    pub text: String,
    /// Where it came from; its entities inherit that.
    pub source: Option<String>,
    /// What kind of place that is.
    pub source_type: String,
    /// Its language as a BCP 47 tag, if known.
    pub language: Option<String>,
    /// Where each of its pages begins; empty when it has none.
    pub pages: Vec<i32>,
    /// What its owner should know of how it became text.
    pub notes: Vec<String>,
    /// What a language model took for it.
    pub cost: Option<JobCost>,
    /// What it says.
    pub extraction: Extraction,
}

impl ReadDocument {
    /// The page on which a character stands, counted from 1.
    fn page(&self, at: i32) -> Option<i32> {
        // Of pages without text only the last one's start counts: the character stands after it.
        i32::try_from(self.pages.partition_point(|start| *start <= at)).ok().filter(|page| *page > 0)
    }
}

/// What an entity is recognised by, within one owner's graph.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityKey {
    /// Its type.
    pub entity_type: String,
    /// The normal form of its name.
    pub name_key: String,
}

/// What the batch adds to an entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityGain {
    /// The best of the names that the batch spells out.
    pub name: String,
    /// The names that the batch uses for it.
    pub aliases: BTreeSet<String>,
    /// Evidence, in millionths of a nat.
    pub weight: i64,
    /// Mentions.
    pub mentions: i64,
    /// What is known of it besides.
    pub metadata: Map<String, Value>,
    /// The oldest document of the batch that names it.
    pub first_document: Option<DocumentId>,
    /// That document's source.
    pub source: Option<String>,
    /// What kind of source that is.
    pub source_type: String,
}

/// What a relationship is recognised by; indices into [`GraphGain::entities`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationshipKey {
    /// Where it starts.
    pub head: usize,
    /// Where it ends.
    pub tail: usize,
    /// What it says.
    pub relationship_type: String,
    /// Whether in the text's own words, which makes it another one than a known one of the same name.
    pub open: bool,
}

/// What the batch adds to a relationship.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelationshipGain {
    /// Evidence, in millionths of a nat.
    pub weight: i64,
    /// Passages.
    pub evidence: i64,
}

/// A mention to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct MentionRow {
    /// Index into the batch's documents.
    pub document: usize,
    /// Index into [`GraphGain::entities`].
    pub entity: usize,
    /// The name's span.
    pub span: (i32, i32),
    /// The sentence's span.
    pub sentence: (i32, i32),
    /// The page it begins on.
    pub page: Option<i32>,
    /// The text at the span.
    pub quote: String,
    /// How sure it is.
    pub confidence: f32,
    /// What the document says of the entity that no namesake shares; the same in all its mentions of that one.
    pub distinction: Option<String>,
}

/// A passage to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceRow {
    /// Index into the batch's documents.
    pub document: usize,
    /// Index into [`GraphGain::relationships`].
    pub relationship: usize,
    /// The passage's span.
    pub span: (i32, i32),
    /// Where it names the head.
    pub head: (i32, i32),
    /// Where it names the tail.
    pub tail: (i32, i32),
    /// The page it begins on.
    pub page: Option<i32>,
    /// The text at the span.
    pub quote: String,
    /// How sure it is.
    pub confidence: f32,
}

/// All that a batch adds to a graph.
#[derive(Clone, Debug, Default)]
pub struct GraphGain {
    /// Entities, ordered by key: every writer locks rows in this order, so no two writers wait for each other.
    pub entities: Vec<(EntityKey, EntityGain)>,
    /// Relationships, ordered by key.
    pub relationships: Vec<(RelationshipKey, RelationshipGain)>,
    /// Mentions.
    pub mentions: Vec<MentionRow>,
    /// Passages.
    pub evidence: Vec<EvidenceRow>,
    /// What each document's job came to, in the documents' order.
    pub results: Vec<JobResult>,
}

/// A text that can be cut at offsets in Unicode scalar values without walking it from the start each time.
struct Cuts<'a> {
    text: &'a str,
    /// The byte position of every character, and the end; none for an ASCII text, where the two agree.
    bytes: Option<Vec<usize>>,
}

impl<'a> Cuts<'a> {
    fn new(text: &'a str) -> Self {
        let bytes =
            (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).chain([text.len()]).collect::<Vec<_>>());
        Self { text, bytes }
    }

    fn cut(&self, start: usize, end: usize) -> Option<&'a str> {
        match &self.bytes {
            None => self.text.get(start..end),
            Some(bytes) => self.text.get(*bytes.get(start)?..*bytes.get(end)?),
        }
    }
}

/// Names and types that the graph can hold.
fn storable(entity: &kgl_extraction::Entity) -> Option<EntityKey> {
    let key = name_key(&entity.name);
    let fits = |text: &str| !text.is_empty() && text.chars().count() <= MAX_NAME_CHARS;
    (fits(&key) && fits(&entity.name) && is_type(&entity.entity_type))
        .then(|| EntityKey { entity_type: entity.entity_type.clone(), name_key: key })
}

fn is_type(name: &str) -> bool {
    name.len() <= MAX_TYPE_CHARS
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn offset(at: usize) -> Option<i32> {
    i32::try_from(at).ok()
}

fn span(span: kgl_extraction::Span) -> Option<(i32, i32)> {
    Some((offset(span.start)?, offset(span.end)?)).filter(|(start, end)| start < end)
}

/// As the database keeps it, so that what is added with a document can be taken away with it again, to the last bit.
#[allow(clippy::cast_possible_truncation)]
fn stored(confidence: f64) -> f32 {
    confidence.clamp(0.0, 1.0) as f32
}

/// Merges what documents say into what is to be added to their owner's graph.
#[must_use]
pub fn merge(documents: &[&ReadDocument]) -> GraphGain {
    let found: Vec<Facts> = documents.iter().map(|document| Facts::of(document)).collect();
    let mut entities: BTreeMap<&EntityKey, EntityGain> = BTreeMap::new();
    for (document, facts) in documents.iter().zip(&found) {
        gather_entities(document, facts, &mut entities);
    }
    let index: BTreeMap<&EntityKey, usize> = entities.keys().enumerate().map(|(at, key)| (*key, at)).collect();
    let mut gain = GraphGain::default();
    let mut relationships: BTreeMap<RelationshipKey, RelationshipGain> = BTreeMap::new();
    let mut passages: Vec<(RelationshipKey, EvidenceRow)> = Vec::new();
    for (number, (document, facts)) in documents.iter().zip(&found).enumerate() {
        let place = |entity: usize| facts.key(entity).and_then(|key| index.get(key).copied());
        let cuts = Cuts::new(&document.text);
        let mentions = mention_rows(number, document, facts, &place);
        let stated = evidence_rows(number, document, &place, &cuts);
        gain.results.push(result(document, &mentions, &stated));
        gain.mentions.extend(mentions);
        gather_relationships(&stated, &mut relationships);
        passages.extend(stated);
    }
    let place: BTreeMap<RelationshipKey, usize> =
        relationships.keys().enumerate().map(|(at, key)| (key.clone(), at)).collect();
    gain.evidence = passages
        .into_iter()
        .filter_map(|(key, row)| Some(EvidenceRow { relationship: *place.get(&key)?, ..row }))
        .collect();
    gain.relationships = relationships.into_iter().collect();
    gain.entities = entities.into_iter().map(|(key, entity)| (key.clone(), entity)).collect();
    gain
}

/// A mention that the graph can hold.
struct Named {
    /// Index into the extraction's entities.
    entity: usize,
    span: (i32, i32),
    sentence: (i32, i32),
    quote: String,
    confidence: f32,
}

/// What of a document the graph can hold.
struct Facts {
    keys: Vec<Option<EntityKey>>,
    mentions: Vec<Named>,
    /// What the document says of the bearers of these names that no namesake shares.
    distinctions: BTreeMap<EntityKey, String>,
}

impl Facts {
    fn of(document: &ReadDocument) -> Self {
        let extraction = &document.extraction;
        let keys: Vec<Option<EntityKey>> = extraction.entities.iter().map(storable).collect();
        let cuts = Cuts::new(&document.text);
        let mut seen = HashSet::new();
        let mentions = extraction.mentions.iter().filter_map(|mention| {
            let key = keys.get(mention.entity)?.as_ref()?;
            let own = span(mention.span)?;
            let sentence = span(*extraction.sentences.get(mention.sentence)?)?;
            let quote = cuts.cut(mention.span.start, mention.span.end)?.to_owned();
            seen.insert((own, key)).then(|| Named {
                entity: mention.entity,
                span: own,
                // A name may run over what looks like the end of a sentence; its sentence then reaches as far.
                sentence: (sentence.0.min(own.0), sentence.1.max(own.1)),
                quote,
                confidence: stored(mention.confidence),
            })
        });
        let mentions = mentions.collect();
        drop(seen);
        let mut distinctions = BTreeMap::new();
        for (entity, distinction) in births(extraction) {
            if let Some(key) = keys.get(entity).and_then(Option::as_ref) {
                let known = distinctions.entry(key.clone()).or_insert_with(|| distinction.clone());
                // Two clusters of one name: whichever comes first must not decide.
                *known = distinction.min(known.clone());
            }
        }
        Self { keys, mentions, distinctions }
    }

    fn key(&self, entity: usize) -> Option<&EntityKey> {
        self.keys.get(entity)?.as_ref()
    }
}

/// The years in which persons of a document were born, as far as it is sure of them: index of the entity, distinction.
fn births(extraction: &Extraction) -> impl Iterator<Item = (usize, String)> + '_ {
    extraction.relations.iter().filter_map(|relation| {
        let (head, tail) = (extraction.entities.get(relation.head)?, extraction.entities.get(relation.tail)?);
        let is_birth = relation.relation_type == "born_on" && head.entity_type == "person";
        let year = tail.metadata.get("iso").and_then(Value::as_str)?.get(..4)?;
        (is_birth && relation.confidence >= LEAST_DISTINCTION).then(|| (relation.head, format!("born {year}")))
    })
}

/// Which of two names of one entity is shown: the longer one, then the one that sorts first. A rule that does not look
/// at the order in which documents come, so that the graph does not depend on it.
#[must_use]
pub fn better_name<'a>(one: &'a str, two: &'a str) -> &'a str {
    let rank = |name: &'a str| (std::cmp::Reverse(name.chars().count()), name);
    if rank(one) <= rank(two) { one } else { two }
}

/// Adds one document's entities. Its mentions of one entity are not independent of each other, so the document counts
/// with its surest mention; documents are independent of each other, so their weights add up.
fn gather_entities<'a>(document: &ReadDocument, facts: &'a Facts, entities: &mut BTreeMap<&'a EntityKey, EntityGain>) {
    let mut surest: BTreeMap<&EntityKey, f32> = BTreeMap::new();
    for mention in &facts.mentions {
        let Some(key) = facts.key(mention.entity) else { continue };
        let best = surest.entry(key).or_insert(0.0);
        *best = best.max(mention.confidence);
        let gain = entities.entry(key).or_default();
        gain.mentions += 1;
        gain.aliases.insert(mention.quote.clone());
        if name_key(&mention.quote) == key.name_key {
            gain.name = better_name(&gain.name, &mention.quote).to_owned();
        }
        if gain.first_document.is_none_or(|first| document.document_id < first) {
            gain.first_document = Some(document.document_id);
            gain.source.clone_from(&document.source);
            gain.source_type.clone_from(&document.source_type);
        }
        for (name, value) in &document.extraction.entities[mention.entity].metadata {
            gain.metadata.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    for (key, confidence) in surest {
        if let Some(gain) = entities.get_mut(key) {
            gain.weight += evidence_weight(f64::from(confidence));
            // No mention spells the name out: it is a name that a user listed, or one that an extractor composes, and
            // then its normal form has to do.
            if gain.name.is_empty() {
                let listed = gain.metadata.get("gazetteer_name").and_then(Value::as_str);
                gain.name = listed.unwrap_or(&key.name_key).to_owned();
            }
        }
    }
}

fn mention_rows(
    number: usize,
    document: &ReadDocument,
    facts: &Facts,
    place: &impl Fn(usize) -> Option<usize>,
) -> Vec<MentionRow> {
    let rows = facts.mentions.iter().filter_map(|mention| {
        Some(MentionRow {
            document: number,
            entity: place(mention.entity)?,
            span: mention.span,
            sentence: mention.sentence,
            page: document.page(mention.span.0),
            quote: mention.quote.clone(),
            confidence: mention.confidence,
            distinction: facts.key(mention.entity).and_then(|key| facts.distinctions.get(key)).cloned(),
        })
    });
    rows.collect()
}

fn evidence_rows(
    number: usize,
    document: &ReadDocument,
    place: &impl Fn(usize) -> Option<usize>,
    cuts: &Cuts<'_>,
) -> Vec<(RelationshipKey, EvidenceRow)> {
    let mut seen = HashSet::new();
    let extraction = &document.extraction;
    let rows = extraction.statements().into_iter().filter_map(|relation| {
        let (head, tail) = (place(relation.head)?, place(relation.tail)?);
        if head == tail || !is_type(&relation.relation_type) {
            return None;
        }
        let head_span = relation.head_span;
        let tail_span = relation.tail_span;
        let start = relation.evidence.start.min(head_span.start).min(tail_span.start);
        let end = relation.evidence.end.max(head_span.end).max(tail_span.end);
        let (relationship_type, open) = (relation.relation_type.clone(), relation.open);
        let key = RelationshipKey { head, tail, relationship_type, open };
        let row = EvidenceRow {
            document: number,
            relationship: 0,
            span: (offset(start)?, offset(end)?),
            head: span(head_span)?,
            tail: span(tail_span)?,
            page: document.page(offset(start)?),
            quote: cuts.cut(start, end)?.to_owned(),
            confidence: stored(relation.confidence),
        };
        seen.insert((key.clone(), row.span.0, row.head.0, row.tail.0)).then_some((key, row))
    });
    rows.collect()
}

/// Adds one document's relationships, by its surest passage each, as with entities.
fn gather_relationships(
    found: &[(RelationshipKey, EvidenceRow)],
    relationships: &mut BTreeMap<RelationshipKey, RelationshipGain>,
) {
    let mut surest: BTreeMap<&RelationshipKey, (f32, i64)> = BTreeMap::new();
    for (key, row) in found {
        let best = surest.entry(key).or_insert((0.0, 0));
        *best = (best.0.max(row.confidence), best.1 + 1);
    }
    for (key, (confidence, passages)) in surest {
        let gain = relationships.entry(key.clone()).or_default();
        gain.weight += evidence_weight(f64::from(confidence));
        gain.evidence += passages;
    }
}

#[allow(clippy::cast_possible_wrap)]
fn result(document: &ReadDocument, mentions: &[MentionRow], found: &[(RelationshipKey, EvidenceRow)]) -> JobResult {
    let entities: HashSet<usize> = mentions.iter().map(|m| m.entity).collect();
    let relationships: HashSet<&RelationshipKey> = found.iter().map(|(key, _)| key).collect();
    let extractor = &document.extraction.extractor;
    let language_note = document.language.as_deref().and_then(|language| language_note(extractor, language));
    JobResult {
        entities: entities.len() as i64,
        relationships: relationships.len() as i64,
        mentions: mentions.len() as i64,
        extractor: document.extraction.extractor.clone(),
        extractor_version: document.extraction.version.clone(),
        language: document.language.clone(),
        notes: document.notes.iter().cloned().chain(language_note).collect(),
        cost: document.cost,
        changes: None,
    }
}

#[cfg(test)]
mod tests;
