//! A small community to tell stories in: two communities under one street, with units and one user per role.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use red_mailbox::domain::people::{Actor, Role};
use red_mailbox::domain::setup::SetupKind;
use red_mailbox::service::accounts::{self, NewUser, RoleAt};
use red_mailbox::service::{App, Caller, attachments, audit, setup};
use serde_json::{Map, Value, json};

use crate::app::{Answer, TestApp};
use crate::harness::{Engine, run};

/// Everyone's password.
pub(crate) const PASSWORD: &str = "letters-in-the-pavilion";

/// District QA > street JL > communities YD and HX; units WY and ZY in YD, JD at the street, HW in HX.
///
/// Users are named by what they are: `triager`, `supervisor`, `handler` (WY), `handler2` (ZY), `clerk`,
/// `leader`, `auditor`, `admin` in YD; `street` (supervisor), `street_triager`, `street_handler` (JD) and
/// `street_leader` at JL; `other` (every role of HX).
pub(crate) struct World {
    pub(crate) app: TestApp,
    tokens: Mutex<HashMap<String, String>>,
    known: Mutex<HashSet<String>>,
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("no object: {other}"),
    }
}

impl World {
    /// A fresh community on `engine`, with settings that differ.
    pub(crate) fn with(engine: Engine, differ: &[(&'static str, &str)]) -> Self {
        let app = TestApp::with(engine, differ);
        setup::ensure_seeded(&app.app.store, &app.app.keys, app.app.clock.now()).unwrap();
        run(settle(&app.app));
        Self { app, tokens: Mutex::default(), known: Mutex::default() }
    }

    /// The access token of a user, who signs in at the first call and again when time has passed.
    pub(crate) fn token(&self, username: &str) -> String {
        let now = self.app.app.clock.now();
        let key = format!("{username}@{}", now.micros());
        let mut tokens = self.tokens.lock().unwrap();
        tokens
            .entry(key)
            .or_insert_with(|| {
                self.know(username);
                let body = json!({"username": username, "password": PASSWORD});
                let answer = self.app.post("/api/v1/auth/login", &body).send().expect(200).json();
                answer["access_token"].as_str().unwrap().to_owned()
            })
            .clone()
    }

    /// Makes the account of `username` unless it is there: hashing a password takes its time, so only who
    /// is needed is made.
    pub(crate) fn know(&self, username: &str) {
        if self.known.lock().unwrap().insert(username.to_owned()) {
            run(add_user(&self.app.app, username));
        }
    }

    /// A matter put in by the public.
    pub(crate) fn submit(&self, differ: Value) -> Receipt {
        let answer = self.app.post("/api/v1/tickets", &submission(differ)).send().expect(201);
        Receipt::of(&answer)
    }

    /// The ticket as `username` sees it.
    pub(crate) fn ticket(&self, username: &str, number: &str) -> Value {
        self.read(username, number).expect(200).json()
    }

    pub(crate) fn read(&self, username: &str, number: &str) -> Answer {
        self.app.get(&format!("/api/v1/tickets/{number}")).bearer(&self.token(username)).send()
    }

    /// `username` does `action` on the latest version.
    pub(crate) fn act(&self, username: &str, number: &str, action: &str, body: Value) -> Answer {
        let seen = self.ticket(username, number);
        self.act_at(username, number, action, body, seen["version"].as_i64().unwrap())
    }

    pub(crate) fn act_at(
        &self,
        username: &str,
        number: &str,
        action: &str,
        body: Value,
        version: i64,
    ) -> Answer {
        self.app
            .post(&format!("/api/v1/tickets/{number}/{action}"), &body)
            .bearer(&self.token(username))
            .if_match(version)
            .send()
    }

    /// Does several actions that must succeed; gives the ticket after the last.
    #[track_caller]
    pub(crate) fn steps(&self, number: &str, steps: &[(&str, &str, Value)]) -> Value {
        let mut ticket = Value::Null;
        for (username, action, body) in steps {
            ticket = self.act(username, number, action, body.clone()).expect(200).json();
        }
        ticket
    }

    /// Takes a ticket from `received` to `resolved` by unit WY.
    #[track_caller]
    pub(crate) fn resolve(&self, number: &str) -> Value {
        self.steps(
            number,
            &[
                ("triager", "accept", json!({"category": "street_light", "priority": "normal"})),
                ("triager", "assign", json!({"unit": "WY"})),
                ("handler", "acknowledge", json!({})),
                ("handler", "resolve", json!({"result": "灯已换好"})),
            ],
        )
    }

    /// What the resident does with the receipt.
    pub(crate) fn resident(&self, receipt: &Receipt, action: &str, body: Value) -> Answer {
        self.app
            .post(&format!("/api/v1/tickets/{}/{action}", receipt.number), &body)
            .header("Receipt-Code", receipt.code.clone())
            .send()
    }

    /// The types of a ticket's events, oldest first.
    pub(crate) fn trail(&self, number: &str) -> Vec<String> {
        let path = format!("/api/v1/tickets/{number}/events");
        let page = self.app.get(&path).bearer(&self.token("supervisor")).send().expect(200).json();
        page["items"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// Whatever a story told, its trail is whole: verification raises no false alarm.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let app = &self.app.app;
            let mut report = audit::verify_database(&app.store, &app.keys, |_| {}).unwrap();
            attachments::verify_files(app, &mut report, |_| {}).unwrap();
            assert!(report.findings.is_empty(), "the trail is not whole: {:#?}", report.findings);
        }
    }
}

/// Number and code of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) number: String,
    pub(crate) code: String,
}

impl Receipt {
    pub(crate) fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { number: text("number"), code: text("receipt_code") }
    }
}

/// A plain submission with some fields that differ.
pub(crate) fn submission(differ: Value) -> Value {
    let mut body = object(json!({
        "community": "YD",
        "subject": "3号楼路灯不亮",
        "description": "3号楼拐角处的路灯从周一晚上起就不亮了，老人出入很不安全。",
    }));
    body.extend(object(differ));
    Value::Object(body)
}

/// The nodes, units and the category of every world.
pub(crate) async fn settle(app: &App) {
    let caller = Caller { actor: Actor::System, place: None };
    for (code, kind, parent) in [
        ("QA", "district", Value::Null),
        ("JL", "street", json!("QA")),
        ("YD", "community", json!("JL")),
        ("HX", "community", json!("JL")),
    ] {
        let mut fields = object(json!({"code": code, "name": code, "kind": kind}));
        if !parent.is_null() {
            fields.insert("parent".to_owned(), parent);
        }
        setup::add_node(app, &caller, fields).await.unwrap();
    }
    for (code, node) in [("WY", "YD"), ("ZY", "YD"), ("JD", "JL"), ("HW", "HX")] {
        let fields = object(json!({"code": code, "name": code, "node": node}));
        setup::add_entry(app, &caller, SetupKind::Unit, fields).await.unwrap();
    }
    let fields = object(json!({"code": "street_light", "name": "路灯", "node": "QA"}));
    setup::add_entry(app, &caller, SetupKind::Category, fields).await.unwrap();
}

/// What each user is: role, node, unit.
const USERS: [(&str, Role, &str, Option<&str>); 12] = [
    ("clerk", Role::Clerk, "YD", None),
    ("triager", Role::Triager, "YD", None),
    ("handler", Role::Handler, "YD", Some("WY")),
    ("handler2", Role::Handler, "YD", Some("ZY")),
    ("supervisor", Role::Supervisor, "YD", None),
    ("leader", Role::Leader, "YD", None),
    ("auditor", Role::Auditor, "YD", None),
    ("admin", Role::Admin, "YD", None),
    ("street", Role::Supervisor, "JL", None),
    ("street_triager", Role::Triager, "JL", None),
    ("street_handler", Role::Handler, "JL", Some("JD")),
    ("street_leader", Role::Leader, "JL", None),
];

/// The roles of a user of this world.
fn roles_of(username: &str) -> Vec<(Role, &'static str, Option<&'static str>)> {
    if username == "other" {
        return Role::ALL
            .iter()
            .map(|role| (*role, "HX", (*role == Role::Handler).then_some("HW")))
            .collect();
    }
    let found = USERS.iter().find(|it| it.0 == username);
    found.map_or_else(|| panic!("nobody is called {username}"), |it| vec![(it.1, it.2, it.3)])
}

/// A user of this world, by what it is.
pub(crate) async fn add_user(app: &App, username: &str) {
    let roles = roles_of(username)
        .into_iter()
        .map(|(role, node, unit)| RoleAt { role, node: node.to_owned(), unit: unit.map(str::to_owned) })
        .collect();
    let new = NewUser {
        username: username.to_owned(),
        name: None,
        email: None,
        password: PASSWORD.to_owned(),
        roles,
    };
    let caller = Caller { actor: Actor::System, place: None };
    accounts::add_user(app, &caller, new).await.unwrap();
}
