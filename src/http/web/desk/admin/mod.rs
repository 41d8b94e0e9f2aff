//! The set-up as pages: lists, and one form for what is added or changed; nothing needs the command line.

mod entry;
pub mod first;
mod node;
mod policy;
mod text;
pub mod users;
mod year;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use super::fields::{Field, Input, blame, keep};
use super::{Frame, PageCaller, Sent, Told, Turned, answered, check_somewhere, see};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::setup::SetupKind;
use crate::http::Query;
use crate::http::problem::{Problem, WebFault};
use crate::http::reply::segment;
use crate::service::setup::{self, EntryCard, Listing, PAGE_MAX, Page};
use crate::service::{App, Error};

/// What the admin keeps, each with a tab; official years are loaded, not typed.
const KINDS: [SetupKind; 8] = [
    SetupKind::Unit,
    SetupKind::Category,
    SetupKind::Mailbox,
    SetupKind::Kiosk,
    SetupKind::Template,
    SetupKind::Policy,
    SetupKind::Calendar,
    SetupKind::Roster,
];

/// The kind whose part of the address this is.
fn kind_of(part: &str) -> Result<SetupKind, Problem> {
    KINDS.into_iter().find(|it| it.plural() == part).ok_or_else(|| WebFault::NoRoute.into())
}

/// Which list, and what it says first.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAsked {
    /// `true`: what is retired.
    retired: Option<bool>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// What was just done.
    done: Option<String>,
}

/// Which of several with one code, and what the page says first.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OneAsked {
    /// Code of the node that it hangs at.
    node: Option<String>,
    /// The year that a calendar shows.
    year: Option<i32>,
    /// What was just done.
    done: Option<String>,
}

/// A tab of the set-up.
struct Tab {
    href: String,
    label: String,
    is_current: bool,
}

fn tabs(frame: &Frame, current: &str) -> Vec<Tab> {
    let parts = ["nodes", "users"].into_iter().chain(KINDS.map(SetupKind::plural));
    let tab = |part: &str| Tab {
        href: format!("/admin/{part}"),
        label: frame.say(&format!("admin.{part}")),
        is_current: part == current,
    };
    parts.map(tab).collect()
}

/// A line of a list.
struct Line {
    href: String,
    code: String,
    name: String,
    /// Where it hangs, and what else tells it apart.
    about: String,
}

/// A form of the set-up.
struct SetupForm {
    action: String,
    version: Option<i64>,
    fields: Vec<Field>,
}

impl SetupForm {
    fn id_of(&self, field: &Field) -> String {
        debug_assert!(!self.action.is_empty());
        format!("set-{}", field.name)
    }
}

#[derive(Template)]
#[template(path = "desk/admin/list.html")]
struct ListPage {
    frame: Frame,
    told: Told,
    tabs: Vec<Tab>,
    part: &'static str,
    title: String,
    is_retired: bool,
    lines: Vec<Line>,
    next: Option<String>,
    /// What is added here; none for who may not.
    form: Option<SetupForm>,
}

#[derive(Template)]
#[template(path = "desk/admin/one.html")]
struct OnePage {
    frame: Frame,
    told: Told,
    tabs: Vec<Tab>,
    title: String,
    form: SetupForm,
    is_retired: bool,
    /// A kiosk's new token, shown this once.
    token: Option<String>,
    is_kiosk: bool,
    /// A calendar's year.
    year: Option<year::Year>,
    /// True for a policy that can be tried on what was.
    may_try: bool,
    tried: Option<policy::Tried>,
}

/// The set-up begins with its tree.
#[utoipa::path(get, path = "/admin", tag = "pages", responses((status = 303, description = "To the nodes")))]
pub async fn home(caller: PageCaller) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::WriteSetup)?;
    Ok(see("/admin/nodes"))
}

/// What there is of a kind, and the form to add one.
#[utoipa::path(get, path = "/admin/{part}", tag = "pages", params(("part" = String, Path), ListAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn list(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    part: web::Path<String>,
    asked: Query<ListAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::WriteSetup)?;
    let asked = asked.read()?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let told = Told::done(&frame, asked.done.as_deref());
    if *part == "nodes" {
        return node::listed(&app, &caller, frame, told, asked, None).await;
    }
    listed(&app, &caller, kind_of(&part)?, frame, told, asked, None).await
}

/// The list of a kind; `left` is a form that was refused.
async fn listed(
    app: &App,
    caller: &PageCaller,
    kind: SetupKind,
    frame: Frame,
    told: Told,
    asked: ListAsked,
    left: Option<Vec<Field>>,
) -> Result<HttpResponse, Turned> {
    let is_retired = asked.retired.unwrap_or(false);
    let page = Page::parse(Some(PAGE_MAX), asked.cursor.as_deref())?;
    let listing = Listing { kind, node: None, active: !is_retired };
    let cards = setup::list_entries(app, caller, listing, page).await?;
    let fields = match left {
        Some(fields) => fields,
        None => entry::fields(app, caller, &frame, kind, None).await?,
    };
    let part = kind.plural();
    let page = ListPage {
        tabs: tabs(&frame, part),
        title: frame.say(&format!("admin.{part}")),
        lines: cards.items.iter().map(|it| line(&frame, it)).collect(),
        next: cards.next.map(|it| format!("/admin/{part}?retired={is_retired}&cursor={it}")),
        form: Some(SetupForm { action: format!("/admin/{part}"), version: None, fields }),
        part,
        is_retired,
        frame,
        told,
    };
    Ok(answered(page.told.builder(), &page)?)
}

fn line(frame: &Frame, card: &EntryCard) -> Line {
    let node = card.node.clone().unwrap_or_else(|| frame.say("admin.everywhere"));
    let parent = card.parent.as_ref().map(|it| format!(" · {it}")).unwrap_or_default();
    Line {
        href: address(card),
        code: card.entry.code.clone(),
        name: card.entry.name.clone(),
        about: format!("{node}{parent}"),
    }
}

fn address(card: &EntryCard) -> String {
    let path = format!("/admin/{}/{}", card.entry.kind.plural(), segment(&card.entry.code));
    card.node.as_ref().map_or(path.clone(), |it| format!("{path}?node={}", segment(it)))
}

/// Add one.
#[utoipa::path(post, path = "/admin/{part}", tag = "pages", params(("part" = String, Path)),
    responses((status = 303, description = "Added"), (status = 422, description = "The page says what to mend")))]
pub async fn add(
    app: web::Data<App>,
    request: HttpRequest,
    part: web::Path<String>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    setup::check_may_add(caller)?;
    if *part == "nodes" {
        return node::add(&app, &request, sent).await;
    }
    let kind = kind_of(&part)?;
    let result = match entry::read(kind, &sent) {
        Ok(fields) if kind == SetupKind::Kiosk => setup::add_kiosk(&app, caller, named(&sent, fields)).await,
        Ok(fields) => {
            setup::add_entry(&app, caller, kind, named(&sent, fields)).await.map(|it| (it, String::new()))
        }
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok((card, token)) if kind == SetupKind::Kiosk => {
            let frame = Frame::left(&app, caller, &request).await?;
            let shown = Shown { token: Some(token), ..Shown::default() };
            one_page(&app, caller, frame, card, shown).await
        }
        Ok(_) => Ok(see(&format!("/admin/{part}?done=added"))),
        Err(error) => {
            let frame = Frame::left(&app, caller, &request).await?;
            let mut fields = entry::fields(&app, caller, &frame, kind, None).await?;
            let told = refused(&frame, &mut fields, &sent, error);
            listed(&app, caller, kind, frame, told, ListAsked::default(), Some(fields)).await
        }
    }
}

/// Code and node of what is added, beside its own fields.
fn named(sent: &Sent, mut fields: Map<String, Value>) -> Map<String, Value> {
    fields.retain(|_, value| !value.is_null());
    fields.insert("code".to_owned(), sent.text("code").trim().into());
    if let Some(node) = sent.given("node") {
        fields.insert("node".to_owned(), node.into());
    }
    fields
}

/// Why a form was refused: beside its fields, and on top what belongs to none.
fn refused(frame: &Frame, fields: &mut [Field], sent: &Sent, error: Error) -> Told {
    keep(fields, sent);
    let faults = match &error {
        Error::Refusal(Refusal::Invalid(faults)) => faults.0.clone(),
        _ => Vec::new(),
    };
    drop(blame(fields, &faults, frame));
    Told::refused(frame, error)
}

/// What one page of the set-up shows beside the entry.
#[derive(Default)]
struct Shown {
    told: Told,
    left: Option<Vec<Field>>,
    token: Option<String>,
    year: Option<i32>,
    tried: Option<policy::Tried>,
}

async fn one_page(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    card: EntryCard,
    shown: Shown,
) -> Result<HttpResponse, Turned> {
    let kind = card.entry.kind;
    let fields = match shown.left {
        Some(fields) => fields,
        None => entry::fields(app, caller, &frame, kind, Some(&card)).await?,
    };
    let page = OnePage {
        tabs: tabs(&frame, kind.plural()),
        title: format!("{} · {}", card.entry.name, card.entry.code),
        form: SetupForm { action: address(&card), version: Some(card.entry.version), fields },
        is_retired: card.entry.retired_at.is_some(),
        token: shown.token,
        is_kiosk: kind == SetupKind::Kiosk,
        may_try: kind == SetupKind::Policy && card.node.is_some(),
        tried: shown.tried,
        year: year::of(app, caller, &frame, &card, shown.year).await?,
        told: shown.told,
        frame,
    };
    Ok(answered(page.told.builder(), &page)?)
}

/// One of them, with the form to change it.
#[utoipa::path(get, path = "/admin/{part}/{code}", tag = "pages",
    params(("part" = String, Path), ("code" = String, Path), OneAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn one(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    asked: Query<OneAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::WriteSetup)?;
    let (part, code) = path.into_inner();
    let asked = asked.read()?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let told = Told::done(&frame, asked.done.as_deref());
    if part == "nodes" {
        return node::one(&app, &caller, frame, told, &code, None).await;
    }
    let card = setup::get_entry(&app, &caller, kind_of(&part)?, &code, asked.node.as_deref()).await?;
    let shown = Shown { told, year: asked.year, ..Shown::default() };
    one_page(&app, &caller, frame, card, shown).await
}

/// Change, retire or bring back one, or give a kiosk a new token, by the button that was pressed.
#[utoipa::path(post, path = "/admin/{part}/{code}", tag = "pages",
    params(("part" = String, Path), ("code" = String, Path), OneAsked),
    responses((status = 303, description = "Done"), (status = 412, description = "Somebody was faster")))]
pub async fn change(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    asked: Query<OneAsked>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let (part, code) = path.into_inner();
    check_somewhere(sent.caller.staff(), Permission::WriteSetup)?;
    let node = asked.read()?.node;
    if part == "nodes" {
        return node::change(&app, &request, &code, sent).await;
    }
    let (kind, caller) = (kind_of(&part)?, &sent.caller);
    setup::check_may_change(&app, caller, kind, &code, node.as_deref()).await?;
    let place = (code.as_str(), node.as_deref());
    let version = sent.text("version").parse().ok();
    let result = match sent.text("do") {
        "token" if kind == SetupKind::Kiosk => {
            let (card, token) = setup::issue_device_token(&app, caller, place.0, place.1).await?;
            let frame = Frame::left(&app, caller, &request).await?;
            let shown = Shown { token: Some(token), ..Shown::default() };
            return one_page(&app, caller, frame, card, shown).await;
        }
        "try" if kind == SetupKind::Policy => {
            return tried(&app, &request, &sent, (&code, node.as_deref())).await;
        }
        verb @ ("retire" | "restore") => {
            let fields = Map::from_iter([("active".to_owned(), Value::Bool(verb == "restore"))]);
            setup::change_entry(&app, caller, kind, place, fields, version).await
        }
        _ => match entry::read(kind, &sent) {
            Ok(fields) => setup::change_entry(&app, caller, kind, place, fields, version).await,
            Err(refusal) => Err(refusal.into()),
        },
    };
    match result {
        Ok(card) => {
            let address = address(&card);
            let mark = if address.contains('?') { '&' } else { '?' };
            Ok(see(&format!("{address}{mark}done=changed")))
        }
        Err(error) => {
            let frame = Frame::left(&app, caller, &request).await?;
            let card = setup::get_entry(&app, caller, kind, place.0, place.1).await?;
            let mut fields = entry::fields(&app, caller, &frame, kind, Some(&card)).await?;
            let told = refused(&frame, &mut fields, &sent, error);
            one_page(&app, caller, frame, card, Shown { told, left: Some(fields), ..Shown::default() }).await
        }
    }
}

/// A policy's form as it was typed, with what a past period would have been under it; nothing is changed.
async fn tried(
    app: &App,
    request: &HttpRequest,
    sent: &Sent,
    place: (&str, Option<&str>),
) -> Result<HttpResponse, Turned> {
    let (caller, kind) = (&sent.caller, SetupKind::Policy);
    let frame = Frame::left(app, caller, request).await?;
    let card = setup::get_entry(app, caller, kind, place.0, place.1).await?;
    let mut fields = entry::fields(app, caller, &frame, kind, Some(&card)).await?;
    let (told, tried) = match policy::tried(app, caller, &frame, &card, sent).await {
        Ok(tried) => {
            keep(&mut fields, sent);
            (Told::default(), Some(tried))
        }
        Err(error) => (refused(&frame, &mut fields, sent, error), None),
    };
    one_page(app, caller, frame, card, Shown { told, left: Some(fields), tried, ..Shown::default() }).await
}

/// The nodes where the caller writes the set-up, by code and name.
async fn own_nodes(app: &App, caller: &PageCaller) -> Result<Vec<(String, String)>, Error> {
    let nodes = setup::list_nodes(app, caller, true, Page { after: 0, limit: PAGE_MAX }).await?;
    let own = nodes.items.into_iter().map(|it| it.node);
    let own = own.filter(|it| caller.staff().may_at(Permission::WriteSetup, &it.path));
    Ok(own.map(|it| (it.code.clone(), format!("{} {}", it.code, it.name))).collect())
}

/// A choice that may be left open.
fn or_none(frame: &Frame, picks: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut all = vec![(String::new(), frame.say("field.choose"))];
    all.extend(picks);
    all
}

fn label(frame: &Frame, name: &str) -> String {
    frame.say(&format!("set.{name}"))
}

fn line_of(frame: &Frame, name: &'static str) -> Field {
    Field::new(name, Input::Line, label(frame, name))
}
