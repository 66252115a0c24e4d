//! Texts to submit: as many different ones as a test wants, put together from the sentences of the samples.

use std::{fmt::Write, fs, path::Path, sync::OnceLock};

/// Sentences with real names, so that every text has facts and different texts share entities.
fn sentences() -> &'static [String] {
    static SENTENCES: OnceLock<Vec<String>> = OnceLock::new();
    SENTENCES.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
        let mut files: Vec<_> =
            fs::read_dir(folder).expect("the samples").map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        files.retain(|file| file.extension().is_some_and(|kind| kind == "txt" || kind == "md"));
        let texts = files.iter().map(|file| fs::read_to_string(file).expect("is text"));
        texts.flat_map(|text| split(&text)).collect()
    })
}

/// Good enough for samples: a sentence ends where a full stop is followed by a space.
fn split(text: &str) -> Vec<String> {
    let paragraphs = text.lines().filter(|line| !line.starts_with('#') && line.ends_with('.'));
    paragraphs
        .flat_map(|line| line.split_inclusive(". ").map(|s| s.trim().to_owned()))
        .filter(|s| s.len() > 40)
        .collect()
}

/// The text number `number`: at least `words` words, and different from every other number's.
pub fn text(number: usize, words: usize) -> String {
    let sentences = sentences();
    let mut text = format!("Report {number}.");
    let mut count = 2;
    // Steps that have no divisor in common with each other lead to ever new neighbours.
    for step in 0.. {
        if count >= words {
            break;
        }
        let sentence = &sentences[(number * 31 + step * 17 + step / sentences.len()) % sentences.len()];
        let _ = write!(text, "{}{sentence}", if step % 6 == 0 { "\n\n" } else { " " });
        count += sentence.split_whitespace().count();
    }
    text
}

/// A text of at least so many bytes, which takes an extractor a while.
pub fn large_text(number: usize, bytes: usize) -> String {
    let mut all = String::with_capacity(bytes + 20_000);
    for part in 0.. {
        if all.len() >= bytes {
            break;
        }
        all.push_str(&text(number * 100_000 + part, 1000));
        all.push_str("\n\n");
    }
    all
}
