//! Learning the models that the crate carries. Used by `kgl-train` only; reads and writes nothing
//! itself.

mod antecedents;
mod corpus;
mod lexicon;
mod measure;
mod relations;
mod rng;
mod syntax;
mod tagger;
mod treebank;

use std::collections::BTreeMap;

use crate::calibration::Calibration;
use crate::features::Scratch;
use crate::labels::TYPES;
use crate::lexicon::Lexicon;
use crate::patterns;
use crate::relations::{RELATIONS, RelationModel};
use crate::tagger::{Tagger, Workspace};
use crate::wire::Reader;
use corpus::Sample;
use relations::Mentions;

/// Why nothing was learnt.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A file that is needed is not there.
    #[error("{0} is missing")]
    Missing(String),
    /// A file is not what its name says.
    #[error("{0} cannot be read as what it should be")]
    Data(String),
}

/// Builds the lexicon from the resource files, given by name.
///
/// # Errors
/// [`TrainError`] when a file is missing or unreadable.
pub fn build_lexicon(files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<u8>, TrainError> {
    let mut out = Vec::new();
    lexicon::build(files)?.write(&mut out);
    Ok(out)
}

/// Builds the list of given names with their gender from the resource files, given by name.
///
/// # Errors
/// [`TrainError`] when a file is missing or unreadable.
pub fn build_given_names(files: &BTreeMap<String, Vec<u8>>) -> Result<String, TrainError> {
    lexicon::given_names(files)
}

/// Measures with the models compiled in how often pronouns are led right.
///
/// # Errors
/// [`TrainError`] when a file is missing or unreadable.
pub fn measure_antecedents(
    files: &BTreeMap<String, Vec<u8>>,
    report: &mut dyn FnMut(String),
) -> Result<(), TrainError> {
    let name = "knowledgenet_folds123.jsonl";
    let bytes = files.get(name).ok_or_else(|| TrainError::Missing(name.into()))?;
    let lines = std::str::from_utf8(bytes).map_err(|_| TrainError::Data(name.into()))?;
    antecedents::measure(lines, &crate::fast::Fast::load(), report)
}

/// A token of a text: where it starts and ends in Unicode scalar values, and what the lexicon says of it
/// ([`Scratch::known`]).
pub type TokenRow = (u32, u32, u32);

/// Answers each line of `texts`, a JSON string, with a JSON list of sentences of [`TokenRow`]s.
///
/// # Errors
/// [`TrainError::Data`] when the lexicon is none or a line is no JSON string.
pub fn tokenise(texts: &str, lexicon: &[u8]) -> Result<String, TrainError> {
    let lexicon = Lexicon::read(&mut Reader::new(lexicon)).map_err(|_| TrainError::Data("the lexicon".into()))?;
    let mut scratch = Scratch::default();
    let mut out = String::new();
    for (number, line) in texts.lines().enumerate() {
        let bad = |_| TrainError::Data(format!("line {} of the texts", number + 1));
        let text: String = serde_json::from_str(line).map_err(bad)?;
        out.push_str(&serde_json::to_string(&token_rows(&text, &lexicon, &mut scratch)).map_err(bad)?);
        out.push('\n');
    }
    Ok(out)
}

fn token_rows(text: &str, lexicon: &Lexicon, scratch: &mut Scratch) -> Vec<Vec<TokenRow>> {
    let rows = crate::sentences::split(text).into_iter().map(|s| {
        let tokens: Vec<_> = crate::tokens::Tokenizer::within(text, s.byte_start, s.byte_end, s.char_start).collect();
        scratch.look(text, &tokens, lexicon);
        tokens.iter().enumerate().map(|(at, token)| (token.char_start, token.char_end, scratch.known(at))).collect()
    });
    rows.collect()
}

/// Trains the tagger and parser on the treebank, with the word list of the resources, and measures them on the held-out
/// part of the treebank; for `syntax.bin`.
///
/// # Errors
/// [`TrainError`] when a file is missing or unreadable.
pub fn train_syntax(
    files: &BTreeMap<String, Vec<u8>>,
    resources: &BTreeMap<String, Vec<u8>>,
    lexicon: &[u8],
    report: &mut dyn FnMut(String),
) -> Result<Vec<u8>, TrainError> {
    const LIST: &str = "en-lexicon.txt";
    let list = resources.get(LIST).ok_or_else(|| TrainError::Missing(LIST.to_owned()))?;
    let list = std::str::from_utf8(list).map_err(|_| TrainError::Data(LIST.to_owned()))?;
    let lexicon = Lexicon::read(&mut Reader::new(lexicon)).map_err(|_| TrainError::Data("the lexicon".into()))?;
    let mut bytes = Vec::new();
    syntax::run(files, (&lexicon, list), report)?.write(&mut bytes);
    report(format!("syntax: {} bytes", bytes.len()));
    Ok(bytes)
}

/// The models, serialised.
pub struct Models {
    /// For `tagger.bin`.
    pub tagger: Vec<u8>,
    /// For `relations.bin`.
    pub relations: Vec<u8>,
}

/// Trains on all but the held-out part of the data sets and measures on that part; then trains on
/// everything, which is what is shipped, with the calibration of the first.
///
/// # Errors
/// [`TrainError`] when a file is missing or unreadable.
pub fn train(
    files: &BTreeMap<String, Vec<u8>>,
    lexicon: &[u8],
    report: &mut dyn FnMut(String),
) -> Result<Models, TrainError> {
    let lexicon = Lexicon::read(&mut Reader::new(lexicon)).map_err(|_| TrainError::Data("the lexicon".into()))?;
    let samples = corpus::load(files)?;
    let known: Vec<&Sample> = samples.iter().filter(|s| !s.held_out).collect();
    let held_out: Vec<&Sample> = samples.iter().filter(|s| s.held_out).collect();
    report(format!("{} samples to learn from, {} held out", known.len(), held_out.len()));
    let mut honest = tagger::train(&known, &lexicon, report);
    honest.calibration = measure_tagger(&honest, &held_out, &lexicon, report);
    let all: Vec<&Sample> = samples.iter().collect();
    let mut tagger = tagger::train(&all, &lexicon, report);
    tagger.calibration = honest.calibration;
    let mut bytes = Vec::new();
    tagger.write(&mut bytes);
    report(format!("tagger: {} features, {} bytes", tagger.features(), bytes.len()));
    let relations = train_relations(&known, &held_out, &all, (&honest, &tagger), &lexicon, report);
    Ok(Models { tagger: bytes, relations })
}

fn train_relations(
    known: &[&Sample],
    held_out: &[&Sample],
    all: &[&Sample],
    (honest, shipped): (&Tagger, &Tagger),
    lexicon: &Lexicon,
    report: &mut dyn FnMut(String),
) -> Vec<u8> {
    measure_wording(all, honest, lexicon, report);
    let model = relations::train(known, lexicon, honest, report);
    measure_relations("annotated names", &model, held_out, Mentions::Annotated(honest), lexicon, report);
    let calibration = measure_relations("names found", &model, held_out, Mentions::Found(honest), lexicon, report);
    let mut model = relations::train(all, lexicon, shipped, report);
    model.calibration = calibration;
    let mut bytes = Vec::new();
    model.write(&mut bytes);
    report(format!("relations: {} features, {} bytes", model.features(), bytes.len()));
    bytes
}

/// How often a statement by its wording is right between annotated names, on all samples: nothing
/// of it was learnt from them. Only relations that the sets know can be looked at.
fn measure_wording(samples: &[&Sample], tagger: &Tagger, lexicon: &Lexicon, report: &mut dyn FnMut(String)) {
    let mut scratch = Scratch::default();
    let mut table = measure::Table::default();
    for sample in samples.iter().filter(|s| s.all_relations || s.set == "knowledgenet") {
        relations::each_case(sample, lexicon, Mentions::Annotated(tagger), &mut scratch, |scratch, case| {
            for said in patterns::find(&scratch.words, &case.arguments) {
                let Some(relation) = RELATIONS.iter().position(|known| known.name == said.relation) else {
                    continue;
                };
                if case.judged(said.head, said.tail) >> relation & 1 == 1 {
                    let count = table.at(said.relation);
                    let holds = |a, b| case.facts.contains(&(a, b, relation));
                    let right = holds(said.head, said.tail)
                        || (matches!(said.relation, "spouse_of" | "sibling_of") && holds(said.tail, said.head));
                    if right { count.right += 1 } else { count.wrong += 1 }
                }
            }
        });
    }
    report("relations by wording, all samples (precision only):".to_owned());
    table.lines().into_iter().for_each(report);
}

/// On the held-out sentences: the scores by relation, and the calibration.
fn measure_relations(
    what: &str,
    model: &RelationModel,
    samples: &[&Sample],
    mentions: Mentions<'_>,
    lexicon: &Lexicon,
    report: &mut dyn FnMut(String),
) -> Calibration {
    let mut scratch = Scratch::default();
    let mut cases = Vec::new();
    for sample in samples.iter().filter(|s| s.all_relations || s.set == "knowledgenet") {
        relations::each_case(sample, lexicon, mentions, &mut scratch, |scratch, case| {
            let mut stated = model.state(scratch, &case.arguments, 0.02);
            for s in &mut stated {
                s.probability *= case.confidences[s.head] * case.confidences[s.tail];
            }
            cases.push((sample.set, case, stated));
        });
    }
    let mut outcomes = measure::Outcomes::new();
    for (_, case, stated) in &cases {
        for s in stated.iter().filter(|s| case.judged(s.head, s.tail) >> s.relation & 1 == 1) {
            outcomes.push((s.probability, case.facts.contains(&(s.head, s.tail, s.relation))));
        }
    }
    let calibration = measure::fit(&outcomes);
    for set in ["redocred", "knowledgenet"] {
        let mut table = measure::Table::default();
        for (_, case, stated) in cases.iter().filter(|(from, ..)| *from == set) {
            let said: Vec<_> = stated
                .iter()
                .filter(|s| calibration.of(s.probability) >= patterns::LEAST)
                .map(|s| (s.head, s.tail, s.relation))
                .collect();
            for fact in
                said.iter().filter(|fact| case.judged(fact.0, fact.1) >> fact.2 & 1 == 1 && !case.facts.contains(fact))
            {
                table.at(RELATIONS[fact.2].name).wrong += 1;
            }
            for fact in &case.facts {
                let count = table.at(RELATIONS[fact.2].name);
                if said.contains(fact) { count.right += 1 } else { count.missed += 1 }
            }
            for relation in &case.lost {
                table.at(RELATIONS[*relation].name).missed += 1;
            }
        }
        report(format!("relations, {set}, {what}:"));
        table.lines().into_iter().for_each(&mut *report);
    }
    report(format!(
        "relations, {what}, calibration {calibration:?}: ECE {:.4} without it, {:.4} with it (crossed halves)",
        measure::ece(&outcomes, Calibration::default()),
        measure::crossed_ece(&outcomes)
    ));
    calibration
}

fn measure_tagger(
    tagger: &Tagger,
    samples: &[&Sample],
    lexicon: &Lexicon,
    report: &mut dyn FnMut(String),
) -> Calibration {
    let mut outcomes = measure::Outcomes::new();
    let (mut scratch, mut work) = (Scratch::default(), Workspace::default());
    let mut tables: BTreeMap<&str, measure::Table> = BTreeMap::new();
    for sample in samples.iter().filter(|s| s.set != "knowledgenet") {
        let table = tables.entry(sample.set).or_default();
        let gold = tagger::judged_gold(sample);
        let mut found = Vec::new();
        for tokens in tagger::sentences_of(sample) {
            scratch.look(&sample.text, &tokens, lexicon);
            for span in tagger.tag(&scratch, &mut work) {
                let place = (tokens[span.start].start as usize, tokens[span.end - 1].end as usize, span.kind);
                let right = gold.contains(&place);
                // Where a set leaves a type open, a prediction is neither right nor wrong.
                let open =
                    sample.gold.iter().any(|g| g.types.count_ones() > 1 && (g.start, g.end) == (place.0, place.1));
                if TYPES[span.kind] != "other" && !open && (right || tagger::is_judged(sample.judged, span.kind)) {
                    outcomes.push((span.probability, right));
                    if !right {
                        table.at(TYPES[span.kind]).wrong += 1;
                    }
                }
                found.push(place);
            }
        }
        for place in gold.iter().filter(|place| TYPES[place.2] != "other") {
            let count = table.at(TYPES[place.2]);
            if found.contains(place) { count.right += 1 } else { count.missed += 1 }
        }
    }
    for (set, table) in &tables {
        report(format!("names, {set}, exact span and type:"));
        table.lines().into_iter().for_each(&mut *report);
    }
    let calibration = measure::fit(&outcomes);
    report(format!(
        "names, calibration {calibration:?}: ECE {:.4} without it, {:.4} with it (crossed halves)",
        measure::ece(&outcomes, Calibration::default()),
        measure::crossed_ece(&outcomes)
    ));
    calibration
}
