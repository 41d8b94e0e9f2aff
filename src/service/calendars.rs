//! Official years as time goes on: clocks that waited for one are counted anew, admins hear of one that is missing.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate, NaiveTime, TimeDelta};

use super::circumstances::{Circumstances, keep};
use super::standing::Standing;
use super::{App, Caller, Error};
use crate::domain::calendar::OfficialYears;
use crate::domain::people::{Actor, Grant, Role};
use crate::domain::setup::DEFAULT_ZONE;
use crate::domain::ticket::Change;
use crate::domain::value::{AccountId, At, NodeId, TicketId};
use crate::store::tickets::By;
use crate::store::{Db, notices, setup, tickets};

/// Tickets looked at in one tick; the rest follow in the next.
const TICKETS_PER_TICK: i64 = 500;
/// So long before a year begins its days must be known: the notice of the State Council comes in November.
const KNOWN_BEFORE: TimeDelta = TimeDelta::days(60);

/// Tickets with a clock that waits for a year that is known by now.
///
/// # Errors
/// Only those of the database.
pub(super) async fn waiting(app: &App) -> Result<Vec<TicketId>, Error> {
    app.store
        .read(move |db: &mut Db| {
            let Some(last) = setup::official_years(db)?.known_until() else { return Ok(Vec::new()) };
            let Some(end) = start_of(last.saturating_add(1)) else { return Ok(Vec::new()) };
            Ok(tickets::list_provisional(db, end, TICKETS_PER_TICK)?)
        })
        .await
}

/// The first moment of a year where most calendars are.
fn start_of(year: i32) -> Option<At> {
    let first = NaiveDate::from_ymd_opt(year, 1, 1)?.and_time(NaiveTime::MIN);
    let at = first.and_local_timezone(DEFAULT_ZONE).earliest()?;
    Some(At::from_utc(at.to_utc()))
}

/// Counts the provisional clocks of a ticket anew; false when another process was faster.
///
/// # Errors
/// Only those of the database.
pub(super) fn recount(db: &mut Db, app: &App, id: TicketId, now: At) -> Result<bool, Error> {
    let Some(ticket) = tickets::lock(db, By::Id(id))? else { return Ok(false) };
    let surroundings = Circumstances::of(db, &ticket)?;
    let caller = Caller { actor: Actor::System, place: None };
    let Some(change) = ticket.recount(&surroundings.doing(&caller, now)) else { return Ok(false) };
    keep(db, app, &change)?;
    Ok(true)
}

/// The year whose days must be known at `now`.
fn needed_by(now: At) -> i32 {
    (now + KNOWN_BEFORE).local_date(DEFAULT_ZONE).year()
}

/// The year whose days must be known at `now` and are not, at a node that one of `grants` is for.
///
/// # Errors
/// Only those of the database.
pub(super) fn missing_year(db: &mut Db, grants: &[Grant], now: At) -> Result<Option<i32>, Error> {
    let year = needed_by(now);
    if OfficialYears::default().knows(year) || setup::official_years(db)?.knows(year) {
        return Ok(None);
    }
    let standing = Standing::read(db)?;
    for grant in grants {
        let node = setup::find_node(db, grant.node)?;
        if !standing.rulebook(db, &node.path, node.time_zone)?.calendar.is_year_loaded(year) {
            return Ok(Some(year));
        }
    }
    Ok(None)
}

/// Tells the admins of each node, once a year, that the days of a year are missing that begins soon or has begun.
///
/// A node that follows no holidays, or has confirmed the year itself, needs none.
///
/// # Errors
/// Only those of the database.
pub(super) async fn tell_missing(app: &App, now: At) -> Result<(), Error> {
    let year = needed_by(now);
    if OfficialYears::default().knows(year) {
        return Ok(());
    }
    let untold = app.store.read(move |db: &mut Db| untold(db, year)).await?;
    if untold.is_empty() {
        return Ok(());
    }
    app.store
        .write(move |db: &mut Db| -> Result<(), Error> {
            for (at, who) in &untold {
                notices::tell_missing(db, *who, *at, year, now)?;
            }
            Ok(())
        })
        .await
}

/// Admins, each with the node, who need the days of `year` and were not told that they are missing.
fn untold(db: &mut Db, year: i32) -> Result<Vec<(NodeId, AccountId)>, Error> {
    if setup::official_years(db)?.knows(year) {
        return Ok(Vec::new());
    }
    let told = notices::told_missing(db, year)?;
    let mut untold = notices::admins(db)?;
    untold.retain(|it| !told.contains(it));
    let mut needs: BTreeMap<NodeId, bool> = BTreeMap::new();
    for (at, _) in &untold {
        if !needs.contains_key(at) {
            let node = setup::find_node(db, *at)?;
            let calendar = setup::rulebook(db, &node.path, node.time_zone)?.calendar;
            needs.insert(*at, !calendar.is_year_loaded(year));
        }
    }
    untold.retain(|(at, _)| needs.get(at).copied().unwrap_or(false));
    Ok(untold)
}

/// A due time of `change` was counted without knowing a year: the nearest admins of `nodes` hear of it, once.
///
/// # Errors
/// Only those of the database.
pub(super) fn tell_of_provisional(db: &mut Db, change: &Change, nodes: &[NodeId]) -> Result<(), Error> {
    let Some(year) = change.missing_year() else { return Ok(()) };
    for (at, who) in notices::nearest_at(db, Role::Admin, nodes)? {
        notices::tell_missing(db, who, at, year, change.at())?;
    }
    Ok(())
}
