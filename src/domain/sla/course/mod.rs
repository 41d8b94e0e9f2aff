//! What each event does to the clocks: the table of PRODUCT §5, in one place.

mod correction;

use chrono_tz::Tz;

use super::{Clock, ClockDetails, ClockEffect, ClockState, Matter, Rulebook, Rules, Stage, Target};
use crate::domain::ticket::event::{FailedBy, Received, TicketEvent};
use crate::domain::ticket::{Channel, Priority, Reach, Status, Ticket};
use crate::domain::value::At;

/// After tries on so many different days the contact counts as made (PRODUCT §5).
const TRIES_ON_DIFFERENT_DAYS: usize = 3;

/// What the clocks are counted by.
#[derive(Debug, Clone, Copy)]
pub struct Works<'a> {
    /// What holds now, for what is picked now.
    pub rulebook: &'a Rulebook,
    /// What was picked for this ticket before.
    pub kept: Option<&'a Rules>,
    /// The community's time zone, for days of tries.
    pub zone: Tz,
}

/// The effects of one event, as they are put together.
pub(super) struct Course<'a> {
    pub(super) ticket: &'a Ticket,
    pub(super) at: At,
    pub(super) zone: Tz,
    pub(super) rules: Rules,
    pub(super) effects: Vec<ClockEffect>,
}

/// What `event`, recorded at `at`, does to the clocks of `ticket`, which is as it was before; and the rules that
/// were picked for it, where they are not those kept.
pub fn effects(
    ticket: &Ticket,
    event: &TicketEvent,
    at: At,
    works: Works,
) -> (Vec<ClockEffect>, Option<Rules>) {
    let picked = Matter::picked_by(ticket, event).map(|it| works.rulebook.rules(&it));
    let rules = match (&picked, works.kept) {
        (Some(picked), _) => picked.clone(),
        (None, Some(kept)) => kept.clone(),
        (None, None) => works.rulebook.rules(&Matter::of(ticket)),
    };
    let mut course = Course { ticket, at, zone: works.zone, rules, effects: Vec::new() };
    course.take(event);
    let names_rules = course.effects.iter().any(|it| {
        matches!(it, ClockEffect::Started { .. } | ClockEffect::Ruled { .. } | ClockEffect::Retimed { .. })
    });
    let rules =
        (names_rules && works.kept.is_none_or(|it| it.digest != course.rules.digest)).then_some(course.rules);
    (course.effects, rules)
}

/// What starts on a merged ticket when its main one is resolved at `at`.
pub fn main_resolved(ticket: &Ticket, at: At, works: Works) -> (Vec<ClockEffect>, Option<Rules>) {
    let rules = works.kept.cloned().unwrap_or_else(|| works.rulebook.rules(&Matter::of(ticket)));
    let mut course = Course { ticket, at, zone: works.zone, rules, effects: Vec::new() };
    if ticket.clock_now(Stage::Reply).is_none_or(|it| !it.is_unmet()) {
        course.start(Stage::Reply, at);
    }
    let rules = works.kept.is_none_or(|it| it.digest != course.rules.digest).then_some(course.rules);
    (course.effects, rules)
}

/// What ends on a merged ticket when its main one is sent back: nobody owes it an answer until that is resolved anew.
pub fn main_reopened(ticket: &Ticket) -> Vec<ClockEffect> {
    let is_unmet = ticket.clock_now(Stage::Reply).is_some_and(Clock::is_unmet);
    is_unmet.then_some(ClockEffect::Voided { stage: Stage::Reply }).into_iter().collect()
}

impl Course<'_> {
    fn take(&mut self, event: &TicketEvent) {
        match event {
            TicketEvent::Received(received) => self.received(received),
            TicketEvent::Amended { facts, taken_from, .. } => {
                if taken_from.is_some() {
                    self.void(Stage::Acknowledge);
                    self.resumed();
                }
                self.amended(facts);
            }
            TicketEvent::Accepted { priority, .. } => self.accepted(*priority),
            TicketEvent::Declined {} => {
                self.meet(Stage::Accept);
                self.void_open();
                self.start(Stage::Reply, self.at);
            }
            TicketEvent::Assigned { .. } => self.assigned(),
            TicketEvent::Returned { .. } => self.void(Stage::Acknowledge),
            TicketEvent::Acknowledged { .. } => self.meet(Stage::Acknowledge),
            TicketEvent::Contacted { outcome: Reach::Reached, .. } => self.meet(Stage::Contact),
            TicketEvent::Contacted { outcome: Reach::NotReached, .. }
            | TicketEvent::ReplyFailed { cause: FailedBy::NotReached, .. } => self.tried(),
            TicketEvent::Waiting { .. } => self.paused(),
            TicketEvent::Resumed {} => self.resumed(),
            TicketEvent::Resolved { .. } => {
                self.meet(Stage::Resolve);
                self.start(Stage::Reply, self.at);
            }
            TicketEvent::SentBack {} => {
                self.void(Stage::Reply);
                self.resolve_again();
            }
            TicketEvent::ReplyWritten { .. } if self.ticket.status == Status::Merged => {
                if self.ticket.clock_now(Stage::Reply).is_none_or(|it| !it.is_unmet()) {
                    self.start(Stage::Reply, self.at);
                }
            }
            TicketEvent::Replied { reply, .. } => self.replied(*reply),
            TicketEvent::Reopened { to, cycle } => self.reopened(*to, *cycle),
            TicketEvent::Split { to, cycle, .. } if *cycle > self.ticket.cycle => {
                self.reopened(*to, *cycle);
            }
            TicketEvent::Split { to, .. } => self.split(*to),
            TicketEvent::Merged { .. } | TicketEvent::Withdrawn {} | TicketEvent::Closed { .. } => {
                self.void_open();
            }
            TicketEvent::ExtensionGranted { due_at, .. } => self.extended(*due_at),
            TicketEvent::ClockWarned { stage, percent, .. } => {
                self.said(*stage, super::AlarmKind::Warning { percent: *percent });
            }
            TicketEvent::ClockBreached { stage, .. } => self.said(*stage, super::AlarmKind::Breach),
            TicketEvent::ClockEscalated { stage, level, .. } => {
                self.said(*stage, super::AlarmKind::Escalation(*level));
            }
            TicketEvent::ReplyWritten { .. }
            | TicketEvent::ReplyApproved { .. }
            | TicketEvent::ReplySent { .. }
            | TicketEvent::ReplyFailed { .. }
            | TicketEvent::Rated { .. }
            | TicketEvent::Noted {}
            | TicketEvent::Supplemented {}
            | TicketEvent::AttachmentAdded { .. }
            | TicketEvent::Escalated { .. }
            | TicketEvent::Urged {}
            | TicketEvent::Published {}
            | TicketEvent::Unpublished {}
            | TicketEvent::ContactViewed {}
            | TicketEvent::ReceiptReissued { .. }
            | TicketEvent::Erased {}
            | TicketEvent::ExtensionRequested { .. }
            | TicketEvent::ExtensionRefused { .. } => {}
        }
    }

    fn received(&mut self, received: &Received) {
        let at = received.received_at;
        self.begin(Stage::Accept, 1, at, !received.runs_clocks);
        if received.facts.suspected_emergency {
            self.begin(Stage::Resolve, 1, at, !received.runs_clocks);
        }
    }

    fn accepted(&mut self, priority: Priority) {
        let received_at = self.begun_at();
        self.meet(Stage::Accept);
        self.start(Stage::Assign, self.at);
        let runs = self.ticket.clock_now(Stage::Resolve).is_some_and(Clock::is_unmet);
        if priority == Priority::Emergency && !runs {
            self.start(Stage::Resolve, received_at);
        } else if priority == Priority::Emergency {
            self.retime(Stage::Resolve, None);
        } else if runs {
            self.void(Stage::Resolve);
        }
        if self.effects.iter().all(|it| !matches!(it, ClockEffect::Started { .. })) {
            self.effects.push(ClockEffect::Ruled { rules: self.rules.digest });
        }
    }

    /// When this cycle came in: the receipt, or the reopening that led back to the beginning.
    fn begun_at(&self) -> At {
        let first = self.ticket.clocks.iter().find(|it| it.cycle == self.ticket.cycle);
        first.map_or(self.ticket.received_at, |it| it.started_at)
    }

    fn assigned(&mut self) {
        self.meet(Stage::Assign);
        self.void(Stage::Acknowledge);
        self.start(Stage::Acknowledge, self.at);
        self.start_work(self.ticket.cycle, self.at);
    }

    /// Contact and resolve start with the first assignment of the cycle.
    fn start_work(&mut self, cycle: u32, at: At) {
        let of_cycle =
            |stage: Stage| self.ticket.clocks.iter().filter(move |it| it.stage == stage && it.cycle == cycle);
        let is_contact_there = of_cycle(Stage::Contact).next().is_some();
        // A clock from receipt counts only for an emergency; another priority starts a new one here.
        let is_emergency = self.ticket.priority == Some(Priority::Emergency);
        let accepted_at = self.ticket.accepted_at.unwrap_or(at);
        let is_resolve_there = of_cycle(Stage::Resolve)
            .any(|it| it.state != ClockState::Void && (is_emergency || it.started_at >= accepted_at));
        if !is_contact_there {
            let is_out_of_reach = matches!(self.ticket.channel, Channel::None | Channel::Board);
            self.begin(Stage::Contact, cycle, at, is_out_of_reach);
        }
        if !is_resolve_there {
            self.begin(Stage::Resolve, cycle, at, false);
        }
    }

    fn tried(&mut self) {
        let Some(clock) = self.ticket.clock_now(Stage::Contact).filter(|it| it.is_unmet()) else { return };
        let on = self.at.local_date(self.zone);
        let is_new = !clock.details.tried_on.contains(&on);
        let n_days = clock.details.tried_on.len() + usize::from(is_new);
        if is_new {
            self.effects.push(ClockEffect::Tried { stage: Stage::Contact, on });
        }
        if n_days >= TRIES_ON_DIFFERENT_DAYS {
            self.meet(Stage::Contact);
        }
    }

    fn paused(&mut self) {
        for stage in self.rules.policy.pauses.clone() {
            if self.ticket.clock_now(stage).is_some_and(|it| it.state == ClockState::Running) {
                self.effects.push(ClockEffect::Paused { stage });
            }
        }
    }

    /// A pause of x minutes moves the due time by exactly x minutes, as the target counts them.
    fn resumed(&mut self) {
        for stage in Stage::ALL {
            let Some(clock) = self.ticket.clock_now(*stage) else { continue };
            let Some(paused_at) = clock.paused_at else { continue };
            let (target, calendar) = (clock.details.target, &self.rules.calendar);
            let mut moved = clock.clone();
            let stood_still = target.elapsed(paused_at, self.at, calendar);
            moved.due_at = target.after(clock.due_at, stood_still, calendar);
            if let Some(pause) = moved.details.pauses.last_mut() {
                pause.to = Some(self.at);
            }
            let alarm = moved.alarm_again(&self.rules.policy, calendar);
            self.effects.push(ClockEffect::Resumed { stage: *stage, due_at: moved.due_at, alarm });
        }
    }

    fn extended(&mut self, due_at: At) {
        let Some(clock) = self.ticket.clock_now(Stage::Resolve) else { return };
        let moved = Clock { due_at, ..clock.clone() };
        let alarm = moved.alarm_again(&self.rules.policy, &self.rules.calendar);
        self.effects.push(ClockEffect::Extended { stage: Stage::Resolve, due_at, alarm });
    }

    fn replied(&mut self, id: u32) {
        let Some(reply) = self.ticket.replies.iter().find(|it| it.id == id) else { return };
        // A late answer of an earlier cycle does not answer this one.
        if reply.cycle != self.ticket.cycle {
            return;
        }
        self.meet(Stage::Reply);
        if !matches!(reply.channel, Channel::None | Channel::Board) {
            self.meet(Stage::Contact);
        }
    }

    fn reopened(&mut self, to: Status, cycle: u32) {
        self.void_open();
        if to == Status::Assigned {
            self.begin(Stage::Acknowledge, cycle, self.at, false);
            self.start_work(cycle, self.at);
        } else {
            self.begin(Stage::Accept, cycle, self.at, false);
            if self.ticket.suspected_emergency {
                self.begin(Stage::Resolve, cycle, self.at, false);
            }
        }
    }

    /// A merger taken back lets go on what it had stopped, as if it had not; what never ran, as of an old letter, does
    /// not start.
    fn split(&mut self, to: Status) {
        self.void(Stage::Reply);
        // Only what is received or accepted can be merged.
        let stopped = if to == Status::Received { Stage::Accept } else { Stage::Assign };
        if self.ticket.clock_now(stopped).is_none() {
            // Praise that turned into a request while it was merged.
            let began = if to == Status::Received { self.begun_at() } else { self.at };
            self.start(stopped, began);
        }
        for stage in [stopped, Stage::Resolve] {
            let was_stopped = self.ticket.clock_now(stage).is_some_and(|it| it.details.ended_at.is_some());
            // An emergency's resolve clock runs from receipt, any other from the first assignment.
            let is_apt = stage != Stage::Resolve
                || Matter::of(self.ticket).priority == Priority::Emergency
                || self.first_assigned_at().is_some();
            if was_stopped && is_apt {
                self.run_on(stage);
            }
        }
    }

    /// The target of a stage; in rework the shorter of the ticket's own and the policy's for rework.
    fn target(&self, stage: Stage, cycle: u32, start: At) -> Option<Target> {
        let own = self.rules.policy.targets.of(stage)?;
        if stage != Stage::Resolve || cycle < 2 {
            return Some(own);
        }
        let rework = self.rules.policy.rework;
        let due = |it: Target| it.due(start, &self.rules.calendar).at;
        Some(if due(rework) < due(own) { rework } else { own })
    }

    fn start(&mut self, stage: Stage, at: At) {
        self.begin(stage, self.ticket.cycle, at, false);
    }

    fn begin(&mut self, stage: Stage, cycle: u32, started_at: At, void: bool) {
        let Some(target) = self.target(stage, cycle, started_at) else { return };
        let (policy, calendar) = (&self.rules.policy, &self.rules.calendar);
        let due = target.due(started_at, calendar);
        let clock = Clock {
            stage,
            cycle,
            nth: 1,
            state: ClockState::Running,
            started_at,
            due_at: due.at,
            paused_at: None,
            met_at: None,
            breached_at: None,
            alarm: None,
            warned: None,
            rules: self.rules.digest,
            details: ClockDetails {
                target,
                provisional: due.is_provisional,
                pauses: Vec::new(),
                tried_on: Vec::new(),
                ended_at: None,
                escalated: None,
                due_before: Vec::new(),
            },
        };
        let alarm = if void { None } else { clock.alarm_after(None, policy, calendar) };
        self.effects.push(ClockEffect::Started {
            stage,
            cycle,
            started_at,
            due_at: due.at,
            target,
            provisional: due.is_provisional,
            rules: self.rules.digest,
            alarm,
            void,
        });
    }

    /// The clock goes on; what it said already it does not say again.
    fn run_on(&mut self, stage: Stage) {
        let Some(clock) = self.ticket.clock_now(stage) else { return };
        let escalated = clock.details.escalated.map(super::AlarmKind::Escalation);
        let breached = clock.breached_at.map(|_| super::AlarmKind::Breach);
        let warned = clock.warned.map(|percent| super::AlarmKind::Warning { percent });
        let last = escalated.or(breached).or(warned);
        let alarm = clock.alarm_after(last, &self.rules.policy, &self.rules.calendar);
        self.effects.push(ClockEffect::RanOn { stage, alarm });
    }

    fn said(&mut self, stage: Stage, kind: super::AlarmKind) {
        let Some(clock) = self.ticket.clock(stage) else { return };
        let alarm = clock.alarm_after(Some(kind), &self.rules.policy, &self.rules.calendar);
        self.effects.push(ClockEffect::Alarmed { stage, alarm });
    }

    fn meet(&mut self, stage: Stage) {
        if self.ticket.clock_now(stage).is_some_and(Clock::is_unmet) {
            self.effects.push(ClockEffect::Met { stage });
        }
    }

    fn void(&mut self, stage: Stage) {
        if self.ticket.clock_now(stage).is_some_and(Clock::is_unmet) {
            self.effects.push(ClockEffect::Voided { stage });
        }
    }

    /// Voids every clock that still runs, but not what this event has just met.
    fn void_open(&mut self) {
        for stage in Stage::ALL {
            let is_met = self.effects.contains(&ClockEffect::Met { stage: *stage });
            if !is_met {
                self.void(*stage);
            }
        }
    }
}
