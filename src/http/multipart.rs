//! Documents that come as a file in a form.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use kgl_actors::domain::error::Error;
use kgl_extraction::ContentType;
use multer::{Field, Multipart};
use serde_json::Value;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    extract,
    problem::Problem,
    validate::{SubmitDocument, SubmittedFile},
};

/// A document as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the API's description; the form itself is read field by field")]
pub(crate) struct DocumentForm {
    /// The file: txt, md, html, pdf, docx, csv, json or eml, at most 10 MiB.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
    #[schema(max_length = 500)]
    title: Option<String>,
    /// What the file is, as a MIME type; without this, its name, its part of the form or its bytes tell.
    content_type: Option<String>,
    /// Where it came from; without this, the file's name.
    source: Option<String>,
    source_type: Option<kgl_actors::domain::document::SourceType>,
    language: Option<String>,
    /// A JSON object.
    metadata: Option<String>,
    priority: Option<kgl_actors::domain::job::Priority>,
    /// A JSON object, as in the JSON form of this request.
    extraction: Option<String>,
}

/// A form that was read.
#[derive(Debug)]
pub(crate) struct Form {
    /// The document in it.
    pub(crate) document: SubmitDocument,
    /// SHA-256 of what it says, without the boundaries, which clients make up anew for each try.
    pub(crate) hash: [u8; 32],
}

/// Reads a form.
///
/// # Errors
/// 400 when it cannot be read, 415 for a file of an unknown kind, 422 for fields that are wrong or missing.
pub(crate) async fn read(content_type: &str, body: Bytes) -> Result<Form, Problem> {
    let boundary =
        multer::parse_boundary(content_type).map_err(|_| Problem::unreadable("the form names no boundary"))?;
    let mut form = Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary);
    let (mut hash, mut fields, mut file) = (Sha256::new(), serde_json::Map::new(), None);
    while let Some(field) = form.next_field().await.map_err(|error| unreadable(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        let upload = Upload::about(&field);
        let bytes = field.bytes().await.map_err(|error| unreadable(&error))?;
        for part in [name.as_bytes(), upload.name.as_deref().unwrap_or_default().as_bytes(), &bytes] {
            // With lengths, so that no two different forms run together into the same bytes.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        if name == "file" {
            if file.replace(upload.with(bytes)?).is_some() {
                return Err(Error::invalid("file", "must be there only once").into());
            }
            continue;
        }
        let content = text(&name, &bytes)?;
        match name.as_str() {
            "metadata" | "extraction" => {
                let value: Value = serde_json::from_str(&content)
                    .map_err(|_| Problem::from(Error::invalid(&*name, "is not valid JSON")))?;
                fields.insert(name, value);
            }
            _ if content.is_empty() => {}
            _ => {
                fields.insert(name, Value::String(content));
            }
        }
    }
    let Some(file) = file else { return Err(Error::invalid("file", "is required").into()) };
    fields.insert("content".to_owned(), Value::String(String::new()));
    let mut document: SubmitDocument = extract::json_value(Value::Object(fields))?;
    if document.source.is_none() {
        document.source.clone_from(&file.name);
    }
    document.file = Some(file);
    Ok(Form { document, hash: hash.finalize().into() })
}

/// What a form says of a file.
#[derive(Debug)]
struct Upload {
    name: Option<String>,
    mime: Option<String>,
}

impl Upload {
    fn about(field: &Field<'_>) -> Self {
        Self { name: field.file_name().map(str::to_owned), mime: field.content_type().map(ToString::to_string) }
    }

    /// The ending of a name is chosen by a person; the type beside it often by a library that knows no Markdown. Of a
    /// file that says nothing of itself its bytes will have to tell.
    fn with(self, bytes: Bytes) -> Result<SubmittedFile, Problem> {
        let mime = self.mime.filter(|mime| extract::essence(mime) != "application/octet-stream");
        let by_name = self.name.as_deref().and_then(ContentType::from_file_name);
        let content_type = match (by_name, &mime) {
            (Some(kind), _) => Some(kind),
            (None, Some(mime)) => Some(ContentType::from_mime(mime).ok_or_else(unknown_kind)?),
            (None, None) => None,
        };
        let charset = mime.as_deref().and_then(ContentType::charset_of_mime).map(str::to_owned);
        if let Some(name) = &self.name
            && name.contains('\0')
        {
            return Err(Error::invalid("file", "must have a name without NUL characters").into());
        }
        Ok(SubmittedFile { bytes, name: self.name, content_type, charset })
    }
}

fn unknown_kind() -> Problem {
    Problem::unsupported_media_type(
        "this kind of file is not read; txt, md, html, pdf, docx, csv, json and eml files are",
    )
}

/// The text of a field, without a byte order mark.
fn text(field: &str, bytes: &Bytes) -> Result<String, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|_| Problem::unreadable_field(field, "is not valid UTF-8"))?;
    if text.contains('\0') {
        return Err(Error::invalid(field, "must not contain NUL characters").into());
    }
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}

fn unreadable(error: &multer::Error) -> Problem {
    tracing::debug!(%error, "a form could not be read");
    Problem::unreadable("the form could not be read to its end")
}

#[cfg(test)]
mod tests {
    use kgl_actors::domain::job::Priority;

    use super::*;

    /// A form of parts: their headers and contents.
    fn form(boundary: &str, parts: &[(&str, &str)]) -> Bytes {
        let mut body = String::new();
        for (headers, content) in parts {
            body += &format!("--{boundary}\r\nContent-Disposition: form-data; {headers}\r\n\r\n{content}\r\n");
        }
        Bytes::from(body + &format!("--{boundary}--\r\n"))
    }

    async fn read_parts(boundary: &str, parts: &[(&str, &str)]) -> Result<Form, Problem> {
        read(&format!("multipart/form-data; boundary={boundary}"), form(boundary, parts)).await
    }

    const FILE: (&str, &str) = ("name=\"file\"; filename=\"a.md\"\r\nContent-Type: application/octet-stream", "# A");

    #[tokio::test]
    async fn a_file_brings_its_kind_and_its_source_along() {
        let parts = [FILE, ("name=\"priority\"", "high"), ("name=\"metadata\"", "{\"k\":[1]}")];
        let document = read_parts("b1", &parts).await.expect("a form").document;
        let file = document.file.expect("a file");
        assert_eq!((&file.bytes[..], file.content_type), (&b"# A"[..], Some(ContentType::Markdown)));
        assert_eq!(document.source.as_deref(), Some("a.md"));
        assert_eq!(document.priority, Some(Priority::High));
        assert!(document.metadata.is_some_and(|metadata| metadata["k"][0] == 1));
    }

    #[tokio::test]
    async fn what_is_said_of_a_file_goes_with_it() {
        let said = |headers: &'static str| async move {
            let file = read_parts("b", &[(headers, "x")]).await.expect("a form").document.file.expect("a file");
            (file.content_type, file.charset)
        };
        assert_eq!(said("name=\"file\"; filename=\"README\"").await, (None, None));
        let html = "name=\"file\"; filename=\"page\"\r\nContent-Type: text/html; charset=koi8-r";
        assert_eq!(said(html).await, (Some(ContentType::Html), Some("koi8-r".to_owned())));
        let pdf = "name=\"file\"; filename=\"a.PDF\"\r\nContent-Type: text/plain";
        assert_eq!(said(pdf).await, (Some(ContentType::Pdf), None));
    }

    #[tokio::test]
    async fn the_hash_is_of_the_content_and_not_of_the_boundary() {
        let hash = |boundary: &'static str, content: &'static str| async move {
            read_parts(boundary, &[(FILE.0, content)]).await.expect("a form").hash
        };
        assert_eq!(hash("b1", "x").await, hash("b2", "x").await);
        assert_ne!(hash("b1", "x").await, hash("b1", "y").await);
    }

    #[tokio::test]
    async fn what_is_wrong_has_its_status() {
        let status = |parts: Vec<(&'static str, &'static str)>| async move {
            read_parts("b", &parts).await.expect_err("refused").status().as_u16()
        };
        assert_eq!(status(vec![("name=\"title\"", "no file")]).await, 422);
        assert_eq!(status(vec![FILE, FILE]).await, 422);
        assert_eq!(status(vec![FILE, ("name=\"priority\"", "urgent")]).await, 422);
        assert_eq!(status(vec![FILE, ("name=\"metadata\"", "{")]).await, 422);
        assert_eq!(status(vec![FILE, ("name=\"title\"", "a\0b")]).await, 422);
        let image = "name=\"file\"; filename=\"a.xyz\"\r\nContent-Type: image/png";
        assert_eq!(status(vec![(image, "x")]).await, 415);
        let cut = form("b", &[FILE]).slice(..60);
        assert_eq!(read("multipart/form-data; boundary=b", cut).await.expect_err("cut").status().as_u16(), 400);
        assert_eq!(read("multipart/form-data", Bytes::new()).await.expect_err("none").status().as_u16(), 400);
    }
}
