//! Word documents to text.

use std::io::{BufReader, Cursor, Read};

use quick_xml::{Reader, events::Event};
use zip::{ZipArchive, result::ZipError};

use super::{Budget, ContentType, FormatError, PlainText, TextBuilder, one_line};

const MAIN: &str = "word/document.xml";
const NOTES: [&str; 2] = ["word/footnotes.xml", "word/endnotes.xml"];
const PROPERTIES: &str = "docProps/core.xml";
/// How often the clock is looked at.
const EVENTS_BETWEEN_CHECKS: usize = 4096;

/// Paragraphs, headings and list items as blocks; rows of tables as lines, with a semicolon between cells; footnotes at
/// the end. What was deleted with changes tracked is left out. No entity but the five of XML and numbers is expanded.
pub(super) fn to_plain_text(bytes: &[u8], budget: &Budget) -> Result<PlainText, FormatError> {
    let mut parts = Parts { archive: open(bytes)?, left: budget.limits.unpacked_bytes as u64 };
    let mut out = TextBuilder::default();
    if !parts.read(MAIN, |xml| Body::default().read(xml, &mut out, budget))? {
        return Err(damaged("it has no word/document.xml"));
    }
    for notes in NOTES {
        out.block();
        parts.read(notes, |xml| Body::default().read(xml, &mut out, budget))?;
    }
    let mut title = None;
    // A document whose properties are broken has its text all the same.
    if let Err(error @ FormatError::TooLarge(_)) = parts.read(PROPERTIES, |xml| {
        title = title_in(xml);
        Ok(())
    }) {
        return Err(error);
    }
    Ok(PlainText { text: out.text, title, ..PlainText::default() })
}

fn damaged(reason: impl Into<String>) -> FormatError {
    FormatError::damaged(ContentType::Docx, reason)
}

fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, FormatError> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(format!("its archive is broken ({error})")))
}

/// The parts of a document, and how much they may still unpack to.
struct Parts<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    left: u64,
}

/// Ends where the allowance does, and remembers that.
struct Allowance<'a, R> {
    inner: R,
    left: &'a mut u64,
}

impl<R: Read> Read for Allowance<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => {
                *self.left = left;
                Ok(read)
            }
            None => {
                *self.left = 0;
                Err(std::io::Error::other(BOMB))
            }
        }
    }
}

const BOMB: &str = "it unpacks to more than is read";

impl Parts<'_> {
    /// Reads a part, and answers whether it is there.
    fn read(
        &mut self,
        name: &str,
        with: impl FnOnce(&mut dyn Read) -> Result<(), FormatError>,
    ) -> Result<bool, FormatError> {
        let part = match self.archive.by_name(name) {
            Ok(part) => part,
            Err(ZipError::FileNotFound) => return Ok(false),
            Err(ZipError::UnsupportedArchive(reason)) if reason == ZipError::PASSWORD_REQUIRED => {
                return Err(FormatError::Encrypted("Word document".to_owned()));
            }
            Err(error) => return Err(damaged(format!("{name} cannot be unpacked ({error})"))),
        };
        let outcome = with(&mut Allowance { inner: part, left: &mut self.left });
        if self.left == 0 {
            return Err(FormatError::TooLarge(BOMB.to_owned()));
        }
        outcome.map(|()| true)
    }
}

/// Where the reader is in a part.
#[derive(Default)]
struct Body {
    in_text: usize,
    /// Elements open inside something that is left out.
    skipped: usize,
    /// Tables inside tables.
    tables: usize,
    /// Paragraphs of the cell so far: those after the first start a line.
    paragraphs_in_cell: usize,
}

impl Body {
    fn read(mut self, xml: &mut dyn Read, out: &mut TextBuilder, budget: &Budget) -> Result<(), FormatError> {
        let mut reader = Reader::from_reader(BufReader::new(xml));
        reader.config_mut().check_end_names = false;
        let (mut buffer, mut events) = (Vec::new(), 0_usize);
        loop {
            events += 1;
            if events.is_multiple_of(EVENTS_BETWEEN_CHECKS) {
                budget.check_time()?;
                budget.check_text(out.text.len())?;
            }
            buffer.clear();
            match reader.read_event_into(&mut buffer).map_err(|error| damaged(error.to_string()))? {
                Event::Start(tag) => self.start(tag.local_name().as_ref(), out),
                Event::Empty(tag) => self.empty(tag.local_name().as_ref(), out),
                Event::End(tag) => self.end(tag.local_name().as_ref(), out),
                Event::Text(words) if self.reads() => {
                    out.flow(&words);
                }
                Event::CData(words) if self.reads() => {
                    out.flow(&words);
                }
                Event::GeneralRef(entity) if self.reads() => {
                    if let Some(c) = character(&entity) {
                        out.flow(c.encode_utf8(&mut [0; 4]));
                    }
                }
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }

    fn reads(&self) -> bool {
        self.in_text > 0 && self.skipped == 0
    }

    fn start(&mut self, name: &str, out: &mut TextBuilder) {
        if self.skipped > 0 || is_left_out(name) {
            self.skipped += 1;
            return;
        }
        match name {
            "t" => self.in_text += 1,
            "tbl" => {
                self.tables += 1;
                out.block();
            }
            "tr" => out.line(),
            "tc" => {
                self.paragraphs_in_cell = 0;
                out.cell();
            }
            "p" if self.tables > 0 => {
                if self.paragraphs_in_cell > 0 {
                    out.space();
                }
                self.paragraphs_in_cell += 1;
            }
            "p" => out.block(),
            _ => self.empty(name, out),
        }
    }

    /// An element without content, or whose content does not matter.
    fn empty(&self, name: &str, out: &mut TextBuilder) {
        if self.skipped > 0 {
            return;
        }
        match name {
            "br" | "cr" if self.tables == 0 => out.line(),
            "br" | "cr" | "tab" | "ptab" => out.space(),
            "noBreakHyphen" => out.flow("-"),
            _ => {}
        }
    }

    fn end(&mut self, name: &str, out: &mut TextBuilder) {
        if self.skipped > 0 {
            self.skipped -= 1;
            return;
        }
        match name {
            "t" => self.in_text = self.in_text.saturating_sub(1),
            "tbl" => {
                self.tables = self.tables.saturating_sub(1);
                out.block();
            }
            "p" if self.tables == 0 => out.block(),
            _ => {}
        }
    }
}

/// Deleted text, field codes, properties (they have `tab` elements of their own), and the second of two forms of the
/// same drawing.
fn is_left_out(name: &str) -> bool {
    matches!(name, "del" | "moveFrom" | "delText" | "instrText" | "pPr" | "rPr" | "tblPr" | "sectPr" | "Fallback")
}

/// The character of a reference; none for an entity that a document type would have to define.
fn character(entity: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if let Ok(Some(c)) = entity.resolve_char_ref() {
        return Some(c).filter(|c| *c != '\0');
    }
    match &**entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

/// The `dc:title` of the properties.
fn title_in(xml: &mut dyn Read) -> Option<String> {
    let mut reader = Reader::from_reader(BufReader::new(xml.take(1 << 20)));
    reader.config_mut().check_end_names = false;
    let (mut buffer, mut title, mut inside) = (Vec::new(), String::new(), false);
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer).ok()? {
            Event::Start(tag) => inside = tag.local_name().as_ref() == "title",
            Event::End(_) if inside => break,
            Event::Text(words) if inside => title.push_str(&words),
            Event::GeneralRef(entity) if inside => title.extend(character(&entity)),
            Event::Eof => break,
            _ => {}
        }
    }
    one_line(&title)
}
