//! The two kinds of tokens: access tokens, which prove themselves by a signature, and refresh tokens, which are random
//! and known by their hash.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, Header, Validation, errors::ErrorKind};
use rand::TryRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::keys::KeyRing;
use crate::domain::{
    caller::{Caller, Role},
    error::{Error, Result},
    ids::{SessionId, UserId},
};

/// How long an access token lives.
pub(super) const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(15);
/// How long a refresh token waits for its one use.
pub(super) const REFRESH_LIFETIME: TimeDelta = TimeDelta::days(7);
/// Issuer and audience of access tokens: this service, for itself.
const KGL: &str = "kgl";
/// Ours are below 600 bytes; a longer one is not worth decoding.
const MAX_TOKEN_BYTES: usize = 4096;

/// What an access token says.
#[derive(Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) aud: String,
    pub(super) sub: UserId,
    pub(super) role: Role,
    pub(super) sid: SessionId,
    pub(super) iat: i64,
    pub(super) exp: i64,
    pub(super) jti: Uuid,
}

impl Claims {
    /// What the caller's next token says.
    pub(super) fn new(caller: &Caller, now: DateTime<Utc>) -> Self {
        Self {
            iss: KGL.to_owned(),
            aud: KGL.to_owned(),
            sub: caller.user_id,
            role: caller.role,
            sid: caller.session_id,
            iat: now.timestamp(),
            exp: (now + ACCESS_LIFETIME).timestamp(),
            jti: Uuid::new_v4(),
        }
    }
}

/// What a token signed with that algorithm must show besides its signature.
pub(super) fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = 0;
    validation.set_audience(&[KGL]);
    validation.set_issuer(&[KGL]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    validation
}

/// Signs an access token.
pub(super) fn sign(keys: &KeyRing, claims: &Claims) -> Result<String> {
    let key = keys.signing().ok_or(Error::Internal)?;
    let mut header = Header::new(key.algorithm);
    header.kid = Some(key.id.clone());
    jsonwebtoken::encode(&header, claims, &key.encoding).map_err(|error| {
        tracing::error!(%error, "an access token could not be signed");
        Error::Internal
    })
}

/// Whom an access token stands for. The key is the one that the header names, and the algorithm is that key's own,
/// whatever the header says: a token cannot choose how it is checked.
pub(super) fn verify(keys: &KeyRing, token: &str) -> Result<Caller> {
    const NOT_VALID: Error = Error::Unauthorized("the access token is not valid");
    if token.len() > MAX_TOKEN_BYTES {
        return Err(NOT_VALID);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|_| NOT_VALID)?;
    let key = header.kid.as_deref().and_then(|id| keys.get(id)).ok_or(NOT_VALID)?;
    match jsonwebtoken::decode::<Claims>(token, &key.decoding, &key.validation) {
        Ok(data) => {
            let Claims { sub, role, sid, .. } = data.claims;
            Ok(Caller { user_id: sub, role, session_id: sid })
        }
        Err(error) if matches!(error.kind(), ErrorKind::ExpiredSignature) => {
            Err(Error::Unauthorized("the access token has expired"))
        }
        Err(_) => Err(NOT_VALID),
    }
}

/// The SHA-256 of a refresh token: all that is kept of it. A fast hash is enough for 256 random bits, and looking one
/// up by it gives no timing away, because nobody can steer towards a hash.
pub(super) type RefreshHash = [u8; 32];

/// A fresh refresh token and its hash.
pub(super) fn new_refresh() -> Result<(String, RefreshHash)> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::rngs::SysRng.try_fill_bytes(bytes.as_mut()).map_err(|error| {
        tracing::error!(%error, "no random bytes");
        Error::Internal
    })?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(bytes.as_ref());
    let hash = refresh_hash(&token);
    Ok((token, hash))
}

/// The hash under which a refresh token is kept.
pub(super) fn refresh_hash(token: &str) -> RefreshHash {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests;
