//! Users, as the admins of their nodes keep them.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::RoleView;
use crate::domain::accounts::Account;
use crate::domain::people::Role;
use crate::domain::refusal::Refusal;
use crate::http::{Body, IfMatch, Problem, Query, StaffCaller, reply};
use crate::service::App;
use crate::service::accounts::{self, NewUser, RoleAt, UserChange};

/// Users on one page, and when nothing is asked for.
const LIMIT_MAX: i64 = 200;
const LIMIT_DEFAULT: i64 = 50;

/// A member of staff.
#[derive(Serialize, ToSchema)]
pub struct UserView {
    /// The username.
    code: String,
    name: String,
    email: Option<String>,
    /// The roles held at nodes of the caller's.
    roles: Vec<RoleView>,
    active: bool,
    /// True when signing in asks for a one-time code.
    totp: bool,
    version: i64,
}

impl From<Account> for UserView {
    fn from(account: Account) -> Self {
        Self {
            roles: RoleView::all(&account),
            code: account.username,
            name: account.name,
            email: account.email,
            active: account.disabled_at.is_none(),
            totp: account.has_totp,
            version: account.version,
        }
    }
}

/// Users, by username.
#[derive(Serialize, ToSchema)]
pub struct UsersView {
    items: Vec<UserView>,
    /// For the next page; null on the last one.
    next_cursor: Option<String>,
}

/// A role at a node, by codes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleBody {
    role: Role,
    node: String,
    /// A handler's unit: of the node, or of one above or below it.
    unit: Option<String>,
}

impl From<RoleBody> for RoleAt {
    fn from(body: RoleBody) -> Self {
        Self { role: body.role, node: body.node, unit: body.unit }
    }
}

/// A user to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    /// The username: 2 to 32 of a-z, 0-9, `.`, `_`, `-`.
    code: String,
    /// The username when none is given.
    name: Option<String>,
    email: Option<String>,
    /// 8 to 256 characters, none of the commonest.
    password: String,
    roles: Vec<RoleBody>,
}

/// What to change; what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeBody {
    name: Option<String>,
    /// An empty text takes it off.
    email: Option<String>,
    /// Ends every session of the user.
    password: Option<String>,
    /// Replaces every role; ends every session of the user.
    roles: Option<Vec<RoleBody>>,
    /// False ends every session of the user.
    active: Option<bool>,
    /// Only false: takes one-time codes off, for a user who lost the phone.
    totp: Option<bool>,
}

/// Which part of the list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsersQuery {
    /// 1 to 200; 50 when not given.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Users with a role at the caller's nodes, by username. For admins.
#[utoipa::path(get, path = "/api/v1/users", tag = "set-up", params(UsersQuery), responses((status = 200, body = UsersView)))]
pub async fn list(
    app: web::Data<App>,
    caller: StaffCaller,
    query: Query<UsersQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.read()?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Refusal::Malformed("limit 须为 1 到 200。 limit is 1 to 200.".to_owned()).into());
    }
    let after = query.cursor.unwrap_or_default();
    let mut found = accounts::list_users(&app, &caller, &after, limit + 1).await?;
    let has_more = i64::try_from(found.len()).is_ok_and(|it| it > limit);
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_cursor = found.last().filter(|_| has_more).map(|it| it.username.clone());
    let link =
        next_cursor.as_ref().map(|it| format!("</api/v1/users?limit={limit}&cursor={it}>; rel=\"next\""));
    let view = UsersView { items: found.into_iter().map(UserView::from).collect(), next_cursor };
    let mut answer = HttpResponse::Ok();
    if let Some(link) = link {
        answer.insert_header(("Link", link));
    }
    Ok(answer.json(view))
}

/// Make a user with roles at the caller's nodes. For admins.
#[utoipa::path(post, path = "/api/v1/users", tag = "set-up", request_body = NewUserBody, responses(
    (status = 201, description = "Made", body = UserView),
))]
pub async fn add(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<NewUserBody>,
) -> Result<HttpResponse, Problem> {
    accounts::may_manage(&caller)?;
    let NewUserBody { code, name, email, password, roles } = body.read()?;
    let roles = roles.into_iter().map(RoleAt::from).collect();
    let account =
        accounts::add_user(&app, &caller, NewUser { username: code, name, email, password, roles }).await?;
    let location = format!("/api/v1/users/{}", reply::segment(&account.username));
    Ok(reply::created(&location, account.version, UserView::from(account)))
}

/// One user with a role at the caller's nodes. For admins.
#[utoipa::path(get, path = "/api/v1/users/{code}", tag = "set-up", params(("code" = String, Path)), responses(
    (status = 200, body = UserView),
))]
pub async fn find(
    app: web::Data<App>,
    caller: StaffCaller,
    code: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let account = accounts::find_user(&app, &caller, &code).await?;
    Ok(reply::ok_at(account.version, UserView::from(account)))
}

/// Change a user all of whose roles are at the caller's nodes. For admins.
#[utoipa::path(patch, path = "/api/v1/users/{code}", tag = "set-up", request_body = UserChangeBody,
    params(("code" = String, Path), ("If-Match" = String, Header)), responses((status = 200, body = UserView)))]
pub async fn change(
    app: web::Data<App>,
    caller: StaffCaller,
    code: web::Path<String>,
    version: IfMatch,
    body: Body<UserChangeBody>,
) -> Result<HttpResponse, Problem> {
    accounts::find_user(&app, &caller, &code).await?;
    let (version, change) = (version.version()?, body.read()?.into_change()?);
    let account = accounts::change_user(&app, &caller, &code, Some(version), change).await?;
    Ok(reply::ok_at(account.version, UserView::from(account)))
}

/// Disable a user: nobody is deleted, for the trail names people.
#[utoipa::path(delete, path = "/api/v1/users/{code}", tag = "set-up", params(("code" = String, Path)), responses(
    (status = 204, description = "Disabled"),
))]
pub async fn disable(
    app: web::Data<App>,
    caller: StaffCaller,
    code: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    accounts::disable_user(&app, &caller, &code).await?;
    Ok(reply::done())
}

impl UserChangeBody {
    fn into_change(self) -> Result<UserChange, Refusal> {
        if self.totp == Some(true) {
            let message = "只能由本人启用。 Only the user can turn it on; false takes it off.";
            return Err(Refusal::field("totp", message));
        }
        let roles = self.roles.map(|it| it.into_iter().map(RoleAt::from).collect());
        let (name, email, password) = (self.name, self.email, self.password);
        let is_without_totp = self.totp.is_some();
        Ok(UserChange { name, email, password, roles, active: self.active, is_without_totp })
    }
}
