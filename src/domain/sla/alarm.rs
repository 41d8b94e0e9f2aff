//! Alarms: what a clock says next, and when.

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Clock, Level};
use crate::domain::calendar::WorkingCalendar;
use crate::domain::setup::PolicyInForce;
use crate::domain::value::At;

/// What a clock says when time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmKind {
    /// So much of its time is used up.
    Warning { percent: u8 },
    /// Its time is over.
    Breach,
    /// It is still not met.
    Escalation(Level),
}

impl AlarmKind {
    /// `warning_50`, `breach`, `escalation_leader`: the word in tables and events.
    pub fn code(self) -> String {
        match self {
            AlarmKind::Warning { percent } => format!("warning_{percent}"),
            AlarmKind::Breach => "breach".to_owned(),
            AlarmKind::Escalation(level) => format!("escalation_{level}"),
        }
    }

    /// The inverse of `code`.
    pub fn parse(code: &str) -> Option<Self> {
        if code == "breach" {
            return Some(AlarmKind::Breach);
        }
        let level = code.strip_prefix("escalation_").and_then(Level::parse).map(AlarmKind::Escalation);
        let warning = || code.strip_prefix("warning_")?.parse().ok();
        level.or_else(|| warning().map(|percent| AlarmKind::Warning { percent }))
    }
}

impl Serialize for AlarmKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.code())
    }
}

impl<'de> Deserialize<'de> for AlarmKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        AlarmKind::parse(&code).ok_or_else(|| serde::de::Error::custom("no such alarm"))
    }
}

/// What a clock will say, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    pub at: At,
    pub kind: AlarmKind,
}

/// What comes after `last` in the order warnings, breach, escalations; after none, the first.
///
/// By order, not by place in a list: the rules may have changed since `last` was said.
pub(super) fn following(policy: &PolicyInForce, last: Option<AlarmKind>) -> Option<AlarmKind> {
    let warned = match last {
        None => 0,
        Some(AlarmKind::Warning { percent }) => percent,
        Some(AlarmKind::Breach) => return Some(AlarmKind::Escalation(Level::Handler)),
        Some(AlarmKind::Escalation(Level::Handler)) => {
            return Some(AlarmKind::Escalation(Level::Supervisor));
        }
        Some(AlarmKind::Escalation(Level::Supervisor)) => {
            return Some(AlarmKind::Escalation(Level::Leader));
        }
        Some(AlarmKind::Escalation(Level::Leader)) => return None,
    };
    let next = policy.warn_percents.iter().find(|it| **it > warned);
    Some(next.map_or(AlarmKind::Breach, |percent| AlarmKind::Warning { percent: *percent }))
}

impl Clock {
    /// When this clock says `kind`: a share of its own time after its start, pauses left out.
    pub(super) fn alarm(&self, kind: AlarmKind, policy: &PolicyInForce, calendar: &WorkingCalendar) -> Alarm {
        // What is done at the very moment it is due is done in time.
        let overdue = self.due_at + TimeDelta::microseconds(1);
        let at = match kind {
            AlarmKind::Warning { percent } => self.moment(u32::from(percent), calendar).min(self.due_at),
            AlarmKind::Breach => overdue,
            AlarmKind::Escalation(level) => {
                let percent = policy.escalate_percents.of(level);
                self.moment(u32::from(percent), calendar).max(overdue)
            }
        };
        Alarm { at, kind }
    }

    /// What it says after `last`, if anything is left to say.
    pub(super) fn alarm_after(
        &self,
        last: Option<AlarmKind>,
        policy: &PolicyInForce,
        calendar: &WorkingCalendar,
    ) -> Option<Alarm> {
        following(policy, last).map(|kind| self.alarm(kind, policy, calendar))
    }

    /// The same alarm as now, after the clock's times have moved.
    pub(super) fn alarm_again(&self, policy: &PolicyInForce, calendar: &WorkingCalendar) -> Option<Alarm> {
        self.alarm.map(|it| self.alarm(it.kind, policy, calendar))
    }

    /// The moment when `percent` of its time is used up.
    fn moment(&self, percent: u32, calendar: &WorkingCalendar) -> At {
        let target = self.details.target;
        let ended = |to: Option<At>| to.unwrap_or(self.due_at);
        let paused = self
            .details
            .pauses
            .iter()
            .fold(TimeDelta::zero(), |sum, it| sum + target.elapsed(it.from, ended(it.to), calendar));
        let total = (target.elapsed(self.started_at, self.due_at, calendar) - paused).max(TimeDelta::zero());
        let share = TimeDelta::microseconds(
            total.num_microseconds().unwrap_or(i64::MAX).saturating_mul(i64::from(percent)) / 100,
        );
        let mut at = target.after(self.started_at, share, calendar);
        for pause in &self.details.pauses {
            if pause.from <= at {
                at = target.after(at, target.elapsed(pause.from, ended(pause.to), calendar), calendar);
            }
        }
        at
    }
}
