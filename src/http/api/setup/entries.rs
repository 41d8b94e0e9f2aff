//! One collection per kind of entry, each with the same verbs; categories are also read by the public, kiosks
//! have tokens.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::tickets::link_next;
use super::views::{EntryChange, EntryView, IssuedView, NewEntry, PageView, PublicCategoryView};
use super::{Asked, AtNode, Fields};
use crate::domain::setup::{self as domain, SetupKind};
use crate::http::reply::{created, done, ok, ok_at};
use crate::http::{Body, IfMatch, Problem, Query, StaffCaller};
use crate::service::setup::{self, EntryCard, Listing};
use crate::service::{App, Caller};

async fn listed(
    app: &App,
    caller: &Caller,
    kind: SetupKind,
    asked: Asked,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let page = asked.page()?;
    let listing = Listing { kind, node: asked.node, active: asked.active.unwrap_or(true) };
    let page = setup::list_entries(app, caller, listing, page).await?;
    let view = PageView::of(page, EntryView::of);
    let next = view.next_cursor.clone();
    let mut answer = ok(view);
    link_next(&mut answer, request, next.as_deref());
    Ok(answer)
}

fn at_place(card: EntryCard) -> HttpResponse {
    let (place, view) = (place(&card), EntryView::of(card));
    created(&place, view.version, view)
}

fn place(card: &EntryCard) -> String {
    format!("/api/v1/{}/{}", card.entry.kind.plural(), card.entry.code)
}

macro_rules! list {
    ($kind:ident, $details:ty, $path:literal, $names:literal) => {
        /// What is in use at, above and below one's own nodes, and installation-wide.
        #[utoipa::path(get, path = $path, tag = "setup", operation_id = concat!("list_", $names), params(Asked),
                    responses((status = 200, description = "A page", body = PageView<EntryView<$details>>)),
                    security(("bearer" = [])))]
        pub async fn list(
            app: web::Data<App>,
            caller: StaffCaller,
            asked: Query<Asked>,
            request: HttpRequest,
        ) -> Result<HttpResponse, Problem> {
            listed(&app, &caller, SetupKind::$kind, asked.read()?, &request).await
        }
    };
}

macro_rules! add {
    ($kind:ident, $details:ty, $path:literal, $name:literal) => {
        /// Add one.
        #[utoipa::path(post, path = $path, tag = "setup", operation_id = concat!("add_", $name),
                            request_body = NewEntry<$details>,
                            responses((status = 201, description = "Added", body = EntryView<$details>)),
                            security(("bearer" = [])))]
        pub async fn add(
            app: web::Data<App>,
            caller: StaffCaller,
            body: Body<Fields>,
        ) -> Result<HttpResponse, Problem> {
            setup::check_may_add(&caller)?;
            Ok(at_place(setup::add_entry(&app, &caller, SetupKind::$kind, body.read()?).await?))
        }
    };
}

macro_rules! one {
    ($kind:ident, $details:ty, $path:literal, $name:literal) => {
        /// One of them.
        #[utoipa::path(get, path = $path, tag = "setup", operation_id = concat!("get_", $name),
                    params(("code" = String, Path), AtNode),
                    responses((status = 200, description = "It", body = EntryView<$details>)),
                    security(("bearer" = [])))]
        pub async fn get(
            app: web::Data<App>,
            caller: StaffCaller,
            code: web::Path<String>,
            at: Query<AtNode>,
        ) -> Result<HttpResponse, Problem> {
            let at = at.read()?;
            let card = setup::get_entry(&app, &caller, SetupKind::$kind, &code, at.node.as_deref()).await?;
            let view = EntryView::of(card);
            Ok(ok_at(view.version, view))
        }

        /// Change, retire or bring back one.
        #[utoipa::path(patch, path = $path, tag = "setup", operation_id = concat!("change_", $name),
                    params(("code" = String, Path), AtNode, ("If-Match" = String, Header, description = "The quoted version")),
                    request_body = EntryChange<$details>,
                    responses((status = 200, description = "As it is now", body = EntryView<$details>)),
                    security(("bearer" = [])))]
        pub async fn change(
            app: web::Data<App>,
            caller: StaffCaller,
            code: web::Path<String>,
            at: Query<AtNode>,
            body: Body<Fields>,
            if_match: IfMatch,
        ) -> Result<HttpResponse, Problem> {
            let (at, kind) = (at.read()?, SetupKind::$kind);
            let node = at.node.as_deref();
            setup::check_may_change(&app, &caller, kind, &code, node).await?;
            let (fields, version) = (body.read()?, if_match.read()?);
            let card = setup::change_entry(&app, &caller, kind, (code.as_str(), node), fields, version).await?;
            let view = EntryView::of(card);
            Ok(ok_at(view.version, view))
        }

        /// Retire one; its code stays taken.
        #[utoipa::path(delete, path = $path, tag = "setup", operation_id = concat!("retire_", $name),
                    params(("code" = String, Path), AtNode),
                    responses((status = 204, description = "Retired")), security(("bearer" = [])))]
        pub async fn retire(
            app: web::Data<App>,
            caller: StaffCaller,
            code: web::Path<String>,
            at: Query<AtNode>,
        ) -> Result<HttpResponse, Problem> {
            let at = at.read()?;
            setup::retire_entry(&app, &caller, SetupKind::$kind, &code, at.node.as_deref()).await?;
            Ok(done())
        }
    };
}

macro_rules! collections {
    ($($(#[$doc:meta])* $module:ident: $kind:ident, $details:ty, $path:literal, $one:literal, $name:literal;)+) => {$(
        $(#[$doc])*
        pub mod $module {
            use super::*;
            list!($kind, $details, $path, $name);
            add!($kind, $details, $path, $name);
            one!($kind, $details, $one, $name);
        }
    )+};
}
collections! {
    /// Units that tickets are assigned to.
    units: Unit, domain::Unit, "/api/v1/units", "/api/v1/units/{code}", "unit";
    /// Red mailboxes.
    mailboxes: Mailbox, domain::Mailbox, "/api/v1/mailboxes", "/api/v1/mailboxes/{code}", "mailbox";
    /// Replies to begin with.
    templates: Template, domain::Template, "/api/v1/templates", "/api/v1/templates/{code}", "template";
    /// What a node settles for itself.
    policies: Policy, domain::Policy, "/api/v1/policies", "/api/v1/policies/{code}", "policy";
    /// Opening hours and closed days.
    calendars: Calendar, crate::domain::calendar::CalendarSettings, "/api/v1/calendars", "/api/v1/calendars/{code}",
        "calendar";
    /// Who is on duty.
    rosters: Roster, domain::Roster, "/api/v1/rosters", "/api/v1/rosters/{code}", "roster";
}

/// The category tree.
pub mod categories {
    use super::{
        App, Asked, AtNode, Body, Caller, Deserialize, EntryChange, EntryView, Fields, HttpRequest,
        HttpResponse, IfMatch, IntoParams, NewEntry, PageView, Problem, PublicCategoryView, Query, SetupKind,
        StaffCaller, at_place, domain, done, listed, ok, ok_at, setup, web,
    };

    /// Which part of the list of categories.
    #[derive(Debug, Deserialize, IntoParams)]
    #[serde(deny_unknown_fields)]
    #[into_params(parameter_in = Query)]
    pub struct AskedCategories {
        /// Code of a community: what is in use there, for anyone, on one page.
        community: Option<String>,
        /// Only what is in use at the node with this code.
        node: Option<String>,
        /// `false` lists what is retired.
        active: Option<bool>,
        /// 1 to 200, 50 unless told.
        limit: Option<i64>,
        /// The `next_cursor` of the page before.
        cursor: Option<String>,
    }

    /// The categories: for staff those of their nodes; with `community` for anyone, with less of each.
    #[utoipa::path(get, path = "/api/v1/categories", tag = "setup", operation_id = "list_categories",
        params(AskedCategories),
        responses((status = 200, description = "A page; with `community` only code, name, parent and danger",
            body = PageView<EntryView<domain::Category>>)),
        security((), ("bearer" = [])))]
    pub async fn list(
        app: web::Data<App>,
        caller: Caller,
        asked: Query<AskedCategories>,
        request: HttpRequest,
    ) -> Result<HttpResponse, Problem> {
        let AskedCategories { community, node, active, limit, cursor } = asked.read()?;
        let Some(community) = community else {
            let asked = Asked { node, active, limit, cursor };
            return listed(&app, &caller, SetupKind::Category, asked, &request).await;
        };
        let categories = setup::public_categories(&app, &community).await?;
        let items = categories.into_iter().map(PublicCategoryView::of).collect();
        Ok(ok(PageView { items, next_cursor: None }))
    }
    add!(Category, domain::Category, "/api/v1/categories", "category");
    one!(Category, domain::Category, "/api/v1/categories/{code}", "category");
}

/// Self-service kiosks and their device tokens.
pub mod kiosks {
    use super::{
        App, Asked, AtNode, Body, EntryChange, EntryView, Fields, HttpRequest, HttpResponse, IfMatch,
        IssuedView, NewEntry, PageView, Problem, Query, SetupKind, StaffCaller, created, domain, done,
        listed, ok_at, place, setup, web,
    };

    list!(Kiosk, domain::Kiosk, "/api/v1/kiosks", "kiosk");

    /// Add a kiosk; its device token is in this answer only.
    #[utoipa::path(post, path = "/api/v1/kiosks", tag = "setup", operation_id = "add_kiosk",
        request_body = NewEntry<domain::Kiosk>,
        responses((status = 201, description = "Added", body = IssuedView<domain::Kiosk>)),
        security(("bearer" = [])))]
    pub async fn add(
        app: web::Data<App>,
        caller: StaffCaller,
        body: Body<Fields>,
    ) -> Result<HttpResponse, Problem> {
        setup::check_may_add(&caller)?;
        let (card, device_token) = setup::add_kiosk(&app, &caller, body.read()?).await?;
        let (place, version) = (place(&card), card.entry.version);
        Ok(created(&place, version, IssuedView { kiosk: EntryView::of(card), device_token }))
    }
    one!(Kiosk, domain::Kiosk, "/api/v1/kiosks/{code}", "kiosk");

    /// Issue a kiosk's device token anew; the one before ends at once.
    #[utoipa::path(post, path = "/api/v1/kiosks/{code}/token", tag = "setup", operation_id = "issue_device_token",
        params(("code" = String, Path), AtNode),
        responses((status = 201, description = "The token, shown this once", body = IssuedView<domain::Kiosk>)),
        security(("bearer" = [])))]
    pub async fn issue_token(
        app: web::Data<App>,
        caller: StaffCaller,
        code: web::Path<String>,
        at: Query<AtNode>,
    ) -> Result<HttpResponse, Problem> {
        let at = at.read()?;
        let (card, device_token) =
            setup::issue_device_token(&app, &caller, &code, at.node.as_deref()).await?;
        let (place, version) = (place(&card), card.entry.version);
        Ok(created(&place, version, IssuedView { kiosk: EntryView::of(card), device_token }))
    }

    /// Take a kiosk's device token back.
    #[utoipa::path(delete, path = "/api/v1/kiosks/{code}/token", tag = "setup", operation_id = "revoke_device_token",
        params(("code" = String, Path), AtNode),
        responses((status = 204, description = "Revoked")), security(("bearer" = [])))]
    pub async fn revoke_token(
        app: web::Data<App>,
        caller: StaffCaller,
        code: web::Path<String>,
        at: Query<AtNode>,
    ) -> Result<HttpResponse, Problem> {
        let at = at.read()?;
        setup::revoke_device_token(&app, &caller, &code, at.node.as_deref()).await?;
        Ok(done())
    }
}
