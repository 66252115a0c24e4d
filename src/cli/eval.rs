//! `kgl eval`: an extractor scored against annotated texts.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};
use kgl_extraction::{
    ExtractError, Extraction, Unwatched,
    evaluation::{Evaluation, GoldSet, Report, Score, Unit},
};
use serde::Serialize;

use super::{
    WrongUse,
    ordered::ordered,
    print,
    reading::{self, Reading},
};

/// What is read in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// The sentences of a document together, where the gold names documents.
    Document,
    /// Each line for itself.
    Sentence,
}

/// Scores an extractor against annotated texts.
///
/// FILE holds JSON lines: {"tokens", "ents", "rels"} for a sentence, {"text", "s", "o", "rel"} for one fact of a passage,
/// or what `kgl extract --jsonl --with-text` prints. Only types and relations that the gold knows are judged.
#[derive(Debug, Args)]
pub(super) struct Eval {
    #[command(flatten)]
    reading: Reading,
    /// What is read in one piece.
    #[arg(long, value_enum, default_value_t = By::Document)]
    by: By,
    /// JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// The annotated texts, or `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The scores with what they were made of.
#[derive(Serialize)]
struct Outcome<'a> {
    extractor: &'a str,
    version: &'a str,
    #[serde(flatten)]
    report: &'a Report,
}

pub(super) fn run(command: &Eval) -> anyhow::Result<ExitCode> {
    let name = command.file.display().to_string();
    let unreadable = |error: &dyn std::fmt::Display| WrongUse(format!("{name}: {error}"));
    let bytes = reading::read(&command.file).map_err(|error| WrongUse(format!("{error:#}")))?;
    let lines = String::from_utf8(bytes).map_err(|error| unreadable(&not_utf8(&error)))?;
    let unit = if command.by == By::Sentence { Unit::Sentence } else { Unit::Document };
    let set = GoldSet::parse(&lines, unit).map_err(|error| unreadable(&error))?;
    if set.documents.is_empty() {
        return Err(unreadable(&"holds no texts").into());
    }
    let (extractor, mut options) = (command.reading.extractor()?, command.reading.options()?);
    // What is judged is chosen from what was found: an extractor that is asked for less finds fewer relations too.
    (options.entity_types, options.relationship_types) = (None, None);
    let (types, relations) = (command.reading.types.as_deref(), command.reading.relations.as_deref());
    let mut evaluation = Evaluation::new(&set, types, relations);
    let mut documents = set.documents.iter();
    let mut failure = None;
    let mut at = 0;
    let take = |found: Option<Result<Extraction, ExtractError>>| {
        let gold = &set.documents[at];
        at += 1;
        match found {
            Some(Ok(found)) => evaluation.add(gold, &found),
            Some(Err(error)) => failure = Some(format!("text {at}: {error}")),
            None => failure = Some(format!("text {at}: the extractor failed")),
        }
        Ok(())
    };
    ordered(|| documents.next(), |document| extractor.extract(&document.text, &options, &Unwatched), take)
        .context("the texts")?;
    if let Some(failure) = failure {
        anyhow::bail!("{name}: {failure}");
    }
    let report = evaluation.report();
    let outcome = Outcome { extractor: extractor.name(), version: extractor.version(), report: &report };
    if command.json { print(&serde_json::to_string_pretty(&outcome)?) } else { print(&table(&name, &outcome)) }
}

/// Where a file stops being text.
fn not_utf8(error: &std::string::FromUtf8Error) -> String {
    let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
    format!("line {}: not UTF-8", valid.iter().filter(|byte| **byte == b'\n').count() + 1)
}

fn table(name: &str, outcome: &Outcome<'_>) -> String {
    let report = outcome.report;
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["", "gold", "found", "right", "P", "R", "F1"]);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let entities = &report.entities;
    row(&mut table, "entities, exact (span and type)", &entities.exact);
    row(&mut table, "entities, boundary (span)", &entities.boundary);
    for (kind, score) in &entities.by_type {
        row(&mut table, &format!("  {kind}"), score);
    }
    let relations = &report.relations;
    if !relations.by_relation.is_empty() {
        row(&mut table, "relations, strict (spans, types)", &relations.strict);
        row(&mut table, "relations, boundary (spans)", &relations.boundary);
        row(&mut table, "relations, facts (any mention)", &relations.facts);
        for (relation, score) in &relations.by_relation {
            row(&mut table, &format!("  {relation}, boundary"), &score.boundary);
            row(&mut table, &format!("  {relation}, facts"), &score.facts);
        }
    }
    let mut text = format!("{name}: {} texts, {} {}\n{table}", report.documents, outcome.extractor, outcome.version);
    let errors = [("entities", entities.calibration_error), ("facts", relations.calibration_error)];
    for (what, error) in errors {
        if let Some(error) = error {
            text.push_str(&format!("\ncalibration error of {what}: {error:.3}"));
        }
    }
    for (what, labels) in [("types", &report.not_judged.types), ("relations", &report.not_judged.relations)] {
        if !labels.is_empty() {
            text.push_str(&format!("\nnot judged, {what} that nothing here answers to: {}", list(labels)));
        }
    }
    if let Some(recall) = relations.recall_of_all.filter(|_| !report.not_judged.relations.is_empty()) {
        text.push_str(&format!("\nrecall of facts with these counted as missed: {:.1}", 100.0 * recall));
    }
    text
}

fn list(labels: &BTreeMap<String, usize>) -> String {
    labels.iter().map(|(label, count)| format!("{label} {count}")).collect::<Vec<_>>().join(", ")
}

fn row(table: &mut Table, name: &str, score: &Score) {
    let percent = |part: Option<f64>| part.map_or_else(|| "–".to_owned(), |part| format!("{:.1}", 100.0 * part));
    table.add_row([
        name.to_owned(),
        score.gold.to_string(),
        score.found.to_string(),
        score.right.to_string(),
        percent(score.precision),
        percent(score.recall),
        percent(score.f1),
    ]);
}
