//! Entries of every kind: listed, found by code, added, changed, retired.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{App, Caller, Doing, Error, Page, PageOf, check_version, taken};
use crate::domain::people::{Actor, Permission, may};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::setup::{
    Details, Entry, EntryChange, NewEntry, Node, ParentChange, SetupKind, check_category_place,
};
use crate::domain::value::{NodeId, SetupId};
use crate::service::mailboxes;
use crate::store::setup::{self as rows, Device, EntryDraft};
use crate::store::{Db, StoreError, people};

/// An entry, and the codes of its node and of the category above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryCard {
    pub entry: Entry,
    pub node: Option<String>,
    pub parent: Option<String>,
    /// Kiosks only: what is known of the device, once a token was issued.
    pub device: Option<Device>,
}

/// Which entries of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub kind: SetupKind,
    /// Only those in use at the node with this code: its own, those above, installation-wide ones.
    pub node: Option<String>,
    /// Those in use, or those retired.
    pub active: bool,
}

/// Entries that the caller sees.
///
/// # Errors
/// `Unauthenticated` for the public; `NotFound` for a node that the caller does not see.
pub async fn list_entries(
    app: &App,
    caller: &Caller,
    listing: Listing,
    page: Page,
) -> Result<PageOf<EntryCard>, Error> {
    let doing = Doing::of(app, caller);
    let sight = doing.sight()?;
    let cards = app
        .store
        .read(move |db| {
            let Listing { kind, node, active } = &listing;
            let sight = match node {
                Some(code) => rows::Sight::up_from(&doing.node_in_sight(db, code)?.path),
                None => sight.clone(),
            };
            let entries = rows::list_entries(db, *kind, &sight, *active, page.after, page.limit + 1)?;
            cards(db, entries)
        })
        .await?;
    Ok(page.cut(cards, |it: &EntryCard| it.entry.id.0))
}

/// The categories in use at the node with the code `community`, for anyone: of two with one code the nearer.
///
/// # Errors
/// `NotFound` when there is no such node, or it is retired.
pub async fn public_categories(app: &App, community: &str) -> Result<Vec<EntryCard>, Error> {
    let community = community.trim().to_ascii_uppercase();
    app.store
        .read(move |db| {
            let node = super::nodes::active_node(db, &community)?;
            let mut entries: Vec<Entry> = Vec::new();
            for entry in rows::in_use_at(db, &[SetupKind::Category], &node.path)? {
                match entries.iter_mut().find(|it| it.code == entry.code) {
                    Some(farther) => *farther = entry,
                    None => entries.push(entry),
                }
            }
            cards(db, entries)
        })
        .await
}

/// One entry by its code; `node` says which when several nodes have it.
///
/// # Errors
/// `NotFound` when the caller sees none; `Rule` when several nodes of the caller have it.
pub async fn get_entry(
    app: &App,
    caller: &Caller,
    kind: SetupKind,
    code: &str,
    node: Option<&str>,
) -> Result<EntryCard, Error> {
    let (doing, code, node) = (Doing::of(app, caller), code.to_owned(), node.map(str::to_owned));
    app.store
        .read(move |db| {
            let entry = find(db, &doing, kind, &code, node.as_deref())?;
            card(db, entry)
        })
        .await
}

/// Adds an entry of the JSON object `fields`.
///
/// # Errors
/// `Invalid` for wrong fields, `NotFound` and `Forbidden` for the node, `Exists` for a code that is taken there.
pub async fn add_entry(
    app: &App,
    caller: &Caller,
    kind: SetupKind,
    fields: Map<String, Value>,
) -> Result<EntryCard, Error> {
    super::check_may_add(caller)?;
    let says_zone = fields.contains_key("time_zone");
    let new = NewEntry::parse(kind, fields)?;
    let doing = Doing::of(app, caller);
    app.store.write(move |db| add(db, &doing, &new, says_zone)).await
}

/// Writes a new entry and its event.
pub(super) fn add(db: &mut Db, doing: &Doing, new: &NewEntry, says_zone: bool) -> Result<EntryCard, Error> {
    let kind = new.details.kind();
    let node = node_for(db, doing, new.node.as_deref())?;
    let parent = match &new.parent {
        Some(code) => Some(parent_for(db, &node.path, code)?),
        None => None,
    };
    if let Some(parent) = &parent {
        check_place(db, None, parent.id, 1)?;
    }
    let mut details = new.details.clone();
    if let Details::Calendar(settings) = &mut details
        && !says_zone
    {
        node.time_zone.name().clone_into(&mut settings.time_zone);
    }
    check_people(db, &details, &node)?;
    if let Some(entry) = rows::find_own(db, kind, Some(node.id), &new.code)? {
        return Err(taken(kind.zh(), &new.code, entry.retired_at.is_some()).into());
    }
    let draft = EntryDraft {
        node: Some(node.id),
        parent: parent.as_ref().map(|it| it.id),
        code: &new.code,
        name: &new.name,
        details: &details,
    };
    let entry = match rows::insert_entry(db, &draft) {
        Err(StoreError::Duplicate { .. }) => return Err(taken(kind.zh(), &new.code, false).into()),
        inserted => inserted?,
    };
    doing.record(db, format!("setup.{kind}_added"), entry.fields())?;
    follow(db, doing, &entry)?;
    Ok(EntryCard { entry, node: Some(node.code), parent: parent.map(|it| it.code), device: None })
}

/// The node a new entry shall hang at: the one named, or the only one where the caller writes.
fn node_for(db: &mut Db, doing: &Doing, code: Option<&str>) -> Result<Node, Error> {
    let node = match code {
        Some(code) => doing.node_in_sight(db, code)?,
        None => only_node(db, doing)?,
    };
    doing.check_write(&node.path)?;
    if node.retired_at.is_some() {
        return Err(Refusal::field("node", "这个节点已停用。 This node is retired.").into());
    }
    Ok(node)
}

/// Refuses a duty roster with somebody who is not there, has left, or has no role at, above or below the node.
fn check_people(db: &mut Db, details: &Details, node: &Node) -> Result<(), Error> {
    let Details::Roster(roster) = details else { return Ok(()) };
    let mut faults = Faults::default();
    let mut known: HashMap<&str, bool> = HashMap::new();
    for (field, username) in roster.people() {
        let is_known = match known.get(username) {
            Some(is_known) => *is_known,
            None => people::find_active_near(db, username, &[&node.path])?.is_some(),
        };
        known.insert(username, is_known);
        if !is_known {
            faults.add(
                field,
                "没有这个用户，或已停用，或不在这个节点上下。 No such user here, or disabled; a person on duty has a role at, above or below the node.",
            );
        }
    }
    Ok(faults.check(())?)
}

fn only_node(db: &mut Db, doing: &Doing) -> Result<Node, Error> {
    let mut nodes: Vec<NodeId> = match &doing.caller.actor {
        Actor::Staff(staff) => {
            let grants = staff.grants.iter().filter(|it| may(it.role, Permission::WriteSetup));
            grants.map(|it| it.node).collect()
        }
        Actor::Resident | Actor::Kiosk { .. } | Actor::Timer | Actor::System => Vec::new(),
    };
    nodes.sort_unstable();
    nodes.dedup();
    match nodes[..] {
        [node] => Ok(rows::find_node(db, node)?),
        _ => Err(Refusal::field("node", "请写明节点代码。 Say the node's code.").into()),
    }
}

fn parent_for(db: &mut Db, path: &str, code: &str) -> Result<Entry, Error> {
    let found = rows::find_by_code(db, SetupKind::Category, path, code)?;
    Ok(found.ok_or_else(|| {
        let code = shown(code);
        Refusal::field(
            "parent",
            format!("没有这个类别：{code}。请先添加。 No category {code}; add it first."),
        )
    })?)
}

fn check_place(
    db: &mut Db,
    category: Option<SetupId>,
    parent: SetupId,
    n_levels: usize,
) -> Result<(), Error> {
    let above = rows::above(db, parent)?;
    Ok(check_category_place(category, &above, n_levels)
        .map_err(|fault| Refusal::field("parent", fault.message()))?)
}

/// Refuses whoever may not change the entry, before the change is read.
///
/// # Errors
/// `NotFound` when the caller does not see it; `Forbidden` and `NotYours` when it is not theirs to change.
pub async fn check_may_change(
    app: &App,
    caller: &Caller,
    kind: SetupKind,
    code: &str,
    node: Option<&str>,
) -> Result<(), Error> {
    let (doing, code, node) = (Doing::of(app, caller), code.to_owned(), node.map(str::to_owned));
    app.store.read(move |db| to_change(db, &doing, kind, &code, node.as_deref()).map(drop)).await
}

/// Changes an entry that has `version`.
///
/// # Errors
/// As `check_may_change`; `Invalid`; `PreconditionRequired` without a version, `Stale` when somebody was faster.
pub async fn change_entry(
    app: &App,
    caller: &Caller,
    kind: SetupKind,
    place: (&str, Option<&str>),
    fields: Map<String, Value>,
    version: Option<i64>,
) -> Result<EntryCard, Error> {
    let (code, node) = (place.0.to_owned(), place.1.map(str::to_owned));
    let doing = Doing::of(app, caller);
    app.store
        .write(move |db| {
            let (entry, home) = to_change(db, &doing, kind, &code, node.as_deref())?;
            let change = EntryChange::parse(&entry, Some(&home.code), fields.clone())?;
            check_version(version, entry.version)?;
            let changed = changed(db, &doing, &entry, &home, change)?;
            save(db, &doing, &entry, changed)
        })
        .await
}

/// Retires an entry; its code stays taken.
///
/// # Errors
/// As `check_may_change`.
pub async fn retire_entry(
    app: &App,
    caller: &Caller,
    kind: SetupKind,
    code: &str,
    node: Option<&str>,
) -> Result<(), Error> {
    let (doing, code, node) = (Doing::of(app, caller), code.to_owned(), node.map(str::to_owned));
    app.store
        .write(move |db| {
            let (entry, _) = to_change(db, &doing, kind, &code, node.as_deref())?;
            let retired_at = entry.retired_at.or(Some(doing.now));
            let changed = Entry { retired_at, ..entry.clone() };
            save(db, &doing, &entry, changed).map(drop)
        })
        .await
}

fn changed(
    db: &mut Db,
    doing: &Doing,
    entry: &Entry,
    home: &Node,
    change: EntryChange,
) -> Result<Entry, Error> {
    // Whoever has left since is no reason to refuse a change of something else.
    if change.details != entry.details {
        check_people(db, &change.details, home)?;
    }
    let mut changed = Entry { details: change.details, ..entry.clone() };
    if let Some(name) = change.name {
        changed.name = name;
    }
    match change.active {
        Some(true) => changed.retired_at = None,
        Some(false) => changed.retired_at = entry.retired_at.or(Some(doing.now)),
        None => {}
    }
    match change.parent {
        ParentChange::Keep => {}
        ParentChange::Top => changed.parent = None,
        ParentChange::Under(code) => {
            let parent = parent_for(db, &home.path, &code)?;
            let n_levels = rows::category_height(db, entry.id)?;
            check_place(db, Some(entry.id), parent.id, n_levels)?;
            changed.parent = Some(parent.id);
        }
    }
    Ok(changed)
}

/// Writes a changed entry with its event; a retired kiosk's token is revoked with it.
fn save(db: &mut Db, doing: &Doing, before: &Entry, mut changed: Entry) -> Result<EntryCard, Error> {
    if changed == *before {
        return card(db, changed);
    }
    changed.version = before.version + 1;
    match rows::save_entry(db, &changed, before.version) {
        Err(StoreError::Stale) => {
            return Err(Refusal::Stale { version: rows::find_entry(db, before.id)?.version }.into());
        }
        saved => saved?,
    }
    let is_retired = before.retired_at.is_none() && changed.retired_at.is_some();
    let verb = if is_retired { "retired" } else { "changed" };
    doing.record(db, format!("setup.{}_{verb}", changed.kind), changed.fields())?;
    follow(db, doing, &changed)?;
    if is_retired && changed.kind == SetupKind::Kiosk {
        super::kiosks::revoke(db, doing, changed.id)?;
    }
    card(db, changed)
}

/// Openings that are due follow the schedules of mailboxes and the calendars.
fn follow(db: &mut Db, doing: &Doing, entry: &Entry) -> Result<(), Error> {
    match &entry.details {
        Details::Mailbox(_) => mailboxes::begin(db, entry.id, doing.now),
        Details::Calendar(_) => mailboxes::look_again(db),
        _ => Ok(()),
    }
}

/// The entry meant by a code, and the node it hangs at, when the caller may write there.
pub(super) fn to_change(
    db: &mut Db,
    doing: &Doing,
    kind: SetupKind,
    code: &str,
    node: Option<&str>,
) -> Result<(Entry, Node), Error> {
    let entry = find(db, doing, kind, code, node)?;
    let Some(home) = entry.node else {
        super::check_may_add(&doing.caller)?;
        return Err(Refusal::NotYours(
            "这一项由全系统共用，不能修改；可以在自己的节点下新建同代码的一项来代替它。 It is shared by the whole installation and stays as it is; add one with the same code at your node to replace it there."
                .to_owned(),
        )
        .into());
    };
    let home = rows::find_node(db, home)?;
    doing.check_write(&home.path)?;
    Ok((entry, home))
}

/// The entry meant by a code among those in sight: at `node` if it is named; else one in use before a retired
/// one; of several on one way up the nearest.
fn find(db: &mut Db, doing: &Doing, kind: SetupKind, code: &str, node: Option<&str>) -> Result<Entry, Error> {
    let not_found = || Refusal::NotFound(format!("{}/{}", kind.plural(), shown(code)));
    if let Some(node) = node {
        let node = doing.node_in_sight(db, node)?;
        let own = rows::find_own(db, kind, Some(node.id), code)?;
        let found = if own.is_some() { own } else { rows::find_by_code(db, kind, &node.path, code)? };
        return Ok(found.ok_or_else(not_found)?);
    }
    let sight = doing.sight()?;
    let mut found = rows::entries_coded(db, kind, code)?;
    found.retain(|(_, path)| path.is_empty() || sight.sees(path));
    if found.iter().any(|(entry, _)| entry.retired_at.is_none()) {
        found.retain(|(entry, _)| entry.retired_at.is_none());
    }
    found.sort_by_key(|(_, path)| path.len());
    let (entry, nearest) = found.pop().ok_or_else(not_found)?;
    if found.iter().all(|(_, path)| nearest.starts_with(path)) {
        return Ok(entry);
    }
    Err(Refusal::Rule {
        slug: "ambiguous-code",
        message: format!(
            "几个节点都有 {0}，请用 ?node=节点代码 指明。 Several nodes have {0}; say which with ?node=CODE.",
            shown(code)
        ),
    }
    .into())
}

pub(super) fn card(db: &mut Db, entry: Entry) -> Result<EntryCard, Error> {
    let card = cards(db, vec![entry])?.pop();
    card.ok_or_else(|| Error::internal("one entry gave no card"))
}

fn cards(db: &mut Db, entries: Vec<Entry>) -> Result<Vec<EntryCard>, Error> {
    let nodes: Vec<NodeId> = entries.iter().filter_map(|it| it.node).collect();
    let parents: Vec<SetupId> = entries.iter().filter_map(|it| it.parent).collect();
    let nodes: HashMap<NodeId, String> = rows::node_codes(db, &nodes)?;
    let parents: HashMap<SetupId, String> = rows::codes(db, &parents)?;
    let kiosks: Vec<SetupId> =
        entries.iter().filter(|it| it.kind == SetupKind::Kiosk).map(|it| it.id).collect();
    let devices = if kiosks.is_empty() { HashMap::new() } else { rows::devices(db, &kiosks)? };
    let with_codes = |entry: Entry| EntryCard {
        device: devices.get(&entry.id).copied(),
        node: entry.node.and_then(|it| nodes.get(&it).cloned()),
        parent: entry.parent.and_then(|it| parents.get(&it).cloned()),
        entry,
    };
    Ok(entries.into_iter().map(with_codes).collect())
}
