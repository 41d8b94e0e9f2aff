//! Verifying the trail: of the whole database, of an export, of the tickets of an auditor's nodes.

use std::collections::HashMap;
use std::io::{self, BufRead, Read as _};
use std::sync::Arc;

use super::attachments::{self, FileSpot};
use super::{App, Caller, Error};
use crate::domain::audit::export::ExportAudit;
use crate::domain::audit::{
    AuditKeys, Chain, Community, DayRow, EventRow, Finding, HeadRow, NumberRow, Numbers, Report, SetupAudit,
    Spot, TicketRows, verify_collections, verify_tickets,
};
use crate::domain::event::{Recorded, Stream};
use crate::domain::people::{Permission, Staff, may};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::value::NodeId;
use crate::keys::Keys;
use crate::store::audit::{self, ROWS_MAX, Which};
use crate::store::collections::attachments as of_collections;
use crate::store::files::NamedFile;
use crate::store::tickets::attachments as of_tickets;
use crate::store::{Db, Store, StoreError, events, setup};

/// Events and numbers read at once.
const PAGE: i64 = 5_000;
/// Bytes of an export's line, at most: a letter's event is a few thousand.
const LINE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Chains that are verified with their rows, batch by batch.
const APART: [Stream; 2] = [Stream::Ticket, Stream::Collection];
/// Tickets of one answer over HTTP.
pub const LIMIT_MAX: i64 = 200;
const LIMIT_DEFAULT: i64 = 100;

/// Verifies everything there is; `progress` hears how many events were looked at. Blocks.
///
/// Work goes on beside it: each batch is one moment of the database, and what comes later is not looked at.
///
/// # Errors
/// Only those of the database; what is wrong with its rows is in the report.
pub fn verify_database(
    store: &Store,
    keys: &Arc<Keys>,
    mut progress: impl FnMut(u64),
) -> Result<Report, Error> {
    let mut report = Report::default();
    let own = Arc::clone(keys);
    let (of_setup, communities) =
        store.read_blocking(move |db: &mut Db| Ok::<_, Error>(verify_setup(db, &own)?))?;
    report.join(of_setup);
    progress(report.n_events);

    // Below every id, also one that was forged.
    let mut after = i64::MIN;
    loop {
        let (rows, upto) = store.read_blocking(move |db: &mut Db| audit::batch(db, after))?;
        verify_batch(&rows, keys, &mut report);
        progress(report.n_events);
        match upto {
            Some(upto) => after = upto,
            None => break,
        }
    }
    let mut after = i64::MIN;
    loop {
        let (rows, upto) = store.read_blocking(move |db: &mut Db| audit::collection_batch(db, after))?;
        verify_collections(&rows, audit_keys(keys), &mut report);
        progress(report.n_events);
        match upto {
            Some(upto) => after = upto,
            None => break,
        }
    }
    let of_numbers = store.read_blocking(move |db: &mut Db| verify_numbers(db, &communities, None))?;
    report.join(of_numbers);
    Ok(report)
}

fn audit_keys(keys: &Keys) -> AuditKeys<'_> {
    AuditKeys { seal: Some(&keys.seal), phone: Some(&keys.phone) }
}

fn verify_batch(rows: &TicketRows, keys: &Keys, report: &mut Report) {
    if [&rows.events, &rows.texts, &rows.outbox, &rows.replies, &rows.clocks]
        .iter()
        .any(|it| it.len() >= ROWS_MAX)
    {
        report.add(Finding::new(
            "too-many",
            Spot { stream: Stream::Ticket.as_str().to_owned(), ..Spot::default() },
            format!("一件诉求有超过 {ROWS_MAX} 行记录，其余未看"),
            format!("a ticket has more than {ROWS_MAX} records; the rest was not looked at"),
        ));
    }
    verify_tickets(rows, audit_keys(keys), report);
}

/// The chains that are no ticket's, and the rows of the set-up, in one moment.
fn verify_setup(db: &mut Db, keys: &Keys) -> Result<(Report, HashMap<i64, Community>), StoreError> {
    let keys = audit_keys(keys);
    let mut report = Report::default();
    let heads: Vec<HeadRow<true>> = report.read_rows("", &audit::other_heads(db, &APART)?);
    let mut heads: HashMap<(String, i64), HeadRow<true>> =
        heads.into_iter().map(|it| ((it.stream.clone(), it.stream_id), it)).collect();
    let mut setup = SetupAudit::default();
    let mut other: Option<Chain> = None;
    let mut after: Option<(String, i64, i64)> = None;
    loop {
        let from = after.as_ref().map(|(stream, id, seq)| (stream.as_str(), *id, *seq));
        let page = audit::other_events(db, &APART, from, PAGE)?;
        let n_rows = i64::try_from(page.len()).unwrap_or(i64::MAX);
        let n_findings = report.n_findings;
        let events: Vec<EventRow<true>> = report.read_rows("", &page);
        if report.n_findings > n_findings {
            // Told already; what follows from it is not told again.
            setup.chain().give_up();
        }
        after = events.last().map(|it| (it.stream.clone(), it.stream_id, it.seq));
        for row in events {
            let (stream, id) = (row.stream.clone(), row.stream_id);
            let Some(event) = row.into_recorded() else {
                setup.chain().give_up();
                report.add(unreadable_time(&stream, id));
                continue;
            };
            if setup.chain().is(&stream, id) {
                setup.follow(&event, &mut report);
                continue;
            }
            if other.as_ref().is_none_or(|it| !it.is(&stream, id)) {
                close(other.take(), &mut heads, keys, &mut report);
                other = Some(Chain::new(&stream, id));
            }
            if let Some(chain) = &mut other {
                chain.follow(&event, &mut report);
            }
        }
        if n_rows < PAGE || after.is_none() {
            break;
        }
    }
    close(other, &mut heads, keys, &mut report);
    let head = heads.remove(&(setup.chain().stream().to_owned(), 0));
    setup.close(head.as_ref(), keys, &mut report);
    for head in heads.into_values() {
        let mut chain = Chain::new(&head.stream, head.stream_id);
        chain.close(Some(&head), keys, &mut report);
    }
    let communities = setup.compare(&audit::setup_rows(db)?, &mut report);
    Ok((report, communities))
}

fn unreadable_time(stream: &str, id: i64) -> Finding {
    let spot = Spot {
        stream: stream.to_owned(),
        stream_id: Some(id),
        table: "event",
        column: "at".to_owned(),
        ..Spot::default()
    };
    Finding::new("unreadable", spot, "事件的时间不可能", "the event's time cannot be")
}

fn close(
    chain: Option<Chain>,
    heads: &mut HashMap<(String, i64), HeadRow<true>>,
    keys: AuditKeys,
    report: &mut Report,
) {
    let Some(mut chain) = chain else { return };
    let head = heads.remove(&(chain.stream().to_owned(), chain.stream_id()));
    chain.close(head.as_ref(), keys, report);
}

/// The numbers given out, in one moment; of some nodes, or of all.
fn verify_numbers(
    db: &mut Db,
    communities: &HashMap<i64, Community>,
    nodes: Option<&[NodeId]>,
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut numbers = Numbers::new(communities.clone());
    let mut after = i64::MIN;
    loop {
        let page = audit::numbers(db, after, nodes, PAGE)?;
        let n_rows = i64::try_from(page.len()).unwrap_or(i64::MAX);
        // Tickets that cannot be read were told with their batch.
        let read: Vec<NumberRow> = Report::default().read_rows("", &page);
        for row in &read {
            numbers.take(row, &mut report);
        }
        match read.last() {
            Some(last) if n_rows == PAGE => after = last.id,
            Some(_) | None => break,
        }
    }
    let counters: Vec<DayRow> = report.read_rows("", &audit::day_counters(db, nodes)?);
    numbers.close(&counters, &mut report);
    Ok(report)
}

/// Verifies an export alone; without keys its seals are not checked.
///
/// # Errors
/// Only those of reading.
pub fn verify_export(
    mut export: impl BufRead,
    keys: Option<&Keys>,
    mut progress: impl FnMut(u64),
) -> io::Result<Report> {
    let keys = AuditKeys { seal: keys.map(|it| &it.seal), phone: None };
    let mut audit = ExportAudit::new(keys);
    let mut line = Vec::new();
    let mut n_bytes = 0;
    loop {
        line.clear();
        let n_read = (&mut export).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if n_read == 0 {
            return Ok(audit.close());
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        audit.line(&line);
        n_bytes += n_read as u64;
        progress(n_bytes);
    }
}

/// A part of the verification an auditor asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub report: Report,
    /// Where to go on; none when every ticket was looked at.
    pub next_cursor: Option<String>,
}

/// So many events of the set-up are looked through for one page.
const SETUP_EVENTS_LOOKED_MAX: i64 = 50_000;
const SETUP_EVENTS_AT_ONCE: i64 = 500;

/// The trail of the set-up after event `after`, oldest first: what names a node where `caller` may verify; at a top
/// node all of it.
///
/// # Errors
/// `Forbidden` without the right anywhere.
pub async fn list_setup_events(
    app: &App,
    caller: &Caller,
    after: i64,
    limit: i64,
) -> Result<Vec<Recorded>, Error> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?.clone();
    if !staff.may_somewhere(Permission::VerifyTrail) {
        return Err(Refusal::Forbidden(Permission::VerifyTrail).into());
    }
    let limit_usize = usize::try_from(limit).unwrap_or(0);
    app.store
        .read(move |db: &mut Db| {
            let mut nodes = Vec::new();
            for grant in staff.grants.iter().filter(|it| may(it.role, Permission::VerifyTrail)) {
                nodes.extend(setup::subtree_nodes(db, &grant.path)?);
            }
            let sees_all = staff.may_at_top(Permission::VerifyTrail);
            let (mut found, mut cursor) = (Vec::new(), after);
            while cursor < after + SETUP_EVENTS_LOOKED_MAX {
                let part = events::list(db, Stream::Setup, 0, cursor, SETUP_EVENTS_AT_ONCE)?;
                let Some(last) = part.last() else { break };
                cursor = last.seq;
                found.extend(part.into_iter().filter(|it| sees_all || names_one_of(&it.data, &nodes)));
                if found.len() >= limit_usize {
                    break;
                }
            }
            found.truncate(limit_usize);
            Ok(found)
        })
        .await
}

/// True when the fields of a set-up event name one of `nodes`: as the node itself, as the one an entry hangs at,
/// or as the one a user has a role at.
fn names_one_of(data: &str, nodes: &[crate::domain::setup::Node]) -> bool {
    let Ok(fields) = serde_json::from_str::<serde_json::Value>(data) else { return false };
    let is_code = |it: &serde_json::Value| nodes.iter().any(|node| it.as_str() == Some(node.code.as_str()));
    let is_id = |it: &serde_json::Value| nodes.iter().any(|node| it.as_i64() == Some(node.id.0));
    let is_path = |it: &serde_json::Value| nodes.iter().any(|node| it.as_str() == Some(node.path.as_str()));
    let roles = fields["roles"].as_array();
    is_path(&fields["path"])
        || is_id(&fields["node"])
        || roles.is_some_and(|it| it.iter().any(|role| is_code(&role["node"])))
}

/// Verifies the next tickets of the nodes where `caller` may verify, with the files of their attachments; the last
/// parts also compare the numbers, the collections and their files.
///
/// Sealed tickets are among them: of these, too, an auditor learns whether they are whole, and nothing else.
///
/// # Errors
/// `Forbidden` without the right anywhere; `Invalid` for a wrong cursor or limit.
pub async fn verify_nodes(
    app: &App,
    caller: &Caller,
    cursor: Option<&str>,
    limit: Option<i64>,
) -> Result<Verified, Error> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?.clone();
    if !staff.may_somewhere(Permission::VerifyTrail) {
        return Err(Refusal::Forbidden(Permission::VerifyTrail).into());
    }
    let mut faults = Faults::default();
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        faults.add("limit", format!("1 到 {LIMIT_MAX}。 1 to {LIMIT_MAX}."));
    }
    let after = cursor.map_or(Some(Cursor::Tickets { after: i64::MIN }), Cursor::parse);
    if after.is_none() {
        faults.add("cursor", "请原样使用上一页的 next_cursor。 Use next_cursor of the last page as it is.");
    }
    let after = faults.check(after.unwrap_or(Cursor::Tickets { after: i64::MIN }))?;
    let keys = Arc::clone(&app.keys);
    let (mut verified, files) =
        app.store.read(move |db: &mut Db| verify_page(db, &keys, &staff, after, limit)).await?;
    let app = app.clone();
    attachments::off_thread(move || {
        for (spot, files) in &files {
            attachments::verify_some(&app, *spot, files, &mut verified.report)?;
        }
        Ok(verified)
    })
    .await?
}

/// Where the verification of an answer goes on: with tickets, or once these are through with files of collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cursor {
    Tickets { after: i64 },
    Files { after: (i64, i64) },
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("files-") {
            None => text.parse().ok().map(|after| Cursor::Tickets { after }),
            Some(rest) => {
                let (collection, id) = rest.split_once('-')?;
                Some(Cursor::Files { after: (collection.parse().ok()?, id.parse().ok()?) })
            }
        }
    }

    fn to_text(self) -> String {
        match self {
            Cursor::Tickets { after } => after.to_string(),
            Cursor::Files { after: (collection, id) } => format!("files-{collection}-{id}"),
        }
    }
}

/// Files to be compared with their hashes, outside of the database.
type FilesToVerify = Vec<(FileSpot, Vec<NamedFile>)>;

fn verify_page(
    db: &mut Db,
    keys: &Keys,
    staff: &Staff,
    cursor: Cursor,
    limit: i64,
) -> Result<(Verified, FilesToVerify), Error> {
    let after = match cursor {
        Cursor::Tickets { after } => after,
        Cursor::Files { after } => {
            let (files, next) = collection_files(db, after, limit)?;
            let report = Report::default();
            return Ok((Verified { report, next_cursor: next }, vec![(FileSpot::Collection, files)]));
        }
    };
    let paths: Vec<String> = staff
        .grants
        .iter()
        .filter(|it| may(it.role, Permission::VerifyTrail))
        .map(|it| it.path.clone())
        .collect();
    let nodes = setup::nodes_of(db, &paths)?;
    let mut ids = audit::ticket_ids(db, Some(&nodes), None, after, limit + 1)?;
    let n_asked = usize::try_from(limit).unwrap_or(0);
    let has_more = ids.len() > n_asked;
    ids.truncate(n_asked);
    let next = ids.last().filter(|_| has_more).map(|it| Cursor::Tickets { after: *it });
    let mut next_cursor = next.map(Cursor::to_text);
    let mut report = Report::default();
    let mut files = vec![(FileSpot::Ticket, of_tickets::files_of(db, &ids)?)];
    verify_batch(&audit::ticket_rows(db, &Which::Ids(ids))?, keys, &mut report);
    if next_cursor.is_none() {
        let (_, communities) = verify_setup(db, keys)?;
        report.join(verify_numbers(db, &communities, Some(&nodes))?);
        let mut after = i64::MIN;
        loop {
            let (rows, upto) = audit::collection_batch(db, after)?;
            verify_collections(&rows, audit_keys(keys), &mut report);
            match upto {
                Some(upto) => after = upto,
                None => break,
            }
        }
        let (of_collections, next) = collection_files(db, (i64::MIN, i64::MIN), limit)?;
        files.push((FileSpot::Collection, of_collections));
        next_cursor = next;
    }
    Ok((Verified { report, next_cursor }, files))
}

/// The next files of collections, and where those behind them begin.
fn collection_files(
    db: &mut Db,
    after: (i64, i64),
    limit: i64,
) -> Result<(Vec<NamedFile>, Option<String>), Error> {
    let mut files = of_collections::list_files(db, after, limit + 1)?;
    let n_asked = usize::try_from(limit).unwrap_or(0);
    let has_more = files.len() > n_asked;
    files.truncate(n_asked);
    let last = files.last().filter(|_| has_more);
    let next = last.map(|it| Cursor::Files { after: (it.of, it.id) }.to_text());
    Ok((files, next))
}
