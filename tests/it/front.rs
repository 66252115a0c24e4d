//! What every answer has in common, what the service says of itself, and what it writes down.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    graphs::id,
    harness::{
        ADMIN_EMAIL, ADMIN_PASSWORD, Answer, Body, Client, PASSWORD, SIGNING_SECRET, Service, configured,
        metrics_address, shared,
    },
    wire::exchanged,
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub fn get_with(path: &str, headers: &[(&str, &str)]) -> Answer {
    shared().anonymous().request("GET", path, headers, Body::Empty)
}

/// Asks again until it answers something: for what is written a moment after the answer.
#[track_caller]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "{what} did not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_request_id_is_echoed_if_it_is_one_and_made_up_if_not() {
    let echoed = get_with("/health", &[("x-request-id", "my-request_1.a")]);
    assert_eq!(echoed.header("x-request-id"), Some("my-request_1.a"));
    let long = "a".repeat(200);
    for wrong in ["has space", "<script>", "quote\"", long.as_str()] {
        let answer = get_with("/health", &[("x-request-id", wrong)]);
        let made = answer.header("x-request-id").expect("an id");
        assert!(made != wrong && made.len() <= 64 && !made.is_empty(), "{made}");
    }
    let (a, b) = (get_with("/health", &[]), get_with("/health", &[]));
    assert_ne!(a.header("x-request-id"), b.header("x-request-id"));
    let problem = get_with("/nothing", &[("x-request-id", "of-a-problem")]).expect_problem(404, "NotFound");
    assert_eq!(problem["request_id"], json!("of-a-problem"));
}

#[test]
fn head_is_get_without_the_body() {
    for path in ["/", "/health", "/openapi.json", "/docs"] {
        // The test's client would try to unpack an empty body.
        let plain = [("accept-encoding", "identity")];
        let (get, head) = (get_with(path, &plain), shared().anonymous().request("HEAD", path, &plain, Body::Empty));
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    let plain = [("accept-encoding", "identity")];
    assert_eq!(shared().anonymous().request("HEAD", "/nothing", &plain, Body::Empty).status, 404);
}

#[test]
fn options_tell_the_methods_of_a_path() {
    let answer = shared().anonymous().request("OPTIONS", "/api/v1/documents", &[], Body::Empty);
    assert_eq!(answer.status, 204);
    let allow = answer.header("allow").expect("a list");
    for method in ["GET", "POST", "HEAD", "OPTIONS"] {
        assert!(allow.split(", ").any(|m| m == method), "{allow}");
    }
    shared().anonymous().request("OPTIONS", "/nothing", &[], Body::Empty).expect_problem(404, "NotFound");
}

fn preflight(service: &Service, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type,idempotency-key"),
    ];
    service.anonymous().request("OPTIONS", "/api/v1/documents", &headers, Body::Empty)
}

#[test]
fn other_origins_may_call_only_if_settings_name_them() {
    let allowed = preflight(configured(), "https://app.example.org");
    assert!(matches!(allowed.status, 200 | 204), "{}", allowed.status);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.org"));
    let headers = allowed.header("access-control-allow-headers").expect("a list").to_lowercase();
    assert!(
        ["authorization", "content-type", "idempotency-key"].iter().all(|name| headers.contains(name)),
        "{headers}"
    );
    assert!(allowed.header("access-control-allow-methods").is_some_and(|m| m.contains("DELETE")));
    assert_eq!(preflight(configured(), "https://evil.example.org").header("access-control-allow-origin"), None);
    assert_eq!(preflight(shared(), "https://app.example.org").header("access-control-allow-origin"), None);
    let call = configured().anonymous().request("GET", "/health", &[("origin", "http://localhost:3000")], Body::Empty);
    assert_eq!(call.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert!(call.header("access-control-expose-headers").is_some_and(|h| h.to_lowercase().contains("x-request-id")));
    let problem =
        configured().anonymous().request("GET", "/nothing", &[("origin", "http://localhost:3000")], Body::Empty);
    assert_eq!(problem.header("access-control-allow-origin"), Some("http://localhost:3000"), "problems too");
}

#[test]
fn answers_are_compressed_for_whoever_wants_that() {
    // Past any client, which might unpack it. The head in lower case, and how many bytes came after it.
    let fetch = |encoding: &str| {
        let request = format!(
            "GET /openapi.json HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\nConnection: close\r\n\r\n"
        );
        let answer = exchanged(request.as_bytes());
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
        (String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer.len() - end)
    };
    let (head, plain) = fetch("identity");
    assert!(head.starts_with("http/1.1 200") && !head.contains("content-encoding"), "{head}");
    for encoding in ["gzip", "br"] {
        let (head, small) = fetch(encoding);
        assert!(head.contains(&format!("content-encoding: {encoding}")), "{head}");
        assert!(head.contains("vary: accept-encoding"), "caches must tell them apart: {head}");
        assert!(small < plain / 2, "{encoding}: {small} of {plain}");
    }
}

#[test]
fn every_answer_tells_browsers_to_be_careful() {
    for path in ["/", "/docs", "/health", "/api/v1/documents", "/nothing"] {
        let answer = get_with(path, &[]);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert!(answer.header("content-security-policy").is_some_and(|p| p.contains("default-src")), "{path}");
    }
    assert_eq!(get_with("/api/v1/auth/me", &[]).header("cache-control"), Some("no-store"));
}

#[test]
fn health_says_how_the_service_does_without_secrets() {
    let health = get_with("/health", &[]).expect(200);
    assert_eq!(health["status"], json!("healthy"), "{health}");
    assert_eq!(
        (&health["version"], &health["environment"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!("development"))
    );
    assert!(health["timestamp"].is_string() && health["uptime_seconds"].is_u64(), "{health}");
    let answer = get_with("/health/detailed", &[]);
    let text = answer.text.clone();
    let detailed = answer.expect(200);
    for service in ["database", "extractor", "queue"] {
        let part = &detailed["services"][service];
        assert_eq!(part["status"], json!("healthy"), "{service}: {detailed}");
        assert!(part.get("response_time_ms").is_some() && part.get("details").is_some(), "{part}");
    }
    for secret in ["password", "postgresql://", shared().data.to_str().expect("text")] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(get_with("/health/liveness", &[]).expect(200)["status"].is_string());
    let readiness = get_with("/health/readiness", &[]).expect(200);
    assert_eq!(readiness["ready"], json!(true), "{readiness}");
}

/// Metrics whose event a healthy service does not have: they show up once it happens. Those of language models show up
/// where one is asked; the tests that ask one look for them.
const RARE: [&str; 6] = [
    "kgl_http_panics_total",
    "kgl_job_leases_lost_total",
    "kgl_admission_refused_total",
    "kgl_actor_restarts_total",
    "kgl_access_log_dropped_total",
    "kgl_database_errors_total",
];

#[test]
fn metrics_are_those_that_the_documentation_lists() {
    let client = shared().new_user();
    client.completed("Marie Curie was born in Warsaw.");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).expect("the page");
    let documented: HashSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `kgl_")?.split('`').next()).collect();
    assert!(documented.len() > 20, "{documented:?}");
    // Some gauges are written by a probe that comes round every few seconds.
    let answer = eventually("every metric", || {
        let answer = get_with("/metrics", &[]);
        let there = |name: &&&str| {
            !name.starts_with("language_model_")
                && !RARE.contains(&format!("kgl_{name}").as_str())
                && !answer.text.contains(&format!("# TYPE kgl_{name} "))
        };
        let missing: Vec<_> = documented.iter().filter(there).collect();
        if missing.is_empty() {
            Some(answer)
        } else {
            eprintln!("missing: {missing:?}");
            None
        }
    });
    assert!(answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain")));
    for line in answer.text.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split(' ').next()) {
            let known = name.strip_prefix("kgl_").is_some_and(|name| documented.contains(name));
            assert!(known, "{name} is not in docs/metrics.md");
        }
    }
    for secret in [client.token.as_deref().unwrap_or_default(), PASSWORD, "@example.org", "Marie"] {
        assert!(!answer.text.contains(secret), "{secret} is in the metrics");
    }
    assert!(!answer.text.contains("/api/v1/documents/0"), "routes are labels, ids are not");
}

#[test]
fn metrics_may_have_a_listener_of_their_own() {
    configured().anonymous().get("/metrics").expect_problem(404, "NotFound");
    let metrics = Client { url: format!("http://{}", metrics_address()), token: None };
    assert!(metrics.get("/metrics").text.contains("kgl_http_requests_total"));
    assert_eq!(metrics.get("/health").status, 404);
}

#[test]
fn logs_are_json_and_carry_the_trace_of_their_request_into_its_job() {
    let client = configured().new_user();
    let headers = [("traceparent", TRACEPARENT), ("x-request-id", "traced-request")];
    let body = json!({ "content": "Marie Curie was born in Warsaw." });
    let submitted = client.request("POST", "/api/v1/documents", &headers, Body::Json(&body)).expect(202);
    client.finished(&submitted["job"]);
    let line: Value = eventually("the line about the request", || {
        let log = configured().log();
        serde_json::from_str(log.lines().find(|line| line.contains("traced-request"))?).ok()
    });
    assert!(line.to_string().contains(TRACE), "{line}");
    assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    let job = configured().sql(&format!("SELECT traceparent FROM jobs WHERE id = '{}'", id(&submitted["job"])));
    let kept = job[0][0].as_deref().expect("a trace");
    assert!(
        kept.starts_with(&format!("00-{TRACE}-")) && kept != TRACEPARENT,
        "the trace goes on under a span of its own: {kept}"
    );
    let generated = client.request(
        "POST",
        "/api/v1/documents",
        &[("traceparent", "00-rubbish-01")],
        Body::Json(&json!({ "content": "Other text." })),
    );
    let job =
        configured().sql(&format!("SELECT traceparent FROM jobs WHERE id = '{}'", id(&generated.expect(202)["job"])));
    assert!(job[0][0].as_deref().is_some_and(|t| t.len() == 55 && !t.contains("rubbish")), "{job:?}");
    // All that is said after the start-up is JSON, but for the lines that greet a person.
    let text = configured().log();
    let stray: Vec<&str> =
        text.lines().filter(|line| !line.starts_with('{') && !line.starts_with("  ") && !line.is_empty()).collect();
    assert!(stray.is_empty(), "{stray:?}");
}

#[test]
fn nothing_secret_reaches_the_log() {
    let service = configured();
    let client = service.anonymous();
    client.signed_in(ADMIN_EMAIL, ADMIN_PASSWORD);
    let new = json!({ "email": "log@example.org", "password": PASSWORD, "first_name": "A", "last_name": "B" });
    client.post("/api/v1/auth/register", &new).expect(201);
    let pair =
        client.post("/api/v1/auth/login", &json!({ "email": "log@example.org", "password": PASSWORD })).expect(200);
    client
        .post("/api/v1/auth/login", &json!({ "email": "log@example.org", "password": "a wrong pass phrase" }))
        .expect_problem(401, "Unauthorized");
    client
        .post("/api/v1/auth/login", &json!({ "email": "log@example.org", "password": ["a wrong type of pass"] }))
        .expect_problem(422, "ValidationError");
    let next = client.post("/api/v1/auth/refresh", &json!({ "refresh_token": pair["refresh_token"] })).expect(200);
    let mine = Client { token: next["access_token"].as_str().map(str::to_owned), ..client.clone() };
    mine.post(
        "/api/v1/auth/password",
        &json!({ "current_password": PASSWORD, "new_password": "the next pass phrase" }),
    )
    .expect(204);
    mine.completed("A confidential sentence about Marie Curie.");
    mine.request("GET", "/api/v1/auth/me", &[("x-request-id", "the-last-one")], Body::Empty).expect(200);
    let log = eventually("the last line", || Some(service.log()).filter(|log| log.contains("the-last-one")));
    let text = |value: &Value| value.as_str().expect("a token").to_owned();
    let secrets = [
        SIGNING_SECRET.to_owned(),
        PASSWORD.to_owned(),
        ADMIN_PASSWORD.to_owned(),
        "a wrong pass phrase".to_owned(),
        "a wrong type of pass".to_owned(),
        "the next pass phrase".to_owned(),
        "$argon2".to_owned(),
        text(&pair["access_token"]),
        text(&pair["refresh_token"]),
        text(&next["access_token"]),
        text(&next["refresh_token"]),
        "A confidential sentence".to_owned(),
    ];
    for secret in secrets {
        let line = log.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret} is in the log: {line:?}");
    }
}

#[test]
fn answered_requests_are_recorded_with_who_asked_what() {
    let client = shared().new_user();
    let me = client.get("/api/v1/auth/me").expect(200);
    let headers = [("user-agent", "tests/1.0"), ("x-request-id", "recorded-refusal")];
    let body = json!({ "content": "" });
    client
        .request("POST", "/api/v1/documents?secret=1", &headers, Body::Json(&body))
        .expect_problem(422, "ValidationError");
    let columns = "user_id, endpoint, method, status_code, response_time_ms, request_size_bytes, response_size_bytes, \
                   ip_address, user_agent, error_message, timestamp > now() - interval '5 minutes'";
    let row = eventually("the access record", || {
        let rows =
            shared().sql(&format!("SELECT {columns} FROM api_access_logs WHERE request_id = 'recorded-refusal'"));
        rows.into_iter().next()
    });
    let row: Vec<&str> = row.iter().map(|field| field.as_deref().unwrap_or("NULL")).collect();
    assert_eq!(row[0], id(&me));
    assert_eq!(row[1..4], ["/api/v1/documents", "POST", "422"]);
    assert!(row[4].parse::<f64>().is_ok_and(|ms| ms > 0.0 && ms < 60_000.0), "{row:?}");
    assert_eq!(row[5], body.to_string().len().to_string());
    assert!(row[6].parse::<i64>().is_ok_and(|bytes| bytes > 50), "{row:?}");
    assert!(row[7].starts_with("127.0.0.1"), "{row:?}");
    assert_eq!(row[8], "tests/1.0");
    assert!(row[9].contains("ValidationError"), "{row:?}");
    assert_eq!(row[10], "t");
    get_with("/api/v1/documents", &[("x-request-id", "recorded-stranger")]).expect_problem(401, "Unauthorized");
    let row = eventually("the stranger's record", || {
        shared()
            .sql("SELECT user_id, status_code FROM api_access_logs WHERE request_id = 'recorded-stranger'")
            .into_iter()
            .next()
    });
    assert_eq!(row, [None, Some("401".to_owned())]);
}

#[test]
fn too_many_requests_are_told_when_to_come_back() {
    let service = Service::start_with(&[("KGL_RATE_LIMIT_PER_MINUTE", "40")]);
    let client = service.new_user();
    let first = client.get("/api/v1/documents");
    assert_eq!(first.header("x-ratelimit-limit"), Some("40"));
    let number = |answer: &Answer, name: &str| {
        answer.header(name).and_then(|v| v.parse::<i64>().ok()).unwrap_or_else(|| panic!("{name}"))
    };
    assert!(number(&first, "x-ratelimit-remaining") < 40 && number(&first, "x-ratelimit-reset") >= 0);
    let refused =
        (0..60).map(|_| client.get("/api/v1/documents")).find(|answer| answer.status == 429).expect("a limit");
    let wait = number(&refused, "retry-after");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!(number(&refused, "x-ratelimit-remaining"), 0);
    let problem = refused.expect_problem(429, "RateLimitExceeded");
    assert_eq!(problem["retry_after"], json!(wait));
    for path in ["/health", "/metrics", "/"] {
        assert_eq!(client.get(path).status, 200, "probes and pages are not limited: {path}");
    }
    // Guessing passwords is limited more strictly than reading, per address.
    let guess =
        || service.anonymous().post("/api/v1/auth/login", &json!({ "email": "a@example.org", "password": "guess" }));
    let tries = (1..=40).find(|_| guess().status == 429);
    assert!(tries.is_some_and(|tries| tries < 40), "{tries:?}");
}
