//! What the caller wants to see, and what they call it.

use std::collections::{BTreeMap, HashSet};

use crate::extraction::Extraction;
use crate::extractor::{ExtractError, ExtractOptions};
use crate::schema::{Synonyms, Thresholds};

/// The caller's wishes, ready to ask.
pub(crate) struct Wanted {
    types: Option<HashSet<String>>,
    relations: Option<HashSet<String>>,
    least: f64,
    thresholds: Thresholds,
    synonyms: Synonyms,
}

/// Takes out of a result what the options do not ask for: other types, and what is less sure than their threshold.
///
/// # Errors
/// [`ExtractError::Threshold`] when the threshold is none.
pub fn keep_wanted(options: &ExtractOptions, all: &mut Extraction) -> Result<(), ExtractError> {
    Wanted::new(options)?.filter(all);
    Ok(())
}

impl Wanted {
    pub(crate) fn new(options: &ExtractOptions) -> Result<Self, ExtractError> {
        let least = options.confidence_threshold.unwrap_or(0.0);
        let thresholds = options.thresholds.clone().unwrap_or_default();
        let all = thresholds.entity_types.values().chain(thresholds.relationship_types.values()).copied();
        if let Some(wrong) = all.chain([least]).find(|value| !(0.0..=1.0).contains(value)) {
            return Err(ExtractError::Threshold(wrong));
        }
        let set = |names: &Option<Vec<String>>| {
            names.as_ref().map(|names| {
                names
                    .iter()
                    .map(|name| name.trim().to_lowercase())
                    .map(|name| if name == "funding_amount" { "money".to_owned() } else { name })
                    .collect()
            })
        };
        let synonyms = options.synonyms.clone().unwrap_or_default();
        Ok(Self {
            types: set(&options.entity_types),
            relations: set(&options.relationship_types),
            least,
            thresholds,
            synonyms,
        })
    }

    /// The type of ours that the caller's name of a type is read as.
    pub(crate) fn reading(&self, name: &str) -> String {
        let ours = self.synonyms.entity_types.iter().find(|(_, theirs)| *theirs == name);
        ours.map_or(name, |(ours, _)| ours).to_owned()
    }

    /// Takes out what is not wanted, and gives the rest the caller's names. What is left is otherwise the same as
    /// without wishes.
    pub(crate) fn filter(&self, all: &mut Extraction) {
        all.relations.retain(|relation| self.shows_relation(&relation.relation_type, relation.confidence));
        let types: Vec<String> = all.entities.iter().map(|entity| entity.entity_type.clone()).collect();
        all.regroup(|mention| self.shows_entity(&types[mention.entity], mention.confidence).then_some(mention.entity));
        self.rename(all);
    }

    fn shows_entity(&self, name: &str, confidence: f64) -> bool {
        shows(self.types.as_ref(), &self.synonyms.entity_types, name)
            && confidence >= least(self.least, &self.thresholds.entity_types, &self.synonyms.entity_types, name)
    }

    /// Whether a relation of this type and confidence is wanted at all.
    pub(crate) fn shows_relation(&self, name: &str, confidence: f64) -> bool {
        let synonyms = &self.synonyms.relationship_types;
        shows(self.relations.as_ref(), synonyms, name)
            && confidence >= least(self.least, &self.thresholds.relationship_types, synonyms, name)
    }

    fn rename(&self, all: &mut Extraction) {
        for entity in &mut all.entities {
            if let Some(theirs) = self.synonyms.entity_types.get(&entity.entity_type) {
                entity.entity_type.clone_from(theirs);
            }
        }
        for relation in &mut all.relations {
            if let Some(theirs) = self.synonyms.relationship_types.get(&relation.relation_type) {
                relation.relation_type.clone_from(theirs);
            }
        }
        // Two relations may have become one: a sentence states a thing once.
        if !self.synonyms.relationship_types.is_empty() {
            let mut best: BTreeMap<_, (usize, f64)> = BTreeMap::new();
            for (index, relation) in all.relations.iter().enumerate() {
                let key = (relation.head, relation.tail, relation.relation_type.clone(), relation.evidence);
                let surest = best.entry(key).or_insert((index, relation.confidence));
                if relation.confidence > surest.1 {
                    *surest = (index, relation.confidence);
                }
            }
            let kept: HashSet<usize> = best.into_values().map(|(index, _)| index).collect();
            let mut index = 0;
            all.relations.retain(|_| {
                index += 1;
                kept.contains(&(index - 1))
            });
        }
    }
}

/// Whether a list of wanted names has this one, by our name or by the caller's.
fn shows(wanted: Option<&HashSet<String>>, synonyms: &BTreeMap<String, String>, name: &str) -> bool {
    wanted
        .is_none_or(|wanted| wanted.contains(name) || synonyms.get(name).is_some_and(|theirs| wanted.contains(theirs)))
}

/// How sure something of this name has to be, by our name or by the caller's.
fn least(usual: f64, thresholds: &BTreeMap<String, f64>, synonyms: &BTreeMap<String, String>, name: &str) -> f64 {
    let own = thresholds.get(name).or_else(|| thresholds.get(synonyms.get(name)?));
    own.copied().unwrap_or(usual)
}
