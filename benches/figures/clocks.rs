//! A million open clocks, a thousand of them due: what a tick costs, and what it reads.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use chrono::TimeDelta;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::SqliteConnection;
use red_mailbox::clock::Clock;
use red_mailbox::config::Settings;
use red_mailbox::domain::people::{Actor, Role};
use red_mailbox::domain::ticket::intake::Submission;
use red_mailbox::domain::value::At;
use red_mailbox::keys::Keys;
use red_mailbox::service::accounts::{self, NewUser, RoleAt};
use red_mailbox::service::{App, Caller, intake, setup, timer};
use red_mailbox::store::db::PgConn;
use red_mailbox::store::{Store, StoreSettings, migrate};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::{PASSWORD, median, micros, milli, postgres};

/// Open clocks, all told.
const SIZES: [i64; 2] = [10_000, 1_000_000];
const N_DUE: i64 = 1_000;
const BEGIN: &str = "2026-11-23T01:00:00Z";
/// What a clock says one after another, each at a moment of its own but the breach and its first step up.
const SAYS: [&str; 5] = ["50 %", "80 %", "breach, handler", "supervisor", "leader"];
const N_IDLE: usize = 200;
/// The timer's question, as the store asks it.
const DUE: &str = "SELECT id FROM ticket WHERE next_alarm_at <= {now} ORDER BY next_alarm_at, id LIMIT 5000";

enum Conn {
    Lite(SqliteConnection),
    Pg(Box<PgConn>),
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

impl Conn {
    fn run(&mut self, sql: &str) {
        match self {
            Conn::Lite(conn) => conn.batch_execute(sql).unwrap(),
            Conn::Pg(conn) => conn.batch_execute(sql).unwrap(),
        }
    }

    fn number(&mut self, sql: &str) -> i64 {
        let query = diesel::sql_query(sql);
        let found: Number = match self {
            Conn::Lite(conn) => query.get_result(conn).unwrap(),
            Conn::Pg(conn) => query.get_result(&mut **conn).unwrap(),
        };
        found.n
    }

    fn lines(&mut self, lite: &str, pg: &str) -> Vec<String> {
        let found: Vec<Line> = match self {
            Conn::Lite(conn) => diesel::sql_query(lite).load(conn).unwrap(),
            Conn::Pg(conn) => diesel::sql_query(pg).load(&mut **conn).unwrap(),
        };
        found.into_iter().map(|it| it.line).collect()
    }

    /// How the timer's question is answered, with what is read for it where the engine tells.
    fn plan(&mut self, now: At) -> Vec<String> {
        let due = DUE.replace("{now}", &now.micros().to_string());
        match self {
            Conn::Lite(conn) => {
                let rows: Vec<Detail> =
                    diesel::sql_query(format!("EXPLAIN QUERY PLAN {due}")).load(conn).unwrap();
                rows.into_iter().map(|it| it.detail).collect()
            }
            Conn::Pg(conn) => {
                let rows: Vec<Plan> =
                    diesel::sql_query(format!("EXPLAIN (ANALYZE, BUFFERS) {due}")).load(&mut **conn).unwrap();
                rows.into_iter().map(|it| it.line).collect()
            }
        }
    }
}

#[derive(QueryableByName)]
struct Detail {
    #[diesel(sql_type = Text)]
    detail: String,
}

#[derive(QueryableByName)]
struct Plan {
    #[diesel(sql_type = Text, column_name = "QUERY PLAN")]
    line: String,
}

/// Prints the table of an engine and the plan of the larger size.
pub(crate) fn measure(engine: &str) {
    println!(
        "\n{engine}: a tick that takes {N_DUE} due clocks\n\n| open clocks | {} | nothing due |\n| --- |{} --- |",
        SAYS.join(" | "),
        " --- |".repeat(SAYS.len())
    );
    let mut plans = Vec::new();
    for size in SIZES {
        let url = (engine == "PostgreSQL").then(postgres::empty_database);
        plans = measure_at(url.as_deref(), size);
        if let Some(url) = url {
            postgres::drop_database(&url);
        }
    }
    println!("\n{}\n```\n{}\n```", DUE.replace("{now}", "now"), plans.join("\n"));
}

/// One line of the table; gives the plan while all are due.
fn measure_at(url: Option<&str>, size: i64) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("red-mailbox.db");
    let url = url.map_or_else(|| format!("sqlite://{}", file.display()), str::to_owned);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let app = community(&runtime, folder.path(), &url);
    submit(&runtime, &app);
    let mut conn = if url.starts_with("sqlite") {
        Conn::Lite(SqliteConnection::establish(&file.display().to_string()).unwrap())
    } else {
        Conn::Pg(Box::new(postgres::connect(&url)))
    };
    copy(&mut conn, size - N_DUE);

    let mut spans = Vec::new();
    let mut plan = Vec::new();
    for says in SAYS {
        let at = conn.number(&format!("SELECT max(next_alarm_at) AS n FROM ticket WHERE id <= {N_DUE}"));
        app.clock.advance(At::from_micros(at) - app.clock.now());
        if says == SAYS[2] {
            plan = conn.plan(app.clock.now());
        }
        let begun = Instant::now();
        let done = runtime.block_on(timer::tick(&app, app.clock.now())).unwrap();
        spans.push(format!("{:.0} ms", milli(micros(begun.elapsed()))));
        assert_eq!(i64::try_from(done.n_moved).unwrap(), N_DUE, "{says}");
    }
    let mut idle: Vec<u64> = (0..N_IDLE)
        .map(|_| {
            let begun = Instant::now();
            runtime.block_on(timer::tick(&app, app.clock.now())).unwrap();
            micros(begun.elapsed())
        })
        .collect();
    println!("| {size} | {} | {:.1} ms |", spans.join(" | "), milli(median(&mut idle)));
    app.store.close();
    plan
}

/// A community with a triager, at the beginning of a working day.
fn community(runtime: &Runtime, folder: &Path, url: &str) -> App {
    let settings = StoreSettings::new(url);
    migrate::prepare(&settings).unwrap();
    let app = App {
        store: Store::open(&settings).unwrap(),
        clock: Clock::fixed(At::parse(BEGIN).unwrap()),
        keys: Arc::new(Keys::derive(&[7; 32])),
        settings: Arc::new(
            Settings::in_folder(folder, &[("database_url", url), ("public_url", "http://red-mailbox.test")])
                .unwrap(),
        ),
    };
    setup::ensure_seeded(&app.store, &app.keys, app.clock.now()).unwrap();
    let caller = Caller { actor: Actor::System, place: None };
    let fields = serde_json::json!({"code": "YD", "name": "阳岱", "kind": "community"});
    let roles = vec![RoleAt { role: Role::Triager, node: "YD".to_owned(), unit: None }];
    let user = NewUser {
        username: "bench".to_owned(),
        name: None,
        email: None,
        password: PASSWORD.to_owned(),
        roles,
    };
    runtime.block_on(async {
        setup::add_node(&app, &caller, fields.as_object().unwrap().clone()).await.unwrap();
        accounts::add_user(&app, &caller, user).await.unwrap();
    });
    app
}

/// The tickets that will be due, put in as the public does.
fn submit(runtime: &Runtime, app: &App) {
    runtime.block_on(async {
        for _ in 0..N_DUE / 50 {
            let mut submitting = JoinSet::new();
            for _ in 0..50 {
                let app = app.clone();
                let submission = Submission {
                    community: "YD".to_owned(),
                    description: Some("3号楼楼道灯不亮，老人上下楼看不清台阶。".to_owned()),
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

/// Copies the first ticket as intake saved it, row and clock, `n` times: each with an id, a number and a place of its
/// own, and due a month later and then a second after the other. Copies have no events; nobody asks for them.
fn copy(conn: &mut Conn, n: i64) {
    let later_s = TimeDelta::days(30).num_seconds();
    let last = conn.number("SELECT max(position) AS n FROM ticket");
    let changed = |column: &str, id: &str| match column {
        "id" | "ticket_id" => format!("{id} + {N_DUE} + i"),
        "number" => "'YD-20261123-C' || i".to_owned(),
        "position" => format!("{last} + i"),
        "next_alarm_at" | "due_at" | "alarm_at" => format!("t.{column} + ({later_s} + i) * 1000000"),
        other => format!("t.{other}"),
    };
    for (table, id) in [("ticket", "t.id"), ("clock", "t.ticket_id")] {
        let columns = conn.lines(
            &format!("SELECT name AS line FROM pragma_table_info('{table}')"),
            &format!(
                "SELECT column_name::text AS line FROM information_schema.columns WHERE table_name = '{table}'"
            ),
        );
        let values: Vec<String> = columns.iter().map(|it| changed(it, id)).collect();
        let numbers = match conn {
            Conn::Lite(_) => format!(
                "(WITH RECURSIVE g (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < {n}) SELECT i FROM g)"
            ),
            Conn::Pg(_) => format!("generate_series(1::bigint, {n}) AS g (i)"),
        };
        conn.run(&format!(
            "INSERT INTO {table} ({}) SELECT {} FROM {table} t, {numbers} WHERE {id} = 1",
            columns.join(", "),
            values.join(", ")
        ));
    }
    match conn {
        Conn::Lite(conn) => conn.batch_execute("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").unwrap(),
        Conn::Pg(conn) => conn.batch_execute("VACUUM ANALYZE").unwrap(),
    }
}
