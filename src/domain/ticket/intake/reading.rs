//! Reading what people give: sources, times, places, contacts and plain text.

use chrono::TimeDelta;
use unicode_normalization::UnicodeNormalization;

use super::{Contact, Location, OnBehalfOf};
use crate::domain::people::Actor;
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::ticket::{Channel, Source};
use crate::domain::value::At;

/// A device's queue is given up after this (PRODUCT §3).
const MADE_AT_AGE_MAX: TimeDelta = TimeDelta::days(14);
/// A device's clock may be so far ahead before its time is refused.
const DEVICE_CLOCK_AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);
/// 1990-01-01: nothing older is entered as a letter to be answered.
const RECEIVED_AT_MIN: i64 = 631_152_000_000_000;
/// A subject made of the description's first line is cut here.
const DERIVED_SUBJECT_CHARS: usize = 40;

pub(super) fn parse_source(claimed: Option<Source>, actor: &Actor, faults: &mut Faults) -> Source {
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

pub(super) fn parse_received_at(
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
            faults.add("contact.phone", "电话应为 7 到 15 位数字。 A phone number has 7 to 15 digits.");
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
    // China's country code before a mobile number says nothing that the number does not.
    let is_mobile = |it: &str| it.len() == 11 && it.starts_with('1');
    let digits = ["0086", "86"]
        .iter()
        .find_map(|code| digits.strip_prefix(code).filter(|it| is_mobile(it)))
        .map_or(digits.clone(), str::to_owned);
    (7..=15).contains(&digits.len()).then_some(digits)
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

pub(super) fn check_length(field: &str, value: &str, chars_max: usize, faults: &mut Faults) {
    let n_chars = value.chars().count();
    if n_chars > chars_max {
        faults.add(
            field,
            format!("最多 {chars_max} 个字，现在是 {n_chars} 个。 At most {chars_max} characters, this has {n_chars}."),
        );
    }
}

pub(super) fn derived_subject(description: &str) -> String {
    let line = description.lines().next().unwrap_or_default();
    if line.is_empty() {
        return "（见附件） (see attachment)".to_owned();
    }
    let cut: String = line.chars().take(DERIVED_SUBJECT_CHARS).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}

pub(super) fn parse_on_behalf_of(given: OnBehalfOf, faults: &mut Faults) -> Option<OnBehalfOf> {
    let mut line = |name: &str, value: Option<String>| {
        let value = value.map(|it| clean_line(&it)).filter(|it| !it.is_empty());
        if let Some(value) = &value {
            check_length(&format!("for.{name}"), value, 80, faults);
        }
        value
    };
    let read = OnBehalfOf { name: line("name", given.name), relation: line("relation", given.relation) };
    (read != OnBehalfOf::default()).then_some(read)
}
