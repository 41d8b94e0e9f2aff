//! A whole server for a test: real sockets, a clock that stands still, and a small client.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use red_mailbox::clock::Clock;
use red_mailbox::config::Settings;
use red_mailbox::domain::value::At;
use red_mailbox::http::Server;
use red_mailbox::keys::Keys;
use red_mailbox::service::App;
use serde_json::Value;

use crate::harness::{Engine, TestStore};

/// When every test begins: a Monday morning in working hours, 2026-11-23 09:00 in Shanghai.
pub(crate) const BEGIN: &str = "2026-11-23T01:00:00Z";

/// A running server with a database of its own.
pub(crate) struct TestApp {
    pub(crate) app: App,
    pub(crate) store: TestStore,
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl TestApp {
    /// A server on `engine` with an empty, migrated database.
    pub(crate) fn start(engine: Engine) -> Self {
        Self::with(engine, &[])
    }

    /// As `start`, with settings that differ.
    pub(crate) fn with(engine: Engine, differ: &[(&'static str, &str)]) -> Self {
        let store = TestStore::new(engine);
        let folder = tempfile::tempdir().unwrap();
        let mut changes = vec![
            ("database_url", store.settings.database_url.as_str()),
            ("listen", "127.0.0.1:0"),
            ("public_url", "http://red-mailbox.test"),
            ("workers", "2"),
            ("intake_per_minute", "100000"),
        ];
        changes.extend_from_slice(differ);
        let settings = Settings::in_folder(folder.path(), &changes).unwrap();
        let app = App {
            store: store.store.clone(),
            clock: Clock::fixed(At::parse(BEGIN).unwrap()),
            keys: Arc::new(Keys::derive(&[7; 32])),
            settings: Arc::new(settings),
        };
        let (address, handle, thread) = serve(app.clone());
        Self { app, store, address, handle, thread: Some(thread), _folder: folder }
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Request {
        self.request("POST", path).json(body)
    }

    pub(crate) fn patch(&self, path: &str, body: &Value) -> Request {
        self.request("PATCH", path).json(body)
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request {
            address: self.address,
            line: format!("{method} {} HTTP/1.1", ascii(path)),
            headers: vec![("Host".to_owned(), "red-mailbox.test".to_owned())],
            body: Vec::new(),
        }
    }
}

/// Runs the server on a thread of its own; it is bound when this returns.
fn serve(app: App) -> (SocketAddr, ServerHandle, JoinHandle<()>) {
    let (bound, is_bound) = channel();
    let thread = std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = Server::bind(&app).unwrap();
            bound.send((server.address(), server.handle())).unwrap();
            server.run().await.unwrap();
        });
    });
    let (address, handle) = is_bound.recv().unwrap();
    (address, handle, thread)
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let stopping = self.handle.stop(false);
        if let Some(thread) = self.thread.take() {
            // The server's own thread drives the stop; ours only waits for it.
            drop(stopping);
            let joined = thread.join();
            assert!(joined.is_ok() || std::thread::panicking(), "the server panicked");
        }
    }
}

/// A path and query as they go over the wire: what is not ASCII is percent-encoded.
fn ascii(path: &str) -> String {
    path.bytes()
        .map(|it| if it.is_ascii() { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}

/// A request on its way; `send` sends it and waits.
#[derive(Clone)]
pub(crate) struct Request {
    address: SocketAddr,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    pub(crate) fn if_match(self, version: i64) -> Self {
        self.header("If-Match", format!("\"{version}\""))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text("application/json", body.to_string())
    }

    pub(crate) fn text(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", kind)
    }

    /// Sends it on a connection of its own. Blocks; race several with `std::thread::scope`.
    #[track_caller]
    pub(crate) fn send(&self) -> Answer {
        let mut head = format!("{}\r\n", self.line).into_bytes();
        for (name, value) in &self.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", self.body.len()).unwrap();
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&head).unwrap();
        // A server that refuses by the headers may close before it has read the body.
        let sent = stream.write_all(&self.body);
        let mut bytes = Vec::new();
        let read = stream.read_to_end(&mut bytes);
        Answer::parse(&bytes).unwrap_or_else(|| panic!("no answer: sent {sent:?}, read {read:?}"))
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HashMap<String, String>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|it| it.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let bytes = bytes[end + 4..].to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Some(Self { status, headers, bytes, text })
    }

    /// A header's value, empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(&name.to_ascii_lowercase()).map_or("", String::as_str)
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The answer, which has `status`.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The last segment of a problem's type.
    #[track_caller]
    pub(crate) fn slug(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        self.json()["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }
}
