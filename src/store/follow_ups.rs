//! Call-backs (回访) that are still to be made: answered tickets whose resident left a phone number and has not rated.

use diesel::dsl::{exists, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::db::{Db, StoreError, on};
use super::schema::{notice, phone_index, ticket};
use super::tickets::{TicketRow, complete};
use crate::domain::notice::NoticeKind;
use crate::domain::ticket::Ticket;
use crate::domain::value::{At, NodeId, TicketId};

/// Word for word as the index says, or it is not used.
const IS_REPLIED: &str = "ticket.status = 'replied'";

/// Answered, not rated in this cycle, and with a number to call; a macro, because the two engines' queries are two types.
macro_rules! to_call {
    () => {
        ticket::table
            .filter(sql::<Bool>(IS_REPLIED))
            .filter(ticket::replied_at.is_not_null())
            .filter(ticket::rating_cycle.is_null().or(ticket::rating_cycle.ne(ticket::cycle.nullable())))
            .filter(exists(phone_index::table.filter(phone_index::ticket_id.eq(ticket::id))))
    };
}

/// Tickets received at `nodes` that wait for their call, the longest answered first: `limit` of them after the one
/// answered at `after` with that id.
///
/// # Errors
/// `Corrupt` when a stored word is none of ours.
pub fn list(
    db: &mut Db,
    nodes: &[NodeId],
    after: Option<(At, TicketId)>,
    limit: i64,
) -> Result<Vec<Ticket>, StoreError> {
    let nodes: Vec<i64> = nodes.iter().map(|it| it.0).collect();
    let (at, id) = after.map_or((i64::MIN, i64::MIN), |(at, id)| (at.micros(), id.0));
    let rows: Vec<TicketRow> = on!(db, |c| to_call!()
        .filter(ticket::node_id.eq_any(&nodes))
        .filter(ticket::replied_at.gt(at).or(ticket::replied_at.eq(at).and(ticket::id.gt(id))))
        .order((ticket::replied_at, ticket::id))
        .limit(limit)
        .select(TicketRow::as_select())
        .load(c))?;
    complete(db, &rows)
}

/// Tickets answered before `before` that wait for their call and of which nobody was told that it is late.
///
/// # Errors
/// Only those of the database.
pub fn list_untold(db: &mut Db, before: At, limit: i64) -> Result<Vec<TicketId>, StoreError> {
    let told = || {
        notice::table
            .filter(notice::ticket_id.eq(ticket::id.nullable()))
            .filter(notice::kind.eq(NoticeKind::FollowUpLate.as_str()))
            .filter(notice::created_at.nullable().ge(ticket::replied_at))
    };
    let ids: Vec<i64> = on!(db, |c| to_call!()
        .filter(ticket::replied_at.lt(before.micros()))
        .filter(not(exists(told())))
        .order((ticket::replied_at, ticket::id))
        .limit(limit)
        .select(ticket::id)
        .load(c))?;
    Ok(ids.into_iter().map(TicketId).collect())
}
