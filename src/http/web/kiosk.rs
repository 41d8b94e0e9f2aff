//! The kiosk's page: paired once with its device token, then it runs all day and submits as the device.
//!
//! The token lies in a cookie that no script reads. What residents type is in no address, no history and no store
//! of the browser, but for submissions that wait for the network, which the page keeps encrypted.

use std::pin::Pin;

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, dev, web};
use askama::Template;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::{Form, cross_site, is_own};
use super::promise::promised;
use super::qr::Qr;
use super::report::Tiles;
use super::screen::Screen;
use super::{ASSETS, CSP, PERMISSIONS, SENSES, answered};
use crate::domain::category::suspects_danger;
use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::setup::Node;
use crate::domain::ticket::intake::Submission;
use crate::http::limits::Limits;
use crate::http::problem::{Problem, WebFault};
use crate::http::{Body, ClientAddress, IdempotencyKey, SignInTry};
use crate::service::guide::{self, Guide};
use crate::service::intake::{self, Once, Receipt};
use crate::service::{App, Caller, Error, clocks, setup};

/// `__Host-`: browsers take it only over TLS or from their own machine, from this host, for every path.
const COOKIE: &str = "__Host-kiosk";
/// Browsers keep no cookie for longer (RFC 6265bis: 400 days).
const KEPT: time::Duration = time::Duration::days(400);
/// The page talks to us, and its worker answers while the network is away.
const MORE: &str = "; worker-src 'self'; media-src 'self' blob:";
/// Nobody touched it for so long: the page asks whether somebody is there.
const IDLE_S: u32 = 60;
/// Nobody answered for so long: everything is wiped.
const LEFT_S: u32 = 30;

#[derive(Template)]
#[template(path = "kiosk.html")]
struct KioskPage {
    screen: Screen,
    /// The kiosk's code.
    code: String,
    community: (String, String),
    tiles: Tiles,
    guide: Guide,
    idle_s: u32,
    left_s: u32,
}

impl KioskPage {
    /// A text that counts, at nought; the page's script puts the number in.
    fn none(&self, key: &str) -> String {
        self.screen.say_with(key, &[("n", "0")])
    }
}

#[derive(Template)]
#[template(path = "kiosk_pair.html")]
struct PairPage {
    screen: Screen,
    /// The kiosk that the browser is paired with; empty before.
    code: String,
    fault: String,
}

/// The device that a browser is paired with; None before.
async fn device(app: &App, request: &HttpRequest) -> Result<Option<Caller>, Problem> {
    let Some(cookie) = request.cookie(COOKIE) else { return Ok(None) };
    match setup::authenticate_device(app, cookie.value()).await {
        Ok(actor) => {
            let place = Some(ClientAddress::of(request).0.to_string());
            Ok(Some(Caller { actor, place }))
        }
        Err(Error::Refusal(Refusal::Unauthenticated)) => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

fn cookie(token: String) -> Cookie<'static> {
    let kept = if token.is_empty() { time::Duration::ZERO } else { KEPT };
    let cookie = Cookie::build(COOKIE, token).path("/").secure(true).http_only(true);
    cookie.same_site(SameSite::Strict).max_age(kept).finish()
}

fn inert(page: &impl Template, status: StatusCode) -> Result<HttpResponse, Problem> {
    let mut answer = answered(HttpResponseBuilder::new(status), page)?;
    let policy = header::HeaderValue::try_from(format!("{CSP}{MORE}"));
    let policy = policy.map_err(|fault| Error::internal(format!("no policy: {fault}")))?;
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    answer.headers_mut().insert(PERMISSIONS, header::HeaderValue::from_static(SENSES));
    Ok(answer)
}

/// The kiosk; before it is paired, the page that pairs it.
#[utoipa::path(get, path = "/kiosk", tag = "kiosk", security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let screen = Screen::of(&request);
    let Some(Caller { actor: Actor::Kiosk { code: kiosk, node, .. }, .. }) = device(&app, &request).await?
    else {
        return inert(&PairPage { screen, code: String::new(), fault: String::new() }, StatusCode::OK);
    };
    let Node { code, name, .. } = setup::community_of(&app, node).await?;
    let guide = guide::read(&app, &code).await?;
    let tiles = Tiles::of(&guide, screen.language);
    let community = (code, name);
    let page = KioskPage { screen, code: kiosk, community, tiles, guide, idle_s: IDLE_S, left_s: LEFT_S };
    inert(&page, StatusCode::OK)
}

/// What stands in the form of the maintenance page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairForm {
    /// The device token, as it was shown when it was issued; empty to part.
    token: String,
}

/// The maintenance page: which kiosk this is, and pairing it with another token.
#[utoipa::path(get, path = "/kiosk/service", tag = "kiosk", security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn service(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let code = match device(&app, &request).await? {
        Some(Caller { actor: Actor::Kiosk { code, .. }, .. }) => code,
        _ => String::new(),
    };
    inert(&PairPage { screen: Screen::of(&request), code, fault: String::new() }, StatusCode::OK)
}

/// Pair this browser with a kiosk by its device token.
#[utoipa::path(post, path = "/kiosk/service", tag = "kiosk", security(()), request_body = PairForm,
    responses((status = 303, description = "Paired: to the kiosk"), (status = 401, description = "No such token")))]
pub async fn pair(
    app: web::Data<App>,
    _try: SignInTry,
    request: HttpRequest,
    form: Form<PairForm>,
) -> Result<HttpResponse, Problem> {
    let Form(PairForm { token }) = form;
    let token = token.trim().to_owned();
    if let Err(fault) = setup::authenticate_device(&app, &token).await {
        let Error::Refusal(Refusal::Unauthenticated) = fault else { return Err(fault.into()) };
        let screen = Screen::of(&request);
        let page = PairPage { fault: screen.say("kiosk.wrong_token"), code: String::new(), screen };
        return inert(&page, StatusCode::UNAUTHORIZED);
    }
    let location = (header::LOCATION, "/kiosk");
    Ok(HttpResponse::SeeOther().insert_header(location).cookie(cookie(token)).finish())
}

/// The worker that shows the page while the network is away.
#[utoipa::path(get, path = "/kiosk/worker.js", tag = "kiosk", security(()),
    responses((status = 200, description = "The script", content_type = "text/javascript", body = String)))]
pub async fn worker() -> Result<HttpResponse, Problem> {
    let script = ASSETS.get("kiosk-worker.js").ok_or(WebFault::NoRoute)?;
    Ok(HttpResponse::Ok()
        .content_type(script.media_type)
        .insert_header(("service-worker-allowed", "/kiosk"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'; connect-src 'self'"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(script.body))
}

/// The picture of a receipt's address.
#[derive(Debug, Serialize, ToSchema)]
pub struct QrView {
    side: usize,
    path: String,
}

impl QrView {
    fn of(address: &str) -> Option<Self> {
        Qr::of(address).map(|it| Self { side: it.side, path: it.path })
    }
}

/// What the kiosk shows and prints.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KioskReceipt)]
pub struct ReceiptView {
    number: String,
    receipt_code: String,
    received_on: String,
    promised: Vec<String>,
    qr: Option<QrView>,
}

/// Submit from the paired kiosk. The same key and body give the same receipt, however late.
#[utoipa::path(post, path = "/kiosk/tickets", tag = "kiosk", security(()), request_body = Submission,
    params(("Idempotency-Key" = String, Header)),
    responses((status = 201, description = "Received", body = ReceiptView)))]
pub async fn submit(
    app: web::Data<App>,
    device: Device,
    request: HttpRequest,
    key: IdempotencyKey,
    body: Body<Submission>,
) -> Result<HttpResponse, Problem> {
    let Device(caller) = device;
    let submission = body.read()?;
    let once = key.read()?.map(|key| Once::by_key(&caller, &key, &submission));
    let receipt = intake::submit(&app, &caller, submission, once).await?;
    Ok(HttpResponse::Created().json(view(&app, &Screen::of(&request), receipt).await?))
}

/// The paired device whose own page sent this, counted against its limit.
pub struct Device(pub(super) Caller);

impl FromRequest for Device {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { own_device(&request).await.map(Self) })
    }
}

async fn own_device(request: &HttpRequest) -> Result<Caller, Problem> {
    let (Some(app), Some(limits)) =
        (request.app_data::<web::Data<App>>(), request.app_data::<web::Data<Limits>>())
    else {
        return Err(Error::internal("route outside of the application").into());
    };
    if !is_own(request) {
        return Err(cross_site());
    }
    let caller = device(app, request).await?.ok_or(Refusal::Unauthenticated)?;
    limits.check(&caller.actor, ClientAddress::of(request).0, true)?;
    Ok(caller)
}

async fn view(app: &App, screen: &Screen, receipt: Receipt) -> Result<ReceiptView, Error> {
    let Receipt { ticket, receipt_code, .. } = receipt;
    let zone = setup::zone_of(app, ticket.node).await?;
    let clocks = clocks::tell_resident(app, &ticket).await?;
    let address = format!("{}/r/{}#{receipt_code}", app.settings.public_url, ticket.number);
    Ok(ReceiptView {
        received_on: ticket.received_at.local_date(zone).to_string(),
        promised: promised(&clocks, zone, screen).into_iter().map(|it| it.words).collect(),
        qr: QrView::of(&address),
        number: ticket.number,
        receipt_code,
    })
}

/// Words to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WordsBody {
    text: String,
}

/// Whether words tell of danger.
#[derive(Debug, Serialize, ToSchema)]
pub struct DangerView {
    danger: bool,
}

/// Ask whether words tell of danger, before anything is sent; nothing of them is kept.
#[utoipa::path(post, path = "/kiosk/danger", tag = "kiosk", security(()), request_body = WordsBody,
    responses((status = 200, description = "Whether to show the emergency numbers", body = DangerView)))]
pub async fn danger(_device: Device, body: Body<WordsBody>) -> Result<HttpResponse, Problem> {
    let danger = suspects_danger(&body.read()?.text);
    Ok(HttpResponse::Ok().json(DangerView { danger }))
}
