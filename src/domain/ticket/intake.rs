//! Intake: what people give is read once, completely, and becomes a ticket.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::event::{Facts, Received, TicketEvent};
use super::{Change, Channel, Doing, Kind, Priority, Source, Ticket, position, text};
use crate::domain::category::suspects_danger;
use crate::domain::event::Stamp;
use crate::domain::people::Actor;
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::value::{At, NodeId, SetupId, TicketId};

/// A subject is a line, not the letter.
const SUBJECT_CHARS_MAX: usize = 200;
/// The longest real letter seen has 12,220 characters.
pub const DESCRIPTION_CHARS_MAX: usize = 20_000;
/// A subject made of the description's first line is cut here.
const DERIVED_SUBJECT_CHARS: usize = 40;
const ATTACHMENTS_EXPECTED_MAX: u32 = 20;
/// A device's queue is given up after this (PRODUCT §3).
const MADE_AT_AGE_MAX: TimeDelta = TimeDelta::days(14);
/// A device's clock may be so far ahead before its time is refused.
const DEVICE_CLOCK_AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
/// 1990-01-01: nothing older is entered as a letter to be answered.
const RECEIVED_AT_MIN: i64 = 631_152_000_000_000;

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
        if self.slip.is_some() {
            let message = if matches!(actor, Actor::Kiosk { .. }) {
                "没有这张来信单。请核对编号。 No such slip; check its serial."
            } else {
                "只有自助终端可以填写。 Devices only."
            };
            faults.add("slip", message);
        }
        faults.check(Parsed {
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
            on_behalf_of: self.on_behalf_of.and_then(clean_on_behalf_of),
        })
    }
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
        let suspected_emergency =
            looked_up.is_danger || suspects_danger(&parsed.subject) || suspects_danger(&parsed.description);
        let received = Received {
            number,
            node,
            handling_node,
            position: position(parsed.received_at, id),
            source: parsed.source,
            mailbox: looked_up.mailbox,
            answerable_unit: looked_up.answerable_unit,
            received_at: parsed.received_at,
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
        Self {
            ticket,
            version_before: None,
            entries: vec![super::Entry { event, texts }],
            at: doing.now,
            stamp: Stamp::of(doing.actor, doing.from),
        }
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

fn parse_source(claimed: Option<Source>, actor: &Actor, faults: &mut Faults) -> Source {
    let (allowed, default): (&[Source], Source) = match actor {
        Actor::Staff(_) => (&[Source::Call, Source::Visit, Source::WalkIn], Source::WalkIn),
        Actor::Resident => (&[Source::Web], Source::Web),
        Actor::Kiosk { .. } => (&[Source::Kiosk], Source::Kiosk),
        Actor::Timer | Actor::System => (&[Source::Import], Source::Import),
    };
    match claimed {
        None => default,
        Some(source) if allowed.contains(&source) => source,
        Some(_) => {
            let may: Vec<&str> = allowed.iter().map(|it| it.as_str()).collect();
            let may = may.join(", ");
            faults.add(
                "source",
                format!("您这里的来源只能是：{may}。 From here the source can only be: {may}."),
            );
            default
        }
    }
}

fn parse_received_at(
    received_at: Option<&str>,
    made_at: Option<&str>,
    actor: &Actor,
    now: At,
    faults: &mut Faults,
) -> At {
    const FORM: &str = "请用 RFC 3339 时间，如 2026-11-23T09:30:00+08:00。 Use an RFC 3339 time such as 2026-11-23T09:30:00+08:00.";
    let is_device = matches!(actor, Actor::Kiosk { .. });
    let by_staff = matches!(actor, Actor::Staff(_) | Actor::System);
    let mut at = now;
    if let Some(given) = received_at {
        match At::parse(given) {
            _ if !by_staff => faults.add(
                "received_at",
                "只有工作人员可以填写收件时间。 Only staff may give the time of receipt.",
            ),
            None => faults.add("received_at", FORM),
            Some(given) if given > now => {
                faults
                    .add("received_at", "收件时间不能在将来。 The time of receipt cannot be in the future.");
            }
            Some(given) if given.micros() < RECEIVED_AT_MIN => {
                faults.add("received_at", "收件时间早于 1990 年，请核对。 Before 1990; check the time.");
            }
            Some(given) => at = given,
        }
    }
    if let Some(given) = made_at {
        match At::parse(given) {
            _ if !is_device => faults.add("made_at", "只有自助终端可以填写。 Devices only."),
            None => faults.add("made_at", FORM),
            Some(given) if given > now + DEVICE_CLOCK_AHEAD_MAX => {
                faults.add("made_at", "终端时间在将来，请校准时钟。 In the future; set the device's clock.");
            }
            Some(given) if now - given > MADE_AT_AGE_MAX => faults
                .add("made_at", "早于 14 天，请由工作人员补录。 Older than 14 days; staff must enter it."),
            Some(given) => at = given.min(now),
        }
    }
    at
}

/// Reads a location; `path` is its field in the body.
pub fn parse_location(path: &str, location: Location, faults: &mut Faults) -> Location {
    let mut short = |name: &str, value: Option<String>, chars_max: usize| {
        let value = value.map(|it| clean_line(&it)).filter(|it| !it.is_empty());
        if let Some(value) = &value {
            check_length(&format!("{path}.{name}"), value, chars_max, faults);
        }
        value
    };
    let building = short("building", location.building, 16);
    let unit = short("unit", location.unit, 16);
    let room = short("room", location.room, 16);
    let place = short("place", location.place, 100);
    match (location.lat, location.lon) {
        (None, None) => {}
        (Some(lat), Some(lon)) if (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) => {}
        (Some(_), Some(_)) => faults.add(
            format!("{path}.lat"),
            "纬度 -90 到 90，经度 -180 到 180。 Latitude −90 to 90, longitude −180 to 180.",
        ),
        _ => faults.add(format!("{path}.lat"), "经度和纬度要一起填。 Give both lat and lon, or neither."),
    }
    Location { building, unit, room, place, lat: location.lat, lon: location.lon }
}

/// Reads a contact: each part's form, and that the channel has its address.
pub fn parse_contact(
    contact: Contact,
    location: &Location,
    may_publish: bool,
    faults: &mut Faults,
) -> (Contact, Channel) {
    let line = |value: Option<String>| value.map(|it| clean_line(&it)).filter(|it| !it.is_empty());
    let name = line(contact.name);
    if let Some(name) = &name {
        check_length("contact.name", name, 80, faults);
    }
    let address = line(contact.address);
    if let Some(address) = &address {
        check_length("contact.address", address, 200, faults);
    }
    let phone = line(contact.phone).and_then(|given| {
        let phone = parse_phone(&given);
        if phone.is_none() {
            faults.add("contact.phone", "电话应为 5 到 15 位数字。 A phone number has 5 to 15 digits.");
        }
        phone
    });
    let email = line(contact.email).and_then(|given| {
        let email = parse_email(&given);
        if email.is_none() {
            faults.add(
                "contact.email",
                "邮箱的样子应为 name@example.org。 An e-mail address looks like name@example.org.",
            );
        }
        email
    });
    let channel = contact.channel.unwrap_or(Channel::None);
    let has_address = address.is_some() || location.building.is_some();
    let missing = match channel {
        Channel::Email if email.is_none() => Some("用邮件答复要填邮箱 email。 Channel email needs an email."),
        Channel::Sms if phone.is_none() => Some("用短信答复要填电话 phone。 Channel sms needs a phone."),
        Channel::Call if phone.is_none() => Some("用电话答复要填电话 phone。 Channel call needs a phone."),
        Channel::Letter if !has_address => {
            Some("用信函答复要填地址或楼栋。 Channel letter needs an address or a building.")
        }
        Channel::Visit if !has_address => {
            Some("上门答复要填地址或楼栋。 Channel visit needs an address or a building.")
        }
        Channel::Board if !may_publish => {
            Some("在公示栏答复要同意公开（may_publish）。 Channel board needs may_publish.")
        }
        Channel::Email
        | Channel::Sms
        | Channel::Call
        | Channel::Letter
        | Channel::Visit
        | Channel::Board
        | Channel::None => None,
    };
    if let Some(message) = missing {
        faults.add("contact.channel", message);
    }
    (Contact { name, phone, email, address, channel: None }, channel)
}

/// A phone number's digits, without `+86`, spaces, dashes and brackets; full-width digits are read.
pub fn parse_phone(given: &str) -> Option<String> {
    let plain: String = given.nfkc().collect();
    if !plain.chars().all(|it| it.is_ascii_digit() || " -()+.－—".contains(it)) {
        return None;
    }
    let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
    let digits = if plain.trim_start().starts_with("+86") {
        digits[2..].to_owned()
    } else {
        digits.strip_prefix("0086").map_or(digits.clone(), str::to_owned)
    };
    (5..=15).contains(&digits.len()).then_some(digits)
}

/// An e-mail address of the plain form (RFC 5321 `Dot-string@domain`), nothing that could end a header.
fn parse_email(given: &str) -> Option<String> {
    let (local, domain) = given.rsplit_once('@')?;
    let is_atom = |it: char| it.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(it);
    let good_local = (1..=64).contains(&local.len())
        && local.chars().all(is_atom)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let good_domain = domain.len() <= 253
        && domain.contains('.')
        && domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.chars().all(|it| it.is_ascii_alphanumeric() || it == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
    (good_local && good_domain).then(|| given.to_owned())
}

/// Text as it came, less control characters, and invisible ones at either end.
///
/// Line breaks and tabs inside stay; `\r\n` becomes `\n`.
pub fn clean(given: &str) -> String {
    let kept: String = given
        .replace("\r\n", "\n")
        .chars()
        .filter(|it| !it.is_control() || matches!(it, '\n' | '\t'))
        .collect();
    kept.trim_matches(|it: char| it.is_whitespace() || is_invisible(it)).to_owned()
}

/// The same for one line: line breaks and tabs become spaces.
pub fn clean_line(given: &str) -> String {
    clean(given).replace(['\n', '\t'], " ")
}

/// Zero-width and formatting characters that a reader cannot see.
fn is_invisible(it: char) -> bool {
    matches!(it,
        '\u{00AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}'
        | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Cleaned text that must be there and fit.
///
/// # Errors
/// `Invalid` when it is empty or too long.
pub fn required_text(field: &str, given: &str, chars_max: usize) -> Result<String, Refusal> {
    let text = clean(given);
    let mut faults = Faults::default();
    if text.is_empty() {
        faults.add(field, "请填写，不能为空。 Fill this in; it cannot be empty.");
    }
    check_length(field, &text, chars_max, &mut faults);
    faults.check(text)
}

fn check_length(field: &str, value: &str, chars_max: usize, faults: &mut Faults) {
    let n_chars = value.chars().count();
    if n_chars > chars_max {
        faults.add(
            field,
            format!("最多 {chars_max} 个字，现在是 {n_chars} 个。 At most {chars_max} characters, this has {n_chars}."),
        );
    }
}

fn derived_subject(description: &str) -> String {
    let line = description.lines().next().unwrap_or_default();
    if line.is_empty() {
        return "（见附件） (see attachment)".to_owned();
    }
    let cut: String = line.chars().take(DERIVED_SUBJECT_CHARS).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}

fn clean_on_behalf_of(given: OnBehalfOf) -> Option<OnBehalfOf> {
    let line = |value: Option<String>| {
        value.map(|it| clean_line(&it).chars().take(80).collect::<String>()).filter(|it| !it.is_empty())
    };
    let cleaned = OnBehalfOf { name: line(given.name), relation: line(given.relation) };
    (cleaned != OnBehalfOf::default()).then_some(cleaned)
}
