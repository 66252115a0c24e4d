use http::{HeaderValue, StatusCode};
use http_body_util::Full;
use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
struct Sample {
    name: String,
    #[serde(default)]
    inner: Option<Inner>,
}

#[derive(Debug, Deserialize)]
struct Inner {
    level: f64,
    kind: Option<Kind>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    One,
    Two,
}

#[derive(Debug, Deserialize)]
struct Filter {
    limit: Option<u32>,
    search: Option<String>,
    #[serde(default)]
    id: Option<kgl_actors::domain::ids::JobId>,
}

fn refused(text: &str) -> (u16, Value) {
    let problem = json::<Sample>(text.as_bytes()).expect_err(text);
    (problem.status().as_u16(), serde_json::to_value(problem.body("r")).expect("a body")["details"].clone())
}

#[test]
fn what_fits_is_taken_and_unknown_fields_are_passed_over() {
    let sample: Sample =
        json(r#"{"name":"n","inner":{"level":0.5,"kind":"two"},"more":1}"#.as_bytes()).expect("it fits");
    assert_eq!(sample.name, "n");
    assert!(sample.inner.is_some_and(|inner| inner.level > 0.4 && matches!(inner.kind, Some(Kind::Two))));
    assert!(matches!(json(br#"{"level":1,"kind":"one"}"#), Ok(Inner { kind: Some(Kind::One), .. })));
}

#[test]
fn what_is_no_json_is_unreadable() {
    for text in ["", "  ", "{", "{\"name\":\"n\"} x", "[1,]", "{\"name\": 5, \"inner\": }", "{\"name\":\"a\u{0}b\"}"] {
        assert_eq!(refused(text).0, 400, "{text:?}");
    }
    let invalid = json::<Sample>(b"{\"name\":\"\xff\"}").expect_err("no UTF-8");
    assert_eq!(invalid.status(), StatusCode::BAD_REQUEST);
}

#[test]
fn what_does_not_fit_names_its_field_and_repeats_no_value() {
    let (status, details) = refused(r#"{"name":"n","inner":{"level":"hunter2"}}"#);
    assert_eq!((status, details[0]["field"].as_str()), (422, Some("inner.level")));
    assert!(!details.to_string().contains("hunter2"));
    let (status, details) = refused(r#"{"inner":{"level":1}}"#);
    assert_eq!((status, &details[0]), (422, &serde_json::json!({"field": "name", "issue": "is required"})));
    let (_, details) = refused(r#"{"name":"n","inner":{"level":1,"kind":"three"}}"#);
    assert_eq!(details[0]["field"], "inner.kind");
    assert_eq!(details[0]["issue"], "must be one or two");
    assert_eq!(refused("[]").0, 422);
}

#[test]
fn an_escaped_nul_is_found_where_it_is_and_an_escaped_backslash_is_none() {
    let (status, details) = refused(r#"{"name":"a\u0000b"}"#);
    assert_eq!((status, details[0]["field"].as_str()), (422, Some("name")));
    let (_, details) = refused(r#"{"name":"n","list":[{"deep":["x","\u0000"]}]}"#);
    assert_eq!(details[0]["field"], "list[0].deep[1]");
    assert!(json::<Sample>(br#"{"name":"a\\u0000b"}"#).is_ok());
}

#[test]
fn only_json_is_taken_for_json() {
    for good in [None, Some("application/json"), Some("Application/JSON; charset=utf-8"), Some("application/a+json")] {
        assert!(require_json(good).is_ok(), "{good:?}");
    }
    for bad in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "?"] {
        let problem = require_json(Some(bad)).expect_err(bad);
        assert_eq!(problem.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[test]
fn query_strings_have_types_too() {
    let filter: Filter = query("limit=5&search=a+b%C3%A9&other=1").expect("it fits");
    assert_eq!((filter.limit, filter.search.as_deref()), (Some(5), Some("a bé")));
    let filter: Filter = query("limit=&search=").expect("empty is absent");
    assert_eq!((filter.limit, filter.search), (None, None));
    for (bad, field) in [("limit=five", "limit"), ("limit=-1", "limit"), ("search=a%00b", "search")] {
        let problem = query::<Filter>(bad).expect_err(bad);
        assert_eq!(problem.status(), StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
        let body = serde_json::to_value(problem.body("r")).expect("a body");
        assert_eq!(body["details"][0]["field"], field);
    }
}

#[test]
fn an_id_that_is_none_is_unreadable_in_a_query_as_in_a_path() {
    let id = kgl_actors::domain::ids::JobId::new();
    assert_eq!(query::<Filter>(&format!("id={id}")).expect("it fits").id, Some(id));
    let problem = query::<Filter>("id=17").expect_err("no UUID");
    assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
}

fn boxed(bytes: &'static [u8]) -> Body {
    Full::new(Bytes::from_static(bytes)).map_err(|never| match never {}).boxed_unsync()
}

#[tokio::test]
async fn a_body_may_be_as_large_as_its_limit_and_no_larger() {
    let read = body(&HeaderMap::new(), boxed(b"12345"), 5).await.expect("within the limit");
    assert_eq!(read, "12345");
    let beyond = body(&HeaderMap::new(), boxed(b"123456"), 5).await.expect_err("beyond the limit");
    assert_eq!(beyond.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let promised = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from_static("6"))]);
    let early = body(&promised, boxed(b"123456"), 5).await.expect_err("promised too much");
    assert_eq!(early.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_stops_coming_is_given_up() {
    let stuck = http_body_util::StreamBody::new(futures_util::stream::pending::<Result<http_body::Frame<Bytes>, _>>());
    let problem =
        receive(&HeaderMap::new(), stuck.boxed_unsync(), 5, Duration::from_millis(10)).await.expect_err("nothing came");
    assert_eq!(problem.status(), StatusCode::REQUEST_TIMEOUT);
}
