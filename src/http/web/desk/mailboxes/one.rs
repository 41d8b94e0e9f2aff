//! One mailbox: its schedule, its openings, and the form that records another: two people, the seals, the count.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{NaiveDateTime, TimeZone as _};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::fields::{Field, Input, blame, keep};
use super::super::{Frame, PageCaller, Sent, Told, Turned, answered, see};
use super::{BoxLine, OpeningLine};
use crate::domain::mailbox::OpeningBody;
use crate::domain::people::Permission;
use crate::domain::refusal::{FieldFault, Refusal};
use crate::http::Query;
use crate::service::collections::{self, CollectionsAsked};
use crate::service::rounds::{self, BoxCard};
use crate::service::{App, Error};

/// Openings shown on a box's page; older ones are in the API.
const OPENINGS_MAX: i64 = 30;

/// Which box, where several have one code.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BoxAsked {
    /// Code of the community.
    community: Option<String>,
}

/// The form of an opening: what is counted is written down before any letter is typed.
struct OpeningForm {
    /// Makes the same form sent twice one opening.
    key: String,
    fields: Vec<Field>,
}

impl OpeningForm {
    fn of(frame: &Frame, caller: &PageCaller, card: &BoxCard) -> Self {
        let label = |key: &str| frame.say(&format!("collection.{key}"));
        let line = |name: &'static str| Field::new(name, Input::Line, label(name));
        let now = frame.now.to_utc().with_timezone(&card.zone).format("%Y-%m-%dT%H:%M").to_string();
        Self {
            key: format!("{:032x}", rand::random::<u128>()),
            fields: vec![
                Field::new("letters_counted", Input::Number, label("letters_counted"))
                    .required()
                    .first()
                    .hint(label("count_hint")),
                Field::new("opened_at", Input::Moment, label("opened_at")).required().value(now),
                line("first").required().value(caller.staff().username.as_str()),
                line("second").required().hint(label("second_hint")),
                line("seal_before"),
                line("seal_after"),
            ],
        }
    }

    fn id_of(&self, field: &Field) -> String {
        debug_assert!(!self.fields.is_empty());
        format!("opening-{}", field.name)
    }
}

#[derive(Template)]
#[template(path = "desk/mailbox.html")]
struct MailboxPage {
    frame: Frame,
    told: Told,
    line: BoxLine,
    community: String,
    community_name: String,
    /// The schedule in words.
    schedule: String,
    openings: Vec<OpeningLine>,
    form: Option<OpeningForm>,
}

/// A mailbox.
#[utoipa::path(get, path = "/desk/mailboxes/{code}", tag = "pages", params(("code" = String, Path), BoxAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    code: web::Path<String>,
    asked: Query<BoxAsked>,
) -> Result<HttpResponse, Turned> {
    super::super::check_somewhere(caller.staff(), Permission::ReadCollection)?;
    let card = rounds::find(&app, &caller, &code, asked.read()?.community.as_deref()).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let form = card.may_collect.then(|| OpeningForm::of(&frame, &caller, &card));
    shown(&app, &caller, frame, Told::default(), &card, form).await
}

async fn shown(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    told: Told,
    card: &BoxCard,
    form: Option<OpeningForm>,
) -> Result<HttpResponse, Turned> {
    let asked = CollectionsAsked {
        mailbox: Some(card.code.clone()),
        limit: Some(OPENINGS_MAX),
        ..CollectionsAsked::default()
    };
    let (mut files, _) = collections::list(app, caller, asked).await?;
    files.retain(|it| it.community == card.community.0);
    let schedule = card.details.schedule.as_ref().map(|it| {
        let days: Vec<String> = it.weekdays.iter().map(|it| frame.say(&format!("weekday.{it}"))).collect();
        frame.say_with("boxes.schedule", &[("days", &days.join(&frame.say("boxes.and"))), ("time", &it.time)])
    });
    let mut openings = OpeningLine::of_all(&frame, &files);
    for line in &mut openings {
        // The page is about one box: what tells its openings apart is when.
        line.name = std::mem::take(&mut line.at);
    }
    let page = MailboxPage {
        line: BoxLine::of(&frame, card),
        community: card.community.0.clone(),
        community_name: card.community.1.clone(),
        schedule: schedule.unwrap_or_default(),
        openings,
        frame,
        told,
        form,
    };
    Ok(answered(page.told.builder(), &page)?)
}

/// Record an opening; on to its letters. The same form sent again leads to the same opening.
#[utoipa::path(post, path = "/desk/mailboxes/{code}", tag = "pages", params(("code" = String, Path)),
    responses((status = 303, description = "Recorded"),
        (status = 422, description = "The form again, with what was typed")))]
pub async fn open(
    app: web::Data<App>,
    request: HttpRequest,
    code: web::Path<String>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    super::super::check_somewhere(caller.staff(), Permission::Collect)?;
    let card = rounds::find(&app, caller, &code, sent.given("community").as_deref()).await?;
    if !card.may_collect {
        return Err(Refusal::Forbidden(Permission::Collect).into());
    }
    let key = sent.text("key");
    let result = match opening(&sent, &card) {
        Ok(body) => {
            collections::open(&app, caller, body, Some(key.to_owned()).filter(|it| it.len() >= 16)).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok(file) => Ok(see(&format!("/desk/collections/{}", file.collection.id))),
        Err(error) => refused(&app, &request, &sent, &card, error).await,
    }
}

fn opening(sent: &Sent, card: &BoxCard) -> Result<OpeningBody, Refusal> {
    let local = NaiveDateTime::parse_from_str(sent.text("opened_at").trim(), "%Y-%m-%dT%H:%M").ok();
    let moment = local.and_then(|it| card.zone.from_local_datetime(&it).earliest());
    let mut faults = crate::domain::refusal::Faults::default();
    if moment.is_none() {
        faults.add("opened_at", "请选日期和时间。 Choose a day and a time.");
    }
    let counted: Option<u32> = sent.text("letters_counted").trim().parse().ok();
    if counted.is_none() {
        faults
            .add("letters_counted", "请先数一数信，填上封数。 Count the letters first and write the number.");
    }
    let body = OpeningBody {
        mailbox: card.code.clone(),
        community: Some(card.community.0.clone()),
        opened_at: moment.map(|it| it.to_rfc3339()).unwrap_or_default(),
        opened_by: vec![sent.text("first").to_owned(), sent.text("second").to_owned()],
        seal_before: sent.given("seal_before"),
        seal_after: sent.given("seal_after"),
        letters_counted: counted.unwrap_or(0),
    };
    faults.check(body)
}

async fn refused(
    app: &App,
    request: &HttpRequest,
    sent: &Sent,
    card: &BoxCard,
    error: Error,
) -> Result<HttpResponse, Turned> {
    let frame = Frame::left(app, &sent.caller, request).await?;
    let faults: Vec<FieldFault> = match &error {
        Error::Refusal(Refusal::Invalid(faults)) => faults.0.iter().map(of_form).collect(),
        _ => Vec::new(),
    };
    let told = Told::refused(&frame, error);
    let mut form = OpeningForm::of(&frame, &sent.caller, card);
    sent.text("key").clone_into(&mut form.key);
    keep(&mut form.fields, sent);
    // What is of no field here stands above the form.
    drop(blame(&mut form.fields, &faults, &frame));
    shown(app, &sent.caller, frame, told, card, Some(form)).await
}

/// The fault with the name that its field has in the form.
fn of_form(fault: &FieldFault) -> FieldFault {
    let field = match fault.field.as_str() {
        "opened_by[0]" => "first",
        "opened_by" | "opened_by[1]" => "second",
        other => other,
    };
    FieldFault { field: field.to_owned(), message: fault.message.clone() }
}
