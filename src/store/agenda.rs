//! Lists by time left: lanes of tickets in one status, each read by its own index and merged.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::db::{Db, StoreError, on};
use super::schema::ticket;
use super::tickets::{TicketRow, complete};
use crate::domain::ticket::{Status, Ticket};
use crate::domain::value::{At, TicketId};

/// Whose tickets a lane holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Received at the node and handled there.
    Node(i64),
    /// Received elsewhere and handled at the node.
    Escalated(i64),
    /// Received at the node, wherever they are handled.
    Owner(i64),
    /// Sealed ones that the node handles.
    Sealed(i64),
    /// Led by the unit.
    Unit(i64),
}

/// Tickets of one status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    pub whose: Whose,
    pub status: Status,
}

/// One lane's tickets as moments and ids, the first due first; a macro because a boxed query is of one engine.
macro_rules! due_of {
    ($c:expr, $lane:expr, $before:expr, $limit:expr) => {{
        let lane: &Lane = $lane;
        let mut query = ticket::table
            .filter(ticket::status.eq(lane.status.as_str()))
            .filter(ticket::due_at.is_not_null())
            .into_boxed();
        query = match lane.whose {
            Whose::Node(node) => query
                .filter(ticket::node_id.eq(node))
                .filter(ticket::handling_node_id.eq(node))
                .filter(ticket::sealed.eq(false)),
            Whose::Owner(node) => query.filter(ticket::node_id.eq(node)).filter(ticket::sealed.eq(false)),
            Whose::Escalated(node) => query
                .filter(ticket::handling_node_id.eq(node))
                .filter(ticket::handling_node_id.ne(ticket::node_id))
                .filter(ticket::sealed.eq(false)),
            Whose::Sealed(node) => query.filter(ticket::handling_node_id.eq(node)).filter(ticket::sealed),
            Whose::Unit(unit) => query.filter(ticket::unit_id.eq(unit)),
        };
        if let Some(before) = $before {
            let before: At = before;
            query = query.filter(ticket::due_at.lt(before.micros()));
        }
        let columns = (ticket::due_at.assume_not_null(), ticket::id);
        query.order((ticket::due_at, ticket::id)).limit($limit).select(columns).load::<(i64, i64)>($c)
    }};
}

/// The first `limit` ids of all lanes together, by due time.
///
/// # Errors
/// Only those of the database.
pub fn list_ids(
    db: &mut Db,
    lanes: &[Lane],
    due_before: Option<At>,
    limit: i64,
) -> Result<Vec<TicketId>, StoreError> {
    let mut due: Vec<(i64, i64)> = Vec::new();
    for lane in lanes {
        due.extend(on!(db, |c| due_of!(c, lane, due_before, limit))?);
    }
    due.sort_unstable();
    // One may lie in two lanes, when a person has two roles.
    due.dedup();
    due.truncate(usize::try_from(limit).unwrap_or(0));
    Ok(due.into_iter().map(|it| TicketId(it.1)).collect())
}

/// The tickets with these ids, in their order.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn find_all(db: &mut Db, ids: &[TicketId]) -> Result<Vec<Ticket>, StoreError> {
    let wanted: Vec<i64> = ids.iter().map(|it| it.0).collect();
    let rows: Vec<TicketRow> =
        on!(db, |c| ticket::table.filter(ticket::id.eq_any(&wanted)).select(TicketRow::as_select()).load(c))?;
    let mut tickets = complete(db, &rows)?;
    tickets.sort_by_key(|it| ids.iter().position(|id| *id == it.id));
    Ok(tickets)
}

/// Open tickets of `nodes` that have something for a supervisor to decide: a request for more time, or a reply
/// that awaits approval; at most `limit`, the oldest first.
///
/// # Errors
/// Only those of the database.
pub fn list_undecided(db: &mut Db, nodes: &[i64], limit: i64) -> Result<Vec<TicketId>, StoreError> {
    use super::schema::{extension, reply};
    // Word for word as the indexes say: one that is asked by a bound value is not used.
    let asked: Vec<i64> = on!(db, |c| extension::table
        .inner_join(ticket::table.on(ticket::id.eq(extension::ticket_id)))
        .filter(sql::<Bool>("extension.state = 'requested'"))
        .filter(ticket::node_id.eq_any(nodes).or(ticket::handling_node_id.eq_any(nodes)))
        .order((extension::requested_at, extension::ticket_id))
        .limit(limit)
        .select(extension::ticket_id)
        .load(c))?;
    let written: Vec<i64> = on!(db, |c| reply::table
        .inner_join(ticket::table.on(ticket::id.eq(reply::ticket_id)))
        .filter(sql::<Bool>("reply.delivery = 'awaiting_approval'"))
        .filter(ticket::node_id.eq_any(nodes).or(ticket::handling_node_id.eq_any(nodes)))
        .order((reply::written_at, reply::ticket_id))
        .limit(limit)
        .select(reply::ticket_id)
        .load(c))?;
    let mut ids: Vec<i64> = asked.into_iter().chain(written).collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.into_iter().map(TicketId).collect())
}
