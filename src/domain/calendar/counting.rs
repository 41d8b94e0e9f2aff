//! Measures time along a working calendar: working days, working time and calendar days.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use thiserror::Error;

use super::{Day, WorkingCalendar};
use crate::domain::value::At;

/// No count looks at more days than this, 30 years: far above any promise, and a bound on the work.
const DAYS_MAX: u32 = 11_000;

/// Clocks were never put forward by more than this: a whole day, when a place crossed the date line.
const GAP_MINUTES_MAX: u32 = 1_440;

/// When something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub at: At,
    /// True when a counted day lies in a year whose official days are not loaded.
    pub is_provisional: bool,
}

/// The answer lies more than 30 years away, or past the year 9999, or nothing ever opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "在30年内算不出期限。请检查工作日历的开放时间。 No answer within 30 years; check the calendar's opening hours."
)]
pub struct PastLimit;

impl WorkingCalendar {
    /// The calendar day of `at` in this calendar's time zone.
    pub fn local_date(&self, at: At) -> NaiveDate {
        at.local_date(self.zone)
    }

    /// The close of business on the `n`th working day after the day of `start`.
    ///
    /// The day it starts on is not counted, and the last day ends when business closes: Civil Code
    /// (民法典) §201 and §203. With `n` = 0, the first close of business at or after `start`.
    ///
    /// # Errors
    /// `PastLimit` when that day is not found within 30 years or the year 9999.
    pub fn end_of_working_days(&self, start: At, n: u32) -> Result<Due, PastLimit> {
        let first = self.local_date(start);
        let mut is_provisional = false;
        let mut n_left = n.max(1);
        for date in first.iter_days().skip(usize::from(n > 0)).take(DAYS_MAX as usize) {
            is_provisional |= !self.is_year_loaded(date.year());
            let Some(close) = self.open_on(date).last().map(|(_, close)| close) else { continue };
            if n == 0 && close < start {
                continue;
            }
            n_left -= 1;
            if n_left == 0 {
                return Ok(Due { at: close, is_provisional });
            }
        }
        Err(PastLimit)
    }

    /// Every day from `from` to `to`, both included, with what it is and why, at most 400: the
    /// explanation of a due time.
    pub fn days_between(&self, from: NaiveDate, to: NaiveDate) -> Vec<Day> {
        const EXPLAINED_DAYS_MAX: usize = 400;
        let days = from.iter_days().take(EXPLAINED_DAYS_MAX).take_while(|it| *it <= to);
        days.map(|it| self.day(it)).collect()
    }

    /// The moment `minutes` of open time after `start`; of no minutes at all, the next open moment.
    ///
    /// # Errors
    /// `PastLimit` when it is not found within 30 years or the year 9999.
    pub fn add_working_minutes(&self, start: At, minutes: u32) -> Result<Due, PastLimit> {
        self.add_working_time(start, TimeDelta::minutes(i64::from(minutes)))
    }

    /// As `add_working_minutes`, exact to the microsecond; a negative `span` counts as none.
    ///
    /// The answer is never in closed time; the moment of closing itself still counts as open.
    ///
    /// # Errors
    /// `PastLimit` when it is not found within 30 years or the year 9999.
    pub fn add_working_time(&self, start: At, span: TimeDelta) -> Result<Due, PastLimit> {
        let mut left = span.max(TimeDelta::zero());
        let mut is_provisional = false;
        // From the day before: an opening time of 24:00 closes at the first moment of the next day.
        let first = self.local_date(start);
        for date in first.pred_opt().unwrap_or(first).iter_days().take(DAYS_MAX as usize) {
            is_provisional |= date >= first && !self.is_year_loaded(date.year());
            for (open, close) in self.open_on(date) {
                if close < start {
                    continue;
                }
                let from = open.max(start);
                if left <= close - from {
                    return Ok(Due { at: from + left, is_provisional });
                }
                left -= close - from;
            }
        }
        Err(PastLimit)
    }

    /// Whole minutes of open time from `from` to `to`, rounded towards zero; negative when `to` is
    /// the earlier.
    ///
    /// # Errors
    /// `PastLimit` when the two are more than 30 years apart.
    pub fn working_minutes_between(&self, from: At, to: At) -> Result<i64, PastLimit> {
        Ok(self.working_time_between(from, to)?.num_minutes())
    }

    /// As `working_minutes_between`, exact to the microsecond.
    ///
    /// # Errors
    /// `PastLimit` when the two are more than 30 years apart.
    pub fn working_time_between(&self, from: At, to: At) -> Result<TimeDelta, PastLimit> {
        if to < from {
            return self.working_time_between(to, from).map(|it| -it);
        }
        let (first, last) = (self.local_date(from), self.local_date(to));
        if (last - first).num_days() > i64::from(DAYS_MAX) {
            return Err(PastLimit);
        }
        let days = first.iter_days().take_while(|it| *it <= last);
        Ok(days
            .flat_map(|it| self.open_on(it))
            .map(|(open, close)| (close.min(to) - open.max(from)).max(TimeDelta::zero()))
            .fold(TimeDelta::zero(), |sum, it| sum + it))
    }

    /// Whether somebody is there at `at`; at the moment of closing, nobody is.
    pub fn is_open(&self, at: At) -> bool {
        self.open_on(self.local_date(at)).any(|(open, close)| open <= at && at < close)
    }

    /// The first moment at or after `at` when somebody is there.
    ///
    /// # Errors
    /// `PastLimit` when nothing opens within 30 years or before the year 9999 ends.
    pub fn next_open(&self, at: At) -> Result<At, PastLimit> {
        let days = self.local_date(at).iter_days().take(DAYS_MAX as usize);
        let mut spans = days.flat_map(|it| self.open_on(it));
        spans.find(|(_, close)| at < *close).map(|(open, _)| open.max(at)).ok_or(PastLimit)
    }

    /// The same local time `n` calendar days later.
    ///
    /// A time that the clocks skip on that day becomes the first one after the gap.
    ///
    /// # Errors
    /// `PastLimit` when it is more than 30 years away or past the year 9999.
    pub fn add_calendar_days(&self, start: At, n: u32) -> Result<At, PastLimit> {
        if n > DAYS_MAX {
            return Err(PastLimit);
        }
        let local = start.to_utc().with_timezone(&self.zone).naive_local();
        local
            .date()
            .checked_add_days(Days::new(u64::from(n)))
            .and_then(|date| self.moment(date.and_time(local.time())))
            .ok_or(PastLimit)
    }

    /// Opening and closing moments of `date` in order; a span swallowed by a clock change is left out.
    fn open_on(&self, date: NaiveDate) -> impl Iterator<Item = (At, At)> {
        self.spans_on(date).iter().filter_map(move |span| {
            let midnight = date.and_time(chrono::NaiveTime::MIN);
            let at = |minute: u16| {
                self.moment(midnight.checked_add_signed(TimeDelta::minutes(i64::from(minute)))?)
            };
            let (open, close) = (at(span.from)?, at(span.to)?);
            (open < close).then_some((open, close))
        })
    }

    /// The moment of a local time: the earlier of two, or the first after a gap. None outside the
    /// years 1 to 9999.
    fn moment(&self, local: chrono::NaiveDateTime) -> Option<At> {
        let time: DateTime<Utc> = (0..=GAP_MINUTES_MAX).find_map(|minute| {
            let local = local.checked_add_signed(TimeDelta::minutes(i64::from(minute)))?;
            Some(self.zone.from_local_datetime(&local).earliest()?.with_timezone(&Utc))
        })?;
        let at = At::from_utc(time);
        (at.micros() == time.timestamp_micros()).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> At {
        At::parse(text).unwrap()
    }

    fn calendar(settings: &serde_json::Value) -> WorkingCalendar {
        WorkingCalendar::parse(settings).unwrap()
    }

    #[track_caller]
    fn check_days(start: &str, n: u32, due: &str) {
        let expected = Ok(Due { at: at(due), is_provisional: false });
        assert_eq!(WorkingCalendar::default().end_of_working_days(at(start), n), expected);
    }

    #[test]
    fn five_working_days_skip_spring_festival_and_count_the_make_up_day() {
        check_days("2026-02-13T10:00:00+08:00", 5, "2026-02-27T17:30:00+08:00");

        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = WorkingCalendar::default().days_between(day("2026-02-14"), day("2026-02-27"));
        let counted: Vec<_> = days.iter().filter(|it| it.is_working).map(|it| it.on.to_string()).collect();
        assert_eq!(counted, ["2026-02-14", "2026-02-24", "2026-02-25", "2026-02-26", "2026-02-27"]);
        assert_eq!(days[0].name.as_deref(), Some("春节"));
    }

    #[test]
    fn five_working_days_skip_national_day_and_count_its_make_up_saturday() {
        check_days("2026-09-30T23:59:59+08:00", 1, "2026-10-08T17:30:00+08:00");
        check_days("2026-09-30T23:59:59+08:00", 3, "2026-10-10T17:30:00+08:00");
        check_days("2026-09-30T00:00:00+08:00", 5, "2026-10-13T17:30:00+08:00");
    }

    #[test]
    fn the_day_it_starts_on_is_the_local_one() {
        check_days("2026-03-02T15:59:00Z", 1, "2026-03-03T17:30:00+08:00");
        check_days("2026-03-02T16:01:00Z", 1, "2026-03-04T17:30:00+08:00");
    }

    #[test]
    fn no_working_days_end_at_the_first_close() {
        check_days("2026-03-02T07:00:00+08:00", 0, "2026-03-02T17:30:00+08:00");
        check_days("2026-03-02T17:30:01+08:00", 0, "2026-03-03T17:30:00+08:00");
    }

    #[test]
    fn a_year_that_is_not_loaded_makes_the_due_time_provisional() {
        let start = at("2026-12-30T10:00:00+08:00");

        let due = WorkingCalendar::default().end_of_working_days(start, 1).unwrap();
        assert!(!due.is_provisional);
        let due = WorkingCalendar::default().end_of_working_days(start, 2).unwrap();
        assert!(due.is_provisional);
        let due = WorkingCalendar::default().add_working_minutes(start, 1_000).unwrap();
        assert!(due.is_provisional);
        let confirmed = calendar(&json!({"years_confirmed": [2027]}));
        assert!(!confirmed.end_of_working_days(start, 2).unwrap().is_provisional);
    }

    #[test]
    fn working_minutes_stop_at_noon_and_overnight() {
        let calendar = WorkingCalendar::default();
        let add = |start: &str, minutes| calendar.add_working_minutes(at(start), minutes).unwrap().at;

        assert_eq!(add("2026-03-02T11:50:00+08:00", 30), at("2026-03-02T14:50:00+08:00"));
        assert_eq!(add("2026-03-06T17:00:00+08:00", 60), at("2026-03-09T09:00:00+08:00"));
        assert_eq!(add("2026-03-07T09:00:00+08:00", 0), at("2026-03-09T08:30:00+08:00"));
        let (from, to) = (at("2026-03-06T17:00:00+08:00"), at("2026-03-09T09:00:30+08:00"));
        assert_eq!(calendar.working_minutes_between(from, to), Ok(60));
        assert_eq!(calendar.working_minutes_between(to, from), Ok(-60));
    }

    #[test]
    fn an_own_closed_day_and_an_own_open_day_come_before_the_week() {
        let calendar = calendar(&json!({
            "closed_days": [{"on": "2026-03-03", "name": "停电检修"}],
            "open_days": [{"on": "2026-03-07", "hours": ["09:00-11:00"]}],
        }));

        let due = |start: &str, n| calendar.end_of_working_days(at(start), n).unwrap().at;

        assert_eq!(due("2026-03-02T09:00:00+08:00", 1), at("2026-03-04T17:30:00+08:00"));
        assert_eq!(due("2026-03-06T09:00:00+08:00", 1), at("2026-03-07T11:00:00+08:00"));
    }

    #[test]
    fn somebody_is_there_from_opening_until_just_before_closing() {
        let calendar = WorkingCalendar::default();

        assert!(calendar.is_open(at("2026-03-02T08:30:00+08:00")));
        assert!(!calendar.is_open(at("2026-03-02T12:00:00+08:00")));
        let next = calendar.next_open(at("2026-03-02T12:00:00+08:00"));
        assert_eq!(next, Ok(at("2026-03-02T14:30:00+08:00")));
    }

    #[test]
    fn a_clock_change_neither_loses_nor_repeats_an_hour() {
        let open_all_day = json!({"time_zone": "Europe/Berlin", "holidays": "none",
            "seasons": [{"from": "01-01", "to": "12-31", "week": {"sun": ["00:00-24:00"]}}]});
        let calendar = calendar(&open_all_day);

        let minutes = |from: &str, to: &str| calendar.working_minutes_between(at(from), at(to));

        assert_eq!(minutes("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"), Ok(23 * 60));
        assert_eq!(minutes("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"), Ok(25 * 60));
        let skipped = calendar.add_calendar_days(at("2026-03-28T02:30:00+01:00"), 1);
        assert_eq!(skipped, Ok(at("2026-03-29T03:00:00+02:00")));
    }

    #[test]
    fn the_ends_of_time_are_refused_and_never_panic() {
        let calendar = WorkingCalendar::default();
        for start in [At::from_micros(i64::MAX), At::from_micros(i64::MIN), at("9999-12-31T00:00:00Z")] {
            let _due = calendar.end_of_working_days(start, 1);
            assert_eq!(calendar.end_of_working_days(start, u32::MAX), Err(PastLimit));
            assert_eq!(calendar.add_calendar_days(start, u32::MAX), Err(PastLimit));
            let _due = calendar.add_working_minutes(start, 1);
            assert!(calendar.add_working_time(start, TimeDelta::MAX).is_err());
            assert_eq!(calendar.working_minutes_between(At::from_micros(0), start), Err(PastLimit));
        }
        assert_eq!(calendar.end_of_working_days(At::from_micros(i64::MAX), 1), Err(PastLimit));
        assert!(calendar.days_between(NaiveDate::MAX, NaiveDate::MAX).len() <= 1);
        assert!(!calendar.days_between(NaiveDate::MIN, NaiveDate::MAX).is_empty());
    }

    prop_compose! {
        /// Any moment of the years 2005 to 2030: with, before and after the official days.
        fn moment()(micros in 1_104_537_600_000_000_i64..1_900_000_000_000_000) -> At {
            At::from_micros(micros)
        }
    }

    fn some_calendar() -> impl Strategy<Value = WorkingCalendar> {
        prop_oneof![
            Just(WorkingCalendar::default()),
            Just(calendar(&json!({
                "time_zone": "America/New_York", "holidays": "none",
                "seasons": [
                    {"from": "05-01", "to": "09-30", "week": {"mon": ["01:00-03:00"], "wed": ["08:00-20:00"]}},
                    {"from": "10-01", "to": "04-30", "week": {"sun": ["00:30-02:30", "02:45-22:00"]}},
                ],
            }))),
        ]
    }

    proptest! {
        #[test]
        fn adding_working_days_is_additive_and_monotone(
            calendar in some_calendar(), start in moment(), later in moment(), a in 1_u32..30, b in 1_u32..30,
        ) {
            let due = |start, n| calendar.end_of_working_days(start, n).unwrap().at;
            prop_assert_eq!(due(due(start, a), b), due(start, a + b));
            prop_assert!(due(start, a) < due(start, a + 1));
            prop_assert!(due(start.min(later), a) <= due(start.max(later), a));
        }

        #[test]
        fn adding_working_minutes_is_additive_and_monotone(
            calendar in some_calendar(), start in moment(), later in moment(), a in 0_u32..9_000, b in 0_u32..9_000,
        ) {
            let add = |start, n| calendar.add_working_minutes(start, n).unwrap().at;
            prop_assert_eq!(add(add(start, a), b), add(start, a + b));
            prop_assert!(add(start, a) < add(start, a + 1));
            prop_assert!(add(start.min(later), a) <= add(start.max(later), a));
        }

        #[test]
        fn what_was_added_is_measured_between(
            calendar in some_calendar(), start in moment(), minutes in 0_u32..20_000,
        ) {
            let due = calendar.add_working_minutes(start, minutes).unwrap().at;
            prop_assert_eq!(calendar.working_minutes_between(start, due), Ok(i64::from(minutes)));
        }

        #[test]
        fn nothing_is_due_in_closed_time(
            calendar in some_calendar(), start in moment(), n in 0_u32..60, minutes in 0_u32..9_000,
        ) {
            let is_open = |at: At| calendar.is_open(at) || calendar.is_open(at + TimeDelta::microseconds(-1));
            prop_assert!(is_open(calendar.end_of_working_days(start, n).unwrap().at));
            prop_assert!(is_open(calendar.add_working_minutes(start, minutes).unwrap().at));
        }
    }
}
