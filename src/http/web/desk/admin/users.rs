//! Users: who may sign in, with which roles where.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::bulk::listed as named;
use super::super::{Frame, PageCaller, Sent, Told, Turned, answered, check_somewhere, see};
use super::{Tab, own_nodes, tabs};
use crate::domain::accounts::Account;
use crate::domain::people::{Permission, Role};
use crate::domain::refusal::Refusal;
use crate::domain::setup::SetupKind;
use crate::http::Query;
use crate::http::reply::segment;
use crate::service::accounts::{self, NewUser, RoleAt, UserChange};
use crate::service::{App, Error};

const USERS_MAX: i64 = 200;
/// Rows of roles in the form beyond those held.
const ROWS_FREE: usize = 2;
/// Rows that a form may send; an account holds no more.
const ROWS_MAX: usize = 52;

/// Which part of the list, and what the page says first.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsersAsked {
    cursor: Option<String>,
    /// What was just done.
    done: Option<String>,
    /// How many users were just imported.
    imported: Option<usize>,
}

/// A row of the form's roles.
struct RoleRow {
    n: usize,
    role: String,
    node: String,
    unit: String,
}

/// What stands in the form.
#[derive(Default)]
struct Typed {
    username: String,
    name: String,
    email: String,
    rows: Vec<RoleRow>,
    /// A list to import.
    csv: String,
}

/// A line of the list.
struct UserLine {
    username: String,
    name: String,
    roles: String,
    is_disabled: bool,
}

#[derive(Template)]
#[template(path = "desk/admin/users.html")]
struct UsersPage {
    frame: Frame,
    told: Told,
    tabs: Vec<Tab>,
    lines: Vec<UserLine>,
    next: Option<String>,
    typed: Typed,
    choices: Choices,
}

#[derive(Template)]
#[template(path = "desk/admin/user.html")]
struct UserPage {
    frame: Frame,
    told: Told,
    tabs: Vec<Tab>,
    username: String,
    version: i64,
    has_totp: bool,
    is_disabled: bool,
    typed: Typed,
    choices: Choices,
}

/// What the rows of roles offer.
struct Choices {
    roles: Vec<(String, String)>,
    nodes: Vec<(String, String)>,
    units: Vec<(String, String)>,
}

impl Choices {
    async fn of(app: &App, caller: &PageCaller, frame: &Frame) -> Result<Self, Error> {
        let roles = Role::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("role.{it}"))));
        Ok(Self {
            roles: roles.collect(),
            nodes: own_nodes(app, caller).await?,
            units: named(app, caller, SetupKind::Unit).await?,
        })
    }
}

fn with_free_rows(mut rows: Vec<RoleRow>) -> Vec<RoleRow> {
    for _ in 0..ROWS_FREE {
        let n = rows.len();
        rows.push(RoleRow { n, role: String::new(), node: String::new(), unit: String::new() });
    }
    rows
}

impl Typed {
    fn of(account: &Account) -> Self {
        let row = |(n, it): (usize, &crate::domain::accounts::Held)| RoleRow {
            n,
            role: it.grant.role.to_string(),
            node: it.node_code.clone(),
            unit: it.unit_code.clone().unwrap_or_default(),
        };
        Self {
            username: account.username.clone(),
            name: account.name.clone(),
            email: account.email.clone().unwrap_or_default(),
            rows: with_free_rows(account.held.iter().enumerate().map(row).collect()),
            csv: String::new(),
        }
    }

    fn sent(sent: &Sent) -> Self {
        let rows = rows_of(sent).into_iter().enumerate();
        let rows = rows.map(|(n, (role, node, unit))| RoleRow { n, role, node, unit }).collect();
        let text = |name: &str| sent.text(name).to_owned();
        Self {
            username: text("code"),
            name: text("name"),
            email: text("email"),
            rows: with_free_rows(rows),
            csv: text("csv"),
        }
    }
}

/// The rows that were filled in: role, node, unit.
fn rows_of(sent: &Sent) -> Vec<(String, String, String)> {
    let part = |name: &str, n: usize| sent.text(&format!("{name}-{n}")).to_owned();
    let rows = (0..ROWS_MAX).map(|n| (part("role", n), part("node", n), part("unit", n)));
    rows.filter(|it| !it.0.is_empty()).collect()
}

fn roles_of(sent: &Sent) -> Result<Vec<RoleAt>, Refusal> {
    let role = |(role, node, unit): (String, String, String)| {
        let role = Role::parse(&role);
        let role = role.ok_or_else(|| Refusal::field("roles", "请选角色。 Choose a role."))?;
        Ok(RoleAt { role, node, unit: Some(unit).filter(|it| !it.is_empty()) })
    };
    rows_of(sent).into_iter().map(role).collect()
}

fn line(frame: &Frame, account: &Account) -> UserLine {
    let role = |it: &crate::domain::accounts::Held| {
        let unit = it.unit_code.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
        format!("{} {}{unit}", frame.say(&format!("role.{}", it.grant.role)), it.node_code)
    };
    UserLine {
        username: account.username.clone(),
        name: account.name.clone(),
        roles: account.held.iter().map(role).collect::<Vec<_>>().join("、"),
        is_disabled: account.disabled_at.is_some(),
    }
}

/// The users of the caller's nodes, and the form to add one.
#[utoipa::path(get, path = "/admin/users", tag = "pages", params(UsersAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn list(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<UsersAsked>,
) -> Result<HttpResponse, Turned> {
    accounts::may_manage(&caller)?;
    let asked = asked.read()?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let mut told = Told::done(&frame, asked.done.as_deref());
    if let Some(n) = asked.imported {
        told.done = frame.say_with("did.imported", &[("n", &n.to_string())]);
    }
    let typed = Typed { rows: with_free_rows(Vec::new()), ..Typed::default() };
    listed(&app, &caller, frame, told, asked, typed).await
}

async fn listed(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    told: Told,
    asked: UsersAsked,
    typed: Typed,
) -> Result<HttpResponse, Turned> {
    let after = asked.cursor.unwrap_or_default();
    let users = accounts::list_users(app, caller, &after, USERS_MAX).await?;
    let is_full = i64::try_from(users.len()).is_ok_and(|it| it == USERS_MAX);
    let page = UsersPage {
        tabs: tabs(&frame, "users"),
        next: users
            .last()
            .filter(|_| is_full)
            .map(|it| format!("/admin/users?cursor={}", segment(&it.username))),
        lines: users.iter().map(|it| line(&frame, it)).collect(),
        choices: Choices::of(app, caller, &frame).await?,
        typed,
        frame,
        told,
    };
    Ok(answered(page.told.builder(), &page)?)
}

/// Make a user, or all of a list.
#[utoipa::path(post, path = "/admin/users", tag = "pages",
    responses((status = 303, description = "Made"), (status = 422, description = "The page says what to mend")))]
pub async fn add(app: web::Data<App>, request: HttpRequest, sent: Sent) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    accounts::may_manage(caller)?;
    if sent.text("do") == "import" {
        return import(&app, &request, &sent).await;
    }
    let result = match roles_of(&sent) {
        Ok(roles) => {
            let new = NewUser {
                username: sent.text("code").to_owned(),
                name: sent.given("name"),
                email: sent.given("email"),
                password: sent.text("password").to_owned(),
                roles,
            };
            accounts::add_user(&app, caller, new).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok(_) => Ok(see("/admin/users?done=added")),
        Err(error) => {
            let frame = Frame::left(&app, caller, &request).await?;
            let told = Told::refused(&frame, error);
            listed(&app, caller, frame, told, UsersAsked::default(), Typed::sent(&sent)).await
        }
    }
}

/// Adds all of a list or nobody; what is wrong is told line by line, and the list stays in the form.
async fn import(app: &App, request: &HttpRequest, sent: &Sent) -> Result<HttpResponse, Turned> {
    match accounts::import_users(app, &sent.caller, sent.text("csv")).await {
        Ok(n) => Ok(see(&format!("/admin/users?imported={n}"))),
        Err(error) => {
            let frame = Frame::left(app, &sent.caller, request).await?;
            let told = Told::refused(&frame, error);
            listed(app, &sent.caller, frame, told, UsersAsked::default(), Typed::sent(sent)).await
        }
    }
}

async fn shown(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    told: Told,
    account: Account,
    typed: Option<Typed>,
) -> Result<HttpResponse, Turned> {
    let page = UserPage {
        tabs: tabs(&frame, "users"),
        typed: typed.unwrap_or_else(|| Typed::of(&account)),
        choices: Choices::of(app, caller, &frame).await?,
        username: account.username,
        version: account.version,
        has_totp: account.has_totp,
        is_disabled: account.disabled_at.is_some(),
        frame,
        told,
    };
    Ok(answered(page.told.builder(), &page)?)
}

/// One user.
#[utoipa::path(get, path = "/admin/users/{code}", tag = "pages", params(("code" = String, Path), UsersAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn one(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    code: web::Path<String>,
    asked: Query<UsersAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::WriteSetup)?;
    let account = accounts::find_user(&app, &caller, &code).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let told = Told::done(&frame, asked.read()?.done.as_deref());
    shown(&app, &caller, frame, told, account, None).await
}

/// Change a user, set a new password, take one-time codes off, disable or bring back, by the button pressed.
#[utoipa::path(post, path = "/admin/users/{code}", tag = "pages", params(("code" = String, Path)),
    responses((status = 303, description = "Done"), (status = 412, description = "Somebody was faster")))]
pub async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    code: web::Path<String>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    let account = accounts::find_user(&app, caller, &code).await?;
    let version = sent.text("version").parse().map_err(|_| Refusal::PreconditionRequired)?;
    let result = match change_of(&sent) {
        Ok(change) => accounts::change_user(&app, caller, &code, Some(version), change).await,
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok(_) => Ok(see(&format!("/admin/users/{}?done=changed", segment(&code)))),
        Err(error) => {
            let frame = Frame::left(&app, caller, &request).await?;
            let told = Told::refused(&frame, error);
            let typed = (sent.text("do") == "facts").then(|| Typed::sent(&sent));
            shown(&app, caller, frame, told, account, typed).await
        }
    }
}

fn change_of(sent: &Sent) -> Result<UserChange, Refusal> {
    let change = UserChange::default();
    Ok(match sent.text("do") {
        "password" => UserChange { password: Some(sent.text("password").to_owned()), ..change },
        "totp" => UserChange { is_without_totp: true, ..change },
        "disable" => UserChange { active: Some(false), ..change },
        "restore" => UserChange { active: Some(true), ..change },
        _ => UserChange {
            name: Some(sent.text("name").to_owned()),
            email: Some(sent.text("email").trim().to_owned()),
            roles: Some(roles_of(sent)?),
            ..change
        },
    })
}
