//! What time itself does: clocks warn and are breached, silent tickets close, waiting ends, due times that waited for
//! a year are counted anew, boxes that were not opened are told of, what has expired is forgotten.

use tokio::task::JoinSet;

use super::circumstances::{Circumstances, keep};
use super::{App, Caller, Error, accounts, attachments, calendars, mailboxes};
use crate::domain::people::Actor;
use crate::domain::value::{At, TicketId};
use crate::store::tickets::By;
use crate::store::{Db, StoreError, collections, receipts, tickets};

/// Tickets moved in one tick; the rest follow in the next, a second later.
const TICKETS_PER_TICK: i64 = 5_000;
/// Tickets moved in one transaction: enough to share its commit, few enough to hold up nobody.
const TICKETS_PER_JOB: usize = 25;
/// Transactions under way at one time.
const JOBS_AT_ONCE: usize = 4;
const EXPIRED_PER_TICK: i64 = 500;

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
    let n_moved = each(app, &due, now, move_one).await?;
    let waiting = calendars::waiting(app).await?;
    let n_recounted = each(app, &waiting, now, calendars::recount).await?;
    calendars::tell_missing(app, now).await?;
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

/// What is done with one ticket; false when there was nothing left to do.
type Move = fn(&mut Db, &App, TicketId, At) -> Result<bool, Error>;

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
            app.store.write(move |db: &mut Db| move_some(db, &app_too, &some, now, act)).await
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

/// Moves each of these tickets, in a savepoint of its own.
fn move_some(db: &mut Db, app: &App, ids: &[TicketId], now: At, act: Move) -> Result<usize, Error> {
    let mut n_moved = 0;
    for id in ids {
        match db.attempt(|db| act(db, app, *id, now)) {
            Ok(moved) => n_moved += usize::from(moved),
            Err(Error::Store(StoreError::Corrupt(what))) => {
                tracing::error!(ticket.id = id.0, "could not move ticket {id}, run `audit verify`: {what}");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(n_moved)
}

fn move_one(db: &mut Db, app: &App, id: TicketId, now: At) -> Result<bool, Error> {
    let Some(ticket) = tickets::lock(db, By::Id(id))? else { return Ok(false) };
    if ticket.next_alarm_at.is_none_or(|it| it > now) {
        return Ok(false);
    }
    let surroundings = Circumstances::of(db, &ticket)?;
    let caller = Caller { actor: Actor::Timer, place: None };
    let Some(change) = ticket.timer(&surroundings.doing(&caller, now)) else { return Ok(false) };
    keep(db, app, &change)?;
    Ok(true)
}
