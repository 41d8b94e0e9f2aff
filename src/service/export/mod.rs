//! Exports: events that can be verified alone, and tickets as a table, without contact data and texts.

mod table;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeZone as _};
use chrono_tz::Tz;
use serde_json::{Value, json};

use self::table::Table;
pub use self::table::TableForm;
pub(super) use self::table::as_text;
use super::Error;
use crate::domain::audit::export::{Beginning, FORM, Line, Tally};
use crate::domain::audit::{
    AttachmentRow, AuditKeys, ClockRow, EventRow, ExtensionRow, HeadRow, ReplyRow, Report, SupportingRow,
    TicketRow, TicketRows,
};
use crate::domain::event::Stream;
use crate::domain::refusal::Refusal;
use crate::domain::setup::DEFAULT_ZONE;
use crate::domain::ticket::Ticket;
use crate::domain::value::{AccountId, At, NodeId, SetupId};
use crate::keys::Keys;
use crate::store::audit::{self, Which};
use crate::store::{Db, Store, people, setup, tickets};

/// Tickets read at once.
const PAGE: i64 = 200;
/// Events read at once of chains that are no ticket's.
const EVENTS_PAGE: i64 = 2_000;

/// Which tickets are exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// None: those of every node.
    nodes: Option<Vec<NodeId>>,
    from: At,
    to: At,
}

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Service(#[from] Error),
    #[error("could not write output: {0}")]
    Write(#[from] io::Error),
    #[error(
        "could not export: {0} rows are damaged\nhint: run `red-mailbox audit verify` to see which; the others were written"
    )]
    Damaged(u64),
}

impl From<crate::store::StoreError> for ExportError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Service(error.into())
    }
}

impl Wanted {
    /// Reads what is asked for: a day, or a time with offset; a day at the end is meant to its end.
    ///
    /// Days are those of the node's time zone, or of Asia/Shanghai without a node.
    ///
    /// # Errors
    /// `NotFound` for a node there is not, `Invalid` for a time that is none.
    pub fn read(
        store: &Store,
        node: Option<&str>,
        from: Option<&str>,
        to: Option<&str>,
    ) -> Result<Self, Error> {
        let code = node.map(|it| it.trim().to_uppercase());
        let (nodes, zone) = store.read_blocking(move |db: &mut Db| -> Result<_, Error> {
            let Some(code) = &code else { return Ok((None, DEFAULT_ZONE)) };
            let node = setup::find_node_by_code(db, code)?.ok_or_else(|| Refusal::NotFound(code.clone()))?;
            Ok((Some(setup::subtree(db, &node.path)?), node.time_zone))
        })?;
        let from = from.map(|it| moment("from", it, zone, 0)).transpose()?;
        let to = to.map(|it| moment("to", it, zone, 1)).transpose()?;
        Ok(Self {
            nodes,
            from: from.unwrap_or(At::from_micros(i64::MIN)),
            to: to.unwrap_or(At::from_micros(i64::MAX)),
        })
    }

    /// The next ids after `after`.
    pub(super) fn ids(&self, db: &mut Db, after: i64) -> Result<Vec<i64>, Error> {
        let period = (self.from.micros(), self.to.micros());
        Ok(audit::ticket_ids(db, self.nodes.as_deref(), Some(period), after, PAGE)?)
    }
}

/// A time with offset, or the start of the day `n_days` after one.
fn moment(field: &str, text: &str, zone: Tz, n_days: u64) -> Result<At, Refusal> {
    let day = || {
        let day = NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").ok()?;
        let start = day.checked_add_days(chrono::Days::new(n_days))?.and_time(NaiveTime::MIN);
        zone.from_local_datetime(&start).earliest().map(|it| At::from_utc(it.to_utc()))
    };
    At::parse(text).or_else(day).ok_or_else(|| {
        Refusal::field(
            field,
            "请写日期 2026-11-23 或 RFC 3339 时间。 Write a day like 2026-11-23 or an RFC 3339 time.",
        )
    })
}

/// Writes events as JSON lines that `audit verify` checks alone; gives how many. Blocks.
///
/// Chains are whole: all events of the tickets received in the period, and, unless a node was named, the set-up's.
///
/// # Errors
/// `ExportError`; after `Damaged` everything else was written.
pub fn events_jsonl(
    store: &Store,
    keys: &Arc<Keys>,
    wanted: &Wanted,
    out: &mut dyn Write,
    mut progress: impl FnMut(u64),
) -> Result<u64, ExportError> {
    let mut writer = LineWriter { out, tally: Tally::default(), n_events: 0 };
    let mut damage = Report::default();
    let beginning = Beginning {
        form: FORM.to_owned(),
        key_id: keys.id.clone(),
        from: wanted.from.to_rfc3339(),
        to: wanted.to.to_rfc3339(),
    };
    writer.tally.begin(&beginning);
    writer.write(&Line { export: Some(beginning), ..Line::default() })?;
    if wanted.nodes.is_none() {
        let (events, heads) = other_chains(store)?;
        let events: Vec<EventRow<true>> = damage.read_rows("", &events);
        let heads: Vec<HeadRow<true>> = damage.read_rows("", &heads);
        writer.chains(events, heads)?;
        progress(writer.n_events);
    }
    each_page(store, wanted, |rows| {
        let events: Vec<EventRow<true>> = damage.read_rows("", &rows.events);
        let heads: Vec<HeadRow<true>> = damage.read_rows("", &rows.heads);
        let tickets: Vec<TicketRow> = damage.read_rows("", &rows.tickets);
        let supporting: Vec<SupportingRow> = damage.read_rows("", &rows.supporting);
        let replies: Vec<ReplyRow> = damage.read_rows("", &rows.replies);
        let clocks: Vec<ClockRow> = damage.read_rows("", &rows.clocks);
        let extensions: Vec<ExtensionRow> = damage.read_rows("", &rows.extensions);
        let attachments: Vec<AttachmentRow> = damage.read_rows("", &rows.attachments);
        let mut events_of: HashMap<i64, Vec<EventRow<true>>> = HashMap::new();
        for event in events {
            events_of.entry(event.stream_id).or_default().push(event);
        }
        let mut head_of: HashMap<i64, HeadRow<true>> =
            heads.into_iter().map(|it| (it.stream_id, it)).collect();
        for ticket in tickets {
            let id = ticket.id;
            let head = head_of.remove(&id).into_iter().collect();
            writer.chains(events_of.remove(&id).unwrap_or_default(), head)?;
            writer.write(&Line {
                ticket: Some(Box::new(ticket)),
                supporting: Some(
                    supporting.iter().filter(|it| it.ticket_id == id).map(|it| it.unit_id).collect(),
                ),
                replies: Some(replies.iter().filter(|it| it.ticket_id == id).cloned().collect()),
                clocks: Some(clocks.iter().filter(|it| it.ticket_id == id).cloned().collect()),
                extensions: Some(extensions.iter().filter(|it| it.ticket_id == id).cloned().collect()),
                attachments: Some(attachments.iter().filter(|it| it.ticket_id == id).cloned().collect()),
                ..Line::default()
            })?;
        }
        progress(writer.n_events);
        Ok(())
    })?;
    let end = writer.tally.end(AuditKeys { seal: Some(&keys.seal), phone: None });
    writer.write(&Line { end: Some(end), ..Line::default() })?;
    writer.out.flush()?;
    match damage.n_findings {
        0 => Ok(writer.n_events),
        n => Err(ExportError::Damaged(n)),
    }
}

struct LineWriter<'a> {
    out: &'a mut dyn Write,
    tally: Tally,
    n_events: u64,
}

impl LineWriter<'_> {
    fn write(&mut self, line: &Line) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line).map_err(io::Error::from)?;
        self.out.write_all(b"\n")
    }

    /// Writes events, each chain followed by its head; both are in the order of chains.
    fn chains(&mut self, events: Vec<EventRow<true>>, heads: Vec<HeadRow<true>>) -> io::Result<()> {
        let mut heads: BTreeMap<(String, i64), HeadRow<true>> =
            heads.into_iter().map(|it| ((it.stream.clone(), it.stream_id), it)).collect();
        let mut events = events.into_iter().peekable();
        while let Some(event) = events.next() {
            let chain = (event.stream.clone(), event.stream_id);
            self.n_events += 1;
            self.tally.event();
            self.write(&Line { event: Some(event.into_exported()), ..Line::default() })?;
            let is_last =
                events.peek().is_none_or(|it| (it.stream.as_str(), it.stream_id) != (&chain.0, chain.1));
            if is_last && let Some(head) = heads.remove(&chain) {
                self.head(head)?;
            }
        }
        heads.into_values().try_for_each(|it| self.head(it))
    }

    fn head(&mut self, head: HeadRow<true>) -> io::Result<()> {
        let head = head.into_exported();
        self.tally.head(&head);
        self.write(&Line { head: Some(head), ..Line::default() })
    }
}

type Raw = Vec<Vec<u8>>;

/// Events and heads of the chains that are no ticket's, in one moment. The set-up is small.
fn other_chains(store: &Store) -> Result<(Raw, Raw), Error> {
    store.read_blocking(|db: &mut Db| -> Result<_, Error> {
        let mut events = Vec::new();
        let mut after: Option<(String, i64, i64)> = None;
        loop {
            let from = after.as_ref().map(|(stream, id, seq)| (stream.as_str(), *id, *seq));
            let page = audit::other_events(db, &[Stream::Ticket], from, EVENTS_PAGE)?;
            let is_last = page.len() < usize::try_from(EVENTS_PAGE).unwrap_or(0);
            let read: Vec<EventRow<true>> = Report::default().read_rows("", &page);
            after = read.last().map(|it| (it.stream.clone(), it.stream_id, it.seq));
            events.extend(page);
            if is_last || after.is_none() {
                break;
            }
        }
        Ok((events, audit::other_heads(db, &[Stream::Ticket])?))
    })
}

/// Hands over the rows of the wanted tickets, page by page.
fn each_page(
    store: &Store,
    wanted: &Wanted,
    mut take: impl FnMut(TicketRows) -> Result<(), ExportError>,
) -> Result<(), ExportError> {
    let mut after = i64::MIN;
    loop {
        let wanted = wanted.clone();
        let (rows, last) = store.read_blocking(move |db: &mut Db| -> Result<_, Error> {
            let ids = wanted.ids(db, after)?;
            let last = ids.last().copied();
            Ok((audit::ticket_rows(db, &Which::Ids(ids))?, last))
        })?;
        let Some(last) = last else { return Ok(()) };
        after = last;
        take(rows)?;
    }
}

/// Writes the events of the wanted tickets as a table; gives how many. Blocks.
///
/// # Errors
/// `ExportError`; after `Damaged` everything else was written.
pub fn events_table(
    store: &Store,
    wanted: &Wanted,
    form: TableForm,
    out: &mut dyn Write,
    mut progress: impl FnMut(u64),
) -> Result<u64, ExportError> {
    let mut table = Table::begin(form, out)?;
    table.row(
        ["number", "seq", "type", "at", "actor_kind", "actor_id", "actor_name", "place", "data"]
            .map(|it| json!(it)),
    )?;
    let (mut damage, mut n_events) = (Report::default(), 0);
    each_page(store, wanted, |rows| {
        let tickets: Vec<TicketRow> = damage.read_rows("", &rows.tickets);
        let numbers: HashMap<i64, String> = tickets.into_iter().map(|it| (it.id, it.number)).collect();
        let events: Vec<EventRow<true>> = damage.read_rows("", &rows.events);
        for event in events {
            n_events += 1;
            table.row([
                json!(numbers.get(&event.stream_id)),
                json!(event.seq),
                json!(event.kind),
                json!(At::from_micros(event.at).to_rfc3339()),
                json!(event.actor_kind),
                json!(event.actor_id),
                json!(event.actor_name),
                json!(event.place),
                json!(event.data),
            ])?;
        }
        progress(n_events);
        Ok(())
    })?;
    table.end()?;
    match damage.n_findings {
        0 => Ok(n_events),
        n => Err(ExportError::Damaged(n)),
    }
}

/// Writes the wanted tickets, as a table or, without its form, as JSON lines; gives how many. Blocks.
///
/// Facts only: no contact, and no text, which may name people.
///
/// # Errors
/// `ExportError`.
pub fn tickets(
    store: &Store,
    wanted: &Wanted,
    table: Option<TableForm>,
    out: &mut dyn Write,
    mut progress: impl FnMut(u64),
) -> Result<u64, ExportError> {
    let (mut n_tickets, mut after) = (0, i64::MIN);
    let mut table = match table {
        Some(form) => Sheet::Table(Box::new(Table::begin(form, out)?)),
        None => Sheet::Lines(out),
    };
    loop {
        let wanted = wanted.clone();
        let (facts, last) = store.read_blocking(move |db: &mut Db| -> Result<_, Error> {
            let ids = wanted.ids(db, after)?;
            Ok((facts_of(db, &ids)?, ids.last().copied()))
        })?;
        let Some(last) = last else { break };
        after = last;
        for (index, row) in facts.into_iter().enumerate() {
            match &mut table {
                Sheet::Table(table) => {
                    if n_tickets == 0 && index == 0 {
                        table.row(row.iter().map(|it| json!(it.0)))?;
                    }
                    table.row(row.into_iter().map(|it| it.1))?;
                }
                Sheet::Lines(out) => {
                    let object: serde_json::Map<String, Value> =
                        row.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                    writeln!(out, "{}", Value::Object(object))?;
                }
            }
            n_tickets += 1;
        }
        progress(n_tickets);
    }
    match table {
        Sheet::Table(table) => table.end()?,
        Sheet::Lines(out) => out.flush()?,
    }
    Ok(n_tickets)
}

enum Sheet<'a> {
    Table(Box<Table<'a>>),
    Lines(&'a mut dyn Write),
}

type Facts = Vec<(&'static str, Value)>;

/// The facts of tickets with the codes people know.
fn facts_of(db: &mut Db, ids: &[i64]) -> Result<Vec<Facts>, Error> {
    let found = audit::tickets(db, ids)?;
    let mut entries: Vec<SetupId> = Vec::new();
    let mut accounts: Vec<AccountId> = Vec::new();
    let mut nodes: Vec<NodeId> = Vec::new();
    for it in &found {
        entries
            .extend([it.category, it.unit, it.answerable_unit, it.about_unit, it.mailbox].iter().flatten());
        entries.extend(&it.supporting);
        accounts.extend([it.assignee, it.resolved_by].iter().flatten());
        nodes.extend([it.node, it.handling_node]);
    }
    let names = Names {
        codes: setup::codes(db, &entries)?,
        usernames: people::usernames(db, &accounts)?,
        nodes: setup::node_codes(db, &nodes)?,
    };
    let mut facts = Vec::with_capacity(found.len());
    for ticket in found {
        let into = match ticket.merged_into {
            Some(id) => tickets::find(db, tickets::By::Id(id))?.map(|it| it.number),
            None => None,
        };
        facts.push(names.facts(&ticket, into.as_deref()));
    }
    Ok(facts)
}

struct Names {
    codes: HashMap<SetupId, String>,
    usernames: HashMap<AccountId, String>,
    nodes: HashMap<NodeId, String>,
}

impl Names {
    fn facts(&self, it: &Ticket, merged_into: Option<&str>) -> Facts {
        let code = |id: Option<SetupId>| json!(id.and_then(|it| self.codes.get(&it)));
        let user = |id: Option<AccountId>| json!(id.and_then(|it| self.usernames.get(&it)));
        let time = |at: Option<At>| json!(at.map(At::to_rfc3339));
        let supporting: Vec<_> = it.supporting.iter().filter_map(|it| self.codes.get(it)).collect();
        vec![
            ("number", json!(it.number)),
            ("community", json!(self.nodes.get(&it.node))),
            ("handling_node", json!(self.nodes.get(&it.handling_node))),
            ("status", json!(it.status)),
            ("kind", json!(it.kind)),
            ("source", json!(it.source)),
            ("priority", json!(it.priority)),
            ("category", code(it.category)),
            ("building", json!(it.building)),
            ("channel", json!(it.channel)),
            ("unit", code(it.unit)),
            ("assignee", user(it.assignee)),
            ("supporting", json!(supporting)),
            ("answerable_unit", code(it.answerable_unit)),
            ("about_unit", code(it.about_unit)),
            ("mailbox", code(it.mailbox)),
            ("cycle", json!(it.cycle)),
            ("n_urges", json!(it.n_urges)),
            ("sealed", json!(it.sealed)),
            ("suspected_emergency", json!(it.suspected_emergency)),
            ("may_publish", json!(it.may_publish)),
            ("published", json!(it.published)),
            ("merged_into", json!(merged_into)),
            ("waiting_for", json!(it.waiting_for)),
            ("outcome", json!(it.outcome)),
            ("resolved_by", user(it.resolved_by)),
            ("n_replies", json!(it.replies.len())),
            ("rating_solved", json!(it.rating.map(|it| it.solved))),
            ("rating_satisfaction", json!(it.rating.and_then(|it| it.satisfaction))),
            ("received_at", time(Some(it.received_at))),
            ("registered_at", time(Some(it.registered_at))),
            ("accepted_at", time(it.accepted_at)),
            ("assigned_at", time(it.assigned_at)),
            ("acknowledged_at", time(it.acknowledged_at)),
            ("resolved_at", time(it.resolved_at)),
            ("replied_at", time(it.replied_at)),
            ("closed_at", time(it.closed_at)),
            ("due_at", time(it.due_at)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_at_the_end_is_meant_to_its_end() {
        let at = |text| At::parse(text).unwrap();
        assert_eq!(moment("from", "2026-11-23", DEFAULT_ZONE, 0), Ok(at("2026-11-22T16:00:00Z")));
        assert_eq!(moment("to", "2026-11-23", DEFAULT_ZONE, 1), Ok(at("2026-11-23T16:00:00Z")));
        assert_eq!(
            moment("to", "2026-11-23T08:00:00+08:00", DEFAULT_ZONE, 1),
            Ok(at("2026-11-23T00:00:00Z"))
        );
        assert!(moment("to", "yesterday", DEFAULT_ZONE, 1).is_err());
    }
}
