//! Writing: what is pending is counted, once, and what a ticket added before is taken out.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;

use crate::domain::calendar::WorkingCalendar;
use crate::domain::sla::RulesDigest;
use crate::domain::statistics::{Contribution, Dimension, Life, Part, Tally, periods_of};
use crate::domain::value::{At, NodeId};
use crate::store::db::{Db, StoreError, held, insert_all, on};
use crate::store::schema::{
    event, statistics_count, statistics_follower, statistics_pending, statistics_ticket, statistics_time,
};
use crate::store::{events, tickets as rules};

/// SQLite takes 32,766 bound values a statement.
const KEYS_PER_QUERY: usize = 500;
/// Rows written by one statement on PostgreSQL, which takes 65,535 values.
const ROWS_PER_INSERT: usize = 1_000;

/// How far the roll-ups are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = statistics_follower)]
pub struct Follower {
    /// Which definitions they were made by.
    pub definitions: i64,
    /// Every event up to this id that was there when they were made is counted.
    pub position: i64,
    /// When that was, in microseconds.
    pub followed_at: i64,
}

/// Events that wait to be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub event_ids: Vec<i64>,
    pub tickets: Vec<i64>,
    /// Once these are counted, so is every event up to here.
    pub position: i64,
    /// More may be waiting.
    pub is_full: bool,
}

/// What is to be recorded at once.
#[derive(Debug, Clone)]
pub struct Batch {
    pub event_ids: Vec<i64>,
    pub position: i64,
    pub is_full: bool,
    pub contributions: Vec<Contribution>,
}

#[derive(Queryable, Selectable, Insertable, Clone)]
#[diesel(table_name = statistics_ticket)]
pub(super) struct TicketRow {
    pub(super) ticket_id: i64,
    pub(super) seq: i64,
    pub(super) node_id: i64,
    pub(super) sealed_node_id: i64,
    pub(super) received_at: i64,
    pub(super) is_open: bool,
    pub(super) due_at: Option<i64>,
    pub(super) unit: String,
    pub(super) category: String,
    pub(super) source: String,
    pub(super) mailbox: String,
    pub(super) building: String,
    pub(super) priority: String,
    pub(super) kind: String,
    pub(super) numerators: i64,
    pub(super) denominators: i64,
    pub(super) missed: i64,
    pub(super) excluded: i64,
    pub(super) done: String,
    pub(super) hints: i64,
    pub(super) counts: Vec<u8>,
    pub(super) times: Vec<u8>,
}

impl TicketRow {
    pub(super) fn of(it: &Contribution) -> Self {
        let value = |dimension| it.facts.value(dimension);
        Self {
            ticket_id: it.ticket.0,
            seq: it.seq,
            node_id: it.facts.node.0,
            sealed_node_id: it.facts.sealed_at.map_or(0, |it| it.0),
            received_at: it.received_at.micros(),
            is_open: it.is_open,
            due_at: it.due_at.map(At::micros),
            unit: value(Dimension::Unit),
            category: value(Dimension::Category),
            source: value(Dimension::Source),
            mailbox: value(Dimension::Mailbox),
            building: value(Dimension::Building),
            priority: value(Dimension::Priority),
            kind: value(Dimension::Kind),
            numerators: it.marks(Part::Numerator),
            denominators: it.marks(Part::Denominator),
            missed: it.marks(Part::Missed),
            excluded: it.marks(Part::Excluded),
            done: it.done.to_string(),
            hints: it.hints,
            counts: it.tally.counts_bytes(),
            times: it.tally.times_bytes(),
        }
    }

    pub(super) fn value(&self, dimension: Dimension) -> &str {
        match dimension {
            Dimension::All => "",
            Dimension::Unit => &self.unit,
            Dimension::Category => &self.category,
            Dimension::Source => &self.source,
            Dimension::Mailbox => &self.mailbox,
            Dimension::Building => &self.building,
            Dimension::Priority => &self.priority,
            Dimension::Kind => &self.kind,
        }
    }

    /// The same apart from where the ticket's chain is and what is due.
    fn counts_alike(&self, other: &TicketRow) -> bool {
        Dimension::ALL.iter().all(|it| self.value(*it) == other.value(*it))
            && (self.node_id, self.sealed_node_id, self.received_at)
                == (other.node_id, other.sealed_node_id, other.received_at)
            && (&self.counts, &self.times) == (&other.counts, &other.times)
    }
}

/// How far the roll-ups are.
///
/// # Errors
/// Only those of the database.
pub fn follower(db: &mut Db) -> Result<Follower, StoreError> {
    Ok(on!(db, |c| statistics_follower::table.find(1).select(Follower::as_select()).first(c))?)
}

/// The oldest events that wait, at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn pending(db: &mut Db, limit: i64) -> Result<Pending, StoreError> {
    let newest: Option<i64> = on!(db, |c| event::table.select(diesel::dsl::max(event::id)).first(c))?;
    let rows: Vec<(i64, i64)> = on!(db, |c| statistics_pending::table
        .order(statistics_pending::event_id)
        .limit(limit)
        .select((statistics_pending::event_id, statistics_pending::ticket_id))
        .load(c))?;
    let is_all = i64::try_from(rows.len()).unwrap_or(limit) < limit;
    let last = rows.last().map(|(id, _)| *id);
    let mut tickets: Vec<i64> = rows.iter().map(|(_, ticket)| *ticket).collect();
    tickets.sort_unstable();
    tickets.dedup();
    Ok(Pending {
        event_ids: rows.into_iter().map(|(id, _)| id).collect(),
        tickets,
        position: if is_all { newest } else { last }.unwrap_or(0),
        is_full: !is_all,
    })
}

/// Reads the lives of these tickets and what they add now.
///
/// Also gives the tickets whose events could not be read; verification tells more of them.
///
/// # Errors
/// Only those of the database.
pub fn batch(db: &mut Db, pending: Pending) -> Result<(Batch, Vec<i64>), StoreError> {
    let (contributions, damaged) = contributions(db, &pending.tickets, i64::MAX)?;
    let Pending { event_ids, position, is_full, .. } = pending;
    let batch = Batch { event_ids, position, is_full, contributions };
    Ok((batch, damaged))
}

/// What these tickets add by their events up to the id `until`, and those that could not be read.
pub(super) fn contributions(
    db: &mut Db,
    tickets: &[i64],
    until: i64,
) -> Result<(Vec<Contribution>, Vec<i64>), StoreError> {
    let mut lives: Vec<(i64, Life)> = Vec::with_capacity(tickets.len());
    let mut damaged = Vec::new();
    events::each_of_tickets(db, tickets, |recorded| {
        if recorded.id > until {
            return;
        }
        if lives.last().is_none_or(|it| it.0 != recorded.stream_id) {
            lives.push((recorded.stream_id, Life::default()));
        }
        if let Some((id, life)) = lives.last_mut()
            && life.take(&recorded).is_err()
        {
            damaged.push(*id);
        }
    })?;
    let mut calendars: HashMap<RulesDigest, Arc<WorkingCalendar>> = HashMap::new();
    let usual = Arc::new(WorkingCalendar::default());
    let mut contributions = Vec::with_capacity(lives.len());
    for (_, life) in lives.iter().filter(|(id, _)| !damaged.contains(id)) {
        let calendar = match life.rules() {
            None => Arc::clone(&usual),
            Some(digest) if calendars.contains_key(&digest) => Arc::clone(&calendars[&digest]),
            Some(digest) => {
                let calendar = Arc::new(rules::find_rules(db, digest)?.calendar.clone());
                calendars.insert(digest, Arc::clone(&calendar));
                calendar
            }
        };
        contributions.extend(life.contribution(&calendar));
    }
    damaged.dedup();
    Ok((contributions, damaged))
}

/// Where a sum is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Cell {
    node: NodeId,
    sealed_node: i64,
    dimension: Dimension,
    period: i64,
    value: String,
}

impl Cell {
    fn key(&self) -> String {
        let Cell { node, sealed_node, dimension, period, value } = self;
        format!("{node}.{sealed_node}.{dimension}.{period}.{value}")
    }
}

/// Records a batch: each ticket's part replaced, its events pending no more. What another process recorded of a
/// ticket's later events meanwhile stays.
///
/// # Errors
/// `Corrupt` when a stored sum is none.
pub fn record(db: &mut Db, batch: &Batch, now: At) -> Result<(), StoreError> {
    // One at a time: sums are read, added to and written back.
    let last: Follower =
        held!(db, statistics_follower::table.find(1), |c, it| it.select(Follower::as_select()).first(c))?;
    let ids: Vec<i64> = batch.contributions.iter().map(|it| it.ticket.0).collect();
    let mut before: HashMap<i64, TicketRow> = HashMap::new();
    for some in ids.chunks(KEYS_PER_QUERY) {
        let rows: Vec<TicketRow> = on!(db, |c| statistics_ticket::table
            .filter(statistics_ticket::ticket_id.eq_any(some))
            .select(TicketRow::as_select())
            .load(c))?;
        before.extend(rows.into_iter().map(|it| (it.ticket_id, it)));
    }
    let rows = batch.contributions.iter().map(TicketRow::of);
    let rows: Vec<TicketRow> =
        rows.filter(|it| before.get(&it.ticket_id).is_none_or(|old| old.seq < it.seq)).collect();
    let mut sums: HashMap<Cell, Tally> = HashMap::new();
    for row in &rows {
        match before.get(&row.ticket_id) {
            Some(old) if old.counts_alike(row) => {}
            Some(old) => {
                add(old, -1, &mut sums)?;
                add(row, 1, &mut sums)?;
            }
            None => add(row, 1, &mut sums)?,
        }
    }
    write_counts(db, &sums)?;
    write_times(db, &sums)?;
    write_tickets(db, &rows)?;
    for some in batch.event_ids.chunks(KEYS_PER_QUERY) {
        on!(db, |c| diesel::delete(
            statistics_pending::table.filter(statistics_pending::event_id.eq_any(some))
        )
        .execute(c))?;
    }
    on!(db, |c| diesel::update(statistics_follower::table.find(1))
        .set((
            statistics_follower::position.eq(last.position.max(batch.position)),
            statistics_follower::followed_at.eq(last.followed_at.max(now.micros())),
        ))
        .execute(c))?;
    Ok(())
}

fn corrupt() -> StoreError {
    StoreError::Corrupt("a sum of the figures is damaged; run `red-mailbox stats rebuild`".to_owned())
}

fn add(row: &TicketRow, sign: i64, sums: &mut HashMap<Cell, Tally>) -> Result<(), StoreError> {
    for dimension in Dimension::ALL {
        for period in periods_of(At::from_micros(row.received_at)) {
            let cell = Cell {
                node: NodeId(row.node_id),
                sealed_node: row.sealed_node_id,
                dimension: *dimension,
                period,
                value: row.value(*dimension).to_owned(),
            };
            let sum = sums.entry(cell).or_default();
            if !sum.add_counts_bytes(&row.counts, sign) || !sum.add_times_bytes(&row.times, sign) {
                return Err(corrupt());
            }
        }
    }
    Ok(())
}

/// Adds to the sums of one table and writes them back; a macro because the two tables are two types.
macro_rules! write_sums {
    ($db:expr, $table:ident, $sums:expr, $bytes:ident, $add:ident) => {{
        let mut changed: Vec<(String, &Cell, Tally)> = $sums
            .iter()
            .filter(|(_, it)| !it.$bytes().is_empty())
            .map(|(cell, it)| (cell.key(), cell, it.clone()))
            .collect();
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        for some in changed.chunks_mut(KEYS_PER_QUERY) {
            let keys: Vec<&str> = some.iter().map(|it| it.0.as_str()).collect();
            let kept: Vec<(String, Vec<u8>)> = on!($db, |c| $table::table
                .filter($table::key.eq_any(&keys))
                .select(($table::key, $table::sums))
                .load(c))?;
            let kept: HashMap<String, Vec<u8>> = kept.into_iter().collect();
            on!($db, |c| diesel::delete($table::table.filter($table::key.eq_any(&keys))).execute(c))?;
            for (key, _, sum) in some.iter_mut() {
                if kept.get(key).is_some_and(|it| !sum.$add(it, 1)) {
                    return Err(corrupt());
                }
            }
            let rows: Vec<_> = some
                .iter()
                .map(|(key, cell, sum)| (key, cell, sum.$bytes()))
                .filter(|it| !it.2.is_empty())
                .map(|(key, cell, sums)| {
                    (
                        $table::key.eq(key),
                        $table::node_id.eq(cell.node.0),
                        $table::sealed_node_id.eq(cell.sealed_node),
                        $table::dimension.eq(cell.dimension.as_str()),
                        $table::period.eq(cell.period),
                        $table::value.eq(&cell.value),
                        $table::sums.eq(sums),
                    )
                })
                .collect();
            insert_all!($db, $table::table, &rows)?;
        }
        Ok(())
    }};
}

fn write_counts(db: &mut Db, sums: &HashMap<Cell, Tally>) -> Result<(), StoreError> {
    write_sums!(db, statistics_count, sums, counts_bytes, add_counts_bytes)
}

fn write_times(db: &mut Db, sums: &HashMap<Cell, Tally>) -> Result<(), StoreError> {
    write_sums!(db, statistics_time, sums, times_bytes, add_times_bytes)
}

fn write_tickets(db: &mut Db, rows: &[TicketRow]) -> Result<(), StoreError> {
    for some in rows.chunks(ROWS_PER_INSERT) {
        let ids: Vec<i64> = some.iter().map(|it| it.ticket_id).collect();
        on!(db, |c| diesel::delete(
            statistics_ticket::table.filter(statistics_ticket::ticket_id.eq_any(&ids))
        )
        .execute(c))?;
        insert_all!(db, statistics_ticket::table, some)?;
    }
    Ok(())
}

/// Forgets every sum, so that all events wait to be counted by `definitions`.
///
/// # Errors
/// Only those of the database.
pub fn reset(db: &mut Db, definitions: i64) -> Result<(), StoreError> {
    let last: Follower =
        held!(db, statistics_follower::table.find(1), |c, it| it.select(Follower::as_select()).first(c))?;
    on!(db, |c| diesel::delete(statistics_count::table).execute(c))?;
    on!(db, |c| diesel::delete(statistics_time::table).execute(c))?;
    on!(db, |c| diesel::delete(statistics_ticket::table).execute(c))?;
    // The last event of each ticket stands for all of them; what commits meanwhile brings its own row.
    let lasts = "INSERT INTO statistics_pending (event_id, ticket_id) \
        SELECT max(id), stream_id FROM event WHERE stream = 'ticket' GROUP BY stream_id \
        ON CONFLICT (event_id) DO NOTHING";
    on!(db, |c| diesel::sql_query(lasts).execute(c))?;
    on!(db, |c| diesel::update(statistics_follower::table.find(1))
        .set((
            statistics_follower::definitions.eq(definitions),
            statistics_follower::position.eq(0),
            statistics_follower::followed_at.eq(last.followed_at),
        ))
        .execute(c))?;
    Ok(())
}
