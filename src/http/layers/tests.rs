use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{
    StatusCode,
    header::{ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_ENCODING, CONTENT_TYPE, ORIGIN},
};
use http_body_util::{BodyExt, Empty};
use serde_json::Value;

use super::*;
use crate::{http::respond, settings::Settings};

type Records = Arc<Mutex<Vec<AccessRecord>>>;

/// Answers by path: a large text, a problem, a panic.
async fn core(request: Request<Body>) -> Result<Response, Problem> {
    match request.uri().path() {
        "/panic" => panic!("on purpose"),
        "/api/v1/problem" => Err(Problem::unknown_path()),
        _ => Ok(respond::bytes(StatusCode::OK, "text/plain", "kgl ".repeat(1000))),
    }
}

async fn ask(cors: &str, request: http::request::Builder) -> (http::Response<Bytes>, Records) {
    let settings = Settings::load(&|name| (name == "KGL_CORS_ORIGINS").then(|| cors.to_owned())).expect("settings");
    let records = Records::default();
    let keep = Arc::clone(&records);
    let recorder: Recorder = Arc::new(move |record| keep.lock().unwrap_or_else(PoisonError::into_inner).push(record));
    let service = stack(Arc::new(settings.http), recorder, service_fn(core));
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let Ok(response) = service.oneshot(request.body(body).expect("a request")).await;
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.expect("a body in memory").to_bytes();
    (http::Response::from_parts(parts, bytes), records)
}

#[tokio::test]
async fn a_request_id_is_echoed_and_a_problem_carries_it() {
    let request = Request::get("/api/v1/problem").header("x-request-id", "mine-1").header("user-agent", "tester");
    let (response, records) = ask("", request).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(response.headers()["x-request-id"], "mine-1");
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let body: Value = serde_json::from_slice(response.body()).expect("JSON");
    assert_eq!(body["request_id"], "mine-1");
    let records = records.lock().unwrap_or_else(PoisonError::into_inner);
    let [record] = records.as_slice() else { panic!("one record, not {}", records.len()) };
    assert_eq!((record.status_code, record.user_agent.as_deref()), (404, Some("tester")));
    assert!(record.error_message.as_ref().is_some_and(|message| message.starts_with("NotFound: ")));
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_says_nothing() {
    let (response, records) = ask("", Request::get("/panic")).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let text = String::from_utf8_lossy(response.body());
    assert!(text.contains("InternalError") && !text.contains("on purpose"), "{text}");
    assert!(records.lock().unwrap_or_else(PoisonError::into_inner).is_empty(), "not a path of the API");
}

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let (response, _) = ask("", Request::get("/")).await;
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CONTENT_SECURITY_POLICY, API_POLICY),
    ] {
        assert_eq!(response.headers()[name], value);
    }
    assert!(response.headers().contains_key(X_REQUEST_ID));
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_can_read_it() {
    let (plain, _) = ask("", Request::get("/")).await;
    assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    let (packed, _) = ask("", Request::get("/").header(ACCEPT_ENCODING, "gzip")).await;
    assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
    assert!(packed.body().len() * 10 < plain.body().len());
}

#[tokio::test]
async fn other_origins_are_let_in_only_by_settings() {
    let from = |origin: &'static str| Request::get("/").header(ORIGIN, origin);
    let (closed, _) = ask("", from("https://a.example")).await;
    assert!(!closed.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    let (open, _) = ask("https://a.example", from("https://a.example")).await;
    assert_eq!(open.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
    let (other, _) = ask("https://a.example", from("https://b.example")).await;
    assert!(!other.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    let preflight = Request::options("/api/v1/problem")
        .header(ORIGIN, "https://a.example")
        .header("access-control-request-method", "POST");
    let (preflight, _) = ask("https://a.example", preflight).await;
    assert_eq!(preflight.status(), StatusCode::OK);
    assert!(preflight.headers().contains_key("access-control-allow-methods"));
}

#[test]
fn invented_methods_share_one_label() {
    assert_eq!(known(&Method::PATCH), "PATCH");
    assert_eq!(known(&Method::from_bytes(b"BREW").expect("a method")), "other");
}
