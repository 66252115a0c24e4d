//! Leads pronouns and noun phrases to the names that they stand for, or to nothing where that is not safe: a fact about
//! the wrong person is worse than none.
//!
//! In reading order, so that what was led counts as a naming for what comes after it ("She ... She ..."). The nearest
//! sentence that names somebody fitting decides; where it names several, the one that leads it (Grosz, Joshi and
//! Weinstein 1995: what stays in the centre is taken up by pronouns, and the subject is the likeliest centre).

use std::collections::BTreeMap;

use crate::anaphora::{self, Case, Kind, Pointer};
use crate::clusters::Clusters;
use crate::draft::{Anaphor, DraftMention, ReadSentence, mentions_in};
use crate::extractor::ExtractError;
use crate::gender::Gender;
use crate::tier::Progress;
use crate::words::Words;

/// How many sentences back a name may stand.
const REACH: usize = 3;

/// By which way an anaphor was led, which is how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// The only one that fits in the sentence itself.
    SameOnly,
    /// The one right before, of several in the sentence itself ("X and his wife").
    Beside,
    /// The leading one of several in the sentence itself.
    SameLeading,
    /// The only one that fits in the sentence before.
    BeforeOnly,
    /// The leading one of several there.
    BeforeLeading,
    /// As those, further back in the paragraph.
    Further,
    /// The only one that fits of all the text so far.
    TextOnly,
    /// A name that comes after ("Before she moved, Curie ...").
    After,
    /// What "who" follows.
    Relative,
}

/// The anaphors of a text that are safe to lead, in reading order.
///
/// # Errors
/// [`ExtractError::Cancelled`] when `progress` says so.
pub(crate) fn lead(
    text: &str,
    sentences: &[ReadSentence],
    mentions: &[DraftMention],
    clusters: &Clusters,
    progress: &Progress<'_>,
) -> Result<Vec<Anaphor>, ExtractError> {
    let pointers: Vec<Vec<Pointer>> = sentences.iter().map(|s| anaphora::find(&s.words)).collect();
    if pointers.iter().all(Vec::is_empty) {
        return Ok(Vec::new());
    }
    let genders = genders(sentences, mentions, clusters, &pointers);
    let seen = Seen { times: vec![0; clusters.entities.len()], ..Seen::default() };
    let mut leader = Leader { text, sentences, mentions, clusters, genders, named: Vec::new(), seen, led: Vec::new() };
    for (index, pointers) in pointers.iter().enumerate() {
        leader.sentence(index, pointers);
        progress.check()?;
    }
    Ok(leader.led)
}

/// A place where an entity is named, or was led to.
#[derive(Clone, Copy, Debug)]
struct Naming {
    /// Tokens of its sentence.
    start: usize,
    end: usize,
    who: Who,
}

/// Whom a naming names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Named {
        mention: usize,
        entity: usize,
    },
    /// What a pointer of this kind stands for that could not be led: somebody, and not to be passed over.
    Unknown(Kind),
}

impl Naming {
    fn is_same(&self, other: &Naming) -> bool {
        match (self.who, other.who) {
            (Who::Named { entity, .. }, Who::Named { entity: same, .. }) => entity == same,
            (one, two) => one == two,
        }
    }
}

/// What was named so far, in bounded room.
#[derive(Default)]
struct Seen<'a> {
    /// How often each entity was named or led to.
    times: Vec<usize>,
    /// Those named most, with the last mention of each.
    topics: Vec<(usize, usize)>,
    /// The first ones of each type, with the last mention of each: one more than [`MAX_KNOWN`] says that there are many.
    by_type: BTreeMap<&'a str, Vec<(usize, usize)>>,
}

/// Of how many entities of a type the only one that fits is looked for.
const MAX_KNOWN: usize = 8;

/// How many of the most named entities are kept in mind.
const MAX_TOPICS: usize = 4;

/// One that is named so many times as often as another overshadows it.
const OVERSHADOWS: usize = 4;

impl<'a> Seen<'a> {
    fn note(&mut self, entity: usize, mention: usize, entity_type: &'a str) {
        self.times[entity] += 1;
        let known = self.by_type.entry(entity_type).or_default();
        match known.iter().position(|(other, _)| *other == entity) {
            Some(at) => known[at].1 = mention,
            None if known.len() <= MAX_KNOWN => known.push((entity, mention)),
            None => {}
        }
        match self.topics.iter_mut().find(|(other, _)| *other == entity) {
            Some(topic) => topic.1 = mention,
            None => {
                self.topics.push((entity, mention));
                if self.topics.len() > MAX_TOPICS {
                    let least = self.topics.iter().enumerate().min_by_key(|(_, (topic, _))| self.times[*topic]);
                    if let Some((at, _)) = least {
                        self.topics.remove(at);
                    }
                }
            }
        }
    }
}

struct Leader<'a> {
    text: &'a str,
    sentences: &'a [ReadSentence],
    mentions: &'a [DraftMention],
    clusters: &'a Clusters,
    genders: Vec<Option<Gender>>,
    /// The namings of each sentence so far, in order.
    named: Vec<Vec<Naming>>,
    seen: Seen<'a>,
    led: Vec<Anaphor>,
}

impl<'a> Leader<'a> {
    fn sentence(&mut self, index: usize, pointers: &[Pointer]) {
        let naming = |mention: usize| Naming {
            start: self.mentions[mention].start,
            end: self.mentions[mention].end,
            who: Who::Named { mention, entity: self.clusters.entity_of[mention] },
        };
        self.named.push(mentions_in(self.mentions, index).map(naming).collect());
        // What a sentence names counts for the next ones.
        let mentions: &'a [DraftMention] = self.mentions;
        let note = |seen: &mut Seen<'a>, naming: &Naming| {
            if let Who::Named { mention, entity } = naming.who {
                seen.note(entity, mention, &mentions[mention].entity_type);
            }
        };
        for pointer in pointers {
            let here = &self.named[index];
            if here.iter().any(|n| n.start < pointer.end && pointer.start < n.end) {
                continue;
            }
            let led = self.antecedent(index, pointer);
            if let Some((mention, _, way)) = led {
                self.led.push(Anaphor {
                    sentence: index,
                    start: pointer.start,
                    end: pointer.end,
                    antecedent: mention,
                    entity_type: self.mentions[mention].entity_type.clone(),
                    confidence: confidence(pointer.kind, way),
                    way,
                });
            }
            if pointer.kind != Kind::Relative {
                let unknown = Who::Unknown(pointer.kind);
                let who = led.map_or(unknown, |(mention, entity, _)| Who::Named { mention, entity });
                let at = self.named[index].partition_point(|n| n.start < pointer.start);
                self.named[index].insert(at, Naming { start: pointer.start, end: pointer.end, who });
            }
        }
        for naming in &self.named[index] {
            note(&mut self.seen, naming);
        }
    }

    /// The mention that a pointer stands for, its entity, and the way there.
    fn antecedent(&self, index: usize, pointer: &Pointer) -> Option<(usize, usize, Way)> {
        let (naming, way) = self.nearest(index, pointer)?;
        match naming.who {
            Who::Named { mention, entity } => Some((mention, entity, way)),
            Who::Unknown(_) => None,
        }
    }

    fn nearest(&self, index: usize, pointer: &Pointer) -> Option<(Naming, Way)> {
        if pointer.kind == Kind::Relative {
            return self.right_before(index, pointer).map(|naming| (naming, Way::Relative));
        }
        let mut here = self.fitting(index, pointer, pointer.start);
        match pointer.case {
            // "Ada saw her" is about somebody else than Ada.
            Case::Object => {
                let subject = here.first().copied();
                here.retain(|n| subject.is_some_and(|subject| !n.is_same(&subject)));
            }
            // "A student of Wiles, he went": Wiles is not who went.
            Case::Subject => here.retain(|n| !is_governed(&self.sentences[index].words, n.start)),
            // "Ada met Bob and his wife".
            Case::Possessive => {
                if let Some(beside) = here.last().filter(|n| self.stands_beside(index, n, pointer)) {
                    return Some((*beside, Way::Beside));
                }
            }
        }
        match self.choose(index, &here) {
            Some((naming, true)) => return Some((naming, Way::SameOnly)),
            // Whose "his" is in a sentence of several men is a matter of luck.
            Some((naming, false)) if pointer.case == Case::Subject || self.are_asides(&here, &naming) => {
                return Some((naming, Way::SameLeading));
            }
            _ if here.is_empty() => {}
            _ => return None,
        }
        for back in 1..=REACH.min(index) {
            if back > 1 && self.begins_paragraph(index + 1 - back) {
                break;
            }
            let mut there = self.fitting(index - back, pointer, usize::MAX);
            if pointer.kind == Kind::Thing {
                // "It was sold to Siemens. It ..." goes on with what was sold.
                there.retain(|n| !is_governed(&self.sentences[index - back].words, n.start));
            }
            match self.choose(index - back, &there) {
                Some((naming, _)) if self.is_overshadowed(&naming, pointer) => return None,
                Some((naming, true)) if back == 1 => return Some((naming, Way::BeforeOnly)),
                Some((naming, false)) if back == 1 => return Some((naming, Way::BeforeLeading)),
                Some((naming, _)) => return Some((naming, Way::Further)),
                None if there.is_empty() => {}
                None => return None,
            }
        }
        self.only_of_text(pointer).map(|naming| (naming, Way::TextOnly)).or_else(|| self.after(index, pointer))
    }

    /// The namings of a sentence before token `until` that the pointer can stand for.
    fn fitting(&self, index: usize, pointer: &Pointer, until: usize) -> Vec<Naming> {
        self.named[index].iter().filter(|n| n.end <= until && self.fits(pointer.kind, n)).copied().collect()
    }

    fn fits(&self, kind: Kind, naming: &Naming) -> bool {
        let (mention, entity) = match naming.who {
            Who::Named { mention, entity } => (mention, entity),
            Who::Unknown(other) => return may_be_same(kind, other),
        };
        let entity_type = &*self.mentions[mention].entity_type;
        let bears = |wanted: Gender| self.genders[entity].is_none_or(|known| known == wanted);
        match kind {
            Kind::Person(gender) => entity_type == "person" && bears(gender),
            Kind::Thing => !matches!(entity_type, "person" | "date" | "money" | "percent" | "event" | "concept"),
            Kind::Noun(noun) => {
                let name = || self.clusters.entities[entity].name.to_lowercase();
                entity_type == noun.entity_type && noun.gender.is_none_or(bears) && noun.suits(&name())
            }
            Kind::Relative => !matches!(entity_type, "date" | "money" | "percent"),
        }
    }

    /// The only entity that is named, or the one that leads the sentence; and whether it is the only one.
    fn choose(&self, index: usize, namings: &[Naming]) -> Option<(Naming, bool)> {
        let last = namings.last()?;
        if namings.iter().all(|n| n.is_same(last)) {
            return Some((*last, true));
        }
        let leading = namings.iter().find(|n| !is_governed(&self.sentences[index].words, n.start))?;
        let is_first = self.named[index].iter().all(|n| n.start >= leading.start || self.is_aside(n));
        is_first.then_some((*leading, false))
    }

    /// Whether a name seldom is what its sentence is about: a value or a place.
    fn is_aside(&self, naming: &Naming) -> bool {
        let aside =
            |mention: usize| matches!(&*self.mentions[mention].entity_type, "date" | "money" | "percent" | "location");
        matches!(naming.who, Who::Named { mention, .. } if aside(mention))
    }

    fn are_asides(&self, namings: &[Naming], but: &Naming) -> bool {
        namings.iter().all(|n| n.is_same(but) || self.is_aside(n))
    }

    /// Whether only "and" or a comma stands between a name and the pointer.
    fn stands_beside(&self, index: usize, naming: &Naming, pointer: &Pointer) -> bool {
        let words = &self.sentences[index].words;
        naming.end + 1 == pointer.start && matches!(words.lower(naming.end), "and" | ",")
    }

    /// Whether the text is so much about another one who fits that a pronoun may well stand for that one again.
    fn is_overshadowed(&self, naming: &Naming, pointer: &Pointer) -> bool {
        let Who::Named { entity, .. } = naming.who else { return false };
        let least = (OVERSHADOWS * self.seen.times[entity]).max(OVERSHADOWS);
        let mut topics = self.seen.topics.iter().filter(|(other, _)| *other != entity);
        topics.any(|&(other, mention)| {
            let who = Who::Named { mention, entity: other };
            self.seen.times[other] >= least && self.fits(pointer.kind, &Naming { who, ..*naming })
        })
    }

    /// The name that a relative pronoun follows, with a comma between or not.
    fn right_before(&self, index: usize, pointer: &Pointer) -> Option<Naming> {
        let comma = pointer.start > 0 && self.sentences[index].words.lower(pointer.start - 1) == ",";
        let end = pointer.start - usize::from(comma);
        let person = self.sentences[index].words.lower(pointer.start) == "who";
        let is_person =
            |n: &Naming| matches!(n.who, Who::Named { mention, .. } if self.mentions[mention].entity_type == "person");
        let fits = |n: &&Naming| n.end == end && self.fits(pointer.kind, n) && (is_person(n) || !person);
        self.named[index].iter().find(fits).copied()
    }

    /// The only entity of all the text before that the pointer can stand for.
    fn only_of_text(&self, pointer: &Pointer) -> Option<Naming> {
        let wanted = match pointer.kind {
            Kind::Person(_) => "person",
            Kind::Noun(noun) => noun.entity_type,
            Kind::Thing | Kind::Relative => return None,
        };
        let known = self.seen.by_type.get(wanted).filter(|known| known.len() <= MAX_KNOWN)?;
        let naming = |&(entity, mention)| Naming { start: 0, end: 0, who: Who::Named { mention, entity } };
        let mut fitting = known.iter().map(naming).filter(|n| self.fits(pointer.kind, n));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// In a sentence that begins with a clause of its own, the person who leads the main clause.
    fn after(&self, index: usize, pointer: &Pointer) -> Option<(Naming, Way)> {
        let words = &self.sentences[index].words;
        let opens = matches!(
            words.lower(0),
            "before"
                | "after"
                | "when"
                | "while"
                | "as"
                | "although"
                | "though"
                | "because"
                | "since"
                | "during"
                | "in"
                | "at"
                | "with"
        );
        let comma = (pointer.end..words.len()).find(|&at| words.lower(at) == ",")?;
        let naming = *self.named[index].iter().find(|n| n.start == comma + 1)?;
        let leads = opens && matches!(pointer.kind, Kind::Person(_));
        (leads && self.fits(pointer.kind, &naming)).then_some((naming, Way::After))
    }

    /// Whether an empty line stands before a sentence.
    fn begins_paragraph(&self, index: usize) -> bool {
        let Some(before) = index.checked_sub(1) else { return true };
        let gap = &self.text[self.sentences[before].place.byte_end..self.sentences[index].place.byte_start];
        gap.bytes().filter(|&b| b == b'\n').count() > 1
    }
}

/// Whether two pointers can stand for the same.
fn may_be_same(one: Kind, two: Kind) -> bool {
    let rank = |kind: Kind| match kind {
        Kind::Person(_) => 0,
        Kind::Noun(_) => 1,
        Kind::Thing => 2,
        Kind::Relative => 3,
    };
    let (one, two) = if rank(one) <= rank(two) { (one, two) } else { (two, one) };
    match (one, two) {
        (Kind::Person(gender), Kind::Noun(noun)) => {
            noun.entity_type == "person" && noun.gender.is_none_or(|told| told == gender)
        }
        (Kind::Noun(noun), Kind::Noun(other)) => noun.entity_type == other.entity_type,
        (Kind::Noun(noun), Kind::Thing) => noun.entity_type != "person",
        (one, two) => one == two,
    }
}

/// Whether a preposition stands before a name: then it leads no sentence.
fn is_governed(words: &Words, start: usize) -> bool {
    let before = |back: usize| start.checked_sub(back).map_or("", |at| words.lower(at));
    let preposition = |word: &str| {
        matches!(
            word,
            "in" | "at"
                | "of"
                | "from"
                | "by"
                | "with"
                | "for"
                | "to"
                | "on"
                | "into"
                | "under"
                | "like"
                | "after"
                | "before"
                | "between"
                | "against"
                | "about"
                | "through"
                | "than"
                | "near"
                | "via"
        )
    };
    preposition(before(1)) || (matches!(before(1), "the" | "his" | "her" | "its") && preposition(before(2)))
}

/// What titles, given names and the text's own pronouns tell of each entity.
fn genders(
    sentences: &[ReadSentence],
    mentions: &[DraftMention],
    clusters: &Clusters,
    pointers: &[Vec<Pointer>],
) -> Vec<Option<Gender>> {
    // How often he, and she, stands where one person alone was named.
    let mut tally: BTreeMap<usize, [usize; 2]> = BTreeMap::new();
    for (index, _) in sentences.iter().enumerate() {
        for pointer in &pointers[index] {
            let Kind::Person(gender) = pointer.kind else { continue };
            let range = mentions_in(mentions, index.saturating_sub(1)).start..mentions_in(mentions, index).end;
            let before = |m: &usize| mentions[*m].sentence < index || mentions[*m].end <= pointer.start;
            let mut persons = range.filter(before).filter(|&m| mentions[m].entity_type == "person");
            if let Some(first) = persons.next().map(|m| clusters.entity_of[m])
                && persons.all(|m| clusters.entity_of[m] == first)
            {
                tally.entry(first).or_default()[gender as usize] += 1;
            }
        }
    }
    let mut genders = clusters.genders.clone();
    for (entity, [he, she]) in tally {
        let told = if he > she { Gender::Masculine } else { Gender::Feminine };
        let (most, least) = (he.max(she), he.min(she));
        // A name can mislead (the French Jean), many pronouns hardly.
        if (genders[entity].is_none() && least == 0) || (most >= 3 && most >= 4 * least) {
            genders[entity] = Some(told);
        }
    }
    genders
}

/// How often an anaphor led this way is led right: a little below what `kgl-train` measures on KnowledgeNet, and a
/// careful guess for what is hardly ever checked there (nouns, and names further back).
fn confidence(kind: Kind, way: Way) -> f64 {
    match (kind, way) {
        (Kind::Person(_), Way::SameOnly | Way::Beside | Way::BeforeOnly | Way::BeforeLeading) => 0.96,
        (Kind::Thing, Way::SameOnly | Way::Beside) => 0.95,
        (_, Way::SameLeading) => 0.8,
        (_, Way::Further | Way::TextOnly) => 0.85,
        _ => 0.9,
    }
}

#[cfg(test)]
mod tests;
