//! Home, and the look of the pages.

use actix_web::cookie::{Cookie, SameSite, time};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use std::collections::BTreeMap;

use super::answered;
use super::form::Form;
use super::screen::{LOOK, Screen};
use crate::http::problem::Problem;

/// Pages that are the answer to a form: they are drawn again by sending it again.
const SENT_PAGES: [&str; 2] = ["/report", "/track"];

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

/// A change of look, with whatever the page it comes from needs to be drawn again.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
pub struct LookForm {
    /// `size-18`, `size-24`, `size-30`, `strong` or `language`.
    #[serde(default)]
    set: String,
    /// The path of the page.
    #[serde(default)]
    back: String,
    /// What was typed there.
    #[serde(flatten)]
    typed: BTreeMap<String, String>,
}

/// Change text size, contrast or language, remembered in a cookie; what was typed is sent on, not lost.
#[utoipa::path(post, path = "/look", tag = "pages", security(()), request_body = LookForm,
    responses((status = 303, description = "Back to the page"),
        (status = 307, description = "Back to the page with the form as it was")))]
pub async fn look(request: HttpRequest, form: Form<LookForm>) -> HttpResponse {
    let Form(LookForm { set, back, typed }) = form;
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
    let mut builder = if !typed.is_empty() && SENT_PAGES.contains(&back.as_str()) {
        HttpResponse::TemporaryRedirect()
    } else {
        HttpResponse::SeeOther()
    };
    builder.insert_header((header::LOCATION, back)).cookie(look).finish()
}
