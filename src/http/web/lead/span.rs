//! The days a leader looks at, and those they are compared with.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone as _};
use chrono_tz::Tz;

/// Days from the first to the last, both included, in the community's time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: NaiveDate,
    pub(super) last: NaiveDate,
}

impl Span {
    /// The days between two dates as a form gives them; this month so far where they are missing or wrong.
    pub(super) fn read(from: Option<&str>, to: Option<&str>, today: NaiveDate) -> Self {
        let day = |it: &str| NaiveDate::parse_from_str(it.trim(), "%Y-%m-%d").ok();
        let last = to.and_then(day).unwrap_or(today);
        let first = from.and_then(day).unwrap_or_else(|| last.with_day(1).unwrap_or(last));
        Self { first: first.min(last), last }
    }

    pub(super) fn n_days(self) -> i64 {
        (self.last - self.first).num_days() + 1
    }

    /// The month before whole or begun months; else as many days as these, just before them.
    pub(super) fn before(self) -> Self {
        let end = self.first.checked_sub_days(Days::new(1)).unwrap_or(NaiveDate::MIN);
        if self.first.day() == 1
            && self.first.month() == self.last.month()
            && self.first.year() == self.last.year()
        {
            let is_whole = self.last.checked_add_days(Days::new(1)).is_none_or(|it| it.day() == 1);
            let first = end.with_day(1).unwrap_or(end);
            let same = self.last.checked_sub_months(Months::new(1)).unwrap_or(end);
            return Self { first, last: if is_whole { end } else { same.min(end) } };
        }
        Self { first: end - TimeDelta::days(self.n_days() - 1), last: end }
    }

    /// The same days of last year.
    pub(super) fn year_before(self) -> Self {
        let back = |it: NaiveDate| it.checked_sub_months(Months::new(12)).unwrap_or(it);
        Self { first: back(self.first), last: back(self.last) }
    }

    /// The first moment, and the one after the last, as the API takes them.
    pub(super) fn bounds(self, zone: Tz) -> (String, String) {
        let after = self.last.checked_add_days(Days::new(1)).unwrap_or(self.last);
        (midnight(self.first, zone), midnight(after, zone))
    }

    /// The step a trend over these days is drawn in.
    pub(super) fn interval(self) -> &'static str {
        match self.n_days() {
            ..=45 => "day",
            46..=200 => "week",
            _ => "month",
        }
    }

    pub(super) fn in_words(self) -> String {
        format!("{} – {}", self.first, self.last)
    }
}

fn midnight(day: NaiveDate, zone: Tz) -> String {
    let start = day.and_time(NaiveTime::MIN);
    // A midnight that the clocks skip gives way to the first moment after it.
    let found = (0..4).find_map(|it| zone.from_local_datetime(&(start + TimeDelta::hours(it))).earliest());
    found.map(|it| it.to_rfc3339()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(first: &str, last: &str) -> Span {
        Span { first: first.parse().unwrap(), last: last.parse().unwrap() }
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

        assert_eq!(Span::read(Some("soon"), None, today), span("2026-11-01", "2026-11-25"));
        assert_eq!(
            Span::read(Some("2026-12-01"), Some("2026-11-03"), today),
            span("2026-11-03", "2026-11-03")
        );
        let (from, to) = span("2026-11-01", "2026-11-30").bounds(chrono_tz::Asia::Shanghai);
        assert_eq!((from.as_str(), to.as_str()), ("2026-11-01T00:00:00+08:00", "2026-12-01T00:00:00+08:00"));
    }
}
