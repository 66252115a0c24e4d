//! Counting what is right.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::Serialize;

use super::gold::{Fact, GoldDocument, GoldSet};
use super::names;
use crate::{Extraction, Relation, Span};

/// Bins of the calibration error.
const BINS: usize = 10;

/// How much was found, and how much of it is right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// What the gold holds.
    pub gold: usize,
    /// What was found.
    pub found: usize,
    /// How much of what was found is in the gold.
    pub right: usize,
    /// `right / found`; `None` where nothing was found, or where the gold does not name everything.
    pub precision: Option<f64>,
    /// Part of the gold that was found; `None` where there is none.
    pub recall: Option<f64>,
    /// Their harmonic mean; `None` where one of them is.
    pub f1: Option<f64>,
}

impl Score {
    /// `covered` of the gold was found; this is `right` unless one statement covers several of the gold's.
    fn new(gold: usize, found: usize, right: usize, covered: usize) -> Self {
        let part = |of: usize, all: usize| (all > 0).then(|| of as f64 / all as f64);
        let (precision, recall) = (part(right, found), part(covered, gold));
        let f1 = precision.zip(recall).map(|(p, r)| if p + r > 0.0 { 2.0 * p * r / (p + r) } else { 0.0 });
        Self { gold, found, right, precision, recall, f1 }
    }

    fn recall_only(mut self) -> Self {
        (self.precision, self.f1) = (None, None);
        self
    }
}

/// Scores of names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntityScores {
    /// Span and type.
    pub exact: Score,
    /// Span alone.
    pub boundary: Score,
    /// Span and type, by type.
    pub by_type: BTreeMap<String, Score>,
    /// Expected calibration error of the confidences (exact, ten bins); `None` without complete gold.
    pub calibration_error: Option<f64>,
}

/// Scores of one relation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct RelationScore {
    /// Both spans and the relation.
    pub boundary: Score,
    /// The same, where any mention of an entity, and a pronoun that leads to it, is as good as another.
    pub facts: Score,
}

/// Scores of statements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RelationScores {
    /// Both spans, both types and the relation.
    pub strict: Score,
    /// Both spans and the relation.
    pub boundary: Score,
    /// As boundary, where any mention of an entity, and a pronoun that leads to it, is as good as another.
    pub facts: Score,
    /// Part of the gold that `facts` covers when the relations that we have none for are counted as missed.
    pub recall_of_all: Option<f64>,
    /// By relation.
    pub by_relation: BTreeMap<String, RelationScore>,
    /// Expected calibration error of the confidences (facts, ten bins).
    pub calibration_error: Option<f64>,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Texts read.
    pub documents: usize,
    /// Scores of names.
    pub entities: EntityScores,
    /// Scores of statements.
    pub relations: RelationScores,
    /// The gold's labels that nothing of ours answers to.
    pub not_judged: NotJudged,
}

/// Labels of the gold and how often each stands there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NotJudged {
    /// Of entities.
    pub types: BTreeMap<String, usize>,
    /// Of statements.
    pub relations: BTreeMap<String, usize>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    gold: usize,
    found: usize,
    right: usize,
    covered: usize,
}

impl Counts {
    /// Adds two sets of the same document.
    fn compare<T: Eq + std::hash::Hash>(&mut self, gold: &HashSet<T>, found: &HashSet<T>) {
        let right = found.intersection(gold).count();
        self.gold += gold.len();
        self.found += found.len();
        self.right += right;
        self.covered += right;
    }

    fn score(self) -> Score {
        Score::new(self.gold, self.found, self.right, self.covered)
    }
}

/// Compares extractions with a gold set, one document after the other.
pub struct Evaluation<'a> {
    set: &'a GoldSet,
    /// All types that the gold knows.
    all_types: BTreeSet<String>,
    /// Those that are judged.
    types: BTreeSet<String>,
    relations: BTreeSet<String>,
    documents: usize,
    exact: Counts,
    boundary: Counts,
    by_type: BTreeMap<String, Counts>,
    strict: Counts,
    by_relation: BTreeMap<String, (Counts, Counts)>,
    /// Confidence and whether it was right.
    sure_entities: Vec<(f64, bool)>,
    sure_facts: Vec<(f64, bool)>,
}

/// A statement with the types of its ends, in their order.
type Typed<'a> = (Statement<'a>, &'a str, &'a str);

fn typed<'a>(head: (Span, &'a str), tail: (Span, &'a str), relation: &'a str) -> Typed<'a> {
    let statement = statement(head.0, tail.0, relation);
    if statement.0 == head.0 { (statement, head.1, tail.1) } else { (statement, tail.1, head.1) }
}

/// Two spans and the relation that leads from one to the other; the earlier first where the direction means nothing.
type Statement<'a> = (Span, Span, &'a str);

fn statement(head: Span, tail: Span, relation: &str) -> Statement<'_> {
    if names::is_symmetric(relation) && tail < head { (tail, head, relation) } else { (head, tail, relation) }
}

impl<'a> Evaluation<'a> {
    /// Judges the types and relations that the gold knows, or of these only the named ones.
    #[must_use]
    pub fn new(set: &'a GoldSet, types: Option<&[String]>, relations: Option<&[String]>) -> Self {
        let named = |of: Option<&[String]>, name: &str| of.is_none_or(|of| of.iter().any(|one| one == name));
        let all = set.documents.iter().flat_map(|document| &document.entities);
        let all_types: BTreeSet<String> = all.filter_map(|entity| entity.kind.clone()).collect();
        let all = set.documents.iter().flat_map(|document| &document.facts);
        let stated = all.filter_map(|fact| fact.relation.clone()).filter(|name| named(relations, name));
        Self {
            set,
            types: all_types.iter().filter(|kind| named(types, kind)).cloned().collect(),
            all_types,
            relations: stated.collect(),
            documents: 0,
            exact: Counts::default(),
            boundary: Counts::default(),
            by_type: BTreeMap::new(),
            strict: Counts::default(),
            by_relation: BTreeMap::new(),
            sure_entities: Vec::new(),
            sure_facts: Vec::new(),
        }
    }

    /// Counts what was found in a document of the gold set.
    pub fn add(&mut self, gold: &GoldDocument, found: &Extraction) {
        self.documents += 1;
        self.spans(gold, found);
        self.statements(gold, found);
    }

    fn class<'b>(&self, kind: &'b str) -> Option<&'b str> {
        names::class_of(kind, &|name| self.types.contains(name))
    }

    fn spans(&mut self, gold: &GoldDocument, found: &Extraction) {
        let wanted: HashSet<(Span, &str)> = gold
            .entities
            .iter()
            .filter(|entity| entity.is_name)
            .filter_map(|entity| Some((entity.span, entity.kind.as_deref().filter(|kind| self.types.contains(*kind))?)))
            .collect();
        let mut seen = HashSet::new();
        for mention in &found.mentions {
            let kind = found.entities[mention.entity].entity_type.as_str();
            let Some(class) = self.class(kind) else { continue };
            seen.insert((mention.span, class));
            self.sure_entities.push((mention.confidence, wanted.contains(&(mention.span, class))));
        }
        self.exact.compare(&wanted, &seen);
        let spans = |of: &HashSet<(Span, &str)>| of.iter().map(|(span, _)| *span).collect::<HashSet<Span>>();
        self.boundary.compare(&spans(&wanted), &spans(&seen));
        for kind in &self.types {
            let only = |of: &HashSet<(Span, &str)>| of.iter().filter(|e| e.1 == kind).map(|e| e.0).collect();
            self.by_type.entry(kind.clone()).or_default().compare::<Span>(&only(&wanted), &only(&seen));
        }
    }

    /// The relations that are judged in a document.
    fn judged<'b>(&'b self, gold: &'b GoldDocument) -> BTreeSet<&'b str> {
        if self.set.complete {
            return self.relations.iter().map(String::as_str).collect();
        }
        let stated = gold.facts.iter().filter_map(|fact| fact.relation.as_deref());
        stated.filter(|relation| self.relations.contains(*relation)).collect()
    }

    fn statements(&mut self, gold: &GoldDocument, found: &Extraction) {
        let judged = self.judged(gold);
        let facts: Vec<(&Fact, &str)> = gold
            .facts
            .iter()
            .filter_map(|fact| Some((fact, fact.relation.as_deref().filter(|name| judged.contains(name))?)))
            .collect();
        let relations: Vec<&Relation> =
            found.relations.iter().filter(|relation| judged.contains(relation.relation_type.as_str())).collect();
        let named = |fact: &Fact| gold.entities[fact.head].is_name && gold.entities[fact.tail].is_name;
        let end = |entity: usize| {
            let entity = &gold.entities[entity];
            (entity.span, entity.kind.as_deref().unwrap_or_default())
        };
        let wanted: HashSet<Typed<'_>> = facts
            .iter()
            .filter(|(fact, _)| named(fact))
            .map(|(fact, name)| typed(end(fact.head), end(fact.tail), name))
            .collect();
        let class = |mention: usize| {
            let mention = &found.mentions[mention];
            let kind = found.entities[mention.entity].entity_type.as_str();
            let known = |name: &str| self.all_types.contains(name);
            (mention.span, names::class_of(kind, &known).unwrap_or(kind))
        };
        let said: HashSet<Typed<'_>> = relations
            .iter()
            .map(|one| typed(class(one.head_mention), class(one.tail_mention), &one.relation_type))
            .collect();
        let mut strict = Counts::default();
        strict.compare(&wanted, &said);
        let covering = Covering::new(gold, found, &facts, &relations, named);
        let mut by_name = Vec::new();
        for name in judged {
            let only = |of: &HashSet<Typed<'_>>| {
                of.iter().map(|one| one.0).filter(|one| one.2 == name).map(|one| (one.0, one.1)).collect()
            };
            let mut boundary = Counts::default();
            boundary.compare::<(Span, Span)>(&only(&wanted), &only(&said));
            by_name.push((name.to_owned(), boundary, covering.counts.get(name).copied().unwrap_or_default()));
        }
        self.sure_facts.extend(covering.sure);
        add(&mut self.strict, strict);
        for (name, boundary, facts) in by_name {
            let counts = self.by_relation.entry(name).or_default();
            add(&mut counts.0, boundary);
            add(&mut counts.1, facts);
        }
    }

    /// The scores of all documents together.
    #[must_use]
    pub fn report(&self) -> Report {
        let complete = self.set.complete;
        let names = |counts: Counts| if complete { counts.score() } else { counts.score().recall_only() };
        let (mut boundary, mut facts) = (Counts::default(), Counts::default());
        for (one, other) in self.by_relation.values() {
            add(&mut boundary, *one);
            add(&mut facts, *other);
        }
        let not_judged = self.not_judged();
        let left_out: usize = not_judged.relations.values().sum();
        let all = facts.gold + left_out;
        let by_relation = self.by_relation.iter().map(|(name, (boundary, facts))| {
            (name.clone(), RelationScore { boundary: boundary.score(), facts: facts.score() })
        });
        Report {
            documents: self.documents,
            entities: EntityScores {
                exact: names(self.exact),
                boundary: names(self.boundary),
                by_type: self.by_type.iter().map(|(kind, counts)| (kind.clone(), names(*counts))).collect(),
                calibration_error: complete.then(|| calibration_error(&self.sure_entities)).flatten(),
            },
            relations: RelationScores {
                strict: self.strict.score(),
                boundary: boundary.score(),
                facts: facts.score(),
                recall_of_all: (all > 0).then(|| facts.covered as f64 / all as f64),
                by_relation: by_relation.collect(),
                calibration_error: calibration_error(&self.sure_facts),
            },
            not_judged,
        }
    }

    fn not_judged(&self) -> NotJudged {
        let NotJudged { mut types, mut relations } = NotJudged::default();
        for document in &self.set.documents {
            for entity in document.entities.iter().filter(|entity| entity.kind.is_none()) {
                *types.entry(entity.label.clone()).or_default() += 1;
            }
            for fact in document.facts.iter().filter(|fact| fact.relation.is_none()) {
                *relations.entry(fact.label.clone()).or_default() += 1;
            }
        }
        NotJudged { types, relations }
    }
}

fn add(to: &mut Counts, more: Counts) {
    to.gold += more.gold;
    to.found += more.found;
    to.right += more.right;
    to.covered += more.covered;
}

/// Which of the gold's facts the found ones cover, whatever mention they name their ends by.
struct Covering<'a> {
    counts: BTreeMap<&'a str, Counts>,
    sure: Vec<(f64, bool)>,
}

impl<'a> Covering<'a> {
    fn new(
        gold: &GoldDocument,
        found: &'a Extraction,
        facts: &[(&'a Fact, &'a str)],
        relations: &[&'a Relation],
        is_named: impl Fn(&Fact) -> bool,
    ) -> Self {
        let mut spans: Vec<HashSet<Span>> = vec![HashSet::new(); found.entities.len()];
        for mention in &found.mentions {
            spans[mention.entity].insert(mention.span);
        }
        // What the text says more than once counts once.
        let mut said: BTreeMap<(usize, usize, &str), (f64, bool)> = BTreeMap::new();
        let mut covered: HashSet<Statement<'_>> = HashSet::new();
        let mut by_name: HashMap<&str, Vec<(Span, Span)>> = HashMap::new();
        for (fact, name) in facts {
            by_name.entry(name).or_default().push((gold.entities[fact.head].span, gold.entities[fact.tail].span));
        }
        for relation in relations {
            let name = relation.relation_type.as_str();
            let symmetric = names::is_symmetric(name);
            let (head, tail) = (relation.head, relation.tail);
            let is_head = |span: &Span| spans[head].contains(span) || *span == relation.head_span;
            let is_tail = |span: &Span| spans[tail].contains(span) || *span == relation.tail_span;
            let mut right = false;
            for (from, to) in by_name.get(name).into_iter().flatten() {
                if is_head(from) && is_tail(to) || symmetric && is_head(to) && is_tail(from) {
                    covered.insert(statement(*from, *to, name));
                    right = true;
                }
            }
            let key = if symmetric { (head.min(tail), head.max(tail), name) } else { (head, tail, name) };
            let entry = said.entry(key).or_default();
            *entry = (entry.0.max(relation.confidence), entry.1 || right);
        }
        let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
        for ((_, _, name), (_, right)) in &said {
            let counts = counts.entry(name).or_default();
            counts.found += 1;
            counts.right += usize::from(*right);
        }
        let named = facts.iter().filter(|(fact, _)| is_named(fact));
        let wanted: HashSet<Statement<'_>> = named
            .map(|(fact, name)| statement(gold.entities[fact.head].span, gold.entities[fact.tail].span, name))
            .collect();
        for fact in &wanted {
            let counts = counts.entry(fact.2).or_default();
            counts.gold += 1;
            counts.covered += usize::from(covered.contains(fact));
        }
        Self { counts, sure: said.into_values().collect() }
    }
}

/// Expected calibration error in ten bins of equal width; `None` where nothing was found.
fn calibration_error(sure: &[(f64, bool)]) -> Option<f64> {
    let mut bins = [(0.0, 0.0); BINS];
    for (confidence, right) in sure {
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += confidence;
        bin.1 += f64::from(u8::from(*right));
    }
    let off: f64 = bins.iter().map(|(promised, kept)| (promised - kept).abs()).sum();
    (!sure.is_empty()).then(|| off / sure.len() as f64)
}

#[cfg(test)]
mod tests;
