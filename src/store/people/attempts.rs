//! Tries counted before anything is checked, so that a race cannot have more of them than the rule gives.

use diesel::prelude::*;

use crate::domain::accounts::Tries;
use crate::domain::value::At;
use crate::store::db::{Db, StoreError, held, on};
use crate::store::schema::failed_attempt;

/// Counts one try of `subject`; the inner error is the moment until which it is locked.
///
/// `window_started_at` holds when the last try was counted: the window starts over with each.
///
/// # Errors
/// Only those of the database.
pub fn count(db: &mut Db, scope: &str, subject: &str, now: At) -> Result<Result<(), At>, StoreError> {
    // The row must be there before it can be locked: two first tries at once would both see none.
    on!(db, |c| diesel::insert_into(failed_attempt::table)
        .values((
            failed_attempt::scope.eq(scope),
            failed_attempt::subject.eq(subject),
            failed_attempt::n_failed.eq(0),
            failed_attempt::window_started_at.eq(now.micros()),
            failed_attempt::blocked_until.eq(0),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    let query = failed_attempt::table.find((scope, subject)).select((
        failed_attempt::n_failed,
        failed_attempt::window_started_at,
        failed_attempt::blocked_until,
    ));
    // Housekeeping may delete a row that nobody used for days just before the lock: then this try is the first.
    let found: Option<(i64, i64, i64)> = held!(db, query, |c, it| it.first(c).optional())?;
    let (n_failed, last_at, blocked_until) = found.unwrap_or((0, 0, 0));
    let before =
        Tries { n_failed, last_at: At::from_micros(last_at), blocked_until: At::from_micros(blocked_until) };
    let tries = match Tries::count((n_failed > 0).then_some(before), now) {
        Ok(tries) => tries,
        Err(until) => return Ok(Err(until)),
    };
    on!(db, |c| diesel::update(failed_attempt::table.find((scope, subject)))
        .set((
            failed_attempt::n_failed.eq(tries.n_failed),
            failed_attempt::window_started_at.eq(tries.last_at.micros()),
            failed_attempt::blocked_until.eq(tries.blocked_until.micros()),
        ))
        .execute(c))?;
    Ok(Ok(()))
}

/// Forgets the tries of `subject`, after a success. The row stays: another try may be waiting for its lock.
///
/// # Errors
/// Only those of the database.
pub fn clear(db: &mut Db, scope: &str, subject: &str) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(failed_attempt::table.find((scope, subject)))
        .set((failed_attempt::n_failed.eq(0), failed_attempt::blocked_until.eq(0)))
        .execute(c))?;
    Ok(())
}

/// Deletes up to `limit` counts in `scope` whose last try was before `before`.
///
/// # Errors
/// Only those of the database.
pub fn forget(db: &mut Db, scope: &str, before: At, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<String> = on!(db, |c| failed_attempt::table
        .filter(failed_attempt::scope.eq(scope))
        .filter(failed_attempt::window_started_at.lt(before.micros()))
        .order(failed_attempt::subject)
        .limit(limit)
        .select(failed_attempt::subject)
        .load(c))?;
    Ok(on!(db, |c| diesel::delete(
        failed_attempt::table
            .filter(failed_attempt::scope.eq(scope))
            .filter(failed_attempt::subject.eq_any(&old))
            // One that was tried again meanwhile stays.
            .filter(failed_attempt::window_started_at.lt(before.micros()))
    )
    .execute(c))?)
}
