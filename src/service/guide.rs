//! What somebody who puts a matter in is shown beside the questions: communities, categories, numbers to ring,
//! and what neighbours put in already.

use std::collections::HashMap;

use chrono::TimeDelta;

use super::board::{Notice, notices_of};
use super::{App, Error};
use crate::domain::setup::{Details, Node, NodeKind, SetupKind};
use crate::domain::ticket::position;
use crate::domain::value::TicketId;
use crate::store::board::{Filter, count_alike, list_published};
use crate::store::setup::Sight;
use crate::store::{Db, setup};

/// Communities to choose from; more do not fit a page.
const COMMUNITIES_MAX: i64 = 200;
/// Nodes that are looked through for communities.
const NODES_MAX: i64 = 2000;
/// Numbers on the page of danger; a fourth would be read by nobody.
const HOTLINES_MAX: usize = 3;
/// Neighbours are counted from three on: fewer would point at somebody (PRODUCT §9).
const ALIKE_MIN: usize = 3;
/// "Ninety-nine" is all that counting says.
const ALIKE_MAX: i64 = 99;
/// What neighbours put in longer ago is another matter.
const ALIKE_WITHIN: TimeDelta = TimeDelta::days(30);
/// Published ones that are shown.
const PUBLISHED_MAX: i64 = 2;

/// A category to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub code: String,
    pub name: String,
    pub is_danger: bool,
    /// True when others are below it: tickets are filed under those.
    pub is_group: bool,
}

/// What the questions need to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guide {
    /// Code and name of every community.
    pub communities: Vec<(String, String)>,
    /// The one that is meant: the only one, or that of the code given.
    pub community: Option<(String, String)>,
    /// In use there, in the order in which they were made.
    pub categories: Vec<Choice>,
    /// Name and number of who is on the phone day and night.
    pub hotlines: Vec<(String, String)>,
}

impl Guide {
    pub fn category(&self, code: &str) -> Option<&Choice> {
        self.categories.iter().find(|it| it.code == code)
    }
}

/// Reads what is to be shown for the community with the code `community`; empty means that none was chosen.
///
/// # Errors
/// Only those of the database.
pub async fn read(app: &App, community: &str) -> Result<Guide, Error> {
    let code = community.trim().to_uppercase();
    app.store
        .read(move |db: &mut Db| {
            let nodes = communities(db)?;
            let chosen = match nodes.as_slice() {
                [only] if code.is_empty() => Some(only),
                _ => nodes.iter().find(|it| it.code == code),
            };
            let mut guide = Guide {
                communities: nodes.iter().map(|it| (it.code.clone(), it.name.clone())).collect(),
                community: chosen.map(|it| (it.code.clone(), it.name.clone())),
                ..Guide::default()
            };
            if let Some(node) = chosen {
                fill(db, node, &mut guide)?;
            }
            Ok(guide)
        })
        .await
}

fn communities(db: &mut Db) -> Result<Vec<Node>, Error> {
    let nodes = setup::list_nodes(db, &Sight::everywhere(), true, 0, NODES_MAX)?;
    let communities = nodes.into_iter().filter(|it| it.kind == NodeKind::Community);
    Ok(communities.take(usize::try_from(COMMUNITIES_MAX).unwrap_or(0)).collect())
}

fn fill(db: &mut Db, node: &Node, guide: &mut Guide) -> Result<(), Error> {
    let entries = setup::in_use_at(db, &[SetupKind::Category, SetupKind::Unit], &node.path)?;
    let parents: Vec<_> = entries.iter().filter_map(|it| it.parent).collect();
    let mut places: HashMap<String, usize> = HashMap::new();
    // The farthest come first, so that the nearer of two with one code takes its place.
    for entry in entries {
        if let Details::Category(category) = &entry.details {
            let choice = Choice {
                is_danger: category.danger,
                is_group: parents.contains(&entry.id),
                code: entry.code.clone(),
                name: entry.name,
            };
            if let Some(place) = places.get(&entry.code) {
                guide.categories[*place] = choice;
            } else {
                places.insert(entry.code, guide.categories.len());
                guide.categories.push(choice);
            }
        } else if let Details::Unit(unit) = entry.details {
            guide.hotlines.extend(unit.hotline.map(|it| (entry.name, it)));
        }
    }
    // Of the community's own units before those above.
    guide.hotlines.reverse();
    guide.hotlines.truncate(HOTLINES_MAX);
    Ok(())
}

/// What neighbours put in lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// How many like it still wait, from three on; else 0.
    pub n_alike: usize,
    /// What of it is published.
    pub published: Vec<Notice>,
}

/// What neighbours put in under `category` in `building`, or anywhere in the community without one.
///
/// # Errors
/// Only those of the database.
pub async fn neighbours(
    app: &App,
    community: &str,
    category: &str,
    building: &str,
) -> Result<Neighbours, Error> {
    let (community, category) = (community.to_owned(), category.to_owned());
    let building = Some(building.trim().to_owned()).filter(|it| !it.is_empty());
    let since = app.clock.now() + (-ALIKE_WITHIN);
    app.store
        .read(move |db: &mut Db| {
            let Some(node) = setup::find_node_by_code(db, &community)? else {
                return Ok(Neighbours::default());
            };
            let Some(entry) = setup::find_by_code(db, SetupKind::Category, &node.path, &category)? else {
                return Ok(Neighbours::default());
            };
            let since_position = position(since, TicketId(0));
            let n_alike = count_alike(db, node.id, entry.id, building.as_deref(), since_position, ALIKE_MAX)?;
            let filter =
                Filter { categories: vec![entry.id], building: building.clone(), node: Some(node.id) };
            let mut found = list_published(db, &filter, None, PUBLISHED_MAX)?;
            found.retain(|it| it.received_at >= since);
            let published = notices_of(db, found, &mut HashMap::new())?;
            Ok(Neighbours { n_alike: if n_alike >= ALIKE_MIN { n_alike } else { 0 }, published })
        })
        .await
}
