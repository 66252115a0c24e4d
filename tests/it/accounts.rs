//! Accounts: signing up and in, tokens and what they are worth, one's own account.

use std::{
    thread,
    time::{Duration, Instant},
};

use kgl_test_support::tokens;
use serde_json::{Value, json};

use crate::harness::{Answer, Body, Client, PASSWORD, SIGNING_SECRET, configured, shared};

const FORM: &str = "application/x-www-form-urlencoded";

/// A new account of the shared service and its first pair of tokens.
fn account() -> (String, Value) {
    let client = shared().new_user();
    let email = email_of(&client);
    let pair = login(&email, PASSWORD).expect(200);
    (email, pair)
}

fn email_of(client: &Client) -> String {
    client.get("/api/v1/auth/me").expect(200)["email"].as_str().expect("an address").to_owned()
}

fn login(email: &str, password: &str) -> Answer {
    shared().anonymous().post("/api/v1/auth/login", &json!({ "email": email, "password": password }))
}

fn refresh(pair: &Value) -> Answer {
    shared().anonymous().post("/api/v1/auth/refresh", &json!({ "refresh_token": pair["refresh_token"] }))
}

fn form(body: &str) -> Answer {
    shared().anonymous().request("POST", "/api/v1/auth/token", &[], Body::Bytes(FORM, body.as_bytes()))
}

/// A client with the access token of a pair.
fn with(pair: &Value) -> Client {
    Client { url: shared().url.clone(), token: pair["access_token"].as_str().map(str::to_owned) }
}

fn me(client: &Client) -> Answer {
    client.get("/api/v1/auth/me")
}

fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace" })
}

/// The fields that a validation error names, sorted.
fn fields(problem: &Value) -> Vec<String> {
    let details = problem["details"].as_array().unwrap_or_else(|| panic!("a list of issues: {problem}"));
    assert!(details.iter().all(|d| d["issue"].as_str().is_some_and(|issue| !issue.is_empty())), "{problem}");
    let mut fields: Vec<String> = details.iter().map(|d| d["field"].as_str().expect("a field").to_owned()).collect();
    fields.sort();
    fields
}

#[test]
fn a_new_account_is_a_user_whose_password_is_shown_to_nobody() {
    let answer = shared().anonymous().post("/api/v1/auth/register", &registration("Ada.Register@Example.org"));
    let text = answer.text.clone();
    let user = answer.expect(201);
    assert_eq!(user["email"], json!("ada.register@example.org"));
    assert_eq!(user["role"], json!("user"));
    assert_eq!(user["is_active"], json!(true));
    assert_eq!(user["last_login"], Value::Null);
    let mut keys: Vec<&String> = user.as_object().expect("an object").keys().collect();
    keys.sort();
    let expected =
        ["created_at", "email", "first_name", "id", "is_active", "last_login", "last_name", "role", "updated_at"];
    assert_eq!(keys, expected);
    assert!(!text.contains(PASSWORD) && !text.contains("argon2"), "{text}");
    assert!(user["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "RFC 3339 in UTC: {user}");
}

#[test]
fn an_address_is_taken_once_whatever_its_case() {
    let client = shared().anonymous();
    client.post("/api/v1/auth/register", &registration("taken@example.org")).expect(201);
    client.post("/api/v1/auth/register", &registration("TAKEN@example.org")).expect_problem(409, "Conflict");
}

#[test]
fn of_two_registrations_of_one_address_at_once_one_wins() {
    let register = || shared().anonymous().post("/api/v1/auth/register", &registration("race@example.org")).status;
    let statuses: Vec<u16> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(register)).collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    assert_eq!(statuses.iter().filter(|s| **s == 201).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|s| matches!(s, 201 | 409)), "{statuses:?}");
}

#[test]
fn a_registration_that_is_not_valid_hears_of_every_field() {
    let body = json!({ "email": "nobody", "password": "short", "first_name": "", "last_name": "x".repeat(101) });
    let problem = shared().anonymous().post("/api/v1/auth/register", &body).expect_problem(422, "ValidationError");
    assert_eq!(fields(&problem), ["email", "first_name", "last_name", "password"]);
}

#[test]
fn the_lengths_of_passwords_count_characters() {
    let register = |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password, "first_name": "A", "last_name": "B" });
        shared().anonymous().post("/api/v1/auth/register", &body)
    };
    register("eight@example.org", &"ß".repeat(8)).expect(201);
    register("most@example.org", &"ß".repeat(128)).expect(201);
    login("most@example.org", &"ß".repeat(128)).expect(200);
    let short = register("seven@example.org", &"ß".repeat(7)).expect_problem(422, "ValidationError");
    assert_eq!(fields(&short), ["password"]);
    register("many@example.org", &"ß".repeat(129)).expect_problem(422, "ValidationError");
}

#[test]
fn a_role_is_given_by_admins_only() {
    let mut body = registration("would-be-admin@example.org");
    body["role"] = json!("admin");
    shared().anonymous().post("/api/v1/auth/register", &body).expect_problem(403, "Forbidden");
    shared().new_user().post("/api/v1/auth/register", &body).expect_problem(403, "Forbidden");
    login("would-be-admin@example.org", PASSWORD).expect_problem(401, "Unauthorized");
    body["role"] = json!("emperor");
    shared().anonymous().post("/api/v1/auth/register", &body).expect_problem(422, "ValidationError");
    body["role"] = json!("user");
    shared().anonymous().post("/api/v1/auth/register", &body).expect(201);
}

#[test]
fn an_admin_may_register_a_moderator() {
    let admin = shared().admin();
    assert_eq!(me(&admin).expect(200)["role"], json!("admin"));
    let mut body = registration("made-by-admin@example.org");
    body["role"] = json!("moderator");
    assert_eq!(admin.post("/api/v1/auth/register", &body).expect(201)["role"], json!("moderator"));
}

#[test]
fn nobody_raises_their_own_role_or_changes_more_than_their_names() {
    let client = shared().new_user();
    let before = me(&client).expect(200);
    let patch = json!({ "role": "admin", "email": "other@example.org", "is_active": false, "first_name": "Changed" });
    let answer = client.request("PATCH", "/api/v1/auth/me", &[], Body::Json(&patch));
    assert!(matches!(answer.status, 200 | 403 | 422), "{}", answer.text);
    let after = me(&client).expect(200);
    for field in ["role", "email", "is_active", "id"] {
        assert_eq!(after[field], before[field], "{field}");
    }
}

#[test]
fn login_answers_a_pair_of_tokens_that_no_cache_may_keep() {
    let email = email_of(&shared().new_user());
    let answer = login(&email, PASSWORD);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let pair = answer.expect(200);
    assert_eq!(pair["token_type"], json!("bearer"));
    assert_eq!(pair["expires_in"], json!(900));
    assert_eq!(pair["user"]["email"], json!(email));
    assert!(pair["user"]["last_login"].is_string(), "{pair}");
    let (header, claims) = tokens::parts(pair["access_token"].as_str().expect("a token"));
    assert!(header["kid"].is_string(), "keys can rotate only if tokens name theirs: {header}");
    let life = claims["exp"].as_i64().expect("exp") - claims["iat"].as_i64().expect("iat");
    assert_eq!(life, 900);
    assert_eq!(me(&with(&pair)).expect(200)["id"], pair["user"]["id"]);
}

#[test]
fn an_unknown_address_and_a_wrong_password_are_answered_alike() {
    let email = email_of(&shared().new_user());
    let wrong = login(&email, "not the password");
    let unknown = login("nobody-at-all@example.org", "not the password");
    let comparable = |answer: &Answer| {
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        (answer.status, body, answer.header("www-authenticate").map(str::to_owned))
    };
    assert_eq!(comparable(&wrong), comparable(&unknown));
    wrong.expect_problem(401, "Unauthorized");
}

#[test]
fn an_unknown_address_costs_as_much_time_as_a_wrong_password() {
    let email = email_of(&shared().new_user());
    let fastest = |email: &str| {
        let once = || {
            let begun = Instant::now();
            login(email, "not the password").expect_problem(401, "Unauthorized");
            begun.elapsed()
        };
        (0..7).map(|_| once()).min().unwrap_or(Duration::ZERO)
    };
    let (wrong, unknown) = (fastest(&email), fastest("not-here@example.org"));
    assert!(unknown > wrong / 2 && wrong > unknown / 2, "wrong password {wrong:?}, unknown address {unknown:?}");
}

#[test]
fn an_oauth2_form_signs_in_and_refreshes() {
    let email = email_of(&shared().new_user());
    let (name, password) = (email.replace('@', "%40"), PASSWORD.replace(' ', "+"));
    let pair = form(&format!("grant_type=password&username={name}&password={password}&scope=")).expect(200);
    me(&with(&pair)).expect(200);
    let token = pair["refresh_token"].as_str().expect("a token");
    let next = form(&format!("grant_type=refresh_token&refresh_token={token}")).expect(200);
    assert_ne!(next["refresh_token"], pair["refresh_token"]);
    me(&with(&next)).expect(200);
}

#[test]
fn an_oauth2_form_that_is_wrong_is_refused() {
    let missing = form("grant_type=password&username=a%40example.org").expect_problem(422, "ValidationError");
    assert_eq!(fields(&missing), ["password"]);
    form("grant_type=client_credentials").expect_problem(422, "ValidationError");
    form("username=a&password=b").expect_problem(422, "ValidationError");
    form("grant_type=password&username=a%40example.org&password=wrong+password").expect_problem(401, "Unauthorized");
    let json = json!({ "grant_type": "password" });
    shared().anonymous().post("/api/v1/auth/token", &json).expect_problem(415, "UnsupportedMediaType");
}

#[test]
fn a_refresh_token_is_good_for_one_pair() {
    let (_, first) = account();
    let second = refresh(&first).expect(200);
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    me(&with(&second)).expect(200);
    refresh(&second).expect(200);
}

#[test]
fn a_refresh_token_used_twice_ends_its_whole_family() {
    let (email, first) = account();
    let other_login = login(&email, PASSWORD).expect(200);
    let second = refresh(&first).expect(200);
    refresh(&first).expect_problem(401, "Unauthorized");
    refresh(&second).expect_problem(401, "Unauthorized");
    me(&with(&second)).expect_problem(401, "Unauthorized");
    refresh(&other_login).expect(200);
}

#[test]
fn refreshes_of_one_token_at_once_yield_one_pair_at_most() {
    let (_, pair) = account();
    let answers: Vec<Answer> = thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| refresh(&pair))).collect();
        threads.into_iter().map(|t| t.join().expect("no panic")).collect()
    });
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert!(won.len() <= 1, "{} pairs from one token", won.len());
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 401)));
    // The others were uses of a used token: whoever won has lost the family too.
    for answer in won {
        refresh(&answer.json()).expect_problem(401, "Unauthorized");
    }
}

#[test]
fn a_logout_during_a_refresh_leaves_nothing_of_the_session() {
    for _ in 0..3 {
        let (_, pair) = account();
        let refreshed = thread::scope(|scope| {
            let refreshed = scope.spawn(|| refresh(&pair));
            with(&pair).request("POST", "/api/v1/auth/logout", &[], Body::Empty).expect(204);
            refreshed.join().expect("no panic")
        });
        me(&with(&pair)).expect_problem(401, "Unauthorized");
        if refreshed.status == 200 {
            let pair = refreshed.json();
            refresh(&pair).expect_problem(401, "Unauthorized");
            me(&with(&pair)).expect_problem(401, "Unauthorized");
        }
    }
}

#[test]
fn logout_ends_this_session_at_once_and_no_other() {
    let (email, pair) = account();
    let other = login(&email, PASSWORD).expect(200);
    with(&pair).request("POST", "/api/v1/auth/logout", &[], Body::Empty).expect(204);
    me(&with(&pair)).expect_problem(401, "Unauthorized");
    refresh(&pair).expect_problem(401, "Unauthorized");
    me(&with(&other)).expect(200);
    refresh(&other).expect(200);
}

#[test]
fn a_patch_changes_what_it_names() {
    let client = shared().new_user();
    let patch = |body: Value| client.request("PATCH", "/api/v1/auth/me", &[], Body::Json(&body));
    let user = patch(json!({ "first_name": "Augusta" })).expect(200);
    assert_eq!((&user["first_name"], &user["last_name"]), (&json!("Augusta"), &json!("User")));
    assert_eq!(me(&client).expect(200)["first_name"], json!("Augusta"));
    let empty = patch(json!({ "first_name": "", "last_name": "x".repeat(101) })).expect_problem(422, "ValidationError");
    assert_eq!(fields(&empty), ["first_name", "last_name"]);
    patch(json!({ "last_name": null })).expect_problem(422, "ValidationError");
    assert_eq!(me(&client).expect(200)["first_name"], json!("Augusta"));
}

#[test]
fn a_new_password_ends_the_other_sessions_and_the_old_password() {
    let (email, pair) = account();
    let other = login(&email, PASSWORD).expect(200);
    let change = |current: &str, new: &str| {
        with(&pair).post("/api/v1/auth/password", &json!({ "current_password": current, "new_password": new }))
    };
    let wrong = change("not the password", "another good password");
    assert!(matches!(wrong.status, 401 | 403 | 422), "{}", wrong.text);
    let short = change(PASSWORD, "short").expect_problem(422, "ValidationError");
    assert_eq!(fields(&short), ["new_password"]);
    me(&with(&other)).expect(200);
    change(PASSWORD, "another good password").expect(204);
    me(&with(&pair)).expect(200);
    me(&with(&other)).expect_problem(401, "Unauthorized");
    refresh(&other).expect_problem(401, "Unauthorized");
    login(&email, PASSWORD).expect_problem(401, "Unauthorized");
    login(&email, "another good password").expect(200);
}

#[test]
fn a_deactivated_account_can_neither_sign_in_nor_refresh() {
    let (email, pair) = account();
    let _ = shared().sql(&format!("UPDATE users SET is_active = false WHERE email = '{email}'"));
    login(&email, PASSWORD).expect_problem(401, "Unauthorized");
    refresh(&pair).expect_problem(401, "Unauthorized");
}

/// A client of the service whose signing secret the tests know.
fn bearing(token: &str) -> Answer {
    Client { url: configured().url.clone(), token: Some(token.to_owned()) }.get("/api/v1/auth/me")
}

/// Refused as RFC 6750 says.
#[track_caller]
fn refused(token: &str) -> Value {
    let answer = bearing(token);
    let challenge = answer.header("www-authenticate").expect("a challenge").to_owned();
    assert!(challenge.starts_with("Bearer") && challenge.contains("invalid_token"), "{challenge}");
    answer.expect_problem(401, "Unauthorized")
}

#[test]
fn an_expired_token_is_refused_and_said_to_be_expired() {
    let genuine = configured().new_user().token.expect("a token");
    let (header, mut claims) = tokens::parts(&genuine);
    let secret = SIGNING_SECRET.as_bytes();
    // The way of forging is right: with nothing changed the token is good.
    bearing(&tokens::signed(&header, &claims, secret)).expect(200);
    claims["exp"] = json!(claims["iat"].as_i64().expect("iat") - 1);
    let problem = refused(&tokens::signed(&header, &claims, secret));
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("expired")), "{problem}");
}

#[test]
fn forged_tokens_are_refused() {
    let genuine = configured().new_user().token.expect("a token");
    let (header, claims) = tokens::parts(&genuine);
    let (_, signature) = genuine.rsplit_once('.').expect("a signature");
    let secret = SIGNING_SECRET.as_bytes();
    let with_header = |field: &str, value: Value| {
        let mut header = header.clone();
        header[field] = value;
        header
    };
    let with_claim = |field: &str, value: Value| {
        let mut claims = claims.clone();
        claims[field] = value;
        claims
    };
    let none = with_header("alg", json!("none"));
    refused(&format!("{}.", tokens::message(&none, &claims)));
    refused(&tokens::signed(&none, &claims, secret));
    refused(&tokens::signed(&with_header("alg", json!("RS256")), &claims, secret));
    refused(&tokens::signed(&with_header("kid", json!("another")), &claims, secret));
    refused(&tokens::signed(&header, &claims, b"another secret that is long enough too"));
    refused(&format!("{}.{signature}", tokens::message(&header, &with_claim("role", json!("admin")))));
    refused(&tokens::signed(&header, &with_claim("aud", json!("others")), secret));
    refused(&tokens::signed(&header, &with_claim("iss", json!("others")), secret));
    refused(&genuine[..genuine.len() - 2]);
    refused("not-a-token");
    refused(&"x".repeat(5000));
}

#[test]
fn without_a_good_authorization_header_there_is_a_challenge() {
    let anonymous = shared().anonymous();
    for headers in [vec![], vec![("authorization", "Basic YTpi")], vec![("authorization", "Bearer")]] {
        let answer = anonymous.request("GET", "/api/v1/documents", &headers, Body::Empty);
        assert!(answer.header("www-authenticate").is_some_and(|c| c.starts_with("Bearer")), "{headers:?}");
        answer.expect_problem(401, "Unauthorized");
    }
}

#[test]
fn refresh_tokens_are_kept_as_hashes_and_passwords_as_argon2id() {
    let (email, pair) = account();
    let row = shared().sql(&format!("SELECT password_hash FROM users WHERE email = '{email}'"));
    assert!(row[0][0].as_deref().is_some_and(|hash| hash.starts_with("$argon2id$")), "{row:?}");
    let token = pair["refresh_token"].as_str().expect("a token");
    let found = shared().sql(&format!(
        "SELECT count(*), count(*) FILTER (WHERE hash = sha256('{token}')) FROM refresh_tokens \
         WHERE hash = sha256('{token}') OR position(convert_to('{token}', 'UTF8') in hash) > 0"
    ));
    assert_eq!(found[0], [Some("1".to_owned()), Some("1".to_owned())], "only the hash is there");
}
