//! Reading what was submitted: from bytes to plain text.
//!
//! Text, and the small and simple of the other formats, are read on a blocking thread of this process. The rest goes to
//! a process of its own ([`child`]) that may use so much memory and time and can open nothing, because a file from
//! anywhere meets parsers of anybody there: when one of them hangs, eats memory or crashes, the file is refused with
//! the reason, and nothing else notices.

pub mod child;
mod process;

use std::{path::PathBuf, sync::Arc, time::Duration};

use kgl_extraction::{FormatError, PlainText, ReadLimits, detect, to_plain_text};
use tokio::sync::Semaphore;

use crate::domain::{
    document::NewDocument,
    error::{Error, Result},
};

/// Files that are read in processes of their own at the same time: each may take [`child::MEMORY`], and one that takes
/// all its time must not hold up all others.
const PROCESSES: usize = 3;
/// How long a file waits for its turn before its sender is told to come back later.
const PATIENCE: Duration = Duration::from_secs(8);
/// When to come back then.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The longest that a file may take; with the wait for its turn it stays below the usual limit of a request.
pub const READING_TIME: Duration = Duration::from_secs(15);

/// Turns submissions into plain text. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    program: Option<PathBuf>,
    turns: Arc<Semaphore>,
}

impl Reader {
    /// A reader that starts `program` for what may do harm.
    #[must_use]
    pub fn new(program: Option<PathBuf>) -> Self {
        Self { program, turns: Arc::new(Semaphore::new(PROCESSES)) }
    }

    /// The submission, and its text.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the reason for what cannot be read, [`Error::Unsupported`] for a kind that is not read,
    /// [`Error::TooLarge`], [`Error::Busy`] when too many files wait.
    pub async fn read(&self, new: NewDocument) -> Result<(NewDocument, PlainText)> {
        let field = new.content.field();
        let bytes = new.content.bytes();
        let content_type = detect(bytes, &new.content.declared()).map_err(|fault| refusal(field, fault))?;
        let isolated = self.program.as_ref().filter(|_| content_type.needs_isolation(bytes.len()));
        let (new, read) = match isolated {
            Some(program) => {
                let turn = tokio::time::timeout(PATIENCE, self.turns.acquire()).await;
                let Ok(Ok(_turn)) = turn else { return Err(Error::Busy { retry_after: RETRY_AFTER }) };
                let read = process::read(program, bytes, content_type, &new.content.declared()).await;
                (
                    new,
                    read.map_err(|error| {
                        tracing::error!(%error, "no process could be started to read a file");
                        Error::Internal
                    })?,
                )
            }
            None => here(new).await?,
        };
        Ok((new, read.map_err(|fault| refusal(field, fault))?))
    }
}

/// Reads in this process, on a thread where nothing waits.
async fn here(new: NewDocument) -> Result<(NewDocument, std::result::Result<PlainText, FormatError>)> {
    let limits = ReadLimits { time: READING_TIME, ..ReadLimits::default() };
    tokio::task::spawn_blocking(move || {
        let read = to_plain_text(new.content.bytes(), &new.content.declared(), &limits);
        (new, read)
    })
    .await
    .map_err(|crash| {
        tracing::error!(error = %crash, "a document crashed its conversion to text");
        Error::Internal
    })
}

fn refusal(field: &str, fault: FormatError) -> Error {
    match fault {
        FormatError::Unsupported(_) => Error::Unsupported(fault.to_string()),
        FormatError::TooLarge(_) => Error::TooLarge(fault.to_string()),
        fault => Error::invalid(field, fault.to_string()),
    }
}
