//! `kgl extract`: texts in, what they say out. No database, no settings, no service.

mod answer;
mod lines;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Args;
use kgl_extraction::{Declared, PlainText, ReadLimits, Unwatched, to_plain_text};
use serde::Serialize;

use super::{
    graph_table, print,
    reading::{self, Reading},
};
use answer::Answer;

/// Reads texts and prints what they say.
#[derive(Debug, Args)]
pub(super) struct Extract {
    #[command(flatten)]
    reading: Reading,
    /// One document a line in, {"id", "text"}; one answer a line out, in the same order.
    #[arg(long, conflicts_with = "json")]
    jsonl: bool,
    /// JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Repeat each text in its answer, so that `kgl eval` can take the answers for gold.
    #[arg(long, requires = "jsonl")]
    with_text: bool,
    /// The document, or `-` for standard input (plain text, or lines with --jsonl).
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// What is printed of a file: offsets refer to `text`, which is what its format was turned into.
#[derive(Serialize)]
struct Document<'a> {
    id: &'a str,
    title: Option<&'a str>,
    content_type: &'a str,
    text: &'a str,
    #[serde(flatten)]
    answer: Answer<'a>,
}

pub(super) fn run(command: &Extract) -> anyhow::Result<ExitCode> {
    if command.jsonl {
        return lines::run(&command.reading, &command.file, command.with_text);
    }
    let (extractor, options) = (command.reading.extractor()?, command.reading.options()?);
    if reading::is_stdin(&command.file) && std::io::stdin().is_terminal() {
        eprintln!("kgl: reading a text from the terminal; end it with Ctrl-D");
    }
    let name = command.file.display().to_string();
    let text = plain_text(&command.file)?;
    let found = extractor.extract(&text.text, &options, &Unwatched).with_context(|| name.clone())?;
    if command.json {
        let document = Document {
            id: &name,
            title: text.title.as_deref(),
            content_type: text.content_type.as_mime(),
            text: &text.text,
            answer: Answer::new(&found),
        };
        return print(&serde_json::to_string_pretty(&document)?);
    }
    print(graph_table::extraction(&name, &text.text, &found).trim_end())
}

/// The document as plain text.
fn plain_text(file: &PathBuf) -> anyhow::Result<PlainText> {
    let name = file.display().to_string();
    let declared = Declared { file_name: Some(&name), ..Declared::default() };
    to_plain_text(&reading::read(file)?, &declared, &ReadLimits::default()).with_context(|| name.clone())
}
