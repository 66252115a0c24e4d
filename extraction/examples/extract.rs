//! Shows what the built-in extractor finds in a text file: `extract FILE`; with `--open` before it, relations in the
//! text's own words too.
// Showing is this program's purpose.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::{env, fs};

use kgl_extraction::{Declared, ExtractOptions, ReadLimits, Unwatched, builtin, to_plain_text};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let path = arguments.last().ok_or("usage: extract [--open] FILE")?;
    let open = arguments.iter().any(|argument| argument == "--open");
    let options = ExtractOptions { open_relations: Some(open), ..ExtractOptions::default() };
    let declared = Declared { file_name: Some(path), ..Declared::default() };
    show(&to_plain_text(&fs::read(path)?, &declared, &ReadLimits::default())?.text, &options)
}

fn show(text: &str, options: &ExtractOptions) -> Result<(), Box<dyn Error>> {
    let found = builtin().extract(text, options, &Unwatched)?;
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
