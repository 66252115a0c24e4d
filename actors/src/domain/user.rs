//! Accounts as the API shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::{caller::Role, ids::UserId};

/// An account, without anything secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct User {
    /// Identifier.
    pub id: UserId,
    /// E-mail address, in lower case; what the account signs in with.
    pub email: String,
    /// Given name.
    pub first_name: String,
    /// Family name.
    pub last_name: String,
    /// What the account may do.
    pub role: Role,
    /// Whether it may sign in.
    pub is_active: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// When it last signed in.
    pub last_login: Option<DateTime<Utc>>,
}

/// An account to be made.
#[derive(Clone)]
pub struct NewUser {
    /// E-mail address; any case.
    pub email: String,
    /// Password, 8 to 128 characters.
    pub password: String,
    /// Given name, 1 to 100 characters.
    pub first_name: String,
    /// Family name, 1 to 100 characters.
    pub last_name: String,
    /// Other than `user` only by an admin's hand.
    pub role: Role,
}

impl std::fmt::Debug for NewUser {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUser").field("email", &self.email).field("role", &self.role).finish_non_exhaustive()
    }
}

/// What a successful login or refresh gives.
#[derive(Clone, Serialize, ToSchema)]
pub struct TokenPair {
    /// A JWT for the `Authorization` header.
    pub access_token: String,
    /// For the next pair; good for one use.
    pub refresh_token: String,
    /// Always `bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Whose they are.
    pub user: User,
}
