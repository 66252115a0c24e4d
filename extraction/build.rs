//! Hands the language model's files that `make setup` made to the compiler, which puts them into the binary.
//!
//! Without them a development build still succeeds, so that `cargo check` and editors need no set-up; what needs the
//! model then says what is missing. A release build stops.

use std::{env, error::Error, fs, path::PathBuf};

/// Files of `.kgl/minilm/`, and the variables that name them to the compiler.
const FILES: [(&str, &str); 3] =
    [("vocab.txt", "KGL_MINILM_VOCABULARY"), ("words.bin", "KGL_MINILM_WORDS"), ("encoder.onnx", "KGL_MINILM_ENCODER")];

fn main() -> Result<(), Box<dyn Error>> {
    let made = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../.kgl");
    let (folder, stamp) = (made.join("minilm"), made.join("minilm.stamp"));
    println!("cargo:rerun-if-changed={}", stamp.display());
    for (file, _) in FILES {
        println!("cargo:rerun-if-changed={}", folder.join(file).display());
    }

    let checksum = fs::read_to_string(&stamp).ok().and_then(|text| text.split_whitespace().nth(1).map(str::to_owned));
    let complete = checksum.is_some() && FILES.iter().all(|(file, _)| folder.join(file).is_file());
    if !complete {
        println!("cargo:warning=the language model is missing: run `make setup` to put it into the binary");
        if env::var("PROFILE")? == "release" {
            return Err("the language model is missing: run `make setup` first".into());
        }
    }
    let empty = PathBuf::from(env::var("OUT_DIR")?).join("empty");
    fs::write(&empty, [])?;
    for (file, variable) in FILES {
        let path = if complete { folder.join(file).canonicalize()? } else { empty.clone() };
        println!("cargo:rustc-env={variable}={}", path.display());
    }
    println!("cargo:rustc-env=KGL_MINILM_ID={}", checksum.filter(|_| complete).unwrap_or_default());
    Ok(())
}
