//! Erasing what a resident put in: the rows in one transaction, then the files.

use super::attachments;
use super::circumstances::{Circumstances, keep};
use super::desk::{self, Opened};
use super::shared::follow_merged;
use super::{App, Error};
use crate::domain::ticket::{Status, Verb};
use crate::store::{Db, tickets};

/// Erases an opened ticket for the holder of its receipt. Doing it again does nothing.
///
/// The files are marked before, so that those a crash leaves are deleted a day later.
///
/// # Errors
/// As [`crate::domain::ticket::Ticket::erase`]; those of the database and of the disk.
pub async fn erase(app: &App, opened: &Opened) -> Result<(), Error> {
    let room = attachments::room(app);
    let files: Vec<String> = opened.ticket.attachments.iter().map(|it| it.filed.file.clone()).collect();
    let (marking, marked) = (room.clone(), files.clone());
    attachments::off_thread(move || marked.iter().try_for_each(|it| marking.mark(it))).await??;

    let (app_too, opened, now) = (app.clone(), opened.clone(), app.clock.now());
    let job = move |db: &mut Db| -> Result<Vec<String>, Error> {
        let ticket = desk::reload(db, opened.ticket.id)?;
        let files = tickets::list_own_files(db, &ticket)?;
        let surroundings = Circumstances::of(db, &ticket)?;
        let doing = surroundings.doing(&opened.caller, now);
        let was = ticket.status;
        let Some(change) = ticket.erase(&doing)? else { return Ok(Vec::new()) };
        keep(db, &app_too, &change)?;
        if change.ticket().status == Status::Withdrawn && was != Status::Withdrawn {
            follow_merged(db, &app_too, &opened.caller, Verb::Withdraw, &change, now)?;
        }
        Ok(files)
    };
    let own = app.store.write(job).await?;
    // What serves another ticket too stays, without its mark.
    let tidy =
        move || files.iter().for_each(|it| if own.contains(it) { room.delete(it) } else { room.settle(it) });
    attachments::off_thread(tidy).await
}
