//! The way of a text through an extractor of ours, whichever tier of models it has.
//!
//! sentences and tokens → names by the tier, values by rules → entities → anaphors → relations by the tier and by
//! wording, and where wanted in the text's own words → one relation for each statement → what the caller wants to see.

use std::sync::Arc;
use std::time::Duration;

use crate::antecedents;
use crate::assemble;
use crate::clusters::Clusters;
use crate::demonyms;
use crate::draft::{DraftMention, ReadSentence};
use crate::extraction::Extraction;
use crate::extractor::{ExtractError, ExtractOptions, Extractor, MAX_TEXT_BYTES, USUAL_TIME_LIMIT, Watch};
use crate::gazetteer::Gazetteer;
use crate::hash;
use crate::names;
use crate::open::{self, Drafts};
use crate::patterns;
use crate::repeats;
use crate::sentences;
use crate::tier::{Progress, Tier};
use crate::wanted::Wanted;

/// Of the code: to be raised with every change that could change what is found.
const CODE_VERSION: &str = "1.4.0";

/// Steps of each sentence: its names and its relations.
const STAGES: usize = 2;

/// Sentences between two looks at the watch in work that takes microseconds a sentence.
const LOOK_EVERY: usize = 1000;

/// An extractor: a tier with a name, and the stages that all share.
pub(crate) struct Pipeline {
    name: &'static str,
    version: String,
    tier: Arc<dyn Tier>,
}

impl Pipeline {
    pub(crate) fn new(name: &'static str, tier: Arc<dyn Tier>) -> Self {
        let weights = hash::pair(u64::from(tier.fingerprint()), open::fingerprint());
        let version = format!("{CODE_VERSION}+{:08x}", hash::bucket(weights, 32));
        Self { name, version, tier }
    }
}

impl Extractor for Pipeline {
    fn name(&self) -> &str {
        self.name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn time_limit(&self, text: &str) -> Duration {
        USUAL_TIME_LIMIT + self.tier.extra_time(text)
    }

    fn extract(&self, text: &str, options: &ExtractOptions, watch: &dyn Watch) -> Result<Extraction, ExtractError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(ExtractError::TooLong { bytes: text.len(), limit: MAX_TEXT_BYTES });
        }
        let wanted = Wanted::new(options)?;
        let places = sentences::split(text);
        let mut progress = Progress::new(watch, places.len() * STAGES);
        let mut sentences = Vec::with_capacity(places.len());
        for place in places {
            sentences.push(ReadSentence::new(text, place));
            look(&progress, sentences.len())?;
        }
        let mut reading = self.tier.begin(text, &sentences);
        let tagged = reading.names(&mut progress)?;
        let mut mentions = settle(text, &sentences, tagged, &progress)?;
        let mut clusters = gather(text, &sentences, &mut mentions, options.gazetteer.as_ref(), &wanted)?;
        let mut anaphors = antecedents::lead(text, &sentences, &mentions, &clusters, &progress)?;
        let mut relations = reading.relations(&mentions, &anaphors, &mut progress)?;
        drop(reading);
        relations.extend(patterns::state(&sentences, &mentions, &anaphors));
        let least = self.tier.least_relation();
        if options.open_relations == Some(true) {
            let drafts = Drafts {
                mentions: &mut mentions,
                anaphors: &mut anaphors,
                relations: &mut relations,
                clusters: &mut clusters,
            };
            open::join(text, &sentences, (&wanted, least), &progress, drafts)?;
        }
        let mut all = assemble::assemble(text, &sentences, &mentions, &anaphors, relations, clusters, least);
        demonyms::settle(&mut all);
        all.extractor = self.name.to_owned();
        all.version.clone_from(&self.version);
        wanted.filter(&mut all);
        Ok(all)
    }
}

/// The names that the tier gave, tidied, with the values that rules find.
fn settle(
    text: &str,
    sentences: &[ReadSentence],
    tagged: Vec<DraftMention>,
    progress: &Progress<'_>,
) -> Result<Vec<DraftMention>, ExtractError> {
    let mut mentions = Vec::with_capacity(tagged.len());
    let mut tagged = tagged.into_iter().peekable();
    for (index, sentence) in sentences.iter().enumerate() {
        let here = std::iter::from_fn(|| tagged.next_if(|name| name.sentence == index));
        names::settle(text, index, sentence, here, &mut mentions);
        look(progress, index + 1)?;
    }
    repeats::add(text, sentences, &mut mentions);
    Ok(mentions)
}

/// Mentions gathered to entities, with the caller's own names in place of what they overlap.
fn gather(
    text: &str,
    sentences: &[ReadSentence],
    mentions: &mut Vec<DraftMention>,
    gazetteer: Option<&Gazetteer>,
    wanted: &Wanted,
) -> Result<Clusters, ExtractError> {
    let Some(gazetteer) = gazetteer.filter(|gazetteer| !gazetteer.entries().is_empty()) else {
        return Ok(Clusters::gather(text, sentences, mentions));
    };
    let reading = |name: &str| wanted.reading(name);
    let marks = gazetteer.mark(text, sentences, mentions, &reading)?;
    let mut clusters = Clusters::gather(text, sentences, mentions);
    gazetteer.join(&marks, text, sentences, mentions, &mut clusters, &reading);
    Ok(clusters)
}

fn look(progress: &Progress<'_>, done: usize) -> Result<(), ExtractError> {
    if done.is_multiple_of(LOOK_EVERY) { progress.check() } else { Ok(()) }
}
