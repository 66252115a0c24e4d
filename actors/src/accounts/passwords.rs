//! Argon2id off the runtime: bounded in how many run, and in how many wait to run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use rand::TryRng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::{
    domain::error::{Error, Result},
    metrics::PASSWORD_HASHES,
};

/// The OWASP Password Storage Cheat Sheet's second choice of equal strength: 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Who waits behind more than this many hashes a core would wait seconds; better to be told to come again.
const MAX_WAITING_PER_PERMIT: usize = 64;
/// About how long a full queue takes to empty.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why no hash could be computed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The parameters or a stored hash are not argon2's, or there is no memory or no randomness.
    #[error("argon2: {0}")]
    Argon2(argon2::password_hash::Error),
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(#[from] rand::rngs::SysError),
    /// The computing thread panicked, or the runtime shuts down.
    #[error("the hashing thread ended: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        tracing::error!(error = %error, "a password could not be hashed");
        Error::Internal
    }
}

/// How a password stands to a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verified {
    /// It is another one, or there is none to compare with.
    No,
    /// It is the one.
    Yes,
    /// It is the one, hashed with parameters that are no longer ours.
    Outdated,
}

/// Computes and checks password hashes.
pub(super) struct Passwords {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
    /// A hash of nobody's password, to spend the same time on where there is no account.
    dummy: Arc<str>,
}

impl Passwords {
    /// One hash runs for each core, and at least two.
    pub(super) async fn new() -> Result<Self, PasswordError> {
        let permits = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
        let mut secret = Zeroizing::new([0; 32]);
        rand::rngs::SysRng.try_fill_bytes(secret.as_mut())?;
        let dummy = tokio::task::spawn_blocking(move || compute(secret.as_ref())).await??;
        Ok(Self {
            running: Arc::new(Semaphore::new(permits)),
            waiting: AtomicUsize::new(0),
            max_waiting: permits * MAX_WAITING_PER_PERMIT,
            dummy: dummy.into(),
        })
    }

    /// The hash of a password under a fresh salt, in PHC string format.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many wait already.
    pub(super) async fn hash(&self, password: &str) -> Result<String> {
        let password = Zeroizing::new(password.to_owned());
        self.run(move || compute(password.as_bytes())).await
    }

    /// Compares a password with a stored hash. Without one it takes the same time and the answer is no.
    ///
    /// # Errors
    /// As [`Passwords::hash`].
    pub(super) async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verified> {
        let password = Zeroizing::new(password.to_owned());
        let hash: Arc<str> = stored.map_or_else(|| self.dummy.clone(), Into::into);
        let verified = self.run(move || compare(password.as_bytes(), &hash)).await?;
        Ok(if stored.is_some() { verified } else { Verified::No })
    }

    async fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T> {
        let started = Instant::now();
        let permit = self.permit().await?;
        // The permit goes with the work, not with the caller: one that goes away does not stop the thread.
        let work = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            compute()
        });
        let result = work.await.map_err(PasswordError::from)??;
        metrics::histogram!(PASSWORD_HASHES).record(started.elapsed().as_secs_f64());
        Ok(result)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        /// Counts out also when the caller goes away while it waits.
        struct Waiting<'a>(&'a AtomicUsize);
        impl Drop for Waiting<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.max_waiting {
            return Err(Error::Busy { retry_after: RETRY_AFTER });
        }
        // Nobody closes the semaphore.
        self.running.clone().acquire_owned().await.map_err(|_| Error::Internal)
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|e| PasswordError::Argon2(e.into()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn compute(password: &[u8]) -> Result<String, PasswordError> {
    let hash: PasswordHash = argon2()?.hash_password(password).map_err(PasswordError::Argon2)?;
    Ok(hash.to_string())
}

fn compare(password: &[u8], stored: &str) -> Result<Verified, PasswordError> {
    let argon2 = argon2()?;
    let hash = PasswordHash::new(stored).map_err(|e| PasswordError::Argon2(e.into()))?;
    match argon2.verify_password(password, &hash) {
        Ok(()) => {}
        Err(argon2::password_hash::Error::PasswordInvalid) => return Ok(Verified::No),
        Err(error) => return Err(PasswordError::Argon2(error)),
    }
    let is_current = hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(&hash).is_ok_and(|p| (p.m_cost(), p.t_cost(), p.p_cost()) == (MEMORY_KIB, PASSES, LANES));
    Ok(if is_current { Verified::Yes } else { Verified::Outdated })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn passwords() -> Passwords {
        match Passwords::new().await {
            Ok(passwords) => passwords,
            Err(error) => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn only_the_password_itself_is_right() {
        let passwords = passwords().await;
        let Ok(hash) = passwords.hash("correct horse").await else { panic!("not hashed") };
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(matches!(passwords.verify("correct horse", Some(&hash)).await, Ok(Verified::Yes)));
        assert!(matches!(passwords.verify("correct house", Some(&hash)).await, Ok(Verified::No)));
        assert!(matches!(passwords.verify("correct horse", None).await, Ok(Verified::No)));
        assert!(matches!(passwords.verify("correct horse", Some("broken")).await, Err(Error::Internal)));
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_outdated() {
        let Ok(weak) = Params::new(8, 1, 1, None) else { panic!("parameters") };
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, weak);
        let hash: PasswordHash = match hasher.hash_password(b"correct horse") {
            Ok(hash) => hash,
            Err(error) => panic!("{error}"),
        };
        let passwords = passwords().await;
        assert!(matches!(passwords.verify("correct horse", Some(&hash.to_string())).await, Ok(Verified::Outdated)));
        assert!(matches!(passwords.verify("correct house", Some(&hash.to_string())).await, Ok(Verified::No)));
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_are_told_to_come_again() {
        let mut passwords = passwords().await;
        passwords.running = Arc::new(Semaphore::new(0));
        passwords.max_waiting = 1;
        let passwords = Arc::new(passwords);
        let first = tokio::spawn({
            let passwords = passwords.clone();
            async move { passwords.hash("correct horse").await }
        });
        while passwords.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.hash("correct horse").await, Err(Error::Busy { .. })));
        passwords.running.add_permits(1);
        assert!(matches!(first.await, Ok(Ok(_))));
        assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
    }
}
