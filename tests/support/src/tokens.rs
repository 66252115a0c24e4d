//! Access tokens as a forger would make them.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::Value;

/// The header and the claims of a token, unchecked.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes)
    });
    let mut next = || parts.next().expect("a part").expect("JSON");
    (next(), next())
}

/// The signed part of a token with this header and these claims.
#[must_use]
pub fn message(header: &Value, claims: &Value) -> String {
    let encoded = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encoded(header), encoded(claims))
}

/// A token with this header and these claims, signed by HMAC-SHA256 with `secret` whatever the header says.
///
/// # Panics
/// Never for a secret that is not empty.
#[must_use]
pub fn signed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, claims);
    let key = EncodingKey::from_secret(secret);
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("signs");
    format!("{message}.{signature}")
}
