//! Rows of tickets and replies, and what they stand for.

use diesel::prelude::*;

use crate::domain::sla::{Clock, Extension, RulesDigest};
use crate::domain::ticket::{LetterOf, Rating, Reply, Ticket};
use crate::domain::value::{AccountId, At, CollectionId, NodeId, SetupId, TicketId};
use crate::store::db::StoreError;
use crate::store::schema::{reply, ticket};

#[expect(clippy::struct_excessive_bools, reason = "the columns of the table")]
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
// Never DEFAULT: the text of an insert is the same for every row, and is compiled once.
#[diesel(table_name = ticket, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(in crate::store) struct TicketRow {
    pub(super) id: i64,
    number: String,
    node_id: i64,
    handling_node_id: i64,
    pub(in crate::store) position: i64,
    version: i64,
    status: String,
    cycle: i64,
    kind: String,
    source: String,
    priority: Option<String>,
    category_id: Option<i64>,
    building: Option<String>,
    channel: String,
    unit_id: Option<i64>,
    assignee_id: Option<i64>,
    answerable_unit_id: Option<i64>,
    about_unit_id: Option<i64>,
    mailbox_id: Option<i64>,
    collection_id: Option<i64>,
    letter_id: Option<i64>,
    slip: Option<String>,
    designated: bool,
    returned_in_cycle: bool,
    sealed: bool,
    suspected_emergency: bool,
    may_publish: bool,
    published: bool,
    attachments_expected: i64,
    receipt_issue: i64,
    n_urges: i64,
    merged_into_id: Option<i64>,
    status_before: Option<String>,
    waiting_for: Option<String>,
    outcome: Option<String>,
    resolved_by_id: Option<i64>,
    rating_solved: Option<bool>,
    rating_satisfaction: Option<i64>,
    rating_cycle: Option<i64>,
    received_at: i64,
    registered_at: i64,
    accepted_at: Option<i64>,
    assigned_at: Option<i64>,
    acknowledged_at: Option<i64>,
    resolved_at: Option<i64>,
    replied_at: Option<i64>,
    closed_at: Option<i64>,
    timer_at: Option<i64>,
    due_at: Option<i64>,
    next_alarm_at: Option<i64>,
    rules: Option<String>,
    updated_at: i64,
    erased_at: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = reply, treat_none_as_null = true)]
pub(super) struct ReplyRow {
    pub(super) ticket_id: i64,
    pub(super) id: i64,
    cycle: i64,
    channel: String,
    delivery: String,
    written_by_id: Option<i64>,
    written_at: i64,
    settled_at: Option<i64>,
}

/// Reads a stored word; a word we do not know means the row was changed by other hands.
macro_rules! word {
    ($parse:path, $text:expr, $what:literal) => {
        $parse($text).ok_or_else(|| StoreError::Corrupt(concat!("unknown ", $what).to_owned()))?
    };
}

pub(super) fn small(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| StoreError::Corrupt("a count out of range".to_owned()))
}

impl TicketRow {
    pub(super) fn from_ticket(it: &Ticket) -> Self {
        Self {
            id: it.id.0,
            number: it.number.clone(),
            node_id: it.node.0,
            handling_node_id: it.handling_node.0,
            position: it.position,
            version: it.version,
            status: it.status.to_string(),
            cycle: it.cycle.into(),
            kind: it.kind.to_string(),
            source: it.source.to_string(),
            priority: it.priority.map(|it| it.to_string()),
            category_id: it.category.map(|it| it.0),
            building: it.building.clone(),
            channel: it.channel.to_string(),
            unit_id: it.unit.map(|it| it.0),
            assignee_id: it.assignee.map(|it| it.0),
            answerable_unit_id: it.answerable_unit.map(|it| it.0),
            about_unit_id: it.about_unit.map(|it| it.0),
            mailbox_id: it.mailbox.map(|it| it.0),
            collection_id: it.letter.map(|it| it.collection.0),
            letter_id: it.letter.map(|it| it.letter.into()),
            slip: it.slip.clone(),
            designated: it.designated,
            returned_in_cycle: it.returned_in_cycle,
            sealed: it.sealed,
            suspected_emergency: it.suspected_emergency,
            may_publish: it.may_publish,
            published: it.published,
            attachments_expected: it.attachments_expected.into(),
            receipt_issue: it.receipt_issue,
            n_urges: it.n_urges.into(),
            merged_into_id: it.merged_into.map(|it| it.0),
            status_before: it.status_before.map(|it| it.to_string()),
            waiting_for: it.waiting_for.map(|it| it.to_string()),
            outcome: it.outcome.map(|it| it.to_string()),
            resolved_by_id: it.resolved_by.map(|it| it.0),
            rating_solved: it.rating.map(|it| it.solved),
            rating_satisfaction: it.rating.and_then(|it| it.satisfaction).map(i64::from),
            rating_cycle: it.rating.map(|it| it.cycle.into()),
            received_at: it.received_at.micros(),
            registered_at: it.registered_at.micros(),
            accepted_at: it.accepted_at.map(At::micros),
            assigned_at: it.assigned_at.map(At::micros),
            acknowledged_at: it.acknowledged_at.map(At::micros),
            resolved_at: it.resolved_at.map(At::micros),
            replied_at: it.replied_at.map(At::micros),
            closed_at: it.closed_at.map(At::micros),
            timer_at: it.timer_at.map(At::micros),
            due_at: it.due_at.map(At::micros),
            next_alarm_at: it.next_alarm_at.map(At::micros),
            rules: it.rules.map(RulesDigest::as_hex),
            updated_at: it.updated_at.micros(),
            erased_at: it.erased_at.map(At::micros),
        }
    }

    pub(super) fn into_ticket(
        self,
        supporting: Vec<SetupId>,
        replies: Vec<Reply>,
        clocks: Vec<Clock>,
        extensions: Vec<Extension>,
    ) -> Result<Ticket, StoreError> {
        use crate::domain::ticket::{Channel, Kind, Outcome, Priority, Source, Status, WaitingFor};
        let rating = match (self.rating_solved, self.rating_cycle) {
            (Some(solved), Some(cycle)) => Some(Rating {
                solved,
                satisfaction: self.rating_satisfaction.and_then(|it| u8::try_from(it).ok()),
                cycle: small(cycle)?,
            }),
            _ => None,
        };
        Ok(Ticket {
            id: TicketId(self.id),
            number: self.number,
            node: NodeId(self.node_id),
            handling_node: NodeId(self.handling_node_id),
            position: self.position,
            version: self.version,
            status: word!(Status::parse, &self.status, "status"),
            cycle: small(self.cycle)?,
            kind: word!(Kind::parse, &self.kind, "kind"),
            source: word!(Source::parse, &self.source, "source"),
            priority: match &self.priority {
                Some(it) => Some(word!(Priority::parse, it, "priority")),
                None => None,
            },
            category: self.category_id.map(SetupId),
            building: self.building,
            channel: word!(Channel::parse, &self.channel, "channel"),
            unit: self.unit_id.map(SetupId),
            assignee: self.assignee_id.map(AccountId),
            supporting,
            answerable_unit: self.answerable_unit_id.map(SetupId),
            about_unit: self.about_unit_id.map(SetupId),
            mailbox: self.mailbox_id.map(SetupId),
            letter: match (self.collection_id, self.letter_id) {
                (Some(collection), Some(letter)) => {
                    Some(LetterOf { collection: CollectionId(collection), letter: small(letter)? })
                }
                _ => None,
            },
            slip: self.slip,
            designated: self.designated,
            returned_in_cycle: self.returned_in_cycle,
            sealed: self.sealed,
            suspected_emergency: self.suspected_emergency,
            may_publish: self.may_publish,
            published: self.published,
            attachments_expected: small(self.attachments_expected)?,
            receipt_issue: self.receipt_issue,
            n_urges: small(self.n_urges)?,
            merged_into: self.merged_into_id.map(TicketId),
            status_before: match &self.status_before {
                Some(it) => Some(word!(Status::parse, it, "status")),
                None => None,
            },
            waiting_for: match &self.waiting_for {
                Some(it) => Some(word!(WaitingFor::parse, it, "waiting_for")),
                None => None,
            },
            outcome: match &self.outcome {
                Some(it) => Some(word!(Outcome::parse, it, "outcome")),
                None => None,
            },
            resolved_by: self.resolved_by_id.map(AccountId),
            rating,
            received_at: At::from_micros(self.received_at),
            registered_at: At::from_micros(self.registered_at),
            accepted_at: self.accepted_at.map(At::from_micros),
            assigned_at: self.assigned_at.map(At::from_micros),
            acknowledged_at: self.acknowledged_at.map(At::from_micros),
            resolved_at: self.resolved_at.map(At::from_micros),
            replied_at: self.replied_at.map(At::from_micros),
            closed_at: self.closed_at.map(At::from_micros),
            timer_at: self.timer_at.map(At::from_micros),
            due_at: self.due_at.map(At::from_micros),
            next_alarm_at: self.next_alarm_at.map(At::from_micros),
            rules: match &self.rules {
                Some(it) => Some(word!(RulesDigest::parse, it, "rules")),
                None => None,
            },
            updated_at: At::from_micros(self.updated_at),
            erased_at: self.erased_at.map(At::from_micros),
            replies,
            clocks,
            extensions,
            attachments: Vec::new(),
        })
    }
}

impl ReplyRow {
    pub(super) fn from_reply(ticket_id: TicketId, it: &Reply) -> Self {
        Self {
            ticket_id: ticket_id.0,
            id: it.id.into(),
            cycle: it.cycle.into(),
            channel: it.channel.to_string(),
            delivery: it.delivery.to_string(),
            written_by_id: it.written_by.map(|it| it.0),
            written_at: it.written_at.micros(),
            settled_at: it.settled_at.map(At::micros),
        }
    }

    pub(super) fn into_reply(self) -> Result<Reply, StoreError> {
        use crate::domain::ticket::{Channel, Delivery};
        Ok(Reply {
            id: small(self.id)?,
            cycle: small(self.cycle)?,
            channel: word!(Channel::parse, &self.channel, "channel"),
            delivery: word!(Delivery::parse, &self.delivery, "delivery"),
            written_by: self.written_by_id.map(AccountId),
            written_at: At::from_micros(self.written_at),
            settled_at: self.settled_at.map(At::from_micros),
        })
    }
}
