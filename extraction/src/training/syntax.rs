//! Learning the grammar: log-linear classifiers, the parser with a dynamic oracle
//! (Goldberg and Nivre 2013), so that it learns to go on after its own mistakes.

use std::collections::BTreeMap;

use super::rng::Rng;
use super::treebank::{self, Tree, is_projective, universal};
use crate::features::Scratch;
use crate::lexicon::{self, Entry, Lexicon};
use crate::syntax::labels::forms::{ADJECTIVE, ADVERB, BASE, GERUND, NOUN, PAST, PLURAL, PRESENT};
use crate::syntax::labels::{Dep, MOVES, Move, TAGS, Tag};
use crate::syntax::parsing::State;
use crate::syntax::tagging::{best, tag_features};
use crate::syntax::{Parse, SYNTAX_BITS, Syntax, look_up};
use crate::weights::{WIDTH, Weights};

/// Passes over the treebank of the tagger, and of each tagger that only serves to train the parser.
const TAG_EPOCHS: usize = 8;
const FOLD_EPOCHS: usize = 5;
/// Parts of the treebank that are tagged by a tagger which has not seen them, so that the parser learns from tags as
/// they will be.
const FOLDS: usize = 4;
const PARSE_EPOCHS: usize = 10;
/// How often the parser follows its own choice while it learns, from the second pass on.
const EXPLORE: f32 = 0.9;
/// Features seen less often than this in the treebank are not learnt.
const LEAST_SEEN: u8 = 6;
/// A word seen less often in a closed class was a slip.
const LEAST_CLOSED: usize = 2;
const STEP: f32 = 0.12;
/// What the accumulators start from: dampens the first steps of rare features.
const START: f32 = 1.0;
/// Part of the features left out at each step, so that none is relied on alone.
const DROPOUT: f32 = 0.3;
/// Weights nearer to zero than this are not stored.
const LEAST_TAG: f32 = 0.06;
const LEAST_MOVE: f32 = 0.06;

/// A log-linear classifier while it learns, by AdaGrad (Duchi, Hazan, Singer 2011).
struct Learner<const W: usize> {
    weights: Vec<[f32; W]>,
    squares: Vec<[f32; W]>,
    /// How often each feature was seen, up to 255.
    seen: Vec<u8>,
    kept: Vec<u32>,
}

impl<const W: usize> Learner<W> {
    fn new() -> Self {
        let size = 1 << SYNTAX_BITS;
        Self { weights: vec![[0.0; W]; size], squares: vec![[START; W]; size], seen: vec![0; size], kept: Vec::new() }
    }

    fn count(&mut self, features: &[u32]) {
        for &feature in features {
            let seen = &mut self.seen[feature as usize];
            *seen = seen.saturating_add(1);
        }
    }

    /// The scores by a part of the features drawn by chance.
    fn score(&mut self, features: &[u32], rng: &mut Rng) -> [f32; W] {
        let mut sum = [0.0; W];
        self.kept.clear();
        for &feature in features {
            if self.seen[feature as usize] >= LEAST_SEEN && rng.unit() >= DROPOUT {
                self.kept.push(feature);
                sum.iter_mut().zip(&self.weights[feature as usize]).for_each(|(s, w)| *s += w);
            }
        }
        sum.map(|s| s / (1.0 - DROPOUT))
    }

    /// A step up the likelihood of the answers that are right among those possible, at what was scored last.
    fn learn(&mut self, scores: &[f32; W], possible: impl Fn(usize) -> bool, right: impl Fn(usize) -> bool) {
        let top = (0..W).filter(|&n| possible(n)).fold(f32::NEG_INFINITY, |top, n| top.max(scores[n]));
        let weight: [f32; W] = std::array::from_fn(|n| if possible(n) { (scores[n] - top).exp() } else { 0.0 });
        let all: f32 = weight.iter().sum();
        let good: [f32; W] = std::array::from_fn(|n| if weight[n] > 0.0 && right(n) { weight[n] } else { 0.0 });
        let of_good: f32 = good.iter().sum::<f32>();
        if of_good <= 0.0 {
            return;
        }
        for n in 0..W {
            let gradient = weight[n] / all - good[n] / of_good;
            if gradient.abs() < 1e-3 {
                continue;
            }
            for &feature in &self.kept {
                let square = &mut self.squares[feature as usize][n];
                *square += gradient * gradient;
                self.weights[feature as usize][n] -= STEP * gradient / square.sqrt();
            }
        }
    }

    fn finish(self, least: f32) -> Weights<W> {
        Weights::compress(&self.weights, SYNTAX_BITS, least)
    }
}

/// What is known of words beforehand: the forms that the word list (a word and its commonest tag a line) shows, and which
/// words of the treebank belong to the closed classes.
fn forms(list: &str, trees: &[Tree]) -> Lexicon {
    let mut known: BTreeMap<&str, u8> = BTreeMap::new();
    for line in list.lines() {
        let Some((word, tag)) = line.split_once(' ') else { continue };
        let bits = tag.split('|').fold(0, |bits, tag| bits | form(tag.trim()));
        if bits != 0 && word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase()) {
            *known.entry(word).or_default() |= bits;
        }
    }
    // A word that others are made of like those of a verb can be a verb too.
    let has = |word: String, bits: u8| known.get(word.as_str()).is_some_and(|found| found & bits != 0);
    let mut all: BTreeMap<String, (u8, u8)> = BTreeMap::new();
    for (&word, &bits) in &known {
        let mut bits = bits;
        let stem = word.strip_suffix('e').unwrap_or(word);
        let twice = format!("{word}{}", &word[word.len() - 1..]);
        if [stem, &twice].iter().any(|stem| has(format!("{stem}ed"), PAST) || has(format!("{stem}ing"), GERUND)) {
            bits |= BASE;
        }
        if has(format!("{word}s"), PRESENT) {
            bits |= BASE;
        }
        if has(format!("{word}s"), PLURAL) {
            bits |= NOUN;
        }
        all.insert(word.to_owned(), (bits, 0));
    }
    for (word, (bits, _)) in all.clone() {
        let plural =
            if word.ends_with(['s', 'x', 'z']) || word.ends_with("ch") || word.ends_with("sh") { "es" } else { "s" };
        let form = (if bits & BASE != 0 { PRESENT } else { 0 }) | if bits & NOUN != 0 { PLURAL } else { 0 };
        if let Some(known) = all.get_mut(&format!("{word}{plural}")) {
            known.0 |= form;
        }
    }
    let mut closed: BTreeMap<String, usize> = BTreeMap::new();
    for tree in trees {
        let closed_words = tree.tokens.iter().zip(&tree.tags).filter(|(_, tag)| tag.is_closed());
        closed_words.for_each(|(token, _)| *closed.entry(token.text(&tree.text).to_lowercase()).or_default() += 1);
    }
    for (word, _) in closed.into_iter().filter(|(_, count)| *count >= LEAST_CLOSED) {
        all.entry(word).or_default().1 = 1;
    }
    // Two words with one key are as good as one with both their forms.
    let mut entries: BTreeMap<u32, Entry> = BTreeMap::new();
    for (word, (bits, closed)) in all {
        let entry = entries.entry(lexicon::key(&word)).or_default();
        entry.flags |= bits;
        entry.coarse |= closed;
    }
    Lexicon::new(entries.into_iter())
}

/// The form that a Penn tag of the word list stands for.
fn form(tag: &str) -> u8 {
    match tag {
        "NN" => NOUN,
        "NNS" => PLURAL,
        "VB" | "VBP" => BASE,
        "VBZ" => PRESENT,
        "VBD" | "VBN" => PAST,
        "VBG" => GERUND,
        "JJ" | "JJR" | "JJS" => ADJECTIVE,
        "RB" | "RBR" | "RBS" => ADVERB,
        _ => 0,
    }
}

/// Learns from the trees and reports how well what was learnt does on `held_out`.
pub(crate) fn train(
    trees: &[Tree],
    held_out: &[Tree],
    (lexicon, list): (&Lexicon, &str),
    report: &mut dyn FnMut(String),
) -> Syntax {
    let known = forms(list, trees);
    let all: Vec<&Tree> = trees.iter().collect();
    let mut own_tags: Vec<Vec<Tag>> = vec![Vec::new(); trees.len()];
    for fold in 0..FOLDS {
        let others: Vec<&Tree> =
            trees.iter().enumerate().filter(|(index, _)| index % FOLDS != fold).map(|(_, tree)| tree).collect();
        let tags = train_tags(&others, FOLD_EPOCHS, lexicon, &known);
        let syntax = Syntax { forms: forms(list, trees), tags, moves: Learner::new().finish(0.1) };
        let (mut scratch, mut parse) = (Scratch::default(), Parse::default());
        for (index, tree) in trees.iter().enumerate().filter(|(index, _)| index % FOLDS == fold) {
            scratch.look(&tree.text, &tree.tokens, lexicon);
            syntax.parse(&scratch, &mut parse);
            own_tags[index] = parse.tags.clone();
        }
    }
    let tags = train_tags(&all, TAG_EPOCHS, lexicon, &known);
    let moves = train_moves(trees, &own_tags, lexicon, report);
    let syntax = Syntax { forms: known, tags, moves };
    report(format!("syntax: {} features of words, {} of states", syntax.tags.len(), syntax.moves.len()));
    measure(&syntax, held_out, lexicon, report);
    syntax
}

fn train_tags(trees: &[&Tree], epochs: usize, lexicon: &Lexicon, known: &Lexicon) -> Weights {
    let mut model = Learner::<WIDTH>::new();
    let (mut scratch, mut forms) = (Scratch::default(), Vec::new());
    for tree in trees {
        scratch.look(&tree.text, &tree.tokens, lexicon);
        look_up(known, &scratch, &mut forms);
        (0..tree.tags.len()).for_each(|at| model.count(&tag_features(&scratch, &forms, at, &tree.tags)));
    }
    let mut order: Vec<usize> = (0..trees.len()).collect();
    let mut rng = Rng::new(20_261_124);
    let mut tags = Vec::new();
    for _ in 0..epochs {
        rng.shuffle(&mut order);
        for &index in &order {
            let tree = trees[index];
            scratch.look(&tree.text, &tree.tokens, lexicon);
            look_up(known, &scratch, &mut forms);
            tags.clear();
            for (at, &right) in tree.tags.iter().enumerate() {
                let scores = model.score(&tag_features(&scratch, &forms, at, &tags), &mut rng);
                model.learn(&scores, |n| n < TAGS.len(), |n| n == right as usize);
                // Its own mistakes are what it will stand behind.
                tags.push(best(&scores, forms[at]));
            }
        }
    }
    model.finish(LEAST_TAG)
}

fn train_moves(
    trees: &[Tree],
    own_tags: &[Vec<Tag>],
    lexicon: &Lexicon,
    report: &mut dyn FnMut(String),
) -> Weights<MOVES> {
    let mut model = Learner::<MOVES>::new();
    let mut order: Vec<usize> = (0..trees.len()).filter(|&index| is_projective(&trees[index].heads)).collect();
    report(format!("syntax: {} of {} sentences are projective", order.len(), trees.len()));
    let (mut scratch, mut parse) = (Scratch::default(), Parse::default());
    for &index in &order {
        scratch.look(&trees[index].text, &trees[index].tokens, lexicon);
        parse.tags.clone_from(&own_tags[index]);
        let mut state = State::new(&scratch, &mut parse);
        while !state.is_done() {
            model.count(&state.features());
            let Some(step) = (0..MOVES).map(Move::of).find(|&step| is_right(&state, &trees[index], step)) else {
                break;
            };
            state.go(step);
        }
    }
    let mut rng = Rng::new(20_261_125);
    for epoch in 1..=PARSE_EPOCHS {
        rng.shuffle(&mut order);
        let mut wrong = 0;
        for &index in &order {
            scratch.look(&trees[index].text, &trees[index].tokens, lexicon);
            parse.tags.clone_from(&own_tags[index]);
            let mut state = State::new(&scratch, &mut parse);
            while !state.is_done() {
                let scores = model.score(&state.features(), &mut rng);
                let best = state.best(&scores, |_| true).unwrap_or(0);
                let is_good = |n: usize| is_right(&state, &trees[index], Move::of(n));
                let good: [bool; MOVES] = std::array::from_fn(is_good);
                model.learn(&scores, |n| state.allows(Move::of(n)), |n| good[n]);
                let right = (0..MOVES).filter(|&n| good[n]).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
                wrong += usize::from(!good[best]);
                let explores = good[best] || (epoch > 1 && rng.unit() < EXPLORE);
                state.go(Move::of(if explores { best } else { right.unwrap_or(best) }));
            }
        }
        report(format!("parser epoch {epoch}: {wrong} wrong moves"));
    }
    model.finish(LEAST_MOVE)
}

/// Whether a move loses no arc of the tree that could still be made.
fn is_right(state: &State<'_>, tree: &Tree, step: Move) -> bool {
    if !state.allows(step) {
        return false;
    }
    let (next, words) = (state.next, state.words());
    let stack = state.stack();
    let head = |word: usize| tree.heads[word];
    let top = stack.len().checked_sub(1).map(|at| stack[at]);
    // Dependents of the word on top that are still to come.
    let awaits = |word: usize| (next..words).any(|later| head(later) == word);
    match (step, top) {
        (Move::Shift, Some(_)) => {
            let below = &stack[..stack.len() - 1];
            !below.contains(&head(next)) && !stack.iter().any(|&word| head(word) == next)
        }
        (Move::Shift, None) => true,
        (Move::Left(dep), Some(word)) => {
            let lost = head(word) > next || stack.len().checked_sub(2).is_some_and(|at| head(word) == stack[at]);
            !awaits(word) && !lost && (head(word) != next || tree.deps[word] == dep)
        }
        (Move::Right(dep), Some(word)) => {
            let under = stack[stack.len() - 2];
            !awaits(word) && head(word) < next && (head(word) != under || tree.deps[word] == dep)
        }
        _ => false,
    }
}

/// Shares of right answers on `trees`; marks do not count for heads.
pub(crate) fn measure(syntax: &Syntax, trees: &[Tree], lexicon: &Lexicon, report: &mut dyn FnMut(String)) {
    let (mut scratch, mut parse) = (Scratch::default(), Parse::default());
    let (mut words, mut fine, mut coarse, mut counted, mut attached, mut labelled) = (0, 0, 0, 0, 0, 0);
    for tree in trees {
        scratch.look(&tree.text, &tree.tokens, lexicon);
        syntax.parse(&scratch, &mut parse);
        for at in 0..tree.tokens.len() {
            words += 1;
            fine += usize::from(parse.tags[at] == tree.tags[at]);
            coarse += usize::from(universal(parse.tags[at]) == universal(tree.tags[at]));
            if tree.deps[at] != Dep::Mark {
                counted += 1;
                let right = parse.heads[at] == tree.heads[at];
                attached += usize::from(right);
                labelled += usize::from(right && parse.deps[at] == tree.deps[at]);
            }
        }
    }
    let share = |part: usize, whole: usize| 100.0 * part as f64 / whole.max(1) as f64;
    report(format!(
        "syntax, held out, {words} words: universal tags {:.2} %, with forms {:.2} %, heads {:.2} % (UAS), \
         heads and kinds {:.2} % (LAS), without marks",
        share(coarse, words),
        share(fine, words),
        share(attached, counted),
        share(labelled, counted)
    ));
}

/// Loads both parts of the treebank, learns from the first and measures on the second.
pub(crate) fn run(
    files: &BTreeMap<String, Vec<u8>>,
    (lexicon, list): (&Lexicon, &str),
    report: &mut dyn FnMut(String),
) -> Result<Syntax, super::TrainError> {
    let (trees, lost) = treebank::load(files, "ud_ewt_train.conllu.gz")?;
    let (held_out, lost_held_out) = treebank::load(files, "ud_ewt_dev.conllu.gz")?;
    report(format!(
        "treebank: {} sentences and {} held out; {lost} and {lost_held_out} could not be brought onto our tokens",
        trees.len(),
        held_out.len()
    ));
    Ok(train(&trees, &held_out, (lexicon, list), report))
}
