//! Access records, written in batches by the system. Reading them is an admin's.

use std::time::Duration;

use super::{Store, StoreResult};
use crate::access_log::AccessRecord;

impl Store {
    /// Appends records.
    ///
    /// # Errors
    /// When the database is away; then none was written.
    pub async fn append_access_records(&self, records: &[AccessRecord]) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO api_access_logs (user_id, request_id, endpoint, method, status_code, response_time_ms,
                 request_size_bytes, response_size_bytes, ip_address, user_agent, timestamp, error_message)
             SELECT user_id, request_id, endpoint, method, status, ms, request_size, response_size, ip::inet,
                    user_agent, at, error
             FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::real[], $7::bigint[],
                         $8::bigint[], $9::text[], $10::text[], $11::timestamptz[], $12::text[])
               AS r(user_id, request_id, endpoint, method, status, ms, request_size, response_size, ip, user_agent, at,
                    error)",
        )
        .bind(records.iter().map(|r| r.user_id).collect::<Vec<_>>())
        .bind(column(records, |r| Some(&r.request_id)))
        .bind(column(records, |r| Some(&r.endpoint)))
        .bind(column(records, |r| Some(&r.method)))
        .bind(records.iter().map(|r| i16::try_from(r.status_code).unwrap_or(i16::MAX)).collect::<Vec<_>>())
        .bind(records.iter().map(|r| r.response_time_ms).collect::<Vec<_>>())
        .bind(records.iter().map(|r| r.request_size_bytes).collect::<Vec<_>>())
        .bind(records.iter().map(|r| r.response_size_bytes).collect::<Vec<_>>())
        .bind(records.iter().map(|r| r.ip_address.map(|ip| ip.to_string())).collect::<Vec<_>>())
        .bind(column(records, |r| r.user_agent.as_deref()))
        .bind(records.iter().map(|r| r.timestamp).collect::<Vec<_>>())
        .bind(column(records, |r| r.error_message.as_deref()))
        .execute(self.system())
        .await?;
        Ok(())
    }

    /// Deletes records that are older than so many days, from among the `limit` oldest; answers how many.
    ///
    /// Records arrive in the order of time, so the oldest are found without looking at any other, also when there is
    /// nothing to delete.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_access_records(&self, days: u32, limit: i64) -> StoreResult<u64> {
        let done = sqlx::query(
            "DELETE FROM api_access_logs WHERE id = ANY (ARRAY (
                 SELECT id FROM (SELECT id, timestamp FROM api_access_logs ORDER BY id LIMIT $2) oldest
                 WHERE timestamp < now() - $1))",
        )
        .persistent(false)
        .bind(Duration::from_secs(u64::from(days) * 86_400))
        .bind(limit)
        .execute(self.system())
        .await?;
        Ok(done.rows_affected())
    }
}

/// A text column. PostgreSQL's texts hold no NUL, and a client chooses its path and its name.
fn column<'a, S: AsRef<str> + ?Sized + 'a>(
    records: &'a [AccessRecord],
    of: impl Fn(&'a AccessRecord) -> Option<&'a S>,
) -> Vec<Option<String>> {
    records.iter().map(|r| of(r).map(|text| text.as_ref().replace('\0', "\u{FFFD}"))).collect()
}
