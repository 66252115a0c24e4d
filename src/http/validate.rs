//! What a submitted document must be like, beyond having the right types.

use std::collections::BTreeMap;

use bytes::Bytes;
use kgl_actors::domain::{
    document::{JobOptions, MAX_CONTENT_BYTES, NewContent, NewDocument, SourceType},
    error::{Error, FieldIssue},
    job::Priority,
};
use kgl_extraction::{ContentType, ExtractOptions, Gazetteer, MAX_REQUEST_GAZETTEER, Synonyms, Thresholds};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::problem::Problem;
use crate::settings::EXTRACTORS;

const MAX_TITLE: usize = 500;
const MAX_SOURCE: usize = 2000;
const MAX_LANGUAGE: usize = 35;
const MAX_METADATA_BYTES: usize = 64 * 1024;
const MAX_TYPES: usize = 100;
const MAX_TYPE_NAME: usize = 64;

/// A document to be read.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct SubmitDocument {
    /// Its title; without one, what the content itself gives.
    #[schema(max_length = 500)]
    pub(super) title: Option<String>,
    /// The content, at most 10 MiB.
    #[schema(min_length = 1, example = "Marie Curie was born in Warsaw and worked at the University of Paris.")]
    pub(super) content: String,
    /// `text/plain` (the default), `text/markdown`, `text/html`, `application/json`, `text/csv` or `message/rfc822`.
    /// PDF and DOCX come as files in a form.
    #[schema(example = "text/plain")]
    pub(super) content_type: Option<String>,
    /// Where it came from: a URL, a file name.
    #[schema(max_length = 2000)]
    pub(super) source: Option<String>,
    /// What kind of place that is.
    pub(super) source_type: Option<SourceType>,
    /// Its language as a BCP 47 tag.
    #[schema(max_length = 35, example = "en")]
    pub(super) language: Option<String>,
    /// Whatever is to be kept with it; at most 64 KiB as JSON.
    #[schema(value_type = Option<Object>)]
    pub(super) metadata: Option<Map<String, Value>>,
    /// How urgent it is.
    pub(super) priority: Option<Priority>,
    /// What to extract.
    pub(super) extraction: Option<ExtractionRequest>,
    /// The file that it came as, in place of `content`.
    #[serde(skip)]
    pub(super) file: Option<SubmittedFile>,
}

/// A file as a form brings it.
#[derive(Debug)]
pub(crate) struct SubmittedFile {
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// Its name.
    pub(super) name: Option<String>,
    /// What its part of the form says that it is.
    pub(super) content_type: Option<ContentType>,
    /// In which charset.
    pub(super) charset: Option<String>,
}

/// What to extract. A field that is left out, or null, is as in one's stored schema, and without that the service's
/// default.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
pub(crate) struct ExtractionRequest {
    /// Only entities of these types, and relationships between them.
    #[schema(example = json!(["person", "organization"]))]
    entity_types: Option<Vec<String>>,
    /// Only relationships of these types.
    #[schema(example = json!(["works_for"]))]
    relationship_types: Option<Vec<String>>,
    /// Only what is at least this sure.
    #[schema(minimum = 0, maximum = 1)]
    confidence_threshold: Option<f64>,
    /// How sure single types have to be, in place of `confidence_threshold`.
    #[schema(value_type = Option<ExtractionThresholds>)]
    thresholds: Option<Thresholds>,
    /// Which extractor.
    #[schema(example = "builtin")]
    extractor: Option<String>,
    /// Whether relationships in the text's own words are wanted too.
    open_relations: Option<bool>,
    /// Other names for types, by the names that extractors use. Lists of types and thresholds may use either.
    #[schema(value_type = Option<ExtractionSynonyms>)]
    synonyms: Option<Synonyms>,
    /// Own names, found whatever the extractor thinks: at most 1,000 in a request, 10,000 in the stored schema, of 50
    /// characters each on average. An empty list does without the stored schema's.
    #[schema(value_type = Option<Vec<GazetteerItem>>)]
    gazetteer: Option<Gazetteer>,
    /// What else was sent: a wish with a misspelt name must not go unheard. The two that `GET` answers besides may come
    /// back in a `PUT`.
    #[serde(flatten, skip_serializing)]
    #[schema(ignore)]
    others: BTreeMap<String, serde::de::IgnoredAny>,
}

/// The fields of [`ExtractionRequest`].
const WISHES: &str = "entity_types, relationship_types, confidence_threshold, thresholds, extractor, open_relations, \
                      synonyms and gazetteer";
/// What the answer about a stored schema has besides.
const TOLD_BESIDES: [&str; 2] = ["version", "updated_at"];

/// How sure single types have to be, 0 to 1.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the API's description")]
pub(crate) struct ExtractionThresholds {
    #[schema(example = json!({"person": 0.8}))]
    entity_types: Option<BTreeMap<String, f64>>,
    #[schema(example = json!({"works_for": 0.7}))]
    relationship_types: Option<BTreeMap<String, f64>>,
}

/// Other names for types.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the API's description")]
pub(crate) struct ExtractionSynonyms {
    #[schema(example = json!({"organization": "company"}))]
    entity_types: Option<BTreeMap<String, String>>,
    #[schema(example = json!({"works_for": "employed_by"}))]
    relationship_types: Option<BTreeMap<String, String>>,
}

/// One thing with its names.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the form for the API's description")]
pub(crate) struct GazetteerItem {
    /// The name it is shown by; found as whole words.
    #[schema(max_length = 200, example = "Zolimab Forte")]
    name: String,
    /// A known entity type, or one of one's own, in snake_case.
    #[schema(rename = "type", example = "drug")]
    entity_type: String,
    /// One's own identifier for it; comes back as `gazetteer_id` in the entity's metadata.
    #[schema(max_length = 200)]
    id: Option<String>,
    /// Other names of the same thing.
    #[schema(max_items = 50)]
    aliases: Option<Vec<String>>,
    /// Whether its names are found only as they are written here.
    #[schema(default = false)]
    case_sensitive: Option<bool>,
}

impl SubmitDocument {
    /// Checks everything and makes the engine's document of it.
    ///
    /// # Errors
    /// 415 for a content type that is not read, 413 for too much content, 422 with all other issues at once.
    pub(crate) fn checked(self, force: bool, traceparent: String) -> Result<NewDocument, Problem> {
        let declared = self.content_type.as_deref().map(content_type).transpose()?;
        let size = self.file.as_ref().map_or(self.content.len(), |file| file.bytes.len());
        if size > MAX_CONTENT_BYTES {
            let detail = format!("a document may have at most {MAX_CONTENT_BYTES} bytes");
            return Err(Error::TooLarge(detail).into());
        }
        let issues = self.issues();
        if !issues.is_empty() {
            return Err(Error::Invalid(issues).into());
        }
        let extraction = self.extraction.unwrap_or_default();
        let content = match self.file {
            // What the form says in a field of its own counts before what the file's part or name say.
            Some(file) => NewContent::File {
                bytes: file.bytes,
                content_type: declared.or(file.content_type),
                charset: file.charset,
                name: file.name,
            },
            None => {
                let content_type = declared.unwrap_or_default();
                decoded_text(content_type, self.content_type.as_deref())?;
                NewContent::Text { text: self.content, content_type }
            }
        };
        Ok(NewDocument {
            title: self.title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty()),
            content,
            source: self.source.filter(|source| !source.is_empty()),
            source_type: self.source_type.unwrap_or_default(),
            language: self.language.filter(|language| !language.is_empty()),
            metadata: self.metadata.unwrap_or_default(),
            priority: self.priority.unwrap_or_default(),
            extraction: extraction.into(),
            force,
            traceparent: Some(traceparent),
        })
    }

    fn issues(&self) -> Vec<FieldIssue> {
        let mut issues = Vec::new();
        match &self.file {
            None if self.content.trim().is_empty() => issues.push(FieldIssue::new("content", "must not be empty")),
            Some(file) if file.bytes.is_empty() => issues.push(FieldIssue::new("file", "must not be empty")),
            _ => {}
        }
        let mut limited = |field: &str, value: Option<&String>, most: usize| {
            if value.is_some_and(|value| value.chars().count() > most) {
                issues.push(FieldIssue::new(field, format!("must have at most {most} characters")));
            }
        };
        limited("title", self.title.as_ref(), MAX_TITLE);
        limited("source", self.source.as_ref(), MAX_SOURCE);
        limited("language", self.language.as_ref(), MAX_LANGUAGE);
        if let Some(language) = self.language.as_ref().filter(|language| !language.is_empty())
            && !language.split('-').all(|part| (1..=8).contains(&part.len()) && alphanumeric(part))
        {
            issues.push(FieldIssue::new("language", "must be a BCP 47 language tag, such as en or pt-BR"));
        }
        if let Some(metadata) = &self.metadata
            && serde_json::to_vec(metadata).map_or(usize::MAX, |bytes| bytes.len()) > MAX_METADATA_BYTES
        {
            issues.push(FieldIssue::new("metadata", format!("must have at most {MAX_METADATA_BYTES} bytes as JSON")));
        }
        if let Some(extraction) = &self.extraction {
            extraction.issues("extraction.", MAX_REQUEST_GAZETTEER, &mut issues);
        }
        issues
    }
}

impl ExtractionRequest {
    /// Checks everything; a gazetteer may have `most` entries.
    pub(crate) fn issues(&self, prefix: &str, most: usize, issues: &mut Vec<FieldIssue>) {
        for name in self.others.keys().filter(|name| !TOLD_BESIDES.contains(&name.as_str())) {
            let name: String = name.chars().take(100).collect();
            let issue = format!("there is no such field; there are {WISHES}");
            issues.push(FieldIssue::new(format!("{prefix}{name}"), issue));
        }
        let options = self.clone().options();
        let found = options.issues(most).into_iter();
        issues.extend(found.map(|(field, issue)| FieldIssue::new(format!("{prefix}{field}"), issue)));
        if let Some(name) = &self.extractor
            && !EXTRACTORS.contains(&name.as_str())
        {
            let issue = format!("must be one of {}", EXTRACTORS.join(", "));
            issues.push(FieldIssue::new(format!("{prefix}extractor"), issue));
        }
    }

    fn options(self) -> ExtractOptions {
        ExtractOptions {
            entity_types: self.entity_types,
            relationship_types: self.relationship_types,
            confidence_threshold: self.confidence_threshold,
            thresholds: self.thresholds,
            open_relations: self.open_relations,
            synonyms: self.synonyms,
            gazetteer: self.gazetteer,
        }
    }

    /// Names the extractor, where the request names none beside it or the same.
    ///
    /// # Errors
    /// When it names another one.
    pub(crate) fn with_extractor(mut self, name: Option<String>) -> Result<Self, Error> {
        match (&self.extractor, &name) {
            (Some(one), Some(other)) if one != other => {
                Err(Error::invalid("extraction.extractor", "is not the one that `extractor` names"))
            }
            _ => {
                self.extractor = self.extractor.or(name);
                Ok(self)
            }
        }
    }
}

impl From<ExtractionRequest> for JobOptions {
    fn from(mut request: ExtractionRequest) -> Self {
        JobOptions { extractor: request.extractor.take(), extract: request.options() }
    }
}

impl From<JobOptions> for ExtractionRequest {
    fn from(JobOptions { extractor, extract }: JobOptions) -> Self {
        Self {
            entity_types: extract.entity_types,
            relationship_types: extract.relationship_types,
            confidence_threshold: extract.confidence_threshold,
            thresholds: extract.thresholds,
            extractor,
            open_relations: extract.open_relations,
            synonyms: extract.synonyms,
            gazetteer: extract.gazetteer,
            others: BTreeMap::new(),
        }
    }
}

/// The content type of that name.
///
/// # Errors
/// 415 for one that is not read.
pub(crate) fn content_type(mime: &str) -> Result<ContentType, Problem> {
    ContentType::from_mime(mime).ok_or_else(|| {
        let known = "text/plain, text/markdown, text/html, application/json, text/csv, message/rfc822 and, as files, \
                     PDF and DOCX";
        Problem::unsupported_media_type(format!("this content type is not read; {known} are"))
    })
}

/// Refuses what cannot be text inside JSON, and a charset that what is inside JSON cannot have.
fn decoded_text(content_type: ContentType, mime: Option<&str>) -> Result<(), Problem> {
    if !content_type.is_text() {
        let detail = format!("{} cannot travel as text: send it as a file in a form", content_type.as_mime());
        return Err(Problem::unsupported_media_type(detail));
    }
    let charset = mime.and_then(ContentType::charset_of_mime).unwrap_or("utf-8").to_ascii_lowercase();
    if matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii" | "ascii") {
        return Ok(());
    }
    Err(Problem::unsupported_media_type("the text of a JSON body is UTF-8: leave the charset away"))
}

/// Checks names of entity or relationship types: snake_case, as the API shows them.
pub(crate) fn type_names(field: &str, names: &[String], issues: &mut Vec<FieldIssue>) {
    if names.len() > MAX_TYPES {
        issues.push(FieldIssue::new(field, format!("must have at most {MAX_TYPES} items")));
    }
    let fine = |name: &String| {
        name.len() <= MAX_TYPE_NAME
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if let Some(index) = names.iter().position(|name| !fine(name)) {
        let issue = format!("must be a snake_case name of at most {MAX_TYPE_NAME} characters");
        issues.push(FieldIssue::new(format!("{field}[{index}]"), issue));
    }
}

/// Checks a confidence. JSON knows no NaN, but query strings do.
pub(crate) fn confidence(field: &str, value: Option<f64>, issues: &mut Vec<FieldIssue>) {
    if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        issues.push(FieldIssue::new(field, "must be from 0 to 1"));
    }
}

fn alphanumeric(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::json;

    use super::*;

    fn check(body: Value) -> Result<NewDocument, Problem> {
        let document: SubmitDocument = serde_json::from_value(body).expect("the right types");
        document.checked(false, "00-a-b-01".to_owned())
    }

    fn fields(body: Value) -> Vec<String> {
        let problem = check(body).expect_err("invalid");
        assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body = serde_json::to_value(problem.body("r")).expect("a body");
        let list = body["details"].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(|issue| issue["field"].as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn the_least_document_is_plain_text_of_normal_priority() {
        let document = check(json!({"content": "x"})).expect("a document");
        assert!(matches!(document.content, NewContent::Text { content_type: ContentType::Text, .. }));
        assert_eq!((document.priority, document.source_type), (Priority::Normal, SourceType::Document));
        assert_eq!((document.title, document.extraction), (None, JobOptions::default()));
    }

    #[test]
    fn all_issues_come_at_once_and_name_their_fields() {
        let found = fields(json!({
            "content": " \n", "title": "t".repeat(501), "source": "s".repeat(2001), "language": "not a tag",
            "metadata": {"k": "v".repeat(65 * 1024)},
            "extraction": {"entity_types": ["person", "Bad Name"], "relationship_types": ["_x"],
                "confidence_threshold": 1.5, "extractor": "magic"},
        }));
        assert_eq!(
            found,
            [
                "content",
                "title",
                "source",
                "language",
                "metadata",
                "extraction.entity_types[1]",
                "extraction.relationship_types[0]",
                "extraction.confidence_threshold",
                "extraction.extractor"
            ]
        );
    }

    #[test]
    fn limits_count_characters_and_are_inclusive() {
        assert!(check(json!({"content": "x", "title": "é".repeat(500), "language": "zh-Hant-TW"})).is_ok());
        assert_eq!(fields(json!({"content": "x", "language": "a".repeat(36)})), ["language", "language"]);
    }

    #[test]
    fn unknown_content_types_and_too_much_content_have_their_own_status() {
        for content_type in ["application/pdf", "image/png", "text/plain; charset=latin1"] {
            let unknown = check(json!({"content": "x", "content_type": content_type})).expect_err("not read");
            assert_eq!(unknown.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
        }
        assert!(check(json!({"content": "a,b", "content_type": "text/csv; charset=utf-8"})).is_ok());
        let large = check(json!({"content": "x".repeat(MAX_CONTENT_BYTES + 1)})).expect_err("too large");
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn no_number_is_no_confidence() {
        let mut issues = Vec::new();
        confidence("c", Some(f64::NAN), &mut issues);
        assert_eq!(issues.len(), 1);
    }
}
