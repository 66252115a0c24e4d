//! Mailboxes that can be measured, and addresses that outlive the actor behind them.
//!
//! An actor's mailbox has no bound and no length that could be asked for, so messages travel as [`Letter`]s, which are
//! counted from the moment they are sent until they are opened. The bound comes from whoever sends: each takes a
//! permit or holds a lease first.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use ractor::{ActorRef, Message};

use crate::metrics::ACTOR_MAILBOX;

/// A kind of message, by the actor that it is for.
pub trait ActorMessage: Send + 'static {
    /// The actor's name in metrics.
    const ACTOR: &'static str;
}

/// A message on its way.
pub struct Letter<M: ActorMessage> {
    message: Option<M>,
}

impl<M: ActorMessage> From<M> for Letter<M> {
    fn from(message: M) -> Self {
        metrics::gauge!(ACTOR_MAILBOX, "actor" => M::ACTOR).increment(1.0);
        Self { message: Some(message) }
    }
}

impl<M: ActorMessage> Letter<M> {
    /// Takes the message out. Always there: a letter can be opened only once, because that consumes it.
    #[must_use]
    pub fn open(mut self) -> Option<M> {
        self.message.take()
    }
}

impl<M: ActorMessage> Drop for Letter<M> {
    fn drop(&mut self) {
        metrics::gauge!(ACTOR_MAILBOX, "actor" => M::ACTOR).decrement(1.0);
    }
}

/// Where to find an actor that may be started again: always its newest incarnation.
pub struct Address<M: Message>(Arc<RwLock<Option<ActorRef<M>>>>);

impl<M: Message> Clone for Address<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Message> Default for Address<M> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<M: Message> Address<M> {
    /// Makes an incarnation the one to be found.
    pub(crate) fn set(&self, actor: ActorRef<M>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(actor);
    }

    /// The newest incarnation, which may have died a moment ago.
    pub(crate) fn get(&self) -> Option<ActorRef<M>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends without waiting. Whether there was somebody to send to; whoever needs an answer puts a reply port into
    /// the message and takes its silence for a no.
    pub(crate) fn cast(&self, message: impl Into<M>) -> bool {
        self.get().is_some_and(|actor| actor.cast(message.into()).is_ok())
    }
}

/// How an actor writes to itself.
pub(crate) trait ToMyself<M: ActorMessage> {
    /// Now. Whether this incarnation is still there.
    fn tell(&self, message: M) -> bool;
    /// Later, if this incarnation is then still there.
    fn tell_after(&self, pause: Duration, message: fn() -> M);
}

impl<M: ActorMessage> ToMyself<M> for ActorRef<Letter<M>> {
    fn tell(&self, message: M) -> bool {
        self.cast(message.into()).is_ok()
    }

    fn tell_after(&self, pause: Duration, message: fn() -> M) {
        self.send_after(pause, move || message().into());
    }
}
