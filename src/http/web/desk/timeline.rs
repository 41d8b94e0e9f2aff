//! What happened to a ticket, told line by line.

use super::Frame;
use super::left::moment;
use crate::domain::ticket::event::TicketEvent;
use crate::service::dossier::{Dossier, Happening};

/// One thing that happened.
pub(super) struct Line {
    pub(super) seq: i64,
    pub(super) at: String,
    pub(super) who: String,
    pub(super) what: String,
    /// What was said with it.
    pub(super) words: Vec<String>,
    /// `late` for a breach, `time` for what a clock says by itself.
    pub(super) tone: &'static str,
}

/// The lines of a dossier, newest first.
pub(super) fn lines(frame: &Frame, dossier: &Dossier) -> Vec<Line> {
    let happened = dossier.happenings.iter().flatten().rev();
    happened.map(|it| line(frame, dossier, it)).collect()
}

fn line(frame: &Frame, dossier: &Dossier, it: &Happening) -> Line {
    let who = match (&it.actor_name, it.actor_kind.as_str()) {
        (Some(name), "user" | "kiosk") => name.clone(),
        (_, kind) => frame.say(&format!("actor.{kind}")),
    };
    Line {
        seq: it.seq,
        at: moment(it.at, frame.now, dossier.zone),
        who,
        what: in_words(frame, dossier, it),
        words: it.words.iter().map(|it| it.1.clone()).collect(),
        tone: match it.event {
            Some(TicketEvent::ClockBreached { .. } | TicketEvent::ClockEscalated { .. }) => "late",
            Some(TicketEvent::ClockWarned { .. }) => "time",
            _ => "",
        },
    }
}

/// The event as a sentence, with the names it holds.
fn in_words(frame: &Frame, dossier: &Dossier, it: &Happening) -> String {
    let key = it.kind.replace('.', "_");
    let Some(event) = &it.event else { return frame.say(&format!("event.{key}")) };
    let fields = fields_of(frame, dossier, event);
    let fields: Vec<(&str, &str)> = fields.iter().map(|it| (it.0, it.1.as_str())).collect();
    frame.say_with(&format!("event.{key}"), &fields)
}

fn fields_of(frame: &Frame, dossier: &Dossier, event: &TicketEvent) -> Vec<(&'static str, String)> {
    let word = |section: &str, code: &str| frame.say(&format!("{section}.{code}"));
    let entry = |id| dossier.entries.get(id).cloned().unwrap_or_default();
    let due = |at| moment(at, frame.now, dossier.zone);
    if let TicketEvent::Received(received) = event {
        vec![("source", word("source", received.source.as_str()))]
    } else if let TicketEvent::Accepted { category, priority, .. } = event {
        vec![("category", entry(category)), ("priority", word("priority", priority.as_str()))]
    } else if let TicketEvent::Assigned { unit, assignee, .. } = event {
        let person = assignee.and_then(|it| dossier.people.get(&it)).cloned().unwrap_or_default();
        vec![("unit", entry(unit)), ("person", person)]
    } else if let TicketEvent::Acknowledged { unit } | TicketEvent::Returned { unit } = event {
        vec![("unit", entry(unit))]
    } else if let TicketEvent::Contacted { channel, outcome } = event {
        vec![("channel", word("by", channel.as_str())), ("outcome", word("reach", outcome.as_str()))]
    } else if let TicketEvent::Waiting { waiting_for, ends_at } = event {
        vec![("for", word("waiting", waiting_for.as_str())), ("until", due(*ends_at))]
    } else if let TicketEvent::Resolved { outcome } = event {
        vec![("outcome", word("result", outcome.as_str()))]
    } else if let TicketEvent::ReplyWritten { channel, .. } = event {
        vec![("channel", word("by", channel.as_str()))]
    } else if let TicketEvent::Rated { solved, satisfaction, .. } = event {
        let solved = word("field", if *solved { "yes" } else { "no" });
        vec![("solved", solved), ("points", satisfaction.map_or("—".to_owned(), |it| it.to_string()))]
    } else if let TicketEvent::Reopened { cycle, .. } | TicketEvent::Split { cycle, .. } = event {
        vec![("cycle", cycle.to_string())]
    } else if let TicketEvent::Merged { into_number, .. } = event {
        vec![("into", into_number.clone())]
    } else if let TicketEvent::Escalated { to } = event {
        vec![("node", dossier.nodes.get(to).cloned().unwrap_or_default())]
    } else if let TicketEvent::ExtensionRequested { due_at, .. }
    | TicketEvent::ExtensionGranted { due_at, .. } = event
    {
        vec![("due", due(*due_at))]
    } else if let TicketEvent::ClockWarned { stage, due_at, percent, .. } = event {
        vec![
            ("stage", word("stage", stage.as_str())),
            ("due", due(*due_at)),
            ("percent", percent.to_string()),
        ]
    } else if let TicketEvent::ClockBreached { stage, due_at, .. } = event {
        vec![("stage", word("stage", stage.as_str())), ("due", due(*due_at))]
    } else if let TicketEvent::ClockEscalated { stage, level, .. } = event {
        vec![("stage", word("stage", stage.as_str())), ("level", word("level", level.as_str()))]
    } else {
        Vec::new()
    }
}
