//! Tickets as they were at an event: so that figures can be told again as of it, whatever has come since.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;

use super::follow::{TicketRow, contributions};
use super::read::{Kept, Wanted};
use crate::domain::event::Stream;
use crate::domain::statistics::{Dimension, Done};
use crate::domain::value::At;
use crate::store::db::{Db, StoreError, on};
use crate::store::schema::{event, statistics_pending, statistics_ticket};

/// SQLite takes 32,766 bound values a statement.
const KEYS_PER_QUERY: usize = 500;
/// Events that may have come since: more are not looked through.
const EVENTS_SINCE_MAX: i64 = 100_000;

/// One ticket as it is counted.
#[derive(Clone)]
pub struct Counted(TicketRow);

impl Counted {
    /// UTC; decides the period.
    pub fn received_at(&self) -> At {
        At::from_micros(self.0.received_at)
    }

    pub fn is_open(&self) -> bool {
        self.0.is_open
    }

    pub fn done(&self) -> Done {
        Done::parse(&self.0.done).unwrap_or(Done::Open)
    }

    /// Its value of `dimension`; empty where it has none.
    pub fn value(&self, dimension: Dimension) -> &str {
        self.0.value(dimension)
    }

    /// True when it is one of those that are asked about.
    pub fn is_wanted(&self, wanted: &Wanted) -> bool {
        wanted.nodes.contains(&self.0.node_id)
            && wanted.sealed_nodes.contains(&self.0.sealed_node_id)
            && wanted.filters.iter().all(|(dimension, values)| {
                *dimension == Dimension::All || values.iter().any(|it| it == self.value(*dimension))
            })
    }

    /// What it adds, under its value of `dimension`.
    pub fn kept(&self, dimension: Dimension) -> Kept {
        Kept {
            node: self.0.node_id,
            period: 0,
            value: self.value(dimension).to_owned(),
            counts: self.0.counts.clone(),
            times: self.0.times.clone(),
        }
    }
}

/// When an event was recorded, or the last before it; None before the first.
///
/// # Errors
/// Only those of the database.
pub fn recorded_at(db: &mut Db, event_id: i64) -> Result<Option<At>, StoreError> {
    let at: Option<i64> = on!(db, |c| event::table
        .filter(event::id.le(event_id))
        .order(event::id.desc())
        .select(event::at)
        .first(c)
        .optional())?;
    Ok(at.map(At::from_micros))
}

/// Chains of `stream` with events after an event, rising; None when more came than are looked through.
///
/// # Errors
/// Only those of the database.
pub fn moved_since(db: &mut Db, stream: Stream, event_id: i64) -> Result<Option<Vec<i64>>, StoreError> {
    let ids: Vec<i64> = on!(db, |c| event::table
        .filter(event::id.gt(event_id))
        .filter(event::stream.eq(stream.as_str()))
        .order(event::id)
        .limit(EVENTS_SINCE_MAX)
        .select(event::stream_id)
        .load(c))?;
    let is_all = i64::try_from(ids.len()).is_ok_and(|it| it < EVENTS_SINCE_MAX);
    let distinct: BTreeSet<i64> = ids.into_iter().collect();
    Ok(is_all.then(|| distinct.into_iter().collect()))
}

/// Tickets that wait to be counted, rising.
///
/// # Errors
/// Only those of the database.
pub fn waiting(db: &mut Db) -> Result<Vec<i64>, StoreError> {
    let ids: Vec<i64> = on!(db, |c| statistics_pending::table
        .order(statistics_pending::event_id)
        .limit(EVENTS_SINCE_MAX)
        .select(statistics_pending::ticket_id)
        .load(c))?;
    let distinct: BTreeSet<i64> = ids.into_iter().collect();
    Ok(distinct.into_iter().collect())
}

/// What the roll-ups hold of these tickets.
///
/// # Errors
/// Only those of the database.
pub fn counted_now(db: &mut Db, tickets: &[i64]) -> Result<HashMap<i64, Counted>, StoreError> {
    let mut counted = HashMap::new();
    for some in tickets.chunks(KEYS_PER_QUERY) {
        let rows: Vec<TicketRow> = on!(db, |c| statistics_ticket::table
            .filter(statistics_ticket::ticket_id.eq_any(some))
            .select(TicketRow::as_select())
            .load(c))?;
        counted.extend(rows.into_iter().map(|it| (it.ticket_id, Counted(it))));
    }
    Ok(counted)
}

/// What these tickets add by their events up to an event.
///
/// # Errors
/// Only those of the database.
pub fn counted_at(db: &mut Db, tickets: &[i64], event_id: i64) -> Result<HashMap<i64, Counted>, StoreError> {
    // What cannot be read is told by whoever follows the events.
    let (contributions, _damaged) = contributions(db, tickets, event_id)?;
    Ok(contributions.iter().map(|it| (it.ticket.0, Counted(TicketRow::of(it)))).collect())
}
