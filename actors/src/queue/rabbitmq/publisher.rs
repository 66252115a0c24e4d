//! The publishing side: a connection and channel of its own, every message confirmed.

use std::{
    sync::{Mutex as Latch, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Broker, topology};
use crate::{store::dispatches::Dispatch, wire::JobReady};

/// A broker that is short of memory or disk neither refuses nor confirms; and none that is well takes this long.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of an unreadable message that are kept with its dead letter.
const MOST_KEPT: usize = 64 << 10;

/// Why messages were not sent.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The broker, or the way to it.
    #[error(transparent)]
    Broker(#[from] lapin::Error),
    /// No answer in time.
    #[error("the broker did not answer within {} s", CONFIRM_TIMEOUT.as_secs())]
    TimedOut,
}

/// Sends messages and waits until the broker has them.
pub struct Publisher {
    broker: Broker,
    /// The open channel, and the connection that it lives by.
    open: Mutex<Option<(Connection, Channel)>>,
    newest: Latch<Option<bool>>,
}

impl Publisher {
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker, open: Mutex::default(), newest: Latch::default() }
    }

    /// Whether the newest sending was confirmed.
    pub(super) fn newest(&self) -> Option<bool> {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the broker of these jobs; for each, whether the broker has the message now.
    ///
    /// # Errors
    /// When it is not known of any: the connection broke, or nothing was answered in time.
    pub async fn publish(&self, jobs: &[Dispatch]) -> Result<Vec<bool>, PublishError> {
        let mut open = self.open.lock().await;
        let sent = tokio::time::timeout(CONFIRM_TIMEOUT, async {
            let channel = self.channel(&mut open).await?;
            let mut waiting = Vec::with_capacity(jobs.len());
            for job in jobs {
                waiting.push(self.send(&channel, job).await?);
            }
            let confirmed = join_all(waiting).await;
            confirmed.into_iter().map(|confirmation| confirmation.map(|c| is_kept(&c))).collect()
        })
        .await;
        self.conclude(&mut open, sent)
    }

    /// Puts a message that nobody can read aside, with the reason.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn dead_letter(&self, payload: &[u8], reason: &str) -> Result<bool, PublishError> {
        let mut open = self.open.lock().await;
        let sent = tokio::time::timeout(CONFIRM_TIMEOUT, async {
            let channel = self.channel(&mut open).await?;
            let mut headers = FieldTable::default();
            headers.insert("x-kgl-reason".into(), AMQPValue::LongString(reason.into()));
            let properties = properties("DeadLetter").with_headers(headers);
            let dead = self.broker.names.dead.as_str();
            let payload = &payload[..payload.len().min(MOST_KEPT)];
            let kept = channel.basic_publish(dead.into(), dead.into(), MANDATORY, payload, properties).await?.await?;
            Ok(is_kept(&kept))
        })
        .await;
        self.conclude(&mut open, sent)
    }

    /// Notes what a sending came to; a channel on which one failed is not used again.
    fn conclude<T>(
        &self,
        open: &mut Option<(Connection, Channel)>,
        sent: Result<lapin::Result<T>, tokio::time::error::Elapsed>,
    ) -> Result<T, PublishError> {
        let sent = sent.map_err(|_| PublishError::TimedOut).and_then(|sent| sent.map_err(PublishError::from));
        if sent.is_err() {
            *open = None;
        }
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent.is_ok());
        sent
    }

    async fn channel(&self, open: &mut Option<(Connection, Channel)>) -> lapin::Result<Channel> {
        if let Some((_, channel)) = open.as_ref().filter(|(_, channel)| channel.status().connected()) {
            return Ok(channel.clone());
        }
        let connection = self.broker.connect("publishing").await?;
        let channel = connection.create_channel().await?;
        topology::declare(&channel, &self.broker.names).await?;
        channel.confirm_select(ConfirmSelectOptions { nowait: false }).await?;
        *open = Some((connection, channel.clone()));
        Ok(channel)
    }

    async fn send(&self, channel: &Channel, job: &Dispatch) -> lapin::Result<lapin::PublisherConfirm> {
        let mut headers = FieldTable::default();
        if let Some(traceparent) = &job.traceparent {
            headers.insert("traceparent".into(), AMQPValue::LongString(traceparent.as_str().into()));
        }
        let names = &self.broker.names;
        let payload = JobReady::new(job.job_id).encode();
        let properties = properties("JobReady").with_headers(headers);
        channel
            .basic_publish(names.exchange.as_str().into(), names.jobs.as_str().into(), MANDATORY, &payload, properties)
            .await
    }
}

/// A message for which there is no queue comes back; and is confirmed all the same.
const MANDATORY: BasicPublishOptions = BasicPublishOptions { mandatory: true, immediate: false };

fn is_kept(confirmation: &Confirmation) -> bool {
    matches!(confirmation, Confirmation::Ack(None))
}

fn properties(kind: &str) -> BasicProperties {
    /// Written to disk before it is confirmed.
    const PERSISTENT: u8 = 2;
    BasicProperties::default()
        .with_message_id(Uuid::now_v7().to_string().into())
        .with_type(kind.into())
        .with_app_id("kgl".into())
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT)
}
