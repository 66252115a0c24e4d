//! `kgl embed`: texts in, sentence vectors out. No database, no settings, no service.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal, Read, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use kgl_extraction::{Embedder, MAX_TEXT_BYTES, TextHash, embedder};
use serde::Serialize;

use super::reading;

/// Most lines that are read before the first of them is answered. Fewer when no more have arrived.
const AT_ONCE: usize = 256;

/// Prints the sentence vector of each line.
#[derive(Debug, Args)]
pub(super) struct Embed {
    /// Texts, one a line; `-` for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Answer<'a> {
    text_hash: &'a str,
    embedding: &'a [f32],
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
}

type Line = Result<String, String>;

pub(super) fn run(command: &Embed) -> anyhow::Result<ExitCode> {
    let embedder = embedder()?;
    let file = &command.file;
    let mut input: BufReader<Box<dyn Read>> = BufReader::new(if reading::is_stdin(file) {
        if io::stdin().is_terminal() {
            eprintln!("kgl: reading texts from the terminal, one a line; end them with Ctrl-D");
        }
        Box::new(io::stdin())
    } else {
        Box::new(File::open(file).with_context(|| format!("{} cannot be read", file.display()))?)
    });
    let (mut number, mut failed) = (0, false);
    loop {
        let lines = read_lines(&mut input).with_context(|| format!("{} cannot be read", file.display()))?;
        if lines.is_empty() {
            return Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        for (line, error) in lines.iter().zip(number + 1..).filter_map(|(line, at)| Some((at, line.as_ref().err()?))) {
            failed = true;
            eprintln!("kgl: line {line}: {error}");
        }
        number += lines.len();
        match io::stdout().lock().write_all(answers(embedder, &lines)?.as_bytes()) {
            // The reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("standard output")?,
        }
    }
}

/// Waits for a line and takes those that came with it. Empty at the end of the input.
fn read_lines(input: &mut BufReader<Box<dyn Read>>) -> io::Result<Vec<Line>> {
    let mut lines = Vec::new();
    while lines.len() < AT_ONCE && (lines.is_empty() || input.buffer().contains(&b'\n')) {
        let mut line = Vec::new();
        let most = MAX_TEXT_BYTES as u64;
        if input.take(most).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == most && !line.ends_with(b"\n") {
            input.skip_until(b'\n')?;
            lines.push(Err(format!("longer than {most} bytes")));
            continue;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        lines.push(String::from_utf8(text.to_vec()).map_err(|_| "not UTF-8".to_owned()));
    }
    Ok(lines)
}

/// A line of JSON for each line, so that they can be put side by side.
fn answers(embedder: &Embedder, lines: &[Line]) -> anyhow::Result<String> {
    let texts: Vec<&str> = lines.iter().flatten().map(String::as_str).collect();
    let mut embeddings = embedder.embed(&texts)?.into_iter();
    let mut out = String::new();
    for line in lines {
        match (line, line.as_ref().ok().and_then(|_| embeddings.next())) {
            (Ok(text), Some(embedding)) => {
                let text_hash = hex(&Embedder::text_hash(text));
                out += &serde_json::to_string(&Answer { text_hash: &text_hash, embedding: &embedding })?;
            }
            (line, _) => {
                let error = line.as_ref().err().map_or("no vector", String::as_str);
                out += &serde_json::to_string(&Refused { error })?;
            }
        }
        out.push('\n');
    }
    Ok(out)
}

fn hex(hash: &TextHash) -> String {
    hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
