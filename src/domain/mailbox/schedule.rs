//! When a box is to be opened (定期取件), and whether it was: in time, late, or not at all.

use chrono::{Datelike, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;

use crate::domain::calendar::{DayRule, WorkingCalendar};
use crate::domain::setup::{Schedule, Weekday};
use crate::domain::value::At;

/// A search for the next or last opening ends here: no office closes for a whole year.
const DAYS_MAX: usize = 366;
/// Due openings told of at once: a year of days. A server that was away for longer tells the rest next.
const DUE_MAX: usize = 400;

/// An opening that a schedule asked for: some time after `since`, at `due_at` at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueOpening {
    pub since: At,
    pub due_at: At,
}

/// What came of a due opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Kept,
    /// Opened after the time.
    Late,
    /// Not opened, or not opened yet.
    Missed,
}

/// What came of each of a box's due openings, in order; `opened_at` are its openings, in order.
///
/// An opening on the day of a due time, up to that time, is for that one. Any other makes up for the one before if that
/// is still open, and then it keeps no other; else it is early for the next. Days are those of `zone`.
pub fn verdicts(due: &[DueOpening], opened_at: &[At], zone: Tz) -> Vec<Verdict> {
    let mut verdicts = vec![Verdict::Missed; due.len()];
    for (nth, it) in due.iter().enumerate() {
        let before = nth.checked_sub(1).filter(|before| due[*before].due_at == it.since);
        for opened in opened_at.iter().filter(|at| it.since < **at && **at <= it.due_at) {
            let is_own_day = opened.local_date(zone) == it.due_at.local_date(zone);
            match before {
                Some(before) if !is_own_day && verdicts[before] == Verdict::Missed => {
                    verdicts[before] = Verdict::Late;
                }
                Some(_) | None => verdicts[nth] = Verdict::Kept,
            }
        }
        // Nothing follows, or the schedule was another one in between.
        let until = due.get(nth + 1).map(|next| next.since).filter(|since| *since != it.due_at);
        let is_last = nth + 1 == due.len();
        let is_made_up = |at: &&At| **at > it.due_at && until.is_none_or(|until| **at <= until);
        if (is_last || until.is_some())
            && verdicts[nth] == Verdict::Missed
            && opened_at.iter().any(|at| is_made_up(&at))
        {
            verdicts[nth] = Verdict::Late;
        }
    }
    verdicts
}

impl Schedule {
    /// When the first opening after `after` is due, along `calendar` and in its time zone.
    ///
    /// A holiday or closed day moves an opening to the next working day, same time. A weekday that the schedule
    /// itself names counts although nobody else works on it. None when no day is found within a year.
    pub fn next_due(&self, calendar: &WorkingCalendar, after: At) -> Option<At> {
        let first = calendar.local_date(after);
        first.iter_days().take(DAYS_MAX).filter_map(|it| self.due_on(calendar, it)).find(|it| *it > after)
    }

    /// The openings due after `after` and at `until` at the latest, oldest first, four hundred at most.
    pub fn due_between(&self, calendar: &WorkingCalendar, after: At, until: At) -> Vec<DueOpening> {
        let mut due = Vec::new();
        let mut since = self.last_due(calendar, after);
        while let Some(due_at) = self.next_due(calendar, since.max(after)).filter(|it| *it <= until)
            && due.len() < DUE_MAX
        {
            due.push(DueOpening { since, due_at });
            since = due_at;
        }
        due
    }

    /// The last due time at or before `at`, or `at` itself when none lies within a year.
    fn last_due(&self, calendar: &WorkingCalendar, at: At) -> At {
        let today = calendar.local_date(at);
        let days = std::iter::successors(Some(today), NaiveDate::pred_opt).take(DAYS_MAX);
        days.filter_map(|it| self.due_on(calendar, it)).find(|it| *it <= at).unwrap_or(at)
    }

    /// The due time on `date`, if the box is to be opened on it.
    fn due_on(&self, calendar: &WorkingCalendar, date: NaiveDate) -> Option<At> {
        let is_due = if is_shut(calendar, date) {
            false
        } else {
            self.names(date) || (calendar.is_working_day(date) && self.is_moved_to(calendar, date))
        };
        let time = NaiveTime::parse_from_str(&self.time, "%H:%M").ok().filter(|_| is_due)?;
        let local = calendar.zone().from_local_datetime(&date.and_time(time)).earliest()?;
        Some(At::from_utc(local.to_utc()))
    }

    /// True when an opening of a shut day before waits for `date`, the first working day after it.
    fn is_moved_to(&self, calendar: &WorkingCalendar, date: NaiveDate) -> bool {
        let days = std::iter::successors(date.pred_opt(), NaiveDate::pred_opt).take(DAYS_MAX);
        days.take_while(|it| !calendar.is_working_day(*it)).any(|it| is_shut(calendar, it) && self.names(it))
    }

    fn names(&self, date: NaiveDate) -> bool {
        self.weekdays.contains(&weekday(date))
    }
}

/// Shut by an official holiday or the node's own closed day, not by its weekday.
fn is_shut(calendar: &WorkingCalendar, date: NaiveDate) -> bool {
    let day = calendar.day(date);
    !day.is_working && day.rule != DayRule::Week
}

fn weekday(date: NaiveDate) -> Weekday {
    match date.weekday() {
        chrono::Weekday::Mon => Weekday::Mon,
        chrono::Weekday::Tue => Weekday::Tue,
        chrono::Weekday::Wed => Weekday::Wed,
        chrono::Weekday::Thu => Weekday::Thu,
        chrono::Weekday::Fri => Weekday::Fri,
        chrono::Weekday::Sat => Weekday::Sat,
        chrono::Weekday::Sun => Weekday::Sun,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> At {
        At::parse(&format!("{text}:00+08:00")).unwrap()
    }

    fn schedule(weekdays: &[Weekday]) -> Schedule {
        Schedule { weekdays: weekdays.to_vec(), time: "16:30".to_owned() }
    }

    #[track_caller]
    fn check_next(weekdays: &[Weekday], after: &str, due: &str) {
        let next = schedule(weekdays).next_due(&WorkingCalendar::default(), at(after));
        assert_eq!(next, Some(at(due)));
    }

    #[test]
    fn the_next_opening_follows_the_week_and_moves_past_holidays() {
        check_next(&[Weekday::Mon, Weekday::Thu], "2026-11-23T09:00", "2026-11-23T16:30");
        check_next(&[Weekday::Mon, Weekday::Thu], "2026-11-23T16:30", "2026-11-26T16:30");
        // Saturday by its own schedule, though the office is shut.
        check_next(&[Weekday::Sat], "2026-11-23T09:00", "2026-11-28T16:30");
        // 1 October 2026 is a Thursday; the holiday ends on the 7th.
        check_next(&[Weekday::Thu], "2026-09-30T09:00", "2026-10-08T16:30");
    }

    #[test]
    fn an_opening_in_time_is_kept_one_after_it_late_and_none_missed() {
        let (calendar, mondays) = (WorkingCalendar::default(), schedule(&[Weekday::Mon]));
        let told = |opened: &[&str], to: &str| -> String {
            let opened: Vec<At> = opened.iter().map(|it| at(it)).collect();
            let due = mondays.due_between(&calendar, at("2026-11-01T00:00"), at(to));
            let verdicts = verdicts(&due, &opened, Tz::Asia__Shanghai);
            verdicts
                .into_iter()
                .map(|it| match it {
                    Verdict::Kept => 'k',
                    Verdict::Late => 'l',
                    Verdict::Missed => 'm',
                })
                .collect()
        };

        assert_eq!(told(&[], "2026-11-02T16:29"), "");
        assert_eq!(told(&[], "2026-11-02T16:30"), "m");
        assert_eq!(told(&["2026-11-02T16:30"], "2026-11-03T00:00"), "k");
        assert_eq!(told(&["2026-10-27T09:00"], "2026-11-03T00:00"), "k");
        assert_eq!(told(&["2026-11-02T16:31"], "2026-11-03T10:00"), "l");
        assert_eq!(told(&["2026-11-03T09:00"], "2026-11-10T10:00"), "lm");
        // On its own day it is for that day, and the one before was missed.
        assert_eq!(told(&["2026-11-09T09:00"], "2026-11-10T10:00"), "mk");
        assert_eq!(told(&["2026-11-03T09:00", "2026-11-05T09:00"], "2026-11-10T10:00"), "lk");
        assert_eq!(told(&["2026-11-02T09:00", "2026-11-17T09:00"], "2026-11-24T00:00"), "kmlm");
        assert_eq!(told(&["2026-11-03T09:00", "2026-11-09T16:00"], "2026-11-10T00:00"), "lk");
    }

    #[test]
    fn due_openings_follow_each_other_without_gap() {
        let calendar = WorkingCalendar::default();
        let twice = schedule(&[Weekday::Mon, Weekday::Thu]);
        let due = twice.due_between(&calendar, at("2026-11-23T09:00"), at("2026-12-01T00:00"));

        let times: Vec<At> = due.iter().map(|it| it.due_at).collect();
        assert_eq!(times, [at("2026-11-23T16:30"), at("2026-11-26T16:30"), at("2026-11-30T16:30")]);
        assert_eq!(due[0].since, at("2026-11-19T16:30"));
        assert!(due.windows(2).all(|it| it[0].due_at == it[1].since));
        let (first, rest) = (at("2026-11-26T16:30"), at("2026-12-01T00:00"));
        assert_eq!(twice.due_between(&calendar, first, rest), due[2..]);
    }
}
