//! What an operator does to a deployment without serving: schema versions, the first admin.

use sqlx::postgres::PgConnectOptions;

use crate::{
    accounts::Accounts,
    database::Database,
    domain::user::{NewUser, User},
    engine::account_settings,
    start::{EngineSettings, StartError},
    store::migrations::{self, VersionStatus},
};

/// Connections that maintenance needs.
const CONNECTIONS: u32 = 4;

/// A database opened for maintenance. With the embedded default that is possible only while nothing serves from it.
pub struct Maintenance {
    database: Database,
    settings: EngineSettings,
}

impl Maintenance {
    /// Starts the embedded server, or takes the one in the settings.
    ///
    /// # Errors
    /// When the server does not start or the settings are wrong.
    pub async fn open(settings: &EngineSettings) -> Result<Self, StartError> {
        let database = Database::start(
            settings.database_url.as_deref(),
            &settings.data_dir,
            settings.postgres_bundle.clone(),
            CONNECTIONS,
        )
        .await?;
        Ok(Self { database, settings: settings.clone() })
    }

    fn owner(&self) -> Result<PgConnectOptions, StartError> {
        Ok(self.database.target().owner()?)
    }

    /// Brings the schema to the newest version, or to `to`; answers the versions applied.
    ///
    /// # Errors
    /// See [`migrations::MigrationError`].
    pub async fn up(&self, to: Option<i64>) -> Result<Vec<i64>, StartError> {
        Ok(migrations::up(&self.owner()?, to).await?)
    }

    /// Rolls versions back down to `to`, or one version; answers the versions rolled back.
    ///
    /// # Errors
    /// See [`migrations::MigrationError`].
    pub async fn down(&self, to: Option<i64>) -> Result<Vec<i64>, StartError> {
        let owner = self.owner()?;
        let to = match to {
            Some(to) => to,
            None => {
                let applied = migrations::status(&owner).await?;
                let mut numbers = applied.iter().filter(|v| v.applied_at.is_some()).map(|v| v.number).rev();
                numbers.nth(1).unwrap_or(0)
            }
        };
        Ok(migrations::down(&owner, to).await?)
    }

    /// How the database stands to every known version.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn status(&self) -> Result<Vec<VersionStatus>, StartError> {
        Ok(migrations::status(&self.owner()?).await?)
    }

    /// Makes an account with any role, bringing the schema up to date first.
    ///
    /// # Errors
    /// When the account is not valid or exists already.
    pub async fn create_admin(&self, new: NewUser) -> Result<User, StartError> {
        let store = self.database.open(CONNECTIONS).await?;
        let settings = account_settings(&self.settings, self.database.is_embedded());
        let accounts = Accounts::start(store.clone(), settings).await?;
        let user = accounts.create_admin(new).await.map_err(|e| StartError::Other(e.to_string()));
        store.close().await;
        user
    }

    /// Stops the embedded server.
    pub async fn close(self) {
        self.database.stop().await;
    }
}
