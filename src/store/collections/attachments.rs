//! Rows of the files of collections; the files themselves are `store::files`'.

use std::collections::HashMap;

use diesel::prelude::*;

use super::{corrupt, small};
use crate::domain::mailbox::{Change, CollectionAttachment};
use crate::domain::ticket::{Filed, Media};
use crate::domain::value::At;
use crate::store::db::{Db, StoreError, on};
use crate::store::files::NamedFile;
use crate::store::schema::collection_attachment;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = collection_attachment)]
struct AttachmentRow {
    collection_id: i64,
    id: i64,
    letter_id: Option<i64>,
    media: String,
    file: String,
    n_bytes: i64,
    sha256: String,
    thumbnail_sha256: Option<String>,
    added_at: i64,
}

impl AttachmentRow {
    fn into_attachment(self) -> Result<CollectionAttachment, StoreError> {
        Ok(CollectionAttachment {
            id: small(self.id, "attachment")?,
            letter: self.letter_id.map(|it| small(it, "letter")).transpose()?,
            filed: Filed {
                media: Media::parse(&self.media).ok_or_else(|| corrupt("kind of attachment"))?,
                file: self.file,
                n_bytes: u64::try_from(self.n_bytes).map_err(|_| corrupt("size of attachment"))?,
                sha256: self.sha256,
                thumbnail_sha256: self.thumbnail_sha256,
                duration_ms: None,
            },
            added_at: At::from_micros(self.added_at),
        })
    }
}

/// Writes the attachment that a change added, if it did; nothing changes one later.
pub(super) fn save(db: &mut Db, change: &Change) -> Result<(), StoreError> {
    let Some(added) = change.attachment() else { return Ok(()) };
    let filed = added.filed.clone();
    let row = AttachmentRow {
        collection_id: change.collection().id.0,
        id: added.id.into(),
        letter_id: added.letter.map(i64::from),
        media: filed.media.to_string(),
        file: filed.file,
        n_bytes: i64::try_from(filed.n_bytes).map_err(|_| corrupt("size of attachment"))?,
        sha256: filed.sha256,
        thumbnail_sha256: filed.thumbnail_sha256,
        added_at: added.added_at.micros(),
    };
    on!(db, |c| diesel::insert_into(collection_attachment::table).values(&row).execute(c))?;
    Ok(())
}

/// The attachments of these collections, by collection, in their order.
pub(super) fn of_collections(
    db: &mut Db,
    ids: &[i64],
) -> Result<HashMap<i64, Vec<CollectionAttachment>>, StoreError> {
    let rows: Vec<AttachmentRow> = on!(db, |c| collection_attachment::table
        .filter(collection_attachment::collection_id.eq_any(ids))
        .order((collection_attachment::collection_id, collection_attachment::id))
        .limit(super::ROWS_MAX)
        .select(AttachmentRow::as_select())
        .load(c))?;
    let mut found: HashMap<i64, Vec<CollectionAttachment>> = HashMap::new();
    for row in rows {
        found.entry(row.collection_id).or_default().push(row.into_attachment()?);
    }
    Ok(found)
}

/// True when some collection has `file`.
///
/// # Errors
/// Only those of the database.
pub fn has_file(db: &mut Db, file: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = on!(db, |c| collection_attachment::table
        .filter(collection_attachment::file.eq(file))
        .select(collection_attachment::collection_id)
        .first(c)
        .optional())?;
    Ok(found.is_some())
}

type NamedRow = (i64, i64, String, String, Option<String>);

/// The files of collections after the attachment `after`, in their order, at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list_files(db: &mut Db, after: (i64, i64), limit: i64) -> Result<Vec<NamedFile>, StoreError> {
    let is_after = collection_attachment::collection_id
        .gt(after.0)
        .or(collection_attachment::collection_id.eq(after.0).and(collection_attachment::id.gt(after.1)));
    let rows: Vec<NamedRow> = on!(db, |c| collection_attachment::table
        .filter(is_after)
        .order((collection_attachment::collection_id, collection_attachment::id))
        .limit(limit)
        .select((
            collection_attachment::collection_id,
            collection_attachment::id,
            collection_attachment::file,
            collection_attachment::sha256,
            collection_attachment::thumbnail_sha256,
        ))
        .load(c))?;
    let named = |(of, id, file, sha256, thumbnail_sha256)| NamedFile {
        of,
        number: None,
        id,
        file,
        sha256,
        thumbnail_sha256,
    };
    Ok(rows.into_iter().map(named).collect())
}
