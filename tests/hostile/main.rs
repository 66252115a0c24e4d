//! More than 200 files that mean harm, each given to the process that reads files: all of them end in a text or in a
//! clear error, in time and within their memory.

// Its figures are for people, and it has no public interface.
#![allow(clippy::print_stdout, unreachable_pub)]

mod documents;
mod mails;
mod pdfs;
mod texts;

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use kgl_extraction::{FormatError, PlainText};
use tempfile::NamedTempFile;

/// What each may take of a processor; the service gives more.
const SECONDS: u64 = 4;
/// What each may take by the clock, on a machine that does other things too.
const DEADLINE: Duration = Duration::from_secs(60);
/// What each may take of memory, in KiB.
const MEMORY: i64 = 500 * 1024;
const ABORTED: i32 = 6;
const KILLED: i32 = 9;
const OUT_OF_TIME: i32 = 24;

/// A file that means harm.
pub struct Hostile {
    name: String,
    content_type: &'static str,
    /// Its bytes lie on the disk: what a process has in use when it starts another counts as the other's too.
    file: NamedTempFile,
}

impl Hostile {
    /// A file of a type.
    pub fn new(name: impl Into<String>, content_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        let mut file = NamedTempFile::new().expect("a file");
        file.write_all(&bytes.into()).expect("room on the disk");
        Self { name: name.into(), content_type, file }
    }
}

/// How a file ended.
enum End {
    Text,
    Refused(FormatError),
    OutOfMemory,
    OutOfTime,
    TooDeep,
}

impl End {
    fn in_words(&self) -> String {
        match self {
            End::Text => "a text".to_owned(),
            End::Refused(fault) => fault.to_string(),
            End::OutOfMemory => "out of memory".to_owned(),
            End::OutOfTime => "out of time".to_owned(),
            End::TooDeep => "out of stack".to_owned(),
        }
    }
}

#[test]
fn hostile_files_end_in_a_text_or_an_error_within_their_limits() {
    let files: Vec<Hostile> =
        [pdfs::all(), documents::all(), mails::all(), texts::all()].into_iter().flatten().collect();
    assert!(files.len() >= 200, "{} files", files.len());
    let (next, ends) = (Mutex::new(files.iter()), Mutex::new(Vec::new()));
    let slowest = Mutex::new((Duration::ZERO, ""));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(file) = next.lock().expect("no panic").next() else { return };
                    let begun = Instant::now();
                    let end = read(file);
                    let mut slowest = slowest.lock().expect("no panic");
                    if begun.elapsed() > slowest.0 {
                        *slowest = (begun.elapsed(), &file.name);
                    }
                    ends.lock().expect("no panic").push((&file.name, begun.elapsed(), end));
                }
            });
        }
    });
    let ends = ends.into_inner().expect("no panic");
    let count = |is: fn(&End) -> bool| ends.iter().filter(|(_, _, end)| is(end)).count();
    let (peak, slowest) = (children_peak(), slowest.into_inner().expect("no panic"));
    println!(
        "{} files: {} gave a text, {} an error, {} ran out of memory, {} out of time, {} out of stack; peak {} MB, slowest {:?} ({})",
        ends.len(),
        count(|end| matches!(end, End::Text)),
        count(|end| matches!(end, End::Refused(_))),
        count(|end| matches!(end, End::OutOfMemory)),
        count(|end| matches!(end, End::OutOfTime)),
        count(|end| matches!(end, End::TooDeep)),
        peak / 1024,
        slowest.0,
        slowest.1,
    );
    for (name, took, end) in &ends {
        println!("  {:>6} ms  {name}: {}", took.as_millis(), end.in_words());
        if let End::Refused(fault) = end {
            let said = fault.to_string();
            assert!(!said.is_empty() && !said.contains('\n') && said.len() < 400, "{said:?}");
        }
    }
    assert!(peak < MEMORY, "{} MB", peak / 1024);
}

/// Reads a file as the service does.
fn read(file: &Hostile) -> End {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kgl"))
        .args(["read-file", "--content-type", file.content_type, "--seconds", &SECONDS.to_string()])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let bytes = std::fs::read(&file.file).expect("the file");
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let (mut answer, mut complaint) = (Vec::new(), String::new());
    let begun = Instant::now();
    thread::scope(|scope| {
        // One that gave up early no longer listens.
        scope.spawn(move || drop(stdin.write_all(&bytes)));
        scope.spawn(|| stderr.read_to_string(&mut complaint));
        stdout.read_to_end(&mut answer).expect("its answer");
    });
    let status = child.wait().expect("it ends");
    let took = begun.elapsed();
    assert!(took < DEADLINE, "{} took {took:?}", file.name);
    assert!(!complaint.contains("panicked"), "{} made the reader panic: {complaint}", file.name);
    match status.signal() {
        None => {
            assert!(status.success(), "{}: {status} {complaint}", file.name);
            let line = answer.split(|byte| *byte == b'\n').next().expect("a line");
            match serde_json::from_slice::<Result<PlainText, FormatError>>(line).expect("an answer") {
                Ok(_) => End::Text,
                Err(fault) => End::Refused(fault),
            }
        }
        Some(ABORTED) if complaint.contains("memory allocation") => End::OutOfMemory,
        Some(ABORTED) if complaint.contains("overflowed its stack") => End::TooDeep,
        Some(OUT_OF_TIME | KILLED) => End::OutOfTime,
        Some(signal) => panic!("{} ended the reader with signal {signal}: {complaint}", file.name),
    }
}

/// The most memory that one of the processes so far had in use, in KiB.
fn children_peak() -> i64 {
    // SAFETY: the call fills the structure that it is given, for which all zeros are a valid value.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage), 0);
        usage.ru_maxrss
    }
}
