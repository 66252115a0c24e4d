//! What an extractor hands back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A stretch of the input text in Unicode scalar values: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// Number of scalar values before the first one inside.
    pub start: usize,
    /// Number of scalar values before the first one after it.
    pub end: usize,
}

impl Span {
    /// A span from its two ends.
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// Whether `other` lies inside, the ends included.
    #[must_use]
    pub fn contains(&self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Length in Unicode scalar values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether nothing lies inside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }
}

/// One occurrence of a name, a date, an amount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mention {
    /// Where it stands in the input text.
    pub span: Span,
    /// The entity it names: an index into [`Extraction::entities`].
    pub entity: usize,
    /// Probability, 0 to 1, that the span and its type are right.
    pub confidence: f64,
    /// The sentence it stands in: an index into [`Extraction::sentences`].
    pub sentence: usize,
    /// The input text at `span`, unchanged.
    pub text: String,
}

/// What one or more mentions of the same document name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entity {
    /// The fullest form among its mentions, whitespace collapsed.
    pub name: String,
    /// `person`, `organization`, `location`, `date`, `money`, `percent`, `product`, `technology`,
    /// `event`, `work` or `concept`.
    pub entity_type: String,
    /// Other forms it appeared under, in order of appearance.
    pub aliases: Vec<String>,
    /// The largest confidence among its mentions: they come from one text and one model, so their
    /// errors are not independent and more of them prove nothing more.
    pub confidence: f64,
    /// What the text says beyond the name: `{"iso": "2024-05-01"}` for dates (reduced precision as
    /// `2024-05` or `2024`), `{"amount": 4500000.0, "currency": "USD"}` for money, `{"value": 12.5}`
    /// for percentages.
    pub metadata: serde_json::Map<String, serde_json::Value>,
}

/// One directed statement between two entities, with the sentence that says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Relation {
    /// Who or what the statement is about: an index into [`Extraction::entities`].
    pub head: usize,
    /// What it is related to: an index into [`Extraction::entities`], never equal to `head`.
    pub tail: usize,
    /// The mention of `head` it was read from: an index into [`Extraction::mentions`]. Outside the evidence where a
    /// pronoun or a short form stands for the name; then `head_span` is that one's.
    pub head_mention: usize,
    /// The mention of `tail` it was read from, as `head_mention`.
    pub tail_mention: usize,
    /// The words of the evidence that stand for `head`: a name, a pronoun, "the company".
    pub head_span: Span,
    /// The words of the evidence that stand for `tail`.
    pub tail_span: Span,
    /// In snake_case, read from head to tail: `works_for`, `born_in`, …
    pub relation_type: String,
    /// Probability, 0 to 1, that the evidence says so.
    pub confidence: f64,
    /// The evidence sentence; `head_span` and `tail_span` lie inside.
    pub evidence: Span,
    /// Whether the relation is the text's own verb phrase and not one of the known ones: less sure, and to be left out
    /// by [`ExtractOptions::open_relations`](crate::ExtractOptions::open_relations).
    #[serde(default)]
    pub open: bool,
}

/// Everything found in one text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extraction {
    /// [`Extractor::name`](crate::Extractor::name) of the one that made it.
    pub extractor: String,
    /// [`Extractor::version`](crate::Extractor::version) of the one that made it.
    pub version: String,
    /// Sentences in reading order; they do not overlap.
    pub sentences: Vec<Span>,
    /// Entities in order of their first mention.
    pub entities: Vec<Entity>,
    /// Mentions in reading order; they do not overlap.
    pub mentions: Vec<Mention>,
    /// Relations in order of their evidence. The same statement can stand here more than once, each time with another
    /// evidence sentence, or read from other mentions: see [`statements`](Self::statements).
    pub relations: Vec<Relation>,
}

impl Extraction {
    /// The surest relation for each statement of a sentence: two entities that it names more than once stand in their
    /// relation once. In the order of [`relations`](Self::relations).
    #[must_use]
    pub fn statements(&self) -> Vec<&Relation> {
        let key = |r: &Relation| (r.evidence, r.head, r.tail, r.relation_type.clone());
        let mut best: BTreeMap<_, usize> = BTreeMap::new();
        for (index, relation) in self.relations.iter().enumerate() {
            let surest = best.entry(key(relation)).or_insert(index);
            if relation.confidence > self.relations[*surest].confidence {
                *surest = index;
            }
        }
        let is_best = |(index, relation): (usize, &Relation)| best.get(&key(relation)) == Some(&index);
        self.relations.iter().enumerate().filter(|&item| is_best(item)).map(|(_, relation)| relation).collect()
    }

    /// Gives each mention the entity that `entity_of` says (an index into the present entities), or takes it out.
    /// Entities without mentions, relations without their mentions, and those that no longer hold between two entities
    /// go too.
    pub(crate) fn regroup(&mut self, entity_of: impl Fn(&Mention) -> Option<usize>) {
        let old = std::mem::take(&mut self.entities);
        let mut entity_now = vec![None; old.len()];
        let mut mention_now = vec![None; self.mentions.len()];
        let mut mentions = Vec::with_capacity(self.mentions.len());
        for (index, mut mention) in std::mem::take(&mut self.mentions).into_iter().enumerate() {
            let Some(entity) = entity_of(&mention) else { continue };
            mention.entity = *entity_now[entity].get_or_insert_with(|| {
                self.entities.push(old[entity].clone());
                self.entities.len() - 1
            });
            let entity = &mut self.entities[mention.entity];
            entity.confidence = entity.confidence.max(mention.confidence);
            mention_now[index] = Some(mentions.len());
            mentions.push(mention);
        }
        self.mentions = mentions;
        let mentions = &self.mentions;
        let moved = std::mem::take(&mut self.relations).into_iter().filter_map(|relation| {
            let (head_mention, tail_mention) =
                (mention_now[relation.head_mention]?, mention_now[relation.tail_mention]?);
            let (head, tail) = (mentions[head_mention].entity, mentions[tail_mention].entity);
            (head != tail).then_some(Relation { head, tail, head_mention, tail_mention, ..relation })
        });
        self.relations = moved.collect();
    }
}
