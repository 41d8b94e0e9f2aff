//! The list of call-backs over JSON; what a resident says is logged by `rate` with `asked_by`.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::tickets::link_next;
use crate::domain::ticket::Channel;
use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::follow_ups::{self, Asked, FollowUp};

/// A call that is still to be made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FollowUp)]
pub struct FollowUpView {
    number: String,
    channel: Channel,
    cycle: u32,
    replied_at: String,
    /// The end of the third working day after the reply.
    due_at: String,
    overdue: bool,
    /// False for who handled it: a colleague asks.
    may_ask: bool,
}

/// A page of call-backs.
#[derive(Debug, Serialize, ToSchema)]
pub struct FollowUpListView {
    items: Vec<FollowUpView>,
    next_cursor: Option<String>,
}

impl FollowUpView {
    fn of(it: FollowUp) -> Self {
        Self {
            number: it.number,
            channel: it.channel,
            cycle: it.cycle,
            replied_at: it.replied_at.to_rfc3339(),
            due_at: it.due_at.to_rfc3339(),
            overdue: it.is_overdue,
            may_ask: it.may_ask,
        }
    }
}

/// Call-backs still to be made, the longest answered first: answered, not rated, and with a number to call.
#[utoipa::path(get, path = "/api/v1/follow-ups", tag = "replies", params(Asked),
    responses((status = 200, description = "A page", body = FollowUpListView)), security(("bearer" = [])))]
pub async fn list(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<Asked>,
    request: actix_web::HttpRequest,
) -> Result<HttpResponse, Problem> {
    let listed = follow_ups::list(&app, &caller, asked.read()?).await?;
    let items = listed.items.into_iter().map(FollowUpView::of).collect();
    let mut answer = ok(FollowUpListView { items, next_cursor: listed.next_cursor.clone() });
    link_next(&mut answer, &request, listed.next_cursor.as_deref());
    Ok(answer)
}
