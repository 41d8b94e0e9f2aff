//! The bulletin as a page that prints to A4; nothing of who reads it or when is on it.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::super::answered;
use super::super::desk::{PageCaller, Turned, check_somewhere};
use super::super::screen::Screen;
use crate::domain::people::Permission;
use crate::domain::statistics::{Days, Rhythm};
use crate::http::Query;
use crate::http::api::bulletin::{Form, file, language};
use crate::http::reply::segment;
use crate::service::App;
use crate::service::statistics::{self, Bulletin, BulletinAsked, Cell, Document, document};

#[derive(Template)]
#[template(path = "lead/bulletin.html")]
struct BulletinPage {
    screen: Screen,
    document: Document,
    /// The same at other times: its name and where it is.
    links: Vec<(String, String)>,
    /// This one again as of its event, to print or keep.
    own: String,
}

impl BulletinPage {
    fn class(&self, cell: &Cell) -> &'static str {
        debug_assert!(!self.own.is_empty());
        match cell {
            Cell::Text(_) => "text",
            _ if cell.is_low() => "num low",
            Cell::Nothing | Cell::Count(_) | Cell::Rate(..) | Cell::Share(..) | Cell::Time(_) => "num",
        }
    }
}

/// Where the bulletin of some days is; without `as_of` as of the latest event.
fn link(bulletin: &Bulletin, days: Days, as_of: Option<i64>) -> String {
    let mut link = if let Some(rhythm) = days.rhythm() {
        format!("/lead/bulletin?period={rhythm}&day={}", days.first)
    } else {
        let after = days.last.succ_opt().unwrap_or(days.last);
        format!("/lead/bulletin?from={}&to={after}", days.first)
    };
    if let Some(node) = &bulletin.node {
        link = format!("{link}&node={}", segment(node));
    }
    if let Some(as_of) = as_of {
        link = format!("{link}&as_of={as_of}");
    }
    format!("{link}&floor={}", bulletin.floor)
}

fn links(screen: &Screen, bulletin: &Bulletin) -> Vec<(String, String)> {
    let days = bulletin.days;
    let next = days.last.succ_opt().unwrap_or(days.last);
    let later = match days.rhythm() {
        Some(rhythm) => Days::around(next, rhythm),
        None => Days { first: next, last: next + chrono::TimeDelta::days(days.n_days() - 1) },
    };
    let other = |rhythm| Days::around(days.last, rhythm);
    let named = [
        ("week", other(Rhythm::Week)),
        ("month", other(Rhythm::Month)),
        ("earlier", bulletin.before),
        ("later", later),
    ];
    named.map(|(key, days)| (screen.say(&format!("bulletin.{key}")), link(bulletin, days, None))).into()
}

/// The bulletin of a week, a month or other days, to read, print or keep.
#[utoipa::path(get, path = "/lead/bulletin", tag = "pages", params(BulletinAsked), security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<BulletinAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::ReadStatistics)?;
    let asked = asked.read()?;
    let mut screen = Screen::of(&request);
    let form = Form::read(asked.format.as_deref(), "html")?;
    let language = language(asked.language.as_deref(), screen.language)?;
    screen.language = language;
    let bulletin = statistics::bulletin(&app, &caller, asked).await?;
    if form != Form::Own {
        return Ok(file(&bulletin, form, language)?);
    }
    let page = BulletinPage {
        document: document(&bulletin, language)?,
        links: links(&screen, &bulletin),
        own: link(&bulletin, bulletin.days, Some(bulletin.as_of)),
        screen,
    };
    Ok(answered(HttpResponse::Ok(), &page)?)
}
