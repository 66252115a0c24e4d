//! Two thousand files of all formats with something changed in each, by fixed seeds: none makes a reader panic, hang,
//! or take much memory. All in this process, with nothing to catch a fall.

// Its figures are for people.
#![allow(clippy::print_stdout)]

use std::{
    panic,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use kgl_extraction::{ContentType, Declared, ReadLimits, to_plain_text};

const FILES: u64 = 2_000;
/// What one file may take, on a machine that does other things too.
const DEADLINE: Duration = Duration::from_secs(20);
/// What all of them may take of memory together, in KiB.
const MEMORY: usize = 500 * 1024;

/// A generator of numbers (xorshift), the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }
}

fn samples() -> Vec<(ContentType, Vec<u8>)> {
    let file = |name: &str| {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/files").join(name)).expect("the sample")
    };
    let mail = b"From: Ada Lovelace <ada@example.org>\r\nTo: cb@example.org\r\nSubject: =?utf-8?q?The_engine?=\r\nDate: Mon, \
        11 Mar 2024 10:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
        Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nFran=E7ois\r\n> \
        said\r\n--b\r\nContent-Disposition: attachment; filename=\"a.csv\"\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        bmFtZSxib3JuCkFkYSwxODE1Cg==\r\n--b--\r\n";
    let page = "<!doctype html><html><head><title>Radium</title></head><body><nav><ul><li><a href='/'>Home</a></ul></nav>\
        <main><h1>Marie Curie</h1><p class=\"x\">She was born<br>in <b>Warsaw</b> &amp; &#x1F680;.</p><table><tr><td>a<td>b\
        </table><script>if (a<b) {}</script></main><!-- x --></body></html>";
    vec![
        (ContentType::Pdf, file("article.pdf")),
        (ContentType::Pdf, file("columns.pdf")),
        (ContentType::Pdf, file("embedded-font.pdf")),
        (ContentType::Pdf, file("restricted.pdf")),
        (ContentType::Docx, file("report.docx")),
        (ContentType::Email, mail.to_vec()),
        (ContentType::Html, page.into()),
        (
            ContentType::Markdown,
            b"# A\n\n- *b* [c](d)\n\n> e\n\n| a | b |\n|---|---|\n| c | d |\n\n```\nx\n```\n<p>y</p>".to_vec(),
        ),
        (ContentType::Csv, b"name,born\n\"Ada, L\",1815\nCharles,1791\n".to_vec()),
        (ContentType::Json, br#"{"title": "A", "list": [{"name": "x", "n": 1.5e3}, null, true, "\u00e9"]}"#.to_vec()),
        (ContentType::Text, "Zürich — Σωκράτης 🚀 words".encode_utf16().flat_map(u16::to_le_bytes).collect()),
    ]
}

/// A sample with one to eight changes.
fn mutated(samples: &[(ContentType, Vec<u8>)], seed: u64) -> (ContentType, Vec<u8>) {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        numbers.next();
    }
    let (content_type, mut bytes) = samples[numbers.below(samples.len())].clone();
    for _ in 0..=numbers.below(8) {
        change(&mut bytes, &mut numbers, samples);
    }
    (content_type, bytes)
}

fn change(bytes: &mut Vec<u8>, numbers: &mut Numbers, samples: &[(ContentType, Vec<u8>)]) {
    let at = numbers.below(bytes.len());
    let end = (at + 1 + numbers.below(64)).min(bytes.len());
    match numbers.below(9) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << numbers.below(8),
        1 if !bytes.is_empty() => bytes[at] = numbers.next() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].repeat(1 + numbers.below(50));
            drop(bytes.splice(at..at, piece));
        }
        5 => {
            // A piece of another file, or of the same one from elsewhere.
            let other = &samples[numbers.below(samples.len())].1;
            let from = numbers.below(other.len());
            let piece = other[from..(from + numbers.below(200)).min(other.len())].to_vec();
            drop(bytes.splice(at..end.min(bytes.len()), piece));
        }
        6 => {
            // Numbers become huge, negative or nothing.
            if let Some(digit) = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) {
                let values: [&[u8]; 6] = [b"99999999999", b"-1", b"0", b"2147483648", b"1e308", b""];
                drop(bytes.splice(digit..=digit, values[numbers.below(6)].iter().copied()));
            }
        }
        7 => {
            let marks: [&[u8]; 10] =
                [b"<<", b">>", b"[", b"(", b"\0\0\0\0", b"\xff\xff", b"<!--", b"\"", b"&#", b"\r\n\r\n"];
            drop(bytes.splice(at..at, marks[numbers.below(10)].repeat(1 + numbers.below(300))));
        }
        _ => bytes[at..end].reverse(),
    }
}

#[test]
fn mutated_files_make_no_reader_panic_or_hang() {
    let samples = samples();
    let panics = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&panics);
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::Relaxed);
        usual(info);
    }));
    let (mut texts, mut slowest) = (0, (Duration::ZERO, 0));
    let running = Arc::new(Mutex::new((0_u64, Instant::now())));
    watch(Arc::clone(&running));
    for seed in 1..=FILES {
        let (content_type, bytes) = mutated(&samples, seed);
        *running.lock().expect("no panic") = (seed, Instant::now());
        let begun = Instant::now();
        let declared = Declared { content_type: Some(content_type), ..Declared::default() };
        let read = to_plain_text(&bytes, &declared, &ReadLimits { time: DEADLINE, ..ReadLimits::default() });
        if begun.elapsed() > slowest.0 {
            slowest = (begun.elapsed(), seed);
        }
        match read {
            Ok(plain) => {
                texts += 1;
                assert!(!plain.text.contains('\0'), "seed {seed}");
                let length = plain.text.chars().count();
                assert!(plain.pages.is_sorted() && plain.pages.iter().all(|start| *start <= length), "seed {seed}");
            }
            Err(fault) => assert!(!fault.to_string().contains('\n'), "seed {seed}: {fault}"),
        }
    }
    drop(panic::take_hook());
    let peak = peak();
    println!(
        "{FILES} files: {texts} gave a text; slowest {:?} (seed {}); peak {} MB",
        slowest.0,
        slowest.1,
        peak / 1024
    );
    assert_eq!(panics.load(Ordering::Relaxed), 0, "a reader panicked");
    assert!(peak < MEMORY, "{} MB", peak / 1024);
}

/// Ends the test when one file hangs, and says which.
fn watch(running: Arc<Mutex<(u64, Instant)>>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let (seed, begun) = *running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if seed > 0 && seed < FILES && begun.elapsed() > 2 * DEADLINE {
                eprintln!("seed {seed} hangs");
                std::process::abort();
            }
        }
    });
}

/// The most memory that this process had in use, in KiB.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
