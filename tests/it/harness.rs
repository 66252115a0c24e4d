//! Drives the real binary: starts it on a port of its own with a database of its own, talks HTTP to it, kills it.

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The program under test.
pub const KGL: &str = env!("CARGO_BIN_EXE_kgl");
/// The first start makes a database; on a busy machine that takes seconds.
const START_TIMEOUT: Duration = Duration::from_secs(90);
/// A password that every rule accepts.
pub const PASSWORD: &str = "correct horse battery";

/// What [`configured`] signs its access tokens with.
pub const SIGNING_SECRET: &str = "a secret of the tests that is long enough";
/// Who is its first admin.
pub const ADMIN_EMAIL: &str = "root@example.org";
/// How that one signs in.
pub const ADMIN_PASSWORD: &str = "an admin's pass phrase";

/// A running service. Dropping it kills it.
pub struct Service {
    child: Child,
    /// Where it listens.
    pub url: String,
    /// Its data folder.
    pub data: PathBuf,
    settings: Vec<(String, String)>,
    /// What it said on standard error so far.
    log: std::sync::Arc<Mutex<String>>,
    _folder: Option<tempfile::TempDir>,
}

impl Service {
    /// Starts one with an empty database of its own.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with settings of its own.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let mut service = Self::start_in(&data, settings).unwrap_or_else(|log| panic!("kgl did not start:\n{log}"));
        service._folder = Some(folder);
        service
    }

    /// Starts one on a data folder that may hold a database already; the error is what it said.
    pub fn start_in(data: &Path, settings: &[(&str, &str)]) -> Result<Self, String> {
        let mut command = command(data, settings);
        command.arg("serve").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kgl runs");
        let log = collect(child.stderr.take().expect("piped"));
        let url = match first_line(child.stdout.take().expect("piped")) {
            Some(line) => line.strip_prefix("listening on ").expect("the line that the contract names").to_owned(),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                // The rest of what it said may still be on its way.
                std::thread::sleep(Duration::from_millis(100));
                return Err(log.lock().unwrap_or_else(PoisonError::into_inner).clone());
            }
        };
        let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Ok(Self { child, url, data: data.to_owned(), settings, log, _folder: None })
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop and waits; how it ended, and how long that took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal("TERM");
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        (status, begun.elapsed())
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(done.expect("kill runs").success());
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child")
    }

    /// Starts it anew on the same data, after it was killed or stopped. Its port is a new one.
    pub fn restart(&mut self) {
        let settings: Vec<(&str, &str)> = self.settings.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let data = self.data.clone();
        let mut next = Self::start_in(&data, &settings).unwrap_or_else(|log| panic!("kgl did not start again:\n{log}"));
        std::mem::swap(&mut self.child, &mut next.child);
        std::mem::swap(&mut self.url, &mut next.url);
        std::mem::swap(&mut self.log, &mut next.log);
    }

    /// What it said on standard error so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A client without an account.
    pub fn anonymous(&self) -> Client {
        Client { url: self.url.clone(), token: None }
    }

    /// A client with a new account.
    pub fn new_user(&self) -> Client {
        self.anonymous().registered()
    }

    /// A client signed in as the account that the first development start made up.
    pub fn admin(&self) -> Client {
        let text = std::fs::read_to_string(self.data.join("development-account.json")).expect("the account is noted");
        let account: Value = serde_json::from_str(&text).expect("JSON");
        let field = |name: &str| account[name].as_str().expect(name).to_owned();
        self.anonymous().signed_in(&field("email"), &field("password"))
    }

    /// A statement run by the database's superuser over its private socket; answers rows of text.
    pub fn sql(&self, statement: &str) -> Vec<Vec<Option<String>>> {
        kgl_test_support::rows(&self.data, statement)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // In good order where it can, so that its database writes no more to a folder that goes away.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
            let begun = Instant::now();
            while matches!(self.child.try_wait(), Ok(None)) && begun.elapsed() < Duration::from_secs(6) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        self.kill();
    }
}

/// `kgl` with an environment of its own: nothing of the tester's settings leaks in.
pub fn command(data: &Path, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(KGL);
    for (name, _) in std::env::vars() {
        if name.starts_with("KGL_") || matches!(name.as_str(), "DATABASE_URL" | "AMQP_URL") {
            command.env_remove(name);
        }
    }
    command.env("KGL_LISTEN", "127.0.0.1:0").env("KGL_DATA_DIR", data).env("KGL_RATE_LIMIT_PER_MINUTE", "0");
    command.env("KGL_LOG", "info").env("XDG_CONFIG_HOME", data.join("config"));
    // Most tests are about what surrounds the extractor, with many documents; those about reading name `builtin`.
    command.env("KGL_EXTRACTOR", "fast");
    command.envs(settings.iter().copied());
    command
}

fn first_line(from: impl Read + Send + 'static) -> Option<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(from).lines();
        let _ = send.send(lines.next().and_then(Result::ok));
        // Keeps reading, so that the service never blocks on a full pipe.
        lines.for_each(drop);
    });
    receive.recv_timeout(START_TIMEOUT).ok().flatten()
}

fn collect(from: impl Read + Send + 'static) -> std::sync::Arc<Mutex<String>> {
    let log = std::sync::Arc::new(Mutex::new(String::new()));
    let into = std::sync::Arc::clone(&log);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut log = into.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
        }
    });
    log
}

/// The service that tests share which need no special one: isolation between accounts keeps them apart, as it does
/// users. It ends with the test program.
pub fn shared() -> &'static Service {
    static SHARED: OnceLock<Service> = OnceLock::new();
    SHARED.get_or_init(|| {
        let service = Service::start();
        end_with_this_program(&service);
        service
    })
}

/// A second service that tests share: production with every secret known, metrics at [`metrics_address`], CORS, and
/// a log in JSON of all there is to say.
pub fn configured() -> &'static Service {
    static CONFIGURED: OnceLock<Service> = OnceLock::new();
    CONFIGURED.get_or_init(|| {
        let service = Service::start_with(&[
            ("KGL_ENV", "production"),
            ("KGL_JWT_SECRET", SIGNING_SECRET),
            ("KGL_ADMIN_EMAIL", ADMIN_EMAIL),
            ("KGL_ADMIN_PASSWORD", ADMIN_PASSWORD),
            ("KGL_CORS_ORIGINS", "https://app.example.org,http://localhost:3000"),
            ("KGL_METRICS_LISTEN", metrics_address()),
            ("KGL_LOG", "trace"),
            ("KGL_LOG_FORMAT", "json"),
        ]);
        end_with_this_program(&service);
        service
    })
}

/// Where [`configured`] has its metrics: a port that was free a moment before.
pub fn metrics_address() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("an address").to_string()
    })
}

/// A static is never dropped. A shell waits for the end of this program, which closes its standard input, and then
/// stops the service and removes its folder.
fn end_with_this_program(service: &Service) {
    let folder = service.data.parent().expect("has a parent").display().to_string();
    let script =
        "cat >/dev/null; kill -TERM \"$1\"; while kill -0 \"$1\" 2>/dev/null; do sleep 0.1; done; rm -rf \"$2\"";
    let shell = Command::new("sh")
        .args(["-c", script, "sh", &service.pid().to_string(), &folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    // Its standard input stays open for as long as this program lives.
    std::mem::forget(shell);
}

/// A client of the API.
#[derive(Clone)]
pub struct Client {
    /// Where the service listens.
    pub url: String,
    /// The access token, once signed in.
    pub token: Option<String>,
}

/// What the service answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body as text.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text))
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body, if the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// Checks that it is a problem of this status and code, in the form that the contract gives.
    #[track_caller]
    pub fn expect_problem(self, status: u16, error: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], json!(status));
        assert_eq!(problem["error"], json!(error), "{problem}");
        for field in ["type", "title", "detail", "message", "request_id"] {
            assert!(problem[field].is_string(), "{field} is missing: {problem}");
        }
        assert_eq!(problem["detail"], problem["message"]);
        assert_eq!(self.header("x-request-id"), problem["request_id"].as_str());
        problem
    }
}

/// A body to send.
pub enum Body<'a> {
    /// None.
    Empty,
    /// JSON.
    Json(&'a Value),
    /// Anything, with its content type.
    Bytes(&'a str, &'a [u8]),
}

impl Client {
    /// One request, with headers of its own.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Body<'_>) -> Answer {
        self.try_request(method, path, headers, body).expect("an answer")
    }

    /// One request that may end without an answer, because the service goes away meanwhile.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body<'_>,
    ) -> Result<Answer, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .allow_non_standard_methods(true)
            .build()
            .into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let bytes = match body {
            Body::Empty => Vec::new(),
            Body::Json(value) => {
                request = request.header("content-type", "application/json");
                value.to_string().into_bytes()
            }
            Body::Bytes(content_type, bytes) => {
                request = request.header("content-type", content_type);
                bytes.to_vec()
            }
        };
        let mut response = agent.run(request.body(bytes).expect("a request"))?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let status = response.status().as_u16();
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        Ok(Answer { status, headers, text })
    }

    /// GET.
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], Body::Empty)
    }

    /// POST with JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, &[], Body::Json(body))
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], Body::Empty)
    }

    /// This client with a new account.
    pub fn registered(&self) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let email = format!("user{}-{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed), std::process::id());
        let new = json!({ "email": email, "password": PASSWORD, "first_name": "Test", "last_name": "User" });
        self.post("/api/v1/auth/register", &new).expect(201);
        self.signed_in(&email, PASSWORD)
    }

    /// This client signed in.
    pub fn signed_in(&self, email: &str, password: &str) -> Self {
        let pair = self.post("/api/v1/auth/login", &json!({ "email": email, "password": password })).expect(200);
        Self { url: self.url.clone(), token: pair["access_token"].as_str().map(str::to_owned) }
    }

    /// This client at another address: after a restart of the service.
    pub fn at(&self, service: &Service) -> Self {
        Self { url: service.url.clone(), token: self.token.clone() }
    }

    /// Submits a text and answers `{document, job}`.
    #[track_caller]
    pub fn submit(&self, text: &str) -> Value {
        let answer = self.post("/api/v1/documents", &json!({ "content": text, "content_type": "text/plain" }));
        assert!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.text);
        answer.json()
    }

    /// The job as it is when it has ended.
    #[track_caller]
    pub fn finished(&self, job: &Value) -> Value {
        let path = format!("/api/v1/jobs/{}", job["id"].as_str().expect("an id"));
        let begun = Instant::now();
        loop {
            let job = self.get(&path).expect(200);
            if !matches!(job["status"].as_str(), Some("pending" | "processing")) {
                return job;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "the job does not end: {job}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Submits a text, waits until it is completed, and answers the document.
    #[track_caller]
    pub fn completed(&self, text: &str) -> Value {
        let submitted = self.submit(text);
        let job = self.finished(&submitted["job"]);
        assert_eq!(job["status"], json!("completed"), "{job}");
        submitted["document"].clone()
    }
}
