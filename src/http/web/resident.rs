//! Home, put in, and the receipt.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web};
use askama::Template;
use serde::Deserialize;

use super::answered;
use super::form::Form;
use super::qr::Qr;
use super::screen::{LOOK, Screen, in_language};
use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::setup::NodeKind;
use crate::domain::ticket::Channel;
use crate::domain::ticket::intake::{Contact, Location, Submission};
use crate::http::problem::Problem;
use crate::service::intake::{self, Once, Receipt};
use crate::service::setup::{self, Page};
use crate::service::{App, Caller, Error, Outside};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    screen: Screen,
}

/// The way in.
#[utoipa::path(get, path = "/", tag = "pages", security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn home(request: HttpRequest) -> Result<HttpResponse, Problem> {
    answered(HttpResponse::Ok(), &HomePage { screen: Screen::of(&request) })
}

/// A change of look.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LookForm {
    set: String,
    back: String,
}

/// Change text size, contrast or language, remembered in a cookie.
#[utoipa::path(post, path = "/look", tag = "pages", security(()), request_body = LookForm,
    responses((status = 303, description = "Back to the page")))]
pub async fn look(request: HttpRequest, form: Form<LookForm>) -> HttpResponse {
    let Form(LookForm { set, back }) = form;
    let look = Cookie::build(LOOK, Screen::of(&request).with(&set))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(time::Duration::days(365))
        .finish();
    // A path of ours only: `//host` and `/\host` would lead elsewhere.
    let is_path = back.starts_with('/')
        && back.bytes().all(|it| it.is_ascii_alphanumeric() || b"/-_".contains(&it))
        && !back.starts_with("//");
    let back = if is_path { back } else { "/".to_owned() };
    HttpResponse::SeeOther().insert_header((header::LOCATION, back)).cookie(look).finish()
}

/// What is put in, as it was typed.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReportForm {
    key: String,
    community: String,
    description: String,
    building: String,
    unit: String,
    room: String,
    channel: String,
    name: String,
    phone: String,
    email: String,
    about_staff: String,
    may_publish: String,
}

impl ReportForm {
    fn submission(&self) -> Submission {
        let given = |it: &String| Some(it.clone()).filter(|it| !it.trim().is_empty());
        Submission {
            community: self.community.clone(),
            description: given(&self.description),
            location: Some(Location {
                building: given(&self.building),
                unit: given(&self.unit),
                room: given(&self.room),
                ..Location::default()
            }),
            contact: Some(Contact {
                name: given(&self.name),
                phone: given(&self.phone),
                email: given(&self.email),
                address: None,
                channel: Channel::parse(&self.channel),
            }),
            may_publish: Some(!self.may_publish.is_empty()),
            about_staff: Some(!self.about_staff.is_empty()),
            ..Submission::default()
        }
    }
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    screen: Screen,
    form: ReportForm,
    faults: Vec<String>,
    communities: Vec<(String, String)>,
    channels: Vec<(&'static str, String)>,
}

impl ReportPage {
    async fn new(app: &App, screen: Screen, form: ReportForm, faults: Vec<String>) -> Result<Self, Error> {
        let caller = Caller { actor: Actor::System, place: None };
        let nodes = setup::list_nodes(app, &caller, true, Page { after: 0, limit: setup::PAGE_MAX }).await?;
        let communities = nodes.items.into_iter().map(|it| it.node);
        let communities = communities.filter(|it| it.kind == NodeKind::Community);
        let communities = communities.map(|it| (it.code, it.name)).collect();
        let offered = [Channel::None, Channel::Call, Channel::Sms, Channel::Visit, Channel::Letter];
        let offered = offered.into_iter().chain([Channel::Email, Channel::Board]);
        let channels = offered.map(|it| (it.as_str(), screen.say(&format!("channel.{it}")))).collect();
        Ok(Self { screen, form, faults, communities, channels })
    }
}

/// The form to put a matter in.
#[utoipa::path(get, path = "/report", tag = "pages", security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn report(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let key = format!("{:032x}", rand::random::<u128>());
    let form = ReportForm { key, channel: Channel::None.to_string(), ..ReportForm::default() };
    let page = ReportPage::new(&app, Screen::of(&request), form, Vec::new()).await?;
    answered(HttpResponse::Ok(), &page)
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct ReceiptPage {
    screen: Screen,
    number: String,
    code: String,
    /// The code in two groups of four.
    groups: Vec<String>,
    received_on: String,
    /// The promised day, where one is kept.
    due_on: String,
    qr: Option<Qr>,
}

impl ReceiptPage {
    async fn new(app: &App, screen: Screen, receipt: Receipt) -> Result<Self, Error> {
        let zone = setup::zone_of(app, receipt.ticket.node).await?;
        let (ticket, code) = (receipt.ticket, receipt.receipt_code);
        let signs: Vec<char> = code.chars().collect();
        // The fragment stays in the browser: the code reaches neither a server's log nor a proxy's.
        let address = format!("{}/r/{}#{code}", app.settings.public_url, ticket.number);
        Ok(Self {
            groups: signs.chunks(4).map(|it| it.iter().collect()).collect(),
            received_on: ticket.received_at.local_date(zone).to_string(),
            due_on: ticket.due_at.map(|it| it.local_date(zone).to_string()).unwrap_or_default(),
            qr: Qr::of(&address),
            number: ticket.number,
            screen,
            code,
        })
    }
}

/// Put a matter in; the same form sent again gives the same receipt.
#[utoipa::path(post, path = "/report", tag = "pages", security(()), request_body = ReportForm,
    responses((status = 201, description = "The receipt", content_type = "text/html", body = String)))]
pub async fn send(
    app: web::Data<App>,
    caller: Caller,
    request: HttpRequest,
    form: Form<ReportForm>,
) -> Result<HttpResponse, Problem> {
    let Form(form) = form;
    let screen = Screen::left(&request);
    match take_in(&app, &caller, &form).await {
        Ok(receipt) => answered(HttpResponse::Created(), &ReceiptPage::new(&app, screen, receipt).await?),
        Err(error) => not_taken(&app, screen, form, error).await,
    }
}

/// The ticket that the form became, now or when it was first sent.
async fn take_in(app: &App, caller: &Caller, form: &ReportForm) -> Result<Receipt, Error> {
    let submission = form.submission();
    // A key too short to be random would be another resident's too.
    let once = (form.key.len() >= 16).then(|| Once::by_key(caller, &form.key, &submission));
    intake::submit(app, caller, submission, once).await
}

/// The form again with what was typed, whatever the refusal: nobody writes a matter down twice.
async fn not_taken(
    app: &App,
    screen: Screen,
    form: ReportForm,
    error: Error,
) -> Result<HttpResponse, Problem> {
    let (problem, told) = match error.outside() {
        Outside::Refused(Refusal::Invalid(faults)) => {
            let told = faults.0.iter().map(|it| in_language(&it.message, screen.language).to_owned());
            let told = told.collect();
            (Problem::from(Refusal::Invalid(faults)), told)
        }
        other => {
            let problem = Problem::from(other);
            let told = vec![in_language(problem.detail(), screen.language).to_owned()];
            (problem, told)
        }
    };
    let mut builder = HttpResponseBuilder::new(problem.status_code());
    if let Some(seconds) = problem.retry_after_s() {
        builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    match ReportPage::new(app, screen, form, told).await {
        Ok(page) => answered(builder, &page),
        // The database is away: the page cannot be drawn either.
        Err(_also_away) => Err(problem),
    }
}
