//! The fields of each kind of entry: shown with what is known, read back as the set-up takes them.

use serde_json::{Map, Value, json};

use super::super::bulk::listed as named;
use super::super::fields::{Field, Input};
use super::super::{Frame, PageCaller, Sent};
use super::{label, line_of, or_none, own_nodes, policy, text};
use crate::domain::calendar::{CalendarSettings, Holidays};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::setup::{Details, PLACEHOLDERS, Roster, SetupKind, TemplateChannel, UnitKind, Weekday};
use crate::service::App;
use crate::service::Error;
use crate::service::setup::EntryCard;

/// The fields of a kind, with what is known of `card`.
pub(super) async fn fields(
    app: &App,
    caller: &PageCaller,
    frame: &Frame,
    kind: SetupKind,
    card: Option<&EntryCard>,
) -> Result<Vec<Field>, Error> {
    let mut fields = vec![line_of(frame, "name").required()];
    if let Some(card) = card {
        fields[0].values = vec![card.entry.name.clone()];
    } else {
        fields.insert(0, line_of(frame, "code").required().hint(frame.say("set.code_hint")));
        let node = Field::new("node", Input::Choice, label(frame, "node"));
        fields.push(node.picks(own_nodes(app, caller).await?).required());
    }
    if kind == SetupKind::Category {
        let above = or_none(frame, named(app, caller, SetupKind::Category).await?);
        let parent = card.and_then(|it| it.parent.clone()).unwrap_or_default();
        fields.push(Field::new("parent", Input::Choice, label(frame, "parent")).picks(above).value(parent));
    }
    if kind == SetupKind::Policy {
        let all = or_none(frame, named(app, caller, SetupKind::Category).await?);
        fields.push(Field::new("category", Input::Choice, label(frame, "for_category")).picks(all));
    }
    let empty = Details::parse(kind, &json!({ "text": "-" })).or_else(|_| Details::parse(kind, &json!({})));
    let details = card.map(|it| it.entry.details.clone()).or(empty.ok());
    if let Some(details) = details {
        own(frame, &mut fields, &details, card.is_none());
    }
    Ok(fields)
}

/// One of a set of words, or none.
pub(super) fn choice<T: std::fmt::Display + Copy>(
    frame: &Frame,
    name: &'static str,
    section: &str,
    all: &[T],
    known: Option<T>,
) -> Field {
    let picks = all.iter().map(|it| (it.to_string(), frame.say(&format!("{section}.{it}"))));
    let picks = or_none(frame, picks.collect());
    let known = known.map(|it| it.to_string()).unwrap_or_default();
    Field::new(name, Input::Choice, label(frame, name)).picks(picks).value(known)
}

/// What only this kind has.
fn own(frame: &Frame, fields: &mut Vec<Field>, details: &Details, is_new: bool) {
    let line = |name, known: Option<&String>| line_of(frame, name).value(known.cloned().unwrap_or_default());
    match details {
        Details::Unit(unit) => fields.push(choice(frame, "kind", "unit_kind", UnitKind::ALL, unit.kind)),
        Details::Category(category) => {
            let danger = Field::new("danger", Input::Tick, label(frame, "danger"));
            fields.push(danger.value(if category.danger { "yes" } else { "" }));
        }
        Details::Mailbox(mailbox) => {
            fields.push(line("place", mailbox.place.as_ref()));
            fields.push(line("key_holder", mailbox.key_holder.as_ref()));
            let days = Weekday::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("weekday.{it}"))));
            let mut weekdays = Field::new("weekdays", Input::Several, label(frame, "weekdays")).picks(days);
            let schedule = mailbox.schedule.as_ref();
            weekdays.values = schedule.iter().flat_map(|it| &it.weekdays).map(ToString::to_string).collect();
            fields.push(weekdays);
            fields.push(line("time", schedule.map(|it| &it.time)).hint(frame.say("set.time_hint")));
        }
        Details::Kiosk(kiosk) => fields.push(line("place", kiosk.place.as_ref())),
        Details::Template(template) => {
            fields.push(choice(frame, "channel", "by", TemplateChannel::ALL, template.channel));
            let places = PLACEHOLDERS.iter().map(|it| format!("{{{it}}}")).collect::<Vec<_>>().join(" ");
            let text = Field::new("text", Input::Area, label(frame, "text")).required();
            let known = if is_new { "" } else { template.text.as_str() };
            fields.push(text.hint(frame.say_with("set.text_hint", &[("places", &places)])).value(known));
        }
        Details::Policy(it) => policy::fields(frame, fields, it),
        Details::Calendar(settings) => of_calendar(frame, fields, settings),
        Details::Roster(roster) => of_roster(frame, fields, roster),
        Details::OfficialYear(_) => {}
    }
}

fn of_calendar(frame: &Frame, fields: &mut Vec<Field>, settings: &CalendarSettings) {
    let area = |name: &'static str, known: String| {
        Field::new(name, Input::Area, label(frame, name))
            .value(known)
            .hint(frame.say(&format!("set.{name}_hint")))
    };
    let holidays = Holidays::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("holidays.{it}"))));
    fields.push(line_of(frame, "time_zone").value(settings.time_zone.as_str()));
    fields.push(
        Field::new("holidays", Input::Choice, label(frame, "holidays"))
            .picks(holidays)
            .value(settings.holidays.as_str()),
    );
    fields.push(area("seasons", text::seasons(&settings.seasons)));
    fields.push(area("closed_days", text::closed_days(&settings.closed_days)));
    fields.push(area("open_days", text::open_days(&settings.open_days)));
}

fn of_roster(frame: &Frame, fields: &mut Vec<Field>, roster: &Roster) {
    let area = |name: &'static str, known: String| {
        Field::new(name, Input::Area, label(frame, name))
            .value(known)
            .hint(frame.say(&format!("set.{name}_hint")))
    };
    fields.push(area("shifts", text::shifts(&roster.shifts)));
    fields.push(area("exceptions", text::exceptions(&roster.exceptions)));
}

/// The fields of a form as the set-up takes them; what was left empty is null.
///
/// # Errors
/// `Invalid` for what cannot be read at all; the set-up itself says the rest.
pub(super) fn read(kind: SetupKind, sent: &Sent) -> Result<Map<String, Value>, Refusal> {
    let given = |name: &str| sent.given(name).map_or(Value::Null, Value::from);
    let mut faults = Faults::default();
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("name", sent.text("name").into());
    match kind {
        SetupKind::Unit => {
            put("kind", given("kind"));
        }
        SetupKind::Category => {
            put("danger", sent.has("danger").into());
            put("parent", given("parent"));
        }
        SetupKind::Mailbox => {
            put("place", given("place"));
            put("key_holder", given("key_holder"));
            let weekdays = sent.all("weekdays");
            let is_none = weekdays.is_empty() && sent.given("time").is_none();
            let schedule = json!({ "weekdays": weekdays, "time": sent.text("time").trim() });
            put("schedule", if is_none { Value::Null } else { schedule });
        }
        SetupKind::Kiosk => {
            put("place", given("place"));
        }
        SetupKind::Template => {
            put("channel", given("channel"));
            put("text", sent.text("text").replace("\r\n", "\n").into());
        }
        SetupKind::Policy => return policy::read(sent),
        SetupKind::Calendar => {
            put("time_zone", given("time_zone"));
            put("holidays", given("holidays"));
            put("seasons", text::read("seasons", sent, text::read_seasons, &mut faults));
            put("closed_days", text::read("closed_days", sent, text::read_closed_days, &mut faults));
            put("open_days", text::read("open_days", sent, text::read_open_days, &mut faults));
        }
        SetupKind::Roster => {
            put("shifts", text::read("shifts", sent, text::read_shifts, &mut faults));
            put("exceptions", text::read("exceptions", sent, text::read_exceptions, &mut faults));
        }
        SetupKind::OfficialYear => {}
    }
    faults.check(fields)
}
