//! Tells those who wait that a try at a job ended.

use tokio::sync::broadcast;

use crate::domain::ids::JobId;

/// Announcements that a slow listener can be behind before it misses some; it then looks for itself.
const BACKLOG: usize = 1024;

/// Whoever settles jobs announces here; whoever waits for one listens.
#[derive(Clone, Debug)]
pub struct Finished(broadcast::Sender<JobId>);

impl Default for Finished {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Finished {
    /// A try at this job ended.
    pub fn announce(&self, job: JobId) {
        // Nobody listens most of the time.
        let _ = self.0.send(job);
    }

    /// Listens from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// One who waits.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<JobId>);

impl Listener {
    /// Resolves when a try at `job` ended, or when announcements were missed and it may have.
    pub async fn hears_of(&mut self, job: JobId) {
        loop {
            match self.0.recv().await {
                Ok(other) if other != job => {}
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
                _ => return,
            }
        }
    }
}
