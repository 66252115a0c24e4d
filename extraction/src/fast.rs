//! The fast tier: names by a linear-chain conditional random field, relations by a linear model over pairs of names.

use std::borrow::Cow;

use serde_json::Map;

use crate::cues::is_cued;
use crate::draft::{Anaphor, Arguments, DraftMention, DraftRelation, ReadSentence};
use crate::extractor::ExtractError;
use crate::features::Scratch;
use crate::hash;
use crate::labels::TYPES;
use crate::lexicon::{self, Lexicon};
use crate::patterns;
use crate::relations::{RELATIONS, RelationModel};
use crate::tagger::{Tagger, Workspace};
use crate::tier::{Progress, Tier, TierReading};
use crate::wire::{Reader, WireError};

/// Statements that the pair model holds for less likely than this, by its own reckoning, are not looked at further.
const LEAST_STATED: f32 = 0.2;

/// The models.
pub(crate) struct Fast {
    lexicon: &'static Lexicon,
    tagger: Tagger,
    relations: RelationModel,
}

const TAGGER: &[u8] = include_bytes!("../weights/tagger.bin");
const RELATION_MODEL: &[u8] = include_bytes!("../weights/relations.bin");

impl Fast {
    /// Decodes the models that are part of the binary.
    pub(crate) fn load() -> Self {
        // A test decodes them: what is compiled in cannot fail later.
        Self::decode().expect("the models compiled in are whole")
    }

    fn decode() -> Result<Self, WireError> {
        Ok(Self {
            lexicon: Lexicon::shared(),
            tagger: Tagger::read(&mut Reader::new(TAGGER))?,
            relations: RelationModel::read(&mut Reader::new(RELATION_MODEL))?,
        })
    }
}

impl Tier for Fast {
    fn fingerprint(&self) -> u32 {
        let weights = [lexicon::WEIGHTS, TAGGER, RELATION_MODEL].map(|part| hash::bytes(part.iter().copied()));
        hash::bucket(weights.into_iter().fold(0, hash::pair), 32)
    }

    fn least_relation(&self) -> f64 {
        patterns::LEAST
    }

    fn begin<'a>(&'a self, text: &'a str, sentences: &'a [ReadSentence]) -> Box<dyn TierReading + 'a> {
        Box::new(Reading { models: self, text, sentences, scratch: Scratch::default(), work: Workspace::default() })
    }
}

/// One text, and room for the work on its sentences.
struct Reading<'a> {
    models: &'a Fast,
    text: &'a str,
    sentences: &'a [ReadSentence],
    scratch: Scratch,
    work: Workspace,
}

impl TierReading for Reading<'_> {
    fn names(&mut self, progress: &mut Progress<'_>) -> Result<Vec<DraftMention>, ExtractError> {
        let Fast { lexicon, tagger, .. } = self.models;
        let mut found = Vec::new();
        for (index, sentence) in self.sentences.iter().enumerate() {
            self.scratch.look(self.text, &sentence.tokens, lexicon);
            for tagged in tagger.tag(&self.scratch, &mut self.work) {
                if TYPES[tagged.kind] != "other" {
                    found.push(DraftMention {
                        sentence: index,
                        start: tagged.start,
                        end: tagged.end,
                        entity_type: Cow::Borrowed(TYPES[tagged.kind]),
                        confidence: tagger.calibration.of(tagged.probability),
                        metadata: Map::new(),
                    });
                }
            }
            progress.advance(1)?;
        }
        Ok(found)
    }

    fn relations(
        &mut self,
        mentions: &[DraftMention],
        anaphors: &[Anaphor],
        progress: &mut Progress<'_>,
    ) -> Result<Vec<DraftRelation>, ExtractError> {
        let Fast { lexicon, relations: model, .. } = self.models;
        let mut stated = Vec::new();
        for (index, sentence) in self.sentences.iter().enumerate() {
            let arguments = Arguments::of(mentions, anaphors, index);
            if arguments.slots.len() > 1 {
                self.scratch.look(self.text, &sentence.tokens, lexicon);
                for said in model.state(&self.scratch, &arguments.slots, LEAST_STATED) {
                    // A statement holds only if its names do.
                    let names = (arguments.confidences[said.head] * arguments.confidences[said.tail]) as f32;
                    let relation = RELATIONS[said.relation].name;
                    if is_cued(&sentence.words, relation) {
                        stated.push(DraftRelation {
                            sentence: index,
                            head: arguments.names[said.head],
                            tail: arguments.names[said.tail],
                            relation_type: Cow::Borrowed(relation),
                            confidence: model.calibration.of(said.probability * names),
                            open: false,
                        });
                    }
                }
            }
            progress.advance(1)?;
        }
        Ok(stated)
    }
}
