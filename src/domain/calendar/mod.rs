//! The working calendar of a node: which days are worked, and from when to when.
//!
//! A day is decided by the node's own list first, then by the official days off and swapped
//! working days (调休), then by the week of the season. `counting` measures time along it,
//! `settings` reads it from JSON, `years` reads official days from a file.

mod counting;
mod official;
mod settings;
mod years;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

pub use counting::{Due, PastLimit};
pub use official::{OfficialDay, OfficialYears};
pub use settings::{CalendarSettings, ClosedDay, OpenDay, SeasonSettings};
pub use years::{NamedDay, Notice, OfficialYear, read_years};

use super::value::At;
use crate::words;

words! {
    /// Whose official days off a calendar follows.
    Holidays {
        /// Mainland China, as the State Council publishes them each year.
        Cn = "cn",
        /// Nobody's: only the week and the node's own days count.
        None = "none",
    }
}

words! {
    /// What decided whether a day is worked.
    DayRule {
        /// The opening hours of its weekday.
        Week = "week",
        /// The official days off and swapped working days.
        Official = "official",
        /// The node's own closed and open days.
        Own = "own",
    }
}

/// Opening hours in one day: local minutes after midnight, `from` included, `to` excluded, 0 to 1440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub from: u16,
    pub to: u16,
}

/// What the calendar says of one day, and why; the stuff of 为什么是这一天.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub on: NaiveDate,
    pub is_working: bool,
    pub rule: DayRule,
    /// The holiday's or the own day's name; None for a day of the week.
    pub name: Option<String>,
    /// False when the official days of its year are not loaded, so that this may still change.
    pub is_year_loaded: bool,
}

/// A node's opening hours through the year, in its time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingCalendar {
    zone: Tz,
    holidays: Holidays,
    /// Every day of the year lies in exactly one.
    seasons: Vec<Season>,
    own: BTreeMap<NaiveDate, OwnDay>,
    years_confirmed: BTreeSet<i32>,
    /// Official days loaded beside those shipped.
    years: OfficialYears,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Season {
    from: MonthDay,
    to: MonthDay,
    /// Monday first; each day's spans in order and apart.
    week: [Vec<Span>; 7],
}

/// A day of any year, ordered by month, then day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct MonthDay {
    month: u32,
    day: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum OwnDay {
    Closed { name: Option<String> },
    Open { name: Option<String>, spans: Vec<Span> },
}

/// The hours of a working day unless a node sets its own: 08:30–12:00, 14:30–17:30.
const STANDARD_DAY: [Span; 2] = [Span { from: 510, to: 720 }, Span { from: 870, to: 1050 }];

impl Default for WorkingCalendar {
    /// All year Monday to Friday 08:30–12:00 and 14:30–17:30 with the official days of mainland
    /// China, Asia/Shanghai.
    fn default() -> Self {
        let open = || STANDARD_DAY.to_vec();
        let week = [open(), open(), open(), open(), open(), Vec::new(), Vec::new()];
        let (from, to) = (MonthDay { month: 1, day: 1 }, MonthDay { month: 12, day: 31 });
        Self {
            zone: Tz::Asia__Shanghai,
            holidays: Holidays::Cn,
            seasons: vec![Season { from, to, week }],
            own: BTreeMap::new(),
            years_confirmed: BTreeSet::new(),
            years: OfficialYears::default(),
        }
    }
}

impl WorkingCalendar {
    /// The time zone its hours are meant in.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Whether anybody works on `date`.
    pub fn is_working_day(&self, date: NaiveDate) -> bool {
        !self.spans_on(date).is_empty()
    }

    /// Whether the official days of `year` are known: shipped, confirmed by the node, or not followed.
    ///
    /// A due time that depends on a year that is not loaded is provisional and raises an alarm.
    pub fn is_year_loaded(&self, year: i32) -> bool {
        self.holidays == Holidays::None
            || official::is_year_loaded(year)
            || self.years.0.contains_key(&year)
            || self.years_confirmed.contains(&year)
    }

    /// Every year whose official days are known here, rising.
    pub fn years_known(&self) -> Vec<i32> {
        let mut years: BTreeSet<i32> = OfficialYears::shipped().0.keys().copied().collect();
        years.extend(self.years.0.keys());
        years.extend(&self.years_confirmed);
        years.into_iter().collect()
    }

    /// The last year whose official days are shipped with the product; None if there were none.
    pub fn last_shipped_year() -> Option<i32> {
        official::last_year()
    }

    /// The opening hours of `date` in order; empty when it is closed.
    pub fn spans_on(&self, date: NaiveDate) -> &[Span] {
        if let Some(own) = self.own.get(&date) {
            return match own {
                OwnDay::Closed { .. } => &[],
                OwnDay::Open { spans, .. } if spans.is_empty() => self.make_up_spans(date),
                OwnDay::Open { spans, .. } => spans,
            };
        }
        match self.official_day(date) {
            Some(day) if day.is_working => self.make_up_spans(date),
            Some(_) => &[],
            None => self.week_of(date).map_or(&[], |week| spans_of(week, date)),
        }
    }

    /// What `date` is, and which rule made it so.
    pub fn day(&self, date: NaiveDate) -> Day {
        let (rule, name) = match (self.own.get(&date), self.official_day(date)) {
            (Some(OwnDay::Closed { name } | OwnDay::Open { name, .. }), _) => (DayRule::Own, name.clone()),
            (None, Some(day)) => (DayRule::Official, Some(day.name.clone())),
            (None, None) => (DayRule::Week, None),
        };
        let is_year_loaded = self.is_year_loaded(date.year());
        Day { on: date, is_working: self.is_working_day(date), rule, name, is_year_loaded }
    }

    /// The same hours with official days that were loaded beside those shipped.
    #[must_use]
    pub fn with_years(self, years: &OfficialYears) -> Self {
        Self { years: years.clone(), ..self }
    }

    /// The first year from the one of `from` to the one of `to` whose official days are not loaded.
    pub fn missing_year(&self, from: At, to: At) -> Option<i32> {
        (self.local_date(from).year()..=self.local_date(to).year()).find(|it| !self.is_year_loaded(*it))
    }

    fn official_day(&self, date: NaiveDate) -> Option<&OfficialDay> {
        match self.holidays {
            Holidays::Cn => self.years.day(date).or_else(|| official::shipped_day(date)),
            Holidays::None => None,
        }
    }

    /// Hours of a day that is worked whatever its weekday says; the notices name none.
    ///
    /// A weekend day is worked like the weekday it stands in for, not with the short hours of a weekend's duty:
    /// those of the season's first open weekday. Where no weekday is ever open, its own.
    fn make_up_spans(&self, date: NaiveDate) -> &[Span] {
        const WEEKDAYS: usize = 5;
        let Some(week) = self.week_of(date) else { return &[] };
        let of_weekday = spans_of(week, date);
        let is_weekend = date.weekday().num_days_from_monday() >= 5;
        if !is_weekend && !of_weekday.is_empty() {
            return of_weekday;
        }
        let ordinary = week.iter().take(WEEKDAYS).find(|it| !it.is_empty());
        let any = || week.iter().find(|it| !it.is_empty());
        match ordinary {
            Some(ordinary) => ordinary,
            None if of_weekday.is_empty() => any().map_or(&[], |it| it),
            None => of_weekday,
        }
    }

    fn week_of(&self, date: NaiveDate) -> Option<&[Vec<Span>; 7]> {
        let day = MonthDay { month: date.month(), day: date.day() };
        self.seasons.iter().find(|it| it.contains(day)).map(|it| &it.week)
    }
}

impl Season {
    /// A season from a later day to an earlier one runs over the new year.
    fn contains(&self, day: MonthDay) -> bool {
        if self.from <= self.to {
            self.from <= day && day <= self.to
        } else {
            self.from <= day || day <= self.to
        }
    }
}

fn spans_of(week: &[Vec<Span>; 7], date: NaiveDate) -> &[Span] {
    week.iter()
        .zip(0..)
        .find(|(_, it)| *it == date.weekday().num_days_from_monday())
        .map_or(&[], |(it, _)| it)
}
