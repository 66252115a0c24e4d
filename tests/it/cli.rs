//! The command line: schema versions, settings, the client commands, and which databases the service takes.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use kgl_test_support::postgres::{Server, programs_without_vector};
use serde_json::json;

use crate::{
    harness::{ADMIN_EMAIL, ADMIN_PASSWORD, Body, KGL, PASSWORD, Service, command, configured, shared},
    samples,
};

/// What a command said, and how it ended.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Its last line on standard error: what a person reads first. Logs may stand above it.
    fn last_line(&self) -> &str {
        self.err.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default()
    }

    #[track_caller]
    fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.out, self.err);
        self.out
    }
}

fn kgl(data: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> Said {
    let mut command = command(data, settings);
    Said::of(&command.args(arguments).stdin(Stdio::null()).output().expect("kgl runs"))
}

/// Which versions a status table shows as applied.
fn applied(table: &str) -> Vec<bool> {
    let rows = table.lines().filter(|line| line.contains("as applied") || line.contains("CHANGED"));
    rows.map(|row| !row.contains("pending")).collect()
}

#[test]
fn the_schema_goes_up_and_down_and_its_history_tells() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let migrate = |arguments: &[&str]| kgl(data, &[], &[&["migrate"], arguments].concat());
    let fresh = applied(&migrate(&["status"]).succeeded());
    assert!(fresh.len() >= 4 && fresh.iter().all(|up| !up), "nothing is applied by looking: {fresh:?}");
    migrate(&["up"]).succeeded();
    assert!(applied(&migrate(&["status"]).succeeded()).iter().all(|up| *up));
    assert!(migrate(&["up"]).succeeded().contains("nothing to do"));
    migrate(&["verify"]).succeeded();
    migrate(&["down"]).succeeded();
    let status = applied(&migrate(&["status"]).succeeded());
    assert_eq!(status.iter().filter(|up| !**up).count(), 1, "one version down: {status:?}");
    assert!(!status[status.len() - 1], "the newest one");
    migrate(&["down", "--to", "0"]).succeeded();
    assert!(applied(&migrate(&["status"]).succeeded()).iter().all(|up| !up));
    migrate(&["up", "--to", "2"]).succeeded();
    assert_eq!(applied(&migrate(&["status"]).succeeded()).iter().filter(|up| **up).count(), 2);

    let service = Service::start_in(data, &[]).expect("starts, and brings the schema up");
    service.new_user().completed("Marie Curie was born in Warsaw.");
    let count = fresh.len();
    let history = service.sql(
        "SELECT version, is_rollback::text, checksum = encode(sha256(convert_to(migration_script, 'UTF8')), 'hex'), \
         cardinality(ddl_statements) > 0, cardinality(rollback_statements) > 0, applied_by, name, description \
         FROM database_schemas ORDER BY id",
    );
    let text = |row: &Vec<Option<String>>, at: usize| row[at].clone().unwrap_or_default();
    let rollbacks: Vec<bool> = history.iter().map(|row| text(row, 1) == "true").collect();
    let rolled_back = rollbacks.iter().filter(|r| **r).count();
    // Up; one down; the rest down; two up; the rest up.
    assert_eq!((history.len(), rolled_back), (3 * count, count), "{rollbacks:?}");
    assert!(rollbacks[..count].iter().all(|r| !r) && rollbacks[count..2 * count].iter().all(|r| *r), "{rollbacks:?}");
    for row in &history {
        let version = text(row, 0);
        assert_eq!(version.split('.').filter(|part| part.parse::<u32>().is_ok()).count(), 3, "{version}");
        if text(row, 1) == "false" {
            assert_eq!(text(row, 2), "t", "the checksum is that of the script: {version}");
        }
        assert_eq!((text(row, 3), text(row, 4)), ("t".into(), "t".into()), "{version}");
        assert!((5..8).all(|at| !text(row, at).is_empty()), "{row:?}");
    }
}

#[test]
fn verify_finds_a_script_that_was_changed_after_it_ran() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    kgl(data, &[], &["migrate", "up"]).succeeded();
    let tamper = |statement: &str| Server::start(&data.join("postgres"), None).run("postgres", statement);
    tamper("UPDATE database_schemas SET checksum = repeat('0', 64) WHERE version = '0.2.0'");
    let verify = || kgl(data, &[], &["migrate", "verify"]);
    let found = verify();
    assert_eq!(found.code, Some(1), "{}", found.err);
    assert!(found.out.contains("2 documents") && !found.out.contains("1 accounts"), "{}", found.out);
    assert!(kgl(data, &[], &["migrate", "status"]).succeeded().contains("CHANGED"));
    tamper("UPDATE _sqlx_migrations SET checksum = '\\x00' WHERE version = 3");
    assert!(verify().out.contains("3 graph"));
    let refused = Service::start_in(data, &[]).err().expect("it does not start on a schema that it does not know");
    assert!(refused.contains("migration 3 was changed"), "{refused}");
}

#[test]
fn a_setting_that_makes_no_sense_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let file = folder.path().join("key.pem");
    std::fs::write(&file, "not a key").expect("written");
    let file = file.to_str().expect("text");
    let long = "x".repeat(40);
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("KGL_LISTEN", &[("KGL_LISTEN", "nonsense")]),
        ("KGL_LISTEN", &[("KGL_LISTEN", "127.0.0.1:70000")]),
        ("KGL_LISTEN", &[("KGL_LISTEN", "203.0.113.7:0")]),
        ("KGL_METRICS_LISTEN", &[("KGL_METRICS_LISTEN", "here")]),
        ("KGL_ENV", &[("KGL_ENV", "staging")]),
        ("KGL_LOG", &[("KGL_LOG", "=/=")]),
        ("KGL_LOG_FORMAT", &[("KGL_LOG_FORMAT", "xml")]),
        ("KGL_RATE_LIMIT_PER_MINUTE", &[("KGL_RATE_LIMIT_PER_MINUTE", "many")]),
        ("KGL_CORS_ORIGINS", &[("KGL_CORS_ORIGINS", "app.example.org")]),
        ("KGL_EXTRACTOR", &[("KGL_EXTRACTOR", "magic")]),
        ("KGL_POSTGRES_BUNDLE", &[("KGL_POSTGRES_BUNDLE", "/nowhere/at/all")]),
        ("DATABASE_URL", &[("DATABASE_URL", "mysql://localhost/kgl")]),
        ("DATABASE_URL", &[("DATABASE_URL", "postgres://user:hunter2@host:port/x")]),
        ("KGL_JWT_SECRET", &[("KGL_JWT_SECRET", "short")]),
        ("KGL_JWT_SECRET", &[("KGL_ENV", "production")]),
        ("KGL_JWT_SECRET", &[("KGL_JWT_SECRET", &long), ("KGL_JWT_PRIVATE_KEY_FILE", file)]),
        ("KGL_JWT_PRIVATE_KEY_FILE", &[("KGL_JWT_PRIVATE_KEY_FILE", "/nowhere/key.pem")]),
        ("KGL_ADMIN_PASSWORD", &[("KGL_ADMIN_EMAIL", "root@example.org")]),
        ("KGL_ADMIN_EMAIL", &[("KGL_ADMIN_EMAIL", "root"), ("KGL_ADMIN_PASSWORD", "a good password")]),
        ("KGL_ADMIN_PASSWORD", &[("KGL_ADMIN_EMAIL", "root@example.org"), ("KGL_ADMIN_PASSWORD", "short")]),
    ];
    for (variable, settings) in cases {
        let said = kgl(&data, settings, &["serve"]);
        assert_eq!(said.code, Some(2), "{settings:?}: {}", said.err);
        assert_eq!(said.out, "", "{settings:?}");
        let lines: Vec<&str> = said.err.lines().filter(|line| !line.trim().is_empty()).collect();
        assert_eq!(lines.len(), 1, "{settings:?}: {}", said.err);
        assert!(lines[0].contains(variable), "{variable}: {}", said.err);
        assert!(!said.err.contains("hunter2"), "a URL's password is not repeated: {}", said.err);
    }
    assert!(!data.join("postgres/data").exists(), "nothing was started for any of them");
}

#[test]
fn a_key_file_that_holds_no_key_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key.pem");
    std::fs::write(&file, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").expect("written");
    let said =
        kgl(&folder.path().join("data"), &[("KGL_JWT_PRIVATE_KEY_FILE", file.to_str().expect("text"))], &["serve"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.last_line().contains("KGL_JWT_PRIVATE_KEY_FILE"), "{}", said.err);
}

#[test]
fn a_second_service_on_the_same_data_is_refused() {
    let said = kgl(&shared().data, &[], &["serve"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.last_line().contains("in use by another process"), "{}", said.err);
    shared().anonymous().get("/health").expect(200);
}

/// A signed-in client's settings.
fn signed_in() -> (String, String) {
    let client = shared().new_user();
    (client.url.clone(), client.token.clone().expect("a token"))
}

#[test]
fn submit_prints_the_graph_of_each_file() {
    let (url, token) = signed_in();
    let folder = tempfile::tempdir().expect("a folder");
    let files = samples::files();
    let names: Vec<&str> = files.iter().map(|file| file.to_str().expect("text")).collect();
    let arguments = [&["submit"], names.as_slice()].concat();
    let settings = [("KGL_URL", url.as_str()), ("KGL_TOKEN", token.as_str())];
    let said = kgl(folder.path(), &settings, &arguments);
    let text = said.succeeded();
    for name in &names {
        assert!(text.contains(&format!("{name}: ")), "{name} is missing: {text}");
    }
    let heading = text.lines().find(|line| line.contains("nokia.txt: ")).expect("a heading");
    assert!(heading.contains("entities") && heading.contains("relationships"), "{heading}");
    for word in ["head", "relationship", "tail", "acquires", "Navteq"] {
        assert!(text.contains(word), "{word}");
    }
    // Twice is the same as once.
    let again = kgl(folder.path(), &settings, &["submit", names[0]]).succeeded();
    assert!(text.contains(again.lines().next().expect("a heading")), "{again}");
}

#[test]
fn submit_fails_for_a_file_that_cannot_be_read_but_does_the_others() {
    let (url, token) = signed_in();
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("text").to_owned()
    };
    let good = file("good.txt", b"Marie Curie was born in Warsaw.");
    let bad = [
        file("image.png", b"\x89PNG"),
        file("latin1.txt", b"caf\xe9"),
        file("empty.txt", b""),
        "/nowhere.txt".to_owned(),
    ];
    let mut arguments = vec!["submit", good.as_str()];
    arguments.extend(bad.iter().map(String::as_str));
    let said = kgl(folder.path(), &[("KGL_URL", &url), ("KGL_TOKEN", &token)], &arguments);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.contains("good.txt: 2 entities") && said.out.contains("born_in"), "{}", said.out);
    for name in &bad {
        assert!(said.err.contains(name.as_str()), "{name}: {}", said.err);
    }
}

#[test]
fn client_commands_say_what_is_missing() {
    let folder = tempfile::tempdir().expect("a folder");
    let nobody = kgl(folder.path(), &[], &["submit", "x.txt"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.last_line().contains("kgl login") && nobody.last_line().contains("KGL_TOKEN"), "{}", nobody.err);
    let (url, _) = signed_in();
    let sample = samples::files().remove(0);
    let sample = sample.to_str().expect("text");
    let forged = kgl(folder.path(), &[("KGL_URL", &url), ("KGL_TOKEN", "forged")], &["submit", sample]);
    assert_eq!(forged.code, Some(1));
    assert!(forged.err.contains("KGL_TOKEN") && !forged.err.contains("forged"), "{}", forged.err);
    let away = kgl(folder.path(), &[("KGL_URL", "http://127.0.0.1:9"), ("KGL_TOKEN", "x")], &["submit", sample]);
    assert_eq!(away.code, Some(1));
    assert!(away.err.contains("127.0.0.1:9"), "{}", away.err);
    assert_eq!(kgl(folder.path(), &[], &["submit"]).code, Some(2), "wrong use");
    assert_eq!(kgl(folder.path(), &[], &["dance"]).code, Some(2), "wrong use");
}

#[test]
fn a_development_service_on_this_machine_needs_no_login() {
    let sample = samples::files().remove(0);
    let said = kgl(&shared().data, &[], &["submit", sample.to_str().expect("text")]);
    assert!(said.succeeded().contains("relationships"));
}

#[test]
fn a_login_is_remembered_for_the_next_command() {
    let client = shared().new_user();
    let email = client.get("/api/v1/auth/me").expect(200)["email"].as_str().expect("an address").to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let login = |password: &str| {
        let mut command = command(folder.path(), &[("KGL_URL", &client.url)]);
        let mut child = command
            .args(["login", "--email", &email])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kgl runs");
        writeln!(child.stdin.take().expect("piped"), "{password}").expect("written");
        Said::of(&child.wait_with_output().expect("ends"))
    };
    assert_eq!(login("not the password").code, Some(1));
    login(PASSWORD).succeeded();
    let sample = samples::files().remove(0);
    kgl(folder.path(), &[("KGL_URL", &client.url)], &["submit", sample.to_str().expect("text")]).succeeded();
    assert_eq!(client.get("/api/v1/documents").expect(200)["total"], json!(1), "it was sent in that user's name");
}

#[test]
fn openapi_prints_what_the_service_serves() {
    let folder = tempfile::tempdir().expect("a folder");
    let printed = kgl(folder.path(), &[], &["openapi"]).succeeded();
    let printed: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed, shared().anonymous().get("/openapi.json").expect(200));
    assert!(!folder.path().join("postgres").exists(), "no database is needed for that");
}

#[test]
fn health_tells_by_its_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let listen = |address: &str| kgl(folder.path(), &[("KGL_LISTEN", address)], &["health"]).code;
    assert_eq!(listen(shared().url.trim_start_matches("http://")), Some(0));
    assert_eq!(listen("127.0.0.1:9"), Some(1));
}

#[test]
fn an_admin_is_made_from_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path();
    let create = |email: &str, password: &str| {
        let arguments = ["admin", "create", "--email", email, "--first-name", "Root", "--last-name", "Admin"];
        kgl(data, &[("KGL_ADMIN_PASSWORD", password)], &arguments)
    };
    assert!(create("root@example.org", "a good password").succeeded().contains("root@example.org"));
    let twice = create("root@example.org", "a good password");
    assert_ne!(twice.code, Some(0), "{}", twice.out);
    let service = Service::start_in(data, &[]).expect("starts");
    let admin = service.anonymous().signed_in("root@example.org", "a good password");
    assert_eq!(admin.get("/api/v1/auth/me").expect(200)["role"], json!("admin"));
}

#[test]
fn the_first_admin_of_production_comes_from_settings_and_no_account_is_made_up() {
    let service = configured();
    let admin = service.anonymous().signed_in(ADMIN_EMAIL, ADMIN_PASSWORD);
    assert_eq!(admin.get("/api/v1/auth/me").expect(200)["role"], json!("admin"));
    assert_eq!(service.anonymous().get("/health").expect(200)["environment"], json!("production"));
    assert!(!service.data.join("development-account.json").exists());
    let admins = service.sql("SELECT email FROM users WHERE role = 'admin'");
    assert_eq!(admins, [[Some(ADMIN_EMAIL.to_owned())]]);
    assert!(!service.data.join("keys").exists(), "no secret is made up either");
}

/// A service on a given database does the whole job.
#[track_caller]
fn does_the_job(data: &Path, url: &str) {
    let service = Service::start_in(data, &[("DATABASE_URL", url)]).unwrap_or_else(|log| panic!("{log}"));
    let client = service.new_user();
    let document = client.completed("Marie Curie was born in Warsaw.");
    let path = format!("/api/v1/documents/{}/graph", document["id"].as_str().expect("an id"));
    assert_eq!(client.get(&path).expect(200)["relationships"][0]["relationship_type"], json!("born_in"));
    let stranger = service.new_user();
    stranger.get(&path).expect_problem(404, "NotFound");
    stranger.request("DELETE", path.trim_end_matches("/graph"), &[], Body::Empty).expect_problem(404, "NotFound");
    assert!(!data.join("postgres").exists(), "no server of its own");
}

/// What a database user hears who cannot bring the schema up.
#[track_caller]
fn refusal(data: &Path, url: &str) -> String {
    let said = kgl(data, &[("DATABASE_URL", url)], &["serve"]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{}", said.err);
    said.last_line().to_owned()
}

#[test]
fn a_given_database_serves_its_owner_and_its_superuser_and_tells_others_what_they_lack() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = |name: &str| folder.path().join(name);
    let server = Server::start(&data("server"), None);
    server.run(
        "postgres",
        "CREATE DATABASE by_superuser; CREATE ROLE nobody LOGIN; CREATE ROLE kgl_owner LOGIN CREATEROLE",
    );
    server.run("postgres", "CREATE DATABASE by_owner OWNER kgl_owner");
    server.run("postgres", "CREATE EXTENSION vector");
    let line = refusal(&data("none"), &server.url("nobody", "postgres"));
    assert!(line.contains("CREATEROLE"), "{line}");
    // Not a trusted extension: this much an administrator has to do.
    let line = refusal(&data("none"), &server.url("kgl_owner", "by_owner"));
    assert!(line.contains("CREATE EXTENSION vector"), "{line}");
    server.run("by_owner", "CREATE EXTENSION vector");
    // The owner first: the service's roles belong to the whole server, and whoever made them may use them.
    does_the_job(&data("one"), &server.url("kgl_owner", "by_owner"));
    does_the_job(&data("two"), &server.url("postgres", "by_superuser"));
    // A second start finds what the first one left.
    does_the_job(&data("one"), &server.url("kgl_owner", "by_owner"));
}

#[test]
fn a_server_without_pgvector_is_told_how_to_get_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    drop(Server::start(&whole, None));
    let bundle = programs_without_vector(&whole, &folder.path().join("programs"));
    let server = Server::start(&folder.path().join("server"), Some(bundle));
    let said = kgl(&folder.path().join("data"), &[("DATABASE_URL", &server.url("postgres", "postgres"))], &["serve"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let line = said.last_line();
    assert!(
        line.contains("no pgvector") && line.contains("postgresql-") && line.contains("DATABASE_URL"),
        "{}",
        said.err
    );
}

#[test]
fn a_database_that_does_not_answer_stops_the_start_without_its_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = kgl(folder.path(), &[("DATABASE_URL", "postgres://user:hunter2@127.0.0.1:9/kgl")], &["serve"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.last_line().contains("database") && !said.err.contains("hunter2"), "{}", said.err);
}

#[test]
fn the_program_tells_its_version_and_its_commands() {
    let run = |argument: &str| Said::of(&Command::new(KGL).arg(argument).output().expect("kgl runs")).succeeded();
    assert_eq!(run("--version").trim(), format!("kgl {}", env!("CARGO_PKG_VERSION")));
    let help = run("--help");
    for name in ["serve", "migrate", "admin", "login", "submit", "openapi"] {
        assert!(help.contains(name), "{name}: {help}");
    }
}
