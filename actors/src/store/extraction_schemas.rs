//! Each user's schema for extraction, in versions that never change.

use chrono::{DateTime, Utc};
use sqlx::types::Json;

use super::{Scope, Store, StoreResult};
use crate::domain::{
    document::JobOptions,
    ids::UserId,
    schema::{Precondition, StoredSchema},
};

/// The version that a submission of its owner, `$2`, is under; NULL if there is none.
macro_rules! schema_in_force {
    ($owner:literal) => {
        concat!(
            "(SELECT CASE WHEN s.options IS NOT NULL THEN s.version END FROM extraction_schemas s WHERE s.owner_id = ",
            $owner,
            " ORDER BY s.version DESC LIMIT 1)"
        )
    };
}
pub(super) use schema_in_force;

impl Store {
    /// The user's schema; version 0 if there never was one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn extraction_schema(&self, owner: UserId) -> StoreResult<StoredSchema> {
        let mut scope = self.owner(owner).await?;
        let newest = newest(&mut scope, owner).await?;
        scope.commit().await?;
        Ok(newest)
    }

    /// The number of the user's schema, if there is one.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn extraction_schema_version(&self, owner: UserId) -> StoreResult<Option<i32>> {
        let mut scope = self.owner(owner).await?;
        let version =
            sqlx::query_scalar(concat!("SELECT ", schema_in_force!("$1"))).bind(owner).fetch_one(&mut *scope).await?;
        scope.commit().await?;
        Ok(version)
    }

    /// A version of the user's schema.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn extraction_schema_at(&self, owner: UserId, version: i32) -> StoreResult<Option<JobOptions>> {
        let mut scope = self.owner(owner).await?;
        let options: Option<Json<JobOptions>> = sqlx::query_scalar(
            "SELECT options FROM extraction_schemas WHERE owner_id = $1 AND version = $2 AND options IS NOT NULL",
        )
        .bind(owner)
        .bind(version)
        .fetch_optional(&mut *scope)
        .await?;
        scope.commit().await?;
        Ok(options.map(|Json(options)| options))
    }

    /// Makes a new version of the user's schema, or takes it away, if it is still what the caller took it for; else
    /// answers none. What is there already is not written again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn change_extraction_schema(
        &self,
        owner: UserId,
        options: Option<&JobOptions>,
        precondition: &Precondition,
    ) -> StoreResult<Option<StoredSchema>> {
        let mut scope = self.owner(owner).await?;
        // One change of a user's schema after the other.
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('schema ' || $1::text, 0))")
            .bind(owner)
            .execute(&mut *scope)
            .await?;
        let old = newest(&mut scope, owner).await?;
        if !precondition.holds(&old) {
            return Ok(None);
        }
        if old.options.as_ref() == options {
            return Ok(Some(old));
        }
        sqlx::query(
            "WITH old AS (UPDATE extraction_schemas SET superseded_at = now() WHERE owner_id = $1 AND version = $2)
             INSERT INTO extraction_schemas (owner_id, version, options) VALUES ($1, $2 + 1, $3)",
        )
        .bind(owner)
        .bind(old.version)
        .bind(options.map(Json))
        .execute(&mut *scope)
        .await?;
        // A submission beside this one may be about to name the version that was in force until now: it has a minute.
        sqlx::query(
            "DELETE FROM extraction_schemas s WHERE s.owner_id = $1 AND s.superseded_at < now() - interval '1 minute'
               AND NOT EXISTS (SELECT FROM jobs j WHERE j.owner_id = s.owner_id AND j.schema_version = s.version
                               AND j.schema_version IS NOT NULL AND j.status <> 'completed')",
        )
        .bind(owner)
        .execute(&mut *scope)
        .await?;
        let new = newest(&mut scope, owner).await?;
        scope.commit().await?;
        Ok(Some(new))
    }
}

async fn newest(scope: &mut Scope, owner: UserId) -> StoreResult<StoredSchema> {
    let row: Option<(i32, Option<Json<JobOptions>>, DateTime<Utc>)> = sqlx::query_as(
        "SELECT version, options, created_at FROM extraction_schemas WHERE owner_id = $1 ORDER BY version DESC LIMIT 1",
    )
    .bind(owner)
    .fetch_optional(&mut **scope)
    .await?;
    Ok(row.map_or_else(StoredSchema::default, |(version, options, updated_at)| StoredSchema {
        version,
        options: options.map(|Json(options)| options),
        updated_at: Some(updated_at),
    }))
}
