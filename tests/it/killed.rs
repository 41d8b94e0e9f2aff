//! Alarms exactly once, whatever becomes of the processes: killed at random, or stopped over a deadline.
//!
//! `RED_MAILBOX_TEST_KILLS=200 cargo test --test it killed` kills more often, with 100 tickets for each time.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel::sqlite::SqliteConnection;
use red_mailbox::clock::Clock;
use red_mailbox::config::Settings;
use red_mailbox::domain::calendar::WorkingCalendar;
use red_mailbox::domain::event::Stream;
use red_mailbox::domain::people::Actor;
use red_mailbox::domain::ticket::intake::Submission;
use red_mailbox::domain::value::At;
use red_mailbox::keys::Keys;
use red_mailbox::service::{App, Caller, audit, intake, setup};
use red_mailbox::store::db::PgConn;
use red_mailbox::store::{Db, events};
use tokio::task::JoinSet;

use crate::builders::{add_user, settle};
use crate::harness::{Engine, TestStore, run};
use crate::postgres;

/// Longer than any holidays: what came in then is overdue now, and so is every step of its escalation.
const DAYS_BEFORE: i64 = 20;
const TICKETS_PER_KILL: usize = 100;
/// Intake has a bounded queue.
const SUBMITTED_AT_ONCE: usize = 50;

/// A database whose tickets came in long ago, and the processes that serve it now.
struct Late {
    app: App,
    begun: At,
    watch: Watch,
    servers: Vec<Child>,
    store: TestStore,
    folder: tempfile::TempDir,
}

/// A connection beside those of the servers.
enum Watch {
    Lite(SqliteConnection),
    Pg(Box<PgConn>),
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

impl Watch {
    fn count(&mut self, sql: &str) -> usize {
        let query = diesel::sql_query(format!("SELECT count(*) AS n FROM {sql}"));
        let counted: Count = match self {
            Watch::Lite(conn) => query.get_result(conn).unwrap(),
            Watch::Pg(conn) => query.get_result(&mut **conn).unwrap(),
        };
        usize::try_from(counted.n).unwrap()
    }
}

impl Late {
    fn new(engine: Engine) -> Self {
        let store = TestStore::new(engine);
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_make(&key_file(folder.path())).unwrap();
        let settings = [
            ("database_url", store.settings.database_url.as_str()),
            ("public_url", "http://red-mailbox.test"),
        ];
        let begun = At::from_utc(Utc::now()) + TimeDelta::days(-DAYS_BEFORE);
        let app = App {
            store: store.store.clone(),
            clock: Clock::fixed(begun),
            keys: Arc::new(keys),
            settings: Arc::new(Settings::in_folder(folder.path(), &settings).unwrap()),
        };
        setup::ensure_seeded(&app.store, &app.keys, begun).unwrap();
        run(async {
            settle(&app).await;
            add_user(&app, "triager").await;
        });
        let watch = match engine {
            Engine::Sqlite => {
                let mut conn = SqliteConnection::establish(&store.file().display().to_string()).unwrap();
                conn.batch_execute("PRAGMA busy_timeout = 10000").unwrap();
                Watch::Lite(conn)
            }
            Engine::Postgres => Watch::Pg(Box::new(postgres::connect(&store.settings.database_url))),
        };
        Self { app, begun, watch, servers: Vec::new(), store, folder }
    }

    /// Puts tickets in, as of long ago.
    fn submit(&self, n_tickets: usize) {
        run(async {
            for some in (0..n_tickets).collect::<Vec<_>>().chunks(SUBMITTED_AT_ONCE) {
                let mut submitting = JoinSet::new();
                for i in some {
                    let app = self.app.clone();
                    let submission = Submission {
                        community: "YD".to_owned(),
                        description: Some(format!("{i}号楼路灯不亮")),
                        ..Submission::default()
                    };
                    let caller = Caller { actor: Actor::Resident, place: None };
                    submitting
                        .spawn(async move { intake::submit(&app, &caller, submission, None).await.unwrap() });
                }
                submitting.join_all().await;
            }
        });
    }

    /// Starts one more server, on the real clock.
    fn serve(&self) -> Child {
        Command::new(env!("CARGO_BIN_EXE_red-mailbox"))
            .arg("serve")
            .env("RED_MAILBOX_DATA_DIR", self.folder.path())
            .env("RED_MAILBOX_KEY_FILE", key_file(self.folder.path()))
            .env("RED_MAILBOX_DATABASE_URL", &self.store.settings.database_url)
            .env("RED_MAILBOX_LISTEN", "127.0.0.1:0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn n_breached(&mut self) -> usize {
        self.watch.count("event WHERE type = 'clock.breached'")
    }

    /// Waits for others' processes, which nothing else tells of.
    fn wait_until(&mut self, what: &str, is_so: impl Fn(&mut Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < Duration::from_secs(50), "not within 50 s: {what}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn stop(&mut self) {
        for server in &mut self.servers {
            let told = Command::new("kill").args(["-TERM", &server.id().to_string()]).status().unwrap();
            assert!(told.success());
            // One that has only just started ends by the signal itself.
            server.wait().unwrap();
        }
        self.servers.clear();
    }

    /// Each ticket said each thing once, with the true due time, and told its triager once; the trail is whole.
    fn check(&mut self, n_tickets: usize) {
        let due = WorkingCalendar::default().end_of_working_days(self.begun, 1).unwrap().at;
        let n_tickets = i64::try_from(n_tickets).unwrap();
        for id in 1..=n_tickets {
            let list = move |db: &mut Db| events::list(db, Stream::Ticket, id, 0, 100);
            let recorded = self.app.store.read_blocking(list).unwrap();
            let said: Vec<&str> = recorded.iter().map(|it| it.kind.as_str()).collect();
            let once = [
                "ticket.received",
                "clock.warned",
                "clock.warned",
                "clock.breached",
                "clock.escalated",
                "clock.escalated",
                "clock.escalated",
            ];
            assert_eq!(said, once, "ticket {id}");
            let breached: serde_json::Value = serde_json::from_str(&recorded[3].data).unwrap();
            assert_eq!(breached["due_at"], due.micros(), "ticket {id}");
            assert_eq!(
                (breached["stage"].as_str(), recorded[3].actor_kind.as_str()),
                (Some("accept"), "timer")
            );
        }
        assert_eq!(i64::try_from(self.watch.count("notice WHERE kind = 'breach'")).unwrap(), n_tickets);
        let report = audit::verify_database(&self.app.store, &self.app.keys, |_| {}).unwrap();
        assert!(report.findings.is_empty(), "the trail is not whole: {:#?}", report.findings);
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        for server in &mut self.servers {
            drop(server.kill());
            drop(server.wait());
        }
    }
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("shared.key")
}

/// The same numbers in each run.
fn next_random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap()
}

/// Kills servers at random moments while they have work, starts them again, and looks at what they did.
fn tell_of_kills(engine: Engine, n_servers: usize) {
    let n_kills = std::env::var("RED_MAILBOX_TEST_KILLS").map_or(10, |it| it.parse().unwrap());
    let n_tickets = n_kills * TICKETS_PER_KILL;
    let mut late = Late::new(engine);
    late.submit(n_tickets);
    let mut chance = 20_261_125;
    let mut moments: Vec<usize> =
        (0..n_kills).map(|_| next_random(&mut chance) % (n_tickets * 9 / 10)).collect();
    moments.sort_unstable();
    late.servers = (0..n_servers).map(|_| late.serve()).collect();

    let mut n_in_the_midst = 0;
    for moment in moments {
        late.wait_until("breaches go on", |late| late.n_breached() >= moment);
        let victim = next_random(&mut chance) % n_servers;
        // SIGKILL: nothing is finished, nothing is said.
        late.servers[victim].kill().unwrap();
        late.servers[victim].wait().unwrap();
        n_in_the_midst += usize::from(late.n_breached() < n_tickets);
        late.servers[victim] = late.serve();
    }
    let now = At::from_utc(Utc::now()).micros();
    late.wait_until("nothing is due", |late| {
        late.watch.count(&format!("ticket WHERE next_alarm_at <= {now}")) == 0
    });
    late.stop();

    assert!(n_in_the_midst * 2 >= n_kills, "only {n_in_the_midst} of {n_kills} kills met work");
    late.check(n_tickets);
}

#[test]
fn two_servers_killed_at_random_breach_each_clock_once_on_postgres() {
    tell_of_kills(Engine::Postgres, 2);
}

#[test]
fn a_server_killed_at_random_breaches_each_clock_once_on_sqlite() {
    tell_of_kills(Engine::Sqlite, 1);
}

fn tell_of_a_stop(engine: Engine) {
    let mut late = Late::new(engine);
    late.submit(1);
    late.servers.push(late.serve());
    late.wait_until("the breach", |late| late.n_breached() == 1);
    late.stop();
    // A second one comes due while nobody serves; once that is told, the timer has seen the first again, too.
    late.submit(1);
    late.servers.push(late.serve());
    late.wait_until("the second breach", |late| late.n_breached() == 2);
    late.stop();

    late.check(2);
}

#[test]
fn a_server_stopped_over_a_deadline_breaches_it_once_at_its_start_on_sqlite() {
    tell_of_a_stop(Engine::Sqlite);
}

#[test]
fn a_server_stopped_over_a_deadline_breaches_it_once_at_its_start_on_postgres() {
    tell_of_a_stop(Engine::Postgres);
}
