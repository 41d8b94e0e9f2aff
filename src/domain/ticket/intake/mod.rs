//! Intake: what people give is read once, completely, and becomes a ticket.

mod reading;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::{Facts, Received, TicketEvent};
use super::{Change, Channel, Doing, Kind, LetterOf, Priority, Source, Ticket, position, text};
use crate::domain::category::suspects_danger;
use crate::domain::number::Serial;
use crate::domain::people::Actor;
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::sla::{self, ClockEffect, Rules};
use crate::domain::value::{At, NodeId, SetupId, TicketId};

use self::reading::{check_length, derived_subject, parse_on_behalf_of, parse_received_at, parse_source};
pub use self::reading::{clean, clean_line, parse_contact, parse_location, parse_phone, required_text};

/// A subject is a line, not the letter.
const SUBJECT_CHARS_MAX: usize = 200;
/// The longest real letter seen has 12,220 characters.
pub const DESCRIPTION_CHARS_MAX: usize = 20_000;
const ATTACHMENTS_EXPECTED_MAX: u32 = 20;

/// A matter as it is put in: the body of `POST /tickets`, a row of an import, a registered letter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The community's code, `YD`.
    pub community: String,
    #[serde(default)]
    pub source: Option<Source>,
    #[serde(default)]
    pub kind: Option<Kind>,
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    /// A category's code.
    #[serde(default)]
    pub category: Option<String>,
    /// RFC 3339 with offset; staff only, never in the future.
    #[serde(default)]
    pub received_at: Option<String>,
    #[serde(default)]
    pub location: Option<Location>,
    #[serde(default)]
    pub contact: Option<Contact>,
    #[serde(default)]
    pub may_publish: Option<bool>,
    #[serde(default)]
    pub about_staff: Option<bool>,
    /// Code of the unit complained about, which may not lead; staff only.
    #[serde(default)]
    pub about_unit: Option<String>,
    #[serde(default)]
    pub attachments_expected: Option<u32>,
    #[serde(default, rename = "for")]
    pub on_behalf_of: Option<OnBehalfOf>,
    /// RFC 3339; devices only, at most 14 days old.
    #[serde(default)]
    pub made_at: Option<String>,
    /// The serial of a printed slip; devices only.
    #[serde(default)]
    pub slip: Option<String>,
}

/// Where it is; each part optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Location {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub building: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lat: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lon: Option<f64>,
}

/// Who to answer, and how; each part optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// Whom somebody speaks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnBehalfOf {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
}

/// A submission that was read and found good, its codes not looked up yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    pub community: String,
    pub source: Source,
    pub kind: Kind,
    pub subject: String,
    pub description: String,
    pub category: Option<String>,
    pub received_at: At,
    pub location: Location,
    pub contact: Contact,
    pub channel: Channel,
    pub may_publish: bool,
    pub about_staff: bool,
    pub about_unit: Option<String>,
    pub attachments_expected: u32,
    pub on_behalf_of: Option<OnBehalfOf>,
    /// The slip that a device printed its receipt on.
    pub slip: Option<Serial>,
    /// Its words tell of danger now.
    pub tells_of_danger: bool,
}

/// What the codes of a submission stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookedUp {
    pub category: Option<SetupId>,
    /// True for a category that means danger.
    pub is_danger: bool,
    pub about_unit: Option<SetupId>,
    /// The unit of the staff member who received it, who stays answerable.
    pub answerable_unit: Option<SetupId>,
    pub mailbox: Option<SetupId>,
    pub letter: Option<LetterOf>,
    /// The serial of the slip whose stub shall open it.
    pub slip: Option<String>,
    /// An imported matter that is still to be dealt with in time.
    pub is_live: bool,
    /// The node above the community; where tickets about staff go.
    pub parent: Option<NodeId>,
}

impl Submission {
    /// Reads every field and says all that is wrong at once.
    ///
    /// # Errors
    /// `Invalid` with each field and how to mend it.
    pub fn parse(self, actor: &Actor, now: At) -> Result<Parsed, Refusal> {
        let mut faults = Faults::default();
        let source = parse_source(self.source, actor, &mut faults);
        let received_at =
            parse_received_at(self.received_at.as_deref(), self.made_at.as_deref(), actor, now, &mut faults);
        let attachments_expected = self.attachments_expected.unwrap_or(0);
        if attachments_expected > ATTACHMENTS_EXPECTED_MAX {
            faults.add(
                "attachments_expected",
                format!(
                    "最多 {ATTACHMENTS_EXPECTED_MAX} 个附件。 At most {ATTACHMENTS_EXPECTED_MAX} attachments."
                ),
            );
        }
        let description = self.description.as_deref().map(clean).unwrap_or_default();
        check_length("description", &description, DESCRIPTION_CHARS_MAX, &mut faults);
        if description.is_empty() && attachments_expected == 0 {
            faults.add("description", "请写明要反映的事情。 Say what the matter is.");
        }
        let subject = self.subject.as_deref().map(clean_line).unwrap_or_default();
        check_length("subject", &subject, SUBJECT_CHARS_MAX, &mut faults);
        let subject = if subject.is_empty() { derived_subject(&description) } else { subject };
        let may_publish = self.may_publish.unwrap_or(false);
        let location = parse_location("location", self.location.unwrap_or_default(), &mut faults);
        let (contact, channel) =
            parse_contact(self.contact.unwrap_or_default(), &location, may_publish, &mut faults);
        if self.about_unit.is_some() && actor.staff().is_none() && *actor != Actor::System {
            faults.add("about_unit", "只有工作人员可以填写。 Staff only.");
        }
        let slip = parse_slip(self.slip.as_deref(), actor, &mut faults);
        let on_behalf_of = self.on_behalf_of.and_then(|it| parse_on_behalf_of(it, &mut faults));
        faults.check(Parsed {
            tells_of_danger: suspects_danger(&subject) || suspects_danger(&description),
            community: self.community.trim().to_uppercase(),
            source,
            kind: self.kind.unwrap_or(Kind::Request),
            subject,
            description,
            category: self.category.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()),
            received_at,
            location,
            contact,
            channel,
            may_publish,
            about_staff: self.about_staff.unwrap_or(false),
            about_unit: self.about_unit,
            attachments_expected,
            on_behalf_of,
            slip,
        })
    }
}

/// The serial of a device's own reserve; staff bind slips by registering letters.
fn parse_slip(given: Option<&str>, actor: &Actor, faults: &mut Faults) -> Option<Serial> {
    let given = given?;
    if !matches!(actor, Actor::Kiosk { .. }) {
        faults.add("slip", "只有自助终端可以填写。 Devices only.");
        return None;
    }
    let parsed = Serial::parse(given);
    if let Err(refusal) = &parsed {
        faults.add("slip", refusal.to_string());
    }
    parsed.ok()
}

impl Ticket {
    /// A new ticket: its first event, and its texts beside it.
    ///
    /// `doing.place` is the community; `id` and `number` are given out by the store.
    pub fn receive(
        id: TicketId,
        number: String,
        node: NodeId,
        parsed: &Parsed,
        looked_up: &LookedUp,
        doing: &Doing,
    ) -> Change {
        let sealed = parsed.kind == Kind::Report || parsed.about_staff;
        // Reports and complaints about staff are the parent node's; a community without one keeps them.
        let handling_node = if sealed { looked_up.parent.unwrap_or(node) } else { node };
        let suspected_emergency = looked_up.is_danger || parsed.tells_of_danger;
        let received = Received {
            number,
            node,
            handling_node,
            position: position(parsed.received_at, id),
            source: parsed.source,
            mailbox: looked_up.mailbox,
            letter: looked_up.letter,
            slip: looked_up.slip.clone(),
            answerable_unit: looked_up.answerable_unit,
            received_at: parsed.received_at,
            // An imported letter's time is over, unless it is said to be live (PRODUCT §5).
            runs_clocks: parsed.source != Source::Import || looked_up.is_live,
            facts: Facts {
                kind: parsed.kind,
                category: looked_up.category,
                priority: None::<Priority>,
                building: parsed.location.building.clone(),
                channel: parsed.channel,
                may_publish: parsed.may_publish,
                about_unit: looked_up.about_unit,
                sealed,
                suspected_emergency,
                attachments_expected: parsed.attachments_expected,
            },
        };
        Change::begin(TicketEvent::Received(Box::new(received)), id, parsed.texts(), doing)
    }
}

impl Change {
    /// The change that begins a ticket.
    fn begin(event: TicketEvent, id: TicketId, texts: Vec<(String, String)>, doing: &Doing) -> Self {
        let ticket = event.begin(id, doing.now).expect("a ticket begins with the event `received`");
        let mut change = Self { version_before: None, ..Self::of(ticket, doing) };
        let (effects, picked) = sla::effects(&change.ticket, &event, change.at, change.works());
        change.begin_clocks(event, effects, picked, texts);
        change
    }

    /// The first event's effects; what is late already when a backdated ticket comes in is said at once.
    fn begin_clocks(
        &mut self,
        event: TicketEvent,
        effects: Vec<ClockEffect>,
        picked: Option<Rules>,
        texts: Vec<(String, String)>,
    ) {
        if let Some(picked) = picked.map(Arc::new) {
            self.rules_picked.push(Arc::clone(&picked));
            self.kept = Some(picked);
        }
        self.ticket.apply_effects(&effects, self.at);
        self.entries.push(super::Entry { event, effects, texts });
        self.say_what_is_due();
    }
}

impl Parsed {
    /// The texts kept beside the log, by name; empty ones are not kept.
    fn texts(&self) -> Vec<(String, String)> {
        let mut texts = vec![(text::SUBJECT.to_owned(), self.subject.clone())];
        if !self.description.is_empty() {
            texts.push((text::DESCRIPTION.to_owned(), self.description.clone()));
        }
        texts.extend(location_text(&self.location));
        texts.extend(contact_text(&self.contact));
        if let Some(on_behalf_of) = &self.on_behalf_of {
            texts.extend(json_text(text::FOR, on_behalf_of));
        }
        texts
    }
}

/// The text of what a location says beside the building, which stays in the row for the figures.
pub fn location_text(location: &Location) -> Option<(String, String)> {
    let beside = Location { building: None, ..location.clone() };
    (beside != Location::default()).then(|| json_text(text::LOCATION, &beside)).flatten()
}

/// The text of a contact; the channel is a fact and stays in the row.
pub fn contact_text(contact: &Contact) -> Option<(String, String)> {
    let beside = Contact { channel: None, ..contact.clone() };
    (beside != Contact::default()).then(|| json_text(text::CONTACT, &beside)).flatten()
}

fn json_text(name: &str, value: &impl Serialize) -> Option<(String, String)> {
    serde_json::to_string(value).ok().map(|it| (name.to_owned(), it))
}
