//! The page behind the one-time link of the first start.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::ToSchema;

use super::super::form::Form;
use super::super::screen::Screen;
use super::super::{Told, Turned, answered, see};
use crate::http::SignInTry;
use crate::service::App;
use crate::service::first::{self, First};

/// What is asked.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FirstForm {
    community: String,
    community_name: String,
    username: String,
    name: String,
    password: String,
}

#[derive(Template)]
#[template(path = "desk/admin/first.html")]
struct FirstPage {
    screen: Screen,
    told: Told,
    key: String,
    form: FirstForm,
}

/// The form; 404 for a wrong link, and for the right one once it was used.
#[utoipa::path(get, path = "/setup/{key}", tag = "pages", security(()), params(("key" = String, Path)),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    _: SignInTry,
    request: HttpRequest,
    key: web::Path<String>,
) -> Result<HttpResponse, Turned> {
    first::check(&app, &key).await?;
    let (key, form) = (key.into_inner(), FirstForm::default());
    let page = FirstPage { screen: Screen::of(&request), told: Told::default(), key, form };
    Ok(answered(page.told.builder(), &page)?)
}

/// Make the community and the first administrator.
#[utoipa::path(post, path = "/setup/{key}", tag = "pages", security(()), params(("key" = String, Path)),
    request_body = FirstForm, responses((status = 303, description = "To the sign-in")))]
pub async fn begin(
    app: web::Data<App>,
    _: SignInTry,
    request: HttpRequest,
    key: web::Path<String>,
    form: Form<FirstForm>,
) -> Result<HttpResponse, Turned> {
    let (key, Form(form)) = (key.into_inner(), form);
    first::check(&app, &key).await?;
    let given = form.clone();
    let wanted = First {
        community: given.community,
        community_name: given.community_name,
        username: given.username,
        name: Some(given.name).filter(|it| !it.trim().is_empty()),
        password: given.password,
    };
    match first::begin(&app, &key, wanted).await {
        Ok(()) => Ok(see("/login?next=%2Fadmin")),
        Err(error) => {
            let screen = Screen::of(&request);
            let told = Told::refused(&screen, error);
            let form = FirstForm { password: String::new(), ..form };
            let page = FirstPage { screen, told, key, form };
            Ok(answered(page.told.builder(), &page)?)
        }
    }
}
