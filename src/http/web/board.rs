//! The board as a page, on the screen and printed large for a pavilion.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::answered;
use super::screen::Screen;
use crate::http::{Problem, Query};
use crate::service::App;
use crate::service::board::{self, Board, BoardAsked, Notice};

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    screen: Screen,
    board: Board,
    q: String,
    category: String,
    building: String,
}

impl BoardPage {
    /// What came of a notice, in a resident's word.
    fn word(&self, notice: &Notice) -> String {
        match notice.outcome {
            Some(outcome) if notice.reply.is_some() => self.screen.say(&format!("outcome.{outcome}")),
            _ => self.screen.say(&format!("status.{}", notice.status)),
        }
    }
}

/// What is published.
#[utoipa::path(get, path = "/board", tag = "pages", params(BoardAsked), security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn board(
    app: web::Data<App>,
    request: HttpRequest,
    asked: Query<BoardAsked>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.read()?;
    let part = |it: &Option<String>| it.clone().unwrap_or_default();
    let (q, category, building) = (part(&asked.q), part(&asked.category), part(&asked.building));
    let board = board::list(&app, asked).await?;
    let page = BoardPage { screen: Screen::of(&request), board, q, category, building };
    answered(HttpResponse::Ok(), &page)
}
