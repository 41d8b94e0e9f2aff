//! Verifying the trail: whether events, heads, texts and rows still are what was written.
//!
//! Found: what was changed, removed, inserted, swapped or linked anew without the key. Not found: what was never
//! written, a newest event or ticket taken away together with a head that was kept from before, and anything
//! done by somebody who holds the key.

mod chain;
mod collection;
pub mod export;
mod made;
mod numbers;
mod rows;
mod setup;
mod texts;
mod ticket;
mod values;

use serde::Serialize;

use super::chain::SealKey;

pub use chain::Chain;
pub use collection::{CollectionRows, verify_collections};
pub use numbers::{Community, Numbers};
pub use rows::{
    AccountRow, AttachmentRow, Bytes, ClockRow, CollectionAttachmentRow, CollectionRow, CollectionTextRow,
    DayRow, Difference, EntryRow, EventRow, ExtensionRow, Flag, GrantRow, HeadRow, LetterRow, NodeRow,
    NumberRow, OutboxRow, PhoneRow, ReplyRow, RulesRow, SlipRow, Stored, SupportingRow, TextRow, TicketRow,
    TokenRow, Unreadable, read,
};
pub use setup::{SetupAudit, SetupRows};
pub use ticket::{TicketRows, verify_tickets};

/// Findings kept; more are counted only. Nobody reads ten thousand lines, and the first say what happened.
const FINDINGS_MAX: usize = 10_000;

/// The keys a verification may use; without one its checks are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct AuditKeys<'a> {
    /// Seals the heads.
    pub seal: Option<&'a SealKey>,
    /// Hides phone numbers in their index.
    pub phone: Option<&'a [u8; 32]>,
}

/// Where something is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Spot {
    /// Of an export: the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The chain: `ticket`, `setup` or `collection`; empty for what belongs to none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// The id of the ticket or collection, or 0 for the set-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<i64>,
    /// The ticket's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The event's place in its chain, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
    /// The table.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub table: &'static str,
    /// The column.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub column: String,
}

/// One thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What sort of thing, one stable word for programs.
    pub fault: &'static str,
    #[serde(flatten)]
    pub spot: Spot,
    /// What is wrong, in Chinese and English; without personal data.
    pub message: String,
}

impl Finding {
    /// A finding.
    pub fn new(fault: &'static str, spot: Spot, zh: impl AsRef<str>, en: impl AsRef<str>) -> Self {
        Self { fault, spot, message: format!("{}。 {}.", zh.as_ref(), en.as_ref()) }
    }
}

/// What a verification looked at and what it found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub n_tickets: u64,
    pub n_events: u64,
    /// The first of them, in the order of looking.
    pub findings: Vec<Finding>,
    /// All of them.
    pub n_findings: u64,
}

impl Report {
    /// Adds a finding.
    pub fn add(&mut self, finding: Finding) {
        self.n_findings += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// Adds what another verification looked at and found.
    pub fn join(&mut self, other: Report) {
        self.n_tickets += other.n_tickets;
        self.n_events += other.n_events;
        let n_kept = u64::try_from(other.findings.len()).unwrap_or(u64::MAX);
        self.n_findings += other.n_findings.saturating_sub(n_kept);
        other.findings.into_iter().for_each(|it| self.add(it));
    }

    /// Adds a finding for a row that could not be read.
    fn add_unreadable(&mut self, table: &'static str, stream: &str, unreadable: Unreadable) {
        let spot = Spot {
            stream: stream.to_owned(),
            stream_id: unreadable.stream_id,
            seq: unreadable.seq,
            table,
            column: unreadable.column,
            ..Spot::default()
        };
        self.add(Finding::new(
            "unreadable",
            spot,
            "这一行的内容不是本程序写的",
            "this row holds what this program never writes",
        ));
    }

    /// Reads rows; those that cannot be read become findings.
    pub fn read_rows<T: Stored>(&mut self, stream: &str, rows: &[Vec<u8>]) -> Vec<T> {
        let mut read_rows = Vec::with_capacity(rows.len());
        for row in rows {
            match read::<T>(row) {
                Ok(row) => read_rows.push(row),
                Err(unreadable) => self.add_unreadable(T::TABLE, stream, unreadable),
            }
        }
        read_rows
    }

    /// Adds a finding for each column in which a row is not what its events add up to.
    fn add_differences(&mut self, spot: &Spot, differences: Vec<Difference>) {
        for it in differences {
            let spot = Spot { column: it.column.to_owned(), ..spot.clone() };
            // A building is a fact of the figures, yet it says where somebody lives.
            let (zh, en) = if matches!(it.column, "building" | "name") {
                (String::new(), String::new())
            } else {
                (
                    format!("：事件为 {}，现存 {}", it.expected, it.found),
                    format!(": the events give {}, stored is {}", it.expected, it.found),
                )
            };
            self.add(Finding::new(
                "row",
                spot,
                format!("与事件不符{zh}"),
                format!("is not what the events add up to{en}"),
            ));
        }
    }
}
