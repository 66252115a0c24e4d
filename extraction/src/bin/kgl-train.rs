//! Learns the models of kgl-extraction: `kgl-train DATA_DIR RESOURCES_DIR OUT_DIR`, or the grammar alone, with the
//! lexicon that lies in OUT_DIR: `kgl-train --syntax DATA_DIR RESOURCES_DIR OUT_DIR`; and cuts texts into tokens for the
//! trainer of the neural ones: `kgl-train tokens LEXICON < TEXTS > TOKENS`.
//! The README of the crate says where the files come from.
// The report is this program's output.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use kgl_extraction::training;

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    match folders.as_slice() {
        [command, lexicon] if command.as_os_str() == "tokens" => {
            print!("{}", training::tokenise(&std::io::read_to_string(std::io::stdin())?, &fs::read(lexicon)?)?);
            return Ok(());
        }
        [data] => return Ok(training::measure_antecedents(&read(data)?, &mut |line| println!("{line}"))?),
        _ => {}
    }
    if let [flag, data, resources, out] = folders.as_slice()
        && flag.as_os_str() == "--syntax"
    {
        return syntax(&read(data)?, &read(resources)?, &fs::read(out.join("lexicon.bin"))?, out);
    }
    let [data, resources, out] = folders.as_slice() else {
        return Err(
            "usage: kgl-train DATA_DIR RESOURCES_DIR OUT_DIR, or kgl-train --syntax DATA_DIR RESOURCES_DIR OUT_DIR, \
                    or kgl-train DATA_DIR to measure only, or kgl-train tokens LEXICON"
                .into(),
        );
    };
    let resources = read(resources)?;
    fs::write(out.join("given_names.txt"), training::build_given_names(&resources)?)?;
    let lexicon = training::build_lexicon(&resources)?;
    println!("lexicon: {} bytes", lexicon.len());
    fs::write(out.join("lexicon.bin"), &lexicon)?;
    let models = training::train(&read(data)?, &lexicon, &mut |line| println!("{line}"))?;
    fs::write(out.join("tagger.bin"), &models.tagger)?;
    fs::write(out.join("relations.bin"), &models.relations)?;
    syntax(&read(data)?, &resources, &lexicon, out)
}

type Files = BTreeMap<String, Vec<u8>>;

fn syntax(files: &Files, resources: &Files, lexicon: &[u8], out: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = training::train_syntax(files, resources, lexicon, &mut |line| println!("{line}"))?;
    fs::write(out.join("syntax.bin"), bytes)?;
    Ok(())
}

/// The files of a folder by name.
fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, std::io::Error> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
        }
    }
    Ok(files)
}
