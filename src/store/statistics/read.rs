//! Reading: kept sums of whole periods, and tickets one by one where no sum is kept.

use diesel::prelude::*;

use crate::domain::statistics::{Dimension, EVER};
use crate::domain::value::At;
use crate::store::db::{Db, StoreError, on};
use crate::store::schema::{
    event, statistics_count, statistics_follower, statistics_pending, statistics_ticket, statistics_time,
};

/// Tickets of one page where they are read one by one.
const TICKETS_PER_PAGE: i64 = 5_000;

/// Whose figures, and which of their tickets.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Received at one of these nodes.
    pub nodes: Vec<i64>,
    /// 0, and the nodes whose sealed tickets are counted too.
    pub sealed_nodes: Vec<i64>,
    /// For each of these dimensions one of these values.
    pub filters: Vec<(Dimension, Vec<String>)>,
}

/// A sum, or what one ticket adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub node: i64,
    /// 0 for what one ticket adds.
    pub period: i64,
    pub value: String,
    pub counts: Vec<u8>,
    pub times: Vec<u8>,
}

macro_rules! sums {
    ($db:expr, $table:ident, $wanted:expr, $dimension:expr, $periods:expr, $values:expr) => {{
        let rows: Vec<(i64, i64, String, Vec<u8>)> = on!($db, |c| {
            let mut query = $table::table
                .filter($table::node_id.eq_any(&$wanted.nodes))
                .filter($table::dimension.eq($dimension.as_str()))
                .filter($table::period.eq_any($periods))
                .filter($table::sealed_node_id.eq_any(&$wanted.sealed_nodes))
                .into_boxed();
            if let Some(values) = $values {
                query = query.filter($table::value.eq_any(values));
            }
            query.select(($table::node_id, $table::period, $table::value, $table::sums)).load(c)
        })?;
        rows
    }};
}

/// The sums of `dimension` that are kept for these periods, with times when `is_timed`; of these values, or of all.
///
/// # Errors
/// Only those of the database.
pub fn kept(
    db: &mut Db,
    wanted: &Wanted,
    (dimension, values): (Dimension, Option<&[String]>),
    periods: &[i64],
    is_timed: bool,
) -> Result<Vec<Kept>, StoreError> {
    if periods.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sums!(db, statistics_count, wanted, dimension, periods, values);
    let counts = rows.into_iter().map(|(node, period, value, counts)| Kept {
        node,
        period,
        value,
        counts,
        times: Vec::new(),
    });
    let mut kept: Vec<Kept> = counts.collect();
    if is_timed {
        let rows = sums!(db, statistics_time, wanted, dimension, periods, values);
        kept.extend(rows.into_iter().map(|(node, period, value, times)| Kept {
            node,
            period,
            value,
            counts: Vec::new(),
            times,
        }));
    }
    Ok(kept)
}

/// The first and the last month that tickets of these nodes were received in, as periods.
///
/// # Errors
/// Only those of the database.
pub fn months(db: &mut Db, nodes: &[i64]) -> Result<Option<(i64, i64)>, StoreError> {
    use diesel::dsl::{max, min};
    let (first, last): (Option<i64>, Option<i64>) = on!(db, |c| statistics_count::table
        .filter(statistics_count::node_id.eq_any(nodes))
        .filter(statistics_count::dimension.eq(Dimension::All.as_str()))
        // Months have six digits, days eight.
        .filter(statistics_count::period.gt(EVER).and(statistics_count::period.lt(1_000_000)))
        .select((min(statistics_count::period), max(statistics_count::period)))
        .first(c))?;
    Ok(first.zip(last))
}

/// True when a ticket of these nodes was received from `from` until before `to`.
///
/// # Errors
/// Only those of the database.
pub fn has_received(db: &mut Db, nodes: &[i64], from: At, to: At) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(db, |c| statistics_ticket::table
        .filter(statistics_ticket::node_id.eq_any(nodes))
        .filter(statistics_ticket::received_at.ge(from.micros()))
        .filter(statistics_ticket::received_at.lt(to.micros()))
        .select(statistics_ticket::ticket_id)
        .first(c)
        .optional())?;
    Ok(found.is_some())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = statistics_ticket)]
struct Single {
    ticket_id: i64,
    node_id: i64,
    received_at: i64,
    due_at: Option<i64>,
    unit: String,
    category: String,
    source: String,
    mailbox: String,
    building: String,
    priority: String,
    kind: String,
    counts: Vec<u8>,
    times: Vec<u8>,
}

impl Single {
    fn kept(self, dimension: Dimension) -> Kept {
        let value = match dimension {
            Dimension::All => String::new(),
            Dimension::Unit => self.unit,
            Dimension::Category => self.category,
            Dimension::Source => self.source,
            Dimension::Mailbox => self.mailbox,
            Dimension::Building => self.building,
            Dimension::Priority => self.priority,
            Dimension::Kind => self.kind,
        };
        Kept { node: self.node_id, period: 0, value, counts: self.counts, times: self.times }
    }
}

/// Narrows by nodes, seals and filters; a macro because the two engines' queries are two types.
macro_rules! wanted_tickets {
    ($wanted:expr) => {{
        let mut query = statistics_ticket::table
            .filter(statistics_ticket::node_id.eq_any(&$wanted.nodes))
            .filter(statistics_ticket::sealed_node_id.eq_any(&$wanted.sealed_nodes))
            .into_boxed();
        for (dimension, values) in &$wanted.filters {
            query = match dimension {
                Dimension::All => query,
                Dimension::Unit => query.filter(statistics_ticket::unit.eq_any(values)),
                Dimension::Category => query.filter(statistics_ticket::category.eq_any(values)),
                Dimension::Source => query.filter(statistics_ticket::source.eq_any(values)),
                Dimension::Mailbox => query.filter(statistics_ticket::mailbox.eq_any(values)),
                Dimension::Building => query.filter(statistics_ticket::building.eq_any(values)),
                Dimension::Priority => query.filter(statistics_ticket::priority.eq_any(values)),
                Dimension::Kind => query.filter(statistics_ticket::kind.eq_any(values)),
            };
        }
        query
    }};
}

/// Gives each ticket received in a span to `put`, under its value of `dimension`, in pages; `go_on` is asked
/// between them.
///
/// # Errors
/// `Busy` when `go_on` says no; else only those of the database.
pub fn read_span(
    db: &mut Db,
    wanted: &Wanted,
    (from, to): (At, At),
    dimension: Dimension,
    go_on: &dyn Fn() -> bool,
    mut put: impl FnMut(Kept) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (mut received, mut after) = (from.micros(), 0);
    loop {
        if !go_on() {
            return Err(StoreError::Busy);
        }
        let rows: Vec<Single> = on!(db, |c| wanted_tickets!(wanted)
            .filter(statistics_ticket::received_at.ge(received))
            .filter(statistics_ticket::received_at.lt(to.micros()))
            .filter(statistics_ticket::received_at.gt(received).or(statistics_ticket::ticket_id.gt(after)))
            .order((statistics_ticket::received_at, statistics_ticket::ticket_id))
            .limit(TICKETS_PER_PAGE)
            .select(Single::as_select())
            .load(c))?;
        let is_last = i64::try_from(rows.len()).unwrap_or(0) < TICKETS_PER_PAGE;
        for row in rows {
            (received, after) = (row.received_at, row.ticket_id);
            put(row.kept(dimension))?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Gives each open ticket to `put`: under its value of `dimension`, when it was received and what is due next.
///
/// # Errors
/// `Busy` when `go_on` says no; else only those of the database.
pub fn open(
    db: &mut Db,
    wanted: &Wanted,
    dimension: Dimension,
    go_on: &dyn Fn() -> bool,
    mut put: impl FnMut(Kept, At, Option<At>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        if !go_on() {
            return Err(StoreError::Busy);
        }
        let rows: Vec<Single> = on!(db, |c| wanted_tickets!(wanted)
            .filter(statistics_ticket::is_open)
            .filter(statistics_ticket::ticket_id.gt(after))
            .order(statistics_ticket::ticket_id)
            .limit(TICKETS_PER_PAGE)
            .select(Single::as_select())
            .load(c))?;
        let is_last = i64::try_from(rows.len()).unwrap_or(0) < TICKETS_PER_PAGE;
        for row in rows {
            after = row.ticket_id;
            let (received, due) = (At::from_micros(row.received_at), row.due_at.map(At::from_micros));
            put(row.kept(dimension), received, due)?;
        }
        if is_last {
            return Ok(());
        }
    }
}

/// The event up to which everything is counted, and when the oldest that waits was written.
///
/// # Errors
/// Only those of the database.
pub fn position_and_age(db: &mut Db) -> Result<(i64, Option<At>), StoreError> {
    let position: i64 =
        on!(db, |c| statistics_follower::table.find(1).select(statistics_follower::position).first(c))?;
    let oldest: Option<i64> = on!(db, |c| statistics_pending::table
        .inner_join(event::table.on(event::id.eq(statistics_pending::event_id)))
        .order(statistics_pending::event_id)
        .select(event::at)
        .first(c)
        .optional())?;
    Ok((position, oldest.map(At::from_micros)))
}
