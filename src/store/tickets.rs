//! Tickets in the database: `save` is the only way a ticket row is written, and it writes the events too.

use diesel::prelude::*;

use super::db::{Db, StoreError, on};
use super::events;
use super::schema::{
    contact_view_count, day_counter, event_text, outbox, phone_index, reply, ticket, ticket_supporting,
};
use crate::domain::chain::SealKey;
use crate::domain::event::{Draft, Stream};
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::{Change, Rating, Reply, Ticket};
use crate::domain::value::{AccountId, At, NodeId, SetupId, TicketId};

/// SQLite takes 32,766 bound values a statement; lists of ids stay far below.
const IDS_PER_QUERY: usize = 500;

#[expect(clippy::struct_excessive_bools, reason = "the columns of the table")]
#[derive(Queryable, Selectable, Insertable, AsChangeset, Clone)]
#[diesel(table_name = ticket, treat_none_as_null = true)]
pub(super) struct TicketRow {
    id: i64,
    number: String,
    node_id: i64,
    handling_node_id: i64,
    pub(super) position: i64,
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
    updated_at: i64,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = reply, treat_none_as_null = true)]
struct ReplyRow {
    ticket_id: i64,
    id: i64,
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

fn small(value: i64) -> Result<u32, StoreError> {
    u32::try_from(value).map_err(|_| StoreError::Corrupt("a count out of range".to_owned()))
}

impl TicketRow {
    fn from_ticket(it: &Ticket) -> Self {
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
            updated_at: it.updated_at.micros(),
        }
    }

    fn into_ticket(self, supporting: Vec<SetupId>, replies: Vec<Reply>) -> Result<Ticket, StoreError> {
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
            updated_at: At::from_micros(self.updated_at),
            replies,
        })
    }
}

impl ReplyRow {
    fn from_reply(ticket_id: TicketId, it: &Reply) -> Self {
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

    fn into_reply(self) -> Result<Reply, StoreError> {
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

/// Writes a change: the ticket's row, its events, and a row in the outbox for each reply to send.
///
/// # Errors
/// `Stale` when somebody saved the ticket since it was read.
pub fn save(db: &mut Db, key: &SealKey, change: &Change) -> Result<(), StoreError> {
    if change.entries().is_empty() {
        return Ok(());
    }
    let now = change.ticket();
    let row = TicketRow::from_ticket(now);
    match change.version_before() {
        None => {
            on!(db, |c| diesel::insert_into(ticket::table).values(&row).execute(c))?;
        }
        Some(version) => {
            let n_updated = on!(db, |c| diesel::update(ticket::table)
                .filter(ticket::id.eq(now.id.0))
                .filter(ticket::version.eq(version))
                .set(&row)
                .execute(c))?;
            if n_updated != 1 {
                return Err(StoreError::Stale);
            }
        }
    }
    save_supporting(db, change)?;
    save_replies(db, change)?;

    let mut drafts = Vec::with_capacity(change.entries().len());
    for entry in change.entries() {
        let (kind, fields) = entry.event.to_parts().map_err(StoreError::Bug)?;
        drafts.push(Draft {
            kind,
            at: change.at(),
            stamp: change.stamp().clone(),
            fields,
            texts: entry.texts.clone(),
        });
    }
    events::append(db, key, Stream::Ticket, now.id.0, drafts)
}

fn save_supporting(db: &mut Db, change: &Change) -> Result<(), StoreError> {
    let may_differ = change.entries().iter().any(|it| {
        matches!(
            it.event,
            TicketEvent::Assigned { .. }
                | TicketEvent::Returned { .. }
                | TicketEvent::Reopened { .. }
                | TicketEvent::Split { .. }
        )
    });
    if !may_differ {
        return Ok(());
    }
    let id = change.ticket().id.0;
    on!(db, |c| diesel::delete(ticket_supporting::table.filter(ticket_supporting::ticket_id.eq(id)))
        .execute(c))?;
    for unit in &change.ticket().supporting {
        on!(db, |c| diesel::insert_into(ticket_supporting::table)
            .values((ticket_supporting::ticket_id.eq(id), ticket_supporting::unit_id.eq(unit.0)))
            .execute(c))?;
    }
    Ok(())
}

/// Writes the replies a change touched, and queues or cancels their sending.
fn save_replies(db: &mut Db, change: &Change) -> Result<(), StoreError> {
    let now = change.ticket();
    for entry in change.entries() {
        let (id, is_new) = match entry.event {
            TicketEvent::ReplyWritten { reply, .. } => (reply, true),
            TicketEvent::ReplyApproved { reply, .. }
            | TicketEvent::ReplySent { reply }
            | TicketEvent::ReplyFailed { reply, .. }
            | TicketEvent::Replied { reply, .. } => (reply, false),
            _ => continue,
        };
        let Some(found) = now.replies.iter().find(|it| it.id == id) else { continue };
        let row = ReplyRow::from_reply(now.id, found);
        if is_new {
            on!(db, |c| diesel::insert_into(reply::table).values(&row).execute(c))?;
        } else {
            on!(db, |c| diesel::update(reply::table.find((row.ticket_id, row.id))).set(&row).execute(c))?;
        }
        if matches!(entry.event, TicketEvent::ReplyFailed { .. }) {
            on!(db, |c| diesel::update(outbox::table)
                .filter(outbox::ticket_id.eq(now.id.0))
                .filter(outbox::reply_id.eq(i64::from(id)))
                .filter(outbox::state.eq_any(["queued", "sending"]))
                .set((outbox::state.eq("cancelled"), outbox::settled_at.eq(Some(change.at().micros()))))
                .execute(c))?;
        }
    }
    Ok(())
}

/// The next ticket id, which nobody else gets.
///
/// # Errors
/// Only those of the database.
pub fn next_id(db: &mut Db) -> Result<TicketId, StoreError> {
    let id = match db {
        Db::Lite(c) => {
            ticket::table.select(diesel::dsl::max(ticket::id)).first::<Option<i64>>(c)?.unwrap_or(0) + 1
        }
        Db::Pg(c) => {
            diesel::select(diesel::dsl::sql::<diesel::sql_types::BigInt>("nextval('ticket_id_seq')"))
                .first(c)?
        }
    };
    Ok(TicketId(id))
}

/// The next running number of `day` at a community, without gaps: it is given back if the transaction fails.
///
/// # Errors
/// Only those of the database.
pub fn next_number(db: &mut Db, node: NodeId, day: &str) -> Result<u64, StoreError> {
    let last: i64 = on!(db, |c| diesel::insert_into(day_counter::table)
        .values((day_counter::node_id.eq(node.0), day_counter::day.eq(day), day_counter::last_number.eq(1),))
        .on_conflict((day_counter::node_id, day_counter::day))
        .do_update()
        .set(day_counter::last_number.eq(day_counter::last_number + 1))
        .returning(day_counter::last_number)
        .get_result(c))?;
    u64::try_from(last).map_err(|_| StoreError::Corrupt("a day's counter is negative".to_owned()))
}

/// How a ticket is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    Id(TicketId),
    Number(&'a str),
}

/// The ticket, if it is there.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn find(db: &mut Db, by: By) -> Result<Option<Ticket>, StoreError> {
    let row: Option<TicketRow> = match by {
        By::Id(id) => {
            on!(db, |c| ticket::table.find(id.0).select(TicketRow::as_select()).first(c).optional())?
        }
        By::Number(number) => on!(db, |c| ticket::table
            .filter(ticket::number.eq(number))
            .select(TicketRow::as_select())
            .first(c)
            .optional())?,
    };
    Ok(complete(db, row.as_slice())?.pop())
}

/// The same, held against other writers until the transaction ends.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn lock(db: &mut Db, by: By) -> Result<Option<Ticket>, StoreError> {
    // SQLite has one writer; PostgreSQL holds the row.
    if let Db::Pg(c) = db {
        let id: Option<i64> = match by {
            By::Id(id) => ticket::table.find(id.0).select(ticket::id).for_update().first(c).optional()?,
            By::Number(number) => ticket::table
                .filter(ticket::number.eq(number))
                .select(ticket::id)
                .for_update()
                .first(c)
                .optional()?,
        };
        if id.is_none() {
            return Ok(None);
        }
    }
    find(db, by)
}

/// The tickets merged into `main`, oldest first.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn list_merged_into(db: &mut Db, main: TicketId) -> Result<Vec<Ticket>, StoreError> {
    let rows: Vec<TicketRow> = on!(db, |c| ticket::table
        .filter(ticket::merged_into_id.eq(main.0))
        .order(ticket::id)
        .limit(1000)
        .select(TicketRow::as_select())
        .load(c))?;
    complete(db, &rows)
}

/// Tickets that time itself moves at or before `now`, the longest due first, at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list_due_timers(db: &mut Db, now: At, limit: i64) -> Result<Vec<TicketId>, StoreError> {
    let ids: Vec<i64> = on!(db, |c| ticket::table
        .filter(ticket::timer_at.le(now.micros()))
        .order((ticket::timer_at, ticket::id))
        .limit(limit)
        .select(ticket::id)
        .load(c))?;
    Ok(ids.into_iter().map(TicketId).collect())
}

/// Adds supporting units and replies to rows, keeping the rows' order.
pub(super) fn complete(db: &mut Db, rows: &[TicketRow]) -> Result<Vec<Ticket>, StoreError> {
    let mut tickets = Vec::with_capacity(rows.len());
    for chunk in rows.chunks(IDS_PER_QUERY) {
        let ids: Vec<i64> = chunk.iter().map(|it| it.id).collect();
        let supporting: Vec<(i64, i64)> = on!(db, |c| ticket_supporting::table
            .filter(ticket_supporting::ticket_id.eq_any(&ids))
            .order((ticket_supporting::ticket_id, ticket_supporting::unit_id))
            .select((ticket_supporting::ticket_id, ticket_supporting::unit_id))
            .load(c))?;
        let replies: Vec<ReplyRow> = on!(db, |c| reply::table
            .filter(reply::ticket_id.eq_any(&ids))
            .order((reply::ticket_id, reply::id))
            .select(ReplyRow::as_select())
            .load(c))?;
        let mut replies_of: std::collections::HashMap<i64, Vec<Reply>> = std::collections::HashMap::new();
        for row in replies {
            replies_of.entry(row.ticket_id).or_default().push(row.into_reply()?);
        }
        for row in chunk.iter().cloned() {
            let units = supporting.iter().filter(|it| it.0 == row.id).map(|it| SetupId(it.1)).collect();
            let replies = replies_of.remove(&row.id).unwrap_or_default();
            tickets.push(row.into_ticket(units, replies)?);
        }
    }
    Ok(tickets)
}

/// A text of a ticket and the event it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketText {
    pub ticket: TicketId,
    pub seq: i64,
    pub name: String,
    pub body: String,
}

/// The texts of tickets in the order they were written; only those named, unless `names` is empty.
///
/// # Errors
/// Only those of the database.
pub fn list_texts(db: &mut Db, ids: &[TicketId], names: &[&str]) -> Result<Vec<TicketText>, StoreError> {
    let ids: Vec<i64> = ids.iter().map(|it| it.0).collect();
    let names: Vec<&str> = names.to_vec();
    let mut texts = Vec::new();
    for chunk in ids.chunks(IDS_PER_QUERY) {
        let of_tickets = event_text::ticket_id.eq_any(chunk);
        let columns = (event_text::ticket_id, event_text::seq, event_text::name, event_text::body);
        let order = (event_text::ticket_id, event_text::seq, event_text::name);
        let rows: Vec<(i64, i64, String, String)> = if names.is_empty() {
            on!(db, |c| event_text::table.filter(of_tickets).order(order).select(columns).load(c))?
        } else {
            on!(db, |c| event_text::table
                .filter(of_tickets)
                .filter(event_text::name.eq_any(&names))
                .order(order)
                .select(columns)
                .load(c))?
        };
        texts.extend(rows.into_iter().map(|(id, seq, name, body)| TicketText {
            ticket: TicketId(id),
            seq,
            name,
            body,
        }));
    }
    Ok(texts)
}

/// Keeps the keyed index of a ticket's phone number; none removes it.
///
/// # Errors
/// Only those of the database.
pub fn index_phone(db: &mut Db, id: TicketId, phone_hmac: Option<&[u8]>) -> Result<(), StoreError> {
    on!(db, |c| diesel::delete(phone_index::table.find(id.0)).execute(c))?;
    if let Some(phone_hmac) = phone_hmac {
        on!(db, |c| diesel::insert_into(phone_index::table)
            .values((phone_index::ticket_id.eq(id.0), phone_index::phone_hmac.eq(phone_hmac)))
            .execute(c))?;
    }
    Ok(())
}

/// Counts one unmasking by `account` on `day`; gives how many that makes.
///
/// # Errors
/// Only those of the database.
pub fn count_contact_view(db: &mut Db, account: AccountId, day: &str) -> Result<u32, StoreError> {
    let n_views: i64 = on!(db, |c| diesel::insert_into(contact_view_count::table)
        .values((
            contact_view_count::account_id.eq(account.0),
            contact_view_count::day.eq(day),
            contact_view_count::n_views.eq(1),
        ))
        .on_conflict((contact_view_count::account_id, contact_view_count::day))
        .do_update()
        .set(contact_view_count::n_views.eq(contact_view_count::n_views + 1))
        .returning(contact_view_count::n_views)
        .get_result(c))?;
    small(n_views)
}
