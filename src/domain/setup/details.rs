//! What each kind of set-up entry has beyond its code and name.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::SetupKind;
use super::policy::Policy;
use super::roster::Roster;
use crate::domain::calendar::{CalendarSettings, OfficialYear};
use crate::domain::refusal::{Faults, Refusal};
use crate::words;

/// A place is one line on a slip.
const PLACE_CHARS_MAX: usize = 120;
/// A phone number as it is printed.
const HOTLINE_CHARS_MAX: usize = 24;
/// A template is a page of reply at most.
const TEMPLATE_CHARS_MAX: usize = 4_000;
/// What a template may have filled in.
pub const PLACEHOLDERS: &[&str] = &["number", "subject", "result", "unit", "name", "community"];

words! {
    /// What sort of unit takes on tickets (PRODUCT §1).
    UnitKind {
        CommunityStaff = "community_staff", Property = "property", Grid = "grid",
        Volunteers = "volunteers", Partner = "partner", Other = "other",
    }
}

words! {
    /// The channels that a template may be for.
    TemplateChannel {
        Email = "email", Sms = "sms", Letter = "letter", Call = "call", Visit = "visit", Board = "board",
    }
}

words! {
    /// A day of the week.
    Weekday {
        Mon = "mon", Tue = "tue", Wed = "wed", Thu = "thu", Fri = "fri", Sat = "sat", Sun = "sun",
    }
}

/// A unit that tickets are assigned to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unit {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<UnitKind>,
    /// Answered day and night, shown to residents who tell of danger; at most 24 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotline: Option<String>,
}

/// A category; `danger` is one whose tile shows the emergency numbers first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Category {
    pub danger: bool,
}

/// A red mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mailbox {
    /// Where it hangs, at most 120 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Who holds the key: a username or a plain name, at most 120 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_holder: Option<String>,
}

/// When a mailbox is opened (定期取件), in its node's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// At least one, none twice.
    pub weekdays: Vec<Weekday>,
    /// By when, `HH:MM`.
    pub time: String,
}

/// A self-service kiosk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Kiosk {
    /// Where it stands, at most 120 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// A reply to begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Template {
    /// For one channel only; left out, for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<TemplateChannel>,
    /// 1 to 4000 characters; `{number}` and the like are filled in.
    pub text: String,
}

/// What an entry of one kind has beyond its code and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Details {
    Unit(Unit),
    Category(Category),
    Mailbox(Mailbox),
    Kiosk(Kiosk),
    Template(Template),
    Policy(Policy),
    Calendar(Box<CalendarSettings>),
    OfficialYear(OfficialYear),
    Roster(Roster),
}

impl Details {
    /// Reads the details of an entry of `kind` from a JSON object and checks them.
    ///
    /// # Errors
    /// `Refusal::Invalid` with every field at fault; a wrong shape or unknown field is told for the first.
    pub fn parse(kind: SetupKind, fields: &Value) -> Result<Self, Refusal> {
        let details = match kind {
            SetupKind::Unit => Details::Unit(shaped(fields)?),
            SetupKind::Category => Details::Category(shaped(fields)?),
            SetupKind::Mailbox => Details::Mailbox(shaped(fields)?),
            SetupKind::Kiosk => Details::Kiosk(shaped(fields)?),
            SetupKind::Template => Details::Template(shaped(fields)?),
            SetupKind::Policy => Details::Policy(shaped(fields)?),
            SetupKind::Calendar => Details::Calendar(Box::new(shaped(fields)?)),
            SetupKind::OfficialYear => Details::OfficialYear(shaped(fields)?),
            SetupKind::Roster => Details::Roster(shaped(fields)?),
        };
        details.check()?;
        Ok(details)
    }

    /// The kind of entry that has these.
    pub fn kind(&self) -> SetupKind {
        match self {
            Details::Unit(_) => SetupKind::Unit,
            Details::Category(_) => SetupKind::Category,
            Details::Mailbox(_) => SetupKind::Mailbox,
            Details::Kiosk(_) => SetupKind::Kiosk,
            Details::Template(_) => SetupKind::Template,
            Details::Policy(_) => SetupKind::Policy,
            Details::Calendar(_) => SetupKind::Calendar,
            Details::OfficialYear(_) => SetupKind::OfficialYear,
            Details::Roster(_) => SetupKind::Roster,
        }
    }

    /// The details as a JSON object.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// The fields of that object.
    pub fn to_fields(&self) -> Map<String, Value> {
        if let Value::Object(fields) = self.to_value() { fields } else { Map::new() }
    }

    fn check(&self) -> Result<(), Refusal> {
        let mut faults = Faults::default();
        match self {
            Details::Category(_) => {}
            Details::Unit(unit) => check_hotline(&mut faults, unit.hotline.as_deref()),
            Details::Mailbox(mailbox) => {
                check_line(&mut faults, "place", mailbox.place.as_deref());
                check_line(&mut faults, "key_holder", mailbox.key_holder.as_deref());
                if let Some(schedule) = &mailbox.schedule {
                    schedule.check(&mut faults);
                }
            }
            Details::Kiosk(kiosk) => check_line(&mut faults, "place", kiosk.place.as_deref()),
            Details::Template(template) => check_template(&mut faults, &template.text),
            Details::Policy(policy) => policy.check(&mut faults),
            Details::Roster(roster) => roster.check(&mut faults),
            Details::Calendar(settings) => return settings.check().map(drop),
            Details::OfficialYear(year) => return year.notice().map(drop),
        }
        faults.check(())
    }
}

impl Schedule {
    fn check(&self, faults: &mut Faults) {
        let mut days = self.weekdays.clone();
        days.sort_unstable();
        days.dedup();
        if days.is_empty() || days.len() != self.weekdays.len() {
            faults.add(
                "schedule.weekdays",
                "至少写一个星期几，不要重复。 Give at least one weekday, none twice.",
            );
        }
        let is_clock_time = match self.time.as_bytes() {
            [h1, h2, b':', m1, m2] => {
                [h1, h2, m1, m2].iter().all(|it| it.is_ascii_digit())
                    && (*h1, *h2) <= (b'2', b'3')
                    && *m1 <= b'5'
            }
            _ => false,
        };
        if !is_clock_time {
            faults.add("schedule.time", "时间要写成 16:30 这样。 Write the time like 16:30.");
        }
    }
}

fn shaped<T: DeserializeOwned>(fields: &Value) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(fields).map_err(|error| {
        let field = error.path().to_string();
        let cause = error.into_inner();
        Refusal::field(field, format!("这一项不对。 This field is wrong: {cause}."))
    })
}

fn check_line(faults: &mut Faults, field: &str, line: Option<&str>) {
    let is_wrong = line.is_some_and(|it| {
        it.trim().is_empty() || it.chars().count() > PLACE_CHARS_MAX || it.chars().any(char::is_control)
    });
    if is_wrong {
        faults.add(
            field,
            format!("须为 1 到 {PLACE_CHARS_MAX} 个字，不含换行。 It has 1 to {PLACE_CHARS_MAX} characters and no line ends."),
        );
    }
}

fn check_hotline(faults: &mut Faults, hotline: Option<&str>) {
    let is_number = |it: &str| {
        let n_digits = it.bytes().filter(u8::is_ascii_digit).count();
        (3..=15).contains(&n_digits)
            && it.len() <= HOTLINE_CHARS_MAX
            && it.bytes().all(|it| it.is_ascii_digit() || b"+- ".contains(&it))
    };
    if hotline.is_some_and(|it| !is_number(it)) {
        faults.add(
            "hotline",
            "电话须为 3 到 15 位数字，可以有空格和横线。 A phone number of 3 to 15 digits, with spaces or hyphens.",
        );
    }
}

fn check_template(faults: &mut Faults, text: &str) {
    let n_chars = text.chars().count();
    if text.trim().is_empty() || n_chars > TEMPLATE_CHARS_MAX {
        faults.add(
            "text",
            format!("须为 1 到 {TEMPLATE_CHARS_MAX} 个字。 It has 1 to {TEMPLATE_CHARS_MAX} characters."),
        );
    }
    if text.chars().any(|it| it.is_control() && it != '\n' && it != '\t') {
        faults.add("text", "不能含控制字符。 It has no control characters but line ends and tabs.");
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').unwrap_or((after, ""));
        if !PLACEHOLDERS.contains(&name) {
            let known = PLACEHOLDERS.join("} {");
            let shown: String = name.chars().take(20).collect();
            faults.add(
                "text",
                format!("没有这个占位符：{{{shown}}}。可以用：{{{known}}}。 No such placeholder {{{shown}}}; use one of {{{known}}}."),
            );
        }
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_faults(kind: SetupKind, fields: &Value, expected: &[&str]) {
        let named: Vec<String> = match Details::parse(kind, fields) {
            Ok(_) => Vec::new(),
            Err(Refusal::Invalid(faults)) => faults.0.into_iter().map(|it| it.field).collect(),
            Err(other) => panic!("another refusal: {other:?}"),
        };
        assert_eq!(named, expected, "{fields}");
    }

    #[test]
    fn wrong_details_name_their_field() {
        check_faults(SetupKind::Unit, &json!({"kind": "army"}), &["kind"]);
        check_faults(SetupKind::Unit, &json!({"colour": "red"}), &["colour"]);
        check_faults(SetupKind::Unit, &json!({"hotline": "call me"}), &["hotline"]);
        check_faults(SetupKind::Unit, &json!({"hotline": "0591-8888 0000"}), &[]);
        check_faults(SetupKind::Category, &json!({"danger": "yes"}), &["danger"]);
        check_faults(
            SetupKind::Mailbox,
            &json!({"place": "", "key_holder": "a\nb"}),
            &["place", "key_holder"],
        );
        let schedule = |days: Value, time: &str| json!({"schedule": {"weekdays": days, "time": time}});
        check_faults(
            SetupKind::Mailbox,
            &schedule(json!([]), "24:00"),
            &["schedule.weekdays", "schedule.time"],
        );
        check_faults(SetupKind::Mailbox, &schedule(json!(["mon", "mon"]), "23:59"), &["schedule.weekdays"]);
        check_faults(SetupKind::Mailbox, &schedule(json!(["mon", "fri"]), "09:00"), &[]);
        check_faults(SetupKind::Template, &json!({"text": "您好 {name}，{phone}"}), &["text"]);
        check_faults(SetupKind::Template, &json!({"text": "您的 {number} 已办结：{result}"}), &[]);
        check_faults(SetupKind::Template, &json!({}), &["text"]);
        check_faults(SetupKind::Policy, &json!({"close_after_days": -1}), &["close_after_days"]);
        check_faults(SetupKind::Policy, &json!({"close_after_days": 0}), &["close_after_days"]);
        check_faults(SetupKind::Calendar, &json!({"time_zone": "Mars/Base"}), &["time_zone"]);
    }

    #[test]
    fn details_read_back_as_they_were_written() {
        let fields = json!({"place": "凉亭", "schedule": {"weekdays": ["tue"], "time": "16:30"}});
        let details = Details::parse(SetupKind::Mailbox, &fields).unwrap();

        assert_eq!(details.to_value(), fields);
    }
}
