//! Where each default comes from, in one sentence that people read beside it.

use super::{Stage, Target};
use crate::domain::ticket::{Kind, Priority};

/// A sentence in two languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub zh: String,
    pub en: String,
}

impl Source {
    fn new(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self { zh: zh.into(), en: en.into() }
    }

    /// The sentence for what a policy of one's own sets.
    pub fn of_policy(name: &str, node: &str) -> Self {
        Self::new(
            format!("由{node}的办理规则“{name}”规定。"),
            format!("Set by the policy “{name}” of {node}."),
        )
    }
}

/// Why the default target of a stage is what it is; None where the defaults give the stage no clock.
///
/// The spans are the product's own promise (PRODUCT §5), which each node may change; how days are counted is law.
pub fn of_target(stage: Stage, kind: Kind, priority: Priority, target: Target) -> Source {
    let (what_zh, what_en) = promise(stage, kind, priority);
    let (how_zh, how_en) = counting(target);
    Source::new(
        format!("本系统的默认约定：{what_zh}。{how_zh}可由各级节点修改。"),
        format!("This system's default promise: {what_en}. {how_en} Any node may change it."),
    )
}

/// Why rework has the default target that it has.
pub fn of_rework(target: Target) -> Source {
    let (how_zh, how_en) = counting(target);
    Source::new(
        format!(
            "本系统的默认约定：居民认为没有解决、重新办理的，用时不超过此限，也不超过原期限。{how_zh}可由各级节点修改。"
        ),
        format!(
            "This system's default promise: what comes back unsolved takes no longer than this, nor than the first time. {how_en} Any node may change it."
        ),
    )
}

fn promise(stage: Stage, kind: Kind, priority: Priority) -> (&'static str, &'static str) {
    match (stage, priority, kind) {
        (Stage::Reply, _, _) => (
            "办结或不予受理后，尽快答复居民",
            "the resident is answered soon after it is resolved or declined",
        ),
        (Stage::Resolve, Priority::Emergency, _) => (
            "特急事项危及人身安全，从收件起连续计时",
            "an emergency endangers people, so it runs from receipt, round the clock",
        ),
        (Stage::Resolve, Priority::Urgent, _) => (
            "紧急事项影响基本生活（水、电、气、电梯等），连续计时",
            "what is urgent touches daily life (water, power, gas, lifts), so it runs round the clock",
        ),
        (Stage::Resolve, Priority::Normal | Priority::Complex, Kind::Enquiry | Kind::Suggestion) => {
            ("咨询和建议只需查明、答复", "an enquiry or suggestion needs looking up and an answer only")
        }
        (Stage::Resolve, Priority::Complex, _) => (
            "疑难事项需要多方协调，由督导认定",
            "a complex matter needs several parties; a supervisor says that it is one",
        ),
        (Stage::Resolve, Priority::Normal, _) => ("一般事项", "an ordinary matter"),
        (Stage::Accept | Stage::Assign | Stage::Acknowledge | Stage::Contact, Priority::Emergency, _) => {
            ("特急事项的每一步都须立即进行", "each step of an emergency is taken at once")
        }
        (Stage::Accept | Stage::Assign | Stage::Acknowledge | Stage::Contact, _, _) => (
            "受理、派单、签收、联系各有时限，不让来信在任何一处停留",
            "to accept, assign, acknowledge and contact have a time each, so that nothing lies anywhere",
        ),
    }
}

fn counting(target: Target) -> (&'static str, &'static str) {
    match target {
        Target::WorkingDays(_) => (
            "按《民法典》第二百零一条、第二百零三条计算：开始的当天不计，到最后一个工作日下班为止。",
            "Counted by the Civil Code, articles 201 and 203: the day it starts on is left out, and it ends when business closes on the last working day.",
        ),
        Target::WorkingMinutes(_) => ("只计工作时间。", "Opening hours only are counted."),
        Target::CalendarMinutes(_) => ("昼夜连续计算。", "Counted round the clock."),
    }
}
