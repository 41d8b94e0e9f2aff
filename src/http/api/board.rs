//! The board over JSON, for everybody.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::ok;
use crate::http::{Problem, Query};
use crate::service::App;
use crate::service::board::{self, BoardAsked, Notice};

/// A published ticket without personal data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notice)]
pub struct NoticeView {
    subject: String,
    /// Name of the category.
    category: Option<String>,
    building: Option<String>,
    /// Year and month of receipt, `2026-11`, in the community's own zone.
    month: String,
    status: &'static str,
    /// solved, explained, `not_ours` or cannot.
    outcome: Option<&'static str>,
    /// The reply on the board; without one, the result.
    reply: Option<String>,
}

/// A page of the board.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoardView {
    items: Vec<NoticeView>,
    next_cursor: Option<String>,
}

impl From<Notice> for NoticeView {
    fn from(it: Notice) -> Self {
        Self {
            subject: it.subject,
            category: it.category,
            building: it.building,
            month: it.month,
            status: it.status.as_str(),
            outcome: it.outcome.map(crate::domain::ticket::Outcome::as_str),
            reply: it.reply,
        }
    }
}

/// What is published, newest first: what was put in and what came of it.
#[utoipa::path(get, path = "/api/v1/board", tag = "board", params(BoardAsked), security(()),
    responses((status = 200, description = "A page", body = BoardView)))]
pub async fn list(app: web::Data<App>, asked: Query<BoardAsked>) -> Result<HttpResponse, Problem> {
    let board = board::list(&app, asked.read()?).await?;
    let items = board.notices.into_iter().map(NoticeView::from).collect();
    Ok(ok(BoardView { items, next_cursor: board.next_cursor }))
}
