//! Figures for leaders (PRODUCT §9): what each one counts, what it leaves out and by whom, and what one ticket adds to it.
//!
//! `life` reads a ticket's events and gives its [`Contribution`]; `tally` adds and takes away contributions;
//! `period` says which sums of days and months make up a span of time, `days` which days are compared.

mod days;
mod life;
mod period;
mod tally;

use super::event::ActorKind;
use super::value::{At, NodeId, SetupId, TicketId};
use crate::words;

pub use days::{Days, Rhythm};
pub use life::Life;
pub use period::{EVER, Part as SpanPart, Sign, cover, month_bounds, periods_of};
pub use tally::{PERCENTILE_ERROR, Tally};

use super::ticket::{Kind, Priority, Source};

/// Moves whenever a definition or the form of a tally does: roll-ups made by another are made anew.
pub const DEFINITIONS: i64 = 2;

words! {
    /// A figure of PRODUCT §9, named as in `GET /stats/summary`.
    Figure {
        Intake = "intake", ResponseRate = "response_rate", AcceptanceOnTimeRate = "acceptance_on_time_rate",
        OnTimeRate = "on_time_rate", ResolutionRate = "resolution_rate", SatisfactionRate = "satisfaction_rate",
        ReplyRate = "reply_rate", ReworkRate = "rework_rate",
        FirstTimeResolutionRate = "first_time_resolution_rate", Backlog = "backlog",
        TimeToAccepted = "time_to_accepted", TimeToAssigned = "time_to_assigned",
        TimeToResolved = "time_to_resolved", TimeToReplied = "time_to_replied",
    }
}

words! {
    /// Which of a figure's tickets.
    Part {
        /// Those that count for it; of a plain count, all.
        Numerator = "numerator",
        /// Those it is measured over.
        Denominator = "denominator",
        /// Those it is measured over that do not count for it.
        Missed = "missed",
        /// Those received in the period that it leaves out.
        Excluded = "excluded",
    }
}

words! {
    /// Why something is left out of a rate.
    Exclusion {
        /// The clock has no verdict yet.
        Running = "running",
        WithdrawnByResident = "withdrawn_by_resident",
        WithdrawnByStaff = "withdrawn_by_staff",
        Merged = "merged",
        /// Imported letters run no clocks.
        Imported = "imported",
        /// The resident left no way to be reached.
        NoChannel = "no_channel",
        Declined = "declined",
        /// Another clock took its place when priority or kind were set right.
        Superseded = "superseded",
        /// The ticket was closed or taken up anew before there was a verdict.
        Ended = "ended",
        /// Neither resolved nor declined so far.
        NotConcluded = "not_concluded",
        /// No reply was delivered or logged so far.
        NotReplied = "not_replied",
        /// Replied, and the resident has not answered.
        NotAnswered = "not_answered",
    }
}

impl Exclusion {
    /// Who brought it about: a role, `clock` for what time will settle, `import` for a command.
    pub fn by(self) -> &'static str {
        match self {
            Exclusion::Running => "clock",
            Exclusion::WithdrawnByResident | Exclusion::NoChannel | Exclusion::NotAnswered => "resident",
            Exclusion::Merged | Exclusion::Declined | Exclusion::Superseded => "triager",
            Exclusion::Imported => "import",
            Exclusion::WithdrawnByStaff
            | Exclusion::Ended
            | Exclusion::NotConcluded
            | Exclusion::NotReplied => "staff",
        }
    }

    /// A withdrawal by whoever made it.
    fn withdrawn(by: ActorKind) -> Self {
        match by {
            ActorKind::User => Exclusion::WithdrawnByStaff,
            ActorKind::Resident | ActorKind::Kiosk | ActorKind::Timer | ActorKind::System => {
                Exclusion::WithdrawnByResident
            }
        }
    }
}

words! {
    /// Where a ticket got to in its first cycle, for the times from receipt.
    Milestone { Accepted = "accepted", Assigned = "assigned", Resolved = "resolved", Replied = "replied" }
}

words! {
    /// How figures are broken down; each value is an id, a code or, for a building, its name.
    Dimension {
        All = "all", Unit = "unit", Category = "category", Source = "source", Mailbox = "mailbox",
        Building = "building", Priority = "priority", Kind = "kind",
    }
}

words! {
    /// What became of a ticket so far.
    Done {
        Open = "open", Solved = "solved", Explained = "explained", NotOurs = "not_ours", Cannot = "cannot",
        Declined = "declined", Merged = "merged", Withdrawn = "withdrawn",
    }
}

words! {
    /// What a leader may want to look at: no proof of anything, and no figure.
    Hint {
        /// Closed, and no call, visit or other contact is on record although the resident left a way.
        ClosedWithoutContact = "closed_without_contact",
        /// Resolved in the last hour before it was due, of a day or more.
        LastHour = "last_hour",
        /// The rating was asked for by somebody who had handled it.
        OwnFollowUp = "own_follow_up",
    }
}

impl Hint {
    /// This hint's bit in what is kept with a ticket.
    pub fn mark(self) -> i64 {
        1 << Hint::ALL.iter().position(|it| *it == self).unwrap_or(0)
    }
}

impl Figure {
    /// The figures that are one number over another, in the contract's order.
    pub const RATES: [Figure; 8] = [
        Figure::ResponseRate,
        Figure::AcceptanceOnTimeRate,
        Figure::OnTimeRate,
        Figure::ResolutionRate,
        Figure::SatisfactionRate,
        Figure::ReplyRate,
        Figure::ReworkRate,
        Figure::FirstTimeResolutionRate,
    ];

    /// The definition in Chinese and English, as it stands beside the figure.
    pub fn definition(self) -> (&'static str, &'static str) {
        match self {
            Figure::Intake => (
                "期内收到的诉求件数，含合并、撤回的",
                "tickets received in the period, merged and withdrawn ones included",
            ),
            Figure::ResponseRate => (
                "联系时限按时的个数 ÷ 已有结论的联系时限个数，各办理轮次都算；撤回或合并之前已有的结论照算",
                "contact clocks met in time ÷ contact clocks with a verdict, all cycles; a verdict reached before withdrawal or merging counts",
            ),
            Figure::AcceptanceOnTimeRate => (
                "受理时限按时的个数 ÷ 已有结论的受理时限个数",
                "accept clocks met in time ÷ accept clocks with a verdict",
            ),
            Figure::OnTimeRate => (
                "办结时限按时的个数 ÷ 已有结论的办结时限个数，各办理轮次都算；一到期未办结即算超时",
                "resolve clocks met in time ÷ resolve clocks with a verdict, all cycles; a breach is a verdict at the moment it happens",
            ),
            Figure::ResolutionRate => (
                "最近一次评价为已解决的件数 ÷ 答了“是否解决”的件数",
                "tickets whose latest rating says solved ÷ tickets that answered “solved?”",
            ),
            Figure::SatisfactionRate => (
                "最近一次评价为 4 或 5 分的件数 ÷ 最近一次评价答了“是否满意”的件数",
                "tickets whose latest rating is 4 or 5 ÷ tickets whose latest rating answered “satisfied?”",
            ),
            Figure::ReplyRate => (
                "已答复（送达或登记）的件数 ÷ 曾办结或不予受理的件数；合并件随主件办结",
                "tickets with a delivered or logged reply ÷ tickets that were ever resolved or declined; a merged one is resolved with its main one",
            ),
            Figure::ReworkRate => (
                "办理超过一轮的件数 ÷ 曾答复的件数；不含合并件",
                "tickets with more than one cycle ÷ tickets ever replied, both without merged ones",
            ),
            Figure::FirstTimeResolutionRate => (
                "在第一轮被评为已解决的件数 ÷ 有评价的件数，以最近一次评价为准",
                "tickets rated solved in cycle 1 ÷ tickets rated, by the latest rating",
            ),
            Figure::Backlog => (
                "现在未结案、未合并、未撤回、也未不予受理的件数，不论何时收到",
                "tickets not closed, declined, merged or withdrawn now, whenever they were received",
            ),
            Figure::TimeToAccepted => {
                ("第一轮中，收件到受理的时间", "from receipt to acceptance in the first cycle")
            }
            Figure::TimeToAssigned => (
                "第一轮中，收件到第一次派单的时间",
                "from receipt to the first assignment in the first cycle",
            ),
            Figure::TimeToResolved => (
                "第一轮中，收件到办结的时间；退回重办的以最后一次办结为准",
                "from receipt to resolution in the first cycle; the last one where it was sent back",
            ),
            Figure::TimeToReplied => (
                "第一轮中，收件到第一次答复送达或登记的时间",
                "from receipt to the first delivered or logged reply in the first cycle",
            ),
        }
    }

    /// This figure's bit in the marks kept with a ticket.
    pub fn mark(self) -> i64 {
        1 << Figure::ALL.iter().position(|it| *it == self).unwrap_or(0)
    }
}

/// A share of 100 in tenths, rounded half up; None where there is nothing to divide by.
pub fn tenths(numerator: i64, denominator: i64) -> Option<i64> {
    (denominator != 0).then(|| (numerator * 2_000 + denominator) / (2 * denominator))
}

/// The same as people read it, `93.3 %`; nothing to divide by is a dash.
pub fn percent(numerator: i64, denominator: i64) -> String {
    tenths(numerator, denominator).map_or_else(|| "—".to_owned(), |it| format!("{}.{} %", it / 10, it % 10))
}

/// Fewer people than this are not told of in public (PRODUCT §9).
const IN_PUBLIC_MIN: i64 = 3;

/// True when a rate may be told to everybody: neither those that count nor the others are one or two.
pub fn shown_in_public(numerator: i64, denominator: i64) -> bool {
    [numerator, denominator - numerator].iter().all(|it| *it == 0 || *it >= IN_PUBLIC_MIN)
}

/// What a ticket is counted under, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The node that received it, whose figures it counts in (PRODUCT §4).
    pub node: NodeId,
    /// The node whose supervisor handles it while it is sealed: only who answers there counts it.
    pub sealed_at: Option<NodeId>,
    /// The lead unit.
    pub unit: Option<SetupId>,
    pub category: Option<SetupId>,
    pub source: Source,
    pub mailbox: Option<SetupId>,
    pub building: Option<String>,
    pub priority: Option<Priority>,
    pub kind: Kind,
}

impl Facts {
    /// The value it is counted under; empty where it has none.
    pub fn value(&self, dimension: Dimension) -> String {
        let id = |it: Option<SetupId>| it.map(|it| it.to_string()).unwrap_or_default();
        match dimension {
            Dimension::All => String::new(),
            Dimension::Unit => id(self.unit),
            Dimension::Category => id(self.category),
            Dimension::Source => self.source.to_string(),
            Dimension::Mailbox => id(self.mailbox),
            Dimension::Building => self.building.clone().unwrap_or_default(),
            Dimension::Priority => self.priority.map(|it| it.to_string()).unwrap_or_default(),
            Dimension::Kind => self.kind.to_string(),
        }
    }
}

/// What one ticket adds to the figures, replaced whenever its events move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    pub ticket: TicketId,
    /// The place of the last event it is made of.
    pub seq: i64,
    pub facts: Facts,
    /// UTC; decides the period, whatever happens later.
    pub received_at: At,
    pub is_open: bool,
    /// What is due next; UTC.
    pub due_at: Option<At>,
    pub done: Done,
    /// Bits of [`Hint::mark`].
    pub hints: i64,
    pub tally: Tally,
}

impl Contribution {
    /// The figures it is behind, as bits of [`Figure::mark`].
    pub fn marks(&self, part: Part) -> i64 {
        Figure::ALL.iter().filter(|it| self.is_behind(**it, part)).fold(0, |marks, it| marks | it.mark())
    }

    fn is_behind(&self, figure: Figure, part: Part) -> bool {
        let plain = |n: i64| n > 0 && matches!(part, Part::Numerator | Part::Denominator);
        let time = |it: Milestone| plain(self.tally.n_timed(it));
        match figure {
            Figure::Intake => plain(self.tally.intake()),
            Figure::Backlog => plain(self.tally.open()),
            Figure::TimeToAccepted => time(Milestone::Accepted),
            Figure::TimeToAssigned => time(Milestone::Assigned),
            Figure::TimeToResolved => time(Milestone::Resolved),
            Figure::TimeToReplied => time(Milestone::Replied),
            Figure::ResponseRate
            | Figure::AcceptanceOnTimeRate
            | Figure::OnTimeRate
            | Figure::ResolutionRate
            | Figure::SatisfactionRate
            | Figure::ReplyRate
            | Figure::ReworkRate
            | Figure::FirstTimeResolutionRate => {
                let (met, of) = self.tally.rate(figure);
                match part {
                    Part::Numerator => met > 0,
                    Part::Denominator => of > 0,
                    Part::Missed => of > met,
                    Part::Excluded => self.tally.excluded(figure).next().is_some(),
                }
            }
        }
    }
}
