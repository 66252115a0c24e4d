//! Which sessions were ended while access tokens of theirs may still live. Known in memory, so that checking a token
//! costs no query; what other processes end is read from the database every second.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, Weak},
    time::{Duration, Instant},
};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::ids::SessionId,
    store::{Store, StoreResult, sessions},
};

/// How soon an end in another process is known here.
const POLL: Duration = Duration::from_secs(1);
/// An access token's life and a minute for clocks that differ; after that the token's own expiry does.
const KEEP: Duration = Duration::from_secs(16 * 60);
/// How far back each poll looks again. A revocation is stamped before it is committed, so a later commit may carry an
/// earlier stamp; no transaction of the service is allowed to stay open this long.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);

/// The ended sessions, with when each can be forgotten.
pub(super) struct Revocations {
    ended: RwLock<HashMap<SessionId, Instant>>,
}

impl Revocations {
    /// Reads the recently ended sessions and keeps reading until this is dropped.
    pub(super) async fn start(store: Store) -> StoreResult<Arc<Self>> {
        let revocations = Arc::new(Self { ended: RwLock::default() });
        let newest = revocations.read(&store, None).await?;
        tokio::spawn(follow(Arc::downgrade(&revocations), store, newest));
        Ok(revocations)
    }

    pub(super) fn contains(&self, session: SessionId) -> bool {
        // A panic elsewhere leaves the map itself whole.
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    pub(super) fn insert(&self, ended: impl IntoIterator<Item = SessionId>) {
        let until = Instant::now() + KEEP;
        let mut known = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        for session in ended {
            known.entry(session).or_insert(until);
        }
    }

    /// Takes in what was ended since `newest`, less the overlap, and answers the newest stamp seen.
    async fn read(&self, store: &Store, newest: Option<DateTime<Utc>>) -> StoreResult<Option<DateTime<Utc>>> {
        let mut connection = store.system().acquire().await?;
        let ended = sessions::ended_since(&mut connection, newest.map(|at| at - OVERLAP)).await?;
        let newest = ended.iter().map(|(_, at)| *at).max().max(newest);
        if !ended.is_empty() {
            self.insert(ended.into_iter().map(|(session, _)| session));
        }
        Ok(newest)
    }

    fn forget_old(&self) {
        let now = Instant::now();
        let is_old = |known: &HashMap<SessionId, Instant>| known.values().any(|until| *until <= now);
        if is_old(&self.ended.read().unwrap_or_else(PoisonError::into_inner)) {
            self.ended.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
        }
    }
}

/// Polls until nobody holds the set any more. While the database is away tokens go on being accepted by what is known:
/// nothing can be read with them meanwhile, and `newest` stays, so nothing is missed afterwards.
async fn follow(revocations: Weak<Revocations>, store: Store, mut newest: Option<DateTime<Utc>>) {
    let mut ticks = tokio::time::interval(POLL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut was_away = false;
    loop {
        ticks.tick().await;
        let Some(revocations) = revocations.upgrade() else { return };
        if store.system().is_closed() {
            return;
        }
        match revocations.read(&store, newest).await {
            Ok(seen) => {
                newest = seen;
                was_away = false;
            }
            Err(error) => {
                // Once an outage, not once a second.
                if !was_away {
                    tracing::warn!(%error, "ended sessions cannot be read; trying again every second");
                }
                was_away = true;
            }
        }
        revocations.forget_old();
    }
}
