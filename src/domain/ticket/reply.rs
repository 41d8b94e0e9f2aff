//! Replies: written by staff, approved where policy says so, delivered or logged; then the ticket is replied.

use chrono::{NaiveDate, TimeDelta};

use super::event::{FailedBy, TicketEvent};
use super::{Change, Channel, Delivery, Doing, Reach, Reply, Status, Ticket, text};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::sla::{self, ClockEffect, Rules};

/// After so many tries on different days a letter or the board may answer (PRODUCT §4).
const TRIES_ON_DIFFERENT_DAYS: usize = 3;

/// What staff decide about a reply that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyDecision {
    /// A supervisor lets it go out.
    Approve,
    /// A supervisor stops it.
    Reject,
    /// Try the same channel again.
    Retry,
    /// Try another channel, with the same words.
    Redirect { channel: Channel, text: String },
    /// A letter was handed over; a call or visit was made.
    Log { outcome: Reach },
}

impl ReplyDecision {
    /// What a member of staff needs for it.
    pub fn permission(&self) -> Permission {
        match self {
            ReplyDecision::Approve | ReplyDecision::Reject => Permission::Supervise,
            ReplyDecision::Retry | ReplyDecision::Redirect { .. } | ReplyDecision::Log { .. } => {
                Permission::Reply
            }
        }
    }
}

impl Change {
    /// Writes a reply and moves it as far as it goes by itself; gives its id.
    pub(super) fn write_reply(&mut self, words: String, channel: Channel, doing: &Doing) -> u32 {
        let reply = u32::try_from(self.ticket.replies.len()).unwrap_or(u32::MAX).saturating_add(1);
        let delivery =
            if self.ticket.needs_approval(doing) { Delivery::AwaitingApproval } else { Delivery::Queued };
        self.push(TicketEvent::ReplyWritten { reply, channel, delivery }, vec![(text::reply(reply), words)]);
        self.settle_published(reply, doing);
        reply
    }

    /// The matter a merged ticket is about was resolved with the main one: its reply is due.
    pub(super) fn start_reply_clock(&mut self) {
        let (effects, picked) = sla::main_resolved(&self.ticket, self.at, self.works());
        self.amend_clocks(effects, picked);
    }

    /// Changes clocks alone, which no other event of this ticket would tell.
    pub(super) fn amend_clocks(&mut self, effects: Vec<ClockEffect>, picked: Option<Rules>) {
        if effects.is_empty() {
            return;
        }
        let event = TicketEvent::Amended {
            changed: vec!["clocks".to_owned()],
            facts: self.ticket.facts(),
            handling_node: self.ticket.handling_node,
            taken_from: None,
        };
        self.add(event, effects, picked, vec![]);
    }

    /// A reply on channel `none` counts as logged once it stands at the receipt, one on the board once
    /// the ticket is published.
    fn settle_published(&mut self, id: u32, doing: &Doing) {
        let is_public = self.ticket.replies.iter().any(|it| {
            it.id == id
                && it.delivery == Delivery::Queued
                && (it.channel == Channel::None || it.channel == Channel::Board && self.ticket.published)
        });
        if is_public {
            self.push_replied(id, Delivery::Logged, doing);
        }
    }

    /// Logs what was waiting for publication on the board.
    pub(super) fn log_board_replies(&mut self, doing: &Doing) {
        let ids: Vec<u32> = self.ticket.replies.iter().map(|it| it.id).collect();
        for id in ids {
            self.settle_published(id, doing);
        }
    }

    fn push_replied(&mut self, reply: u32, delivery: Delivery, doing: &Doing) {
        let close_at = (self.ticket.status == Status::Resolved)
            .then(|| doing.now + TimeDelta::days(i64::from(doing.policy.close_after_days)));
        self.push(TicketEvent::Replied { reply, delivery, close_at }, vec![]);
    }
}

impl Ticket {
    pub(super) fn reply(
        self,
        words: String,
        channel: Option<Channel>,
        outcome: Option<Reach>,
        doing: &Doing,
    ) -> Result<Change, Refusal> {
        let channel = channel.unwrap_or(self.channel);
        self.check_channel(channel, doing)?;
        if outcome.is_some() && self.needs_approval(doing) {
            return Err(needs_approval());
        }
        let mut change = Change::of(self, doing);
        let id = change.write_reply(words, channel, doing);
        if let Some(outcome) = outcome {
            change.log_reach(id, outcome, doing);
        }
        Ok(change)
    }

    /// An outcome goes with call and visit only.
    pub(super) fn check_outcome(
        &self,
        channel: Option<Channel>,
        outcome: Option<Reach>,
    ) -> Result<(), Refusal> {
        let by_person = matches!(channel.unwrap_or(self.channel), Channel::Call | Channel::Visit);
        if outcome.is_some() && !by_person {
            return Err(Refusal::field(
                "outcome",
                "只有电话和上门答复才填结果。 An outcome goes with call and visit only.",
            ));
        }
        Ok(())
    }

    /// True where policy wants a supervisor's approval and the actor is none.
    fn needs_approval(&self, doing: &Doing) -> bool {
        doing.policy.reply_needs_approval
            && doing.actor.staff().is_some_and(|it| !self.allows(it, Permission::Supervise, doing.place))
    }

    /// Answers a merged ticket with the words of the main one, by its own resident's channel.
    ///
    /// None when it is not merged, or an answer to what the main one came to is on its way or was given.
    pub fn answer_with_main(self, main: &Ticket, words: String, doing: &Doing) -> Option<Change> {
        let since = main.resolved_at.or(main.closed_at).unwrap_or(main.received_at);
        let is_answered =
            self.replies.iter().any(|it| it.written_at >= since && it.delivery != Delivery::Failed);
        if self.status != Status::Merged || is_answered {
            return None;
        }
        let channel = self.channel;
        let mut change = Change::of(self, doing);
        change.write_reply(words, channel, doing);
        Some(change)
    }

    /// The main ticket was resolved or sent back: the reply clock of this one, merged into it, starts or ends.
    ///
    /// None when it is not merged or nothing changes.
    pub fn follow_clock(self, is_resolved: bool, doing: &Doing) -> Option<Change> {
        if self.status != Status::Merged {
            return None;
        }
        let mut change = Change::of(self, doing);
        change.say_what_is_due();
        if is_resolved {
            change.start_reply_clock();
        } else {
            let effects = sla::main_reopened(&change.ticket);
            change.amend_clocks(effects, None);
        }
        (!change.entries.is_empty()).then_some(change)
    }

    /// Letter and board answer a resident who wants a call or visit only after three tries.
    fn check_channel(&self, channel: Channel, doing: &Doing) -> Result<(), Refusal> {
        let wants_person = matches!(self.channel, Channel::Call | Channel::Visit);
        let is_impersonal = matches!(channel, Channel::Letter | Channel::Board | Channel::None);
        if wants_person && is_impersonal {
            let tried = self.days_tried(doing);
            if tried.len() < TRIES_ON_DIFFERENT_DAYS {
                return Err(Refusal::Rule {
                    slug: "try-again-first",
                    message: format!(
                        "居民希望电话或上门答复：在 {TRIES_ON_DIFFERENT_DAYS} 个不同的日子联系不上后，才能改用其他方式，现在是 {} 天。 The resident asked for a call or visit; another channel may answer after tries on {TRIES_ON_DIFFERENT_DAYS} different days, so far {}.",
                        tried.len(),
                        tried.len()
                    ),
                });
            }
        }
        Ok(())
    }

    /// The days of this cycle on which a call or visit reached nobody.
    fn days_tried(&self, doing: &Doing) -> Vec<NaiveDate> {
        let mut days: Vec<NaiveDate> = self
            .replies
            .iter()
            .filter(|it| it.cycle == self.cycle && it.delivery == Delivery::Failed)
            .filter(|it| matches!(it.channel, Channel::Call | Channel::Visit))
            .filter_map(|it| it.settled_at)
            .map(|it| it.local_date(doing.zone))
            .collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// Decides about reply `id`.
    ///
    /// # Errors
    /// `NotFound` or `Forbidden` by rights or an unknown reply; `Rule` when the reply is past that.
    pub fn decide_reply(self, id: u32, decision: ReplyDecision, doing: &Doing) -> Result<Change, Refusal> {
        if let Some(staff) = doing.actor.staff() {
            if !self.is_seen_by(staff, doing.place) {
                return Err(Refusal::NotFound(self.number));
            }
            if !self.allows(staff, decision.permission(), doing.place) {
                return Err(Refusal::Forbidden(decision.permission()));
            }
        }
        let reply = self.find_reply(id)?.clone();
        let unfit = || Refusal::Rule {
            slug: "reply-not-in-that-state",
            message: format!(
                "这条答复现在的状态（{}）不能这样处理。 Not possible for a reply that is {}.",
                reply.delivery, reply.delivery
            ),
        };
        let is_of_cycle = reply.cycle == self.cycle;
        let current =
            is_of_cycle && matches!(self.status, Status::Resolved | Status::Declined | Status::Merged);
        let mut change = Change::of(self, doing);
        match (decision, reply.delivery) {
            (ReplyDecision::Approve, Delivery::AwaitingApproval) if is_of_cycle => {
                change.push(TicketEvent::ReplyApproved { reply: id, delivery: Delivery::Queued }, vec![]);
                change.settle_published(id, doing);
            }
            (ReplyDecision::Reject, Delivery::AwaitingApproval) => {
                change.push(TicketEvent::ReplyFailed { reply: id, cause: FailedBy::Rejected }, vec![]);
            }
            (ReplyDecision::Retry, Delivery::Failed) if current => {
                if change.ticket.needs_approval(doing) {
                    return Err(needs_approval());
                }
                change.push(TicketEvent::ReplyApproved { reply: id, delivery: Delivery::Queued }, vec![]);
                change.settle_published(id, doing);
            }
            (ReplyDecision::Redirect { channel, text }, Delivery::Queued | Delivery::Failed) if current => {
                change.ticket.check_channel(channel, doing)?;
                if reply.delivery == Delivery::Queued {
                    change.push(TicketEvent::ReplyFailed { reply: id, cause: FailedBy::Redirected }, vec![]);
                }
                change.write_reply(text, channel, doing);
            }
            (ReplyDecision::Log { outcome }, Delivery::Queued)
                if is_of_cycle
                    && matches!(reply.channel, Channel::Call | Channel::Visit | Channel::Letter) =>
            {
                change.log_reach(id, outcome, doing);
            }
            _ => return Err(unfit()),
        }
        Ok(change)
    }

    /// The reply with `id`.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn find_reply(&self, id: u32) -> Result<&Reply, Refusal> {
        self.replies.iter().find(|it| it.id == id).ok_or_else(|| Refusal::NotFound(format!("reply {id}")))
    }

    /// The machine delivered reply `id`: the mail server or gateway accepted it.
    ///
    /// # Errors
    /// `NotFound` for an unknown reply, `Rule` when it is not waiting to be sent.
    pub fn delivered(self, id: u32, doing: &Doing) -> Result<Change, Refusal> {
        self.check_in_flight(id)?;
        let mut change = Change::of(self, doing);
        change.push_replied(id, Delivery::Delivered, doing);
        Ok(change)
    }

    /// The machine gave reply `id` up; staff see it and choose another way.
    ///
    /// # Errors
    /// `NotFound` for an unknown reply, `Rule` when it is not waiting to be sent.
    pub fn given_up(self, id: u32, doing: &Doing) -> Result<Change, Refusal> {
        self.check_in_flight(id)?;
        let mut change = Change::of(self, doing);
        change.push(TicketEvent::ReplyFailed { reply: id, cause: FailedBy::GivenUp }, vec![]);
        Ok(change)
    }

    fn check_in_flight(&self, id: u32) -> Result<(), Refusal> {
        match self.find_reply(id)?.delivery {
            Delivery::Queued | Delivery::Sent => Ok(()),
            Delivery::AwaitingApproval | Delivery::Delivered | Delivery::Failed | Delivery::Logged => {
                Err(Refusal::Rule {
                    slug: "reply-not-in-that-state",
                    message: "这条答复不在发送中。 This reply is not on its way.".to_owned(),
                })
            }
        }
    }
}

impl Change {
    /// What was not settled when a cycle ends or work goes back is not sent any more.
    pub(super) fn cancel_unsettled(&mut self) {
        let unsettled: Vec<u32> = self
            .ticket
            .replies
            .iter()
            .filter(|it| matches!(it.delivery, Delivery::AwaitingApproval | Delivery::Queued))
            .map(|it| it.id)
            .collect();
        for reply in unsettled {
            self.push(TicketEvent::ReplyFailed { reply, cause: FailedBy::Cancelled }, vec![]);
        }
    }

    fn log_reach(&mut self, id: u32, outcome: Reach, doing: &Doing) {
        match outcome {
            Reach::Reached => self.push_replied(id, Delivery::Logged, doing),
            Reach::NotReached => {
                self.push(TicketEvent::ReplyFailed { reply: id, cause: FailedBy::NotReached }, vec![]);
            }
        }
    }
}

fn needs_approval() -> Refusal {
    Refusal::Rule {
        slug: "needs-approval",
        message: "答复要先由督导审批，批准后再发送或登记结果。 A supervisor approves the reply first; then it is sent or its outcome logged."
            .to_owned(),
    }
}
