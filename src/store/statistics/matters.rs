//! The same matter again and again: tickets of a category in one building, and what became of them.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::read::Wanted;
use crate::domain::statistics::{Dimension, Done, Hint};
use crate::domain::value::At;
use crate::store::db::{Db, StoreError, on};
use crate::store::schema::{event_text, statistics_ticket, ticket};

/// Groups of one question at most: categories by buildings by what became of them.
const GROUPS_MAX: i64 = 200_000;

/// Tickets of a category in one building that went the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The category's id; empty without one.
    pub category: String,
    /// Empty without one.
    pub building: String,
    pub done: Done,
    pub n: i64,
}

/// Tickets received from `from` until before `to`, by category, building and what became of them; without filters.
///
/// # Errors
/// Only those of the database.
pub fn groups(db: &mut Db, wanted: &Wanted, (from, to): (At, At)) -> Result<Vec<Group>, StoreError> {
    let columns = (statistics_ticket::category, statistics_ticket::building, statistics_ticket::done);
    let rows: Vec<(String, String, String, i64)> = on!(db, |c| statistics_ticket::table
        .filter(statistics_ticket::node_id.eq_any(&wanted.nodes))
        .filter(statistics_ticket::sealed_node_id.eq_any(&wanted.sealed_nodes))
        .filter(statistics_ticket::received_at.ge(from.micros()))
        .filter(statistics_ticket::received_at.lt(to.micros()))
        .group_by(columns)
        .order(columns)
        .limit(GROUPS_MAX)
        .select((
            statistics_ticket::category,
            statistics_ticket::building,
            statistics_ticket::done,
            count_star(),
        ))
        .load(c))?;
    let group = |(category, building, done, n): (String, String, String, i64)| Group {
        category,
        building,
        done: Done::parse(&done).unwrap_or(Done::Open),
        n,
    };
    Ok(rows.into_iter().map(group).collect())
}

/// How many tickets received from `from` until before `to` give a hint, by unit id; without filters.
///
/// # Errors
/// Only those of the database.
pub fn hinted(
    db: &mut Db,
    wanted: &Wanted,
    (from, to): (At, At),
    hint: Hint,
) -> Result<Vec<(String, i64)>, StoreError> {
    // The mark is a number of our own: nothing to bind.
    let marked = format!("hints <> 0 AND (hints & {}) <> 0", hint.mark());
    Ok(on!(db, |c| statistics_ticket::table
        .filter(statistics_ticket::node_id.eq_any(&wanted.nodes))
        .filter(statistics_ticket::sealed_node_id.eq_any(&wanted.sealed_nodes))
        .filter(statistics_ticket::received_at.ge(from.micros()))
        .filter(statistics_ticket::received_at.lt(to.micros()))
        .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(&marked))
        .group_by(statistics_ticket::unit)
        .order(statistics_ticket::unit)
        .limit(GROUPS_MAX)
        .select((statistics_ticket::unit, count_star()))
        .load(c))?)
}

impl Group {
    /// The same of one ticket.
    pub fn of(ticket: &super::as_of::Counted) -> Self {
        Self {
            category: ticket.value(Dimension::Category).to_owned(),
            building: ticket.value(Dimension::Building).to_owned(),
            done: ticket.done(),
            n: 1,
        }
    }
}

/// Replies that are told of at most, and tickets named of each.
const REPLIES_SHOWN: i64 = 5;
const NAMED_MAX: i64 = 5;
/// Replies of this many characters or fewer are courtesies.
const COURTESY_CHARS_MAX: i32 = 8;

/// The first replies that went word for word to `n_min` tickets or more received from `from` until before `to`: the
/// text, to how many, and the numbers of the newest. The sealed are left out.
///
/// # Errors
/// Only those of the database.
pub fn same_replies(
    db: &mut Db,
    wanted: &Wanted,
    (from, to): (At, At),
    n_min: i64,
) -> Result<Vec<(String, i64, Vec<String>)>, StoreError> {
    use diesel::sql_types::Bool;
    let long = format!("length(event_text.body) > {COURTESY_CHARS_MAX}");
    let often = format!("count(*) >= {n_min}");
    let rows: Vec<(String, i64)> = on!(db, |c| statistics_ticket::table
        .inner_join(event_text::table.on(event_text::ticket_id.eq(statistics_ticket::ticket_id)))
        .filter(statistics_ticket::node_id.eq_any(&wanted.nodes))
        .filter(statistics_ticket::sealed_node_id.eq(0))
        .filter(statistics_ticket::received_at.ge(from.micros()))
        .filter(statistics_ticket::received_at.lt(to.micros()))
        .filter(event_text::name.eq("reply.1"))
        .filter(diesel::dsl::sql::<Bool>(&long))
        .group_by(event_text::body)
        .having(diesel::dsl::sql::<Bool>(&often))
        .order((count_star().desc(), event_text::body))
        .limit(REPLIES_SHOWN)
        .select((event_text::body, count_star()))
        .load(c))?;
    let mut replies = Vec::with_capacity(rows.len());
    for (body, n) in rows {
        let numbers: Vec<String> = on!(db, |c| statistics_ticket::table
            .inner_join(event_text::table.on(event_text::ticket_id.eq(statistics_ticket::ticket_id)))
            .inner_join(ticket::table.on(ticket::id.eq(statistics_ticket::ticket_id)))
            .filter(statistics_ticket::node_id.eq_any(&wanted.nodes))
            .filter(statistics_ticket::sealed_node_id.eq(0))
            .filter(statistics_ticket::received_at.ge(from.micros()))
            .filter(statistics_ticket::received_at.lt(to.micros()))
            .filter(event_text::name.eq("reply.1"))
            .filter(event_text::body.eq(&body))
            .order((statistics_ticket::received_at.desc(), statistics_ticket::ticket_id.desc()))
            .limit(NAMED_MAX)
            .select(ticket::number)
            .load(c))?;
        replies.push((body, n, numbers));
    }
    Ok(replies)
}
