//! The lead unit's verbs: acknowledge, return, contact, wait, resume, resolve.

use super::event::TicketEvent;
use super::{Change, Channel, Doing, Outcome, Reach, Ticket, WaitingFor, text};
use crate::domain::refusal::Refusal;
use crate::domain::value::At;

impl Ticket {
    pub(super) fn acknowledge(self, doing: &Doing) -> Result<Change, Refusal> {
        let Some(unit) = self.unit else { return Err(no_lead()) };
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Acknowledged { unit }, vec![]);
        Ok(change)
    }

    /// The unit gives it back, once per cycle, within the policy's working days, unless designated.
    pub(super) fn return_to_triage(self, reason: String, doing: &Doing) -> Result<Change, Refusal> {
        let Some(unit) = self.unit else { return Err(no_lead()) };
        let rule = |slug, message: String| Err(Refusal::Rule { slug, message });
        if self.designated {
            return rule(
                "designated",
                "督导已指定本单位承办，不能退单。如有困难，请与督导商量。 A supervisor designated this unit; it cannot be returned. Speak with the supervisor."
                    .to_owned(),
            );
        }
        if self.returned_in_cycle {
            return rule(
                "returned-before",
                "这一轮已经退过一次，不能再退。请联系受理员转办。 It was returned once in this cycle already; ask the triager to assign it elsewhere."
                    .to_owned(),
            );
        }
        let days = doing.policy.return_within_working_days;
        let last = in_working_days(self.assigned_at.unwrap_or(self.received_at), days, doing)?;
        if doing.now > last {
            return rule(
                "return-too-late",
                format!(
                    "派单后 {days} 个工作日内才能退单，期限已过。请联系受理员转办。 It can be returned within {days} working days of the assignment only; ask the triager to assign it elsewhere."
                ),
            );
        }
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Returned { unit }, vec![(text::REASON.to_owned(), reason)]);
        Ok(change)
    }

    pub(super) fn check_contact(channel: Channel) -> Result<(), Refusal> {
        if matches!(channel, Channel::None | Channel::Board) {
            return Err(Refusal::field(
                "channel",
                "联系居民的方式应为 call、visit、sms、email 或 letter。 Contact is by call, visit, sms, email or letter.",
            ));
        }
        Ok(())
    }

    pub(super) fn contact(
        self,
        channel: Channel,
        outcome: Reach,
        note: Option<String>,
        doing: &Doing,
    ) -> Change {
        let texts = note.map(|it| (text::NOTE.to_owned(), it)).into_iter().collect();
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Contacted { channel, outcome }, texts);
        change
    }

    pub(super) fn wait(
        self,
        waiting_for: WaitingFor,
        reason: String,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        let ends_at = in_working_days(doing.now, doing.policy.waiting_max_working_days, doing)?;
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Waiting { waiting_for, ends_at }, vec![(text::REASON.to_owned(), reason)]);
        Ok(change)
    }

    pub(super) fn resume(self, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Resumed {}, vec![]);
        change
    }

    pub(super) fn resolve(self, outcome: Outcome, result: String, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Resolved { outcome }, vec![(text::RESULT.to_owned(), result)]);
        change
    }
}

/// Close of business `days` working days after `start`, in the calendar in force.
fn in_working_days(start: At, days: u32, doing: &Doing) -> Result<At, Refusal> {
    doing.calendar.end_of_working_days(start, days).map(|it| it.at).map_err(|_| Refusal::Rule {
        slug: "calendar-out-of-range",
        message: "工作日历算不到那么远。请管理员检查日历。 The working calendar does not reach that far; ask an admin to check it."
            .to_owned(),
    })
}

fn no_lead() -> Refusal {
    Refusal::Rule {
        slug: "no-lead-unit",
        message: "这一件还没有主办单位。请先派单。 No unit leads this ticket yet; assign it first."
            .to_owned(),
    }
}
