//! How many requests a client may make in a minute: fixed windows in the memory of this process.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use kgl_actors::domain::ids::UserId;

use super::routes::Rate;

const WINDOW: Duration = Duration::from_secs(60);
/// Guessing passwords gets this fraction of the usual rate.
const STRICT_SHARE: u32 = 20;
/// Clients that are remembered before old windows are cleared away; bounds the memory that strangers can take.
const MAX_CLIENTS: usize = 100_000;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Who is counted: the account, or the address of whoever has not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    User(UserId),
    Address(Option<IpAddr>),
}

/// Where a client stands in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    limit: u32,
    remaining: u32,
    reset: Duration,
    /// Whether the request may go on.
    pub(crate) allowed: bool,
}

impl Standing {
    /// Until the window ends.
    pub(crate) fn reset(&self) -> Duration {
        self.reset
    }

    /// Puts the standing on an answer. `X-RateLimit-Reset` is in seconds from now.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let reset = self.reset.as_secs() + u64::from(self.reset.subsec_nanos() > 0);
        headers.insert(LIMIT, HeaderValue::from(self.limit));
        headers.insert(REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RESET, HeaderValue::from(reset));
    }
}

struct Window {
    began: Instant,
    used: u32,
}

/// Counts requests by client.
pub(crate) struct Limiter {
    per_minute: u32,
    windows: Mutex<HashMap<(Client, bool), Window>>,
}

impl Limiter {
    /// A limiter for so many requests a minute; 0 never limits.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, windows: Mutex::default() }
    }

    /// Counts a request. `None` where nothing is limited.
    pub(crate) fn count(&self, client: Client, rate: Rate, now: Instant) -> Option<Standing> {
        if self.per_minute == 0 || rate == Rate::Unlimited {
            return None;
        }
        let strict = rate == Rate::Strict;
        let limit = if strict { (self.per_minute / STRICT_SHARE).max(1) } else { self.per_minute };
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MAX_CLIENTS {
            windows.retain(|_, window| now.duration_since(window.began) < WINDOW);
        }
        let window = windows.entry((client, strict)).or_insert(Window { began: now, used: 0 });
        if now.duration_since(window.began) >= WINDOW {
            *window = Window { began: now, used: 0 };
        }
        let allowed = window.used < limit;
        window.used = window.used.saturating_add(u32::from(allowed));
        let reset = WINDOW.saturating_sub(now.duration_since(window.began));
        Some(Standing { limit, remaining: limit - window.used, reset, allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOMEBODY: Client = Client::Address(None);

    #[test]
    fn the_window_fills_empties_with_time_and_knows_its_clients() {
        let (limiter, start) = (Limiter::new(2), Instant::now());
        let ask = |client, after| limiter.count(client, Rate::Usual, start + Duration::from_secs(after));
        assert!(ask(SOMEBODY, 0).is_some_and(|s| s.allowed && s.remaining == 1));
        assert!(ask(SOMEBODY, 1).is_some_and(|s| s.allowed && s.remaining == 0));
        assert!(ask(SOMEBODY, 20).is_some_and(|s| !s.allowed && s.reset() == Duration::from_secs(40)));
        assert!(ask(Client::User(UserId::new()), 20).is_some_and(|s| s.allowed));
        assert!(ask(SOMEBODY, 60).is_some_and(|s| s.allowed));
    }

    #[test]
    fn signing_in_is_counted_apart_and_more_strictly() {
        let (limiter, now) = (Limiter::new(40), Instant::now());
        let strict: Vec<bool> = (0..3)
            .filter_map(|_| limiter.count(SOMEBODY, Rate::Strict, now).map(|standing| standing.allowed))
            .collect();
        assert_eq!(strict, [true, true, false]);
        assert!(limiter.count(SOMEBODY, Rate::Usual, now).is_some_and(|s| s.allowed && s.remaining == 39));
    }

    #[test]
    fn zero_switches_all_limits_off() {
        let limiter = Limiter::new(0);
        assert_eq!(limiter.count(SOMEBODY, Rate::Strict, Instant::now()), None);
        assert_eq!(Limiter::new(1).count(SOMEBODY, Rate::Unlimited, Instant::now()), None);
    }

    #[test]
    fn the_standing_is_on_the_answer() {
        let mut headers = HeaderMap::new();
        Standing { limit: 5, remaining: 4, reset: Duration::from_millis(1200), allowed: true }.write(&mut headers);
        assert_eq!(
            (&headers[LIMIT], &headers[REMAINING], &headers[RESET]),
            (&HeaderValue::from(5), &HeaderValue::from(4), &HeaderValue::from(2))
        );
    }
}
