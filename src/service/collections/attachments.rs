//! The photo of an opening and scans of letters: kept with the collection, and with every ticket of the letter.

use super::file::{self, CollectionFile};
use super::{allow, doing, found, staff_of, unknown};
use crate::domain::mailbox::{Collection, CollectionAttachment, text};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::attachment::display_name;
use crate::domain::ticket::{Filed, Ticket};
use crate::domain::value::{At, CollectionId};
use crate::service::attachments::{self, Arriving, Opening, Part};
use crate::service::circumstances::{Circumstances, keep};
use crate::service::{App, Caller, Error, desk};
use crate::store::Db;
use crate::store::collections as rows;

/// What came, and of which letter.
#[derive(Debug)]
pub struct Scan {
    pub arriving: Arriving,
    /// As the sender's device called it.
    pub name: String,
    /// The letter's number as it was typed, also of one that is still to be registered; None or blank for a photo
    /// of the opening.
    pub letter: Option<String>,
}

/// A file that was just added, or had been before.
#[derive(Debug, Clone)]
pub struct Added {
    pub file: CollectionFile,
    pub attachment: CollectionAttachment,
}

/// Adds a photo of the opening, or a scan of one of its letters; the tickets of that letter, those there are and
/// those to come, get it too. The same file for the same letter again is the one that is there.
///
/// # Errors
/// In this order: `NotFound`, `Forbidden`; `Invalid` for the letter or a file that is not fit; a rule's words when
/// there are enough; `Busy` when too many wait to be looked at.
pub async fn attach(app: &App, caller: &Caller, id: CollectionId, scan: Scan) -> Result<Added, Error> {
    let (caller_too, now) = (caller.clone(), app.clock.now());
    // Asked before the costly look at the file, and once more when it is recorded.
    let letter = app
        .store
        .read(move |db: &mut Db| {
            let collection = found(db, id)?;
            allow(db, staff_of(&caller_too)?, &collection, Permission::Collect)?;
            let letter = read_letter(scan.letter.as_deref())?;
            collection.check_has_letter(letter)?;
            Ok::<_, Error>(letter)
        })
        .await?;
    let fit = attachments::prepare(scan.arriving).await?;
    let (name, app_too) = (display_name(&scan.name, fit.media), app.clone());
    let filed = attachments::off_thread(move || attachments::put(&app_too, &fit)).await??;
    let (room, file) = (attachments::room(app), filed.file.clone());
    let (app_too, caller) = (app.clone(), caller.clone());
    let added = app
        .store
        .write(move |db: &mut Db| record(db, &app_too, &caller, id, letter, (&filed, &name), now))
        .await;
    match &added {
        Ok(it) if it.attachment.filed.file == file => room.settle(&file),
        Ok(_) | Err(Error::Refusal(_)) => room.delete(&file),
        // Perhaps it was committed after all: the sweep looks, a day later.
        Err(Error::Store(_) | Error::Internal(_)) => {}
    }
    added
}

/// The letter's number; nothing for a photo of the opening.
fn read_letter(given: Option<&str>) -> Result<Option<u32>, Refusal> {
    let Some(given) = given.map(str::trim).filter(|it| !it.is_empty()) else { return Ok(None) };
    let fault = || {
        let message = "请填信在这次开箱里的序号，如 1；开箱照片不填。 Give the letter's number in this collection, such as 1; leave it out for a photo of the opening.";
        Refusal::field("letter", message)
    };
    given.parse().map(Some).map_err(|_not_a_number| fault())
}

fn record(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    id: CollectionId,
    letter: Option<u32>,
    (filed, name): (&Filed, &str),
    now: At,
) -> Result<Added, Error> {
    let staff = staff_of(caller)?;
    let collection = rows::lock(db, id)?.ok_or_else(|| unknown(id))?;
    allow(db, staff, &collection, Permission::Collect)?;
    if let Some(before) = collection.attached_before(letter, &filed.sha256) {
        let attachment = before.clone();
        return Ok(Added { file: file::of(db, collection, staff)?, attachment });
    }
    let change = collection.attach(letter, filed.clone(), name.to_owned(), &doing(caller, now))?;
    rows::save(db, &app.keys.seal, &change)?;
    // Tickets by their ids, as everywhere.
    for it in rows::tickets_of(db, &[id])?.into_iter().filter(|it| Some(it.letter.letter) == letter) {
        let ticket = desk::reload(db, it.ticket)?;
        give(db, app, caller, ticket, (filed, name), now)?;
    }
    let attachment = change.attachment().cloned();
    let attachment = attachment.ok_or_else(|| Error::internal("an attachment vanished"))?;
    Ok(Added { file: file::of(db, change.collection().clone(), staff)?, attachment })
}

/// Gives a scan to one ticket of its letter.
fn give(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    ticket: Ticket,
    (filed, name): (&Filed, &str),
    now: At,
) -> Result<Ticket, Error> {
    let surroundings = Circumstances::of(db, &ticket)?;
    let change = ticket.attach_scan(filed.clone(), name.to_owned(), &surroundings.doing(caller, now))?;
    keep(db, app, &change)?;
    Ok(change.ticket().clone())
}

/// Gives a ticket that was just registered the scans of `letter` that were there before it.
///
/// # Errors
/// Only those of the database.
pub(super) fn hand_on(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    (collection, letter): (&Collection, u32),
    ticket: Ticket,
    now: At,
) -> Result<Ticket, Error> {
    let mut ticket = ticket;
    let mut scans = collection.attachments_of(Some(letter)).peekable();
    if scans.peek().is_none() {
        return Ok(ticket);
    }
    let texts = rows::list_texts(db, &[collection.id])?;
    for scan in scans {
        let wanted = text::attachment(scan.id);
        let named = texts.iter().rev().find(|it| it.name == wanted);
        let name = named.map_or_else(|| display_name("", scan.filed.media), |it| it.body.clone());
        ticket = give(db, app, caller, ticket, (&scan.filed, &name), now)?;
    }
    Ok(ticket)
}

/// Opens a file of a collection, or its small picture.
///
/// # Errors
/// `NotFound` for what is not there or of a letter that is sealed to the caller; `Forbidden` for those who see no
/// attachments.
pub async fn open(
    app: &App,
    caller: &Caller,
    id: CollectionId,
    attachment: u32,
    part: Part,
) -> Result<Opening, Error> {
    let caller = caller.clone();
    let (filed, name) = app
        .store
        .read(move |db: &mut Db| {
            let staff = staff_of(&caller)?;
            let collection = found(db, id)?;
            allow(db, staff, &collection, Permission::ReadAttachments)?;
            let file = file::of(db, collection, staff)?;
            let shown = file.attachments.iter().find(|it| it.id == attachment);
            let shown = shown.ok_or_else(|| Refusal::NotFound(format!("附件 attachment {attachment}")))?;
            let name = file.text(&text::attachment(attachment)).map(str::to_owned);
            Ok::<_, Error>((shown.filed.clone(), name))
        })
        .await?;
    if part == Part::Thumbnail && filed.thumbnail_sha256.is_none() {
        return Err(Refusal::NotFound("缩略图 a thumbnail".to_owned()).into());
    }
    attachments::read(app, attachment, filed, name, part).await
}
