//! What `kgl extract` and `kgl eval` have in common: the extractor and what is wanted of it.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use kgl_extraction::{ExtractOptions, Extractor, by_name};

use super::WrongUse;

/// Names that [`by_name`] knows, for the message about one that it does not.
const EXTRACTORS: &str = "builtin, fast, noop";

/// Which extractor reads, and what of it is shown.
#[derive(Debug, Args)]
pub(super) struct Reading {
    /// Which extractor reads: builtin, fast or noop.
    #[arg(long, value_name = "NAME", default_value = "builtin")]
    extractor: String,
    /// Only these entity types, and relations between them.
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
    pub(super) types: Option<Vec<String>>,
    /// Only these relations.
    #[arg(long, value_name = "RELATION,…", value_delimiter = ',')]
    pub(super) relations: Option<Vec<String>>,
    /// Only what is at least this sure, 0 to 1.
    #[arg(long, value_name = "CONFIDENCE")]
    threshold: Option<f64>,
    /// Also relations in the text's own words.
    #[arg(long)]
    open: bool,
}

impl Reading {
    /// The extractor, loaded.
    pub(super) fn extractor(&self) -> anyhow::Result<Arc<dyn Extractor>> {
        let name = &self.extractor;
        Ok(by_name(name).ok_or_else(|| WrongUse(format!("no extractor is called {name:?}; there are {EXTRACTORS}")))?)
    }

    /// What is wanted of it. A threshold out of its bounds is told here, not once for each text.
    pub(super) fn options(&self) -> anyhow::Result<ExtractOptions> {
        if let Some(threshold) = self.threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
            return Err(WrongUse(format!("--threshold: {threshold} is not between 0 and 1")).into());
        }
        Ok(ExtractOptions {
            entity_types: self.types.clone(),
            relationship_types: self.relations.clone(),
            confidence_threshold: self.threshold,
            open_relations: Some(self.open),
        })
    }
}

/// Whether a path means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The bytes of a file, or of standard input for `-`.
pub(super) fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    if is_stdin(path) {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("standard input cannot be read")?;
        return Ok(bytes);
    }
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}
