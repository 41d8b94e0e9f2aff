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
