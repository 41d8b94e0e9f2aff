//! The sample community: told through the verbs, so its trail is a true one.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use red_mailbox::clock::Clock;
use red_mailbox::demo;
use red_mailbox::domain::value::At;
use red_mailbox::service::{App, audit};
use serde_json::{Value, json};

use crate::app::{BEGIN, TestApp};
use crate::harness::{Engine, run};

const PASSWORD: &str = "sample-of-the-pavilion";

struct Shown {
    app: TestApp,
    sample: demo::Sample,
}

impl Shown {
    fn new(engine: Engine, now: At) -> Self {
        let app = TestApp::start(engine);
        let told = App { clock: Clock::fixed(now), ..app.app.clone() };
        red_mailbox::service::setup::ensure_seeded(&told.store, &told.keys, now).unwrap();
        let mut sample = None;
        run(async { sample = Some(demo::tell(&told, now, PASSWORD).await.unwrap()) });
        Self { app, sample: sample.unwrap() }
    }

    fn token(&self, username: &str) -> String {
        let body = json!({"username": username, "password": PASSWORD});
        let answer = self.app.post("/api/v1/auth/login", &body).send().expect(200).json();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    fn seen_by(&self, username: &str) -> Vec<Value> {
        let answer =
            self.app.get("/api/v1/tickets?limit=200").bearer(&self.token(username)).send().expect(200);
        answer.json()["items"].as_array().unwrap().clone()
    }
}

#[track_caller]
fn check_sample(engine: Engine, now: At) {
    let shown = Shown::new(engine, now);

    let seen = shown.seen_by("triager");
    let mut by_status: BTreeMap<String, usize> = BTreeMap::new();
    for ticket in &seen {
        *by_status.entry(ticket["status"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    assert_eq!(by_status.len(), 11, "{by_status:?}");
    assert!(shown.sample.n_tickets >= 55 && seen.len() >= 55, "{}", seen.len());
    assert!(
        seen.iter().any(|it| it["cycle"] == 2) && seen.iter().any(|it| it["suspected_emergency"] == true)
    );
    assert!(seen.iter().all(|it| it["received_at"].as_str().and_then(At::parse).unwrap() <= now));
    assert!(seen.iter().any(|it| it["source"] == "import" && it["rating"]["satisfaction"] == 5));
    // What is sealed is the street's; the neighbours' is theirs.
    assert!(shown.seen_by("jd_supervisor").iter().any(|it| it["sealed"] == true));
    assert!(seen.iter().all(|it| it["sealed"] == false));
    assert_eq!(shown.seen_by("tx_triager").len(), 4);

    let report = audit::verify_database(&shown.app.store, &shown.app.app.keys, |_| {}).unwrap();
    assert!(report.findings.is_empty(), "{:#?}", report.findings);

    let (number, code) = &shown.sample.receipt;
    let path = format!("/api/v1/tickets/{number}");
    let opened = shown.app.get(&path).header("Receipt-Code", code.clone()).send().expect(200).json();
    assert_eq!(opened["status"], "replied");
}

#[test]
fn the_sample_has_every_status_on_sqlite() {
    check_sample(Engine::Sqlite, At::parse(BEGIN).unwrap());
}

#[test]
fn the_sample_has_every_status_on_postgres() {
    check_sample(Engine::Postgres, At::parse(BEGIN).unwrap());
}

#[test]
fn the_sample_can_be_told_on_a_holiday_night() {
    check_sample(Engine::Sqlite, At::parse("2026-02-15T17:30:00Z").unwrap());
}

#[test]
fn the_demo_prints_its_logins_and_takes_its_data_with_it() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_red-mailbox"))
        .args(["demo", "--port", "0", "--password", PASSWORD])
        .env("TMPDIR", temporary.path())
        .env("RED_MAILBOX_DATA_DIR", "/nowhere")
        .env("RED_MAILBOX_DATABASE_URL", "sqlite:///nowhere/at/all.db")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    while !told.contains("Ctrl-C") {
        assert_ne!(out.read_line(&mut told).unwrap(), 0, "{told}");
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    out.read_to_string(&mut told).unwrap();

    assert!(child.wait().unwrap().success());
    assert!(told.contains(PASSWORD) && told.contains("supervisor") && told.contains("/docs"), "{told}");
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);

    let full = tempfile::tempdir().unwrap();
    std::fs::write(full.path().join("red-mailbox.db"), "").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_red-mailbox"))
        .args(["demo", "--port", "0", "--data-dir"])
        .arg(full.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("something in it already"));
}
