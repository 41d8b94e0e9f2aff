//! The tickets behind a figure: facts without contact data and without what people wrote.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::http::Query;
use crate::http::reply::segment;
use crate::http::web::answered;
use crate::http::web::desk::{Frame, PageCaller, Turned};
use crate::service::App;
use crate::service::queue::{self, Asked};

struct Line {
    number: String,
    received: String,
    kind: String,
    category: String,
    building: String,
    unit: String,
    status: String,
}

#[derive(Template)]
#[template(path = "lead/tickets.html")]
struct TicketsPage {
    frame: Frame,
    title: String,
    part: String,
    lines: Vec<Line>,
    next: Option<String>,
}

/// The tickets behind a figure, newest first.
#[utoipa::path(get, path = "/lead/tickets", tag = "pages", params(Asked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<Asked>,
) -> Result<HttpResponse, Turned> {
    let mut asked = asked.read()?;
    if asked.hint.is_none() {
        asked.figure.get_or_insert_with(|| "intake".to_owned());
    }
    let frame = Frame::of(&app, &caller, &request).await?;
    let listed = queue::list(&app, &caller, asked.clone()).await?;
    let lines = listed.files.iter().map(|file| {
        let it = &file.ticket;
        Line {
            number: it.number.clone(),
            received: frame.moment(it.received_at),
            kind: frame.say(&format!("lead_kind.{}", it.kind)),
            category: file.code(it.category).unwrap_or("—").to_owned(),
            building: it.building.clone().unwrap_or_else(|| "—".to_owned()),
            unit: file.code(it.unit).unwrap_or("—").to_owned(),
            status: frame.say(&format!("lead_status.{}", it.status)),
        }
    });
    let query = request.query_string().split('&').filter(|it| !it.starts_with("cursor="));
    let query = query.collect::<Vec<_>>().join("&");
    let of_figure = asked.figure.as_deref().map(|it| frame.say(&format!("lead_figure.{it}")));
    let of_hint = asked.hint.as_deref().map(|it| frame.say(&format!("lead_hint.{it}")));
    let part = asked.part.as_deref().unwrap_or("denominator");
    let page = TicketsPage {
        part: of_figure.as_ref().map(|_| frame.say(&format!("lead_part.{part}"))).unwrap_or_default(),
        title: [of_hint, of_figure].into_iter().flatten().collect::<Vec<_>>().join(" · "),
        lines: lines.collect(),
        next: listed.next_cursor.map(|it| format!("/lead/tickets?{query}&cursor={}", segment(&it))),
        frame,
    };
    Ok(answered(HttpResponse::Ok(), &page)?)
}
