//! One collection: its chain, what the events add up to, its row, its letters and its texts.

use std::collections::BTreeMap;

use super::texts::{KeptText, open_commitments};
use super::{
    AuditKeys, Chain, CollectionAttachmentRow, CollectionRow, CollectionTextRow, EventRow, Finding, HeadRow,
    LetterRow, Report, Spot, Stored, Unreadable, read,
};
use crate::domain::event::{Recorded, Stream};
use crate::domain::mailbox::Collection;

/// The rows of some collections, each as JSON with every column, in the order of ids and places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectionRows {
    pub collections: Vec<Vec<u8>>,
    pub letters: Vec<Vec<u8>>,
    pub attachments: Vec<Vec<u8>>,
    pub events: Vec<Vec<u8>>,
    pub heads: Vec<Vec<u8>>,
    pub texts: Vec<Vec<u8>>,
}

/// Everything of one collection.
#[derive(Default)]
struct File {
    row: Option<CollectionRow>,
    letters: Vec<LetterRow>,
    attachments: Vec<CollectionAttachmentRow>,
    events: Vec<Recorded>,
    head: Option<HeadRow<true>>,
    texts: Vec<CollectionTextRow>,
    /// A row could not be read, which was told: what follows from that is not told again.
    is_unreadable: bool,
}

type Files = BTreeMap<i64, File>;

const STREAM: &str = "collection";

fn add<T: Stored>(
    files: &mut Files,
    rows: &[Vec<u8>],
    report: &mut Report,
    mut put: impl FnMut(T, &mut Files),
) {
    for json in rows {
        match read::<T>(json) {
            Ok(row) => put(row, files),
            Err(unreadable) => tell_unreadable(files, T::TABLE, unreadable, report),
        }
    }
}

fn tell_unreadable(files: &mut Files, table: &'static str, unreadable: Unreadable, report: &mut Report) {
    if let Some(id) = unreadable.stream_id {
        files.entry(id).or_default().is_unreadable = true;
    }
    report.add_unreadable(table, STREAM, unreadable);
}

/// Verifies collections; every row of each must be among `rows`.
pub fn verify_collections(rows: &CollectionRows, keys: AuditKeys, report: &mut Report) {
    debug_assert_eq!(STREAM, Stream::Collection.as_str());
    let mut files = Files::new();
    add(&mut files, &rows.collections, report, |it: CollectionRow, files| {
        let id = it.id;
        files.entry(id).or_default().row = Some(it);
    });
    add(&mut files, &rows.letters, report, |it: LetterRow, files| {
        files.entry(it.collection_id).or_default().letters.push(it);
    });
    add(&mut files, &rows.attachments, report, |it: CollectionAttachmentRow, files| {
        files.entry(it.collection_id).or_default().attachments.push(it);
    });
    let mut out_of_time = Vec::new();
    add(&mut files, &rows.events, report, |it: EventRow<true>, files| {
        let (id, seq) = (it.stream_id, it.seq);
        match it.into_recorded() {
            Some(event) => files.entry(id).or_default().events.push(event),
            None => out_of_time.push((id, seq)),
        }
    });
    for (id, seq) in out_of_time {
        let unreadable = Unreadable { column: "at".to_owned(), stream_id: Some(id), seq: Some(seq) };
        tell_unreadable(&mut files, "event", unreadable, report);
    }
    add(&mut files, &rows.heads, report, |it: HeadRow<true>, files| {
        let id = it.stream_id;
        files.entry(id).or_default().head = Some(it);
    });
    add(&mut files, &rows.texts, report, |it: CollectionTextRow, files| {
        files.entry(it.collection_id).or_default().texts.push(it);
    });
    for (id, file) in files {
        verify(id, &file, keys, report);
    }
}

fn verify(id: i64, file: &File, keys: AuditKeys, report: &mut Report) {
    let mut chain = Chain::new(STREAM, id);
    if file.is_unreadable {
        report.n_events += file.events.len() as u64;
        return;
    }
    for event in &file.events {
        chain.follow(event, report);
    }
    chain.close(file.head.as_ref(), keys, report);
    if file.row.is_none() {
        report.add(Finding::new(
            "no-row",
            chain.spot(None, "collection"),
            "有这次开箱的记录，却没有这次开箱",
            "there are records of this collection, but no collection",
        ));
    }
    if file.events.is_empty() {
        report.add(Finding::new(
            "no-events",
            chain.spot(None, "event"),
            "这次开箱没有任何事件",
            "there is no event of this collection",
        ));
    }
    if let Some(collection) = chain.collection() {
        compare(file, collection, &|table| chain.spot(None, table), report);
        let texts = file.texts.iter().map(|it| KeptText {
            seq: it.seq,
            name: &it.name,
            salt: &it.salt.0,
            body: &it.body,
        });
        let spot = chain.spot(None, "collection_text");
        open_commitments(&file.events, texts, 0, &spot, report, |_name, _body| {});
    }
}

/// Compares the rows with what the events add up to.
fn compare(file: &File, collection: &Collection, spot: &dyn Fn(&'static str) -> Spot, report: &mut Report) {
    if let Some(found) = &file.row {
        report.add_differences(&spot("collection"), CollectionRow::of(collection).differences(found));
    }
    let expected = LetterRow::of(collection);
    for (expected, found) in expected.iter().zip(&file.letters) {
        report.add_differences(&spot("collection_letter"), expected.differences(found));
    }
    let attached = CollectionAttachmentRow::of(collection);
    for (expected, found) in attached.iter().zip(&file.attachments) {
        report.add_differences(&spot("collection_attachment"), expected.differences(found));
    }
    let (n_expected, n_found) = (attached.len(), file.attachments.len());
    if n_expected != n_found {
        report.add(Finding::new(
            "row",
            spot("collection_attachment"),
            format!("应有 {n_expected} 个附件，现有 {n_found} 个"),
            format!("the events give {n_expected} attachments, stored are {n_found}"),
        ));
    }
    let (n_expected, n_found) = (expected.len(), file.letters.len());
    if n_expected != n_found {
        report.add(Finding::new(
            "row",
            spot("collection_letter"),
            format!("应有 {n_expected} 封信，现有 {n_found} 封"),
            format!("the events give {n_expected} letters, stored are {n_found}"),
        ));
    }
}
