//! The accounts that are made before anybody signs in: on an empty database, hence in a test binary of its own.

mod common;

use common::{PASSWORD, account_settings, fresh_email, new_user, store};
use kgl_actors::{
    accounts::{AccountSettings, Accounts},
    domain::{caller::Role, error::Error},
};

/// One test, because each step needs what the one before it left.
#[tokio::test]
async fn the_first_accounts_are_made_once() {
    let store = store().await;
    let folder = tempfile::tempdir().expect("a folder");
    let start = async |production, embedded| {
        let settings =
            AccountSettings { data_dir: folder.path().to_owned(), production, embedded, ..account_settings() };
        Accounts::start(store.clone(), settings).await.expect("accounts")
    };
    for (production, embedded) in [(true, true), (false, false), (true, false)] {
        let made = start(production, embedded).await.ensure_development_account().await.expect("an answer");
        assert!(made.is_none(), "production {production}, embedded {embedded}");
    }
    let accounts = start(false, true).await;
    let made = accounts.ensure_development_account().await.expect("an answer").expect("an account");
    assert!(made.password.chars().count() >= 16);
    let pair = accounts.login(&made.email, &made.password).await.expect("a login");
    assert_eq!(pair.user.role, Role::Admin);
    assert!(accounts.ensure_development_account().await.expect("an answer").is_none());

    let email = fresh_email();
    assert!(matches!(accounts.ensure_admin("nobody", PASSWORD).await, Err(Error::Invalid(_))));
    assert!(matches!(accounts.ensure_admin(&email, "short").await, Err(Error::Invalid(_))));
    assert!(accounts.ensure_admin(&email, PASSWORD).await.expect("an answer"));
    assert_eq!(accounts.login(&email, PASSWORD).await.expect("a login").user.role, Role::Admin);
    assert!(!accounts.ensure_admin(&email.to_uppercase(), "another password").await.expect("an answer"));
    assert!(accounts.login(&email, PASSWORD).await.is_ok());
    assert!(accounts.login(&email, "another password").await.is_err());

    // Who registered the address first does not become an admin by it.
    let taken = accounts.register(None, new_user(&fresh_email())).await.expect("an account");
    assert!(!accounts.ensure_admin(&taken.email, PASSWORD).await.expect("an answer"));
    assert_eq!(accounts.login(&taken.email, PASSWORD).await.expect("a login").user.role, Role::User);

    let by_hand = accounts.create_admin(new_user(&fresh_email())).await.expect("an admin");
    assert_eq!(by_hand.role, Role::Admin);
    assert!(matches!(accounts.create_admin(new_user(&by_hand.email)).await, Err(Error::Conflict(_))));
}
