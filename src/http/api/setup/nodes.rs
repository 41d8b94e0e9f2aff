//! `/api/v1/nodes`: the organisation tree.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::tickets::link_next;
use super::Fields;
use super::views::{NewNode, NodeChange, NodeView, PageView};
use crate::http::reply::{created, done, ok, ok_at};
use crate::http::{Body, IfMatch, Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::setup::{self, Page};

/// Which part of the list of nodes.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AskedNodes {
    /// `false` lists what is retired.
    active: Option<bool>,
    /// 1 to 200, 50 unless told.
    limit: Option<i64>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The nodes at, above and below one's own.
#[utoipa::path(get, path = "/api/v1/nodes", tag = "setup", operation_id = "list_nodes", params(AskedNodes),
    responses((status = 200, description = "A page", body = PageView<NodeView>)), security(("bearer" = [])))]
pub async fn list(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<AskedNodes>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = asked.read()?;
    let page = Page::parse(asked.limit, asked.cursor.as_deref())?;
    let page = setup::list_nodes(&app, &caller, asked.active.unwrap_or(true), page).await?;
    let view = PageView::of(page, NodeView::of);
    let next = view.next_cursor.clone();
    let mut answer = ok(view);
    link_next(&mut answer, &request, next.as_deref());
    Ok(answer)
}

/// Hang a node on another one. A top node is added on the server: `red-mailbox node add`.
#[utoipa::path(post, path = "/api/v1/nodes", tag = "setup", operation_id = "add_node", request_body = NewNode,
    responses((status = 201, description = "Added", body = NodeView)), security(("bearer" = [])))]
pub async fn add(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<Fields>,
) -> Result<HttpResponse, Problem> {
    setup::check_may_add(&caller)?;
    let view = NodeView::of(setup::add_node(&app, &caller, body.read()?).await?);
    Ok(created(&format!("/api/v1/nodes/{}", view.code), view.version, view))
}

/// One node.
#[utoipa::path(get, path = "/api/v1/nodes/{code}", tag = "setup", operation_id = "get_node",
    params(("code" = String, Path)),
    responses((status = 200, description = "The node", body = NodeView)), security(("bearer" = [])))]
pub async fn get(
    app: web::Data<App>,
    caller: StaffCaller,
    code: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = NodeView::of(setup::get_node(&app, &caller, &code).await?);
    Ok(ok_at(view.version, view))
}

/// Rename, move, retire or bring back a node.
#[utoipa::path(patch, path = "/api/v1/nodes/{code}", tag = "setup", operation_id = "change_node",
    params(("code" = String, Path), ("If-Match" = String, Header, description = "The quoted version")),
    request_body = NodeChange,
    responses((status = 200, description = "The node as it is now", body = NodeView)), security(("bearer" = [])))]
pub async fn change(
    app: web::Data<App>,
    caller: StaffCaller,
    code: web::Path<String>,
    body: Body<Fields>,
    if_match: IfMatch,
) -> Result<HttpResponse, Problem> {
    setup::check_may_change_node(&app, &caller, &code).await?;
    let (fields, version) = (body.read()?, if_match.read()?);
    let view = NodeView::of(setup::change_node(&app, &caller, &code, fields, version).await?);
    Ok(ok_at(view.version, view))
}

/// Retire a node; its code stays taken.
#[utoipa::path(delete, path = "/api/v1/nodes/{code}", tag = "setup", operation_id = "retire_node",
    params(("code" = String, Path)),
    responses((status = 204, description = "Retired")), security(("bearer" = [])))]
pub async fn retire(
    app: web::Data<App>,
    caller: StaffCaller,
    code: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    setup::retire_node(&app, &caller, &code).await?;
    Ok(done())
}
