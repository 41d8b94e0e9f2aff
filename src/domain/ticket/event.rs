//! What happens to a ticket; `apply` says what each happening changes.

use serde::{Deserialize, Serialize};

use super::attachment::Filed;
use super::{
    Channel, Delivery, Kind, LetterOf, Outcome, Priority, Reach, Source, Status, Ticket, WaitingFor,
};
use crate::domain::sla::{ClockEffect, Level, Stage};
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<LetterOf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slip: Option<String>,
    pub answerable_unit: Option<SetupId>,
    pub received_at: At,
    /// False for an imported letter: its clocks are void from the start.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub runs_clocks: bool,
    #[serde(flatten)]
    pub facts: Facts,
}

fn yes() -> bool {
    true
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
    #[serde(rename = "ticket.attachment_added")]
    AttachmentAdded {
        attachment: u32,
        #[serde(flatten)]
        filed: Filed,
        by_resident: bool,
        shown: bool,
    },
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
    #[serde(rename = "ticket.erased")]
    Erased {},
    #[serde(rename = "ticket.extension_requested")]
    ExtensionRequested { extension: u32, due_at: At },
    #[serde(rename = "ticket.extension_granted")]
    ExtensionGranted { extension: u32, due_at: At },
    #[serde(rename = "ticket.extension_refused")]
    ExtensionRefused { extension: u32 },
    #[serde(rename = "clock.warned")]
    ClockWarned { stage: Stage, cycle: u32, due_at: At, percent: u8 },
    #[serde(rename = "clock.breached")]
    ClockBreached { stage: Stage, cycle: u32, due_at: At },
    #[serde(rename = "clock.escalated")]
    ClockEscalated { stage: Stage, cycle: u32, due_at: At, level: Level },
}

/// What an event did to the clocks, beside its own fields in the trail.
#[derive(Debug, Default, Deserialize)]
struct WithClocks {
    #[serde(default)]
    clocks: Vec<ClockEffect>,
}

/// The effects on clocks among an event's fields.
///
/// # Errors
/// A text that says what is not as this version knows it.
pub fn effects_of(data: &str) -> Result<Vec<ClockEffect>, String> {
    // Most events have none, and looking is cheaper than reading.
    if !data.contains("\"clocks\"") {
        return Ok(Vec::new());
    }
    serde_json::from_str::<WithClocks>(data).map(|it| it.clocks).map_err(|it| it.to_string())
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
        !matches!(self, TicketEvent::ContactViewed {} | TicketEvent::ReplySent { .. }) && !self.is_of_time()
    }

    /// True for what a clock says by itself.
    pub fn is_of_time(&self) -> bool {
        matches!(
            self,
            TicketEvent::ClockWarned { .. }
                | TicketEvent::ClockBreached { .. }
                | TicketEvent::ClockEscalated { .. }
        )
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
            letter: received.letter,
            slip: received.slip.clone(),
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
            next_alarm_at: None,
            rules: None,
            updated_at: at,
            erased_at: None,
            replies: Vec::new(),
            clocks: Vec::new(),
            extensions: Vec::new(),
            attachments: Vec::new(),
        })
    }
}
