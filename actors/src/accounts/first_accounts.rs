//! The accounts that are there before anybody can sign in to make one.

use rand::{TryRng, rngs::SysRng};

use super::{Accounts, validation};
use crate::{
    domain::{
        caller::Role,
        error::{Error, Result},
        user::{NewUser, User},
    },
    start::DevelopmentAccount,
    store::users,
};

/// Valid by the rules for addresses, and nobody's.
const DEVELOPMENT_EMAIL: &str = "dev@localhost";
/// Letters and digits that are not mistaken for one another; 32 of them, so that a byte's low five bits pick one.
const READABLE: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a made-up password: 100 bits.
const PASSWORD_CHARACTERS: usize = 20;
const GROUP: usize = 5;

impl Accounts {
    /// Makes an admin, from an operator's hand.
    ///
    /// # Errors
    /// As [`Accounts::register`], except that no role is refused: whatever the request says, it is an admin.
    pub async fn create_admin(&self, new: NewUser) -> Result<User> {
        let new = NewUser { role: Role::Admin, ..new };
        self.create(new)
            .await?
            .ok_or_else(|| Error::Conflict("an account with this e-mail address exists already".into()))
    }

    /// Makes an admin of that address unless there is an account of that address; answers whether it did.
    ///
    /// An account that is there stays as it is: its password may have been changed since the setting was written, and
    /// whoever registered the address first must not become an admin at the next start.
    ///
    /// # Errors
    /// `Invalid` when address or password are not acceptable.
    pub async fn ensure_admin(&self, email: &str, password: &str) -> Result<bool> {
        let address = validation::email(email.trim()).map_err(|issue| Error::invalid("email", issue))?;
        if let Some(found) = users::credentials(&mut *self.system().await?, &address).await? {
            let user = users::get(&mut *self.system().await?, found.id).await?;
            if user.is_none_or(|user| user.role != Role::Admin || !user.is_active) {
                tracing::warn!("the configured admin's address belongs to an account that is no active admin");
            }
            return Ok(false);
        }
        let new = NewUser {
            email: address,
            password: password.to_owned(),
            first_name: "Site".to_owned(),
            last_name: "Administrator".to_owned(),
            role: Role::Admin,
        };
        // None: another process did the same at the same time.
        Ok(self.create(new).await?.is_some())
    }

    /// Makes up an admin where there is no account at all, in development on the embedded server. The password is
    /// answered this once and is nowhere else.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn ensure_development_account(&self) -> Result<Option<DevelopmentAccount>> {
        if !self.inner.makes_development_account || users::any(&mut *self.system().await?).await? {
            return Ok(None);
        }
        let password = readable_password()?;
        let new = NewUser {
            email: DEVELOPMENT_EMAIL.to_owned(),
            password: password.clone(),
            first_name: "Development".to_owned(),
            last_name: "Account".to_owned(),
            role: Role::Admin,
        };
        let made = self.create(new).await?;
        Ok(made.map(|user| DevelopmentAccount { email: user.email, password }))
    }
}

/// A random password in groups that a person can type.
fn readable_password() -> Result<String> {
    let mut bytes = [0_u8; PASSWORD_CHARACTERS];
    SysRng.try_fill_bytes(&mut bytes).map_err(|error| {
        tracing::error!(%error, "no random bytes");
        Error::Internal
    })?;
    let characters: Vec<char> = bytes.iter().map(|byte| char::from(READABLE[usize::from(byte % 32)])).collect();
    Ok(characters.chunks(GROUP).map(String::from_iter).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_passwords_are_readable_and_differ() {
        let (Ok(one), Ok(other)) = (readable_password(), readable_password()) else { panic!("no password") };
        assert_eq!(one.len(), 23);
        assert!(one.split('-').all(|group| group.len() == GROUP && group.bytes().all(|b| READABLE.contains(&b))));
        assert_ne!(one, other);
        assert!(validation::could_be_password(&one) && validation::email(DEVELOPMENT_EMAIL).is_ok());
    }
}
