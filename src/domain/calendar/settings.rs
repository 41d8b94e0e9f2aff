//! A working calendar as JSON, and the check that makes one of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Holidays, MonthDay, OfficialYears, OwnDay, STANDARD_DAY, Season, Span, WorkingCalendar};
use crate::domain::refusal::{Faults, Refusal};

/// Twelve months are the most that anyone keeps different hours by.
const SEASONS_MAX: usize = 12;
/// More breaks in one day than this are a slip of the pen.
const SPANS_A_DAY_MAX: usize = 8;
/// Ten years of a node's own days, generously.
const OWN_DAYS_MAX: usize = 1_000;
/// Fits a cell of the calendar page.
const NAME_CHARS_MAX: usize = 40;
/// The years the product was made for.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The settings of a calendar, each with a default; `{}` is the standard calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CalendarSettings {
    /// IANA name of the time zone that the hours are meant in.
    pub time_zone: String,
    pub holidays: Holidays,
    /// Every day of the year lies in exactly one season.
    pub seasons: Vec<SeasonSettings>,
    /// Days closed here alone; they come before every other rule.
    pub closed_days: Vec<ClosedDay>,
    /// Days worked here alone; they come before every other rule.
    pub open_days: Vec<OpenDay>,
    /// Years that are not shipped, whose official days somebody has entered above.
    pub years_confirmed: Vec<i32>,
}

/// Opening hours from one day of the year to another, both included; it may run over the new year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeasonSettings {
    /// `MM-DD`.
    pub from: String,
    /// `MM-DD`.
    pub to: String,
    /// Weekday (`mon` to `sun`) to spans `HH:MM-HH:MM`; a weekday left out is closed.
    pub week: BTreeMap<String, Vec<String>>,
}

/// A day on which a node is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClosedDay {
    /// `YYYY-MM-DD`.
    pub on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A day on which a node works although it would be closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenDay {
    /// `YYYY-MM-DD`.
    pub on: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Spans `HH:MM-HH:MM`; left out, the hours of an ordinary working day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<String>,
}

impl Default for CalendarSettings {
    fn default() -> Self {
        let hours: Vec<String> = STANDARD_DAY.iter().map(ToString::to_string).collect();
        let week = WEEKDAYS.iter().take(5).map(|it| ((*it).to_owned(), hours.clone())).collect();
        Self {
            time_zone: "Asia/Shanghai".to_owned(),
            holidays: Holidays::Cn,
            seasons: vec![SeasonSettings { from: "01-01".to_owned(), to: "12-31".to_owned(), week }],
            closed_days: Vec::new(),
            open_days: Vec::new(),
            years_confirmed: Vec::new(),
        }
    }
}

impl WorkingCalendar {
    /// Reads the settings of a calendar.
    ///
    /// # Errors
    /// `Refusal::Invalid` with every field at fault; a wrong shape is told for its first field.
    pub fn parse(settings: &serde_json::Value) -> Result<Self, Refusal> {
        let settings: CalendarSettings = serde_path_to_error::deserialize(settings).map_err(|error| {
            let field = error.path().to_string();
            Refusal::field(field, format!("日历设置写得不对。 Not a calendar setting: {}.", error.inner()))
        })?;
        settings.check()
    }
}

impl CalendarSettings {
    /// Makes a calendar of the settings.
    ///
    /// # Errors
    /// `Refusal::Invalid` with every field at fault: overlapping or backward spans, unknown
    /// weekdays, impossible dates, seasons that overlap or leave a day out, nothing ever open.
    pub fn check(&self) -> Result<WorkingCalendar, Refusal> {
        let mut faults = Faults::default();
        let zone = self.time_zone.parse::<Tz>().unwrap_or_else(|_| {
            faults.add(
                "time_zone",
                "没有这个时区，请写成 Asia/Shanghai 这样。 No such time zone; write it like Asia/Shanghai.",
            );
            Tz::Asia__Shanghai
        });
        let seasons = self.check_seasons(&mut faults);
        let own = self.check_own_days(&mut faults);
        for (i, year) in self.years_confirmed.iter().enumerate() {
            if !YEARS.contains(year) {
                faults.add(
                    format!("years_confirmed[{i}]"),
                    "年份要在2000到2100之间。 The year must be 2000 to 2100.",
                );
            }
        }
        let years_confirmed: BTreeSet<i32> = self.years_confirmed.iter().copied().collect();
        let years = OfficialYears::default();
        faults.check(WorkingCalendar { zone, holidays: self.holidays, seasons, own, years_confirmed, years })
    }

    fn check_seasons(&self, faults: &mut Faults) -> Vec<Season> {
        let n_faults = faults.0.len();
        if self.seasons.len() > SEASONS_MAX {
            faults.add("seasons", format!("最多{SEASONS_MAX}个季节。 At most {SEASONS_MAX} seasons."));
            return Vec::new();
        }
        let seasons: Vec<Season> = (self.seasons.iter().enumerate())
            .filter_map(|(i, it)| check_season(faults, &format!("seasons[{i}]"), it))
            .collect();
        if faults.0.len() > n_faults {
            return seasons;
        }
        // 2024 is a leap year: all 366 days of the year.
        let days = NaiveDate::from_yo_opt(2024, 1).into_iter().flat_map(|it| it.iter_days().take(366));
        for day in days.map(MonthDay::of) {
            let n_seasons = seasons.iter().filter(|it| it.contains(day)).count();
            if n_seasons != 1 {
                let (zh, en) =
                    if n_seasons == 0 { ("不属于任何", "no") } else { ("属于多个", "several") };
                let day = format!("{:02}-{:02}", day.month, day.day);
                faults.add("seasons", format!("{day}{zh}季节。 {day} lies in {en} season(s)."));
                return seasons;
            }
        }
        if seasons.iter().all(|it| it.week.iter().all(Vec::is_empty)) {
            faults.add("seasons", "请至少写一段开放时间。 Give at least one span of opening hours.");
        }
        seasons
    }

    fn check_own_days(&self, faults: &mut Faults) -> BTreeMap<NaiveDate, OwnDay> {
        let mut own = BTreeMap::new();
        if self.closed_days.len() + self.open_days.len() > OWN_DAYS_MAX {
            let message = format!(
                "休息日和加班日合计最多{OWN_DAYS_MAX}天。 At most {OWN_DAYS_MAX} closed and open days together."
            );
            faults.add("closed_days", message);
            return own;
        }
        let closed = self
            .closed_days
            .iter()
            .enumerate()
            .map(|(i, it)| (format!("closed_days[{i}]"), &it.on, &it.name, None));
        let open = self
            .open_days
            .iter()
            .enumerate()
            .map(|(i, it)| (format!("open_days[{i}]"), &it.on, &it.name, Some(&it.hours)));
        for (field, on, name, hours) in closed.chain(open) {
            if name.as_ref().is_some_and(|it| it.chars().count() > NAME_CHARS_MAX) {
                faults.add(
                    format!("{field}.name"),
                    format!("名称最多{NAME_CHARS_MAX}个字。 A name has at most {NAME_CHARS_MAX} characters."),
                );
            }
            let name = name.clone();
            let day = match hours {
                None => OwnDay::Closed { name },
                Some(hours) => {
                    OwnDay::Open { name, spans: check_spans(faults, &format!("{field}.hours"), hours) }
                }
            };
            let field = format!("{field}.on");
            let Some(date) = parse_date(on) else {
                faults.add(field, "日期要写成 2026-10-01 这样。 Write the date like 2026-10-01.");
                continue;
            };
            if own.insert(date, day).is_some() {
                faults.add(field, format!("{date}写了两次。 {date} is given twice."));
            }
        }
        own
    }
}

impl MonthDay {
    fn of(date: NaiveDate) -> Self {
        use chrono::Datelike as _;
        Self { month: date.month(), day: date.day() }
    }
}

impl std::fmt::Display for Span {
    /// `08:30-12:00`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (self.from, self.to);
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

fn check_season(faults: &mut Faults, field: &str, season: &SeasonSettings) -> Option<Season> {
    let mut month_day = |name: &str, text: &str| {
        let day = parse_date(&format!("2024-{text}")).map(MonthDay::of);
        if day.is_none() {
            faults.add(format!("{field}.{name}"), "月日要写成 05-01 这样。 Write month and day like 05-01.");
        }
        day
    };
    let (from, to) = (month_day("from", &season.from), month_day("to", &season.to));
    let mut week: [Vec<Span>; 7] = Default::default();
    for (name, hours) in &season.week {
        let field = format!("{field}.week.{name}");
        match WEEKDAYS.iter().zip(&mut week).find(|(it, _)| **it == name.as_str()) {
            Some((_, day)) => *day = check_spans(faults, &field, hours),
            None => faults.add(
                field,
                format!(
                    "没有这个星期名。可以写：{0}。 No such weekday; write one of {0}.",
                    WEEKDAYS.join(" ")
                ),
            ),
        }
    }
    Some(Season { from: from?, to: to?, week })
}

/// The spans in order, when each is one and none overlaps another.
fn check_spans(faults: &mut Faults, field: &str, hours: &[String]) -> Vec<Span> {
    if hours.len() > SPANS_A_DAY_MAX {
        faults.add(field, format!("一天最多{SPANS_A_DAY_MAX}段。 At most {SPANS_A_DAY_MAX} spans a day."));
        return Vec::new();
    }
    let mut spans = Vec::new();
    for (i, text) in hours.iter().enumerate() {
        let field = format!("{field}[{i}]");
        match parse_span(text) {
            None => faults
                .add(field, "时间段要写成 08:30-12:00 这样。 Write a span like 08:30-12:00, at most 24:00."),
            Some(span) if span.to <= span.from => {
                faults.add(field, "结束要晚于开始。 The end must be after the start.");
            }
            Some(span) if spans.iter().any(|it: &Span| it.from < span.to && span.from < it.to) => {
                faults.add(field, "与同一天的另一段重叠。 It overlaps another span of the day.");
            }
            Some(span) => spans.push(span),
        }
    }
    spans.sort_unstable();
    spans
}

fn parse_span(text: &str) -> Option<Span> {
    let (from, to) = text.split_once('-')?;
    Some(Span { from: parse_minute(from)?, to: parse_minute(to)? })
}

/// Minutes after midnight of `HH:MM`, 00:00 to 24:00.
fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let minute = parse_two_digits(hours)? * 60 + parse_two_digits(minutes).filter(|it| *it < 60)?;
    (minute <= 1_440).then_some(minute)
}

fn parse_two_digits(text: &str) -> Option<u16> {
    (text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A date written `YYYY-MM-DD` and nothing looser.
pub(super) fn parse_date(text: &str) -> Option<NaiveDate> {
    let date: NaiveDate = text.parse().ok()?;
    (date.to_string() == text).then_some(date)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check_fault(settings: &Value, fields: &[&str]) {
        let Err(Refusal::Invalid(faults)) = WorkingCalendar::parse(settings) else {
            panic!("taken: {settings}");
        };
        assert_eq!(faults.0.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), fields);
    }

    #[test]
    fn no_settings_are_the_standard_calendar_and_round_trip() {
        assert_eq!(WorkingCalendar::parse(&json!({})), Ok(WorkingCalendar::default()));

        let written = serde_json::to_value(CalendarSettings::default()).unwrap();
        assert_eq!(WorkingCalendar::parse(&written), Ok(WorkingCalendar::default()));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let week = |hours: Value| json!({"seasons": [{"from": "01-01", "to": "12-31", "week": hours}]});
        check_fault(&week(json!({"mon": ["08:30-12:00", "11:00-13:00"]})), &["seasons[0].week.mon[1]"]);
        check_fault(
            &week(
                json!({"mon": ["12:00-08:30"], "tue": ["8-12"], "wed": ["09:00-24:01"], "xyz": ["09:00-10:00"]}),
            ),
            &[
                "seasons[0].week.mon[0]",
                "seasons[0].week.tue[0]",
                "seasons[0].week.wed[0]",
                "seasons[0].week.xyz",
            ],
        );
        check_fault(&week(json!({})), &["seasons"]);
        check_fault(
            &json!({"time_zone": "Mars/Base", "years_confirmed": [1]}),
            &["time_zone", "years_confirmed[0]"],
        );
        check_fault(
            &json!({"closed_days": [{"on": "2026-02-30"}, {"on": "2026-3-1"}]}),
            &["closed_days[0].on", "closed_days[1].on"],
        );
        check_fault(
            &json!({"closed_days": [{"on": "2026-03-01"}], "open_days": [{"on": "2026-03-01"}]}),
            &["open_days[0].on"],
        );
        check_fault(
            &json!({"open_days": [{"on": "2026-03-01", "name": "长".repeat(41), "hours": ["x"]}]}),
            &["open_days[0].name", "open_days[0].hours[0]"],
        );
    }

    #[test]
    fn a_wrong_shape_names_its_field() {
        check_fault(&json!({"opening": {}}), &["opening"]);
        check_fault(&json!({"closed_days": [{"on": 5}]}), &["closed_days[0].on"]);
        check_fault(&json!({"holidays": "mars"}), &["holidays"]);
    }

    #[test]
    fn seasons_cover_each_day_once() {
        let season = |from: &str, to: &str| json!({"from": from, "to": to, "week": {"mon": ["09:00-10:00"]}});
        let seasons = |list: Value| json!({"seasons": list});

        assert!(
            WorkingCalendar::parse(&seasons(json!([season("05-01", "09-30"), season("10-01", "04-30")])))
                .is_ok()
        );
        check_fault(&seasons(json!([season("01-01", "02-28"), season("03-01", "12-31")])), &["seasons"]);
        check_fault(&seasons(json!([season("01-01", "12-31"), season("03-01", "03-01")])), &["seasons"]);
        check_fault(&seasons(json!([])), &["seasons"]);
        check_fault(&seasons(json!([season("02-30", "12-31")])), &["seasons[0].from"]);
    }

    #[test]
    fn a_swapped_saturday_is_a_whole_day_whatever_duty_saturdays_have() {
        let week = json!({"mon": ["09:00-17:00"], "sat": ["09:00-12:00"]});
        let calendar = WorkingCalendar::parse(&json!({
            "seasons": [{"from": "01-01", "to": "12-31", "week": week}],
            "open_days": [{"on": "2026-03-08"}],
        }));
        let calendar = calendar.unwrap();
        let spans = |date: &str| calendar.spans_on(date.parse().unwrap()).to_vec();

        let (whole, duty) = ([Span { from: 540, to: 1_020 }], [Span { from: 540, to: 720 }]);
        assert_eq!(spans("2026-02-28"), whole, "a swapped Saturday");
        assert_eq!(spans("2026-03-07"), duty, "any other Saturday");
        assert_eq!(spans("2026-03-08"), whole, "a Sunday the node opens itself");
    }

    #[test]
    fn hours_change_with_the_season() {
        let calendar = WorkingCalendar::parse(&json!({"seasons": [
            {"from": "05-01", "to": "09-30", "week": {"mon": ["08:00-12:00"]}},
            {"from": "10-01", "to": "04-30", "week": {"mon": ["09:00-12:00"]}},
        ]}));
        let calendar = calendar.unwrap();
        let spans = |date: &str| calendar.spans_on(date.parse().unwrap()).to_vec();

        assert_eq!(spans("2026-06-01"), [Span { from: 480, to: 720 }]);
        assert_eq!(spans("2026-01-05"), [Span { from: 540, to: 720 }]);
        assert_eq!(spans("2026-01-06"), []);
        assert_eq!(
            spans("2026-01-04"),
            [Span { from: 540, to: 720 }],
            "a make-up Sunday keeps Monday's hours"
        );
    }
}
