//! From what people submit to the plain text that all offsets refer to.

mod html;
mod json;
mod markdown;

use std::borrow::Cow;

/// What a document is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// Plain text.
    Text,
    /// CommonMark with tables.
    Markdown,
    /// HTML of any age.
    Html,
    /// One JSON value.
    Json,
}

impl ContentType {
    /// From a MIME type; parameters and case do not matter. `None` for what is not converted, and
    /// for a charset other than UTF-8 (and its subset ASCII), because the text arrives decoded.
    #[must_use]
    pub fn from_mime(mime: &str) -> Option<Self> {
        let mut parts = mime.split(';').map(str::trim);
        let kind = match parts.next()?.to_ascii_lowercase().as_str() {
            "text/plain" => Self::Text,
            "text/markdown" | "text/x-markdown" => Self::Markdown,
            "text/html" | "application/xhtml+xml" => Self::Html,
            "application/json" => Self::Json,
            _ => return None,
        };
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"').to_ascii_lowercase();
            let decoded = matches!(value.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii");
            if name.trim().eq_ignore_ascii_case("charset") && !decoded {
                return None;
            }
        }
        Some(kind)
    }

    /// From the ending of a file's name.
    #[must_use]
    pub fn from_file_name(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "txt" | "text" => Some(Self::Text),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" | "xhtml" => Some(Self::Html),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// The MIME type, without parameters.
    #[must_use]
    pub fn as_mime(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::Markdown => "text/markdown",
            Self::Html => "text/html",
            Self::Json => "application/json",
        }
    }
}

/// A document as plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainText {
    /// The text: line feeds only, no byte order mark, no NUL.
    pub text: String,
    /// What the document calls itself, if it does.
    pub title: Option<String>,
}

/// Why a document could not be turned into text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// NUL has no place in a text, and PostgreSQL cannot store it.
    #[error("the text contains a NUL character (at {position})")]
    Nul {
        /// How many scalar values come before it, in the content or in what it decodes to.
        position: usize,
    },
    /// Not JSON, or nested more than 128 levels deep.
    #[error("not readable as JSON: {0}")]
    Json(String),
}

/// Turns a document into plain text. Takes time and memory linear in its length, whatever is in it.
///
/// Plain text keeps all its characters. HTML gives its main text (`main` or `article` when they
/// hold the bulk of it) without scripts, navigation, asides and controls. Markdown loses its
/// markup, and its first heading is the title. JSON gives a line `key: value.` for each string.
///
/// # Errors
/// [`FormatError`], when the content is not what its type says or holds a NUL.
pub fn to_plain_text(content: &str, content_type: ContentType) -> Result<PlainText, FormatError> {
    refuse_nul(content)?;
    let content = normalise(content);
    let plain = match content_type {
        ContentType::Text => PlainText { text: content.into_owned(), title: None },
        ContentType::Markdown => markdown::to_plain_text(&content),
        ContentType::Html => html::to_plain_text(&content),
        ContentType::Json => json::to_plain_text(&content)?,
    };
    // An escape ("\u0000") can bring in what the raw content did not hold.
    refuse_nul(&plain.text)?;
    Ok(plain)
}

fn refuse_nul(text: &str) -> Result<(), FormatError> {
    match text.find('\0') {
        Some(at) => Err(FormatError::Nul { position: text[..at].chars().count() }),
        None => Ok(()),
    }
}

/// Line feeds only, and no byte order mark.
fn normalise(content: &str) -> Cow<'_, str> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    if content.contains('\r') {
        Cow::Owned(content.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(content)
    }
}

/// Builds text out of pieces: runs of whitespace become one space, blocks are set apart by one
/// empty line, and nothing is left at the ends.
#[derive(Default)]
struct TextBuilder {
    text: String,
    space: bool,
    newlines: usize,
}

impl TextBuilder {
    /// Flowing text, whitespace collapsed.
    fn flow(&mut self, piece: &str) {
        for c in piece.chars() {
            if c.is_whitespace() && c != '\u{a0}' {
                self.space = true;
            } else {
                self.gap();
                self.text.push(if c == '\u{a0}' { ' ' } else { c });
            }
        }
    }

    /// Text whose spaces and line ends mean something.
    fn verbatim(&mut self, piece: &str) {
        if !piece.trim().is_empty() {
            self.gap();
            self.text.push_str(piece.trim_end_matches('\n'));
            self.newlines = self.newlines.max(usize::from(piece.ends_with('\n')));
        }
    }

    /// The next piece starts on a new line.
    fn line(&mut self) {
        self.newlines = self.newlines.max(1);
    }

    /// The next piece starts a new block.
    fn block(&mut self) {
        self.newlines = 2;
    }

    /// The next piece is at least a space away.
    fn space(&mut self) {
        self.space = true;
    }

    fn gap(&mut self) {
        if !self.text.is_empty() {
            if self.newlines > 0 {
                for _ in 0..self.newlines {
                    self.text.push('\n');
                }
            } else if self.space && !self.text.ends_with(['\n', ' ']) {
                self.text.push(' ');
            }
        }
        self.newlines = 0;
        self.space = false;
    }
}

/// One line out of a piece of text; `None` when it is blank.
fn one_line(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests;
