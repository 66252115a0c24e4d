//! From bytes to characters.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::{ContentType, FormatError};

/// How much is looked at to guess an encoding.
const SAMPLE: usize = 256 << 10;
/// How far into a page its declaration is looked for, as browsers do.
const DECLARATION: usize = 2048;

pub(super) const NUL_NOTE: &str = "NUL characters were left out";

/// A decoded text: line feeds only, no byte order mark, no NUL.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) notes: Vec<String>,
}

/// Decodes by, in this order: a byte order mark, UTF-8 where the bytes are valid as such, what is declared beside the
/// bytes, what they declare themselves, a guess.
pub(super) fn decode(bytes: &[u8], charset: Option<&str>, content_type: ContentType) -> Result<Decoded, FormatError> {
    let mut notes = Vec::new();
    let (encoding, guessed) = choose(bytes, charset, content_type);
    let (text, encoding, had_errors) = encoding.decode(bytes);
    if guessed {
        notes.push(format!("no encoding was declared; the text was read as {}", encoding.name()));
    }
    if looks_binary(&text) {
        return Err(FormatError::Unsupported("no text, but binary data".to_owned()));
    }
    if had_errors {
        notes.push(format!("some bytes are no {} and were replaced by \u{fffd}", encoding.name()));
    }
    let mut text = line_feeds(&text).into_owned();
    if text.contains('\0') {
        text.retain(|c| c != '\0');
        notes.push(NUL_NOTE.to_owned());
    }
    Ok(Decoded { text, notes })
}

/// The encoding, and whether it is a guess.
fn choose(bytes: &[u8], charset: Option<&str>, content_type: ContentType) -> (&'static Encoding, bool) {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding, false);
    }
    if let Some(encoding) = wide(bytes) {
        return (encoding, true);
    }
    let declared =
        charset.and_then(|label| Encoding::for_label(label.as_bytes())).or_else(|| inside(bytes, content_type));
    let stateful = declared.is_some_and(|encoding| encoding.name() == "ISO-2022-JP");
    if !stateful && std::str::from_utf8(bytes).is_ok() {
        return (UTF_8, false);
    }
    if let Some(encoding) = declared {
        return (encoding, false);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    detector.feed(sample, sample.len() == bytes.len());
    (detector.guess(None, Utf8Detection::Allow), true)
}

/// UTF-16 without a byte order mark: in text with Latin letters every other byte is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = &bytes[..bytes.len().min(4096)];
    let zeros = |odd: usize| head.iter().skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    if pairs < 4 {
        return None;
    }
    if odd * 5 > pairs * 2 && even * 20 < pairs {
        return Some(UTF_16LE);
    }
    (even * 5 > pairs * 2 && odd * 20 < pairs).then_some(UTF_16BE)
}

/// What an HTML page or an XML declaration says of itself.
fn inside(bytes: &[u8], content_type: ContentType) -> Option<&'static Encoding> {
    if content_type != ContentType::Html {
        return None;
    }
    let head = bytes[..bytes.len().min(DECLARATION)].to_ascii_lowercase();
    ["charset", "encoding"].iter().find_map(|word| {
        let at = super::detect::find(&head, word.as_bytes())? + word.len();
        let rest = head[at..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let label =
            rest.split(|b| matches!(b, b'"' | b'\'' | b'>' | b';' | b' ' | b'/' | b'?')).find(|l| !l.is_empty());
        // A page that can be searched for this word as ASCII is no UTF-16.
        Encoding::for_label(label?)
            .map(|encoding| if encoding == UTF_16LE || encoding == UTF_16BE { UTF_8 } else { encoding })
    })
}

/// Whether so much of the beginning is neither text nor layout that this was never text.
fn looks_binary(text: &str) -> bool {
    let (mut seen, mut odd) = (0_usize, 0_usize);
    for c in text.chars().take(4096) {
        seen += 1;
        let control = c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{1b}' | '\u{85}');
        odd += usize::from(control || c == '\u{fffd}');
    }
    odd >= 16 && odd * 10 > seen
}

/// Line feeds only, and no byte order mark.
pub(super) fn line_feeds(content: &str) -> Cow<'_, str> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    if content.contains('\r') {
        Cow::Owned(content.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(content)
    }
}
