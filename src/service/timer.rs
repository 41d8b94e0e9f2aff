//! What time itself does: clocks warn and are breached, silent tickets close, waiting ends, due times that waited for
//! a year are counted anew, boxes that were not opened are told of, what has expired is forgotten.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::circumstances::{Circumstances, keep};
use super::{App, Caller, Error, accounts, attachments, calendars, follow_ups, mailboxes};
use crate::domain::people::Actor;
use crate::domain::sla::{Rules, RulesDigest};
use crate::domain::ticket::Ticket;
use crate::domain::value::{At, NodeId, TicketId};
use crate::store::{Db, StoreError, collections, receipts, tickets};

/// Tickets moved in one tick; the rest follow in the next, a second later.
const TICKETS_PER_TICK: i64 = 5_000;
/// Tickets moved in one transaction: enough to share its commit, few enough to hold up nobody.
const TICKETS_PER_JOB: usize = 25;
/// Transactions under way at one time.
const JOBS_AT_ONCE: usize = 4;
const EXPIRED_PER_TICK: i64 = 500;
/// Call-backs are promised by the day, so late ones are looked for once a minute.
const FOLLOW_UPS_EVERY_S: i64 = 60;

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    pub n_moved: usize,
    /// Tickets whose provisional due times were counted anew.
    pub n_recounted: usize,
    pub n_forgotten: usize,
}

/// Does everything that is due at `now`; safe in any number of processes.
///
/// Each ticket is held and looked at again before it is moved, so that whatever is due is done once. One that
/// cannot be read is told in the log and holds up no other.
///
/// # Errors
/// Only those of the database; what was done before stays done.
pub async fn tick(app: &App, now: At) -> Result<Ticked, Error> {
    let due = app.store.read(move |db: &mut Db| tickets::list_due(db, now, TICKETS_PER_TICK)).await?;
    let n_moved = each(app, &due, now, move_some).await?;
    let waiting = calendars::waiting(app).await?;
    let n_recounted = each(app, &waiting, now, recount_some).await?;
    calendars::tell_missing(app, now).await?;
    if now.micros().div_euclid(1_000_000) % FOLLOW_UPS_EVERY_S == 0 {
        follow_ups::tell_late(app, now).await?;
    }
    mailboxes::tick(app, now).await?;
    let mut done = Ticked { n_moved, n_recounted, n_forgotten: 0 };
    let n_forgotten = app
        .store
        .write(move |db: &mut Db| -> Result<usize, Error> {
            let n_answers = receipts::forget_answers(db, now, EXPIRED_PER_TICK)?;
            let n_answers = n_answers + collections::forget_kept(db, now, EXPIRED_PER_TICK)?;
            Ok(n_answers + super::receipts::forget_guesses(db, now, EXPIRED_PER_TICK)?)
        })
        .await?;
    done.n_forgotten = n_forgotten + accounts::tidy(app).await? + attachments::sweep(app, now).await?;
    Ok(done)
}

/// What is done with some tickets in one transaction; how many of them moved.
type Move = fn(&mut Db, &App, &[TicketId], At) -> Result<usize, Error>;

/// Moves each of these tickets, some in one transaction, and counts those that moved.
async fn each(app: &App, ids: &[TicketId], now: At, act: Move) -> Result<usize, Error> {
    let mut n_moved = 0;
    let mut jobs = JoinSet::new();
    for some in ids.chunks(TICKETS_PER_JOB) {
        if jobs.len() >= JOBS_AT_ONCE
            && let Some(moved) = jobs.join_next().await
        {
            n_moved += finished(moved)?;
        }
        let (app_too, some) = (app.clone(), some.to_vec());
        jobs.spawn(async move {
            let app = app_too.clone();
            app.store.write(move |db: &mut Db| act(db, &app_too, &some, now)).await
        });
    }
    while let Some(moved) = jobs.join_next().await {
        n_moved += finished(moved)?;
    }
    Ok(n_moved)
}

fn finished(moved: Result<Result<usize, Error>, tokio::task::JoinError>) -> Result<usize, Error> {
    moved.map_err(|it| Error::internal(format!("could not finish a tick: {it}")))?
}

/// Looks at each of these tickets again, in a savepoint of its own.
fn recount_some(db: &mut Db, app: &App, ids: &[TicketId], now: At) -> Result<usize, Error> {
    let mut n_moved = 0;
    for id in ids {
        n_moved += usize::from(attempt(db, *id, |db| calendars::recount(db, app, *id, now))?);
    }
    Ok(n_moved)
}

/// Moves each of these tickets, in a savepoint of its own.
///
/// They are held and read together, for most of what a thousand alarms cost is asking. One that somebody else holds
/// just now is left to the next tick, a second later.
fn move_some(db: &mut Db, app: &App, ids: &[TicketId], now: At) -> Result<usize, Error> {
    let mut around = Around::default();
    let mut n_moved = 0;
    for ticket in hold_free(db, ids)? {
        let id = ticket.id;
        n_moved += usize::from(attempt(db, id, |db| move_one(db, app, ticket, &mut around, now))?);
    }
    Ok(n_moved)
}

/// The tickets that nobody else holds; of one that cannot be read the log tells.
fn hold_free(db: &mut Db, ids: &[TicketId]) -> Result<Vec<Ticket>, Error> {
    match tickets::lock_free(db, ids) {
        // One by one, then, so that the others are not held up.
        Err(StoreError::Corrupt(_)) => {}
        held => return Ok(held?),
    }
    let mut held = Vec::with_capacity(ids.len());
    for id in ids {
        match tickets::lock_free(db, &[*id]) {
            Err(StoreError::Corrupt(what)) => tell_corrupt(*id, &what),
            one => held.extend(one?),
        }
    }
    Ok(held)
}

fn tell_corrupt(id: TicketId, what: &str) {
    tracing::error!(ticket.id = id.0, "could not move ticket {id}, run `audit verify`: {what}");
}

fn attempt(
    db: &mut Db,
    id: TicketId,
    act: impl FnOnce(&mut Db) -> Result<bool, Error>,
) -> Result<bool, Error> {
    match db.attempt(act) {
        Err(Error::Store(StoreError::Corrupt(what))) => {
            tell_corrupt(id, &what);
            Ok(false)
        }
        moved => moved,
    }
}

/// What surrounds the tickets of one transaction: read once for all of a node, and of the same rules.
#[derive(Default)]
struct Around {
    nodes: HashMap<(NodeId, NodeId), Circumstances>,
    rules: HashMap<RulesDigest, Arc<Rules>>,
}

impl Around {
    fn of(&mut self, db: &mut Db, ticket: &Ticket) -> Result<Circumstances, Error> {
        let place = (ticket.node, ticket.handling_node);
        let at_nodes = if let Some(found) = self.nodes.get(&place) {
            found.clone()
        } else {
            let loaded = Circumstances::load(db, place.0, place.1)?;
            self.nodes.insert(place, loaded.clone());
            loaded
        };
        let kept = ticket.rules.map(|digest| self.rules(db, digest)).transpose()?;
        Ok(at_nodes.for_ticket(ticket, kept))
    }

    fn rules(&mut self, db: &mut Db, digest: RulesDigest) -> Result<Arc<Rules>, Error> {
        if let Some(rules) = self.rules.get(&digest) {
            return Ok(Arc::clone(rules));
        }
        let rules = tickets::find_rules(db, digest)?;
        self.rules.insert(digest, Arc::clone(&rules));
        Ok(rules)
    }
}

fn move_one(db: &mut Db, app: &App, ticket: Ticket, around: &mut Around, now: At) -> Result<bool, Error> {
    if ticket.next_alarm_at.is_none_or(|it| it > now) {
        return Ok(false);
    }
    let surroundings = around.of(db, &ticket)?;
    let caller = Caller { actor: Actor::Timer, place: None };
    let Some(change) = ticket.timer(&surroundings.doing(&caller, now)) else { return Ok(false) };
    keep(db, app, &change)?;
    Ok(true)
}
