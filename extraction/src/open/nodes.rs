//! Noun phrases as nodes: short, without what only this sentence knows.

use super::grammar::Grammar;
use super::lists::{self, DENIED, EDGE, NEEDS_OF, QUANTITY, VAGUE};
use super::{End, Taken};
use crate::syntax::labels::{Dep, Tag};

/// Most words of a node, and most characters.
const MAX_WORDS: usize = 5;
const MAX_CHARS: usize = 60;

/// What stands for a noun, and how much of what it says is lost: 1 is nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) end: End,
    pub(super) weight: f64,
}

/// The node of a noun phrase by its head; nothing when it would say too little.
pub(super) fn node(g: &Grammar<'_>, head: usize) -> Option<Node> {
    node_within(g, head, 0)
}

fn node_within(g: &Grammar<'_>, head: usize, depth: usize) -> Option<Node> {
    if let Some(taken) = g.named(head) {
        // "Draper's laboratory" is not Draper.
        if taken.end < g.words() && matches!(g.lower(taken.end), "'s" | "’s") {
            return None;
        }
        return Some(Node { end: End::Named(taken.argument), weight: 1.0 });
    }
    if let Some(taken) = name_behind(g, head) {
        return Some(Node { end: End::Named(taken.argument), weight: 1.0 });
    }
    let gerund = g.tag(head) == Tag::Gerund && !g.has(head, Dep::Object) && !g.has(head, Dep::Subject);
    if !(g.tag(head).is_noun() || gerund) || is_denied(g, head) {
        return None;
    }
    let of = of_child(g, head);
    // "a lot of water" is water.
    if lists::has(QUANTITY, g.lower(head)) {
        return of.filter(|_| depth < 2).and_then(|of| node_within(g, of, depth + 1));
    }
    let (start, end) = core(g, head)?;
    let mut weight = 1.0;
    let mut span = (start, end);
    if let Some(of) = of {
        match with_of(g, (start, end), of) {
            Some(longer) => span = longer,
            None if lists::has(NEEDS_OF, g.lower(head)) => return None,
            None => weight *= 0.75,
        }
    }
    let is_bare = span == (head, head + 1);
    if is_bare && lists::has(VAGUE, g.lower(head)) || !is_short(g, span) || !is_word(g, span) {
        return None;
    }
    // "this process" says less than it seems, and "beans that are old" are not all beans.
    if g.of_kind(head, Dep::Determiner).any(|d| matches!(g.lower(d), "this" | "that" | "these" | "those")) {
        weight *= if is_bare { 0.6 } else { 0.85 };
    }
    let his = |p: usize| matches!(g.lower(p), "his" | "her" | "its" | "their");
    if is_bare && g.of_kind(head, Dep::Possessive).any(his) {
        weight *= 0.7;
    }
    if g.has(head, Dep::RelativeClause) && !is_set_off(g, head) || g.has(head, Dep::NounClause) {
        weight *= 0.8;
    }
    Some(Node { end: End::Phrase(span.0, span.1), weight })
}

/// The name that a noun only introduces: "the mining engineer Fredrik Idestam".
fn name_behind<'g>(g: &'g Grammar<'_>, noun: usize) -> Option<&'g Taken> {
    let end = noun + 1;
    let taken = Some(end).filter(|&end| end < g.words()).and_then(|end| g.named(end))?;
    let hangs = (taken.start..taken.end).any(|at| g.head(at) == Some(noun));
    let owns = taken.end < g.words() && matches!(g.lower(taken.end), "'s" | "’s");
    (taken.start == end && hangs && g.tag(noun) == Tag::Noun && !taken.is_value && !owns).then_some(taken)
}

/// Whether a comma stands between a noun and its relative clause, which then says something of all that it names.
fn is_set_off(g: &Grammar<'_>, head: usize) -> bool {
    head + 1 < g.words() && g.lower(head + 1) == ","
}

/// "no bean", "few beans", "another bean", "which bean": nothing that could stand alone.
fn is_denied(g: &Grammar<'_>, head: usize) -> bool {
    g.children(head)
        .filter(|&child| child < head)
        .any(|child| lists::has(DENIED, g.lower(child)) && !(g.lower(child) == "not" && g.has(head, Dep::Copula)))
}

/// The noun behind "of".
pub(super) fn of_child(g: &Grammar<'_>, head: usize) -> Option<usize> {
    g.of_kind(head, Dep::Nominal).find(|&child| child > head && g.case(child).is_some_and(|case| g.lower(case) == "of"))
}

/// The noun with the words before it that tell which one it is.
fn core(g: &Grammar<'_>, head: usize) -> Option<(usize, usize)> {
    let mut start = head;
    while start > 0 && belongs(g, head, start - 1) {
        start -= 1;
    }
    let mut end = head + 1;
    while end < g.words()
        && g.named(end).is_none()
        && g.head(end) == Some(head)
        && (matches!(g.dep(end), Dep::Flat) || (g.tag(end) == Tag::Number && !g.has(end, Dep::Case)))
        && g.tag(end) != Tag::Mark
    {
        end += 1;
    }
    start = without_edge(g, start, head);
    while count(g, start, end) > MAX_WORDS && start < head {
        start = without_edge(g, start + 1, head);
    }
    Some((start, end))
}

/// Whether the word at `at`, before the noun, is part of the node.
fn belongs(g: &Grammar<'_>, head: usize, at: usize) -> bool {
    if g.named(at).is_some() {
        return false;
    }
    if g.tag(at) == Tag::Mark {
        // A hyphen, or a comma between adjectives.
        let hyphen = g.lower(at) == "-" && !g.is_spaced(at) && !g.is_spaced(at + 1);
        let listed = g.lower(at) == "," && at > 0 && g.tag(at - 1) == Tag::Adjective && g.tag(at + 1) == Tag::Adjective;
        return at > 0 && (hyphen || listed) && g.branch(head, at - 1).is_some();
    }
    let Some(branch) = g.branch(head, at) else {
        return false;
    };
    match g.dep(branch) {
        Dep::Adjective | Dep::Compound | Dep::Numeral | Dep::Flat | Dep::Nominal => {
            branch < head && g.tag(at) != Tag::Adposition && g.tag(at) != Tag::Determiner
        }
        Dep::Possessive => g.tag(branch) != Tag::Pronoun && g.tag(at) != Tag::Determiner,
        _ => false,
    }
}

/// The first word at or behind `start` that a node can begin with.
fn without_edge(g: &Grammar<'_>, mut start: usize, head: usize) -> usize {
    while start < head && is_edge(g, start) {
        start += 1;
    }
    start
}

fn is_edge(g: &Grammar<'_>, at: usize) -> bool {
    matches!(g.tag(at), Tag::Mark | Tag::Adverb | Tag::Coordinator | Tag::Determiner | Tag::Particle | Tag::Pronoun)
        || lists::has(EDGE, g.lower(at)) && g.dep(at) != Dep::Compound
}

/// The node with what stands behind "of", when that is short, plain and right behind it.
fn with_of(g: &Grammar<'_>, (start, end): (usize, usize), of: usize) -> Option<(usize, usize)> {
    let case = g.case(of)?;
    if case != end
        || g.named(of).is_some()
        || name_behind(g, of).is_some()
        || is_denied(g, of)
        || !g.tag(of).is_noun()
        || g.has(of, Dep::Conjunct)
    {
        return None;
    }
    let (inner, last) = core(g, of)?;
    let between = case + 1..inner;
    let plain = between.clone().all(|at| matches!(g.lower(at), "the" | "a" | "an"))
        && (start..last).all(|at| g.named(at).is_none());
    let words = count(g, start, last);
    (plain && words <= MAX_WORDS && !lists::has(NEEDS_OF, g.lower(of))).then_some((start, last))
}

fn count(g: &Grammar<'_>, start: usize, end: usize) -> usize {
    (start..end).filter(|&at| g.tag(at) != Tag::Mark).count()
}

fn is_short(g: &Grammar<'_>, (start, end): (usize, usize)) -> bool {
    count(g, start, end) <= MAX_WORDS && g.phrase(start, end).chars().count() <= MAX_CHARS
}

/// Whether a span holds a word worth the name.
fn is_word(g: &Grammar<'_>, (start, end): (usize, usize)) -> bool {
    let text = g.phrase(start, end);
    text.chars().filter(|c| c.is_alphabetic()).count() >= 3
        && !text.contains(['@', '\n', '"', '“', '”', '(', ')', '[', ']', '{', '}', '|', '<', '>', '*', '_', '='])
        && !text.contains("://")
}
