//! The parts of a ticket's page: facts, contact, replies, requests for more time, clocks, who held it.

use chrono_tz::Tz;

use super::super::Frame;
use super::super::left::{self, Left, moment};
use crate::domain::people::Permission;
use crate::domain::sla::ExtensionState;
use crate::domain::sla::holding::Holder;
use crate::domain::ticket::intake::Contact;
use crate::domain::ticket::{Channel, Delivery, text};
use crate::notify::catalogue::Language;
use crate::service::clocks::{ClockTold, HoldTold};
use crate::service::desk::Opened;
use crate::service::dossier::Dossier;

/// A reply and what can be decided about it.
pub(super) struct ReplyLine {
    pub(super) id: u32,
    pub(super) channel: String,
    pub(super) delivery: String,
    pub(super) at: String,
    pub(super) text: String,
    /// Buttons: what is sent, and what it says.
    pub(super) decisions: Vec<(&'static str, String)>,
    /// Other channels that it may go by.
    pub(super) channels: Vec<(String, String)>,
}

/// A request for more time.
pub(super) struct ExtensionLine {
    pub(super) id: u32,
    pub(super) due: String,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) may_decide: bool,
}

/// A clock with why it is so.
pub(super) struct ClockLine {
    pub(super) stage: String,
    pub(super) cycle: u32,
    pub(super) state: String,
    pub(super) is_late: bool,
    pub(super) due: String,
    pub(super) met: String,
    pub(super) why: String,
    /// Only while it runs.
    pub(super) left: Option<Left>,
}

/// A span in one pair of hands.
pub(super) struct HoldLine {
    pub(super) who: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) working: String,
}

/// What is known, as label and value; what is not known is left out.
pub(super) fn facts(frame: &Frame, dossier: &Dossier) -> Vec<(String, String)> {
    let (file, ticket) = (&dossier.file, &dossier.file.ticket);
    let word = |section: &str, code: &str| frame.say(&format!("{section}.{code}"));
    let name = |id| file.name(id).unwrap_or_default().to_owned();
    let at = |it| moment(it, frame.now, dossier.zone);
    let location = file.location();
    let part = |it: Option<String>| it.unwrap_or_default();
    let home = [location.building, location.unit, location.room].into_iter().flatten();
    let supporting: Vec<String> = ticket.supporting.iter().map(|it| name(Some(*it))).collect();
    let behalf = file.on_behalf_of().filter(|_| !file.full_contact_is_hidden());
    let behalf = behalf.map(|it| format!("{} {}", part(it.name), part(it.relation)));
    let all = [
        ("kind", word("kinds", ticket.kind.as_str())),
        ("category", name(ticket.category)),
        ("priority", ticket.priority.map(|it| word("priority", it.as_str())).unwrap_or_default()),
        ("home", home.collect::<Vec<_>>().join("-")),
        ("place", part(location.place)),
        ("source", word("source", ticket.source.as_str())),
        ("received", at(ticket.received_at)),
        ("owner", dossier.owner.clone()),
        (
            "handling",
            if ticket.node == ticket.handling_node { String::new() } else { dossier.handling.clone() },
        ),
        ("unit", name(ticket.unit)),
        ("assignee", file.username(ticket.assignee).unwrap_or_default().to_owned()),
        ("supporting", supporting.join("、")),
        ("answerable", file.answerable.clone()),
        ("about_unit", name(ticket.about_unit)),
        ("waiting_for", ticket.waiting_for.map(|it| word("waiting", it.as_str())).unwrap_or_default()),
        ("outcome", ticket.outcome.map(|it| word("result", it.as_str())).unwrap_or_default()),
        ("result", ticket.resolved_at.and(file.text(text::RESULT)).unwrap_or_default().to_owned()),
        ("rating", rating(frame, dossier)),
        ("merged_into", part(file.merged_into.clone())),
        ("for", behalf.unwrap_or_default()),
        ("published", if ticket.published { word("field", "yes") } else { String::new() }),
    ];
    let known = all.into_iter().filter(|it| !it.1.trim().is_empty());
    known.map(|(key, value)| (word("fact", key), value)).collect()
}

fn rating(frame: &Frame, dossier: &Dossier) -> String {
    let Some(rating) = dossier.file.ticket.rating else { return String::new() };
    let solved = frame.say(if rating.solved { "fact.solved" } else { "fact.unsolved" });
    let points = rating.satisfaction.map(|it| format!(" · {it}/5")).unwrap_or_default();
    let comment = dossier.file.text(text::COMMENT).unwrap_or_default();
    format!("{solved}{points} {comment}")
}

/// A contact, as label and value.
pub(super) fn contact(frame: &Frame, contact: &Contact) -> Vec<(String, String)> {
    let channel = contact.channel.map(|it| frame.say(&format!("by.{it}")));
    let all = [
        ("name", contact.name.clone()),
        ("phone", contact.phone.clone()),
        ("email", contact.email.clone()),
        ("address", contact.address.clone()),
        ("channel", channel),
    ];
    let known = all.into_iter().filter_map(|(key, value)| Some((key, value?)));
    known.map(|(key, value)| (frame.say(&format!("contact.{key}")), value)).collect()
}

/// The replies, with the buttons of who may decide about them.
pub(super) fn replies(frame: &Frame, opened: &Opened, dossier: &Dossier) -> Vec<ReplyLine> {
    let may = |it| opened.allow(it).is_ok();
    let (may_supervise, may_reply) = (may(Permission::Supervise), may(Permission::Reply));
    let ticket = &dossier.file.ticket;
    let line = |it: &crate::domain::ticket::Reply| {
        let is_by_hand = matches!(it.channel, Channel::Call | Channel::Visit | Channel::Letter);
        let codes: &[&str] = match it.delivery {
            Delivery::AwaitingApproval if may_supervise => &["approve", "reject"],
            Delivery::Failed if may_reply => &["retry"],
            Delivery::Queued if may_reply && it.channel == Channel::Letter => &["log_reached"],
            Delivery::Queued if may_reply && is_by_hand => &["log_reached", "log_not_reached"],
            _ => &[],
        };
        let may_redirect = may_reply && matches!(it.delivery, Delivery::Failed | Delivery::Queued);
        let others = Channel::ALL.iter().filter(|other| may_redirect && **other != it.channel);
        ReplyLine {
            id: it.id,
            channel: frame.say(&format!("by.{}", it.channel)),
            delivery: frame.say(&format!("delivery.{}", it.delivery)),
            at: moment(it.settled_at.unwrap_or(it.written_at), frame.now, dossier.zone),
            text: dossier.file.text(&text::reply(it.id)).unwrap_or_default().to_owned(),
            decisions: codes.iter().map(|it| (*it, frame.say(&format!("decide.{it}")))).collect(),
            channels: others.map(|it| (it.to_string(), frame.say(&format!("by.{it}")))).collect(),
        }
    };
    ticket.replies.iter().rev().map(line).collect()
}

/// The requests for more time; a supervisor decides those that stand.
pub(super) fn extensions(frame: &Frame, opened: &Opened, dossier: &Dossier) -> Vec<ExtensionLine> {
    let may_decide = opened.allow(Permission::Supervise).is_ok();
    let asked = dossier.file.ticket.extensions.iter().rev();
    let line = |it: &crate::domain::sla::Extension| ExtensionLine {
        id: it.id,
        due: moment(it.due_at, frame.now, dossier.zone),
        state: frame.say(&format!("extension.{}", it.state)),
        reason: dossier.file.text(&text::extension(it.id)).unwrap_or_default().to_owned(),
        may_decide: may_decide && it.state == ExtensionState::Requested,
    };
    asked.map(line).collect()
}

impl ClockLine {
    /// A clock with its sentence in the reader's language.
    pub(super) fn of(frame: &Frame, told: &ClockTold, zone: Tz) -> Self {
        let clock = &told.clock;
        let at = |it| moment(it, frame.now, zone);
        Self {
            stage: frame.say(&format!("stage.{}", clock.stage)),
            cycle: clock.cycle,
            state: frame.say(&format!("clock.{}", clock.state)),
            is_late: clock.breached_at.is_some(),
            due: at(clock.due_at),
            met: clock.met_at.map(at).unwrap_or_default(),
            why: match frame.language {
                Language::Chinese => told.explanation.zh.clone(),
                Language::English => told.explanation.en.clone(),
            },
            left: (clock.is_unmet() && clock.paused_at.is_none()).then(|| left::of(frame, clock, zone)),
        }
    }
}

/// Who held it, first to last.
pub(super) fn holding(frame: &Frame, dossier: &Dossier, told: Option<&[HoldTold]>) -> Vec<HoldLine> {
    let line = |it: &HoldTold| HoldLine {
        who: match it.hold.holder {
            Holder::Node(_) | Holder::Unit(_) => it.code.clone().unwrap_or_default(),
            Holder::Resident => frame.say("waiting.resident"),
            Holder::ThirdParty => frame.say("waiting.third_party"),
        },
        from: moment(it.hold.from, frame.now, dossier.zone),
        to: it.hold.to.map(|at| moment(at, frame.now, dossier.zone)).unwrap_or_default(),
        working: frame.say_with(
            "left.spent",
            &[("h", &(it.working_minutes / 60).to_string()), ("m", &(it.working_minutes % 60).to_string())],
        ),
    };
    told.unwrap_or_default().iter().map(line).collect()
}
