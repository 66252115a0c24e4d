//! What a right and a wrong environment come to.

use super::*;

fn load(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    Settings::load(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
}

fn refused(variables: &[(&str, &str)]) -> String {
    match load(variables) {
        Ok(_) => panic!("{variables:?} was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let settings = load(&[]).expect("defaults");
    assert_eq!(settings.http.listen, "127.0.0.1:8000");
    assert_eq!(settings.http.rate_limit_per_minute, 1000);
    assert_eq!(settings.engine.data_dir, PathBuf::from("./data"));
    assert_eq!(settings.engine.extractor, "builtin");
    assert_eq!(settings.environment, Environment::Development);
    assert!(!settings.engine.production);
    assert!(settings.engine.workers >= 1);
    let upkeep = settings.engine.upkeep;
    assert_eq!((upkeep.dead_retention_days, upkeep.access_log_retention_days), (30, 90));
    assert_eq!(upkeep.interval, Duration::from_secs(600));
}

#[test]
fn an_empty_value_counts_as_none() {
    let settings = load(&[("DATABASE_URL", ""), ("KGL_LISTEN", " ")]).expect("defaults");
    assert_eq!(settings.engine.database_url, None);
    assert_eq!(settings.http.listen, "127.0.0.1:8000");
}

#[test]
fn a_wrong_value_is_one_line_that_names_its_variable() {
    for (variable, value) in [
        ("KGL_LISTEN", "8000"),
        ("KGL_LISTEN", "::1:80"),
        ("KGL_LISTEN", "localhost:99999"),
        ("KGL_METRICS_LISTEN", "x"),
        ("KGL_ENV", "staging"),
        ("KGL_LOG", "info,="),
        ("KGL_LOG_FORMAT", "xml"),
        ("KGL_CORS_ORIGINS", "example.org"),
        ("KGL_CORS_ORIGINS", "https://example.org/path"),
        ("KGL_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("KGL_RATE_LIMIT_PER_MINUTE", "-1"),
        ("KGL_WORKERS", "1025"),
        ("AMQP_URL", "http://localhost"),
        ("KGL_AMQP_PREFIX", "a b"),
        ("KGL_CLEANUP_INTERVAL_SECONDS", "0"),
        ("KGL_DEAD_RETENTION_DAYS", "-1"),
        ("KGL_ACCESS_LOG_RETENTION_DAYS", "a week"),
        ("KGL_DATABASE_CONNECTIONS", "many"),
        ("KGL_SHUTDOWN_SECONDS", "0"),
        ("KGL_REQUEST_TIMEOUT_SECONDS", "1.5"),
        ("KGL_MAX_CONNECTIONS", "0"),
        ("KGL_EXTRACTOR", "magic"),
        ("KGL_EXTRACTOR", "remote"),
        ("KGL_OPEN_RELATIONS", "maybe"),
        ("KGL_JWT_SECRET", "short"),
        ("KGL_JWT_PRIVATE_KEY_FILE", "/nowhere/key.pem"),
        ("KGL_POSTGRES_BUNDLE", "/nowhere/bundle.whl"),
        ("DATABASE_URL", "mysql://root:hunter2@localhost/kgl"),
    ] {
        let line = refused(&[(variable, value)]);
        assert!(line.starts_with(&format!("{variable}: ")), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(!line.contains("hunter2"), "a password in {line}");
    }
}

#[test]
fn production_needs_a_key_and_exactly_one() {
    assert!(refused(&[("KGL_ENV", "production")]).starts_with("KGL_JWT_SECRET: must be set"));
    let secret = "0123456789abcdef0123456789abcdef";
    let settings = load(&[("KGL_ENV", "production"), ("KGL_JWT_SECRET", secret)]).expect("with a secret");
    assert_eq!(settings.log.format, LogFormat::Json);
    let both = refused(&[("KGL_JWT_SECRET", secret), ("KGL_JWT_PRIVATE_KEY_FILE", "/dev/null")]);
    assert!(both.starts_with("KGL_JWT_SECRET: cannot be set together"), "{both}");
}

#[test]
fn an_admin_needs_both_halves_in_good_shape() {
    assert!(refused(&[("KGL_ADMIN_EMAIL", "a@example.org")]).starts_with("KGL_ADMIN_PASSWORD"));
    let short = [("KGL_ADMIN_EMAIL", "a@example.org"), ("KGL_ADMIN_PASSWORD", "short")];
    assert!(refused(&short).starts_with("KGL_ADMIN_PASSWORD"));
    let nobody = [("KGL_ADMIN_EMAIL", "nobody"), ("KGL_ADMIN_PASSWORD", "long enough")];
    assert!(refused(&nobody).starts_with("KGL_ADMIN_EMAIL"));
    let good = load(&[("KGL_ADMIN_EMAIL", "a@example.org"), ("KGL_ADMIN_PASSWORD", "long enough")]).expect("good");
    assert_eq!(good.engine.admin.map(|admin| admin.email).as_deref(), Some("a@example.org"));
}

#[test]
fn a_language_model_needs_a_place_and_a_name_and_a_budget_needs_prices() {
    let (url, model) = (("KGL_OPENAI_BASE_URL", "http://localhost:11434/v1"), ("KGL_OPENAI_MODEL", "llama3.1"));
    assert!(load(&[]).expect("defaults").engine.language_model.is_none());
    let openai = ("KGL_EXTRACTOR", "openai");
    for (variables, variable) in [
        (&[openai][..], "KGL_OPENAI_BASE_URL"),
        (&[openai, url], "KGL_OPENAI_MODEL"),
        (&[url], "KGL_OPENAI_MODEL"),
        (&[model], "KGL_OPENAI_BASE_URL"),
        (&[("KGL_OPENAI_BASE_URL", "localhost:11434"), model], "KGL_OPENAI_BASE_URL"),
        (&[("KGL_OPENAI_BASE_URL", "https://me:hunter2@example.org"), model], "KGL_OPENAI_BASE_URL"),
        (&[url, model, ("KGL_OPENAI_API_KEY", "hunter2 x")], "KGL_OPENAI_API_KEY"),
        (&[url, model, ("KGL_OPENAI_CONCURRENCY", "0")], "KGL_OPENAI_CONCURRENCY"),
        (&[url, model, ("KGL_OPENAI_TIMEOUT_SECONDS", "x")], "KGL_OPENAI_TIMEOUT_SECONDS"),
        (&[url, model, ("KGL_OPENAI_MAX_RETRIES", "-1")], "KGL_OPENAI_MAX_RETRIES"),
        (&[url, model, ("KGL_OPENAI_MAX_TOKENS_PER_JOB", "1.5")], "KGL_OPENAI_MAX_TOKENS_PER_JOB"),
        (&[url, model, ("KGL_OPENAI_PRICE_INPUT", "1,5")], "KGL_OPENAI_PRICE_INPUT"),
        (&[url, model, ("KGL_OPENAI_PRICE_INPUT", "1.5")], "KGL_OPENAI_PRICE_OUTPUT"),
        (&[url, model, ("KGL_OPENAI_BUDGET_PER_JOB", "1")], "KGL_OPENAI_BUDGET_PER_JOB"),
    ] {
        let line = refused(variables);
        assert!(line.starts_with(&format!("{variable}: ")), "{variables:?}: {line}");
        assert!(!line.contains("hunter2"), "a secret in {line}");
    }
    let all = [
        openai,
        url,
        model,
        ("KGL_OPENAI_API_KEY", "sk-1"),
        ("KGL_OPENAI_PRICE_INPUT", "0.15"),
        ("KGL_OPENAI_PRICE_OUTPUT", "0.6"),
        ("KGL_OPENAI_BUDGET_PER_JOB", "0.05"),
        ("KGL_OPENAI_MAX_TOKENS_PER_JOB", "100000"),
    ];
    let settings = load(&all).expect("a language model").engine;
    let model = settings.language_model.expect("a language model");
    assert_eq!((model.concurrency, model.max_retries, model.timeout), (4, 4, Duration::from_secs(60)));
    assert_eq!((model.max_tokens_per_job, model.prices.is_some()), (Some(100_000), true));
}

#[test]
fn networks_compare_only_their_prefix() {
    let settings = load(&[("KGL_TRUSTED_PROXIES", "10.0.0.0/8, 192.168.1.7, fd00::/8, 0.0.0.0/0")]).expect("networks");
    let [ten, one, local, all] = settings.http.trusted_proxies.as_slice() else { panic!("four networks") };
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    assert!(ten.contains(ip("10.200.3.4")) && !ten.contains(ip("11.0.0.1")));
    assert!(ten.contains(ip("::ffff:10.1.1.1")), "a mapped address is the address it maps");
    assert!(one.contains(ip("192.168.1.7")) && !one.contains(ip("192.168.1.8")));
    assert!(local.contains(ip("fd12::1")) && !local.contains(ip("fe80::1")));
    assert!(all.contains(ip("8.8.8.8")) && !all.contains(ip("::1")));
}
