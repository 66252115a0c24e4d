//! What the caller wants to see.

use std::collections::HashSet;

use crate::extraction::{Extraction, Relation};
use crate::extractor::{ExtractError, ExtractOptions};

/// The caller's wishes, ready to ask.
pub(crate) struct Wanted {
    types: Option<HashSet<String>>,
    relations: Option<HashSet<String>>,
    least: f64,
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
        if !(0.0..=1.0).contains(&least) {
            return Err(ExtractError::Threshold(least));
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
        Ok(Self { types: set(&options.entity_types), relations: set(&options.relationship_types), least })
    }

    /// Takes out what is not wanted. The options only filter: what they leave is the same as
    /// without them.
    pub(crate) fn filter(&self, all: &mut Extraction) {
        let shows = |set: &Option<HashSet<String>>, name: &str| set.as_ref().is_none_or(|set| set.contains(name));
        let mut mention_now = vec![None; all.mentions.len()];
        let mut entity_now = vec![None; all.entities.len()];
        let mut mentions = Vec::new();
        let mut entities = Vec::new();
        for (index, mut mention) in std::mem::take(&mut all.mentions).into_iter().enumerate() {
            let entity = &all.entities[mention.entity];
            if mention.confidence >= self.least && shows(&self.types, &entity.entity_type) {
                mention.entity = *entity_now[mention.entity].get_or_insert_with(|| {
                    entities.push(entity.clone());
                    entities.len() - 1
                });
                mention_now[index] = Some(mentions.len());
                mentions.push(mention);
            }
        }
        all.relations = std::mem::take(&mut all.relations)
            .into_iter()
            .filter(|relation| relation.confidence >= self.least && shows(&self.relations, &relation.relation_type))
            .filter_map(|relation| {
                Some(Relation {
                    head: entity_now[relation.head]?,
                    tail: entity_now[relation.tail]?,
                    head_mention: mention_now[relation.head_mention]?,
                    tail_mention: mention_now[relation.tail_mention]?,
                    ..relation
                })
            })
            .collect();
        (all.mentions, all.entities) = (mentions, entities);
    }
}
