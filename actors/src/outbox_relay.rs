//! The outbox relay: tells the broker of ready jobs, in the turns of their owners, and only so many that its queue stays
//! short.
//!
//! Owns nothing that could be lost: what is owed to the broker stands in the database. Receives wake-ups (a job was
//! committed, a message was taken) and polls beside them, for retries that came due and wake-ups that were missed. Sends
//! to the broker. Dies only by its supervisor's hand.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::{
    domain::ids::{JobId, UserId},
    mailbox::{ActorMessage, Letter, ToMyself},
    metrics::{BROKER_MESSAGES, BROKER_SENT_AGAIN},
    queue::rabbitmq::Outbox,
    store::{Store, StoreResult, dispatches::Dispatch},
};

/// How often ready jobs are looked for when nothing announced any.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How often messages that the broker may have lost are looked for.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// The pause after a sending that failed.
const TROUBLE_PAUSE: Duration = Duration::from_millis(200);
/// The database's and the broker's answer together are waited for this long; longer than either's own limit.
const ROUND_TIMEOUT: Duration = Duration::from_secs(45);

impl ActorMessage for OutboxRelayMessage {
    const ACTOR: &'static str = "outbox_relay";
}

/// What the relay is told.
pub enum OutboxRelayMessage {
    /// There may be something to send.
    Dispatch,
    /// The poll's turn.
    Poll,
    /// Look for messages that were lost.
    Sweep,
    /// What a round came to: whether to look again at once, and whose turn it was last.
    Dispatched(Outcome),
}

/// What a round came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was there to send.
    Idle,
    /// Messages were sent; the last was of this owner.
    Sent(UserId),
    /// The database or the broker is away.
    Trouble,
}

/// Shows its counters at nought, also where there is no broker: a rate can be built on what is there from the start.
pub(crate) fn begin_counters() {
    for outcome in ["confirmed", "refused", "failed"] {
        metrics::counter!(BROKER_MESSAGES, "outcome" => outcome).increment(0);
    }
    metrics::counter!(BROKER_SENT_AGAIN).increment(0);
}

/// What the relay is started with.
#[derive(Clone)]
pub struct OutboxRelayArguments {
    /// Where what is owed stands.
    pub store: Store,
    /// Where it goes.
    pub outbox: Outbox,
}

/// The actor.
pub struct OutboxRelay;

/// Its state.
pub struct OutboxRelayState {
    arguments: OutboxRelayArguments,
    under_way: bool,
    look_again: bool,
    sweep: bool,
    last_turn: UserId,
    /// Nothing is tried until then.
    rests_until: Option<Instant>,
    listener: tokio::task::JoinHandle<()>,
}

impl Drop for OutboxRelayState {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Actor for OutboxRelay {
    type Msg = Letter<OutboxRelayMessage>;
    type State = OutboxRelayState;
    type Arguments = OutboxRelayArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let (wake, waker) = (Arc::clone(&arguments.outbox.wake), myself.clone());
        let listener = tokio::spawn(async move {
            loop {
                wake.notified().await;
                if !waker.tell(OutboxRelayMessage::Dispatch) {
                    return;
                }
            }
        });
        for first in [OutboxRelayMessage::Poll, OutboxRelayMessage::Sweep] {
            myself.tell(first);
        }
        let last_turn = UserId(uuid::Uuid::nil());
        Ok(OutboxRelayState {
            arguments,
            under_way: false,
            look_again: false,
            sweep: false,
            last_turn,
            rests_until: None,
            listener,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(message) = message.open() else { return Ok(()) };
        match message {
            OutboxRelayMessage::Dispatch => state.dispatch(&myself),
            OutboxRelayMessage::Poll => {
                myself.tell_after(POLL_INTERVAL, || OutboxRelayMessage::Poll);
                state.dispatch(&myself);
            }
            OutboxRelayMessage::Sweep => {
                myself.tell_after(SWEEP_INTERVAL, || OutboxRelayMessage::Sweep);
                state.sweep = true;
                state.dispatch(&myself);
            }
            OutboxRelayMessage::Dispatched(outcome) => state.dispatched(outcome, &myself),
        }
        Ok(())
    }
}

impl OutboxRelayState {
    /// One round at a time: the next begins when the answer of this one is there.
    fn dispatch(&mut self, myself: &ActorRef<Letter<OutboxRelayMessage>>) {
        if self.under_way {
            self.look_again = true;
            return;
        }
        if self.rests_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        self.under_way = true;
        let (arguments, after, sweep) = (self.arguments.clone(), self.last_turn, std::mem::take(&mut self.sweep));
        let myself = myself.clone();
        tokio::spawn(async move {
            let round = tokio::time::timeout(ROUND_TIMEOUT, round(&arguments, after, sweep)).await;
            let outcome = match round {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "ready jobs were not looked for; trying again");
                    Outcome::Trouble
                }
                Err(_) => Outcome::Trouble,
            };
            myself.tell(OutboxRelayMessage::Dispatched(outcome));
        });
    }

    fn dispatched(&mut self, outcome: Outcome, myself: &ActorRef<Letter<OutboxRelayMessage>>) {
        self.under_way = false;
        let again = std::mem::take(&mut self.look_again);
        match outcome {
            Outcome::Sent(last) => {
                self.last_turn = last;
                self.dispatch(myself);
            }
            Outcome::Trouble => {
                self.rests_until = Some(Instant::now() + TROUBLE_PAUSE);
                // A moment later than the pause ends.
                myself.tell_after(TROUBLE_PAUSE + Duration::from_millis(1), || OutboxRelayMessage::Dispatch);
            }
            Outcome::Idle if again => self.dispatch(myself),
            Outcome::Idle => {}
        }
    }
}

async fn round(arguments: &OutboxRelayArguments, after: UserId, sweep: bool) -> StoreResult<Outcome> {
    let OutboxRelayArguments { store, outbox } = arguments;
    if sweep {
        let lost = store.overdue_dispatches().await?;
        if !lost.is_empty() {
            tracing::warn!(messages = lost.len(), "messages were not taken in time and are sent again");
            metrics::counter!(BROKER_SENT_AGAIN).increment(lost.len() as u64);
            // Those that fail stay owed, and are found by a later round.
            if let Ok(kept) = outbox.publisher.publish(&lost).await {
                store.confirm_dispatches(&chosen(&lost, &kept, true)).await?;
            }
        }
    }
    let ready = store.dispatch(after, outbox.window()).await?;
    let Some(last) = ready.last() else { return Ok(Outcome::Idle) };
    match outbox.publisher.publish(&ready).await {
        Ok(kept) => {
            let (sent, refused) = (chosen(&ready, &kept, true), chosen(&ready, &kept, false));
            metrics::counter!(BROKER_MESSAGES, "outcome" => "confirmed").increment(sent.len() as u64);
            metrics::counter!(BROKER_MESSAGES, "outcome" => "refused").increment(refused.len() as u64);
            if !refused.is_empty() {
                tracing::warn!(messages = refused.len(), "the broker refused messages");
                store.withdraw_dispatches(&refused).await?;
            }
            store.confirm_dispatches(&sent).await?;
            Ok(if refused.is_empty() { Outcome::Sent(last.owner_id) } else { Outcome::Trouble })
        }
        Err(error) => {
            tracing::warn!(%error, messages = ready.len(), "the broker is away; jobs wait in the database");
            metrics::counter!(BROKER_MESSAGES, "outcome" => "failed").increment(ready.len() as u64);
            // Some may have arrived all the same: then they come twice, and the second finds its job taken.
            store.withdraw_dispatches(&ready.iter().map(|job| job.job_id).collect::<Vec<_>>()).await?;
            Ok(Outcome::Trouble)
        }
    }
}

fn chosen(jobs: &[Dispatch], kept: &[bool], which: bool) -> Vec<JobId> {
    jobs.iter().zip(kept).filter(|(_, kept)| **kept == which).map(|(job, _)| job.job_id).collect()
}
