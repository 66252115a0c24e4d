//! Making answers.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use http_body_util::Full;
use serde::Serialize;

use super::{Answer, Response, problem::Problem};

/// Any bytes of a known type.
pub(crate) fn bytes(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A value as JSON.
pub(crate) fn json<T: Serialize>(status: StatusCode, value: &T) -> Answer {
    match serde_json::to_vec(value) {
        Ok(body) => Ok(bytes(status, "application/json", body)),
        Err(error) => {
            tracing::error!(%error, "an answer could not be serialised");
            Err(Problem::internal())
        }
    }
}

/// 200 with a value.
pub(crate) fn ok<T: Serialize>(value: &T) -> Answer {
    json(StatusCode::OK, value)
}

/// 204.
pub(crate) fn no_content() -> Answer {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// Defines the answer of a list: its items under their plural, and where the page stands in the whole.
macro_rules! list_answer {
    ($(#[$doc:meta])* $name:ident, $plural:ident: $item:ty) => {
        $(#[$doc])*
        #[derive(serde::Serialize, utoipa::ToSchema)]
        pub(crate) struct $name {
            /// The items of this page, newest first.
            $plural: Vec<$item>,
            /// How many items the whole list has.
            total: i64,
            /// How many items were passed over.
            skip: u32,
            /// How many items a page may have.
            limit: u32,
            /// Whether the list goes on after this page.
            has_more: bool,
            /// What to give as `cursor` for the next page; null at the end.
            next_cursor: Option<String>,
        }

        impl $name {
            pub(super) fn new(listing: kgl_actors::domain::page::Listing<$item>, page: &kgl_actors::domain::page::Page) -> Self {
                Self {
                    $plural: listing.items,
                    total: listing.total,
                    skip: page.skip,
                    limit: page.limit,
                    has_more: listing.has_more,
                    next_cursor: listing.next_cursor,
                }
            }
        }
    };
}
pub(crate) use list_answer;
