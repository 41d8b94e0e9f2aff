//! Duty rosters (值班表): who is on duty at a node at a moment.

use chrono::{Datelike as _, NaiveDate, NaiveDateTime, Timelike as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Weekday;
use crate::domain::refusal::Faults;

/// Four changes a day through the week.
const SHIFTS_MAX: usize = 28;
/// A year of days that differ.
const EXCEPTIONS_MAX: usize = 366;
/// More on duty at one time is the whole staff.
const PEOPLE_MAX: usize = 10;
const DAY: u32 = 1_440;
const WEEK: u32 = 7 * DAY;

/// Who is on duty: a week of shifts, and days that differ.
///
/// On a day with exceptions the week's shifts of that day do not begin; one that began the day before runs to its
/// end. No two shifts overlap, so it is always clear who is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roster {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exceptions: Vec<DutyDay>,
}

/// A shift of every week, in the node's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// The days on which it begins: at least one, none twice.
    pub weekdays: Vec<Weekday>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, at most 24:00; not later than `from`, it ends on the next day.
    pub to: String,
    /// One to ten.
    pub usernames: Vec<String>,
}

/// Duty on one day that differs from the week.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DutyDay {
    /// The day on which it begins, `YYYY-MM-DD`.
    pub on: String,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, at most 24:00; not later than `from`, it ends on the next day.
    pub to: String,
    /// One to ten.
    pub usernames: Vec<String>,
}

impl Roster {
    /// Everybody on it, each with the field that names them.
    pub fn people(&self) -> impl Iterator<Item = (String, &str)> {
        let of_shifts = self.shifts.iter().enumerate().map(|(i, it)| (format!("shifts[{i}]"), &it.usernames));
        let of_days =
            self.exceptions.iter().enumerate().map(|(i, it)| (format!("exceptions[{i}]"), &it.usernames));
        of_shifts.chain(of_days).flat_map(|(field, names)| {
            names.iter().enumerate().map(move |(i, it)| (format!("{field}.usernames[{i}]"), it.as_str()))
        })
    }

    /// Who is on duty at the node's local time `now`; empty when nobody is.
    pub fn on_duty(&self, now: NaiveDateTime) -> &[String] {
        let minute = now.hour() * 60 + now.minute();
        let today = now.date();
        // What began yesterday may still run.
        let days = [(Some(today), minute), (today.pred_opt(), minute + DAY)];
        let of_day = |on: NaiveDate, minute: u32| {
            let mut days = self.exceptions.iter().filter(move |it| parse_date(&it.on) == Some(on));
            days.find(|it| covers(&it.from, &it.to, minute)).map(|it| it.usernames.as_slice())
        };
        let differs = |on: NaiveDate| self.exceptions.iter().any(|it| parse_date(&it.on) == Some(on));
        let of_week = |on: NaiveDate, minute: u32| {
            let weekday = weekday_of(on);
            let mut shifts = self.shifts.iter().filter(|it| it.weekdays.contains(&weekday));
            shifts.find(|it| covers(&it.from, &it.to, minute)).map(|it| it.usernames.as_slice())
        };
        let dated = days.iter().filter_map(|(on, minute)| Some(((*on)?, *minute)));
        let exception = dated.clone().find_map(|(on, minute)| of_day(on, minute));
        let weekly = || dated.filter(|(on, _)| !differs(*on)).find_map(|(on, minute)| of_week(on, minute));
        exception.or_else(weekly).unwrap_or_default()
    }

    pub(super) fn check(&self, faults: &mut Faults) {
        for (field, n, most) in
            [("shifts", self.shifts.len(), SHIFTS_MAX), ("exceptions", self.exceptions.len(), EXCEPTIONS_MAX)]
        {
            if n > most {
                faults.add(field, format!("最多 {most} 项。 At most {most}."));
                return;
            }
        }
        let mut taken = Vec::new();
        for (i, shift) in self.shifts.iter().enumerate() {
            let field = format!("shifts[{i}]");
            check_people(faults, &field, &shift.usernames);
            let mut weekdays = shift.weekdays.clone();
            weekdays.sort_unstable();
            weekdays.dedup();
            if weekdays.is_empty() || weekdays.len() != shift.weekdays.len() {
                faults.add(
                    format!("{field}.weekdays"),
                    "至少写一个星期几，不要重复。 Give at least one weekday, none twice.",
                );
            }
            let Some((from, n)) = check_span(faults, &field, &shift.from, &shift.to) else { continue };
            let begins = weekdays.iter().map(|it| index_of(*it) * DAY + from);
            let spans: Vec<(u32, u32)> = begins.map(|it| (it, n)).collect();
            if spans.iter().any(|it| taken.iter().any(|other| overlap_in_week(*it, *other))) {
                faults.add(
                    format!("{field}.from"),
                    "与前面的班次重叠。 It overlaps a shift before it; each moment has one shift.",
                );
            }
            taken.extend(spans);
        }
        self.check_exceptions(faults);
    }

    fn check_exceptions(&self, faults: &mut Faults) {
        let mut taken: Vec<(i64, i64)> = Vec::new();
        for (i, day) in self.exceptions.iter().enumerate() {
            let field = format!("exceptions[{i}]");
            check_people(faults, &field, &day.usernames);
            let on = parse_date(&day.on);
            if on.is_none() {
                faults.add(
                    format!("{field}.on"),
                    "日期要写成 2026-10-01 这样。 Write the date like 2026-10-01.",
                );
            }
            let span = check_span(faults, &field, &day.from, &day.to);
            let (Some(on), Some((from, n))) = (on, span) else { continue };
            let begin = i64::from(on.num_days_from_ce()) * i64::from(DAY) + i64::from(from);
            let span = (begin, begin + i64::from(n));
            if taken.iter().any(|it| it.0 < span.1 && span.0 < it.1) {
                faults.add(
                    format!("{field}.from"),
                    "与前面的一项重叠。 It overlaps one before it; each moment has one shift.",
                );
            }
            taken.push(span);
        }
    }
}

/// Minute of the day it begins and minutes it lasts.
fn span_of(from: &str, to: &str) -> Option<(u32, u32)> {
    let (from, to) = (parse_minute(from).filter(|it| *it < DAY)?, parse_minute(to)?);
    let end = if to > from { to } else { to + DAY };
    Some((from, end - from))
}

/// Whether a shift covers the minute, counted from midnight of the day it begins.
fn covers(from: &str, to: &str, minute: u32) -> bool {
    span_of(from, to).is_some_and(|(from, n)| (from..from + n).contains(&minute))
}

/// Whether two spans of a week, each a beginning and a length, share a minute; Sunday runs into Monday.
fn overlap_in_week(one: (u32, u32), other: (u32, u32)) -> bool {
    let after = |from: u32, to: u32| (to + WEEK - from) % WEEK;
    after(one.0, other.0) < one.1 || after(other.0, one.0) < other.1
}

fn check_span(faults: &mut Faults, field: &str, from: &str, to: &str) -> Option<(u32, u32)> {
    let span = span_of(from, to);
    if span.is_none() {
        faults.add(
            format!("{field}.from"),
            "时间要写成 18:00 这样，最晚到 24:00。 Write times like 18:00, at most 24:00.",
        );
    }
    span
}

fn check_people(faults: &mut Faults, field: &str, names: &[String]) {
    let is_twice = names.iter().enumerate().any(|(i, it)| names[..i].contains(it));
    if names.is_empty() || names.len() > PEOPLE_MAX || is_twice {
        faults.add(
            format!("{field}.usernames"),
            format!(
                "写 1 到 {PEOPLE_MAX} 个用户名，不要重复。 Give 1 to {PEOPLE_MAX} usernames, none twice."
            ),
        );
    }
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    let date: NaiveDate = text.parse().ok()?;
    (date.to_string() == text).then_some(date)
}

/// Minutes after midnight of `HH:MM`, 00:00 to 24:00.
fn parse_minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |it: &str| -> Option<u32> {
        (it.len() == 2 && it.bytes().all(|it| it.is_ascii_digit())).then(|| it.parse().ok())?
    };
    let minute = two_digits(hours)? * 60 + two_digits(minutes).filter(|it| *it < 60)?;
    (minute <= DAY).then_some(minute)
}

fn weekday_of(on: NaiveDate) -> Weekday {
    let index = on.weekday().num_days_from_monday();
    Weekday::ALL.iter().copied().find(|it| index_of(*it) == index).unwrap_or(Weekday::Mon)
}

fn index_of(weekday: Weekday) -> u32 {
    match weekday {
        Weekday::Mon => 0,
        Weekday::Tue => 1,
        Weekday::Wed => 2,
        Weekday::Thu => 3,
        Weekday::Fri => 4,
        Weekday::Sat => 5,
        Weekday::Sun => 6,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::refusal::Refusal;
    use crate::domain::setup::{Details, SetupKind};

    fn roster(fields: Value) -> Roster {
        let roster: Roster = serde_json::from_value(fields).unwrap();
        let mut faults = Faults::default();
        roster.check(&mut faults);
        assert!(faults.0.is_empty(), "{faults:?}");
        roster
    }

    #[track_caller]
    fn check_faults(fields: &Value, expected: &[&str]) {
        let named: Vec<String> = match Details::parse(SetupKind::Roster, fields) {
            Ok(_) => Vec::new(),
            Err(Refusal::Invalid(faults)) => faults.0.into_iter().map(|it| it.field).collect(),
            Err(other) => panic!("another refusal: {other:?}"),
        };
        assert_eq!(named, expected, "{fields}");
    }

    fn week(shifts: &[(&str, &str, &str)]) -> Value {
        let shift = |(day, from, to): &(&str, &str, &str)| json!({"weekdays": [day], "from": from, "to": to, "usernames": ["li"]});
        json!({"shifts": shifts.iter().map(shift).collect::<Vec<_>>()})
    }

    #[test]
    fn nights_run_into_the_next_day_and_days_that_differ_come_first() {
        let roster = roster(json!({
            "shifts": [
                {"weekdays": ["mon", "tue", "sun"], "from": "08:00", "to": "18:00", "usernames": ["day"]},
                {"weekdays": ["mon", "sun"], "from": "18:00", "to": "08:00", "usernames": ["night"]},
            ],
            "exceptions": [{"on": "2026-11-24", "from": "09:00", "to": "12:00", "usernames": ["other"]}],
        }));
        let at = |text: &str| roster.on_duty(text.parse().unwrap()).join(" ");

        assert_eq!(at("2026-11-23T08:00:00"), "day");
        assert_eq!(at("2026-11-23T17:59:59"), "day");
        assert_eq!(at("2026-11-23T18:00:00"), "night");
        assert_eq!(at("2026-11-23T03:00:00"), "night", "since Sunday");
        assert_eq!(at("2026-11-24T07:59:00"), "night", "it runs to its end");
        assert_eq!(at("2026-11-24T08:30:00"), "", "the week does not hold on a day that differs");
        assert_eq!(at("2026-11-24T09:00:00"), "other");
        assert_eq!(at("2026-11-24T12:00:00"), "");
        assert_eq!(at("2026-11-25T12:00:00"), "");
    }

    #[test]
    fn shifts_that_overlap_are_refused_over_midnight_and_sunday_too() {
        check_faults(&week(&[("mon", "08:00", "18:00"), ("mon", "17:59", "20:00")]), &["shifts[1].from"]);
        check_faults(&week(&[("mon", "22:00", "08:00"), ("tue", "07:00", "09:00")]), &["shifts[1].from"]);
        check_faults(&week(&[("sun", "22:00", "08:00"), ("mon", "07:00", "09:00")]), &["shifts[1].from"]);
        check_faults(&week(&[("mon", "08:00", "08:00"), ("tue", "08:00", "08:00")]), &[]);
        check_faults(&week(&[("sun", "22:00", "24:00"), ("mon", "00:00", "08:00")]), &[]);
        let day =
            |on: &str, from: &str, to: &str| json!({"on": on, "from": from, "to": to, "usernames": ["li"]});
        let two =
            json!({"exceptions": [day("2026-10-01", "20:00", "08:00"), day("2026-10-02", "07:59", "09:00")]});
        check_faults(&two, &["exceptions[1].from"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        check_faults(&week(&[("mon", "8:00", "18:00")]), &["shifts[0].from"]);
        check_faults(&week(&[("mon", "24:00", "18:00")]), &["shifts[0].from"]);
        check_faults(&week(&[("mo", "08:00", "18:00")]), &["shifts[0].weekdays[0]"]);
        let shift = |weekdays: Value, names: Value| json!({"shifts": [{"weekdays": weekdays, "from": "08:00", "to": "09:00", "usernames": names}]});
        check_faults(&shift(json!([]), json!(["li"])), &["shifts[0].weekdays"]);
        check_faults(&shift(json!(["mon"]), json!([])), &["shifts[0].usernames"]);
        check_faults(&shift(json!(["mon"]), json!(["li", "li"])), &["shifts[0].usernames"]);
        let day = json!({"exceptions": [{"on": "2026-02-30", "from": "08:00", "to": "09:00", "usernames": ["li"]}]});
        check_faults(&day, &["exceptions[0].on"]);
        check_faults(&json!({"phone": "119"}), &["phone"]);
    }
}
