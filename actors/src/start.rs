//! What the engine is told at its start, and why it did not start.

use std::{path::PathBuf, time::Duration};

/// What the engine is told at its start.
#[derive(Clone)]
pub struct EngineSettings {
    /// Where the embedded server and generated secrets live.
    pub data_dir: PathBuf,
    /// The server to use instead of the embedded one.
    pub database_url: Option<String>,
    /// A PostgreSQL bundle to use instead of the one in this binary.
    pub postgres_bundle: Option<PathBuf>,
    /// The message broker that brings ready jobs, instead of the job table itself.
    pub broker: Option<BrokerSettings>,
    /// Database connections for callers.
    pub database_connections: u32,
    /// Whether this is production: secrets must be given, and no account is made up.
    pub production: bool,
    /// The secret that signs access tokens; in development one is generated into `data_dir`.
    pub jwt_secret: Option<String>,
    /// The PEM file of an EdDSA or RSA private key that signs access tokens instead.
    pub jwt_private_key_file: Option<PathBuf>,
    /// The first admin, made at first start.
    pub admin: Option<AdminAccount>,
    /// Which extractor reads documents: `builtin`, `fast`, `noop` or `openai`.
    pub extractor: String,
    /// Whether relations in the text's own words are read too, where a submission does not say.
    pub open_relations: bool,
    /// The language model that `openai` asks, if there is one.
    pub language_model: Option<kgl_language_model::Settings>,
    /// Documents that are extracted at the same time; with 0 this process takes documents in and leaves the rest to
    /// others.
    pub workers: usize,
    /// The program that reads files of formats that may do harm, one file a process: it is started with the arguments
    /// of [`reading::child`](crate::reading::child). None reads them in this process.
    pub reader: Option<PathBuf>,
    /// How long things are kept, and how often what is over is cleared away.
    pub upkeep: Upkeep,
}

/// How long things are kept, and how often what is over is cleared away.
#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// From one round of clearing away to the next.
    pub interval: Duration,
    /// Days after which a dead job is discarded; 0 keeps it.
    pub dead_retention_days: u32,
    /// Days after which an access record is deleted; 0 keeps it.
    pub access_log_retention_days: u32,
}

/// Which message broker.
#[derive(Clone)]
pub struct BrokerSettings {
    /// `amqp://` or `amqps://`; may hold a password.
    pub url: String,
    /// What the names of exchanges and queues begin with.
    pub prefix: String,
}

/// The first admin's credentials.
#[derive(Clone)]
pub struct AdminAccount {
    /// E-mail.
    pub email: String,
    /// Password.
    pub password: String,
}

/// Why the engine did not start; one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is wrong; names the variable.
    #[error("{variable}: {issue}")]
    Setting {
        /// The environment variable.
        variable: &'static str,
        /// What is wrong with it.
        issue: String,
    },
    /// The embedded server did not start.
    #[error("embedded PostgreSQL: {0}")]
    Embedded(String),
    /// The schema could not be brought up to date.
    #[error(transparent)]
    Migration(#[from] crate::store::migrations::MigrationError),
    /// The database did not answer.
    #[error("the database does not answer: {0}")]
    Database(#[from] crate::store::StoreError),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// A sign-in that the first development start made up, for the operator's eyes.
#[derive(Clone)]
pub struct DevelopmentAccount {
    /// E-mail.
    pub email: String,
    /// Password.
    pub password: String,
}
