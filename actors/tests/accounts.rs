//! Accounts against a real PostgreSQL: who gets in, for how long, and what ends it.

mod common;

use std::time::{Duration, Instant};

use common::{PASSWORD, accounts, fresh_email, login, new_user, owner, register, store};
use kgl_actors::{
    accounts::Accounts,
    domain::{
        caller::{Caller, Role},
        error::Error,
        ids::SessionId,
        user::NewUser,
    },
};

/// Why a session ended, as the database has it.
async fn ended_because(session: SessionId) -> Option<String> {
    let reason = sqlx::query_scalar("SELECT reason FROM sessions WHERE id = $1 AND revoked_at IS NOT NULL")
        .bind(session)
        .fetch_optional(&owner().await)
        .await;
    reason.expect("the session's row").flatten()
}

async fn execute(sql: &'static str, id: uuid::Uuid) {
    sqlx::query(sql).bind(id).execute(&owner().await).await.expect("a statement");
}

/// Waits until another process refuses the token; how long that took.
async fn until_refused(accounts: &Accounts, token: &str) -> Duration {
    let started = Instant::now();
    while accounts.authenticate(token).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10), "never refused");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    started.elapsed()
}

#[tokio::test]
async fn an_account_signs_in_with_its_address_in_any_case() {
    let accounts = accounts(&store().await).await;
    let email = fresh_email();
    let user = accounts.register(None, new_user(&email.to_uppercase())).await.expect("an account");
    assert_eq!((user.email.as_str(), user.role, user.is_active), (email.as_str(), Role::User, true));
    assert_eq!(user.last_login, None);
    let pair = accounts.login(&email.to_uppercase(), PASSWORD).await.expect("a login");
    assert_eq!((pair.token_type, pair.expires_in, pair.user.id), ("bearer", 900, user.id));
    assert!(pair.user.last_login.is_some());
    let caller = accounts.authenticate(&pair.access_token).expect("a caller");
    assert_eq!((caller.user_id, caller.role), (user.id, Role::User));
    assert_eq!(accounts.me(&caller).await.expect("me").email, email);
}

#[tokio::test]
async fn nothing_secret_is_stored_as_it_is() {
    let accounts = accounts(&store().await).await;
    let user = register(&accounts).await;
    let (pair, caller) = login(&accounts, &user).await;
    let owner = owner().await;
    let hash: String = sqlx::query_scalar("SELECT password_hash FROM users WHERE id = $1")
        .bind(user.id)
        .fetch_one(&owner)
        .await
        .expect("the hash");
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && !hash.contains(PASSWORD));
    let tokens: Vec<Vec<u8>> = sqlx::query_scalar("SELECT hash FROM refresh_tokens WHERE session_id = $1")
        .bind(caller.session_id)
        .fetch_all(&owner)
        .await
        .expect("the tokens");
    assert_eq!(tokens.len(), 1);
    assert_ne!(tokens[0], pair.refresh_token.as_bytes());
}

#[tokio::test]
async fn an_address_is_taken_once_even_at_the_same_moment() {
    let accounts = accounts(&store().await).await;
    let email = fresh_email();
    let (one, other) = tokio::join!(
        accounts.register(None, new_user(&email)),
        accounts.register(None, new_user(&email.to_uppercase()))
    );
    assert_eq!([&one, &other].iter().filter(|made| made.is_ok()).count(), 1);
    assert!([one, other].iter().any(|made| matches!(made, Err(Error::Conflict(_)))));
}

#[tokio::test]
async fn only_an_admin_gives_roles() {
    let accounts = accounts(&store().await).await;
    let moderator = NewUser { role: Role::Moderator, ..new_user(&fresh_email()) };
    assert!(matches!(accounts.register(None, moderator.clone()).await, Err(Error::Forbidden(_))));
    for role in [Role::User, Role::Moderator] {
        let caller = common::caller(&accounts, role).await;
        assert!(matches!(accounts.register(Some(&caller), moderator.clone()).await, Err(Error::Forbidden(_))));
    }
    let admin = common::caller(&accounts, Role::Admin).await;
    assert_eq!(accounts.register(Some(&admin), moderator).await.expect("an account").role, Role::Moderator);
}

#[tokio::test]
async fn wrong_credentials_get_one_answer() {
    let accounts = accounts(&store().await).await;
    let inactive = register(&accounts).await;
    execute("UPDATE users SET is_active = false WHERE id = $1", inactive.id.0).await;
    let user = register(&accounts).await;
    let unknown = fresh_email();
    let mut answers = Vec::new();
    for (email, password) in [
        (user.email.as_str(), "wrong horse battery"),
        (user.email.as_str(), "short"),
        (user.email.as_str(), "with a \0 in it"),
        (unknown.as_str(), PASSWORD),
        (inactive.email.as_str(), PASSWORD),
        ("no address\0", PASSWORD),
        ("", ""),
    ] {
        match accounts.login(email, password).await {
            Err(Error::Unauthorized(answer)) => answers.push(answer),
            other => panic!("{email:?}: {:?}", other.map(|_| "signed in")),
        }
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}

#[tokio::test]
async fn a_hash_of_weaker_parameters_is_replaced_at_login() {
    use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, Version};
    let accounts = accounts(&store().await).await;
    let user = register(&accounts).await;
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).expect("parameters"));
    let hash: PasswordHash = weak.hash_password(PASSWORD.as_bytes()).expect("a hash");
    let owner = owner().await;
    sqlx::query("UPDATE users SET password_hash = $2 WHERE id = $1")
        .bind(user.id)
        .bind(hash.to_string())
        .execute(&owner)
        .await
        .expect("the weak hash");
    for _ in 0..2 {
        login(&accounts, &user).await;
        let stored: String = sqlx::query_scalar("SELECT password_hash FROM users WHERE id = $1")
            .bind(user.id)
            .fetch_one(&owner)
            .await
            .expect("the hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_session() {
    let accounts = accounts(&store().await).await;
    let user = register(&accounts).await;
    let (first, caller) = login(&accounts, &user).await;
    let second = accounts.refresh(&first.refresh_token).await.expect("a second pair");
    let third = accounts.refresh(&second.refresh_token).await.expect("a third pair");
    assert_eq!(accounts.authenticate(&third.access_token).expect("a caller"), caller);
    assert!(matches!(accounts.refresh(&first.refresh_token).await, Err(Error::Unauthorized(_))));
    assert_eq!(ended_because(caller.session_id).await.as_deref(), Some("refresh token reused"));
    for token in [&first, &second, &third].map(|pair| &pair.access_token) {
        assert!(matches!(accounts.authenticate(token), Err(Error::Unauthorized(_))));
    }
    assert!(matches!(accounts.refresh(&third.refresh_token).await, Err(Error::Unauthorized(_))));
    assert!(matches!(accounts.refresh("not a token\0").await, Err(Error::Unauthorized(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_simultaneous_refreshes_exactly_one_wins_and_the_family_ends() {
    let accounts = accounts(&store().await).await;
    let user = register(&accounts).await;
    for _ in 0..10 {
        let (pair, caller) = login(&accounts, &user).await;
        let tries = (0..4).map(|_| {
            let (accounts, token) = (accounts.clone(), pair.refresh_token.clone());
            tokio::spawn(async move { accounts.refresh(&token).await })
        });
        let mut won = Vec::new();
        for attempt in tries.collect::<Vec<_>>() {
            match attempt.await.expect("a task") {
                Ok(pair) => won.push(pair),
                Err(Error::Unauthorized(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(won.len(), 1);
        assert_eq!(ended_because(caller.session_id).await.as_deref(), Some("refresh token reused"));
        assert!(accounts.refresh(&won[0].refresh_token).await.is_err());
    }
}

#[tokio::test]
async fn an_expired_refresh_token_is_refused_and_swept() {
    let accounts = accounts(&store().await).await;
    let user = register(&accounts).await;
    let (pair, caller) = login(&accounts, &user).await;
    let (kept, kept_caller) = login(&accounts, &user).await;
    execute("UPDATE sessions SET expires_at = now() - interval '1 second' WHERE id = $1", caller.session_id.0).await;
    assert!(matches!(accounts.refresh(&pair.refresh_token).await, Err(Error::Unauthorized(_))));
    assert!(accounts.housekeeping().await.expect("housekeeping") >= 1);
    let left: Vec<SessionId> = sqlx::query_scalar("SELECT id FROM sessions WHERE user_id = $1")
        .bind(user.id)
        .fetch_all(&owner().await)
        .await
        .expect("sessions");
    assert_eq!(left, [kept_caller.session_id]);
    assert!(accounts.refresh(&kept.refresh_token).await.is_ok());
}

#[tokio::test]
async fn logout_ends_this_session_here_at_once_and_elsewhere_within_seconds() {
    let store = store().await;
    let (here, elsewhere) = (accounts(&store).await, accounts(&store).await);
    let user = register(&here).await;
    let (pair, caller) = login(&here, &user).await;
    let (other, _) = login(&here, &user).await;
    assert_eq!(elsewhere.authenticate(&pair.access_token).expect("a caller"), caller);
    here.logout(&caller).await.expect("logout");
    here.logout(&caller).await.expect("a second logout");
    assert!(here.authenticate(&pair.access_token).is_err());
    assert!(here.refresh(&pair.refresh_token).await.is_err());
    assert!(until_refused(&elsewhere, &pair.access_token).await < Duration::from_secs(5));
    assert!(here.authenticate(&other.access_token).is_ok() && elsewhere.authenticate(&other.access_token).is_ok());
    // A process that starts later knows too.
    assert!(accounts(&store).await.authenticate(&pair.access_token).is_err());
}

#[tokio::test]
async fn nobody_ends_a_session_of_somebody_else() {
    let accounts = accounts(&store().await).await;
    let victim = register(&accounts).await;
    let (pair, victim) = login(&accounts, &victim).await;
    let attacker = register(&accounts).await;
    let forged = Caller { session_id: victim.session_id, ..login(&accounts, &attacker).await.1 };
    accounts.logout(&forged).await.expect("an answer");
    assert_eq!(ended_because(victim.session_id).await, None);
    assert!(accounts.refresh(&pair.refresh_token).await.is_ok());
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions() {
    let accounts = accounts(&store().await).await;
    let user = register(&accounts).await;
    let (mine, caller) = login(&accounts, &user).await;
    let (other, _) = login(&accounts, &user).await;
    let new = "another horse battery";
    assert!(matches!(accounts.change_password(&caller, "wrong password", new).await, Err(Error::Invalid(_))));
    assert!(matches!(accounts.change_password(&caller, PASSWORD, "short").await, Err(Error::Invalid(_))));
    assert!(accounts.authenticate(&other.access_token).is_ok());
    accounts.change_password(&caller, PASSWORD, new).await.expect("a new password");
    assert!(accounts.authenticate(&other.access_token).is_err());
    assert!(accounts.refresh(&other.refresh_token).await.is_err());
    assert!(accounts.authenticate(&mine.access_token).is_ok());
    assert!(accounts.refresh(&mine.refresh_token).await.is_ok());
    assert!(accounts.login(&user.email, PASSWORD).await.is_err());
    assert!(accounts.login(&user.email, new).await.is_ok());
}

#[tokio::test]
async fn deactivation_and_a_change_of_role_end_all_sessions_whoever_makes_them() {
    let accounts = accounts(&store().await).await;
    for change in
        ["UPDATE users SET is_active = false WHERE id = $1", "UPDATE users SET role = 'moderator' WHERE id = $1"]
    {
        let user = register(&accounts).await;
        let (pair, caller) = login(&accounts, &user).await;
        execute("UPDATE users SET first_name = 'Grace' WHERE id = $1", user.id.0).await;
        assert_eq!(ended_because(caller.session_id).await, None);
        execute(change, user.id.0).await;
        assert_eq!(ended_because(caller.session_id).await.as_deref(), Some("account changed"));
        until_refused(&accounts, &pair.access_token).await;
        assert!(accounts.refresh(&pair.refresh_token).await.is_err());
    }
}

#[tokio::test]
async fn an_admin_deactivates_in_their_own_scope() {
    let store = store().await;
    let accounts = accounts(&store).await;
    let (admin, user) = (common::caller(&accounts, Role::Admin).await, register(&accounts).await);
    let (_, caller) = login(&accounts, &user).await;
    for (by, rows) in [(&caller, None), (&admin, Some(1))] {
        let mut scope = store.scope(by).await.expect("a scope");
        let done = sqlx::query("UPDATE users SET is_active = false WHERE id = $1").bind(user.id).execute(&mut *scope);
        assert_eq!(done.await.ok().map(|done| done.rows_affected()), rows);
        if rows.is_some() {
            scope.commit().await.expect("a commit");
        }
    }
    assert_eq!(ended_because(caller.session_id).await.as_deref(), Some("account changed"));
}

#[tokio::test]
async fn everybody_changes_their_own_names_and_sees_no_hash() {
    let store = store().await;
    let accounts = accounts(&store).await;
    let (one, other) = (register(&accounts).await, register(&accounts).await);
    let (_, caller) = login(&accounts, &one).await;
    let changed = accounts.update_me(&caller, Some(" Grace "), None).await.expect("a change");
    assert_eq!((changed.first_name.as_str(), changed.last_name.as_str()), ("Grace", "Lovelace"));
    assert!(changed.updated_at > one.updated_at);
    assert_eq!(accounts.update_me(&caller, None, None).await.expect("no change").updated_at, changed.updated_at);
    let wrong = accounts.update_me(&caller, Some("\0"), Some("")).await;
    assert!(matches!(wrong, Err(Error::Invalid(issues)) if issues.len() == 2));
    let mut scope = store.scope(&caller).await.expect("a scope");
    let seen: Vec<uuid::Uuid> =
        sqlx::query_scalar("SELECT id FROM users").fetch_all(&mut *scope).await.expect("accounts");
    assert_eq!(seen, [one.id.0]);
    let renamed = sqlx::query("UPDATE users SET first_name = 'Eve' WHERE id = $1").bind(other.id).execute(&mut *scope);
    assert_eq!(renamed.await.expect("an update").rows_affected(), 0);
    assert!(sqlx::query("SELECT password_hash FROM users").fetch_all(&mut *scope).await.is_err());
}

/// Compares within rounds, and lets each go first in its turn, so that what else the machine does hits all alike.
#[tokio::test]
async fn an_unknown_address_takes_as_long_as_a_wrong_password() {
    const ROUNDS: usize = 42;
    let accounts = accounts(&store().await).await;
    let user = register(&accounts).await;
    let inactive = register(&accounts).await;
    execute("UPDATE users SET is_active = false WHERE id = $1", inactive.id.0).await;
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        let emails = [user.email.clone(), fresh_email(), inactive.email.clone()];
        for turn in 0..3 {
            let which = (round + turn) % 3;
            let started = Instant::now();
            assert!(accounts.login(&emails[which], "wrong horse battery").await.is_err());
            times[which].push(started.elapsed().as_secs_f64() * 1e3);
        }
    }
    let ratios = |other: &[f64]| median(other.iter().zip(&times[0]).map(|(other, known)| other / known).collect());
    let (unknown, deactivated) = (ratios(&times[1]), ratios(&times[2]));
    let [known_ms, unknown_ms, deactivated_ms] = times.each_ref().map(|times| median(times.clone()));
    eprintln!(
        "medians: wrong password {known_ms:.2} ms, unknown address {unknown_ms:.2} ms (ratio {unknown:.3}), \
         deactivated {deactivated_ms:.2} ms (ratio {deactivated:.3})"
    );
    // Without the hash of nobody's password the ratio is below a tenth.
    for ratio in [unknown, deactivated] {
        assert!((0.7..1.4).contains(&ratio), "unknown {unknown:.3}, deactivated {deactivated:.3}");
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
