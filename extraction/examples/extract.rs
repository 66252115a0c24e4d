//! Shows what the built-in extractor finds in a text file: `extract FILE`.
// Showing is this program's purpose.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::{env, fs};

use kgl_extraction::{Declared, ExtractOptions, ReadLimits, Unwatched, builtin, to_plain_text};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: extract FILE")?;
    let declared = Declared { file_name: Some(&path), ..Declared::default() };
    show(&to_plain_text(&fs::read(&path)?, &declared, &ReadLimits::default())?.text)
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
