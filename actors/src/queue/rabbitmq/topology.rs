//! Exchanges and queues, declared by every process when it connects. docs/messages.md names them for others.

use lapin::{
    Channel, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};

/// Deliveries of one message before the broker itself gives up on it. Only a backstop: tries are counted with the job,
/// and this limit would also punish what merely stood beside a job that ends its workers.
const DELIVERY_LIMIT: i32 = 100;

/// The names in use: all begin with the deployment's prefix.
#[derive(Clone, Debug)]
pub struct Names {
    /// The exchange that jobs are sent to.
    pub exchange: String,
    /// The queue of ready jobs.
    pub jobs: String,
    /// Exchange and queue of what nobody could read.
    pub dead: String,
}

impl Names {
    /// The names under a prefix.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { exchange: prefix.to_owned(), jobs: format!("{prefix}.jobs"), dead: format!("{prefix}.dead") }
    }
}

/// Sees to it that everything is there. What is there already with the same arguments stays as it is.
pub(super) async fn declare(channel: &Channel, names: &Names) -> lapin::Result<()> {
    let durable =
        ExchangeDeclareOptions { passive: false, durable: true, auto_delete: false, internal: false, nowait: false };
    let table = FieldTable::default;
    channel.exchange_declare(names.exchange.as_str().into(), ExchangeKind::Direct, durable, table()).await?;
    channel.exchange_declare(names.dead.as_str().into(), ExchangeKind::Fanout, durable, table()).await?;
    queue(channel, &names.dead, quorum(None)).await?;
    queue(channel, &names.jobs, quorum(Some(&names.dead))).await?;
    let now = QueueBindOptions { nowait: false };
    for (queue, exchange) in [(&names.dead, &names.dead), (&names.jobs, &names.exchange)] {
        channel
            .queue_bind(queue.as_str().into(), exchange.as_str().into(), queue.as_str().into(), now, table())
            .await?;
    }
    Ok(())
}

async fn queue(channel: &Channel, name: &str, arguments: FieldTable) -> lapin::Result<()> {
    let options =
        QueueDeclareOptions { passive: false, durable: true, exclusive: false, auto_delete: false, nowait: false };
    channel.queue_declare(name.into(), options, arguments).await?;
    Ok(())
}

/// A replicated queue. Where it has a dead letter exchange, messages are kept until that has confirmed them, which the
/// broker does only for queues that refuse publishing when they are full.
fn quorum(dead: Option<&str>) -> FieldTable {
    let mut table = FieldTable::default();
    let text = |value: &str| AMQPValue::LongString(value.into());
    table.insert("x-queue-type".into(), text("quorum"));
    if let Some(dead) = dead {
        table.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        table.insert("x-dead-letter-exchange".into(), text(dead));
        table.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        table.insert("x-overflow".into(), text("reject-publish"));
    }
    table
}
