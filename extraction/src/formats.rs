//! From what people submit to the plain text that all offsets refer to.
//!
//! Bytes come in as they were sent, with what is said of them; out comes text with what was learnt on the way: title,
//! language, where pages begin, and notes for a person. Every reader works within [`ReadLimits`] and in time linear in
//! what it unpacks, but the formats that need somebody else's parser ([`ContentType::needs_isolation`]) should be read
//! in a process that can be killed.

mod content_type;
mod csv;
mod detect;
mod docx;
mod eml;
mod encoding;
mod html;
mod json;
mod language;
mod markdown;
mod pdf;
mod records;
mod text_builder;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use content_type::ContentType;
pub use detect::detect;
pub use language::{detect_language, language_note};
use text_builder::{TextBuilder, one_line};

/// What is said of a document from outside.
#[derive(Clone, Copy, Debug, Default)]
pub struct Declared<'a> {
    /// What it is said to be; none lets its bytes tell.
    pub content_type: Option<ContentType>,
    /// The charset that came with it. One that is not known is ignored.
    pub charset: Option<&'a str>,
    /// The name of its file; its ending counts where no type is declared.
    pub file_name: Option<&'a str>,
    /// The declared type is certain, as of a text that came inside JSON: nothing is looked for in its bytes.
    pub certain: bool,
}

impl Declared<'_> {
    /// Text of a known type that is in UTF-8 for certain.
    #[must_use]
    pub fn utf8(content_type: ContentType) -> Self {
        Self { content_type: Some(content_type), charset: Some("utf-8"), file_name: None, certain: true }
    }
}

/// How far reading a document may go.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ReadLimits {
    /// The longest text that may come out, in bytes.
    pub text_bytes: usize,
    /// The most bytes that compressed parts may unpack to, together.
    pub unpacked_bytes: usize,
    /// The most pages.
    pub pages: usize,
    /// The most time; looked at between parts and pages.
    pub time: Duration,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { text_bytes: 20 << 20, unpacked_bytes: 128 << 20, pages: 10_000, time: Duration::from_secs(20) }
    }
}

/// The limits of one document while it is read.
#[derive(Clone, Copy)]
struct Budget {
    limits: ReadLimits,
    until: Instant,
    /// How many mails and attachments this one is inside of.
    depth: usize,
}

impl Budget {
    fn check_time(&self) -> Result<(), FormatError> {
        if Instant::now() > self.until { Err(FormatError::Time) } else { Ok(()) }
    }

    fn check_text(&self, bytes: usize) -> Result<(), FormatError> {
        if bytes > self.limits.text_bytes {
            return Err(FormatError::TooLarge(format!("its text has more than {} MB", self.limits.text_bytes >> 20)));
        }
        Ok(())
    }
}

/// A document as plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlainText {
    /// The text: line feeds only, no byte order mark, no NUL.
    pub text: String,
    /// What the document calls itself, if it does.
    pub title: Option<String>,
    /// What it turned out to be.
    pub content_type: ContentType,
    /// The language that its text seems to be in, as a BCP 47 tag; none when there is too little text to tell.
    pub language: Option<String>,
    /// Where its pages begin, in Unicode scalar values of `text`, ascending; empty when it has no pages. A page without
    /// text begins where the next one does.
    pub pages: Vec<usize>,
    /// What a person should know of how it was read, a sentence each.
    pub notes: Vec<String>,
}

/// Why a document could not be turned into text, in words for its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum FormatError {
    /// Not JSON, or nested more than 128 levels deep.
    #[error("not readable as JSON: {0}")]
    Json(String),
    /// It begins like its format but is not put together as that wants.
    #[error("not readable as {format}: {reason}")]
    Damaged {
        /// The format's name, for a person.
        format: String,
        /// What is wrong.
        reason: String,
    },
    /// It is protected by a password.
    #[error("this {0} is protected by a password; remove the protection first")]
    Encrypted(String),
    /// It holds nothing that could be read.
    #[error("{0}")]
    NoText(String),
    /// It is of a kind that is not read.
    #[error("this is {0}, which is not read; txt, md, html, pdf, docx, csv, json and eml files are")]
    Unsupported(String),
    /// It goes beyond a limit.
    #[error("too large: {0}")]
    TooLarge(String),
    /// It took too long.
    #[error("reading it took too long")]
    Time,
}

impl FormatError {
    fn damaged(content_type: ContentType, reason: impl Into<String>) -> Self {
        Self::Damaged { format: content_type.label().to_owned(), reason: reason.into() }
    }
}

/// Turns a document into plain text.
///
/// Plain text keeps all its characters. HTML gives its main text without menus and scripts. Markdown loses its markup.
/// CSV and JSON give a statement for each row or object, `name: Ada Lovelace; born: 1815.`. PDF gives its text with
/// page starts, DOCX its paragraphs, tables and notes, and a mail its headers, its text and what is attached.
///
/// # Errors
/// [`FormatError`], when the content is not what it must be or goes beyond the limits.
pub fn to_plain_text(bytes: &[u8], declared: &Declared<'_>, limits: &ReadLimits) -> Result<PlainText, FormatError> {
    let budget = Budget { limits: *limits, until: Instant::now() + limits.time, depth: 0 };
    let mut plain = read(bytes, declared, &budget)?;
    plain.language = detect_language(&plain.text, plain.content_type).map(str::to_owned);
    Ok(plain)
}

fn read(bytes: &[u8], declared: &Declared<'_>, budget: &Budget) -> Result<PlainText, FormatError> {
    let content_type = detect(bytes, declared)?;
    let mut plain = match content_type {
        ContentType::Pdf => pdf::to_plain_text(bytes, budget)?,
        ContentType::Docx => docx::to_plain_text(bytes, budget)?,
        ContentType::Email => eml::to_plain_text(bytes, budget)?,
        _ => {
            let decoded = encoding::decode(bytes, declared.charset, content_type)?;
            let mut plain = from_text(&decoded.text, content_type, budget)?;
            plain.notes.splice(..0, decoded.notes);
            plain
        }
    };
    plain.content_type = content_type;
    if plain.text.contains('\0') {
        // An escape (`\u0000`) can bring in what the bytes did not hold. No NUL is left in what has pages.
        plain.text.retain(|c| c != '\0');
        plain.notes.push(encoding::NUL_NOTE.to_owned());
    }
    budget.check_text(plain.text.len())?;
    Ok(plain)
}

/// The readers of what is text already.
fn from_text(text: &str, content_type: ContentType, budget: &Budget) -> Result<PlainText, FormatError> {
    Ok(match content_type {
        ContentType::Markdown => markdown::to_plain_text(text),
        ContentType::Html => html::to_plain_text(text),
        ContentType::Json => json::to_plain_text(text, budget)?,
        ContentType::Csv => csv::to_plain_text(text, budget)?,
        _ => PlainText { text: text.to_owned(), ..PlainText::default() },
    })
}

#[cfg(test)]
mod tests;
