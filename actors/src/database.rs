//! The database that the engine runs on: a server of its own, or the one it was given.

use std::path::{Path, PathBuf};

use kgl_embedded::{EmbeddedError, Postgres, Settings};

use crate::{
    start::StartError,
    store::{Store, StoreError, connect, connect::Target, migrations},
};

/// Connections beside the callers' pool: the system's, the listener's, migrations, and a few for an operator's psql.
const SPARE_CONNECTIONS: u32 = 20;

/// A database that answers.
pub(crate) struct Database {
    target: Target,
    embedded: Option<Postgres>,
}

impl Database {
    /// Starts the embedded server, or takes the one at `url`.
    pub(crate) async fn start(
        url: Option<&str>,
        data_dir: &Path,
        bundle: Option<PathBuf>,
        connections: u32,
    ) -> Result<Self, StartError> {
        if let Some(url) = url {
            let target = Target::Url(url.to_owned());
            target.owner().map_err(|_| StartError::Setting {
                variable: "DATABASE_URL",
                issue: "is not a PostgreSQL URL of the form postgres://user:password@host:port/database".into(),
            })?;
            return Ok(Self { target, embedded: None });
        }
        let settings = Settings {
            data_dir: data_dir.join("postgres"),
            bundle,
            max_connections: connections + (connections / 4).max(4) + SPARE_CONNECTIONS,
        };
        let server = tokio::task::spawn_blocking(move || Postgres::start(&settings))
            .await
            .map_err(|e| StartError::Other(e.to_string()))?
            .map_err(|e| match e {
                EmbeddedError::InUse { .. } => StartError::Embedded(format!("{e} (KGL_DATA_DIR)")),
                other => StartError::Embedded(other.to_string()),
            })?;
        let target = Target::Socket {
            dir: server.socket_dir().to_owned(),
            port: server.port(),
            superuser: server.superuser().to_owned(),
        };
        Ok(Self { target, embedded: Some(server) })
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Whether the server belongs to this process alone.
    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    /// Whether the embedded server ended by itself.
    pub(crate) fn has_exited(&self) -> bool {
        self.embedded.as_ref().is_some_and(Postgres::has_exited)
    }

    /// Brings the schema up to date and opens the store.
    pub(crate) async fn open(&self, connections: u32) -> Result<Store, StartError> {
        let owner = self.target.owner()?;
        migrations::up(&owner, None).await?;
        if self.is_embedded() {
            let pool = sqlx::PgPool::connect_with(owner).await.map_err(StoreError::from)?;
            connect::allow_login(&pool).await?;
            pool.close().await;
        }
        Ok(self.target.open(connections).await?)
    }

    /// Stops the embedded server; a given one is left alone.
    pub(crate) async fn stop(self) {
        let Some(server) = self.embedded else { return };
        match tokio::task::spawn_blocking(move || server.stop()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "embedded PostgreSQL did not stop cleanly; it will recover"),
            Err(error) => tracing::warn!(%error, "embedded PostgreSQL was not stopped"),
        }
    }
}
