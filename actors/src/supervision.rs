//! Keeping actors running: child specs, two restart strategies, backoff, meltdown.
//!
//! A [`Supervisor`] is an actor that starts its children in order and starts them again when they die, after a pause
//! that doubles. When children die more often than the intensity allows, the supervisor gives up and dies itself, and
//! its own supervisor decides: at the root that ends the process, whose host starts it anew. Restart strategies and
//! intensity are those of Erlang/OTP's `supervisor` behaviour.
//!
//! References to a child go stale when it is started again, so whoever sends to one holds an [`Address`](crate::mailbox::Address).

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SpawnErr, SupervisionEvent};

use crate::mailbox::Address;

/// The pause before a child's first restart; it doubles with each further one inside the window.
const FIRST_RESTART_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause before a restart: a child that is away for longer makes its callers time out.
const LONGEST_RESTART_PAUSE: Duration = Duration::from_secs(5);

type Start = Arc<dyn Fn(ActorCell) -> BoxFuture<'static, Result<ActorCell, SpawnErr>> + Send + Sync>;

/// How to start a child, again and again.
#[derive(Clone)]
pub struct ChildSpec {
    name: &'static str,
    start: Start,
}

impl ChildSpec {
    /// A child whose incarnations are found at `address`. `arguments` is called for each incarnation.
    pub fn new<A, F>(name: &'static str, address: Address<A::Msg>, handler: fn() -> A, arguments: F) -> Self
    where
        A: Actor,
        F: Fn() -> A::Arguments + Send + Sync + 'static,
    {
        let start: Start = Arc::new(move |supervisor| {
            let (address, arguments) = (address.clone(), arguments());
            Box::pin(async move {
                let (actor, _) = Actor::spawn_linked(None, handler(), arguments, supervisor).await?;
                let cell = actor.get_cell();
                address.set(actor);
                Ok(cell)
            })
        });
        Self { name, start }
    }
}

/// What to do about the others when one child dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// Nothing: children do not depend on each other.
    OneForOne,
    /// Those started after it depend on it: stop them, then start it and them in order.
    RestForOne,
}

/// How many restarts within which time are still normal.
#[derive(Clone, Copy, Debug)]
pub struct Intensity {
    /// This many, and not one more.
    pub restarts: usize,
    /// Within this time.
    pub window: Duration,
}

/// What a supervisor is started with.
#[derive(Clone)]
pub struct SupervisorArguments {
    /// For logs and metrics.
    pub name: &'static str,
    /// What to do about the others when one child dies.
    pub strategy: Strategy,
    /// When to give up.
    pub intensity: Intensity,
    /// Started in this order, stopped in the opposite one.
    pub children: Vec<ChildSpec>,
}

/// What a supervisor is told.
pub enum SupervisorMessage {
    /// The pause before a restart is over: start all children from this index on that are not running.
    Restart(usize),
    /// How many incarnations of the child of this name have been started.
    #[cfg(test)]
    Incarnations(&'static str, ractor::RpcReplyPort<usize>),
    /// Stop the children, last one first, and then yourself.
    Shutdown,
}

/// The actor that keeps its children running.
pub struct Supervisor;

/// A supervisor's children and their recent deaths.
pub struct SupervisorState {
    arguments: SupervisorArguments,
    running: Vec<Option<ActorCell>>,
    started: Vec<usize>,
    deaths: VecDeque<Instant>,
    stopping: bool,
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let count = arguments.children.len();
        let mut state = SupervisorState {
            arguments,
            running: vec![None; count],
            started: vec![0; count],
            deaths: VecDeque::new(),
            stopping: false,
        };
        // A child that cannot start even once is a fault of the start, not of the running: fail it.
        for index in 0..count {
            state.start(index, &myself).await?;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Restart(from) => state.restart(from, &myself).await,
            #[cfg(test)]
            SupervisorMessage::Incarnations(name, reply) => {
                let index = state.arguments.children.iter().position(|child| child.name == name);
                let _ = reply.send(index.map_or(0, |index| state.started[index]));
            }
            SupervisorMessage::Shutdown => {
                state.stopping = true;
                state.stop_from(0).await;
                myself.stop(None);
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let (cell, reason) = match event {
            SupervisionEvent::ActorTerminated(cell, _, reason) => (cell, reason.unwrap_or_else(|| "stopped".into())),
            SupervisionEvent::ActorFailed(cell, error) => (cell, error.to_string()),
            _ => return Ok(()),
        };
        // A child that the supervisor stopped itself is no longer in its list.
        let Some(index) = state.position(&cell) else { return Ok(()) };
        state.running[index] = None;
        if state.stopping {
            return Ok(());
        }
        state.child_died(index, &reason, &myself).await
    }
}

impl SupervisorState {
    fn position(&self, cell: &ActorCell) -> Option<usize> {
        self.running.iter().position(|child| child.as_ref().is_some_and(|child| child.get_id() == cell.get_id()))
    }

    async fn start(&mut self, index: usize, myself: &ActorRef<SupervisorMessage>) -> Result<(), SpawnErr> {
        let cell = (self.arguments.children[index].start)(myself.get_cell()).await?;
        self.running[index] = Some(cell);
        self.started[index] += 1;
        Ok(())
    }

    async fn child_died(
        &mut self,
        index: usize,
        reason: &str,
        myself: &ActorRef<SupervisorMessage>,
    ) -> Result<(), ActorProcessingErr> {
        let name = self.arguments.children[index].name;
        metrics::counter!(crate::metrics::ACTOR_RESTARTS, "actor" => name).increment(1);
        tracing::error!(actor = name, supervisor = self.arguments.name, reason, "an actor died");
        if self.arguments.strategy == Strategy::RestForOne {
            self.stop_from(index + 1).await;
        }
        let pause = self.note_death()?;
        let from = index;
        myself.send_after(pause, move || SupervisorMessage::Restart(from));
        Ok(())
    }

    /// Records a death and says how long to pause; an error when there were too many.
    fn note_death(&mut self) -> Result<Duration, ActorProcessingErr> {
        let (now, intensity) = (Instant::now(), self.arguments.intensity);
        self.deaths.retain(|at| now.duration_since(*at) < intensity.window);
        self.deaths.push_back(now);
        if self.deaths.len() > intensity.restarts {
            tracing::error!(supervisor = self.arguments.name, deaths = self.deaths.len(), "too many deaths: giving up");
            return Err(format!("{} deaths within {:?}", self.deaths.len(), intensity.window).into());
        }
        let doublings = u32::try_from(self.deaths.len() - 1).unwrap_or(u32::MAX).min(16);
        Ok(FIRST_RESTART_PAUSE.saturating_mul(1 << doublings).min(LONGEST_RESTART_PAUSE))
    }

    /// Starts what is not running. A start that fails counts as a death and is tried again.
    async fn restart(&mut self, from: usize, myself: &ActorRef<SupervisorMessage>) {
        let last = match self.arguments.strategy {
            Strategy::OneForOne => from + 1,
            Strategy::RestForOne => self.running.len(),
        };
        for index in from..last {
            if self.stopping || self.running[index].is_some() {
                continue;
            }
            if let Err(error) = self.start(index, myself).await {
                let name = self.arguments.children[index].name;
                tracing::error!(actor = name, %error, "an actor could not be started again");
                match self.note_death() {
                    Ok(pause) => drop(myself.send_after(pause, move || SupervisorMessage::Restart(index))),
                    Err(reason) => myself.stop(Some(reason.to_string())),
                }
                return;
            }
        }
    }

    /// Stops the children from the last one down to `index`, waiting for each.
    async fn stop_from(&mut self, index: usize) {
        for child in self.running[index..].iter_mut().rev() {
            if let Some(cell) = child.take() {
                // Time enough for a child that is itself a supervisor; past that it is killed with its parent.
                let _ = cell.stop_and_wait(None, Some(Duration::from_secs(2))).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dies when told to.
    struct Mortal;

    impl Actor for Mortal {
        type Msg = ();
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }

        async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
            Err("told to".into())
        }
    }

    struct Tree {
        supervisor: ActorRef<SupervisorMessage>,
        handle: tokio::task::JoinHandle<()>,
        first: Address<()>,
        second: Address<()>,
    }

    async fn tree(strategy: Strategy, restarts: usize) -> Tree {
        let (first, second) = (Address::default(), Address::default());
        let arguments = SupervisorArguments {
            name: "test",
            strategy,
            intensity: Intensity { restarts, window: Duration::from_secs(60) },
            children: vec![
                ChildSpec::new("first", first.clone(), || Mortal, || ()),
                ChildSpec::new("second", second.clone(), || Mortal, || ()),
            ],
        };
        let (supervisor, handle) = Actor::spawn(None, Supervisor, arguments).await.expect("starts");
        Tree { supervisor, handle, first, second }
    }

    impl Tree {
        async fn incarnations(&self, name: &'static str) -> usize {
            ractor::call!(self.supervisor, SupervisorMessage::Incarnations, name).expect("answers")
        }

        async fn until(&self, name: &'static str, count: usize) {
            for _ in 0..200 {
                if self.incarnations(name).await >= count {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("{name} was not started {count} times");
        }
    }

    #[tokio::test]
    async fn a_dead_child_is_started_again_and_found_at_its_address() {
        let tree = tree(Strategy::OneForOne, 5).await;
        let before = tree.first.get().expect("is there").get_id();
        assert!(tree.first.cast(()));
        tree.until("first", 2).await;
        assert_ne!(tree.first.get().expect("is there").get_id(), before);
        assert_eq!(tree.incarnations("second").await, 1, "the other one was left alone");
        tree.supervisor.stop(None);
    }

    #[tokio::test]
    async fn those_that_depend_on_the_dead_are_started_again_with_it() {
        let tree = tree(Strategy::RestForOne, 5).await;
        tree.first.cast(());
        tree.until("second", 2).await;
        assert_eq!(tree.incarnations("first").await, 2);
        tree.second.cast(());
        tree.until("second", 3).await;
        assert_eq!(tree.incarnations("first").await, 2, "the first does not depend on the second");
        tree.supervisor.stop(None);
    }

    #[tokio::test]
    async fn too_many_deaths_end_the_supervisor() {
        let tree = tree(Strategy::OneForOne, 2).await;
        for count in 2..=3 {
            tree.first.cast(());
            tree.until("first", count).await;
        }
        tree.first.cast(());
        tokio::time::timeout(Duration::from_secs(5), tree.handle).await.expect("gives up").expect("does not panic");
    }

    #[tokio::test]
    async fn a_shutdown_stops_the_children_and_starts_none_again() {
        let tree = tree(Strategy::RestForOne, 5).await;
        tree.supervisor.cast(SupervisorMessage::Shutdown).expect("is sent");
        tokio::time::timeout(Duration::from_secs(5), tree.handle).await.expect("stops").expect("does not panic");
        assert!(!tree.first.cast(()) && !tree.second.cast(()));
    }
}
