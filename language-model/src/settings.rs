//! What the extractor is told: where the model is, how hard to ask it, and what that may cost.

use std::{fmt, time::Duration};

use zeroize::Zeroizing;

use crate::cost::{Money, Prices};

/// Requests at the same time, unless told otherwise: what a small server of one's own still answers side by side.
pub const DEFAULT_CONCURRENCY: usize = 4;
/// The longest that one request may take, unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a request is repeated that may succeed later, unless told otherwise.
pub const DEFAULT_MAX_RETRIES: u32 = 4;

/// A model behind an endpoint that speaks the chat-completions protocol.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the protocol's paths begin, such as `http://localhost:11434/v1`.
    pub base_url: BaseUrl,
    /// What lets us in, if anything is needed.
    pub api_key: Option<ApiKey>,
    /// The model's name as the endpoint knows it.
    pub model: String,
    /// Requests of this process at the same time, all texts together.
    pub concurrency: usize,
    /// The longest that one request may take, from connecting to the last byte of its answer.
    pub timeout: Duration,
    /// How often a request is repeated that may succeed later.
    pub max_retries: u32,
    /// What tokens cost, if that is known.
    pub prices: Option<Prices>,
    /// The most that one text may cost, in the prices' unit.
    pub budget_per_job: Option<Money>,
    /// The most tokens, in and out together, that one text may take.
    pub max_tokens_per_job: Option<u64>,
}

impl Settings {
    /// Settings with the defaults for all but the place and the name.
    #[must_use]
    pub fn new(base_url: BaseUrl, model: &str) -> Self {
        Self {
            base_url,
            api_key: None,
            model: model.to_owned(),
            concurrency: DEFAULT_CONCURRENCY,
            timeout: DEFAULT_TIMEOUT,
            max_retries: DEFAULT_MAX_RETRIES,
            prices: None,
            budget_per_job: None,
            max_tokens_per_job: None,
        }
    }
}

/// A secret that no log line and no error shows, wiped when it is dropped.
#[derive(Clone)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// A key that can stand in a header.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn new(key: &str) -> Result<Self, &'static str> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must be visible ASCII characters without spaces");
        }
        Ok(Self(Zeroizing::new(key.to_owned())))
    }

    pub(crate) fn bearer(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("Bearer {}", *self.0))
    }

    /// A text in which the key, should it stand there, does not.
    pub(crate) fn scrub(&self, text: &str) -> String {
        text.replace(&*self.0, "…")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// An address that the protocol's paths can be put behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The address, with or without the path of chat completions.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let url = text.trim().trim_end_matches('/');
        let url = url.strip_suffix("/chat/completions").unwrap_or(url).trim_end_matches('/');
        let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
            return Err("must begin with http:// or https://");
        };
        let host = rest.split('/').next().unwrap_or_default();
        if host.contains('@') {
            return Err("must not hold a user or a password; the key goes into KGL_OPENAI_API_KEY");
        }
        if url.contains(['?', '#']) {
            return Err("must not have a query or a fragment");
        }
        let usable = !host.is_empty() && !url.contains(|c: char| !c.is_ascii_graphic());
        let uri = ureq::http::Uri::try_from(url).ok();
        let names_port = host.rsplit(']').next().is_some_and(|rest| rest.contains(':'));
        if !usable || uri.is_none_or(|uri| names_port && uri.port_u16().is_none()) {
            return Err("is not an address, such as http://localhost:11434/v1");
        }
        Ok(Self(url.to_owned()))
    }

    pub(crate) fn chat_completions(&self) -> String {
        format!("{}/chat/completions", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_paste_them_and_wrong_ones_refused() {
        for given in
            ["http://localhost:11434/v1", " http://localhost:11434/v1/ ", "http://localhost:11434/v1/chat/completions"]
        {
            assert_eq!(
                BaseUrl::parse(given).expect(given).chat_completions(),
                "http://localhost:11434/v1/chat/completions"
            );
        }
        for wrong in [
            "",
            "localhost:11434",
            "ftp://example.org",
            "http://",
            "http://a b/v1",
            "http://h/v1?key=1",
            "http://h:99999/",
        ] {
            assert!(BaseUrl::parse(wrong).is_err(), "{wrong}");
        }
        let issue = BaseUrl::parse("https://user:hunter2@example.org/v1").expect_err("a password");
        assert!(!issue.contains("hunter2"));
    }

    #[test]
    fn a_key_shows_nowhere() {
        let key = ApiKey::new(" sk-secret ").expect("a key");
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
        assert_eq!(*key.bearer(), "Bearer sk-secret");
        assert_eq!(key.scrub("Incorrect key sk-secret given"), "Incorrect key … given");
        let base = BaseUrl::parse("http://localhost/v1").expect("an address");
        let settings = Settings { api_key: Some(key), ..Settings::new(base, "m") };
        assert!(!format!("{settings:?}").contains("sk-secret"));
        assert!(ApiKey::new("two words").is_err() && ApiKey::new("").is_err());
    }
}
