//! Targets: how long a stage may take, in working days, working minutes or calendar minutes.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Stage;
use crate::domain::calendar::{Due, WorkingCalendar};
use crate::domain::refusal::Faults;
use crate::domain::value::At;

/// A year of working days; no promise is longer.
const DAYS_MAX: u32 = 250;
/// A year of minutes.
const MINUTES_MAX: u32 = 525_600;

/// How long a stage may take.
///
/// Working days follow the Civil Code (民法典) §201 and §203: the day it starts on is not counted, and it ends when
/// business closes on the last one. Minutes are counted one by one, in opening hours or round the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// 1 to 250.
    WorkingDays(u32),
    /// 1 to 525600.
    WorkingMinutes(u32),
    /// 1 to 525600.
    CalendarMinutes(u32),
}

impl Target {
    /// When something that starts at `start` is due.
    ///
    /// A calendar that does not reach that far (30 years without enough open hours) counts calendar time and is
    /// provisional, so that a clock always has a due time.
    pub fn due(self, start: At, calendar: &WorkingCalendar) -> Due {
        let (n, counted) = match self {
            Target::WorkingDays(n) => (i64::from(n) * 1_440, calendar.end_of_working_days(start, n)),
            Target::WorkingMinutes(n) => (i64::from(n), calendar.add_working_minutes(start, n)),
            Target::CalendarMinutes(n) => {
                let at = start + TimeDelta::minutes(i64::from(n));
                (i64::from(n), Ok(Due { at, is_provisional: false }))
            }
        };
        counted.unwrap_or(Due { at: start + TimeDelta::minutes(n), is_provisional: true })
    }

    /// True when nights and holidays count.
    pub fn is_round_the_clock(self) -> bool {
        matches!(self, Target::CalendarMinutes(_))
    }

    /// The time between two moments as this target counts it; none when `to` is the earlier.
    pub fn elapsed(self, from: At, to: At, calendar: &WorkingCalendar) -> TimeDelta {
        let plain = (to - from).max(TimeDelta::zero());
        if self.is_round_the_clock() || to <= from {
            return plain;
        }
        calendar.working_time_between(from, to).unwrap_or(plain)
    }

    /// The moment `span` after `start`, as this target counts time.
    pub fn after(self, start: At, span: TimeDelta, calendar: &WorkingCalendar) -> At {
        if self.is_round_the_clock() {
            return start + span;
        }
        calendar.add_working_time(start, span).map_or(start + span, |it| it.at)
    }

    pub(in crate::domain) fn check(self, field: &str, faults: &mut Faults) {
        let (n, most) = match self {
            Target::WorkingDays(n) => (n, DAYS_MAX),
            Target::WorkingMinutes(n) | Target::CalendarMinutes(n) => (n, MINUTES_MAX),
        };
        if !(1..=most).contains(&n) {
            faults.add(field, format!("应在 1 到 {most} 之间。 It must be between 1 and {most}."));
        }
    }
}

/// The target of each stage; none means that the stage has no clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Targets {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assign: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolve: Option<Target>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Target>,
}

impl Targets {
    /// The target of a stage.
    pub fn of(&self, stage: Stage) -> Option<Target> {
        match stage {
            Stage::Accept => self.accept,
            Stage::Assign => self.assign,
            Stage::Acknowledge => self.acknowledge,
            Stage::Contact => self.contact,
            Stage::Resolve => self.resolve,
            Stage::Reply => self.reply,
        }
    }

    /// These, and where they say nothing, those of `other`.
    #[must_use]
    pub fn or(self, other: Targets) -> Targets {
        Targets {
            accept: self.accept.or(other.accept),
            assign: self.assign.or(other.assign),
            acknowledge: self.acknowledge.or(other.acknowledge),
            contact: self.contact.or(other.contact),
            resolve: self.resolve.or(other.resolve),
            reply: self.reply.or(other.reply),
        }
    }

    /// Adds a fault for each target out of its range.
    pub fn check(&self, faults: &mut Faults) {
        for stage in Stage::ALL {
            if let Some(target) = self.of(*stage) {
                target.check(&format!("targets.{stage}"), faults);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(local: &str) -> At {
        At::parse(&format!("{local}:00+08:00")).unwrap()
    }

    #[track_caller]
    fn check_due(target: Target, start: &str, due: &str) {
        let found = target.due(at(start), &WorkingCalendar::default());
        assert_eq!(found, Due { at: at(due), is_provisional: false }, "{target:?} from {start}");
    }

    #[test]
    fn working_days_pass_over_holidays_and_count_swapped_days() {
        check_due(Target::WorkingDays(5), "2026-02-13T10:00", "2026-02-27T17:30");
        check_due(Target::WorkingDays(5), "2026-09-30T10:00", "2026-10-13T17:30");
        check_due(Target::WorkingDays(1), "2026-11-20T23:59", "2026-11-23T17:30");
    }

    #[test]
    fn minutes_are_counted_one_by_one() {
        check_due(Target::WorkingMinutes(60), "2026-11-20T17:00", "2026-11-23T09:00");
        check_due(Target::WorkingMinutes(210), "2026-11-23T08:30", "2026-11-23T12:00");
        check_due(Target::CalendarMinutes(120), "2026-11-20T23:00", "2026-11-21T01:00");
    }

    #[test]
    fn a_year_not_known_is_provisional() {
        let due = Target::WorkingDays(30).due(at("2026-12-20T10:00"), &WorkingCalendar::default());

        assert!(due.is_provisional);
    }

    proptest! {
        #[test]
        fn nothing_is_due_in_closed_time_and_later_starts_are_due_later(
            minute in 0_i64..1_000_000, more in 0_i64..10_000, n in 1_u32..40, days in any::<bool>(),
        ) {
            let calendar = WorkingCalendar::default();
            let target = if days { Target::WorkingDays(n) } else { Target::WorkingMinutes(n * 37) };
            let start = at("2024-01-01T00:00") + TimeDelta::minutes(minute);

            let due = target.due(start, &calendar).at;
            let later = target.due(start + TimeDelta::minutes(more), &calendar).at;

            // Closing time itself still counts: a moment before it, somebody is there.
            prop_assert!(calendar.is_open(due + TimeDelta::microseconds(-1)) || calendar.is_open(due));
            prop_assert!(start < due && due <= later);
        }

        #[test]
        fn a_pause_moves_the_due_time_by_its_own_working_minutes(
            minute in 0_i64..1_000_000, pause in 1_i64..20_000, n in 1_u32..16,
        ) {
            let calendar = WorkingCalendar::default();
            let target = Target::WorkingDays(n);
            let from = at("2024-01-01T00:00") + TimeDelta::minutes(minute);
            let due = target.due(from, &calendar).at;
            let stood_still = target.elapsed(from, from + TimeDelta::minutes(pause), &calendar);

            let moved = target.after(due, stood_still, &calendar);

            prop_assert_eq!(target.elapsed(due, moved, &calendar), stood_still);
        }
    }
}
