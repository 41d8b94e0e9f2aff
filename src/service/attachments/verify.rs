//! Whether the files of tickets and collections still are what the trail says.

use super::room;
use crate::domain::audit::{Finding, Report, Spot};
use crate::domain::event::Stream;
use crate::service::{App, Error};
use crate::store::files::{Files, NamedFile, Part};
use crate::store::tickets::attachments as of_tickets;
use crate::store::{Db, StoreError, collections::attachments as of_collections};

/// Files compared with their hashes between two questions to the database.
const FILES_PER_PAGE: i64 = 500;

/// Whose files are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSpot {
    Ticket,
    Collection,
}

impl FileSpot {
    fn stream(self) -> Stream {
        match self {
            FileSpot::Ticket => Stream::Ticket,
            FileSpot::Collection => Stream::Collection,
        }
    }

    fn table(self) -> &'static str {
        match self {
            FileSpot::Ticket => "attachment",
            FileSpot::Collection => "collection_attachment",
        }
    }

    fn list(self, db: &mut Db, after: (i64, i64)) -> Result<Vec<NamedFile>, StoreError> {
        match self {
            FileSpot::Ticket => of_tickets::list_files(db, after, FILES_PER_PAGE),
            FileSpot::Collection => of_collections::list_files(db, after, FILES_PER_PAGE),
        }
    }
}

/// Compares every attachment's file with the hash the trail has of it. Blocks.
///
/// # Errors
/// Those of the database and of the disk; what is wrong with files is in the report.
pub fn verify_files(app: &App, report: &mut Report, mut progress: impl FnMut(u64)) -> Result<(), Error> {
    let mut n_files = 0;
    for spot in [FileSpot::Ticket, FileSpot::Collection] {
        let mut after = (i64::MIN, i64::MIN);
        loop {
            let page = app.store.read_blocking(move |db: &mut Db| spot.list(db, after))?;
            let Some(last) = page.last() else { break };
            after = (last.of, last.id);
            for named in &page {
                verify_file(&room(app), spot, named, report)?;
                n_files += 1;
                progress(n_files);
            }
        }
    }
    Ok(())
}

/// Compares these files with their hashes. Blocks.
///
/// # Errors
/// Those of the disk; what is wrong with files is in the report.
pub fn verify_some(
    app: &App,
    spot: FileSpot,
    files: &[NamedFile],
    report: &mut Report,
) -> Result<(), StoreError> {
    files.iter().try_for_each(|it| verify_file(&room(app), spot, it, report))
}

fn verify_file(
    room: &Files,
    whose: FileSpot,
    named: &NamedFile,
    report: &mut Report,
) -> Result<(), StoreError> {
    let parts = [(Part::Whole, Some(&named.sha256)), (Part::Thumbnail, named.thumbnail_sha256.as_ref())];
    for (part, expected) in parts {
        let Some(expected) = expected else { continue };
        let spot = || Spot {
            stream: whose.stream().as_str().to_owned(),
            stream_id: Some(named.of),
            number: named.number.clone(),
            table: whose.table(),
            column: if part == Part::Whole { "sha256" } else { "thumbnail_sha256" }.to_owned(),
            ..Spot::default()
        };
        let id = named.id;
        let (zh, en) = match whose {
            FileSpot::Ticket => (format!("附件 {id}"), format!("attachment {id}")),
            FileSpot::Collection => (
                format!("第 {} 次开箱的附件 {id}", named.of),
                format!("attachment {id} of collection {}", named.of),
            ),
        };
        match room.hash(&named.file, part)? {
            Some(found) if found == *expected => {}
            Some(_) => report.add(Finding::new(
                "file",
                spot(),
                format!("{zh} 的文件被改动过"),
                format!("the file of {en} was changed"),
            )),
            None => report.add(Finding::new(
                "file-missing",
                spot(),
                format!("{zh} 的文件不见了"),
                format!("the file of {en} is missing"),
            )),
        }
    }
    Ok(())
}
