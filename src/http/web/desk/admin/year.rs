//! A calendar's year: which days are worked, which are official days off, which were swapped.

use chrono::{Datelike as _, NaiveDate};

use super::super::{Frame, PageCaller};
use crate::domain::calendar::{CalendarSettings, DayRule, WorkingCalendar};
use crate::domain::setup::Details;
use crate::service::setup::{self, EntryCard};
use crate::service::{App, Error};

/// The years that a calendar can show.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2100;

/// A year by months.
pub(super) struct Year {
    pub(super) number: i32,
    pub(super) before: i32,
    pub(super) after: i32,
    /// False while its official days are not loaded.
    pub(super) is_loaded: bool,
    pub(super) months: Vec<Month>,
}

/// A month, its days in weeks that begin on Monday.
pub(super) struct Month {
    pub(super) name: String,
    pub(super) weeks: Vec<Vec<Cell>>,
}

/// A day, or an empty place before the first and after the last.
#[derive(Clone, Default)]
pub(super) struct Cell {
    pub(super) day: Option<u32>,
    /// `off`, `holiday`, `swapped`, `own`, or nothing for an ordinary working day.
    pub(super) tone: &'static str,
    /// What decided it, in words.
    pub(super) title: String,
}

/// The year of a calendar; none for another kind.
pub(super) async fn of(
    app: &App,
    caller: &PageCaller,
    frame: &Frame,
    card: &EntryCard,
    asked: Option<i32>,
) -> Result<Option<Year>, Error> {
    let Details::Calendar(settings) = &card.entry.details else { return Ok(None) };
    let calendar = with_loaded(app, caller, settings).await?;
    let this = frame.now.local_date(calendar.zone()).year();
    let year = asked.filter(|it| YEARS.contains(it)).unwrap_or(this);
    let months = (1..=12).filter_map(|month| month_of(frame, &calendar, year, month)).collect();
    Ok(Some(Year {
        number: year,
        before: year - 1,
        after: year + 1,
        is_loaded: calendar.is_year_loaded(year),
        months,
    }))
}

async fn with_loaded(
    app: &App,
    caller: &PageCaller,
    settings: &CalendarSettings,
) -> Result<WorkingCalendar, Error> {
    let mut loaded = crate::domain::calendar::OfficialYears::default();
    for card in setup::list_years(app, caller).await? {
        if card.origin == setup::YearOrigin::Loaded {
            loaded.0.insert(card.days.year, card.days.notice()?);
        }
    }
    Ok(settings.check()?.with_years(&loaded))
}

fn month_of(frame: &Frame, calendar: &WorkingCalendar, year: i32, month: u32) -> Option<Month> {
    let first = NaiveDate::from_ymd_opt(year, month, 1)?;
    let mut cells = vec![Cell::default(); usize::try_from(first.weekday().num_days_from_monday()).ok()?];
    let mut date = first;
    while date.month() == month {
        cells.push(cell(frame, calendar, date));
        date = date.succ_opt()?;
    }
    while cells.len() % 7 != 0 {
        cells.push(Cell::default());
    }
    let weeks = cells.chunks(7).map(<[Cell]>::to_vec).collect();
    Some(Month { name: frame.say_with("set.month", &[("n", &month.to_string())]), weeks })
}

fn cell(frame: &Frame, calendar: &WorkingCalendar, date: NaiveDate) -> Cell {
    let day = calendar.day(date);
    let tone = match (day.rule, day.is_working) {
        (DayRule::Week, true) => "",
        (DayRule::Week, false) => "off",
        (DayRule::Official, true) => "swapped",
        (DayRule::Official, false) => "holiday",
        (DayRule::Own, _) => "own",
    };
    let worked = frame.say(if day.is_working { "set.worked" } else { "set.not_worked" });
    let name = day.name.unwrap_or_default();
    Cell { day: Some(date.day()), tone, title: format!("{date} {worked} {name}") }
}
