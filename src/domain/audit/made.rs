//! Rows as the nouns give them: what the events add up to, column by column.

use super::rows::{
    AttachmentRow, ClockRow, CollectionAttachmentRow, CollectionRow, ExtensionRow, Flag, LetterRow, NodeRow,
    ReplyRow, SlipRow, TicketRow,
};
use crate::domain::mailbox::{Collection, CollectionAttachment, Letter};
use crate::domain::setup::{Node, SlipBatch};
use crate::domain::sla::{Clock, Extension, RulesDigest};
use crate::domain::ticket::{Attachment, Reply, Ticket};
use crate::domain::value::At;

impl TicketRow {
    /// The row of a ticket.
    pub fn of(it: &Ticket) -> Self {
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
            designated: Flag(it.designated),
            returned_in_cycle: Flag(it.returned_in_cycle),
            sealed: Flag(it.sealed),
            suspected_emergency: Flag(it.suspected_emergency),
            may_publish: Flag(it.may_publish),
            published: Flag(it.published),
            attachments_expected: it.attachments_expected.into(),
            receipt_issue: it.receipt_issue,
            n_urges: it.n_urges.into(),
            merged_into_id: it.merged_into.map(|it| it.0),
            status_before: it.status_before.map(|it| it.to_string()),
            waiting_for: it.waiting_for.map(|it| it.to_string()),
            outcome: it.outcome.map(|it| it.to_string()),
            resolved_by_id: it.resolved_by.map(|it| it.0),
            rating_solved: it.rating.map(|it| Flag(it.solved)),
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
}

impl CollectionRow {
    /// The row of a collection.
    pub fn of(it: &Collection) -> Self {
        let [first, second] = it.openers;
        Self {
            id: it.id.0,
            mailbox_id: it.mailbox.0,
            node_id: it.node.0,
            version: it.version,
            opened_at: it.opened_at.micros(),
            recorded_at: it.recorded_at.micros(),
            letters_counted: it.letters_counted.into(),
            n_registered: it.n_registered().into(),
            n_set_aside: it.n_set_aside().into(),
            opener_1_id: first.account.map(|it| it.0),
            opener_2_id: second.account.map(|it| it.0),
            confirmed_1_at: first.confirmed_at.map(At::micros),
            confirmed_2_at: second.confirmed_at.map(At::micros),
            closed_at: it.closed_at.map(At::micros),
            n_unaccounted: it.n_unaccounted.map(i64::from),
        }
    }
}

impl LetterRow {
    /// The rows of a collection's letters.
    pub fn of(it: &Collection) -> Vec<Self> {
        let row = |letter: &Letter| Self {
            collection_id: it.id.0,
            id: letter.id.into(),
            set_aside: letter.set_aside.map(|it| it.to_string()),
            put_in_on: letter.put_in_on.map(|it| it.to_string()),
            slip: letter.slip.clone(),
            n_tickets: letter.n_tickets.into(),
            registered_at: letter.registered_at.micros(),
        };
        it.letters.iter().map(row).collect()
    }
}

impl CollectionAttachmentRow {
    /// The rows of a collection's files.
    pub fn of(it: &Collection) -> Vec<Self> {
        let row = |attachment: &CollectionAttachment| Self {
            collection_id: it.id.0,
            id: attachment.id.into(),
            letter_id: attachment.letter.map(i64::from),
            media: attachment.filed.media.to_string(),
            file: attachment.filed.file.clone(),
            n_bytes: attachment.filed.n_bytes,
            sha256: attachment.filed.sha256.clone(),
            thumbnail_sha256: attachment.filed.thumbnail_sha256.clone(),
            added_at: attachment.added_at.micros(),
        };
        it.attachments.iter().map(row).collect()
    }
}

impl ReplyRow {
    /// The row of a reply of the ticket with this id.
    pub fn of(ticket_id: i64, it: &Reply) -> Self {
        Self {
            ticket_id,
            id: it.id.into(),
            cycle: it.cycle.into(),
            channel: it.channel.to_string(),
            delivery: it.delivery.to_string(),
            written_by_id: it.written_by.map(|it| it.0),
            written_at: it.written_at.micros(),
            settled_at: it.settled_at.map(At::micros),
        }
    }
}

impl ClockRow {
    /// The rows of a ticket's clocks.
    pub fn of(ticket_id: i64, clocks: &[Clock]) -> Vec<Self> {
        clocks
            .iter()
            .zip(1..)
            .map(|(it, place)| Self {
                ticket_id,
                place,
                stage: it.stage.to_string(),
                cycle: it.cycle.into(),
                nth: it.nth.into(),
                state: it.state.to_string(),
                started_at: it.started_at.micros(),
                due_at: it.due_at.micros(),
                paused_at: it.paused_at.map(At::micros),
                met_at: it.met_at.map(At::micros),
                breached_at: it.breached_at.map(At::micros),
                alarm_at: it.alarm.map(|it| it.at.micros()),
                alarm: it.alarm.map(|it| it.kind.code()),
                warned: it.warned.map(i64::from),
                rules: it.rules.as_hex(),
                details: it.details.to_json(),
            })
            .collect()
    }
}

impl ExtensionRow {
    /// The rows of a ticket's requests for more time.
    pub fn of(ticket_id: i64, extensions: &[Extension]) -> Vec<Self> {
        extensions
            .iter()
            .map(|it| Self {
                ticket_id,
                id: it.id.into(),
                cycle: it.cycle.into(),
                due_at: it.due_at.micros(),
                state: it.state.to_string(),
                requested_at: it.requested_at.micros(),
                decided_at: it.decided_at.map(At::micros),
            })
            .collect()
    }
}

impl SlipRow {
    /// The row of a run of slips.
    pub fn of(it: &SlipBatch) -> Self {
        Self {
            id: it.id,
            node_id: it.node.0,
            first_running: i64::try_from(it.first).unwrap_or(i64::MAX),
            last_running: i64::try_from(it.last).unwrap_or(i64::MAX),
            kiosk_id: it.kiosk.map(|it| it.0),
            printed_at: it.printed_at.micros(),
        }
    }
}

impl AttachmentRow {
    /// The rows of a ticket's attachments.
    pub fn of(ticket_id: i64, attachments: &[Attachment]) -> Vec<Self> {
        attachments
            .iter()
            .map(|it| Self {
                ticket_id,
                id: it.id.into(),
                cycle: it.cycle.into(),
                media: it.filed.media.to_string(),
                file: it.filed.file.clone(),
                n_bytes: it.filed.n_bytes,
                sha256: it.filed.sha256.clone(),
                thumbnail_sha256: it.filed.thumbnail_sha256.clone(),
                duration_ms: it.filed.duration_ms,
                by_resident: Flag(it.by_resident),
                shown: Flag(it.shown),
                added_by_id: it.added_by.map(|it| it.0),
                added_at: it.added_at.micros(),
            })
            .collect()
    }
}

impl NodeRow {
    /// The row of a node.
    pub fn of(it: &Node) -> Self {
        Self {
            id: it.id.0,
            code: it.code.clone(),
            name: it.name.clone(),
            kind: it.kind.to_string(),
            parent_id: it.parent.map(|it| it.0),
            path: it.path.clone(),
            time_zone: it.time_zone.name().to_owned(),
            version: it.version,
            retired_at: it.retired_at.map(At::micros),
        }
    }
}
