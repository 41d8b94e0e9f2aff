//! Ticket numbers: each day's run without gaps, so that a ticket taken away whole is missed.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::{DayRow, Finding, NumberRow, Report, Spot};
use crate::domain::number::Number;
use crate::domain::value::At;

/// Missing numbers of a day that are named; the rest are told as a count.
const MISSING_NAMED_MAX: usize = 20;

/// A community as numbers know it: its code, and every time zone it ever had.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Community {
    pub code: String,
    pub zones: Vec<Tz>,
}

/// The numbers of tickets, gathered and then compared with the days' counters.
#[derive(Debug, Clone, Default)]
pub struct Numbers {
    communities: HashMap<i64, Community>,
    days: BTreeMap<(i64, NaiveDate), Vec<u64>>,
}

impl Numbers {
    /// Numbers of these communities, by the ids of their nodes.
    pub fn new(communities: HashMap<i64, Community>) -> Self {
        Self { communities, days: BTreeMap::new() }
    }

    /// Takes a ticket's number; rows that cannot be read are told by whoever verifies the tickets.
    pub fn take(&mut self, row: &NumberRow, report: &mut Report) {
        let mut wrong = |zh: &str, en: &str| {
            let spot = Spot {
                stream: "ticket".to_owned(),
                stream_id: Some(row.id),
                number: Some(row.number.clone()),
                table: "ticket",
                column: "number".to_owned(),
                ..Spot::default()
            };
            report.add(Finding::new("number", spot, zh, en));
        };
        let number = match Number::parse(&row.number) {
            Ok(number) if number.to_string() == row.number => number,
            Ok(_) | Err(_) => {
                return wrong("编号或其校验位不对", "the number or its check digit is wrong");
            }
        };
        if let Some(community) = self.communities.get(&row.node_id) {
            if community.code != number.community() {
                wrong("编号不是这个社区的", "the number is not of this community");
            }
            let received_at = At::from_micros(row.received_at);
            if !community.zones.iter().any(|it| received_at.local_date(*it) == number.day()) {
                wrong("编号上的日期不是收到的那一天", "the number's day is not the day it was received");
            }
        }
        self.days.entry((row.node_id, number.day())).or_default().push(number.running());
    }

    /// Compares the days with their counters.
    pub fn close(mut self, counters: &[DayRow], report: &mut Report) {
        for counter in counters {
            let spot = Spot { table: "day_counter", column: "last_number".to_owned(), ..Spot::default() };
            let day = NaiveDate::parse_from_str(&counter.day, "%Y-%m-%d").ok();
            let Some(day) = day.filter(|it| it.to_string() == counter.day) else {
                report.add(Finding::new(
                    "counter",
                    Spot { column: "day".to_owned(), ..spot },
                    "计数器的日期无法读取",
                    "a counter's day cannot be read",
                ));
                continue;
            };
            let given = self.days.remove(&(counter.node_id, day)).unwrap_or_default();
            self.close_day(counter.node_id, day, given, Some(counter.last_number), report);
        }
        for ((node_id, day), given) in std::mem::take(&mut self.days) {
            self.close_day(node_id, day, given, None, report);
        }
    }

    /// Compares one day; without a counter the highest number stands for it.
    pub fn close_day(
        &self,
        node_id: i64,
        day: NaiveDate,
        mut given: Vec<u64>,
        counter: Option<i64>,
        report: &mut Report,
    ) {
        given.sort_unstable();
        let highest = given.last().copied().unwrap_or(0);
        let code = self.communities.get(&node_id).map_or("", |it| it.code.as_str());
        let last = counter.and_then(|it| u64::try_from(it).ok());
        let spot = Spot { table: "day_counter", column: "last_number".to_owned(), ..Spot::default() };
        if last.is_none_or(|it| it < highest) {
            report.add(Finding::new(
                "counter",
                spot.clone(),
                format!("{code} {day} 的计数器是 {counter:?}，而最大的编号是 {highest}"),
                format!("the counter of {code} {day} is {counter:?}, the highest number is {highest}"),
            ));
        }
        if given.windows(2).any(|it| it[0] == it[1]) {
            report.add(Finding::new(
                "counter",
                spot,
                format!("{code} {day} 有重复的编号"),
                format!("numbers of {code} {day} are given twice"),
            ));
        }
        name_missing(code, day, &given, last.unwrap_or(highest).max(highest), report);
    }
}

/// Names the numbers of a day that no ticket has.
fn name_missing(code: &str, day: NaiveDate, given: &[u64], last: u64, report: &mut Report) {
    given_gaps(given, last, MISSING_NAMED_MAX, |gap| match gap {
        Gap::One(running) => {
            let number = Number::new(code, day, running).to_string();
            let spot = Spot {
                stream: "ticket".to_owned(),
                number: Some(number.clone()),
                table: "ticket",
                ..Spot::default()
            };
            report.add(Finding::new(
                "ticket-missing",
                spot,
                format!("编号 {number} 给出过，这一件不见了"),
                format!("number {number} was given out, its ticket is missing"),
            ));
        }
        Gap::More(n) => report.add(Finding::new(
            "ticket-missing",
            Spot { table: "ticket", ..Spot::default() },
            format!("{code} {day} 还有 {n} 件不见了"),
            format!("{n} more tickets of {code} {day} are missing"),
        )),
    });
}

enum Gap {
    One(u64),
    More(u64),
}

/// Tells which of 1 to `last` are not among `given`, which is sorted.
fn given_gaps(given: &[u64], last: u64, named_max: usize, mut tell: impl FnMut(Gap)) {
    let mut distinct = given.to_vec();
    distinct.dedup();
    let n_given = u64::try_from(distinct.len()).unwrap_or(u64::MAX);
    let n_missing = last.saturating_sub(n_given);
    let mut n_named = 0;
    let mut next = 1;
    for running in distinct.into_iter().chain([last.saturating_add(1)]) {
        while next < running && n_named < named_max {
            tell(Gap::One(next));
            n_named += 1;
            next += 1;
        }
        next = running.saturating_add(1);
    }
    let n_more = n_missing.saturating_sub(u64::try_from(n_named).unwrap_or(0));
    if n_more > 0 {
        tell(Gap::More(n_more));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(given: &[u64], last: u64) -> Vec<u64> {
        let mut told = Vec::new();
        given_gaps(given, last, 3, |it| {
            told.push(match it {
                Gap::One(it) => it,
                Gap::More(n) => 1000 + n,
            });
        });
        told
    }

    #[test]
    fn missing_numbers_are_named_and_many_are_counted() {
        assert_eq!(gaps(&[1, 2, 3], 3), [] as [u64; 0]);
        assert_eq!(gaps(&[1, 3], 4), [2, 4]);
        assert_eq!(gaps(&[], 9), [1, 2, 3, 1006]);
        assert_eq!(gaps(&[9], 9), [1, 2, 3, 1005]);
    }
}
