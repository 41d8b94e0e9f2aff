//! The outbox: what a machine must send, claimed before it is tried and settled after.

use chrono::TimeDelta;
use diesel::prelude::*;

use super::db::{Db, StoreError, on};
use super::schema::outbox;
use crate::domain::value::{At, TicketId};

/// No pause and no lease is longer: the longest pause is 24 h and a fifth. What is set farther ahead was set while the
/// machine's clock was wrong, and is due.
pub(super) const AHEAD_MAX: TimeDelta = TimeDelta::hours(30);

/// A message that is due to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub struct Message {
    pub id: i64,
    pub ticket_id: i64,
    pub reply_id: i64,
    pub channel: String,
    /// Stable, so that a repeat is known for one.
    pub message_id: String,
    pub state: String,
    pub n_attempts: i64,
    /// When it was first queued, in microseconds; the date it is sent under.
    pub created_at: i64,
}

/// Queues the sending of reply `reply_id`; again, when it was given up or cancelled before.
///
/// # Errors
/// Only those of the database.
pub fn queue(
    db: &mut Db,
    ticket: TicketId,
    reply_id: u32,
    channel: &str,
    message_id: &str,
    now: At,
) -> Result<(), StoreError> {
    on!(db, |c| diesel::insert_into(outbox::table)
        .values((
            outbox::ticket_id.eq(ticket.0),
            outbox::reply_id.eq(i64::from(reply_id)),
            outbox::channel.eq(channel),
            outbox::message_id.eq(message_id),
            outbox::state.eq("queued"),
            outbox::n_attempts.eq(0),
            outbox::next_attempt_at.eq(now.micros()),
            outbox::created_at.eq(now.micros()),
        ))
        .on_conflict((outbox::ticket_id, outbox::reply_id, outbox::channel))
        .do_update()
        .set((
            outbox::state.eq("queued"),
            outbox::n_attempts.eq(0),
            outbox::next_attempt_at.eq(now.micros()),
            outbox::leased_until.eq(None::<i64>),
            outbox::settled_at.eq(None::<i64>),
        ))
        .execute(c))?;
    Ok(())
}

/// Due and not leased by another; a macro, because the two engines' queries are two types.
macro_rules! due_messages {
    ($channel:expr, $now:expr, $limit:expr) => {
        outbox::table
            .filter(outbox::channel.eq($channel))
            .filter(outbox::state.eq_any(["queued", "sending"]))
            .filter(
                outbox::next_attempt_at
                    .le($now.micros())
                    .or(outbox::next_attempt_at.gt(($now + AHEAD_MAX).micros())),
            )
            .filter(
                outbox::leased_until
                    .is_null()
                    .or(outbox::leased_until.le($now.micros()))
                    .or(outbox::leased_until.gt(($now + AHEAD_MAX).micros())),
            )
            .order((outbox::next_attempt_at, outbox::id))
            .limit($limit)
            .select(Message::as_select())
    };
}

/// True when a message of `channel` could be claimed at `now`.
///
/// # Errors
/// Only those of the database.
pub fn has_due(db: &mut Db, channel: &str, now: At) -> Result<bool, StoreError> {
    let due: Vec<Message> = on!(db, |c| due_messages!(channel, now, 1).load(c))?;
    Ok(!due.is_empty())
}

/// Claims up to `limit` messages of `channel` whose time has come: counts the attempt, sets the next one, leases them.
///
/// Ordered by next attempt, so that the same failing rows do not starve the rest.
///
/// # Errors
/// Only those of the database.
pub fn claim(
    db: &mut Db,
    channel: &str,
    now: At,
    lease_until: At,
    limit: i64,
    next_attempt: impl Fn(&Message) -> At,
) -> Result<Vec<Message>, StoreError> {
    let due: Vec<Message> = match db {
        Db::Lite(c) => due_messages!(channel, now, limit).load(c)?,
        Db::Pg(c) => due_messages!(channel, now, limit).for_update().skip_locked().load(c)?,
    };
    let mut claimed = Vec::with_capacity(due.len());
    for mut message in due {
        message.n_attempts += 1;
        on!(db, |c| diesel::update(outbox::table.find(message.id))
            .set((
                outbox::state.eq("sending"),
                outbox::n_attempts.eq(message.n_attempts),
                outbox::next_attempt_at.eq(next_attempt(&message).micros()),
                outbox::leased_until.eq(Some(lease_until.micros())),
            ))
            .execute(c))?;
        claimed.push(message);
    }
    Ok(claimed)
}

/// Settles a message that is done with: `delivered`, `given_up` or `cancelled`.
///
/// One that was delivered stays so: a repeat that comes later settles nothing.
///
/// # Errors
/// Only those of the database.
pub fn settle(
    db: &mut Db,
    id: i64,
    state: &str,
    last_error: Option<&str>,
    now: At,
) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(outbox::table.find(id).filter(outbox::state.ne("delivered")))
        .set((
            outbox::state.eq(state),
            outbox::leased_until.eq(None::<i64>),
            outbox::last_error.eq(last_error),
            outbox::settled_at.eq(Some(now.micros())),
        ))
        .execute(c))?;
    Ok(())
}

/// Puts a message back until its next attempt, with what went wrong.
///
/// # Errors
/// Only those of the database.
pub fn postpone(db: &mut Db, id: i64, last_error: &str) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(outbox::table.find(id).filter(outbox::state.eq("sending")))
        .set((
            outbox::state.eq("queued"),
            outbox::leased_until.eq(None::<i64>),
            outbox::last_error.eq(Some(last_error)),
        ))
        .execute(c))?;
    Ok(())
}
