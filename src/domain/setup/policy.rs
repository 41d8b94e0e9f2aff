//! Policies: what a node settles for itself, and what is in force once all above it have spoken.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::refusal::Faults;
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
}

impl Policy {
    /// Adds a fault for each figure out of its range.
    pub fn check(&self, faults: &mut Faults) {
        let figures = [
            ("close_after_days", self.close_after_days, 1..=365),
            ("reopen_within_days", self.reopen_within_days, 1..=3650),
            ("waiting_max_working_days", self.waiting_max_working_days, 1..=250),
            ("return_within_working_days", self.return_within_working_days, 1..=30),
            ("contact_views_per_day", self.contact_views_per_day, 0..=10_000),
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
        }
    }
}

impl PolicyInForce {
    /// The defaults overlaid by each policy in turn, farthest first: of two that settle a figure the later wins.
    pub fn of<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let mut in_force = Self::default();
        for policy in policies {
            in_force = in_force.overlaid_by(policy);
        }
        in_force
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
