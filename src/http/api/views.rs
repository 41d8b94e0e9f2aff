//! What each reader sees of a ticket: one view for staff, one for the resident, field by field.

use serde::Serialize;
use utoipa::ToSchema;

use super::clocks::{ClockView, ExtensionView};
use crate::domain::chain::hex;
use crate::domain::event::Recorded;
use crate::domain::sla::{Extension, ExtensionState};
use crate::domain::ticket::attachment::display_name;
use crate::domain::ticket::intake::{Contact, Location, OnBehalfOf};
use crate::domain::ticket::{
    Attachment, Channel, Delivery, Kind, Outcome, Priority, Source, Status, Verb, WaitingFor, text,
};
use crate::domain::value::At;
use crate::service::files::{ContactShown, TicketFile};

/// A ticket for staff.
#[expect(clippy::struct_excessive_bools, reason = "the fields of the contract")]
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ticket)]
pub struct TicketView {
    number: String,
    community: String,
    status: Status,
    cycle: u32,
    kind: Kind,
    subject: Option<String>,
    description: Option<String>,
    category: Option<String>,
    priority: Option<Priority>,
    source: Source,
    location: Location,
    /// Masked; null for readers who may not see it.
    contact: Option<ContactView>,
    #[serde(rename = "for")]
    on_behalf_of: Option<OnBehalfOf>,
    unit: Option<String>,
    assignee: Option<String>,
    supporting: Vec<String>,
    answerable: String,
    about_unit: Option<String>,
    designated: bool,
    sealed: bool,
    suspected_emergency: bool,
    handling_node: String,
    may_publish: bool,
    published: bool,
    attachments_expected: u32,
    /// Code of the mailbox it lay in, and which letter of which collection it was in.
    mailbox: Option<String>,
    collection: Option<i64>,
    letter: Option<u32>,
    /// The day its writer put it in, if that is known.
    put_in_on: Option<String>,
    collected_at: Option<String>,
    /// The serial of the slip it was written on.
    slip: Option<String>,
    /// Numbers of the other tickets of the same letter.
    same_letter: Vec<String>,
    n_urges: u32,
    waiting_for: Option<WaitingFor>,
    outcome: Option<Outcome>,
    result: Option<String>,
    received_at: String,
    registered_at: String,
    accepted_at: Option<String>,
    assigned_at: Option<String>,
    acknowledged_at: Option<String>,
    resolved_at: Option<String>,
    replied_at: Option<String>,
    closed_at: Option<String>,
    updated_at: String,
    version: i64,
    /// In the order in which they started.
    clocks: Vec<ClockView>,
    /// What the reader may do now.
    actions: Vec<Verb>,
    rating: Option<RatingView>,
    merged_into: Option<String>,
    /// Numbers of the tickets merged into this one, as far as the reader may know them.
    merged: Vec<String>,
    extensions: Vec<ExtensionView>,
    replies: Vec<ReplyView>,
    notes: Vec<String>,
    supplements: Vec<String>,
    /// Empty for readers who may not see them.
    attachments: Vec<AttachmentView>,
}

/// A ticket for the holder of its receipt: no assignee, notes, contact or staff names.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ResidentTicket)]
pub struct ResidentView {
    number: String,
    status: Status,
    cycle: u32,
    kind: Kind,
    subject: Option<String>,
    description: Option<String>,
    category: Option<String>,
    location: Location,
    /// Code of the unit that has it now.
    unit: Option<String>,
    outcome: Option<Outcome>,
    received_at: String,
    resolved_at: Option<String>,
    replied_at: Option<String>,
    closed_at: Option<String>,
    version: i64,
    /// The day the letter was put in, if that is known.
    put_in_on: Option<String>,
    /// Numbers of the other tickets of the same letter.
    same_letter: Vec<String>,
    clocks: Vec<ClockView>,
    /// More time that was granted, and why.
    extensions: Vec<ExtensionView>,
    actions: Vec<Verb>,
    rating: Option<RatingView>,
    replies: Vec<ReplyView>,
    supplements: Vec<String>,
    /// What the resident sent, and what staff show.
    attachments: Vec<AttachmentView>,
}

/// The latest rating.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rating)]
pub struct RatingView {
    solved: bool,
    /// 1 to 5.
    satisfaction: Option<u8>,
    comment: Option<String>,
    cycle: u32,
}

/// A reply and how far it got.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reply)]
pub struct ReplyView {
    id: u32,
    channel: Channel,
    text: Option<String>,
    delivery: Delivery,
    at: String,
}

/// An attachment; its bytes are at `…/attachments/{id}`, of a photo a small picture at `…/attachments/{id}/thumbnail`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attachment)]
pub struct AttachmentView {
    id: u32,
    name: String,
    /// image/jpeg, application/pdf, audio/webm, audio/ogg or audio/mp4.
    media_type: &'static str,
    n_bytes: u64,
    /// Of a voice note.
    duration_ms: Option<u64>,
    has_thumbnail: bool,
    /// Sent by the resident; otherwise attached by staff.
    by_resident: bool,
    /// The resident sees it too.
    shown: bool,
    at: String,
}

impl AttachmentView {
    /// An attachment of the file's ticket.
    pub fn of(file: &TicketFile, it: &Attachment) -> Self {
        let named = file.text(&text::attachment(it.id));
        Self {
            id: it.id,
            name: named.map_or_else(|| display_name("", it.filed.media), str::to_owned),
            media_type: it.filed.media.as_str(),
            n_bytes: it.filed.n_bytes,
            duration_ms: it.filed.duration_ms,
            has_thumbnail: it.filed.thumbnail_sha256.is_some(),
            by_resident: it.by_resident,
            shown: it.shown,
            at: it.added_at.to_rfc3339(),
        }
    }
}

/// Who to answer, masked for staff, whole after `contact-views`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactView {
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    address: Option<String>,
    channel: Option<Channel>,
}

impl ContactView {
    /// The whole contact.
    pub fn full(contact: Contact) -> Self {
        Self {
            name: contact.name,
            phone: contact.phone,
            email: contact.email,
            address: contact.address,
            channel: contact.channel,
        }
    }
}

fn time(at: Option<At>) -> Option<String> {
    at.map(At::to_rfc3339)
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

/// The view that the file's reader may see, as JSON.
pub fn view_of(file: &TicketFile) -> serde_json::Value {
    let view = if file.is_residents {
        serde_json::to_value(ResidentView::of(file))
    } else {
        serde_json::to_value(TicketView::of(file))
    };
    view.unwrap_or_default()
}

impl TicketView {
    /// What staff see.
    pub fn of(file: &TicketFile) -> Self {
        let it = &file.ticket;
        Self {
            number: it.number.clone(),
            community: file.community.clone(),
            status: it.status,
            cycle: it.cycle,
            kind: it.kind,
            subject: owned(file.text(text::SUBJECT)),
            description: owned(file.text(text::DESCRIPTION)),
            category: owned(file.code(it.category)),
            priority: it.priority,
            source: it.source,
            location: file.location(),
            contact: match file.contact_shown {
                ContactShown::Masked => Some(ContactView::full(file.full_contact().masked())),
                ContactShown::Nothing => None,
            },
            on_behalf_of: match file.contact_shown {
                ContactShown::Masked => file.on_behalf_of(),
                ContactShown::Nothing => None,
            },
            unit: owned(file.code(it.unit)),
            assignee: owned(file.username(it.assignee)),
            supporting: it.supporting.iter().filter_map(|id| owned(file.code(Some(*id)))).collect(),
            answerable: file.answerable.clone(),
            about_unit: owned(file.code(it.about_unit)),
            designated: it.designated,
            sealed: it.sealed,
            suspected_emergency: it.suspected_emergency,
            handling_node: file.handling_node.clone(),
            may_publish: it.may_publish,
            published: it.published,
            attachments_expected: it.attachments_expected,
            mailbox: owned(file.code(it.mailbox)),
            collection: it.letter.map(|it| it.collection.0),
            letter: it.letter.map(|it| it.letter),
            put_in_on: put_in_on(file),
            collected_at: time(file.letter.as_ref().map(|it| it.collected_at)),
            slip: it.slip.clone(),
            same_letter: same_letter(file),
            n_urges: it.n_urges,
            waiting_for: it.waiting_for,
            outcome: it.outcome,
            result: it.resolved_at.and_then(|_| owned(file.text(text::RESULT))),
            received_at: it.received_at.to_rfc3339(),
            registered_at: it.registered_at.to_rfc3339(),
            accepted_at: time(it.accepted_at),
            assigned_at: time(it.assigned_at),
            acknowledged_at: time(it.acknowledged_at),
            resolved_at: time(it.resolved_at),
            replied_at: time(it.replied_at),
            closed_at: time(it.closed_at),
            updated_at: it.updated_at.to_rfc3339(),
            version: it.version,
            clocks: it.clocks.iter().map(ClockView::of).collect(),
            actions: file.actions.clone(),
            rating: rating(file),
            merged_into: file.merged_into.clone(),
            merged: file.merged.clone(),
            extensions: extensions(file, |_| true),
            replies: it.replies.iter().map(|reply| ReplyView::of(file, reply)).collect(),
            notes: file.texts(text::NOTE).map(str::to_owned).collect(),
            supplements: file.texts(text::SUPPLEMENT).map(str::to_owned).collect(),
            attachments: attachments(file),
        }
    }
}

impl ResidentView {
    fn of(file: &TicketFile) -> Self {
        let it = &file.ticket;
        // What waits for approval, was rejected or never went out is not the resident's to read.
        let replies = it
            .replies
            .iter()
            .filter(|it| !matches!(it.delivery, Delivery::AwaitingApproval | Delivery::Failed));
        Self {
            number: it.number.clone(),
            status: it.status,
            cycle: it.cycle,
            kind: it.kind,
            subject: owned(file.text(text::SUBJECT)),
            description: owned(file.text(text::DESCRIPTION)),
            category: owned(file.code(it.category)),
            location: file.location(),
            unit: owned(file.code(it.unit)),
            outcome: it.outcome,
            received_at: it.received_at.to_rfc3339(),
            resolved_at: time(it.resolved_at),
            replied_at: time(it.replied_at),
            closed_at: time(it.closed_at),
            version: it.version,
            put_in_on: put_in_on(file),
            same_letter: same_letter(file),
            clocks: it.clocks.iter().map(ClockView::of).collect(),
            extensions: extensions(file, |it| it.state == ExtensionState::Granted),
            actions: file.actions.clone(),
            rating: rating(file),
            replies: replies.map(|reply| ReplyView::of(file, reply)).collect(),
            supplements: file.texts(text::SUPPLEMENT).map(str::to_owned).collect(),
            attachments: attachments(file),
        }
    }
}

fn put_in_on(file: &TicketFile) -> Option<String> {
    file.letter.as_ref()?.put_in_on.map(|it| it.to_string())
}

fn same_letter(file: &TicketFile) -> Vec<String> {
    file.letter.as_ref().map(|it| it.same_letter.clone()).unwrap_or_default()
}

fn attachments(file: &TicketFile) -> Vec<AttachmentView> {
    file.attachments.iter().map(|it| AttachmentView::of(file, it)).collect()
}

fn extensions(file: &TicketFile, is_shown: impl Fn(&Extension) -> bool) -> Vec<ExtensionView> {
    let shown = file.ticket.extensions.iter().filter(|it| is_shown(it));
    shown.map(|it| ExtensionView::of(it, file.text(&text::extension(it.id)))).collect()
}

fn rating(file: &TicketFile) -> Option<RatingView> {
    file.ticket.rating.map(|it| RatingView {
        solved: it.solved,
        satisfaction: it.satisfaction,
        comment: owned(file.text(text::COMMENT).filter(|it| !it.is_empty())),
        cycle: it.cycle,
    })
}

impl ReplyView {
    fn of(file: &TicketFile, reply: &crate::domain::ticket::Reply) -> Self {
        Self {
            id: reply.id,
            channel: reply.channel,
            text: owned(file.text(&text::reply(reply.id))),
            delivery: reply.delivery,
            at: reply.settled_at.unwrap_or(reply.written_at).to_rfc3339(),
        }
    }
}

/// An event of a trail.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    seq: i64,
    #[serde(rename = "type")]
    kind: String,
    at: String,
    actor: EventActorView,
    /// A staff member's network address, or a resident's way in.
    place: Option<String>,
    /// Without texts: a commitment stands for each.
    #[schema(value_type = Object)]
    data: serde_json::Value,
    prev_hash: String,
    hash: String,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventActor)]
pub struct EventActorView {
    /// user, resident, kiosk, timer or system.
    kind: String,
    name: Option<String>,
}

/// The stored microseconds of every time, as RFC 3339.
fn readable(data: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match data {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let is_time = name == "at" || name.ends_with("_at");
                    let value = match value.as_i64().filter(|_| is_time) {
                        Some(micros) => At::from_micros(micros).to_rfc3339().into(),
                        None => readable(value),
                    };
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(readable).collect()),
        other => other,
    }
}

impl EventView {
    /// An event as it is stored, its data as JSON.
    pub fn of(it: Recorded) -> Self {
        Self {
            seq: it.seq,
            kind: it.kind,
            at: it.at.to_rfc3339(),
            actor: EventActorView { kind: it.actor_kind, name: it.actor_name },
            place: it.place,
            data: readable(serde_json::from_str(&it.data).unwrap_or_default()),
            prev_hash: hex(&it.prev_hash),
            hash: hex(&it.hash),
        }
    }
}
