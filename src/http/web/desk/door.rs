//! Signing in and out on the pages.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web};
use askama::Template;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::form::Form;
use super::screen::{Screen, in_language};
use super::session::{cookie, is_safe, token};
use super::{PageCaller, Sent, Turned, answered, home_of, own_path, see};
use crate::http::reply::segment;
use crate::http::{Problem, Query, SignInTry};
use crate::service::accounts::{self, SignIn};
use crate::service::{App, Error};

/// Where to go on after signing in.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LoginAsked {
    /// A path of this server; the person's first page unless given.
    next: Option<String>,
}

/// What somebody types to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginForm {
    username: String,
    password: String,
    /// The six digits, for accounts with one-time codes on.
    #[serde(default)]
    totp: String,
}

#[derive(Template)]
#[template(path = "desk/login.html")]
struct LoginPage {
    screen: Screen,
    /// Where the form is sent: with the way back, if there is one.
    action: String,
    username: String,
    fault: String,
    /// False over plain http, where no browser keeps the session's cookie.
    is_safe: bool,
}

impl LoginPage {
    fn of(request: &HttpRequest, next: Option<&str>) -> Self {
        let action = next.map_or("/login".to_owned(), |it| format!("/login?next={}", segment(it)));
        Self {
            screen: Screen::of(request),
            action,
            username: String::new(),
            fault: String::new(),
            is_safe: is_safe(request),
        }
    }
}

/// The form to sign in; over plain http it says why that cannot be.
#[utoipa::path(get, path = "/login", tag = "pages", security(()), params(LoginAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn login(request: HttpRequest, asked: Query<LoginAsked>) -> Result<HttpResponse, Turned> {
    let asked = asked.read()?;
    let next = asked.next.as_deref().and_then(own_path);
    if let Some(caller) = PageCaller::find(&request).await? {
        return Ok(see(next.unwrap_or(home_of(caller.staff()))));
    }
    Ok(answered(HttpResponse::Ok(), &LoginPage::of(&request, next))?)
}

/// Sign in: a new session, whatever cookie was sent along.
#[utoipa::path(post, path = "/login", tag = "pages", security(()), params(LoginAsked), request_body = LoginForm,
    responses((status = 303, description = "Signed in"),
        (status = 401, description = "Unknown name, wrong password or wrong code: the form again")))]
pub async fn sign_in(
    app: web::Data<App>,
    tried: SignInTry,
    request: HttpRequest,
    asked: Query<LoginAsked>,
    form: Form<LoginForm>,
) -> Result<HttpResponse, Turned> {
    let asked = asked.read()?;
    let next = asked.next.as_deref().and_then(own_path);
    let page = LoginPage::of(&request, next);
    if !page.is_safe {
        return Ok(answered(HttpResponse::Forbidden(), &page)?);
    }
    let Form(LoginForm { username, password, totp }) = form;
    let totp = Some(totp).filter(|it| !it.trim().is_empty());
    let given = SignIn { username: username.clone(), password, totp };
    match accounts::sign_in_to_pages(&app, Some(&tried.0.0.to_string()), given).await {
        Ok(fresh) => entered(&app, &request, next, fresh).await,
        Err(error) => Ok(not_in(page, username, &error.into())?),
    }
}

/// Ends the session that the browser had before, and leads on.
async fn entered(
    app: &App,
    request: &HttpRequest,
    next: Option<&str>,
    fresh: String,
) -> Result<HttpResponse, Turned> {
    if let Some(before) = token(request) {
        accounts::log_out_of_pages(app, &before).await?;
    }
    let staff = accounts::authenticate_page(app, &fresh).await?.signed_in.staff;
    let mut answer = see(next.unwrap_or(home_of(&staff)));
    let kept = answer.add_cookie(&cookie(fresh));
    kept.map_err(|it| Error::internal(format!("could not set the session's cookie: {it}")))?;
    Ok(answer)
}

/// The form again, with the name that was typed.
fn not_in(page: LoginPage, username: String, problem: &Problem) -> Result<HttpResponse, Problem> {
    let fault = in_language(problem.detail(), page.screen.language).to_owned();
    let mut builder = HttpResponseBuilder::new(problem.status_code());
    if let Some(seconds) = problem.retry_after_s() {
        builder.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    answered(builder, &LoginPage { username, fault, ..page })
}

/// Sign out: the session ends on the server too.
#[utoipa::path(post, path = "/logout", tag = "pages", responses((status = 303, description = "Signed out")))]
pub async fn sign_out(app: web::Data<App>, sent: Sent) -> Result<HttpResponse, Turned> {
    accounts::log_out(&app, sent.caller.signed_in()).await?;
    let mut answer = see("/login");
    let gone = answer.add_cookie(&cookie(String::new()));
    gone.map_err(|it| Error::internal(format!("could not take the session's cookie away: {it}")))?;
    debug_assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    Ok(answer)
}
