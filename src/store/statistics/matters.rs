//! The same matter again and again: tickets of a category in one building, and what became of them.

use diesel::dsl::count_star;
use diesel::prelude::*;

use super::read::Wanted;
use crate::domain::statistics::{Dimension, Done, Hint};
use crate::domain::value::At;
use crate::store::db::{Db, StoreError, on};
use crate::store::schema::statistics_ticket;

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
