//! Roll-ups follow the events: what is pending is counted in batches, exactly once, in any number of processes.

use std::sync::Arc;

use crate::domain::statistics::DEFINITIONS;
use crate::domain::value::At;
use crate::service::{App, Error};
use crate::store::statistics::{self, Batch};
use crate::store::{Db, Store, StoreError};

/// Events counted in one transaction: enough to share its commit, few enough to hold up nobody.
const EVENTS_PER_BATCH: i64 = 500;
/// Batches of one call; the rest follow in the next, a second later.
const BATCHES_PER_CALL: usize = 200;

/// What one call did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Followed {
    pub n_events: usize,
    /// Every event up to this id is counted.
    pub position: i64,
}

/// What is to be written next.
#[derive(Clone)]
enum Step {
    /// The roll-ups were made by other definitions.
    Reset,
    Record(Arc<Batch>),
}

/// Counts what is pending at `now`.
///
/// A ticket that cannot be read is told in the log and holds up no other.
///
/// # Errors
/// Only those of the database; what was done before stays done.
pub async fn follow(app: &App, now: At) -> Result<Followed, Error> {
    let mut done = Followed::default();
    for _ in 0..BATCHES_PER_CALL {
        let Some(step) = app.store.read(next).await? else { break };
        done.note(&step);
        app.store.write(move |db: &mut Db| take(db, &step, now)).await?;
    }
    Ok(done)
}

/// Counts what is pending before a question is answered, when that is little: whoever has just done something finds
/// it in the figures. What is more is left to [`follow`], and the answer says how far it is.
pub(in crate::service) async fn catch_up(app: &App) {
    if let Err(error) = catch_up_with_few(app).await {
        // The answer is as good as the roll-ups are, and says so.
        tracing::debug!("could not catch up with figures: {error}");
    }
}

async fn catch_up_with_few(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    // A new database is not followed at all yet: that is one step more.
    for _ in 0..2 {
        let Some(step) = app.store.read(next).await? else { return Ok(()) };
        let is_much = matches!(&step, Step::Record(batch) if batch.is_full);
        if is_much {
            return Ok(());
        }
        let is_reset = matches!(step, Step::Reset);
        app.store.write(move |db: &mut Db| take(db, &step, now)).await?;
        if !is_reset {
            return Ok(());
        }
    }
    Ok(())
}

/// Forgets all roll-ups and makes them anew from the trail. Blocks until every event is counted.
///
/// # Errors
/// Only those of the database.
pub fn rebuild(store: &Store, now: At, progress: impl Fn(usize)) -> Result<Followed, Error> {
    store.write_blocking(|db: &mut Db| Ok::<_, Error>(statistics::reset(db, DEFINITIONS)?))?;
    let mut done = Followed::default();
    while let Some(step) = store.read_blocking(next)? {
        done.note(&step);
        store.write_blocking(move |db: &mut Db| take(db, &step, now))?;
        progress(done.n_events);
    }
    Ok(done)
}

impl Followed {
    fn note(&mut self, step: &Step) {
        if let Step::Record(batch) = step {
            self.n_events += batch.event_ids.len();
            self.position = batch.position;
        }
    }
}

/// What there is to do; None when everything is counted.
fn next(db: &mut Db) -> Result<Option<Step>, Error> {
    let follower = statistics::follower(db)?;
    if follower.definitions != DEFINITIONS {
        return Ok(Some(Step::Reset));
    }
    let pending = statistics::pending(db, EVENTS_PER_BATCH)?;
    if pending.event_ids.is_empty() && pending.position <= follower.position {
        return Ok(None);
    }
    let (batch, damaged) = statistics::batch(db, pending)?;
    for id in damaged {
        tracing::error!(ticket.id = id, "could not count ticket {id}, run `audit verify`");
    }
    Ok(Some(Step::Record(Arc::new(batch))))
}

fn take(db: &mut Db, step: &Step, now: At) -> Result<(), StoreError> {
    match step {
        // Another process may have done it meanwhile.
        Step::Reset if statistics::follower(db)?.definitions == DEFINITIONS => Ok(()),
        Step::Reset => statistics::reset(db, DEFINITIONS),
        Step::Record(batch) => statistics::record(db, batch, now),
    }
}
