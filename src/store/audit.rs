//! Rows as they are, for verification: every column as JSON, so that a damaged one reaches whoever can tell.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary, Text};

use super::db::{Db, StoreError, on};
use super::schema::ticket;
use super::tickets::{TicketRow, complete};
use crate::domain::audit::{CollectionRows, SetupRows, TicketRows};
use crate::domain::event::Stream;
use crate::domain::ticket::Ticket;
use crate::domain::value::NodeId;

/// Events of one batch, about; a ticket with more is a batch of its own.
const EVENTS_PER_BATCH: i64 = 4_000;
/// Tickets of one batch, at most.
const TICKETS_PER_BATCH: i64 = 500;
/// Collections of one batch, at most.
const COLLECTIONS_PER_BATCH: i64 = 200;
/// Rows of one table in one batch: far above any real ticket, so that a flood of forged rows fills no memory.
pub const ROWS_MAX: usize = 100_000;

#[derive(QueryableByName)]
struct RawRow {
    #[diesel(sql_type = Binary)]
    raw: Vec<u8>,
}

#[derive(QueryableByName)]
struct FoundId {
    #[diesel(sql_type = BigInt)]
    id: i64,
}

#[derive(QueryableByName)]
struct ColumnName {
    #[diesel(sql_type = Text)]
    name: String,
}

/// Which tickets are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// Those with ids above `after`, up to and with `upto`; without it all that are left.
    Range { after: i64, upto: Option<i64> },
    /// These.
    Ids(Vec<i64>),
}

impl Which {
    /// The condition on a column; ids are numbers, so nothing needs to be bound.
    fn condition(&self, column: &str) -> String {
        match self {
            Which::Range { after, upto: Some(upto) } => {
                format!("{column} > {after} AND {column} <= {upto}")
            }
            Which::Range { after, upto: None } => format!("{column} > {after}"),
            Which::Ids(ids) => format!("{column} IN ({})", list(ids)),
        }
    }
}

/// Numbers with commas; for an empty list one that is no id.
fn list(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    if ids.is_empty() { "0".to_owned() } else { ids.join(", ") }
}

/// Rows of `table` as JSON objects, with `columns` or, when that is empty, with every column there is.
///
/// Bytes are shown as `\x` and hexadecimal digits, as PostgreSQL does by itself. The SQL is ours and numbers.
fn rows(db: &mut Db, table: &str, columns: &[&str], tail: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let quoted = |names: &[String]| names.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ");
    let columns: Vec<String> = columns.iter().map(|it| (*it).to_owned()).collect();
    let sql = match db {
        Db::Lite(c) => {
            let columns = if columns.is_empty() {
                let found: Vec<ColumnName> = sql_query("SELECT name FROM pragma_table_info(?) ORDER BY cid")
                    .bind::<Text, _>(table)
                    .load(c)?;
                found.into_iter().map(|it| it.name).collect()
            } else {
                columns
            };
            let pairs: Vec<String> = columns
                .iter()
                .map(|it| {
                    format!("'{it}', iif(typeof(\"{it}\") = 'blob', '\\x' || lower(hex(\"{it}\")), \"{it}\")")
                })
                .collect();
            // As bytes: a text that is no UTF-8 must not be mended on its way.
            format!("SELECT CAST(json_object({}) AS BLOB) AS raw FROM {table} {tail}", pairs.join(", "))
        }
        Db::Pg(_) => {
            let columns = if columns.is_empty() { "*".to_owned() } else { quoted(&columns) };
            format!(
                "SELECT convert_to(row_to_json(it)::text, 'UTF8') AS raw FROM (SELECT {columns} FROM {table} {tail}) it"
            )
        }
    };
    let found: Vec<RawRow> = on!(db, |c| sql_query(&sql).load(c))?;
    Ok(found.into_iter().map(|it| it.raw).collect())
}

/// Every row of some tickets, in one moment of the database.
///
/// # Errors
/// Only those of the database.
pub fn ticket_rows(db: &mut Db, which: &Which) -> Result<TicketRows, StoreError> {
    let tail = |column: &str, order: &str| {
        format!("WHERE {} ORDER BY {order} LIMIT {ROWS_MAX}", which.condition(column))
    };
    let of_stream = |order: &str| {
        format!(
            "WHERE stream = 'ticket' AND {} ORDER BY {order} LIMIT {ROWS_MAX}",
            which.condition("stream_id")
        )
    };
    Ok(TicketRows {
        tickets: rows(db, "ticket", &[], &tail("id", "id"))?,
        supporting: rows(db, "ticket_supporting", &[], &tail("ticket_id", "ticket_id, unit_id"))?,
        replies: rows(db, "reply", &[], &tail("ticket_id", "ticket_id, id"))?,
        clocks: rows(db, "clock", &[], &tail("ticket_id", "ticket_id, place"))?,
        extensions: rows(db, "extension", &[], &tail("ticket_id", "ticket_id, id"))?,
        attachments: rows(db, "attachment", &[], &tail("ticket_id", "ticket_id, id"))?,
        rules: rows(
            db,
            "sla_rules",
            &[],
            &format!(
                "WHERE digest IN (SELECT rules FROM clock WHERE {}) ORDER BY digest LIMIT {ROWS_MAX}",
                which.condition("ticket_id")
            ),
        )?,
        events: rows(db, "event", &[], &of_stream("stream, stream_id, seq"))?,
        heads: rows(db, "event_head", &[], &of_stream("stream, stream_id"))?,
        texts: rows(db, "event_text", &[], &tail("ticket_id", "ticket_id, seq, name"))?,
        phones: rows(db, "phone_index", &[], &tail("ticket_id", "ticket_id"))?,
        outbox: rows(
            db,
            "outbox",
            &["id", "ticket_id", "reply_id", "channel"],
            &tail("ticket_id", "ticket_id, reply_id, id"),
        )?,
    })
}

/// The tickets after `after` that make a batch: their rows, and where the next batch begins, if there is one.
///
/// # Errors
/// Only those of the database.
pub fn batch(db: &mut Db, after: i64) -> Result<(TicketRows, Option<i64>), StoreError> {
    let beyond = [
        format!(
            "SELECT stream_id AS id FROM event WHERE stream = 'ticket' AND stream_id > {after} \
             ORDER BY stream, stream_id, seq LIMIT 1 OFFSET {EVENTS_PER_BATCH}"
        ),
        format!("SELECT id FROM ticket WHERE id > {after} ORDER BY id LIMIT 1 OFFSET {TICKETS_PER_BATCH}"),
        format!(
            "SELECT ticket_id AS id FROM event_text WHERE ticket_id > {after} \
             ORDER BY ticket_id, seq, name LIMIT 1 OFFSET {EVENTS_PER_BATCH}"
        ),
    ];
    let upto = first_beyond(db, &beyond, after)?;
    Ok((ticket_rows(db, &Which::Range { after, upto })?, upto))
}

/// The last id of a batch: before the least id that these queries find, but one at least; None for all that is left.
fn first_beyond(db: &mut Db, queries: &[String], after: i64) -> Result<Option<i64>, StoreError> {
    let mut first: Option<i64> = None;
    for sql in queries {
        let found: Option<FoundId> = on!(db, |c| sql_query(sql).load::<FoundId>(c))?.pop();
        first = [first, found.map(|it| it.id)].into_iter().flatten().min();
    }
    Ok(first.map(|it| it.saturating_sub(1).max(after.saturating_add(1))))
}

/// Every row of the collections after the id `after` that make a batch, and where the next begins, if there is one.
///
/// # Errors
/// Only those of the database.
pub fn collection_batch(db: &mut Db, after: i64) -> Result<(CollectionRows, Option<i64>), StoreError> {
    let beyond = [
        format!(
            "SELECT id FROM collection WHERE id > {after} ORDER BY id LIMIT 1 OFFSET {COLLECTIONS_PER_BATCH}"
        ),
        format!(
            "SELECT stream_id AS id FROM event WHERE stream = 'collection' AND stream_id > {after} \
             ORDER BY stream, stream_id, seq LIMIT 1 OFFSET {EVENTS_PER_BATCH}"
        ),
    ];
    let upto = first_beyond(db, &beyond, after)?;
    let which = Which::Range { after, upto };
    let tail = |column: &str, order: &str| {
        format!("WHERE {} ORDER BY {order} LIMIT {ROWS_MAX}", which.condition(column))
    };
    let of_stream = |order: &str| {
        format!(
            "WHERE stream = 'collection' AND {} ORDER BY {order} LIMIT {ROWS_MAX}",
            which.condition("stream_id")
        )
    };
    let rows = CollectionRows {
        collections: rows(db, "collection", &[], &tail("id", "id"))?,
        letters: rows(db, "collection_letter", &[], &tail("collection_id", "collection_id, id"))?,
        attachments: rows(db, "collection_attachment", &[], &tail("collection_id", "collection_id, id"))?,
        events: rows(db, "event", &[], &of_stream("stream, stream_id, seq"))?,
        heads: rows(db, "event_head", &[], &of_stream("stream, stream_id"))?,
        texts: rows(db, "collection_text", &[], &tail("collection_id", "collection_id, seq, name"))?,
    };
    Ok((rows, upto))
}

/// What lies in chains other than those of `but`: events after the place `after`, at most `limit`, by chain and place.
///
/// # Errors
/// Only those of the database.
pub fn other_events(
    db: &mut Db,
    but: &[Stream],
    after: Option<(&str, i64, i64)>,
    limit: i64,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let after = match after {
        // Chains are few and their names are of our own set: nothing to bind.
        Some((stream, id, seq)) => {
            format!("AND (stream, stream_id, seq) > ('{}', {id}, {seq})", stream.replace('\'', "''"))
        }
        None => String::new(),
    };
    let tail = format!("{} {after} ORDER BY stream, stream_id, seq LIMIT {limit}", where_not(but));
    rows(db, "event", &[], &tail)
}

/// The heads of chains other than those of `but`.
///
/// # Errors
/// Only those of the database.
pub fn other_heads(db: &mut Db, but: &[Stream]) -> Result<Vec<Vec<u8>>, StoreError> {
    let tail = format!("{} ORDER BY stream, stream_id LIMIT {ROWS_MAX}", where_not(but));
    rows(db, "event_head", &[], &tail)
}

fn where_not(but: &[Stream]) -> String {
    let names: Vec<String> = but.iter().map(|it| format!("'{it}'")).collect();
    format!("WHERE stream NOT IN ({})", names.join(", "))
}

/// Every row of the set-up, without anything secret.
///
/// # Errors
/// Only those of the database.
pub fn setup_rows(db: &mut Db) -> Result<SetupRows, StoreError> {
    let by = |column: &str| format!("ORDER BY {column} LIMIT {ROWS_MAX}");
    let account = &["id", "username", "name", "totp_last_step", "version", "disabled_at"];
    Ok(SetupRows {
        nodes: rows(db, "node", &[], &by("id"))?,
        entries: rows(db, "setup_entry", &[], &by("id"))?,
        tokens: rows(db, "device_token", &["kiosk_id", "issued_at", "revoked_at"], &by("kiosk_id"))?,
        accounts: rows(db, "account", account, &by("id"))?,
        slips: rows(db, "slip_batch", &[], &by("id"))?,
        grants: rows(db, "role_grant", &["account_id", "role", "node_id", "unit_id"], &by("id"))?,
    })
}

/// Numbers of tickets after the id `after`, by id, at most `limit`; of some nodes, or of all.
///
/// # Errors
/// Only those of the database.
pub fn numbers(
    db: &mut Db,
    after: i64,
    nodes: Option<&[NodeId]>,
    limit: i64,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let tail = format!("WHERE id > {after} {} ORDER BY id LIMIT {limit}", of_nodes(nodes));
    rows(db, "ticket", &["id", "number", "node_id", "received_at"], &tail)
}

/// The days' counters; of some nodes, or of all.
///
/// # Errors
/// Only those of the database.
pub fn day_counters(db: &mut Db, nodes: Option<&[NodeId]>) -> Result<Vec<Vec<u8>>, StoreError> {
    let tail = format!("WHERE 1 = 1 {} ORDER BY node_id, day", of_nodes(nodes));
    rows(db, "day_counter", &[], &tail)
}

fn of_nodes(nodes: Option<&[NodeId]>) -> String {
    nodes.map_or_else(String::new, |it| {
        format!("AND node_id IN ({})", list(&it.iter().map(|it| it.0).collect::<Vec<_>>()))
    })
}

/// The ids of tickets of `nodes` (all when None) received from `from` until before `to`, after the id `after`.
///
/// # Errors
/// Only those of the database.
pub fn ticket_ids(
    db: &mut Db,
    nodes: Option<&[NodeId]>,
    period: Option<(i64, i64)>,
    after: i64,
    limit: i64,
) -> Result<Vec<i64>, StoreError> {
    let period = period
        .map_or_else(String::new, |(from, to)| format!("AND received_at >= {from} AND received_at < {to}"));
    let sql = format!(
        "SELECT id FROM ticket WHERE id > {after} {period} {} ORDER BY id LIMIT {limit}",
        of_nodes(nodes)
    );
    let found: Vec<FoundId> = on!(db, |c| sql_query(&sql).load(c))?;
    Ok(found.into_iter().map(|it| it.id).collect())
}

/// Tickets by their ids, in the order of these.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn tickets(db: &mut Db, ids: &[i64]) -> Result<Vec<Ticket>, StoreError> {
    let rows: Vec<TicketRow> = on!(db, |c| ticket::table
        .filter(ticket::id.eq_any(ids))
        .order(ticket::id)
        .limit(TICKETS_PER_BATCH)
        .select(TicketRow::as_select())
        .load(c))?;
    complete(db, &rows)
}
