//! What the resident says, and what silence says: supplement, rate, reopen, withdraw, close.

use chrono::TimeDelta;

use super::event::{ClosedBy, TicketEvent};
use super::{Change, Doing, Priority, Status, Ticket, Verb, text};
use crate::domain::refusal::Refusal;
use crate::domain::sla;
use crate::domain::value::AccountId;

impl Ticket {
    /// Solved closes it, unsolved starts the next cycle; staff log a call-back they did not handle.
    pub(super) fn rate(
        self,
        solved: bool,
        satisfaction: Option<u8>,
        comment: Option<String>,
        asked_by: Option<AccountId>,
        main: Option<&Ticket>,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        if !self.is_legal(Verb::Rate) {
            return Err(self.illegal(Verb::Rate, doing));
        }
        let asked_by = Self::asked_by(asked_by, doing);
        if !solved {
            self.check_within_reopening(doing)?;
        }
        // An empty comment too: the latest comment is that of the latest rating.
        let texts = vec![(text::COMMENT.to_owned(), comment.unwrap_or_default())];
        let (status, cycle, to) = (self.status, self.cycle, self.reopens_to());
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Rated { solved, satisfaction, asked_by }, texts);
        match (status, solved) {
            (Status::Replied, true) => change.push(TicketEvent::Closed { by: ClosedBy::Rating }, vec![]),
            (Status::Replied | Status::Closed, false) => {
                change.cancel_unsettled();
                change.push(TicketEvent::Reopened { to, cycle: cycle + 1 }, vec![]);
            }
            (Status::Merged, false) => change.split_off(main, cycle),
            _ => {}
        }
        Ok(change)
    }

    /// Who asked, when staff log a call-back.
    fn asked_by(asked_by: Option<AccountId>, doing: &Doing) -> Option<AccountId> {
        doing.actor.staff().map(|staff| asked_by.unwrap_or(staff.account))
    }

    /// The follow-up call is not made by the person who handled it (PRODUCT §4).
    pub(super) fn check_follow_up(&self, asked_by: Option<AccountId>, doing: &Doing) -> Result<(), Refusal> {
        let asked_by = Self::asked_by(asked_by, doing);
        if asked_by.is_some() && [self.resolved_by, self.assignee].contains(&asked_by) {
            return Err(Refusal::NotYours(
                "回访不能由承办人自己做。请换一位同事回访。 The follow-up call is not made by the person who handled it; ask a colleague."
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// With the same lead; from the beginning where none leads: it was declined, or sealed after the work.
    fn reopens_to(&self) -> Status {
        if self.unit.is_some() { Status::Assigned } else { Status::Received }
    }

    /// Reopens in the next cycle.
    pub(super) fn reopen(self, reason: String, doing: &Doing) -> Result<Change, Refusal> {
        self.check_within_reopening(doing)?;
        let (to, cycle) = (self.reopens_to(), self.cycle + 1);
        let mut change = Change::of(self, doing);
        change.cancel_unsettled();
        change.push(TicketEvent::Reopened { to, cycle }, vec![(text::REASON.to_owned(), reason)]);
        Ok(change)
    }

    /// A ticket at rest is reopened within M days only (PRODUCT §4).
    fn check_within_reopening(&self, doing: &Doing) -> Result<(), Refusal> {
        let days = doing.policy.reopen_within_days;
        match self.closed_at {
            Some(closed_at) if doing.now > closed_at + TimeDelta::days(i64::from(days)) => {
                Err(Refusal::Rule {
                    slug: "reopening-is-over",
                    message: format!(
                        "结案已超过 {days} 天，不能再重新办理。请另提一件，并写上这个编号。 It was closed more than {days} days ago and cannot be reopened; put in a new one and name this number."
                    ),
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The resident adds something, which ends waiting by itself (PRODUCT §4).
    pub(super) fn supplement(self, words: String, doing: &Doing) -> Change {
        let ends_waiting = self.status == Status::Waiting;
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Supplemented {}, vec![(text::SUPPLEMENT.to_owned(), words)]);
        if ends_waiting {
            change.push(TicketEvent::Resumed {}, vec![]);
        }
        change
    }

    pub(super) fn withdraw(self, reason: Option<String>, doing: &Doing) -> Change {
        let texts = reason.map(|it| (text::REASON.to_owned(), it)).into_iter().collect();
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::Withdrawn {}, texts);
        change
    }

    pub(super) fn close_with_reason(self, reason: String, doing: &Doing) -> Change {
        let mut change = Change::of(self, doing);
        change
            .push(TicketEvent::Closed { by: ClosedBy::Supervisor }, vec![(text::REASON.to_owned(), reason)]);
        change
    }

    /// What time itself does by `doing.now`: clocks say what they have to, silence closes, waiting ends. None
    /// when nothing is due.
    pub fn timer(self, doing: &Doing) -> Option<Change> {
        let mut change = Change::of(self, doing);
        change.pass_time();
        (!change.entries.is_empty()).then_some(change)
    }

    /// Provisional due times are counted anew from their start, now that more official years are known; None
    /// when nothing changes.
    pub fn recount(self, doing: &Doing) -> Option<Change> {
        let mut change = Change::of(self, doing);
        change.pass_time();
        let (effects, picked) = sla::recounted(&change.ticket, change.at, change.works());
        change.amend_clocks(effects, picked);
        change.say_what_is_due();
        (!change.entries.is_empty()).then_some(change)
    }
}

impl Change {
    /// A merged ticket whose resident says "unsolved" goes on by itself in the next cycle, as the main one
    /// was accepted and with the unit that led; from the beginning where none did, the unit is complained
    /// about, or this one was sealed and the main one was not.
    fn split_off(&mut self, main: Option<&Ticket>, cycle: u32) {
        let Some(main) = main else { return };
        let mains = main.unit.filter(|_| main.sealed || !self.ticket.sealed);
        let unit = self.ticket.unit.or(mains).filter(|it| self.ticket.about_unit != Some(*it));
        let category = self.ticket.category.or(main.category);
        let priority: Option<Priority> = self.ticket.priority.or(main.priority);
        let to = if unit.is_some() { Status::Assigned } else { Status::Received };
        self.cancel_unsettled();
        self.push(
            TicketEvent::Split { from: main.id, to, cycle: cycle + 1, unit, category, priority },
            vec![],
        );
    }
}

impl Ticket {
    /// The main ticket is withdrawn, so what was merged into it goes on by itself; None when not merged.
    pub fn released(self, main: &Ticket, doing: &Doing) -> Option<Change> {
        (self.status == Status::Merged).then(|| self.split(main, doing))
    }
}
