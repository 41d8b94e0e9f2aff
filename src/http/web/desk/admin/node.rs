//! Nodes of the organisation tree.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};

use super::super::fields::{Field, Input};
use super::super::{Frame, PageCaller, Sent, Told, Turned, answered, see};
use super::{
    Line, ListAsked, ListPage, OnePage, SetupForm, label, line_of, or_none, own_nodes, refused, tabs,
};
use crate::domain::people::Permission;
use crate::domain::setup::NodeKind;
use crate::http::reply::segment;
use crate::service::setup::{self, NodeCard, PAGE_MAX, Page};
use crate::service::{App, Error};

async fn fields(
    app: &App,
    caller: &PageCaller,
    frame: &Frame,
    known: Option<&NodeCard>,
) -> Result<Vec<Field>, Error> {
    let nodes = own_nodes(app, caller).await?;
    let parent = Field::new("parent", Input::Choice, label(frame, "parent_node"));
    let zone = line_of(frame, "time_zone");
    let Some(card) = known else {
        let kinds = NodeKind::ALL.iter().map(|it| (it.to_string(), frame.say(&format!("node.{it}"))));
        return Ok(vec![
            line_of(frame, "code").required().hint(frame.say("set.node_code_hint")),
            line_of(frame, "name").required(),
            Field::new("kind", Input::Choice, label(frame, "kind")).picks(kinds).value("community"),
            parent.picks(nodes).required(),
            zone.hint(frame.say("set.zone_hint")),
        ]);
    };
    let mut fields = vec![
        line_of(frame, "name").required().value(card.node.name.as_str()),
        zone.value(card.node.time_zone.name()),
    ];
    if let Some(above) = &card.parent {
        fields.insert(1, parent.picks(or_none(frame, nodes)).value(above.as_str()));
    }
    Ok(fields)
}

/// The tree, as a list.
pub(super) async fn listed(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    told: Told,
    asked: ListAsked,
    left: Option<Vec<Field>>,
) -> Result<HttpResponse, Turned> {
    let is_retired = asked.retired.unwrap_or(false);
    let page = Page::parse(Some(PAGE_MAX), asked.cursor.as_deref())?;
    let nodes = setup::list_nodes(app, caller, !is_retired, page).await?;
    let line = |it: &NodeCard| Line {
        href: format!("/admin/nodes/{}", segment(&it.node.code)),
        code: it.node.code.clone(),
        name: it.node.name.clone(),
        about: format!(
            "{} {}",
            frame.say(&format!("node.{}", it.node.kind)),
            it.parent.clone().unwrap_or_default()
        ),
    };
    let fields = match left {
        Some(fields) => fields,
        None => fields(app, caller, &frame, None).await?,
    };
    let page = ListPage {
        tabs: tabs(&frame, "nodes"),
        part: "nodes",
        title: frame.say("admin.nodes"),
        lines: nodes.items.iter().map(line).collect(),
        next: nodes.next.map(|it| format!("/admin/nodes?retired={is_retired}&cursor={it}")),
        form: Some(SetupForm { action: "/admin/nodes".to_owned(), version: None, fields }),
        is_retired,
        frame,
        told,
    };
    Ok(answered(page.told.builder(), &page)?)
}

/// One node with its form.
pub(super) async fn one(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    told: Told,
    code: &str,
    left: Option<Vec<Field>>,
) -> Result<HttpResponse, Turned> {
    let card = setup::get_node(app, caller, code).await?;
    let fields = match left {
        Some(fields) => fields,
        None => fields(app, caller, &frame, Some(&card)).await?,
    };
    let page = OnePage {
        tabs: tabs(&frame, "nodes"),
        title: format!("{} · {}", card.node.name, card.node.code),
        form: SetupForm {
            action: format!("/admin/nodes/{}", segment(&card.node.code)),
            version: Some(card.node.version),
            fields,
        },
        is_retired: card.node.retired_at.is_some(),
        token: None,
        is_kiosk: false,
        year: None,
        may_try: false,
        tried: None,
        frame,
        told,
    };
    Ok(answered(page.told.builder(), &page)?)
}

fn read(sent: &Sent, names: &[&str]) -> Map<String, Value> {
    let given = names.iter().filter_map(|it| Some(((*it).to_owned(), Value::from(sent.given(it)?))));
    given.collect()
}

pub(super) async fn add(app: &App, request: &HttpRequest, sent: Sent) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    let given = read(&sent, &["code", "name", "kind", "parent", "time_zone"]);
    match setup::add_node(app, caller, given).await {
        Ok(_) => Ok(see("/admin/nodes?done=added")),
        Err(error) => {
            let frame = Frame::left(app, caller, request).await?;
            let mut fields = fields(app, caller, &frame, None).await?;
            let told = refused(&frame, &mut fields, &sent, error);
            listed(app, caller, frame, told, ListAsked::default(), Some(fields)).await
        }
    }
}

pub(super) async fn change(
    app: &App,
    request: &HttpRequest,
    code: &str,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    setup::check_may_change_node(app, caller, code).await?;
    debug_assert!(caller.staff().may_somewhere(Permission::WriteSetup));
    let given = match sent.text("do") {
        verb @ ("retire" | "restore") => {
            Map::from_iter([("active".to_owned(), Value::Bool(verb == "restore"))])
        }
        _ => read(&sent, &["name", "parent", "time_zone"]),
    };
    let version = sent.text("version").parse().ok();
    match setup::change_node(app, caller, code, given, version).await {
        Ok(_) => Ok(see(&format!("/admin/nodes/{}?done=changed", segment(code)))),
        Err(error) => {
            let frame = Frame::left(app, caller, request).await?;
            let card = setup::get_node(app, caller, code).await?;
            let mut fields = fields(app, caller, &frame, Some(&card)).await?;
            let told = refused(&frame, &mut fields, &sent, error);
            one(app, caller, frame, told, code, Some(fields)).await
        }
    }
}
