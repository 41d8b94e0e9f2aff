//! Extensions (延期): asked for by the lead unit before the deadline, granted or refused by a supervisor.

use super::event::TicketEvent;
use super::{Change, Doing, Ticket, text};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::sla::{Clock, ExtensionState, Stage};
use crate::domain::value::At;

/// What a supervisor decides about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtensionDecision {
    Grant,
    Refuse { reason: Option<String> },
}

impl Ticket {
    /// True while a resolve clock runs and nothing was asked for in this cycle.
    pub(super) fn may_ask_for_more_time(&self) -> bool {
        self.running_resolve().is_some() && self.extensions.iter().all(|it| it.cycle != self.cycle)
    }

    fn running_resolve(&self) -> Option<&Clock> {
        self.clock_now(Stage::Resolve).filter(|it| it.is_open())
    }

    /// The new due time lies after the old one, in the future, and within the policy's working days.
    pub(super) fn check_extension(&self, due_at: At, doing: &Doing) -> Result<(), Refusal> {
        if due_at <= doing.now {
            return Err(Refusal::field(
                "due_at",
                "新期限要在将来。 The new due time must lie in the future.",
            ));
        }
        let Some(clock) = self.running_resolve() else { return Ok(()) };
        if due_at <= clock.due_at {
            return Err(Refusal::field(
                "due_at",
                format!(
                    "新期限要晚于原期限 {0}。 The new due time must be later than the old one, {0}.",
                    clock.due_at
                ),
            ));
        }
        let days = doing.policy.extension_max_working_days;
        let latest = doing.calendar.end_of_working_days(clock.due_at, days).map_or(clock.due_at, |it| it.at);
        if due_at > latest {
            return Err(Refusal::field(
                "due_at",
                format!(
                    "最多延 {days} 个工作日，到 {latest} 为止。 At most {days} working days more, until {latest}."
                ),
            ));
        }
        Ok(())
    }

    /// The unit asks for more time: before the deadline, once a cycle (PRODUCT §5).
    pub(super) fn extend(self, due_at: At, reason: String, doing: &Doing) -> Result<Change, Refusal> {
        let rule = |slug, message: &str| Err(Refusal::Rule { slug, message: message.to_owned() });
        if self.extensions.iter().any(|it| it.cycle == self.cycle) {
            return rule(
                "extended-before",
                "这一轮已经申请过延期，只能一次。 More time was asked for in this cycle already; it can be once only.",
            );
        }
        let Some(clock) = self.running_resolve() else {
            return rule(
                "no-running-clock",
                "没有正在走的办结时限，不能延期。 No resolve clock is running, so there is nothing to extend.",
            );
        };
        if doing.now > clock.due_at {
            return rule(
                "extension-too-late",
                "期限已过，不能再申请延期。请尽快办结，并写明原因。 The deadline has passed; resolve it soon and say why it is late.",
            );
        }
        let extension = u32::try_from(self.extensions.len()).unwrap_or(u32::MAX).saturating_add(1);
        let mut change = Change::of(self, doing);
        let texts = vec![(text::extension(extension), reason)];
        change.push(TicketEvent::ExtensionRequested { extension, due_at }, texts);
        Ok(change)
    }

    /// A supervisor decides about request `id`.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden` by rights or an unknown request; `Rule` when it is decided or has lapsed.
    pub fn decide_extension_request(
        self,
        id: u32,
        decision: ExtensionDecision,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        if let Some(staff) = doing.actor.staff() {
            if !self.is_seen_by(staff, doing.place) {
                return Err(Refusal::NotFound(self.number));
            }
            if !self.allows(staff, Permission::Supervise, doing.place) {
                return Err(Refusal::Forbidden(Permission::Supervise));
            }
        }
        self.after_time(doing, |ticket| ticket.decide_now(id, decision, doing))
    }

    fn decide_now(self, id: u32, decision: ExtensionDecision, doing: &Doing) -> Result<Change, Refusal> {
        let unknown = || Refusal::NotFound(format!("extension {id}"));
        let asked = *self.extensions.iter().find(|it| it.id == id).ok_or_else(unknown)?;
        let mut change = Change::of(self, doing);
        // What was overdue by now has lapsed before anything is decided.
        if asked.state != ExtensionState::Requested {
            return Err(Refusal::Rule {
                slug: "extension-not-open",
                message: "这个延期申请已经处理或已过期。 This request was decided already, or has lapsed."
                    .to_owned(),
            });
        }
        match decision {
            ExtensionDecision::Grant => {
                // The due time may have moved past what was asked for: granting never takes time away.
                let now = change.ticket.clock_now(Stage::Resolve).map(|it| it.due_at);
                let due_at = asked.due_at.max(now.unwrap_or(asked.due_at));
                change.push(TicketEvent::ExtensionGranted { extension: id, due_at }, vec![]);
            }
            ExtensionDecision::Refuse { reason } => {
                let texts = reason.map(|it| (text::REASON.to_owned(), it)).into_iter().collect();
                change.push(TicketEvent::ExtensionRefused { extension: id }, texts);
            }
        }
        Ok(change)
    }
}
