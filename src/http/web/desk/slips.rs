//! Slips to print: how many, for which community; the sheets come as a page of their own.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::fields::{Field, Input, blame, keep};
use super::new::communities;
use super::{Frame, PageCaller, Sent, Told, Turned, answered, sheet};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::http::web::slips::sheets;
use crate::service::slips::{self, SlipsBody};
use crate::service::{App, Error};

/// A first run: what a pavilion uses in a month or two.
const COUNT_DEFAULT: &str = "50";

#[derive(Template)]
#[template(path = "desk/slips.html")]
struct SlipsForm {
    frame: Frame,
    told: Told,
    fields: Vec<Field>,
}

impl SlipsForm {
    async fn of(app: &App, caller: &PageCaller, frame: Frame, told: Told) -> Result<Self, Error> {
        let communities = communities(app, caller, Permission::PrintSlips).await?;
        let fields = vec![
            Field::new("community", Input::Choice, frame.say("fact.community")).picks(communities),
            Field::new("count", Input::Number, frame.say("print.count"))
                .required()
                .value(COUNT_DEFAULT)
                .hint(frame.say_with("print.count_hint", &[("n", &slips::COUNT_MAX.to_string())])),
        ];
        Ok(Self { frame, told, fields })
    }

    fn id_of(&self, field: &Field) -> String {
        debug_assert!(!self.fields.is_empty());
        format!("slips-{}", field.name)
    }
}

/// The form.
#[utoipa::path(get, path = "/desk/slips", tag = "pages",
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
) -> Result<HttpResponse, Turned> {
    slips::check_may_print(&caller)?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let page = SlipsForm::of(&app, &caller, frame, Told::default()).await?;
    Ok(answered(page.told.builder(), &page)?)
}

/// Give out a run of slips: the sheets to print, each with its code, which are shown this once.
#[utoipa::path(post, path = "/desk/slips", tag = "pages",
    responses((status = 201, description = "The sheets", content_type = "text/html", body = String),
        (status = 422, description = "The form again, with what was typed")))]
pub async fn print(app: web::Data<App>, request: HttpRequest, sent: Sent) -> Result<HttpResponse, Turned> {
    slips::check_may_print(&sent.caller)?;
    let body = SlipsBody {
        community: sent.text("community").to_owned(),
        // What is no number is out of the range, which the refusal names.
        count: sent.text("count").trim().parse().unwrap_or(0),
    };
    match slips::print(&app, &sent.caller, body).await {
        Ok(printed) => Ok(sheet(HttpResponse::Created(), sheets(&app, &printed, false)?)),
        Err(error) => refused(&app, &request, &sent, error).await,
    }
}

async fn refused(
    app: &App,
    request: &HttpRequest,
    sent: &Sent,
    error: Error,
) -> Result<HttpResponse, Turned> {
    let frame = Frame::left(app, &sent.caller, request).await?;
    let faults = match &error {
        Error::Refusal(Refusal::Invalid(faults)) => faults.0.clone(),
        _ => Vec::new(),
    };
    let told = Told::refused(&frame, error);
    let mut page = SlipsForm::of(app, &sent.caller, frame, told).await?;
    keep(&mut page.fields, sent);
    drop(blame(&mut page.fields, &faults, &page.frame));
    Ok(answered(page.told.builder(), &page)?)
}
