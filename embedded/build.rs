//! Puts the PostgreSQL bundle that `make setup` made into the binary.
//!
//! Without it the crate still builds, so that an editor can check a fresh checkout, and says at run time what to do.

use std::{env, fs, path::Path};

fn main() -> std::io::Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let bundle = root.join(".kgl/postgres.tar.gz");
    println!("cargo:rerun-if-changed={}", bundle.display());
    let target = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("postgres.tar.gz");
    if bundle.exists() {
        fs::copy(&bundle, &target)?;
    } else {
        println!("cargo:warning=no PostgreSQL bundle: run `make setup` first, or the binary needs KGL_POSTGRES_BUNDLE");
        fs::write(&target, [])?;
    }
    Ok(())
}
