//! Rows of attachments, and what they stand for; the files themselves are `store::files`'.

use std::collections::HashMap;

use diesel::prelude::*;

use super::rows::small;
use crate::domain::ticket::attachment::ATTACHMENTS_MAX;
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::{Attachment, Change, Filed, Media};
use crate::domain::value::{AccountId, At};
use crate::store::db::{Db, StoreError, on};
use crate::store::files::NamedFile;
use crate::store::schema::{attachment, ticket};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = attachment)]
struct AttachmentRow {
    ticket_id: i64,
    id: i64,
    cycle: i64,
    media: String,
    file: String,
    n_bytes: i64,
    sha256: String,
    thumbnail_sha256: Option<String>,
    duration_ms: Option<i64>,
    by_resident: bool,
    shown: bool,
    added_by_id: Option<i64>,
    added_at: i64,
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("{what} of an attachment out of range"))
}

fn whole(value: u64, what: &str) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| corrupt(what))
}

impl AttachmentRow {
    fn of(ticket_id: i64, it: &Attachment) -> Result<Self, StoreError> {
        let filed = it.filed.clone();
        Ok(Self {
            ticket_id,
            id: it.id.into(),
            cycle: it.cycle.into(),
            media: filed.media.to_string(),
            file: filed.file,
            n_bytes: whole(filed.n_bytes, "size")?,
            sha256: filed.sha256,
            thumbnail_sha256: filed.thumbnail_sha256,
            duration_ms: filed.duration_ms.map(|it| whole(it, "duration")).transpose()?,
            by_resident: it.by_resident,
            shown: it.shown,
            added_by_id: it.added_by.map(|it| it.0),
            added_at: it.added_at.micros(),
        })
    }

    fn into_attachment(self) -> Result<Attachment, StoreError> {
        let duration_ms = self.duration_ms.map(|it| u64::try_from(it).map_err(|_| corrupt("duration")));
        Ok(Attachment {
            id: small(self.id)?,
            cycle: small(self.cycle)?,
            filed: Filed {
                media: Media::parse(&self.media).ok_or_else(|| corrupt("kind"))?,
                file: self.file,
                n_bytes: u64::try_from(self.n_bytes).map_err(|_| corrupt("size"))?,
                sha256: self.sha256,
                thumbnail_sha256: self.thumbnail_sha256,
                duration_ms: duration_ms.transpose()?,
            },
            by_resident: self.by_resident,
            shown: self.shown,
            added_by: self.added_by_id.map(AccountId),
            added_at: At::from_micros(self.added_at),
        })
    }
}

/// Writes the attachments that a change added; nothing changes one later.
pub(super) fn save(db: &mut Db, change: &Change) -> Result<(), StoreError> {
    let ticket = change.ticket();
    for entry in change.entries() {
        let TicketEvent::AttachmentAdded { attachment: id, .. } = entry.event else { continue };
        let Some(added) = ticket.attachments.iter().find(|it| it.id == id) else { continue };
        let row = AttachmentRow::of(ticket.id.0, added)?;
        on!(db, |c| diesel::insert_into(attachment::table).values(&row).execute(c))?;
    }
    Ok(())
}

/// The attachments of these tickets, by ticket, in their order.
pub(super) fn of_tickets(db: &mut Db, ids: &[i64]) -> Result<HashMap<i64, Vec<Attachment>>, StoreError> {
    let rows: Vec<AttachmentRow> = on!(db, |c| attachment::table
        .filter(attachment::ticket_id.eq_any(ids))
        .order((attachment::ticket_id, attachment::id))
        .select(AttachmentRow::as_select())
        .load(c))?;
    let mut found: HashMap<i64, Vec<Attachment>> = HashMap::new();
    for row in rows {
        found.entry(row.ticket_id).or_default().push(row.into_attachment()?);
    }
    Ok(found)
}

/// True when some ticket has `file`.
///
/// # Errors
/// Only those of the database.
pub fn has_file(db: &mut Db, file: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(db, |c| attachment::table
        .filter(attachment::file.eq(file))
        .select(attachment::ticket_id)
        .first(c)
        .optional())?;
    Ok(found.is_some())
}

type NamedRow = (i64, String, i64, String, String, Option<String>);

fn named((of, number, id, file, sha256, thumbnail_sha256): NamedRow) -> NamedFile {
    NamedFile { of, number: Some(number), id, file, sha256, thumbnail_sha256 }
}

/// The files of tickets after the attachment `after`, in their order, at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list_files(db: &mut Db, after: (i64, i64), limit: i64) -> Result<Vec<NamedFile>, StoreError> {
    let is_after = attachment::ticket_id
        .gt(after.0)
        .or(attachment::ticket_id.eq(after.0).and(attachment::id.gt(after.1)));
    let rows: Vec<NamedRow> = on!(db, |c| attachment::table
        .inner_join(ticket::table.on(ticket::id.eq(attachment::ticket_id)))
        .filter(is_after)
        .order((attachment::ticket_id, attachment::id))
        .limit(limit)
        .select((
            attachment::ticket_id,
            ticket::number,
            attachment::id,
            attachment::file,
            attachment::sha256,
            attachment::thumbnail_sha256,
        ))
        .load(c))?;
    Ok(rows.into_iter().map(named).collect())
}

/// The files of these tickets, in their order.
///
/// # Errors
/// Only those of the database.
pub fn files_of(db: &mut Db, tickets: &[i64]) -> Result<Vec<NamedFile>, StoreError> {
    let limit = i64::try_from(tickets.len().saturating_mul(ATTACHMENTS_MAX)).unwrap_or(i64::MAX);
    let rows: Vec<NamedRow> = on!(db, |c| attachment::table
        .inner_join(ticket::table.on(ticket::id.eq(attachment::ticket_id)))
        .filter(attachment::ticket_id.eq_any(tickets))
        .order((attachment::ticket_id, attachment::id))
        .limit(limit)
        .select((
            attachment::ticket_id,
            ticket::number,
            attachment::id,
            attachment::file,
            attachment::sha256,
            attachment::thumbnail_sha256,
        ))
        .load(c))?;
    Ok(rows.into_iter().map(named).collect())
}
