//! When each task is due. No clock and no I/O of its own.

use std::time::Duration;

use tokio::time::Instant;

use super::tasks::Task;

/// After an election nothing runs at once: a process that starts has better things to do, and one that keeps losing its
/// connection should not begin everything again each time.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The pause after a first failure. It doubles with each further one, up to the task's interval.
const FIRST_BACKOFF: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did its work, on so many rows.
    Done(u64),
    /// It failed, and why.
    Failed(String),
    /// It took too long.
    TimedOut,
}

impl Outcome {
    /// Its name in metrics and health.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Outcome::Done(_) => "done",
            Outcome::Failed(_) => "failed",
            Outcome::TimedOut => "timed_out",
        }
    }
}

struct Row {
    task: Task,
    /// When the run under way, or else the newest one, began.
    begun: Option<Instant>,
    due: Instant,
    runs: bool,
    failures: u32,
}

/// All tasks, and when each is due.
pub(super) struct Timetable(Vec<Row>);

impl Timetable {
    pub(super) fn new(tasks: Vec<Task>) -> Self {
        let now = Instant::now();
        Self(tasks.into_iter().map(|task| Row { task, begun: None, due: now, runs: false, failures: 0 }).collect())
    }

    /// Begins anew, after an election.
    pub(super) fn begin(&mut self, now: Instant) {
        for row in &mut self.0 {
            (row.due, row.runs, row.failures) = (now + row.task.interval.min(FIRST_PAUSE), false, 0);
        }
    }

    /// Takes what is due and does not run already, for the caller to run.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<(usize, Task)> {
        let due = self.0.iter_mut().enumerate().filter(|(_, row)| !row.runs && row.due <= now);
        due.map(|(number, row)| {
            (row.runs, row.begun) = (true, Some(now));
            (number, row.task.clone())
        })
        .collect()
    }

    /// Notes how a run ended, and when the task is due again. Answers its name.
    pub(super) fn ended(&mut self, number: usize, outcome: &Outcome, now: Instant) -> Option<&'static str> {
        let row = self.0.get_mut(number)?;
        row.runs = false;
        row.due = if let Outcome::Done(_) = outcome {
            row.failures = 0;
            row.begun.map_or(now, |begun| begun + row.task.interval).max(now)
        } else {
            let pause = FIRST_BACKOFF.saturating_mul(1 << row.failures.min(16));
            row.failures = row.failures.saturating_add(1);
            now + pause.min(row.task.interval)
        };
        Some(row.task.name)
    }

    /// Nothing runs any more. Answers the names of what did.
    pub(super) fn stop(&mut self) -> Vec<&'static str> {
        let running = self.0.iter_mut().filter(|row| row.runs);
        running
            .map(|row| {
                row.runs = false;
                row.task.name
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn timetable(now: Instant) -> Timetable {
        let mut timetable =
            Timetable::new(["good", "bad"].map(|name| Task::new(name, MINUTE, || async { Ok(0) })).into());
        timetable.begin(now);
        timetable
    }

    fn due(timetable: &mut Timetable, at: Instant) -> Vec<&'static str> {
        timetable.take_due(at).iter().map(|(_, task)| task.name).collect()
    }

    #[test]
    fn what_runs_is_not_started_again_and_what_is_done_waits_for_its_interval() {
        let now = Instant::now();
        let mut timetable = timetable(now);
        assert!(due(&mut timetable, now).is_empty());
        let first = now + FIRST_PAUSE;
        assert_eq!(due(&mut timetable, first), ["good", "bad"]);
        assert!(due(&mut timetable, first + MINUTE * 10).is_empty(), "both run");
        assert_eq!(timetable.ended(0, &Outcome::Done(3), first + MINUTE / 2), Some("good"));
        assert!(due(&mut timetable, first + MINUTE - Duration::from_secs(1)).is_empty());
        assert_eq!(due(&mut timetable, first + MINUTE), ["good"]);
        assert_eq!(timetable.stop(), ["good", "bad"]);
        assert!(timetable.stop().is_empty());
    }

    #[test]
    fn what_fails_comes_back_after_pauses_that_double_up_to_its_interval_and_delays_nothing_else() {
        let now = Instant::now();
        let mut timetable = timetable(now);
        let mut at = now + FIRST_PAUSE;
        assert_eq!(due(&mut timetable, at), ["good", "bad"]);
        timetable.ended(0, &Outcome::Done(0), at);
        for pause in [5, 10, 20, 40, 60, 60] {
            let outcome = if pause == 20 { Outcome::TimedOut } else { Outcome::Failed("no".into()) };
            timetable.ended(1, &outcome, at);
            let pause = Duration::from_secs(pause);
            let just_before = timetable.take_due(at + pause - Duration::from_millis(1));
            for (number, task) in &just_before {
                assert_eq!(task.name, "good", "{pause:?}");
                timetable.ended(*number, &Outcome::Done(0), at + pause);
            }
            at += pause;
            assert!(due(&mut timetable, at).contains(&"bad"), "{pause:?}");
            timetable.ended(0, &Outcome::Done(0), at);
        }
        timetable.ended(1, &Outcome::Done(0), at);
        let again = at + MINUTE;
        assert!(due(&mut timetable, again).contains(&"bad"));
        timetable.ended(1, &Outcome::Failed("no".into()), again);
        assert!(due(&mut timetable, again + FIRST_BACKOFF).contains(&"bad"), "a success begins the pauses anew");
    }
}
