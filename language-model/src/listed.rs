//! The caller's own names: they are found whatever the model thinks, and stand over what it finds in the same words.

use std::collections::HashMap;

use kgl_extraction::{ExtractError, ExtractOptions, Span, name_key};
use serde_json::{Map, Value};

use crate::schema::AnswerSchema;

/// Something that is listed and that the text names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ListedEntity {
    pub(crate) name: String,
    pub(crate) entity_type: String,
    pub(crate) metadata: Map<String, Value>,
    pub(crate) places: Vec<Span>,
}

/// What is listed and named, and by which names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Listed {
    pub(crate) entities: Vec<ListedEntity>,
    by_key: HashMap<String, usize>,
}

impl Listed {
    /// Looks for the listed names of a text, of the types that are wanted.
    pub(crate) fn find(text: &str, options: &ExtractOptions, schema: &AnswerSchema) -> Result<Self, ExtractError> {
        let mut listed = Self::default();
        let Some(gazetteer) = &options.gazetteer else { return Ok(listed) };
        let mut numbers: HashMap<usize, usize> = HashMap::new();
        for (span, at) in gazetteer.find(text)? {
            let entry = &gazetteer.entries()[at];
            if options.entity_types.is_some() && !schema.allows_entity(&entry.entity_type) {
                continue;
            }
            let next = listed.entities.len();
            let number = *numbers.entry(at).or_insert(next);
            if number == next {
                listed.entities.push(ListedEntity {
                    name: entry.name.split_whitespace().collect::<Vec<_>>().join(" "),
                    entity_type: schema.our_entity_type(&entry.entity_type).to_owned(),
                    metadata: entry.metadata(),
                    places: Vec::new(),
                });
                for name in std::iter::once(&entry.name).chain(&entry.aliases) {
                    // Where two entries share a name, the first is found.
                    listed.by_key.entry(name_key(name)).or_insert(number);
                }
            }
            listed.entities[number].places.push(span);
        }
        Ok(listed)
    }

    /// The listed entity of that name, by the name's key.
    pub(crate) fn named(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }
}
