//! Scheduler: recurring work, done by one process at a time.
//!
//! Every process stands for leadership on a connection of its own ([`Candidate`]); the one that holds the lock leads and
//! runs the [`tasks`] by the [`timetable`], the others try again every two seconds. When the connection breaks,
//! leadership is over: what runs is stopped, because another process may be at it a moment later. All tasks may be done
//! twice or be cut off anywhere without harm.
//!
//! Owns the timetable and the runs under way. Receives what became of both. Dies by its supervisor's hand; the lock and
//! the runs go with it.

mod standing;
mod tasks;
mod timetable;

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

pub use self::standing::SchedulerStanding;
use self::{
    standing::Role,
    tasks::Task,
    timetable::{Outcome, Timetable},
};
use crate::{
    accounts::Accounts,
    mailbox::{ActorMessage, Letter, ToMyself},
    metrics::{SCHEDULER_LEADER, SCHEDULER_RUNS},
    start::Upkeep,
    store::{Store, StoreResult, leadership::Candidate},
};

/// How often a process that does not lead tries to: what an orphaned lock waits for a new holder at most.
const STAND_INTERVAL: Duration = Duration::from_secs(2);
/// The pause before standing again on a new connection; a database that is away is not asked more often than this.
const RECONNECT_PAUSE: Duration = Duration::from_millis(500);
/// How often the timetable is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// A run that takes longer hangs. It is twice what one statement may take, and thrice what a round of batches does.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

impl ActorMessage for SchedulerMessage {
    const ACTOR: &'static str = "scheduler";
}

/// What the scheduler is told. Terms number its own candidacies: what an earlier one still had to say is void.
pub enum SchedulerMessage {
    /// Stand for leadership, on a new connection.
    Stand,
    /// Another process leads.
    Followed(u64),
    /// This process leads.
    Elected(u64),
    /// The connection could not be opened, or is lost, and why.
    Lost(u64, String),
    /// Start what is due.
    Look,
    /// How a run of the task of this number ended.
    Ran(u64, usize, Outcome),
}

/// What the scheduler is started with.
#[derive(Clone)]
pub struct SchedulerArguments {
    /// How to open the connection that holds the lock.
    pub lock_at: PgConnectOptions,
    /// Where expired sessions are.
    pub accounts: Accounts,
    /// Where everything else is.
    pub store: Store,
    /// How long things are kept.
    pub upkeep: Upkeep,
    /// Where it is posted who leads, and what came of the runs.
    pub standing: SchedulerStanding,
}

/// The actor.
pub struct Scheduler;

/// Its candidacy, its timetable and the runs under way. Dropping it ends both kinds of tasks.
pub struct SchedulerState {
    lock_at: PgConnectOptions,
    standing: SchedulerStanding,
    timetable: Timetable,
    term: u64,
    candidacy: JoinSet<()>,
    leads: bool,
    runs: JoinSet<()>,
}

impl Actor for Scheduler {
    type Msg = Letter<SchedulerMessage>;
    type State = SchedulerState;
    type Arguments = SchedulerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let tasks = tasks::all(&arguments.accounts, &arguments.store, arguments.upkeep);
        metrics::gauge!(SCHEDULER_LEADER).set(0.0);
        for task in &tasks {
            // There from the start, so that a rate can be told from the first run on.
            metrics::counter!(SCHEDULER_RUNS, "task" => task.name, "outcome" => "done").increment(0);
        }
        arguments.standing.set_role(Role::Unknown);
        myself.tell(SchedulerMessage::Stand);
        myself.tell(SchedulerMessage::Look);
        Ok(SchedulerState {
            lock_at: arguments.lock_at,
            standing: arguments.standing,
            timetable: Timetable::new(tasks),
            term: 0,
            candidacy: JoinSet::new(),
            leads: false,
            runs: JoinSet::new(),
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
            SchedulerMessage::Stand => state.stand(&myself),
            SchedulerMessage::Followed(term) if term == state.term => state.standing.set_role(Role::Following),
            SchedulerMessage::Elected(term) if term == state.term => state.elected(),
            SchedulerMessage::Lost(term, reason) if term == state.term => {
                state.lost(&reason);
                myself.tell_after(RECONNECT_PAUSE, || SchedulerMessage::Stand);
            }
            SchedulerMessage::Look => {
                state.look(&myself);
                myself.tell_after(LOOK_INTERVAL, || SchedulerMessage::Look);
            }
            SchedulerMessage::Ran(term, task, outcome) if term == state.term => state.ran(task, &outcome),
            SchedulerMessage::Followed(_)
            | SchedulerMessage::Elected(_)
            | SchedulerMessage::Lost(..)
            | SchedulerMessage::Ran(..) => {}
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.lost("the process stops");
        state.candidacy.abort_all();
        Ok(())
    }
}

impl SchedulerState {
    fn stand(&mut self, myself: &ActorRef<Letter<SchedulerMessage>>) {
        self.term += 1;
        // An earlier candidacy has ended, or ends here, and its lock with it.
        self.candidacy = JoinSet::new();
        self.candidacy.spawn(stand(self.lock_at.clone(), self.term, myself.clone()));
    }

    fn elected(&mut self) {
        tracing::info!("this process does the recurring work now");
        metrics::gauge!(SCHEDULER_LEADER).set(1.0);
        self.leads = true;
        self.standing.set_role(Role::Leading);
        self.timetable.begin(Instant::now());
    }

    /// Gives leadership up. Runs are stopped first of all.
    fn lost(&mut self, reason: &str) {
        self.runs = JoinSet::new();
        for task in self.timetable.stop() {
            metrics::counter!(SCHEDULER_RUNS, "task" => task, "outcome" => "stopped").increment(1);
        }
        metrics::gauge!(SCHEDULER_LEADER).set(0.0);
        self.standing.set_role(Role::Unknown);
        if std::mem::take(&mut self.leads) {
            tracing::info!(reason, "this process does the recurring work no more");
        } else {
            tracing::debug!(reason, "cannot stand for the recurring work");
        }
    }

    fn look(&mut self, myself: &ActorRef<Letter<SchedulerMessage>>) {
        if !self.leads {
            return;
        }
        for (number, task) in self.timetable.take_due(Instant::now()) {
            let (term, myself) = (self.term, myself.clone());
            self.runs.spawn(async move {
                let outcome = run(&task, RUN_TIMEOUT).await;
                myself.tell(SchedulerMessage::Ran(term, number, outcome));
            });
        }
    }

    fn ran(&mut self, number: usize, outcome: &Outcome) {
        while self.runs.try_join_next().is_some() {}
        let Some(task) = self.timetable.ended(number, outcome, Instant::now()) else { return };
        metrics::counter!(SCHEDULER_RUNS, "task" => task, "outcome" => outcome.name()).increment(1);
        self.standing.note(task, outcome);
        match outcome {
            Outcome::Done(0) => tracing::debug!(task, "recurring work found nothing to do"),
            Outcome::Done(rows) => tracing::info!(task, rows, "recurring work was done"),
            Outcome::Failed(error) => tracing::warn!(task, error, "recurring work failed"),
            Outcome::TimedOut => tracing::warn!(task, timeout = ?RUN_TIMEOUT, "recurring work hung and was cut off"),
        }
    }
}

/// Stands until elected, and then tells when that is over.
async fn stand(lock_at: PgConnectOptions, term: u64, myself: ActorRef<Letter<SchedulerMessage>>) {
    let reason = match candidacy(&lock_at, term, &myself).await {
        Ok(reason) => reason,
        Err(error) => error.to_string(),
    };
    myself.tell(SchedulerMessage::Lost(term, reason));
}

async fn candidacy(
    lock_at: &PgConnectOptions,
    term: u64,
    myself: &ActorRef<Letter<SchedulerMessage>>,
) -> StoreResult<String> {
    let mut candidate = Candidate::connect(lock_at).await?;
    while !candidate.try_to_lead().await? {
        myself.tell(SchedulerMessage::Followed(term));
        sleep(STAND_INTERVAL).await;
    }
    myself.tell(SchedulerMessage::Elected(term));
    Ok(candidate.lost().await)
}

/// Runs a task once. Whatever it does, this ends, and harms no other.
async fn run(task: &Task, limit: Duration) -> Outcome {
    let work = AssertUnwindSafe(async { (task.work)().await }).catch_unwind();
    match timeout(limit, work).await {
        Ok(Ok(Ok(rows))) => Outcome::Done(rows),
        Ok(Ok(Err(error))) => Outcome::Failed(error.to_string()),
        Ok(Err(_)) => Outcome::Failed("it panicked".to_owned()),
        Err(_) => Outcome::TimedOut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_that_hangs_is_cut_off_and_one_that_panics_has_failed() {
        let limit = Duration::from_millis(50);
        let hangs = Task::new("hangs", RUN_TIMEOUT, || async {
            std::future::pending::<()>().await;
            Ok(0)
        });
        assert_eq!(run(&hangs, limit).await, Outcome::TimedOut);
        let panics = Task::new("panics", RUN_TIMEOUT, || async { panic!("a fault of ours") });
        assert!(matches!(run(&panics, RUN_TIMEOUT).await, Outcome::Failed(_)));
        let fails = Task::new("fails", RUN_TIMEOUT, || async { Err("no".into()) });
        assert_eq!(run(&fails, RUN_TIMEOUT).await, Outcome::Failed("no".to_owned()));
        let works = Task::new("works", RUN_TIMEOUT, || async { Ok(7) });
        assert_eq!(run(&works, RUN_TIMEOUT).await, Outcome::Done(7));
    }
}
