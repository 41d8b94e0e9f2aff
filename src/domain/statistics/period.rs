//! Sums are kept for ever, for months and for days; a span of time is put together from as few as can be.
//!
//! Their days are those of UTC+8 whatever the node's zone: any span is still counted exactly, because what no whole
//! day covers is read ticket by ticket.

use chrono::{DateTime, Datelike, Days, FixedOffset, Months, NaiveDate, NaiveTime};

use crate::domain::value::At;

/// The period of all time.
pub const EVER: i64 = 0;

/// The offset of the days that sums are kept for, in seconds.
const OFFSET_S: i32 = 8 * 3600;

/// Whether a part of a span is added or taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    Plus,
    Minus,
}

impl Sign {
    /// 1 or -1.
    pub fn factor(self) -> i64 {
        match self {
            Sign::Plus => 1,
            Sign::Minus => -1,
        }
    }

    fn turned(self) -> Self {
        match self {
            Sign::Plus => Sign::Minus,
            Sign::Minus => Sign::Plus,
        }
    }
}

/// A part of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A month, `202611`, or a day, `20261123`, whose sums are kept.
    Kept(i64),
    /// Tickets received from the first moment until before the second.
    Read(At, At),
}

fn local(at: At) -> NaiveDate {
    let offset = FixedOffset::east_opt(OFFSET_S);
    let utc = at.to_utc();
    offset.map_or_else(|| utc.date_naive(), |it| utc.with_timezone(&it).date_naive())
}

fn midnight(day: NaiveDate) -> At {
    let local = day.and_time(NaiveTime::MIN);
    let utc = local - chrono::TimeDelta::seconds(i64::from(OFFSET_S));
    At::from_utc(DateTime::from_naive_utc_and_offset(utc, chrono::Utc))
}

fn day_period(day: NaiveDate) -> i64 {
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

fn month_start(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn next_month(start: NaiveDate) -> NaiveDate {
    start.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX)
}

fn next_day(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX)
}

/// The periods whose sums a ticket received at `at` is in: ever, its month, its day.
pub fn periods_of(at: At) -> [i64; 3] {
    let day = day_period(local(at));
    [EVER, day / 100, day]
}

/// The first moment of the month of `first` and the end of the month of `last`.
pub fn month_bounds(first: At, last: At) -> (At, At) {
    (midnight(month_start(local(first))), midnight(next_month(month_start(local(last)))))
}

/// The parts that make up the span from `from` until before `to`.
///
/// A month or day mostly inside is taken whole and the rest of it taken away.
pub fn cover(from: At, to: At) -> Vec<(Sign, Part)> {
    let mut parts = Vec::new();
    let mut start = from;
    while start < to {
        let month = month_start(local(start));
        let (begin, end) = (midnight(month), midnight(next_month(month)));
        cover_month((begin, end), (start, to.min(end)), &mut parts);
        start = end;
    }
    parts
}

fn is_most((a, b): (At, At), (begin, end): (At, At)) -> bool {
    (b - a) * 2 > end - begin
}

fn cover_month((begin, end): (At, At), (a, b): (At, At), parts: &mut Vec<(Sign, Part)>) {
    if is_most((a, b), (begin, end)) {
        parts.push((Sign::Plus, Part::Kept(day_period(local(begin)) / 100)));
        cover_days(Sign::Minus, (begin, a), parts);
        cover_days(Sign::Minus, (b, end), parts);
    } else {
        cover_days(Sign::Plus, (a, b), parts);
    }
}

fn cover_days(sign: Sign, (a, b): (At, At), parts: &mut Vec<(Sign, Part)>) {
    let mut start = a;
    while start < b {
        let day = local(start);
        let (begin, end) = (midnight(day), midnight(next_day(day)));
        let stop = b.min(end);
        if is_most((start, stop), (begin, end)) {
            parts.push((sign, Part::Kept(day_period(day))));
            let rest = [(begin, start), (stop, end)].into_iter().filter(|(from, to)| from < to);
            parts.extend(rest.map(|(from, to)| (sign.turned(), Part::Read(from, to))));
        } else {
            parts.push((sign, Part::Read(start, stop)));
        }
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> At {
        At::parse(text).unwrap()
    }

    /// How often the parts count a ticket received at `moment`.
    fn times_counted(parts: &[(Sign, Part)], moment: At) -> i64 {
        let periods = periods_of(moment);
        let is_in = |part: Part| match part {
            Part::Kept(period) => periods.contains(&period),
            Part::Read(from, to) => from <= moment && moment < to,
        };
        parts.iter().filter(|it| is_in(it.1)).map(|it| it.0.factor()).sum()
    }

    #[test]
    fn whole_months_are_taken_whole() {
        let parts = cover(at("2026-01-01T00:00:00+08:00"), at("2026-12-01T00:00:00+08:00"));

        let months: Vec<_> = (202_601..=202_611).map(|it| (Sign::Plus, Part::Kept(it))).collect();
        assert_eq!(parts, months);
    }

    #[test]
    fn most_of_a_month_is_the_month_without_the_rest() {
        let parts = cover(at("2026-11-03T00:00:00+08:00"), at("2026-11-30T12:00:00+08:00"));

        assert_eq!(
            parts,
            [
                (Sign::Plus, Part::Kept(202_611)),
                (Sign::Minus, Part::Kept(20_261_101)),
                (Sign::Minus, Part::Kept(20_261_102)),
                (Sign::Minus, Part::Read(at("2026-11-30T12:00:00+08:00"), at("2026-12-01T00:00:00+08:00"))),
            ]
        );
    }

    proptest! {
        #[test]
        fn every_moment_of_a_span_is_counted_once_and_no_other(
            from in 0_i64..200_000_000, span in 0_i64..40_000_000, moment in 0_i64..240_000_000,
        ) {
            let second = |it: i64| At::from_micros((1_700_000_000 + it) * 1_000_000);
            let (from, to, moment) = (second(from), second(from + span), second(moment));
            let parts = cover(from, to);

            prop_assert_eq!(times_counted(&parts, moment), i64::from(from <= moment && moment < to));
            prop_assert_eq!(times_counted(&parts, from), i64::from(from < to));
            prop_assert_eq!(times_counted(&parts, to), 0);
        }
    }
}
