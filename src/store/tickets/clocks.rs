//! Clocks and extensions of tickets, and the rules they are counted by.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::rows::small;
use crate::domain::sla::{
    Alarm, AlarmKind, Clock, ClockState, Extension, ExtensionState, Rules, RulesDigest, Stage,
};
use crate::domain::ticket::Change;
use crate::domain::value::{At, TicketId};
use crate::store::db::{Db, Inserts, StoreError, insert, on};
use crate::store::schema::{clock, extension, sla_rules};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clock, treat_none_as_null = true, treat_none_as_default_value = false)]
struct ClockRow {
    ticket_id: i64,
    place: i64,
    stage: String,
    cycle: i64,
    nth: i64,
    state: String,
    started_at: i64,
    due_at: i64,
    paused_at: Option<i64>,
    met_at: Option<i64>,
    breached_at: Option<i64>,
    alarm_at: Option<i64>,
    alarm: Option<String>,
    warned: Option<i64>,
    rules: String,
    details: String,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = extension, treat_none_as_null = true)]
struct ExtensionRow {
    ticket_id: i64,
    id: i64,
    cycle: i64,
    due_at: i64,
    state: String,
    requested_at: i64,
    decided_at: Option<i64>,
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("unknown {what} of a clock"))
}

impl ClockRow {
    fn of(ticket_id: i64, place: i64, it: &Clock) -> Self {
        Self {
            ticket_id,
            place,
            stage: it.stage.to_string(),
            cycle: it.cycle.into(),
            nth: it.nth.into(),
            state: it.state.to_string(),
            started_at: it.started_at.micros(),
            due_at: it.due_at.micros(),
            paused_at: it.paused_at.map(At::micros),
            met_at: it.met_at.map(At::micros),
            breached_at: it.breached_at.map(At::micros),
            alarm_at: it.alarm.map(|it| it.at.micros()),
            alarm: it.alarm.map(|it| it.kind.code()),
            warned: it.warned.map(i64::from),
            rules: it.rules.as_hex(),
            details: it.details.to_json(),
        }
    }

    fn into_clock(self) -> Result<Clock, StoreError> {
        let alarm = match (self.alarm_at, self.alarm) {
            (Some(at), Some(kind)) => Some(Alarm {
                at: At::from_micros(at),
                kind: AlarmKind::parse(&kind).ok_or_else(|| corrupt("alarm"))?,
            }),
            _ => None,
        };
        Ok(Clock {
            stage: Stage::parse(&self.stage).ok_or_else(|| corrupt("stage"))?,
            cycle: small(self.cycle)?,
            nth: small(self.nth)?,
            state: ClockState::parse(&self.state).ok_or_else(|| corrupt("state"))?,
            started_at: At::from_micros(self.started_at),
            due_at: At::from_micros(self.due_at),
            paused_at: self.paused_at.map(At::from_micros),
            met_at: self.met_at.map(At::from_micros),
            breached_at: self.breached_at.map(At::from_micros),
            alarm,
            warned: self.warned.and_then(|it| u8::try_from(it).ok()),
            rules: RulesDigest::parse(&self.rules).ok_or_else(|| corrupt("rules"))?,
            details: serde_json::from_str(&self.details).map_err(|_| corrupt("details"))?,
        })
    }
}

impl ExtensionRow {
    fn of(ticket_id: i64, it: &Extension) -> Self {
        Self {
            ticket_id,
            id: it.id.into(),
            cycle: it.cycle.into(),
            due_at: it.due_at.micros(),
            state: it.state.to_string(),
            requested_at: it.requested_at.micros(),
            decided_at: it.decided_at.map(At::micros),
        }
    }

    fn into_extension(self) -> Result<Extension, StoreError> {
        Ok(Extension {
            id: small(self.id)?,
            cycle: small(self.cycle)?,
            due_at: At::from_micros(self.due_at),
            state: ExtensionState::parse(&self.state).ok_or_else(|| corrupt("extension"))?,
            requested_at: At::from_micros(self.requested_at),
            decided_at: self.decided_at.map(At::from_micros),
        })
    }
}

/// Keeps the rules that a change picked; those that are there already stay as they are.
pub(super) fn keep_rules(db: &mut Db, inserts: &mut Inserts, change: &Change) -> Result<(), StoreError> {
    for rules in change.rules_picked() {
        let row = (sla_rules::digest.eq(rules.digest.as_hex()), sla_rules::body.eq(rules.body.clone()));
        insert!(db, inserts, diesel::insert_into(sla_rules::table).values(row).on_conflict_do_nothing())?;
    }
    Ok(())
}

/// Writes the clocks and extensions that differ from those before the change.
pub(super) fn save(db: &mut Db, inserts: &mut Inserts, change: &Change) -> Result<(), StoreError> {
    let ticket = change.ticket();
    let id = ticket.id.0;
    let (clocks, extensions) = change.clocks_before();
    for ((now, place), before) in
        ticket.clocks.iter().zip(1..).zip(clocks.iter().map(Some).chain(std::iter::repeat(None)))
    {
        let row = ClockRow::of(id, place, now);
        match before {
            Some(before) if before == now => {}
            Some(_) => {
                on!(db, |c| diesel::update(clock::table.find((id, place))).set(&row).execute(c))?;
            }
            None => insert!(db, inserts, diesel::insert_into(clock::table).values(row))?,
        }
    }
    for (now, before) in
        ticket.extensions.iter().zip(extensions.iter().map(Some).chain(std::iter::repeat(None)))
    {
        let row = ExtensionRow::of(id, now);
        match before {
            Some(before) if before == now => {}
            Some(_) => {
                on!(db, |c| diesel::update(extension::table.find((id, row.id))).set(&row).execute(c))?;
            }
            None => {
                on!(db, |c| diesel::insert_into(extension::table).values(&row).execute(c))?;
            }
        }
    }
    Ok(())
}

/// Clocks and extensions of some tickets, by ticket, in their order.
pub(super) type OfTickets = (HashMap<i64, Vec<Clock>>, HashMap<i64, Vec<Extension>>);

/// The clocks and extensions of these tickets.
pub(super) fn of_tickets(db: &mut Db, ids: &[i64]) -> Result<OfTickets, StoreError> {
    let (mut clocks, mut extensions): OfTickets = (HashMap::new(), HashMap::new());
    let rows: Vec<ClockRow> = on!(db, |c| clock::table
        .filter(clock::ticket_id.eq_any(ids))
        .order((clock::ticket_id, clock::place))
        .select(ClockRow::as_select())
        .load(c))?;
    for row in rows {
        clocks.entry(row.ticket_id).or_default().push(row.into_clock()?);
    }
    let rows: Vec<ExtensionRow> = on!(db, |c| extension::table
        .filter(extension::ticket_id.eq_any(ids))
        .order((extension::ticket_id, extension::id))
        .select(ExtensionRow::as_select())
        .load(c))?;
    for row in rows {
        extensions.entry(row.ticket_id).or_default().push(row.into_extension()?);
    }
    Ok((clocks, extensions))
}

/// A clock that waits for official days, word for word as its index says, or that is not used.
const WAITS_FOR_A_YEAR: &str =
    "clock.state IN ('running', 'paused') AND clock.details LIKE '%\"provisional\":true%'";

/// Tickets with a clock that waits for official days and is due before `before`, soonest first, at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list_provisional(db: &mut Db, before: At, limit: i64) -> Result<Vec<TicketId>, StoreError> {
    let mut ids: Vec<i64> = on!(db, |c| clock::table
        .filter(sql::<Bool>(WAITS_FOR_A_YEAR))
        .filter(clock::due_at.lt(before.micros()))
        .order((clock::due_at, clock::ticket_id))
        .limit(limit)
        .select(clock::ticket_id)
        .load(c))?;
    // A ticket with two such clocks is moved once.
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.into_iter().map(TicketId).collect())
}

/// The rules with this digest.
///
/// # Errors
/// `Corrupt` when they are not there, or are none of ours.
pub fn find_rules(db: &mut Db, digest: RulesDigest) -> Result<Arc<Rules>, StoreError> {
    let body: Option<String> =
        on!(db, |c| sla_rules::table.find(digest.as_hex()).select(sla_rules::body).first(c).optional())?;
    body.as_deref()
        .and_then(Rules::parse)
        .filter(|it| it.digest == digest)
        .map(Arc::new)
        .ok_or_else(|| corrupt("rules"))
}
