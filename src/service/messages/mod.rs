//! Messages that answer nobody: a digest of unread notices in working hours, an emergency at once, word of a new date
//! to the resident. Claimed, sent outside any transaction, settled; none of it touches a ticket's replies.

mod words;

use chrono::TimeDelta;

use super::carriage::{
    Carrier, Delivered, Fate, LEASE, MESSAGES_PER_ROUND, is_set, next_attempt, send_each, spread,
};
use super::{App, Error, notices};
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::{Change, Channel};
use crate::domain::value::{AccountId, At};
use crate::store::messages::{Message, MessageKind, NewMessage};
use crate::store::{Db, messages as rows, people, setup};

/// One digest instead of twenty mails: nobody gets more than two an hour.
const DIGEST_EVERY: TimeDelta = TimeDelta::minutes(30);
/// Accounts looked at together.
const ACCOUNTS_PER_PAGE: i64 = 200;

/// Puts unread notices into one mail a person, in working hours where the person works, and not more often than
/// every half hour. Without a mail server nothing is gathered: the inbox has it. Gives how many digests were made.
///
/// # Errors
/// Only those of the database.
pub async fn gather(app: &App, now: At) -> Result<usize, Error> {
    if !is_set(&app.settings, Channel::Email) {
        return Ok(0);
    }
    let mut n_made = 0;
    let mut after = AccountId(0);
    loop {
        let (last, ready) = app.store.read(move |db: &mut Db| waiting(db, after, now)).await?;
        if !ready.is_empty() {
            let host = host_of(&app.settings.mail_from).to_owned();
            let job = move |db: &mut Db| -> Result<usize, Error> {
                let mut n_made = 0;
                for account in &ready {
                    n_made += usize::from(rows::gather(db, *account, now + -DIGEST_EVERY, &host, now)?);
                }
                Ok(n_made)
            };
            n_made += app.store.write(job).await?;
        }
        match last {
            Some(last) => after = last,
            None => return Ok(n_made),
        }
    }
}

/// Those after `after` who may be written to now, and where the next page begins.
fn waiting(db: &mut Db, after: AccountId, now: At) -> Result<(Option<AccountId>, Vec<AccountId>), Error> {
    let page = rows::waiting(db, after, ACCOUNTS_PER_PAGE)?;
    let is_full = i64::try_from(page.len()).is_ok_and(|it| it == ACCOUNTS_PER_PAGE);
    let last = page.last().copied().filter(|_| is_full);
    let mut ready = Vec::new();
    for account in page {
        if is_at_work(db, account, now)? {
            ready.push(account);
        }
    }
    Ok((last, ready))
}

/// True in the opening hours of the node where the person's first role is.
fn is_at_work(db: &mut Db, account: AccountId, now: At) -> Result<bool, Error> {
    let Some(found) = people::by_id(db, account)? else { return Ok(false) };
    let Some(held) = found.held.first() else { return Ok(false) };
    let node = setup::find_node(db, held.grant.node)?;
    Ok(setup::rulebook(db, &node.path, node.time_zone)?.calendar.is_open(now))
}

/// What follows the `@` of the sender's address; message ids end with it.
fn host_of(mail_from: &str) -> &str {
    mail_from.rsplit('@').next().unwrap_or("localhost")
}

/// Queues the mail of one emergency for `account`, at whatever hour, if there is an address and a mail server.
///
/// # Errors
/// Only those of the database.
pub(super) fn queue_emergency(
    db: &mut Db,
    app: &App,
    account: AccountId,
    notice: i64,
    now: At,
) -> Result<(), Error> {
    let has_address = people::by_id(db, account)?.is_some_and(|it| it.email.is_some());
    if !has_address || !is_set(&app.settings, Channel::Email) {
        return Ok(());
    }
    let new = NewMessage {
        kind: MessageKind::Emergency,
        account: Some(account),
        ticket: None,
        extension: None,
        channel: Channel::Email.as_str(),
        message_id: &format!("notice.{notice}@{}", host_of(&app.settings.mail_from)),
    };
    let id = rows::queue(db, &new, now)?;
    Ok(rows::tells(db, id, notice)?)
}

/// Queues word of a new date for the resident who is written to by machine.
///
/// Time is extended after acceptance only, so nobody's unverified address is written to before.
///
/// # Errors
/// Only those of the database.
pub(super) fn queue_extensions(db: &mut Db, app: &App, change: &Change) -> Result<(), Error> {
    let ticket = change.ticket();
    if !matches!(ticket.channel, Channel::Email | Channel::Sms) || ticket.accepted_at.is_none() {
        return Ok(());
    }
    for entry in change.entries() {
        let TicketEvent::ExtensionGranted { extension, .. } = entry.event else { continue };
        let host = host_of(&app.settings.mail_from);
        let new = NewMessage {
            kind: MessageKind::Extension,
            account: None,
            ticket: Some(ticket.id),
            extension: Some(extension),
            channel: ticket.channel.as_str(),
            message_id: &format!("{}.extension.{extension}@{host}", ticket.number.to_lowercase()),
        };
        rows::queue(db, &new, change.at())?;
    }
    Ok(())
}

/// Sends the messages on `channel` that are due at `now`; safe in any number of processes.
///
/// At least once: one whose answer is lost is sent again, with the same Message-ID or key and the same words.
///
/// # Errors
/// Those of the database, and `Internal` for settings nothing can be sent with.
pub async fn deliver_by(app: &App, channel: Channel, now: At) -> Result<Delivered, Error> {
    let code = channel.as_str();
    if !is_set(&app.settings, channel)
        || !app.store.read(move |db: &mut Db| rows::has_due(db, code, now)).await?
    {
        return Ok(Delivered::default());
    }
    let Some(carrier) = Carrier::of(&app.settings, channel).map_err(Error::Internal)? else {
        return Ok(Delivered::default());
    };
    let chance: f64 = rand::random();
    let claimed = app
        .store
        .write(move |db: &mut Db| {
            rows::claim(db, code, now, now + LEASE, MESSAGES_PER_ROUND, |it| {
                next_attempt(now, it.n_attempts, spread(chance, it.id))
            })
        })
        .await?;
    let send = |message| {
        let (app, carrier) = (app.clone(), carrier.clone());
        async move { deliver(&app, &carrier, message).await }
    };
    send_each(claimed, "messages", send).await
}

async fn deliver(app: &App, carrier: &Carrier, message: Message) -> Result<Fate, Error> {
    let (asked, public_url) = (message.clone(), app.settings.public_url.clone());
    let ready = app.store.read(move |db: &mut Db| words::prepare(db, &public_url, &asked)).await?;
    let fate = carrier.carry(ready, message.n_attempts).await;
    let now = app.clock.now();
    app.store.write(move |db: &mut Db| settle(db, &message, fate.clone(), now)).await
}

fn settle(db: &mut Db, message: &Message, fate: Fate, now: At) -> Result<Fate, Error> {
    match &fate {
        Fate::Delivered => rows::settle(db, message.id, "delivered", None, now)?,
        Fate::Cancelled => rows::settle(db, message.id, "cancelled", None, now)?,
        Fate::Postponed(cause) => rows::postpone(db, message.id, cause)?,
        Fate::GivenUp(cause) => {
            rows::settle(db, message.id, "given_up", Some(cause), now)?;
            tracing::warn!(
                message.id = message.id,
                "gave up message {} ({}): {cause}",
                message.id,
                message.kind
            );
            if message.kind == MessageKind::Extension.as_str() {
                notices::tell_by_hand(db, message.ticket_id, message.extension_id, now)?;
            }
        }
    }
    Ok(fate)
}
