//! For tests: texts with their names marked.

use std::borrow::Cow;

use serde_json::Map;

use crate::clusters::Clusters;
use crate::draft::{DraftMention, ReadSentence};
use crate::sentences;

/// A text whose names are written `[Ada Nilsson|person]`, or with how sure they are `[Ada Nilsson|person|0.5]`, read up to its entities.
pub(crate) struct Marked {
    pub(crate) text: String,
    pub(crate) sentences: Vec<ReadSentence>,
    pub(crate) mentions: Vec<DraftMention>,
    pub(crate) clusters: Clusters,
}

impl Marked {
    pub(crate) fn read(marked: &str) -> Self {
        let mut text = String::new();
        let mut names: Vec<(usize, usize, String)> = Vec::new();
        for (index, part) in marked.split(['[', ']']).enumerate() {
            let (name, entity_type) = part.split_once('|').unwrap_or((part, ""));
            if index % 2 == 1 {
                names.push((text.len(), text.len() + name.len(), entity_type.to_owned()));
            }
            text.push_str(name);
        }
        let places = sentences::split(&text);
        let sentences: Vec<ReadSentence> = places.into_iter().map(|place| ReadSentence::new(&text, place)).collect();
        let mut mentions = Vec::new();
        for (index, sentence) in sentences.iter().enumerate() {
            for (start, end, entity_type) in &names {
                let first = sentence.tokens.iter().position(|t| t.start as usize == *start);
                let last = sentence.tokens.iter().position(|t| t.end as usize == *end);
                if let (Some(start), Some(last)) = (first, last) {
                    mentions.push(DraftMention {
                        sentence: index,
                        start,
                        end: last + 1,
                        entity_type: Cow::Owned(entity_type.split('|').next().unwrap_or_default().to_owned()),
                        confidence: entity_type
                            .split_once('|')
                            .map_or(0.9, |(_, sure)| sure.parse().expect("a number")),
                        metadata: Map::new(),
                    });
                }
            }
        }
        let clusters = Clusters::gather(&text, &sentences, &mut mentions);
        Self { text, sentences, mentions, clusters }
    }
}
