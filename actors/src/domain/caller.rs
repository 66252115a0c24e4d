//! Who asks.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::{SessionId, UserId};

/// What an account may do. Each role may do all that the one before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees and changes what is theirs.
    User,
    /// Also reads everyone's graph and its quotes, and edits entities and relationships.
    Moderator,
    /// Does all.
    Admin,
}

impl Role {
    /// The name that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::User => "user",
            Role::Moderator => "moderator",
            Role::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "user" => Some(Role::User),
            "moderator" => Some(Role::Moderator),
            "admin" => Some(Role::Admin),
            _ => None,
        }
    }
}

/// A caller whose token was checked. Everything that reads or writes on somebody's behalf takes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data is theirs.
    pub user_id: UserId,
    /// What they may do beyond that.
    pub role: Role,
    /// The login that the token came from.
    pub session_id: SessionId,
}
