//! Official years: which are known, and the file of a new one.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::super::{Frame, PageCaller, Sent, Told, Turned, answered, check_somewhere, see};
use super::{Tab, tabs};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::http::Query;
use crate::service::setup::{self, YearCard, YearOrigin};
use crate::service::{App, Error};

/// What the page says first.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct YearsAsked {
    /// How many years were just loaded or known already.
    loaded: Option<usize>,
}

/// A year of the list.
struct YearLine {
    year: i32,
    is_loaded: bool,
    n_off: usize,
    n_working: usize,
}

#[derive(Template)]
#[template(path = "desk/admin/years.html")]
struct YearsPage {
    frame: Frame,
    told: Told,
    tabs: Vec<Tab>,
    lines: Vec<YearLine>,
    may_load: bool,
    /// A file that was refused.
    typed: String,
    replace: bool,
}

fn line(card: &YearCard) -> YearLine {
    let n_working = card.days.days.iter().filter(|it| it.is_working).count();
    YearLine {
        year: card.days.year,
        is_loaded: card.origin == YearOrigin::Loaded,
        n_off: card.days.days.len() - n_working,
        n_working,
    }
}

/// The years that are known, newest first, and the form to load one.
#[utoipa::path(get, path = "/admin/years", tag = "pages", params(YearsAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn list(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<YearsAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::WriteSetup)?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let mut told = Told::default();
    if let Some(n) = asked.read()?.loaded {
        told.done = frame.say_with("did.years_loaded", &[("n", &n.to_string())]);
    }
    listed(&app, &caller, frame, told, (String::new(), false)).await
}

async fn listed(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    told: Told,
    (typed, replace): (String, bool),
) -> Result<HttpResponse, Turned> {
    let mut lines: Vec<YearLine> = setup::list_years(app, caller).await?.iter().map(line).collect();
    lines.sort_by_key(|it| std::cmp::Reverse(it.year));
    let may_load = setup::check_may_load(caller).is_ok();
    let page = YearsPage { tabs: tabs(&frame, "years"), lines, may_load, typed, replace, frame, told };
    Ok(answered(page.told.builder(), &page)?)
}

/// Load all years of a file, or none.
#[utoipa::path(post, path = "/admin/years", tag = "pages",
    responses((status = 303, description = "Loaded"), (status = 422, description = "The page says what to mend")))]
pub async fn load(app: web::Data<App>, request: HttpRequest, sent: Sent) -> Result<HttpResponse, Turned> {
    setup::check_may_load(&sent.caller)?;
    let (typed, replace) = (sent.text("years").to_owned(), sent.has("replace"));
    match loaded(&app, &sent.caller, &typed, replace).await {
        Ok(n) => Ok(see(&format!("/admin/years?loaded={n}"))),
        Err(error) => {
            let frame = Frame::left(&app, &sent.caller, &request).await?;
            let told = Told::refused(&frame, error);
            listed(&app, &sent.caller, frame, told, (typed, replace)).await
        }
    }
}

async fn loaded(app: &App, caller: &PageCaller, typed: &str, replace: bool) -> Result<usize, Error> {
    let file: Value = serde_json::from_str(typed).map_err(|error| {
        let words = format!("这不是 JSON 文件。 This is no JSON file: {error}.");
        Refusal::field("years", words)
    })?;
    Ok(setup::load_years(app, caller, &file, None, replace).await?.len())
}
