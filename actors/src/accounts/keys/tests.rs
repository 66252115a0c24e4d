//! Where keys come from, and that what is wrong with them is said without showing them.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn settings(dir: &Path) -> AccountSettings {
    AccountSettings {
        data_dir: dir.to_owned(),
        production: false,
        embedded: true,
        jwt_secret: None,
        jwt_private_key_file: None,
    }
}

fn load(settings: &AccountSettings) -> KeyRing {
    load_at(settings, Utc::now())
}

fn load_at(settings: &AccountSettings, now: DateTime<Utc>) -> KeyRing {
    KeyRing::load(settings, now).unwrap_or_else(|error| panic!("{error}"))
}

fn failure(settings: &AccountSettings) -> String {
    match KeyRing::load(settings, Utc::now()) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"))
}

fn test_key(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

#[test]
fn production_wants_a_secret_and_says_which_variable() {
    let dir = folder();
    let production = AccountSettings { production: true, ..settings(dir.path()) };
    assert!(failure(&production).contains("KGL_JWT_SECRET"));
    assert!(!dir.path().join("keys").exists());
    let given = AccountSettings { jwt_secret: Some("s".repeat(32)), ..production };
    assert!(load(&given).signing().is_some());
}

#[test]
fn a_short_secret_is_refused_without_being_shown() {
    let dir = folder();
    let short =
        AccountSettings { jwt_secret: Some(format!("{},hunter2-hunter2", "s".repeat(32))), ..settings(dir.path()) };
    let message = failure(&short);
    assert!(message.contains("KGL_JWT_SECRET") && message.contains("number 2"), "{message}");
    assert!(!message.contains("hunter2"), "{message}");
    assert!(!format!("{short:?}").contains("hunter2"));
    assert!(failure(&AccountSettings { jwt_secret: Some(String::new()), ..short }).contains("number 1"));
}

#[test]
fn the_first_of_several_secrets_signs_and_all_verify() {
    let dir = folder();
    let (new, old) = ("n".repeat(32), "o".repeat(40));
    let ring = load(&AccountSettings { jwt_secret: Some(format!("{new}, {old}")), ..settings(dir.path()) });
    assert_eq!(ring.signing().map(|key| key.id.clone()), Some(key_id(new.as_bytes())));
    assert!(ring.get(&key_id(old.as_bytes())).is_some());
}

#[test]
fn a_private_key_signs_before_a_secret_which_still_verifies() {
    let dir = folder();
    let secret = "s".repeat(32);
    for (file, algorithm) in
        [("ed25519.pem", Algorithm::EdDSA), ("rsa2048.pem", Algorithm::RS256), ("both.pem", Algorithm::EdDSA)]
    {
        let path = if file == "both.pem" {
            let both = [fs::read(test_key("ed25519.pem")), fs::read(test_key("rsa2048.pem"))];
            let both: Vec<u8> = both.into_iter().flatten().flatten().collect();
            let path = dir.path().join(file);
            assert!(fs::write(&path, both).is_ok());
            path
        } else {
            test_key(file)
        };
        let ring = load(&AccountSettings {
            jwt_private_key_file: Some(path),
            jwt_secret: Some(secret.clone()),
            production: true,
            ..settings(dir.path())
        });
        assert_eq!(ring.signing().map(|key| key.algorithm), Some(algorithm), "{file}");
        assert!(ring.get(&key_id(secret.as_bytes())).is_some());
        assert_eq!(ring.keys.len(), if file == "both.pem" { 3 } else { 2 });
    }
}

#[test]
fn a_file_without_a_good_private_key_is_refused() {
    let dir = folder();
    let with = |path: PathBuf| AccountSettings { jwt_private_key_file: Some(path), ..settings(dir.path()) };
    assert!(failure(&with(dir.path().join("none.pem"))).contains("KGL_JWT_PRIVATE_KEY_FILE"));
    assert!(failure(&with(test_key("rsa1024.pem"))).contains("2048 bits"));
    for text in ["", "hello", "-----BEGIN PRIVATE KEY-----\nhello\n-----END PRIVATE KEY-----\n"] {
        let path = dir.path().join("bad.pem");
        assert!(fs::write(&path, text).is_ok());
        let message = failure(&with(path));
        assert!(message.contains("KGL_JWT_PRIVATE_KEY_FILE") && !message.contains("hello"), "{message}");
    }
}

#[test]
fn a_generated_secret_is_kept_private_and_used_again() {
    let dir = folder();
    let first = load(&settings(dir.path()));
    let path = dir.path().join("keys/jwt.json");
    let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode() & 0o777);
    assert!(matches!(mode, Ok(0o600)), "{mode:?}");
    assert_eq!(load(&settings(dir.path())).signing, first.signing);
    assert_ne!(load(&settings(folder().path())).signing, first.signing);
}

#[test]
fn a_generated_secret_is_replaced_in_time_and_the_former_one_verifies_until_the_next() {
    let dir = folder();
    let now = Utc::now();
    let first = load_at(&settings(dir.path()), now);
    assert_eq!(load_at(&settings(dir.path()), now + TimeDelta::days(29)).signing, first.signing);
    let second = load_at(&settings(dir.path()), now + TimeDelta::days(31));
    assert_ne!(second.signing, first.signing);
    assert!(second.get(&first.signing).is_some());
    let third = load_at(&settings(dir.path()), now + TimeDelta::days(62));
    assert!(third.get(&second.signing).is_some() && third.get(&first.signing).is_none());
}

#[test]
fn a_damaged_file_of_secrets_stops_the_start() {
    let dir = folder();
    let path = dir.path().join("keys/jwt.json");
    assert!(fs::create_dir_all(dir.path().join("keys")).is_ok());
    for text in ["", "{\"secrets\":[{\"secret\":\"c2hvcnQ\",\"created_at\":\"2999-01-01T00:00:00Z\"}]}"] {
        assert!(fs::write(&path, text).is_ok());
        let message = failure(&settings(dir.path()));
        assert!(message.contains("jwt.json") && !message.contains("c2hvcnQ"), "{message}");
        assert!(matches!(fs::read_to_string(&path), Ok(kept) if kept == text));
    }
}
