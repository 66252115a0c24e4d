//! Text in; mentions, entities and relations out.
//!
//! The crate reads no file and opens no socket: its model is part of the binary. Everything that
//! comes out points back into the text: all offsets count Unicode scalar values of the input text
//! (what `str::chars` yields), start inclusive, end exclusive.
//!
//! ```
//! use kgl_extraction::{ExtractOptions, Unwatched, builtin};
//!
//! let text = "Marie Curie was born in Warsaw on 7 November 1867.";
//! let found = builtin().extract(text, &ExtractOptions::default(), &Unwatched)?;
//! assert!(found.entities.iter().any(|e| e.name == "Marie Curie" && e.entity_type == "person"));
//! # Ok::<(), kgl_extraction::ExtractError>(())
//! ```

mod anaphora;
mod antecedents;
mod assemble;
mod calibration;
mod clusters;
mod crf;
mod cues;
mod demonyms;
mod draft;
pub mod evaluation;
mod extraction;
mod extractor;
mod fast;
mod features;
mod formats;
mod gazetteer;
mod gender;
mod hash;
mod labels;
mod lexicon;
#[cfg(test)]
mod marked;
mod name_key;
mod names;
mod neural;
mod open;
mod patterns;
mod pipeline;
mod reader;
mod relations;
mod repeats;
mod schema;
mod sentences;
mod short_names;
mod syntax;
mod tagger;
mod tier;
mod tokens;
#[doc(hidden)]
pub mod training;
mod values;
mod wanted;
mod weights;
mod wikidata;
mod wire;
mod words;

pub use extraction::{Entity, Extraction, Mention, Relation, Span};
pub use extractor::{
    ExtractError, ExtractOptions, Extractor, MAX_TEXT_BYTES, Unwatched, Watch, builtin, by_name, fast, noop,
};
pub use formats::{
    ContentType, Declared, FormatError, PlainText, ReadLimits, detect, detect_language, language_note, to_plain_text,
};
pub use gazetteer::{GAZETTEER_CONFIDENCE, Gazetteer, GazetteerEntry};
pub use name_key::name_key;
pub use neural::NeuralError;
pub use neural::embedder::{EMBEDDING_DIMENSIONS, Embedder, Embedding, TextHash, embedder};
pub use schema::{MAX_REQUEST_GAZETTEER, MAX_STORED_GAZETTEER, Synonyms, Thresholds};
pub use sentences::sentences;
pub use wanted::keep_wanted;
pub use wikidata::{Property, wikidata};
