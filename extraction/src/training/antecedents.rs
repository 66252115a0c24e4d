//! How often pronouns are led right, by KnowledgeNet's facts about pronouns whose bearer is named in the same document.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

use super::TrainError;
use super::measure::{Count, Table};
use crate::antecedents;
use crate::clusters::Clusters;
use crate::draft::{Anaphor, DraftMention, ReadSentence};
use crate::extractor::Unwatched;
use crate::names;
use crate::sentences;
use crate::tier::{Progress, Tier};

#[derive(Deserialize)]
struct Fact {
    doc: String,
    passage: String,
    text: String,
    s: (usize, usize),
    o: (usize, usize),
    qs: Option<String>,
    qo: Option<String>,
}

/// A document put together from its passages, with what is known of whom its words name.
#[derive(Default)]
struct Document {
    text: String,
    /// Byte ranges and the Wikidata item that they stand for.
    named: Vec<(Range<usize>, String)>,
}

fn documents(lines: &str) -> Option<Vec<Document>> {
    let mut passages: BTreeMap<String, BTreeMap<usize, Vec<Fact>>> = BTreeMap::new();
    for line in lines.lines() {
        let fact: Fact = serde_json::from_str(line).ok()?;
        let number = fact.passage.parse().ok()?;
        passages.entry(fact.doc.clone()).or_default().entry(number).or_default().push(fact);
    }
    let mut documents = Vec::new();
    for passages in passages.values() {
        let mut document = Document::default();
        for facts in passages.values() {
            let text = &facts[0].text;
            let base = document.text.len();
            document.text.push_str(text);
            document.text.push(' ');
            let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            for (span, item) in facts.iter().flat_map(|f| [(f.s, &f.qs), (f.o, &f.qo)]) {
                if let (Some(&start), Some(&end), Some(item)) = (offsets.get(span.0), offsets.get(span.1), item) {
                    let place = base + start..base + end;
                    if !document.named.iter().any(|(known, _)| *known == place) {
                        document.named.push((place, item.clone()));
                    }
                }
            }
        }
        documents.push(document);
    }
    Some(documents)
}

/// A document as the extractor reads it, up to its anaphors.
struct Read {
    sentences: Vec<ReadSentence>,
    mentions: Vec<DraftMention>,
    clusters: Clusters,
    anaphors: Vec<Anaphor>,
}

fn read(text: &str, tier: &dyn Tier) -> Option<Read> {
    let sentences: Vec<ReadSentence> =
        sentences::split(text).into_iter().map(|place| ReadSentence::new(text, place)).collect();
    let mut progress = Progress::new(&Unwatched, sentences.len());
    let tagged = tier.begin(text, &sentences).names(&mut progress).ok()?;
    let mut mentions = Vec::new();
    let mut tagged = tagged.into_iter().peekable();
    for (index, sentence) in sentences.iter().enumerate() {
        let here = std::iter::from_fn(|| tagged.next_if(|name| name.sentence == index));
        names::settle(text, index, sentence, here, &mut mentions);
    }
    let clusters = Clusters::gather(text, &sentences, &mut mentions);
    let anaphors = antecedents::lead(text, &sentences, &mentions, &clusters, &progress).ok()?;
    Some(Read { sentences, mentions, clusters, anaphors })
}

/// Reports, by word and by the way it was led, how often pronouns are led to what they stand for.
pub(crate) fn measure(lines: &str, tier: &dyn Tier, report: &mut dyn FnMut(String)) -> Result<(), TrainError> {
    let documents = documents(lines).ok_or_else(|| TrainError::Data("KnowledgeNet".into()))?;
    let (mut by_word, mut by_way) = (Table::default(), Table::default());
    for document in &documents {
        let Some(read) = read(&document.text, tier) else { continue };
        let bytes = |sentence: usize, start: usize, end: usize| {
            let tokens = &read.sentences[sentence].tokens;
            tokens[start].start as usize..tokens[end - 1].end as usize
        };
        for (place, item) in &document.named {
            let word = document.text[place.clone()].to_lowercase();
            if !is_pointer(&word) {
                continue;
            }
            let names = || {
                let same = document.named.iter().filter(|(_, other)| other == item);
                same.filter(|(place, _)| !is_pointer(&document.text[place.clone()].to_lowercase()))
                    .map(|(place, _)| place)
            };
            if names().next().is_none() {
                continue;
            }
            let led = read.anaphors.iter().find(|a| bytes(a.sentence, a.start, a.end) == *place);
            let right = led.is_some_and(|led| {
                let entity = read.clusters.entity_of[led.antecedent];
                read.mentions.iter().zip(&read.clusters.entity_of).any(|(m, &of)| {
                    let here = bytes(m.sentence, m.start, m.end);
                    of == entity && names().any(|name| name.start < here.end && here.start < name.end)
                })
            });
            let count = |count: &mut Count| match (led.is_some(), right) {
                (true, true) => count.right += 1,
                (true, false) => count.wrong += 1,
                (false, _) => {}
            };
            count(by_word.at(&word));
            by_word.at(&word).missed += usize::from(!right);
            if let Some(led) = led {
                count(by_way.at(&format!("{:?} {}", led.way, class(&word))));
            }
        }
    }
    for (what, table) in [("word", &by_word), ("way", &by_way)] {
        report(format!("antecedents in KnowledgeNet by {what}:"));
        table.lines().into_iter().for_each(&mut *report);
    }
    Ok(())
}

fn class(word: &str) -> &'static str {
    match word {
        "he" | "him" | "his" | "she" | "her" => "person",
        "it" | "its" => "thing",
        "who" | "whose" | "which" => "relative",
        _ => "noun",
    }
}

fn is_pointer(word: &str) -> bool {
    class(word) != "noun"
}
