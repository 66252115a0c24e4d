//! Reading a text at once, with nothing stored.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kgl_extraction::{ExtractError, Extraction, Watch};
use tokio::sync::Semaphore;

use crate::{
    domain::{
        caller::Caller,
        document::JobOptions,
        error::{Error, Result},
    },
    extractors::Extractors,
    schemas::Schemas,
};

/// The longest text that is read at once, in bytes: some ten thousand words.
pub const MAX_DIRECT_BYTES: usize = 100_000;
/// Texts that wait for a thread at once, for each thread; more are told to come back.
const WAITING: usize = 16;
/// When to come back.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Reads texts at once. Cheap to clone.
#[derive(Clone)]
pub struct Direct {
    schemas: Schemas,
    extractors: Extractors,
    threads: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Direct {
    pub(crate) fn new(schemas: Schemas, extractors: Extractors, workers: usize) -> Self {
        let (threads, waiting) = (Semaphore::new(workers), Semaphore::new(workers * WAITING));
        Self { schemas, extractors, threads: Arc::new(threads), waiting: Arc::new(waiting) }
    }

    /// What a text says, by the request over the caller's schema.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for a text that is to be submitted as a document, [`Error::Invalid`] for options that make no
    /// sense, [`Error::Busy`] when too many texts wait already.
    pub async fn read(&self, caller: &Caller, text: Arc<str>, request: JobOptions) -> Result<Extraction> {
        if text.len() > MAX_DIRECT_BYTES {
            let detail = format!("at most {MAX_DIRECT_BYTES} bytes are read at once; submit it as a document");
            return Err(Error::TooLarge(detail));
        }
        let busy = |_| Error::Busy { retry_after: RETRY_AFTER };
        let _waiting = Arc::clone(&self.waiting).try_acquire_owned().map_err(busy)?;
        let options = self.schemas.in_force_now(caller.user_id, request).await?;
        let extractor = self
            .extractors
            .own(options.extractor.as_deref())
            .ok_or_else(|| Error::invalid("extraction_config.extractor", "does not read at once: use store"))?;
        let wanted = self.extractors.complete(options.extract);
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| Error::Internal)?;
        let gone = Gone::default();
        let watch = gone.watch();
        let read = tokio::task::spawn_blocking(move || {
            // Held until the thread is free, even if nobody waits for the answer any more.
            let _thread = thread;
            extractor.extract(&text, &wanted, &watch)
        });
        let found = read.await.map_err(|crash| {
            tracing::error!(error = %crash, "the extractor crashed on a text that was read at once");
            Error::Internal
        })?;
        drop(gone);
        found.map_err(refusal)
    }
}

fn refusal(error: ExtractError) -> Error {
    match error {
        ExtractError::TooLong { .. } => Error::TooLarge(error.to_string()),
        ExtractError::Threshold(_) | ExtractError::Schema(_) => Error::invalid("extraction_config", error.to_string()),
        ExtractError::Unreadable(reason) => Error::invalid("content", reason),
        ExtractError::Cancelled | ExtractError::Unavailable { .. } | ExtractError::Failed(_) => {
            Error::Unavailable { what: "the extractor" }
        }
    }
}

/// Tells the thread when nobody waits for its answer any more.
#[derive(Default)]
struct Gone(Arc<AtomicBool>);

impl Gone {
    fn watch(&self) -> Whether {
        Whether(Arc::clone(&self.0))
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Whether(Arc<AtomicBool>);

impl Watch for Whether {
    fn sentence(&self, _: usize, _: usize) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
