//! One document a line in, one answer a line out.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use kgl_extraction::{ExtractOptions, Extractor, MAX_TEXT_BYTES, Unwatched};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::answer::Answer;
use crate::cli::{
    ordered::ordered,
    reading::{self, Reading},
};

/// The longest line: a text of the longest length with every character escaped.
const MAX_LINE: u64 = 6 * MAX_TEXT_BYTES as u64;

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    text: String,
}

/// Of a line that is otherwise unreadable.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Answered<'a> {
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(flatten)]
    answer: Answer<'a>,
}

#[derive(Serialize)]
struct Refused<'a> {
    id: Option<&'a RawValue>,
    error: &'a str,
}

/// What becomes of a line: the line to print, and what is wrong with it.
struct Outcome {
    number: usize,
    line: String,
    error: Option<String>,
}

pub(super) fn run(reading: &Reading, file: &PathBuf, with_text: bool) -> anyhow::Result<ExitCode> {
    let (extractor, options) = (reading.extractor()?, reading.options()?);
    let mut input: Box<dyn BufRead + Send> = if reading::is_stdin(file) {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(file).with_context(|| format!("{} cannot be read", file.display()))?))
    };
    let (mut number, mut failed) = (0, 0);
    let next = || {
        let line = read_line(&mut input)?;
        number += 1;
        Some((number, line))
    };
    let work = |(number, line)| answer(extractor.as_ref(), &options, with_text, number, line);
    let mut done = 0;
    let take = |outcome: Option<Outcome>| {
        done += 1;
        let outcome = outcome.unwrap_or_else(|| refused(done, None, "the extractor failed on this text"));
        if let Some(error) = &outcome.error {
            failed += 1;
            eprintln!("kgl: line {}: {error}", outcome.number);
        }
        let mut out = io::stdout().lock();
        let written = if outcome.line.is_empty() { Ok(()) } else { writeln!(out, "{}", outcome.line) };
        match written.and_then(|()| out.flush()) {
            // The reader has seen enough. Leaving at once: more input may never come.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(i32::from(failed > 0)),
            written => written,
        }
    };
    ordered(next, work, take).context("standard output")?;
    Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The next line without its end; an error is what is said about it. `None` at the end of the input, and after an
/// error of reading.
fn read_line(input: &mut dyn BufRead) -> Option<Result<Vec<u8>, String>> {
    let mut line = Vec::new();
    match input.take(MAX_LINE).read_until(b'\n', &mut line) {
        Ok(0) => None,
        Ok(_) if line.ends_with(b"\n") || (line.len() as u64) < MAX_LINE => Some(Ok(line)),
        Ok(_) => {
            let skipped = input.skip_until(b'\n');
            Some(Err(skipped.map_or_else(|error| error.to_string(), |_| format!("longer than {MAX_LINE} bytes"))))
        }
        Err(error) => Some(Err(format!("cannot be read: {error}"))),
    }
}

fn answer(
    extractor: &dyn Extractor,
    options: &ExtractOptions,
    with_text: bool,
    number: usize,
    line: Result<Vec<u8>, String>,
) -> Outcome {
    let line = match line.and_then(|line| String::from_utf8(line).map_err(|_| "not UTF-8".to_owned())) {
        Ok(line) => line,
        Err(error) => return refused(number, None, &error),
    };
    if line.trim().is_empty() {
        return Outcome { number, line: String::new(), error: None };
    }
    let id = || serde_json::from_str::<Named<'_>>(&line).ok().and_then(|named| named.id).filter(|id| is_id(id));
    let document: Line<'_> = match serde_json::from_str(&line) {
        Ok(document) => document,
        Err(error) => return refused(number, id(), &format!("not {{\"id\", \"text\"}}: {error}")),
    };
    if document.id.is_some_and(|id| !is_id(id)) {
        return refused(number, None, "the id is neither a string nor a number");
    }
    let found = match extractor.extract(&document.text, options, &Unwatched) {
        Ok(found) => found,
        Err(error) => return refused(number, document.id, &error.to_string()),
    };
    let text = with_text.then_some(document.text.as_str());
    match serde_json::to_string(&Answered { id: document.id, text, answer: Answer::new(&found) }) {
        Ok(line) => Outcome { number, line, error: None },
        Err(error) => refused(number, document.id, &error.to_string()),
    }
}

fn refused(number: usize, id: Option<&RawValue>, error: &str) -> Outcome {
    let line = serde_json::to_string(&Refused { id, error }).unwrap_or_default();
    Outcome { number, line, error: Some(error.to_owned()) }
}

fn is_id(id: &RawValue) -> bool {
    id.get().starts_with(|first: char| matches!(first, '"' | '-' | '0'..='9'))
}
