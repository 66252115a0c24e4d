//! The neural tier: names and relations by a fine-tuned MiniLM encoder with a tagger and a head for pairs of mentions.
//!
//! The encoder reads windows of neighbouring sentences; see extraction/training/model.py for the networks and
//! docs/models.md for what they were trained on and how well they read.

mod meta;
mod pairs;
mod sense;
mod tags;
mod windows;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::time::Duration;

use serde_json::Map;

use self::meta::Meta;
use self::pairs::{Place, SPAN_PIECES};
use self::windows::{Segment, Window};
use crate::cues::is_cued;
use crate::draft::{Anaphor, Argument, DraftMention, DraftRelation, ReadSentence, anaphors_in, mentions_in};
use crate::extractor::ExtractError;
use crate::hash;
use crate::lexicon::{self, Lexicon};
use crate::neural::engine::{Graph, Input, Output};
use crate::neural::{self, NeuralError, Package};
use crate::tier::{Progress, Tier, TierReading};

static ENCODER: &[u8] = include_bytes!("../weights/reader.onnx");
static PAIRS: &[u8] = include_bytes!("../weights/relations.onnx");
const META: &[u8] = include_bytes!("../weights/reader.json");

/// Below this no relation is shown, whatever its own limit.
const LEAST_RELATION: f64 = 0.35;
/// Of relations that rival each other for two names, the less sure are shown from here.
const LIKELY: f64 = 0.65;
/// How much of a text is surely read in a second, in bytes, on a slow machine with others at work on it.
const SLOWEST: u64 = 10_000;
/// Numbers of a piece's state.
const WIDTH: usize = 384;
/// Bits of the name lists.
const LISTS: usize = 24;
/// Pieces that go through the encoder at once: more would only fall out of the processor's cache.
const BATCH: usize = 512;
/// Windows are padded to a multiple of this, so that few shapes occur.
const STEP: usize = 8;
/// Pieces whose states are kept between names and relations, 1.5 KiB each; the rest are read again.
const KEPT: usize = 40_000;
/// Pairs that are asked about at once.
const PAIR_BATCH: usize = 256;
/// The region of padding.
const PAD_REGION: i32 = 7;

/// The networks.
pub(crate) struct ReaderTier {
    package: &'static Package,
    lexicon: &'static Lexicon,
    encoder: Graph,
    pairs: Graph,
    meta: Meta,
}

impl ReaderTier {
    /// Loads the networks that are part of the binary.
    ///
    /// # Errors
    /// [`NeuralError::Missing`] in a development build made before `make setup`.
    pub(crate) fn load() -> Result<Self, NeuralError> {
        let unreadable = |name, reason: String| NeuralError::Unreadable { name, reason };
        let meta = serde_json::from_slice(META).map_err(|error| unreadable("reader.json", error.to_string()))?;
        Ok(Self {
            package: neural::package()?,
            lexicon: Lexicon::shared(),
            encoder: Graph::load("reader.onnx", ENCODER)?,
            pairs: Graph::load("relations.onnx", PAIRS)?,
            meta,
        })
    }

    fn labels(&self) -> usize {
        1 + 2 * self.meta.types.len()
    }

    /// States and scores of the labels for each piece of some windows, padded to the same length.
    fn encode(&self, windows: &[Window]) -> Result<(usize, Output, Output), NeuralError> {
        let length = padded(windows);
        let size = windows.len() * length;
        let (mut ids, mut shapes, mut mask) = (vec![0; size], vec![0; size], vec![0; size]);
        let mut known = vec![0.0; size * LISTS];
        for (row, window) in windows.iter().enumerate() {
            let begin = row * length;
            ids[begin..begin + window.len()].copy_from_slice(&window.pieces);
            shapes[begin..begin + window.len()].copy_from_slice(&window.shapes);
            mask[begin..begin + window.len()].fill(1);
            for (at, &bits) in window.known.iter().enumerate() {
                for bit in (0..LISTS).filter(|bit| bits >> bit & 1 == 1) {
                    known[(begin + at) * LISTS + bit] = 1.0;
                }
            }
        }
        let words = self.package.words.look_up(&ids);
        let shape = [windows.len(), length];
        let inputs = [
            ("words", Input::Floats(&[windows.len(), length, WIDTH], &words)),
            ("shapes", Input::Ints(&shape, &shapes)),
            ("known", Input::Floats(&[windows.len(), length, LISTS], &known)),
            ("mask", Input::Ints(&shape, &mask)),
        ];
        let [states, tags] = self.encoder.run(&inputs, ["states", "tags"])?;
        Ok((length, states, tags))
    }

    /// Scores of the relations for some pairs of one window's places.
    fn ask(
        &self,
        states: &[f32],
        window: &Window,
        places: &[(usize, Place)],
        asked: &[(usize, usize)],
    ) -> Result<Vec<f32>, NeuralError> {
        let length = states.len() / WIDTH;
        let int = |number: usize| i32::try_from(number).unwrap_or(0);
        let mut spans = Vec::with_capacity(places.len() * SPAN_PIECES);
        for &(segment, place) in places {
            let segment = &window.segments[segment];
            spans.extend(pairs::span_pieces(segment.piece(place.start), segment.piece(place.end)));
        }
        let roles: Vec<i32> = places.iter().map(|(_, place)| int(place.role)).collect();
        let (heads, tails): (Vec<i32>, Vec<i32>) = asked.iter().map(|&(head, tail)| (int(head), int(tail))).unzip();
        let distances: Vec<i32> = asked.iter().map(|&(h, t)| pairs::distance(places[h].1, places[t].1)).collect();
        let mut regions = vec![PAD_REGION; asked.len() * length];
        for (row, &(head, tail)) in regions.chunks_exact_mut(length).zip(asked) {
            let segment = &window.segments[places[head].0];
            pairs::regions(row, window, segment, places[head].1, places[tail].1);
        }
        let row = [1, asked.len()];
        let inputs = [
            ("states", Input::Floats(&[1, length, WIDTH], states)),
            ("spans", Input::Ints(&[places.len(), SPAN_PIECES], &spans)),
            ("roles", Input::Ints(&[places.len()], &roles)),
            ("heads", Input::Ints(&row, &heads)),
            ("tails", Input::Ints(&row, &tails)),
            ("distances", Input::Ints(&row, &distances)),
            ("regions", Input::Ints(&[1, asked.len(), length], &regions)),
        ];
        let [scores] = self.pairs.run(&inputs, ["scores"])?;
        Ok(scores.data)
    }
}

impl From<NeuralError> for ExtractError {
    fn from(error: NeuralError) -> Self {
        ExtractError::Failed(error.to_string())
    }
}

/// The length that these windows are padded to.
fn padded(windows: &[Window]) -> usize {
    windows.iter().map(Window::len).max().unwrap_or(0).next_multiple_of(STEP)
}

impl Tier for ReaderTier {
    fn fingerprint(&self) -> u32 {
        // The files are large: their ends and lengths change with every training.
        let parts = [lexicon::WEIGHTS, ENCODER, PAIRS, META].map(|part| hash::bytes(part.iter().copied()));
        let own = parts.into_iter().fold(0, hash::pair);
        hash::bucket(hash::pair(own, hash::bytes(self.package.id.bytes())), 32)
    }

    fn least_relation(&self) -> f64 {
        LEAST_RELATION
    }

    fn extra_time(&self, text: &str) -> Duration {
        Duration::from_secs(text.len() as u64 / SLOWEST)
    }

    fn begin<'a>(&'a self, text: &'a str, sentences: &'a [ReadSentence]) -> Box<dyn TierReading + 'a> {
        Box::new(Reading { tier: self, text, sentences, windows: OnceCell::new(), states: Vec::new() })
    }
}

/// One text on its way.
struct Reading<'a> {
    tier: &'a ReaderTier,
    text: &'a str,
    sentences: &'a [ReadSentence],
    windows: OnceCell<Vec<Window>>,
    /// The states of the first windows' pieces.
    states: Vec<Vec<f32>>,
}

impl Reading<'_> {
    fn windows(&self) -> &[Window] {
        self.windows
            .get_or_init(|| windows::cut(self.text, self.sentences, &self.tier.package.wordpiece, self.tier.lexicon))
    }

    /// The mentions of a segment, from the scores of its window's pieces.
    fn mentions(&self, segment: &Segment, scores: &[f32], found: &mut Vec<DraftMention>) {
        let (labels, meta) = (self.tier.labels(), &self.tier.meta);
        let words = segment.starts.len() - 1;
        let mut rows = Vec::with_capacity(words * labels);
        for &piece in &segment.starts[..words] {
            rows.extend_from_slice(&scores[piece * labels..(piece + 1) * labels]);
        }
        tags::normalise(&mut rows, labels);
        let from = found.len();
        for tagged in tags::decode(&rows, labels) {
            let entity_type = &meta.types[tagged.kind];
            if entity_type != "other" {
                found.push(DraftMention {
                    sentence: segment.sentence,
                    start: segment.first + tagged.start,
                    end: segment.first + tagged.end,
                    entity_type: Cow::Owned(entity_type.clone()),
                    confidence: meta.mentions[tagged.kind].calibration().of(tagged.sureness.exp()),
                    metadata: Map::new(),
                });
            }
        }
        sense::mend(found, from, &self.sentences[segment.sentence].words);
    }

    /// What can stand in relations within a window: segment, place, argument, confidence.
    fn places(
        &self,
        window: &Window,
        mentions: &[DraftMention],
        anaphors: &[Anaphor],
    ) -> Vec<(usize, Place, Argument, f64)> {
        let mut places = Vec::new();
        for (number, segment) in window.segments.iter().enumerate() {
            let inside = |start: usize, end: usize| segment.first <= start && end <= segment.last();
            let before = places.len();
            for index in mentions_in(mentions, segment.sentence) {
                let m = &mentions[index];
                if let Some(role) = self.role(&m.entity_type)
                    && inside(m.start, m.end)
                {
                    let place = Place { start: m.start, end: m.end, role };
                    places.push((number, place, Argument::Mention(index), m.confidence));
                }
            }
            for index in anaphors_in(anaphors, segment.sentence) {
                let a = &anaphors[index];
                if inside(a.start, a.end)
                    && let Some(role) = self.stand_in(a)
                {
                    let place = Place { start: a.start, end: a.end, role };
                    places.push((number, place, Argument::Anaphor(index), 1.0));
                }
            }
            places[before..].sort_by_key(|(_, place, ..)| place.start);
        }
        places
    }

    fn role(&self, entity_type: &str) -> Option<usize> {
        self.tier.meta.types.iter().position(|known| known == entity_type)
    }

    /// The role of an anaphor: that of pronouns, or its antecedent's where a noun says what it is.
    fn stand_in(&self, anaphor: &Anaphor) -> Option<usize> {
        let words = &self.sentences[anaphor.sentence].words;
        let is_word = anaphor.end - anaphor.start == 1;
        match words.lower(anaphor.start) {
            "he" | "him" | "his" | "she" | "her" | "hers" | "who" | "whom" | "whose" | "they" | "them" | "their"
                if is_word =>
            {
                Some(self.tier.meta.types.len())
            }
            "it" | "its" | "which" | "that" | "where" if is_word => Some(self.tier.meta.types.len() + 1),
            _ => self.role(&anaphor.entity_type),
        }
    }

    /// The relations of one window.
    fn relate(
        &self,
        window: &Window,
        states: &[f32],
        mentions: &[DraftMention],
        anaphors: &[Anaphor],
        stated: &mut Vec<DraftRelation>,
    ) -> Result<(), NeuralError> {
        let found = self.places(window, mentions, anaphors);
        let places: Vec<(usize, Place)> = found.iter().map(|&(segment, place, ..)| (segment, place)).collect();
        let [nationality, person] = ["demonym", "person"].map(|name| self.role(name).unwrap_or(usize::MAX));
        let mut asked = Vec::new();
        let mut begin = 0;
        for segment in 0..window.segments.len() {
            let end = begin + places[begin..].iter().take_while(|(of, _)| *of == segment).count();
            let own: Vec<Place> = places[begin..end].iter().map(|&(_, place)| place).collect();
            let words = &self.sentences[window.segments[segment].sentence].words;
            let described = sense::described(&own, nationality, person, words);
            // Whom a nationality describes, it says nothing of other people.
            let may = |&(head, tail): &(usize, usize)| {
                described[tail].is_none_or(|only| only == head || own[head].role != person)
            };
            asked.extend(pairs::pairs(&own).into_iter().filter(may).map(|(h, t)| (begin + h, begin + t)));
            begin = end;
        }
        asked.retain(|&(head, tail)| self.is_possible(places[head].1.role, places[tail].1.role));
        let relations = self.tier.meta.relations.len();
        for asked in asked.chunks(PAIR_BATCH) {
            let scores = self.tier.ask(states, window, &places, asked)?;
            for (&(head, tail), row) in asked.iter().zip(scores.chunks_exact(relations)) {
                self.state(&found[head], &found[tail], window, row, stated);
            }
        }
        Ok(())
    }

    fn is_possible(&self, head: usize, tail: usize) -> bool {
        self.tier.meta.relations.iter().any(|relation| relation.roles.contains(&(head, tail)))
    }

    /// The relations of one pair that are sure enough.
    fn state(
        &self,
        head: &(usize, Place, Argument, f64),
        tail: &(usize, Place, Argument, f64),
        window: &Window,
        scores: &[f32],
        stated: &mut Vec<DraftRelation>,
    ) {
        let sentence = window.segments[head.0].sentence;
        let words = &self.sentences[sentence].words;
        let known = self.tier.meta.relations.iter().zip(scores);
        let mut sure: Vec<(f64, &str)> = known
            .map(|(relation, &score)| (relation, relation.line.calibration().of_log_odds(score)))
            .filter(|(relation, confidence)| {
                *confidence >= relation.least
                    && relation.roles.contains(&(head.1.role, tail.1.role))
                    && is_cued(words, &relation.name)
            })
            .map(|(relation, confidence)| (confidence, relation.name.as_str()))
            .collect();
        sure.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        for (place, &(confidence, name)) in sure.iter().enumerate() {
            let beside = sure[..place].iter().any(|(_, surer)| sense::are_rivals(surer, name));
            if !beside || confidence >= LIKELY {
                stated.push(DraftRelation {
                    sentence,
                    head: head.2,
                    tail: tail.2,
                    relation_type: Cow::Owned(name.to_owned()),
                    confidence,
                    open: false,
                });
            }
        }
    }
}

impl TierReading for Reading<'_> {
    fn names(&mut self, progress: &mut Progress<'_>) -> Result<Vec<DraftMention>, ExtractError> {
        let (mut found, mut states, mut kept) = (Vec::new(), Vec::new(), 0);
        let labels = self.tier.labels();
        for batch in batches(self.windows()) {
            let (length, all_states, tags) = self.tier.encode(batch)?;
            for (row, window) in batch.iter().enumerate() {
                let scores = &tags.data[row * length * labels..(row + 1) * length * labels];
                for segment in &window.segments {
                    self.mentions(segment, scores, &mut found);
                }
                if kept < KEPT {
                    let begin = row * length * WIDTH;
                    states.push(all_states.data[begin..begin + window.len() * WIDTH].to_vec());
                    kept += window.len();
                }
            }
            progress.advance(ended(batch))?;
        }
        self.states = states;
        Ok(found)
    }

    fn relations(
        &mut self,
        mentions: &[DraftMention],
        anaphors: &[Anaphor],
        progress: &mut Progress<'_>,
    ) -> Result<Vec<DraftRelation>, ExtractError> {
        let mut stated = Vec::new();
        for (index, window) in self.windows().iter().enumerate() {
            let again;
            let states = match self.states.get(index) {
                Some(states) => states,
                None => {
                    let mut states = self.tier.encode(std::slice::from_ref(window))?.1.data;
                    states.truncate(window.len() * WIDTH);
                    again = states;
                    &again
                }
            };
            self.relate(window, states, mentions, anaphors, &mut stated)?;
            progress.advance(ended(std::slice::from_ref(window)))?;
        }
        Ok(stated)
    }
}

/// Neighbouring windows that go through the encoder together.
fn batches(windows: &[Window]) -> impl Iterator<Item = &[Window]> {
    let mut rest = windows;
    std::iter::from_fn(move || {
        let fits = |count: usize| padded(&rest[..count]) * count <= BATCH;
        let count = (1..=rest.len()).take_while(|&count| count == 1 || fits(count)).last()?;
        let (batch, after) = rest.split_at(count);
        rest = after;
        Some(batch)
    })
}

/// Sentences that are read to their end in these windows.
fn ended(windows: &[Window]) -> usize {
    windows.iter().flat_map(|window| &window.segments).filter(|segment| segment.first == 0).count()
}

#[cfg(test)]
mod tests;
