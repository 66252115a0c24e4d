//! Shows what the built-in extractor finds in a text file: `extract FILE`; or how fast it reads:
//! `extract --speed FILE` (one thread, the text over and over for two seconds).
// Showing is this program's purpose.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};
use std::{env, fs};

use kgl_extraction::{ContentType, ExtractOptions, Unwatched, builtin, to_plain_text};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let speed = arguments.first().is_some_and(|first| first == "--speed");
    let path = arguments.last().ok_or("usage: extract [--speed] FILE")?;
    let kind = ContentType::from_file_name(path).unwrap_or(ContentType::Text);
    let text = to_plain_text(&fs::read_to_string(path)?, kind)?.text;
    if speed { time(&text) } else { show(&text) }
}

fn show(text: &str) -> Result<(), Box<dyn Error>> {
    let found = builtin().extract(text, &ExtractOptions::default(), &Unwatched)?;
    let quote = |start: usize, end: usize| text.chars().skip(start).take(end - start).collect::<String>();
    for entity in &found.entities {
        let aliases = entity.aliases.join(" | ");
        println!("{:<13} {:.2}  {}  [{aliases}]", entity.entity_type, entity.confidence, entity.name);
    }
    println!();
    for relation in &found.relations {
        let (head, tail) = (&found.entities[relation.head].name, &found.entities[relation.tail].name);
        println!("{:.2}  {head}  --{}->  {tail}", relation.confidence, relation.relation_type);
        println!("      {}", quote(relation.evidence.start, relation.evidence.end));
    }
    Ok(())
}

fn time(text: &str) -> Result<(), Box<dyn Error>> {
    let extractor = builtin();
    let words = text.split_whitespace().count();
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < Duration::from_secs(2) {
        extractor.extract(text, &ExtractOptions::default(), &Unwatched)?;
        rounds += 1;
    }
    println!("{:.0} words/s", (words * rounds) as f64 / start.elapsed().as_secs_f64());
    Ok(())
}
