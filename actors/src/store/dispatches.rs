//! Dispatches: which jobs a message broker was told of. The system's work, across owners.

use std::time::Duration;

use sqlx::FromRow;

use super::{
    Store, StoreResult,
    leases::{Lease, SUSPECT_AFTER, lease_changes, lease_columns},
};
use crate::domain::ids::{JobId, UserId};

/// Sending that the broker has not confirmed after this long is owed again: whoever sent it may have died.
const UNCONFIRMED: Duration = Duration::from_secs(10);
/// A confirmed message whose job still waits after this long may have been lost by the broker. Each repetition doubles
/// it, so that a queue which is merely long does not fill with repetitions.
const LOST: Duration = Duration::from_secs(30);
/// The lock that lets one process at a time dispatch: two would take the same jobs and wait for each other.
const LOCK: i64 = 0x6b67_6c2d_6469_7370;

/// A job to tell the broker of.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Dispatch {
    /// The job.
    pub job_id: JobId,
    /// Whose it is.
    pub owner_id: UserId,
    /// The W3C trace context that the submission carried.
    pub traceparent: Option<String>,
}

impl Store {
    /// Notes ready jobs as sent, at most until `window` wait in the broker, and answers them. Owners take turns, each
    /// with their most urgent and oldest. Nothing is answered while another process dispatches.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn dispatch(&self, after: UserId, window: usize) -> StoreResult<Vec<Dispatch>> {
        // Owners are walked as in `lease_in_turns`. What an owner has in the broker already is passed over; it is at
        // most the window.
        let rows = sqlx::query_as(
            "WITH RECURSIVE lock AS MATERIALIZED (SELECT pg_try_advisory_xact_lock($4) AS mine),
             room AS MATERIALIZED (
                 SELECT greatest($2 - (SELECT count(*) FROM job_dispatches), 0) AS free FROM lock WHERE mine),
             turns (owner_id, number) AS (
                 SELECT COALESCE(
                     (SELECT owner_id FROM jobs WHERE status = 'pending' AND owner_id > $1 ORDER BY owner_id, priority, run_at, id LIMIT 1),
                     (SELECT owner_id FROM jobs WHERE status = 'pending' ORDER BY owner_id, priority, run_at, id LIMIT 1)), 1
                 FROM room WHERE free > 0
                 UNION ALL
                 SELECT COALESCE(
                     (SELECT j.owner_id FROM jobs j WHERE j.status = 'pending' AND j.owner_id > t.owner_id
                      ORDER BY j.owner_id, j.priority, j.run_at, j.id LIMIT 1),
                     (SELECT owner_id FROM jobs WHERE status = 'pending' ORDER BY owner_id, priority, run_at, id LIMIT 1)), t.number + 1
                 FROM turns t, room WHERE t.owner_id IS NOT NULL AND t.number < room.free
             ),
             owners AS MATERIALIZED (
                 SELECT owner_id, min(number) AS turn FROM turns WHERE owner_id IS NOT NULL GROUP BY owner_id),
             ready AS MATERIALIZED (
                 SELECT j.id, o.owner_id, j.traceparent, j.place, o.turn
                 FROM owners o CROSS JOIN LATERAL (
                     SELECT id, traceparent, row_number() OVER (ORDER BY priority, run_at, id) AS place FROM (
                         SELECT id, traceparent, priority, run_at FROM jobs
                         WHERE owner_id = o.owner_id AND status = 'pending' AND run_at <= now() AND lost_leases < $3
                           AND NOT EXISTS (SELECT FROM job_dispatches d WHERE d.job_id = jobs.id)
                         ORDER BY priority, run_at, id LIMIT (SELECT free FROM room)) most
                 ) j ORDER BY j.place, o.turn LIMIT (SELECT free FROM room)
             ),
             sent AS (
                 INSERT INTO job_dispatches (job_id) SELECT id FROM ready ON CONFLICT (job_id) DO NOTHING
                 RETURNING job_id
             )
             SELECT r.id AS job_id, r.owner_id, r.traceparent FROM ready r JOIN sent s ON s.job_id = r.id
             ORDER BY r.place, r.turn",
        )
        .persistent(false)
        .bind(after)
        .bind(i64::try_from(window).unwrap_or(i64::MAX))
        .bind(SUSPECT_AFTER)
        .bind(LOCK)
        .fetch_all(self.system())
        .await?;
        Ok(rows)
    }

    /// Notes that the broker has these.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn confirm_dispatches(&self, jobs: &[JobId]) -> StoreResult<()> {
        sqlx::query("UPDATE job_dispatches SET confirmed = true WHERE job_id = ANY($1)")
            .persistent(false)
            .bind(jobs)
            .execute(self.system())
            .await?;
        Ok(())
    }

    /// Forgets sendings that came to nothing: their jobs are dispatched again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn withdraw_dispatches(&self, jobs: &[JobId]) -> StoreResult<()> {
        sqlx::query("DELETE FROM job_dispatches WHERE job_id = ANY($1)")
            .persistent(false)
            .bind(jobs)
            .execute(self.system())
            .await?;
        Ok(())
    }

    /// What is owed to the broker again: sendings that were never confirmed, and messages that it seems to have lost.
    /// Rows of jobs that wait no longer are cleared away.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn overdue_dispatches(&self) -> StoreResult<Vec<Dispatch>> {
        sqlx::query(
            "DELETE FROM job_dispatches d WHERE sent_at < now() - $1
             AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = d.job_id AND j.status = 'pending')",
        )
        .persistent(false)
        .bind(UNCONFIRMED)
        .execute(self.system())
        .await?;
        let rows = sqlx::query_as(
            "WITH overdue AS (
                 SELECT job_id FROM job_dispatches
                 WHERE sent_at < now() - CASE WHEN confirmed THEN $2 * (1 << least(sent - 1, 10)) ELSE $1 END
                 ORDER BY job_id LIMIT 1000 FOR UPDATE SKIP LOCKED
             ), again AS (
                 UPDATE job_dispatches d SET sent = least(sent + 1, 100), sent_at = now(), confirmed = false
                 FROM overdue o WHERE d.job_id = o.job_id RETURNING d.job_id
             )
             SELECT j.id AS job_id, j.owner_id, j.traceparent FROM jobs j JOIN again a ON a.job_id = j.id",
        )
        .persistent(false)
        .bind(UNCONFIRMED)
        .bind(LOST)
        .fetch_all(self.system())
        .await?;
        Ok(rows)
    }

    /// Leases those of these jobs that are ready; what was noted of their sending is forgotten, also of the others.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lease_dispatched(&self, holder: &str, jobs: &[JobId], term: Duration) -> StoreResult<Vec<Lease>> {
        let leases = sqlx::query_as(concat!(
            "WITH told AS (DELETE FROM job_dispatches WHERE job_id = ANY($2)),
             ready AS (
                 SELECT id FROM jobs
                 WHERE id = ANY($2) AND status = 'pending' AND run_at <= now() AND lost_leases < $4
                 ORDER BY id FOR UPDATE SKIP LOCKED
             )
             UPDATE jobs j SET ",
            lease_changes!("false"),
            " FROM ready WHERE j.id = ready.id RETURNING ",
            lease_columns!()
        ))
        .persistent(false)
        .bind(holder)
        .bind(jobs)
        .bind(term)
        .bind(SUSPECT_AFTER)
        .fetch_all(self.system())
        .await?;
        Ok(leases)
    }

    /// Which of these jobs somebody works on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn at_work(&self, jobs: &[JobId]) -> StoreResult<Vec<JobId>> {
        let at_work = sqlx::query_scalar("SELECT id FROM jobs WHERE id = ANY($1) AND status = 'processing'")
            .persistent(false)
            .bind(jobs)
            .fetch_all(self.system())
            .await?;
        Ok(at_work)
    }
}
