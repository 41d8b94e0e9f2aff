//! What protects the way in: failed receipt guesses, and answers kept under an Idempotency-Key.

use chrono::TimeDelta;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::db::{Db, StoreError, on};
use super::schema::{failed_attempt, idempotency};
use crate::domain::value::{At, TicketId};

/// Guesses are counted by the hour.
const WINDOW: TimeDelta = TimeDelta::hours(1);

/// Counts one more guess of `subject`, and gives how many that makes in the hour that runs, and when it ends.
///
/// One statement: of first guesses at once none is lost. Until the transaction ends, others who guess as
/// `subject` wait for it.
///
/// # Errors
/// Only those of the database.
pub fn count_guess(db: &mut Db, scope: &str, subject: &str, now: At) -> Result<(i64, At), StoreError> {
    let runs = || failed_attempt::window_started_at.gt((now + -WINDOW).micros());
    let (n_guesses, started_at): (i64, i64) = on!(db, |c| diesel::insert_into(failed_attempt::table)
        .values((
            failed_attempt::scope.eq(scope),
            failed_attempt::subject.eq(subject),
            failed_attempt::n_failed.eq(1),
            failed_attempt::window_started_at.eq(now.micros()),
            failed_attempt::blocked_until.eq(0),
        ))
        .on_conflict((failed_attempt::scope, failed_attempt::subject))
        .do_update()
        .set((
            failed_attempt::n_failed
                .eq(case_when(runs(), failed_attempt::n_failed + 1).otherwise(1_i64.into_sql::<BigInt>())),
            failed_attempt::window_started_at.eq(case_when(runs(), failed_attempt::window_started_at)
                .otherwise(now.micros().into_sql::<BigInt>())),
        ))
        .returning((failed_attempt::n_failed, failed_attempt::window_started_at))
        .get_result(c))?;
    Ok((n_guesses, At::from_micros(started_at) + WINDOW))
}

/// What was answered under a key before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    pub ticket: TicketId,
    pub fingerprint: Vec<u8>,
}

/// The answer kept under `key_hash`, unless its time is over.
///
/// # Errors
/// Only those of the database.
pub fn find_answer(
    db: &mut Db,
    scope: &str,
    key_hash: &[u8],
    now: At,
) -> Result<Option<KeptAnswer>, StoreError> {
    let found: Option<(i64, Vec<u8>, Option<i64>)> = on!(db, |c| idempotency::table
        .find((scope, key_hash))
        .select((idempotency::ticket_id, idempotency::fingerprint, idempotency::expires_at))
        .first(c)
        .optional())?;
    Ok(found
        .filter(|(_, _, expires_at)| expires_at.is_none_or(|it| it > now.micros()))
        .map(|(ticket, fingerprint, _)| KeptAnswer { ticket: TicketId(ticket), fingerprint }))
}

/// Keeps which ticket was made under `key_hash`; without `expires_at` for the life of the ticket.
///
/// # Errors
/// `Collision` when another transaction kept one first: run again, this one finds that answer.
pub fn keep_answer(
    db: &mut Db,
    scope: &str,
    key_hash: &[u8],
    answer: &KeptAnswer,
    now: At,
    expires_at: Option<At>,
) -> Result<(), StoreError> {
    // An answer whose time is over makes room for the new one.
    on!(db, |c| diesel::delete(
        idempotency::table.find((scope, key_hash)).filter(idempotency::expires_at.le(now.micros()))
    )
    .execute(c))?;
    let kept = on!(db, |c| diesel::insert_into(idempotency::table)
        .values((
            idempotency::scope.eq(scope),
            idempotency::key_hash.eq(key_hash),
            idempotency::fingerprint.eq(&answer.fingerprint),
            idempotency::ticket_id.eq(answer.ticket.0),
            idempotency::created_at.eq(now.micros()),
            idempotency::expires_at.eq(expires_at.map(At::micros)),
        ))
        .execute(c))
    .map_err(StoreError::from);
    match kept {
        Err(StoreError::Duplicate { .. }) => Err(StoreError::Collision),
        other => other.map(|_| ()),
    }
}

/// Deletes up to `limit` answers whose time is over.
///
/// # Errors
/// Only those of the database.
pub fn forget_answers(db: &mut Db, now: At, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<(String, Vec<u8>)> = on!(db, |c| idempotency::table
        .filter(idempotency::expires_at.le(now.micros()))
        .order((idempotency::expires_at, idempotency::scope, idempotency::key_hash))
        .limit(limit)
        .select((idempotency::scope, idempotency::key_hash))
        .load(c))?;
    for (scope, key_hash) in &old {
        on!(db, |c| diesel::delete(idempotency::table.find((scope, key_hash))).execute(c))?;
    }
    Ok(old.len())
}
