//! What `kgl extract` and `kgl eval` have in common: the extractor and what is wanted of it.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use clap::Args;
use kgl_extraction::{ExtractOptions, Extractor, MAX_STORED_GAZETTEER, by_name};
use kgl_language_model::{LanguageModel, Unobserved};
use serde_json::{Map, Value};

use super::WrongUse;
use crate::settings;

/// Names that are known, for the message about one that is not.
const EXTRACTORS: &str = "builtin, fast, noop, openai";

/// What a schema's file may say.
const SCHEMA_FIELDS: [&str; 7] = [
    "entity_types",
    "relationship_types",
    "confidence_threshold",
    "thresholds",
    "open_relations",
    "synonyms",
    "gazetteer",
];

/// Which extractor reads, and what of it is shown.
#[derive(Debug, Args)]
pub(super) struct Reading {
    /// Which extractor reads: builtin, fast, noop, or openai (a language model, see KGL_OPENAI_BASE_URL).
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
    /// Own names for things, types and relations, and what to keep: JSON, as the API's `extraction`. The options above
    /// stand over it.
    #[arg(long, value_name = "FILE.json")]
    schema: Option<PathBuf>,
}

impl Reading {
    /// The extractor, loaded.
    pub(super) fn extractor(&self) -> anyhow::Result<Arc<dyn Extractor>> {
        let name = &self.extractor;
        if name == "openai" {
            return Ok(Arc::new(LanguageModel::new(settings::language_model()?, Arc::new(Unobserved))));
        }
        Ok(by_name(name).ok_or_else(|| WrongUse(format!("no extractor is called {name:?}; there are {EXTRACTORS}")))?)
    }

    /// What is wanted of it. A threshold out of its bounds is told here, not once for each text.
    pub(super) fn options(&self) -> anyhow::Result<ExtractOptions> {
        if let Some(threshold) = self.threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
            return Err(WrongUse(format!("--threshold: {threshold} is not between 0 and 1")).into());
        }
        let options = ExtractOptions {
            entity_types: self.types.clone(),
            relationship_types: self.relations.clone(),
            confidence_threshold: self.threshold,
            open_relations: self.open.then_some(true),
            ..ExtractOptions::default()
        };
        let mut options = match &self.schema {
            Some(file) => options.over(&schema(file).map_err(|issue| WrongUse(format!("--schema: {issue}")))?),
            None => options,
        };
        options.open_relations.get_or_insert(false);
        Ok(options)
    }
}

/// The options that a file holds.
fn schema(file: &PathBuf) -> anyhow::Result<ExtractOptions> {
    let name = file.display();
    let fields: Map<String, Value> =
        serde_json::from_slice(&read(file)?).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    if let Some(unknown) = fields.keys().find(|field| !SCHEMA_FIELDS.contains(&field.as_str())) {
        anyhow::bail!("{name}: {unknown}: there is no such field; there are {}", SCHEMA_FIELDS.join(", "));
    }
    let options: ExtractOptions =
        serde_json::from_value(Value::Object(fields)).map_err(|error| anyhow::anyhow!("{name}: {error}"))?;
    match options.issues(MAX_STORED_GAZETTEER).first() {
        Some((field, issue)) => anyhow::bail!("{name}: {field}: {issue}"),
        None => Ok(options),
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
