//! The forms of a ticket's verbs: those that are legal now, the next step first.

use super::Frame;
use super::fields::{Field, Input};
use crate::domain::refusal::FieldFault;
use crate::domain::ticket::{Channel, Outcome, Priority, Reach, Status, Verb, WaitingFor};
use crate::service::dossier::Dossier;

/// The form of one verb.
pub(super) struct VerbForm {
    /// The last part of its address.
    pub(super) key: String,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) fields: Vec<Field>,
    /// True for the next step, and for one that was refused.
    pub(super) is_open: bool,
    /// What is wrong with it as a whole.
    pub(super) faults: Vec<String>,
}

impl VerbForm {
    pub(super) fn id_of(&self, field: &Field) -> String {
        format!("{}-{}", self.key, field.name)
    }

    /// Puts faults beside the fields, or above the form.
    pub(super) fn blame(&mut self, frame: &Frame, faults: &[FieldFault]) {
        self.faults = super::fields::blame(&mut self.fields, faults, frame);
    }
}

/// What is usually done next in a status, in the order in which it is offered.
fn next_steps(status: Status) -> &'static [Verb] {
    match status {
        Status::Received => &[Verb::Accept],
        Status::Accepted => &[Verb::Assign],
        Status::Assigned => &[Verb::Acknowledge],
        Status::InProgress => &[Verb::Resolve],
        Status::Waiting => &[Verb::Resume],
        Status::Resolved | Status::Declined => &[Verb::Reply],
        Status::Replied => &[Verb::Rate],
        Status::Closed | Status::Merged | Status::Withdrawn => &[],
    }
}

/// The order in which verbs are offered.
const ORDER: [Verb; 24] = [
    Verb::Accept,
    Verb::Assign,
    Verb::Acknowledge,
    Verb::Resolve,
    Verb::Reply,
    Verb::Resume,
    Verb::Contact,
    Verb::Wait,
    Verb::Extend,
    Verb::Return,
    Verb::SendBack,
    Verb::Rate,
    Verb::Close,
    Verb::Reopen,
    Verb::Decline,
    Verb::Merge,
    Verb::Split,
    Verb::Urge,
    Verb::Escalate,
    Verb::Note,
    Verb::Supplement,
    Verb::Publish,
    Verb::Unpublish,
    Verb::Withdraw,
];

/// The forms of the verbs that the reader may do now; `contact-views` and `reissue-receipt` stand elsewhere.
pub(super) fn all(frame: &Frame, dossier: &Dossier) -> Vec<VerbForm> {
    let next = next_steps(dossier.file.ticket.status);
    let legal = &dossier.file.actions;
    let mut forms: Vec<VerbForm> = ORDER
        .iter()
        .filter(|it| legal.contains(it))
        .map(|it| VerbForm { is_open: next.contains(it), ..form(frame, dossier, *it) })
        .collect();
    forms.sort_by_key(|it| !it.is_open);
    forms
}

/// The form of `verb`, empty.
pub(super) fn form(frame: &Frame, dossier: &Dossier, verb: Verb) -> VerbForm {
    let fields = match verb {
        Verb::Accept | Verb::Decline | Verb::Assign | Verb::Merge | Verb::Escalate => {
            triage(frame, dossier, verb)
        }
        Verb::Contact | Verb::Wait | Verb::Resolve | Verb::Extend | Verb::Return => {
            handling(frame, dossier, verb)
        }
        Verb::Reply | Verb::Rate => answering(frame, dossier, verb),
        Verb::SendBack | Verb::Close | Verb::Reopen | Verb::ContactViews => vec![reason(frame)],
        Verb::Withdraw => vec![words(frame, "reason", "reason_optional")],
        Verb::Note | Verb::Supplement | Verb::Urge => vec![words(frame, "text", "text").required()],
        Verb::Acknowledge
        | Verb::Resume
        | Verb::Split
        | Verb::Publish
        | Verb::Unpublish
        | Verb::ReissueReceipt => Vec::new(),
    };
    VerbForm {
        key: verb.to_string(),
        label: frame.say(&format!("verb.{verb}")),
        hint: hint(frame, verb.as_str()),
        fields,
        is_open: false,
        faults: Vec::new(),
    }
}

/// What a verb does, where its name does not say it all.
pub(super) fn hint(frame: &Frame, key: &str) -> String {
    let key = format!("verb_hint.{key}");
    let words = frame.say(&key);
    if words == key { String::new() } else { words }
}

fn label(frame: &Frame, key: &str) -> String {
    frame.say(&format!("field.{key}"))
}

fn words(frame: &Frame, name: &'static str, key: &str) -> Field {
    Field::new(name, Input::Area, label(frame, key))
}

fn reason(frame: &Frame) -> Field {
    words(frame, "reason", "reason").required()
}

/// One of a set of words, each called as the catalogue's section does.
fn choice<T: std::fmt::Display + Copy>(frame: &Frame, name: &'static str, section: &str, all: &[T]) -> Field {
    let picks = all.iter().map(|it| (it.to_string(), frame.say(&format!("{section}.{it}"))));
    Field::new(name, Input::Choice, label(frame, name)).picks(picks)
}

/// An empty choice first, so that nothing is chosen by accident.
fn with_none(frame: &Frame, picks: &[(String, String)]) -> Vec<(String, String)> {
    let none = (String::new(), label(frame, "choose"));
    std::iter::once(none).chain(picks.iter().cloned()).collect()
}

fn triage(frame: &Frame, dossier: &Dossier, verb: Verb) -> Vec<Field> {
    let (choices, ticket) = (&dossier.choices, &dossier.file.ticket);
    match verb {
        Verb::Accept => {
            let suspected = if ticket.suspected_emergency { Priority::Emergency } else { Priority::Normal };
            vec![
                Field::new("category", Input::Choice, label(frame, "category"))
                    .picks(with_none(frame, &choices.categories))
                    .value(dossier.file.code(ticket.category).unwrap_or_default())
                    .required(),
                choice(frame, "priority", "priority", Priority::ALL)
                    .value(ticket.priority.unwrap_or(suspected).as_str()),
                Field::new("may_publish", Input::Tick, label(frame, "may_publish"))
                    .value(if ticket.may_publish { "yes" } else { "" }),
            ]
        }
        Verb::Decline => vec![reason(frame), Field::new("refer_to", Input::Line, label(frame, "refer_to"))],
        Verb::Assign => {
            let handlers = choices.handlers.iter();
            let handlers = handlers.map(|(user, name, unit)| (user.clone(), format!("{unit} · {name}")));
            let handlers: Vec<(String, String)> = handlers.collect();
            vec![
                Field::new("unit", Input::Choice, label(frame, "unit"))
                    .picks(with_none(frame, &choices.units))
                    .value(dossier.file.code(ticket.unit).unwrap_or_default())
                    .required(),
                Field::new("assignee", Input::Choice, label(frame, "assignee"))
                    .picks(with_none(frame, &handlers)),
                Field::new("supporting", Input::Several, label(frame, "supporting"))
                    .picks(choices.units.iter().cloned()),
                words(frame, "note", "note_to_unit"),
            ]
        }
        Verb::Merge => vec![Field::new("into", Input::Line, label(frame, "into")).required()],
        _ => vec![
            Field::new("to", Input::Choice, label(frame, "to"))
                .picks(with_none(frame, &choices.nodes))
                .required(),
            reason(frame),
        ],
    }
}

fn handling(frame: &Frame, dossier: &Dossier, verb: Verb) -> Vec<Field> {
    match verb {
        Verb::Contact => vec![
            choice(frame, "channel", "by", &[Channel::Call, Channel::Visit, Channel::Sms, Channel::Email])
                .value(dossier.file.ticket.channel.as_str()),
            choice(frame, "outcome", "reach", Reach::ALL),
            words(frame, "note", "note"),
        ],
        Verb::Wait => vec![choice(frame, "for", "waiting", WaitingFor::ALL), reason(frame)],
        Verb::Resolve => vec![
            choice(frame, "outcome", "result", Outcome::ALL),
            words(frame, "result", "result").required().hint(frame.say("field.result_hint")),
        ],
        Verb::Extend => vec![
            Field::new("due_at", Input::Moment, label(frame, "due_at")).required(),
            reason(frame).hint(frame.say("field.extend_hint")),
        ],
        _ => vec![reason(frame)],
    }
}

fn answering(frame: &Frame, dossier: &Dossier, verb: Verb) -> Vec<Field> {
    if verb == Verb::Rate {
        let yes_no = [("yes", "yes"), ("no", "no")].map(|(it, key)| (it, label(frame, key)));
        let points = (1..=5)
            .rev()
            .map(|it| (it.to_string(), format!("{it} · {}", frame.say(&format!("points.{it}")))));
        let points: Vec<(String, String)> = points.collect();
        return vec![
            Field::new("solved", Input::Choice, label(frame, "solved")).picks(yes_no).required(),
            Field::new("satisfaction", Input::Choice, label(frame, "satisfaction"))
                .picks(with_none(frame, &points)),
            words(frame, "comment", "comment"),
            Field::new("asked_by", Input::Line, label(frame, "asked_by")),
        ];
    }
    let ticket = &dossier.file.ticket;
    let result = dossier.file.text(crate::domain::ticket::text::RESULT).unwrap_or_default();
    let reaches: Vec<(String, String)> =
        Reach::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("reach.{it}")))).collect();
    vec![
        words(frame, "text", "reply").required().value(result),
        choice(frame, "channel", "by", Channel::ALL).value(ticket.channel.as_str()),
        Field::new("outcome", Input::Choice, label(frame, "reach")).picks(with_none(frame, &reaches)),
    ]
}
