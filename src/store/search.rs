//! The index of words: writing a ticket's words, and finding the tickets that hold some, in order.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Bool, Text};

use super::db::{Db, Fixed, PgConn, StoreError};
use crate::domain::search::{BLOCK_BITS, Query, document_tsvector, document_words};
use crate::domain::ticket::Ticket;

/// Rows that a search on PostgreSQL looks at one by one, in order, before it asks the index: a word that one
/// ticket in ten holds fills a page from them, and they cost about a millisecond.
const WALK_ROWS: i64 = 512;
/// With many nodes each gives at least this many.
const WALK_ROWS_MIN: i64 = 16;

diesel::table! {
    /// Words that wait for the end of the transaction: at each savepoint FTS5 writes a segment of its index, which
    /// cost a group as much as everything else it writes. A temporary table, so that a savepoint takes them back.
    words_later (position) {
        position -> BigInt,
        words -> Text,
        is_new -> Bool,
    }
}

/// Makes the table of words that wait; each connection that writes has its own.
pub(super) const WORDS_LATER: &str = "CREATE TEMP TABLE words_later (
    position INTEGER PRIMARY KEY NOT NULL, words TEXT NOT NULL, is_new BOOLEAN NOT NULL)";
/// In this order: FTS5 has no upsert.
const INDEX_WORDS: [&str; 3] = [
    "DELETE FROM ticket_search WHERE rowid IN (SELECT position FROM words_later WHERE NOT is_new)",
    "INSERT INTO ticket_search (rowid, words) SELECT position, words FROM words_later ORDER BY position",
    "DELETE FROM words_later",
];

/// Where a search goes on: after this position, and whether it only begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) after: Option<i64>,
    pub(super) is_first: bool,
}

/// Some hits, in order, and where the next ones are; None when there are no more.
#[derive(Debug)]
pub(super) struct Hits {
    pub(super) positions: Vec<i64>,
    pub(super) next: Option<Start>,
}

/// The order of a list, as SQL has it.
struct Order {
    from: i64,
    compare: &'static str,
    direction: &'static str,
    nearest: &'static str,
    /// The position after which the next block begins.
    block_end: String,
}

impl Order {
    fn of(after: Option<i64>, is_newest_first: bool) -> Self {
        if is_newest_first {
            let (from, block_end) = (after.unwrap_or(i64::MAX), format!("at << {BLOCK_BITS}"));
            Self { from, compare: "<", direction: "DESC", nearest: "max", block_end }
        } else {
            let (from, block_end) = (after.unwrap_or(i64::MIN), format!("((at + 1) << {BLOCK_BITS}) - 1"));
            Self { from, compare: ">", direction: "ASC", nearest: "min", block_end }
        }
    }
}

#[derive(QueryableByName)]
struct Hit {
    #[diesel(sql_type = BigInt)]
    rowid: i64,
}

#[derive(QueryableByName)]
struct Walked {
    #[diesel(sql_type = BigInt)]
    rowid: i64,
    #[diesel(sql_type = Bool)]
    is_hit: bool,
    #[diesel(sql_type = Bool)]
    is_last: bool,
}

/// The next hits of `words` in these nodes, about `step` of them.
pub(super) fn hits(
    db: &mut Db,
    words: &Query,
    nodes: &[i64],
    start: Start,
    is_newest_first: bool,
    step: i64,
) -> Result<Hits, StoreError> {
    let order = Order::of(start.after, is_newest_first);
    let found: Vec<Hit> = match db {
        Db::Pg(c) if start.is_first => return walk(c, words, nodes, &order),
        Db::Pg(c) => by_block(c, words, nodes, &order, step)?,
        Db::Lite(c) => diesel::sql_query(format!(
            "SELECT rowid FROM ticket_search WHERE words MATCH ? AND rowid {} ?
             ORDER BY rowid {} LIMIT ?",
            order.compare, order.direction
        ))
        .bind::<Text, _>(words.fts5(nodes))
        .bind::<BigInt, _>(order.from)
        .bind::<BigInt, _>(step)
        .load(c)?,
    };
    let positions: Vec<i64> = found.into_iter().map(|it| it.rowid).collect();
    let is_full = i64::try_from(positions.len()).is_ok_and(|it| it >= step);
    let next = positions.last().filter(|_| is_full).map(|it| Start { after: Some(*it), is_first: false });
    Ok(Hits { positions, next })
}

/// The hits among the next rows in order: what is common is found here, whatever the index holds of it.
fn walk(c: &mut PgConn, words: &Query, nodes: &[i64], order: &Order) -> Result<Hits, StoreError> {
    let n_nodes = i64::try_from(nodes.len()).unwrap_or(i64::MAX).max(1);
    let n_rows = (WALK_ROWS / n_nodes).max(WALK_ROWS_MIN);
    let Order { compare, direction, .. } = order;
    // Each node's own index, then the first of all: no other node's row is read.
    let walked: Vec<Walked> = diesel::sql_query(format!(
        "SELECT rowid, is_hit, nth = $4 AS is_last
         FROM (SELECT rowid, words @@ $2::tsquery AS is_hit, row_number() OVER (ORDER BY rowid {direction}) AS nth
               FROM (SELECT near.rowid, near.words
                     FROM unnest($1) AS node (id),
                          LATERAL (SELECT rowid, words FROM ticket_search
                                   WHERE node_id = node.id AND rowid {compare} $3
                                   ORDER BY rowid {direction} LIMIT $4) AS near
                     ORDER BY near.rowid {direction} LIMIT $4) AS first) AS numbered
         WHERE is_hit OR nth = $4
         ORDER BY nth"
    ))
    .bind::<Array<BigInt>, _>(nodes)
    .bind::<Text, _>(words.tsquery(nodes))
    .bind::<BigInt, _>(order.from)
    .bind::<BigInt, _>(n_rows)
    .load(c)?;
    let next = walked.last().filter(|it| it.is_last);
    let next = next.map(|it| Start { after: Some(it.rowid), is_first: false });
    Ok(Hits { positions: walked.iter().filter(|it| it.is_hit).map(|it| it.rowid).collect(), next })
}

/// The next `step` hits by the index, block of time by block of time in the list's order, so that a word which
/// a hundred thousand tickets hold costs what one block holds of it.
fn by_block(
    c: &mut PgConn,
    words: &Query,
    nodes: &[i64],
    order: &Order,
    step: i64,
) -> Result<Vec<Hit>, StoreError> {
    let Order { compare, direction, nearest, block_end, .. } = order;
    // The blocks that hold anything, each found from the one before by one look into the node's index. OFFSET 0
    // keeps the planner from walking positions instead of asking the index.
    Ok(diesel::sql_query(format!(
        "WITH RECURSIVE block (node, at) AS (
             SELECT node.id, (SELECT {nearest}(rowid) FROM ticket_search
                              WHERE node_id = node.id AND rowid {compare} $3) >> {BLOCK_BITS}
             FROM unnest($1) AS node (id)
             UNION ALL
             SELECT node, (SELECT {nearest}(rowid) FROM ticket_search
                           WHERE node_id = node AND rowid {compare} {block_end}) >> {BLOCK_BITS}
             FROM block WHERE at IS NOT NULL),
         part AS (
             SELECT at, string_agg(format('''%s@%s''', node, at), '|')::tsquery AS marks
             FROM block WHERE at IS NOT NULL GROUP BY at ORDER BY at {direction})
         SELECT hit.rowid
         FROM part, LATERAL (
             SELECT rowid
             FROM (SELECT rowid FROM ticket_search WHERE words @@ ($2::tsquery && part.marks) OFFSET 0) AS of_part
             WHERE rowid {compare} $3
             ORDER BY rowid {direction} LIMIT $4) AS hit
         ORDER BY part.at {direction}, hit.rowid {direction}
         LIMIT $4"
    ))
    .bind::<Array<BigInt>, _>(nodes)
    .bind::<Text, _>(words.tsquery(nodes))
    .bind::<BigInt, _>(order.from)
    .bind::<BigInt, _>(step)
    .load(c)?)
}

/// Puts the words of a ticket in place of those before, on PostgreSQL, which compiles it once.
struct KeepWords {
    rowid: i64,
    node: i64,
    words: String,
}

impl QueryId for KeepWords {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl QueryFragment<Pg> for KeepWords {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("INSERT INTO ticket_search (rowid, node_id, words) VALUES (");
        out.push_bind_param::<BigInt, _>(&self.rowid)?;
        out.push_sql(", ");
        out.push_bind_param::<BigInt, _>(&self.node)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.words)?;
        out.push_sql("::tsvector) ON CONFLICT (rowid) DO UPDATE SET words = excluded.words");
        Ok(())
    }
}

impl<C> RunQueryDsl<C> for KeepWords {}

/// Indexes the words that wait, before the transaction ends. PostgreSQL has none.
///
/// # Errors
/// Only those of the database.
pub(super) fn index_waiting_words(db: &mut Db) -> Result<(), StoreError> {
    let Db::Lite(c) = db else { return Ok(()) };
    let waits: bool = diesel::select(diesel::dsl::exists(words_later::table.select(words_later::position)))
        .get_result(c)?;
    for sql in INDEX_WORDS.into_iter().filter(|_| waits) {
        Fixed(sql).execute(c)?;
    }
    Ok(())
}

/// Writes the words of a ticket into the index, in place of those before; a new ticket has none. They are found once
/// the transaction has ended.
///
/// # Errors
/// Only those of the database.
pub fn index_words(db: &mut Db, ticket: &Ticket, texts: &[&str], is_new: bool) -> Result<(), StoreError> {
    let (node, rowid) = (ticket.node.0, ticket.position);
    match db {
        Db::Lite(c) => {
            let words = document_words(node, texts);
            // Words that wait already give way; a row that is not there is deleted for nothing.
            diesel::replace_into(words_later::table)
                .values((
                    words_later::position.eq(rowid),
                    words_later::words.eq(words),
                    words_later::is_new.eq(is_new),
                ))
                .execute(c)?;
        }
        Db::Pg(c) => {
            KeepWords { rowid, node, words: document_tsvector(node, rowid, texts) }.execute(c)?;
        }
    }
    Ok(())
}
