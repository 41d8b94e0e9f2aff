//! Replies by mail while the program is killed in the midst: each arrives, under one Message-ID, and the state is true.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use serde_json::{Value, json};

use crate::app::Answer;
use crate::builders::PASSWORD;
use crate::smtp::{MailServer, Manner};

/// Rounds of each manner; `RED_MAILBOX_TEST_CRASH_ROUNDS=100` is the whole matrix.
const ROUNDS: usize = 3;
/// How long anything may take before the test says what it was waiting for.
const PATIENCE: Duration = Duration::from_mins(1);
const MANNERS: [Manner; 4] =
    [Manner::DropsAfterData, Manner::Refuses("451 4.3.0 later please"), Manner::Holds, Manner::IsDead];

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_red-mailbox"));
    command
        .env("RED_MAILBOX_DATA_DIR", folder)
        .env("RED_MAILBOX_LISTEN", "127.0.0.1:0")
        .env("RED_MAILBOX_PUBLIC_URL", "http://red-mailbox.test")
        .env("RED_MAILBOX_INTAKE_PER_MINUTE", "100000");
    command
}

#[track_caller]
fn run(folder: &Path, arguments: &[&str], input: &str) {
    let mut child =
        command(folder).args(arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A server in a process of its own, killed without warning when it is dropped.
struct Serving {
    child: Child,
    address: String,
}

fn serve(folder: &Path, smtp_url: &str) -> Serving {
    let mut command = command(folder);
    command.arg("serve").env("RED_MAILBOX_SMTP_URL", smtp_url).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut address = String::new();
    while address.is_empty() {
        let mut line = String::new();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ended before it listened");
        let found = line.split_once("listening on http://").and_then(|it| it.1.split_whitespace().next());
        found.unwrap_or_default().clone_into(&mut address);
    }
    // Whatever else it says must not fill the pipe.
    std::thread::spawn(move || drop(std::io::copy(&mut log, &mut std::io::sink())));
    Serving { child, address }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Serving {
    #[track_caller]
    fn post(&self, path: &str, token: Option<&str>, version: Option<i64>, body: &Value) -> Value {
        let (body, mut head) =
            (body.to_string(), format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"));
        if let Some(token) = token {
            head = format!("{head}Authorization: Bearer {token}\r\n");
        }
        if let Some(version) = version {
            head = format!("{head}If-Match: \"{version}\"\r\n");
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request =
            format!("{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let answer = Answer::parse(&bytes).unwrap();
        assert!(answer.status < 300, "{path}: {}", answer.text);
        answer.json()
    }

    fn sign_in(&self, username: &str) -> String {
        let body = json!({"username": username, "password": PASSWORD});
        let token = self.post("/api/v1/auth/login", None, None, &body);
        token["access_token"].as_str().unwrap().to_owned()
    }
}

/// A community with `n` tickets whose replies by mail are queued.
fn prepare(folder: &Path, n: usize) {
    run(folder, &["node", "add", "YD", "--name", "YD", "--kind", "community"], "");
    run(folder, &["unit", "add", "WY", "--name", "WY", "--node", "YD"], "");
    for (name, role, unit) in [("tri", "triager", None), ("han", "handler", Some("WY"))] {
        let mut arguments = vec!["user", "add", name, "--role", role, "--node", "YD", "--password-stdin"];
        arguments.extend(unit.map(|it| ["--unit", it]).into_iter().flatten());
        run(folder, &arguments, PASSWORD);
    }
    let server = serve(folder, "");
    let (triager, handler) = (server.sign_in("tri"), server.sign_in("han"));
    for n in 0..n {
        let contact = json!({"email": format!("resident-{n}@example.org"), "channel": "email"});
        let body = json!({"community": "YD", "description": "路灯不亮", "contact": contact});
        let number = server.post("/api/v1/tickets", None, None, &body)["number"].as_str().unwrap().to_owned();
        let mut version = 1;
        for (token, verb, body) in [
            (&triager, "accept", json!({"category": "street_light", "priority": "normal"})),
            (&triager, "assign", json!({"unit": "WY"})),
            (&handler, "acknowledge", json!({})),
            (&handler, "resolve", json!({"result": "换好了"})),
            (&triager, "reply", json!({"text": "路灯已经换好。"})),
        ] {
            let path = format!("/api/v1/tickets/{number}/{verb}");
            version = server.post(&path, Some(token), Some(version), &body)["version"].as_i64().unwrap();
        }
    }
}

#[derive(Debug, PartialEq, Eq, QueryableByName)]
struct State {
    #[diesel(sql_type = Text)]
    outbox: String,
    #[diesel(sql_type = Text)]
    delivery: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    message_id: String,
    #[diesel(sql_type = BigInt)]
    n_attempts: i64,
}

struct Watch {
    conn: SqliteConnection,
}

impl Watch {
    fn of(folder: &Path) -> Self {
        let file = folder.join("red-mailbox.db").display().to_string();
        let mut conn = SqliteConnection::establish(&file).unwrap();
        conn.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
        Self { conn }
    }

    /// Only the message of ticket `id` is due, as if its pause and its lease were over; no pause reaches a day ahead.
    fn make_due(&mut self, id: i64) {
        self.conn
            .batch_execute(&format!(
                "UPDATE outbox SET next_attempt_at = CASE WHEN ticket_id = {id} THEN 0 ELSE (unixepoch() + 72000) * 1000000 END, \
                 leased_until = NULL WHERE state IN ('queued', 'sending')"
            ))
            .unwrap();
    }

    fn state(&mut self, id: i64) -> State {
        diesel::sql_query(
            "SELECT outbox.state AS outbox, reply.delivery AS delivery, ticket.status AS status, message_id, \
             n_attempts FROM outbox JOIN reply ON reply.ticket_id = outbox.ticket_id \
             JOIN ticket ON ticket.id = outbox.ticket_id WHERE outbox.ticket_id = ?",
        )
        .bind::<BigInt, _>(id)
        .get_result(&mut self.conn)
        .unwrap()
    }
}

#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited for nothing: {what}");
        std::thread::yield_now();
    }
}

/// Messages to the resident of ticket `id`, by their ids.
fn ids_of(server: &MailServer, id: i64) -> Vec<String> {
    let to = format!("To: resident-{}@example.org", id - 1);
    let mails = server.mails();
    let own = mails.iter().filter(|it| it.lines().any(|line| line == to));
    own.map(|it| it.lines().find_map(|it| it.strip_prefix("Message-ID: ")).unwrap().to_owned()).collect()
}

/// One reply: sent to a server that behaves so, killed a moment later, sent again to a friendly one.
fn round(folder: &Path, watch: &mut Watch, id: i64, manner: Manner, delay: Duration) -> usize {
    let mail = MailServer::start(manner);
    watch.make_due(id);
    let first = serve(folder, &mail.url());
    until("a first try", || mail.n_connections() > 0);
    let began = Instant::now();
    until("the moment to kill", || began.elapsed() >= delay);
    drop(first);
    let cut_off = watch.state(id);
    assert_ne!(cut_off.delivery, "delivered", "{manner:?}: nobody said that it was taken");
    assert_eq!(cut_off.status, "resolved", "{manner:?}");

    mail.turn(Manner::Takes);
    watch.make_due(id);
    let second = serve(folder, &mail.url());
    until("delivery", || watch.state(id).outbox == "delivered");
    drop(second);

    let state = watch.state(id);
    assert_eq!((state.delivery.as_str(), state.status.as_str()), ("delivered", "replied"), "{manner:?}");
    let ids = ids_of(&mail, id);
    assert!(!ids.is_empty(), "{manner:?}: the reply is lost");
    assert!(ids.iter().all(|it| *it == format!("<{}>", state.message_id)), "{manner:?}: {ids:?}");
    ids.len()
}

#[test]
fn a_reply_survives_a_kill_in_the_midst_of_every_conversation() {
    let asked = std::env::var("RED_MAILBOX_TEST_CRASH_ROUNDS").ok().and_then(|it| it.parse().ok());
    let rounds: usize = asked.unwrap_or(ROUNDS);
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path(), rounds * MANNERS.len());
    let mut watch = Watch::of(folder.path());

    let mut id = 0;
    for manner in MANNERS {
        let mut n_repeated = 0;
        for n in 0..rounds {
            id += 1;
            // From the first byte to well after the last, spread over the rounds.
            let delay = Duration::from_micros(u64::try_from(n * 60_000 / rounds).unwrap());
            n_repeated += usize::from(round(folder.path(), &mut watch, id, manner, delay) > 1);
        }
        // Repeats are only possible where the message was taken and nobody heard so.
        let may_repeat = matches!(manner, Manner::DropsAfterData | Manner::Holds);
        assert!(may_repeat || n_repeated == 0, "{manner:?}: {n_repeated} repeated");
    }

    run(folder.path(), &["audit", "verify"], "");
}
