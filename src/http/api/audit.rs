//! The trail over JSON: verifying the tickets of an auditor's nodes.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::audit::Finding;
use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::audit::{self, Verified};

/// Which part of the trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerifyAsked {
    /// `next_cursor` of the part before.
    cursor: Option<String>,
    /// Tickets, 1 to 200, default 100.
    limit: Option<i64>,
}

/// What was verified, and what is not as it was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Verification)]
pub struct VerificationView {
    verified_tickets: u64,
    verified_events: u64,
    /// Empty when everything is whole.
    findings: Vec<FindingView>,
    /// Where to go on; null after the last part.
    next_cursor: Option<String>,
}

/// One thing that is not as it was written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingView {
    /// What sort of thing: hash, link, missing, seal, row, text …
    fault: &'static str,
    /// The ticket's number.
    number: Option<String>,
    /// The event's place in its chain, from 1.
    seq: Option<i64>,
    table: Option<&'static str>,
    column: Option<String>,
    /// What is wrong, in Chinese and English.
    message: String,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let spot = finding.spot;
        Self {
            fault: finding.fault,
            number: spot.number,
            seq: spot.seq,
            table: Some(spot.table).filter(|it| !it.is_empty()),
            column: Some(spot.column).filter(|it| !it.is_empty()),
            message: finding.message,
        }
    }
}

impl From<Verified> for VerificationView {
    fn from(verified: Verified) -> Self {
        let report = verified.report;
        Self {
            verified_tickets: report.n_tickets,
            verified_events: report.n_events,
            findings: report.findings.into_iter().map(FindingView::from).collect(),
            next_cursor: verified.next_cursor,
        }
    }
}

/// Verify the trail of the caller's nodes, a part at a time.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit", params(VerifyAsked),
    responses((status = 200, description = "What was verified and found", body = VerificationView)),
    security(("bearer" = [])))]
pub async fn verify(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<VerifyAsked>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.read()?;
    let verified = audit::verify_nodes(&app, &caller, asked.cursor.as_deref(), asked.limit).await?;
    Ok(ok(VerificationView::from(verified)))
}
