//! The access log: one row for each answered request, written in batches, drained last.
//!
//! Owns the records that wait. Receives [`AccessLogMessage::Append`] with a permit in it, so that it never holds more
//! than [`CAPACITY`]: a log that cannot keep up drops records, counts them, and slows nobody down. Dies by its
//! supervisor's hand, after a drain.

use std::{net::IpAddr, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    domain::ids::UserId,
    mailbox::{ActorMessage, Address, Letter, ToMyself},
    metrics::ACCESS_LOG_DROPPED,
    store::Store,
};

/// Records that may wait: some seconds of a busy service, a few megabytes.
const CAPACITY: usize = 20_000;
/// Records written at once.
const BATCH: usize = 1000;
/// No record waits longer than this to be written, unless the database is away.
const FLUSH_INTERVAL: Duration = Duration::from_millis(500);
/// No text of a record is kept longer than this, in bytes: a client chooses its path and its name.
const MAX_TEXT: usize = 2048;

/// One answered request.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// Whose request it was, once that was known.
    pub user_id: Option<UserId>,
    /// The request's id.
    pub request_id: String,
    /// Path without its query.
    pub endpoint: String,
    /// Method.
    pub method: String,
    /// Status of the answer.
    pub status_code: u16,
    /// From head to head, in milliseconds.
    pub response_time_ms: f32,
    /// Bytes of the request's body as its head declared them; 0 if it did not.
    pub request_size_bytes: i64,
    /// Bytes of the answer's body, where known beforehand.
    pub response_size_bytes: Option<i64>,
    /// The peer.
    pub ip_address: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// When the request came in.
    pub timestamp: DateTime<Utc>,
    /// The problem's `error` code and detail, if it was one.
    pub error_message: Option<String>,
}

/// Where records are handed in. Never waits: what does not fit is counted and dropped.
#[derive(Clone)]
pub struct AccessLogHandle {
    address: Address<Letter<AccessLogMessage>>,
    permits: Arc<Semaphore>,
}

impl AccessLogHandle {
    /// A handle for the actor that will be found at `address`.
    #[must_use]
    pub(crate) fn new(address: Address<Letter<AccessLogMessage>>) -> Self {
        Self { address, permits: Arc::new(Semaphore::new(CAPACITY)) }
    }

    /// Hands a record in.
    pub fn record(&self, mut record: AccessRecord) {
        shorten(&mut record.endpoint);
        record.user_agent.iter_mut().for_each(shorten);
        let taken = Arc::clone(&self.permits)
            .try_acquire_owned()
            .is_ok_and(|permit| self.address.cast(AccessLogMessage::Append(Box::new(record), permit)));
        if !taken {
            metrics::counter!(ACCESS_LOG_DROPPED).increment(1);
        }
    }
}

fn shorten(text: &mut String) {
    if text.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
    }
}

impl ActorMessage for AccessLogMessage {
    const ACTOR: &'static str = "access_log";
}

/// What the access log is told.
pub enum AccessLogMessage {
    /// Write this record; the permit is given back once it is written.
    Append(Box<AccessRecord>, OwnedSemaphorePermit),
    /// Write what waits.
    Flush,
    /// Write all that waits and answer.
    Drain(RpcReplyPort<()>),
}

/// The actor.
pub struct AccessLog;

/// Its state.
pub struct AccessLogState {
    store: Store,
    waiting: Vec<AccessRecord>,
    permits: Vec<OwnedSemaphorePermit>,
}

impl Actor for AccessLog {
    type Msg = Letter<AccessLogMessage>;
    type State = AccessLogState;
    type Arguments = Store;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        store: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.tell_after(FLUSH_INTERVAL, || AccessLogMessage::Flush);
        Ok(AccessLogState { store, waiting: Vec::new(), permits: Vec::new() })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(message) = message.open() else { return Ok(()) };
        match message {
            AccessLogMessage::Append(record, permit) => {
                state.waiting.push(*record);
                state.permits.push(permit);
                // Only at a multiple: while the database is away, not at each record.
                if state.waiting.len() % BATCH == 0 {
                    state.flush().await;
                }
            }
            AccessLogMessage::Flush => {
                state.flush().await;
                myself.tell_after(FLUSH_INTERVAL, || AccessLogMessage::Flush);
            }
            AccessLogMessage::Drain(reply) => {
                state.flush().await;
                let _ = reply.send(());
            }
        }
        Ok(())
    }
}

impl AccessLogState {
    /// Writes what waits, a batch at a time. What cannot be written stays, and new records are dropped when there is
    /// no more room.
    async fn flush(&mut self) {
        while !self.waiting.is_empty() {
            let count = self.waiting.len().min(BATCH);
            if let Err(error) = self.store.append_access_records(&self.waiting[..count]).await {
                tracing::warn!(%error, waiting = self.waiting.len(), "access records were not written");
                if error.is_away() {
                    return;
                }
                // The database took the statement and refused it: the same records will never fit.
                metrics::counter!(ACCESS_LOG_DROPPED).increment(count as u64);
            }
            self.waiting.drain(..count);
            self.permits.drain(..count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut text = "é".repeat(MAX_TEXT);
        shorten(&mut text);
        assert!(text.len() <= MAX_TEXT && text.chars().all(|c| c == 'é'));
    }
}
