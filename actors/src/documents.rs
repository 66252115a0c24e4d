//! Documents and jobs, as callers see them: taking documents in, reading them, following and steering their jobs.
//!
//! Taking one in goes through an admission permit, becomes plain text on a blocking thread, and is committed by
//! [`ingestion`](crate::ingestion). Reads go to the store and cross no mailbox.

use std::{sync::Arc, time::Duration};

use kgl_extraction::PlainText;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{
    domain::{
        caller::Caller,
        changes::{Change, ChangeFilter},
        document::{
            Document, DocumentContent, DocumentFilter, Idempotency, MAX_CONTENT_BYTES, NewContent, NewDocument,
            ReadAgain, Submission,
        },
        error::{Error, Result},
        ids::{DocumentId, JobId},
        job::{Job, JobFilter, JobStatus},
        page::{Listing, Page},
    },
    extractors::Extractors,
    finished::Finished,
    ingestion::{Commit, IngestionMessage},
    intake::IntakeMessage,
    mailbox::{Address, Letter},
    metrics::{ADMISSION_REFUSED, JOBS_SUBMITTED},
    reading::Reader,
    store::{
        Store,
        jobs::Changed,
        submissions::{Again, Intake, PreparedDocument},
    },
};

/// Submissions that may be under way at once: enough to keep the database's group commit busy, few enough that
/// memory stays bounded and the last one of them waits well under a second.
const ADMISSION_PERMITS: usize = 256;
/// When to come back after a refusal: the permits turn over many times in a second.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// A commit that takes longer than this is answered as "the database is away"; it may still succeed, and the client
/// finds it by its content or its key.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// A title that comes from the content itself is cut to the longest one that is stored.
const MAX_TITLE_CHARS: usize = 500;
/// What a client reads that used a key twice.
const KEY_REUSED: &str = "this Idempotency-Key was used for a request with another body";
/// How often a waiting caller looks, in case the job was done by another process.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Submitting and reading documents.
#[derive(Clone)]
pub struct Documents {
    store: Store,
    extractors: Extractors,
    ingestion: Address<Letter<IngestionMessage>>,
    reader: Reader,
    permits: Arc<Semaphore>,
    intake: Address<Letter<IntakeMessage>>,
    finished: Finished,
}

impl Documents {
    pub(crate) fn new(
        store: Store,
        extractors: Extractors,
        ingestion: Address<Letter<IngestionMessage>>,
        reader: Reader,
        intake: Address<Letter<IntakeMessage>>,
        finished: Finished,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(ADMISSION_PERMITS));
        Self { store, extractors, ingestion, reader, permits, intake, finished }
    }

    /// Takes a document in: answers once it and its job are committed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a content that cannot become text or is empty, [`Error::TooLarge`], [`Error::Conflict`]
    /// for a key that was used for something else, [`Error::Busy`] when too many are under way already.
    pub async fn submit(
        &self,
        caller: &Caller,
        new: NewDocument,
        idempotency: Option<Idempotency>,
    ) -> Result<Submission> {
        self.extractors.check(new.extraction.extractor.as_deref())?;
        let permit = Arc::clone(&self.permits).try_acquire_owned().map_err(|_| {
            metrics::counter!(ADMISSION_REFUSED).increment(1);
            Error::Busy { retry_after: RETRY_AFTER }
        })?;
        if new.content.bytes().len() > MAX_CONTENT_BYTES {
            return Err(Error::TooLarge(format!("a document has at most {MAX_CONTENT_BYTES} bytes")));
        }
        let (new, plain) = self.reader.read(new).await?;
        let document = prepare(new, plain)?;
        match self.commit(caller, document, idempotency, permit).await? {
            Intake::Created(document, job) => Ok(Submission { document, job, created: true }),
            Intake::Known(document, job) => Ok(Submission { document, job, created: false }),
            Intake::KeyReused => Err(Error::Conflict(KEY_REUSED.into())),
        }
    }

    async fn commit(
        &self,
        caller: &Caller,
        document: PreparedDocument,
        idempotency: Option<Idempotency>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Intake> {
        let (reply, answer) = oneshot::channel();
        let commit = Commit { caller: *caller, document, idempotency, permit, reply: reply.into() };
        if !self.ingestion.cast(IngestionMessage::Commit(Box::new(commit))) {
            return Err(Error::Unavailable { what: "taking documents in" });
        }
        match tokio::time::timeout(COMMIT_TIMEOUT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Unavailable { what: "taking documents in" }),
            Err(_) => Err(Error::Unavailable { what: "the database" }),
        }
    }

    /// Has a document's stored text read again, by the extractor that `again` names or the default: what it finds takes
    /// the place of what was found before, and the job tells what that changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see, [`Error::Conflict`] while a job of it is not over or
    /// for a key that was used for something else.
    pub async fn read_again(
        &self,
        caller: &Caller,
        id: DocumentId,
        again: &ReadAgain,
        idempotency: Option<&Idempotency>,
    ) -> Result<Submission> {
        self.extractors.check(again.extraction.extractor.as_deref())?;
        let taken = match self.store.read_again(caller, id, again, idempotency).await? {
            Again::Taken(taken) => taken,
            Again::AtWork(status) => {
                let detail = format!("the document's job is {}: wait for its end, or cancel it", status.as_str());
                return Err(Error::Conflict(detail));
            }
            Again::NoSuchDocument => return Err(Error::NotFound("document")),
        };
        match *taken {
            Intake::Created(document, job) => {
                metrics::counter!(JOBS_SUBMITTED).increment(1);
                self.intake.cast(IntakeMessage::WakeUp);
                Ok(Submission { document, job, created: true })
            }
            Intake::Known(document, job) => Ok(Submission { document, job, created: false }),
            Intake::KeyReused => Err(Error::Conflict(KEY_REUSED.into())),
        }
    }

    /// A page of the documents that the caller may see, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn list(&self, caller: &Caller, filter: &DocumentFilter, page: &Page) -> Result<Listing<Document>> {
        Ok(self.store.documents(caller, filter, page).await?)
    }

    /// One document.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see.
    pub async fn get(&self, caller: &Caller, id: DocumentId) -> Result<Document> {
        self.store.document(caller, id).await?.ok_or(Error::NotFound("document"))
    }

    /// Its plain text.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see.
    pub async fn content(&self, caller: &Caller, id: DocumentId) -> Result<DocumentContent> {
        self.store.document_content(caller, id).await?.ok_or(Error::NotFound("document"))
    }

    /// Deletes it and every trace of it in the graph. Work on it stops.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see.
    pub async fn delete(&self, caller: &Caller, id: DocumentId) -> Result<()> {
        let document = self.get(caller, id).await?;
        self.intake.cast(IntakeMessage::Cancel(document.job_id));
        if !self.store.delete_document(caller, id).await? {
            return Err(Error::NotFound("document"));
        }
        self.finished.announce(document.job_id);
        Ok(())
    }
}

/// Makes a submission and its text into what is stored.
fn prepare(new: NewDocument, plain: PlainText) -> Result<PreparedDocument> {
    let field = new.content.field();
    if plain.text.trim().is_empty() {
        return Err(Error::invalid(field, "holds no text"));
    }
    let bytes = new.content.bytes();
    let size_bytes = i32::try_from(bytes.len()).map_err(|_| Error::Internal)?;
    let content_hash = PreparedDocument::hash(bytes);
    let pages = plain.pages.iter().map(|start| i32::try_from(*start)).collect::<std::result::Result<_, _>>();
    let file_name = match new.content {
        NewContent::File { name, .. } => name,
        NewContent::Text { .. } => None,
    };
    let title = new.title.or(plain.title).or(file_name).map(|title| {
        // What a file calls itself may hold anything.
        title.trim().chars().filter(|c| *c != '\0').take(MAX_TITLE_CHARS).collect::<String>()
    });
    Ok(PreparedDocument {
        title: title.filter(|title| !title.is_empty()),
        content_hash,
        text: plain.text,
        pages: pages.map_err(|_| Error::Internal)?,
        notes: plain.notes,
        size_bytes,
        content_type: plain.content_type.as_mime(),
        source: new.source,
        source_type: new.source_type,
        language: new.language.or(plain.language),
        metadata: new.metadata,
        priority: new.priority,
        options: new.extraction,
        force: new.force,
        traceparent: new.traceparent,
    })
}

/// Following and steering jobs.
#[derive(Clone)]
pub struct Jobs {
    store: Store,
    intake: Address<Letter<IntakeMessage>>,
    finished: Finished,
}

impl Jobs {
    pub(crate) fn new(store: Store, intake: Address<Letter<IntakeMessage>>, finished: Finished) -> Self {
        Self { store, intake, finished }
    }

    /// A page of the jobs that the caller may see, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn list(&self, caller: &Caller, filter: &JobFilter, page: &Page) -> Result<Listing<Job>> {
        Ok(self.store.jobs(caller, filter, page).await?)
    }

    /// One job.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see.
    pub async fn get(&self, caller: &Caller, id: JobId) -> Result<Job> {
        self.store.job(caller, id).await?.ok_or(Error::NotFound("job"))
    }

    /// A page of what a job changed of what an earlier one had found in its document, in the order of names.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such job that the caller may see.
    pub async fn changes(
        &self,
        caller: &Caller,
        id: JobId,
        filter: ChangeFilter,
        page: &Page,
    ) -> Result<Listing<Change>> {
        self.store.job_changes(caller, id, filter, page).await?.ok_or(Error::NotFound("job"))
    }

    /// Calls a job off. It is off when this answers: whoever works on it can no longer write, and stops.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] for a job that has ended.
    pub async fn cancel(&self, caller: &Caller, id: JobId) -> Result<Job> {
        match self.store.cancel_job(caller, id).await? {
            Changed::Yes => {
                self.intake.cast(IntakeMessage::Cancel(id));
                metrics::counter!(crate::metrics::JOBS_FINISHED, "status" => "cancelled").increment(1);
                self.finished.announce(id);
                self.get(caller, id).await
            }
            changed => Err(refusal(&changed, "cancelled")),
        }
    }

    /// Starts a failed, dead or cancelled job again, with all its attempts.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Conflict`] for a job in any other status.
    pub async fn retry(&self, caller: &Caller, id: JobId) -> Result<Job> {
        match self.store.retry_job(caller, id).await? {
            Changed::Yes => {
                self.intake.cast(IntakeMessage::WakeUp);
                self.get(caller, id).await
            }
            changed => Err(refusal(&changed, "retried")),
        }
    }

    /// The job as it is when it ends, or when `patience` has passed.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none that the caller may see, also when it is deleted meanwhile.
    pub async fn wait(&self, caller: &Caller, id: JobId, patience: Duration) -> Result<Job> {
        let until = tokio::time::Instant::now() + patience;
        let mut listener = self.finished.listen();
        loop {
            let job = self.get(caller, id).await?;
            if job.status.is_final() || tokio::time::Instant::now() >= until {
                return Ok(job);
            }
            tokio::select! {
                () = listener.hears_of(id) => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

fn refusal(changed: &Changed, what: &str) -> Error {
    match changed {
        Changed::NotFrom(status) => Error::Conflict(format!(
            "a job that is {} cannot be {what}{}",
            status.as_str(),
            if *status == JobStatus::Completed { "; its document can be extracted again" } else { "" }
        )),
        Changed::Yes | Changed::NoSuchJob => Error::NotFound("job"),
    }
}

#[cfg(test)]
mod tests {
    use kgl_extraction::{ContentType, ReadLimits, to_plain_text};

    use super::*;
    use crate::domain::{
        document::{JobOptions, SourceType},
        job::Priority,
    };

    fn prepared(content: NewContent) -> Result<PreparedDocument> {
        let plain = to_plain_text(content.bytes(), &content.declared(), &ReadLimits::default()).expect("is text");
        let new = NewDocument {
            title: None,
            content,
            source: None,
            source_type: SourceType::Article,
            language: None,
            metadata: serde_json::Map::new(),
            priority: Priority::Normal,
            extraction: JobOptions::default(),
            force: false,
            traceparent: None,
        };
        prepare(new, plain)
    }

    fn text(text: &str, content_type: ContentType) -> NewContent {
        NewContent::Text { text: text.into(), content_type }
    }

    #[test]
    fn a_document_without_text_is_refused_whatever_its_type() {
        for (content, content_type) in
            [("", ContentType::Text), (" \n\t", ContentType::Markdown), ("<br>", ContentType::Html)]
        {
            assert!(matches!(prepared(text(content, content_type)), Err(Error::Invalid(_))), "{content:?}");
        }
    }

    #[test]
    fn a_title_comes_from_the_content_unless_given_and_is_never_too_long() {
        let titled = prepared(text("# A heading\n\nSome text.", ContentType::Markdown)).expect("is text");
        assert_eq!(titled.title.as_deref(), Some("A heading"));
        let long = prepared(text(&format!("# {}\n\ntext", "é".repeat(900)), ContentType::Markdown)).expect("is text");
        assert_eq!(long.title.map(|t| t.chars().count()), Some(MAX_TITLE_CHARS));
        let file = NewContent::File {
            bytes: "Some text.".into(),
            content_type: None,
            charset: None,
            name: Some("notes.txt".into()),
        };
        assert_eq!(prepared(file).expect("is text").title.as_deref(), Some("notes.txt"));
    }

    #[test]
    fn the_hash_is_of_what_was_submitted() {
        let one = prepared(text("same", ContentType::Text)).expect("is text");
        let two = prepared(text("same", ContentType::Markdown)).expect("is text");
        assert_eq!(one.content_hash, two.content_hash);
    }

    #[test]
    fn the_language_is_the_one_that_was_found_unless_one_is_given() {
        let words = "Marie Curie was born in Warsaw and worked at the University of Paris for many years.";
        assert_eq!(prepared(text(words, ContentType::Text)).expect("is text").language.as_deref(), Some("en"));
    }
}
