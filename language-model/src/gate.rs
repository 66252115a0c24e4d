//! Who may ask the endpoint now: so many at once, none while it wants to be left alone.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How often a thread that waits looks whether it still should.
const LOOK: Duration = Duration::from_millis(20);

/// Tells threads that nobody waits for what they do any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits; false if it was told to stop meanwhile.
    pub(crate) fn sleep(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while !self.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK));
        }
        false
    }
}

/// Why the endpoint is left alone for a while.
#[derive(Clone, Debug)]
struct Rest {
    until: Instant,
    reason: String,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Nobody asks before this: it said that it is too busy.
    not_before: Option<Instant>,
    rest: Option<Rest>,
}

/// The way to the endpoint, shared by all texts of this process.
#[derive(Debug)]
pub(crate) struct Gate {
    state: Mutex<State>,
    freed: Condvar,
}

/// The right to have one request under way.
pub(crate) struct Permit<'a>(&'a Gate);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.freed.notify_one();
    }
}

/// Why nobody is let through.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The one who asked was told to stop.
    Stopped,
    /// The endpoint failed everybody just now, and is not asked again so soon.
    Resting(String, Duration),
}

impl Gate {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self { state: Mutex::new(State { free: concurrency, not_before: None, rest: None }), freed: Condvar::new() }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn.
    pub(crate) fn enter(&self, stop: &Stop) -> Result<Permit<'_>, Closed> {
        let mut state = self.lock();
        loop {
            if stop.is_set() {
                return Err(Closed::Stopped);
            }
            let now = Instant::now();
            if let Some(rest) = &state.rest {
                if now < rest.until {
                    return Err(Closed::Resting(rest.reason.clone(), rest.until - now));
                }
                state.rest = None;
            }
            if state.not_before.is_some_and(|at| at <= now) {
                state.not_before = None;
            }
            if state.free > 0 && state.not_before.is_none() {
                state.free -= 1;
                return Ok(Permit(self));
            }
            state = self.freed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets nobody through for a while: the endpoint asked for it.
    pub(crate) fn hold_back(&self, pause: Duration) {
        let mut state = self.lock();
        let until = Instant::now() + pause;
        state.not_before = Some(state.not_before.map_or(until, |at| at.max(until)));
    }

    /// Sends everybody away for a while.
    pub(crate) fn close(&self, reason: &str, pause: Duration) {
        self.lock().rest = Some(Rest { until: Instant::now() + pause, reason: reason.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_are_inside_and_who_is_stopped_waits_no_longer() {
        let (gate, stop) = (Gate::new(1), Stop::default());
        let inside = gate.enter(&stop).expect("room");
        std::thread::scope(|scope| {
            let other = scope.spawn(|| gate.enter(&stop).map(drop));
            std::thread::sleep(Duration::from_millis(30));
            assert!(!other.is_finished());
            drop(inside);
            assert_eq!(other.join().expect("no panic"), Ok(()));
        });
        let _inside = gate.enter(&stop).expect("room again");
        stop.set();
        assert_eq!(gate.enter(&stop).map(drop), Err(Closed::Stopped));
        assert!(!stop.sleep(Duration::from_secs(60)), "it does not sleep on");
    }

    #[test]
    fn an_endpoint_that_wants_a_rest_gets_it() {
        let (gate, stop) = (Gate::new(2), Stop::default());
        gate.hold_back(Duration::from_millis(60));
        let begun = Instant::now();
        drop(gate.enter(&stop));
        assert!(begun.elapsed() >= Duration::from_millis(60));
        gate.close("away", Duration::from_millis(40));
        assert!(matches!(gate.enter(&stop), Err(Closed::Resting(reason, _)) if reason == "away"));
        std::thread::sleep(Duration::from_millis(50));
        assert!(gate.enter(&stop).is_ok());
    }
}
