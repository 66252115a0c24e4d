//! Putting together what holds of all passages: one entity for all that name it, each fact once, whichever passages the
//! text was cut into and in whatever order they were answered.

use std::collections::BTreeMap;

use kgl_extraction::{Entity, Extraction, Mention, Relation, Span};

use crate::{
    claims::{Checked, CheckedRelationship, Dropped, reason},
    groups::{Group, group},
    listed::Listed,
};

/// The most sentences that the proof of one relationship may have: the quote's own, and those back to where its names
/// stand, when the quote itself says "she".
const MAX_EVIDENCE_SENTENCES: usize = 4;

/// Relationships that say the same the other way round.
const SYMMETRIC: [&str; 6] =
    ["spouse_of", "sibling_of", "partners_with", "competes_with", "collaborates_with", "related_to"];

/// Makes one result of what holds of the passages, which are in the order of the text.
pub(crate) fn assemble(
    passages: &[Checked],
    listed: &Listed,
    text: &str,
    sentences: &[Span],
    dropped: &mut Dropped,
) -> Extraction {
    let (groups, group_of) = group(passages, listed);
    let (entities, mentions, entity_of) = place(&groups, text, sentences);
    let mut relations = Vec::new();
    for (number, passage) in passages.iter().enumerate() {
        for claim in &passage.relationships {
            let ends = (group_of[number][claim.head], group_of[number][claim.tail]);
            if ends.0 == ends.1 {
                *dropped.entry(reason::SELF).or_default() += 1;
                continue;
            }
            let (head, tail) = (entity_of[ends.0], entity_of[ends.1]);
            match head.zip(tail).and_then(|ends| prove(claim, ends, &mentions, sentences)) {
                Some(relation) => relations.push(relation),
                None => *dropped.entry(reason::ENDS).or_default() += 1,
            }
        }
    }
    Extraction {
        sentences: sentences.to_vec(),
        entities,
        mentions,
        relations: once(relations),
        ..Extraction::default()
    }
}

/// Gives each stretch of the text to one entity, what is listed first, then the longest name, and orders entities by their first mention.
/// Answers, for each group, the entity that it became; none if others took all its places.
fn place(groups: &[Group], text: &str, sentences: &[Span]) -> (Vec<Entity>, Vec<Mention>, Vec<Option<usize>>) {
    let mut all: Vec<(bool, Span, usize)> = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let listed = group.listed.map_or(&[][..], |listed| &listed.places);
        all.extend(listed.iter().map(|span| (false, *span, number)));
        all.extend(group.places.iter().map(|span| (true, *span, number)));
    }
    all.sort_by(|(a_found, a, one), (b_found, b, two)| {
        let sure = groups[*two].confidence.total_cmp(&groups[*one].confidence);
        let longest = b.len().cmp(&a.len()).then(a.start.cmp(&b.start));
        a_found.cmp(b_found).then(longest).then(sure).then(one.cmp(two))
    });
    let mut taken: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for (_, span, group) in all {
        let before = taken.range(..span.end).next_back();
        if before.is_none_or(|(_, (end, _))| *end <= span.start) {
            taken.insert(span.start, (span.end, group));
        }
    }
    let mut entity_of = vec![None; groups.len()];
    let (mut entities, mut mentions) = (Vec::new(), Vec::new());
    let mut cut = Cutting::new(text);
    for (start, (end, group)) in taken {
        let entity = *entity_of[group].get_or_insert_with(|| {
            entities.push(Entity::from(&groups[group]));
            entities.len() - 1
        });
        let span = Span::new(start, end);
        mentions.push(Mention {
            span,
            entity,
            confidence: groups[group].confidence,
            sentence: sentence_of(sentences, start),
            text: cut.next(span).to_owned(),
        });
    }
    (entities, mentions, entity_of)
}

/// Cuts a text at spans that follow one another, in one walk.
struct Cutting<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Cutting<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, at: 0 }
    }

    fn next(&mut self, span: Span) -> &'a str {
        self.skip(span.start - self.at);
        let whole = self.rest;
        self.skip(span.len());
        &whole[..whole.len() - self.rest.len()]
    }

    fn skip(&mut self, chars: usize) {
        let byte = self.rest.char_indices().nth(chars).map_or(self.rest.len(), |(byte, _)| byte);
        self.rest = &self.rest[byte..];
        self.at += chars;
    }
}

/// The sentence that a place is in; between two, the one before.
fn sentence_of(sentences: &[Span], at: usize) -> usize {
    sentences.partition_point(|sentence| sentence.start <= at).saturating_sub(1)
}

/// The relationship with whole sentences for its proof: those of the quote, and, where the quote does not name one of its
/// ends, those back to where that end was named last. None where that is too far for the words to be a proof.
fn prove(
    claim: &CheckedRelationship,
    (head, tail): (usize, usize),
    mentions: &[Mention],
    sentences: &[Span],
) -> Option<Relation> {
    let proofs = claim.quotes.iter().filter_map(|quote| {
        let (first, last) = (sentence_of(sentences, quote.start), sentence_of(sentences, quote.end.saturating_sub(1)));
        let head_mention = named_in(mentions, head, *quote, first, last)?;
        let tail_mention = named_in(mentions, tail, *quote, first, last)?;
        let from = first.min(mentions[head_mention].sentence).min(mentions[tail_mention].sentence);
        if last - from >= MAX_EVIDENCE_SENTENCES {
            return None;
        }
        let ends = [head_mention, tail_mention].map(|mention| mentions[mention].span);
        let start = sentences[from].start.min(quote.start);
        // A name, and a quote, may run over what looks like the end of a sentence.
        let end = sentences[last].end.max(quote.end).max(ends[0].end).max(ends[1].end);
        Some(Relation {
            head,
            tail,
            head_mention,
            tail_mention,
            head_span: ends[0],
            tail_span: ends[1],
            relation_type: claim.relationship_type.clone(),
            confidence: claim.confidence,
            evidence: Span::new(start, end),
            open: claim.open,
        })
    });
    // Of several places with the same words, the one that needs the least around it.
    proofs.min_by_key(|proof| (proof.evidence.len(), proof.evidence.start))
}

/// The mention of an entity that a quote speaks of: inside it, else in its sentences, else the last one before.
fn named_in(mentions: &[Mention], entity: usize, quote: Span, first: usize, last: usize) -> Option<usize> {
    let of = |test: &dyn Fn(&Mention) -> bool| {
        let mut found = mentions.iter().enumerate().filter(|(_, mention)| mention.entity == entity && test(mention));
        found.next().map(|(at, _)| at)
    };
    of(&|mention| quote.contains(mention.span))
        .or_else(|| of(&|mention| (first..=last).contains(&mention.sentence)))
        .or_else(|| {
            let before = mentions.partition_point(|mention| mention.span.start < quote.start);
            mentions[..before].iter().rposition(|mention| mention.entity == entity)
        })
}

/// Each statement once for each passage that proves it, the surest of them, in reading order.
fn once(relations: Vec<Relation>) -> Vec<Relation> {
    let mut best: BTreeMap<(Span, usize, usize, String), Relation> = BTreeMap::new();
    for relation in relations {
        let (mut head, mut tail) = (relation.head, relation.tail);
        if SYMMETRIC.contains(&relation.relation_type.as_str()) {
            (head, tail) = (head.min(tail), head.max(tail));
        }
        let key = (relation.evidence, head, tail, relation.relation_type.clone());
        let rank =
            |r: &Relation| (std::cmp::Reverse((r.confidence * 1e4).round() as u64), r.head_mention, r.tail_mention);
        match best.get(&key) {
            Some(known) if rank(known) <= rank(&relation) => {}
            _ => {
                best.insert(key, relation);
            }
        }
    }
    best.into_values().collect()
}

#[cfg(test)]
#[path = "assemble_tests.rs"]
mod tests;
