//! Correcting the facts of a ticket.

use super::super::Frame;
use super::super::Sent;
use super::super::fields::{Field, Input};
use super::super::forms::{VerbForm, hint};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::ticket::intake::Location;
use crate::domain::ticket::{Kind, Priority, text};
use crate::service::desk::Amendment;
use crate::service::dossier::Dossier;
use crate::service::files::TicketFile;

/// The form with what is known now.
pub(super) fn form(frame: &Frame, dossier: &Dossier) -> VerbForm {
    let (file, ticket) = (&dossier.file, &dossier.file.ticket);
    let location = file.location();
    let label = |key: &str| frame.say(&format!("fact.{key}"));
    let line = |name, value: Option<String>| {
        Field::new(name, Input::Line, label(name)).value(value.unwrap_or_default())
    };
    let tick = |name, is: bool| Field::new(name, Input::Tick, label(name)).value(if is { "yes" } else { "" });
    let kinds = Kind::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("kinds.{it}"))));
    let mut fields = vec![
        line("subject", file.text(text::SUBJECT).map(str::to_owned)),
        Field::new("description", Input::Area, label("description"))
            .value(file.text(text::DESCRIPTION).unwrap_or_default()),
        Field::new("kind", Input::Choice, label("kind")).picks(kinds).value(ticket.kind.as_str()),
        line("building", location.building),
        line("door", location.unit),
        line("room", location.room),
        line("place", location.place),
    ];
    if let Some(priority) = ticket.priority {
        let picks = dossier.choices.categories.iter().cloned();
        let category = Field::new("category", Input::Choice, label("category")).picks(picks);
        fields.push(category.value(file.code(ticket.category).unwrap_or_default()));
        let picks = Priority::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("priority.{it}"))));
        fields.push(
            Field::new("priority", Input::Choice, label("priority")).picks(picks).value(priority.as_str()),
        );
    }
    fields.push(tick("suspected_emergency", ticket.suspected_emergency));
    fields.push(tick("may_publish", ticket.may_publish));
    fields.push(tick("about_staff", ticket.sealed));
    VerbForm {
        key: "amend".to_owned(),
        label: frame.say("verb.amend"),
        hint: hint(frame, "amend"),
        fields,
        is_open: false,
        faults: Vec::new(),
    }
}

/// What is new in the form, beside what `file` says; a field that stayed as it was is none.
///
/// # Errors
/// `Invalid` for a choice that is none.
pub(super) fn amendment(file: &TicketFile, sent: &Sent) -> Result<Amendment, Refusal> {
    let ticket = &file.ticket;
    let mut faults = Faults::default();
    // Browsers send line ends as CR LF.
    let text = |name: &str| sent.text(name).replace("\r\n", "\n");
    let changed = |name: &str, known: Option<&str>| {
        Some(text(name)).filter(|it| it.trim() != known.unwrap_or_default().trim())
    };
    let kind = Kind::parse(sent.text("kind"));
    if kind.is_none() {
        faults.add("kind", "请选一项。 Choose one.");
    }
    let known = file.location();
    let location = Location {
        building: sent.given("building"),
        unit: sent.given("door"),
        room: sent.given("room"),
        place: sent.given("place"),
        ..known.clone()
    };
    let tick = |name: &str, known: bool| Some(sent.has(name)).filter(|it| *it != known);
    faults.check(Amendment {
        subject: changed("subject", file.text(crate::domain::ticket::text::SUBJECT)),
        description: changed("description", file.text(crate::domain::ticket::text::DESCRIPTION)),
        kind: kind.filter(|it| *it != ticket.kind),
        category: sent.given("category").filter(|it| Some(it.as_str()) != file.code(ticket.category)),
        priority: Priority::parse(sent.text("priority")).filter(|it| Some(*it) != ticket.priority),
        location: Some(location).filter(|it| *it != known),
        may_publish: tick("may_publish", ticket.may_publish),
        about_staff: tick("about_staff", ticket.sealed),
        suspected_emergency: tick("suspected_emergency", ticket.suspected_emergency),
        ..Amendment::default()
    })
}
