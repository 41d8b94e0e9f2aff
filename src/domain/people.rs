//! Who acts, and the one table of what each role may do.

use serde::{Deserialize, Serialize};

use super::value::{AccountId, NodeId, SetupId};
use crate::words;

words! {
    /// What a member of staff is, at one node of the tree (PRODUCT §8).
    Role {
        Clerk = "clerk", Triager = "triager", Handler = "handler", Supervisor = "supervisor",
        Leader = "leader", Auditor = "auditor", Admin = "admin",
    }
}

words! {
    /// What can be allowed or not. One name per thing that is decided alone.
    Permission {
        /// Put in a ticket on a resident's behalf, register letters.
        Submit = "submit",
        /// See a ticket's facts and texts.
        ReadTicket = "read_ticket",
        /// See masked contact data.
        ReadMaskedContact = "read_masked_contact",
        /// Unmask contact data, with a reason, within the daily budget.
        UnmaskContact = "unmask_contact",
        /// Record openings of mailboxes, register their letters, close them.
        Collect = "collect",
        /// See collections and what came of their letters.
        ReadCollection = "read_collection",
        /// Have slips printed, whose codes stand on them.
        PrintSlips = "print_slips",
        /// Amend facts of a ticket.
        Amend = "amend",
        /// Accept, decline, assign, merge, split.
        Triage = "triage",
        /// Acknowledge, return, contact, wait, resume, resolve.
        Handle = "handle",
        /// Send what the community cannot do up the tree, or down again.
        Escalate = "escalate",
        /// Write and log replies, log ratings.
        Reply = "reply",
        /// Send back a resolution.
        SendBack = "send_back",
        /// Close with a reason, decide extensions and replies, handle sealed tickets.
        Supervise = "supervise",
        /// Remind whoever holds the ticket.
        Urge = "urge",
        /// Add notes and attachments.
        Note = "note",
        /// See photos, documents and voice notes; a scan may hold contact data.
        ReadAttachments = "read_attachments",
        /// Give out a receipt code anew.
        ReissueReceipt = "reissue_receipt",
        /// Withdraw or reopen on the resident's behalf.
        SpeakForResident = "speak_for_resident",
        /// Put on the board, take off.
        Publish = "publish",
        /// Read the trail.
        ReadTrail = "read_trail",
        /// Verify the trail.
        VerifyTrail = "verify_trail",
        /// Statistics.
        ReadStatistics = "read_statistics",
        /// Read units, categories, mailboxes, calendars and templates.
        ReadSetup = "read_setup",
        /// Write the set-up, users and policies.
        WriteSetup = "write_setup",
    }
}

/// The permission table: what a role may do, within the node it is held at and below.
///
/// Source: PRODUCT §8 and the "who may" column of §4. A handler's rights hold only for tickets of the
/// own unit, which `Actor::may_on` narrows.
pub fn may(role: Role, permission: Permission) -> bool {
    use Permission as P;
    match role {
        Role::Clerk => matches!(
            permission,
            P::Submit
                | P::Collect
                | P::PrintSlips
                | P::ReadCollection
                | P::ReadTicket
                | P::ReadMaskedContact
                | P::Amend
                | P::Note
                | P::ReadAttachments
                | P::ReissueReceipt
                | P::SpeakForResident
                | P::ReadSetup
        ),
        Role::Triager => matches!(
            permission,
            P::Submit
                | P::ReadCollection
                | P::ReadTicket
                | P::ReadMaskedContact
                | P::UnmaskContact
                | P::Amend
                | P::Triage
                | P::Escalate
                | P::Reply
                | P::SendBack
                | P::Urge
                | P::Note
                | P::ReadAttachments
                | P::ReissueReceipt
                | P::SpeakForResident
                | P::Publish
                | P::ReadTrail
                | P::ReadStatistics
                | P::ReadSetup
        ),
        Role::Handler => matches!(
            permission,
            P::Submit
                | P::ReadTicket
                | P::ReadMaskedContact
                | P::UnmaskContact
                | P::Handle
                | P::Escalate
                | P::Note
                | P::ReadAttachments
                | P::ReadTrail
                | P::ReadSetup
        ),
        Role::Supervisor => matches!(
            permission,
            P::Submit
                | P::Collect
                | P::PrintSlips
                | P::ReadCollection
                | P::ReadTicket
                | P::ReadMaskedContact
                | P::UnmaskContact
                | P::Amend
                | P::Triage
                | P::Escalate
                | P::Reply
                | P::SendBack
                | P::Supervise
                | P::Urge
                | P::Note
                | P::ReadAttachments
                | P::ReissueReceipt
                | P::SpeakForResident
                | P::Publish
                | P::ReadTrail
                | P::ReadStatistics
                | P::ReadSetup
        ),
        Role::Leader => {
            matches!(permission, P::ReadTicket | P::ReadCollection | P::ReadStatistics | P::ReadSetup)
        }
        Role::Auditor => matches!(
            permission,
            P::ReadTicket | P::ReadCollection | P::ReadTrail | P::VerifyTrail | P::ReadSetup
        ),
        Role::Admin => matches!(permission, P::PrintSlips | P::ReadSetup | P::WriteSetup),
    }
}

/// A role held at a node; a handler's names the unit too.
///
/// `path` is the node's place in the tree, `/1/4/`: every node below starts with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub role: Role,
    pub node: NodeId,
    pub path: String,
    pub unit: Option<SetupId>,
}

impl Grant {
    /// True when this grant holds at the node with `path`: at the node itself and everywhere below.
    pub fn covers(&self, path: &str) -> bool {
        path.starts_with(&self.path)
    }
}

/// A member of staff who is signed in, with every role held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    pub account: AccountId,
    pub username: String,
    pub grants: Vec<Grant>,
}

impl Staff {
    /// True when some role held at the node with `path` or above gives `permission`.
    ///
    /// A handler's narrower right, for tickets of the own unit only, is not decided here.
    pub fn may_at(&self, permission: Permission, path: &str) -> bool {
        self.grants.iter().any(|it| may(it.role, permission) && it.covers(path))
    }

    /// True when some role held at a top node gives `permission`: what holds for the whole installation is theirs.
    pub fn may_at_top(&self, permission: Permission) -> bool {
        let is_top = |it: &Grant| it.path.matches('/').count() == 2;
        self.grants.iter().any(|it| may(it.role, permission) && is_top(it))
    }

    /// True when some role held anywhere gives `permission`.
    pub fn may_somewhere(&self, permission: Permission) -> bool {
        self.grants.iter().any(|it| may(it.role, permission))
    }

    /// True when `role` is held at the node with `path` or above.
    pub fn is_at(&self, role: Role, path: &str) -> bool {
        self.grants.iter().any(|it| it.role == role && it.covers(path))
    }

    /// True when this person holds any role for `unit`.
    pub fn belongs_to(&self, unit: SetupId) -> bool {
        self.grants.iter().any(|it| it.unit == Some(unit))
    }
}

/// Who does something, as the trail will name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A member of staff.
    Staff(Staff),
    /// A resident without an account: the public submitting, or the holder of a receipt.
    Resident,
    /// A self-service kiosk with its device token.
    Kiosk { id: SetupId, code: String, node: NodeId, path: String },
    /// Time passing.
    Timer,
    /// A command on the server itself.
    System,
}

impl Actor {
    /// The staff member, if it is one.
    pub fn staff(&self) -> Option<&Staff> {
        match self {
            Actor::Staff(staff) => Some(staff),
            Actor::Resident | Actor::Kiosk { .. } | Actor::Timer | Actor::System => None,
        }
    }
}
