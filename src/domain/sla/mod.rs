//! SLA clocks (时限): how long each stage may take, what every event does to them, and why a due time is what it is.
//!
//! An event of a ticket carries what it did to the clocks ([`ClockEffect`]), with due times and alarms already
//! counted. So folding the events gives the clocks without any calendar, and a verdict is never counted anew
//! with tomorrow's policy. `course` decides the effects, `alarm` when a clock next has something to say,
//! `rulebook` which policy and calendar hold, `recount` fills in years that were not known, `explain` and `holding` tell people about it.

mod alarm;
mod course;
pub mod explain;
pub mod holding;
mod recount;
mod rulebook;
pub mod sources;
mod target;
pub mod whatif;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use alarm::{Alarm, AlarmKind};
pub use course::{Works, effects, main_reopened, main_resolved};
pub use recount::recounted;
pub use rulebook::{Matter, Rulebook, Rules, RulesDigest};
pub use target::{Target, Targets};

use super::ticket::Ticket;
use super::value::At;
use crate::words;

words! {
    /// A stage that has a clock (PRODUCT §5).
    Stage {
        Accept = "accept", Assign = "assign", Acknowledge = "acknowledge", Contact = "contact",
        Resolve = "resolve", Reply = "reply",
    }
}

words! {
    /// How a clock stands.
    ClockState { Running = "running", Paused = "paused", Met = "met", Breached = "breached", Void = "void" }
}

words! {
    /// Who is told when a breach goes on.
    Level { Handler = "handler", Supervisor = "supervisor", Leader = "leader" }
}

/// A span in which a clock stood still; the end is open while it still does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    pub from: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<At>,
}

/// A clock of a ticket. Times are UTC.
///
/// `breached_at` is the due time that passed, however late that was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    pub stage: Stage,
    pub cycle: u32,
    /// Which of its stage and cycle, from 1: an acknowledgement may be asked for again.
    pub nth: u32,
    pub state: ClockState,
    pub started_at: At,
    pub due_at: At,
    pub paused_at: Option<At>,
    pub met_at: Option<At>,
    pub breached_at: Option<At>,
    /// What it will say next; none when nothing is left to say.
    pub alarm: Option<Alarm>,
    /// The highest percentage that was warned of.
    pub warned: Option<u8>,
    /// The policy and calendar it is counted by.
    pub rules: RulesDigest,
    pub details: ClockDetails,
}

/// What explains a clock beside its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockDetails {
    pub target: Target,
    /// A counted day lies in a year whose official days were not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<Pause>,
    /// Days on which a call or visit reached nobody; contact only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried_on: Vec<NaiveDate>,
    /// When it came to rest without being met; none for one that never ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<At>,
    /// The highest level it was escalated to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<Level>,
    /// Due times before an extension, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub due_before: Vec<At>,
}

impl ClockDetails {
    /// As it is stored.
    pub fn to_json(&self) -> String {
        // Plain fields: nothing in them can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Clock {
    /// True while it can still be met or breached.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ClockState::Running | ClockState::Paused)
    }

    /// True while what it waits for has not happened, late or not.
    pub fn is_unmet(&self) -> bool {
        let is_late = self.state == ClockState::Breached && self.met_at.is_none();
        self.is_open() || is_late && self.details.ended_at.is_none()
    }

    /// True when it was met in time or breached: a verdict (PRODUCT §9).
    pub fn has_verdict(&self) -> bool {
        matches!(self.state, ClockState::Met | ClockState::Breached)
    }
}

words! {
    /// How a request for more time stands.
    ExtensionState { Requested = "requested", Granted = "granted", Refused = "refused", Lapsed = "lapsed" }
}

/// A request for more time (延期); its reason lies beside the log under `extension.{id}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extension {
    /// From 1, within the ticket.
    pub id: u32,
    pub cycle: u32,
    pub due_at: At,
    pub state: ExtensionState,
    pub requested_at: At,
    pub decided_at: Option<At>,
}

/// What an event did to one clock: always the latest of its stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum ClockEffect {
    Started {
        stage: Stage,
        cycle: u32,
        started_at: At,
        due_at: At,
        target: Target,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        provisional: bool,
        rules: RulesDigest,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alarm: Option<Alarm>,
        /// It never ran: an imported letter, or nobody could be contacted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        void: bool,
    },
    /// The ticket's rules are these, though no clock started by them.
    Ruled {
        rules: RulesDigest,
    },
    Met {
        stage: Stage,
    },
    Voided {
        stage: Stage,
    },
    Paused {
        stage: Stage,
    },
    Resumed {
        stage: Stage,
        due_at: At,
        alarm: Option<Alarm>,
    },
    /// Counted anew from its start by other rules.
    Retimed {
        stage: Stage,
        started_at: At,
        due_at: At,
        target: Target,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        provisional: bool,
        rules: RulesDigest,
        alarm: Option<Alarm>,
    },
    Extended {
        stage: Stage,
        due_at: At,
        alarm: Option<Alarm>,
    },
    /// Work was sent back, or the ticket split off: it runs on as if it had not stopped.
    RanOn {
        stage: Stage,
        alarm: Option<Alarm>,
    },
    Tried {
        stage: Stage,
        on: NaiveDate,
    },
    /// What it says next, after it said something.
    Alarmed {
        stage: Stage,
        alarm: Option<Alarm>,
    },
}

impl Ticket {
    /// The latest clock of a stage, whatever became of it.
    pub fn clock(&self, stage: Stage) -> Option<&Clock> {
        self.clocks.iter().rev().find(|it| it.stage == stage)
    }

    /// The latest clock of a stage in the present cycle.
    pub fn clock_now(&self, stage: Stage) -> Option<&Clock> {
        self.clock(stage).filter(|it| it.cycle == self.cycle)
    }

    /// Changes the clocks as an event at `at` says.
    pub(in crate::domain) fn apply_effects(&mut self, effects: &[ClockEffect], at: At) {
        for effect in effects {
            self.apply_effect(effect, at);
        }
        self.settle_times();
    }

    /// When it is due next, and when time itself has to look at it again.
    fn settle_times(&mut self) {
        self.due_at =
            self.clocks.iter().filter(|it| it.is_unmet() && it.paused_at.is_none()).map(|it| it.due_at).min();
        let alarms = self.heard().filter_map(|it| it.alarm).map(|it| it.at);
        self.next_alarm_at = alarms.chain(self.timer_at).min();
    }

    /// The clocks that may say something: the latest of each stage, unless it stands still.
    pub(in crate::domain) fn heard(&self) -> impl Iterator<Item = &Clock> {
        let latest = Stage::ALL.iter().filter_map(|it| self.clock(*it));
        latest.filter(|it| it.paused_at.is_none() && it.state != ClockState::Void)
    }

    fn apply_effect(&mut self, effect: &ClockEffect, at: At) {
        match effect {
            ClockEffect::Started { .. } => self.start_clock(effect),
            ClockEffect::Ruled { rules } => self.rules = Some(*rules),
            ClockEffect::Retimed { stage, started_at, due_at, target, provisional, rules, alarm } => {
                self.rules = Some(*rules);
                self.with_clock(*stage, |it| {
                    it.started_at = *started_at;
                    it.due_at = *due_at;
                    it.details.target = *target;
                    it.details.provisional = *provisional;
                    it.rules = *rules;
                    it.alarm = *alarm;
                });
            }
            ClockEffect::Met { stage } => self.with_clock(*stage, |it| it.meet(at)),
            ClockEffect::Voided { stage } => self.with_clock(*stage, |it| {
                it.alarm = None;
                if !it.is_unmet() {
                    return;
                }
                it.details.ended_at = Some(at);
                // A verdict is a fact: a breach already reached stays.
                if it.is_open() {
                    it.state = ClockState::Void;
                    it.end_pause(at);
                }
            }),
            ClockEffect::Paused { stage } => self.with_clock(*stage, |it| {
                it.state = ClockState::Paused;
                it.paused_at = Some(at);
                it.details.pauses.push(Pause { from: at, to: None });
            }),
            ClockEffect::Resumed { stage, due_at, alarm } => self.with_clock(*stage, |it| {
                it.state = ClockState::Running;
                it.end_pause(at);
                it.due_at = *due_at;
                it.alarm = *alarm;
            }),
            ClockEffect::Extended { stage, due_at, alarm } => self.with_clock(*stage, |it| {
                it.details.due_before.push(it.due_at);
                it.due_at = *due_at;
                it.alarm = *alarm;
            }),
            ClockEffect::RanOn { stage, alarm } => self.with_clock(*stage, |it| {
                it.met_at = None;
                it.details.ended_at = None;
                it.alarm = *alarm;
                if it.breached_at.is_none() {
                    it.state = ClockState::Running;
                }
            }),
            ClockEffect::Tried { stage, on } => self.with_clock(*stage, |it| {
                if !it.details.tried_on.contains(on) {
                    it.details.tried_on.push(*on);
                }
            }),
            ClockEffect::Alarmed { stage, alarm } => self.with_clock(*stage, |it| it.alarm = *alarm),
        }
    }

    fn start_clock(&mut self, effect: &ClockEffect) {
        let ClockEffect::Started {
            stage,
            cycle,
            started_at,
            due_at,
            target,
            provisional,
            rules,
            alarm,
            void,
        } = effect
        else {
            return;
        };
        let same = self.clocks.iter().filter(|it| it.stage == *stage && it.cycle == *cycle).count();
        self.rules = Some(*rules);
        self.clocks.push(Clock {
            stage: *stage,
            cycle: *cycle,
            nth: u32::try_from(same).unwrap_or(u32::MAX).saturating_add(1),
            state: if *void { ClockState::Void } else { ClockState::Running },
            started_at: *started_at,
            due_at: *due_at,
            paused_at: None,
            met_at: None,
            breached_at: None,
            alarm: *alarm,
            warned: None,
            rules: *rules,
            details: ClockDetails {
                target: *target,
                provisional: *provisional,
                pauses: Vec::new(),
                tried_on: Vec::new(),
                ended_at: None,
                escalated: None,
                due_before: Vec::new(),
            },
        });
    }

    /// Changes the latest clock of `stage`, if there is one.
    pub(in crate::domain) fn with_clock(&mut self, stage: Stage, change: impl FnOnce(&mut Clock)) {
        if let Some(clock) = self.clocks.iter_mut().rev().find(|it| it.stage == stage) {
            change(clock);
        }
    }
}

impl Clock {
    fn meet(&mut self, at: At) {
        self.alarm = None;
        self.end_pause(at);
        if self.met_at.is_none() && self.state != ClockState::Void {
            self.met_at = Some(at);
            if self.state != ClockState::Breached {
                self.state = ClockState::Met;
            }
        }
    }

    fn end_pause(&mut self, at: At) {
        self.paused_at = None;
        if let Some(pause) = self.details.pauses.last_mut().filter(|it| it.to.is_none()) {
            pause.to = Some(at);
        }
    }
}
