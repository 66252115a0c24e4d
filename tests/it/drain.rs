//! A stop signal under load: fast, in order, and without loss.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use kgl_test_support::number;
use serde_json::json;

use crate::{
    corpus::{large_text, text},
    crash::postmaster,
    harness::{Body, Client, Service},
    snapshot::assert_sound,
    wait::until,
};

/// Users that submit while the signal comes.
const USERS: usize = 4;

/// Processes whose working folder is inside of `folder`: the server's.
fn processes_in(folder: &Path) -> Vec<String> {
    let folder = folder.canonicalize().expect("the folder");
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    processes
        .filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|at| at.starts_with(&folder)))
        .map(|process| process.file_name().to_string_lossy().into_owned())
        .collect()
}

/// Submits until told to stop or until nobody listens any more; how many were accepted.
fn flood(client: &Client, first: usize, stop: &AtomicBool, accepted: &AtomicUsize) {
    for n in first.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let body = json!({ "content": text(n, 150), "content_type": "text/plain" });
        match client.try_request("POST", "/api/v1/documents", &[], Body::Json(&body)) {
            Ok(answer) if answer.status == 202 => drop(accepted.fetch_add(1, Ordering::Relaxed)),
            Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text),
            // The listener is closed.
            Err(_) => return,
        }
    }
}

#[test]
fn a_stop_signal_under_load_loses_nothing() {
    let mut service = Service::start();
    let clients: Vec<Client> = (0..USERS).map(|_| service.new_user()).collect();
    // Takes the extractor much longer than a drain may: it has to be broken off and given back.
    let large = clients[0].submit(&large_text(1, 2_500_000));
    let (stop, accepted) = (AtomicBool::new(false), AtomicUsize::new(1));
    let server = postmaster(&service);
    let (status, took) = thread::scope(|scope| {
        for (user, client) in clients.iter().enumerate() {
            let (stop, accepted) = (&stop, &accepted);
            scope.spawn(move || flood(client, user * 100_000, stop, accepted));
        }
        // A request that waits for the large document is under way when the signal comes, and is answered.
        let waiting = scope.spawn(|| {
            let path = format!("/api/v1/jobs/{}", large["job"]["id"].as_str().expect("an id"));
            clients[0].request("GET", &path, &[("prefer", "wait=30")], Body::Empty)
        });
        until("documents flow", Duration::from_secs(20), || {
            (accepted.load(Ordering::Relaxed) > 60
                && number(&service.data, "SELECT count(*) FROM jobs WHERE status = 'processing'") > 1)
                .then_some(())
        });
        let ended = service.terminate();
        stop.store(true, Ordering::Relaxed);
        let answer = waiting.join().expect("no panic").expect(200);
        assert!(matches!(answer["status"].as_str(), Some("pending" | "processing")), "{answer}");
        ended
    });
    assert!(status.success(), "{status}: {}", service.log());
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    assert!(!Path::new(&format!("/proc/{server}")).exists(), "its PostgreSQL has ended with it");
    assert_eq!(processes_in(&service.data), Vec::<String>::new(), "nothing of it is left running");

    service.restart();
    let accepted = i64::try_from(accepted.load(Ordering::Relaxed)).expect("a count");
    // A few more may have been committed whose answers were cut off with their connections.
    let committed = number(&service.data, "SELECT count(*) FROM jobs");
    assert!(committed >= accepted, "{committed} of {accepted} accepted documents are there");
    until("all are done after the restart", Duration::from_secs(60), || {
        let open = number(&service.data, "SELECT count(*) FROM jobs WHERE status IN ('pending', 'processing')");
        (open == 0).then_some(())
    });
    assert_eq!(number(&service.data, "SELECT count(*) FROM jobs WHERE status <> 'completed'"), 0);
    let blamed = service
        .sql("SELECT id::text, attempt::text, lost_leases::text FROM jobs WHERE lost_leases > 0 OR attempt <> 1");
    assert!(blamed.is_empty(), "given back in order, so no try counts and no lease is lost: {blamed:?}");
    assert_sound(&service);
}

#[test]
fn a_second_stop_signal_ends_it_at_once() {
    let mut service = Service::start_with(&[("KGL_SHUTDOWN_SECONDS", "60")]);
    let client = service.new_user();
    let submitted = client.submit(&text(1, 150));
    // A request whose body never comes to its end keeps the drain waiting.
    let address = service.url.strip_prefix("http://").expect("a URL").to_owned();
    let mut open = TcpStream::connect(&address).expect("connects");
    let token = client.token.as_deref().expect("signed in");
    let head = format!(
        "POST /api/v1/documents HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{"
    );
    open.write_all(head.as_bytes()).expect("is sent");
    // Once another request was answered, this one has been read as well.
    client.get("/api/v1/auth/me").expect(200);
    let server = postmaster(&service);
    service.signal("TERM");
    until("it listens no more", Duration::from_secs(5), || TcpStream::connect(&address).is_err().then_some(()));
    assert!(service.has_ended().is_none(), "it waits for the request under way: {}", service.log());
    let begun = Instant::now();
    service.signal("TERM");
    let status = until("it ends", Duration::from_secs(3), || service.has_ended());
    assert!(!status.success() && begun.elapsed() < Duration::from_secs(1), "{status} after {:?}", begun.elapsed());
    drop(open.read(&mut [0]));
    until("its PostgreSQL ends by itself", Duration::from_secs(10), || {
        (!Path::new(&format!("/proc/{server}")).exists()).then_some(())
    });
    service.restart();
    let client = client.at(&service);
    assert_eq!(client.finished(&submitted["job"])["status"], json!("completed"));
    assert_sound(&service);
}

#[test]
fn a_service_that_has_nothing_to_do_stops_at_once_and_starts_again() {
    let mut service = Service::start();
    let client = service.new_user();
    let document = client.completed("Ada Lovelace worked with Charles Babbage in London.");
    for _ in 0..2 {
        let (status, took) = service.terminate();
        assert!(status.success() && took < Duration::from_secs(3), "{status} after {took:?}");
        assert_eq!(processes_in(&service.data), Vec::<String>::new());
        service.restart();
    }
    let path = format!("/api/v1/documents/{}", document["id"].as_str().expect("an id"));
    assert_eq!(client.at(&service).get(&path).expect(200)["status"], json!("completed"));
}
