//! The reply letter: one page A4 in large print, with a slip to fill in and put back into the mailbox.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{Datelike as _, NaiveDate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answered;
use super::desk::{PageCaller, Turned};
use super::qr::Qr;
use super::screen::Screen;
use crate::domain::refusal::Refusal;
use crate::domain::setup::TemplateChannel;
use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::service::letters::{self, Letter};
use crate::service::{App, Caller, desk};

#[derive(Template)]
#[template(path = "letter.html")]
struct LetterPage {
    screen: Screen,
    letter: Letter,
    qr: Option<Qr>,
}

impl LetterPage {
    /// A day as letters write it.
    fn day(&self, day: NaiveDate) -> String {
        let part = |it: u32| it.to_string();
        let (year, month) = (day.year().to_string(), part(day.month()));
        let fields = [("year", year.as_str()), ("month", &month), ("day", &part(day.day()))];
        self.screen.say_with("letter.day", &fields)
    }

    fn greeting(&self) -> String {
        match &self.letter.name {
            Some(name) => self.screen.say_with("letter.greeting_named", &[("name", name)]),
            None => self.screen.say("letter.greeting"),
        }
    }

    fn opening(&self) -> String {
        let on = self.day(self.letter.received_on);
        let fields =
            [("on", on.as_str()), ("subject", &self.letter.subject), ("number", &self.letter.number)];
        self.screen.say_with("letter.opening", &fields)
    }

    /// Where it is brought, as one line.
    fn destination(&self) -> String {
        // "3" is given its word; "3号楼" has it already.
        let is_bare = |it: &str| it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        let of = |key: &str, value: &Option<String>| {
            let say = |it: &String| self.screen.say_with(&format!("letter.{key}"), &[("it", it)]);
            value.as_ref().map(|it| if is_bare(it) { say(it) } else { it.clone() })
        };
        let parts = [
            of("building", &self.letter.building),
            of("unit", &self.letter.unit),
            of("room", &self.letter.room),
            self.letter.address.clone(),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

async fn page(
    app: &App,
    caller: &Caller,
    (number, id): (String, String),
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let opened = desk::open(app, caller, &number, None, "").await?;
    let id: u32 = id.parse().map_err(|_| Refusal::NotFound("答复 the reply".to_owned()))?;
    let letter = letters::letter(app, opened, id).await?;
    let qr = Qr::of(&letter.track_url);
    answered(HttpResponse::Ok(), &LetterPage { screen: Screen::of(request), letter, qr })
}

/// A reply as a letter to print: large print, A4. A name or address on it counts as a view of the contact.
#[utoipa::path(get, path = "/api/v1/tickets/{number}/replies/{id}/letter", tag = "replies",
    params(("number" = String, Path), ("id" = u32, Path)), security(("bearer" = [])),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn for_program(
    app: web::Data<App>,
    caller: StaffCaller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    page(&app, &caller, path.into_inner(), &request).await
}

/// The same for who is signed in on the pages.
#[utoipa::path(get, path = "/desk/tickets/{number}/replies/{id}/letter", tag = "pages", security(()),
    params(("number" = String, Path), ("id" = u32, Path)),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn for_desk(
    app: web::Data<App>,
    caller: PageCaller,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Turned> {
    Ok(page(&app, &caller, path.into_inner(), &request).await?)
}

/// Which template.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DraftAsked {
    /// A template's code, in the ticket's community or above.
    template: String,
}

/// A template filled in.
#[derive(Debug, Serialize, ToSchema)]
pub struct DraftView {
    template: String,
    /// The channel the template is for; null for all.
    channel: Option<TemplateChannel>,
    text: String,
}

/// A template filled in for a ticket, as the beginning of a reply. Nothing is written.
#[utoipa::path(get, path = "/api/v1/tickets/{number}/reply-draft", tag = "replies",
    params(("number" = String, Path), DraftAsked), security(("bearer" = [])),
    responses((status = 200, description = "The words", body = DraftView)))]
pub async fn draft(
    app: web::Data<App>,
    caller: StaffCaller,
    number: web::Path<String>,
    asked: Query<DraftAsked>,
) -> Result<HttpResponse, Problem> {
    let opened = desk::open(&app, &caller, &number, None, "").await?;
    opened.allow(crate::domain::people::Permission::Reply)?;
    let draft = letters::draft(&app, opened, &asked.read()?.template).await?;
    Ok(ok(DraftView { template: draft.template, channel: draft.channel, text: draft.text }))
}
