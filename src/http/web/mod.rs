//! Residents' pages: one struct per page, plain forms, nothing that needs a script.
//!
//! A receipt's code travels in form bodies only, and no cookie carries authority: whoever has number and code
//! types them. The one cookie holds how the pages look.

pub mod board;
pub mod desk;
pub mod form;
pub mod kiosk;
pub mod kiosk_device;
pub mod lead;
pub mod letter;
mod promise;
mod qr;
pub mod report;
pub mod resident;
mod screen;
pub mod sent;
pub mod slips;
pub mod track;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use actix_web::body::BoxBody;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use askama::Template;
use sha2::{Digest as _, Sha256};

use self::screen::{Screen, in_language};
use super::problem::{Problem, WebFault};
use crate::domain::chain::hex;
use crate::service::Error;

/// Pages load their own style sheet and script, and send forms to where they came from.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

/// Sounds that the page holds itself, and those it asks for.
const MEDIA: &str = "media-src 'self' blob:";
pub(super) const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
/// Eyes and ears, for the page's own scripts.
const SENSES: &str = "camera=(self), microphone=(self), geolocation=()";

struct Asset {
    hashed: String,
    media_type: &'static str,
    body: &'static str,
}

/// The embedded files by their plain name; the hash in the served name lets browsers keep them for ever.
static ASSETS: LazyLock<BTreeMap<&'static str, Asset>> = LazyLock::new(|| {
    let files = [
        ("icon.svg", "image/svg+xml", include_str!("../../../assets/icon.svg")),
        ("kiosk.css", "text/css; charset=utf-8", include_str!("../../../assets/kiosk.css")),
        (
            "kiosk.js",
            "text/javascript; charset=utf-8",
            concat!(
                include_str!("../../../assets/kiosk-queue.js"),
                include_str!("../../../assets/voice.js"),
                include_str!("../../../assets/kiosk-photo.js"),
                include_str!("../../../assets/kiosk.js")
            ),
        ),
        (
            "kiosk-service.js",
            "text/javascript; charset=utf-8",
            concat!(
                include_str!("../../../assets/kiosk-queue.js"),
                include_str!("../../../assets/kiosk-service.js")
            ),
        ),
        (
            "kiosk-worker.js",
            "text/javascript; charset=utf-8",
            include_str!("../../../assets/kiosk-worker.js"),
        ),
        ("page.css", "text/css; charset=utf-8", include_str!("../../../assets/page.css")),
        ("slips.css", "text/css; charset=utf-8", include_str!("../../../assets/slips.css")),
        ("desk.css", "text/css; charset=utf-8", include_str!("../../../assets/desk.css")),
        ("desk.js", "text/javascript; charset=utf-8", include_str!("../../../assets/desk.js")),
        ("letter.css", "text/css; charset=utf-8", include_str!("../../../assets/letter.css")),
        (
            "voice.js",
            "text/javascript; charset=utf-8",
            concat!(include_str!("../../../assets/voice.js"), include_str!("../../../assets/enclose.js")),
        ),
        ("draft.js", "text/javascript; charset=utf-8", include_str!("../../../assets/draft.js")),
        ("lead.css", "text/css; charset=utf-8", include_str!("../../../assets/lead.css")),
        ("bulletin.css", "text/css; charset=utf-8", include_str!("../../../assets/bulletin.css")),
        ("page.js", "text/javascript; charset=utf-8", include_str!("../../../assets/page.js")),
    ];
    let named = files.map(|(name, media_type, body)| {
        let hash = hex(&Sha256::digest(body.as_bytes())[..6]);
        (name, Asset { hashed: format!("{hash}-{name}"), media_type, body })
    });
    BTreeMap::from(named)
});

/// A style sheet or script of the pages.
#[utoipa::path(get, path = "/assets/{file}", tag = "pages", security(()),
    params(("file" = String, Path, description = "A hashed name that a page gives")),
    responses((status = 200, description = "The file", content_type = "text/css", body = String)))]
pub async fn asset(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    let found = ASSETS.values().find(|it| it.hashed == *file).ok_or(WebFault::NoRoute)?;
    Ok(HttpResponse::Ok()
        .content_type(found.media_type)
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(found.body))
}

/// The page as an answer of `builder`.
fn answered(mut builder: HttpResponseBuilder, page: &impl Template) -> Result<HttpResponse, Problem> {
    let html = page.render().map_err(|error| Error::internal(format!("could not draw page: {error}")))?;
    Ok(builder
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP))
        // Without it browsers send no Origin with our own forms, and it is asked for.
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .body(html))
}

/// The same for a page on which people take photos and record what they say.
fn answered_with_senses(builder: HttpResponseBuilder, page: &impl Template) -> Result<HttpResponse, Problem> {
    let mut answer = answered(builder, page)?;
    let policy = HeaderValue::try_from(format!("{CSP}; {MEDIA}"));
    let policy = policy.map_err(|fault| Error::internal(format!("no policy: {fault}")))?;
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    answer.headers_mut().insert(PERMISSIONS, HeaderValue::from_static(SENSES));
    Ok(answer)
}

/// Sheets to print as an answer of `builder`: they hold codes, so nothing keeps them.
pub(super) fn sheet(mut builder: HttpResponseBuilder, html: String) -> HttpResponse {
    builder
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(html)
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    screen: Screen,
    title: String,
    detail: &'a str,
}

/// Gives a browser the problem as a page with a way out; programs keep the problem as it is.
pub(super) fn for_reader(
    request: &HttpRequest,
    problem: &Problem,
    mut answer: HttpResponse,
) -> HttpResponse<BoxBody> {
    let accepts = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") || request.path().starts_with("/api/") {
        return answer;
    }
    let screen = Screen::of(request);
    let key = match answer.status().as_u16() {
        404 => "error.not_found",
        429 | 500..=599 => "error.busy",
        _ => "error.refused",
    };
    let page =
        ErrorPage { title: screen.say(key), detail: in_language(problem.detail(), screen.language), screen };
    let Ok(html) = page.render() else { return answer };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    answer.set_body(BoxBody::new(html))
}
