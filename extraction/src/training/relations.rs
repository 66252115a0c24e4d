//! Learning the relations: logistic regression on pairs of annotated mentions.

use super::corpus::Sample;
use super::rng::Rng;
use super::tagger::sentences_of;
use crate::anaphora::{self, Kind};
use crate::calibration::Calibration;
use crate::features::Scratch;
use crate::labels::TYPES;
use crate::lexicon::Lexicon;
use crate::relations::{RELATION_BITS, RELATIONS, RelationModel, Role, Slot, allows, features, mask, pairs};
use crate::tagger::{Tagger, Workspace};
use crate::weights::{Row, WIDTH, Weights};

const EPOCHS: usize = 12;
/// Step of AdaGrad (Duchi, Hazan, Singer 2011).
const STEP: f32 = 0.08;
/// What the accumulators start from: dampens the first steps of rare features.
const START: f32 = 1.0;
const DROPOUT: f32 = 0.3;
/// Weights nearer to zero than this are not stored.
const LEAST: f32 = 0.02;

/// The relation that a data set's own name stands for, and whether head and tail change places.
fn relation_of(name: &str) -> Option<(&'static str, bool)> {
    Some(match name {
        "P131" | "P17" | "P276" | "P706" | "P30" => ("located_in", false),
        "P150" => ("located_in", true),
        "P361" => ("part_of", false),
        "P527" => ("part_of", true),
        "P27" | "NATIONALITY" => ("citizen_of", false),
        "P19" | "PLACE_OF_BIRTH" => ("born_in", false),
        "P569" | "DATE_OF_BIRTH" => ("born_on", false),
        "P20" => ("died_in", false),
        "P570" | "DATE_OF_DEATH" => ("died_on", false),
        "P112" | "FOUNDED_BY" => ("founded", true),
        "P571" | "DATE_FOUNDED" => ("founded_on", false),
        "P108" | "EMPLOYEE_OR_MEMBER_OF" => ("works_for", false),
        "P6" | "P35" | "P488" | "CEO" => ("leads", true),
        "P463" | "P102" | "P54" | "P241" | "POLITICAL_AFFILIATION" => ("member_of", false),
        "P69" | "EDUCATED_AT" => ("studied_at", false),
        "P26" | "SPOUSE" => ("spouse_of", false),
        "P22" | "P25" | "CHILD_OF" => ("child_of", false),
        "P40" => ("child_of", true),
        "P3373" => ("sibling_of", false),
        "P159" | "HEADQUARTERS" | "P740" => ("based_in", false),
        "P551" | "P937" | "PLACE_OF_RESIDENCE" => ("lives_in", false),
        "P749" | "SUBSIDIARY_OF" => ("subsidiary_of", false),
        "P355" => ("subsidiary_of", true),
        "P127" => ("owns", true),
        "P50" | "P57" | "P58" | "P86" | "P170" | "P175" | "P178" | "P176" | "P162" | "P272" | "P676" => {
            ("created", true)
        }
        "P800" | "P1056" => ("created", false),
        "P577" => ("published_on", false),
        "P1344" | "P607" => ("participated_in", false),
        "P710" => ("participated_in", true),
        "P166" => ("received_award", false),
        _ => return None,
    })
}

/// One sentence with its mentions and what holds between them.
pub(crate) struct Case {
    pub(crate) arguments: Vec<Slot>,
    /// How sure each mention is.
    pub(crate) confidences: Vec<f32>,
    /// Head, tail (indexes into `arguments`), relation.
    pub(crate) facts: Vec<(usize, usize, usize)>,
    /// Relations of the facts whose mentions are not among the arguments.
    pub(crate) lost: Vec<usize>,
    /// Relations of which the set names every instance here, a bit each.
    judged: u32,
}

/// Where the mentions of a case come from.
#[derive(Clone, Copy)]
pub(crate) enum Mentions<'a> {
    /// The annotated ones; in sets that annotate only the arguments of facts, the tagger's besides,
    /// because the pairs that no fact holds between are what there is to tell from the others.
    Annotated(&'a Tagger),
    /// The tagger's alone, as in use.
    Found(&'a Tagger),
}

/// A sentence's mentions in its tokens, and the facts between them; facts whose mentions were not
/// found are counted in `lost`.
fn case(
    sample: &Sample,
    tokens: &[crate::tokens::Token],
    mentions: Mentions<'_>,
    scratch: &Scratch,
    work: &mut Workspace,
) -> Case {
    let mut arguments = annotated(sample, tokens);
    let annotated = arguments.clone();
    match mentions {
        Mentions::Annotated(_) if sample.all_relations => {}
        Mentions::Annotated(tagger) => {
            for more in found(tagger, scratch, work) {
                if arguments.iter().all(|a| a.0.end <= more.0.start || more.0.end <= a.0.start) {
                    arguments.push(more);
                }
            }
            arguments.sort_by_key(|a| a.0.start);
        }
        Mentions::Found(tagger) => arguments = found(tagger, scratch, work),
    }
    if !sample.all_relations {
        add_pronouns(scratch, &mut arguments);
    }
    let place = |gold: usize| {
        let (wanted, _, _) = annotated.iter().find(|a| a.2 == gold)?;
        let same = |a: &Slot| (a.start, a.end, a.role) == (wanted.start, wanted.end, wanted.role);
        // In use "who" is no argument: the name right before it is.
        let comma = wanted.start > 0 && scratch.words.lower(wanted.start - 1) == ",";
        let before = |a: &Slot| a.end == wanted.start - usize::from(comma) && a.role == wanted.role;
        let relative = matches!(scratch.words.lower(wanted.start), "who" | "whose" | "which");
        arguments.iter().position(|a| if relative { before(&a.0) } else { same(&a.0) })
    };
    // A passage of KnowledgeNet was searched for the relations it has facts of, and for no others.
    let mut judged = if sample.all_relations { (1 << WIDTH) - 1 } else { 0 };
    let (mut facts, mut lost) = (Vec::new(), Vec::new());
    for (head, tail, name) in &sample.relations {
        let Some((relation, swapped)) = relation_of(name) else {
            continue;
        };
        let Some(relation) = RELATIONS.iter().position(|known| known.name == relation) else {
            continue;
        };
        judged |= 1 << relation;
        let (head, tail) = if swapped { (tail, head) } else { (head, tail) };
        let role = |gold: usize| Some(annotated.iter().find(|a| a.2 == gold)?.0.role);
        let is_pronoun = |gold: usize| sample.gold[gold].pronoun;
        // Facts across sentences, and those that the types rule out, are another matter.
        let (Some(h), Some(t)) = (role(*head), role(*tail)) else {
            continue;
        };
        let led = |gold: usize| !is_pronoun(gold) || place(gold).is_some();
        if !allows(relation, h, t) || !led(*head) || !led(*tail) {
            continue;
        }
        match (place(*head), place(*tail)) {
            (Some(head), Some(tail)) if head != tail => facts.push((head, tail, relation)),
            (Some(_), Some(_)) => {}
            _ => lost.push(relation),
        }
    }
    facts.sort_unstable();
    facts.dedup();
    let confidences = arguments.iter().map(|a| a.1).collect();
    Case { arguments: arguments.into_iter().map(|a| a.0).collect(), confidences, facts, lost, judged }
}

/// Adds the pronouns that stand for a name in use: most of them are in no fact, which is to be learnt as well.
fn add_pronouns(scratch: &Scratch, arguments: &mut Vec<Placed>) {
    arguments.retain(|a| !matches!(scratch.words.lower(a.0.start), "who" | "whose" | "which"));
    for pointer in anaphora::find(&scratch.words) {
        let role = match pointer.kind {
            Kind::Person(_) => Role::Person,
            Kind::Thing => Role::Organization,
            Kind::Noun(noun) => Role::of(noun.entity_type).unwrap_or(Role::Thing),
            Kind::Relative => continue,
        };
        if arguments.iter().all(|a| a.0.end <= pointer.start || pointer.end <= a.0.start) {
            arguments.push((Slot { start: pointer.start, end: pointer.end, role }, 1.0, usize::MAX));
        }
    }
    arguments.sort_by_key(|a| a.0.start);
}

impl Case {
    /// The relations of which is known whether they hold from `head` to `tail`, a bit each: those
    /// judged for the whole, and for a pair with a fact the others too, which somebody who marked
    /// that one would have seen. Not `works_for`: leaders and founders are not marked with it.
    pub(crate) fn judged(&self, head: usize, tail: usize) -> u32 {
        let implied = RELATIONS.iter().position(|known| known.name == "works_for").unwrap_or(0);
        let marked = self.facts.iter().any(|fact| (fact.0, fact.1) == (head, tail));
        let others = ((1 << WIDTH) - 1) & !(1 << implied);
        if marked { self.judged | others } else { self.judged }
    }
}

/// An argument, how sure its mention is, and its index in `gold` if it comes from there.
type Placed = (Slot, f32, usize);

/// What the tagger finds.
fn found(tagger: &Tagger, scratch: &Scratch, work: &mut Workspace) -> Vec<Placed> {
    tagger
        .tag(scratch, work)
        .into_iter()
        .filter(|tagged| TYPES[tagged.kind] != "other")
        .filter_map(|tagged| {
            let role = Role::of(TYPES[tagged.kind])?;
            let confidence = tagger.calibration.of(tagged.probability) as f32;
            Some((Slot { start: tagged.start, end: tagged.end, role }, confidence, usize::MAX))
        })
        .collect()
}

/// A sentence's annotated mentions in its tokens.
fn annotated(sample: &Sample, tokens: &[crate::tokens::Token]) -> Vec<Placed> {
    let mut arguments: Vec<Placed> = Vec::new();
    let mut order: Vec<usize> = (0..sample.gold.len()).collect();
    order.sort_by_key(|&index| sample.gold[index].start);
    for index in order {
        let gold = &sample.gold[index];
        let start = tokens.iter().position(|t| t.start as usize == gold.start);
        let end = tokens.iter().position(|t| t.end as usize == gold.end);
        let role = Role::of(TYPES[gold.types.trailing_zeros() as usize]);
        if let (Some(start), Some(end), Some(role)) = (start, end, role)
            && start <= end
            && arguments.last().is_none_or(|last| last.0.end <= start)
        {
            arguments.push((Slot { start, end: end + 1, role }, 1.0, index));
        }
    }
    arguments
}

/// The cases of a sample, each with its sentence looked at in `scratch`.
pub(crate) fn each_case(
    sample: &Sample,
    lexicon: &Lexicon,
    mentions: Mentions<'_>,
    scratch: &mut Scratch,
    mut visit: impl FnMut(&Scratch, Case),
) {
    let mut work = Workspace::default();
    for tokens in sentences_of(sample) {
        scratch.look(&sample.text, &tokens, lexicon);
        let case = case(sample, &tokens, mentions, scratch, &mut work);
        visit(scratch, case);
    }
}

struct Example {
    features: Vec<u32>,
    /// Relations asked for, and those that hold.
    asked: u32,
    right: u32,
}

fn examples(samples: &[&Sample], lexicon: &Lexicon, tagger: &Tagger) -> Vec<Example> {
    let mut scratch = Scratch::default();
    let (mut all, mut masked) = (Vec::new(), Vec::new());
    for sample in samples.iter().filter(|s| !s.relations.is_empty() || s.all_relations) {
        each_case(sample, lexicon, Mentions::Annotated(tagger), &mut scratch, |scratch, case| {
            mask(scratch, &case.arguments, &mut masked);
            for (head, tail) in pairs(&case.arguments) {
                let (h, t) = (case.arguments[head].role, case.arguments[tail].role);
                let asked = (0..WIDTH)
                    .filter(|&r| case.judged(head, tail) >> r & 1 == 1 && allows(r, h, t))
                    .fold(0, |mask, r| mask | 1 << r);
                if asked != 0 {
                    let holds = case.facts.iter().filter(|f| (f.0, f.1) == (head, tail));
                    let right = holds.fold(0, |mask, f| mask | 1 << f.2);
                    let mut list = Vec::new();
                    features(scratch, &case.arguments, &masked, (head, tail), &mut list);
                    all.push(Example { features: list, asked, right });
                }
            }
        });
    }
    all
}

/// Learns from `samples`.
pub(crate) fn train(
    samples: &[&Sample],
    lexicon: &Lexicon,
    tagger: &Tagger,
    report: &mut dyn FnMut(String),
) -> RelationModel {
    let examples = examples(samples, lexicon, tagger);
    let mut weights: Vec<Row> = vec![[0.0; WIDTH]; 1 << RELATION_BITS];
    let mut squares: Vec<Row> = vec![[START; WIDTH]; 1 << RELATION_BITS];
    let mut rng = Rng::new(20_261_124);
    let mut order: Vec<usize> = (0..examples.len()).collect();
    for epoch in 1..=EPOCHS {
        rng.shuffle(&mut order);
        let mut loss = 0.0;
        for &index in &order {
            let example = &examples[index];
            let kept: Vec<u32> = example.features.iter().copied().filter(|_| rng.unit() >= DROPOUT).collect();
            let mut score = [0.0; WIDTH];
            for &feature in &kept {
                score.iter_mut().zip(&weights[feature as usize]).for_each(|(s, w)| *s += w / (1.0 - DROPOUT));
            }
            let mut gradient = [0.0; WIDTH];
            for relation in (0..WIDTH).filter(|r| example.asked >> r & 1 == 1) {
                let holds = f32::from(u8::from(example.right >> relation & 1 == 1));
                let p = 1.0 / (1.0 + (-score[relation]).exp());
                gradient[relation] = p - holds;
                loss -= f64::from(if holds > 0.5 { p.max(1e-9).ln() } else { (1.0 - p).max(1e-9).ln() });
            }
            for &feature in &kept {
                let feature = feature as usize;
                super::tagger::descend(&mut weights[feature], &mut squares[feature], &gradient, STEP);
            }
        }
        if epoch % 4 == 0 {
            report(format!(
                "relations epoch {epoch}: loss {:.4} a pair, {} pairs",
                loss / examples.len() as f64,
                examples.len()
            ));
        }
    }
    RelationModel::new(Weights::compress(&weights, RELATION_BITS, LEAST), Calibration::default())
}
