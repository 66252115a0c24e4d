//! Measures how fast texts are read: `speed FILE...` (the larger the files together, the better; samples/* will do).
//!
//! Readers take turns on the same texts: the bare encoder (sentence vectors, nothing remembered), the built-in extractor
//! with all that it does, and the fast one; both also with open relations. For each: words a second of wall time (the best and the middle
//! of the rounds), words a second of processor time (steadier when the machine has other work), and the ratio to the
//! bare encoder. Also how long the models take to load, and the most memory the process had.
// Showing is this program's purpose.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};
use std::{env, fs};

use kgl_extraction::{
    Declared, Embedder, ExtractOptions, Extractor, ReadLimits, Unwatched, builtin, fast, sentences, to_plain_text,
};

type Outcome = Result<(), Box<dyn Error>>;

const ROUNDS: usize = 5;

/// Clock ticks a second in /proc/self/stat: 100 on every Linux that Rust's standard library runs on.
const TICKS: f64 = 100.0;

struct Reader<'a> {
    name: &'a str,
    read: Box<dyn Fn() -> Outcome + 'a>,
    /// How often the texts are read in a round, so that it takes long enough to be measured.
    times: usize,
    wall: Vec<f64>,
    processor: Vec<f64>,
}

fn main() -> Outcome {
    let paths: Vec<String> = env::args().skip(1).collect();
    if paths.is_empty() {
        return Err("usage: speed FILE...".into());
    }
    let texts = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let words: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    println!("{words} words in {} files; the process had {} before loading", texts.len(), memory()?);

    let (embedder, took) = timed(|| Embedder::load_remembering(0));
    let embedder = embedder?;
    println!("encoder loaded in {} ms; peak {}", took.as_millis(), memory()?);
    let (reader, took) = timed(builtin);
    println!("{} {} loaded in {} ms; peak {}", reader.name(), reader.version(), took.as_millis(), memory()?);
    let (quick, took) = timed(fast);
    println!("{} {} loaded in {} ms; peak {}", quick.name(), quick.version(), took.as_millis(), memory()?);

    // All at once, which is the most favourable to it: the fuller a batch, the faster.
    let parts: Vec<String> = texts.iter().flat_map(|text| split(text)).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let encode = || embedder.embed(&parts).map(drop).map_err(Into::into);
    let mut readers = [
        Reader::new("bare encoder", 1, Box::new(encode)),
        Reader::new(reader.name(), 1, Box::new(|| extract(reader.as_ref(), &texts, false))),
        Reader::new("... and open", 1, Box::new(|| extract(reader.as_ref(), &texts, true))),
        Reader::new(quick.name(), 20, Box::new(|| extract(quick.as_ref(), &texts, false))),
        Reader::new("... and open", 20, Box::new(|| extract(quick.as_ref(), &texts, true))),
    ];
    for _ in 0..ROUNDS {
        for reader in &mut readers {
            reader.round(words)?;
        }
    }
    println!("\n{:<14} {:>12} {:>12} {:>16} {:>10}", "words/s", "best", "middle", "processor time", "ratio");
    let [(_, bare), ..] = readers.each_mut().map(|reader| (reader.name, middle(&mut reader.processor)));
    for reader in &mut readers {
        let (wall, processor) = (middle(&mut reader.wall), middle(&mut reader.processor));
        let best = reader.wall.iter().copied().fold(0.0, f64::max);
        println!("{:<14} {best:>12.0} {wall:>12.0} {processor:>16.0} {:>10.2}", reader.name, processor / bare);
    }
    println!("\npeak memory {}", memory()?);
    Ok(())
}

impl<'a> Reader<'a> {
    fn new(name: &'a str, times: usize, read: Box<dyn Fn() -> Outcome + 'a>) -> Self {
        Self { name, read, times, wall: Vec::new(), processor: Vec::new() }
    }

    fn round(&mut self, words: usize) -> Outcome {
        let (start, before) = (Instant::now(), processor_time()?);
        for _ in 0..self.times {
            (self.read)()?;
        }
        let words = (words * self.times) as f64;
        self.wall.push(words / start.elapsed().as_secs_f64());
        self.processor.push(words / (processor_time()? - before).max(1.0 / TICKS));
        Ok(())
    }
}

fn read(path: &str) -> Result<String, Box<dyn Error>> {
    let declared = Declared { file_name: Some(path), ..Declared::default() };
    Ok(to_plain_text(&fs::read(path)?, &declared, &ReadLimits::default())?.text)
}

fn split(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    sentences(text).iter().map(|span| chars[span.start..span.end].iter().collect()).collect()
}

fn extract(extractor: &dyn Extractor, texts: &[String], open: bool) -> Outcome {
    let options = ExtractOptions { open_relations: Some(open), ..ExtractOptions::default() };
    for text in texts {
        extractor.extract(text, &options, &Unwatched)?;
    }
    Ok(())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Seconds of processor time that all threads of this process had so far.
fn processor_time() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name in brackets may hold blanks; user and system time are the 14th and 15th field.
    let fields = stat.rsplit_once(')').ok_or("no /proc/self/stat")?.1;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS)
}

/// The most memory that this process had at any time.
fn memory() -> Result<String, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kilobytes: f64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(format!("{:.0} MB", kilobytes * 1024.0 / 1e6))
}
