//! What happens to a ticket, and what each happening changes: the only code that changes one.

use serde::{Deserialize, Serialize};

use super::{
    Channel, Delivery, Kind, Outcome, Priority, Rating, Reach, Reply, Source, Status, Ticket, WaitingFor,
};
use crate::domain::value::{AccountId, At, NodeId, SetupId, TicketId};
use crate::words;

words! {
    /// Why a ticket was closed.
    ClosedBy { Rating = "rating", Silence = "silence", Supervisor = "supervisor" }
}

words! {
    /// Why a reply failed.
    FailedBy {
        Rejected = "rejected", NotReached = "not_reached", GivenUp = "given_up", Cancelled = "cancelled",
        Redirected = "redirected",
    }
}

/// What intake knows of a ticket, texts apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub number: String,
    pub node: NodeId,
    pub handling_node: NodeId,
    pub position: i64,
    pub source: Source,
    pub mailbox: Option<SetupId>,
    pub answerable_unit: Option<SetupId>,
    pub received_at: At,
    #[serde(flatten)]
    pub facts: Facts,
}

/// What staff may amend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    pub kind: Kind,
    pub category: Option<SetupId>,
    pub priority: Option<Priority>,
    pub building: Option<String>,
    pub channel: Channel,
    pub may_publish: bool,
    pub about_unit: Option<SetupId>,
    pub sealed: bool,
    pub suspected_emergency: bool,
    pub attachments_expected: u32,
}

/// An event of a ticket. Types are exact (PRODUCT §6); free text and personal data are never in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum TicketEvent {
    #[serde(rename = "ticket.received")]
    Received(Box<Received>),
    #[serde(rename = "ticket.amended")]
    Amended {
        /// Names of the fields that are new, texts included.
        changed: Vec<String>,
        #[serde(flatten)]
        facts: Facts,
        handling_node: NodeId,
        /// The unit that led until this sealed the ticket.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        taken_from: Option<SetupId>,
    },
    #[serde(rename = "ticket.accepted")]
    Accepted { category: SetupId, priority: Priority, may_publish: bool, suspected_emergency: bool },
    #[serde(rename = "ticket.declined")]
    Declined {},
    #[serde(rename = "ticket.assigned")]
    Assigned { unit: SetupId, assignee: Option<AccountId>, supporting: Vec<SetupId>, designated: bool },
    #[serde(rename = "ticket.returned")]
    Returned { unit: SetupId },
    #[serde(rename = "ticket.acknowledged")]
    Acknowledged { unit: SetupId },
    #[serde(rename = "ticket.contacted")]
    Contacted { channel: Channel, outcome: Reach },
    #[serde(rename = "ticket.waiting")]
    Waiting {
        #[serde(rename = "for")]
        waiting_for: WaitingFor,
        ends_at: At,
    },
    #[serde(rename = "ticket.resumed")]
    Resumed {},
    #[serde(rename = "ticket.resolved")]
    Resolved { outcome: Outcome },
    #[serde(rename = "ticket.sent_back")]
    SentBack {},
    #[serde(rename = "ticket.reply_written")]
    ReplyWritten { reply: u32, channel: Channel, delivery: Delivery },
    #[serde(rename = "ticket.reply_approved")]
    ReplyApproved { reply: u32, delivery: Delivery },
    #[serde(rename = "ticket.reply_sent")]
    ReplySent { reply: u32 },
    #[serde(rename = "ticket.reply_failed")]
    ReplyFailed { reply: u32, cause: FailedBy },
    #[serde(rename = "ticket.replied")]
    Replied {
        reply: u32,
        /// Delivered by machine, or logged by a person.
        delivery: Delivery,
        /// When silence will close it.
        close_at: Option<At>,
    },
    #[serde(rename = "ticket.rated")]
    Rated { solved: bool, satisfaction: Option<u8>, asked_by: Option<AccountId> },
    #[serde(rename = "ticket.reopened")]
    Reopened { to: Status, cycle: u32 },
    #[serde(rename = "ticket.closed")]
    Closed { by: ClosedBy },
    #[serde(rename = "ticket.merged")]
    Merged { into: TicketId, into_number: String },
    #[serde(rename = "ticket.split")]
    Split {
        from: TicketId,
        to: Status,
        cycle: u32,
        unit: Option<SetupId>,
        category: Option<SetupId>,
        priority: Option<Priority>,
    },
    #[serde(rename = "ticket.withdrawn")]
    Withdrawn {},
    #[serde(rename = "ticket.noted")]
    Noted {},
    #[serde(rename = "ticket.supplemented")]
    Supplemented {},
    #[serde(rename = "ticket.escalated")]
    Escalated { to: NodeId },
    #[serde(rename = "ticket.urged")]
    Urged {},
    #[serde(rename = "ticket.published")]
    Published {},
    #[serde(rename = "ticket.unpublished")]
    Unpublished {},
    #[serde(rename = "ticket.contact_viewed")]
    ContactViewed {},
    #[serde(rename = "ticket.receipt_reissued")]
    ReceiptReissued { issue: i64 },
}

impl TicketEvent {
    /// The event's type and its fields, as the trail stores them.
    ///
    /// # Errors
    /// None in practice: every field is plain. A text says what serde could not write.
    pub fn to_parts(&self) -> Result<(String, serde_json::Value), String> {
        let mut value = serde_json::to_value(self).map_err(|it| it.to_string())?;
        let kind = value["type"].as_str().ok_or("an event without a type")?.to_owned();
        let fields = value["data"].take();
        Ok((kind, if fields.is_null() { serde_json::json!({}) } else { fields }))
    }

    /// The inverse of [`Self::to_parts`]; commitments among the fields are passed over.
    ///
    /// # Errors
    /// A text that says what is not as this version knows it.
    pub fn from_parts(kind: &str, data: &str) -> Result<Self, String> {
        let fields: serde_json::Value = serde_json::from_str(data).map_err(|it| it.to_string())?;
        serde_json::from_value(serde_json::json!({ "type": kind, "data": fields }))
            .map_err(|it| it.to_string())
    }

    /// True when the event moves what a person can change, and so the ETag.
    ///
    /// Reads and tries of delivery do not (PRODUCT §10).
    pub fn moves_version(&self) -> bool {
        !matches!(self, TicketEvent::ContactViewed {} | TicketEvent::ReplySent { .. })
    }

    /// The ticket that a `ticket.received` event begins; None for any other.
    pub fn begin(&self, id: TicketId, at: At) -> Option<Ticket> {
        let TicketEvent::Received(received) = self else { return None };
        let facts = received.facts.clone();
        Some(Ticket {
            id,
            number: received.number.clone(),
            node: received.node,
            handling_node: received.handling_node,
            position: received.position,
            version: 1,
            status: Status::Received,
            cycle: 1,
            kind: facts.kind,
            source: received.source,
            priority: facts.priority,
            category: facts.category,
            building: facts.building,
            channel: facts.channel,
            unit: None,
            assignee: None,
            supporting: Vec::new(),
            answerable_unit: received.answerable_unit,
            about_unit: facts.about_unit,
            mailbox: received.mailbox,
            designated: false,
            returned_in_cycle: false,
            sealed: facts.sealed,
            suspected_emergency: facts.suspected_emergency,
            may_publish: facts.may_publish,
            published: false,
            attachments_expected: facts.attachments_expected,
            receipt_issue: 1,
            n_urges: 0,
            merged_into: None,
            status_before: None,
            waiting_for: None,
            outcome: None,
            resolved_by: None,
            rating: None,
            received_at: received.received_at,
            registered_at: at,
            accepted_at: None,
            assigned_at: None,
            acknowledged_at: None,
            resolved_at: None,
            replied_at: None,
            closed_at: None,
            timer_at: None,
            due_at: None,
            updated_at: at,
            replies: Vec::new(),
        })
    }

    /// Changes `ticket` as this event, recorded at `at` by `by`, says.
    pub fn apply(&self, ticket: &mut Ticket, at: At, by: Option<AccountId>) {
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
            TicketEvent::Reopened { to, cycle } => ticket.begin_cycle(*to, *cycle, at),
            TicketEvent::Closed { .. } => ticket.rest(Status::Closed, at),
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
            TicketEvent::ReceiptReissued { issue } => ticket.receipt_issue = *issue,
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

    /// Comes to rest: nothing runs any more.
    fn rest(&mut self, status: Status, at: At) {
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
