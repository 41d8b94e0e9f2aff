//! Nodes of the organisation tree: listed, added, moved, retired.

use std::collections::HashMap;

use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::{App, Caller, Doing, Error, Page, PageOf, check_version, taken};
use crate::domain::people::Actor;
use crate::domain::refusal::{Refusal, shown};
use crate::domain::setup::{DEFAULT_ZONE, NewNode, Node, NodeChange, NodeKind};
use crate::domain::value::NodeId;
use crate::store::setup::{self as rows, NodeDraft};
use crate::store::{Db, StoreError};

/// A node, and the code of the one above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeCard {
    pub node: Node,
    pub parent: Option<String>,
}

/// Nodes that the caller sees.
///
/// # Errors
/// `Unauthenticated` for the public.
pub async fn list_nodes(
    app: &App,
    caller: &Caller,
    active: bool,
    page: Page,
) -> Result<PageOf<NodeCard>, Error> {
    let sight = super::sight(&caller.actor)?;
    let cards = app
        .store
        .read(move |db| {
            let nodes = rows::list_nodes(db, &sight, active, page.after, page.limit + 1)?;
            let parents: Vec<NodeId> = nodes.iter().filter_map(|it| it.parent).collect();
            let codes = rows::node_codes(db, &parents)?;
            Ok::<_, Error>(nodes.into_iter().map(|it| card_with(it, &codes)).collect())
        })
        .await?;
    Ok(page.cut(cards, |it: &NodeCard| it.node.id.0))
}

/// One node.
///
/// # Errors
/// `NotFound` when the caller sees no such node.
pub async fn get_node(app: &App, caller: &Caller, code: &str) -> Result<NodeCard, Error> {
    let (doing, code) = (Doing::of(app, caller), code.to_owned());
    app.store
        .read(move |db| {
            let node = doing.node_in_sight(db, &code)?;
            card(db, node)
        })
        .await
}

/// The time zone in which the community or other node `id` lives.
///
/// # Errors
/// Only those of the database.
pub async fn zone_of(app: &App, id: NodeId) -> Result<Tz, Error> {
    app.store.read(move |db| Ok(rows::find_node(db, id)?.time_zone)).await
}

/// The community that `id` is, or lies in.
///
/// # Errors
/// `NotFound` for a node above the communities.
pub async fn community_of(app: &App, id: NodeId) -> Result<Node, Error> {
    app.store
        .read(move |db| {
            let mut node = rows::find_node(db, id)?;
            while node.kind != NodeKind::Community {
                let parent = node.parent.ok_or_else(|| Refusal::NotFound(node.code.clone()))?;
                node = rows::find_node(db, parent)?;
            }
            Ok(node)
        })
        .await
}

/// Adds a node of the JSON object `fields`.
///
/// # Errors
/// `Invalid` for wrong fields, `NotFound` and `Forbidden` for the node above, `NotYours` for a top node from
/// anyone but a command on the server, `Exists` for a code that is taken anywhere.
pub async fn add_node(app: &App, caller: &Caller, fields: Map<String, Value>) -> Result<NodeCard, Error> {
    super::check_may_add(caller)?;
    let new = NewNode::parse(fields)?;
    let doing = Doing::of(app, caller);
    app.store.write(move |db| add(db, &doing, &new)).await
}

/// Adds a community at the top within the caller's transaction, unless its code is taken.
///
/// # Errors
/// `Invalid` for wrong fields.
pub(in crate::service) fn add_community(
    db: &mut Db,
    doing: &Doing,
    code: &str,
    name: &str,
) -> Result<(), Error> {
    let fields = [("code", code), ("name", name), ("kind", NodeKind::Community.as_str())];
    let fields = fields.into_iter().map(|(field, text)| (field.to_owned(), text.into()));
    match add(db, doing, &NewNode::parse(fields.collect())?) {
        Ok(_) | Err(Error::Refusal(Refusal::Exists(_))) => Ok(()),
        Err(error) => Err(error),
    }
}

fn add(db: &mut Db, doing: &Doing, new: &NewNode) -> Result<NodeCard, Error> {
    let parent = match &new.parent {
        Some(code) => Some(node_to_hang_on(db, doing, code)?),
        None if doing.caller.actor == Actor::System => None,
        None => return Err(only_on_the_server().into()),
    };
    check_kind(new, parent.as_ref())?;
    if let Some(node) = rows::find_node_by_code(db, &new.code)? {
        return Err(taken("节点 node", &new.code, node.retired_at.is_some()).into());
    }
    let time_zone = new.time_zone.or(parent.as_ref().map(|it| it.time_zone)).unwrap_or(DEFAULT_ZONE);
    let draft =
        NodeDraft { code: &new.code, name: &new.name, kind: new.kind, parent: parent.as_ref(), time_zone };
    let node = match rows::insert_node(db, &draft) {
        Err(StoreError::Duplicate { .. }) => return Err(taken("节点 node", &new.code, false).into()),
        inserted => inserted?,
    };
    doing.record(db, "setup.node_added".to_owned(), node.fields())?;
    Ok(NodeCard { node, parent: parent.map(|it| it.code) })
}

fn check_kind(new: &NewNode, parent: Option<&Node>) -> Result<(), Refusal> {
    if new.kind.may_be_under(parent.map(|it| it.kind)) {
        return Ok(());
    }
    Err(wrong_place(new.kind.as_str(), parent))
}

fn wrong_place(kind: &str, parent: Option<&Node>) -> Refusal {
    let above = parent.map_or("top", |it| it.kind.as_str());
    Refusal::field(
        "parent",
        format!(
            "{kind} 不能放在 {above} 之下（区＞街道＞社区＞网格、楼栋、点位）。 A {kind} cannot hang under: {above}."
        ),
    )
}

/// The node with this code, when new ones may hang on it; held until the transaction ends.
fn node_to_hang_on(db: &mut Db, doing: &Doing, code: &str) -> Result<Node, Error> {
    let id = doing.node_in_sight(db, code)?.id;
    rows::hold_node(db, id)?;
    let node = rows::find_node(db, id)?;
    doing.check_write(&node.path)?;
    if node.retired_at.is_some() {
        return Err(Refusal::field("parent", "这个节点已停用。 This node is retired.").into());
    }
    Ok(node)
}

fn only_on_the_server() -> Refusal {
    Refusal::NotYours(
        "顶层节点只能在服务器上用命令添加：red-mailbox node add CODE --name … --kind …。 A top node is added on the server only: red-mailbox node add CODE --name … --kind …"
            .to_owned(),
    )
}

/// Refuses whoever may not change the node, before the change is read.
///
/// # Errors
/// `NotFound` when the caller does not see it, `Forbidden` when it is not theirs to change.
pub async fn check_may_change_node(app: &App, caller: &Caller, code: &str) -> Result<(), Error> {
    let (doing, code) = (Doing::of(app, caller), code.to_owned());
    app.store.read(move |db| node_to_change(db, &doing, &code).map(drop)).await
}

fn node_to_change(db: &mut Db, doing: &Doing, code: &str) -> Result<Node, Error> {
    let node = doing.node_in_sight(db, code)?;
    doing.check_write(&node.path)?;
    Ok(node)
}

/// Changes a node that has `version`: name, time zone, the node above, active or not.
///
/// # Errors
/// As `check_may_change_node`; `Invalid`; `PreconditionRequired` without a version, `Stale` when somebody was faster.
pub async fn change_node(
    app: &App,
    caller: &Caller,
    code: &str,
    fields: Map<String, Value>,
    version: Option<i64>,
) -> Result<NodeCard, Error> {
    let (doing, code) = (Doing::of(app, caller), code.to_owned());
    app.store
        .write(move |db| {
            let node = node_to_change(db, &doing, &code)?;
            let change = NodeChange::parse(&node.code, node.kind, fields.clone())?;
            check_version(version, node.version)?;
            let changed = changed(db, &doing, &node, change)?;
            save(db, &doing, &node, changed)
        })
        .await
}

/// Retires a node; its code stays taken, what hangs on it stays.
///
/// # Errors
/// As `check_may_change_node`.
pub async fn retire_node(app: &App, caller: &Caller, code: &str) -> Result<(), Error> {
    let (doing, code) = (Doing::of(app, caller), code.to_owned());
    app.store
        .write(move |db| {
            let node = node_to_change(db, &doing, &code)?;
            let retired_at = node.retired_at.or(Some(doing.now));
            let changed = Node { retired_at, ..node.clone() };
            save(db, &doing, &node, changed).map(drop)
        })
        .await
}

fn changed(db: &mut Db, doing: &Doing, node: &Node, change: NodeChange) -> Result<Node, Error> {
    let mut changed = node.clone();
    if let Some(name) = change.name {
        changed.name = name;
    }
    if let Some(zone) = change.time_zone {
        changed.time_zone = zone;
    }
    match change.active {
        Some(true) => changed.retired_at = None,
        Some(false) => changed.retired_at = node.retired_at.or(Some(doing.now)),
        None => {}
    }
    if let Some(code) = change.parent {
        move_under(db, doing, &mut changed, &code)?;
    }
    Ok(changed)
}

/// Moves a node: the mover writes where it was, where it goes, and nothing may end up below itself.
fn move_under(db: &mut Db, doing: &Doing, node: &mut Node, code: &str) -> Result<(), Error> {
    rows::hold_subtree(db, &node.path)?;
    let parent = node_to_hang_on(db, doing, code)?;
    if node.parent == Some(parent.id) {
        return Ok(());
    }
    match node.parent {
        Some(before) => doing.check_write(&rows::find_node(db, before)?.path)?,
        None if doing.caller.actor == Actor::System => {}
        None => return Err(only_on_the_server().into()),
    }
    if node.is_over(&parent) {
        let message = "不能放在自己或自己的下级之下。 It cannot be put under itself or below itself.";
        return Err(Refusal::field("parent", message).into());
    }
    if !node.kind.may_be_under(Some(parent.kind)) {
        return Err(wrong_place(node.kind.as_str(), Some(&parent)).into());
    }
    node.parent = Some(parent.id);
    node.path = format!("{}{}/", parent.path, node.id);
    Ok(())
}

/// Writes a changed node with its event; the nodes below follow it where it goes.
fn save(db: &mut Db, doing: &Doing, before: &Node, mut changed: Node) -> Result<NodeCard, Error> {
    if changed == *before {
        return card(db, changed);
    }
    let below = if changed.path == before.path {
        Vec::new()
    } else {
        rows::subtree_nodes(db, &before.path)?.into_iter().filter(|it| it.id != before.id).collect()
    };
    changed.version = before.version + 1;
    match rows::save_node(db, &changed, before.version) {
        Err(StoreError::Stale) => {
            return Err(Refusal::Stale { version: rows::find_node(db, before.id)?.version }.into());
        }
        saved => saved?,
    }
    let is_retired = before.retired_at.is_none() && changed.retired_at.is_some();
    let kind = if is_retired { "setup.node_retired" } else { "setup.node_changed" };
    doing.record(db, kind.to_owned(), changed.fields())?;
    super::super::mailboxes::look_again(db)?;
    for mut node in below {
        node.path.replace_range(..before.path.len(), &changed.path);
        rows::save_node(db, &node, node.version)?;
        doing.record(db, "setup.node_changed".to_owned(), node.fields())?;
    }
    card(db, changed)
}

fn card(db: &mut Db, node: Node) -> Result<NodeCard, Error> {
    let codes = rows::node_codes(db, node.parent.as_slice())?;
    Ok(card_with(node, &codes))
}

fn card_with(node: Node, codes: &HashMap<NodeId, String>) -> NodeCard {
    let parent = node.parent.and_then(|it| codes.get(&it).cloned());
    NodeCard { node, parent }
}

/// The active node with this code, whoever asks.
///
/// # Errors
/// `NotFound` when there is none or it is retired.
pub(super) fn active_node(db: &mut Db, code: &str) -> Result<Node, Error> {
    let node = rows::find_node_by_code(db, code)?.filter(|it| it.retired_at.is_none());
    Ok(node.ok_or_else(|| Refusal::NotFound(format!("nodes/{}", shown(code))))?)
}
