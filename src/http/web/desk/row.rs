//! A ticket as one line of a list.

use super::Frame;
use super::left::{self, Left};
use crate::domain::ticket::{Priority, Ticket, text};
use crate::service::files::TicketFile;

/// The signs of a subject that a line shows.
const SUBJECT_CHARS_MAX: usize = 80;

/// One line of a list.
pub(super) struct Row {
    pub(super) number: String,
    pub(super) version: i64,
    pub(super) subject: String,
    pub(super) status: String,
    /// Category, building, unit, person: what there is.
    pub(super) place: String,
    pub(super) unit: String,
    pub(super) category: String,
    pub(super) received: String,
    pub(super) left: Option<Left>,
    /// What stands out: 特急, 疑似紧急, 密件, 催办 …
    pub(super) marks: Vec<(&'static str, String)>,
}

impl Row {
    /// The line of a file, times on the clock of the reader's community.
    pub(super) fn of(frame: &Frame, file: &TicketFile) -> Self {
        let ticket = &file.ticket;
        let named = |id| file.name(id).unwrap_or_default().to_owned();
        Self {
            number: ticket.number.clone(),
            version: ticket.version,
            subject: cut(file.text(text::SUBJECT).unwrap_or("—")),
            status: frame.say(&format!("state.{}", ticket.status)),
            place: ticket
                .building
                .as_ref()
                .map_or_else(String::new, |it| frame.say_with("desk.building", &[("building", it)])),
            unit: named(ticket.unit),
            category: named(ticket.category),
            received: left::moment(ticket.received_at, frame.now, frame.zone),
            left: left::next(frame, ticket, frame.zone),
            marks: marks(frame, ticket),
        }
    }
}

fn cut(subject: &str) -> String {
    if subject.chars().count() <= SUBJECT_CHARS_MAX {
        return subject.to_owned();
    }
    let kept: String = subject.chars().take(SUBJECT_CHARS_MAX).collect();
    format!("{kept}…")
}

/// What stands out about a ticket, with its colour.
pub(super) fn marks(frame: &Frame, ticket: &Ticket) -> Vec<(&'static str, String)> {
    let mut marks = Vec::new();
    let mut mark = |is: bool, tone: &'static str, key: &str| {
        if is {
            marks.push((tone, frame.say(&format!("mark.{key}"))));
        }
    };
    mark(ticket.suspected_emergency, "late", "suspected_emergency");
    mark(ticket.priority == Some(Priority::Emergency), "late", "emergency");
    mark(ticket.priority == Some(Priority::Urgent), "risk", "urgent");
    mark(ticket.priority == Some(Priority::Complex), "", "complex");
    mark(ticket.sealed, "late", "sealed");
    mark(ticket.designated, "risk", "designated");
    mark(ticket.n_urges > 0, "risk", "urged");
    mark(ticket.cycle > 1, "risk", "again");
    marks
}
