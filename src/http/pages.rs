//! Pages for people: the web page at `/`, and the interactive description of the API at `/docs`. Both are part of the
//! binary and load nothing from elsewhere.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
};
use http_body_util::Full;
use sha2::{Digest, Sha256};
use utoipa_swagger_ui::Config;

use super::{Answer, Response, problem::Problem, respond};

/// Path, media type and bytes of each file in `web/`.
static FILES: &[(&str, &str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/web_files.rs"));
const INDEX: &str = "/index.html";
/// The page loads and calls only its own service.
const PAGE_POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
/// Swagger UI writes style attributes and draws its icons from data URLs.
const DOCS_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'";

/// An entity tag for each of [`FILES`].
static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| FILES.iter().map(|(_, _, bytes)| tag(bytes)).collect());

/// Weak, because the same tag stands for the compressed and the plain form.
fn tag(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    format!("W/\"{hex}\"")
}

/// The paths of the web page's files, in the order that [`file`] counts them. The index stands at `/`.
pub(crate) fn files() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _, _)| if *path == INDEX { "/" } else { *path })
}

/// A file of the web page.
pub(crate) fn file(index: usize, headers: &HeaderMap) -> Answer {
    let (Some((_, content_type, bytes)), Some(tag)) = (FILES.get(index), TAGS.get(index)) else {
        return Err(Problem::unknown_path());
    };
    let mut response = respond::bytes(StatusCode::OK, content_type, Bytes::from_static(bytes));
    if unchanged(headers, tag) {
        response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    if let Ok(value) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, value);
    }
    // Always ask, mostly be told "unchanged": a new version of the service shows at once.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    Ok(response)
}

/// Whether the client has this version already.
fn unchanged(headers: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|line| line.trim() == "*" || line.split(',').any(|known| opaque(known) == opaque(tag)))
}

/// The interactive description. Its files lie below `/docs/`, which is not where `/docs` looks by itself.
pub(crate) fn docs(path: &str) -> Answer {
    let mut response = swagger("index.html")?;
    if !path.ends_with('/') {
        let page = String::from_utf8_lossy(response_bytes("index.html")?.as_ref())
            .replace("href=\"./", "href=\"docs/")
            .replace("href=\"index.css", "href=\"docs/index.css")
            .replace("src=\"./", "src=\"docs/");
        *response.body_mut() = Full::new(page.into_bytes().into());
    }
    Ok(response)
}

/// A file of the interactive description.
pub(crate) fn docs_file(name: &str) -> Answer {
    swagger(name)
}

fn swagger(name: &str) -> Answer {
    let content_type = swagger_file(name)?.content_type;
    let mut response = Response::new(Full::new(response_bytes(name)?));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        headers.insert(CONTENT_TYPE, value);
    }
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(DOCS_POLICY));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    Ok(response)
}

fn response_bytes(name: &str) -> Result<Bytes, Problem> {
    Ok(match swagger_file(name)?.bytes {
        Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
        Cow::Owned(bytes) => bytes.into(),
    })
}

fn swagger_file(name: &str) -> Result<utoipa_swagger_ui::SwaggerFile<'static>, Problem> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
        let config = Config::new(["/openapi.json"])
            .try_it_out_enabled(true)
            .persist_authorization(true)
            .display_request_duration(true)
            // The public validator would be sent the description: this page talks to its own service only.
            .validator_url("none");
        Arc::new(config)
    });
    match utoipa_swagger_ui::serve(name, Arc::clone(&CONFIG)) {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(Problem::unknown_path()),
        Err(error) => {
            tracing::error!(%error, name, "a file of the API's page could not be made");
            Err(Problem::internal())
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> String {
        let Ok(body) = response.into_body().collect().await;
        String::from_utf8_lossy(&body.to_bytes()).into_owned()
    }

    #[tokio::test]
    async fn the_index_stands_at_the_root_and_asks_only_for_files_that_are_there() {
        let index = files().position(|path| path == "/").expect("an index");
        let response = file(index, &HeaderMap::new()).expect("the page");
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let page = text(response).await;
        for piece in page.split(['"', '\'']).filter(|piece| piece.ends_with(".js") || piece.ends_with(".css")) {
            let path = format!("/{}", piece.trim_start_matches("./").trim_start_matches('/'));
            assert!(files().any(|file| file == path), "{piece} is not there");
        }
    }

    #[test]
    fn a_known_version_is_not_sent_again() {
        let first = file(0, &HeaderMap::new()).expect("a file");
        let known = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
        assert_eq!(file(0, &known).expect("a file").status(), StatusCode::NOT_MODIFIED);
        let other = HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static("\"x\", W/\"y\""))]);
        assert_eq!(file(0, &other).expect("a file").status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn the_docs_page_finds_its_files_with_and_without_the_slash() {
        let bare = text(docs("/docs").expect("the page")).await;
        assert!(bare.contains("src=\"docs/swagger-ui-bundle.js") && !bare.contains("\"./"), "{bare}");
        let slashed = text(docs("/docs/").expect("the page")).await;
        assert!(slashed.contains("src=\"./swagger-ui-bundle.js"));
        for name in ["swagger-ui-bundle.js", "swagger-ui.css", "index.css", "swagger-ui-standalone-preset.js"] {
            assert!(docs_file(name).is_ok(), "{name}");
        }
        let start = text(docs_file("swagger-initializer.js").expect("the start")).await;
        assert!(start.contains("/openapi.json") && !start.contains("petstore"), "{start}");
        assert_eq!(docs_file("nothing.js").expect_err("not there").status(), StatusCode::NOT_FOUND);
    }
}
