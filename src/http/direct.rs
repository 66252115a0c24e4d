//! `POST /api/v1/extract-entities`: a small text in, what it says out.

use std::sync::Arc;

use kgl_actors::{
    direct::MAX_DIRECT_BYTES,
    domain::{
        document::SourceType,
        error::{Error, FieldIssue},
        graph::TextSpan,
        job::Priority,
    },
};
use kgl_extraction::{ContentType, Declared, Extraction, MAX_REQUEST_GAZETTEER, ReadLimits, Span, to_plain_text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{
    Answer,
    call::Call,
    documents,
    openapi::ProblemBody,
    problem::Problem,
    respond,
    validate::{ExtractionRequest, SubmitDocument, content_type},
};

/// A text to be read.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ExtractEntities {
    /// The text: at most 100,000 bytes, unless it is stored.
    #[schema(min_length = 1, example = "Marie Curie was born in Warsaw and worked at the University of Paris.")]
    content: String,
    /// What the content is (`text/plain`, the default, `text/markdown`, …), or what kind of source it is from
    /// (`article`, `document`, `web_page`, `api`, `manual`).
    #[schema(example = "text/plain")]
    document_type: Option<String>,
    /// What to extract.
    extraction_config: Option<ExtractionRequest>,
    /// Keep it: submits it as a document, as `POST /documents` does with the fields below.
    #[serde(default)]
    store: bool,
    #[schema(max_length = 500)]
    title: Option<String>,
    #[schema(max_length = 2000)]
    source: Option<String>,
    source_type: Option<SourceType>,
    #[schema(max_length = 35)]
    language: Option<String>,
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    priority: Option<Priority>,
}

/// What a text says.
#[derive(Serialize, ToSchema)]
pub(crate) struct Extracted {
    /// The extractor that read it.
    extractor: String,
    /// That extractor's version: the same version, text and options give the same answer.
    extractor_version: String,
    /// The plain text that all offsets refer to, in Unicode scalar values.
    content: String,
    /// Whom and what it names, in order of their first mention.
    entities: Vec<ExtractedEntity>,
    /// What it says of them, in order of the text.
    relationships: Vec<ExtractedRelationship>,
}

/// An entity of a text.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExtractedEntity {
    name: String,
    #[serde(rename = "type")]
    entity_type: String,
    confidence: f64,
    /// Other names that the text uses for it.
    aliases: Vec<String>,
    /// What the text says beyond the name, such as `iso` of a date, and `gazetteer_id` of a listed name.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// Where it is named.
    mentions: Vec<ExtractedMention>,
}

/// A mention of an entity.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExtractedMention {
    start: i32,
    end: i32,
    text: String,
    confidence: f64,
}

/// A relationship of a text.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExtractedRelationship {
    /// Where it starts: a place in `entities`.
    source: usize,
    /// Where it ends: a place in `entities`.
    target: usize,
    relationship_type: String,
    confidence: f64,
    /// Whether it is in the text's own words.
    open: bool,
    /// The passage that states it.
    evidence: ExtractedEvidence,
}

/// A passage that states a relationship.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExtractedEvidence {
    start: i32,
    end: i32,
    quote: String,
    /// The words in it that stand for the source.
    head: TextSpan,
    /// The words in it that stand for the target.
    tail: TextSpan,
}

/// Reads a small text at once and stores nothing; with `store` it does what `POST /documents` does.
#[utoipa::path(post, path = "/api/v1/extract-entities", tag = "Extraction",
    params(("Idempotency-Key" = Option<String>, Header, description = "With `store`: makes a repeated request answer \
     what the first did"),
    ("Prefer" = Option<String>, Header, description = "With `store`: `wait=N` holds the answer until the job ends")),
    request_body = ExtractEntities, responses(
    (status = 200, body = Extracted, description = "What it says; with `store`, the document of the same content and \
     its job"),
    (status = 202, body = documents::Submitted, description = "With `store`: a new job",
     headers(("Location" = String, description = "The job"))),
    (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 409, response = ProblemBody), (status = 413, response = ProblemBody),
    (status = 415, response = ProblemBody), (status = 422, response = ProblemBody),
    (status = 429, response = ProblemBody), (status = 503, response = ProblemBody)))]
pub(crate) async fn extract(call: Call) -> Answer {
    let request: ExtractEntities = call.json()?;
    let (mime, source_type) = kind(&request)?;
    if request.store {
        let document = SubmitDocument {
            title: request.title,
            content: request.content,
            content_type: mime,
            source: request.source,
            source_type,
            language: request.language,
            metadata: request.metadata,
            priority: request.priority,
            extraction: request.extraction_config,
            file: None,
        };
        let new = document.checked(false, call.context.trace.traceparent())?;
        return documents::take_in(&call, new, Sha256::digest(&call.body).into()).await;
    }
    let mut issues = Vec::new();
    if request.content.trim().is_empty() {
        issues.push(FieldIssue::new("content", "must not be empty"));
    }
    let config = request.extraction_config.unwrap_or_default();
    config.issues("extraction_config.", MAX_REQUEST_GAZETTEER, &mut issues);
    if !issues.is_empty() {
        return Err(Error::Invalid(issues).into());
    }
    let size = request.content.len();
    if size > MAX_DIRECT_BYTES {
        let detail = format!("at most {MAX_DIRECT_BYTES} bytes are read at once; submit it as a document");
        return Err(Error::TooLarge(detail).into());
    }
    let kind = mime.as_deref().map_or(Ok(ContentType::Text), content_type)?;
    if kind.needs_isolation(size) {
        return Err(Problem::unsupported_media_type("this content type is not read at once: submit it as a document"));
    }
    let plain = to_plain_text(request.content.as_bytes(), &Declared::utf8(kind), &ReadLimits::default())
        .map_err(|error| Error::invalid("content", error.to_string()))?;
    let text: Arc<str> = plain.text.into();
    let found = call.app.engine.direct().read(call.caller()?, Arc::clone(&text), config.into()).await?;
    respond::ok(&Extracted::new(&text, found))
}

/// The content type and the kind of source that `document_type` stands for.
fn kind(request: &ExtractEntities) -> Result<(Option<String>, Option<SourceType>), Problem> {
    let Some(name) = request.document_type.as_deref().filter(|name| !name.is_empty()) else {
        return Ok((None, request.source_type));
    };
    if ContentType::from_mime(name).is_some() || name.contains('/') {
        return Ok((Some(name.to_owned()), request.source_type));
    }
    match SourceType::parse(name) {
        Some(kind) => Ok((None, request.source_type.or(Some(kind)))),
        None => {
            let issue =
                "must be a content type, such as text/plain, or one of article, document, web_page, api, manual";
            Err(Error::invalid("document_type", issue).into())
        }
    }
}

impl Extracted {
    fn new(text: &str, found: Extraction) -> Self {
        let chars: Vec<char> = text.chars().collect();
        let relationships = found.relations.iter().map(|relation| ExtractedRelationship {
            source: relation.head,
            target: relation.tail,
            relationship_type: relation.relation_type.clone(),
            confidence: relation.confidence,
            open: relation.open,
            evidence: ExtractedEvidence {
                start: offset(relation.evidence.start),
                end: offset(relation.evidence.end),
                quote: chars[relation.evidence.start..relation.evidence.end].iter().collect(),
                head: span(relation.head_span),
                tail: span(relation.tail_span),
            },
        });
        let relationships = relationships.collect();
        let entities = found.entities.into_iter().map(|entity| ExtractedEntity {
            name: entity.name,
            entity_type: entity.entity_type,
            confidence: entity.confidence,
            aliases: entity.aliases,
            metadata: entity.metadata,
            mentions: Vec::new(),
        });
        let mut entities: Vec<ExtractedEntity> = entities.collect();
        for mention in found.mentions {
            entities[mention.entity].mentions.push(ExtractedMention {
                start: offset(mention.span.start),
                end: offset(mention.span.end),
                text: mention.text,
                confidence: mention.confidence,
            });
        }
        Self {
            extractor: found.extractor,
            extractor_version: found.version,
            content: text.to_owned(),
            entities,
            relationships,
        }
    }
}

fn span(span: Span) -> TextSpan {
    TextSpan { start: offset(span.start), end: offset(span.end) }
}

/// A place in a text that is far shorter than the largest number.
fn offset(at: usize) -> i32 {
    i32::try_from(at).unwrap_or(i32::MAX)
}
