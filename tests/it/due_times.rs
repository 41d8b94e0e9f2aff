//! Due times against a table that another program counted from another source: `scripts/due_times.py`.

use std::collections::BTreeMap;

use chrono::Datelike as _;
use red_mailbox::domain::calendar::{DayRule, WorkingCalendar};
use red_mailbox::domain::setup::PolicyInForce;
use red_mailbox::domain::sla::{Stage, Target};
use red_mailbox::domain::ticket::{Kind, Priority};
use red_mailbox::domain::value::At;
use serde_json::{Value, json};

const TABLE: &str = include_str!("../data/due_times.csv");
const OFFICIAL: &str = include_str!("../data/official_days.csv");

/// The calendars of the table, as a node would set them.
fn calendars() -> BTreeMap<&'static str, WorkingCalendar> {
    let ordinary = json!(["08:30-12:00", "14:30-17:30"]);
    let week = |hours: &Value| json!({"mon": hours, "tue": hours, "wed": hours, "thu": hours, "fri": hours});
    let mut with_saturday = week(&ordinary);
    with_saturday["sat"] = json!(["09:00-12:00"]);
    let summer = week(&json!(["08:00-12:00", "15:00-18:00"]));
    let closed = ["2024-04-28", "2024-07-10", "2024-07-11", "2025-12-31", "2026-01-05", "2026-10-09"];
    let settings = [
        ("standard", json!({})),
        (
            "summer",
            json!({"seasons": [
                {"from": "06-01", "to": "09-30", "week": summer},
                {"from": "10-01", "to": "05-31", "week": week(&ordinary)},
            ]}),
        ),
        ("saturday", json!({"seasons": [{"from": "01-01", "to": "12-31", "week": with_saturday}]})),
        (
            "own",
            json!({
                "closed_days": closed.iter().map(|on| json!({"on": on})).collect::<Vec<_>>(),
                "open_days": [
                    {"on": "2024-05-02"},
                    {"on": "2025-01-26", "hours": ["09:00-11:00"]},
                    {"on": "2025-03-08", "hours": ["13:00-15:00", "16:00-18:30"]},
                    {"on": "2026-02-17", "hours": ["10:00-11:00"]},
                    {"on": "2026-10-11"},
                ],
            }),
        ),
    ];
    settings.map(|(name, settings)| (name, WorkingCalendar::parse(&settings).unwrap())).into()
}

/// The target that a row's policy names: `kind/priority/stage`, or one of its own, `d5`, `w90`, `c120`.
fn target(policy: &str) -> Target {
    if let [kind, priority, stage] = policy.split('/').collect::<Vec<_>>()[..] {
        let policy =
            PolicyInForce::default_for(Kind::parse(kind).unwrap(), Priority::parse(priority).unwrap());
        return policy.targets.of(Stage::parse(stage).unwrap()).unwrap();
    }
    let n = policy[1..].parse().unwrap();
    match &policy[..1] {
        "d" => Target::WorkingDays(n),
        "w" => Target::WorkingMinutes(n),
        "c" => Target::CalendarMinutes(n),
        other => panic!("no target: {other}"),
    }
}

fn local(text: &str) -> At {
    At::parse(&format!("{text}:00+08:00")).unwrap()
}

#[test]
fn every_due_time_is_that_of_the_independent_table() {
    let calendars = calendars();
    let rows: Vec<Vec<&str>> =
        TABLE.lines().filter(|it| !it.starts_with('#')).map(|it| it.split(',').collect()).collect();

    let mut wrong = Vec::new();
    for row in &rows {
        let [calendar, policy, start, due, provisional] = row[..] else { panic!("no row: {row:?}") };
        let found = target(policy).due(local(start), &calendars[calendar]);
        if (found.at, found.is_provisional) != (local(due), provisional == "p") {
            wrong.push(format!("{}: found {} {}", row.join(","), found.at, found.is_provisional));
        }
    }

    assert!(rows.len() >= 5_000, "the table has {} rows", rows.len());
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Each day of twenty years is off, or worked, by both sources of official days.
///
/// Where a notice lets a holiday meet the weekend, one source lists the weekend's days and the other does not;
/// they are closed either way. A day that only an ordinary weekday's rule is needed for is worked either way.
#[test]
fn official_days_are_those_of_another_source() {
    let calendar = WorkingCalendar::default();
    let theirs: BTreeMap<&str, bool> = OFFICIAL
        .lines()
        .filter(|it| !it.starts_with('#'))
        .map(|it| (&it[..10], it.ends_with(",work")))
        .collect();
    let (first, last) = ("2007-01-01".parse().unwrap(), "2026-12-31".parse().unwrap());
    let mut n_official = 0;

    let mut date: chrono::NaiveDate = first;
    while date <= last {
        let day = calendar.days_between(date, date).remove(0);
        let is_weekday = date.weekday().num_days_from_monday() < 5;
        let expected = theirs.get(date.to_string().as_str()).copied().unwrap_or(is_weekday);
        assert_eq!(day.is_working, expected, "{day:?}");
        n_official += usize::from(day.rule == DayRule::Official);
        date = date.succ_opt().unwrap();
    }

    assert!(theirs.len() > 650 && n_official > 650, "{} days there, {n_official} here", theirs.len());
}
