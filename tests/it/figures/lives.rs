//! Random lives: the figures that follow, those made anew from the trail, and those of another program are equal.

use std::fmt::Write as _;

use chrono::TimeDelta;
use diesel::prelude::*;
use diesel::sql_types::{Binary, Text};
use red_mailbox::service::export::{self, Wanted};
use red_mailbox::service::{statistics, timer};
use serde_json::{Value, json};

use super::independent::{self, Told};
use super::{a_moment, ask, behind, summary};
use crate::builders::{Receipt, World};
use crate::harness::{Engine, both_worlds, run};

const RATES: [&str; 8] = [
    "response_rate",
    "acceptance_on_time_rate",
    "on_time_rate",
    "resolution_rate",
    "satisfaction_rate",
    "reply_rate",
    "rework_rate",
    "first_time_resolution_rate",
];

/// Numbers that look like chance and are the same in every run.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `n`.
    pub(crate) fn roll(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }
}

/// How many lives a test leads; more when asked for by `RED_MAILBOX_TEST_LIVES`.
fn n_lives() -> usize {
    std::env::var("RED_MAILBOX_TEST_LIVES").ok().and_then(|it| it.parse().ok()).unwrap_or(60)
}

fn submit(world: &World, dice: &mut Dice) -> Receipt {
    world.submit(json!({
        "kind": dice.pick(&["request", "complaint", "enquiry", "praise", "report"]),
        "location": {"building": dice.pick(&["1", "2", "3"])},
        "contact": dice.pick(&[json!({}), json!({"phone": "13850001234", "channel": "call"})]),
    }))
}

/// Does something that is allowed, or tries to: a refusal is part of life.
fn step(world: &World, receipt: &Receipt, all: &[Receipt], dice: &mut Dice) {
    const STAFF: [&str; 5] = ["triager", "handler", "supervisor", "street", "street_triager"];
    if dice.roll(4) == 0 {
        let (action, body) = dice.pick(&[
            ("rate", json!({"solved": true, "satisfaction": 5})),
            ("rate", json!({"solved": true, "satisfaction": 3})),
            ("rate", json!({"solved": true})),
            ("rate", json!({"solved": false, "satisfaction": 1})),
            ("reopen", json!({"reason": "又坏了"})),
            ("supplement", json!({"text": "补充"})),
        ]);
        let action = if dice.roll(12) == 0 { "withdraw" } else { action };
        let body = if action == "withdraw" { json!({}) } else { body };
        let answer = world.resident(receipt, action, body);
        assert!([200, 409].contains(&answer.status), "{}", answer.text);
        return;
    }
    let user = dice.pick(&STAFF);
    let seen = world.read(user, &receipt.number);
    if seen.status != 200 {
        return;
    }
    let seen = seen.json();
    let actions: Vec<String> =
        seen["actions"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect();
    let Some(action) = (!actions.is_empty()).then(|| dice.pick(&actions)) else { return };
    let into = &dice.pick(all).number;
    let body = match action.as_str() {
        "accept" => {
            json!({"category": "street_light", "priority": dice.pick(&["urgent", "normal", "emergency"])})
        }
        "assign" => json!({"unit": dice.pick(&["WY", "ZY", "JD"])}),
        "resolve" => json!({"result": "好了", "outcome": dice.pick(&["solved", "explained"])}),
        "reply" => match (seen["contact"]["channel"].as_str(), seen["status"].as_str()) {
            (Some("call"), Some("resolved" | "declined")) => {
                json!({"text": "好了", "outcome": dice.pick(&["reached", "not_reached"])})
            }
            _ => json!({"text": "好了"}),
        },
        "contact" => json!({"channel": "call", "outcome": dice.pick(&["reached", "not_reached"])}),
        "wait" => json!({"for": "resident", "reason": "请居民补充"}),
        "merge" => json!({"into": into}),
        "escalate" => json!({"to": "JL", "reason": "超出权限"}),
        "rate" => json!({"solved": true, "satisfaction": 4}),
        "decline" | "return" | "send-back" | "close" | "reopen" | "withdraw" => json!({"reason": "如此"}),
        "acknowledge" | "resume" | "split" => json!({}),
        _ => return,
    };
    // Dead ends, more often than not left for later.
    if ["decline", "withdraw", "merge", "escalate"].contains(&action.as_str()) && dice.roll(4) != 0 {
        return;
    }
    let answer = world.act_at(user, &receipt.number, &action, body, seen["version"].as_i64().unwrap());
    assert!(answer.status < 500, "{action}: {}", answer.text);
}

/// Leads `n` lives over some weeks.
pub(crate) fn live(world: &World, n: usize, seed: u64) {
    let mut dice = Dice::new(seed);
    let mut all: Vec<Receipt> = Vec::new();
    for _ in 0..16 {
        let hours = dice.pick(&[0, 1, 5, 20, 30, 49]);
        let app = &world.app.app;
        app.clock.advance(TimeDelta::minutes(hours * 60 + i64::try_from(dice.roll(60)).unwrap()));
        run(async {
            timer::tick(app, app.clock.now()).await.unwrap();
        });
        while all.len() < n && dice.roll(n / 6 + 1) != 0 {
            a_moment(world);
            all.push(submit(world, &mut dice));
        }
        for receipt in &all {
            step(world, receipt, &all, &mut dice);
        }
        if dice.roll(3) == 0 {
            run(async {
                statistics::follow(app, app.clock.now()).await.unwrap();
            });
        }
    }
}

fn exported(world: &World) -> Vec<Told> {
    let app = &world.app.app;
    let wanted = Wanted::read(&app.store, None, None, None).unwrap();
    let mut out = Vec::new();
    export::events_jsonl(&app.store, &app.keys, &wanted, &mut out, |_| {}).unwrap();
    independent::read(&String::from_utf8(out).unwrap())
}

/// Compares an answer with what some tickets say.
#[track_caller]
fn compare(answer: &Value, told: &[&Told], what: &str) {
    let n = |it: usize| i64::try_from(it).unwrap();
    assert_eq!(answer["intake"].as_i64(), Some(n(told.len())), "{what}");
    for name in RATES {
        let (mut numerator, mut denominator) = (0, 0);
        for (met, of) in told.iter().map(|it| it.rate(name)) {
            numerator += met;
            denominator += of;
        }
        assert_eq!(super::rate(answer, name), (numerator, denominator), "{what}: {name}");
    }
    let Some(times) = answer["time_to"].as_object() else { return };
    for (milestone, time) in times {
        let reached: Vec<(i64, i64)> = told.iter().filter_map(|it| it.time_to(milestone)).collect();
        assert_eq!(time["n"].as_i64(), Some(n(reached.len())), "{what}: {milestone}");
        for (percent, name) in [(50, "p50_s"), (90, "p90_s")] {
            let calendar = independent::percentile(reached.iter().map(|it| it.0).collect(), percent);
            let working = independent::percentile(reached.iter().map(|it| it.1).collect(), percent);
            for (truth, told) in [(calendar, &time["calendar"][name]), (working, &time["working"][name])] {
                let is_near = match (truth, told.as_i64()) {
                    (None, None) => true,
                    (Some(truth), Some(told)) => (truth - told).abs() * 128 <= truth,
                    _ => false,
                };
                assert!(is_near, "{what}: {milestone} {name}: {told} for {truth:?}");
            }
        }
    }
}

#[derive(QueryableByName, Debug, PartialEq)]
struct Sum {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = Binary)]
    sums: Vec<u8>,
}

/// Every kept sum and every ticket's part, as stored.
fn kept(world: &World) -> Vec<Sum> {
    let tables = [
        ("statistics_count", "key", "sums"),
        ("statistics_time", "key", "sums"),
        ("statistics_ticket", "CAST(ticket_id AS TEXT)", "counts"),
        ("statistics_ticket", "CAST(ticket_id AS TEXT)", "times"),
    ];
    let mut all = Vec::new();
    for (table, key, sums) in tables {
        let sql = format!("SELECT {key} AS key, {sums} AS sums FROM {table} ORDER BY 1");
        let rows: Vec<Sum> = match world.app.store.engine {
            Engine::Sqlite => {
                let file = world.app.store.file();
                let mut conn = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
                diesel::sql_query(sql).load(&mut conn).unwrap()
            }
            Engine::Postgres => {
                let mut conn = crate::postgres::connect(&world.app.store.settings.database_url);
                diesel::sql_query(sql).load(&mut conn).unwrap()
            }
        };
        all.extend(rows);
    }
    all.sort_by(|a, b| (&a.key, &a.sums).cmp(&(&b.key, &b.sums)));
    all
}

fn when(at: i64) -> String {
    red_mailbox::domain::value::At::from_micros(at).to_rfc3339()
}

both_worlds! {
    fn random_lives_give_the_figures_another_program_gives(world) {
        live(&world, n_lives(), 7);
        let told = exported(&world);
        assert!(told.len() > 30, "{}", told.len());
        let all: Vec<&Told> = told.iter().collect();

        compare(&summary(&world, "street_leader", ""), &all, "all");
        let open = all.iter().filter(|it| it.is_open()).count();
        assert_eq!(summary(&world, "street_leader", "")["backlog"].as_i64(), i64::try_from(open).ok());
        let unsealed: Vec<&Told> = all.iter().copied().filter(|it| !it.sealed).collect();
        assert!(unsealed.len() < all.len());
        compare(&summary(&world, "leader", ""), &unsealed, "unsealed");
        // Spans that no day or month fits into.
        let (first, last) = (all[0].received_at, all[all.len() - 1].received_at);
        for cut in 1..8 {
            let (from, to) = (first + (last - first) * cut / 20, last - (last - first) * cut / 30);
            let within: Vec<&Told> =
                all.iter().copied().filter(|it| (from..to).contains(&it.received_at)).collect();
            let query = format!("?from={}&to={}", when(from), when(to));
            compare(&summary(&world, "street_leader", &query), &within, &query);
        }
    }

    fn random_lives_are_broken_down_as_another_program_does(world) {
        live(&world, n_lives(), 11);
        let told = exported(&world);
        let (by_building, by_kind) = (
            ask(&world, "street_leader", "breakdown?by=building&time_to=true").expect(200).json(),
            ask(&world, "street_leader", "breakdown?by=kind&building=2&time_to=true").expect(200).json(),
        );
        let days = ask(&world, "street_leader", "series?from=2026-11-20T00:00:00%2B08:00").expect(200).json();

        for item in by_building["items"].as_array().unwrap() {
            let of: Vec<&Told> =
                told.iter().filter(|it| it.building.as_deref() == item["value"].as_str()).collect();
            compare(item, &of, "building");
        }
        for item in by_kind["items"].as_array().unwrap() {
            let of: Vec<&Told> = told.iter()
                .filter(|it| it.building.as_deref() == Some("2") && Some(it.kind.as_str()) == item["value"].as_str())
                .collect();
            compare(item, &of, "kind of building 2");
        }
        for item in days["items"].as_array().unwrap() {
            let moment = |name: &str| {
                red_mailbox::domain::value::At::parse(item[name].as_str().unwrap()).unwrap().micros()
            };
            let (from, to) = (moment("from"), moment("to"));
            let of: Vec<&Told> = told.iter().filter(|it| (from..to).contains(&it.received_at)).collect();
            compare(item, &of, "day");
        }
    }

    fn figures_made_anew_are_those_that_followed(world) {
        live(&world, n_lives(), 13);
        let app = &world.app.app;
        run(async {
            statistics::follow(app, app.clock.now()).await.unwrap();
        });
        let followed = kept(&world);
        assert!(followed.len() > 100);

        let (store, now) = (app.store.clone(), app.clock.now());
        let done = std::thread::spawn(move || statistics::rebuild(&store, now, |_| {})).join().unwrap().unwrap();

        assert_eq!(done.n_events, exported(&world).len());
        assert_eq!(kept(&world), followed);
    }

    fn the_list_behind_a_figure_is_the_figure(world) {
        live(&world, n_lives(), 17);
        let told: Vec<Told> = exported(&world).into_iter().filter(|it| !it.sealed).collect();
        let span = format!("from={}&to={}", when(told[2].received_at), when(told[told.len() - 2].received_at));
        let within = &told[2..told.len() - 2];

        for name in RATES {
            for part in ["numerator", "denominator", "missed"] {
                let is_behind = |it: &&Told| match (part, it.rate(name)) {
                    ("numerator", (met, _)) => met > 0,
                    ("denominator", (_, of)) => of > 0,
                    (_, (met, of)) => of > met,
                };
                let mut expected: Vec<String> =
                    within.iter().filter(is_behind).map(|it| it.number.clone()).collect();
                let mut listed = behind(&world, "leader", &format!("{name}&part={part}&{span}"));
                expected.sort();
                listed.sort();
                assert_eq!(listed, expected, "{name} {part}");
            }
        }
        let open = behind(&world, "leader", "backlog").len();
        assert_eq!(summary(&world, "leader", "")["backlog"].as_i64(), i64::try_from(open).ok());
        let resolved = behind(&world, "leader", "time_to_resolved").len();
        let figures = summary(&world, "leader", "");
        assert_eq!(figures["time_to"]["resolved"]["n"].as_i64(), i64::try_from(resolved).ok());
    }

    fn two_followers_count_each_event_once(world) {
        live(&world, n_lives() / 3, 19);
        let app = world.app.app.clone();
        run(async move {
            let now = app.clock.now();
            let all = (0..4).map(|_| { let app = app.clone(); tokio::spawn(async move { statistics::follow(&app, now).await }) });
            for one in all.collect::<Vec<_>>() {
                one.await.unwrap().unwrap();
            }
        });
        let told = exported(&world);
        let mut words = String::new();
        write!(words, "{}", told.len()).unwrap();

        compare(&summary(&world, "street_leader", ""), &told.iter().collect::<Vec<_>>(), &words);
        assert_eq!(summary(&world, "street_leader", "")["age_s"], 0);
    }
}
