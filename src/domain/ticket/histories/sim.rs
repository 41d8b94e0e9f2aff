//! A ticket that lives through a history, and what is checked at each of its events.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use chrono::TimeDelta;
use chrono_tz::Tz;
use serde_json::json;

use super::checks;
use super::story::{Act, History, Import, Start};
use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::setup::Policy;
use crate::domain::sla::{Clock, ClockEffect, Matter, Rulebook, Rules, RulesDigest, Stage, Target, Targets};
use crate::domain::ticket::event::Facts;
use crate::domain::ticket::intake::{LookedUp, Submission};
use crate::domain::ticket::{
    Action, Change, Channel, Doing, ExtensionDecision, Kind, Outcome, Place, Priority, Reach, Source, Status,
    Ticket, WaitingFor,
};
use crate::domain::value::{At, NodeId, SetupId, TicketId};

const NODE: NodeId = NodeId(3);
/// A category with a policy of its own, and one without.
const LAMPS: SetupId = SetupId(11);
const PIPES: SetupId = SetupId(12);
const UNITS: [SetupId; 2] = [SetupId(21), SetupId(22)];

/// When the timer looks at the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticks {
    /// At the very moment of each alarm.
    OnTime,
    /// Somewhere between two steps, where the history says so.
    Sometimes,
    /// Only when all is over.
    Never,
}

/// What is in force around the tickets.
pub(super) struct Surroundings {
    rulebook: Arc<Rulebook>,
    place: Place,
    kept: BTreeMap<RulesDigest, Arc<Rules>>,
}

impl Surroundings {
    fn new() -> Self {
        let lamps = Policy {
            category: Some("lamps".to_owned()),
            targets: Targets {
                contact: Some(Target::WorkingMinutes(240)),
                resolve: Some(Target::WorkingMinutes(900)),
                ..Targets::default()
            },
            warn_percents: Some(vec![40, 90]),
            pauses: Some(vec![Stage::Resolve, Stage::Contact]),
            ..Policy::default()
        };
        let rulebook = Rulebook {
            policies: vec![(2, lamps)],
            lines: [(LAMPS, vec!["lamps".to_owned()]), (PIPES, vec!["pipes".to_owned()])].into(),
            ..Rulebook::default()
        };
        Self {
            rulebook: Arc::new(rulebook),
            place: Place { owner_path: "/1/2/3/".to_owned(), handling_path: "/1/2/3/".to_owned() },
            kept: BTreeMap::new(),
        }
    }

    /// Lets `act` happen as the services would: by the rules kept for the ticket.
    fn with<T>(
        &self,
        matter: &Matter,
        kept: Option<RulesDigest>,
        now: At,
        act: impl FnOnce(&Doing) -> T,
    ) -> T {
        let policy = self.rulebook.policy(matter);
        act(&Doing {
            actor: &Actor::System,
            from: None,
            now,
            place: &self.place,
            policy: &policy,
            calendar: &self.rulebook.calendar,
            rulebook: &self.rulebook,
            kept: kept.map(|it| &self.kept[&it]),
            zone: Tz::Asia__Shanghai,
        })
    }

    fn doing<T>(&self, ticket: Ticket, now: At, act: impl FnOnce(Ticket, &Doing) -> T) -> T {
        self.with(&Matter::of(&ticket), ticket.rules, now, |doing| act(ticket, doing))
    }

    fn keep(&mut self, change: &Change) {
        self.kept.extend(change.rules_picked().iter().map(|it| (it.digest, Arc::clone(it))));
    }

    /// The rules that a clock is counted by.
    pub(super) fn rules(&self, digest: RulesDigest) -> &Rules {
        &self.kept[&digest]
    }

    fn receive(&self, id: TicketId, start: &Start) -> Change {
        let words = if start.is_dangerous { "电梯里有人被困" } else { "路灯不亮" };
        let mut body = json!({"community": "YD", "kind": start.kind, "description": words});
        if start.has_phone {
            body["contact"] = json!({"phone": "13850001234", "channel": "call"});
        }
        let submission: Submission = serde_json::from_value(body).unwrap();
        let mut parsed = submission.parse(&Actor::System, start.at).unwrap();
        parsed.received_at = start.at + TimeDelta::minutes(-start.minutes_before);
        parsed.source = if start.import.is_some() { Source::Import } else { Source::Web };
        let looked_up = LookedUp {
            is_live: start.import == Some(Import::Live),
            parent: Some(NODE),
            ..LookedUp::default()
        };
        let matter = Matter { kind: start.kind, priority: Priority::Normal, category: None };
        self.with(&matter, None, start.at, |doing| {
            Ticket::receive(id, format!("YD-20261123-{:05}", id.0), NODE, &parsed, &looked_up, doing)
        })
    }
}

/// A ticket, the one it may be merged into, and all that happened.
pub(super) struct Sim {
    around: Surroundings,
    ticks: Ticks,
    now: At,
    pub(super) ticket: Ticket,
    main: Ticket,
    said: checks::Said,
    /// Whether each step was taken or refused.
    pub(super) taken: Vec<bool>,
    pub(super) statuses: Vec<Status>,
    pub(super) kinds: Vec<String>,
    /// What happened, for people.
    pub(super) log: String,
}

impl Sim {
    /// Lives through a whole history; the timer looks once more at its end, and long after it.
    pub(super) fn live(history: &History, ticks: Ticks) -> Self {
        let mut sim = Self::before_the_end(history, ticks);
        sim.tick();
        sim.pass(200_000, None);
        sim.tick();
        sim
    }

    /// Lives through a history up to its last step.
    pub(super) fn before_the_end(history: &History, ticks: Ticks) -> Self {
        let mut sim = Self::begin(&history.start, ticks);
        for step in &history.steps {
            sim.pass(step.minutes, step.tick_percent);
            let change = sim.attempt(&step.act);
            // A correction that corrects nothing may still record what time did.
            let is_taken = change.as_ref().is_some_and(|it| it.entries().iter().any(|it| !it.is_times));
            sim.log_line(&format!("{:?}{}", step.act, if is_taken { "" } else { " – refused" }));
            sim.taken.push(is_taken);
            let is_sent_back = is_taken && step.act == Act::MainSendBack;
            if let Some(change) = change {
                sim.take(&change);
            }
            if is_sent_back {
                let reply = sim.ticket.clock_now(Stage::Reply);
                assert!(!reply.is_some_and(Clock::is_unmet), "the answer is still waited for\n{}", sim.log);
            }
        }
        sim
    }

    fn begin(start: &Start, ticks: Ticks) -> Self {
        let mut around = Surroundings::new();
        let change = around.receive(TicketId(1), start);
        around.keep(&change);
        let plain = Start { is_dangerous: false, kind: Kind::Request, import: None, ..start.clone() };
        let main = around.receive(TicketId(2), &plain);
        around.keep(&main);
        let first = &change.entries()[0];
        let mut ticket = first.event.begin(TicketId(1), start.at).unwrap();
        ticket.apply_effects(&first.effects, start.at);
        let mut sim = Self {
            around,
            ticks,
            now: start.at,
            ticket,
            main: main.ticket().clone(),
            said: checks::Said::new(),
            taken: Vec::new(),
            statuses: Vec::new(),
            kinds: Vec::new(),
            log: String::new(),
        };
        sim.log_line(&format!("{start:?}"));
        sim.follow(&change, 1);
        sim
    }

    /// Lets time pass; meanwhile the timer looks or does not.
    fn pass(&mut self, minutes: i64, tick_percent: Option<i64>) {
        let to = self.now + TimeDelta::minutes(minutes);
        match self.ticks {
            Ticks::OnTime => {
                while let Some(alarm) = self.ticket.next_alarm_at.filter(|it| *it <= to) {
                    self.now = alarm.max(self.now);
                    self.tick();
                }
            }
            Ticks::Sometimes => {
                if let Some(percent) = tick_percent {
                    self.now = self.now + TimeDelta::seconds(minutes * 60 * percent / 100);
                    self.tick();
                }
            }
            Ticks::Never => {}
        }
        self.now = to;
    }

    fn tick(&mut self) {
        let change = self.around.doing(self.ticket.clone(), self.now, Ticket::timer);
        if let Some(change) = change {
            self.log_line("tick");
            self.take(&change);
        }
        checks::nothing_is_left_to_say(&self.ticket, self.now, &self.log);
    }

    fn take(&mut self, change: &Change) {
        self.around.keep(change);
        self.follow(change, 0);
    }

    /// Folds the entries of a change from `n_done` on, checking each; they add up to its ticket.
    fn follow(&mut self, change: &Change, n_done: usize) {
        for entry in &change.entries()[n_done..] {
            let before = self.ticket.clone();
            entry.event.apply_all(&entry.effects, &mut self.ticket, self.now, None);
            let (kind, _) = entry.event.to_parts().unwrap();
            self.log_line(&format!("    {kind}{}", effects_told(&entry.effects)));
            self.kinds.push(kind);
            checks::entry(&before, entry, &self.ticket, self.now, &self.around, &mut self.said, &self.log);
        }
        assert_eq!(&self.ticket, change.ticket(), "folding gives another ticket\n{}", self.log);
        self.statuses.push(self.ticket.status);
        checks::clocks(&self.ticket, &self.around, &self.log);
    }

    fn log_line(&mut self, what: &str) {
        writeln!(self.log, "{} {} {what}", told(self.now), self.ticket.status).unwrap();
    }

    /// What comes of an act; None when it is refused, or changes nothing.
    fn attempt(&mut self, act: &Act) -> Option<Change> {
        if matches!(act, Act::MainResolve | Act::MainSendBack | Act::MainReply | Act::MainWithdraw) {
            return self.attempt_with_main(act);
        }
        let ticket = self.ticket.clone();
        // What people see before they act: a page is never older than the timer's last look.
        let looked = self.around.doing(ticket.clone(), self.now, Ticket::timer);
        let seen = looked.map_or_else(|| ticket.clone(), |it| it.ticket().clone());
        let facts = corrected(act, ticket.facts());
        let change = self.around.doing(ticket, self.now, |ticket, doing| match act {
            Act::Grant | Act::Refuse => decide(ticket, *act == Act::Grant, doing),
            Act::Priority(_)
            | Act::Category { .. }
            | Act::Kind(_)
            | Act::Suspicion(_)
            | Act::NoChannel
            | Act::Seal => ticket.amend(facts, vec![], Some(NODE), doing),
            _ => {
                let action = action(act, &seen, &self.main, doing);
                action.map_or_else(|| Err(Refusal::NotFound(String::new())), |it| ticket.act(it, doing))
            }
        });
        change.ok().filter(|it| !it.entries().is_empty())
    }

    /// What happens to the main ticket and so to this one.
    fn attempt_with_main(&mut self, act: &Act) -> Option<Change> {
        let actions = match act {
            Act::MainResolve => {
                let way = [Status::Received, Status::Accepted, Status::Assigned, Status::InProgress];
                way.iter().filter_map(|it| next(*it)).collect()
            }
            Act::MainSendBack => vec![Action::SendBack { reason: String::new() }],
            Act::MainReply => vec![reply(Some(Reach::Reached))],
            Act::MainWithdraw => vec![Action::Withdraw { reason: None }],
            _ => return None,
        };
        let mut has_moved = false;
        for action in actions {
            let main = self.main.clone();
            if let Ok(change) = self.around.doing(main, self.now, |main, doing| main.act(action, doing)) {
                self.around.keep(&change);
                self.main = change.ticket().clone();
                has_moved = true;
            }
        }
        let (main, ticket) = (self.main.clone(), self.ticket.clone());
        let follows = has_moved && ticket.merged_into == Some(main.id);
        let change = follows.then(|| {
            self.around.doing(ticket, self.now, |ticket, doing| match act {
                Act::MainWithdraw => ticket.released(&main, doing),
                Act::MainReply => ticket.answer_with_main(&main, "好了".to_owned(), doing),
                _ => ticket.follow_clock(*act == Act::MainResolve, doing),
            })
        });
        change.flatten()
    }
}

/// Effects on clocks as a reader needs them.
fn effects_told(effects: &[ClockEffect]) -> String {
    let told = effects.iter().map(|it| {
        let json = serde_json::to_value(it).unwrap();
        let due = json["due_at"].as_i64().map(|it| format!(" due {}", told(At::from_micros(it))));
        format!(
            "; {} {}{}",
            json["do"].as_str().unwrap(),
            json["stage"].as_str().unwrap_or_default(),
            due.unwrap_or_default()
        )
    });
    told.collect()
}

/// A local time.
fn told(at: At) -> String {
    at.to_utc().with_timezone(&Tz::Asia__Shanghai).format("%a %Y-%m-%d %H:%M:%S").to_string()
}

fn decide(ticket: Ticket, is_granted: bool, doing: &Doing) -> Result<Change, Refusal> {
    let last = ticket.extensions.last().map_or(1, |it| it.id);
    let decision =
        if is_granted { ExtensionDecision::Grant } else { ExtensionDecision::Refuse { reason: None } };
    ticket.decide_extension_request(last, decision, doing)
}

fn reply(outcome: Option<Reach>) -> Action {
    Action::Reply { text: "好了".to_owned(), channel: Some(Channel::Visit), outcome }
}

fn reach(is_reached: bool) -> Reach {
    if is_reached { Reach::Reached } else { Reach::NotReached }
}

fn accept(is_lamp: bool, priority: Priority) -> Action {
    let category = if is_lamp { LAMPS } else { PIPES };
    Action::Accept { category, priority, may_publish: None, has_description: true }
}

fn assign(second: bool) -> Action {
    Action::Assign { unit: UNITS[usize::from(second)], assignee: None, supporting: vec![], note: None }
}

/// What comes next where all goes well; an answer never satisfies, so that cycles follow one another.
fn next(status: Status) -> Option<Action> {
    Some(match status {
        Status::Received => accept(false, Priority::Normal),
        Status::Accepted => assign(false),
        Status::Assigned => Action::Acknowledge,
        Status::InProgress => Action::Resolve { outcome: Outcome::Solved, result: String::new() },
        Status::Waiting => Action::Resume,
        Status::Resolved => reply(Some(Reach::Reached)),
        Status::Replied | Status::Closed | Status::Declined => Action::Reopen { reason: String::new() },
        Status::Merged | Status::Withdrawn => return None,
    })
}

fn action(act: &Act, ticket: &Ticket, main: &Ticket, doing: &Doing) -> Option<Action> {
    let reason = String::new;
    Some(match act {
        Act::Next => next(ticket.status)?,
        Act::Accept { is_lamp, priority } => accept(*is_lamp, *priority),
        Act::Decline => Action::Decline { reason: reason(), refer_to: None },
        Act::Assign { second } => assign(*second),
        Act::Return => Action::Return { reason: reason() },
        Act::Acknowledge => Action::Acknowledge,
        Act::Contact { is_reached } => {
            Action::Contact { channel: Channel::Call, outcome: reach(*is_reached), note: None }
        }
        Act::Wait => Action::Wait { waiting_for: WaitingFor::Resident, reason: reason() },
        Act::Resume => Action::Resume,
        Act::Resolve => Action::Resolve { outcome: Outcome::Explained, result: reason() },
        Act::SendBack => Action::SendBack { reason: reason() },
        Act::Reply { is_reached } => reply(Some(reach(*is_reached))),
        Act::Rate { solved } => {
            let main = (ticket.merged_into == Some(main.id)).then(|| Box::new(main.clone()));
            Action::Rate { solved: *solved, satisfaction: None, comment: None, asked_by: None, main }
        }
        Act::Close => Action::Close { reason: reason() },
        Act::Reopen => Action::Reopen { reason: reason() },
        Act::Withdraw => Action::Withdraw { reason: None },
        Act::Supplement => Action::Supplement { text: reason() },
        Act::Extend { working_days } => {
            let due_at = ticket.clock_now(Stage::Resolve)?.due_at;
            let asked = doing.calendar.end_of_working_days(due_at, *working_days).ok()?;
            Action::Extend { due_at: asked.at, reason: reason() }
        }
        Act::Merge => Action::Merge { into: Box::new(main.clone()), is_main: false },
        Act::Split => Action::Split { main: Box::new(main.clone()) },
        _ => return None,
    })
}

fn corrected(act: &Act, facts: Facts) -> Facts {
    match act {
        Act::Priority(priority) => Facts { priority: Some(*priority), ..facts },
        Act::Category { is_lamp } => Facts { category: Some(if *is_lamp { LAMPS } else { PIPES }), ..facts },
        Act::Kind(kind) => Facts { kind: *kind, ..facts },
        Act::Suspicion(suspected_emergency) => Facts { suspected_emergency: *suspected_emergency, ..facts },
        Act::NoChannel => Facts { channel: Channel::None, ..facts },
        Act::Seal => Facts { sealed: true, ..facts },
        _ => facts,
    }
}
