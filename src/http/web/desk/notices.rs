//! The inbox of notices as a page.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Frame, PageCaller, Sent, Turned, answered, see};
use crate::domain::value::At;
use crate::http::Query;
use crate::http::reply::segment;
use crate::service::App;
use crate::service::notices::{self, Shown};

/// Which notices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct InboxAsked {
    /// `true`: those read already, too.
    all: Option<bool>,
    /// Where the page before ended.
    cursor: Option<i64>,
}

/// A notice in words.
struct Line {
    id: i64,
    /// The ticket's number; empty when the notice is about a node.
    number: String,
    /// What it is about: the number, or the node's code.
    about: String,
    words: String,
    at: String,
    is_unread: bool,
    is_bad: bool,
}

#[derive(Template)]
#[template(path = "desk/notices.html")]
struct InboxPage {
    frame: Frame,
    lines: Vec<Line>,
    is_all: bool,
    next: Option<i64>,
    /// The newest one shown.
    newest: i64,
}

fn line(frame: &Frame, it: Shown) -> Line {
    let stage = it.stage.as_deref().map(|it| frame.say(&format!("stage.{it}"))).unwrap_or_default();
    let due = it.due_at.map(|it| frame.moment(At::from_micros(it))).unwrap_or_default();
    let percent = it.percent.unwrap_or_default().to_string();
    let subject = it.subject.unwrap_or_default();
    let alerted = it.alerted.unwrap_or_default();
    let fields = [
        ("stage", stage.as_str()),
        ("due", due.as_str()),
        ("percent", percent.as_str()),
        ("subject", subject.as_str()),
        ("alerted", alerted.as_str()),
    ];
    let number = it.number.unwrap_or_default();
    Line {
        words: frame.say_with(&format!("notice.{}", it.kind), &fields),
        at: frame.moment(At::from_micros(it.created_at)),
        is_unread: it.read_at.is_none(),
        is_bad: matches!(it.kind.as_str(), "breach" | "escalation" | "emergency"),
        about: it.node.unwrap_or_else(|| number.clone()),
        number,
        id: it.id,
    }
}

/// The own inbox, newest first.
#[utoipa::path(get, path = "/desk/notices", tag = "pages", params(InboxAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<InboxAsked>,
) -> Result<HttpResponse, Turned> {
    let asked = asked.read()?;
    let is_all = asked.all.unwrap_or(false);
    let frame = Frame::of(&app, &caller, &request).await?;
    let (shown, next) = notices::list(&app, &caller, !is_all, asked.cursor, None).await?;
    let newest = shown.first().map_or(0, |it| it.id);
    let lines = shown.into_iter().map(|it| line(&frame, it)).collect();
    Ok(answered(HttpResponse::Ok(), &InboxPage { frame, lines, is_all, next, newest })?)
}

/// Open the ticket of a notice, if it has one, which is read then; or mark all that were shown as read.
#[utoipa::path(post, path = "/desk/notices", tag = "pages",
    responses((status = 303, description = "To the ticket, or back to the inbox")))]
pub async fn read(app: web::Data<App>, sent: Sent) -> Result<HttpResponse, Turned> {
    let Some((id, number)) = sent.text("open").split_once(' ') else {
        notices::read_all(&app, &sent.caller, sent.text("newest").parse().unwrap_or(0)).await?;
        return Ok(see("/desk/notices"));
    };
    notices::read(&app, &sent.caller, id.parse().unwrap_or(0)).await?;
    if number.is_empty() {
        return Ok(see("/desk/notices"));
    }
    Ok(see(&format!("/desk/tickets/{}", segment(number))))
}
