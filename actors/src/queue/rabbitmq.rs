//! RabbitMQ as the transport: it brings the ids of ready jobs, and everything else stays in PostgreSQL.
//!
//! A job's id is sent by the [outbox relay](crate::outbox_relay) and waits in a quorum queue. Whoever receives it leases
//! the job in the database, works, has the verdict recorded there, and only then acknowledges. So nothing depends on
//! the broker telling the truth: a message that comes twice finds the job leased or done, one that is lost is sent again,
//! and one whose holder died comes back at once instead of when a lease has run out. Jobs suspected of ending their
//! workers never travel: they are leased from the table, one at a time.

mod consumer;
mod publisher;
mod topology;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use lapin::{Connection, ConnectionProperties, uri::AMQPUri};
use tokio::sync::Notify;

use self::consumer::Inbox;
pub use self::{
    publisher::{PublishError, Publisher},
    topology::Names,
};
use super::{BrokerHealth, JobQueue, LEASE_TERM, Swept, postgres::PostgresQueue};
use crate::{
    domain::{ids::JobId, verdict::Verdict},
    store::{
        Store, StoreResult,
        leases::{Beat, Kind, Lease, QueueState},
    },
};

/// Opening a connection takes this long at most.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection is not used before. A broker that is starting opens its port up to 0.6 s before its quorum queues have
/// leaders, and a queue of RabbitMQ 3.10 that is used in between never gets one.
const SETTLE: Duration = Duration::from_millis(800);
/// Seconds between signs of life, unless the URL says otherwise: a connection whose other end is gone without a word is
/// given up after two of them.
const HEARTBEAT: u16 = 5;

/// Which broker, and under which names.
#[derive(Clone)]
pub struct Broker {
    uri: AMQPUri,
    names: Names,
    /// How connections are named in the broker's own lists.
    holder: String,
}

impl Broker {
    /// A broker by its URL.
    ///
    /// # Errors
    /// When the URL is none; the text does not repeat it, for it may hold a password.
    pub fn new(url: &str, prefix: &str, holder: &str) -> Result<Self, String> {
        let parsed = url.parse::<AMQPUri>();
        let mut uri = parsed.map_err(|_| "is not of the form amqp://user:password@host:port/vhost".to_owned())?;
        uri.query.heartbeat.get_or_insert(HEARTBEAT);
        Ok(Self { uri, names: Names::new(prefix), holder: holder.to_owned() })
    }

    async fn connect(&self, role: &str) -> lapin::Result<Connection> {
        let name = format!("kgl {role} {}", self.holder);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        // No recovery by the library: its channels come back with deliveries of before that nobody can settle any more.
        // Whoever uses a connection builds everything anew when it breaks.
        let connection = Connection::connect_uri(self.uri.clone(), properties);
        let connection = match tokio::time::timeout(CONNECT_TIMEOUT, connection).await {
            Ok(connected) => connected?,
            Err(_) => return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        };
        tokio::time::sleep(SETTLE).await;
        Ok(connection)
    }
}

/// The job table with a broker before it.
pub struct RabbitQueue {
    jobs: PostgresQueue,
    store: Store,
    holder: String,
    inbox: Arc<Inbox>,
    publisher: Arc<Publisher>,
    /// Wakes the relay.
    relay: Arc<Notify>,
    consumer: Option<tokio::task::JoinHandle<()>>,
}

impl Drop for RabbitQueue {
    fn drop(&mut self) {
        if let Some(consumer) = &self.consumer {
            consumer.abort();
        }
    }
}

impl RabbitQueue {
    /// Begins to receive; `prefetch` messages at most are held by this process. With 0 it only sends.
    #[must_use]
    pub fn start(jobs: PostgresQueue, store: Store, broker: &Broker, prefetch: u16) -> Self {
        let (inbox, publisher) = (Arc::new(Inbox::default()), Arc::new(Publisher::new(broker.clone())));
        let consumer = consumer::Consumer {
            broker: broker.clone(),
            prefetch,
            inbox: Arc::clone(&inbox),
            publisher: Arc::clone(&publisher),
            store: store.clone(),
        };
        let consumer = (prefetch > 0).then(|| tokio::spawn(consumer.run()));
        Self { jobs, store, holder: broker.holder.clone(), inbox, publisher, relay: Arc::new(Notify::new()), consumer }
    }

    /// What the relay works with.
    #[must_use]
    pub fn outbox(&self) -> Outbox {
        Outbox { publisher: Arc::clone(&self.publisher), wake: Arc::clone(&self.relay), inbox: Arc::clone(&self.inbox) }
    }

    /// Leases what has arrived. What cannot be leased is done with: it is leased by another, over, or not ready yet, and
    /// then it is sent again when it is.
    async fn lease_arrived(&self, limit: usize) -> StoreResult<Vec<Lease>> {
        let arrived = self.inbox.take(limit);
        if arrived.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<JobId> = arrived.iter().map(|message| message.job).collect();
        let leased = match self.store.lease_dispatched(&self.holder, &ids, LEASE_TERM).await {
            Ok(leased) => leased,
            Err(error) => {
                self.inbox.put_back(arrived);
                return Err(error);
            }
        };
        self.inbox.hold(arrived, &leased).await;
        // There is room in the broker now.
        self.relay.notify_one();
        Ok(leased)
    }
}

/// What the relay needs of the broker.
#[derive(Clone)]
pub struct Outbox {
    /// Where messages go.
    pub publisher: Arc<Publisher>,
    /// Notified when there may be something to send.
    pub wake: Arc<Notify>,
    inbox: Arc<Inbox>,
}

impl Outbox {
    /// How many messages may wait in the broker: enough that no consumer is ever without, few enough that jobs wait in
    /// the table, where owners take turns.
    #[must_use]
    pub fn window(&self) -> usize {
        self.inbox.window()
    }
}

impl JobQueue for RabbitQueue {
    fn lease(&self, kind: Kind, limit: usize) -> BoxFuture<'_, StoreResult<Vec<Lease>>> {
        match kind {
            Kind::Ordinary => self.lease_arrived(limit).boxed(),
            Kind::Suspect => self.jobs.lease(kind, limit),
        }
    }

    fn extend(&self, beats: Vec<Beat>) -> BoxFuture<'_, StoreResult<Vec<JobId>>> {
        async move {
            let sent: Vec<JobId> = beats.iter().map(|beat| beat.job_id).collect();
            let held = self.jobs.extend(beats).await?;
            self.inbox.settle(sent.into_iter().filter(|job| !held.contains(job))).await;
            Ok(held)
        }
        .boxed()
    }

    fn settle(&self, lease: Lease, verdict: Verdict) -> BoxFuture<'_, StoreResult<()>> {
        async move {
            let job = lease.job_id;
            self.jobs.settle(lease, verdict).await?;
            self.inbox.settle([job]).await;
            Ok(())
        }
        .boxed()
    }

    fn release(&self, leases: Vec<(JobId, i64)>) -> BoxFuture<'_, StoreResult<()>> {
        async move {
            let jobs: Vec<JobId> = leases.iter().map(|(job, _)| *job).collect();
            self.jobs.release(leases).await?;
            self.inbox.settle(jobs).await;
            self.relay.notify_one();
            Ok(())
        }
        .boxed()
    }

    fn reclaim(&self) -> BoxFuture<'_, StoreResult<Swept>> {
        async move {
            let swept = self.jobs.reclaim().await?;
            self.inbox.settle_all().await;
            Ok(swept)
        }
        .boxed()
    }

    fn sweep(&self) -> BoxFuture<'_, StoreResult<Swept>> {
        self.jobs.sweep()
    }

    fn wake_up(&self) -> BoxFuture<'_, ()> {
        self.inbox.arrival().boxed()
    }

    fn announce(&self) -> BoxFuture<'_, StoreResult<()>> {
        // The broker tells whoever has room, once it has been told.
        self.relay.notify_one();
        async { Ok(()) }.boxed()
    }

    fn committed(&self) {
        self.relay.notify_one();
    }

    fn transport(&self) -> &'static str {
        "rabbitmq"
    }

    fn broker(&self) -> Option<BrokerHealth> {
        let mut health = self.inbox.health();
        // Who only sends is well without receiving.
        health.consuming |= self.consumer.is_none();
        health.publishing = self.publisher.newest();
        Some(health)
    }

    fn state(&self) -> BoxFuture<'_, StoreResult<QueueState>> {
        self.jobs.state()
    }
}
