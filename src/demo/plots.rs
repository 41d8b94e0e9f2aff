//! What is done with each letter, step by step: who does it, when, and in which words.

use super::letters::{Letter, Plot, Via};
use super::places::handler_of;
use crate::domain::ticket::{Channel, Priority, Reach, WaitingFor};
use crate::service::orders::{
    AcceptBody, AssignBody, ContactBody, DeclineBody, EmptyBody, EscalateBody, OptionalReasonBody, Order,
    RateBody, ReasonBody, ReplyBody, ResolveBody, TextBody, WaitBody,
};

/// One thing done.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Weekdays after receipt, and the time of day.
    pub(super) when: (u32, &'static str),
    pub(super) who: Who,
    pub(super) what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// By username.
    Staff(&'static str),
    /// With the receipt.
    Resident,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    Order(Order),
    /// Merge into the letter with this subject.
    MergeInto(&'static str),
    /// The last reply, a letter, was handed over.
    LogReply,
}

/// Puts the steps of one letter together.
struct Plan<'a> {
    letter: &'a Letter,
    steps: Vec<Step>,
}

/// The steps of a letter, in order.
pub(super) fn steps(letter: &Letter) -> Vec<Step> {
    let mut plan = Plan { letter, steps: Vec::new() };
    let takes = letter.takes;
    match letter.plot {
        Plot::Received | Plot::Sealed(false) => {}
        Plot::Accepted => plan.accept("triager"),
        Plot::Assigned => plan.assign(letter.unit),
        Plot::InProgress => {
            plan.acknowledge(1);
            plan.reach(1);
        }
        Plot::Urged => {
            plan.acknowledge(1);
            plan.step(
                3,
                "10:00",
                "supervisor",
                Order::Urge(TextBody { text: "居民又来问了，请尽快答复进展。".into() }),
            );
            plan.step(
                4,
                "09:30",
                handler_of(letter.unit),
                Order::Note(TextBody { text: "已约施工方现场勘察。".into() }),
            );
        }
        Plot::Waiting(reason) => {
            plan.acknowledge(1);
            let is_resident = reason.contains("居民");
            let waiting_for = if is_resident { WaitingFor::Resident } else { WaitingFor::ThirdParty };
            let order = Order::Wait(WaitBody { waiting_for, reason: reason.into() });
            plan.step(1, "15:00", handler_of(letter.unit), order);
        }
        Plot::Resolved => plan.resolve(takes, letter.result),
        Plot::Replied | Plot::Silent => plan.reply(takes, letter.result),
        Plot::Closed(points) => {
            plan.reply(takes, letter.result);
            plan.rate(takes + 2, true, points, None);
        }
        Plot::ClosedBySupervisor(reason) => {
            plan.reply(takes, letter.result);
            plan.step(takes + 3, "16:30", "supervisor", Order::Close(ReasonBody { reason: reason.into() }));
        }
        Plot::Declined(reason, refer_to) => {
            let order =
                Order::Decline(DeclineBody { reason: reason.into(), refer_to: Some(refer_to.into()) });
            plan.step(1, "09:10", "triager", order);
        }
        Plot::Withdrawn(reason) => {
            plan.accept("triager");
            let reason = Some(reason).filter(|it| !it.is_empty()).map(str::to_owned);
            plan.by_resident(1, "18:40", Order::Withdraw(OptionalReasonBody { reason }));
        }
        Plot::Merged(main) => {
            plan.accept("triager");
            plan.push(0, "17:10", Who::Staff("triager"), What::MergeInto(main));
        }
        Plot::Twice(why, result, points) => plan.twice(why, result, points),
        Plot::Returned(reason, unit) => plan.returned(reason, unit),
        Plot::Escalated(reason, is_solved) => plan.escalated(reason, is_solved),
        Plot::Sealed(true) => plan.sealed(),
    }
    plan.steps
}

impl Plan<'_> {
    fn push(&mut self, day: u32, time: &'static str, who: Who, what: What) {
        self.steps.push(Step { when: (day, time), who, what });
    }

    fn step(&mut self, day: u32, time: &'static str, who: &'static str, order: Order) {
        self.push(day, time, Who::Staff(who), What::Order(order));
    }

    fn by_resident(&mut self, day: u32, time: &'static str, order: Order) {
        self.push(day, time, Who::Resident, What::Order(order));
    }

    fn is_near(&self) -> bool {
        self.letter.community == "YD"
    }

    fn triager(&self) -> &'static str {
        if self.is_near() { "triager" } else { "tx_triager" }
    }

    fn accept(&mut self, who: &'static str) {
        let who = if who == "triager" { self.triager() } else { who };
        let category = self.letter.category.to_owned();
        let body = AcceptBody { category, priority: self.letter.priority, may_publish: None };
        self.step(0, "16:50", who, Order::Accept(body));
    }

    fn assign(&mut self, unit: &str) {
        self.accept("triager");
        self.assign_on(0, "17:05", self.triager(), unit);
    }

    fn assign_on(&mut self, day: u32, time: &'static str, who: &'static str, unit: &str) {
        let note = (self.letter.priority == Priority::Urgent).then(|| "请今天就到现场看一下。".to_owned());
        let supporting =
            if unit == "WY" && self.letter.takes > 4 { vec!["WG".to_owned()] } else { Vec::new() };
        let body = AssignBody { unit: unit.to_owned(), assignee: None, supporting, note };
        self.step(day, time, who, Order::Assign(body));
    }

    fn acknowledge(&mut self, day: u32) {
        self.assign(self.letter.unit);
        self.step(day, "08:50", handler_of(self.letter.unit), Order::Acknowledge(EmptyBody {}));
    }

    /// The unit calls or visits whoever left a way to.
    fn reach(&mut self, day: u32) {
        let Some((_, channel @ (Channel::Call | Channel::Visit))) = self.letter.writer else { return };
        let note = Some("已说明处理安排。".to_owned());
        let body = ContactBody { channel, outcome: Reach::Reached, note };
        self.step(day, "10:20", handler_of(self.letter.unit), Order::Contact(body));
    }

    fn resolve(&mut self, day: u32, result: &str) {
        self.acknowledge(1.min(day));
        self.reach(1.min(day));
        self.resolve_on(day, handler_of(self.letter.unit), result);
        if let Some((_, Channel::Email | Channel::Sms | Channel::Letter)) = self.letter.writer {
            self.answer(day, "16:10", result);
        }
    }

    fn resolve_on(&mut self, day: u32, who: &'static str, result: &str) {
        self.step(day, "15:20", who, Order::Resolve(ResolveBody { outcome: None, result: result.into() }));
    }

    fn reply(&mut self, day: u32, result: &str) {
        self.acknowledge(1.min(day));
        self.reach(1.min(day));
        self.resolve_on(day, handler_of(self.letter.unit), result);
        self.answer(day + 1, "09:40", result);
        if self.letter.may_publish {
            self.step(day + 1, "11:00", self.triager(), Order::Publish(EmptyBody {}));
        }
    }

    /// Writes the answer and logs it, where a person brings it.
    fn answer(&mut self, day: u32, time: &'static str, result: &str) {
        let channel = self.letter.writer.map_or(Channel::None, |(_, channel)| channel);
        // What a supervisor closes was answered on the board, for all to read.
        let is_board = matches!(self.letter.plot, Plot::ClosedBySupervisor(_));
        let channel = if is_board { Channel::Board } else { channel };
        let outcome = matches!(channel, Channel::Call | Channel::Visit).then_some(Reach::Reached);
        let text = format!(
            "您好，您反映的“{}”已有结果：{result} 如有不满意，请凭回执告诉我们。",
            self.letter.subject
        );
        let order = Order::Reply(ReplyBody { text, channel: Some(channel), outcome });
        self.step(day, time, self.triager(), order);
        if channel == Channel::Letter {
            self.push(day + 1, "10:30", Who::Staff(self.triager()), What::LogReply);
        }
    }

    /// By the resident where they hold a receipt, else a colleague asks by telephone.
    fn rate(&mut self, day: u32, solved: bool, points: u8, comment: Option<&str>) {
        let comment = comment.map(str::to_owned);
        let body = RateBody { solved, satisfaction: Some(points), comment, asked_by: None };
        if matches!(self.letter.via, Via::Mailbox(_) | Via::Call) {
            self.step(day, "15:50", "triager", Order::Rate(body));
        } else {
            self.by_resident(day, "19:30", Order::Rate(body));
        }
    }

    fn twice(&mut self, why: &str, result: &str, points: u8) {
        let (takes, handler) = (self.letter.takes, handler_of(self.letter.unit));
        self.reply(takes, self.letter.result);
        self.rate(takes + 2, false, 2, Some(why));
        self.step(takes + 3, "08:50", handler, Order::Acknowledge(EmptyBody {}));
        if points > 0 {
            self.resolve_on(takes + 5, handler, result);
            self.answer(takes + 6, "09:40", result);
            self.rate(takes + 7, true, points, None);
        }
    }

    fn returned(&mut self, reason: &str, unit: &str) {
        let (takes, handler) = (self.letter.takes, handler_of(unit));
        self.assign(self.letter.unit);
        let order = Order::Return(ReasonBody { reason: reason.into() });
        self.step(1, "09:20", handler_of(self.letter.unit), order);
        self.assign_on(1, "10:00", "supervisor", unit);
        self.step(2, "08:55", handler, Order::Acknowledge(EmptyBody {}));
        self.resolve_on(takes, handler, self.letter.result);
        self.answer(takes + 1, "09:40", self.letter.result);
    }

    fn escalated(&mut self, reason: &str, is_solved: bool) {
        self.acknowledge(1);
        let order = Order::Escalate(EscalateBody { to: "JH".into(), reason: reason.into() });
        self.step(2, "10:30", handler_of(self.letter.unit), order);
        if is_solved {
            self.assign_on(3, "09:00", "jd_triager", "SZS");
            self.step(3, "14:40", "jd_shizheng", Order::Acknowledge(EmptyBody {}));
            self.resolve_on(self.letter.takes, "jd_shizheng", self.letter.result);
            self.answer(self.letter.takes + 1, "09:40", self.letter.result);
        }
    }

    fn sealed(&mut self) {
        let takes = self.letter.takes;
        self.accept("jd_supervisor");
        self.assign_on(1, "09:00", "jd_supervisor", self.letter.unit);
        self.step(1, "10:00", "jd_ducha", Order::Acknowledge(EmptyBody {}));
        self.resolve_on(takes, "jd_ducha", self.letter.result);
        let text = format!("您举报的事项已核查：{}", self.letter.result);
        let order = Order::Reply(ReplyBody { text, channel: Some(Channel::None), outcome: None });
        self.step(takes + 1, "09:40", "jd_supervisor", order);
    }
}
