//! What the engine is about, free of any I/O: identifiers, documents, jobs, the graph, errors and verdicts.
//!
//! The types that answer a request are serialised as they stand, so their fields are the API's fields.

pub mod caller;
pub mod changes;
pub mod dead_letter;
pub mod document;
pub mod error;
pub mod graph;
pub mod ids;
pub mod job;
pub mod merge;
pub mod page;
pub mod schema;
pub mod user;
pub mod verdict;
pub mod view;
