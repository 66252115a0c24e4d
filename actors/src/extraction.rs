//! Extraction: reads leased documents on blocking threads, never on the runtime's.
//!
//! Owns the worker permits. Receives [`ExtractionMessage::Extract`], never more of them than intake leases. Sends what
//! was read to the graph writer and every other outcome back to intake. A document that panics the extractor costs
//! its own try and nothing else.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicI32, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use kgl_extraction::{ExtractError, ExtractOptions, Watch};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::Semaphore;

use crate::{
    domain::{ids::JobId, merge::ReadDocument, verdict::Verdict},
    extractors::{Chosen, Extractors, Read},
    graph_writer::GraphWriterMessage,
    intake::IntakeMessage,
    mailbox::{ActorMessage, Address, Letter},
    metrics::{EXTRACTION_DURATION, EXTRACTION_RUNNING},
    schemas::Schemas,
    store::{Store, documents::Text, graph_write::Reading, leases::Lease},
};

/// What a service that did not say when is given to come back.
const UNAVAILABLE_PAUSE: Duration = Duration::from_secs(15);

/// Why a job's work should stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Halt {
    /// It should go on.
    No = 0,
    /// Somebody called it off, or its lease was lost.
    Gone = 1,
    /// The process is draining: give it back.
    Release = 2,
}

/// How far a job is, and whether it should go on; shared between intake and the thread that reads.
#[derive(Debug, Default)]
pub struct JobWatch {
    halt: AtomicU8,
    writing: AtomicU8,
    done: AtomicI32,
    total: AtomicI32,
}

impl JobWatch {
    /// Asks the work to stop at the next sentence.
    pub fn halt(&self, why: Halt) {
        // Only the first reason counts: a job that was called off is not given back.
        let _ = self.halt.compare_exchange(Halt::No as u8, why as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether, and why, the work should stop.
    #[must_use]
    pub fn halted(&self) -> Halt {
        match self.halt.load(Ordering::Acquire) {
            0 => Halt::No,
            1 => Halt::Gone,
            _ => Halt::Release,
        }
    }

    /// Stage, units done, units in all.
    #[must_use]
    pub fn progress(&self) -> (&'static str, i32, i32) {
        let stage = if self.writing.load(Ordering::Relaxed) == 0 { "extracting" } else { "writing" };
        (stage, self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed))
    }

    fn now_writing(&self) {
        self.writing.store(1, Ordering::Relaxed);
    }
}

/// The watch of one try: the job's, with a deadline.
struct Deadline {
    watch: Arc<JobWatch>,
    until: Instant,
}

impl Watch for Deadline {
    fn sentence(&self, done: usize, total: usize) -> ControlFlow<()> {
        self.watch.done.store(i32::try_from(done).unwrap_or(i32::MAX), Ordering::Relaxed);
        self.watch.total.store(i32::try_from(total).unwrap_or(i32::MAX), Ordering::Relaxed);
        if self.watch.halted() != Halt::No || Instant::now() > self.until {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// A leased document to read.
pub struct Work {
    /// The right to work on it.
    pub lease: Lease,
    /// Its text.
    pub text: Text,
    /// How far it is.
    pub watch: Arc<JobWatch>,
}

impl ActorMessage for ExtractionMessage {
    const ACTOR: &'static str = "extraction";
}

/// What extraction is told.
pub enum ExtractionMessage {
    /// Read this document.
    Extract(Box<Work>),
}

/// What extraction is started with.
#[derive(Clone)]
pub struct ExtractionArguments {
    /// Documents that are read at the same time.
    pub workers: usize,
    /// Who reads.
    pub extractors: Extractors,
    /// Where answers of a language model are kept.
    pub store: Store,
    /// What its owner wants of a document.
    pub schemas: Schemas,
    /// Who writes what was read.
    pub graph_writer: Address<Letter<GraphWriterMessage>>,
    /// Who settles what was not.
    pub intake: Address<Letter<IntakeMessage>>,
}

/// The actor.
pub struct Extraction;

/// Its state.
pub struct ExtractionState {
    arguments: ExtractionArguments,
    permits: Arc<Semaphore>,
}

impl Actor for Extraction {
    type Msg = Letter<ExtractionMessage>;
    type State = ExtractionState;
    type Arguments = ExtractionArguments;

    async fn pre_start(
        &self,
        _: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let permits = Arc::new(Semaphore::new(arguments.workers));
        Ok(ExtractionState { arguments, permits })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let Some(message) = message.open() else { return Ok(()) };
        match message {
            ExtractionMessage::Extract(work) => {
                let (arguments, permits) = (state.arguments.clone(), Arc::clone(&state.permits));
                tokio::spawn(async move {
                    // Never closed, so this cannot fail.
                    let _permit = permits.acquire_owned().await;
                    extract(arguments, *work).await;
                });
            }
        }
        Ok(())
    }
}

/// Settles a try that ends without a verdict, as one does whose task panics.
struct Settler<'a> {
    intake: &'a Address<Letter<IntakeMessage>>,
    job: JobId,
    fence: i64,
    settled: bool,
}

impl Settler<'_> {
    fn settle(&mut self, verdict: Verdict) {
        self.settled = true;
        self.intake.cast(IntakeMessage::Settle { job: self.job, fence: self.fence, verdict });
    }
}

impl Drop for Settler<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(Verdict::Retry("reading this document crashed".into()));
        }
    }
}

/// One try at one document, from permit to verdict.
async fn extract(arguments: ExtractionArguments, work: Work) {
    let Work { mut lease, text, watch } = work;
    let mut settler = Settler { intake: &arguments.intake, job: lease.job_id, fence: lease.fence, settled: false };
    if let Some(verdict) = halted(&watch) {
        return settler.settle(verdict);
    }
    match arguments.schemas.in_force(lease.owner_id, lease.options.clone(), lease.schema_version).await {
        Ok(Some(options)) => lease.options = options,
        Ok(None) => {
            let reason = "the extraction schema that it was submitted under is not there any more";
            return settler.settle(Verdict::Reject(reason.into()));
        }
        Err(error) => {
            tracing::warn!(job.id = %lease.job_id, %error, "a schema could not be read");
            let reason = "the database was not available when its schema was to be read";
            return settler.settle(Verdict::Postpone(reason.into()));
        }
    }
    let extractor = match arguments.extractors.choose(&lease, &arguments.store) {
        Ok(extractor) => extractor,
        Err(reason) => return settler.settle(Verdict::Reject(reason)),
    };
    let options = lease.options.extract.clone();
    let options = if let Chosen::Own(_) = extractor { arguments.extractors.complete(options) } else { options };
    match read(extractor, (lease.job_id, options), text, Arc::clone(&watch)).await {
        Ok(document) => {
            watch.now_writing();
            let reading = Reading { lease: lease.clone(), document };
            if arguments.graph_writer.cast(GraphWriterMessage::Write(Box::new(reading))) {
                settler.settled = true;
            } else {
                settler.settle(Verdict::Postpone("the graph writer was being started again".into()));
            }
        }
        Err(verdict) => settler.settle(verdict),
    }
}

fn halted(watch: &JobWatch) -> Option<Verdict> {
    match watch.halted() {
        Halt::No => None,
        Halt::Gone => Some(Verdict::Gone),
        Halt::Release => Some(Verdict::Release),
    }
}

/// Runs the extractor on a blocking thread, where a panic ends as a verdict.
async fn read(
    extractor: Chosen,
    (job, options): (JobId, ExtractOptions),
    text: Text,
    watch: Arc<JobWatch>,
) -> Result<ReadDocument, Verdict> {
    let begun = Instant::now();
    let limit = extractor.time_limit(&text.content);
    let deadline = Deadline { watch: Arc::clone(&watch), until: begun + limit };
    metrics::gauge!(EXTRACTION_RUNNING).increment(1.0);
    let joined = tokio::task::spawn_blocking(move || {
        let found = extractor.read(&text.content, &options, &deadline);
        found.map(|found| document(found, text)).map_err(|error| (error, extractor))
    })
    .await;
    metrics::gauge!(EXTRACTION_RUNNING).decrement(1.0);
    metrics::histogram!(EXTRACTION_DURATION).record(begun.elapsed().as_secs_f64());
    match joined {
        Ok(Ok(document)) => Ok(document),
        Ok(Err((ExtractError::Cancelled, extractor))) => {
            Err(halted(&watch).unwrap_or_else(|| extractor.too_slow(limit)))
        }
        Ok(Err((error, _))) => Err(verdict(error)),
        Err(crash) => {
            report_crash(job, &crash);
            Err(Verdict::Retry("the extractor crashed on this document".into()))
        }
    }
}

fn verdict(error: ExtractError) -> Verdict {
    match error {
        ExtractError::Unavailable { reason, retry_after } => {
            Verdict::Unavailable { reason, pause: retry_after.unwrap_or(UNAVAILABLE_PAUSE) }
        }
        ExtractError::Failed(reason) => Verdict::Retry(reason),
        fault => Verdict::Reject(fault.to_string()),
    }
}

fn report_crash(job: JobId, crash: &tokio::task::JoinError) {
    tracing::error!(job.id = %job, error = %crash, "the extractor crashed");
}

fn document(found: Read, text: Text) -> ReadDocument {
    ReadDocument {
        document_id: text.document_id,
        revision: text.revision,
        text: text.content,
        source: text.source,
        source_type: text.source_type,
        language: text.language,
        pages: text.pages,
        notes: text.notes.into_iter().chain(found.notes).collect(),
        cost: found.cost,
        extraction: found.extraction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_to_stop_is_the_one_that_counts() {
        let watch = JobWatch::default();
        assert_eq!(halted(&watch), None);
        watch.halt(Halt::Gone);
        watch.halt(Halt::Release);
        assert_eq!(halted(&watch), Some(Verdict::Gone));
    }

    #[test]
    fn a_try_stops_at_its_deadline() {
        let watch = Arc::new(JobWatch::default());
        let late = Deadline { watch: Arc::clone(&watch), until: Instant::now() - Duration::from_millis(1) };
        assert!(late.sentence(1, 3).is_break());
        assert_eq!(watch.progress(), ("extracting", 1, 3));
    }
}
