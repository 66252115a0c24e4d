//! The side that starts the process that reads, and ends it when it must.

use std::{io, os::unix::process::ExitStatusExt, path::Path, process::ExitStatus, process::Stdio, time::Duration};

use kgl_extraction::{ContentType, Declared, FormatError, PlainText};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};

use super::READING_TIME;

/// What starting and answering may take beyond the reading itself.
const GRACE: Duration = Duration::from_secs(2);
/// The most that is taken of an answer.
const MAX_ANSWER: u64 = 64 << 20;
/// The most that is taken of what it says when it crashes.
const MAX_COMPLAINT: u64 = 4 << 10;
/// The signal at the end of the processor time, and the one after it.
const OUT_OF_TIME: i32 = 24;
const KILLED: i32 = 9;

/// Reads a file in a process of its own.
///
/// # Errors
/// When the process cannot be started. What is wrong with the file is in the answer.
pub(super) async fn read(
    program: &Path,
    bytes: &[u8],
    content_type: ContentType,
    declared: &Declared<'_>,
) -> io::Result<Result<PlainText, FormatError>> {
    let mut command = Command::new(program);
    command.arg("read-file").arg("--content-type").arg(content_type.as_mime());
    command.arg("--seconds").arg(READING_TIME.as_secs().to_string());
    if let Some(charset) = declared.charset.filter(|label| label.bytes().all(|b| b.is_ascii_graphic())) {
        command.arg(format!("--charset={charset}"));
    }
    // It needs nothing of our surroundings, secrets least of all.
    command.env_clear().current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn()?;
    match timeout(READING_TIME + GRACE, converse(&mut child, bytes)).await {
        Ok(Ok(end)) => Ok(judge(end, content_type)),
        Ok(Err(error)) => Err(error),
        Err(_) => {
            child.start_kill()?;
            child.wait().await?;
            Ok(Err(FormatError::Time))
        }
    }
}

/// Sends the file and takes the answer, both at once: neither side may wait for a full pipe.
async fn converse(child: &mut Child, bytes: &[u8]) -> io::Result<End> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let send = async move {
        if let Some(mut stdin) = stdin {
            // A process that ended early tells by its status why.
            let _ = stdin.write_all(bytes).await;
        }
    };
    let ((), answer, complaint) = tokio::join!(send, receive(stdout, MAX_ANSWER), receive(stderr, MAX_COMPLAINT));
    let (answer, complaint) = (answer?, String::from_utf8_lossy(&complaint?).into_owned());
    Ok(End { status: child.wait().await?, answer, complaint })
}

async fn receive(from: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// How a process ended.
struct End {
    status: ExitStatus,
    answer: Vec<u8>,
    /// What it said on standard error: nothing, unless it crashed.
    complaint: String,
}

/// What the process answered, or what its end says.
fn judge(end: End, content_type: ContentType) -> Result<PlainText, FormatError> {
    let End { status, answer, complaint } = end;
    if status.success()
        && let Some(read) = parse(answer)
    {
        return read;
    }
    tracing::warn!(%status, complaint = complaint.trim(), kind = content_type.as_mime(), "a file ended its reader");
    let damaged =
        |reason: &str| FormatError::Damaged { format: content_type.label().to_owned(), reason: reason.to_owned() };
    Err(if matches!(status.signal(), Some(OUT_OF_TIME | KILLED)) {
        FormatError::Time
    } else if complaint.contains("memory allocation") {
        FormatError::TooLarge("reading it takes more memory than is given to a file".into())
    } else if complaint.contains("overflowed its stack") {
        damaged("it is nested too deeply")
    } else {
        damaged("its structure is broken")
    })
}

fn parse(mut answer: Vec<u8>) -> Option<Result<PlainText, FormatError>> {
    let end = answer.iter().position(|byte| *byte == b'\n')?;
    let read: Result<PlainText, FormatError> = serde_json::from_slice(&answer[..end]).ok()?;
    let text = answer.split_off(end + 1);
    drop(answer);
    match read {
        Ok(plain) => Some(Ok(PlainText { text: String::from_utf8(text).ok()?, ..plain })),
        Err(fault) => Some(Err(fault)),
    }
}
