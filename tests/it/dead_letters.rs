//! Dead letters: jobs whose attempts are used up, in the hands of those who run the service.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    harness::{Body, Client, KGL, PASSWORD, Service},
    wait::until,
};

const QUEUES: &str = "/api/v1/admin/queues";
const DEAD: &str = "/api/v1/admin/queues/dead";
const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// A service of its own, because the queue is everybody's; its admin, and a user.
fn service() -> (Service, Client, Client) {
    let service = Service::start();
    let (admin, user) = (service.admin(), service.new_user());
    (service, admin, user)
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("no id: {value}")).to_owned()
}

/// A document whose job died so many hours ago; the job's id. Texts that are to be replayed name nothing, because a job
/// that really died has written nothing.
fn dead(service: &Service, user: &Client, text: &str, hours: u32) -> String {
    let job = id(&user.finished(&user.submit(text)["job"]));
    let _ = service.sql(&format!(
        "UPDATE jobs SET status = 'dead', result = NULL, error_message = 'no luck', attempt = 5, lost_leases = 2,
                         lost_alone = 1, finished_at = now() - interval '{hours} hours' WHERE id = '{job}'"
    ));
    job
}

fn empty_post(client: &Client, path: &str) -> crate::harness::Answer {
    client.request("POST", path, &[], Body::Empty)
}

fn ids(list: &Value) -> Vec<String> {
    list["dead_letters"].as_array().expect("a list").iter().map(id).collect()
}

#[test]
fn dead_jobs_are_listed_inspected_and_replayed() {
    let (service, admin, user) = service();
    let other = service.new_user();
    let jobs = [
        dead(&service, &user, "The first text.", 50),
        dead(&service, &user, "The second text.", 10),
        dead(&service, &other, "The third text.", 1),
    ];
    let list = admin.get(DEAD).expect(200);
    assert_eq!(ids(&list), [jobs[2].clone(), jobs[1].clone(), jobs[0].clone()]);
    assert_eq!((&list["total"], &list["has_more"]), (&json!(3), &json!(false)));
    let first = admin.get(&format!("{DEAD}?limit=2")).expect(200);
    let cursor = first["next_cursor"].as_str().expect("a cursor");
    assert_eq!(ids(&admin.get(&format!("{DEAD}?limit=2&cursor={cursor}")).expect(200)), [jobs[0].clone()]);
    assert_eq!(ids(&admin.get(&format!("{DEAD}?skip=1&limit=1")).expect(200)), [jobs[1].clone()]);
    let me = id(&other.get("/api/v1/auth/me").expect(200));
    let theirs = admin.get(&format!("{DEAD}?owner_id={me}")).expect(200);
    assert_eq!((ids(&theirs), &theirs["total"]), (vec![jobs[2].clone()], &json!(1)));
    let since = (chrono::Utc::now() - chrono::TimeDelta::hours(20)).format("%Y-%m-%dT%H:%M:%SZ");
    assert_eq!(
        ids(&admin.get(&format!("{DEAD}?since={since}")).expect(200)),
        jobs[1..].iter().rev().cloned().collect::<Vec<_>>()
    );
    admin.get(&format!("{DEAD}?since=yesterday")).expect_problem(422, "ValidationError");

    let letter = admin.get(&format!("{DEAD}/{}", jobs[2])).expect(200);
    assert_eq!(letter, list["dead_letters"][0]);
    assert_eq!((&letter["owner_id"], &letter["reason"]), (&json!(me), &json!("no luck")));
    assert_eq!(
        (&letter["attempts"], &letter["lost_leases"], &letter["superseded"]),
        (&json!(5), &json!(2), &json!(false))
    );

    let replayed = empty_post(&admin, &format!("{DEAD}/{}/replay", jobs[2])).expect(200);
    assert_eq!((&replayed["id"], &replayed["error_message"]), (&json!(jobs[2]), &Value::Null));
    let done = other.finished(&replayed);
    assert_eq!((&done["status"], &done["attempt"]), (&json!("completed"), &json!(1)), "{done}");
    assert_eq!(
        service.sql(&format!("SELECT lost_leases, lost_alone FROM jobs WHERE id = '{}'", jobs[2]))[0],
        [Some("0".into()), Some("0".into())]
    );
    empty_post(&admin, &format!("{DEAD}/{}/replay", jobs[2])).expect_problem(409, "Conflict");
    admin.get(&format!("{DEAD}/{}", jobs[2])).expect_problem(404, "NotFound");
    // An owner can still help themselves.
    empty_post(&user, &format!("/api/v1/jobs/{}/retry", jobs[1])).expect(200);
}

#[test]
fn many_are_replayed_by_name_by_age_or_all_and_the_rest_is_counted() {
    let (service, admin, user) = service();
    let jobs: Vec<String> = (0..4).map(|n| dead(&service, &user, &format!("Text number {n}."), 10 * n + 1)).collect();
    let path = format!("{DEAD}/replay");
    for wrong in [json!({}), json!({ "all": false }), json!({ "ids": [] }), json!({ "ids": [jobs[0]], "all": true })] {
        admin.post(&path, &wrong).expect_problem(422, "ValidationError");
    }
    let named = admin.post(&path, &json!({ "ids": [jobs[0], jobs[0], NOBODY] })).expect(200);
    assert_eq!(named, json!({ "replayed": 1, "skipped": 1 }));
    let before = chrono::Utc::now() - chrono::TimeDelta::hours(20);
    let old = admin.post(&path, &json!({ "older_than": before.to_rfc3339() })).expect(200);
    assert_eq!(old, json!({ "replayed": 2, "skipped": 0 }));
    // A document that was read again since then has a newer job, which a replay must not overtake.
    let document =
        admin.get(&format!("{DEAD}/{}", jobs[1])).expect(200)["document_id"].as_str().expect("an id").to_owned();
    let again = user.post(&format!("/api/v1/documents/{document}/extract"), &json!({})).expect(202);
    user.finished(&again["job"]);
    assert_eq!(admin.get(&format!("{DEAD}/{}", jobs[1])).expect(200)["superseded"], json!(true));
    let refused = empty_post(&admin, &format!("{DEAD}/{}/replay", jobs[1])).expect_problem(409, "Conflict");
    assert!(refused["detail"].as_str().expect("a text").contains("newer job"), "{refused}");
    let more = dead(&service, &user, "One more text.", 0);
    let all = admin.post(&path, &json!({ "all": true })).expect(200);
    assert_eq!(all, json!({ "replayed": 1, "skipped": 1 }));
    for job in [&jobs[0], &jobs[2], &jobs[3], &more] {
        assert_eq!(user.finished(&json!({ "id": job }))["status"], json!("completed"));
    }
}

#[test]
fn a_discarded_job_is_cancelled_and_its_document_stays() {
    let (service, admin, user) = service();
    let job = dead(&service, &user, "Marie Curie was born in Warsaw.", 1);
    let path = format!("{DEAD}/{job}");
    let discarded = admin.delete(&path).expect(200);
    assert_eq!(discarded["status"], json!("cancelled"));
    assert_eq!(discarded["error_message"], json!("no luck; discarded by an operator"));
    let document = discarded["document_id"].as_str().expect("an id");
    let content = user.get(&format!("/api/v1/documents/{document}/content")).expect(200);
    assert_eq!(content["content"], json!("Marie Curie was born in Warsaw."));
    admin.delete(&path).expect_problem(409, "Conflict");
    assert_eq!(admin.get(DEAD).expect(200)["total"], json!(0));
}

#[test]
fn only_admins_come_near_the_queue_and_what_is_not_there_is_not_found() {
    let (service, admin, user) = service();
    let moderator = service.new_user();
    let email = moderator.get("/api/v1/auth/me").expect(200)["email"].as_str().expect("an address").to_owned();
    let _ = service.sql(&format!("UPDATE users SET role = 'moderator' WHERE email = '{email}'"));
    let moderator = service.anonymous().signed_in(&email, PASSWORD);
    let job = dead(&service, &user, "Marie Curie was born in Warsaw.", 1);
    let requests = [
        ("GET", QUEUES.to_owned()),
        ("GET", DEAD.to_owned()),
        ("GET", format!("{DEAD}/{job}")),
        ("POST", format!("{DEAD}/replay")),
        ("POST", format!("{DEAD}/{job}/replay")),
        ("DELETE", format!("{DEAD}/{job}")),
    ];
    for (method, path) in &requests {
        for client in [&user, &moderator] {
            client.request(method, path, &[], Body::Empty).expect_problem(403, "Forbidden");
        }
        service.anonymous().request(method, path, &[], Body::Empty).expect_problem(401, "Unauthorized");
        if path.contains(&job) {
            admin.request(method, &path.replace(&job, NOBODY), &[], Body::Empty).expect_problem(404, "NotFound");
            admin.request(method, &path.replace(&job, "x"), &[], Body::Empty).expect_problem(400, "ValidationError");
        }
    }
    assert_eq!(
        admin.get(&format!("{DEAD}/{job}")).expect(200)["reason"],
        json!("no luck"),
        "nothing of that changed it"
    );
}

#[test]
fn the_overview_counts_what_waits_what_runs_and_what_is_dead() {
    let (service, admin, user) = service();
    dead(&service, &user, "A first text.", 1);
    let quiet = until("the queue is quiet", Duration::from_secs(10), || {
        let queue = admin.get(QUEUES).expect(200);
        (queue["processing"] == json!(0)).then_some(queue)
    });
    assert_eq!(quiet["transport"], json!("postgres"));
    assert_eq!(quiet["pending"], json!({ "high": 0, "normal": 0, "low": 0 }));
    assert_eq!(
        (&quiet["oldest_ready_seconds"], &quiet["consumers"], &quiet["dead_letters"]),
        (&Value::Null, &json!(0), &json!(1))
    );
    // Jobs that wait for later are counted too, but none of them is ready.
    let _ = service.sql(
        "WITH d AS (SELECT document_id, owner_id, options, revision, status FROM jobs LIMIT 1)
         INSERT INTO jobs (id, owner_id, document_id, revision, options, max_attempts, status, priority, run_at, leased_by, leased_until)
         SELECT gen_random_uuid(), owner_id, document_id, revision, options, 5, 'pending', 2, now() + interval '1 day', NULL, NULL FROM d",
    );
    let busy = admin.get(QUEUES).expect(200);
    assert_eq!(busy["pending"], json!({ "high": 0, "normal": 0, "low": 1 }));
    assert_eq!(busy["oldest_ready_seconds"], Value::Null);
    // Somebody else at work, and somebody who went away.
    let _ = service.sql(
        "UPDATE jobs SET status = 'processing', leased_by = 'another process', leased_until = now() + interval '1 hour'
         WHERE status = 'pending'",
    );
    let working = admin.get(QUEUES).expect(200);
    assert_eq!((&working["processing"], &working["consumers"]), (&json!(1), &json!(1)), "{working}");
}

/// `kgl queue` with a client's token.
fn kgl(client: &Client, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(KGL);
    command
        .arg("queue")
        .args(arguments)
        .env("KGL_URL", &client.url)
        .env("KGL_TOKEN", client.token.as_deref().expect("a token"));
    let output = command.output().expect("kgl runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_command_line_shows_replays_and_discards() {
    let (service, admin, user) = service();
    let jobs: Vec<String> = (0..3).map(|n| dead(&service, &user, &format!("Text number {n}."), 1)).collect();
    let (fine, out, err) = kgl(&admin, &["list"]);
    assert!(fine && jobs.iter().all(|job| out.contains(job.as_str())) && out.contains("no luck"), "{out}{err}");
    let (_, out, _) = kgl(&admin, &["list", "--limit", "2", "--json"]);
    let list: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((ids(&list), &list["total"]), (vec![jobs[2].clone(), jobs[1].clone()], &json!(3)));
    let (fine, out, _) = kgl(&admin, &["list", "--since", "2999-01-01T00:00:00Z"]);
    assert!(fine && out.trim() == "no dead letters", "{out}");
    let (fine, out, _) = kgl(&admin, &["show", &jobs[0]]);
    assert!(fine && out.contains("no luck") && out.contains("lost leases"), "{out}");
    let (fine, out, _) = kgl(&admin, &["status", "--json"]);
    let status: Value = serde_json::from_str(&out).expect("JSON");
    assert!(fine && status["dead_letters"] == json!(3), "{status}");
    assert!(kgl(&admin, &["status"]).1.contains("dead letters"));

    let (fine, out, err) = kgl(&admin, &["replay", &jobs[0], NOBODY]);
    assert!(!fine && out.contains(&jobs[0]) && err.contains(NOBODY) && err.contains("404"), "{out}{err}");
    let (fine, out, err) = kgl(&admin, &["discard", &jobs[1]]);
    assert!(fine && out.contains(&jobs[1]), "{out}{err}");
    let (fine, out, err) = kgl(&admin, &["replay", "--all"]);
    assert!(fine && out.trim() == "1 replayed, 0 skipped", "{out}{err}");
    assert_eq!(user.finished(&json!({ "id": jobs[2] }))["status"], json!("completed"));
    assert!(!kgl(&admin, &["replay"]).0, "replaying everything has to be said");
    let (fine, _, err) = kgl(&user, &["list"]);
    assert!(!fine && err.contains("only an admin"), "{err}");
}
