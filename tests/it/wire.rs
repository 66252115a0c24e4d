//! Requests that no well-behaved client sends, byte by byte.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

use crate::{bad_input::nothing_stored, harness::shared};

const DOCUMENTS: &str = "/api/v1/documents";
const JSON: &str = "application/json";

/// Sends bytes as they are, and reads what comes back until the service closes.
pub fn exchanged(bytes: &[u8]) -> Vec<u8> {
    read(&mut sent(bytes))
}

/// As [`exchanged`], for an answer that is text.
fn raw(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&exchanged(bytes)).into_owned()
}

/// As [`raw`], from a client that ends there and then.
fn broken_off(bytes: &[u8]) -> String {
    let mut stream = sent(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    String::from_utf8_lossy(&read(&mut stream)).into_owned()
}

fn sent(bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(shared().url.trim_start_matches("http://")).expect("connects");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // The service may refuse, and close, before everything is sent.
    let _ = stream.write_all(bytes);
    stream
}

fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status: {answer:?}"))
}

#[test]
fn an_eleven_megabyte_body_in_chunks_is_too_large() {
    let client = shared().new_user();
    let token = client.token.clone().expect("a token");
    let mut request = format!(
        "POST {DOCUMENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {JSON}\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..11 {
        request.extend(b"100000\r\n");
        request.extend(vec![b'x'; 0x10_0000]);
        request.extend(b"\r\n");
    }
    request.extend(b"0\r\n\r\n");
    let answer = raw(&request);
    assert_eq!(status(&answer), 413, "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("PayloadTooLarge"), "{answer}");
    nothing_stored(&client);
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let cases = [("POST", DOCUMENTS, 401), ("POST", "/api/v1/nothing", 404), ("PUT", "/api/v1/documents", 405)];
    for (method, path, expected) in cases {
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 1048576\r\n\r\n");
        let mut stream = sent(head.as_bytes());
        for _ in 0..4 {
            // So slow that the service has long made up its mind.
            std::thread::sleep(Duration::from_millis(30));
            let piece = stream.write_all(&[b' '; 262_144]);
            assert!(piece.is_ok(), "{method} {path}: cut off while sending: {piece:?}");
        }
        let mut start = [0; 12];
        let got = stream.read_exact(&mut start);
        assert!(got.is_ok(), "{method} {path}: no answer: {got:?}");
        assert_eq!(String::from_utf8_lossy(&start), format!("HTTP/1.1 {expected}"));
    }
}

#[test]
fn a_body_that_breaks_off_stores_nothing() {
    let client = shared().new_user();
    let token = client.token.clone().expect("a token");
    let answer = broken_off(
        format!(
            "POST {DOCUMENTS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {JSON}\r\n\
             Content-Length: 1000\r\n\r\n{{\"content\": \"A text that ends too"
        )
        .as_bytes(),
    );
    assert!(answer.is_empty() || status(&answer) == 400, "{answer}");
    nothing_stored(&client);
}

#[test]
fn heads_that_are_too_large_or_no_http_are_refused_and_others_still_served() {
    let large = format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Large: {}\r\n\r\n", "a".repeat(1 << 20));
    let answer = raw(large.as_bytes());
    assert!(answer.is_empty() || matches!(status(&answer), 400 | 413 | 431), "{answer}");
    let many: String = (0..2000).map(|i| format!("X-{i}: a\r\n")).collect();
    let answer = raw(format!("GET /health HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes());
    assert!(answer.is_empty() || matches!(status(&answer), 400 | 431), "{answer}");
    for rubbish in [
        b"rubbish\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    ] {
        let answer = broken_off(rubbish);
        assert!(answer.is_empty() || (400..600).contains(&status(&answer)), "{answer}");
    }
    let both = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET";
    let answer = raw(both);
    assert!(answer.is_empty() || (400..500).contains(&status(&answer)), "{answer}");
    shared().anonymous().get("/health").expect(200);
}
