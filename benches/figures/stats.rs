//! Figures for leaders: the same questions over 10,000 and over 1,000,000 tickets, and how far roll-ups are behind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use red_mailbox::domain::calendar::WorkingCalendar;
use red_mailbox::domain::event::Recorded;
use red_mailbox::domain::statistics::{Contribution, DEFINITIONS, Life};
use red_mailbox::domain::ticket::{Kind, Priority, Source};
use red_mailbox::domain::value::{At, SetupId, TicketId};
use red_mailbox::store::statistics::{self, Batch};
use red_mailbox::store::{Db, Store, StoreError, StoreSettings, setup};
use serde_json::{Value, json};

use crate::client::Client;
use crate::served::Served;
use crate::{N_REQUESTS, SPAN, database, hundredths, micros, milli, postgres, sign_in, submit_for};

/// Sizes that are compared.
const SIZES: [i64; 2] = [10_000, 1_000_000];
/// Tickets recorded in one transaction.
const PER_BATCH: i64 = 20_000;
/// The year before this moment is filled evenly: 2026-11-25T00:00:00Z.
const END_S: i64 = 1_795_564_800;
/// Lives that tickets take turns in.
const N_LIVES: i64 = 500;
const DAY_S: i64 = 86_400;

const QUESTIONS: [(&str, &str); 6] = [
    ("summary", "summary?node=YD"),
    (
        "summary of a span with broken days",
        "summary?node=YD&from=2026-03-10T10:00:00Z&to=2026-10-20T15:30:00Z",
    ),
    ("summary of one building", "summary?node=YD&building=7&from=2026-03-10T00:00:00%2B08:00"),
    ("breakdown by unit", "breakdown?node=YD&by=unit"),
    (
        "breakdown by building of a span",
        "breakdown?node=YD&by=building&from=2026-03-10T00:00:00%2B08:00&to=2026-10-20T00:00:00%2B08:00",
    ),
    ("series of 30 days", "series?node=YD&from=2026-10-01T00:00:00%2B08:00&to=2026-10-31T00:00:00%2B08:00"),
];

/// Prints the tables of one engine.
pub(crate) fn stats(engine: &str) {
    let mut rows: BTreeMap<usize, Vec<(u64, u64)>> = BTreeMap::new();
    for size in SIZES {
        let folder = tempfile::tempdir().unwrap();
        let url = database(engine);
        Served::prepare(folder.path(), url.as_deref());
        let begun = Instant::now();
        fill(folder.path(), url.as_deref(), size);
        println!("{engine}: {size} tickets recorded in {:.0} s", begun.elapsed().as_secs_f64());
        if let Some(url) = &url {
            postgres::run(url, "VACUUM ANALYZE");
        }
        let served = Served::serve(folder.path(), url.as_deref());
        let mut http = Client::new(&served.address);
        let token = sign_in(&mut http);
        for (place, (_, path)) in QUESTIONS.iter().enumerate() {
            let mut times: Vec<u64> = Vec::new();
            for _ in 0..N_REQUESTS {
                let begun = Instant::now();
                let (status, body) = http.get(&format!("/api/v1/stats/{path}"), Some(&token));
                times.push(micros(begun.elapsed()));
                assert_eq!(status, 200, "{body}");
            }
            times.sort_unstable();
            rows.entry(place).or_default().push((times[N_REQUESTS / 2], times[N_REQUESTS * 99 / 100]));
        }
        let (_, body) = http.get("/api/v1/stats/summary?node=YD", Some(&token));
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(answer["intake"].as_i64(), Some(size));
        drop(served);
        if let Some(url) = url {
            postgres::drop_database(&url);
        }
    }
    println!(
        "\n{engine}: figures, one connection\n\n| what | p50 at 10,000 | p99 at 10,000 | p50 at 1,000,000 | p99 at 1,000,000 | p50 ratio |\n\
         | --- | --- | --- | --- | --- | --- |"
    );
    for (place, figures) in rows {
        let [(small, small_99), (large, large_99)] = figures[..] else { unreachable!("two sizes") };
        println!(
            "| {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {:.2} × |",
            QUESTIONS[place].0,
            milli(small),
            milli(small_99),
            milli(large),
            milli(large_99),
            hundredths(large * 100 / small.max(1)),
        );
    }
    behind(engine);
}

/// Puts tickets in at full speed, asking each 100 ms how old the oldest event is that does not count yet.
fn behind(engine: &str) {
    let folder = tempfile::tempdir().unwrap();
    let url = database(engine);
    let served = Served::start(folder.path(), url.as_deref());
    let mut http = Client::new(&served.address);
    let token = sign_in(&mut http);
    let mut ask = || {
        let (status, body) = http.get("/api/v1/stats/summary?node=YD", Some(&token));
        assert_eq!(status, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        (answer["intake"].as_u64().unwrap(), answer["age_s"].as_i64().unwrap())
    };
    let (n, oldest) = std::thread::scope(|scope| {
        let intake = scope.spawn(|| submit_for(&served.address, 64));
        let mut oldest = 0;
        while !intake.is_finished() {
            oldest = oldest.max(ask().1);
            std::thread::sleep(Duration::from_millis(100));
        }
        (intake.join().unwrap(), oldest)
    });
    let begun = Instant::now();
    while ask().0 < n {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!(
        "\n{engine}: {} tickets a second from 64 clients for {} s; the oldest event that did not count yet was at most \
         {oldest} s old; {} ms after the end all {n} counted",
        n / SPAN.as_secs(),
        SPAN.as_secs(),
        begun.elapsed().as_millis(),
    );
    drop(served);
    if let Some(url) = url {
        postgres::drop_database(&url);
    }
}

/// Records `size` tickets over a year as the follower would, without their events.
fn fill(folder: &std::path::Path, url: Option<&str>, size: i64) {
    let own = format!("sqlite://{}/red-mailbox.db", folder.display());
    let store = Store::open(&StoreSettings::new(url.unwrap_or(&own))).unwrap();
    let lives: Vec<Contribution> = (0..N_LIVES).map(life).collect();
    let node = store
        .read_blocking(|db: &mut Db| setup::find_node_by_code(db, "YD"))
        .unwrap()
        .expect("the community was made");
    store.write_blocking(|db: &mut Db| statistics::reset(db, DEFINITIONS)).unwrap();
    for first in (0..size).step_by(usize::try_from(PER_BATCH).unwrap()) {
        let contributions = (first..size.min(first + PER_BATCH)).map(|i| {
            let mut one = lives[usize::try_from(i % N_LIVES).unwrap()].clone();
            one.ticket = TicketId(i + 1);
            one.received_at = At::from_micros((END_S - 365 * DAY_S + 365 * DAY_S / size * i) * 1_000_000);
            one.facts.node = node.id;
            one.facts.unit = Some(SetupId(1_000 + i % 10));
            one.facts.category = Some(SetupId(2_000 + i / 10 % 40));
            one.facts.building = Some((i / 7 % 60 + 1).to_string());
            one.facts.source = Source::ALL[usize::try_from(i / 3 % 5).unwrap()];
            one.facts.kind = Kind::ALL[usize::try_from(i / 11 % 6).unwrap()];
            one.facts.priority = Some(Priority::ALL[usize::try_from(i / 13 % 4).unwrap()]);
            one
        });
        let batch = Batch {
            event_ids: Vec::new(),
            position: 0,
            is_full: true,
            contributions: contributions.collect(),
        };
        store
            .write_blocking(move |db: &mut Db| -> Result<(), StoreError> {
                statistics::record(db, &batch, At::from_micros(END_S * 1_000_000))
            })
            .unwrap();
    }
    store.close();
}

/// What one of many lives adds: accepted, assigned, resolved and replied after times of its own, one in ten late.
fn life(i: i64) -> Contribution {
    let begin = (END_S - 300 * DAY_S) * 1_000_000;
    let after = |seconds: i64| begin + seconds * 1_000_000;
    let clock = |stage: &str| {
        json!({"do": "started", "stage": stage, "cycle": 1, "started_at": begin, "due_at": after(DAY_S),
            "target": {"working_days": 1}, "rules": "0".repeat(32)})
    };
    let met = |stage: &str| json!({"do": "met", "stage": stage});
    let received = json!({"number": format!("YD-{i}"), "node": 1, "handling_node": 1, "position": i, "source": "web",
        "mailbox": null, "answerable_unit": null, "received_at": begin, "kind": "request", "category": null,
        "priority": null, "building": null, "channel": "call", "may_publish": false, "about_unit": null,
        "sealed": false, "suspected_emergency": false, "attachments_expected": 0, "clocks": [clock("accept")]});
    let accepted = json!({"category": 1, "priority": "normal", "may_publish": false, "suspected_emergency": false,
        "clocks": [met("accept")]});
    let assigned = json!({"unit": 1, "assignee": null, "supporting": [], "designated": false,
        "clocks": [clock("contact"), clock("resolve")]});
    let mut events = vec![
        ("ticket.received", begin, received),
        ("ticket.accepted", after(600 + i * 97 % 30_000), accepted),
        ("ticket.assigned", after(31_000 + i * 61 % 30_000), assigned),
    ];
    if i % 10 == 0 {
        events.push((
            "clock.breached",
            after(DAY_S),
            json!({"stage": "resolve", "cycle": 1, "due_at": after(DAY_S)}),
        ));
    }
    let reply = json!({"reply": 1, "channel": "call", "delivery": "queued"});
    let replied = json!({"reply": 1, "delivery": "logged", "close_at": null});
    let resolved = json!({"outcome": "solved", "clocks": [met("contact"), met("resolve")]});
    let done = after(90_000 + i * 1_013 % 900_000);
    events.extend([
        ("ticket.resolved", done, resolved),
        ("ticket.reply_written", done, reply),
        ("ticket.replied", done + i * 3_000_000, replied),
        (
            "ticket.rated",
            done + 90_000_000_000,
            json!({"solved": i % 7 != 0, "satisfaction": i % 5 + 1, "asked_by": null}),
        ),
    ]);
    let mut life = Life::default();
    for ((kind, at, data), seq) in events.into_iter().zip(1..) {
        let recorded = Recorded {
            id: seq,
            stream: "ticket".to_owned(),
            stream_id: 1,
            seq,
            kind: kind.to_owned(),
            at: At::from_micros(at),
            actor_kind: "user".to_owned(),
            actor_id: None,
            actor_name: None,
            place: None,
            data: data.to_string(),
            prev_hash: Vec::new(),
            hash: Vec::new(),
        };
        life.take(&recorded).unwrap();
    }
    life.contribution(&WorkingCalendar::default()).unwrap()
}
