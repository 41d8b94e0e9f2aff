//! Tickets in the database: `save` is the only way a ticket row is written, and it writes the events too.

pub mod attachments;
mod clocks;
mod erasure;
mod rows;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Text};

use super::db::{Db, Draw, Inserts, StoreError, insert, on};
use super::events;
use super::schema::{contact_view_count, event_text, outbox, phone_index, reply, ticket, ticket_supporting};
use crate::domain::chain::SealKey;
use crate::domain::event::{Draft, Stamp, Stream};
use crate::domain::people::Actor;
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::{Change, Reply, Ticket};
use crate::domain::value::{AccountId, At, NodeId, SetupId, TicketId};

pub use self::clocks::{find_rules, list_provisional};
pub use self::erasure::{erase, list_own_files};
pub(in crate::store) use self::rows::TicketRow;
use self::rows::{ReplyRow, small};

/// SQLite takes 32,766 bound values a statement; lists of ids stay far below.
const IDS_PER_QUERY: usize = 500;
/// Numbers of merged tickets that one page names.
const MERGED_NUMBERS_MAX: i64 = 5_000;

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
    let mut inserts = Inserts::default();
    match change.version_before() {
        None => insert!(db, inserts, diesel::insert_into(ticket::table).values(row))?,
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
    clocks::keep_rules(db, &mut inserts, change)?;
    if !change.is_new() {
        // A clock that is there already may be counted by them from now on.
        std::mem::take(&mut inserts).run(db)?;
    }
    clocks::save(db, &mut inserts, change)?;

    let drafts = drafts_of(change)?;
    if change.is_new() {
        events::begin(db, &mut inserts, key, Stream::Ticket, now.id.0, drafts)?;
        inserts.run(db)?;
    } else {
        inserts.run(db)?;
        events::append(db, key, Stream::Ticket, now.id.0, drafts)?;
    }
    attachments::save(db, change)
}

fn drafts_of(change: &Change) -> Result<Vec<Draft>, StoreError> {
    let mut drafts = Vec::with_capacity(change.entries().len());
    for entry in change.entries() {
        let (kind, mut fields) = entry.event.to_parts().map_err(StoreError::Bug)?;
        if !entry.effects.is_empty() {
            let effects = serde_json::to_value(&entry.effects);
            fields["clocks"] = effects.map_err(|it| StoreError::Bug(it.to_string()))?;
        }
        // What time does it does by itself, whoever was there when it was recorded.
        let stamp = if entry.is_times { Stamp::of(&Actor::Timer, None) } else { change.stamp().clone() };
        drafts.push(Draft { kind, at: change.at(), stamp, fields, texts: entry.texts.clone() });
    }
    Ok(drafts)
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
        Db::Pg(c) => Draw { sequence: "ticket_id_seq", n: 1 }.get_result(c)?,
    };
    Ok(TicketId(id))
}

/// Counts one more on a day; diesel would have an upsert compiled anew at each run.
struct NextNumber {
    node: i64,
    day: String,
}

impl QueryId for NextNumber {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for NextNumber {
    type SqlType = BigInt;
}

impl<B: Backend> QueryFragment<B> for NextNumber
where
    i64: ToSql<BigInt, B>,
    String: ToSql<Text, B>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, B>) -> QueryResult<()> {
        out.push_sql("INSERT INTO day_counter (node_id, day, last_number) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.node)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.day)?;
        out.push_sql(
            ", 1) ON CONFLICT (node_id, day) DO UPDATE SET last_number = day_counter.last_number + 1
             RETURNING last_number",
        );
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for NextNumber {}

/// The next running number of `day` at a community, without gaps: it is given back if the transaction fails.
///
/// # Errors
/// Only those of the database.
pub fn next_number(db: &mut Db, node: NodeId, day: &str) -> Result<u64, StoreError> {
    let next = NextNumber { node: node.0, day: day.to_owned() };
    let last: i64 = on!(db, |c| next.get_result(c))?;
    u64::try_from(last).map_err(|_| StoreError::Corrupt("a day's counter is negative".to_owned()))
}

/// How a ticket is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By<'a> {
    Id(TicketId),
    Number(&'a str),
    /// The serial of the slip it was written on.
    Slip(&'a str),
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
        By::Slip(serial) => on!(db, |c| ticket::table
            .filter(ticket::slip.eq(serial))
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
            By::Slip(serial) => ticket::table
                .filter(ticket::slip.eq(serial))
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

/// The tickets among `ids` that nobody else holds, held until the transaction ends, in the order of ids.
///
/// # Errors
/// `Corrupt` when a stored word of one of them is none of ours.
pub fn lock_free(db: &mut Db, ids: &[TicketId]) -> Result<Vec<Ticket>, StoreError> {
    let mut ids: Vec<i64> = ids.iter().take(IDS_PER_QUERY).map(|it| it.0).collect();
    // SQLite has one writer; PostgreSQL holds the rows.
    if let Db::Pg(c) = db {
        ids = ticket::table
            .filter(ticket::id.eq_any(&ids))
            .order(ticket::id)
            .select(ticket::id)
            .for_update()
            .skip_locked()
            .load(c)?;
    }
    let rows: Vec<TicketRow> = on!(db, |c| ticket::table
        .filter(ticket::id.eq_any(&ids))
        .order(ticket::id)
        .select(TicketRow::as_select())
        .load(c))?;
    complete(db, &rows)
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

/// Which of these serials stand on a letter that is registered, in their order.
///
/// # Errors
/// Only those of the database.
pub fn list_bound_slips(db: &mut Db, serials: &[String]) -> Result<Vec<String>, StoreError> {
    let mut bound = Vec::new();
    for some in serials.chunks(IDS_PER_QUERY) {
        let found: Vec<Option<String>> = on!(db, |c| ticket::table
            .filter(ticket::slip.eq_any(some))
            .order(ticket::slip)
            .select(ticket::slip)
            .load(c))?;
        bound.extend(found.into_iter().flatten());
    }
    Ok(bound)
}

/// Main ticket, id and number of what is merged into some tickets, by main ticket, oldest first.
///
/// # Errors
/// Only those of the database.
pub fn list_merged_numbers(
    db: &mut Db,
    mains: &[TicketId],
) -> Result<Vec<(TicketId, TicketId, String)>, StoreError> {
    let ids: Vec<i64> = mains.iter().map(|it| it.0).collect();
    let rows: Vec<(Option<i64>, i64, String)> = on!(db, |c| ticket::table
        .filter(ticket::merged_into_id.eq_any(&ids))
        .order((ticket::merged_into_id, ticket::id))
        .limit(MERGED_NUMBERS_MAX)
        .select((ticket::merged_into_id, ticket::id, ticket::number))
        .load(c))?;
    let named = |(main, id, number)| Some((TicketId(main?), TicketId(id), number));
    Ok(rows.into_iter().filter_map(|(main, id, number)| named((main, id, number))).collect())
}

/// Tickets that time moves or whose clocks have something to say at or before `now`, the longest due first, at
/// most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list_due(db: &mut Db, now: At, limit: i64) -> Result<Vec<TicketId>, StoreError> {
    let ids: Vec<i64> = on!(db, |c| ticket::table
        .filter(ticket::next_alarm_at.le(now.micros()))
        .order((ticket::next_alarm_at, ticket::id))
        .limit(limit)
        .select(ticket::id)
        .load(c))?;
    Ok(ids.into_iter().map(TicketId).collect())
}

/// Adds supporting units, replies, clocks, extensions and attachments to rows, keeping the rows' order.
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
        let (mut clocks_of, mut extensions_of) = clocks::of_tickets(db, &ids)?;
        let mut attachments_of = attachments::of_tickets(db, &ids)?;
        for row in chunk.iter().cloned() {
            let units = supporting.iter().filter(|it| it.0 == row.id).map(|it| SetupId(it.1)).collect();
            let replies = replies_of.remove(&row.id).unwrap_or_default();
            let clocks = clocks_of.remove(&row.id).unwrap_or_default();
            let extensions = extensions_of.remove(&row.id).unwrap_or_default();
            let attachments = attachments_of.remove(&row.id).unwrap_or_default();
            let mut ticket = row.into_ticket(units, replies, clocks, extensions)?;
            ticket.attachments = attachments;
            tickets.push(ticket);
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

/// Keeps the keyed index of a ticket's phone number; none removes it. A new ticket has none to take out.
///
/// # Errors
/// Only those of the database.
pub fn index_phone(
    db: &mut Db,
    id: TicketId,
    phone_hmac: Option<&[u8]>,
    is_new: bool,
) -> Result<(), StoreError> {
    if !is_new {
        on!(db, |c| diesel::delete(phone_index::table.find(id.0)).execute(c))?;
    }
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
