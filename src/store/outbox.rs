//! The outbox: what a machine must send, claimed before it is tried and settled after.

use diesel::prelude::*;

use super::claims::{claims, due_of};
use super::db::{Db, StoreError, on};
use super::schema::outbox;
use crate::domain::value::{At, TicketId};

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

claims!(outbox);
