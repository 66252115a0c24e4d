//! The process that reads one file: bytes in on standard input, text out on standard output, and then it ends.
//!
//! Its answer is one line of JSON, `{"Ok": {…}}` or `{"Err": {…}}` as [`PlainText`] and [`FormatError`] are written
//! with `text` left empty, and after it the text itself, as it is.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use kgl_extraction::{ContentType, Declared, FormatError, PlainText, ReadLimits, to_plain_text};
use rustix::process::{Resource, Rlimit, setrlimit};

/// All the memory that it may have, in bytes, stack included. With the program's own pages it stays below 500 MB.
pub const MEMORY: u64 = 400 << 20;
/// The stack of the thread that reads: nested structures of a few hundred levels need less than a tenth.
const STACK: usize = 32 << 20;
/// The most that is taken in; what is submitted is smaller.
const MAX_INPUT: u64 = 64 << 20;

/// What is said of the file.
#[derive(Clone, Debug)]
pub struct Task {
    /// What it is.
    pub content_type: ContentType,
    /// The charset that came with it.
    pub charset: Option<String>,
    /// The most time, in whole seconds of processor time and of the clock.
    pub time: Duration,
}

/// Gives up what reading needs not, reads, answers.
///
/// # Errors
/// When the input or output breaks, or limits cannot be set: then nothing was read.
pub fn run(task: Task) -> io::Result<()> {
    let mut bytes = Vec::new();
    let reader = std::thread::Builder::new().stack_size(STACK);
    let (start, wait) = std::sync::mpsc::channel::<Vec<u8>>();
    let limits = ReadLimits { time: task.time, ..ReadLimits::default() };
    let seconds = task.time.as_secs().max(1);
    let thread = reader.spawn(move || {
        let bytes = wait.recv().unwrap_or_default();
        let declared = Declared {
            content_type: Some(task.content_type),
            charset: task.charset.as_deref(),
            file_name: None,
            certain: false,
        };
        to_plain_text(&bytes, &declared, &limits)
    })?;
    confine(seconds)?;
    io::stdin().lock().take(MAX_INPUT).read_to_end(&mut bytes)?;
    let _ = start.send(bytes);
    let answer = thread.join().unwrap_or_else(|_| {
        let format = task.content_type.label().to_owned();
        Err(FormatError::Damaged { format, reason: "its structure is broken".to_owned() })
    });
    write(answer)
}

/// From here on: so much memory and time, no file, no socket, no process beside this one, no core file.
fn confine(seconds: u64) -> io::Result<()> {
    let limit = |resource, most: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::Data, MEMORY)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, 0)?;
    // The signal at the limit ends the process by itself.
    limit(Resource::Cpu, seconds)?;
    Ok(())
}

fn write(answer: Result<PlainText, FormatError>) -> io::Result<()> {
    let mut text = String::new();
    let answer = answer.map(|mut plain| {
        text = std::mem::take(&mut plain.text);
        plain
    });
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &answer)?;
    out.write_all(b"\n")?;
    out.write_all(text.as_bytes())?;
    out.flush()
}
