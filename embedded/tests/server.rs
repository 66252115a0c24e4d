//! A real server: started, used, refused, killed, recovered.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kgl_embedded::{EmbeddedError, Postgres, Settings};
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

/// In the environment of this test program started again as a parent that will be killed: the folder to serve from.
const PARENT_OF: &str = "KGL_TEST_PARENT_OF";

fn settings(folder: &Path) -> Settings {
    Settings { data_dir: folder.to_owned(), bundle: None, max_connections: 10 }
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
    let mut connection = connect(server).await;
    sqlx::raw_sql(sql).execute(&mut connection).await.expect(sql);
}

async fn count(server: &Postgres) -> i64 {
    let mut connection = connect(server).await;
    sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&mut connection).await.expect("the table is there")
}

fn alive(pid: i32) -> bool {
    // A zombie has ended; it only waits for its parent to notice.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn kill(pid: i32) {
    let done = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill runs");
    assert!(done.success());
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn it_serves_with_pgvector_and_no_port_and_keeps_its_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let begun = Instant::now();
    let server = Postgres::start(&settings(folder.path())).expect("first start");
    println!("first start: {:?}", begun.elapsed());
    run(&server, "CREATE EXTENSION vector; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin").await;
    run(&server, "CREATE TABLE kept AS SELECT '[1,2,3]'::vector AS v FROM generate_series(1, 100)").await;
    let mut connection = connect(&server).await;
    let addresses: String = sqlx::query_scalar("SELECT current_setting('listen_addresses')")
        .fetch_one(&mut connection)
        .await
        .expect("answers");
    assert_eq!(addresses, "");
    drop(connection);

    assert!(matches!(Postgres::start(&settings(folder.path())), Err(EmbeddedError::InUse(_))), "one process a folder");

    let (pid, socket_dir) = (server.pid(), server.socket_dir().to_owned());
    server.stop().expect("a clean stop");
    assert!(!alive(pid) && !socket_dir.exists());

    let begun = Instant::now();
    let server = Postgres::start(&settings(folder.path())).expect("second start");
    println!("warm start: {:?}", begun.elapsed());
    assert_eq!(count(&server).await, 100);
}

#[tokio::test]
async fn a_killed_server_is_noticed_and_recovers() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Postgres::start(&settings(folder.path())).expect("starts");
    run(&server, "CREATE TABLE kept AS SELECT generate_series(1, 1000)").await;
    kill(server.pid());
    wait_until("the death is noticed", || server.has_exited());
    drop(server);
    let begun = Instant::now();
    let server = Postgres::start(&settings(folder.path())).expect("starts again");
    println!("start after a crash: {:?}", begun.elapsed());
    assert_eq!(count(&server).await, 1000);
}

/// Not a test of its own: the parent that the next test kills.
#[tokio::test]
async fn parent_that_will_be_killed() {
    let Some(folder) = std::env::var_os(PARENT_OF) else {
        return;
    };
    let server = Postgres::start(&settings(Path::new(&folder))).expect("starts");
    run(&server, "CREATE TABLE kept AS SELECT generate_series(1, 500)").await;
    std::fs::write(Path::new(&folder).join("pid"), server.pid().to_string()).expect("is written");
    std::thread::sleep(Duration::from_secs(60));
}

#[tokio::test]
async fn a_killed_parent_leaves_no_server_behind_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut parent = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "parent_that_will_be_killed"])
        .env(PARENT_OF, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a parent");
    let note = folder.path().join("pid");
    let noted = || std::fs::read_to_string(&note).ok().and_then(|text| text.parse::<i32>().ok());
    wait_until("the parent serves", || noted().is_some());
    let pid = noted().expect("just seen");
    parent.kill().expect("kill -9");
    parent.wait().expect("is dead");
    let server = Postgres::start(&settings(folder.path())).expect("starts again");
    assert!(!alive(pid), "the old server is gone");
    assert_eq!(count(&server).await, 500);
}

#[test]
fn what_cannot_work_is_said_in_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let not_a_bundle = folder.path().join("bundle.tar.gz");
    std::fs::write(&not_a_bundle, b"not a bundle").expect("is written");
    let named = Settings { bundle: Some(not_a_bundle), ..settings(&folder.path().join("a")) };
    assert!(matches!(Postgres::start(&named), Err(EmbeddedError::Bundle { .. })));

    let occupied = folder.path().join("file");
    std::fs::write(&occupied, b"").expect("is written");
    assert!(matches!(Postgres::start(&settings(&occupied)), Err(EmbeddedError::Folder { .. })));

    let older = folder.path().join("older");
    std::fs::create_dir_all(older.join("data")).expect("is made");
    std::fs::write(older.join("data/PG_VERSION"), "17\n").expect("is written");
    match Postgres::start(&settings(&older)) {
        Err(EmbeddedError::OtherVersion { found, .. }) => assert_eq!(found, "17"),
        other => panic!("{:?}", other.map(|_| ()).map_err(|e| e.to_string())),
    }
}
