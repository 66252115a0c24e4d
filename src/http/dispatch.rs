//! From a request to its handler: find the route, count the request, check who asks, read the body, and give the
//! handler its time.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header::ALLOW, request::Parts};
use kgl_actors::domain::error::Error;
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    Answer, App, BODY_BUDGET_KIB, Body, Response, accounts, auth, batch,
    call::Call,
    call::preferred_wait,
    context::Context,
    direct, documents, entities, extract, graph, health, jobs,
    limiter::{Client, Standing},
    metrics, openapi, pages,
    problem::Problem,
    queues, relationships,
    routes::{Entry, Params, Resolved, Route},
    schema,
};

/// Answers a request, or says why not.
///
/// # Errors
/// Every error of the front and of the engine, as the problem that it is to the client.
pub(crate) async fn answer(app: Arc<App>, request: Request<Body>) -> Answer {
    let (parts, body) = request.into_parts();
    let mut unread = Some(body);
    let answered = dispatch(app, parts, &mut unread).await;
    // A refusal that closes the connection under a client which is still sending would never be read by it.
    if let (Err(_), Some(body)) = (&answered, unread) {
        extract::linger(body).await;
    }
    answered
}

/// Answers a request. The body is taken out once it is about to be read.
async fn dispatch(app: Arc<App>, parts: Parts, body: &mut Option<Body>) -> Answer {
    let Some(context) = parts.extensions.get::<Arc<Context>>().cloned() else {
        tracing::error!("a request came in without its context");
        return Err(Problem::internal());
    };
    // The table lives in `app`, which the call takes along: so the row is copied.
    let (entry, params) = match app.routes.resolve(&parts.method, parts.uri.path()) {
        Resolved::Found(entry, params) => (entry.clone(), params),
        Resolved::OtherMethods(methods) if parts.method == Method::OPTIONS => return options(&methods),
        Resolved::OtherMethods(methods) => return Err(Problem::method_not_allowed(&methods)),
        Resolved::Unknown => return Err(Problem::unknown_path()),
    };
    let _ = context.route.set(entry.path);
    let caller = auth::caller(app.engine.accounts(), &parts.headers, entry.access);
    if let Ok(Some(caller)) = &caller {
        let _ = context.user.set(caller.user_id);
    }
    let client = match &caller {
        Ok(Some(caller)) => Client::User(caller.user_id),
        _ => Client::Address(context.peer),
    };
    let standing = app.limiter.count(client, entry.rate, Instant::now());
    let answered = match standing {
        Some(standing) if !standing.allowed => Err(Problem::rate_limited(standing.reset())),
        _ => match caller {
            Ok(caller) => admitted(app, (parts, body), &entry, params, context, caller).await,
            Err(problem) => Err(problem),
        },
    };
    with_standing(answered, standing)
}

async fn admitted(
    app: Arc<App>,
    (parts, body): (Parts, &mut Option<Body>),
    entry: &Entry,
    params: Params,
    context: Arc<Context>,
    caller: Option<kgl_actors::domain::caller::Caller>,
) -> Answer {
    let limit = app.settings.request_timeout + preferred_wait(&parts.headers).unwrap_or_default();
    let (body, _room) = read_body(&app, &parts.headers, body, entry.body_limit).await?;
    let call = Call { app, parts, body, context, params, caller };
    timeout(limit, handle(entry.route, call)).await.unwrap_or_else(|_| Err(Problem::deadline(limit)))
}

/// Reads the body once there is memory for it. The permit holds that memory until the handler is done.
async fn read_body(
    app: &App,
    headers: &http::HeaderMap,
    body: &mut Option<Body>,
    limit: usize,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Problem> {
    if limit == 0 {
        return Ok((Bytes::new(), None));
    }
    let expected = extract::declared_length(headers).unwrap_or(limit).min(limit);
    let kib = u32::try_from((expected / 1024 + 1).min(BODY_BUDGET_KIB)).unwrap_or(u32::MAX);
    let wait = app.settings.request_timeout;
    let room = match timeout(wait, Arc::clone(&app.body_budget).acquire_many_owned(kib)).await {
        Ok(Ok(room)) => room,
        // Nobody closes the semaphore, so this is the timeout: too many large bodies at once.
        _ => return Err(Error::Busy { retry_after: wait }.into()),
    };
    let Some(body) = body.take() else { return Ok((Bytes::new(), None)) };
    Ok((extract::body(headers, body, limit).await?, Some(room)))
}

fn options(methods: &[Method]) -> Answer {
    let list = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Ok(value) = HeaderValue::from_str(&list) {
        response.headers_mut().insert(ALLOW, value);
    }
    Ok(response)
}

fn with_standing(answer: Answer, standing: Option<Standing>) -> Answer {
    let Some(standing) = standing else { return answer };
    match answer {
        Ok(mut response) => {
            standing.write(response.headers_mut());
            Ok(response)
        }
        Err(problem) => Err(problem.with_headers(|headers| standing.write(headers))),
    }
}

async fn handle(route: Route, call: Call) -> Answer {
    match route {
        Route::Register => accounts::register(call).await,
        Route::Login => accounts::login(call).await,
        Route::Token => accounts::token(call).await,
        Route::Refresh => accounts::refresh(call).await,
        Route::Logout => accounts::logout(call).await,
        Route::Me => accounts::me(call).await,
        Route::UpdateMe => accounts::update_me(call).await,
        Route::ChangePassword => accounts::change_password(call).await,
        Route::SubmitDocument => documents::submit(call).await,
        Route::SubmitBatch => batch::submit(call).await,
        Route::ListDocuments => documents::list(call).await,
        Route::GetDocument => documents::get(call).await,
        Route::DocumentContent => documents::content(call).await,
        Route::DocumentGraph => documents::graph(call).await,
        Route::ReadAgain => documents::read_again(call).await,
        Route::DeleteDocument => documents::delete(call).await,
        Route::ListJobs => jobs::list(call).await,
        Route::GetJob => jobs::get(call).await,
        Route::JobChanges => jobs::changes(call).await,
        Route::CancelJob => jobs::cancel(call).await,
        Route::RetryJob => jobs::retry(call).await,
        Route::GetSchema => schema::get(call).await,
        Route::PutSchema => schema::put(call).await,
        Route::DeleteSchema => schema::delete(call).await,
        Route::ExtractEntities => direct::extract(call).await,
        Route::ListEntities => entities::list(call).await,
        Route::GetEntity => entities::get(call).await,
        Route::EntityEvidence => entities::evidence(call).await,
        Route::EntityRelationships => entities::relationships(call).await,
        Route::GetRelationship => relationships::get(call).await,
        Route::RelationshipEvidence => relationships::evidence(call).await,
        Route::QueryGraph => graph::query(call).await,
        Route::Neighbourhood => graph::neighbourhood(call).await,
        Route::QueueOverview => queues::overview(call).await,
        Route::ListDeadLetters => queues::list(call).await,
        Route::GetDeadLetter => queues::get(call).await,
        Route::ReplayDeadLetter => queues::replay(call).await,
        Route::ReplayDeadLetters => queues::replay_many(call).await,
        Route::DiscardDeadLetter => queues::discard(call).await,
        Route::Health => health::summary(&call),
        Route::HealthDetailed => health::detailed(&call),
        Route::Liveness => health::liveness(),
        Route::Readiness => health::readiness(&call),
        Route::Metrics => metrics::render(&call),
        Route::OpenApi => openapi::document(&call),
        Route::Docs => pages::docs(call.parts.uri.path()),
        Route::DocsFile => pages::docs_file(call.param("file")),
        Route::Page(index) => pages::file(index, &call.parts.headers),
    }
}
