//! What a document is, by its bytes first and then by what is said of it.

use super::{ContentType, Declared, FormatError};

/// How far into a file a sign is looked for.
const HEAD: usize = 1024;
/// How much of an archive's beginning and end is searched for names.
const ARCHIVE_ENDS: usize = 256 << 10;

/// What a document is. Bytes that can be only one thing win over what is declared; what is declared wins over guesses.
///
/// # Errors
/// [`FormatError::Unsupported`] for what is recognised and not read, and for names that promise something else.
pub fn detect(bytes: &[u8], declared: &Declared<'_>) -> Result<ContentType, FormatError> {
    if let (true, Some(certain)) = (declared.certain, declared.content_type) {
        return Ok(certain);
    }
    let named = declared.file_name.and_then(ContentType::from_file_name);
    let said = declared.content_type.or(named);
    let head = &bytes[..bytes.len().min(HEAD)];
    if let Some(found) = by_signature(bytes, said)? {
        return Ok(found);
    }
    match said {
        // Many a PDF begins with a line of its own before the mark.
        Some(ContentType::Pdf) if find(head, b"%PDF-").is_none() => {
            Err(FormatError::damaged(ContentType::Pdf, "it does not begin like a PDF"))
        }
        Some(ContentType::Docx) => Err(FormatError::damaged(ContentType::Docx, "it is not a ZIP archive")),
        Some(said) => Ok(said),
        None => match declared.file_name.and_then(ending).filter(|ending| KNOWN_OTHERS.contains(&ending.as_str())) {
            Some(ending) => Err(FormatError::Unsupported(format!("a .{ending} file"))),
            None => by_beginning(head),
        },
    }
}

/// Endings that say for certain that a file is not one of ours, although it may look like text.
const KNOWN_OTHERS: [&str; 26] = [
    "doc", "dot", "rtf", "odt", "ods", "odp", "xls", "xlsx", "ppt", "pptx", "pages", "numbers", "key", "epub", "mobi",
    "msg", "pst", "zip", "gz", "tar", "png", "jpg", "jpeg", "gif", "mp3", "mp4",
];

fn ending(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

/// What its first bytes make certain.
fn by_signature(bytes: &[u8], said: Option<ContentType>) -> Result<Option<ContentType>, FormatError> {
    let unsupported = |what: &str| Err(FormatError::Unsupported(what.to_owned()));
    if bytes.trim_ascii_start().starts_with(b"%PDF-") {
        return Ok(Some(ContentType::Pdf));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return in_archive(bytes, said).map(Some);
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return unsupported("a file of an old Office version, or a protected one: save it as an open docx");
    }
    if bytes.starts_with(b"{\\rtf") {
        return unsupported("RTF");
    }
    let signatures: [(&[u8], &str); 11] = [
        (b"\x89PNG\r\n", "an image"),
        (b"\xff\xd8\xff", "an image"),
        (b"GIF8", "an image"),
        (b"II*\0", "an image"),
        (b"MM\0*", "an image"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"\x7fELF", "a program"),
        (b"%!PS-", "PostScript"),
        (b"SQLite format 3\0", "a database"),
    ];
    // A text may begin with the letters of one of them; none of their files goes far without a NUL.
    let binary = bytes.starts_with(b"%!") || bytes[..bytes.len().min(HEAD)].contains(&0);
    match signatures.iter().find(|(signature, _)| binary && bytes.starts_with(signature)) {
        Some((_, what)) => unsupported(what),
        None => Ok(None),
    }
}

/// What a ZIP archive is, by the names in it. They stand uncompressed before each part and in the directory at the
/// end, which is enough to tell them without unpacking anything.
fn in_archive(bytes: &[u8], said: Option<ContentType>) -> Result<ContentType, FormatError> {
    let first = &bytes[..bytes.len().min(ARCHIVE_ENDS)];
    let last = &bytes[bytes.len().saturating_sub(ARCHIVE_ENDS)..];
    let holds = |name: &[u8]| find(first, name).is_some() || find(last, name).is_some();
    if holds(b"word/document.xml") {
        return Ok(ContentType::Docx);
    }
    let others: [(&[u8], &str); 6] = [
        (b"xl/workbook", "a spreadsheet (export it as CSV)"),
        (b"ppt/presentation", "a presentation"),
        (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument file (save it as docx)"),
        (b"mimetypeapplication/epub", "an EPUB book"),
        (b"word/document2.xml", "a Word document of a kind"),
        (b"word/document.bin", "a Word document of a kind"),
    ];
    match others.iter().find(|(name, _)| holds(name)) {
        Some((_, what)) => Err(FormatError::Unsupported((*what).to_owned())),
        None if said == Some(ContentType::Docx) => Ok(ContentType::Docx),
        None => Err(FormatError::Unsupported("a ZIP archive".to_owned())),
    }
}

/// A guess at a text that nothing is said of.
fn by_beginning(head: &[u8]) -> Result<ContentType, FormatError> {
    if find(head, b"%PDF-").is_some() {
        return Ok(ContentType::Pdf);
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start().to_ascii_lowercase();
    if text.starts_with(b"<!doctype html") || text.starts_with(b"<html") {
        return Ok(ContentType::Html);
    }
    if text.starts_with(b"{\"") || text.starts_with(b"[{") || (text.starts_with(b"{") && find(&text, b"\":").is_some())
    {
        return Ok(ContentType::Json);
    }
    if looks_like_mail(&text) {
        return Ok(ContentType::Email);
    }
    Ok(ContentType::Text)
}

/// Header lines from the first on, and among them one that only mails have.
fn looks_like_mail(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let is_header = |line: &[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        name.len() < line.len() && !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    };
    let first = lines.clone().next().unwrap_or_default();
    const CERTAIN: [&[u8]; 5] = [b"received:", b"message-id:", b"mime-version:", b"return-path:", b"delivered-to:"];
    is_header(first)
        && lines
            .by_ref()
            .take_while(|line| line.first().is_some_and(u8::is_ascii_whitespace) || is_header(line))
            .any(|line| CERTAIN.iter().any(|name| line.starts_with(name)))
}

/// Where `needle` first stands.
pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
