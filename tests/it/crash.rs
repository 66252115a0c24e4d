//! Nothing that was accepted is lost and nothing is done twice, whatever is killed and whenever.

use std::{
    sync::{
        RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kgl_test_support::number;
use serde_json::json;

use crate::{
    corpus::text,
    harness::{Body, Client, Service},
    snapshot::{assert_same, assert_sound, graph, user_id},
    wait::until,
};

/// How often the process is killed.
const KILLS: u32 = 16;
/// Users whose documents flow meanwhile.
const USERS: usize = 3;
/// Threads of each.
const THREADS: usize = 2;
/// Words of a document.
const WORDS: usize = 120;
/// All that was accepted must be done so soon after the last start, on a machine that runs the other tests meanwhile.
const CATCH_UP: Duration = Duration::from_secs(150);

/// A user whose threads share a row of numbered texts.
struct Author {
    client: Client,
    next: AtomicUsize,
    accepted: AtomicUsize,
}

impl Author {
    /// Submits texts one after the other until told to stop; each until it is accepted, wherever the service is then.
    fn write(&self, address: &RwLock<String>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let body = json!({ "content": text(number, WORDS), "content_type": "text/plain" });
            loop {
                let url = address.read().expect("not poisoned").clone();
                let client = Client { url, token: self.client.token.clone() };
                let answer = client.try_request("POST", "/api/v1/documents", &[], Body::Json(&body));
                match answer {
                    // 200: it was committed before, and the answer was lost with the process.
                    Ok(answer) if matches!(answer.status, 200 | 202) => break,
                    Ok(answer) => assert!(matches!(answer.status, 429 | 503), "{} {}", answer.status, answer.text),
                    // Nobody listens at the moment.
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
            self.accepted.fetch_add(1, Ordering::Relaxed);
            // So that documents flow all the time and the last check need not read thousands.
            thread::sleep(Duration::from_millis(60));
        }
    }
}

/// Jobs that are not done, by what the database knows.
fn undone(service: &Service) -> i64 {
    number(&service.data, "SELECT count(*) FROM jobs WHERE status IN ('pending', 'processing')")
}

#[test]
fn documents_are_done_exactly_once_however_often_the_process_is_killed() {
    let mut service = Service::start();
    let authors: Vec<Author> = (0..USERS)
        .map(|_| Author { client: service.new_user(), next: AtomicUsize::new(0), accepted: AtomicUsize::new(0) })
        .collect();
    let (address, stop) = (RwLock::new(service.url.clone()), AtomicBool::new(false));
    thread::scope(|scope| {
        for author in &authors {
            for _ in 0..THREADS {
                scope.spawn(|| author.write(&address, &stop));
            }
        }
        for round in 0..KILLS {
            // Multiples of the golden ratio spread evenly over the moments after a start, without a pattern.
            let moment = (f64::from(round) * 0.618_034).fract() * 0.7;
            thread::sleep(Duration::from_secs_f64(moment));
            service.kill();
            service.restart();
            address.write().expect("not poisoned").clone_from(&service.url);
        }
        stop.store(true, Ordering::Relaxed);
    });
    until("all accepted documents are done", CATCH_UP, || (undone(&service) == 0).then_some(()));
    assert_eq!(number(&service.data, "SELECT count(*) FROM jobs WHERE status <> 'completed'"), 0, "all are completed");
    assert!(
        number(&service.data, "SELECT count(*) FROM jobs WHERE lost_leases > 0") > 0,
        "the kills hit work under way"
    );
    assert_sound(&service);
    for author in &authors {
        let user = user_id(&author.client.at(&service));
        let accepted = author.accepted.load(Ordering::Relaxed);
        assert!(accepted >= KILLS as usize, "documents flowed: {accepted}");
        let documents = number(&service.data, &format!("SELECT count(*) FROM documents WHERE owner_id = '{user}'"));
        assert_eq!(usize::try_from(documents).expect("a count"), accepted, "each was taken in once");
        let expected = undisturbed(&service, author.next.load(Ordering::Relaxed));
        assert_same(&graph(&service, &user), &expected, "the graph that the kills left");
    }
}

/// The graph of a user who submits the same texts while nothing is killed.
fn undisturbed(service: &Service, texts: usize) -> Vec<String> {
    let client = service.new_user();
    let numbers: Vec<usize> = (0..texts).collect();
    for batch in numbers.chunks(100) {
        let documents: Vec<_> =
            batch.iter().map(|n| json!({ "content": text(*n, WORDS), "content_type": "text/plain" })).collect();
        let answer = client.post("/api/v1/documents/batch", &json!({ "documents": documents })).expect(202);
        assert_eq!(answer["failed"], json!(0), "{answer}");
    }
    until("the undisturbed user's documents are done", CATCH_UP, || (undone(service) == 0).then_some(()));
    graph(service, &user_id(&client))
}

/// The process id of the embedded server.
pub fn postmaster(service: &Service) -> u32 {
    let noted = std::fs::read_to_string(service.data.join("postgres/data/postmaster.pid")).expect("the server runs");
    noted.lines().next().and_then(|line| line.trim().parse().ok()).expect("a process id")
}

#[test]
fn the_database_may_be_killed_alone() {
    let mut service = Service::start();
    let client = service.new_user();
    for round in 0..2 {
        let documents: Vec<_> = (0..20)
            .map(|n| json!({ "content": text(round * 1000 + n, WORDS), "content_type": "text/plain" }))
            .collect();
        let client = client.at(&service);
        client.post("/api/v1/documents/batch", &json!({ "documents": documents })).expect(202);
        let killed = std::process::Command::new("kill").args(["-KILL", &postmaster(&service).to_string()]).status();
        assert!(killed.expect("kill runs").success());
        let begun = Instant::now();
        // Its host is told by the exit status, and starts both anew.
        let status = until("the service ends", Duration::from_secs(15), || service.has_ended());
        assert!(!status.success(), "it ended as if all were well after {:?}", begun.elapsed());
        service.restart();
    }
    until("all accepted documents are done", CATCH_UP, || (undone(&service) == 0).then_some(()));
    assert_eq!(number(&service.data, "SELECT count(*) FROM jobs WHERE status = 'completed'"), 40);
    assert_sound(&service);
    let user = user_id(&client.at(&service));
    let reference = service.new_user();
    for round in 0..2 {
        for n in 0..20 {
            reference.submit(&text(round * 1000 + n, WORDS));
        }
    }
    until("the reference is done", CATCH_UP, || (undone(&service) == 0).then_some(()));
    assert_same(&graph(&service, &user), &graph(&service, &user_id(&reference)), "the graph after the kills");
}
