//! The one table of routes: what can be asked, who may ask, and how much they may send along.

use std::sync::LazyLock;

use http::Method;
use kgl_actors::domain::document::MAX_CONTENT_BYTES;

use super::pages;

/// A question that the service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Register,
    Login,
    Token,
    Refresh,
    Logout,
    Me,
    UpdateMe,
    ChangePassword,
    SubmitDocument,
    SubmitBatch,
    ListDocuments,
    GetDocument,
    DocumentContent,
    DocumentGraph,
    ReadAgain,
    DeleteDocument,
    ListJobs,
    GetJob,
    JobChanges,
    CancelJob,
    RetryJob,
    GetSchema,
    PutSchema,
    DeleteSchema,
    ExtractEntities,
    ListEntities,
    GetEntity,
    EntityEvidence,
    EntityRelationships,
    GetRelationship,
    RelationshipEvidence,
    QueryGraph,
    Neighbourhood,
    QueueOverview,
    ListDeadLetters,
    GetDeadLetter,
    ReplayDeadLetter,
    ReplayDeadLetters,
    DiscardDeadLetter,
    Health,
    HealthDetailed,
    Liveness,
    Readiness,
    Metrics,
    OpenApi,
    Docs,
    DocsFile,
    /// A file of the web page, by its place in [`pages::files`].
    Page(usize),
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anybody.
    Public,
    /// Anybody; but credentials that come along must be good.
    Optional,
    /// Whoever has signed in.
    SignedIn,
}

/// Which limit on the rate of requests holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// None: probes and pages.
    Unlimited,
    /// The usual one.
    Usual,
    /// A lower one: where passwords can be guessed.
    Strict,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// With which method.
    pub(crate) method: Method,
    /// At which path, in the pattern language of matchit, which is also OpenAPI's.
    pub(crate) path: &'static str,
    /// What is asked.
    pub(crate) route: Route,
    /// Who may ask.
    pub(crate) access: Access,
    /// Under which limit of requests.
    pub(crate) rate: Rate,
    /// How many bytes of body are read; 0 leaves the body unread.
    pub(crate) body_limit: usize,
}

/// Bytes of an ordinary request's body.
const JSON_BODY: usize = 1024 * 1024;
/// Bytes of a document's request: the document, and room for its metadata and for multipart's or JSON's own signs.
const DOCUMENT_BODY: usize = MAX_CONTENT_BYTES + 256 * 1024;
/// Bytes of a schema's request: ten thousand names with their ids, and room for JSON's signs.
const SCHEMA_BODY: usize = 4 * 1024 * 1024;
/// Bytes of a batch's request.
const BATCH_BODY: usize = 32 * 1024 * 1024;

fn row(method: Method, path: &'static str, route: Route) -> Entry {
    Entry { method, path, route, access: Access::SignedIn, rate: Rate::Usual, body_limit: 0 }
}

fn get(path: &'static str, route: Route) -> Entry {
    row(Method::GET, path, route)
}

fn post(path: &'static str, route: Route, body_limit: usize) -> Entry {
    Entry { body_limit, ..row(Method::POST, path, route) }
}

/// A path that takes passwords or refresh tokens.
fn auth(path: &'static str, route: Route) -> Entry {
    Entry { access: Access::Public, rate: Rate::Strict, ..post(path, route, JSON_BODY) }
}

fn open(path: &'static str, route: Route) -> Entry {
    Entry { access: Access::Public, rate: Rate::Unlimited, ..get(path, route) }
}

/// All routes but the web page's files.
pub(crate) static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    vec![
        Entry { access: Access::Optional, ..auth("/api/v1/auth/register", Route::Register) },
        auth("/api/v1/auth/login", Route::Login),
        auth("/api/v1/auth/token", Route::Token),
        auth("/api/v1/auth/refresh", Route::Refresh),
        post("/api/v1/auth/logout", Route::Logout, JSON_BODY),
        get("/api/v1/auth/me", Route::Me),
        Entry { body_limit: JSON_BODY, ..row(Method::PATCH, "/api/v1/auth/me", Route::UpdateMe) },
        Entry { rate: Rate::Strict, ..post("/api/v1/auth/password", Route::ChangePassword, JSON_BODY) },
        post("/api/v1/documents", Route::SubmitDocument, DOCUMENT_BODY),
        post("/api/v1/documents/batch", Route::SubmitBatch, BATCH_BODY),
        get("/api/v1/documents", Route::ListDocuments),
        get("/api/v1/documents/{id}", Route::GetDocument),
        get("/api/v1/documents/{id}/content", Route::DocumentContent),
        get("/api/v1/documents/{id}/graph", Route::DocumentGraph),
        post("/api/v1/documents/{id}/extract", Route::ReadAgain, JSON_BODY),
        row(Method::DELETE, "/api/v1/documents/{id}", Route::DeleteDocument),
        get("/api/v1/jobs", Route::ListJobs),
        get("/api/v1/jobs/{id}", Route::GetJob),
        get("/api/v1/jobs/{id}/changes", Route::JobChanges),
        post("/api/v1/jobs/{id}/cancel", Route::CancelJob, 0),
        post("/api/v1/jobs/{id}/retry", Route::RetryJob, 0),
        get("/api/v1/extraction/schema", Route::GetSchema),
        Entry { body_limit: SCHEMA_BODY, ..row(Method::PUT, "/api/v1/extraction/schema", Route::PutSchema) },
        row(Method::DELETE, "/api/v1/extraction/schema", Route::DeleteSchema),
        post("/api/v1/extract-entities", Route::ExtractEntities, DOCUMENT_BODY),
        get("/api/v1/entities", Route::ListEntities),
        get("/api/v1/entities/{id}", Route::GetEntity),
        get("/api/v1/entities/{id}/evidence", Route::EntityEvidence),
        get("/api/v1/entities/{id}/relationships", Route::EntityRelationships),
        get("/api/v1/relationships/{id}", Route::GetRelationship),
        get("/api/v1/relationships/{id}/evidence", Route::RelationshipEvidence),
        post("/api/v1/graph/query", Route::QueryGraph, JSON_BODY),
        get("/api/v1/graph/entity/{id}", Route::Neighbourhood),
        get("/api/v1/admin/queues", Route::QueueOverview),
        get("/api/v1/admin/queues/dead", Route::ListDeadLetters),
        post("/api/v1/admin/queues/dead/replay", Route::ReplayDeadLetters, JSON_BODY),
        get("/api/v1/admin/queues/dead/{id}", Route::GetDeadLetter),
        row(Method::DELETE, "/api/v1/admin/queues/dead/{id}", Route::DiscardDeadLetter),
        post("/api/v1/admin/queues/dead/{id}/replay", Route::ReplayDeadLetter, 0),
        open("/health", Route::Health),
        open("/health/detailed", Route::HealthDetailed),
        open("/health/liveness", Route::Liveness),
        open("/health/readiness", Route::Readiness),
        open("/metrics", Route::Metrics),
        open("/openapi.json", Route::OpenApi),
        open("/docs", Route::Docs),
        open("/docs/", Route::Docs),
        open("/docs/{file}", Route::DocsFile),
    ]
});

/// The parameters in a path, by name.
pub(crate) type Params = Vec<(String, String)>;

/// What a path and method come to.
#[derive(Debug)]
pub(crate) enum Resolved<'a> {
    /// A row of the table, and the parameters in the path.
    Found(&'a Entry, Params),
    /// The path is known; these are its methods.
    OtherMethods(Vec<Method>),
    /// The path is not known.
    Unknown,
}

/// The table, ready to be asked.
pub(crate) struct Routes {
    by_path: matchit::Router<Vec<Entry>>,
}

impl Routes {
    /// All routes; `/metrics` only if it has no listener of its own.
    pub(crate) fn new(with_metrics: bool) -> Self {
        let pages = pages::files().enumerate().map(|(index, path)| open(path, Route::Page(index)));
        let entries = TABLE.iter().cloned().chain(pages).filter(|e| with_metrics || e.route != Route::Metrics);
        let mut grouped: Vec<(&'static str, Vec<Entry>)> = Vec::new();
        for entry in entries {
            match grouped.iter_mut().find(|(path, _)| *path == entry.path) {
                Some((_, group)) => group.push(entry),
                None => grouped.push((entry.path, vec![entry])),
            }
        }
        let mut by_path = matchit::Router::new();
        for (path, group) in grouped {
            if let Err(error) = by_path.insert(path, group) {
                // The patterns are constants and a test inserts them all, so this cannot be met at run time.
                tracing::error!(%error, path, "a route is left out");
            }
        }
        Self { by_path }
    }

    /// Finds the row for a path and method. HEAD is a GET whose body the server leaves out.
    pub(crate) fn resolve(&self, method: &Method, path: &str) -> Resolved<'_> {
        let Ok(found) = self.by_path.at(path) else { return Resolved::Unknown };
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        match found.value.iter().find(|entry| entry.method == wanted) {
            Some(entry) => {
                let params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                Resolved::Found(entry, params)
            }
            None => Resolved::OtherMethods(methods(found.value)),
        }
    }
}

fn methods(entries: &[Entry]) -> Vec<Method> {
    let mut methods: Vec<Method> = entries.iter().map(|entry| entry.method.clone()).collect();
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    methods.push(Method::OPTIONS);
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(routes: &Routes, method: &Method, path: &str) -> Option<(Route, Params)> {
        match routes.resolve(method, path) {
            Resolved::Found(entry, params) => Some((entry.route, params)),
            _ => None,
        }
    }

    #[test]
    fn every_row_is_reached_by_its_own_path() {
        let routes = Routes::new(true);
        for entry in TABLE.iter() {
            let path = entry.path.replace("{id}", "x").replace("{file}", "x");
            assert_eq!(found(&routes, &entry.method, &path).map(|(route, _)| route), Some(entry.route), "{path}");
        }
    }

    #[test]
    fn parameters_come_by_name_and_head_is_a_get() {
        let routes = Routes::new(true);
        let (route, params) = found(&routes, &Method::HEAD, "/api/v1/jobs/17").expect("a route");
        assert_eq!((route, params), (Route::GetJob, vec![("id".to_owned(), "17".to_owned())]));
    }

    #[test]
    fn a_known_path_tells_its_methods_and_an_unknown_one_nothing() {
        let routes = Routes::new(true);
        let Resolved::OtherMethods(methods) = routes.resolve(&Method::PUT, "/api/v1/documents/1") else {
            panic!("the path is known")
        };
        assert_eq!(methods, [Method::GET, Method::DELETE, Method::HEAD, Method::OPTIONS]);
        assert!(matches!(routes.resolve(&Method::GET, "/api/v1/nothing"), Resolved::Unknown));
        assert!(matches!(routes.resolve(&Method::GET, "/api/v1/documents/"), Resolved::Unknown));
    }

    #[test]
    fn metrics_leave_the_main_listener_when_they_have_their_own() {
        assert!(found(&Routes::new(true), &Method::GET, "/metrics").is_some());
        assert!(found(&Routes::new(false), &Method::GET, "/metrics").is_none());
    }

    #[test]
    fn only_what_the_contract_opens_is_open() {
        for entry in TABLE.iter().filter(|entry| entry.path.starts_with("/api/")) {
            let open = ["register", "login", "token", "refresh"].iter().any(|word| entry.path.ends_with(word));
            assert_eq!(entry.access != Access::SignedIn, open, "{}", entry.path);
        }
    }

    #[test]
    fn an_eleven_megabyte_document_is_beyond_the_limit_and_a_ten_megabyte_one_is_not() {
        assert!((MAX_CONTENT_BYTES..11_000_000).contains(&DOCUMENT_BODY));
    }
}
