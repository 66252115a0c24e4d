//! Accepting connections, and letting go of them in order.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use kgl_actors::Engine;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::{Service, ServiceExt, service_fn};

use super::{
    App, Body, Response, dispatch,
    layers::{self, Peer, Recorder},
    metrics::EXPOSITION,
    respond,
};
use crate::settings::{Environment, HttpSettings};

/// A head that does not arrive, or an idle connection, is given up after this.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// HTTP/2 peers are asked for a sign of life this often, and are given as long to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// After a failed accept (no file descriptors are left, say) the next try waits, so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the API until `closing`, then lets what is under way end within `patience`.
pub(crate) async fn serve(
    listener: TcpListener,
    engine: Engine,
    settings: HttpSettings,
    environment: Environment,
    metrics: PrometheusHandle,
    closing: CancellationToken,
    patience: Duration,
) {
    let shared = Arc::new(settings.clone());
    let max_connections = settings.max_connections;
    let log = engine.access_log().clone();
    let record: Recorder = Arc::new(move |record| log.record(record));
    let app = App::new(engine, settings, environment, metrics, closing.clone());
    let core = service_fn(move |request| dispatch::answer(Arc::clone(&app), request));
    accept(listener, layers::stack(shared, record, core), max_connections, closing, patience).await;
}

/// Serves the metrics on a listener of their own; for a process without the API also whether it lives and is ready.
pub(crate) async fn serve_operations(
    listener: TcpListener,
    metrics: PrometheusHandle,
    engine: Option<Engine>,
    closing: CancellationToken,
) {
    let service = service_fn(move |request: Request<Body>| {
        let response = match (request.uri().path(), &engine) {
            ("/metrics", _) => respond::bytes(StatusCode::OK, EXPOSITION, metrics.render()),
            ("/health/liveness", Some(_)) => respond::bytes(StatusCode::OK, "text/plain", "alive\n"),
            ("/health/readiness", Some(engine)) => ready(engine),
            _ => respond::bytes(StatusCode::NOT_FOUND, "text/plain", "only /metrics is here\n"),
        };
        async move { Ok::<_, Infallible>(response) }
    });
    accept(listener, service, 64, closing, Duration::ZERO).await;
}

fn ready(engine: &Engine) -> Response {
    let report = engine.health();
    if report.ready {
        return respond::bytes(StatusCode::OK, "text/plain", "ready\n");
    }
    respond::bytes(StatusCode::SERVICE_UNAVAILABLE, "text/plain", report.reasons.join("\n") + "\n")
}

async fn accept<S, B>(
    listener: TcpListener,
    service: S,
    max_connections: usize,
    closing: CancellationToken,
    patience: Duration,
) where
    S: Service<Request<Body>, Response = http::Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
    B: hyper::body::Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let builder = Arc::new(builder());
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(max_connections));
    loop {
        let place = tokio::select! {
            () = closing.cancelled() => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        // Nobody closes the semaphore.
        let Ok(place) = place else { break };
        let (stream, peer) = tokio::select! {
            () = closing.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (builder, service, watcher) = (Arc::clone(&builder), service.clone(), graceful.watcher());
        tokio::spawn(async move {
            let connection = builder.serve_connection(transport(stream), from_wire(service, peer));
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                tracing::debug!(%error, %peer, "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    if timeout(patience, graceful.shutdown()).await.is_err() && !patience.is_zero() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // A client that has sent all it has and says so still gets its answer.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_READ_TIMEOUT).half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .max_concurrent_streams(128);
    builder
}

fn transport(stream: TcpStream) -> TokioIo<TcpStream> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small answers may be slow");
    }
    TokioIo::new(stream)
}

/// The service of one connection: what hyper reads becomes what the stack takes.
fn from_wire<S, B>(
    service: S,
    peer: SocketAddr,
) -> impl hyper::service::Service<Request<Incoming>, Response = http::Response<B>, Error = Infallible, Future: Send>
where
    B: hyper::body::Body,
    S: Service<Request<Body>, Response = http::Response<B>, Error = Infallible, Future: Send> + Clone + Send + 'static,
{
    hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        request.extensions_mut().insert(Peer(peer.ip()));
        service.clone().oneshot(request)
    })
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A service with one place that answers after a while, its listener's address, and the switch that ends it.
    async fn slow_server(patience: Duration) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let (address, closing) = (listener.local_addr().expect("its address"), CancellationToken::new());
        let service = service_fn(|_: Request<Body>| async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            Ok::<Response, Infallible>(respond::bytes(StatusCode::OK, "text/plain", "done"))
        });
        let task = tokio::spawn(accept(listener, service, 1, closing.clone(), patience));
        (address, closing, task)
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_and_the_next_connection_refused() {
        let (address, closing, server) = slow_server(Duration::from_secs(5)).await;
        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
        closing.cancel();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("an answer, then the end");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        server.await.expect("the server ended");
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn patience_has_an_end() {
        let (address, closing, server) = slow_server(Duration::from_millis(20)).await;
        let mut client = TcpStream::connect(address).await.expect("a connection");
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
        closing.cancel();
        timeout(Duration::from_millis(120), server).await.expect("in time").expect("the server ended");
    }
}
