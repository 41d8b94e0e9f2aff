//! What holds in any history.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use super::sim::Surroundings;
use crate::domain::sla::{Clock, ClockEffect, ClockState, ExtensionState, Stage};
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::{Entry, Status, Ticket};
use crate::domain::value::At;

/// How often each clock said what.
pub(super) type Said = BTreeMap<(Stage, u32, u32, String), u32>;

/// What holds of one event: `before` and `after` are the ticket without and with it.
pub(super) fn entry(
    before: &Ticket,
    entry: &Entry,
    after: &Ticket,
    now: At,
    around: &Surroundings,
    said: &mut Said,
    log: &str,
) {
    says_once(before, &entry.event, now, said, log);
    verdicts_stay(before, &entry.event, after, log);
    for effect in &entry.effects {
        if let ClockEffect::Resumed { stage, .. } = effect {
            a_pause_moves_by_itself(before, *stage, after, around, log);
        } else if let ClockEffect::Met { stage } = effect {
            let clock = after.clock(*stage).unwrap();
            let is_late = now > clock.due_at;
            assert_eq!(clock.state == ClockState::Breached, is_late, "{stage} met late or in time\n{log}");
        }
    }
}

/// Each clock warns once of each percentage, is breached once, and is escalated once to each level.
fn says_once(before: &Ticket, event: &TicketEvent, now: At, said: &mut Said, log: &str) {
    let (stage, what, due_at) = match event {
        TicketEvent::ClockWarned { stage, percent, due_at, .. } => (*stage, format!("{percent} %"), *due_at),
        TicketEvent::ClockBreached { stage, due_at, .. } => (*stage, "breach".to_owned(), *due_at),
        TicketEvent::ClockEscalated { stage, level, due_at, .. } => (*stage, level.to_string(), *due_at),
        _ => return,
    };
    let clock = before.clock(stage).unwrap();
    assert_eq!(due_at, clock.due_at, "{stage} {what} names another due time\n{log}");
    if matches!(event, TicketEvent::ClockWarned { .. }) {
        assert_eq!(clock.breached_at, None, "{stage} warns after its breach\n{log}");
    } else {
        assert!(now > clock.due_at, "{stage} {what} before it is due\n{log}");
    }
    let n_said = said.entry((stage, clock.cycle, clock.nth, what)).or_default();
    *n_said += 1;
    assert_eq!(*n_said, 1, "{stage} says it again\n{log}");
}

/// A verdict is for ever; only work sent back lets a clock that was met run on.
fn verdicts_stay(before: &Ticket, event: &TicketEvent, after: &Ticket, log: &str) {
    for (old, new) in before.clocks.iter().zip(&after.clocks) {
        let stage = old.stage;
        assert_eq!(
            (stage, old.cycle, old.nth),
            (new.stage, new.cycle, new.nth),
            "clocks change places\n{log}"
        );
        if old.state == ClockState::Breached {
            let fact = |it: &Clock| (it.state, it.breached_at, it.due_at, it.started_at);
            assert_eq!(fact(old), fact(new), "a breach of {stage} changes\n{log}");
            assert_eq!(old.breached_at, Some(old.due_at), "{stage} breached at another time\n{log}");
        }
        let is_sent_back = matches!(event, TicketEvent::SentBack {});
        if old.state == ClockState::Met && !is_sent_back {
            assert_eq!(old, new, "{stage} was met, and changes\n{log}");
        }
    }
}

/// A pause of x minutes moves the due time by x minutes, as the target counts them.
fn a_pause_moves_by_itself(before: &Ticket, stage: Stage, after: &Ticket, around: &Surroundings, log: &str) {
    let (old, new) = (before.clock(stage).unwrap(), after.clock(stage).unwrap());
    let pause = new.details.pauses.last().unwrap();
    let calendar = &around.rules(old.rules).calendar;
    let target = old.details.target;
    let stood_still = target.elapsed(pause.from, pause.to.unwrap(), calendar);
    let moved = target.elapsed(old.due_at, new.due_at, calendar);
    assert_eq!(moved, stood_still, "{stage} moved by another time than it stood still\n{log}");
}

/// What holds of the clocks between two changes.
pub(super) fn clocks(ticket: &Ticket, around: &Surroundings, log: &str) {
    for clock in &ticket.clocks {
        due_times_add_up(ticket, clock, around, log);
        let is_met = clock.met_at.is_some_and(|it| it <= clock.due_at);
        assert!(!(is_met && clock.breached_at.is_some()), "{} met in time and breached\n{log}", clock.stage);
        if clock.is_open() {
            somebody_can_meet_it(ticket, clock, log);
        }
    }
    let waits = ticket.status == Status::Waiting;
    assert!(waits || ticket.clocks.iter().all(|it| it.paused_at.is_none()), "paused without waiting\n{log}");
    the_stage_has_its_clock(ticket, log);
}

/// The due time is that of the target from the start, and every pause after it; in open time.
fn due_times_add_up(ticket: &Ticket, clock: &Clock, around: &Surroundings, log: &str) {
    let is_granted = |it: &crate::domain::sla::Extension| {
        clock.stage == Stage::Resolve && it.cycle == clock.cycle && it.state == ExtensionState::Granted
    };
    if ticket.extensions.iter().any(is_granted) {
        return;
    }
    let calendar = &around.rules(clock.rules).calendar;
    let target = clock.details.target;
    let first = target.due(clock.started_at, calendar).at;
    // One that never was let go on stands still in its last pause; where it was voided, its end moves nothing.
    let ended = clock.details.pauses.iter().filter_map(|it| it.to.map(|to| (it.from, to)));
    let stood_still: Vec<TimeDelta> = ended.map(|(from, to)| target.elapsed(from, to, calendar)).collect();
    let moved = target.elapsed(first, clock.due_at, calendar);
    let all = stood_still.iter().fold(TimeDelta::zero(), |sum, it| sum + *it);
    let but_last = all - stood_still.last().copied().unwrap_or_default();
    let is_void = clock.state == ClockState::Void;
    assert!(
        moved == all || is_void && moved == but_last,
        "{} is due {} after start and pauses\n{log}",
        clock.stage,
        moved - all
    );
    if !target.is_round_the_clock() {
        let just_before = clock.due_at + TimeDelta::microseconds(-1);
        let is_open = calendar.is_open(just_before) || calendar.is_open(clock.due_at);
        assert!(is_open, "{} is due in closed time\n{log}", clock.stage);
    }
}

/// No clock runs that nobody could meet.
fn somebody_can_meet_it(ticket: &Ticket, clock: &Clock, log: &str) {
    use Status as S;
    let statuses: &[Status] = match clock.stage {
        Stage::Accept => &[S::Received],
        Stage::Assign => &[S::Accepted],
        Stage::Acknowledge => &[S::Assigned],
        Stage::Contact => &[S::Accepted, S::Assigned, S::InProgress, S::Waiting, S::Resolved],
        Stage::Resolve => &[S::Received, S::Accepted, S::Assigned, S::InProgress, S::Waiting],
        Stage::Reply => &[S::Resolved, S::Declined, S::Merged],
    };
    let (stage, status) = (clock.stage, ticket.status);
    assert!(statuses.contains(&status), "{stage} runs while {status}\n{log}");
    assert_eq!(clock.cycle, ticket.cycle, "{stage} of an earlier cycle runs\n{log}");
}

/// What is to be done next has a clock, unless policy gives it none.
fn the_stage_has_its_clock(ticket: &Ticket, log: &str) {
    use crate::domain::ticket::{Kind, Source};
    if ticket.kind == Kind::Praise || ticket.source == Source::Import {
        return;
    }
    let stage = match ticket.status {
        Status::Received => Stage::Accept,
        Status::Assigned => Stage::Acknowledge,
        Status::InProgress | Status::Waiting => Stage::Resolve,
        Status::Resolved => Stage::Reply,
        _ => return,
    };
    let has_clock = ticket.clock_now(stage).is_some_and(Clock::is_unmet);
    assert!(has_clock, "no {stage} clock while {}\n{log}", ticket.status);
}

/// After the timer looked nothing is overdue that has not been said.
pub(super) fn nothing_is_left_to_say(ticket: &Ticket, now: At, log: &str) {
    assert!(ticket.next_alarm_at.is_none_or(|it| it > now), "something is left to say\n{log}");
    for clock in ticket.clocks.iter().filter(|it| it.state == ClockState::Running) {
        assert!(clock.due_at >= now, "{} is overdue and runs\n{log}", clock.stage);
    }
}
