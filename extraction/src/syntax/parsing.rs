//! Heads, by an arc-hybrid transition parser that takes the best move each time.

use super::labels::{Dep, LEFT, MOVES, Move, Tag};
use super::{Parse, SYNTAX_BITS, Syntax, outside};
use crate::features::{Scratch, Traits};
use crate::hash::{self, pair};

/// Features of one state.
pub(crate) const MOVE_FEATURES: usize = 72;

/// The dependents that a word has got so far: the outermost ones on either side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Children {
    left: Option<usize>,
    right: Option<usize>,
    lefts: u8,
    rights: u8,
    /// A bit for each kind of dependent.
    kinds: u64,
}

/// Where the parser stands: the words below `next` are on the stack or have their head.
pub(crate) struct State<'a> {
    scratch: &'a Scratch,
    pub(crate) parse: &'a mut Parse,
    /// The next word; the number of words stands for the root.
    pub(crate) next: usize,
}

impl Syntax {
    /// Finds the head of each word of `parse`, whose tags are there.
    pub(super) fn attach(&self, scratch: &Scratch, parse: &mut Parse) {
        let mut state = State::new(scratch, parse);
        while !state.is_done() {
            let scores = self.moves.score(&state.features());
            let best = state.best(&scores, |_| true).unwrap_or(0);
            if best > 0
                && let Some(&word) = state.stack().last()
            {
                let sum: f32 = scores.iter().map(|score| (score - scores[best]).exp()).sum();
                state.parse.sure[word] = (1.0 / sum).min(1.0);
            }
            state.go(Move::of(best));
        }
    }
}

impl<'a> State<'a> {
    pub(crate) fn new(scratch: &'a Scratch, parse: &'a mut Parse) -> Self {
        let words = scratch.traits.len();
        parse.stack.clear();
        parse.children.clear();
        parse.children.resize(words + 1, Children::default());
        parse.heads.clear();
        parse.heads.resize(words, words);
        parse.deps.clear();
        parse.deps.resize(words, Dep::Other);
        parse.sure.clear();
        parse.sure.resize(words, 0.0);
        Self { scratch, parse, next: 0 }
    }

    /// The number of words, which also stands for the root.
    pub(crate) fn words(&self) -> usize {
        self.scratch.traits.len()
    }

    pub(crate) fn stack(&self) -> &[usize] {
        &self.parse.stack
    }

    pub(crate) fn is_done(&self) -> bool {
        self.next == self.words() && self.parse.stack.is_empty()
    }

    /// Whether a move is possible here. There is one root: what is left at the end hangs together.
    pub(crate) fn allows(&self, step: Move) -> bool {
        let (depth, at_end) = (self.parse.stack.len(), self.next == self.words());
        match step {
            Move::Shift => !at_end,
            Move::Left(Dep::Root) => at_end && depth == 1,
            Move::Left(_) => !at_end && depth > 0,
            Move::Right(_) => depth > 1,
        }
    }

    /// The possible move with the highest score among those that `wanted` lets through.
    pub(crate) fn best(&self, scores: &[f32; MOVES], wanted: impl Fn(Move) -> bool) -> Option<usize> {
        let mut best: Option<usize> = None;
        for number in 0..MOVES {
            if best.is_none_or(|best| scores[number] > scores[best]) {
                let step = Move::of(number);
                if self.allows(step) && wanted(step) {
                    best = Some(number);
                }
            }
        }
        best
    }

    pub(crate) fn go(&mut self, step: Move) {
        match step {
            Move::Shift => {
                self.parse.stack.push(self.next);
                self.next += 1;
            }
            Move::Left(dep) => {
                if let Some(word) = self.parse.stack.pop() {
                    self.arc(self.next, word, dep);
                }
            }
            Move::Right(dep) => {
                if let Some(word) = self.parse.stack.pop()
                    && let Some(&head) = self.parse.stack.last()
                {
                    self.arc(head, word, dep);
                }
            }
        }
    }

    fn arc(&mut self, head: usize, word: usize, dep: Dep) {
        self.parse.heads[word] = head;
        self.parse.deps[word] = dep;
        let children = &mut self.parse.children[head];
        children.kinds |= 1 << dep as u64;
        if word < head {
            // Left dependents come from the inside out.
            children.left = Some(word);
            children.lefts = children.lefts.saturating_add(1);
        } else {
            children.right = Some(word);
            children.rights = children.rights.saturating_add(1);
        }
    }

    fn seen(&self, place: Option<usize>) -> Seen {
        let Some(at) = place else {
            return Seen { word: 1, tag: 98, ..Seen::default() };
        };
        let children = self.parse.children[at];
        let traits = if at < self.words() { self.scratch.traits[at] } else { outside(4) };
        Seen::new(traits, self.parse.tags.get(at).copied(), children)
    }

    /// The features of this state.
    pub(crate) fn features(&self) -> [u32; MOVE_FEATURES] {
        let stack = &self.parse.stack;
        let top = |depth: usize| stack.len().checked_sub(depth + 1).map(|at| stack[at]);
        let ahead = |offset: usize| Some(self.next + offset).filter(|&at| at <= self.words());
        let (at0, at1) = (top(0), top(1));
        let (s0, s1, s2) = (self.seen(at0), self.seen(at1), self.seen(top(2)));
        let (b0, b1, b2) = (self.seen(ahead(0)), self.seen(ahead(1)), self.seen(ahead(2)));
        let left = |place: Option<usize>| place.and_then(|at| self.parse.children[at].left);
        let right = |place: Option<usize>| place.and_then(|at| self.parse.children[at].right);
        let label = |place: Option<usize>| place.map_or(99, |at| self.parse.deps[at] as u64);
        let tag = |place: Option<usize>| place.map_or(98, |at| self.parse.tags[at] as u64);
        let word = |place: Option<usize>| place.map_or(1, |at| self.scratch.traits[at].word);
        let (s0l, s0r, s1l, s1r, b0l) = (left(at0), right(at0), left(at1), right(at1), left(ahead(0)));
        let gap = |from: Option<usize>, to: usize| from.map_or(0, |from| (to - from).min(6) as u64 + 1);
        let (near, far) = (gap(at0, self.next), gap(at1, at0.unwrap_or(self.next)));
        let (s0wt, s1wt, b0wt) = (pair(s0.word, s0.tag), pair(s1.word, s1.tag), pair(b0.word, b0.tag));
        let tags = |a: Seen, b: Seen| a.tag << 8 | b.tag;
        let three = |a: u64, b: u64, c: u64| pair(a << 8 | b, c);
        let values: [u64; MOVE_FEATURES] = [
            0,
            s0.word,
            s0.tag,
            s0wt,
            s1.word,
            s1.tag,
            s1wt,
            b0.word,
            b0.tag,
            b0wt,
            b1.word,
            b1.tag,
            b2.tag,
            s2.tag,
            pair(s0wt, b0wt),
            pair(s0wt, b0.tag),
            pair(s0.tag, b0wt),
            tags(s0, b0),
            pair(s0.word, b0.word),
            pair(s1wt, s0.tag),
            pair(s1.tag, s0wt),
            tags(s1, s0),
            pair(s1.word, s0.word),
            tags(b0, b1),
            three(s0.tag, b0.tag, b1.tag),
            three(s1.tag, s0.tag, b0.tag),
            three(b0.tag, b1.tag, b2.tag),
            three(s2.tag, s1.tag, s0.tag),
            three(s0.tag, tag(s0l), b0.tag),
            three(s0.tag, tag(s0r), b0.tag),
            three(s0.tag, b0.tag, tag(b0l)),
            three(s1.tag, tag(s1r), s0.tag),
            three(s1.tag, tag(s1l), s0.tag),
            three(s1.tag, s0.tag, tag(s0l)),
            three(s1.tag, s0.tag, tag(s0r)),
            three(s0.tag, label(s0l), b0.tag),
            three(s0.tag, label(s0r), b0.tag),
            three(s1.tag, label(s1r), s0.tag),
            three(s1.tag, label(s1l), s0.tag),
            three(b0.tag, label(b0l), s0.tag),
            pair(s0.word, s0.valency),
            pair(s0.tag, s0.valency),
            pair(s1.word, s1.valency),
            pair(s1.tag, s1.valency),
            pair(b0.tag, b0.valency),
            pair(b0.word, b0.valency),
            three(near, s0.tag, b0.tag),
            three(far, s1.tag, s0.tag),
            pair(s0.kinds, s0.tag),
            pair(s1.kinds, s1.tag),
            pair(b0.kinds, b0.tag),
            pair(s0.kinds, tags(s0, b0)),
            pair(s1.kinds, tags(s1, s0)),
            pair(pair(s1.kinds, s0.kinds), tags(s1, s0)),
            pair(pair(s0.kinds, b0.kinds), tags(s0, b0)),
            s0.fine,
            s1.fine,
            b0.fine,
            pair(s0.fine, b0.fine),
            pair(s1.fine, s0.fine),
            pair(s0.fine, b0.tag),
            pair(s0.tag, b0.fine),
            pair(s1.fine, s0.tag),
            pair(s1.tag, s0.fine),
            pair(s1.word, word(s0l)),
            pair(pair(s1.coarse, word(s0l)), s0.coarse),
            pair(tags(s2, s1), word(s0l)),
            pair(s1.fine, word(s0l)),
            pair(pair(tags(s1, s0), b0.word), s1.coarse),
            pair(pair(tags(s0, b0), b1.word), s0.coarse),
            pair(pair(tags(s1, s0), b0.tag), pair(s1.coarse, s0.coarse)),
            pair(tags(b0, b1), pair(s0.word, s1.tag)),
        ];
        let mut features = [0; MOVE_FEATURES];
        for (template, (feature, value)) in features.iter_mut().zip(values).enumerate() {
            *feature = hash::bucket(pair(template as u64 + 311, value), SYNTAX_BITS);
        }
        features
    }
}

/// What the features take of one word.
#[derive(Clone, Copy, Default)]
struct Seen {
    word: u64,
    tag: u64,
    fine: u64,
    coarse: u64,
    /// How many dependents it has on either side.
    valency: u64,
    kinds: u64,
}

impl Seen {
    fn new(traits: Traits, tag: Option<Tag>, children: Children) -> Self {
        Self {
            word: traits.word,
            tag: tag.map_or(99, |tag| tag as u64),
            fine: u64::from(traits.entry.fine) + 1,
            coarse: u64::from(traits.entry.coarse) + 1,
            valency: u64::from(children.lefts.min(3)) << 2 | u64::from(children.rights.min(3)),
            kinds: children.kinds,
        }
    }
}

const _: () = assert!(LEFT.len() + super::labels::RIGHT.len() + 1 == MOVES);
