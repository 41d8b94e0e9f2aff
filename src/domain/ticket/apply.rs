//! What each event changes: the only code that changes a ticket.

use super::event::{ClosedBy, Facts, TicketEvent};
use super::{Attachment, Channel, Delivery, Rating, Reply, Status, Ticket};
use crate::domain::sla::{ClockEffect, ClockState, Extension, ExtensionState, Stage};
use crate::domain::value::{AccountId, At};

impl TicketEvent {
    /// Changes `ticket` as this event and what it did to the clocks say.
    pub fn apply_all(&self, effects: &[ClockEffect], ticket: &mut Ticket, at: At, by: Option<AccountId>) {
        let since = self.since(ticket, at);
        self.apply(ticket, at, by);
        ticket.apply_effects(effects, since);
    }

    /// When it came to be, where it was recorded at `at`: what time does by itself may be recorded late.
    pub(in crate::domain) fn since(&self, ticket: &Ticket, at: At) -> At {
        let is_times =
            matches!(self, TicketEvent::Resumed {} | TicketEvent::Closed { by: ClosedBy::Silence });
        ticket.timer_at.filter(|_| is_times).map_or(at, |it| it.min(at))
    }

    /// Changes `ticket` as this event, recorded at `at` by `by`, says; the clocks' effects come after it.
    fn apply(&self, ticket: &mut Ticket, at: At, by: Option<AccountId>) {
        ticket.updated_at = at;
        if self.moves_version() {
            ticket.version += 1;
        }
        match self {
            // A ticket begins with it once; met again it changes nothing, and verification tells.
            TicketEvent::Received(_)
            | TicketEvent::Contacted { .. }
            | TicketEvent::Noted {}
            | TicketEvent::Supplemented {}
            | TicketEvent::ContactViewed {} => {}
            TicketEvent::Amended { facts, handling_node, taken_from, .. } => {
                ticket.set_facts(facts);
                ticket.handling_node = *handling_node;
                if taken_from.is_some() {
                    ticket.take_away();
                }
            }
            TicketEvent::Accepted { category, priority, may_publish, suspected_emergency } => {
                ticket.status = Status::Accepted;
                ticket.accepted_at = Some(at);
                ticket.category = Some(*category);
                ticket.priority = Some(*priority);
                ticket.may_publish = *may_publish;
                ticket.suspected_emergency = *suspected_emergency;
            }
            TicketEvent::Declined {} => ticket.rest(Status::Declined, at),
            TicketEvent::Assigned { unit, assignee, supporting, designated } => {
                ticket.status = Status::Assigned;
                ticket.unit = Some(*unit);
                ticket.assignee = *assignee;
                ticket.supporting.clone_from(supporting);
                ticket.designated = *designated;
                ticket.assigned_at = Some(at);
                ticket.acknowledged_at = None;
            }
            TicketEvent::Returned { .. } => {
                ticket.status = Status::Accepted;
                ticket.unleash();
                ticket.returned_in_cycle = true;
            }
            TicketEvent::Acknowledged { unit } => {
                ticket.status = Status::InProgress;
                ticket.acknowledged_at = Some(at);
                ticket.answerable_unit = Some(*unit);
            }
            TicketEvent::Waiting { waiting_for, ends_at } => {
                ticket.status = Status::Waiting;
                ticket.waiting_for = Some(*waiting_for);
                ticket.timer_at = Some(*ends_at);
            }
            TicketEvent::Resumed {} => {
                ticket.status = Status::InProgress;
                ticket.waiting_for = None;
                ticket.timer_at = None;
            }
            TicketEvent::Resolved { outcome } => {
                ticket.status = Status::Resolved;
                ticket.outcome = Some(*outcome);
                ticket.resolved_by = by;
                ticket.resolved_at = Some(at);
                ticket.lapse_extensions();
            }
            TicketEvent::SentBack {} => {
                ticket.status = Status::InProgress;
                ticket.outcome = None;
                ticket.resolved_by = None;
                ticket.resolved_at = None;
            }
            TicketEvent::ReplyWritten { .. }
            | TicketEvent::ReplyApproved { .. }
            | TicketEvent::ReplySent { .. }
            | TicketEvent::ReplyFailed { .. }
            | TicketEvent::Replied { .. } => self.apply_reply(ticket, at, by),
            TicketEvent::Rated { solved, satisfaction, .. } => {
                ticket.rating =
                    Some(Rating { solved: *solved, satisfaction: *satisfaction, cycle: ticket.cycle });
            }
            TicketEvent::AttachmentAdded { .. } => self.apply_attached(ticket, at, by),
            TicketEvent::Reopened { to, cycle } => ticket.begin_cycle(*to, *cycle, at),
            TicketEvent::Closed { .. } => ticket.rest(Status::Closed, self.since(ticket, at)),
            TicketEvent::Merged { into, .. } => {
                ticket.status_before = Some(ticket.status);
                ticket.status = Status::Merged;
                ticket.merged_into = Some(*into);
            }
            TicketEvent::Split { .. } => self.apply_split(ticket, at),
            TicketEvent::Withdrawn {} => ticket.rest(Status::Withdrawn, at),
            TicketEvent::Escalated { to } => ticket.handling_node = *to,
            TicketEvent::Urged {} => ticket.n_urges += 1,
            TicketEvent::Published {} => ticket.published = true,
            TicketEvent::Unpublished {} => ticket.published = false,
            TicketEvent::Erased {} => ticket.forget(at),
            TicketEvent::ReceiptReissued { issue } => ticket.receipt_issue = *issue,
            TicketEvent::ExtensionRequested { .. }
            | TicketEvent::ExtensionGranted { .. }
            | TicketEvent::ExtensionRefused { .. }
            | TicketEvent::ClockWarned { .. }
            | TicketEvent::ClockBreached { .. }
            | TicketEvent::ClockEscalated { .. } => self.apply_to_clocks(ticket, at),
        }
    }

    fn apply_attached(&self, ticket: &mut Ticket, at: At, by: Option<AccountId>) {
        let TicketEvent::AttachmentAdded { attachment, filed, by_resident, shown } = self else { return };
        ticket.attachments.push(Attachment {
            id: *attachment,
            cycle: ticket.cycle,
            filed: filed.clone(),
            by_resident: *by_resident,
            shown: *shown,
            added_by: by,
            added_at: at,
        });
    }

    fn apply_to_clocks(&self, ticket: &mut Ticket, at: At) {
        if let TicketEvent::ExtensionRequested { extension, due_at } = self {
            ticket.extensions.push(Extension {
                id: *extension,
                cycle: ticket.cycle,
                due_at: *due_at,
                state: ExtensionState::Requested,
                requested_at: at,
                decided_at: None,
            });
        } else if let TicketEvent::ExtensionGranted { extension, .. } = self {
            ticket.decide_extension(*extension, ExtensionState::Granted, at);
        } else if let TicketEvent::ExtensionRefused { extension } = self {
            ticket.decide_extension(*extension, ExtensionState::Refused, at);
        } else if let TicketEvent::ClockWarned { stage, percent, .. } = self {
            ticket.with_clock(*stage, |it| it.warned = Some(*percent));
        } else if let TicketEvent::ClockEscalated { stage, level, .. } = self {
            ticket.with_clock(*stage, |it| it.details.escalated = Some(*level));
        } else if let TicketEvent::ClockBreached { stage, due_at, .. } = self {
            ticket.with_clock(*stage, |it| {
                it.state = ClockState::Breached;
                it.breached_at = Some(*due_at);
            });
            if *stage == Stage::Resolve {
                ticket.lapse_extensions();
            }
        }
    }

    fn apply_split(&self, ticket: &mut Ticket, at: At) {
        let TicketEvent::Split { to, cycle, unit, category, priority, .. } = self else { return };
        ticket.merged_into = None;
        ticket.status_before = None;
        if *cycle == ticket.cycle {
            ticket.status = *to;
            return;
        }
        ticket.begin_cycle(*to, *cycle, at);
        ticket.unit = *unit;
        ticket.category = *category;
        if *to == Status::Assigned {
            ticket.priority = *priority;
            ticket.accepted_at = Some(ticket.accepted_at.unwrap_or(at));
        }
    }

    fn apply_reply(&self, ticket: &mut Ticket, at: At, by: Option<AccountId>) {
        let settle = |ticket: &mut Ticket, id: u32, delivery: Delivery, settled_at: Option<At>| {
            if let Some(reply) = ticket.replies.iter_mut().find(|it| it.id == id) {
                reply.delivery = delivery;
                reply.settled_at = settled_at;
            }
        };
        if let TicketEvent::ReplyWritten { reply, channel, delivery } = self {
            ticket.replies.push(Reply {
                id: *reply,
                cycle: ticket.cycle,
                channel: *channel,
                delivery: *delivery,
                written_by: by,
                written_at: at,
                settled_at: None,
            });
        } else if let TicketEvent::ReplyApproved { reply, delivery } = self {
            settle(ticket, *reply, *delivery, None);
        } else if let TicketEvent::ReplySent { reply } = self {
            settle(ticket, *reply, Delivery::Sent, None);
        } else if let TicketEvent::ReplyFailed { reply, .. } = self {
            settle(ticket, *reply, Delivery::Failed, Some(at));
        } else if let TicketEvent::Replied { reply, delivery, close_at } = self {
            settle(ticket, *reply, *delivery, Some(at));
            // A late answer of an earlier cycle does not answer this one.
            let is_of_cycle = ticket.replies.iter().any(|it| it.id == *reply && it.cycle == ticket.cycle);
            if is_of_cycle {
                ticket.replied_at = Some(ticket.replied_at.unwrap_or(at));
            }
            if is_of_cycle && ticket.status == Status::Resolved {
                ticket.status = Status::Replied;
                ticket.timer_at = *close_at;
            }
        }
    }
}

impl Ticket {
    /// The facts staff may amend, as they stand.
    pub fn facts(&self) -> Facts {
        Facts {
            kind: self.kind,
            category: self.category,
            priority: self.priority,
            building: self.building.clone(),
            channel: self.channel,
            may_publish: self.may_publish,
            about_unit: self.about_unit,
            sealed: self.sealed,
            suspected_emergency: self.suspected_emergency,
            attachments_expected: self.attachments_expected,
        }
    }

    fn set_facts(&mut self, facts: &Facts) {
        self.kind = facts.kind;
        self.category = facts.category;
        self.priority = facts.priority;
        self.building.clone_from(&facts.building);
        self.channel = facts.channel;
        self.may_publish = facts.may_publish;
        self.about_unit = facts.about_unit;
        self.sealed = facts.sealed;
        self.suspected_emergency = facts.suspected_emergency;
        self.attachments_expected = facts.attachments_expected;
    }

    /// Nothing that was said or sent is left, and nobody to answer; building, category and what was done stay.
    fn forget(&mut self, at: At) {
        self.erased_at = Some(at);
        self.channel = Channel::None;
        self.may_publish = false;
        self.published = false;
        self.attachments.clear();
    }

    fn decide_extension(&mut self, id: u32, state: ExtensionState, at: At) {
        if let Some(it) = self.extensions.iter_mut().find(|it| it.id == id) {
            it.state = state;
            it.decided_at = Some(at);
        }
    }

    /// A request still open at the due time does not hold the breach, and lapses (PRODUCT §5).
    fn lapse_extensions(&mut self) {
        for it in self.extensions.iter_mut().filter(|it| it.state == ExtensionState::Requested) {
            it.state = ExtensionState::Lapsed;
        }
    }

    /// Comes to rest: nothing runs any more.
    fn rest(&mut self, status: Status, at: At) {
        self.lapse_extensions();
        self.status = status;
        self.closed_at = Some(at);
        self.waiting_for = None;
        self.timer_at = None;
    }

    /// No unit holds it.
    fn unleash(&mut self) {
        self.unit = None;
        self.assignee = None;
        self.supporting.clear();
        self.designated = false;
        self.assigned_at = None;
        self.acknowledged_at = None;
    }

    /// Sealed while a unit led: what is not done yet waits to be handed over anew.
    fn take_away(&mut self) {
        self.unleash();
        if matches!(self.status, Status::Assigned | Status::InProgress | Status::Waiting) {
            self.status = Status::Accepted;
            self.waiting_for = None;
            self.timer_at = None;
        }
    }

    /// Starts a cycle: with the same lead at `assigned`, from the beginning at `received`.
    fn begin_cycle(&mut self, to: Status, cycle: u32, at: At) {
        self.lapse_extensions();
        self.status = to;
        self.cycle = cycle;
        self.returned_in_cycle = false;
        self.designated = false;
        self.waiting_for = None;
        self.outcome = None;
        self.resolved_by = None;
        self.acknowledged_at = None;
        self.resolved_at = None;
        self.replied_at = None;
        self.closed_at = None;
        self.timer_at = None;
        if to == Status::Assigned {
            self.assigned_at = Some(at);
        } else {
            self.unleash();
            self.accepted_at = None;
        }
    }
}
