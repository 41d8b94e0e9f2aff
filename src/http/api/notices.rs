//! The inbox of notices over JSON.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::tickets::link_next;
use crate::domain::notice::NoticeKind;
use crate::domain::refusal::Refusal;
use crate::domain::value::At;
use crate::http::reply::{done, ok};
use crate::http::{Problem, Query, StaffCaller};
use crate::service::{App, notices};

/// Which notices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NoticesAsked {
    /// `true`: only those not read yet.
    unread: Option<bool>,
    /// `next_cursor` of the page before.
    cursor: Option<i64>,
    /// 1 to 200, default 50.
    limit: Option<i64>,
}

/// Something that happened to a ticket in one's care.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notice)]
pub struct NoticeView {
    id: i64,
    #[schema(value_type = NoticeKind)]
    kind: String,
    /// The ticket's number; null where it is about a node.
    number: Option<String>,
    /// Code of the node it is about, where it is about none of its tickets.
    node: Option<String>,
    /// What of the node: for `calendar_missing` the year, for `box_unopened` the mailbox's code.
    subject: Option<String>,
    stage: Option<String>,
    percent: Option<i64>,
    level: Option<String>,
    due_at: Option<String>,
    created_at: String,
    read_at: Option<String>,
    /// For `emergency`: names of all who were told, so that nobody thinks somebody else was.
    alerted: Vec<String>,
}

/// A page of an inbox.
#[derive(Debug, Serialize, ToSchema)]
pub struct NoticeListView {
    items: Vec<NoticeView>,
    next_cursor: Option<String>,
}

/// The caller's own notices, newest first.
#[utoipa::path(get, path = "/api/v1/notices", tag = "notices", params(NoticesAsked),
    responses((status = 200, description = "A page", body = NoticeListView)), security(("bearer" = [])))]
pub async fn list(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<NoticesAsked>,
    request: actix_web::HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = asked.read()?;
    let unread = asked.unread.unwrap_or(false);
    let (page, next) = notices::list(&app, &caller, unread, asked.cursor, asked.limit).await?;
    let time = |micros: i64| At::from_micros(micros).to_rfc3339();
    let view = |it: crate::service::notices::Shown| NoticeView {
        id: it.id,
        kind: it.kind,
        number: it.number,
        node: it.node,
        subject: it.subject,
        stage: it.stage,
        percent: it.percent,
        level: it.level,
        due_at: it.due_at.map(time),
        created_at: time(it.created_at),
        read_at: it.read_at.map(time),
        alerted: it.alerted.iter().flat_map(|it| it.split('、')).map(str::to_owned).collect(),
    };
    let next_cursor = next.map(|it| it.to_string());
    let items = page.into_iter().map(view).collect();
    let mut answer = ok(NoticeListView { items, next_cursor: next_cursor.clone() });
    link_next(&mut answer, &request, next_cursor.as_deref());
    Ok(answer)
}

/// Mark a notice as read; again changes nothing.
#[utoipa::path(post, path = "/api/v1/notices/{id}/read", tag = "notices", params(("id" = i64, Path)),
    responses((status = 204, description = "Read")), security(("bearer" = [])))]
pub async fn read(
    app: web::Data<App>,
    caller: StaffCaller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let unknown = || Refusal::NotFound(format!("notice {}", *id));
    notices::read(&app, &caller, id.parse().map_err(|_| unknown())?).await?;
    Ok(done())
}
