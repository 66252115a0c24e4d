//! The receiving side: a connection and channel of its own, and the messages that have arrived or are being worked on.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::StreamExt;
use lapin::{
    Acker,
    message::Delivery,
    options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::sync::Notify;

use super::{Broker, Publisher, topology};
use crate::{
    domain::ids::JobId,
    queue::BrokerHealth,
    store::{
        Store,
        leases::{Lease, Orphans},
    },
    wire::JobReady,
};

/// The pause before connecting again, at first and at most: a broker that comes back is used within a second.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(200));
/// How often messages whose jobs others seem to work on are looked at, and the broker is asked how long its queue is.
const ROUND: Duration = Duration::from_millis(500);
/// A message that comes again while its job is leased means that the connection of whoever leased it is gone. If nobody
/// extends that lease for so long either (three times the beat), nobody is behind it.
const SILENCE: Duration = Duration::from_millis(1500);
/// Messages that wait in the broker for each that one process holds, and at least.
const LEAST_WINDOW: usize = 64;

/// Asks for a queue that is there.
const PASSIVE: QueueDeclareOptions =
    QueueDeclareOptions { passive: true, durable: true, exclusive: false, auto_delete: false, nowait: false };
/// The broker's answer is waited for this long: one that keeps the connection alive but says nothing is connected anew.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

async fn in_time<T>(answer: impl Future<Output = lapin::Result<T>>) -> lapin::Result<T> {
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, answer).await;
    answered.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
}

/// A message that has arrived.
pub(super) struct Arrived {
    pub(super) job: JobId,
    acker: Acker,
    again: bool,
}

#[derive(Default)]
struct Shelves {
    /// Not leased yet.
    arrived: VecDeque<Arrived>,
    /// Leased by this process.
    held: HashMap<JobId, Acker>,
    /// Came again while somebody seems to work on them.
    contested: Vec<(JobId, Acker)>,
    health: BrokerHealth,
    window: usize,
}

/// The messages of this process.
#[derive(Default)]
pub(super) struct Inbox {
    shelves: Mutex<Shelves>,
    arrival: Notify,
}

impl Inbox {
    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn arrival(&self) {
        self.arrival.notified().await;
    }

    pub(super) fn health(&self) -> BrokerHealth {
        self.shelves().health.clone()
    }

    pub(super) fn window(&self) -> usize {
        self.shelves().window.max(LEAST_WINDOW)
    }

    pub(super) fn take(&self, limit: usize) -> Vec<Arrived> {
        let mut shelves = self.shelves();
        let count = limit.min(shelves.arrived.len());
        shelves.arrived.drain(..count).collect()
    }

    pub(super) fn put_back(&self, arrived: Vec<Arrived>) {
        let mut shelves = self.shelves();
        for message in arrived.into_iter().rev() {
            shelves.arrived.push_front(message);
        }
    }

    /// Keeps the messages of leased jobs until they are settled, and those that came again for a closer look; all others
    /// are done with.
    pub(super) async fn hold(&self, arrived: Vec<Arrived>, leased: &[Lease]) {
        let mut done = Vec::new();
        {
            let mut shelves = self.shelves();
            for message in arrived {
                let is_leased = leased.iter().any(|lease| lease.job_id == message.job);
                let older = if is_leased {
                    shelves.held.insert(message.job, message.acker)
                } else if message.again && !shelves.held.contains_key(&message.job) {
                    shelves.contested.push((message.job, message.acker));
                    None
                } else {
                    Some(message.acker)
                };
                done.extend(older);
            }
        }
        acknowledge(done).await;
    }

    /// Acknowledges what was worked on.
    pub(super) async fn settle(&self, jobs: impl IntoIterator<Item = JobId>) {
        let done: Vec<Acker> = {
            let mut shelves = self.shelves();
            jobs.into_iter().filter_map(|job| shelves.held.remove(&job)).collect()
        };
        acknowledge(done).await;
    }

    /// Acknowledges all that was being worked on.
    pub(super) async fn settle_all(&self) {
        let done: Vec<Acker> = self.shelves().held.drain().map(|(_, acker)| acker).collect();
        acknowledge(done).await;
    }
}

/// A message of a connection that is gone cannot be acknowledged; it comes again, and finds its job done.
async fn acknowledge(ackers: Vec<Acker>) {
    for acker in ackers {
        if !acker.ack(BasicAckOptions { multiple: false }).await.unwrap_or(false) {
            tracing::debug!("a message could not be acknowledged; it comes again");
        }
    }
}

/// Receives for as long as the process lives.
pub(super) struct Consumer {
    pub(super) broker: Broker,
    pub(super) prefetch: u16,
    pub(super) inbox: Arc<Inbox>,
    pub(super) publisher: Arc<Publisher>,
    pub(super) store: Store,
}

impl Consumer {
    pub(super) async fn run(self) {
        let mut pause = RECONNECT.0;
        loop {
            let trouble = match self.receive(&mut pause).await {
                Ok(()) => "the broker ended the consumer".to_owned(),
                Err(error) => error.to_string(),
            };
            tracing::warn!(trouble, ?pause, "no jobs are received from the broker; connecting again");
            {
                let mut shelves = self.inbox.shelves();
                // They belong to the channel that is gone, and come again.
                shelves.arrived.clear();
                shelves.held.clear();
                shelves.contested.clear();
                shelves.health = BrokerHealth::default();
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECONNECT.1);
        }
    }

    /// Connects and receives until something breaks.
    async fn receive(&self, pause: &mut Duration) -> lapin::Result<()> {
        let connection = self.broker.connect("consuming").await?;
        let queue = self.broker.names.jobs.as_str();
        let (channel, mut deliveries) = in_time(async {
            let channel = connection.create_channel().await?;
            topology::declare(&channel, &self.broker.names).await?;
            channel.basic_qos(self.prefetch, BasicQosOptions { global: false }).await?;
            let options = BasicConsumeOptions { no_local: false, no_ack: false, exclusive: false, nowait: false };
            let tag = self.broker.holder.as_str().into();
            let deliveries = channel.basic_consume(queue.into(), tag, options, FieldTable::default()).await?;
            Ok((channel, deliveries))
        })
        .await?;
        *pause = RECONNECT.0;
        tracing::info!(queue, prefetch = self.prefetch, "receiving jobs from the broker");
        self.inbox.shelves().health = BrokerHealth { consuming: true, ..BrokerHealth::default() };
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                delivery = deliveries.next() => match delivery {
                    Some(delivery) => self.arrived(delivery?).await,
                    None => return Ok(()),
                },
                _ = round.tick() => {
                    let queue = in_time(channel.queue_declare(queue.into(), PASSIVE, FieldTable::default())).await?;
                    self.note(queue.message_count(), queue.consumer_count());
                    self.look_at_contested().await;
                }
            }
        }
    }

    /// What the broker says of its queue.
    fn note(&self, waiting: u32, consumers: u32) {
        let mut shelves = self.inbox.shelves();
        shelves.health.waiting = Some(waiting);
        shelves.window = usize::from(self.prefetch) * consumers.max(1) as usize;
    }

    async fn arrived(&self, delivery: Delivery) {
        match JobReady::decode(&delivery.data) {
            Ok(message) => {
                let arrived = Arrived { job: message.job_id, acker: delivery.acker, again: delivery.redelivered };
                self.inbox.shelves().arrived.push_back(arrived);
                self.inbox.arrival.notify_one();
            }
            Err(reason) => {
                tracing::warn!(reason, "an unreadable message; it goes to the dead letters");
                match self.publisher.dead_letter(&delivery.data, &reason).await {
                    Ok(true) => acknowledge(vec![delivery.acker]).await,
                    // Without the reason, then: the queue's own dead letter exchange takes it.
                    _ => drop(delivery.acker.nack(BasicNackOptions { multiple: false, requeue: false }).await),
                }
            }
        }
    }

    /// Takes back the leases of whoever lost their connection and is silent; done with are those whose job is not being
    /// worked on any more.
    async fn look_at_contested(&self) {
        let jobs: Vec<JobId> = self.inbox.shelves().contested.iter().map(|(job, _)| *job).collect();
        if jobs.is_empty() {
            return;
        }
        let looked = async {
            let (returned, dead) = self.store.sweep_leases(Orphans::Silent { jobs: &jobs, since: SILENCE }).await?;
            if returned + dead > 0 {
                tracing::warn!(returned, dead, "leases of a process that is gone were taken back");
            }
            self.store.at_work(&jobs).await
        };
        match looked.await {
            Ok(at_work) => {
                let mut done = Vec::new();
                self.inbox.shelves().contested.retain(|(job, acker)| {
                    let stays = at_work.contains(job);
                    if !stays {
                        done.push(acker.clone());
                    }
                    stays
                });
                acknowledge(done).await;
            }
            Err(error) => tracing::debug!(%error, "messages that came again were not looked at"),
        }
    }
}
