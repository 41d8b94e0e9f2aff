//! An export of events, verified alone: line by line, in little memory.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::ticket::{compare_attachments, compare_clocks, compare_replies, compare_supporting, no_row};
use super::{
    AttachmentRow, AuditKeys, Chain, ClockRow, EventRow, ExtensionRow, Finding, HeadRow, ReplyRow, Report,
    SetupAudit, Spot, Stored, TicketRow, read,
};
use crate::domain::chain::{Hash, hex};
use crate::domain::event::Stream;

/// The form of exports.
pub const FORM: &str = "red-mailbox events v1";

/// One line of an export: exactly one of its parts is there, those of its rows go with `ticket`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventRow<false>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadRow<false>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Box<TicketRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supporting: Option<Vec<i64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<Vec<ReplyRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks: Option<Vec<ClockRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions: Option<Vec<ExtensionRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachments: Option<Vec<AttachmentRow>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<Beginning>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
}

/// What goes with a ticket's line.
struct RowsOfTicket {
    supporting: Vec<i64>,
    replies: Vec<ReplyRow>,
    clocks: Vec<ClockRow>,
    extensions: Vec<ExtensionRow>,
    attachments: Vec<AttachmentRow>,
}

impl Stored for Line {
    const TABLE: &'static str = "";
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beginning {
    pub form: String,
    /// The key that sealed the heads.
    pub key_id: String,
    /// RFC 3339: tickets received from then …
    pub from: String,
    /// … until before then.
    pub to: String,
}

/// The last line: how much there was, and a seal over it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    pub n_streams: u64,
    pub n_events: u64,
    /// SHA-256 over the beginning and every head, in order.
    pub hash: String,
    /// HMAC over that by the key, in hexadecimal.
    pub seal: String,
}

/// What the end of an export is made of; the writer and the reader count alike.
#[derive(Clone, Default)]
pub struct Tally {
    n_streams: u64,
    n_events: u64,
    hasher: Sha256,
}

impl Tally {
    /// Counts the first line.
    pub fn begin(&mut self, beginning: &Beginning) {
        for part in [&beginning.form, &beginning.key_id, &beginning.from, &beginning.to] {
            self.part(part.as_bytes());
        }
    }

    /// Counts an event.
    pub fn event(&mut self) {
        self.n_events += 1;
    }

    /// Counts a stream by its head.
    pub fn head(&mut self, head: &HeadRow<false>) {
        self.n_streams += 1;
        self.part(head.stream.as_bytes());
        self.part(&head.stream_id.to_be_bytes());
        self.part(&head.seq.to_be_bytes());
        self.part(&head.hash.0);
    }

    fn part(&mut self, bytes: &[u8]) {
        self.hasher.update((bytes.len() as u64).to_be_bytes());
        self.hasher.update(bytes);
    }

    fn hash(&self) -> Hash {
        let mut hasher = self.hasher.clone();
        hasher.update(self.n_streams.to_be_bytes());
        hasher.update(self.n_events.to_be_bytes());
        hasher.finalize().into()
    }

    /// The last line.
    pub fn end(&self, keys: AuditKeys) -> End {
        let hash = self.hash();
        End {
            n_streams: self.n_streams,
            n_events: self.n_events,
            hash: hex(&hash),
            seal: keys.seal.map(|it| hex(&it.seal_export(&hash))).unwrap_or_default(),
        }
    }
}

/// The chain that is being read.
#[expect(clippy::large_enum_variant, reason = "there is one, and the large variant is nearly always it")]
enum Current {
    None,
    Chain { chain: Chain, head: Option<HeadRow<false>>, is_ticket_seen: bool },
    Setup { audit: Box<SetupAudit>, is_closed: bool },
}

/// Reads an export.
pub struct ExportAudit<'a> {
    keys: AuditKeys<'a>,
    tally: Tally,
    current: Current,
    has_begun: bool,
    has_ended: bool,
    n_lines: u64,
    /// The last stream, as they come in order and none twice.
    last: Option<(u8, i64)>,
    report: Report,
}

impl<'a> ExportAudit<'a> {
    /// A reader before the first line.
    pub fn new(keys: AuditKeys<'a>) -> Self {
        Self {
            keys,
            tally: Tally::default(),
            current: Current::None,
            has_begun: false,
            has_ended: false,
            n_lines: 0,
            last: None,
            report: Report::default(),
        }
    }

    /// Takes the next line, without its line end.
    pub fn line(&mut self, json: &[u8]) {
        self.n_lines += 1;
        let n_before = self.report.findings.len();
        match read::<Line>(json) {
            Ok(line) => self.take(line),
            Err(unreadable) => {
                self.give_up();
                let spot = Spot { line: Some(self.n_lines), column: unreadable.column, ..Spot::default() };
                self.report.add(Finding::new(
                    "unreadable",
                    spot,
                    format!("第 {} 行损坏，无法读取", self.n_lines),
                    format!("line {} is damaged", self.n_lines),
                ));
            }
        }
        for finding in &mut self.report.findings[n_before..] {
            finding.spot.line.get_or_insert(self.n_lines);
        }
    }

    /// What was found, after the last line.
    pub fn close(mut self) -> Report {
        self.close_stream();
        if !self.has_ended {
            let spot = Spot { line: Some(self.n_lines), ..Spot::default() };
            self.report.add(Finding::new(
                "end",
                spot,
                "文件的末尾不见了：后面可能还有内容",
                "the end of the file is missing: there may have been more",
            ));
        }
        self.report
    }

    fn take(&mut self, line: Line) {
        let n_parts = [
            line.event.is_some(),
            line.head.is_some(),
            line.ticket.is_some(),
            line.export.is_some(),
            line.end.is_some(),
        ];
        let has_rows = line.ticket.is_some();
        let is_one = n_parts.iter().filter(|it| **it).count() == 1
            && line.supporting.is_some() == has_rows
            && line.replies.is_some() == has_rows
            && line.clocks.is_some() == has_rows
            && line.extensions.is_some() == has_rows
            && line.attachments.is_some() == has_rows;
        if !is_one {
            self.give_up();
            return self.wrong("line", "这一行不是导出的形式", "this line has not the form of an export");
        }
        if self.has_ended || (self.has_begun == line.export.is_some()) {
            self.wrong(
                "line",
                "这一行不该在这里：文件以 export 行开始，以 end 行结束",
                "this line does not belong here: a file begins with its export line and ends with its end line",
            );
        }
        if let Some(beginning) = line.export {
            self.begin(&beginning);
        } else if let Some(event) = line.event {
            self.event(event);
        } else if let Some(head) = line.head {
            self.head(head);
        } else if let Some(row) = line.ticket {
            let rows = RowsOfTicket {
                supporting: line.supporting.unwrap_or_default(),
                replies: line.replies.unwrap_or_default(),
                clocks: line.clocks.unwrap_or_default(),
                extensions: line.extensions.unwrap_or_default(),
                attachments: line.attachments.unwrap_or_default(),
            };
            self.ticket(&row, &rows);
        } else if let Some(end) = line.end {
            self.end(&end);
        }
    }

    fn wrong(&mut self, fault: &'static str, zh: &str, en: &str) {
        self.report.add(Finding::new(fault, Spot::default(), zh, en));
    }

    /// Nothing more is told of the chain that is being read.
    fn give_up(&mut self) {
        match &mut self.current {
            Current::None => {}
            Current::Chain { chain, .. } => chain.give_up(),
            Current::Setup { audit, .. } => audit.chain().give_up(),
        }
    }

    fn begin(&mut self, beginning: &Beginning) {
        self.has_begun = true;
        self.tally.begin(beginning);
        if beginning.form != FORM {
            self.wrong("line", "这不是本版本能读的导出文件", "this is no export that this version reads");
        }
        if let Some(key) = self.keys.seal.filter(|it| it.id != beginning.key_id) {
            let (zh, en) = (
                format!("由密钥 {} 封印，手边的是 {}", beginning.key_id, key.id),
                format!("sealed by key {}; at hand is {}", beginning.key_id, key.id),
            );
            self.wrong("key", &zh, &en);
        }
    }

    /// Makes the chain with this name the one that is being read.
    fn enter(&mut self, stream: &str, stream_id: i64) {
        let is_here = match &mut self.current {
            Current::None => false,
            Current::Chain { chain, .. } => chain.is(stream, stream_id),
            Current::Setup { audit, .. } => audit.chain().is(stream, stream_id),
        };
        if is_here {
            return;
        }
        self.close_stream();
        let kind = Stream::ALL.iter().position(|it| it.as_str() == stream);
        let place = kind.and_then(|it| u8::try_from(it).ok()).map(|it| (it, stream_id));
        if place.is_none() {
            self.wrong("stream", "没有这种事件链", "no such kind of chain");
        } else if place.is_some_and(|it| it.0 == 0)
            && self.last.is_some_and(|it| Some(it) >= place && it.0 == 0)
        {
            self.wrong("order", "事件链重复或顺序不对", "a chain is there twice or out of order");
        }
        if place.is_some_and(|it| it.0 == 0) {
            self.last = place;
        }
        self.current = if stream == Stream::Setup.as_str() && stream_id == 0 {
            Current::Setup { audit: Box::default(), is_closed: false }
        } else {
            Current::Chain { chain: Chain::new(stream, stream_id), head: None, is_ticket_seen: false }
        };
    }

    fn event(&mut self, event: EventRow<false>) {
        self.tally.event();
        self.enter(&event.stream, event.stream_id);
        let Some(event) = event.into_recorded() else {
            self.give_up();
            return self.wrong("unreadable", "事件的时间不可能", "the event's time cannot be");
        };
        match &mut self.current {
            Current::None => {}
            Current::Chain { chain, head, .. } => {
                if head.is_some() && chain.is_whole() {
                    let spot = chain.spot(Some(event.seq), "event");
                    chain.give_up();
                    self.report.add(Finding::new(
                        "order",
                        spot,
                        "事件在链头之后",
                        "an event stands behind the head",
                    ));
                } else {
                    chain.follow(&event, &mut self.report);
                }
            }
            Current::Setup { audit, .. } => audit.follow(&event, &mut self.report),
        }
    }

    fn head(&mut self, row: HeadRow<false>) {
        self.tally.head(&row);
        self.enter(&row.stream, row.stream_id);
        match &mut self.current {
            Current::None => {}
            Current::Chain { chain, head, .. } => {
                if head.is_some() {
                    let spot = chain.spot(None, "event_head");
                    self.report.add(Finding::new("order", spot, "链头重复", "the head is there twice"));
                }
                chain.close(Some(&row), self.keys, &mut self.report);
                *head = Some(row);
            }
            Current::Setup { audit, is_closed } => {
                audit.close(Some(&row), self.keys, &mut self.report);
                *is_closed = true;
            }
        }
    }

    fn ticket(&mut self, row: &TicketRow, rows: &RowsOfTicket) {
        self.report.n_tickets += 1;
        self.enter(Stream::Ticket.as_str(), row.id);
        let Current::Chain { chain, head, is_ticket_seen } = &mut self.current else { return };
        let spot = |table| Spot { number: Some(row.number.clone()), ..chain.spot(None, table) };
        if chain.n_events() == 0 {
            self.report.add(Finding::new(
                "no-events",
                spot("event"),
                "这一件没有任何事件",
                "there is no event of this ticket",
            ));
        } else if head.is_none() || *is_ticket_seen {
            self.report.add(Finding::new(
                "order",
                spot("ticket"),
                "这一行重复，或不在链头之后",
                "the ticket is there twice, or not behind its head",
            ));
        }
        *is_ticket_seen = true;
        if let Some(ticket) = chain.ticket() {
            self.report.add_differences(&spot("ticket"), TicketRow::of(ticket).differences(row));
            let expected = ticket.supporting.iter().map(|it| it.0).collect();
            compare_supporting(expected, &rows.supporting, spot("ticket_supporting"), &mut self.report);
            let expected = ticket.replies.iter().map(|it| ReplyRow::of(row.id, it)).collect();
            compare_replies(expected, &rows.replies, &spot("reply"), &mut self.report);
            compare_clocks(ticket, &rows.clocks, &rows.extensions, &spot, &mut self.report);
            compare_attachments(ticket, &rows.attachments, &spot, &mut self.report);
        }
    }

    /// Leaves the chain that is being read.
    fn close_stream(&mut self) {
        match std::mem::replace(&mut self.current, Current::None) {
            Current::None => {}
            Current::Setup { mut audit, is_closed } => {
                if !is_closed {
                    audit.close(None::<&HeadRow<false>>, self.keys, &mut self.report);
                }
            }
            Current::Chain { mut chain, head, is_ticket_seen } => {
                if head.is_none() {
                    chain.close(None::<&HeadRow<false>>, self.keys, &mut self.report);
                }
                if chain.stream() == Stream::Ticket.as_str() && !is_ticket_seen {
                    self.report.add(no_row(chain.spot(None, "ticket")));
                }
            }
        }
    }

    fn end(&mut self, end: &End) {
        self.close_stream();
        self.has_ended = true;
        let counted = self.tally.end(self.keys);
        if (counted.n_streams, counted.n_events, &counted.hash) != (end.n_streams, end.n_events, &end.hash) {
            let zh = format!(
                "应有 {} 条链 {} 个事件，实有 {} 条 {} 个；链头有缺失或改动",
                end.n_streams, end.n_events, counted.n_streams, counted.n_events
            );
            let en = format!(
                "there should be {} chains and {} events, there are {} and {}; heads are missing or changed",
                end.n_streams, end.n_events, counted.n_streams, counted.n_events
            );
            self.wrong("end", &zh, &en);
        } else if self.keys.seal.is_some() && counted.seal != end.seal {
            self.wrong("seal", "文件末尾的封印不对", "the seal at the end is not by the key");
        }
    }
}
