//! One ticket: its chain, what the events add up to, and every row that hangs on it.

use std::collections::BTreeMap;

use super::texts::{KeptText, open_commitments};
use super::{
    AttachmentRow, AuditKeys, Chain, ClockRow, EventRow, ExtensionRow, Finding, HeadRow, OutboxRow, PhoneRow,
    ReplyRow, Report, RulesRow, Spot, Stored, SupportingRow, TextRow, TicketRow, read,
};
use crate::domain::chain::keyed_hash;
use crate::domain::event::{Recorded, Stream};
use crate::domain::sla::Rules;
use crate::domain::ticket::intake::Contact;
use crate::domain::ticket::{Ticket, text};

/// After this event of a ticket its texts before may be gone (PRODUCT §6).
const ERASED: &str = "ticket.erased";

/// The rows of some tickets, each as JSON with every column, in the order of ticket ids and places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketRows {
    pub tickets: Vec<Vec<u8>>,
    pub supporting: Vec<Vec<u8>>,
    pub replies: Vec<Vec<u8>>,
    pub clocks: Vec<Vec<u8>>,
    pub extensions: Vec<Vec<u8>>,
    pub attachments: Vec<Vec<u8>>,
    /// The rules that these clocks name.
    pub rules: Vec<Vec<u8>>,
    pub events: Vec<Vec<u8>>,
    pub heads: Vec<Vec<u8>>,
    pub texts: Vec<Vec<u8>>,
    pub phones: Vec<Vec<u8>>,
    pub outbox: Vec<Vec<u8>>,
}

/// Everything of one ticket.
#[derive(Default)]
struct File {
    row: Option<TicketRow>,
    supporting: Vec<i64>,
    replies: Vec<ReplyRow>,
    clocks: Vec<ClockRow>,
    extensions: Vec<ExtensionRow>,
    attachments: Vec<AttachmentRow>,
    events: Vec<Recorded>,
    head: Option<HeadRow<true>>,
    texts: Vec<TextRow>,
    phone: Option<Vec<u8>>,
    outbox: Vec<OutboxRow>,
    /// A row could not be read, which was told: what follows from that is not told again.
    is_unreadable: bool,
}

/// The files of tickets as they are put together.
#[derive(Default)]
struct Files(BTreeMap<i64, File>);

impl Files {
    fn add<T: Stored>(&mut self, rows: &[Vec<u8>], report: &mut Report, mut put: impl FnMut(T, &mut Self)) {
        for json in rows {
            match read::<T>(json) {
                Ok(row) => put(row, self),
                Err(unreadable) => {
                    if let Some(id) = unreadable.stream_id {
                        self.of(id).is_unreadable = true;
                    }
                    report.add_unreadable(T::TABLE, Stream::Ticket.as_str(), unreadable);
                }
            }
        }
    }

    fn of(&mut self, id: i64) -> &mut File {
        self.0.entry(id).or_default()
    }
}

/// Verifies tickets; every row of each must be among `rows`.
pub fn verify_tickets(rows: &TicketRows, keys: AuditKeys, report: &mut Report) {
    let mut files = Files::default();
    files.add(&rows.tickets, report, |it: TicketRow, files| {
        let id = it.id;
        files.of(id).row = Some(it);
    });
    files.add(&rows.supporting, report, |it: SupportingRow, files| {
        files.of(it.ticket_id).supporting.push(it.unit_id);
    });
    files.add(&rows.replies, report, |it: ReplyRow, files| {
        files.of(it.ticket_id).replies.push(it);
    });
    files.add(&rows.clocks, report, |it: ClockRow, files| {
        files.of(it.ticket_id).clocks.push(it);
    });
    files.add(&rows.extensions, report, |it: ExtensionRow, files| {
        files.of(it.ticket_id).extensions.push(it);
    });
    files.add(&rows.attachments, report, |it: AttachmentRow, files| {
        files.of(it.ticket_id).attachments.push(it);
    });
    verify_rules(&rows.rules, report);
    let mut out_of_time = Vec::new();
    files.add(&rows.events, report, |it: EventRow<true>, files| {
        let (id, seq) = (it.stream_id, it.seq);
        if let Some(event) = it.into_recorded() {
            files.of(id).events.push(event);
        } else {
            files.of(id).is_unreadable = true;
            out_of_time.push((id, seq));
        }
    });
    for (id, seq) in out_of_time {
        let column = "at".to_owned();
        let unreadable = super::Unreadable { column, stream_id: Some(id), seq: Some(seq) };
        report.add_unreadable("event", Stream::Ticket.as_str(), unreadable);
    }
    files.add(&rows.heads, report, |it: HeadRow<true>, files| {
        let id = it.stream_id;
        files.of(id).head = Some(it);
    });
    files.add(&rows.texts, report, |it: TextRow, files| {
        files.of(it.ticket_id).texts.push(it);
    });
    files.add(&rows.phones, report, |it: PhoneRow, files| {
        files.of(it.ticket_id).phone = Some(it.phone_hmac.0);
    });
    files.add(&rows.outbox, report, |it: OutboxRow, files| {
        files.of(it.ticket_id).outbox.push(it);
    });
    for (id, file) in files.0 {
        verify(id, &file, keys, report);
    }
}

fn verify(id: i64, file: &File, keys: AuditKeys, report: &mut Report) {
    report.n_tickets += 1;
    let mut chain = Chain::new(Stream::Ticket.as_str(), id);
    if file.is_unreadable {
        report.n_events += file.events.len() as u64;
        return;
    }
    for event in &file.events {
        chain.follow(event, report);
    }
    chain.close(file.head.as_ref(), keys, report);
    let number = file.row.as_ref().map(|it| it.number.clone()).or_else(|| chain.number().map(str::to_owned));
    let spot = |table| Spot { number: number.clone(), ..chain.spot(None, table) };
    if file.row.is_none() {
        report.add(no_row(spot("ticket")));
    }
    if file.events.is_empty() {
        report.add(Finding::new(
            "no-events",
            spot("event"),
            "这一件没有任何事件",
            "there is no event of this ticket",
        ));
    }
    if let Some(ticket) = chain.ticket() {
        compare(file, ticket, &spot, report);
        let contact = verify_texts(file, &spot, report);
        verify_phone(file, contact, keys, &spot, report);
    }
}

/// A chain without its ticket.
pub(super) fn no_row(spot: Spot) -> Finding {
    Finding::new(
        "no-row",
        spot,
        "有这一件的记录，却没有这一件",
        "there are records of this ticket, but no ticket",
    )
}

/// Compares the rows with what the events add up to.
fn compare(file: &File, ticket: &Ticket, spot: &dyn Fn(&'static str) -> Spot, report: &mut Report) {
    if let Some(found) = &file.row {
        report.add_differences(&spot("ticket"), TicketRow::of(ticket).differences(found));
    }
    let expected = ticket.supporting.iter().map(|it| it.0).collect();
    compare_supporting(expected, &file.supporting, spot("ticket_supporting"), report);
    let expected = ticket.replies.iter().map(|it| ReplyRow::of(ticket.id.0, it)).collect();
    compare_replies(expected, &file.replies, &spot("reply"), report);
    compare_clocks(ticket, &file.clocks, &file.extensions, &spot, report);
    compare_attachments(ticket, &file.attachments, &spot, report);
    for message in &file.outbox {
        let known = ticket.replies.iter().any(|it| {
            i64::from(it.id) == message.reply_id
                // A reply that failed on one channel may go on by another.
                && (it.channel.as_str() == message.channel || it.delivery == crate::domain::ticket::Delivery::Failed)
        });
        if !known {
            report.add(Finding::new(
                "outbox",
                spot("outbox"),
                format!("待发的答复 {} 不在事件里", message.reply_id),
                format!("a message is queued for reply {}, which the events do not know", message.reply_id),
            ));
        }
    }
}

/// Compares supporting units.
pub(super) fn compare_supporting(mut expected: Vec<i64>, found: &[i64], spot: Spot, report: &mut Report) {
    let mut found = found.to_vec();
    expected.sort_unstable();
    expected.dedup();
    found.sort_unstable();
    if expected != found {
        let spot = Spot { column: "unit_id".to_owned(), ..spot };
        report.add(Finding::new(
            "row",
            spot,
            format!("协办单位与事件不符：事件为 {expected:?}，现存 {found:?}"),
            format!("supporting units: the events give {expected:?}, stored are {found:?}"),
        ));
    }
}

/// Compares replies.
pub(super) fn compare_replies(expected: Vec<ReplyRow>, found: &[ReplyRow], spot: &Spot, report: &mut Report) {
    let mut found: BTreeMap<i64, &ReplyRow> = found.iter().map(|it| (it.id, it)).collect();
    for expected in expected {
        match found.remove(&expected.id) {
            Some(found) => report.add_differences(spot, expected.differences(found)),
            None => report.add(Finding::new(
                "row",
                spot.clone(),
                format!("答复 {} 不见了", expected.id),
                format!("reply {} is missing", expected.id),
            )),
        }
    }
    for id in found.keys() {
        report.add(Finding::new(
            "row",
            spot.clone(),
            format!("答复 {id} 不在事件里"),
            format!("reply {id} is none that the events know"),
        ));
    }
}

/// Rules are named by their content.
fn verify_rules(rows: &[Vec<u8>], report: &mut Report) {
    for json in rows {
        let is_whole = read::<RulesRow>(json)
            .is_ok_and(|it| Rules::parse(&it.body).is_some_and(|rules| rules.digest.as_hex() == it.digest));
        if !is_whole {
            let spot = Spot { table: "sla_rules", column: "body".to_owned(), ..Spot::default() };
            report.add(Finding::new(
                "rules",
                spot,
                "时限依据的规则与其摘要不符：被改动过",
                "rules that clocks are counted by are not those their digest names: they were changed",
            ));
        }
    }
}

/// Compares clocks and requests for more time.
pub(super) fn compare_clocks(
    ticket: &Ticket,
    clocks: &[ClockRow],
    extensions: &[ExtensionRow],
    spot: &dyn Fn(&'static str) -> Spot,
    report: &mut Report,
) {
    let expected = ClockRow::of(ticket.id.0, &ticket.clocks);
    for (expected, found) in expected.iter().zip(clocks) {
        report.add_differences(&spot("clock"), expected.differences(found));
    }
    compare_count("clock", expected.len(), clocks.len(), spot, report);
    let expected = ExtensionRow::of(ticket.id.0, &ticket.extensions);
    for (expected, found) in expected.iter().zip(extensions) {
        report.add_differences(&spot("extension"), expected.differences(found));
    }
    compare_count("extension", expected.len(), extensions.len(), spot, report);
}

/// Compares attachments; whether the files are whole is asked where they lie.
pub(super) fn compare_attachments(
    ticket: &Ticket,
    attachments: &[AttachmentRow],
    spot: &dyn Fn(&'static str) -> Spot,
    report: &mut Report,
) {
    let expected = AttachmentRow::of(ticket.id.0, &ticket.attachments);
    for (expected, found) in expected.iter().zip(attachments) {
        report.add_differences(&spot("attachment"), expected.differences(found));
    }
    compare_count("attachment", expected.len(), attachments.len(), spot, report);
}

fn compare_count(
    table: &'static str,
    n_expected: usize,
    n_found: usize,
    spot: &dyn Fn(&'static str) -> Spot,
    report: &mut Report,
) {
    if n_expected != n_found {
        report.add(Finding::new(
            "row",
            spot(table),
            format!("{table} 应有 {n_expected} 行，现有 {n_found} 行"),
            format!("{table}: the events give {n_expected} rows, stored are {n_found}"),
        ));
    }
}

/// The newest contact of a ticket.
#[derive(Clone, Copy)]
enum NewestContact<'a> {
    None,
    Erased,
    Text(&'a str),
}

/// Opens every commitment with its text.
fn verify_texts<'a>(
    file: &'a File,
    spot: &dyn Fn(&'static str) -> Spot,
    report: &mut Report,
) -> NewestContact<'a> {
    let erased_at = file.events.iter().filter(|it| it.kind == ERASED).map(|it| it.seq).max().unwrap_or(0);
    let texts = file.texts.iter().map(|it| KeptText {
        seq: it.seq,
        name: &it.name,
        salt: &it.salt.0,
        body: &it.body,
    });
    let mut contact = NewestContact::None;
    open_commitments(&file.events, texts, erased_at, &spot("event_text"), report, |name, body| {
        if name == text::CONTACT {
            contact = body.map_or(NewestContact::Erased, NewestContact::Text);
        }
    });
    contact
}

/// The index must hold the newest contact's phone number, hidden by the key, and nothing else.
fn verify_phone(
    file: &File,
    contact: NewestContact,
    keys: AuditKeys,
    spot: &dyn Fn(&'static str) -> Spot,
    report: &mut Report,
) {
    let Some(key) = keys.phone else { return };
    let phone = match contact {
        NewestContact::None | NewestContact::Erased => None,
        NewestContact::Text(json) => serde_json::from_str::<Contact>(json).ok().and_then(|it| it.phone),
    };
    let expected = phone.map(|it| keyed_hash(key, &it).to_vec());
    if expected != file.phone {
        let spot = Spot { column: "phone_hmac".to_owned(), ..spot("phone_index") };
        report.add(Finding::new(
            "phone-index",
            spot,
            "电话索引与联系方式不符",
            "the phone index does not fit the contact",
        ));
    }
}
