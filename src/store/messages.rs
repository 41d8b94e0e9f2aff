//! Messages that answer nobody: notices to staff by e-mail, word of a new date to residents; claimed before they
//! are tried and settled after, as replies in the outbox are.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::claims::{claims, due_of};
use super::db::{Db, StoreError, held, on};
use super::schema::{account, message, node, notice, setup_entry, ticket};
use crate::domain::value::{AccountId, At, TicketId};
use crate::words;

words! {
    /// What a message is about.
    MessageKind {
        /// The notices that somebody has not read yet.
        Digest = "digest",
        /// One emergency, at once.
        Emergency = "emergency",
        /// More time was granted.
        Extension = "extension",
    }
}

/// Notices that one digest takes; what is over goes with the next.
const NOTICES_MAX: i64 = 500;

/// A message that is due to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = message)]
pub struct Message {
    pub id: i64,
    pub kind: String,
    pub account_id: Option<i64>,
    pub ticket_id: Option<i64>,
    pub extension_id: Option<i64>,
    pub channel: String,
    /// Stable, so that a repeat is known for one.
    pub message_id: String,
    pub n_attempts: i64,
    /// When it was queued, in microseconds; the date it is sent under.
    pub created_at: i64,
}

/// A notice as a mail tells of it; nothing of it is a resident's.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Mailed {
    pub number: Option<String>,
    /// Name of the ticket's category.
    pub category: Option<String>,
    /// Name of the node it is about, where it is about no ticket.
    pub node: Option<String>,
    pub kind: String,
    pub stage: Option<String>,
    pub percent: Option<i64>,
    pub due_at: Option<i64>,
    pub subject: Option<String>,
    pub alerted: Option<String>,
}

/// A message to be queued.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    pub kind: MessageKind,
    pub account: Option<AccountId>,
    pub ticket: Option<TicketId>,
    pub extension: Option<u32>,
    pub channel: &'a str,
    pub message_id: &'a str,
}

/// Queues a message and gives its id.
///
/// # Errors
/// Only those of the database.
pub fn queue(db: &mut Db, new: &NewMessage, now: At) -> Result<i64, StoreError> {
    Ok(on!(db, |c| diesel::insert_into(message::table)
        .values((
            message::kind.eq(new.kind.as_str()),
            message::account_id.eq(new.account.map(|it| it.0)),
            message::ticket_id.eq(new.ticket.map(|it| it.0)),
            message::extension_id.eq(new.extension.map(i64::from)),
            message::channel.eq(new.channel),
            message::message_id.eq(new.message_id),
            message::state.eq("queued"),
            message::n_attempts.eq(0),
            message::next_attempt_at.eq(now.micros()),
            message::created_at.eq(now.micros()),
        ))
        .returning(message::id)
        .get_result(c))?)
}

/// Says that `message` tells of a notice.
///
/// # Errors
/// Only those of the database.
pub fn tells(db: &mut Db, message: i64, notice: i64) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(notice::table.find(notice))
        .set(notice::message_id.eq(Some(message)))
        .execute(c))?;
    Ok(())
}

/// Enabled accounts after `after` with an e-mail address and notices that are neither read nor in any mail.
///
/// # Errors
/// Only those of the database.
pub fn waiting(db: &mut Db, after: AccountId, limit: i64) -> Result<Vec<AccountId>, StoreError> {
    let ids: Vec<i64> = on!(db, |c| notice::table
        .inner_join(account::table.on(account::id.eq(notice::account_id)))
        .filter(notice::message_id.is_null())
        .filter(notice::read_at.is_null())
        .filter(notice::account_id.gt(after.0))
        .filter(account::email.is_not_null())
        .filter(account::disabled_at.is_null())
        .order(notice::account_id)
        .select(notice::account_id)
        .distinct()
        .limit(limit)
        .load(c))?;
    Ok(ids.into_iter().map(AccountId).collect())
}

/// Puts what `account` has neither read nor been mailed into one message, unless one was made after `since`; false
/// when there is nothing to tell. Two processes make one.
///
/// # Errors
/// Only those of the database.
pub fn gather(db: &mut Db, account: AccountId, since: At, host: &str, now: At) -> Result<bool, StoreError> {
    let row = account::table.find(account.0).select(account::id);
    let is_there: Option<i64> = held!(db, row, |c, it| it.first(c).optional())?;
    let last: Option<i64> = on!(db, |c| message::table
        .filter(message::account_id.eq(Some(account.0)))
        // Word for word as the index says.
        .filter(sql::<Bool>("message.kind = 'digest'"))
        .filter(message::created_at.gt(since.micros()))
        // A later one was made before the machine's clock was set back.
        .filter(message::created_at.le(now.micros()))
        .select(message::id)
        .first(c)
        .optional())?;
    if is_there.is_none() || last.is_some() {
        return Ok(false);
    }
    let notices: Vec<i64> = on!(db, |c| notice::table
        .filter(notice::account_id.eq(account.0))
        .filter(notice::message_id.is_null())
        .filter(notice::read_at.is_null())
        .order(notice::id)
        .limit(NOTICES_MAX)
        .select(notice::id)
        .load(c))?;
    // A notice is in one mail only, so its id names the mail.
    let Some(first) = notices.first() else { return Ok(false) };
    let new = NewMessage {
        kind: MessageKind::Digest,
        account: Some(account),
        ticket: None,
        extension: None,
        channel: "email",
        message_id: &format!("notice.{first}@{host}"),
    };
    let id = queue(db, &new, now)?;
    on!(db, |c| diesel::update(notice::table.filter(notice::id.eq_any(&notices)))
        .set(notice::message_id.eq(Some(id)))
        .execute(c))?;
    Ok(true)
}

/// The notices that a message tells of, oldest first.
///
/// # Errors
/// Only those of the database.
pub fn told_by(db: &mut Db, message: i64) -> Result<Vec<Mailed>, StoreError> {
    Ok(on!(db, |c| notice::table
        .left_join(ticket::table.on(ticket::id.nullable().eq(notice::ticket_id)))
        .left_join(setup_entry::table.on(setup_entry::id.nullable().eq(ticket::category_id.nullable())))
        .left_join(node::table.on(node::id.nullable().eq(notice::node_id)))
        .filter(notice::message_id.eq(Some(message)))
        .order(notice::id)
        .limit(NOTICES_MAX)
        .select((
            ticket::number.nullable(),
            setup_entry::name.nullable(),
            node::name.nullable(),
            notice::kind,
            notice::stage,
            notice::percent,
            notice::due_at,
            notice::subject,
            notice::alerted,
        ))
        .load(c))?)
}

claims!(message);
