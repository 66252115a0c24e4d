//! `GET /metrics`.

use http::StatusCode;

use super::{Answer, call::Call, respond};

/// The media type of Prometheus' text format.
pub(crate) const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics, as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "Operations", security(()),
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain")))]
pub(crate) fn render(call: &Call) -> Answer {
    Ok(respond::bytes(StatusCode::OK, EXPOSITION, call.app.metrics.render()))
}
