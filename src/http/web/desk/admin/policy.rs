//! A policy's fields, and what a past period would have been under it.

use serde_json::{Map, Value, json};

use super::super::fields::{Field, Input};
use super::super::left::moment;
use super::super::{Frame, PageCaller, Sent};
use super::entry::choice;
use super::{label, line_of, or_none, text};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::setup::{ClockStart, Policy};
use crate::domain::sla::whatif::Difference;
use crate::domain::sla::{Stage, Target};
use crate::domain::ticket::{Kind, Priority};
use crate::service::setup::EntryCard;
use crate::service::simulate::{self, Simulation, WhatIf};
use crate::service::{App, Error};

const TARGET_FAULT: &str = "请写成“5 天”“90 工作分钟”或“24 小时”这样。 Write it like 5d, 90wm or 24h.";
/// What is ticked to let no clock stand still; nothing ticked leaves it to the nodes above.
const NONE_PAUSES: &str = "none";
/// Tickets that are named; the figures count them all.
const NAMED_MAX: usize = 50;

/// The numbers of a policy, each a field of its own.
const FIGURES: [&str; 6] = [
    "close_after_days",
    "reopen_within_days",
    "waiting_max_working_days",
    "return_within_working_days",
    "contact_views_per_day",
    "extension_max_working_days",
];

/// The field of a stage's target.
fn target_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Accept => "target_accept",
        Stage::Assign => "target_assign",
        Stage::Acknowledge => "target_acknowledge",
        Stage::Contact => "target_contact",
        Stage::Resolve => "target_resolve",
        Stage::Reply => "target_reply",
    }
}

/// The fields of a policy, with what is known of it.
pub(super) fn fields(frame: &Frame, fields: &mut Vec<Field>, policy: &Policy) {
    if let Some(field) = fields.iter_mut().find(|it| it.name == "category") {
        field.values = policy.category.iter().cloned().collect();
    }
    fields.push(choice(frame, "kind", "kinds", Kind::ALL, policy.kind));
    fields.push(choice(frame, "priority", "priority", Priority::ALL, policy.priority));
    for stage in Stage::ALL {
        let name = target_name(*stage);
        let known = policy.targets.of(*stage).map(text::target).unwrap_or_default();
        let label = frame.say_with("set.target", &[("stage", &frame.say(&format!("stage.{stage}")))]);
        let hint = if *stage == Stage::Accept { frame.say("set.target_hint") } else { String::new() };
        fields.push(Field::new(name, Input::Line, label).value(known).hint(hint));
    }
    let rework = policy.rework.map(text::target).unwrap_or_default();
    fields.push(line_of(frame, "rework").value(rework).hint(frame.say("set.rework_hint")));
    alarms(frame, fields, policy);
    let figures = [
        policy.close_after_days,
        policy.reopen_within_days,
        policy.waiting_max_working_days,
        policy.return_within_working_days,
        policy.contact_views_per_day,
        policy.extension_max_working_days,
    ];
    for (name, known) in FIGURES.into_iter().zip(figures) {
        let known = known.map(|it| it.to_string()).unwrap_or_default();
        fields.push(Field::new(name, Input::Number, label(frame, name)).value(known));
    }
    let yes_no = vec![("yes", frame.say("field.yes")), ("no", frame.say("field.no"))];
    let picks = yes_no.into_iter().map(|(it, label)| (it.to_owned(), label)).collect();
    let known = policy.reply_needs_approval.map(|it| if it { "yes" } else { "no" });
    fields.push(
        Field::new("reply_needs_approval", Input::Choice, label(frame, "reply_needs_approval"))
            .picks(or_none(frame, picks))
            .value(known.unwrap_or_default()),
    );
    fields.push(choice(frame, "clock_starts_on", "clock_start", ClockStart::ALL, policy.clock_starts_on));
}

/// When clocks warn, whom they are told farther up, and which stand still while a ticket waits.
fn alarms(frame: &Frame, fields: &mut Vec<Field>, policy: &Policy) {
    let known = |numbers: Vec<String>| numbers.join(" ");
    let warn = policy.warn_percents.iter().flatten().map(ToString::to_string).collect();
    let escalate = policy.escalate_percents.iter().flat_map(|it| [it.handler, it.supervisor, it.leader]);
    let escalate = escalate.map(|it| it.to_string()).collect();
    for (name, known) in [("warn_percents", known(warn)), ("escalate_percents", known(escalate))] {
        fields.push(line_of(frame, name).value(known).hint(frame.say(&format!("set.{name}_hint"))));
    }
    let stages = Stage::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("stage.{it}"))));
    let none = (NONE_PAUSES.to_owned(), frame.say("set.none_pauses"));
    let mut pauses = Field::new("pauses", Input::Several, label(frame, "pauses")).picks(stages.chain([none]));
    pauses.values = match &policy.pauses {
        None => Vec::new(),
        Some(stages) if stages.is_empty() => vec![NONE_PAUSES.to_owned()],
        Some(stages) => stages.iter().map(ToString::to_string).collect(),
    };
    fields.push(pauses);
}

fn read_alarms(sent: &Sent, fields: &mut Map<String, Value>, faults: &mut Faults) {
    let mut numbers = |name: &str| {
        let given = sent.given(name)?;
        let parts = given.split([' ', ',', '，', '、', '%']).filter(|it| !it.is_empty());
        let read: Option<Vec<u16>> = parts.map(|it| it.parse().ok()).collect();
        if read.is_none() {
            faults.add(name, "请写整数，用空格隔开。 Write whole numbers, parted by spaces.");
        }
        read
    };
    let (warn, escalate) = (numbers("warn_percents"), numbers("escalate_percents"));
    let escalate = match escalate.as_deref() {
        None => Value::Null,
        Some([handler, supervisor, leader]) => {
            json!({"handler": handler, "supervisor": supervisor, "leader": leader})
        }
        Some(_) => {
            faults.add("escalate_percents", "请写三个数。 Write three numbers.");
            Value::Null
        }
    };
    let pauses = sent.all("pauses");
    let stages: Vec<&String> = pauses.iter().filter(|it| *it != NONE_PAUSES).collect();
    fields.insert("warn_percents".to_owned(), json!(warn));
    fields.insert("escalate_percents".to_owned(), escalate);
    fields.insert("pauses".to_owned(), if pauses.is_empty() { Value::Null } else { json!(stages) });
}

/// The fields of a policy's form as the set-up takes them; what was left empty is null.
///
/// # Errors
/// `Invalid` for what cannot be read at all.
pub(super) fn read(sent: &Sent) -> Result<Map<String, Value>, Refusal> {
    let mut faults = Faults::default();
    let mut fields = Map::new();
    fields.insert("name".to_owned(), sent.text("name").into());
    for name in ["category", "kind", "priority", "clock_starts_on"] {
        fields.insert(name.to_owned(), sent.given(name).map_or(Value::Null, Value::from));
    }
    for name in FIGURES {
        let number = match sent.given(name) {
            None => Value::Null,
            Some(given) => given.parse::<u32>().map_or_else(
                |_| {
                    faults.add(name, "请写一个整数。 Write a whole number.");
                    Value::Null
                },
                Value::from,
            ),
        };
        fields.insert(name.to_owned(), number);
    }
    let approval = sent.given("reply_needs_approval").map(|it| it == "yes");
    fields.insert("reply_needs_approval".to_owned(), approval.map_or(Value::Null, Value::from));
    let mut targets = Map::new();
    for stage in Stage::ALL {
        let name = target_name(*stage);
        let Some(given) = sent.given(name) else { continue };
        match text::read_target(&given).and_then(|it: Target| serde_json::to_value(it).ok()) {
            Some(target) => drop(targets.insert(stage.to_string(), target)),
            None => {
                faults.add(name, TARGET_FAULT);
            }
        }
    }
    fields.insert("targets".to_owned(), Value::Object(targets));
    let rework = sent.given("rework").map(|given| text::read_target(&given));
    if rework.flatten().is_none() && rework.is_some() {
        faults.add("rework", TARGET_FAULT);
    }
    fields.insert("rework".to_owned(), serde_json::to_value(rework.flatten()).unwrap_or_default());
    read_alarms(sent, &mut fields, &mut faults);
    faults.check(fields)
}

/// A stage as it was, and as it would have been.
pub(super) struct StageLine {
    pub(super) stage: String,
    pub(super) clocks_was: u64,
    pub(super) late_was: u64,
    pub(super) clocks_would: u64,
    pub(super) late_would: u64,
}

/// A past period counted again under the policy of the form; nothing was changed.
pub(super) struct Tried {
    pub(super) title: String,
    pub(super) stages: Vec<StageLine>,
    /// Number, and what would have been otherwise.
    pub(super) tickets: Vec<(String, Vec<String>)>,
    pub(super) n_more: usize,
    /// Tickets that could not be counted again.
    pub(super) n_unread: u64,
}

impl Tried {
    fn of(frame: &Frame, days: i64, done: &Simulation) -> Self {
        let (days, n) = (days.to_string(), done.n_tickets.to_string());
        let stages = done.stages.iter().map(|(stage, it)| StageLine {
            stage: frame.say(&format!("stage.{stage}")),
            clocks_was: it.n_clocks_was,
            late_was: it.n_late_was,
            clocks_would: it.n_clocks_would,
            late_would: it.n_late_would,
        });
        let named =
            done.tickets.iter().take(NAMED_MAX).map(|it| {
                (it.number.clone(), it.clocks.iter().map(|clock| sentence(frame, clock)).collect())
            });
        Self {
            title: frame.say_with("whatif.title", &[("days", &days), ("n", &n)]),
            stages: stages.collect(),
            tickets: named.collect(),
            n_more: done.tickets.len().saturating_sub(NAMED_MAX),
            n_unread: done.n_unread,
        }
    }
}

fn sentence(frame: &Frame, it: &Difference) -> String {
    let due = |at: Option<crate::domain::value::At>| {
        at.map_or_else(|| "—".to_owned(), |at| moment(at, frame.now, frame.zone))
    };
    let key = if it.late_would { "whatif.would_be_late" } else { "whatif.would_be_in_time" };
    let stage = frame.say(&format!("stage.{}", it.stage));
    frame.say_with(key, &[("stage", &stage), ("was", &due(it.due_was)), ("would", &due(it.due_would))])
}

/// Counts the days asked for again as if the form had held; `card` is the policy that is changed.
///
/// # Errors
/// `Invalid` with each wrong field; `Forbidden` at another's node.
pub(super) async fn tried(
    app: &App,
    caller: &PageCaller,
    frame: &Frame,
    card: &EntryCard,
    sent: &Sent,
) -> Result<Tried, Error> {
    let node = card.node.clone().ok_or_else(|| {
        Refusal::field("node", "全系统的规则不能试算。 A policy of the whole system cannot be tried.")
    })?;
    let days: i64 = sent.text("days").parse().unwrap_or(0);
    let what = WhatIf { node, policy: Some(card.entry.code.clone()), fields: read(sent)? };
    let done = simulate::recent(app, caller, what, days).await?;
    Ok(Tried::of(frame, days, &done))
}
