//! What a verb gives: the ticket as it is now, and the events with what they did to the clocks.

use std::sync::Arc;

use chrono_tz::Tz;

use super::event::{ClosedBy, TicketEvent};
use super::{Channel, Delivery, Doing, Reply, Status, Ticket, text};
use crate::domain::event::Stamp;
use crate::domain::refusal::Refusal;
use crate::domain::sla::{self, Alarm, AlarmKind, Clock, ClockEffect, Extension, Rulebook, Rules, Works};
use crate::domain::value::{AccountId, At};

/// An event with the texts that belong to it, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub event: TicketEvent,
    /// True for what happened by itself as time passed, whoever was there when it was recorded.
    pub is_times: bool,
    /// What it did to the clocks.
    pub effects: Vec<ClockEffect>,
    pub texts: Vec<(String, String)>,
}

/// What a verb did: the ticket as it is now and the events that made it so.
///
/// Only this can be saved; so there is no update without its event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub(super) ticket: Ticket,
    pub(super) version_before: Option<i64>,
    pub(super) entries: Vec<Entry>,
    pub(super) at: At,
    pub(super) stamp: Stamp,
    pub(super) rulebook: Arc<Rulebook>,
    /// What the clocks are counted by, once it was picked.
    pub(super) kept: Option<Arc<Rules>>,
    /// Picked in this change and not kept before.
    pub(super) rules_picked: Vec<Arc<Rules>>,
    pub(super) zone: Tz,
    pub(super) clocks_before: Vec<Clock>,
    pub(super) extensions_before: Vec<Extension>,
}

impl Change {
    /// A change of `ticket` with nothing in it yet.
    pub(super) fn of(ticket: Ticket, doing: &Doing) -> Self {
        Self {
            version_before: Some(ticket.version),
            clocks_before: ticket.clocks.clone(),
            extensions_before: ticket.extensions.clone(),
            ticket,
            entries: Vec::new(),
            at: doing.now,
            stamp: Stamp::of(doing.actor, doing.from),
            rulebook: Arc::clone(doing.rulebook),
            kept: doing.kept.cloned(),
            rules_picked: Vec::new(),
            zone: doing.zone,
        }
    }

    /// Adds an event with what it does to the clocks; what they have to say by then, they say first.
    pub(super) fn push(&mut self, event: TicketEvent, texts: Vec<(String, String)>) {
        self.say_what_is_due();
        let (effects, picked) = sla::effects(&self.ticket, &event, self.at, self.works());
        self.add(event, effects, picked, texts);
        self.say_what_is_due();
    }

    /// Goes on with what `next` did to the ticket as this change left it.
    pub(super) fn then(self, next: Change) -> Self {
        let mut entries = self.entries;
        entries.extend(next.entries);
        let mut rules_picked = self.rules_picked;
        rules_picked.extend(next.rules_picked);
        Self {
            version_before: self.version_before,
            clocks_before: self.clocks_before,
            extensions_before: self.extensions_before,
            entries,
            rules_picked,
            ..next
        }
    }

    pub(super) fn works(&self) -> Works<'_> {
        Works { rulebook: &self.rulebook, kept: self.kept.as_deref(), zone: self.zone }
    }

    pub(super) fn add(
        &mut self,
        event: TicketEvent,
        effects: Vec<ClockEffect>,
        picked: Option<Rules>,
        texts: Vec<(String, String)>,
    ) {
        if let Some(picked) = picked.map(Arc::new) {
            self.rules_picked.push(Arc::clone(&picked));
            self.kept = Some(picked);
        }
        event.apply_all(&effects, &mut self.ticket, self.at, self.stamp.id.map(AccountId));
        self.entries.push(Entry { event, is_times: false, effects, texts });
    }

    /// Adds an event that time itself made at `at`, which may be past.
    fn add_times(&mut self, event: TicketEvent, at: At) {
        let (effects, picked) = sla::effects(&self.ticket, &event, at, self.works());
        self.add(event, effects, picked, vec![]);
        if let Some(entry) = self.entries.last_mut() {
            entry.is_times = true;
        }
    }

    /// Records what clocks should have said by now, each thing once and in order.
    pub(super) fn say_what_is_due(&mut self) {
        self.say_what_was_due(self.at);
    }

    fn say_what_was_due(&mut self, by: At) {
        while let Some(event) = self.ticket.alarm_due(by) {
            self.add_times(event, self.at);
        }
    }

    /// Records all that time did until now, in the order in which it happened: clocks say what they have to, waiting
    /// ends, silence closes. So it does not matter when somebody looked.
    pub(super) fn pass_time(&mut self) {
        while let Some(timer_at) = self.ticket.timer_at.filter(|it| *it <= self.at) {
            let event = if self.ticket.status == Status::Replied {
                TicketEvent::Closed { by: ClosedBy::Silence }
            } else if self.ticket.status == Status::Waiting {
                TicketEvent::Resumed {}
            } else {
                break;
            };
            self.say_what_was_due(timer_at);
            self.add_times(event, timer_at);
        }
        self.say_what_is_due();
    }

    /// Clocks and extensions as they were before the change; it adds to their ends and takes nothing away.
    pub fn clocks_before(&self) -> (&[Clock], &[Extension]) {
        (&self.clocks_before, &self.extensions_before)
    }

    /// The rules to be kept with the clocks this change started.
    pub fn rules_picked(&self) -> &[Arc<Rules>] {
        &self.rules_picked
    }

    /// A year whose official days some due time of this change was counted without knowing.
    pub fn missing_year(&self) -> Option<i32> {
        self.entries.iter().flat_map(|it| &it.effects).find_map(|it| match it {
            ClockEffect::Started { started_at, due_at, provisional: true, void: false, .. }
            | ClockEffect::Retimed { started_at, due_at, provisional: true, .. } => {
                self.kept.as_ref()?.calendar.missing_year(*started_at, *due_at)
            }
            ClockEffect::Started { .. }
            | ClockEffect::Retimed { .. }
            | ClockEffect::Ruled { .. }
            | ClockEffect::Met { .. }
            | ClockEffect::Voided { .. }
            | ClockEffect::Paused { .. }
            | ClockEffect::Resumed { .. }
            | ClockEffect::Extended { .. }
            | ClockEffect::RanOn { .. }
            | ClockEffect::Tried { .. }
            | ClockEffect::Alarmed { .. } => None,
        })
    }

    /// The ticket as it will be saved.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// The version it was decided on; none for a new ticket.
    pub fn version_before(&self) -> Option<i64> {
        self.version_before
    }

    /// True for a ticket that is not in the database yet.
    pub fn is_new(&self) -> bool {
        self.version_before.is_none()
    }

    /// The events, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// When it happened.
    pub fn at(&self) -> At {
        self.at
    }

    /// Who did it.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// The replies of this change that a machine must now send.
    pub fn to_send(&self) -> Vec<&Reply> {
        let sent_by_machine = |id: u32| {
            self.ticket.replies.iter().find(|it| {
                it.id == id
                    && it.delivery == Delivery::Queued
                    && matches!(it.channel, Channel::Email | Channel::Sms)
            })
        };
        self.entries
            .iter()
            .filter_map(|entry| {
                let (TicketEvent::ReplyWritten { reply, .. } | TicketEvent::ReplyApproved { reply, .. }) =
                    entry.event
                else {
                    return None;
                };
                sent_by_machine(reply)
            })
            .collect()
    }

    /// True when words that the search finds were written.
    pub fn changes_words(&self) -> bool {
        self.entries
            .iter()
            .flat_map(|it| &it.texts)
            .any(|(name, _)| matches!(name.as_str(), text::SUBJECT | text::DESCRIPTION | text::LOCATION))
    }

    /// The words of the reply this change wrote, if it wrote one.
    pub fn reply_words(&self) -> Option<&str> {
        let mut entries = self.entries.iter().rev();
        entries
            .find(|it| matches!(it.event, TicketEvent::ReplyWritten { .. }))
            .and_then(|it| it.texts.first())
            .map(|(_, body)| body.as_str())
    }

    /// The contact written by this change, as JSON text.
    pub fn contact(&self) -> Option<&str> {
        self.entries
            .iter()
            .rev()
            .flat_map(|it| &it.texts)
            .find(|(name, _)| name == text::CONTACT)
            .map(|(_, body)| body.as_str())
    }
}

impl Ticket {
    /// Lets time do its work first, then `act`; what time did is recorded with it.
    pub(super) fn after_time(
        self,
        doing: &Doing,
        act: impl FnOnce(Ticket) -> Result<Change, Refusal>,
    ) -> Result<Change, Refusal> {
        let mut passed = Change::of(self, doing);
        passed.pass_time();
        if passed.entries.is_empty() {
            return act(passed.ticket);
        }
        let change = act(passed.ticket.clone())?;
        Ok(passed.then(change))
    }

    /// The earliest thing a clock had to say at or before `now`, as the event that records it.
    pub(in crate::domain) fn alarm_due(&self, now: At) -> Option<TicketEvent> {
        let due =
            self.heard().filter_map(|it| it.alarm.filter(|alarm| alarm.at <= now).map(|alarm| (alarm, it)));
        let (Alarm { kind, .. }, clock) = due.min_by_key(|(alarm, _)| alarm.at)?;
        let (stage, cycle, due_at) = (clock.stage, clock.cycle, clock.due_at);
        Some(match kind {
            AlarmKind::Warning { percent } => TicketEvent::ClockWarned { stage, cycle, due_at, percent },
            AlarmKind::Breach => TicketEvent::ClockBreached { stage, cycle, due_at },
            AlarmKind::Escalation(level) => TicketEvent::ClockEscalated { stage, cycle, due_at, level },
        })
    }
}
