//! Waiting for something that will be so, by looking.

use std::time::{Duration, Instant};

/// Looks again and again until `found` answers something; what it answered. Fails when that takes too long.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < within, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
