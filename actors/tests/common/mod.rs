//! A real PostgreSQL for the tests of this crate: one embedded server for each test binary, migrated once, stopped and
//! removed when the binary exits.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Mutex, OnceLock, PoisonError},
};

use kgl_actors::{
    accounts::{AccountSettings, Accounts},
    domain::{
        caller::{Caller, Role},
        user::{NewUser, TokenPair, User},
    },
    store::{
        Store,
        connect::{Target, allow_login},
        migrations,
    },
};
use kgl_embedded::{Postgres, Settings};
use tempfile::TempDir;
use uuid::Uuid;

/// Room for many stores at once: each test opens its own, on its own runtime.
const MAX_CONNECTIONS: u32 = 300;
/// Connections of one test's callers.
const CONNECTIONS: u32 = 8;
/// The password of every account that [`register`] makes.
pub(crate) const PASSWORD: &str = "correct horse battery";

static SERVER: OnceLock<Target> = OnceLock::new();
static RUNNING: Mutex<Option<(Postgres, TempDir)>> = Mutex::new(None);

/// The address of this binary's server; started and migrated by the first who asks.
pub(crate) fn target() -> &'static Target {
    SERVER.get_or_init(|| {
        // The tests run on runtimes of their own, which cannot be blocked on from within.
        let started = std::thread::spawn(start).join();
        started.unwrap_or_else(|_| panic!("the embedded server did not start; see above"))
    })
}

fn start() -> Target {
    let folder = TempDir::with_prefix("kgl-test-").expect("a temporary folder");
    // When root runs the tests, the server is another user's, who has to get through.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("permissions");
    let settings =
        Settings { data_dir: folder.path().join("postgres"), bundle: None, max_connections: MAX_CONNECTIONS };
    let server = Postgres::start(&settings).expect("embedded PostgreSQL");
    let target = Target::Socket {
        dir: server.socket_dir().to_owned(),
        port: server.port(),
        superuser: server.superuser().to_owned(),
    };
    *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) = Some((server, folder));
    // SAFETY: the handler is a plain function that takes what is left in a static; statics live until the exit.
    unsafe { libc::atexit(stop) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(migrate(&target));
    target
}

async fn migrate(target: &Target) {
    let owner = target.owner().expect("the owner's options");
    migrations::up(&owner, None).await.expect("migrations");
    let pool = sqlx::PgPool::connect_with(owner).await.expect("the owner's connection");
    allow_login(&pool).await.expect("roles that may log in");
    pool.close().await;
}

extern "C" fn stop() {
    if let Some((server, folder)) = RUNNING.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = server.stop();
        drop(folder);
    }
}

/// A store on this binary's server, for the runtime of the calling test.
pub(crate) async fn store() -> Store {
    target().open(CONNECTIONS).await.expect("a store")
}

/// A connection as the owner of the schema, past all row-level security.
pub(crate) async fn owner() -> sqlx::PgPool {
    let options = target().owner().expect("the owner's options");
    sqlx::postgres::PgPoolOptions::new().max_connections(2).connect_with(options).await.expect("the owner's connection")
}

/// Settings of a process that signs with a secret that all processes of the tests share.
pub(crate) fn account_settings() -> AccountSettings {
    AccountSettings {
        data_dir: PathBuf::from("/nonexistent"),
        production: true,
        embedded: true,
        jwt_secret: Some("the secret that all tests of this crate share".to_owned()),
        jwt_private_key_file: None,
    }
}

/// Accounts on a store, as one process has them.
pub(crate) async fn accounts(store: &Store) -> Accounts {
    Accounts::start(store.clone(), account_settings()).await.expect("accounts")
}

/// An address that no other test uses.
pub(crate) fn fresh_email() -> String {
    format!("{}@example.org", Uuid::new_v4().simple())
}

/// A request for an account of that address, with [`PASSWORD`].
pub(crate) fn new_user(email: &str) -> NewUser {
    NewUser {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        role: Role::User,
    }
}

/// A new account with [`PASSWORD`].
pub(crate) async fn register(accounts: &Accounts) -> User {
    accounts.register(None, new_user(&fresh_email())).await.expect("an account")
}

/// A new login of an account that [`register`] made, and the caller that it stands for.
pub(crate) async fn login(accounts: &Accounts, user: &User) -> (TokenPair, Caller) {
    let pair = accounts.login(&user.email, PASSWORD).await.unwrap_or_else(|error| panic!("no login: {error}"));
    let caller = accounts.authenticate(&pair.access_token).expect("a caller");
    (pair, caller)
}

/// A signed-in caller with a new account of any role.
pub(crate) async fn caller(accounts: &Accounts, role: Role) -> Caller {
    let user = register(accounts).await;
    let owner = owner().await;
    sqlx::query("UPDATE users SET role = $2 WHERE id = $1")
        .bind(user.id)
        .bind(role.as_str())
        .execute(&owner)
        .await
        .expect("a role");
    owner.close().await;
    login(accounts, &user).await.1
}
