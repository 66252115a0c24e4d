//! The kinds of document, and their names.

use serde::{Deserialize, Serialize};

/// What a document is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContentType {
    /// Plain text.
    #[default]
    Text,
    /// CommonMark with tables.
    Markdown,
    /// HTML of any age.
    Html,
    /// One JSON value.
    Json,
    /// Rows of fields, with commas, semicolons, tabs or bars between them.
    Csv,
    /// A mail with its attachments (RFC 5322, MIME).
    Email,
    /// PDF.
    Pdf,
    /// Word (Office Open XML).
    Docx,
}

/// MIME type, label, other MIME types, file endings.
type Names = (ContentType, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const NAMES: [Names; 8] = [
    (ContentType::Text, "text/plain", "plain text", &[], &["txt", "text"]),
    (ContentType::Markdown, "text/markdown", "Markdown", &["text/x-markdown"], &["md", "markdown"]),
    (ContentType::Html, "text/html", "HTML", &["application/xhtml+xml"], &["html", "htm", "xhtml"]),
    (ContentType::Json, "application/json", "JSON", &["text/json"], &["json"]),
    (
        ContentType::Csv,
        "text/csv",
        "CSV",
        &["application/csv", "text/x-csv", "text/tab-separated-values"],
        &["csv", "tsv"],
    ),
    (ContentType::Email, "message/rfc822", "an e-mail", &[], &["eml"]),
    (ContentType::Pdf, "application/pdf", "PDF", &["application/x-pdf"], &["pdf"]),
    (
        ContentType::Docx,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "a Word document (docx)",
        &[],
        &["docx"],
    ),
];

/// Files above this are read in a process of their own whatever they are, so that their memory is bounded by the
/// system too.
const LARGE: usize = 1 << 20;
/// HTML is what people find on the web; below this it cannot do harm.
const LARGE_HTML: usize = 256 << 10;

impl ContentType {
    /// From a MIME type; parameters and case do not matter. `None` for what is not read.
    #[must_use]
    pub fn from_mime(mime: &str) -> Option<Self> {
        let essence = mime.split(';').next()?.trim().to_ascii_lowercase();
        let fits = |names: &&Names| names.1 == essence || names.3.contains(&essence.as_str());
        NAMES.iter().find(fits).map(|names| names.0)
    }

    /// The `charset` parameter of a MIME type.
    #[must_use]
    pub fn charset_of_mime(mime: &str) -> Option<&str> {
        mime.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
        })
    }

    /// From the ending of a file's name.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let ending = name.rsplit_once('.')?.1.to_ascii_lowercase();
        NAMES.iter().find(|names| names.4.contains(&ending.as_str())).map(|names| names.0)
    }

    /// The MIME type, without parameters.
    #[must_use]
    pub fn as_mime(self) -> &'static str {
        self.names().1
    }

    /// What it is called, for a person.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.names().2
    }

    /// Whether it is a sequence of characters, so that it can travel inside a JSON string.
    #[must_use]
    pub fn is_text(self) -> bool {
        !matches!(self, Self::Pdf | Self::Docx)
    }

    /// Whether a document of this type and size belongs into a process that can be killed when it takes too much time
    /// or memory. What stays is read by linear passes of our own.
    #[must_use]
    pub fn needs_isolation(self, bytes: usize) -> bool {
        match self {
            Self::Pdf | Self::Docx | Self::Email => true,
            Self::Html => bytes > LARGE_HTML,
            // Nothing is built of it.
            Self::Text => false,
            Self::Markdown | Self::Json | Self::Csv => bytes > LARGE,
        }
    }

    fn names(self) -> &'static Names {
        NAMES.iter().find(|names| names.0 == self).unwrap_or(&NAMES[0])
    }
}
