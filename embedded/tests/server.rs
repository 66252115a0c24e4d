//! A real server: started, used, refused, killed with its owner or without, and found whole again.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use kgl_embedded::{EmbeddedError, Postgres, Settings};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

/// In the environment of this test program started again as an owner that will be killed: the folder to serve from.
const OWNER_OF: &str = "KGL_TEST_OWNER_OF";
/// Where that owner notes the server's process id, in the folder.
const PID_NOTE: &str = "noted-pid";

fn settings(folder: &Path) -> Settings {
    Settings { data_dir: folder.to_owned(), bundle: None, max_connections: 10 }
}

fn start(folder: &Path) -> Postgres {
    let begun = Instant::now();
    let server = Postgres::start(&settings(folder)).expect("the server starts");
    eprintln!("started in {:?}", begun.elapsed());
    server
}

async fn connect(server: &Postgres) -> PgConnection {
    let options = PgConnectOptions::new_without_pgpass()
        .socket(server.socket_dir())
        .port(server.port())
        .username(server.superuser())
        .database("postgres");
    PgConnection::connect_with(&options).await.expect("the server takes connections")
}

async fn run(server: &Postgres, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&mut connect(server).await).await.expect(sql);
}

async fn answer(server: &Postgres, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(&mut connect(server).await).await.expect(sql)
}

async fn kept(server: &Postgres) -> String {
    answer(server, "SELECT count(*)::text FROM kept").await
}

fn alive(pid: i32) -> bool {
    // A zombie has ended; it only waits for its parent to notice.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn signal(pid: i32, name: &str) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().expect("kill runs").success());
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends a process of a test, whatever becomes of the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().expect("kill -9");
        self.0.wait().expect("is dead");
    }
}

#[tokio::test]
async fn it_serves_with_pgvector_on_a_private_socket_and_keeps_its_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    run(&server, "CREATE EXTENSION vector; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin").await;
    run(&server, "CREATE TABLE kept AS SELECT '[1,2,3]'::vector AS v FROM generate_series(1, 100)").await;
    assert_eq!(answer(&server, "SELECT current_setting('listen_addresses')").await, "");
    assert_eq!(answer(&server, "SELECT current_setting('fsync')").await, "on");
    assert_eq!(answer(&server, "SELECT current_setting('max_connections')").await, "10");
    assert_eq!(answer(&server, "SELECT current_setting('server_encoding')").await, "UTF8");
    assert_eq!(answer(&server, "SELECT lower('ÅÖΣ')").await, "åöσ", "letters of every script have two cases");

    let (pid, socket_dir) = (server.pid(), server.socket_dir().to_owned());
    server.stop().expect("a clean stop");
    assert!(!alive(pid) && !socket_dir.exists());

    let server = start(folder.path());
    assert_eq!(kept(&server).await, "100");
}

#[test]
fn a_second_owner_of_a_folder_is_refused_until_the_first_has_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    let refused = Postgres::start(&settings(folder.path())).map(drop).expect_err("one owner");
    assert!(matches!(refused, EmbeddedError::InUse { .. }), "{refused}");
    assert!(!server.has_exited());
    drop(server);
    start(folder.path()).stop().expect("a clean stop");
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_recovers_though_its_sessions_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    run(&server, "CREATE TABLE kept AS SELECT generate_series(1, 1000)").await;
    let mut busy = connect(&server).await;
    // The session's process holds the shared memory until it looks up from its work.
    let work = tokio::spawn(async move {
        sqlx::raw_sql("SELECT count(*) FROM generate_series(1, 5000000)").execute(&mut busy).await.map(drop)
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    signal(server.pid(), "-KILL");
    wait_until("the death is noticed", || server.has_exited());
    assert!(matches!(server.stop(), Err(EmbeddedError::Stop { .. })));
    let server = start(folder.path());
    assert_eq!(kept(&server).await, "1000");
    assert!(work.await.expect("ends").is_err(), "the old session did not outlive the start");
}

/// Not a test of its own: the owner that the next tests kill.
#[tokio::test]
async fn owner_that_will_be_killed() {
    let Some(folder) = std::env::var_os(OWNER_OF) else { return };
    let server = start(Path::new(&folder));
    run(&server, "CREATE TABLE IF NOT EXISTS kept (n int); INSERT INTO kept SELECT generate_series(1, 500)").await;
    fs::write(Path::new(&folder).join(PID_NOTE), server.pid().to_string()).expect("is written");
    std::thread::sleep(Duration::from_secs(60));
}

/// Starts an owner in a process of its own; answers it and its server's process id once the data is committed.
fn owner(folder: &Path) -> (Killed, i32) {
    let note = folder.join(PID_NOTE);
    fs::remove_file(&note).ok();
    let owner = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "owner_that_will_be_killed"])
        .env(OWNER_OF, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("an owner");
    let owner = Killed(owner);
    let noted = || fs::read_to_string(&note).ok().and_then(|text| text.parse().ok());
    wait_until("the owner serves", || noted().is_some());
    (owner, noted().expect("just seen"))
}

#[tokio::test]
async fn a_killed_owner_takes_its_server_along_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    for round in 1..=3 {
        let (owner, pid) = owner(folder.path());
        let left = fs::read_to_string(folder.path().join("socket-folder")).expect("is noted");
        drop(owner);
        // Started at once: the old server may still be on its way out.
        let server = start(folder.path());
        assert!(!alive(pid), "the old server is gone");
        assert!(!Path::new(&left).exists(), "and its socket with it");
        assert_eq!(kept(&server).await, (500 * round).to_string());
    }
}

#[tokio::test]
async fn a_server_that_survived_its_owner_is_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let (owner, pid) = owner(folder.path());
    // A stopped server does not act on the kernel's signal.
    signal(pid, "-STOP");
    drop(owner);
    assert!(alive(pid));
    let server = start(folder.path());
    assert!(!alive(pid));
    assert_eq!(kept(&server).await, "500");
}

#[test]
fn the_id_of_a_dead_server_may_belong_to_another_process_by_now() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = start(folder.path());
    signal(server.pid(), "-KILL");
    wait_until("the death is noticed", || server.has_exited());
    drop(server);
    let stranger = Killed(Command::new("sleep").arg("60").spawn().expect("sleep runs"));
    let pid_file = folder.path().join("data/postmaster.pid");
    let left = fs::read_to_string(&pid_file).expect("a killed server leaves it");
    let (_, rest) = left.split_once('\n').expect("has lines");
    fs::write(&pid_file, format!("{}\n{rest}", stranger.0.id())).expect("is written");
    start(folder.path()).stop().expect("a clean stop");
    assert!(alive(stranger.0.id().cast_signed()), "a stranger is left alone");
}

#[test]
fn a_first_start_that_was_cut_short_leaves_nothing_in_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let half = folder.path().join("data.new");
    fs::create_dir(&half).expect("is made");
    fs::write(half.join("PG_VERSION"), "18\n").expect("is written");
    fs::create_dir(folder.path().join("programs-0123456789abcdef.partial")).expect("is made");
    start(folder.path()).stop().expect("a clean stop");
    let names: Vec<_> =
        fs::read_dir(folder.path()).expect("is there").map(|e| e.expect("is read").file_name()).collect();
    let leftover = |name: &std::ffi::OsString| {
        let name = name.to_string_lossy();
        name.ends_with(".new") || name.ends_with(".partial")
    };
    assert!(!names.iter().any(leftover), "{names:?}");
}

fn refusal(settings: &Settings) -> EmbeddedError {
    Postgres::start(settings).map(drop).expect_err("is refused")
}

#[test]
fn what_cannot_work_is_said_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("bundle.tar.gz");
    fs::write(&broken, b"not a bundle").expect("is written");
    let named = Settings { bundle: Some(broken.clone()), ..settings(&folder.path().join("a")) };
    assert!(matches!(refusal(&named), EmbeddedError::Bundle { .. }));
    let empty = Settings { bundle: Some(folder.path().to_owned()), ..settings(&folder.path().join("b")) };
    assert!(matches!(refusal(&empty), EmbeddedError::Bundle { .. }));
    assert!(matches!(refusal(&settings(&broken)), EmbeddedError::Io { .. }), "a file is no folder");

    let older = folder.path().join("older");
    fs::create_dir_all(older.join("data")).expect("is made");
    assert!(matches!(refusal(&settings(&older)), EmbeddedError::NotACluster { .. }));
    fs::write(older.join("data/PG_VERSION"), "17\n").expect("is written");
    match refusal(&settings(&older)) {
        EmbeddedError::OtherVersion { found, carried, .. } => {
            assert_eq!((found.as_str(), carried.as_str()), ("17", "18"))
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_start_that_fails_shows_the_end_of_the_log() {
    let folder = tempfile::tempdir().expect("a folder");
    start(folder.path()).stop().expect("a clean stop");
    fs::write(folder.path().join("data/postgresql.conf"), "no_such_setting = 1\n").expect("is written");
    match refusal(&settings(folder.path())) {
        EmbeddedError::Start { tail, .. } => assert!(tail.contains("no_such_setting"), "{tail}"),
        other => panic!("{other}"),
    }
}
