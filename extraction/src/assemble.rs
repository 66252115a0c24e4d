//! From drafts to what is handed back: character offsets, and one relation for each statement of a sentence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::clusters::Clusters;
use crate::draft::{Anaphor, Argument, DraftMention, DraftRelation, ReadSentence};
use crate::extraction::{Extraction, Mention, Relation, Span};

/// Relations below this calibrated probability are not shown.
pub(crate) const LEAST_RELATION: f64 = 0.5;

/// Puts together what the stages found. Extractor and version are left empty.
pub(crate) fn assemble(
    text: &str,
    sentences: &[ReadSentence],
    mentions: &[DraftMention],
    anaphors: &[Anaphor],
    drafts: Vec<DraftRelation>,
    clusters: Clusters,
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
    let mut relations = choose(&ends, &clusters, drafts);
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

/// One relation for each statement of a sentence, in order of their evidence.
fn choose(ends: &Ends<'_>, clusters: &Clusters, drafts: Vec<DraftRelation>) -> Vec<Relation> {
    // The best confidence for each statement between two arguments.
    let mut stated: BTreeMap<(usize, Argument, Argument, String), (f64, bool)> = BTreeMap::new();
    for draft in drafts {
        let key = (draft.sentence, draft.head, draft.tail, draft.relation_type.into_owned());
        let best = stated.entry(key).or_insert((0.0, draft.open));
        if draft.confidence > best.0 {
            *best = (draft.confidence, draft.open);
        }
    }
    // One sentence states a thing once, and "A married B" is no second thing as "B married A".
    let mut chosen: BTreeMap<(usize, usize, usize, String), Relation> = BTreeMap::new();
    for ((sentence, head, tail, relation_type), (confidence, open)) in stated {
        let (head_mention, head_span, head_led) = ends.follow(head);
        let (tail_mention, tail_span, tail_led) = ends.follow(tail);
        let (head, tail) = (clusters.entity_of[head_mention], clusters.entity_of[tail_mention]);
        let mut confidence = confidence;
        if head_led < 1.0 || tail_led < 1.0 {
            confidence = (confidence * head_led * tail_led * 1e4).round() / 1e4;
        }
        if confidence < LEAST_RELATION || head == tail {
            continue;
        }
        let (low, high) = if is_symmetric(&relation_type) { (head.min(tail), head.max(tail)) } else { (head, tail) };
        let key = (sentence, low, high, relation_type.clone());
        let place = &ends.sentences[sentence].place;
        let new = Relation {
            head,
            tail,
            head_mention,
            tail_mention,
            head_span,
            tail_span,
            relation_type,
            confidence,
            evidence: Span::new(place.char_start as usize, place.char_end as usize),
            open,
        };
        match chosen.get(&key) {
            Some(old) if rank(old) >= rank(&new) => {}
            _ => {
                chosen.insert(key, new);
            }
        }
    }
    let mut chosen: Vec<Relation> = chosen.into_values().collect();
    chosen.sort_by(|a, b| order(a).cmp(&order(b)));
    chosen
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
