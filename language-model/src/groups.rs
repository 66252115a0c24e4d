//! Which claims of which passages are of one entity.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kgl_extraction::{Entity, GAZETTEER_CONFIDENCE, Span};

use crate::{
    claims::{Checked, CheckedEntity},
    listed::{Listed, ListedEntity},
};

/// An entity of the whole text.
#[derive(Default)]
pub(crate) struct Group<'a> {
    /// The type with the most confidence behind it, passage by passage.
    votes: BTreeMap<String, f64>,
    /// Forms of its name by key, with how they stand in the text.
    forms: BTreeMap<String, String>,
    /// The fullest of the main forms.
    name: String,
    /// Where the model's names for it stand.
    pub(crate) places: BTreeSet<Span>,
    pub(crate) confidence: f64,
    /// Which of the caller's own it is.
    pub(crate) listed: Option<&'a ListedEntity>,
}

impl Group<'_> {
    fn add(&mut self, entity: &CheckedEntity, shared: impl Fn(&str) -> bool) {
        *self.votes.entry(entity.entity_type.clone()).or_default() += entity.confidence;
        self.confidence = self.confidence.max(entity.confidence);
        if entity.forms[0].text.chars().count() > self.name.chars().count() {
            self.name.clone_from(&entity.forms[0].text);
        }
        for (at, form) in entity.forms.iter().enumerate() {
            // Two that are called the same besides: nobody knows which of them is meant.
            if at == 0 || !shared(&form.key) {
                self.forms.entry(form.key.clone()).or_insert_with(|| form.text.clone());
                self.places.extend(&form.places);
            }
        }
    }
}

impl From<&Group<'_>> for Entity {
    fn from(group: &Group<'_>) -> Self {
        let mut votes: Vec<(&String, &f64)> = group.votes.iter().collect();
        votes.sort_by(|(a, one), (b, two)| two.total_cmp(one).then(a.cmp(b)));
        let voted = votes.first().map_or_else(String::new, |(name, _)| (*name).clone());
        let listed = group.listed;
        let name = listed.map_or(&group.name, |listed| &listed.name).clone();
        Entity {
            aliases: group.forms.values().filter(|form| **form != name).cloned().collect(),
            name,
            entity_type: listed.map_or(voted, |listed| listed.entity_type.clone()),
            confidence: group.confidence,
            metadata: listed.map(|listed| listed.metadata.clone()).unwrap_or_default(),
        }
    }
}

/// Names that are being joined; the first stand for those that the model gives, the last for those that are listed.
struct Joined {
    to: Vec<usize>,
    listed: Vec<Option<usize>>,
}

impl Joined {
    fn new(named: usize, listed: usize) -> Self {
        let numbers = std::iter::repeat_n(None, named).chain((0..listed).map(Some));
        Self { to: (0..named + listed).collect(), listed: numbers.collect() }
    }

    fn root(&self, mut at: usize) -> usize {
        while self.to[at] != at {
            at = self.to[at];
        }
        at
    }

    /// Makes two one, unless both are listed: then they are two, whatever the model thinks.
    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if a != b && (self.listed[a].is_none() || self.listed[b].is_none()) {
            let (first, last) = (a.min(b), a.max(b));
            self.listed[first] = self.listed[a].or(self.listed[b]);
            self.to[last] = first;
        }
    }
}

/// Puts together those with the same name, and those whose name is an alias that nobody else of the text bears; what is
/// listed takes in those that bear one of its names. Answers the groups and, for each passage's entities, their group.
pub(crate) fn group<'a>(passages: &[Checked], listed: &'a Listed) -> (Vec<Group<'a>>, Vec<Vec<usize>>) {
    let entities = || passages.iter().flat_map(|passage| &passage.entities);
    let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
    for entity in entities() {
        let next = by_name.len();
        by_name.entry(&entity.forms[0].key).or_insert(next);
    }
    let place = |entity: &CheckedEntity| by_name[entity.forms[0].key.as_str()];
    let mut joined = Joined::new(by_name.len(), listed.entities.len());
    for (key, at) in &by_name {
        if let Some(number) = listed.named(key) {
            joined.join(*at, by_name.len() + number);
        }
    }
    // Who is said to be called so, besides those whose main name it is.
    let mut bearers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for entity in entities() {
        for form in &entity.forms[1..] {
            bearers.entry(&form.key).or_default().insert(place(entity));
        }
    }
    for (alias, bearers) in &bearers {
        if let (Some(short), [full]) = (by_name.get(alias), bearers.iter().copied().collect::<Vec<_>>().as_slice()) {
            joined.join(*short, *full);
        }
    }
    let shared = |key: &str| {
        let bearers = bearers.get(key).into_iter().flatten();
        bearers.map(|bearer| joined.root(*bearer)).collect::<BTreeSet<_>>().len() > 1
    };
    let mut numbers: HashMap<usize, usize> = HashMap::new();
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut number_of = |at: usize, groups: &mut Vec<Group<'a>>| {
        *numbers.entry(joined.root(at)).or_insert_with(|| {
            groups.push(Group::default());
            groups.len() - 1
        })
    };
    let mut group_of = Vec::new();
    for passage in passages {
        let of = passage.entities.iter().map(|entity| {
            let number = number_of(place(entity), &mut groups);
            groups[number].add(entity, shared);
            number
        });
        group_of.push(of.collect());
    }
    for (number, entity) in listed.entities.iter().enumerate() {
        let at = number_of(by_name.len() + number, &mut groups);
        groups[at].listed = Some(entity);
        groups[at].confidence = groups[at].confidence.max(GAZETTEER_CONFIDENCE);
    }
    (groups, group_of)
}
