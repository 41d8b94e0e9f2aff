//! Policies: what a node settles for itself, and what is in force once all above it have spoken.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::refusal::Faults;
use crate::domain::sla::{Level, Stage, Target, Targets};
use crate::domain::ticket::{Kind, Priority};
use crate::words;

words! {
    /// Which day starts the clocks of a letter (PRODUCT §3).
    ClockStart {
        /// The day its box was opened.
        Collected = "collected",
        /// The day it was put in, where that is known.
        PutIn = "put_in",
        /// The day it was registered.
        Registered = "registered",
    }
}

/// What one policy settles; what it leaves out is settled by the nearest node above that has it, or by the default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Days of silence that close a replied ticket, 1 to 365.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_after_days: Option<u32>,
    /// Days after closing in which a ticket may be reopened, 1 to 3650.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopen_within_days: Option<u32>,
    /// Working days after which waiting ends by itself, 1 to 250.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting_max_working_days: Option<u32>,
    /// Working days within which a unit may return an assignment, 1 to 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub return_within_working_days: Option<u32>,
    /// A supervisor approves each reply before it goes out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_needs_approval: Option<bool>,
    /// Contacts that one person may unmask a day, 0 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_views_per_day: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_starts_on: Option<ClockStart>,
    /// Holds only for this category's code and those below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Holds only for this kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Holds only for this priority; before acceptance a matter counts as normal, a suspected emergency as one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// How long each stage may take; what is left out is settled farther up.
    #[serde(skip_serializing_if = "is_no_target")]
    pub targets: Targets,
    /// How long the second and later cycles may take to resolve, where the ticket's own target is longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rework: Option<Target>,
    /// Percentages of a clock's time at which it warns, rising, 1 to 99, at most five.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_percents: Option<Vec<u8>>,
    /// When an unmet clock is escalated, in percent of its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate_percents: Option<Escalations>,
    /// Stages whose clocks stand still while the ticket waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pauses: Option<Vec<Stage>>,
    /// Working days by which an extension may move a due time, 1 to 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension_max_working_days: Option<u32>,
}

/// When an unmet clock is escalated to each level, in percent of its time, 100 to 1000 and rising.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Escalations {
    pub handler: u16,
    pub supervisor: u16,
    pub leader: u16,
}

impl Escalations {
    /// The percentage of a level.
    pub fn of(self, level: Level) -> u16 {
        match level {
            Level::Handler => self.handler,
            Level::Supervisor => self.supervisor,
            Level::Leader => self.leader,
        }
    }
}

fn is_no_target(targets: &Targets) -> bool {
    *targets == Targets::default()
}

const WARNINGS_MAX: usize = 5;

impl Policy {
    /// True when it holds for every matter at its node.
    pub fn is_general(&self) -> bool {
        self.category.is_none() && self.kind.is_none() && self.priority.is_none()
    }

    /// Adds a fault for each figure out of its range.
    pub fn check(&self, faults: &mut Faults) {
        let figures = [
            ("close_after_days", self.close_after_days, 1..=365),
            ("reopen_within_days", self.reopen_within_days, 1..=3650),
            ("waiting_max_working_days", self.waiting_max_working_days, 1..=250),
            ("return_within_working_days", self.return_within_working_days, 1..=30),
            ("contact_views_per_day", self.contact_views_per_day, 0..=10_000),
            ("extension_max_working_days", self.extension_max_working_days, 1..=60),
        ];
        for (field, figure, range) in figures {
            if figure.is_some_and(|it| !range.contains(&it)) {
                let (least, most) = (range.start(), range.end());
                faults.add(
                    field,
                    format!("应在 {least} 到 {most} 之间。 It must be between {least} and {most}."),
                );
            }
        }
        self.targets.check(faults);
        if let Some(rework) = self.rework {
            rework.check("rework", faults);
        }
        self.check_alarms(faults);
    }

    fn check_alarms(&self, faults: &mut Faults) {
        if let Some(percents) = &self.warn_percents {
            let is_rising = percents.is_sorted_by(|one, next| one < next);
            if percents.len() > WARNINGS_MAX || !is_rising || percents.iter().any(|it| !(1..=99).contains(it))
            {
                faults.add(
                    "warn_percents",
                    "应为 1 到 99、从小到大、最多五个。 They are 1 to 99, rising, at most five.",
                );
            }
        }
        if let Some(it) = self.escalate_percents {
            let all = [100, it.handler, it.supervisor, it.leader, 1_000];
            if !all.is_sorted() {
                faults.add(
                    "escalate_percents",
                    "应为 100 到 1000，依次不减。 They are 100 to 1000, none less than the one before.",
                );
            }
        }
        if let Some(stages) = &self.pauses {
            let mut once = stages.clone();
            once.sort_unstable();
            once.dedup();
            if once.len() != stages.len() {
                faults.add("pauses", "环节不要重复。 Name no stage twice.");
            }
        }
    }
}

/// The policy that holds at a node: every figure settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyInForce {
    pub close_after_days: u32,
    pub reopen_within_days: u32,
    pub waiting_max_working_days: u32,
    pub return_within_working_days: u32,
    pub reply_needs_approval: bool,
    pub contact_views_per_day: u32,
    pub clock_starts_on: ClockStart,
    pub targets: Targets,
    pub rework: Target,
    pub warn_percents: Vec<u8>,
    pub escalate_percents: Escalations,
    pub pauses: Vec<Stage>,
    pub extension_max_working_days: u32,
}

impl Default for PolicyInForce {
    /// The figures of PRODUCT §3 and §4; 50 contacts a day is a busy day's calls, twice over.
    fn default() -> Self {
        Self {
            close_after_days: 7,
            reopen_within_days: 30,
            waiting_max_working_days: 10,
            return_within_working_days: 2,
            reply_needs_approval: false,
            contact_views_per_day: 50,
            clock_starts_on: ClockStart::Collected,
            targets: default_targets(Kind::Request, Priority::Normal),
            rework: Target::WorkingDays(3),
            warn_percents: vec![50, 80],
            escalate_percents: Escalations { handler: 100, supervisor: 125, leader: 150 },
            pauses: vec![Stage::Resolve],
            extension_max_working_days: 10,
        }
    }
}

/// The targets of PRODUCT §5, praise first, then emergency and urgent, then enquiry and suggestion, then the rest.
fn default_targets(kind: Kind, priority: Priority) -> Targets {
    let day = Some(Target::WorkingDays(1));
    if kind == Kind::Praise {
        return Targets { reply: day, ..Targets::default() };
    }
    let resolve = match (priority, kind) {
        (Priority::Emergency, _) => Target::CalendarMinutes(120),
        (Priority::Urgent, _) => Target::CalendarMinutes(24 * 60),
        (Priority::Normal | Priority::Complex, Kind::Enquiry | Kind::Suggestion) => Target::WorkingDays(1),
        (Priority::Normal, _) => Target::WorkingDays(5),
        (Priority::Complex, _) => Target::WorkingDays(15),
    };
    let step = if priority == Priority::Emergency { Some(Target::CalendarMinutes(30)) } else { day };
    Targets {
        accept: step,
        assign: step,
        acknowledge: step,
        contact: step,
        resolve: Some(resolve),
        reply: day,
    }
}

impl PolicyInForce {
    /// The defaults for a kind and priority.
    pub fn default_for(kind: Kind, priority: Priority) -> Self {
        Self { targets: default_targets(kind, priority), ..Self::default() }
    }

    /// These, overlaid by each policy in turn.
    #[must_use]
    pub fn overlaid<'a>(self, policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        policies.into_iter().fold(self, Self::overlaid_by)
    }

    /// The defaults overlaid by each policy in turn, farthest first: of two that settle a figure the later wins.
    pub fn of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        Self::default().overlaid(policies)
    }

    fn overlaid_by(self, policy: &Policy) -> Self {
        Self {
            close_after_days: policy.close_after_days.unwrap_or(self.close_after_days),
            reopen_within_days: policy.reopen_within_days.unwrap_or(self.reopen_within_days),
            waiting_max_working_days: policy
                .waiting_max_working_days
                .unwrap_or(self.waiting_max_working_days),
            return_within_working_days: policy
                .return_within_working_days
                .unwrap_or(self.return_within_working_days),
            reply_needs_approval: policy.reply_needs_approval.unwrap_or(self.reply_needs_approval),
            contact_views_per_day: policy.contact_views_per_day.unwrap_or(self.contact_views_per_day),
            clock_starts_on: policy.clock_starts_on.unwrap_or(self.clock_starts_on),
            targets: policy.targets.or(self.targets),
            rework: policy.rework.unwrap_or(self.rework),
            warn_percents: policy.warn_percents.clone().unwrap_or(self.warn_percents),
            escalate_percents: policy.escalate_percents.unwrap_or(self.escalate_percents),
            pauses: policy.pauses.clone().unwrap_or(self.pauses),
            extension_max_working_days: policy
                .extension_max_working_days
                .unwrap_or(self.extension_max_working_days),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_policy_wins_figure_by_figure() {
        let street = Policy { close_after_days: Some(14), reopen_within_days: Some(60), ..Policy::default() };
        let community = Policy { close_after_days: Some(5), ..Policy::default() };

        let in_force = PolicyInForce::of([&street, &community]);

        let expected =
            PolicyInForce { close_after_days: 5, reopen_within_days: 60, ..PolicyInForce::default() };
        assert_eq!(in_force, expected);
    }

    #[test]
    fn every_figure_out_of_range_is_named() {
        let policy =
            Policy { close_after_days: Some(0), contact_views_per_day: Some(10_001), ..Policy::default() };
        let mut faults = Faults::default();

        policy.check(&mut faults);

        let fields: Vec<_> = faults.0.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["close_after_days", "contact_views_per_day"]);
    }
}
