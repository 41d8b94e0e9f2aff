//! What nobody should send: bytes that are no HTTP, and every address with everything wrong about it. Each gets an
//! answer that says what to mend, never a 5xx, and the server goes on.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::builders::{PASSWORD, World, submission};
use crate::harness::{Engine, both_worlds};

/// Who answers a request that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// The product, with a problem.
    Us,
    /// The HTTP library, before any of our code runs: the bare status, and the connection is closed.
    Library,
}

/// Sends bytes, says that no more will come, and gives what is heard until the server closes.
fn exchange(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // A server that has refused may close before it has read everything; what it said can still be read.
    drop(stream.write_all(bytes));
    drop(stream.shutdown(Shutdown::Write));
    let (mut heard, mut part) = (Vec::new(), [0; 4096]);
    while let Ok(n) = stream.read(&mut part) {
        if n == 0 {
            break;
        }
        heard.extend_from_slice(&part[..n]);
    }
    heard
}

fn with_head(head: &str, rest: &str) -> Vec<u8> {
    format!("{head}\r\nHost: red-mailbox.test\r\nConnection: close\r\n{rest}").into_bytes()
}

fn post(headers: &str, body: &str) -> Vec<u8> {
    let rest = format!("Content-Type: application/json\r\n{headers}\r\n{body}");
    with_head("POST /api/v1/tickets HTTP/1.1", &rest)
}

/// A problem that says, in both languages, what to mend.
#[track_caller]
fn is_told(answer: &Answer, what: &str) {
    let problem = answer.json();
    let detail = problem["detail"].as_str().unwrap_or_default();
    let has = |is_of: fn(&char) -> bool| detail.chars().any(|it| is_of(&it));
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}: {answer:?}");
    assert_eq!(problem["status"], answer.status, "{what}: {answer:?}");
    assert!(has(|it| ('\u{4e00}'..='\u{9fff}').contains(it)), "{what}: {detail}");
    assert!(has(char::is_ascii_alphabetic), "{what}: {detail}");
}

#[test]
fn what_is_no_request_is_refused_and_the_server_goes_on() {
    let app = TestApp::start(Engine::Sqlite);
    let many = "X-A: 1\r\n".repeat(200) + "\r\n";
    let long = format!("X-A: {}\r\n\r\n", "a".repeat(200_000));
    for (what, bytes, status, by) in [
        (
            "a greeting in TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
            400,
            By::Library,
        ),
        ("a line of one word", b"GET\r\n\r\n".to_vec(), 400, By::Library),
        ("a space in the path", with_head("GET /a b HTTP/1.1", "\r\n"), 400, By::Library),
        ("bare Chinese in the path", with_head("GET /\u{8bc9}\u{6c42} HTTP/1.1", "\r\n"), 400, By::Library),
        ("an unknown version", with_head("GET / HTTP/3.0", "\r\n"), 400, By::Library),
        ("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 400, By::Library),
        ("no host", b"GET /livez HTTP/1.1\r\n\r\n".to_vec(), 400, By::Library),
        ("two hosts", with_head("GET /livez HTTP/1.1", "Host: b\r\n\r\n"), 400, By::Library),
        ("a header name with a space", with_head("GET /livez HTTP/1.1", "X Y: 1\r\n\r\n"), 400, By::Library),
        ("a zero byte in a header", with_head("GET /livez HTTP/1.1", "X: a\0b\r\n\r\n"), 400, By::Library),
        ("a folded header", with_head("GET /livez HTTP/1.1", "X: a\r\n b\r\n\r\n"), 400, By::Library),
        ("200 headers", with_head("GET /livez HTTP/1.1", &many), 431, By::Library),
        ("a header of 200 kB", with_head("GET /livez HTTP/1.1", &long), 431, By::Library),
        ("a transfer coding we do not read", post("Transfer-Encoding: gzip\r\n", "{}"), 400, By::Library),
        (
            "a length and chunks",
            post("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "{}"),
            400,
            By::Library,
        ),
        ("two lengths", post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"), 400, By::Library),
        ("a negative length", post("Content-Length: -2\r\n", "{}"), 400, By::Library),
        (
            "a length beyond numbers",
            post("Content-Length: 99999999999999999999999\r\n", "{}"),
            400,
            By::Library,
        ),
        (
            "a chunk without a size",
            post("Transfer-Encoding: chunked\r\n", "ZZ\r\n{}\r\n0\r\n\r\n"),
            400,
            By::Us,
        ),
        (
            "a chunk of endless size",
            post("Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\n{}"),
            400,
            By::Us,
        ),
        ("less than the length", post("Content-Length: 50\r\n", "{}"), 400, By::Us),
        ("a body too long", post("Content-Length: 99999999\r\n", "{}"), 413, By::Us),
        ("a percent sign without digits", with_head("GET /api/v1/board%zz HTTP/1.1", "\r\n"), 404, By::Us),
        ("bytes that are no text", with_head("GET /api/v1/%ff%fe HTTP/1.1", "\r\n"), 404, By::Us),
        ("a method nobody knows", with_head("BREW /livez HTTP/1.1", "\r\n"), 405, By::Us),
        ("a tunnel", with_head("CONNECT elsewhere:25 HTTP/1.1", "\r\n"), 404, By::Us),
        ("a question about everything", with_head("OPTIONS * HTTP/1.1", "\r\n"), 404, By::Us),
    ] {
        let heard = exchange(app.address, &bytes);
        let answer = Answer::parse(&heard).unwrap_or_else(|| panic!("{what}: no answer: {heard:?}"));
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        match by {
            By::Us => is_told(&answer, what),
            By::Library => {
                assert_eq!((answer.text.as_str(), answer.header("connection")), ("", "close"), "{what}");
            }
        }
    }
    app.get("/livez").send().expect(200);
}

/// Five hundred requests, each bent somewhere, always the same ones.
#[test]
fn a_bent_request_never_ends_in_a_fault_of_the_server() {
    let app = TestApp::start(Engine::Sqlite);
    let body = submission(json!({})).to_string();
    let sound =
        post(&format!("Content-Length: {}\r\nIdempotency-Key: 0123456789abcdef\r\n", body.len()), &body);
    let mut random = SmallRng::seed_from_u64(26);
    for nth in 0..500 {
        let mut bent = sound.clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..bent.len());
            match random.random_range(0..4) {
                0 => bent[at] = random.random(),
                1 => bent.insert(at, random.random()),
                2 => drop(bent.drain(at..(at + random.random_range(1..20)).min(bent.len()))),
                _ => bent.truncate(at.max(1)),
            }
        }
        let heard = exchange(app.address, &bent);
        // What stops within the head is no request yet: the connection may just be closed.
        if let Some(answer) = Answer::parse(&heard) {
            assert!((200..500).contains(&answer.status), "{nth}: {bent:?} gave {answer:?}");
        }
    }
    app.get("/livez").send().expect(200);
}

/// A query, headers, and a body with its type.
type Wrong = (&'static str, &'static [(&'static str, &'static str)], Option<(&'static str, &'static str)>);

/// Everything that may be wrong beside the method.
const WRONGS: [Wrong; 13] = [
    ("", &[], None),
    ("?nonsense=1", &[], None),
    ("?limit=-1&cursor=%ff%00&from=x&to=%E2%82&sort=;drop", &[], None),
    (
        "",
        &[("If-Match", "W/\"x\""), ("Idempotency-Key", "k"), ("Receipt-Code", "x")],
        Some(("application/json", "{}")),
    ),
    ("", &[("If-Match", "\"1\"")], Some(("application/json", "{"))),
    ("", &[("If-Match", "\"1\"")], Some(("application/json", "[]"))),
    ("", &[("If-Match", "\"1\"")], Some(("application/json", "null"))),
    ("", &[("If-Match", "\"1\"")], Some(("application/json", "{\"nonsense\":1}"))),
    (
        "",
        &[("If-Match", "\"1\"")],
        Some(("application/json", "{\"code\":\"\\u0000\",\"name\":{},\"reason\":[]}")),
    ),
    ("", &[("If-Match", "\"1\"")], Some(("application/json; charset=gbk", "{}"))),
    ("", &[("If-Match", "\"1\""), ("Content-Encoding", "gzip")], Some(("application/json", "{}"))),
    ("", &[("Authorization", "Basic eDp5")], Some(("text/plain", "{}"))),
    (
        "",
        &[("Authorization", "Bearer nonsense"), ("Accept", "text/html")],
        Some(("application/x-www-form-urlencoded", "a=%zz&a=1")),
    ),
];
/// What stands for each part of a path.
const PARTS: [&str; 4] = ["nonsense", "%00%ff", "YD-20261123-00010", "9223372036854775808"];

/// One request that the route cannot like; what it answers is told to whoever sent it.
#[track_caller]
fn try_wrong(world: &World, token: Option<&str>, method: &str, path: &str, nth: usize) {
    let (query, headers, body) = WRONGS[nth % WRONGS.len()];
    let mut request = world.app.request(method, &format!("{path}{query}"));
    if let Some(token) = token.filter(|_| headers.iter().all(|it| it.0 != "Authorization")) {
        request = request.bearer(token);
    }
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    if let Some((kind, body)) = body {
        request = request.text(kind, body);
    }
    let answer = request.send();
    let what = format!("{method} {path}{query} {headers:?} {body:?}");
    assert!(answer.status < 500 || answer.slug() == "unready", "{what}: {answer:?}");
    let is_page = answer.header("content-type").starts_with("text/html");
    if answer.status >= 400 && method != "HEAD" && !is_page {
        is_told(&answer, &what);
    }
}

both_worlds! {
    fn no_route_falls_over_whatever_is_wrong(world) {
        let document = world.app.get("/openapi.json").send().expect(200).json();
        let mut paths: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
        // Its answer does not end; see desk/live.
        paths.retain(|it| it != "/api/v1/events/stream");
        assert!(paths.len() > 60, "{} paths", paths.len());
        world.know("admin");

        for (nth, path) in paths.iter().enumerate() {
            // Some of it may end the session.
            let login = json!({"username": "admin", "password": PASSWORD});
            let signed_in = world.app.post("/api/v1/auth/login", &login).send().expect(200).json();
            let token = signed_in["access_token"].as_str().unwrap();
            for (turn, method) in ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "ODD"].iter().enumerate() {
                for wrong in 0..WRONGS.len() {
                    // A fourth of all, turn about.
                    if (nth + turn + wrong) % 4 != 0 {
                        continue;
                    }
                    // An empty body may be a right one: what ends sessions or changes set-up is not meant here.
                    if wrong < 4 && document["paths"][path][method.to_lowercase()] != Value::Null && *method != "GET" {
                        continue;
                    }
                    let part = PARTS[(nth + turn + wrong) % PARTS.len()];
                    let filled = path.split('/').map(|it| if it.starts_with('{') { part } else { it });
                    let filled = filled.collect::<Vec<_>>().join("/");
                    let token = (wrong % 2 == 0).then_some(token);
                    try_wrong(&world, token, method, &filled, wrong);
                }
            }
        }

        world.app.get("/readyz").send().expect(200);
    }
}
