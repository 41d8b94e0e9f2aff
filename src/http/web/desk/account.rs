//! One's own account: password, one-time codes, sessions.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use super::qr::Qr;
use super::{Frame, PageCaller, Sent, Told, Turned, answered, see};
use crate::domain::people::Role;
use crate::http::Query;
use crate::service::accounts::{self, Enrolment, Session};
use crate::service::{App, Error};

/// What the page says first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AccountAsked {
    /// What was just done.
    done: Option<String>,
}

/// A secret on its way to a phone.
struct Secret {
    words: String,
    qr: Option<Qr>,
}

#[derive(Template)]
#[template(path = "desk/account.html")]
struct AccountPage {
    frame: Frame,
    told: Told,
    username: String,
    /// Role, node and perhaps unit, in words.
    roles: Vec<String>,
    has_totp: bool,
    /// Only while one-time codes are being set up.
    secret: Option<Secret>,
    sessions: Vec<Session>,
}

impl AccountPage {
    async fn answer(
        app: &App,
        caller: &PageCaller,
        frame: Frame,
        told: Told,
        enrolment: Option<Enrolment>,
    ) -> Result<HttpResponse, Turned> {
        let account = accounts::me(app, caller.signed_in()).await?;
        let role = |role: Role| frame.say(&format!("role.{role}"));
        let roles = account.held.iter().map(|it| match &it.unit_code {
            Some(unit) => format!("{} · {} · {unit}", role(it.grant.role), it.node_code),
            None => format!("{} · {}", role(it.grant.role), it.node_code),
        });
        let page = Self {
            roles: roles.collect(),
            username: account.username,
            has_totp: account.has_totp,
            secret: enrolment.map(|it| Secret { words: it.secret, qr: Qr::of(&it.otpauth_url) }),
            sessions: accounts::list_sessions(app, caller.signed_in()).await?,
            frame,
            told,
        };
        Ok(answered(page.told.builder(), &page)?)
    }
}

/// The own account.
#[utoipa::path(get, path = "/desk/account", tag = "pages", params(AccountAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<AccountAsked>,
) -> Result<HttpResponse, Turned> {
    let frame = Frame::of(&app, &caller, &request).await?;
    let told = Told::done(&frame, asked.read()?.done.as_deref());
    AccountPage::answer(&app, &caller, frame, told, None).await
}

/// Leads back to the page when it was done, or shows there why it was not.
async fn settled(
    app: &App,
    request: &HttpRequest,
    caller: &PageCaller,
    done: Result<(), Error>,
    key: &str,
) -> Result<HttpResponse, Turned> {
    let Err(error) = done else { return Ok(see(&format!("/desk/account?done={key}"))) };
    let frame = Frame::left(app, caller, request).await?;
    let told = Told::refused(&frame, error);
    AccountPage::answer(app, caller, frame, told, None).await
}

/// Change the own password; every other session ends.
#[utoipa::path(post, path = "/desk/account/password", tag = "pages",
    responses((status = 303, description = "Changed"), (status = 422, description = "The page says what to mend")))]
pub async fn change_password(
    app: web::Data<App>,
    request: HttpRequest,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    let (current, new) = (sent.text("current"), sent.text("new"));
    let done = accounts::change_password(&app, caller, caller.signed_in(), current, new).await;
    settled(&app, &request, caller, done.map(drop), "password").await
}

/// End one session of one's own, or all others.
#[utoipa::path(post, path = "/desk/account/sessions", tag = "pages",
    responses((status = 303, description = "Ended"), (status = 404, description = "There is no such session")))]
pub async fn end_sessions(
    app: web::Data<App>,
    request: HttpRequest,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    let done = match sent.given("session") {
        Some(id) => accounts::end_session(&app, caller.signed_in(), &id).await,
        None => accounts::end_other_sessions(&app, caller.signed_in()).await,
    };
    settled(&app, &request, caller, done, "sessions").await
}

/// Begin, confirm or take off one-time codes, by the button that was pressed.
#[utoipa::path(post, path = "/desk/account/totp", tag = "pages",
    responses((status = 200, description = "The secret for the phone", content_type = "text/html", body = String),
        (status = 303, description = "Done")))]
pub async fn change_totp(
    app: web::Data<App>,
    request: HttpRequest,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let (caller, code) = (&sent.caller, sent.text("code"));
    match sent.text("step") {
        "confirm" => {
            let done = accounts::confirm_totp(&app, caller, caller.signed_in(), code).await;
            settled(&app, &request, caller, done, "totp_on").await
        }
        "remove" => {
            let password = sent.text("password");
            let done = accounts::remove_totp(&app, caller, caller.signed_in(), password, Some(code)).await;
            settled(&app, &request, caller, done, "totp_off").await
        }
        _ => match accounts::enrol_totp(&app, caller.signed_in(), sent.text("password")).await {
            Ok(enrolment) => {
                let frame = Frame::left(&app, caller, &request).await?;
                AccountPage::answer(&app, caller, frame, Told::default(), Some(enrolment)).await
            }
            Err(error) => settled(&app, &request, caller, Err(error), "").await,
        },
    }
}
