//! Statements by their wording: "X, founder of Y", "Y was acquired by X".
//!
//! The words between two names are reduced to their bones (articles, adverbs and tense go, a
//! title or a trade becomes its class) and looked up whole. What is not in the table says nothing.

mod rules;
mod takeovers;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use crate::demonyms::DEMONYM;
use crate::draft::{Anaphor, Argument, Arguments, DraftMention, DraftRelation, ReadSentence};
use crate::relations::{Role, Slot};
use crate::words::Words;
use rules::RULES;

/// Statements by wording below this probability are not shown.
pub(crate) const LEAST: f64 = 0.5;

/// Takeovers are told of companies that few have heard of, whose names are less sure than the verb between them.
const LEAST_TAKEOVER: f64 = 0.35;

fn least(relation: &str) -> f64 {
    if relation == "acquires" { LEAST_TAKEOVER } else { LEAST }
}

/// Most words between two names that are looked at.
const MAX_BETWEEN: usize = 9;

/// Most names that an aside holds.
const MAX_ASIDE: usize = 3;

/// How often a statement read from its wording is right, given that its names are: rounded down
/// from what `kgl-train` measures for the relations that the data sets know (89 % over all), and a
/// guess on the careful side for those that none of them knows.
pub(crate) fn confidence(relation: &str) -> f64 {
    match relation {
        "leads" | "member_of" | "created" | "owns" => 0.6,
        "based_in" => 0.73,
        "born_on" | "founded_on" => 0.97,
        "studied_at" => 0.95,
        "born_in" | "died_on" | "lives_in" => 0.92,
        "acquires" | "funds" | "partners_with" | "competes_with" | "collaborates_with" => 0.8,
        _ => 0.87,
    }
}

/// A statement that the wording makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worded {
    /// Indexes into the arguments.
    pub(crate) head: usize,
    pub(crate) tail: usize,
    pub(crate) relation: &'static str,
}

type Table = HashMap<&'static str, Vec<(usize, bool)>>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table::new();
        for (index, rule) in RULES.iter().enumerate() {
            for (wordings, forward) in [(rule.forward, true), (rule.backward, false)] {
                for wording in wordings {
                    table.entry(wording).or_default().push((index, forward));
                }
            }
        }
        table
    })
}

/// What the wording of each sentence states between names that stand next to each other.
pub(crate) fn state(sentences: &[ReadSentence], mentions: &[DraftMention], anaphors: &[Anaphor]) -> Vec<DraftRelation> {
    let mut stated = Vec::new();
    for (index, sentence) in sentences.iter().enumerate() {
        let arguments = Arguments::of(mentions, anaphors, index);
        for said in find(&sentence.words, &arguments.slots) {
            // A statement holds only if its names do.
            let names = (arguments.confidences[said.head] * arguments.confidences[said.tail]) as f32;
            let confidence = confidence(said.relation) * f64::from(names);
            let of_nation = |argument: usize| match arguments.names[argument] {
                Argument::Mention(mention) => mentions[mention].entity_type == DEMONYM,
                Argument::Anaphor(_) => false,
            };
            // "It bought the Danish company Navision": not Denmark.
            if said.relation == "acquires" && (of_nation(said.head) || of_nation(said.tail)) {
                continue;
            }
            if confidence < least(said.relation) {
                continue;
            }
            stated.push(DraftRelation {
                sentence: index,
                head: arguments.names[said.head],
                tail: arguments.names[said.tail],
                relation_type: Cow::Borrowed(said.relation),
                confidence: (confidence * 1e4).round() / 1e4,
                open: false,
            });
        }
    }
    stated
}

/// The statements that the wording between neighbouring names makes.
pub(crate) fn find(words: &Words, arguments: &[Slot]) -> Vec<Worded> {
    let mut found = Vec::new();
    let mut bones = String::new();
    for (left, pair) in arguments.windows(2).enumerate() {
        let between = pair[0].end..pair[1].start;
        if between.is_empty() || between.len() > MAX_BETWEEN {
            continue;
        }
        lifespan(words, arguments, left, &mut found);
        reduce(words, between, &mut bones);
        look_up(words, arguments, (left, left + 1), &bones, &mut found);
        behind_aside(words, arguments, left + 1, &mut found);
    }
    takeovers::find(words, arguments, &mut found);
    found
}

/// Adds what `bones` state between two names, the first of `pair` standing on the left.
fn look_up(words: &Words, arguments: &[Slot], (left, right): (usize, usize), bones: &str, found: &mut Vec<Worded>) {
    for &(rule, forward) in table().get(bones).into_iter().flatten() {
        let rule = &RULES[rule];
        let (head, tail) = if forward { (left, right) } else { (right, left) };
        let fits = rule.heads.contains(&arguments[head].role) && rule.tails.contains(&arguments[tail].role);
        if fits && !is_weak(rule.relation, bones, words, arguments[tail]) {
            found.push(Worded { head, tail, relation: rule.relation });
        }
    }
}

/// "John Smith (1580–1631)", with years or with days.
fn lifespan(words: &Words, arguments: &[Slot], left: usize, found: &mut Vec<Worded>) {
    let Some([who, from, to]) = arguments.get(left..left + 3) else { return };
    let roles = [who.role, from.role, to.role] == [Role::Person, Role::Date, Role::Date];
    let one = |at: usize, end: usize, marks: &[&str]| at + 1 == end && marks.contains(&words.lower(at));
    let closes = to.end < words.len() && words.lower(to.end) == ")";
    if roles && closes && one(who.end, from.start, &["("]) && one(from.end, to.start, &["–", "-", "—", "−"]) {
        found.push(Worded { head: left, tail: left + 1, relation: "born_on" });
        found.push(Worded { head: left, tail: left + 2, relation: "died_on" });
    }
}

/// The verb behind an aside: in "X, head of Y, founded Z" what is said of X and Z.
fn behind_aside(words: &Words, arguments: &[Slot], right: usize, found: &mut Vec<Worded>) {
    let mut bones = String::new();
    let Some(nearest) = right.checked_sub(1) else {
        return;
    };
    let comma = (arguments[nearest].end..arguments[right].start).find(|&at| words.lower(at) == ",");
    let Some(comma) = comma else { return };
    for left in right.saturating_sub(1 + MAX_ASIDE)..nearest {
        let aside = arguments[left].end;
        let starts_aside = words.lower(aside) == ",";
        let one = (aside + 1..comma).all(|at| words.lower(at) != ",");
        if starts_aside && one && arguments[right].start - comma <= MAX_BETWEEN {
            reduce(words, comma + 1..arguments[right].start, &mut bones);
            // A noun here would belong to the name before it.
            if !bones.starts_with(['L', 'W']) && !bones.contains("founder") {
                look_up(words, arguments, (left, right), &bones, found);
            }
        }
    }
}

/// Wordings that only state the relation with the right kind of name.
fn is_weak(relation: &str, bones: &str, words: &Words, tail: Slot) -> bool {
    match relation {
        "received_award" => !(tail.start..tail.end).any(|at| {
            matches!(words.lower(at), "prize" | "award" | "awards" | "medal" | "grammy" | "oscar" | "fellowship")
        }),
        // "Smith of Reuters" names an employer, but so do few others: too rare to trust.
        "works_for" => bones == "of",
        // "French CEO X": where X is from, not what X leads.
        "leads" => bones == "LEADER" && tail.role == Role::Location,
        "created" => matches!(bones, "introduced" | "published") && tail.end - tail.start < 2,
        _ => false,
    }
}

/// The words of `range` reduced to what carries the statement.
fn reduce(words: &Words, range: std::ops::Range<usize>, bones: &mut String) {
    bones.clear();
    let mut at = range.start;
    while at < range.end {
        let word = words.lower(at);
        let (length, class) = title(words, at, range.end);
        let bone = match class {
            Some(class) => class,
            None if is_filler(word) => "",
            None => match word {
                "’s" => "'s",
                "–" | "—" => ",",
                _ => word,
            },
        };
        if !bone.is_empty() {
            if !bones.is_empty() {
                bones.push(' ');
            }
            bones.push_str(bone);
        }
        at += length;
    }
}

fn is_filler(word: &str) -> bool {
    matches!(
        word,
        "the"
            | "a"
            | "an"
            | "also"
            | "later"
            | "then"
            | "currently"
            | "now"
            | "first"
            | "once"
            | "formerly"
            | "former"
            | "recently"
            | "has"
            | "had"
            | "have"
            | "originally"
            | "jointly"
            | "subsequently"
            | "soon"
            | "eventually"
            | "finally"
            | "already"
            | "its"
            | "current"
            | "new"
            | "longtime"
            | "long"
            | "famous"
            | "famously"
            | "successfully"
            | "first-ever"
            | "startup"
            | "company"
            | "firm"
            | "today"
            | "still"
            | "himself"
            | "herself"
            | "strategic"
    )
}

/// Titles and trades, which become their class, and the words they take.
fn title(words: &Words, at: usize, end: usize) -> (usize, Option<&'static str>) {
    let word = |offset: usize| {
        if at + offset < end { words.lower(at + offset) } else { "" }
    };
    let leader = Some("LEADER");
    match (word(0), word(1), word(2)) {
        ("chief", "executive", "officer") => (3, leader),
        ("chief", "executive", _) | ("prime", "minister", _) | ("managing" | "executive", "director", _) => (2, leader),
        ("vice", "-", _) => (1, None),
        ("vice", "president" | "chancellor", _) | ("deputy" | "assistant" | "associate", "director", _) => {
            (2, Some("WORKER"))
        }
        ("chief", _, "officer") => (3, Some("WORKER")),
        (
            "ceo" | "president" | "chairman" | "chairwoman" | "chairperson" | "chair" | "head" | "leader" | "director"
            | "chancellor" | "mayor" | "governor" | "king" | "queen" | "emperor" | "premier" | "commander",
            _,
            _,
        ) => (1, leader),
        (
            "professor" | "engineer" | "researcher" | "scientist" | "journalist" | "reporter" | "employee"
            | "spokesperson" | "spokesman" | "spokeswoman" | "analyst" | "economist" | "manager" | "executive"
            | "lecturer" | "editor" | "correspondent" | "columnist" | "developer" | "designer" | "coach" | "historian"
            | "physicist" | "chemist" | "cto" | "cfo" | "coo",
            _,
            _,
        ) => (1, Some("WORKER")),
        _ => (1, None),
    }
}
