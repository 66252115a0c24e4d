//! A token is taken only from a key of the ring, for this service, in its time.

use serde_json::{Value, json};

use super::*;
use crate::accounts::keys::Key;

const SECRET: &[u8] = b"an old secret of at least 32 bytes";
const NEWER_SECRET: &[u8] = b"a newer secret of at least 32 bytes";
const ED25519: &[u8] = include_bytes!("../../../tests/keys/ed25519.pem");
const RSA: &[u8] = include_bytes!("../../../tests/keys/rsa2048.pem");

fn ring(keys: impl IntoIterator<Item = Key>) -> KeyRing {
    match KeyRing::new(keys.into_iter().collect()) {
        Some(ring) => ring,
        None => panic!("no keys"),
    }
}

fn old() -> KeyRing {
    ring([Key::from_secret(SECRET)])
}

fn caller() -> Caller {
    Caller { user_id: UserId::new(), role: Role::Moderator, session_id: SessionId::new() }
}

fn token(keys: &KeyRing, claims: &Claims) -> String {
    match sign(keys, claims) {
        Ok(token) => token,
        Err(error) => panic!("{error}"),
    }
}

/// Signs any claims under any header with the old secret.
fn forge(header: &Header, claims: &Value) -> String {
    match jsonwebtoken::encode(header, claims, &jsonwebtoken::EncodingKey::from_secret(SECRET)) {
        Ok(token) => token,
        Err(error) => panic!("{error}"),
    }
}

fn header() -> Header {
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(Key::from_secret(SECRET).id);
    header
}

fn claims() -> Value {
    json!(Claims::new(&caller(), Utc::now()))
}

fn is_refused(keys: &KeyRing, token: &str) -> bool {
    matches!(verify(keys, token), Err(Error::Unauthorized("the access token is not valid")))
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn a_signed_token_gives_its_caller_back() {
    let caller = caller();
    for key in [Ok(Key::from_secret(SECRET)), Key::from_pem(ED25519), Key::from_pem(RSA)] {
        let keys = ring([key.unwrap_or_else(|issue| panic!("{issue}"))]);
        let token = token(&keys, &Claims::new(&caller, Utc::now()));
        match verify(&keys, &token) {
            Ok(found) => assert_eq!(found, caller),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_token_says_who_for_whom_and_how_long() {
    let claims = Claims::new(&caller(), Utc::now());
    assert_eq!((claims.iss.as_str(), claims.aud.as_str(), claims.exp - claims.iat), ("kgl", "kgl", 900));
    let Ok(header) = jsonwebtoken::decode_header(token(&old(), &claims)) else { panic!("no header") };
    assert!(header.kid.is_some_and(|id| id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit())));
    assert_ne!(claims.jti, Claims::new(&caller(), Utc::now()).jti);
}

#[test]
fn an_expired_token_says_that_it_is_expired() {
    let expired = token(&old(), &Claims::new(&caller(), Utc::now() - ACCESS_LIFETIME - TimeDelta::seconds(2)));
    assert!(matches!(verify(&old(), &expired), Err(Error::Unauthorized("the access token has expired"))));
    let nearly = token(&old(), &Claims::new(&caller(), Utc::now() - ACCESS_LIFETIME + TimeDelta::seconds(30)));
    assert!(verify(&old(), &nearly).is_ok());
}

#[test]
fn a_changed_token_is_refused() {
    let good = token(&old(), &Claims::new(&caller(), Utc::now()));
    let parts: Vec<&str> = good.split('.').collect();
    let mut other = claims();
    other["role"] = json!("admin");
    assert!(is_refused(&old(), &format!("{}.{}.{}", parts[0], part(&other), parts[2])));
    assert!(is_refused(&old(), &format!("{}.{}.", parts[0], parts[1])));
    assert!(is_refused(&old(), &format!("{}.{}", parts[0], parts[1])));
    assert!(is_refused(&old(), &good[..good.len() - 3]));
    for text in ["", ".", "..", "a.b.c", "\0", &"x".repeat(10_000)] {
        assert!(is_refused(&old(), text), "{text:?}");
    }
}

#[test]
fn another_key_under_our_key_id_is_refused() {
    let mut forged = Key::from_secret(NEWER_SECRET);
    forged.id = Key::from_secret(SECRET).id;
    assert!(is_refused(&old(), &token(&ring([forged]), &Claims::new(&caller(), Utc::now()))));
}

#[test]
fn an_unknown_or_absent_key_id_is_refused() {
    assert!(verify(&old(), &forge(&header(), &claims())).is_ok());
    let mut unknown = header();
    unknown.kid = Some("0123456789abcdef".to_owned());
    assert!(is_refused(&old(), &forge(&unknown, &claims())));
    assert!(is_refused(&old(), &forge(&Header::new(Algorithm::HS256), &claims())));
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let id = Key::from_secret(SECRET).id;
    for algorithm in ["none", "None", "NONE", "HS512", "RS256"] {
        let header = part(&json!({ "alg": algorithm, "typ": "JWT", "kid": id }));
        assert!(is_refused(&old(), &format!("{header}.{}.", part(&claims()))), "{algorithm}");
    }
    let mut longer = header();
    longer.alg = Algorithm::HS512;
    assert!(is_refused(&old(), &forge(&longer, &claims())));
    // The classical confusion: an HMAC whose secret is the public half of a signature's key.
    let key = Key::from_pem(ED25519).unwrap_or_else(|issue| panic!("{issue}"));
    let Ok(public) = key.decoding.try_get_as_bytes().map(<[u8]>::to_vec) else { panic!("no public key") };
    let mut confused = Header::new(Algorithm::HS256);
    confused.kid = Some(key.id.clone());
    let forged = jsonwebtoken::encode(&confused, &claims(), &jsonwebtoken::EncodingKey::from_secret(&public));
    assert!(is_refused(&ring([key]), &forged.unwrap_or_default()));
}

#[test]
fn a_token_for_others_or_from_others_is_refused() {
    for (claim, value) in [
        ("aud", json!("someone")),
        ("aud", json!(null)),
        ("iss", json!("someone")),
        ("exp", json!("soon")),
        ("exp", json!(null)),
        ("sub", json!("root")),
        ("sid", json!(7)),
        ("role", json!("owner")),
    ] {
        let mut changed = claims();
        changed[claim] = value;
        assert!(is_refused(&old(), &forge(&header(), &changed)), "{claim}");
        if let Some(object) = changed.as_object_mut() {
            object.remove(claim);
        }
        assert!(is_refused(&old(), &forge(&header(), &changed)), "without {claim}");
    }
}

#[test]
fn a_rotated_key_verifies_what_it_signed_and_signs_no_more() {
    let before = token(&old(), &Claims::new(&caller(), Utc::now()));
    let rotated = ring([Key::from_secret(NEWER_SECRET), Key::from_secret(SECRET)]);
    assert!(verify(&rotated, &before).is_ok());
    let after = token(&rotated, &Claims::new(&caller(), Utc::now()));
    assert!(verify(&rotated, &after).is_ok());
    assert!(is_refused(&old(), &after));
    assert!(is_refused(&ring([Key::from_secret(NEWER_SECRET)]), &before));
}

#[test]
fn refresh_tokens_are_random_and_known_by_their_hash() {
    let (Ok((one, hash)), Ok((other, _))) = (new_refresh(), new_refresh()) else { panic!("no token") };
    assert_ne!(one, other);
    assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(&one).map(|bytes| bytes.len()), Ok(32));
    assert_eq!(refresh_hash(&one), hash);
}
