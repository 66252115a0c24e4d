//! An extractor that asks a language model behind any endpoint that speaks the chat-completions protocol, and believes
//! only what it can find in the text.
//!
//! A text is cut into overlapping passages, which are asked about side by side; every name and every quote of an
//! answer is looked up in its passage, and what is not there is dropped and counted; what is left is put together into
//! one [`kgl_extraction::Extraction`], in which all offsets count Unicode scalar values of the text. Answers are kept by
//! passage, types and model, so that nothing is paid for twice.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use kgl_extraction::{ExtractOptions, Unwatched};
//! use kgl_language_model::{BaseUrl, LanguageModel, Settings, Unobserved};
//!
//! let settings = Settings::new(BaseUrl::parse("http://localhost:11434/v1")?, "llama3.1");
//! let model = LanguageModel::new(settings, Arc::new(Unobserved));
//! let report = model.read("Marie Curie was born in Warsaw.", &ExtractOptions::default(), &Unwatched)?;
//! println!("{} entities, {} tokens", report.extraction.entities.len(), report.cost.input_tokens);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answer;
mod assemble;
mod cache;
mod claims;
mod cost;
mod dialect;
mod endpoint;
mod gate;
mod groups;
mod listed;
mod model;
mod observer;
mod passages;
mod prompt;
mod quotes;
mod reply;
mod schema;
mod settings;
mod trouble;

pub use cache::{KeptAnswer, MemoryCache, PassageCache, PassageKey};
pub use cost::{Cost, Money, Prices, Usage};
pub use model::{EndpointHealth, LanguageModel, Report};
pub use observer::{Observer, Outcome, Unobserved};
pub use settings::{ApiKey, BaseUrl, DEFAULT_CONCURRENCY, DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Settings};
