//! Who asks: the bearer token of a request.

use http::{
    HeaderMap, HeaderName,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use kgl_actors::{
    accounts::Accounts,
    domain::{caller::Caller, error::Error},
};

use super::{problem::Problem, routes::Access};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The caller that a request's credentials stand for, as far as its route asks for one.
///
/// # Errors
/// 401 when credentials are missing where they are needed, or are there and not good.
pub(crate) fn caller(accounts: &Accounts, headers: &HeaderMap, access: Access) -> Result<Option<Caller>, Problem> {
    if access == Access::Public {
        return Ok(None);
    }
    match bearer(headers)? {
        Some(token) => accounts.authenticate(token).map(Some).map_err(rejected),
        None if access == Access::Optional => Ok(None),
        None => Err(missing()),
    }
}

/// 401: no credentials.
pub(crate) fn missing() -> Problem {
    Error::Unauthorized("sign in first: this needs an Authorization header with a bearer token").into()
}

/// The token of the `Authorization` header; the scheme's case does not matter.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return if headers.contains_key(X_API_KEY) {
            Err(Error::Unauthorized("API keys are not available in this version: send a bearer token").into())
        } else {
            Ok(None)
        };
    };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    match token {
        Some(token) => Ok(Some(token)),
        None => Err(Error::Unauthorized("the Authorization header is not of the form: Bearer TOKEN").into()),
    }
}

/// RFC 6750: a token that is there but not good is told apart from none.
fn rejected(error: Error) -> Problem {
    let expired = matches!(error, Error::Unauthorized(_));
    let problem = Problem::from(error);
    if expired {
        problem.replacing_header(WWW_AUTHENTICATE, "Bearer realm=\"kgl\", error=\"invalid_token\"")
    } else {
        problem
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};

    use super::*;

    fn with(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn a_bearer_token_is_found_whatever_the_case_of_its_scheme() {
        assert_eq!(bearer(&with(AUTHORIZATION, "bEaReR abc")).ok().flatten(), Some("abc"));
        assert!(bearer(&HeaderMap::new()).is_ok_and(|token| token.is_none()));
    }

    #[test]
    fn other_schemes_and_api_keys_are_refused_openly() {
        for headers in [
            with(AUTHORIZATION, "Basic dXNlcjpwdw=="),
            with(AUTHORIZATION, "Bearer "),
            with(AUTHORIZATION, "abc"),
            with(X_API_KEY, "k"),
        ] {
            let problem = bearer(&headers).expect_err("not a bearer token");
            assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
        }
    }

    #[test]
    fn a_bad_token_is_named_as_the_reason() {
        let response = rejected(Error::Unauthorized("expired")).into_response("r");
        let values: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
        assert_eq!(values, ["Bearer realm=\"kgl\", error=\"invalid_token\""]);
    }
}
