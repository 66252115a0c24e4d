//! A small server that speaks the chat-completions protocol, errors included, with a model that reads: of "A works for
//! B." it makes two entities and a relationship, within the types that the request allows.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The model that the server knows.
pub(crate) const MODEL: &str = "reader-1";
/// The key that it takes, if it wants one.
pub(crate) const KEY: &str = "sk-the-key-that-nobody-may-see";

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Lets the model read.
    Read,
    /// Has the model say this.
    Say(String),
    /// Has the model say this, and stop for this reason.
    Finish(&'static str, String),
    /// Has the model refuse.
    Refuse(&'static str),
    /// Answers a status with headers and a body.
    Status(u16, Vec<(&'static str, String)>, String),
    /// Answers 200 with these bytes.
    Bytes(Vec<u8>),
    /// Answers half of a body and closes the connection.
    BreakOff,
    /// Closes the connection without a word.
    HangUp,
    /// Answers a byte now and then, for ever.
    Drip,
    /// Answers a body that does not end.
    Flood,
    /// Reads, after a while.
    Late(Duration),
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) authorization: Option<String>,
    pub(crate) body: Value,
    pub(crate) passage: String,
}

#[derive(Default)]
struct State {
    script: VecDeque<Act>,
    seen: Vec<Seen>,
    /// What is done when the script is at its end; reads if none.
    usual: Option<Act>,
    /// What of the protocol the server does not know, by the name of the parameter.
    unknown: Vec<&'static str>,
    wants_key: bool,
    /// Longest passage in bytes that the model finishes an answer to.
    longest: Option<usize>,
    now: usize,
    most: usize,
}

/// A running server. It ends with the test program.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Its base address.
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

impl Endpoint {
    /// Starts one that does these things first, one a request, and then reads.
    pub(crate) fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { script: script.into_iter().collect(), ..State::default() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                thread::spawn(move || while serve(&stream, &state).is_some() {});
            }
        });
        Self { url, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that lets in only who brings [`KEY`].
    pub(crate) fn with_key(self) -> Self {
        self.lock().wants_key = true;
        self
    }

    /// One that does not know these parameters: `json_schema`, `json_object`, `temperature`, `seed`.
    pub(crate) fn without(self, parameters: &[&'static str]) -> Self {
        self.lock().unknown = parameters.to_vec();
        self
    }

    /// One whose model cannot finish answers to longer passages.
    pub(crate) fn with_longest(self, bytes: usize) -> Self {
        self.lock().longest = Some(bytes);
        self
    }

    /// Does this when the script is at its end.
    pub(crate) fn then(&self, act: Act) {
        self.lock().usual = Some(act);
    }

    /// Does this from now on.
    pub(crate) fn always(&self, act: Act) {
        let mut state = self.lock();
        state.script.clear();
        state.usual = Some(act);
    }

    /// The requests that came so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// The most requests that were under way at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.lock().most
    }
}

/// Serves one request; none when the connection is at its end.
fn serve(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (line, headers) = head(&mut reader)?;
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let mut body = vec![0; header("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let user = body["messages"][1]["content"].as_str().unwrap_or_default();
    let passage = user.trim_start_matches("<passage>\n").trim_end_matches("\n</passage>").to_owned();
    let authorization = header("authorization");
    let act = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.seen.push(Seen { at: Instant::now(), authorization: authorization.clone(), body: body.clone(), passage });
        (state.now, state.most) = (state.now + 1, state.most.max(state.now + 1));
        let usual = state.usual.clone();
        state.script.pop_front().or(usual).unwrap_or(Act::Read)
    };
    let checked = check(&line, &header("content-type"), &authorization, &body, state);
    let done = match (checked, act) {
        (Err((status, words)), Act::Read | Act::Late(_)) => {
            answer(stream, status, &[], json!({ "error": { "message": words } }).to_string().as_bytes())
        }
        (_, act) => perform(stream, act, &body, state),
    };
    state.lock().unwrap_or_else(PoisonError::into_inner).now -= 1;
    done
}

fn head(reader: &mut impl BufRead) -> Option<(String, Vec<(String, String)>)> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let first = lines.first()?.clone();
    let headers = lines[1..].iter().filter_map(|line| line.split_once(':'));
    Some((first, headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect()))
}

/// What a real endpoint looks at.
fn check(
    line: &str,
    content_type: &Option<String>,
    authorization: &Option<String>,
    body: &Value,
    state: &Mutex<State>,
) -> Result<(), (u16, String)> {
    let state = state.lock().unwrap_or_else(PoisonError::into_inner);
    if !line.starts_with("POST /v1/chat/completions ") {
        return Err((404, format!("no such path: {line}")));
    }
    if state.wants_key && *authorization != Some(format!("Bearer {KEY}")) {
        let given = authorization.clone().unwrap_or_default();
        return Err((401, format!("Incorrect API key provided: {given}")));
    }
    if content_type.as_deref() != Some("application/json") || !body["messages"].is_array() {
        return Err((400, "the body is no request".into()));
    }
    if body["model"] != json!(MODEL) {
        return Err((404, format!("the model {} does not exist", body["model"])));
    }
    let kind = body["response_format"]["type"].as_str();
    for unknown in &state.unknown {
        let used = match *unknown {
            "json_schema" | "json_object" => kind == Some(unknown),
            other => !body[other].is_null(),
        };
        if used {
            return Err((400, format!("Unsupported: response_format or parameter '{unknown}' is not known here")));
        }
    }
    if kind == Some("json_schema") {
        let form = &body["response_format"]["json_schema"];
        let schema = &form["schema"];
        if form["strict"] != json!(true) || !form["name"].is_string() || schema["additionalProperties"] != json!(false)
        {
            return Err((400, "the schema is not fit for strict output".into()));
        }
    }
    Ok(())
}

fn perform(stream: &TcpStream, act: Act, body: &Value, state: &Mutex<State>) -> Option<()> {
    let mut out = stream;
    match act {
        Act::Read => {
            let longest = state.lock().unwrap_or_else(PoisonError::into_inner).longest;
            let user = body["messages"][1]["content"].as_str().unwrap_or_default();
            if longest.is_some_and(|longest| user.len() > longest) {
                return completion(stream, body, json!({ "content": "{\"entities\": [{\"na" }), "length");
            }
            completion(stream, body, json!({ "content": read(body).to_string() }), "stop")
        }
        Act::Late(pause) => {
            thread::sleep(pause);
            perform(stream, Act::Read, body, state)
        }
        Act::Say(words) => completion(stream, body, json!({ "content": words }), "stop"),
        Act::Finish(reason, words) => completion(stream, body, json!({ "content": words }), reason),
        Act::Refuse(words) => completion(stream, body, json!({ "content": null, "refusal": words }), "stop"),
        Act::Status(status, headers, words) => answer(stream, status, &headers, words.as_bytes()),
        Act::Bytes(bytes) => answer(stream, 200, &[], &bytes),
        Act::BreakOff => {
            let _ = out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"choices\": [");
            let _ = stream.shutdown(std::net::Shutdown::Both);
            None
        }
        Act::HangUp => {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            None
        }
        Act::Drip => {
            out.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").ok()?;
            loop {
                out.write_all(b" ").ok()?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        Act::Flood => {
            out.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").ok()?;
            loop {
                out.write_all(&[b' '; 1 << 16]).ok()?;
            }
        }
    }
}

fn completion(stream: &TcpStream, request: &Value, message: Value, finish: &str) -> Option<()> {
    let words = |value: &Value| value.as_str().unwrap_or_default().split_whitespace().count();
    let sent = words(&request["messages"][0]["content"]) + words(&request["messages"][1]["content"]);
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": request["model"],
        "choices": [{ "index": 0, "message": message, "finish_reason": finish }],
        "usage": { "prompt_tokens": sent, "completion_tokens": words(&message["content"]) },
    });
    answer(stream, 200, &[], body.to_string().as_bytes())
}

fn answer(mut stream: &TcpStream, status: u16, headers: &[(&'static str, String)], body: &[u8]) -> Option<()> {
    let mut head =
        format!("HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
    stream.write_all(body).ok()
}

/// The model: each "A works for B." is a fact.
pub(crate) fn read(body: &Value) -> Value {
    let user = body["messages"][1]["content"].as_str().unwrap_or_default();
    let schema = &body["response_format"]["json_schema"]["schema"]["properties"];
    let allowed = |list: &str, kind: &str| {
        let kinds = schema[list]["items"]["properties"]["type"]["enum"].as_array();
        kinds.is_none_or(|kinds| kinds.contains(&json!(kind)))
    };
    let (mut entities, mut relationships) = (Vec::new(), Vec::new());
    let passage = user.trim_start_matches("<passage>\n").trim_end_matches("\n</passage>");
    for sentence in passage.split_inclusive(". ").map(str::trim) {
        let Some((head, tail)) = sentence.trim_end_matches('.').split_once(" works for ") else { continue };
        for (name, kind) in [(head, "person"), (tail, "organization")] {
            if allowed("entities", kind) {
                entities.push(json!({ "name": name, "type": kind, "aliases": [], "confidence": 0.9 }));
            }
        }
        if allowed("relationships", "works_for") {
            relationships
                .push(json!({ "head": head, "type": "works_for", "tail": tail, "quote": sentence, "confidence": 0.8 }));
        }
    }
    json!({ "entities": entities, "relationships": relationships })
}
