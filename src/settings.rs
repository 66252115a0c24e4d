//! Every environment variable, typed and cross-checked, one struct a section.
//!
//! Reading takes a lookup function, so that tests need not touch the environment of their process.

mod language_model;
mod parse;

use std::{
    collections::BTreeMap, net::IpAddr, num::NonZeroUsize, path::PathBuf, thread::available_parallelism, time::Duration,
};

use kgl_actors::{AdminAccount, BrokerSettings, EngineSettings, Upkeep};

pub(crate) use self::language_model::from_environment as language_model;
use self::parse::Reader;
pub(crate) use self::parse::{Network, SettingsError};

/// Extractors that a setting or a request may name.
pub(crate) const EXTRACTORS: &[&str] = &["builtin", "fast", "noop", "openai"];
/// Extractors that are planned but not part of this version.
const LATER_EXTRACTORS: &[&str] = &["remote"];
/// HS256 wants a key of at least the size of its hash.
const MIN_SECRET_BYTES: usize = 32;

/// Where the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Environment {
    /// On somebody's own machine: missing secrets are made up.
    Development,
    /// For others: secrets must be given.
    Production,
}

impl Environment {
    /// The name that the API shows.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Environment::Development => "development",
            Environment::Production => "production",
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// A filter as tracing-subscriber reads it.
    pub(crate) filter: String,
    /// How lines look.
    pub(crate) format: LogFormat,
}

/// What the HTTP front is told.
#[derive(Clone, Debug)]
pub(crate) struct HttpSettings {
    /// Host and port to listen on.
    pub(crate) listen: String,
    /// Host and port of `/metrics`, if it has a listener of its own.
    pub(crate) metrics_listen: Option<String>,
    /// Origins whose pages may call the API; `*` is any.
    pub(crate) cors_origins: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<Network>,
    /// Requests a minute and client; 0 is no limit.
    pub(crate) rate_limit_per_minute: u32,
    /// How long a handler may take.
    pub(crate) request_timeout: Duration,
    /// How long the whole drain may take.
    pub(crate) shutdown: Duration,
    /// Connections open at the same time; more wait in the kernel's queue.
    pub(crate) max_connections: usize,
}

impl HttpSettings {
    /// Whether a peer is a proxy that tells the truth about who is behind it.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|network| network.contains(peer))
    }
}

/// All settings of the service.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Where it runs.
    pub(crate) environment: Environment,
    /// The front.
    pub(crate) http: HttpSettings,
    /// Logs.
    pub(crate) log: LogSettings,
    /// The engine.
    pub(crate) engine: EngineSettings,
}

impl Settings {
    /// Reads the settings from the environment of this process.
    ///
    /// # Errors
    /// When a variable holds a value that makes no sense, alone or beside the others.
    pub(crate) fn from_environment() -> Result<Self, SettingsError> {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::load(&|name| variables.get(name).cloned())
    }

    /// Reads the settings of a process without the API, which signs nothing: its secrets can be left out.
    ///
    /// # Errors
    /// As [`Settings::from_environment`].
    pub(crate) fn for_worker() -> Result<Self, SettingsError> {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| !matches!(name.as_str(), "KGL_JWT_SECRET" | "KGL_JWT_PRIVATE_KEY_FILE"))
            .chain([("KGL_JWT_SECRET".to_owned(), uuid::Uuid::new_v4().to_string())])
            .collect();
        Self::load(&|name| variables.get(name).cloned())
    }

    /// Reads the settings through `lookup`. An empty value counts as none.
    ///
    /// # Errors
    /// As [`Settings::from_environment`].
    pub(crate) fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let read = Reader::new(lookup);
        let environment = read.choice(
            "KGL_ENV",
            &[("development", Environment::Development), ("production", Environment::Production)],
            Environment::Development,
        )?;
        Ok(Self { environment, http: http(&read)?, log: log(&read, environment)?, engine: engine(&read, environment)? })
    }
}

fn http(read: &Reader<'_>) -> Result<HttpSettings, SettingsError> {
    Ok(HttpSettings {
        listen: read.address("KGL_LISTEN")?.unwrap_or_else(|| "127.0.0.1:8000".to_owned()),
        metrics_listen: read.address("KGL_METRICS_LISTEN")?,
        cors_origins: read.origins("KGL_CORS_ORIGINS")?,
        trusted_proxies: read.networks("KGL_TRUSTED_PROXIES")?,
        rate_limit_per_minute: read.number("KGL_RATE_LIMIT_PER_MINUTE", 0..=1_000_000, 1000)?,
        request_timeout: Duration::from_secs(read.number("KGL_REQUEST_TIMEOUT_SECONDS", 1..=600, 30)?),
        // Ends well within the five seconds that orchestrators' stop signals are tested with.
        shutdown: Duration::from_secs(read.number("KGL_SHUTDOWN_SECONDS", 1..=600, 4)?),
        max_connections: read.number("KGL_MAX_CONNECTIONS", 1..=100_000, 1024)?,
    })
}

fn log(read: &Reader<'_>, environment: Environment) -> Result<LogSettings, SettingsError> {
    let filter = read.text("KGL_LOG").unwrap_or_else(|| "info".to_owned());
    if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
        return Err(SettingsError::new("KGL_LOG", format!("is not a log filter: {error}")));
    }
    let usual = match environment {
        Environment::Development => LogFormat::Pretty,
        Environment::Production => LogFormat::Json,
    };
    let format = read.choice("KGL_LOG_FORMAT", &[("json", LogFormat::Json), ("pretty", LogFormat::Pretty)], usual)?;
    Ok(LogSettings { filter, format })
}

fn engine(read: &Reader<'_>, environment: Environment) -> Result<EngineSettings, SettingsError> {
    let production = environment == Environment::Production;
    let (jwt_secret, jwt_private_key_file) = signing_key(read, production)?;
    let extractor = extractor(read)?;
    let language_model = language_model::read(read, extractor == "openai")?;
    Ok(EngineSettings {
        data_dir: data_dir(&|name| read.text(name)),
        database_url: database_url(read)?,
        broker: broker(read)?,
        postgres_bundle: read.existing_path("KGL_POSTGRES_BUNDLE")?,
        database_connections: read.number("KGL_DATABASE_CONNECTIONS", 2..=1000, 16)?,
        production,
        jwt_secret,
        jwt_private_key_file,
        admin: admin(read)?,
        extractor,
        open_relations: read.choice("KGL_OPEN_RELATIONS", &[("true", true), ("false", false)], true)?,
        language_model,
        workers: read.number("KGL_WORKERS", 0..=1024, available_parallelism().map_or(1, NonZeroUsize::get))?,
        // This very program, also when its file was replaced by a newer one meanwhile.
        reader: Some(PathBuf::from("/proc/self/exe")),
        upkeep: Upkeep {
            interval: Duration::from_secs(read.number("KGL_CLEANUP_INTERVAL_SECONDS", 1..=86_400, 600)?),
            dead_retention_days: read.number("KGL_DEAD_RETENTION_DAYS", 0..=36_500, 30)?,
            access_log_retention_days: read.number("KGL_ACCESS_LOG_RETENTION_DAYS", 0..=36_500, 90)?,
        },
    })
}

/// Where the embedded database and generated secrets live. Clients on the same machine look there too.
pub(crate) fn data_dir(lookup: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    lookup("KGL_DATA_DIR").filter(|path| !path.is_empty()).map_or_else(|| PathBuf::from("./data"), PathBuf::from)
}

fn database_url(read: &Reader<'_>) -> Result<Option<String>, SettingsError> {
    let url = read.text("DATABASE_URL");
    match &url {
        // The value may hold a password: say what is wrong without repeating it.
        Some(url) if !url.starts_with("postgres://") && !url.starts_with("postgresql://") => {
            Err(SettingsError::new("DATABASE_URL", "must begin with postgres:// or postgresql://"))
        }
        _ => Ok(url),
    }
}

/// The URL may hold a password: what is wrong is said without repeating it.
fn broker(read: &Reader<'_>) -> Result<Option<BrokerSettings>, SettingsError> {
    let prefix = read.text("KGL_AMQP_PREFIX").unwrap_or_else(|| "kgl".to_owned());
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if prefix.len() > 60 || !prefix.chars().all(fits) || prefix.starts_with("amq.") {
        let issue = "must be at most 60 letters, digits, dots, hyphens or underscores, and must not begin with amq.";
        return Err(SettingsError::new("KGL_AMQP_PREFIX", issue));
    }
    match read.text("AMQP_URL") {
        Some(url) if !url.starts_with("amqp://") && !url.starts_with("amqps://") => {
            Err(SettingsError::new("AMQP_URL", "must begin with amqp:// or amqps://"))
        }
        url => Ok(url.map(|url| BrokerSettings { url, prefix })),
    }
}

fn signing_key(read: &Reader<'_>, production: bool) -> Result<(Option<String>, Option<PathBuf>), SettingsError> {
    let secret = read.text("KGL_JWT_SECRET");
    let file = read.existing_path("KGL_JWT_PRIVATE_KEY_FILE")?;
    match (&secret, &file) {
        (Some(_), Some(_)) => {
            Err(SettingsError::new("KGL_JWT_SECRET", "cannot be set together with KGL_JWT_PRIVATE_KEY_FILE"))
        }
        (Some(text), None) if text.len() < MIN_SECRET_BYTES => {
            Err(SettingsError::new("KGL_JWT_SECRET", format!("must be at least {MIN_SECRET_BYTES} bytes long")))
        }
        (None, None) if production => {
            Err(SettingsError::new("KGL_JWT_SECRET", "must be set in production (or KGL_JWT_PRIVATE_KEY_FILE instead)"))
        }
        _ => Ok((secret, file)),
    }
}

fn admin(read: &Reader<'_>) -> Result<Option<AdminAccount>, SettingsError> {
    match (read.text("KGL_ADMIN_EMAIL"), read.text("KGL_ADMIN_PASSWORD")) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(SettingsError::new("KGL_ADMIN_PASSWORD", "must be set when KGL_ADMIN_EMAIL is")),
        // `kgl admin create` takes the password alone from the environment, so it does not harm alone.
        (None, Some(_)) => Ok(None),
        (Some(email), Some(password)) => {
            if !email.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) {
                return Err(SettingsError::new("KGL_ADMIN_EMAIL", "is not an e-mail address"));
            }
            if !(8..=128).contains(&password.chars().count()) {
                return Err(SettingsError::new("KGL_ADMIN_PASSWORD", "must have 8 to 128 characters"));
            }
            Ok(Some(AdminAccount { email, password }))
        }
    }
}

fn extractor(read: &Reader<'_>) -> Result<String, SettingsError> {
    let name = read.text("KGL_EXTRACTOR").unwrap_or_else(|| "builtin".to_owned());
    if EXTRACTORS.contains(&name.as_str()) {
        return Ok(name);
    }
    let issue = if LATER_EXTRACTORS.contains(&name.as_str()) {
        format!("{name:?} is not available in this version; take one of {}", EXTRACTORS.join(", "))
    } else {
        format!("{name:?} is not one of {}", EXTRACTORS.join(", "))
    };
    Err(SettingsError::new("KGL_EXTRACTOR", issue))
}

#[cfg(test)]
mod tests;
