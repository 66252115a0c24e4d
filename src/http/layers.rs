//! The tower stack around the handlers, from the outside in: observe (ids, span, metrics, access record, headers that
//! every answer has) → CORS → compression → answers (panics and problems become responses) → the handlers.

use std::{convert::Infallible, future::Future, net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Instant};

use chrono::Utc;
use futures_util::FutureExt;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, USER_AGENT, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use http_body::Body as _;
use kgl_actors::{access_log::AccessRecord, metrics as names};
use tower::{Service, ServiceBuilder, ServiceExt, layer::layer_fn, service_fn};
use tower_http::{
    compression::{
        CompressionLayer, DefaultPredicate,
        predicate::{Predicate, SizeAbove},
    },
    cors::{AllowOrigin, CorsLayer},
};
use tracing::Instrument;

use super::{
    Body, Response,
    context::{Context, TRACEPARENT, X_REQUEST_ID},
    extract::declared_length,
    problem::Problem,
};
use crate::settings::HttpSettings;

/// Only paths below this are recorded in the access log: probes and pages would drown them.
const RECORDED: &str = "/api/v1/";
/// Answers that fit into one packet gain nothing from compression, in bytes.
const COMPRESS_ABOVE: u64 = 1024;
/// No API answer is a page; if one is shown as such, it may load and do nothing.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// The address of whoever opened the connection, put into a request's extensions by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Takes the record of an answered request; must not wait.
pub(crate) type Recorder = Arc<dyn Fn(AccessRecord) + Send + Sync>;

/// The body of an answer after the stack is done with it.
pub(crate) type StackBody = tower_http::compression::CompressionBody<http_body_util::Full<bytes::Bytes>>;

/// Puts the stack around `core`.
pub(crate) fn stack<S>(
    settings: Arc<HttpSettings>,
    record: Recorder,
    core: S,
) -> impl Service<Request<Body>, Response = http::Response<StackBody>, Error = Infallible, Future: Send> + Clone + Send
where
    S: Service<Request<Body>, Response = Response, Error = Problem, Future: Send> + Clone + Send + 'static,
{
    let cors = (!settings.cors_origins.is_empty()).then(|| cors(&settings.cors_origins));
    ServiceBuilder::new()
        .layer(layer_fn(move |inner| observed(Arc::clone(&settings), Arc::clone(&record), inner)))
        .option_layer(cors)
        .layer(CompressionLayer::new().compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESS_ABOVE))))
        .layer(layer_fn(answering))
        .service(core)
}

fn cors(origins: &[String]) -> CorsLayer {
    let any = origins.iter().any(|origin| origin == "*");
    let named = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let header = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(if any { AllowOrigin::any() } else { AllowOrigin::list(named) })
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            http::header::AUTHORIZATION,
            http::header::CONTENT_TYPE,
            http::header::IF_MATCH,
            header("idempotency-key"),
            header("prefer"),
            TRACEPARENT,
            X_REQUEST_ID,
        ])
        .expose_headers([
            http::header::ETAG,
            http::header::LOCATION,
            http::header::RETRY_AFTER,
            header("preference-applied"),
            header("x-ratelimit-limit"),
            header("x-ratelimit-remaining"),
            header("x-ratelimit-reset"),
            X_REQUEST_ID,
        ])
}

/// Makes responses of problems and panics.
fn answering<S>(
    inner: S,
) -> impl Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Clone + Send
where
    S: Service<Request<Body>, Response = Response, Error = Problem, Future: Send> + Clone + Send + 'static,
{
    service_fn(move |request: Request<Body>| {
        let context = request.extensions().get::<Arc<Context>>().cloned();
        // Boxed here: inside the async block the compiler loses track of its being Send.
        let answered = AssertUnwindSafe(inner.clone().oneshot(request)).catch_unwind().boxed();
        async move {
            let problem = match answered.await {
                Ok(Ok(response)) => return Ok(sized(response, context.as_deref())),
                Ok(Err(problem)) => problem,
                Err(_) => {
                    metrics::counter!(names::HTTP_PANICS).increment(1);
                    tracing::error!("a handler panicked");
                    Problem::internal()
                }
            };
            let request_id = context.as_ref().map_or("", |context| context.request_id.as_str());
            if let Some(context) = &context {
                let _ = context.problem.set(problem.summary());
            }
            Ok(sized(problem.into_response(request_id), context.as_deref()))
        }
    })
}

/// Notes the size of an answer before compression, which does not know beforehand what it will make of it.
fn sized(response: Response, context: Option<&Context>) -> Response {
    if let (Some(context), Some(size)) = (context, response.body().size_hint().exact()) {
        let _ = context.response_size.set(size);
    }
    response
}

/// Gives a request its ids and its span, and tells of its answer.
fn observed<S>(
    settings: Arc<HttpSettings>,
    record: Recorder,
    inner: S,
) -> impl Service<Request<Body>, Response = http::Response<StackBody>, Error = Infallible, Future: Send> + Clone + Send
where
    S: Service<Request<Body>, Response = http::Response<StackBody>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    service_fn(move |mut request: Request<Body>| {
        let (inner, record) = (inner.clone(), Arc::clone(&record));
        let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
        let context = Arc::new(Context::new(request.headers(), peer, |address| settings.trusts(address)));
        request.extensions_mut().insert(Arc::clone(&context));
        let span = tracing::info_span!(
            "request",
            request_id = %context.request_id,
            trace_id = %context.trace.trace_id,
            method = %request.method(),
            path = request.uri().path(),
        );
        watched(context, record, request, move |request| inner.oneshot(request)).instrument(span)
    })
}

async fn watched<F>(
    context: Arc<Context>,
    record: Recorder,
    request: Request<Body>,
    answer: impl FnOnce(Request<Body>) -> F,
) -> Result<http::Response<StackBody>, Infallible>
where
    F: Future<Output = Result<http::Response<StackBody>, Infallible>>,
{
    let (started, timestamp, _in_flight) = (Instant::now(), Utc::now(), InFlight::begin());
    let (method, endpoint) = (request.method().clone(), request.uri().path().to_owned());
    let request_size_bytes = declared_length(request.headers()).and_then(|n| i64::try_from(n).ok()).unwrap_or(0);
    let user_agent =
        request.headers().get(USER_AGENT).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut response = answer(request).await?;
    finish_headers(response.headers_mut(), &context, &endpoint);
    let (elapsed, status) = (started.elapsed(), response.status());
    let route = context.route.get().copied().unwrap_or("unmatched");
    let verb = known(&method);
    metrics::counter!(names::HTTP_REQUESTS, "method" => verb, "route" => route, "status" => status.as_str().to_owned())
        .increment(1);
    metrics::histogram!(names::HTTP_DURATION, "method" => verb, "route" => route).record(elapsed);
    let problem = context.problem.get();
    let milliseconds = elapsed.as_secs_f32() * 1000.0;
    if status.is_server_error() {
        tracing::warn!(status = status.as_u16(), milliseconds, problem, "answered");
    } else {
        tracing::info!(status = status.as_u16(), milliseconds, problem, "answered");
    }
    if endpoint.starts_with(RECORDED) {
        record(AccessRecord {
            user_id: context.user.get().copied(),
            request_id: context.request_id.clone(),
            endpoint,
            method: method.to_string(),
            status_code: status.as_u16(),
            response_time_ms: milliseconds,
            request_size_bytes,
            response_size_bytes: context.response_size.get().and_then(|n| i64::try_from(*n).ok()),
            ip_address: context.peer,
            user_agent,
            timestamp,
            error_message: problem.cloned(),
        });
    }
    Ok(response)
}

/// Methods are a label of metrics, so strangers must not be able to invent them.
fn known(method: &Method) -> &'static str {
    ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
        .into_iter()
        .find(|name| *name == method.as_str())
        .unwrap_or("other")
}

fn finish_headers(headers: &mut HeaderMap, context: &Context, path: &str) {
    if let Ok(id) = HeaderValue::from_str(&context.request_id) {
        headers.insert(X_REQUEST_ID, id);
    }
    let mut default = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default(X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(X_FRAME_OPTIONS, "DENY");
    default(REFERRER_POLICY, "no-referrer");
    default(CONTENT_SECURITY_POLICY, API_POLICY);
    if path.starts_with(RECORDED) {
        // Answers hold tokens and people's texts: no cache on the way may keep them.
        default(CACHE_CONTROL, "no-store");
    }
}

/// Counts a request for as long as it lives, also when its client goes away and it is dropped unanswered.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!(names::HTTP_IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(names::HTTP_IN_FLIGHT).decrement(1.0);
    }
}

#[cfg(test)]
mod tests;
