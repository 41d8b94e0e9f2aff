//! The ticket (诉求件): its shape, and what every verb gives: a change or a refusal.
//!
//! A verb never writes a field: it pushes events, and `apply` is the only code that changes a ticket. So replaying the events gives the row, by construction.

mod apply;
pub mod attachment;
mod change;
mod erasure;
pub mod event;
mod extension;
mod handling;
#[cfg(test)]
mod histories;
pub mod intake;
pub mod lifecycle;
mod reply;
mod resident;
pub mod rights;
mod triage;

use std::sync::Arc;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::calendar::WorkingCalendar;
use super::people::Actor;
use super::setup::PolicyInForce;
use super::sla::{Clock, Extension, Rulebook, Rules, RulesDigest};
use super::value::{AccountId, At, CollectionId, NodeId, SetupId, TicketId};
use crate::words;

pub use self::attachment::{Attachment, Filed, Media};
pub use self::change::{Change, Entry};
pub use self::extension::ExtensionDecision;
pub use self::lifecycle::Verb;
pub use self::reply::ReplyDecision;
pub use self::rights::Place;

words! {
    /// Where a ticket stands (PRODUCT §4).
    Status {
        Received = "received", Accepted = "accepted", Assigned = "assigned", InProgress = "in_progress",
        Waiting = "waiting", Resolved = "resolved", Replied = "replied", Closed = "closed",
        Declined = "declined", Merged = "merged", Withdrawn = "withdrawn",
    }
}

impl Status {
    /// True for what still counts as backlog: not closed, declined, merged or withdrawn (PRODUCT §9).
    pub fn is_open(self) -> bool {
        !matches!(self, Status::Closed | Status::Declined | Status::Merged | Status::Withdrawn)
    }
}

words! {
    /// What sort of matter it is.
    Kind {
        Request = "request", Complaint = "complaint", Suggestion = "suggestion", Report = "report",
        Enquiry = "enquiry", Praise = "praise",
    }
}

words! {
    /// The way in.
    Source {
        Kiosk = "kiosk", Web = "web", Call = "call", Visit = "visit", WalkIn = "walk_in",
        Mailbox = "mailbox", Open311 = "open311", Import = "import",
    }
}

words! {
    /// How the resident wants to hear back.
    Channel {
        Email = "email", Sms = "sms", Letter = "letter", Call = "call", Visit = "visit", Board = "board",
        None = "none",
    }
}

words! {
    /// How fast it must go.
    Priority { Emergency = "emergency", Urgent = "urgent", Normal = "normal", Complex = "complex" }
}

words! {
    /// What came of it.
    Outcome { Solved = "solved", Explained = "explained", NotOurs = "not_ours", Cannot = "cannot" }
}

words! {
    /// Whom a waiting ticket waits for.
    WaitingFor { Resident = "resident", ThirdParty = "third_party" }
}

words! {
    /// Whether a call or visit reached anyone.
    Reach { Reached = "reached", NotReached = "not_reached" }
}

words! {
    /// Where a reply is on its way.
    Delivery {
        AwaitingApproval = "awaiting_approval", Queued = "queued", Sent = "sent", Delivered = "delivered",
        Failed = "failed", Logged = "logged",
    }
}

impl Delivery {
    /// True once the resident has it, or staff logged that they do.
    pub fn is_done(self) -> bool {
        matches!(self, Delivery::Delivered | Delivery::Logged)
    }
}

/// The latest answer of a resident to "solved? satisfied?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    pub solved: bool,
    /// 1 to 5.
    pub satisfaction: Option<u8>,
    pub cycle: u32,
}

/// A reply and how far it got; its text lies beside the log under `reply.{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// From 1, within the ticket.
    pub id: u32,
    pub cycle: u32,
    pub channel: Channel,
    pub delivery: Delivery,
    pub written_by: Option<AccountId>,
    pub written_at: At,
    pub settled_at: Option<At>,
}

/// A letter's place: its collection, and which of that collection's letters it is, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterOf {
    pub collection: CollectionId,
    pub letter: u32,
}

/// A ticket without its texts.
///
/// Times are UTC. `closed_at` is when it came to rest: closed, declined or withdrawn. `timer_at` is when
/// time itself will move it next. `due_at` is what is due next, late or not; `next_alarm_at` when time has to look
/// at it again, for its timer or for a clock.
#[expect(clippy::struct_excessive_bools, reason = "independent yes/no facts, each an event of its own")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub id: TicketId,
    pub number: String,
    /// The node that received it: number, owner and figures stay here.
    pub node: NodeId,
    /// The node that handles it now; another after an escalation.
    pub handling_node: NodeId,
    /// Its place in the newest-first order, see [`position`].
    pub position: i64,
    /// Moves with what a person can change; the ETag.
    pub version: i64,
    pub status: Status,
    pub cycle: u32,
    pub kind: Kind,
    pub source: Source,
    pub priority: Option<Priority>,
    pub category: Option<SetupId>,
    pub building: Option<String>,
    pub channel: Channel,
    /// The lead unit.
    pub unit: Option<SetupId>,
    pub assignee: Option<AccountId>,
    /// Supporting units, by id.
    pub supporting: Vec<SetupId>,
    /// Who answers for it until another unit has acknowledged; none: the receiving node.
    pub answerable_unit: Option<SetupId>,
    /// The unit complained about, which may not lead.
    pub about_unit: Option<SetupId>,
    pub mailbox: Option<SetupId>,
    /// The letter it came in, if it came in one.
    pub letter: Option<LetterOf>,
    /// The serial of the slip whose stub opens it.
    pub slip: Option<String>,
    pub designated: bool,
    pub returned_in_cycle: bool,
    pub sealed: bool,
    pub suspected_emergency: bool,
    pub may_publish: bool,
    pub published: bool,
    pub attachments_expected: u32,
    pub receipt_issue: i64,
    pub n_urges: u32,
    pub merged_into: Option<TicketId>,
    /// The status before the merge, to which a split leads back.
    pub status_before: Option<Status>,
    pub waiting_for: Option<WaitingFor>,
    pub outcome: Option<Outcome>,
    pub resolved_by: Option<AccountId>,
    pub rating: Option<Rating>,
    pub received_at: At,
    pub registered_at: At,
    pub accepted_at: Option<At>,
    pub assigned_at: Option<At>,
    pub acknowledged_at: Option<At>,
    pub resolved_at: Option<At>,
    pub replied_at: Option<At>,
    pub closed_at: Option<At>,
    pub timer_at: Option<At>,
    pub due_at: Option<At>,
    pub next_alarm_at: Option<At>,
    /// The policy and calendar fixed for it.
    pub rules: Option<RulesDigest>,
    pub updated_at: At,
    /// When its texts, files and contact were erased.
    pub erased_at: Option<At>,
    pub replies: Vec<Reply>,
    /// In the order in which they started.
    pub clocks: Vec<Clock>,
    pub extensions: Vec<Extension>,
    pub attachments: Vec<Attachment>,
}

/// A ticket's place in the newest-first order: the second it was received in, then its id.
///
/// One number, so that an index, the search and a cursor share one total order. The id keeps 30 bits: a
/// billion tickets; the second keeps 33, until the year 2242.
pub fn position(received_at: At, id: TicketId) -> i64 {
    let second = received_at.micros().div_euclid(1_000_000).clamp(0, (1 << 33) - 1);
    (second << 30) | (id.0 & ((1 << 30) - 1))
}

/// Names of the texts beside the log.
pub mod text {
    pub const SUBJECT: &str = "subject";
    pub const DESCRIPTION: &str = "description";
    /// JSON of what building and category do not say: unit, room, place, point.
    pub const LOCATION: &str = "location";
    /// JSON of name, phone, e-mail, address.
    pub const CONTACT: &str = "contact";
    /// JSON of whom it was put in for.
    pub const FOR: &str = "for";
    pub const REASON: &str = "reason";
    pub const REFER_TO: &str = "refer_to";
    pub const RESULT: &str = "result";
    pub const NOTE: &str = "note";
    pub const SUPPLEMENT: &str = "supplement";
    pub const COMMENT: &str = "comment";
    pub const URGE: &str = "urge";

    /// The name of a reply's text.
    pub fn reply(id: u32) -> String {
        format!("reply.{id}")
    }

    /// The name of what an attachment is called.
    pub fn attachment(id: u32) -> String {
        format!("attachment.{id}")
    }

    /// The name of the reason that more time was asked for with.
    pub fn extension(id: u32) -> String {
        format!("extension.{id}")
    }
}

/// Who does something, when, from where, and the rules in force there.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    pub actor: &'a Actor,
    /// A staff member's address or a resident's way in, for the trail.
    pub from: Option<&'a str>,
    pub now: At,
    pub place: &'a Place,
    pub policy: &'a PolicyInForce,
    pub calendar: &'a WorkingCalendar,
    /// What clocks that start now are counted by.
    pub rulebook: &'a Arc<Rulebook>,
    /// What was fixed for this ticket before.
    pub kept: Option<&'a Arc<Rules>>,
    /// The community's time zone.
    pub zone: Tz,
}

/// What a verb is asked to do, its codes already looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Accept {
        category: SetupId,
        priority: Priority,
        may_publish: Option<bool>,
        /// False while there are only attachments; the words are written down before acceptance.
        has_description: bool,
    },
    Decline {
        reason: String,
        refer_to: Option<String>,
    },
    Assign {
        unit: SetupId,
        assignee: Option<AccountId>,
        supporting: Vec<SetupId>,
        note: Option<String>,
    },
    Return {
        reason: String,
    },
    Acknowledge,
    Contact {
        channel: Channel,
        outcome: Reach,
        note: Option<String>,
    },
    Wait {
        waiting_for: WaitingFor,
        reason: String,
    },
    Resume,
    Resolve {
        outcome: Outcome,
        result: String,
    },
    SendBack {
        reason: String,
    },
    Reply {
        text: String,
        channel: Option<Channel>,
        outcome: Option<Reach>,
    },
    /// `main` is the ticket it was merged into, if it was.
    Rate {
        solved: bool,
        satisfaction: Option<u8>,
        comment: Option<String>,
        asked_by: Option<AccountId>,
        main: Option<Box<Ticket>>,
    },
    Close {
        reason: String,
    },
    Reopen {
        reason: String,
    },
    Note {
        text: String,
    },
    Supplement {
        text: String,
    },
    Withdraw {
        reason: Option<String>,
    },
    Merge {
        into: Box<Ticket>,
        /// True when others are merged into this one.
        is_main: bool,
    },
    /// `main` is the ticket it was merged into.
    Split {
        main: Box<Ticket>,
    },
    Escalate {
        to: NodeId,
        to_path: String,
        reason: String,
    },
    Urge {
        text: String,
    },
    Extend {
        due_at: At,
        reason: String,
    },
    Publish,
    Unpublish,
    ReissueReceipt,
    ViewContact {
        reason: String,
    },
}
