//! What is in force at a node for a matter: each target with where it comes from, and the calendar it is counted by.

use super::setup::sees;
use super::{App, Caller, Error};
use crate::domain::refusal::{Refusal, shown};
use crate::domain::setup::{Details, Entry, Node, PolicyInForce, SetupKind};
use crate::domain::sla::sources::{Source, of_rework, of_target};
use crate::domain::sla::{Matter, Stage, Target};
use crate::domain::ticket::{Kind, Priority};
use crate::store::{Db, setup};

/// Which matter; what is left out is a request of normal priority in no category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatterAsked {
    pub node: String,
    pub category: Option<String>,
    pub kind: Option<Kind>,
    pub priority: Option<Priority>,
}

/// Code and name of a policy or calendar, and the code of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetBy {
    pub code: String,
    pub name: String,
    /// None: the whole installation's.
    pub node: Option<String>,
}

/// A target and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetTold {
    /// None: rework.
    pub stage: Option<Stage>,
    /// None: the stage has no clock.
    pub target: Option<Target>,
    /// None: the defaults.
    pub set_by: Option<SetBy>,
    pub source: Option<Source>,
}

/// Everything in force for a matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    pub node: String,
    pub matter: (Kind, Priority, Option<String>),
    pub targets: Vec<TargetTold>,
    pub policy: PolicyInForce,
    /// None: the standard one.
    pub calendar: Option<SetBy>,
    pub time_zone: String,
    /// Every year whose official days are known there, rising.
    pub years_known: Vec<i32>,
}

/// What is in force at a node of the caller's for a matter.
///
/// # Errors
/// `Unauthenticated`, `NotFound` for a node out of sight, `Invalid` for a category that is not in use there.
pub async fn in_force(app: &App, caller: &Caller, asked: MatterAsked) -> Result<InForce, Error> {
    let caller = caller.clone();
    app.store
        .read(move |db: &mut Db| {
            let code = asked.node.trim().to_ascii_uppercase();
            let node = setup::find_node_by_code(db, &code)?;
            let is_seen = |it: &Node| sees(&caller, &it.path);
            let node = match node {
                Some(node) if is_seen(&node)? => node,
                _ => return Err(Refusal::NotFound(format!("nodes/{}", shown(&code))).into()),
            };
            let category = match &asked.category {
                Some(code) => Some(category_at(db, &node, code)?),
                None => None,
            };
            let matter = Matter {
                kind: asked.kind.unwrap_or(Kind::Request),
                priority: asked.priority.unwrap_or(Priority::Normal),
                category: category.as_ref().map(|it| it.id),
            };
            told(db, &node, &matter, category.map(|it| it.code))
        })
        .await
}

fn category_at(db: &mut Db, node: &Node, code: &str) -> Result<Entry, Error> {
    let found = setup::find_by_code(db, SetupKind::Category, &node.path, code)?;
    Ok(found.ok_or_else(|| {
        let code = shown(code);
        Refusal::field("category", format!("这里没有这个类别：{code}。 No category {code} is in use here."))
    })?)
}

fn told(db: &mut Db, node: &Node, matter: &Matter, category: Option<String>) -> Result<InForce, Error> {
    let book = setup::rulebook(db, &node.path, node.time_zone)?;
    let entries = setup::in_use_at(db, &[SetupKind::Policy, SetupKind::Calendar], &node.path)?;
    let ids: Vec<_> = entries.iter().filter_map(|it| it.node).collect();
    let nodes = setup::node_codes(db, &ids)?;
    let set_by = |it: &Entry| SetBy {
        code: it.code.clone(),
        name: it.name.clone(),
        node: it.node.and_then(|it| nodes.get(&it).cloned()),
    };
    // The rulebook has the policies in this order.
    let policies: Vec<&Entry> =
        entries.iter().filter(|it| matches!(it.details, Details::Policy(_))).collect();
    let holding: Vec<&Entry> =
        book.holding(matter).into_iter().filter_map(|it| policies.get(it).copied()).collect();
    let policy = book.policy(matter);
    let mut targets = Vec::new();
    for stage in Stage::ALL.iter().map(|it| Some(*it)).chain([None]) {
        let target = stage.map_or(Some(policy.rework), |it| policy.targets.of(it));
        let settles = |it: &&&Entry| match (&it.details, stage) {
            (Details::Policy(policy), Some(stage)) => policy.targets.of(stage).is_some(),
            (Details::Policy(policy), None) => policy.rework.is_some(),
            _ => false,
        };
        let set_by = holding.iter().rev().find(settles).map(|it| set_by(it));
        let default = |target| match stage {
            Some(stage) => of_target(stage, matter.kind, matter.priority, target),
            None => of_rework(target),
        };
        let of_policy = |it: &SetBy| Source::of_policy(&it.name, it.node.as_deref().unwrap_or("-"));
        let source = target.map(|target| set_by.as_ref().map_or_else(|| default(target), of_policy));
        targets.push(TargetTold { stage, target, set_by, source });
    }
    let calendar = entries.iter().rev().find(|it| matches!(it.details, Details::Calendar(_)));
    Ok(InForce {
        node: node.code.clone(),
        matter: (matter.kind, matter.priority, category),
        targets,
        policy,
        calendar: calendar.map(set_by),
        time_zone: book.calendar.zone().name().to_owned(),
        years_known: book.calendar.years_known(),
    })
}
