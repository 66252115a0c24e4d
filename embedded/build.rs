//! Hands the PostgreSQL bundle that `make setup` made to the compiler, which puts it into the binary.
//!
//! Without a bundle a development build still succeeds, so that `cargo check` and editors need no set-up; such a binary
//! says at its start what is missing. A release build stops, unless `KGL_WITHOUT_POSTGRES=1` says that it is meant for
//! `DATABASE_URL` only.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../.kgl");
    let (bundle, stamp) = (folder.join("postgres.tar.gz"), folder.join("postgres.stamp"));
    println!("cargo:rerun-if-changed={}", bundle.display());
    println!("cargo:rerun-if-changed={}", stamp.display());
    println!("cargo:rerun-if-env-changed=KGL_WITHOUT_POSTGRES");

    let without = env::var_os("KGL_WITHOUT_POSTGRES").is_some_and(|value| value == "1");
    let checksum = fs::read_to_string(&stamp).ok().and_then(|text| text.split_whitespace().nth(1).map(str::to_owned));
    let (file, id) = match checksum {
        Some(checksum) if bundle.is_file() && !without => (bundle.canonicalize()?, checksum),
        _ if env::var("PROFILE")? == "release" && !without => {
            println!("cargo:warning=the PostgreSQL bundle is missing: run `make setup` first");
            return Err("the PostgreSQL bundle is missing: run `make setup` first".into());
        }
        _ => {
            if !without {
                println!("cargo:warning=built without PostgreSQL: run `make setup` to put it into the binary");
            }
            let empty = PathBuf::from(env::var("OUT_DIR")?).join("empty");
            fs::write(&empty, [])?;
            (empty, String::new())
        }
    };
    println!("cargo:rustc-env=KGL_BUNDLE_FILE={}", file.display());
    println!("cargo:rustc-env=KGL_BUNDLE_ID={id}");
    Ok(())
}
