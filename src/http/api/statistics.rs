//! Figures over JSON: the first two of the summary.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::queue;

/// Which figures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SummaryAsked {
    /// Code of a node; default: all of the caller's.
    node: Option<String>,
    /// Received at or after, RFC 3339 with offset.
    from: Option<String>,
    /// Received before, RFC 3339 with offset; default: now.
    to: Option<String>,
}

/// Figures for leaders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Summary)]
pub struct SummaryView {
    /// 收件量: tickets received in the period.
    intake: i64,
    /// 在办量: tickets not closed, declined, merged or withdrawn, now.
    backlog: i64,
}

/// Intake and backlog of a node.
#[utoipa::path(get, path = "/api/v1/stats/summary", tag = "statistics", params(SummaryAsked),
    responses((status = 200, description = "The figures", body = SummaryView)), security(("bearer" = [])))]
pub async fn summary(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<SummaryAsked>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.read()?;
    let summary = queue::summary(&app, &caller, asked.node, asked.from, asked.to).await?;
    Ok(ok(SummaryView { intake: summary.intake, backlog: summary.backlog }))
}
