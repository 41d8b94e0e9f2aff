//! Facts corrected: what runs is counted anew from its start (PRODUCT §4), and what has a target only now starts.

use super::Course;
use crate::domain::sla::{Clock, ClockEffect, ClockState, ExtensionState, Stage, Target};
use crate::domain::ticket::event::Facts;
use crate::domain::ticket::{Channel, Priority, Source, Status};
use crate::domain::value::At;

impl Course<'_> {
    pub(super) fn amended(&mut self, facts: &Facts) {
        let is_out_of_reach = is_out_of_reach(facts);
        if is_out_of_reach && facts.channel != self.ticket.channel {
            self.void(Stage::Contact);
        }
        let before = self.ticket.facts();
        let is_accepted = self.ticket.accepted_at.is_some();
        let is_emergency = |it: &Facts| {
            if is_accepted { it.priority == Some(Priority::Emergency) } else { it.suspected_emergency }
        };
        let changes_rules = before.kind != facts.kind
            || before.category != facts.category
            || is_accepted && before.priority != facts.priority
            || !is_accepted && before.suspected_emergency != facts.suspected_emergency;
        if !changes_rules {
            return;
        }
        if self.ticket.status.is_open() {
            for stage in [Stage::Accept, Stage::Assign, Stage::Acknowledge, Stage::Contact, Stage::Reply] {
                self.retime(stage, None);
            }
            self.correct_resolve(is_emergency(&before), is_emergency(facts));
            self.start_what_is_missing(is_out_of_reach);
        }
        // Later clocks are counted by them too.
        let names_rules =
            |it: &ClockEffect| matches!(it, ClockEffect::Started { .. } | ClockEffect::Retimed { .. });
        if !self.effects.iter().any(names_rules) {
            self.effects.push(ClockEffect::Ruled { rules: self.rules.digest });
        }
    }

    /// An emergency's resolve clock runs from receipt, any other from the first assignment of the cycle.
    fn correct_resolve(&mut self, was_emergency: bool, is_emergency: bool) {
        let resolve = self.ticket.clock_now(Stage::Resolve).cloned();
        let is_void = resolve.as_ref().is_none_or(|it| it.state == ClockState::Void);
        let is_breach_at_rest = resolve.as_ref().is_some_and(|it| it.breached_at.is_some() && !it.is_unmet());
        match (was_emergency, is_emergency) {
            (false, true) if resolve.as_ref().is_some_and(Clock::is_open) => {
                self.retime(Stage::Resolve, Some(self.begun_at()));
            }
            (false, true) if is_void && self.is_to_be_done() => {
                self.start_now_or_paused(Stage::Resolve, self.begun_at());
            }
            // The promise for emergencies was broken before: that clock goes on, no second one is broken again.
            (false, true) if is_breach_at_rest && self.is_to_be_done() => self.run_on(Stage::Resolve),
            (true, false) if resolve.as_ref().is_some_and(Clock::is_unmet) => {
                match self.first_assigned_at() {
                    // While it stands still, its pauses are carried over.
                    Some(first) if resolve.is_some_and(|it| it.state == ClockState::Paused) => {
                        self.retime(Stage::Resolve, Some(first));
                    }
                    Some(first) => {
                        self.void(Stage::Resolve);
                        self.start_now_or_paused(Stage::Resolve, first);
                    }
                    None => self.void(Stage::Resolve),
                }
            }
            _ => self.retime(Stage::Resolve, None),
        }
    }

    /// Work sent back runs on its clock; what was praise when it was resolved has none yet, and starts it.
    pub(super) fn resolve_again(&mut self) {
        let resolve = self.ticket.clock_now(Stage::Resolve);
        let has_one = resolve.is_some_and(|it| it.state != ClockState::Void);
        if has_one || self.ticket.source == Source::Import {
            self.run_on(Stage::Resolve);
        } else {
            self.start(Stage::Resolve, self.first_assigned_at().unwrap_or(self.at));
        }
    }

    /// Work that is not resolved yet.
    fn is_to_be_done(&self) -> bool {
        use Status as S;
        matches!(self.ticket.status, S::Received | S::Accepted | S::Assigned | S::InProgress | S::Waiting)
    }

    /// When work began in this cycle.
    pub(super) fn first_assigned_at(&self) -> Option<At> {
        let mut clocks = self.ticket.clocks.iter();
        let first = clocks.find(|it| it.stage == Stage::Acknowledge && it.cycle == self.ticket.cycle);
        first.map(|it| it.started_at).or(self.ticket.assigned_at)
    }

    /// What praise has no clock for, a request has: the stages it stands in now start from where they began.
    fn start_what_is_missing(&mut self, is_out_of_reach: bool) {
        let ticket = self.ticket;
        match ticket.status {
            Status::Received => {
                if self.is_to_start(Stage::Accept) {
                    let began = if ticket.cycle == 1 { ticket.received_at } else { self.at };
                    self.start(Stage::Accept, began);
                }
            }
            Status::Accepted => {
                if self.is_to_start(Stage::Assign) && !ticket.returned_in_cycle {
                    self.start(Stage::Assign, ticket.accepted_at.unwrap_or(self.at));
                }
            }
            Status::Assigned | Status::InProgress | Status::Waiting => {
                let began = self.first_assigned_at().unwrap_or(self.at);
                if ticket.status == Status::Assigned && self.is_to_start(Stage::Acknowledge) {
                    self.start(Stage::Acknowledge, ticket.assigned_at.unwrap_or(self.at));
                }
                if self.is_missing(Stage::Contact) && is_out_of_reach {
                    self.begin(Stage::Contact, ticket.cycle, began, true);
                } else if self.is_missing(Stage::Contact) {
                    self.start_now_or_paused(Stage::Contact, began);
                }
                if self.is_to_start(Stage::Resolve) {
                    self.start_now_or_paused(Stage::Resolve, began);
                }
            }
            Status::Resolved
            | Status::Replied
            | Status::Closed
            | Status::Declined
            | Status::Merged
            | Status::Withdrawn => {}
        }
    }

    /// True where the work at hand has no clock that could still be met: none in this cycle, or only one that is over,
    /// as a correction to praise or an acceptance below emergency leaves it. Old letters keep theirs void.
    fn is_to_start(&self, stage: Stage) -> bool {
        let moved = |it: &ClockEffect| matches!(it, ClockEffect::Started { stage: of, .. } | ClockEffect::RanOn { stage: of, .. } if *of == stage);
        let is_over = self.ticket.clock_now(stage).is_some_and(|it| !it.is_unmet());
        self.is_missing(stage)
            || is_over && self.ticket.source != Source::Import && !self.effects.iter().any(moved)
    }

    /// True where this cycle has no such clock, not even one that is over.
    fn is_missing(&self, stage: Stage) -> bool {
        let started = |it: &ClockEffect| matches!(it, ClockEffect::Started { stage: of, .. } if *of == stage);
        self.ticket.clock_now(stage).is_none() && !self.effects.iter().any(started)
    }

    /// Starts a clock, which stands still at once if the ticket waits.
    fn start_now_or_paused(&mut self, stage: Stage, at: At) {
        self.start(stage, at);
        let is_paused = self.ticket.status == Status::Waiting && self.rules.policy.pauses.contains(&stage);
        if is_paused && self.target(stage, self.ticket.cycle, at).is_some() {
            self.effects.push(ClockEffect::Paused { stage });
        }
    }

    pub(in crate::domain::sla) fn retime(&mut self, stage: Stage, started_at: Option<At>) {
        let Some(clock) = self.ticket.clock_now(stage).filter(|it| it.is_open()).cloned() else { return };
        // What this event has stopped already stays stopped.
        if self.effects.contains(&ClockEffect::Voided { stage }) {
            return;
        }
        let resumes = |it: &ClockEffect| matches!(it, ClockEffect::Resumed { stage: of, .. } if *of == stage);
        let resumed_at = self.effects.iter().any(resumes).then_some(self.at);
        let started_at = started_at.unwrap_or(clock.started_at);
        let Some(target) = self.target(stage, clock.cycle, started_at) else {
            return self.void(stage);
        };
        let due = target.due(started_at, &self.rules.calendar);
        let mut again = Clock { started_at, due_at: due.at, ..clock };
        again.details.target = target;
        again.due_at = self.moved(&again, target, resumed_at);
        let alarm = again.alarm_again(&self.rules.policy, &self.rules.calendar);
        self.effects.push(ClockEffect::Retimed {
            stage,
            started_at,
            due_at: again.due_at,
            target,
            provisional: due.is_provisional,
            rules: self.rules.digest,
            alarm,
        });
    }

    /// The due time of `clock` with all that moved it, one after another: its pauses, and more time once granted.
    fn moved(&self, clock: &Clock, target: Target, resumed_at: Option<At>) -> At {
        let calendar = &self.rules.calendar;
        let mut granted = (self.ticket.extensions.iter())
            .filter(|it| clock.stage == Stage::Resolve && it.cycle == clock.cycle)
            .filter(|it| it.state == ExtensionState::Granted)
            .filter_map(|it| Some((it.decided_at?, it.due_at)))
            .peekable();
        let mut due_at = clock.due_at;
        for pause in &clock.details.pauses {
            let Some(to) = pause.to.or(resumed_at) else { continue };
            while let Some((_, until)) = granted.next_if(|(decided_at, _)| *decided_at <= to) {
                due_at = due_at.max(until);
            }
            due_at = target.after(due_at, target.elapsed(pause.from, to, calendar), calendar);
        }
        granted.fold(due_at, |due_at, (_, until)| due_at.max(until))
    }
}

fn is_out_of_reach(facts: &Facts) -> bool {
    matches!(facts.channel, Channel::None | Channel::Board)
}
