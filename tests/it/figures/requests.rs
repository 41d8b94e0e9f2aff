//! Real service requests with due and closed times: what the figures say of them is what plain arithmetic says.

use std::path::Path;

use chrono::{DateTime, NaiveDateTime};
use red_mailbox::domain::calendar::WorkingCalendar;
use red_mailbox::domain::event::Recorded;
use red_mailbox::domain::statistics::{Figure, Life, Milestone, Tally};
use red_mailbox::domain::value::At;
use serde_json::{Value, json};

use super::independent::percentile;

/// Letters that are not part of the project; without them there is nothing to compare.
const FILE: &str = "/work/shared/data/nyc311.csv";

/// Microseconds.
struct Request {
    created: i64,
    closed: Option<i64>,
    due: Option<i64>,
}

fn requests() -> Vec<Request> {
    let mut reader = csv::Reader::from_path(FILE).unwrap();
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|it| it == name).unwrap();
    let (created, closed, due) = (place("created_date"), place("closed_date"), place("due_date"));
    let time = |text: &str| {
        let forms = ["%m/%d/%Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
        let time = forms.iter().find_map(|it| NaiveDateTime::parse_from_str(text.trim(), it).ok())?;
        Some(DateTime::<chrono::Utc>::from_naive_utc_and_offset(time, chrono::Utc).timestamp_micros())
    };
    let rows = reader.records().map(Result::unwrap);
    rows.filter_map(|row| {
        Some(Request { created: time(&row[created])?, closed: time(&row[closed]), due: time(&row[due]) })
    })
    .collect()
}

fn event(id: i64, seq: i64, kind: &str, at: i64, data: &Value) -> Recorded {
    Recorded {
        id: id * 10 + seq,
        stream: "ticket".to_owned(),
        stream_id: id,
        seq,
        kind: kind.to_owned(),
        at: At::from_micros(at),
        actor_kind: "system".to_owned(),
        actor_id: None,
        actor_name: None,
        place: None,
        data: data.to_string(),
        prev_hash: Vec::new(),
        hash: Vec::new(),
    }
}

/// What would have been recorded of a request by `now`.
fn events(id: i64, it: &Request, now: i64) -> Vec<Recorded> {
    let due = it.due.map(|due| {
        json!({"do": "started", "stage": "resolve", "cycle": 1, "started_at": it.created, "due_at": due,
            "target": {"calendar_minutes": 60}, "rules": "0".repeat(32)})
    });
    let received = json!({"number": format!("NY-{id}"), "node": 1, "handling_node": 1, "position": id, "source": "web",
        "mailbox": null, "answerable_unit": null, "received_at": it.created, "kind": "request", "category": null,
        "priority": null, "building": null, "channel": "none", "may_publish": false, "about_unit": null,
        "sealed": false, "suspected_emergency": false, "attachments_expected": 0,
        "clocks": due.into_iter().collect::<Vec<_>>()});
    let mut events = vec![("ticket.received", it.created, received)];
    if let Some(due) = it.due.filter(|due| *due <= now && it.closed.is_none_or(|closed| closed > *due)) {
        events.push(("clock.breached", due, json!({"stage": "resolve", "cycle": 1, "due_at": due})));
    }
    if let Some(closed) = it.closed {
        let met = json!({"outcome": "solved", "clocks": [{"do": "met", "stage": "resolve"}]});
        events.push(("ticket.resolved", closed, met));
    }
    let numbered = events.into_iter().zip(1..);
    numbered.map(|((kind, at, data), seq)| event(id, seq, kind, at, &data)).collect()
}

#[test]
fn real_requests_give_the_figures_of_plain_arithmetic() {
    if !Path::new(FILE).exists() {
        eprintln!("skipped: {FILE} is not here");
        return;
    }
    let requests = requests();
    let now = requests.iter().flat_map(|it| it.closed.into_iter().chain([it.created])).max().unwrap();
    let calendar = WorkingCalendar::default();

    let mut sum = Tally::default();
    for (request, id) in requests.iter().zip(1..) {
        let mut life = Life::default();
        for event in events(id, request, now) {
            life.take(&event).unwrap();
        }
        sum.add(&life.contribution(&calendar).unwrap().tally);
    }

    let n = |it: usize| i64::try_from(it).unwrap();
    let with_verdict = requests
        .iter()
        .filter(|it| it.due.is_some_and(|due| it.closed.is_some_and(|closed| closed <= due) || due <= now));
    let in_time =
        requests.iter().filter(|it| it.due.is_some_and(|due| it.closed.is_some_and(|at| at <= due)));
    assert_eq!(sum.rate(Figure::OnTimeRate), (n(in_time.count()), n(with_verdict.count())));
    assert!(requests.len() > 17_000 && sum.rate(Figure::OnTimeRate).1 > 1_000);
    assert_eq!(sum.intake(), n(requests.len()));
    let open = requests.iter().filter(|it| it.closed.is_none()).count();
    assert_eq!(sum.rate(Figure::ReplyRate), (0, n(requests.len() - open)));
    let times: Vec<i64> = requests
        .iter()
        .filter_map(|it| it.closed.map(|closed| ((closed - it.created) / 1_000_000).max(0)))
        .collect();
    assert_eq!(sum.n_timed(Milestone::Resolved), n(times.len()));
    for percent in [1, 10, 50, 90, 99, 100] {
        let truth = percentile(times.clone(), percent).unwrap();
        let told = sum.percentile(Milestone::Resolved, false, n(percent)).unwrap();
        assert!((truth - told).abs() * 128 <= truth, "{percent}: {told} for {truth}");
    }
}
