//! The keys that sign access tokens: the first of a ring signs, all of them verify, so a key can be replaced while
//! tokens that the former one signed still live.

use std::{
    collections::HashMap,
    fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Validation,
    jwk::{AlgorithmParameters, Jwk},
};
use rand::TryRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{AccountSettings, tokens};

/// HS256 wants a key as long as its hash (RFC 7518, 3.2).
const MIN_SECRET_BYTES: usize = 32;
/// RFC 7518, 3.3.
const MIN_RSA_BYTES: usize = 2048 / 8;
/// How long a generated secret signs before the next start replaces it.
const ROTATE_AFTER: TimeDelta = TimeDelta::days(30);
/// A generated ring holds the signing secret and this many former ones.
const FORMER_SECRETS: usize = 1;

/// Why there is no key to sign with. No message holds key material.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Production, and no key was given.
    #[error(
        "KGL_JWT_SECRET: production needs a secret of at least 32 bytes (try `openssl rand -base64 48`), or set \
         KGL_JWT_PRIVATE_KEY_FILE"
    )]
    Missing,
    /// One of the secrets is too short.
    #[error("KGL_JWT_SECRET: secret number {0} is shorter than 32 bytes (try `openssl rand -base64 48`)")]
    ShortSecret(usize),
    /// The key file cannot be read.
    #[error("KGL_JWT_PRIVATE_KEY_FILE: {path} cannot be read: {source}")]
    KeyFile {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The key file does not hold what it should.
    #[error("KGL_JWT_PRIVATE_KEY_FILE: {path}: {issue}")]
    KeyFormat {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        issue: &'static str,
    },
    /// The file of generated secrets cannot be read or written.
    #[error("{path}: the generated signing secret cannot be kept there: {source}")]
    Ring {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] rand::rngs::SysError),
}

/// A key with the name that tokens carry in their header.
pub(super) struct Key {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: EncodingKey,
    pub(super) decoding: DecodingKey,
    pub(super) validation: Validation,
}

/// The keys in use.
pub(super) struct KeyRing {
    signing: String,
    keys: HashMap<String, Key>,
}

impl KeyRing {
    /// The keys that the settings give: those of the private key file, then the secrets. Without either, generated ones
    /// in the data directory, except in production.
    pub(super) fn load(settings: &AccountSettings, now: DateTime<Utc>) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        if let Some(path) = &settings.jwt_private_key_file {
            keys.extend(from_key_file(path)?);
        }
        if let Some(secrets) = &settings.jwt_secret {
            keys.extend(from_secrets(secrets)?);
        }
        if keys.is_empty() {
            if settings.production {
                return Err(KeyError::Missing);
            }
            keys.extend(generated(&settings.data_dir.join("keys"), now)?);
        }
        Self::new(keys).ok_or(KeyError::Missing)
    }

    pub(super) fn new(keys: Vec<Key>) -> Option<Self> {
        let signing = keys.first()?.id.clone();
        Some(Self { signing, keys: keys.into_iter().map(|key| (key.id.clone(), key)).collect() })
    }

    /// The key that signs.
    pub(super) fn signing(&self) -> Option<&Key> {
        self.keys.get(&self.signing)
    }

    /// The key of that id.
    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }
}

impl Key {
    /// A shared secret, for HS256.
    pub(super) fn from_secret(secret: &[u8]) -> Self {
        Self {
            id: key_id(secret),
            algorithm: Algorithm::HS256,
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation: tokens::validation(Algorithm::HS256),
        }
    }

    /// A private key in a PEM block: PKCS #8 Ed25519 for EdDSA, PKCS #8 or PKCS #1 RSA for RS256.
    pub(super) fn from_pem(pem: &[u8]) -> Result<Self, &'static str> {
        const NOT_A_KEY: &str = "holds a block that is no Ed25519 or RSA private key in PEM (an Ed25519 key is made by \
                                 `openssl genpkey -algorithm ed25519`)";
        let (algorithm, encoding) = match EncodingKey::from_ed_pem(pem) {
            Ok(key) => (Algorithm::EdDSA, key),
            Err(_) => (Algorithm::RS256, EncodingKey::from_rsa_pem(pem).map_err(|_| NOT_A_KEY)?),
        };
        let public = Jwk::from_encoding_key(&encoding, algorithm).map_err(|_| NOT_A_KEY)?;
        let id = match &public.algorithm {
            AlgorithmParameters::OctetKeyPair(key) => key_id(key.x.as_bytes()),
            AlgorithmParameters::RSA(key) => {
                if BASE64_URL_SAFE_NO_PAD.decode(&key.n).is_ok_and(|n| n.len() < MIN_RSA_BYTES) {
                    return Err("holds an RSA key of less than 2048 bits");
                }
                key_id(format!("{}.{}", key.n, key.e).as_bytes())
            }
            _ => return Err(NOT_A_KEY),
        };
        let decoding = DecodingKey::from_jwk(&public).map_err(|_| NOT_A_KEY)?;
        Ok(Self { id, algorithm, encoding, decoding, validation: tokens::validation(algorithm) })
    }
}

/// Names a key by a hash of what it is; 64 bits tell a handful of keys apart and tell nothing about a secret of 256.
fn key_id(material: &[u8]) -> String {
    let digest = Sha256::digest(material);
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Comma-separated secrets; the first signs.
fn from_secrets(secrets: &str) -> Result<Vec<Key>, KeyError> {
    let keys = secrets.split(',').map(str::trim).enumerate().map(|(at, secret)| {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret(at + 1));
        }
        Ok(Key::from_secret(secret.as_bytes()))
    });
    keys.collect()
}

/// The private keys of a PEM file; the first signs.
fn from_key_file(path: &Path) -> Result<Vec<Key>, KeyError> {
    let text = fs::read_to_string(path).map_err(|source| KeyError::KeyFile { path: path.to_owned(), source })?;
    let text = Zeroizing::new(text);
    let format = |issue| KeyError::KeyFormat { path: path.to_owned(), issue };
    let starts: Vec<usize> = text.match_indices("-----BEGIN ").map(|(at, _)| at).collect();
    if starts.is_empty() {
        return Err(format("holds no PEM block"));
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| Key::from_pem(&text.as_bytes()[*start..end]).map_err(format)).collect()
}

/// A generated secret as the ring's file keeps it.
#[derive(Serialize, Deserialize)]
struct StoredSecret {
    /// 32 bytes in unpadded base64url.
    secret: String,
    created_at: DateTime<Utc>,
}

impl Drop for StoredSecret {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// The ring's file, newest secret first.
#[derive(Default, Serialize, Deserialize)]
struct StoredRing {
    secrets: Vec<StoredSecret>,
}

/// The generated secrets of a folder; made when there are none, and a new one put first when the newest is old. That
/// happens at a start only, when the data directory is this process's alone.
fn generated(dir: &Path, now: DateTime<Utc>) -> Result<Vec<Key>, KeyError> {
    let path = dir.join("jwt.json");
    let failed = |source| KeyError::Ring { path: path.clone(), source };
    let mut ring = read_ring(&path).map_err(failed)?;
    if ring.secrets.first().is_none_or(|newest| now - newest.created_at > ROTATE_AFTER) {
        let mut secret = Zeroizing::new([0; MIN_SECRET_BYTES]);
        rand::rngs::SysRng.try_fill_bytes(secret.as_mut())?;
        let secret = BASE64_URL_SAFE_NO_PAD.encode(secret.as_ref());
        ring.secrets.insert(0, StoredSecret { secret, created_at: now });
        ring.secrets.truncate(1 + FORMER_SECRETS);
        write_ring(dir, &path, &ring).map_err(failed)?;
    }
    let keys = ring.secrets.iter().map(|stored| {
        let secret = BASE64_URL_SAFE_NO_PAD.decode(&stored.secret).map(Zeroizing::new);
        match secret {
            Ok(secret) if secret.len() >= MIN_SECRET_BYTES => Ok(Key::from_secret(&secret)),
            _ => Err(failed(io::Error::new(io::ErrorKind::InvalidData, "a secret in it is damaged"))),
        }
    });
    keys.collect()
}

fn read_ring(path: &Path) -> io::Result<StoredRing> {
    match fs::read(path) {
        // The parser's own message would quote what it read.
        Ok(bytes) => serde_json::from_slice(&Zeroizing::new(bytes))
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not the JSON that was written there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(StoredRing::default()),
        Err(error) => Err(error),
    }
}

/// Whole or not at all: written beside and renamed over, readable by its owner only from the start.
fn write_ring(dir: &Path, path: &Path, ring: &StoredRing) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let text = Zeroizing::new(serde_json::to_vec_pretty(ring)?);
    file.write_all(&text)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests;
