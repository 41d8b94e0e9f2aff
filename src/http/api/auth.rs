//! Signing in and out, sessions, the own password and one-time codes.

use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::accounts::Account;
use crate::domain::people::Role;
use crate::domain::refusal::Refusal;
use crate::http::actor::bearer;
use crate::http::reply;
use crate::http::{Body, Problem, SignInTry, StaffCaller};
use crate::service::accounts::{self, Opened, SignIn, SignedIn};
use crate::service::{App, Error};

/// `__Host-`: browsers take it only over TLS, from this host, for every path.
const REFRESH_COOKIE: &str = "__Host-refresh_token";

/// What somebody types to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    username: String,
    password: String,
    /// The six digits, for accounts with one-time codes on.
    totp: Option<String>,
}

/// An access token.
#[derive(Serialize, ToSchema)]
pub struct TokenView {
    /// For `Authorization: Bearer`.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    #[schema(example = 900)]
    expires_in: i64,
}

/// A role at a node.
#[derive(Serialize, ToSchema)]
pub struct RoleView {
    role: Role,
    node: String,
    unit: Option<String>,
}

impl RoleView {
    /// Every role of the account.
    pub fn all(account: &Account) -> Vec<Self> {
        let view = |it: &crate::domain::accounts::Held| Self {
            role: it.grant.role,
            node: it.node_code.clone(),
            unit: it.unit_code.clone(),
        };
        account.held.iter().map(view).collect()
    }
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
pub struct MeView {
    username: String,
    name: String,
    roles: Vec<RoleView>,
    /// True when signing in asks for a one-time code.
    totp: bool,
}

/// One sign-in.
#[derive(Serialize, ToSchema)]
pub struct SessionView {
    id: String,
    /// The network address it was opened from.
    place: Option<String>,
    created_at: String,
    used_at: String,
    expires_at: String,
    /// True for the one that asks.
    current: bool,
}

/// The sessions that stand, last used first.
#[derive(Serialize, ToSchema)]
pub struct SessionsView {
    items: Vec<SessionView>,
    /// Always null: there are never more sessions than fit one answer.
    next_cursor: Option<String>,
}

/// The own password, old and new.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    current: String,
    /// 8 to 256 characters, none of the commonest.
    new: String,
}

/// The own password, once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolBody {
    password: String,
}

/// The first one-time code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    code: String,
}

/// What taking one-time codes off needs.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveBody {
    password: String,
    /// Not needed while enrolment is not confirmed.
    code: Option<String>,
}

/// What a phone needs to make one-time codes; shown once.
#[derive(Serialize, ToSchema)]
pub struct EnrolmentView {
    /// Base32.
    secret: String,
    otpauth_url: String,
}

/// Sign in. Failed tries are counted per account: five in 15 minutes, then a lock that doubles.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "auth", security(()), request_body = LoginBody, responses(
    (status = 200, description = "Signed in; the refresh token is in the cookie `__Host-refresh_token`", body = TokenView),
    (status = 401, description = "Unknown name, wrong password or wrong code: one answer"),
    (status = 429, description = "Locked, or too many tries from one network; see Retry-After"),
))]
pub async fn login(
    app: web::Data<App>,
    tried: SignInTry,
    body: Body<LoginBody>,
) -> Result<HttpResponse, Problem> {
    let LoginBody { username, password, totp } = body.read()?;
    let place = tried.0.0.to_string();
    let opened = accounts::sign_in(&app, Some(&place), SignIn { username, password, totp }).await?;
    Ok(opened_reply(opened))
}

/// A new access token for the refresh token in the cookie, which is changed for a new one. Using one twice ends the session.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "auth", security(()), responses(
    (status = 200, description = "A new access token; the new refresh token is in the cookie", body = TokenView),
    (status = 401, description = "No or no good refresh token"),
    (status = 403, description = "Sent by another site"),
    (status = 429, description = "Too many from one network; see Retry-After"),
))]
pub async fn refresh(
    app: web::Data<App>,
    _: SignInTry,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    refuse_other_sites(&request, &app.settings.public_url)?;
    let token = refresh_token(&request).ok_or(Refusal::Unauthenticated)?;
    Ok(opened_reply(accounts::refresh(&app, &token).await?))
}

/// End this session: the one of the access token, or of the cookie when the access token has expired.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "auth", responses(
    (status = 204, description = "Ended"),
    (status = 401, description = "There is no session to end"),
    (status = 403, description = "Sent by another site"),
))]
pub async fn logout(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    // Somebody who goes away leaves nothing behind: an access token that is no good falls back on the cookie.
    let mine = match bearer(&request) {
        Ok(Some(token)) => match accounts::authenticate(&app, &token).await {
            Ok(mine) => Some(mine),
            Err(Error::Refusal(Refusal::Unauthenticated)) => None,
            Err(fault) => return Err(fault.into()),
        },
        Ok(None) | Err(_) => None,
    };
    if let Some(mine) = mine {
        accounts::log_out(&app, &mine).await?;
    } else {
        refuse_other_sites(&request, &app.settings.public_url)?;
        let token = refresh_token(&request).ok_or(Refusal::Unauthenticated)?;
        accounts::log_out_by_refresh(&app, &token).await?;
    }
    Ok(HttpResponse::NoContent().cookie(refresh_cookie(String::new(), 0)).finish())
}

/// Who is signed in, with every role held.
#[utoipa::path(get, path = "/api/v1/auth/me", tag = "auth", responses((status = 200, body = MeView)))]
pub async fn me(app: web::Data<App>, caller: StaffCaller) -> Result<HttpResponse, Problem> {
    let account = accounts::me(&app, &signed_in(&caller)).await?;
    let roles = RoleView::all(&account);
    Ok(reply::ok(MeView { roles, username: account.username, name: account.name, totp: account.has_totp }))
}

/// The own sessions that stand, last used first.
#[utoipa::path(get, path = "/api/v1/auth/sessions", tag = "auth", responses((status = 200, body = SessionsView)))]
pub async fn sessions(app: web::Data<App>, caller: StaffCaller) -> Result<HttpResponse, Problem> {
    let sessions = accounts::list_sessions(&app, &signed_in(&caller)).await?;
    let view = |it: accounts::Session| SessionView {
        id: it.id,
        place: it.place,
        created_at: it.created_at.to_rfc3339(),
        used_at: it.used_at.to_rfc3339(),
        expires_at: it.expires_at.to_rfc3339(),
        current: it.is_current,
    };
    Ok(reply::ok(SessionsView { items: sessions.into_iter().map(view).collect(), next_cursor: None }))
}

/// End every other session of one's own.
#[utoipa::path(delete, path = "/api/v1/auth/sessions", tag = "auth", responses((status = 204, description = "Ended")))]
pub async fn end_sessions(app: web::Data<App>, caller: StaffCaller) -> Result<HttpResponse, Problem> {
    accounts::end_other_sessions(&app, &signed_in(&caller)).await?;
    Ok(reply::done())
}

/// End one session of one's own; its tokens die at once.
#[utoipa::path(delete, path = "/api/v1/auth/sessions/{id}", tag = "auth", params(("id" = String, Path)), responses(
    (status = 204, description = "Ended"),
))]
pub async fn end_session(
    app: web::Data<App>,
    caller: StaffCaller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    accounts::end_session(&app, &signed_in(&caller), &id).await?;
    Ok(reply::done())
}

/// Change the own password. Every other session ends at once; the answer's access token replaces the old one.
#[utoipa::path(post, path = "/api/v1/auth/password", tag = "auth", request_body = PasswordBody, responses(
    (status = 200, description = "Changed", body = TokenView),
    (status = 429, description = "Locked after wrong passwords; see Retry-After"),
))]
pub async fn change_password(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<PasswordBody>,
) -> Result<HttpResponse, Problem> {
    let body = body.read()?;
    let opened =
        accounts::change_password(&app, &caller, &signed_in(&caller), &body.current, &body.new).await?;
    Ok(opened_reply(opened))
}

/// Begin one-time codes: gives the secret for the phone, which counts once a code confirmed it.
#[utoipa::path(post, path = "/api/v1/auth/totp", tag = "auth", request_body = EnrolBody, responses(
    (status = 200, body = EnrolmentView),
    (status = 429, description = "Locked after wrong passwords; see Retry-After"),
))]
pub async fn enrol_totp(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<EnrolBody>,
) -> Result<HttpResponse, Problem> {
    let enrolment = accounts::enrol_totp(&app, &signed_in(&caller), &body.read()?.password).await?;
    Ok(reply::ok(EnrolmentView { secret: enrolment.secret, otpauth_url: enrolment.otpauth_url }))
}

/// Confirm one-time codes with the first one: from now on signing in asks for them.
#[utoipa::path(post, path = "/api/v1/auth/totp/confirm", tag = "auth", request_body = ConfirmBody, responses(
    (status = 204, description = "On"),
))]
pub async fn confirm_totp(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<ConfirmBody>,
) -> Result<HttpResponse, Problem> {
    accounts::confirm_totp(&app, &caller, &signed_in(&caller), &body.read()?.code).await?;
    Ok(reply::done())
}

/// Take one-time codes off.
#[utoipa::path(delete, path = "/api/v1/auth/totp", tag = "auth", request_body = RemoveBody, responses(
    (status = 204, description = "Off"),
    (status = 429, description = "Locked after wrong passwords; see Retry-After"),
))]
pub async fn remove_totp(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<RemoveBody>,
) -> Result<HttpResponse, Problem> {
    let RemoveBody { password, code } = body.read()?;
    accounts::remove_totp(&app, &caller, &signed_in(&caller), &password, code.as_deref()).await?;
    Ok(reply::done())
}

/// The caller as the account rooms know them.
fn signed_in(caller: &StaffCaller) -> SignedIn {
    SignedIn { staff: caller.staff().clone(), session_id: caller.session_id().to_owned() }
}

fn opened_reply(opened: Opened) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    if let Some((token, max_age_s)) = opened.refresh {
        answer.cookie(refresh_cookie(token, max_age_s));
    }
    answer.json(TokenView {
        access_token: opened.access_token,
        token_type: "Bearer",
        expires_in: opened.expires_in_s,
    })
}

fn refresh_cookie(token: String, max_age_s: i64) -> Cookie<'static> {
    Cookie::build(REFRESH_COOKIE, token)
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .max_age(Duration::seconds(max_age_s))
        .finish()
}

fn refresh_token(request: &HttpRequest) -> Option<String> {
    request.cookie(REFRESH_COOKIE).map(|it| it.value().to_owned())
}

/// Refuses a request that carries our cookie on behalf of another site's page.
///
/// Browsers that say where a request comes from are believed; for older ones the origin must be ours.
fn refuse_other_sites(request: &HttpRequest, public_url: &str) -> Result<(), Refusal> {
    let text = |name: &str| request.headers().get(name).map(|it| it.to_str().unwrap_or("unreadable"));
    let is_ours = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin_of(public_url) == origin,
        (None, None) => true,
    };
    if is_ours {
        return Ok(());
    }
    Err(Refusal::NotYours("请从本系统的页面操作。 Do this from this system's own pages.".to_owned()))
}

/// Scheme, host and port of a web address.
fn origin_of(url: &str) -> &str {
    let start = url.find("://").map_or(0, |it| it + 3);
    url[start..].find('/').map_or(url, |it| &url[..start + it])
}
