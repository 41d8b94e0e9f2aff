//! The board as a page, on the screen and printed large for a pavilion.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use serde::Deserialize;

use super::answered;
use super::screen::Screen;
use crate::domain::statistics::{Figure, percent};
use crate::http::reply::segment;
use crate::http::{Problem, Query};
use crate::notify::catalogue::Language;
use crate::service::board::{self, Board, BoardAsked, Notice};
use crate::service::statistics::{self, Public, PublicAsked};
use crate::service::{App, guide};

/// So many fit a page in letters that are read from an arm's length.
const A4_NOTICES: i64 = 8;
const A3_NOTICES: i64 = 14;

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    screen: Screen,
    board: Board,
    q: String,
    category: String,
    building: String,
    community: String,
    /// The last month in figures, of one community.
    figures: Option<Public>,
}

/// A public figure as people read it; None where single people could be known by it.
fn told(screen: &Screen, shown: Option<(i64, i64)>) -> String {
    shown.map_or_else(|| screen.say("board.suppressed"), |(n, of)| percent(n, of))
}

/// The figures of the community that is asked for, or of the only one.
async fn figures(app: &App, community: &str) -> Result<Option<Public>, Problem> {
    let Some((community, _)) = guide::read(app, community).await?.community else { return Ok(None) };
    Ok(Some(statistics::public(app, PublicAsked { community, month: None }).await?))
}

/// What came of a notice, in a resident's word.
fn word(screen: &Screen, notice: &Notice) -> String {
    match notice.outcome {
        Some(outcome) if notice.reply.is_some() => screen.say(&format!("outcome.{outcome}")),
        _ => screen.say(&format!("status.{}", notice.status)),
    }
}

impl BoardPage {
    fn word(&self, notice: &Notice) -> String {
        word(&self.screen, notice)
    }

    /// Name, value and definition of each public rate.
    fn rates(&self, public: &Public) -> Vec<(String, String, &'static str)> {
        let is_chinese = self.screen.language == Language::Chinese;
        let rate = |(figure, shown): &(Figure, Option<(i64, i64)>)| {
            let (zh, en) = figure.definition();
            let name = self.screen.say(&format!("lead_figure.{figure}"));
            (name, told(&self.screen, *shown), if is_chinese { zh } else { en })
        };
        public.rates.iter().map(rate).collect()
    }

    /// The month in one sentence.
    fn month(&self, public: &Public) -> String {
        let n = public.intake.map_or_else(|| self.screen.say("board.few"), |it| it.to_string());
        let fields = [("community", public.community.as_str()), ("month", &public.month), ("n", &n)];
        self.screen.say_with("board.month", &fields)
    }

    /// The query of the sheet with what this page shows.
    fn sheet(&self) -> String {
        let parts =
            [("community", &self.community), ("category", &self.category), ("building", &self.building)];
        let parts = parts.into_iter().filter(|it| !it.1.is_empty());
        let parts: Vec<String> = parts.map(|(name, text)| format!("{name}={}", segment(text))).collect();
        parts.join("&")
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
    let community = part(&asked.community);
    let board = board::list(&app, asked).await?;
    let (screen, figures) = (Screen::of(&request), figures(&app, &community).await?);
    let page = BoardPage { screen, board, q, category, building, community, figures };
    answered(HttpResponse::Ok(), &page)
}

/// What a sheet shows, and the paper it is for.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct SheetAsked {
    /// Code of a community; left out, of all.
    community: Option<String>,
    /// Code of a category; those below it are meant too.
    category: Option<String>,
    building: Option<String>,
    /// `a4`, which is the default, or `a3`.
    paper: Option<String>,
}

#[derive(Template)]
#[template(path = "sheet.html")]
struct SheetPage {
    screen: Screen,
    board: Board,
    paper: &'static str,
    /// The same sheet on the other paper.
    other: (&'static str, String),
}

impl SheetPage {
    fn other_paper(&self) -> String {
        self.screen.say(&format!("board.{}", self.other.0))
    }

    fn word(&self, notice: &Notice) -> String {
        word(&self.screen, notice)
    }
}

/// The newest of the board in large print, for a pavilion.
#[utoipa::path(get, path = "/board/sheet", tag = "pages", params(SheetAsked), security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn sheet(
    app: web::Data<App>,
    request: HttpRequest,
    asked: Query<SheetAsked>,
) -> Result<HttpResponse, Problem> {
    let SheetAsked { community, category, building, paper } = asked.read()?;
    let is_a3 = paper.as_deref() == Some("a3");
    let (paper, other, limit) = if is_a3 { ("a3", "a4", A3_NOTICES) } else { ("a4", "a3", A4_NOTICES) };
    let parts = [("community", &community), ("category", &category), ("building", &building)];
    let shown = parts.into_iter().filter_map(|it| Some((it.0, it.1.as_deref()?)));
    let shown: Vec<String> = shown.map(|(name, text)| format!("&{name}={}", segment(text))).collect();
    let address = format!("/board/sheet?paper={other}{}", shown.concat());
    let asked = BoardAsked { community, category, building, limit: Some(limit), ..BoardAsked::default() };
    let board = board::list(&app, asked).await?;
    let page = SheetPage { screen: Screen::of(&request), board, paper, other: (other, address) };
    answered(HttpResponse::Ok(), &page)
}
