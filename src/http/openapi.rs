//! The description of the API in OpenAPI 3.1, made of the handlers' own annotations.

use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use utoipa::{
    Modify, OpenApi, ToResponse,
    openapi::security::{Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityScheme},
};

use super::{
    Answer, accounts, batch, call::Call, direct, documents, entities, graph, health, jobs, metrics, problem, queues,
    relationships, respond, schema,
};

/// A problem (RFC 9457): why a request was not done.
#[derive(ToResponse)]
#[response(description = "A problem: why the request was not done", content_type = "application/problem+json")]
#[allow(dead_code, reason = "a name for the response in the description")]
pub(crate) struct ProblemBody(#[to_schema] problem::ProblemBody<'static>);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Knowledge Graph Lab",
        description = "Documents in, a graph of who did what to whom out: each fact with the words that prove it.\n\n\
            All offsets count Unicode scalar values of a document's plain text. Errors are RFC 9457 problems. Lists \
            take `skip` and `limit`, or, to go deep, `cursor`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        accounts::register, accounts::login, accounts::token, accounts::refresh, accounts::logout, accounts::me,
        accounts::update_me, accounts::change_password,
        documents::submit, batch::submit, documents::list, documents::get, documents::content, documents::graph,
        documents::read_again, documents::delete,
        jobs::list, jobs::get, jobs::changes, jobs::cancel, jobs::retry,
        schema::get, schema::put, schema::delete, direct::extract,
        entities::list, entities::get, entities::evidence, entities::relationships,
        relationships::get, relationships::evidence,
        graph::query, graph::neighbourhood,
        queues::overview, queues::list, queues::get, queues::replay, queues::replay_many, queues::discard,
        health::summary, health::detailed, health::liveness, health::readiness, metrics::render, self::document,
    ),
    components(responses(ProblemBody)),
    security(("bearer" = []), ("oauth2" = [])),
    tags(
        (name = "Accounts", description = "Signing up and in"),
        (name = "Documents", description = "Submitting documents and reading them back"),
        (name = "Jobs", description = "Following the work on documents"),
        (name = "Extraction", description = "What is extracted, and reading texts at once"),
        (name = "Graph", description = "Entities, relationships, and the words that prove them"),
        (name = "Operations", description = "For those who run the service"),
    ),
    modifiers(&Schemes),
)]
struct Description;

/// How one proves who one is.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let url = "/api/v1/auth/token";
        let password = Password::with_refresh_url(url, Scopes::new(), url);
        components.add_security_scheme("oauth2", SecurityScheme::OAuth2(OAuth2::new([Flow::Password(password)])));
    }
}

/// The description as the program prints and the service serves it.
pub(crate) fn description() -> String {
    Description::openapi().to_pretty_json().unwrap_or_else(|error| {
        tracing::error!(%error, "the API's description could not be written");
        String::new()
    })
}

/// This description.
#[utoipa::path(get, path = "/openapi.json", tag = "Operations", security(()),
    responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(crate) fn document(_call: &Call) -> Answer {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(description()));
    Ok(respond::bytes(StatusCode::OK, "application/json", DOCUMENT.clone()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::http::routes::{Access, Route, TABLE};

    fn described() -> Value {
        serde_json::from_str(&description()).expect("JSON")
    }

    #[test]
    fn the_description_and_the_table_of_routes_name_the_same_operations() {
        let value = described();
        let described: BTreeSet<(String, String)> = value["paths"]
            .as_object()
            .expect("paths")
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().into_iter().flatten().map(|(method, _)| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let pages = [Route::Docs, Route::DocsFile];
        let routed: BTreeSet<(String, String)> = TABLE
            .iter()
            .filter(|entry| !pages.contains(&entry.route))
            .map(|entry| (entry.method.to_string(), entry.path.to_owned()))
            .collect();
        assert_eq!(described, routed);
    }

    #[test]
    fn what_is_open_in_the_table_is_open_in_the_description() {
        let value = described();
        for entry in TABLE.iter().filter(|entry| ![Route::Docs, Route::DocsFile].contains(&entry.route)) {
            let operation = &value["paths"][entry.path][entry.method.as_str().to_lowercase()];
            let open = operation["security"].as_array().is_some_and(|list| list.contains(&serde_json::json!({})));
            assert_eq!(open, entry.access != Access::SignedIn, "{} {}", entry.method, entry.path);
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn references(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                    fields.values().for_each(|field| references(field, found));
                }
                Value::Array(items) => items.iter().for_each(|item| references(item, found)),
                _ => {}
            }
        }
        let value = described();
        assert_eq!(value["openapi"], "3.1.0");
        let mut found = Vec::new();
        references(&value, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(value.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    #[test]
    fn every_problem_has_the_media_type_of_problems() {
        let value = described();
        let problem = &value["components"]["responses"]["ProblemBody"]["content"];
        assert!(problem.get("application/problem+json").is_some(), "{problem}");
        assert_eq!(
            value["components"]["securitySchemes"]["oauth2"]["flows"]["password"]["tokenUrl"],
            "/api/v1/auth/token"
        );
    }
}
