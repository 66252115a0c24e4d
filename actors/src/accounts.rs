//! Accounts, logins and tokens.
//!
//! A login opens a session. Its access tokens are signed and checked without the database; its refresh tokens are good
//! for one use each, and one that is used twice ends the session, because one of the two users is a thief.

mod first_accounts;
mod keys;
mod passwords;
mod revocations;
mod tokens;
mod validation;

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};

pub use self::{keys::KeyError, passwords::PasswordError};
use self::{
    keys::KeyRing,
    passwords::{Passwords, Verified},
    revocations::Revocations,
    tokens::{ACCESS_LIFETIME, Claims, REFRESH_LIFETIME},
};
use crate::{
    domain::{
        caller::{Caller, Role},
        error::{Error, Result},
        ids::{SessionId, UserId},
        user::{NewUser, TokenPair, User},
    },
    start::StartError,
    store::{Store, StoreError, sessions, users},
};

/// One answer for an unknown address, a wrong password and a deactivated account.
const WRONG_CREDENTIALS: Error = Error::Unauthorized("the e-mail address or the password is wrong");
const WRONG_REFRESH_TOKEN: Error =
    Error::Unauthorized("the refresh token is not valid or was used before; sign in again");
const ENDED: Error = Error::Unauthorized("the session has ended; sign in again");
const GONE: Error = Error::Unauthorized("the account no longer exists or is deactivated");

/// What accounts are told at their start.
#[derive(Clone)]
pub struct AccountSettings {
    /// Where generated secrets live.
    pub data_dir: PathBuf,
    /// Whether this is production: a key must be given, and no account is made up.
    pub production: bool,
    /// Whether the database is the embedded one.
    pub embedded: bool,
    /// Secrets for HS256 of at least 32 bytes each, separated by commas: the first signs, all verify.
    pub jwt_secret: Option<String>,
    /// A PEM file of Ed25519 or RSA private keys; the first signs before any secret does, all verify.
    pub jwt_private_key_file: Option<PathBuf>,
}

impl std::fmt::Debug for AccountSettings {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountSettings")
            .field("data_dir", &self.data_dir)
            .field("production", &self.production)
            .field("embedded", &self.embedded)
            .field("jwt_private_key_file", &self.jwt_private_key_file)
            .finish_non_exhaustive()
    }
}

/// Why accounts could not start; one line for the operator, without anything secret.
#[derive(Debug, thiserror::Error)]
pub enum AccountsStartError {
    /// There is no usable key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Passwords cannot be hashed on this machine.
    #[error("passwords cannot be hashed: {0}")]
    Password(#[from] PasswordError),
    /// The database did not answer.
    #[error("the database does not answer: {0}")]
    Database(#[from] StoreError),
}

impl From<AccountsStartError> for StartError {
    /// A key that cannot be used is a wrong setting, and its message begins with the setting's name.
    fn from(error: AccountsStartError) -> Self {
        let text = error.to_string();
        let variable = ["KGL_JWT_SECRET", "KGL_JWT_PRIVATE_KEY_FILE"].into_iter().find_map(|variable| {
            text.strip_prefix(variable)?.strip_prefix(": ").map(|issue| (variable, issue.to_owned()))
        });
        match (variable, error) {
            (Some((variable, issue)), _) => StartError::Setting { variable, issue },
            (None, AccountsStartError::Database(error)) => StartError::Database(error),
            (None, _) => StartError::Other(text),
        }
    }
}

/// Accounts, logins and tokens. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    keys: KeyRing,
    passwords: Passwords,
    revocations: Arc<Revocations>,
    /// Whether an account may be made up for whoever tries the service out.
    makes_development_account: bool,
}

impl Accounts {
    /// Whether there are keys to sign with; before anything is started that would have to be stopped again.
    ///
    /// # Errors
    /// When there is no usable key.
    pub async fn check_keys(settings: AccountSettings) -> Result<(), AccountsStartError> {
        let loaded = tokio::task::spawn_blocking(move || KeyRing::load(&settings, Utc::now()).map(drop)).await;
        Ok(loaded.map_err(PasswordError::from)??)
    }

    /// Loads the keys and the recently ended sessions, and goes on following the latter until the last clone is gone.
    ///
    /// # Errors
    /// When there is no usable key, no memory for a hash, or no database.
    pub async fn start(store: Store, settings: AccountSettings) -> Result<Self, AccountsStartError> {
        let makes_development_account = settings.embedded && !settings.production;
        let keys = tokio::task::spawn_blocking(move || KeyRing::load(&settings, Utc::now()))
            .await
            .map_err(PasswordError::from)??;
        let passwords = Passwords::new().await?;
        let revocations = Revocations::start(store.clone()).await?;
        Ok(Self { inner: Arc::new(Inner { store, keys, passwords, revocations, makes_development_account }) })
    }

    /// Makes an account. `by` is the signed-in caller, if any; a role other than `user` takes an admin.
    ///
    /// # Errors
    /// `Invalid` with every wrong field, `Forbidden` for a role that the caller may not give, `Conflict` when the
    /// address is taken, `Busy` when too many passwords wait to be hashed.
    pub async fn register(&self, by: Option<&Caller>, new: NewUser) -> Result<User> {
        if new.role != Role::User && by.is_none_or(|caller| caller.role != Role::Admin) {
            return Err(Error::Forbidden("only an admin may give a role other than user"));
        }
        self.create(new)
            .await?
            .ok_or_else(|| Error::Conflict("an account with this e-mail address exists already".into()))
    }

    /// Checks e-mail and password; opens a session.
    ///
    /// # Errors
    /// `Unauthorized`, the same and after the same time for an unknown address, a wrong password and a deactivated
    /// account; `Busy` when too many passwords wait to be hashed.
    pub async fn login(&self, email: &str, password: &str) -> Result<TokenPair> {
        // Neither tells of any account: nobody has such a password, and no account such an address.
        if !validation::could_be_password(password) {
            return Err(WRONG_CREDENTIALS);
        }
        let found = match validation::email(email.trim()) {
            Ok(email) => users::credentials(&mut *self.system().await?, &email).await?,
            Err(_) => None,
        };
        let stored = found.as_ref().map(|found| found.password_hash.as_str());
        let verified = self.inner.passwords.verify(password, stored).await?;
        let found = found.filter(|found| found.is_active && verified != Verified::No).ok_or(WRONG_CREDENTIALS)?;
        let rehashed = match verified {
            Verified::Outdated => Some(self.inner.passwords.hash(password).await?),
            Verified::No | Verified::Yes => None,
        };
        let (refresh_token, hash) = tokens::new_refresh()?;
        let session = SessionId::new();
        let mut transaction = self.begin().await?;
        // Anew, with the hash that was checked: the account may have changed while argon2 ran.
        let user = users::sign_in(&mut transaction, found.id, &found.password_hash, rehashed.as_deref())
            .await?
            .ok_or(WRONG_CREDENTIALS)?;
        sessions::open(&mut transaction, session, user.id, &hash, REFRESH_LIFETIME).await?;
        transaction.commit().await?;
        self.pair(user, session, refresh_token)
    }

    /// Rotates a refresh token.
    ///
    /// A token presented twice ends its session, and at once: there is no period of grace in which a second use is taken
    /// for a client that sent its request again. Such a period would be a thief's as well, and the two cannot be told
    /// apart. So a client must not refresh twice at a time; one that lost the answer signs in again.
    ///
    /// # Errors
    /// `Unauthorized` when the token is unknown, expired, used before, or its session was ended.
    pub async fn refresh(&self, refresh_token: &str) -> Result<TokenPair> {
        let hash = tokens::refresh_hash(refresh_token);
        let mut transaction = self.begin().await?;
        let Some(session) = sessions::use_token(&mut transaction, &hash).await? else {
            let ended = sessions::end_by_used_token(&mut transaction, &hash, "refresh token reused").await?;
            transaction.commit().await?;
            if let Some(session) = ended {
                tracing::warn!(%session, "a refresh token was used twice; its session is ended");
                self.inner.revocations.insert([session]);
            }
            return Err(WRONG_REFRESH_TOKEN);
        };
        let user = sessions::extend(&mut transaction, session, REFRESH_LIFETIME).await?.ok_or(WRONG_REFRESH_TOKEN)?;
        let (refresh_token, hash) = tokens::new_refresh()?;
        sessions::add_token(&mut transaction, session, &hash).await?;
        transaction.commit().await?;
        self.pair(user, session, refresh_token)
    }

    /// Ends the caller's session (the family of its tokens). Twice is the same as once.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn logout(&self, caller: &Caller) -> Result<()> {
        sessions::end(&mut *self.system().await?, caller.session_id, caller.user_id, "logout").await?;
        self.inner.revocations.insert([caller.session_id]);
        Ok(())
    }

    /// The caller's own account.
    ///
    /// # Errors
    /// `Unauthorized` when it is gone.
    pub async fn me(&self, caller: &Caller) -> Result<User> {
        let mut scope = self.inner.store.scope(caller).await?;
        let user = users::get(&mut scope, caller.user_id).await?.ok_or(GONE)?;
        scope.commit().await?;
        Ok(user)
    }

    /// Changes the caller's names; `None` leaves one as it is.
    ///
    /// # Errors
    /// `Invalid` with every wrong field; `Unauthorized` when the account is gone.
    pub async fn update_me(&self, caller: &Caller, first_name: Option<&str>, last_name: Option<&str>) -> Result<User> {
        let (first_name, last_name) = validation::names(first_name, last_name)?;
        if first_name.is_none() && last_name.is_none() {
            return self.me(caller).await;
        }
        let mut scope = self.inner.store.scope(caller).await?;
        let user = users::rename(&mut scope, caller.user_id, first_name.as_deref(), last_name.as_deref())
            .await?
            .ok_or(GONE)?;
        scope.commit().await?;
        Ok(user)
    }

    /// Changes the caller's password and ends their other sessions.
    ///
    /// # Errors
    /// `Invalid` when the current password is wrong or the new one is too short or long; `Conflict` when it was changed
    /// by someone else at the same time; `Busy` when too many passwords wait to be hashed.
    pub async fn change_password(&self, caller: &Caller, current: &str, new: &str) -> Result<()> {
        validation::new_password(new)?;
        let found = users::credentials_of(&mut *self.system().await?, caller.user_id).await?;
        let found = found.filter(|found| found.is_active).ok_or(GONE)?;
        if self.inner.passwords.verify(current, Some(&found.password_hash)).await? == Verified::No {
            return Err(Error::invalid("current_password", "is wrong"));
        }
        let hash = self.inner.passwords.hash(new).await?;
        let mut transaction = self.begin().await?;
        if !users::change_password(&mut transaction, caller.user_id, &found.password_hash, &hash).await? {
            return Err(Error::Conflict("the password was changed at the same time by someone else".into()));
        }
        // After the account's row is locked, so that a login with the old password is either seen here or fails there.
        let ended =
            sessions::end_others(&mut transaction, caller.user_id, caller.session_id, "password changed").await?;
        transaction.commit().await?;
        self.inner.revocations.insert(ended);
        Ok(())
    }

    /// The caller that an access token stands for: signature, expiry, and that the session was not ended. No query.
    ///
    /// # Errors
    /// `Unauthorized`, with which of the three it is.
    pub fn authenticate(&self, access_token: &str) -> Result<Caller> {
        let caller = tokens::verify(&self.inner.keys, access_token)?;
        if self.inner.revocations.contains(caller.session_id) {
            return Err(ENDED);
        }
        Ok(caller)
    }

    /// Deletes expired sessions and refresh tokens, a batch at a time; answers how many rows. To be called now and then.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn housekeeping(&self) -> Result<u64> {
        Ok(sessions::delete_expired(&mut *self.system().await?, REFRESH_LIFETIME).await?)
    }

    /// Writes an account of any role; none if its address is taken.
    async fn create(&self, new: NewUser) -> Result<Option<User>> {
        let role = new.role;
        let valid = validation::new_user(new)?;
        let password_hash = self.inner.passwords.hash(&valid.password).await?;
        let row = users::NewRow {
            id: UserId::new(),
            email: &valid.email,
            password_hash: &password_hash,
            first_name: &valid.first_name,
            last_name: &valid.last_name,
            role,
        };
        let user = users::insert(&mut *self.system().await?, &row).await?;
        if let Some(user) = &user {
            tracing::info!(user = %user.id, role = role.as_str(), "account made");
        }
        Ok(user)
    }

    fn pair(&self, user: User, session_id: SessionId, refresh_token: String) -> Result<TokenPair> {
        let caller = Caller { user_id: user.id, role: user.role, session_id };
        let now: DateTime<Utc> = Utc::now();
        let access_token = tokens::sign(&self.inner.keys, &Claims::new(&caller, now))?;
        Ok(TokenPair {
            access_token,
            refresh_token,
            token_type: "bearer",
            expires_in: ACCESS_LIFETIME.num_seconds().unsigned_abs(),
            user,
        })
    }

    async fn system(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>> {
        Ok(self.inner.store.system().acquire().await?)
    }

    async fn begin(&self) -> Result<sqlx::PgTransaction<'static>> {
        Ok(self.inner.store.system().begin().await?)
    }
}
