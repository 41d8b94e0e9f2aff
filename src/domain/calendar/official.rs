//! Official days off and swapped working days (调休) of mainland China, shipped as facts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

const HOLIDAYS_CN: &str = include_str!("holidays_cn.json");

/// A notice names at most this many days in one row; it keeps a slip in the file from running on.
const ROW_DAYS_MAX: usize = 31;

/// What the State Council's notice says of one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfficialDay {
    /// True for a make-up working day, false for a day off.
    pub is_working: bool,
    /// The holiday it belongs to, in Chinese.
    pub name: String,
}

/// Official days loaded beside those shipped, by the year of their notice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OfficialYears(pub BTreeMap<i32, BTreeMap<NaiveDate, OfficialDay>>);

impl OfficialYears {
    /// Those shipped with the program.
    pub fn shipped() -> &'static Self {
        shipped_years()
    }

    /// True when none was loaded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a loaded notice says of `date`: a year's notice may name days of its neighbours.
    pub(super) fn day(&self, date: NaiveDate) -> Option<&OfficialDay> {
        self.0.values().rev().find_map(|it| it.get(&date))
    }
}

#[derive(Debug, Default)]
struct OfficialDays {
    years: OfficialYears,
    /// Those of all years, for looking up one.
    days: BTreeMap<NaiveDate, OfficialDay>,
}

#[derive(Deserialize)]
struct Shipped {
    years: BTreeMap<i32, Vec<ShippedHoliday>>,
}

#[derive(Deserialize)]
struct ShippedHoliday {
    name: String,
    off: Vec<String>,
    work: Vec<String>,
}

// A broken file would leave every year unloaded, and every due time provisional: the alarm of PRODUCT §5.
static OFFICIAL: LazyLock<OfficialDays> = LazyLock::new(|| read(HOLIDAYS_CN).unwrap_or_default());

/// What is official about `date`; None for a day that follows the week.
pub(super) fn shipped_day(date: NaiveDate) -> Option<&'static OfficialDay> {
    OFFICIAL.days.get(&date)
}

/// Whether the notice for `year` is among the shipped ones.
pub(super) fn is_year_loaded(year: i32) -> bool {
    OFFICIAL.years.0.contains_key(&year)
}

/// Every shipped notice.
pub(super) fn shipped_years() -> &'static OfficialYears {
    &OFFICIAL.years
}

/// The last year whose notice is shipped; None if the file held none.
pub(super) fn last_year() -> Option<i32> {
    OFFICIAL.years.0.keys().next_back().copied()
}

fn read(json: &str) -> Option<OfficialDays> {
    let shipped: Shipped = serde_json::from_str(json).ok()?;
    let mut official = OfficialDays::default();
    for (year, holidays) in shipped.years {
        let notice = official.years.0.entry(year).or_default();
        for holiday in holidays {
            for (rows, is_working) in [(&holiday.off, false), (&holiday.work, true)] {
                for row in rows {
                    let (first, last) = row.split_once('/').unwrap_or((row, row));
                    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
                    let days = NaiveDate::iter_days(&first).take(ROW_DAYS_MAX).take_while(|it| *it <= last);
                    notice
                        .extend(days.map(|it| (it, OfficialDay { is_working, name: holiday.name.clone() })));
                }
            }
        }
        official.days.extend(notice.iter().map(|(on, day)| (*on, day.clone())));
    }
    Some(official)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_day_is_read() {
        assert!(OFFICIAL.years.0.keys().copied().eq(2007..=2026));
        assert_eq!(OFFICIAL.days.len(), 678);
        assert_eq!(OFFICIAL.days.values().filter(|it| it.is_working).count(), 133);
    }

    #[test]
    fn a_broken_file_loads_no_year() {
        assert!(read("{}").is_none());
        assert!(read(r#"{"years":{"2007":[{"name":"元旦","off":["2007-13-01"],"work":[]}]}}"#).is_none());
    }
}
