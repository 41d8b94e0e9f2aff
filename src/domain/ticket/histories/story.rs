//! Random histories: what people do to a ticket, and when.

use std::fmt;

use chrono::TimeDelta;
use proptest::prelude::*;

use crate::domain::ticket::{Kind, Priority};
use crate::domain::value::At;

/// How an imported letter comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Import {
    /// Its time is over.
    Old,
    Live,
}

/// How a ticket begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// When it is entered.
    pub(super) at: At,
    /// How long before it came in.
    pub(super) minutes_before: i64,
    pub(super) kind: Kind,
    pub(super) is_dangerous: bool,
    pub(super) has_phone: bool,
    pub(super) import: Option<Import>,
}

/// What somebody does, or tries to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// What comes next where all goes well; so that histories get somewhere.
    Next,
    Accept {
        is_lamp: bool,
        priority: Priority,
    },
    Decline,
    Assign {
        second: bool,
    },
    Return,
    Acknowledge,
    Contact {
        is_reached: bool,
    },
    Wait,
    Resume,
    Resolve,
    SendBack,
    Reply {
        is_reached: bool,
    },
    Rate {
        solved: bool,
    },
    Close,
    Reopen,
    Withdraw,
    Supplement,
    /// More time is asked for.
    Extend {
        working_days: u32,
    },
    Grant,
    Refuse,
    Priority(Priority),
    Category {
        is_lamp: bool,
    },
    Kind(Kind),
    Suspicion(bool),
    NoChannel,
    /// It turns out to be about staff.
    Seal,
    Merge,
    Split,
    MainResolve,
    MainSendBack,
    MainReply,
    MainWithdraw,
    /// Nobody does anything.
    Nothing,
}

/// A step of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Since the step before.
    pub(super) minutes: i64,
    /// Where between the two the timer looks, in percent; only where it looks sometimes.
    pub(super) tick_percent: Option<i64>,
    pub(super) act: Act,
}

/// A ticket's life.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct History {
    pub(super) start: Start,
    pub(super) steps: Vec<Step>,
}

impl fmt::Debug for History {
    /// One line a step, as the tester reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?}", self.start)?;
        for Step { minutes, tick_percent, act } in &self.steps {
            let tick = tick_percent.map(|it| format!(" (tick at {it} %)")).unwrap_or_default();
            writeln!(f, "  +{minutes} min{tick}: {act:?}")?;
        }
        Ok(())
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        5 => Just(Kind::Request),
        1 => Just(Kind::Complaint),
        1 => Just(Kind::Enquiry),
        1 => Just(Kind::Praise),
    ]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![
        Just(Priority::Normal),
        Just(Priority::Emergency),
        Just(Priority::Urgent),
        Just(Priority::Complex),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    let minutes_before = prop_oneof![3 => Just(0), 1 => 0_i64..20_000];
    let import = prop_oneof![8 => Just(None), 1 => Just(Some(Import::Old)), 1 => Just(Some(Import::Live))];
    // Any minute of 2024 to 2026, whose official days are known.
    (0_i64..1_578_000, minutes_before, kind(), any::<bool>(), any::<bool>(), import).prop_map(
        |(minute, minutes_before, kind, is_dangerous, has_phone, import)| Start {
            at: At::from_micros(1_704_038_400_000_000) + TimeDelta::minutes(minute),
            minutes_before,
            kind,
            is_dangerous,
            has_phone,
            import,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let way_through = prop_oneof![
        6 => Just(Act::Next),
        1 => (any::<bool>(), priority()).prop_map(|(is_lamp, priority)| Act::Accept { is_lamp, priority }),
        1 => any::<bool>().prop_map(|second| Act::Assign { second }),
        1 => any::<bool>().prop_map(|is_reached| Act::Contact { is_reached }),
        1 => any::<bool>().prop_map(|is_reached| Act::Reply { is_reached }),
        1 => any::<bool>().prop_map(|solved| Act::Rate { solved }),
    ];
    let detour = prop::sample::select(vec![
        Act::Decline,
        Act::Return,
        Act::Wait,
        Act::Wait,
        Act::Resume,
        Act::SendBack,
        Act::SendBack,
        Act::Close,
        Act::Reopen,
        Act::Withdraw,
        Act::Supplement,
        Act::Refuse,
        Act::NoChannel,
        Act::Seal,
        Act::Acknowledge,
        Act::Resolve,
        Act::Nothing,
    ]);
    let correction = prop_oneof![
        2 => priority().prop_map(Act::Priority),
        1 => any::<bool>().prop_map(|is_lamp| Act::Category { is_lamp }),
        1 => kind().prop_map(Act::Kind),
        1 => any::<bool>().prop_map(Act::Suspicion),
        2 => (1_u32..11).prop_map(|working_days| Act::Extend { working_days }),
        2 => Just(Act::Grant),
    ];
    let merger = prop::sample::select(vec![
        Act::Merge,
        Act::Merge,
        Act::Split,
        Act::MainResolve,
        Act::MainSendBack,
        Act::MainReply,
        Act::MainWithdraw,
    ]);
    prop_oneof![8 => way_through, 4 => detour, 3 => correction, 1 => merger]
}

fn step() -> impl Strategy<Value = Step> {
    let minutes = prop_oneof![2 => 0_i64..30, 3 => 0_i64..600, 3 => 0_i64..6_000, 1 => 0_i64..40_000];
    (minutes, prop::option::of(0_i64..100), act()).prop_map(|(minutes, tick_percent, act)| Step {
        minutes,
        tick_percent,
        act,
    })
}

/// Any history of up to 50 steps.
pub(super) fn histories() -> impl Strategy<Value = History> {
    (start(), prop::collection::vec(step(), 1..50)).prop_map(|(start, steps)| History { start, steps })
}
