//! From drafts to what is handed back: character offsets, and a relation for each statement of a sentence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::clusters::Clusters;
use crate::draft::{Anaphor, Argument, DraftMention, DraftRelation, ReadSentence};
use crate::extraction::{Extraction, Mention, Relation, Span};
use crate::open::LEAST_OPEN;

/// Relations that a pronoun takes part in are shown from here: two guesses must be right for them.
const LEAST_LED: f64 = 0.5;

/// Puts together what the stages found; relations less sure than `least` are left out. Extractor and version are left
/// empty.
pub(crate) fn assemble(
    text: &str,
    sentences: &[ReadSentence],
    mentions: &[DraftMention],
    anaphors: &[Anaphor],
    drafts: Vec<DraftRelation>,
    clusters: Clusters,
    least: f64,
) -> Extraction {
    let ends = Ends { sentences, mentions, anaphors };
    let shown = mentions.iter().zip(&clusters.entity_of).map(|(mention, &entity)| Mention {
        span: ends.span(mention.sentence, mention.start, mention.end),
        entity,
        confidence: mention.confidence,
        sentence: mention.sentence,
        text: sentences[mention.sentence].text(text, mention.start, mention.end).to_owned(),
    });
    let mentions = shown.collect();
    let mut relations = choose(&ends, &clusters, drafts, least);
    keep_surest(&mut relations);
    let places = sentences.iter().map(|s| &s.place);
    Extraction {
        sentences: places.map(|place| Span::new(place.char_start as usize, place.char_end as usize)).collect(),
        entities: clusters.entities,
        mentions,
        relations,
        ..Extraction::default()
    }
}

/// Where arguments stand and lead.
struct Ends<'a> {
    sentences: &'a [ReadSentence],
    mentions: &'a [DraftMention],
    anaphors: &'a [Anaphor],
}

impl Ends<'_> {
    fn span(&self, sentence: usize, start: usize, end: usize) -> Span {
        let tokens = &self.sentences[sentence].tokens;
        Span::new(tokens[start].char_start as usize, tokens[end - 1].char_end as usize)
    }

    /// The mention an argument is or leads to, the words that stand for it, and how sure the way there is.
    fn follow(&self, argument: Argument) -> (usize, Span, f64) {
        match argument {
            Argument::Mention(index) => {
                let mention = &self.mentions[index];
                (index, self.span(mention.sentence, mention.start, mention.end), 1.0)
            }
            Argument::Anaphor(index) => {
                let anaphor = &self.anaphors[index];
                let span = self.span(anaphor.sentence, anaphor.start, anaphor.end);
                (anaphor.antecedent, span, anaphor.confidence)
            }
        }
    }
}

/// The relations of each sentence, in order of their evidence.
fn choose(ends: &Ends<'_>, clusters: &Clusters, drafts: Vec<DraftRelation>, least: f64) -> Vec<Relation> {
    // The best confidence for each statement between two arguments.
    let mut stated: BTreeMap<(usize, Argument, Argument, String), (f64, bool)> = BTreeMap::new();
    for draft in drafts {
        let key = (draft.sentence, draft.head, draft.tail, draft.relation_type.into_owned());
        let best = stated.entry(key).or_insert((0.0, draft.open));
        if draft.confidence > best.0 {
            *best = (draft.confidence, draft.open);
        }
    }
    // A statement for each pair of names; one for each pair of entities where a pronoun stands for one of them.
    let mut chosen: BTreeMap<(usize, Span, Span, String), Relation> = BTreeMap::new();
    let mut led: BTreeMap<(usize, usize, usize, String), Relation> = BTreeMap::new();
    for ((sentence, head, tail, relation_type), (confidence, open)) in stated {
        let Some((new, is_led)) = relation(ends, clusters, (sentence, head, tail), relation_type, confidence) else {
            continue;
        };
        let new = Relation { open, ..new };
        let least = match (open, is_led) {
            (true, _) => LEAST_OPEN,
            (false, true) => least.max(LEAST_LED),
            (false, false) => least,
        };
        if new.confidence < least {
            continue;
        }
        if is_led {
            keep_surer(&mut led, (sentence, new.head, new.tail, new.relation_type.clone()), new);
        } else {
            keep_surer(&mut chosen, (sentence, new.head_span, new.tail_span, new.relation_type.clone()), new);
        }
    }
    // What a sentence says by name it need not say by pronoun too.
    let named: BTreeSet<(usize, usize, usize, String)> =
        chosen.iter().map(|((sentence, ..), r)| (*sentence, r.head, r.tail, r.relation_type.clone())).collect();
    led.retain(|key, _| !named.contains(key));
    let mut chosen: Vec<Relation> = chosen.into_values().chain(led.into_values()).collect();
    chosen.sort_by(|a, b| order(a).cmp(&order(b)));
    chosen
}

/// A statement between two arguments as a relation, and whether it leads through a pronoun; nothing between an entity
/// and itself. "A married B" is no other thing than "B married A": whom the text names first comes first.
fn relation(
    ends: &Ends<'_>,
    clusters: &Clusters,
    (sentence, head, tail): (usize, Argument, Argument),
    relation_type: String,
    confidence: f64,
) -> Option<(Relation, bool)> {
    let (head_mention, head_span, head_led) = ends.follow(head);
    let (tail_mention, tail_span, tail_led) = ends.follow(tail);
    let (head, tail) = (clusters.entity_of[head_mention], clusters.entity_of[tail_mention]);
    let is_led = head_led < 1.0 || tail_led < 1.0;
    let confidence = if is_led { (confidence * head_led * tail_led * 1e4).round() / 1e4 } else { confidence };
    let place = &ends.sentences[sentence].place;
    let found = Relation {
        head,
        tail,
        head_mention,
        tail_mention,
        head_span,
        tail_span,
        relation_type,
        confidence,
        evidence: Span::new(place.char_start as usize, place.char_end as usize),
        open: false,
    };
    let found = if is_symmetric(&found.relation_type) && head > tail { turned(found) } else { found };
    (head != tail).then_some((found, is_led))
}

fn turned(relation: Relation) -> Relation {
    Relation {
        head: relation.tail,
        tail: relation.head,
        head_mention: relation.tail_mention,
        tail_mention: relation.head_mention,
        head_span: relation.tail_span,
        tail_span: relation.head_span,
        ..relation
    }
}

fn keep_surer<K: Ord>(kept: &mut BTreeMap<K, Relation>, key: K, new: Relation) {
    match kept.get(&key) {
        Some(old) if rank(old) >= rank(&new) => {}
        _ => {
            kept.insert(key, new);
        }
    }
}

fn order(relation: &Relation) -> (Span, Span, Span, &str) {
    (relation.evidence, relation.head_span, relation.tail_span, &relation.relation_type)
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
fn rank(relation: &Relation) -> (u64, Reverse<(Span, Span)>) {
    let confidence = (relation.confidence * 1e4).round() as u64;
    (confidence, Reverse((relation.head_span, relation.tail_span)))
}

fn is_symmetric(relation: &str) -> bool {
    matches!(relation, "spouse_of" | "sibling_of" | "partners_with" | "competes_with" | "collaborates_with")
}
