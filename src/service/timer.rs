//! What time itself does: closes silent tickets, ends waiting, forgets what has expired.

use super::circumstances::{Circumstances, keep};
use super::{App, Caller, Error, accounts};
use crate::domain::people::Actor;
use crate::domain::value::At;
use crate::store::tickets::By;
use crate::store::{Db, receipts, tickets};

/// Tickets moved in one tick; the rest follow in the next.
const TICKETS_PER_TICK: i64 = 200;
const EXPIRED_PER_TICK: i64 = 500;

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ticked {
    pub n_moved: usize,
    pub n_forgotten: usize,
}

/// Does everything that is due at `now`; safe in any number of processes.
///
/// Each ticket is moved in a transaction of its own that looks again whether it is due.
///
/// # Errors
/// Only those of the database; what was done before stays done.
pub async fn tick(app: &App, now: At) -> Result<Ticked, Error> {
    let due = app.store.read(move |db: &mut Db| tickets::list_due_timers(db, now, TICKETS_PER_TICK)).await?;
    let mut done = Ticked::default();
    for id in due {
        let app_too = app.clone();
        let moved = app
            .store
            .write(move |db: &mut Db| -> Result<bool, Error> {
                let Some(ticket) = tickets::lock(db, By::Id(id))? else { return Ok(false) };
                let surroundings = Circumstances::of(db, &ticket)?;
                let caller = Caller { actor: Actor::Timer, place: None };
                let Some(change) = ticket.timer(&surroundings.doing(&caller, now)) else { return Ok(false) };
                keep(db, &app_too, &change)?;
                Ok(true)
            })
            .await?;
        done.n_moved += usize::from(moved);
    }
    let n_forgotten = app
        .store
        .write(move |db: &mut Db| -> Result<usize, Error> {
            let n_answers = receipts::forget_answers(db, now, EXPIRED_PER_TICK)?;
            Ok(n_answers + super::receipts::forget_guesses(db, now, EXPIRED_PER_TICK)?)
        })
        .await?;
    done.n_forgotten = n_forgotten + accounts::tidy(app).await?;
    Ok(done)
}
