//! Open triples as relations beside the known ones: their noun phrases become mentions, and concepts.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::Map;

use super::{End, OpenReader, Triple, is_common, taken};
use crate::clusters::Clusters;
use crate::draft::{Anaphor, Argument, DraftMention, DraftRelation, ReadSentence};
use crate::extractor::ExtractError;
use crate::name_key::name_key;
use crate::tier::Progress;
use crate::wanted::Wanted;

/// Sentences between two looks at the watch: some milliseconds.
const LOOK_EVERY: usize = 50;

/// What the stages before have found, and what open relations join.
pub(crate) struct Drafts<'a> {
    pub(crate) mentions: &'a mut Vec<DraftMention>,
    pub(crate) anaphors: &'a mut [Anaphor],
    pub(crate) relations: &'a mut Vec<DraftRelation>,
    pub(crate) clusters: &'a mut Clusters,
}

/// A noun phrase: its sentence, first token, and first token behind it.
type Phrase = (usize, usize, usize);

/// Reads the text once more for what it says in its own words, and adds that to the drafts. Known relations are shown
/// from `least` on.
///
/// # Errors
/// [`ExtractError::Cancelled`] when `progress` says so.
pub(crate) fn join(
    text: &str,
    sentences: &[ReadSentence],
    (wanted, least): (&Wanted, f64),
    progress: &Progress<'_>,
    mut drafts: Drafts<'_>,
) -> Result<(), ExtractError> {
    let mut reader = OpenReader::new();
    let mut triples: Vec<(usize, Triple)> = Vec::new();
    for (index, sentence) in sentences.iter().enumerate() {
        let taken = taken(drafts.mentions, drafts.anaphors, index);
        let mut found = reader.read(text, sentence, &taken);
        found.retain(|triple| {
            wanted.shows_relation(&triple.predicate, triple.confidence) && is_news(&drafts, least, index, triple)
        });
        without_overlaps(&mut found);
        triples.extend(found.into_iter().map(|triple| (index, triple)));
        if index.is_multiple_of(LOOK_EVERY) {
            progress.check()?;
        }
    }
    let placed = place(text, sentences, &mut drafts, &triples);
    for (sentence, triple) in triples {
        let argument = |end: End| match end {
            End::Named(Argument::Mention(index)) => Argument::Mention(placed.moved[index]),
            End::Named(anaphor) => anaphor,
            End::Phrase(start, end) => Argument::Mention(placed.phrases[&(sentence, start, end)]),
        };
        drafts.relations.push(DraftRelation {
            sentence,
            head: argument(triple.head),
            tail: argument(triple.tail),
            relation_type: Cow::Owned(triple.predicate),
            confidence: triple.confidence,
            open: true,
        });
    }
    Ok(())
}

/// Whether none of the known relations of the sentence that are shown holds between the same two.
fn is_news(drafts: &Drafts<'_>, least: f64, sentence: usize, triple: &Triple) -> bool {
    let entity = |argument: Argument| match argument {
        Argument::Mention(index) => drafts.clusters.entity_of[index],
        Argument::Anaphor(index) => drafts.clusters.entity_of[drafts.anaphors[index].antecedent],
    };
    let (End::Named(head), End::Named(tail)) = (triple.head, triple.tail) else {
        return true;
    };
    let pair = (entity(head), entity(tail));
    pair.0 != pair.1
        && !drafts.relations.iter().filter(|known| known.sentence == sentence).any(|known| {
            let other = (entity(known.head), entity(known.tail));
            known.confidence >= least && (other == pair || other == (pair.1, pair.0))
        })
}

/// Mentions do not overlap: of two phrases that do, that of the surer triple stays.
fn without_overlaps(triples: &mut Vec<Triple>) {
    let phrases = |triple: &Triple| {
        [triple.head, triple.tail].into_iter().filter_map(|end| match end {
            End::Phrase(start, end) => Some((start, end)),
            End::Named(_) => None,
        })
    };
    let mut order: Vec<usize> = (0..triples.len()).collect();
    order.sort_by(|&a, &b| triples[b].confidence.total_cmp(&triples[a].confidence));
    let mut kept: Vec<(usize, usize)> = Vec::new();
    let mut fits = vec![false; triples.len()];
    for index in order {
        let clear = |phrase: &(usize, usize)| {
            kept.iter().all(|other| phrase == other || phrase.1 <= other.0 || other.1 <= phrase.0)
        };
        if phrases(&triples[index]).all(|phrase| clear(&phrase)) {
            kept.extend(phrases(&triples[index]));
            fits[index] = true;
        }
    }
    let mut fits = fits.into_iter();
    triples.retain(|_| fits.next().unwrap_or(false));
}

struct Placed {
    /// Where each mention of before now stands.
    moved: Vec<usize>,
    phrases: BTreeMap<Phrase, usize>,
}

/// Makes mentions of the phrases and puts them where they belong in the reading order.
fn place(text: &str, sentences: &[ReadSentence], drafts: &mut Drafts<'_>, triples: &[(usize, Triple)]) -> Placed {
    // As sure as the surest triple that it is an end of.
    let mut sure: BTreeMap<Phrase, f64> = BTreeMap::new();
    for (sentence, triple) in triples {
        for end in [triple.head, triple.tail] {
            if let End::Phrase(start, end) = end {
                let sure = sure.entry((*sentence, start, end)).or_default();
                *sure = sure.max(triple.confidence);
            }
        }
    }
    let mut placed = Placed { moved: Vec::with_capacity(drafts.mentions.len()), phrases: BTreeMap::new() };
    let before = std::mem::take(drafts.mentions);
    let entities = std::mem::take(&mut drafts.clusters.entity_of);
    let mut concepts = Concepts::of(drafts.clusters);
    let mut phrases = sure.into_iter().peekable();
    let mut add = |phrase: Phrase, confidence: f64, drafts: &mut Drafts<'_>| {
        let (sentence, start, end) = phrase;
        placed.phrases.insert(phrase, drafts.mentions.len());
        let name = name(text, &sentences[sentence], start, end);
        let entity = concepts.place(drafts.clusters, &name, confidence);
        drafts.clusters.entity_of.push(entity);
        drafts.mentions.push(DraftMention {
            sentence,
            start,
            end,
            entity_type: Cow::Borrowed("concept"),
            confidence,
            metadata: Map::new(),
        });
    };
    for (mention, entity) in before.into_iter().zip(entities) {
        while let Some((phrase, confidence)) =
            phrases.next_if(|(phrase, _)| *phrase < (mention.sentence, mention.start, 0))
        {
            add(phrase, confidence, drafts);
        }
        placed.moved.push(drafts.mentions.len());
        drafts.mentions.push(mention);
        drafts.clusters.entity_of.push(entity);
    }
    for (phrase, confidence) in phrases {
        add(phrase, confidence, drafts);
    }
    let move_on = |argument: &mut Argument| {
        if let Argument::Mention(index) = argument {
            *index = placed.moved[*index];
        }
    };
    for relation in drafts.relations.iter_mut() {
        move_on(&mut relation.head);
        move_on(&mut relation.tail);
    }
    drafts.anaphors.iter_mut().for_each(|anaphor| anaphor.antecedent = placed.moved[anaphor.antecedent]);
    placed
}

/// The entities of a text by their names, whatever their type.
struct Concepts(HashMap<String, usize>);

impl Concepts {
    fn of(clusters: &Clusters) -> Self {
        let mut by_key = HashMap::new();
        for (index, entity) in clusters.entities.iter().enumerate() {
            by_key.entry(name_key(&entity.name)).or_insert(index);
        }
        Self(by_key)
    }

    /// The entity that a phrase is a mention of: the name's, where the text has an entity so called, else a concept.
    fn place(&mut self, clusters: &mut Clusters, name: &str, confidence: f64) -> usize {
        let entity = *self.0.entry(name_key(name)).or_insert_with(|| clusters.add_concept(name.to_owned()));
        let found = &mut clusters.entities[entity];
        found.confidence = found.confidence.max(confidence);
        entity
    }
}

/// What a phrase is called: without the capital that only opens the sentence.
fn name(text: &str, sentence: &ReadSentence, start: usize, end: usize) -> String {
    let name = sentence.text(text, start, end).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = sentence.tokens[start].text(text).chars().skip(1);
    let opens = (0..start).all(|at| matches!(sentence.words.lower(at), "the" | "a" | "an" | "our" | "most" | "all"));
    if opens && rest.all(char::is_lowercase) && is_common(sentence.words.lower(start)) {
        let mut letters = name.chars();
        return letters.next().map_or(String::new(), |c| c.to_lowercase().chain(letters).collect());
    }
    name
}
