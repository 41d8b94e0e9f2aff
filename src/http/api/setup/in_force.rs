//! `/api/v1/policies/in-force`: what holds at a node for a matter, and where each figure comes from.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::setup::PolicyInForce;
use crate::domain::sla::{Stage, Target};
use crate::domain::ticket::{Kind, Priority};
use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::in_force::{self, InForce, MatterAsked, SetBy, TargetTold};

/// Which matter.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InForceAsked {
    /// Code of the node.
    node: String,
    /// Code of a category in use there.
    category: Option<String>,
    /// `request` unless told.
    kind: Option<Kind>,
    /// `normal` unless told.
    priority: Option<Priority>,
}

/// What holds for a matter.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InForce)]
pub struct InForceView {
    node: String,
    kind: Kind,
    priority: Priority,
    category: Option<String>,
    targets: Vec<TargetView>,
    /// Every figure, targets included.
    policy: PolicyInForce,
    calendar: CalendarView,
}

/// A target, who set it and why.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TargetInForce)]
pub struct TargetView {
    /// Null: rework, the second and later cycles.
    stage: Option<Stage>,
    /// Null: the stage has no clock.
    target: Option<Target>,
    /// Null: the defaults.
    policy: Option<SetByView>,
    /// Null where there is no target.
    source: Option<SourceView>,
}

/// A sentence in two languages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Source)]
pub struct SourceView {
    zh: String,
    en: String,
}

/// A policy or calendar.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SetBy)]
pub struct SetByView {
    code: String,
    name: String,
    node: Option<String>,
}

impl SetByView {
    fn of(it: SetBy) -> Self {
        Self { code: it.code, name: it.name, node: it.node }
    }
}

/// The calendar that working time is counted by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CalendarInForce)]
pub struct CalendarView {
    /// Null: the standard one.
    set_by: Option<SetByView>,
    time_zone: String,
    /// Years whose official days are known; due times beyond are provisional.
    years_known: Vec<i32>,
}

impl InForceView {
    fn of(it: InForce) -> Self {
        let (kind, priority, category) = it.matter;
        let target = |it: TargetTold| TargetView {
            stage: it.stage,
            target: it.target,
            policy: it.set_by.map(SetByView::of),
            source: it.source.map(|it| SourceView { zh: it.zh, en: it.en }),
        };
        Self {
            node: it.node,
            kind,
            priority,
            category,
            targets: it.targets.into_iter().map(target).collect(),
            policy: it.policy,
            calendar: CalendarView {
                set_by: it.calendar.map(SetByView::of),
                time_zone: it.time_zone,
                years_known: it.years_known,
            },
        }
    }
}

/// What holds at a node for a matter: each target with its source, and the calendar.
#[utoipa::path(get, path = "/api/v1/policies/in-force", tag = "setup", operation_id = "policy_in_force",
    params(InForceAsked), responses((status = 200, description = "What holds", body = InForceView)),
    security(("bearer" = [])))]
pub async fn get(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<InForceAsked>,
) -> Result<HttpResponse, Problem> {
    let InForceAsked { node, category, kind, priority } = asked.read()?;
    let asked = MatterAsked { node, category, kind, priority };
    Ok(ok(InForceView::of(in_force::in_force(&app, &caller, asked).await?)))
}
