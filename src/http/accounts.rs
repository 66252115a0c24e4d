//! `/api/v1/auth`: making accounts, signing in, and one's own account.

use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
};
use kgl_actors::domain::{
    caller::Role,
    error::Error,
    user::{NewUser, TokenPair, User},
};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{Answer, call::Call, extract, openapi::ProblemBody, problem::Problem, respond};

const FORM: &str = "application/x-www-form-urlencoded";

/// An account to be made.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Registration {
    /// What the account signs in with.
    #[schema(format = "email", example = "ada@example.org")]
    email: String,
    #[schema(min_length = 8, max_length = 128, format = "password")]
    password: String,
    #[schema(min_length = 1, max_length = 100)]
    first_name: String,
    #[schema(min_length = 1, max_length = 100)]
    last_name: String,
    /// Other than `user` only by an admin's hand.
    role: Option<Role>,
}

/// What one signs in with.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Credentials {
    #[schema(format = "email", example = "ada@example.org")]
    email: String,
    #[schema(format = "password")]
    password: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RefreshRequest {
    refresh_token: String,
}

/// An OAuth2 token request, as a form.
#[derive(Deserialize, ToSchema)]
pub(crate) struct TokenRequest {
    /// `password` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// The e-mail address; for `password`.
    username: Option<String>,
    /// For `password`.
    #[schema(format = "password")]
    password: Option<String>,
    /// For `refresh_token`.
    refresh_token: Option<String>,
}

/// Changes to one's own account (JSON merge patch): what is not named stays.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ProfilePatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    first_name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    last_name: Option<String>,
}

/// A change of password.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PasswordChange {
    #[schema(format = "password")]
    current_password: String,
    #[schema(min_length = 8, max_length = 128, format = "password")]
    new_password: String,
}

/// In a merge patch null means "remove", which a name cannot be: so null is no string here.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// Makes an account.
#[utoipa::path(post, path = "/api/v1/auth/register", tag = "Accounts", security((), ("bearer" = [])),
    request_body = Registration, responses(
    (status = 201, body = User), (status = 400, response = ProblemBody), (status = 403, response = ProblemBody),
    (status = 409, response = ProblemBody),
    (status = 422, response = ProblemBody), (status = 429, response = ProblemBody)))]
pub(crate) async fn register(call: Call) -> Answer {
    let Registration { email, password, first_name, last_name, role } = call.json()?;
    let new = NewUser { email, password, first_name, last_name, role: role.unwrap_or(Role::User) };
    let user = call.app.engine.accounts().register(call.caller.as_ref(), new).await?;
    let mut response = respond::json(StatusCode::CREATED, &user)?;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("/api/v1/auth/me"));
    Ok(response)
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "Accounts", security(()), request_body = Credentials,
    responses((status = 200, body = TokenPair), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 422, response = ProblemBody),
    (status = 429, response = ProblemBody)))]
pub(crate) async fn login(call: Call) -> Answer {
    let Credentials { email, password } = call.json()?;
    tokens(&call.app.engine.accounts().login(&email, &password).await?)
}

/// Signs in as OAuth2 clients do (RFC 6749: password and refresh token grants).
#[utoipa::path(post, path = "/api/v1/auth/token", tag = "Accounts", security(()),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenPair), (status = 401, response = ProblemBody),
    (status = 415, response = ProblemBody), (status = 422, response = ProblemBody),
    (status = 429, response = ProblemBody)))]
pub(crate) async fn token(call: Call) -> Answer {
    let kind = call.content_type().map(extract::essence);
    if kind.as_deref() != Some(FORM) {
        return Err(Problem::unsupported_media_type(format!("this takes {FORM}")));
    }
    let request: TokenRequest = extract::form(&call.body)?;
    let accounts = call.app.engine.accounts();
    let pair = match request.grant_type.as_deref() {
        Some("password") => {
            let (email, password) = (required("username", request.username)?, required("password", request.password)?);
            accounts.login(&email, &password).await?
        }
        Some("refresh_token") => accounts.refresh(&required("refresh_token", request.refresh_token)?).await?,
        Some(_) => return Err(Error::invalid("grant_type", "must be password or refresh_token").into()),
        None => return Err(Error::invalid("grant_type", "is required").into()),
    };
    tokens(&pair)
}

fn required(field: &str, value: Option<String>) -> Result<String, Error> {
    value.ok_or_else(|| Error::invalid(field, "is required"))
}

/// Rotates a refresh token. One that was used before ends its whole session.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "Accounts", security(()), request_body = RefreshRequest,
    responses((status = 200, body = TokenPair), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 422, response = ProblemBody), (status = 429, response = ProblemBody)))]
pub(crate) async fn refresh(call: Call) -> Answer {
    let RefreshRequest { refresh_token } = call.json()?;
    tokens(&call.app.engine.accounts().refresh(&refresh_token).await?)
}

/// Signs out: ends the session that the access token belongs to.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "Accounts",
    responses((status = 204), (status = 401, response = ProblemBody)))]
pub(crate) async fn logout(call: Call) -> Answer {
    call.app.engine.accounts().logout(call.caller()?).await?;
    respond::no_content()
}

/// One's own account.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "Accounts",
    responses((status = 200, body = User), (status = 401, response = ProblemBody)))]
pub(crate) async fn me(call: Call) -> Answer {
    respond::ok(&call.app.engine.accounts().me(call.caller()?).await?)
}

/// Changes one's own names.
#[utoipa::path(patch, path = "/api/v1/auth/me", tag = "Accounts",
    request_body(content((ProfilePatch = "application/json"), (ProfilePatch = "application/merge-patch+json"))),
    responses((status = 200, body = User), (status = 400, response = ProblemBody),
    (status = 401, response = ProblemBody), (status = 422, response = ProblemBody)))]
pub(crate) async fn update_me(call: Call) -> Answer {
    let patch: ProfilePatch = call.json()?;
    let (first, last) = (patch.first_name.as_deref(), patch.last_name.as_deref());
    respond::ok(&call.app.engine.accounts().update_me(call.caller()?, first, last).await?)
}

/// Changes one's own password and ends one's other sessions.
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "Accounts", request_body = PasswordChange,
    responses((status = 204), (status = 400, response = ProblemBody), (status = 401, response = ProblemBody),
    (status = 422, response = ProblemBody), (status = 429, response = ProblemBody)))]
pub(crate) async fn change_password(call: Call) -> Answer {
    let PasswordChange { current_password, new_password } = call.json()?;
    call.app.engine.accounts().change_password(call.caller()?, &current_password, &new_password).await?;
    respond::no_content()
}

/// RFC 6749, 5.1: token answers are kept by no cache.
fn tokens(pair: &TokenPair) -> Answer {
    let mut response = respond::ok(pair)?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    debug_assert!(response.headers().contains_key(CONTENT_TYPE));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_does_not_remove_a_name() {
        let patch: ProfilePatch = extract::json(br#"{"first_name":"Ada"}"#).expect("a patch");
        assert_eq!((patch.first_name.as_deref(), patch.last_name), (Some("Ada"), None));
        assert!(extract::json::<ProfilePatch>(br#"{"last_name":null}"#).is_err());
    }
}
