//! A ticket as staff work with it: its file, all that happened with its words, what things are called, and what
//! the forms of its verbs offer.

use std::collections::HashMap;

use chrono_tz::Tz;

use super::desk::Opened;
use super::files::{self, TicketFile};
use super::{App, Error};
use crate::domain::event::Stream;
use crate::domain::people::Permission;
use crate::domain::setup::{Details, Entry, Node, SetupKind, TemplateChannel, paths_down_to};
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::text;
use crate::domain::value::{AccountId, At, NodeId, SetupId};
use crate::store::tickets::{By, TicketText};
use crate::store::{Db, StoreError, events, people, setup, tickets};

/// So many events are shown; a ticket has some dozens.
const EVENTS_MAX: i64 = 500;

/// Something that happened, with the words that were given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The event's place in the trail, from 1.
    pub seq: i64,
    pub kind: String,
    pub at: At,
    pub actor_kind: String,
    /// Username of staff, code of a kiosk.
    pub actor_name: Option<String>,
    /// None for a kind that this version does not know.
    pub event: Option<TicketEvent>,
    /// Texts by name; contact and place are not among them.
    pub words: Vec<(String, String)>,
}

/// What the forms offer, by code and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    pub categories: Vec<(String, String)>,
    pub units: Vec<(String, String)>,
    /// Username, name, and code of the unit.
    pub handlers: Vec<(String, String, String)>,
    /// Where it can be escalated to, or handed down.
    pub nodes: Vec<(String, String)>,
    pub templates: Vec<TemplateOffered>,
}

/// A reply to begin with, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateOffered {
    pub code: String,
    pub name: String,
    pub channel: Option<TemplateChannel>,
    pub text: String,
}

/// Everything about a ticket that a page of it shows.
#[derive(Debug, Clone)]
pub struct Dossier {
    pub file: TicketFile,
    /// The receiving node's.
    pub zone: Tz,
    pub owner: String,
    pub handling: String,
    /// Oldest first; None for who may not read the trail.
    pub happenings: Option<Vec<Happening>>,
    /// The last event's place in the trail.
    pub last_seq: i64,
    pub choices: Choices,
    /// Names of nodes by id.
    pub nodes: HashMap<NodeId, String>,
    /// Names of units and categories by id.
    pub entries: HashMap<SetupId, String>,
    /// Names of people by id.
    pub people: HashMap<AccountId, String>,
}

/// The dossier of an opened ticket as it is now.
///
/// # Errors
/// Only those of the database.
pub async fn tell(app: &App, opened: &Opened) -> Result<Dossier, Error> {
    let opened = opened.clone();
    app.store
        .read(move |db: &mut Db| {
            let ticket = tickets::find(db, By::Id(opened.ticket.id))?.ok_or(StoreError::NotFound)?;
            let recorded = events::list(db, Stream::Ticket, ticket.id.0, 0, EVENTS_MAX)?;
            let last_seq = recorded.last().map_or(0, |it| it.seq);
            let texts = tickets::list_texts(db, &[ticket.id], &[])?;
            let happened: Vec<Happening> = recorded
                .into_iter()
                .map(|it| Happening {
                    event: TicketEvent::from_parts(&it.kind, &it.data).ok(),
                    words: words_of(&texts, it.seq),
                    seq: it.seq,
                    kind: it.kind,
                    at: it.at,
                    actor_kind: it.actor_kind,
                    actor_name: it.actor_name,
                })
                .collect();
            let (entries, nodes, people) = names_of(db, &happened)?;
            let around = &opened.surroundings;
            let file = files::of(db, ticket, &opened.caller)?;
            Ok(Dossier {
                choices: choices(db, &opened, &file)?,
                zone: around.owner.time_zone,
                owner: around.owner.name.clone(),
                handling: setup::find_node(db, file.ticket.handling_node)?.name,
                happenings: opened.allow(Permission::ReadTrail).is_ok().then_some(happened),
                file,
                last_seq,
                nodes,
                entries,
                people,
            })
        })
        .await
}

/// What was said with an event. Contact and place are shown by themselves, masked.
fn words_of(texts: &[TicketText], seq: i64) -> Vec<(String, String)> {
    let hidden = ["contact", "location", "for", "subject", "description"];
    let said = texts.iter().filter(|it| it.seq == seq && !hidden.contains(&it.name.as_str()));
    said.map(|it| (it.name.clone(), it.body.clone())).collect()
}

type Names = (HashMap<SetupId, String>, HashMap<NodeId, String>, HashMap<AccountId, String>);

/// What the units, nodes and people of a trail are called.
fn names_of(db: &mut Db, happened: &[Happening]) -> Result<Names, Error> {
    let (mut entries, mut nodes, mut accounts) = (Vec::new(), Vec::new(), Vec::new());
    for event in happened.iter().filter_map(|it| it.event.as_ref()) {
        if let TicketEvent::Assigned { unit, assignee, supporting, .. } = event {
            entries.push(*unit);
            entries.extend(supporting);
            accounts.extend(*assignee);
        } else if let TicketEvent::Accepted { category, .. } = event {
            entries.push(*category);
        } else if let TicketEvent::Acknowledged { unit } | TicketEvent::Returned { unit } = event {
            entries.push(*unit);
        } else if let TicketEvent::Escalated { to } = event {
            nodes.push(*to);
        } else if let TicketEvent::Rated { asked_by, .. } = event {
            accounts.extend(*asked_by);
        }
    }
    let mut named = HashMap::new();
    for node in nodes {
        named.insert(node, setup::find_node(db, node)?.name);
    }
    let called = setup::labels(db, &entries)?.into_iter().map(|(id, (_, name))| (id, name));
    Ok((called.collect(), named, people::names(db, &accounts)?))
}

fn choices(db: &mut Db, opened: &Opened, file: &TicketFile) -> Result<Choices, Error> {
    if file.actions.is_empty() {
        return Ok(Choices::default());
    }
    let around = &opened.surroundings;
    let categories = setup::in_use_at(db, &[SetupKind::Category], &around.owner.path)?;
    let units = setup::in_use_at(db, &[SetupKind::Unit], &around.handling.path)?;
    let ids: Vec<SetupId> = units.iter().map(|it| it.id).collect();
    let codes: HashMap<i64, String> = units.iter().map(|it| (it.id.0, it.code.clone())).collect();
    let handlers = people::handlers_of(db, &ids)?.into_iter().filter_map(|it| {
        let unit = codes.get(&it.unit_id?)?.clone();
        Some((it.username, it.name, unit))
    });
    let templates = setup::in_use_at(db, &[SetupKind::Template], &around.owner.path)?;
    let offered = nearest(templates).into_iter().filter_map(|it| offered(it, file, &around.owner));
    Ok(Choices {
        categories: in_tree(&nearest(categories)),
        units: nearest(units).into_iter().map(|it| (it.code, it.name)).collect(),
        handlers: handlers.collect(),
        nodes: nodes_for(db, &around.owner, &around.handling)?,
        templates: offered.collect(),
    })
}

/// Of entries with one code the nearest; they come farthest first.
fn nearest(entries: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        match kept.iter_mut().find(|it| it.code == entry.code) {
            Some(farther) => *farther = entry,
            None => kept.push(entry),
        }
    }
    kept
}

/// Code and full name of each, what is below after what is above: 市政设施 / 路灯.
fn in_tree(entries: &[Entry]) -> Vec<(String, String)> {
    let full_name = |entry: &Entry| {
        let mut names = vec![entry.name.as_str()];
        let mut parent = entry.parent;
        while let Some(id) = parent
            && names.len() <= crate::domain::setup::CATEGORY_LEVELS_MAX
        {
            let Some(above) = entries.iter().find(|it| it.id == id) else { break };
            names.push(&above.name);
            parent = above.parent;
        }
        names.reverse();
        names.join(" / ")
    };
    let root_of = |entry: &Entry| {
        let mut top = entry;
        for _ in 0..crate::domain::setup::CATEGORY_LEVELS_MAX {
            let Some(above) = top.parent.and_then(|id| entries.iter().find(|it| it.id == id)) else { break };
            top = above;
        }
        entries.iter().position(|it| it.id == top.id)
    };
    let mut named: Vec<_> = entries.iter().map(|it| (root_of(it), full_name(it), it.code.clone())).collect();
    named.sort();
    named.into_iter().map(|(_, name, code)| (code, name)).collect()
}

/// The nodes above, nearest first; and for what was escalated those on the way back to its owner.
fn nodes_for(db: &mut Db, owner: &Node, handling: &Node) -> Result<Vec<(String, String)>, Error> {
    let mut nodes = Vec::new();
    let mut paths = paths_down_to(&handling.path);
    paths.reverse();
    let down = paths_down_to(&owner.path);
    paths.extend(down.into_iter().filter(|it| it.starts_with(&handling.path)));
    for path in paths.iter().filter(|it| **it != handling.path) {
        let id = path.trim_end_matches('/').rsplit('/').next().and_then(|it| it.parse().ok());
        let Some(id) = id else { continue };
        let node = setup::find_node(db, NodeId(id))?;
        nodes.push((node.code, node.name));
    }
    Ok(nodes)
}

/// A template with its places filled in; the person's name is left out, for nobody sees it without asking.
fn offered(entry: Entry, file: &TicketFile, owner: &Node) -> Option<TemplateOffered> {
    let Details::Template(template) = entry.details else { return None };
    let filled = |place: &str| match place {
        "number" => file.ticket.number.as_str(),
        "unit" => file.name(file.ticket.unit).unwrap_or_default(),
        "community" => owner.name.as_str(),
        "subject" => file.text(text::SUBJECT).unwrap_or_default(),
        "result" => file.text(text::RESULT).unwrap_or_default(),
        _ => "",
    };
    let mut words = String::with_capacity(template.text.len());
    let mut rest = template.text.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (place, left) = after.split_once('}').unwrap_or((after, ""));
        words.push_str(before);
        words.push_str(filled(place));
        rest = left;
    }
    words.push_str(rest);
    Some(TemplateOffered { code: entry.code, name: entry.name, channel: template.channel, text: words })
}
