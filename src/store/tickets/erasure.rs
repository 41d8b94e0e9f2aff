//! Erasing what was said and sent with a ticket, in every table that keeps some of it.

use diesel::prelude::*;

use crate::domain::ticket::Ticket;
use crate::store::db::{Db, StoreError, on};
use crate::store::schema::{attachment, event_text, idempotency, message, outbox, phone_index};
use crate::store::{collections, search};

/// Keys that were worked out from what was put in; they go with it.
const KEYS_OF_CONTENT: &str = "import-content:%";

/// Erases texts with their salts, phone, search words, files' rows, messages and fingerprints of `ticket`.
///
/// Keys of devices and of imported rows stay, without what was put in under them: a device that has not heard yet
/// is told the same receipt, and a list that is imported again brings nothing back.
///
/// # Errors
/// Only those of the database.
pub fn erase(db: &mut Db, ticket: &Ticket) -> Result<(), StoreError> {
    let id = ticket.id.0;
    db.overwrite_deleted(true)?;
    on!(db, |c| diesel::delete(event_text::table.filter(event_text::ticket_id.eq(id))).execute(c))?;
    on!(db, |c| diesel::delete(phone_index::table.find(id)).execute(c))?;
    on!(db, |c| diesel::delete(attachment::table.filter(attachment::ticket_id.eq(id))).execute(c))?;
    on!(db, |c| diesel::delete(outbox::table.filter(outbox::ticket_id.eq(id))).execute(c))?;
    on!(db, |c| diesel::delete(message::table)
        .filter(message::ticket_id.eq(id).and(message::account_id.is_null()))
        .execute(c))?;
    on!(db, |c| diesel::delete(idempotency::table)
        .filter(idempotency::ticket_id.eq(id))
        .filter(idempotency::expires_at.is_not_null().or(idempotency::scope.like(KEYS_OF_CONTENT)))
        .execute(c))?;
    on!(db, |c| diesel::update(idempotency::table)
        .filter(idempotency::ticket_id.eq(id))
        .set(idempotency::fingerprint.eq(Vec::<u8>::new()))
        .execute(c))?;
    search::index_words(db, ticket, &[], false)?;
    db.overwrite_deleted(false)
}

/// The files of a ticket that no other ticket and no letter has.
///
/// # Errors
/// Only those of the database.
pub fn list_own_files(db: &mut Db, ticket: &Ticket) -> Result<Vec<String>, StoreError> {
    let mut own = Vec::new();
    for it in &ticket.attachments {
        let other: Option<i64> = on!(db, |c| attachment::table
            .filter(attachment::file.eq(&it.filed.file))
            .filter(attachment::ticket_id.ne(ticket.id.0))
            .select(attachment::ticket_id)
            .first(c)
            .optional())?;
        if other.is_none() && !collections::attachments::has_file(db, &it.filed.file)? {
            own.push(it.filed.file.clone());
        }
    }
    Ok(own)
}
