//! The days a leader looks at, and those they are compared with.

use chrono::{Datelike, Days as Step, Months, NaiveDate, TimeDelta};
use chrono_tz::Tz;

use crate::domain::value::At;
use crate::words;

words! {
    /// How often a bulletin comes: weeks from Monday to Sunday, whole months.
    Rhythm { Week = "week", Month = "month" }
}

/// Days from the first to the last, both included, in a node's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub first: NaiveDate,
    pub last: NaiveDate,
}

impl Days {
    /// The days between two dates as a form gives them; this month so far where they are missing or wrong.
    pub fn read(from: Option<&str>, to: Option<&str>, today: NaiveDate) -> Self {
        let day = |it: &str| NaiveDate::parse_from_str(it.trim(), "%Y-%m-%d").ok();
        let last = to.and_then(day).unwrap_or(today);
        let first = from.and_then(day).unwrap_or_else(|| last.with_day(1).unwrap_or(last));
        Self { first: first.min(last), last }
    }

    /// The week or month that `day` lies in.
    pub fn around(day: NaiveDate, rhythm: Rhythm) -> Self {
        let (first, after) = match rhythm {
            Rhythm::Week => {
                let since = Step::new(u64::from(day.weekday().num_days_from_monday()));
                let first = day.checked_sub_days(since).unwrap_or(day);
                (first, first.checked_add_days(Step::new(7)))
            }
            Rhythm::Month => {
                let first = day.with_day(1).unwrap_or(day);
                (first, first.checked_add_months(Months::new(1)))
            }
        };
        Self { first, last: after.and_then(|it| it.pred_opt()).unwrap_or(day) }
    }

    /// The last week or month that is over on `today`.
    pub fn over(today: NaiveDate, rhythm: Rhythm) -> Self {
        let before = Self::around(today, rhythm).first.pred_opt().unwrap_or(today);
        Self::around(before, rhythm)
    }

    /// The rhythm that these days are one beat of, if they are.
    pub fn rhythm(self) -> Option<Rhythm> {
        Rhythm::ALL.iter().copied().find(|it| Self::around(self.first, *it) == self)
    }

    pub fn n_days(self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    /// The month before whole or begun months; else as many days as these, just before them.
    #[must_use]
    pub fn before(self) -> Self {
        let end = self.first.checked_sub_days(Step::new(1)).unwrap_or(NaiveDate::MIN);
        if self.first.day() == 1
            && self.first.month() == self.last.month()
            && self.first.year() == self.last.year()
        {
            let is_whole = self.last.checked_add_days(Step::new(1)).is_none_or(|it| it.day() == 1);
            let first = end.with_day(1).unwrap_or(end);
            let same = self.last.checked_sub_months(Months::new(1)).unwrap_or(end);
            return Self { first, last: if is_whole { end } else { same.min(end) } };
        }
        let first = end.checked_sub_signed(TimeDelta::days(self.n_days() - 1)).unwrap_or(NaiveDate::MIN);
        Self { first, last: end }
    }

    /// The same days of last year.
    #[must_use]
    pub fn year_before(self) -> Self {
        let back = |it: NaiveDate| it.checked_sub_months(Months::new(12)).unwrap_or(it);
        Self { first: back(self.first), last: back(self.last) }
    }

    /// The first moment, and the one after the last.
    pub fn bounds(self, zone: Tz) -> (At, At) {
        let after = self.last.checked_add_days(Step::new(1)).unwrap_or(self.last);
        (At::of_day(self.first, zone), At::of_day(after, zone))
    }

    /// The step a trend over these days is drawn in.
    pub fn interval(self) -> &'static str {
        match self.n_days() {
            ..=45 => "day",
            46..=200 => "week",
            _ => "month",
        }
    }

    pub fn in_words(self) -> String {
        format!("{} – {}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: &str, last: &str) -> Days {
        Days { first: first.parse().unwrap(), last: last.parse().unwrap() }
    }

    #[test]
    fn a_month_so_far_is_compared_with_as_much_of_the_one_before() {
        assert_eq!(span("2026-11-01", "2026-11-25").before(), span("2026-10-01", "2026-10-25"));
        assert_eq!(span("2026-11-01", "2026-11-30").before(), span("2026-10-01", "2026-10-31"));
        assert_eq!(span("2026-03-01", "2026-03-30").before(), span("2026-02-01", "2026-02-28"));
        assert_eq!(span("2026-11-23", "2026-11-29").before(), span("2026-11-16", "2026-11-22"));
        assert_eq!(span("2026-11-01", "2026-11-25").year_before(), span("2025-11-01", "2025-11-25"));
    }

    #[test]
    fn days_that_are_none_are_this_month() {
        let today = "2026-11-25".parse().unwrap();

        assert_eq!(Days::read(Some("soon"), None, today), span("2026-11-01", "2026-11-25"));
        assert_eq!(
            Days::read(Some("2026-12-01"), Some("2026-11-03"), today),
            span("2026-11-03", "2026-11-03")
        );
        let (from, to) = span("2026-11-01", "2026-11-30").bounds(chrono_tz::Asia::Shanghai);
        assert_eq!(
            (from.to_rfc3339().as_str(), to.to_rfc3339().as_str()),
            ("2026-10-31T16:00:00Z", "2026-11-30T16:00:00Z")
        );
    }

    #[test]
    fn a_bulletin_is_of_the_last_week_or_month_that_is_over() {
        let monday = "2026-11-23".parse().unwrap();
        let sunday = "2026-11-22".parse().unwrap();

        assert_eq!(Days::over(monday, Rhythm::Week), span("2026-11-16", "2026-11-22"));
        assert_eq!(Days::over(sunday, Rhythm::Week), span("2026-11-09", "2026-11-15"));
        assert_eq!(Days::over(monday, Rhythm::Month), span("2026-10-01", "2026-10-31"));
        assert_eq!(span("2026-10-01", "2026-10-31").rhythm(), Some(Rhythm::Month));
        assert_eq!(span("2026-11-16", "2026-11-22").rhythm(), Some(Rhythm::Week));
        assert_eq!(span("2026-11-16", "2026-11-21").rhythm(), None);
    }
}
