//! Speaking to a running service: its address, a token for it, and one request after the other.

use std::{path::PathBuf, thread::sleep, time::Duration};

use anyhow::{Context, bail};
use chrono::{TimeDelta, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use ureq::{
    Agent, Body,
    http::{Request, Response},
    unversioned::multipart::{Form, Part},
};

use super::{
    credentials::Stored,
    development::{self, Account},
};
use crate::settings;

/// Where a service listens unless told otherwise.
pub(super) const DEFAULT_URL: &str = "http://localhost:8000";
/// Longer than the longest time that the service holds an answer back.
const TIMEOUT: Duration = Duration::from_secs(90);
/// How often a request is repeated that the service is too busy for.
const MAX_TRIES: u32 = 20;
/// What to wait if a busy service does not say.
const DEFAULT_PAUSE: u64 = 2;

/// An access token and its company.
#[derive(Deserialize)]
pub(super) struct TokenPair {
    access_token: String,
    refresh_token: String,
    expires_in: i64,
    user: TokenUser,
}

#[derive(Deserialize)]
struct TokenUser {
    email: String,
}

impl TokenPair {
    /// The login to be stored for `url`.
    pub(super) fn stored(self, url: &str) -> Stored {
        Stored {
            url: url.trim_end_matches('/').to_owned(),
            email: self.user.email,
            access_token: self.access_token,
            refresh_token: self.refresh_token,
            expires_at: Utc::now() + TimeDelta::seconds(self.expires_in),
        }
    }
}

/// What stands behind the token of a client.
enum Source {
    Nothing,
    Given,
    Stored(Stored),
    Development(Account),
}

/// A service and a way in.
pub(super) struct Client {
    agent: Agent,
    url: String,
    token: String,
    source: Source,
}

/// An HTTP client that takes every status for an answer.
pub(super) fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(timeout))
        .user_agent(concat!("kgl/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

impl Client {
    /// A client that has not signed in.
    ///
    /// # Errors
    /// When the address is none.
    pub(super) fn anonymous(url: &str) -> anyhow::Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("KGL_URL: {url:?} does not begin with http:// or https://");
        }
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { agent: agent(TIMEOUT), url, token: String::new(), source: Source::Nothing })
    }

    /// A client with what the environment, `kgl login` or a development server on this machine gives, in this order.
    ///
    /// # Errors
    /// When nothing of that is there, or does not work.
    pub(super) fn signed_in() -> anyhow::Result<Self> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let url = set("KGL_URL");
        if let Some(token) = set("KGL_TOKEN") {
            let client = Self::anonymous(url.as_deref().unwrap_or(DEFAULT_URL))?;
            return Ok(Self { token, source: Source::Given, ..client });
        }
        let meant = |known: &str| url.as_deref().is_none_or(|url| url.trim_end_matches('/') == known);
        if let Some(stored) = Stored::read().filter(|stored| meant(&stored.url)) {
            let mut client = Self::anonymous(&stored.url)?;
            let expired = stored.expires_at <= Utc::now() + TimeDelta::seconds(10);
            client.token = stored.access_token.clone();
            client.source = Source::Stored(stored);
            if expired {
                client.renew()?;
            }
            return Ok(client);
        }
        let data_dir: PathBuf = settings::data_dir(&|name| set(name));
        if let Some(account) = development::read(&data_dir) {
            let mut client = Self::anonymous(url.as_deref().unwrap_or(&account.url))?;
            client.source = Source::Development(account);
            client.renew()?;
            return Ok(client);
        }
        bail!("not signed in: run `kgl login`, or set KGL_URL and KGL_TOKEN")
    }

    /// Signs in.
    ///
    /// # Errors
    /// When the service is away or refuses.
    pub(super) fn login(&self, email: &str, password: &str) -> anyhow::Result<TokenPair> {
        self.exchange("login", &json!({ "email": email, "password": password }))
    }

    fn exchange(&self, path: &str, body: &Value) -> anyhow::Result<TokenPair> {
        let url = format!("{}/api/v1/auth/{path}", self.url);
        let answer = self.patiently(|| self.agent.post(&url).send_json(body))?;
        read(answer)
    }

    /// Gets a new token from whatever the old one came from.
    fn renew(&mut self) -> anyhow::Result<()> {
        match &self.source {
            Source::Nothing => bail!("not signed in: run `kgl login`"),
            Source::Given => bail!("KGL_TOKEN is not, or no longer, valid"),
            Source::Development(account) => {
                let pair = self.login(&account.email, &account.password).context("the development account")?;
                self.token = pair.access_token;
            }
            Source::Stored(stored) => {
                let pair = self
                    .exchange("refresh", &json!({ "refresh_token": stored.refresh_token }))
                    .context("the stored login has ended: run `kgl login` again")?;
                let stored = pair.stored(&self.url);
                stored.write()?;
                self.token = stored.access_token.clone();
                self.source = Source::Stored(stored);
            }
        }
        Ok(())
    }

    /// Reads something; holds for up to `wait` seconds if that is not 0.
    ///
    /// # Errors
    /// When the service is away or answers with a problem.
    pub(super) fn get<T: DeserializeOwned>(&mut self, path: &str, wait: u64) -> anyhow::Result<T> {
        self.authorised(|client| {
            let mut request =
                client.agent.get(format!("{}{path}", client.url)).header("authorization", client.bearer());
            if wait > 0 {
                request = request.header("prefer", format!("wait={wait}"));
            }
            request.call()
        })
    }

    /// Uploads a document.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) fn upload<T: DeserializeOwned>(&mut self, name: &str, content: &[u8], force: bool) -> anyhow::Result<T> {
        let query = if force { "?force=true" } else { "" };
        self.authorised(|client| {
            let part = Part::bytes(content).file_name(name);
            let request = client.agent.post(format!("{}/api/v1/documents{query}", client.url));
            request.header("authorization", client.bearer()).send(Form::new().part("file", part))
        })
    }

    /// Asks for something to be done, with a body if there is one.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(super) fn send<T: DeserializeOwned>(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<T> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.authorised(|client| {
            let request = Request::builder()
                .method(method)
                .uri(format!("{}{path}", client.url))
                .header("authorization", client.bearer())
                .header("content-type", "application/json");
            client.agent.run(request.body(body.clone())?)
        })
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// Sends with the token; once more with a new one if it has expired meanwhile.
    fn authorised<T: DeserializeOwned>(
        &mut self,
        send: impl Fn(&Self) -> Result<Response<Body>, ureq::Error>,
    ) -> anyhow::Result<T> {
        let answer = self.patiently(|| send(self))?;
        if answer.status() != 401 {
            return read(answer);
        }
        self.renew()?;
        read(self.patiently(|| send(self))?)
    }

    /// Repeats what the service is too busy for, as late as it asks for.
    fn patiently(&self, send: impl Fn() -> Result<Response<Body>, ureq::Error>) -> anyhow::Result<Response<Body>> {
        for _ in 0..MAX_TRIES {
            let answer = send().map_err(|error| anyhow::anyhow!("no answer from {}: {error}", self.url))?;
            if !matches!(answer.status().as_u16(), 429 | 503) {
                return Ok(answer);
            }
            let after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            sleep(Duration::from_secs(after.unwrap_or(DEFAULT_PAUSE).clamp(1, 60)));
        }
        bail!("{} has been too busy for too long", self.url)
    }
}

/// The answer's value, or its problem in one line.
fn read<T: DeserializeOwned>(mut answer: Response<Body>) -> anyhow::Result<T> {
    let status = answer.status();
    let text = answer.body_mut().with_config().limit(256 << 20).read_to_string().context("the answer broke off")?;
    if status.is_success() {
        return serde_json::from_str(&text).context("the answer is not what this version of kgl expects");
    }
    let problem: Value = serde_json::from_str(&text).unwrap_or_default();
    match (problem["detail"].as_str(), problem["request_id"].as_str()) {
        (Some(detail), Some(id)) => bail!("{detail} ({}, request {id})", status.as_u16()),
        _ => bail!("the service answered {status}"),
    }
}
