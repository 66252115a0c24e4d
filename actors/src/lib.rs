//! The engine of Knowledge Graph Lab: everything between a request and the database.
//!
//! The files in this folder read as the life of a document: [`documents`] takes the request, [`ingestion`] commits it,
//! [`intake`] leases its job from the [`queue`], [`extraction`] reads it, [`graph_writer`] writes what it says, and
//! [`graph`] answers questions about that. [`supervision`] keeps the actors among them running.

pub mod access_log;
pub mod accounts;
mod database;
pub mod dead_letters;
pub mod direct;
pub mod documents;
pub mod domain;
mod engine;
pub mod extraction;
mod extractors;
pub mod finished;
pub mod graph;
pub mod graph_writer;
pub mod health;
pub mod health_watch;
pub mod ingestion;
pub mod intake;
mod language_model;
pub mod mailbox;
pub mod maintenance;
pub mod metrics;
pub mod outbox_relay;
pub mod outcomes;
mod pipeline;
pub mod queue;
pub mod reading;
pub mod scheduler;
pub mod schemas;
mod start;
pub mod store;
pub mod supervision;
pub mod wire;

pub use engine::Engine;
pub use start::{AdminAccount, BrokerSettings, DevelopmentAccount, EngineSettings, StartError, Upkeep};
