//! The language model that the extractor `openai` asks.

use std::time::Duration;

use kgl_language_model::{
    ApiKey, BaseUrl, DEFAULT_CONCURRENCY, DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Money, Prices, Settings,
};

use super::{SettingsError, parse::Reader};

/// The settings of the language model from the environment of this process, for commands that need no others.
///
/// # Errors
/// When the place or the name of the model is missing, or a value makes no sense.
pub(crate) fn from_environment() -> Result<Settings, SettingsError> {
    let lookup = |name: &str| std::env::var(name).ok();
    let settings = read(&Reader::new(&lookup), true)?;
    settings.ok_or_else(|| SettingsError::new("KGL_OPENAI_BASE_URL", "must be set for the extractor openai"))
}

/// None where no model is configured, and none is `needed`.
pub(super) fn read(read: &Reader<'_>, needed: bool) -> Result<Option<Settings>, SettingsError> {
    let (base_url, model) = match (read.text("KGL_OPENAI_BASE_URL"), read.text("KGL_OPENAI_MODEL")) {
        (Some(base_url), Some(model)) => (base_url, model),
        (None, None) if !needed => return Ok(None),
        (None, _) => return Err(SettingsError::new("KGL_OPENAI_BASE_URL", "must be set for the extractor openai")),
        (_, None) => return Err(SettingsError::new("KGL_OPENAI_MODEL", "must be set for the extractor openai")),
    };
    // The value may hold a secret: say what is wrong without repeating it.
    let base_url = BaseUrl::parse(&base_url).map_err(|issue| SettingsError::new("KGL_OPENAI_BASE_URL", issue))?;
    let key = read.text("KGL_OPENAI_API_KEY").map(|key| ApiKey::new(&key));
    let api_key = key.transpose().map_err(|issue| SettingsError::new("KGL_OPENAI_API_KEY", issue))?;
    let seconds = read.number("KGL_OPENAI_TIMEOUT_SECONDS", 1..=3600, DEFAULT_TIMEOUT.as_secs())?;
    let most_tokens = read.number("KGL_OPENAI_MAX_TOKENS_PER_JOB", 0..=u64::MAX, 0)?;
    let prices = prices(read)?;
    let budget_per_job = money(read, "KGL_OPENAI_BUDGET_PER_JOB")?;
    if budget_per_job.is_some() && prices.is_none() {
        return Err(SettingsError::new(
            "KGL_OPENAI_BUDGET_PER_JOB",
            "needs KGL_OPENAI_PRICE_INPUT and KGL_OPENAI_PRICE_OUTPUT beside it",
        ));
    }
    Ok(Some(Settings {
        base_url,
        api_key,
        model: model.trim().to_owned(),
        concurrency: read.number("KGL_OPENAI_CONCURRENCY", 1..=256, DEFAULT_CONCURRENCY)?,
        timeout: Duration::from_secs(seconds),
        max_retries: read.number("KGL_OPENAI_MAX_RETRIES", 0..=20, DEFAULT_MAX_RETRIES)?,
        prices,
        budget_per_job,
        max_tokens_per_job: Some(most_tokens).filter(|most| *most > 0),
    }))
}

/// Both prices or none.
fn prices(read: &Reader<'_>) -> Result<Option<Prices>, SettingsError> {
    const INPUT: &str = "KGL_OPENAI_PRICE_INPUT";
    const OUTPUT: &str = "KGL_OPENAI_PRICE_OUTPUT";
    // Each by itself, for the message.
    money(read, INPUT)?;
    money(read, OUTPUT)?;
    match (read.text(INPUT), read.text(OUTPUT)) {
        (Some(input), Some(output)) => Ok(Prices::parse(&input, &output)),
        (None, None) => Ok(None),
        (None, _) => Err(SettingsError::new(INPUT, format!("must be set when {OUTPUT} is"))),
        (_, None) => Err(SettingsError::new(OUTPUT, format!("must be set when {INPUT} is"))),
    }
}

fn money(read: &Reader<'_>, variable: &'static str) -> Result<Option<Money>, SettingsError> {
    let Some(text) = read.text(variable) else { return Ok(None) };
    let issue = || SettingsError::new(variable, format!("{text:?} is not a decimal number, such as 0.15"));
    Money::parse(&text).map(Some).ok_or_else(issue)
}
