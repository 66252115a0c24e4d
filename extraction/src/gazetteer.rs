//! A user's own names: looked for in every text, whatever the models think.
//!
//! Names and texts are compared token by token, so a name is found only as whole words; between words any whitespace
//! is as good as another. All names are looked for at once (Aho-Corasick, leftmost and longest), in time linear in the
//! text.

mod find;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use crate::clusters::Clusters;
use crate::draft::{DraftMention, ReadSentence};
use crate::extraction::Entity;
use crate::extractor::ExtractError;
use crate::tokens::Tokenizer;

/// How sure a listed name is: its user says so, but the word may mean something else here.
pub const GAZETTEER_CONFIDENCE: f64 = 0.99;
/// The longest name, in characters.
const MAX_NAME: usize = 200;
/// The longest id, in characters.
const MAX_ID: usize = 200;
/// Other names of one entry.
const MAX_ALIASES: usize = 50;
/// Characters of all names together for each entry that a list may have.
const CHARS_PER_ENTRY: usize = 50;

/// One thing with its names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GazetteerEntry {
    /// The name it is shown by.
    pub name: String,
    /// One of our entity types, or one of the user's own, in snake_case.
    #[serde(rename = "type")]
    pub entity_type: String,
    /// The user's own identifier for it; comes back in the entity's metadata as `gazetteer_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Other names of the same thing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Whether its names are found only as they are written here. Without it case does not matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub case_sensitive: bool,
}

/// A list of names, made ready for searching the first time it is used. Clones share that work.
#[derive(Clone, Default)]
pub struct Gazetteer(Arc<Inner>);

#[derive(Default)]
struct Inner {
    entries: Vec<GazetteerEntry>,
    matcher: OnceLock<Result<Matcher, String>>,
}

impl Gazetteer {
    /// A list of these. Where two entries share a name, the first is found.
    #[must_use]
    pub fn new(entries: Vec<GazetteerEntry>) -> Self {
        Self(Arc::new(Inner { entries, matcher: OnceLock::new() }))
    }

    /// Its entries, as they were given.
    #[must_use]
    pub fn entries(&self) -> &[GazetteerEntry] {
        &self.0.entries
    }

    /// Characters of all its names: what searching costs in memory goes by.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.entries.iter().flat_map(names).map(|name| name.chars().count()).sum()
    }

    /// What is wrong with a list that may have `most` entries: (path, issue), with paths such as `[3].name`.
    #[must_use]
    pub fn issues(&self, most: usize) -> Vec<(String, String)> {
        let entries = &self.0.entries;
        if entries.len() > most {
            return vec![(String::new(), format!("must have at most {most} entries"))];
        }
        let mut issues: Vec<(String, String)> = entries.iter().enumerate().flat_map(entry_issues).collect();
        if self.size() > most * CHARS_PER_ENTRY {
            let most = most * CHARS_PER_ENTRY;
            issues.push((String::new(), format!("must have at most {most} characters in all names together")));
        }
        issues
    }

    fn matcher(&self) -> Result<&Matcher, ExtractError> {
        let matcher = self.0.matcher.get_or_init(|| Matcher::new(&self.0.entries));
        matcher.as_ref().map_err(|reason| ExtractError::Schema(format!("gazetteer: {reason}")))
    }

    /// Puts the listed names of a text in place of the mentions that they overlap, and says which those are. `reading`
    /// gives the type by which a listed type is read.
    ///
    /// # Errors
    /// [`ExtractError::Schema`] when the list cannot be searched for.
    pub(crate) fn mark(
        &self,
        text: &str,
        sentences: &[ReadSentence],
        mentions: &mut Vec<DraftMention>,
        reading: &dyn Fn(&str) -> String,
    ) -> Result<Marks, ExtractError> {
        let matcher = self.matcher()?;
        let mut found: Vec<(DraftMention, usize)> = Vec::new();
        let mut search = Search::default();
        for (index, sentence) in sentences.iter().enumerate() {
            for (start, end, entry) in search.sentence(matcher, text, sentence) {
                let listed = &self.0.entries[entry];
                let mention = DraftMention {
                    sentence: index,
                    start,
                    end,
                    entity_type: Cow::Owned(reading(&listed.entity_type)),
                    confidence: GAZETTEER_CONFIDENCE,
                    metadata: metadata(listed),
                };
                found.push((mention, entry));
            }
        }
        let taken: BTreeSet<(usize, usize)> =
            found.iter().flat_map(|(m, _)| (m.start..m.end).map(|at| (m.sentence, at))).collect();
        mentions.retain(|m| (m.start..m.end).all(|at| !taken.contains(&(m.sentence, at))));
        let entries = found.iter().map(|(m, entry)| ((m.sentence, m.start), *entry)).collect();
        mentions.extend(found.into_iter().map(|(mention, _)| mention));
        mentions.sort_by_key(|m| (m.sentence, m.start));
        Ok(Marks { entries })
    }

    /// Makes the mentions of each entry one entity, with the names that other mentions of it have in the text.
    pub(crate) fn join(
        &self,
        marks: &Marks,
        text: &str,
        sentences: &[ReadSentence],
        mentions: &mut [DraftMention],
        clusters: &mut Clusters,
        reading: &dyn Fn(&str) -> String,
    ) {
        let entry_of: Vec<Option<usize>> =
            mentions.iter().map(|m| marks.entries.get(&(m.sentence, m.start)).copied()).collect();
        // The entries that each entity of the text has mentions of.
        let mut listed: HashMap<usize, BTreeSet<usize>> = HashMap::new();
        for (mention, entry) in entry_of.iter().enumerate() {
            listed.entry(clusters.entity_of[mention]).or_default().extend(entry);
        }
        let group = |mention: usize| match entry_of[mention] {
            Some(entry) => (Some(entry), 0),
            // What the text itself takes for the same thing belongs to the entry, unless two of them claim it.
            None => match listed.get(&clusters.entity_of[mention]).map(|l| (l.len(), l.first())) {
                Some((1, Some(entry))) => (Some(*entry), 0),
                _ => (None, clusters.entity_of[mention]),
            },
        };
        let groups: Vec<(Option<usize>, usize)> = (0..mentions.len()).map(group).collect();
        let mut places: HashMap<(Option<usize>, usize), usize> = HashMap::new();
        let mut old = Vec::new();
        let mut entities: Vec<Entity> = Vec::new();
        let mut entity_of = Vec::with_capacity(mentions.len());
        for (index, mention) in mentions.iter_mut().enumerate() {
            let before = clusters.entity_of[index];
            let place = *places.entry(groups[index]).or_insert_with(|| {
                let entity = match groups[index].0 {
                    Some(entry) => self.entity(entry, reading),
                    None => clusters.entities[before].clone(),
                };
                entities.push(entity);
                old.push(before);
                entities.len() - 1
            });
            if groups[index].0.is_some() {
                let entity = &mut entities[place];
                mention.entity_type = Cow::Owned(entity.entity_type.clone());
                entity.confidence = entity.confidence.max(mention.confidence);
                let written = sentences[mention.sentence].text(text, mention.start, mention.end);
                let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
                if written != entity.name && !entity.aliases.contains(&written) {
                    entity.aliases.push(written);
                }
            }
            entity_of.push(place);
        }
        clusters.replace(entities, entity_of, &old);
    }

    fn entity(&self, entry: usize, reading: &dyn Fn(&str) -> String) -> Entity {
        let listed = &self.0.entries[entry];
        Entity {
            name: listed.name.split_whitespace().collect::<Vec<_>>().join(" "),
            entity_type: reading(&listed.entity_type),
            aliases: Vec::new(),
            confidence: 0.0,
            metadata: metadata(listed),
        }
    }
}

/// Which mentions are listed names, by sentence and first token.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    entries: HashMap<(usize, usize), usize>,
}

fn metadata(entry: &GazetteerEntry) -> Map<String, Value> {
    let name = ("gazetteer_name".to_owned(), Value::from(entry.name.as_str()));
    let id = entry.id.as_ref().map(|id| ("gazetteer_id".to_owned(), Value::from(id.as_str())));
    id.into_iter().chain([name]).collect()
}

fn names(entry: &GazetteerEntry) -> impl Iterator<Item = &str> {
    std::iter::once(entry.name.as_str()).chain(entry.aliases.iter().map(String::as_str))
}

fn entry_issues((index, entry): (usize, &GazetteerEntry)) -> Vec<(String, String)> {
    let mut issues = Vec::new();
    let fits = |name: &str| {
        name.chars().count() <= MAX_NAME && name.contains(char::is_alphanumeric) && !name.contains(char::is_control)
    };
    let issue = || format!("must have a letter or digit, no control characters, and at most {MAX_NAME} characters");
    if !fits(&entry.name) {
        issues.push((format!("[{index}].name"), issue()));
    }
    if let Some(at) = entry.aliases.iter().position(|alias| !fits(alias)) {
        issues.push((format!("[{index}].aliases[{at}]"), issue()));
    }
    if entry.aliases.len() > MAX_ALIASES {
        issues.push((format!("[{index}].aliases"), format!("must have at most {MAX_ALIASES} items")));
    }
    if !crate::schema::is_type_name(&entry.entity_type) {
        issues.push((format!("[{index}].type"), crate::schema::TYPE_NAME_ISSUE.to_owned()));
    }
    if entry.id.as_ref().is_some_and(|id| id.is_empty() || id.chars().count() > MAX_ID || id.contains('\0')) {
        issues.push((format!("[{index}].id"), format!("must have 1 to {MAX_ID} characters")));
    }
    issues
}

/// The automata over all names.
struct Matcher {
    any_case: Option<Automaton>,
    exact: Option<Automaton>,
}

struct Automaton {
    names: AhoCorasick,
    /// The entry of each name.
    entries: Vec<usize>,
}

impl Matcher {
    fn new(entries: &[GazetteerEntry]) -> Result<Self, String> {
        Ok(Self { any_case: Automaton::new(entries, false)?, exact: Automaton::new(entries, true)? })
    }
}

impl Automaton {
    /// The names of the entries that mind case, or of those that do not; none if there are none.
    fn new(entries: &[GazetteerEntry], exact: bool) -> Result<Option<Self>, String> {
        let listed = entries.iter().enumerate().filter(|(_, entry)| entry.case_sensitive == exact);
        let (mut patterns, mut owners) = (Vec::new(), Vec::new());
        for (index, name) in listed.flat_map(|(index, entry)| names(entry).map(move |name| (index, name))) {
            let pattern = pattern(name, exact);
            if !pattern.is_empty() {
                patterns.push(pattern);
                owners.push(index);
            }
        }
        if patterns.is_empty() {
            return Ok(None);
        }
        // The kind that is small and quick to build: a list is used for few texts at a time.
        let names = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&patterns)
            .map_err(|error| error.to_string())?;
        Ok(Some(Self { names, entries: owners }))
    }
}

/// The tokens of a name as [`Search`] writes those of a text, without a full stop at the end.
fn pattern(name: &str, exact: bool) -> String {
    let mut tokens: Vec<&str> = Tokenizer::new(name).map(|token| token.text(name)).collect();
    while tokens.last().is_some_and(|last| *last == ".") {
        tokens.pop();
    }
    let mut pattern = String::new();
    for token in tokens {
        write(token, exact, &mut pattern);
    }
    pattern
}

/// Appends a token between marks that stand nowhere else, so that what matches are whole tokens.
fn write(token: &str, exact: bool, stream: &mut String) {
    let bare = match token.strip_suffix('.') {
        Some(bare) if !bare.is_empty() => bare,
        _ => token,
    };
    stream.push('\u{1}');
    let plain = |c: char| match c {
        '’' | 'ʼ' => '\'',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    if bare.is_ascii() {
        stream.extend(bare.chars().map(|c| plain(if exact { c } else { c.to_ascii_lowercase() })));
    } else if exact {
        stream.extend(bare.nfkc().map(plain));
    } else {
        stream.extend(bare.nfkc().flat_map(char::to_lowercase).map(plain));
    }
    stream.push('\u{2}');
}

/// Memory that is used again for each sentence.
#[derive(Default)]
struct Search {
    stream: String,
    /// Where each token begins and ends in the stream.
    places: Vec<(usize, usize)>,
}

impl Search {
    /// (first token, first token after it, entry) of each listed name, in order, not overlapping.
    fn sentence(&mut self, matcher: &Matcher, text: &str, sentence: &ReadSentence) -> Vec<(usize, usize, usize)> {
        let mut found = Vec::new();
        for (exact, automaton) in [(true, &matcher.exact), (false, &matcher.any_case)] {
            let Some(automaton) = automaton else { continue };
            self.stream.clear();
            self.places.clear();
            for token in &sentence.tokens {
                let start = self.stream.len();
                write(token.text(text), exact, &mut self.stream);
                self.places.push((start, self.stream.len()));
            }
            for name in automaton.names.find_iter(&self.stream) {
                let start = self.places.binary_search_by_key(&name.start(), |place| place.0);
                let end = self.places.binary_search_by_key(&name.end(), |place| place.1);
                if let (Ok(start), Ok(last)) = (start, end) {
                    found.push((start, last + 1, automaton.entries[name.pattern().as_usize()]));
                }
            }
        }
        // Leftmost, then longest; of the same span the one that minds case, which was found first.
        found.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
        let mut next = 0;
        found.retain(|(start, end, _)| {
            let free = *start >= next;
            if free {
                next = *end;
            }
            free
        });
        found
    }
}

impl std::fmt::Debug for Gazetteer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Gazetteer").field(&self.0.entries).finish()
    }
}

impl PartialEq for Gazetteer {
    fn eq(&self, other: &Self) -> bool {
        self.0.entries == other.0.entries
    }
}

impl Serialize for Gazetteer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.entries.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Gazetteer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests;
