//! The real binary against a real PostgreSQL, over HTTP, on random ports.

// A test program has no public interface.
#![allow(unreachable_pub)]

mod accounts;
mod again;
mod bad_input;
mod brokers;
mod cancel;
mod cli;
mod corpus;
mod crash;
mod dead_letters;
mod described;
mod documents;
mod drain;
#[path = "../../language-model/tests/endpoint/mod.rs"]
mod endpoint;
mod failures;
mod formats;
mod front;
mod graphs;
mod guide;
mod harness;
mod homonyms;
mod isolation;
mod lists;
mod offline;
mod open_relations;
mod openai;
mod pipeline;
mod reading;
mod samples;
mod scheduler;
mod schemas;
mod snapshot;
mod wait;
mod wire;
