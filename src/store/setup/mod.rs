//! The set-up in the database: nodes, entries, device tokens, and what is in force at a node.

mod entries;
mod nodes;
mod slips;
mod tokens;

pub use entries::{
    EntryDraft, above, category_height, codes, entries_coded, find_by_code, find_by_code_around, find_entry,
    find_own, has_installation_wide, in_use_at, insert_entry, labels, list_entries, save_entry,
    with_descendants,
};
pub use nodes::{
    NodeDraft, find_node, find_node_by_code, hold_node, hold_subtree, insert_node, list_nodes, node_codes,
    nodes_of, save_node, subtree, subtree_nodes,
};
pub use slips::{SlipDraft, count_reserve, find_slip_batch, print_slips};
pub use tokens::{
    Device, Heartbeat, TokenHolder, devices, find_token, hear, issue_token, revoke_token, see_token,
    token_holder,
};

use chrono_tz::Tz;

use super::db::{Db, StoreError, connect_bare, off_runtime};
use crate::domain::calendar::{OfficialYear, OfficialYears};
use crate::domain::setup::{
    Details, Entry, Node, PolicyInForce, Roster, SetupKind, SetupState, paths_down_to,
};
use crate::domain::sla::Rulebook;

/// Rows one question about a single node may meet; a community has tens of each kind.
const ROWS_MAX: i64 = 10_000;

/// Which nodes somebody sees: those at and below `below`, and those on the way up from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    below: Vec<String>,
    above: Vec<String>,
}

impl Sight {
    /// The sight of somebody who stands at the nodes with these paths.
    pub fn from(paths: impl IntoIterator<Item = String>) -> Self {
        let below: Vec<String> = paths.into_iter().collect();
        let mut above: Vec<String> = below.iter().flat_map(|it| paths_down_to(it)).collect();
        above.sort_unstable();
        above.dedup();
        Self { below, above }
    }

    /// Everything.
    pub fn everywhere() -> Self {
        Self { below: vec!["/".to_owned()], above: Vec::new() }
    }

    /// The node with `path` and those on the way up from it, but nothing below.
    pub fn up_from(path: &str) -> Self {
        Self { below: Vec::new(), above: paths_down_to(path) }
    }

    /// True when the node with `path` is in sight.
    pub fn sees(&self, path: &str) -> bool {
        self.below.iter().any(|it| path.starts_with(it)) || self.above.iter().any(|it| it == path)
    }
}

/// The ids of the nodes from the top down to the one with `path`.
///
/// # Errors
/// `Corrupt` when it is no path of ours.
fn ids_of(path: &str) -> Result<Vec<i64>, StoreError> {
    let ids = path.split('/').filter(|it| !it.is_empty()).map(str::parse);
    ids.collect::<Result<_, _>>().map_err(|_| corrupt("a node's path"))
}

/// The bounds of the paths at and below `path`: `/1/4/` to `/1/40`, as `0` follows `/`.
fn bounds(path: &str) -> (String, String) {
    (path.to_owned(), format!("{}0", path.strip_suffix('/').unwrap_or(path)))
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("set-up: {what}"))
}

/// The policy in force at the node with `path` for every matter there.
///
/// # Errors
/// Only those of the database.
pub fn policy_in_force(db: &mut Db, path: &str) -> Result<PolicyInForce, StoreError> {
    Ok(rulebook(db, path, crate::domain::setup::DEFAULT_ZONE)?.general())
}

/// The policies and the working calendar in force at the node with `path`.
///
/// The calendar is the nearest one, or the standard one in the node's time zone, `zone`; of several at one
/// node the last added holds. Categories are read only where a policy asks for one.
///
/// # Errors
/// `Corrupt` when a stored calendar is none.
pub fn rulebook(db: &mut Db, path: &str, zone: Tz) -> Result<Rulebook, StoreError> {
    let nodes = ids_of(path)?;
    let entries = in_use_at(db, &[SetupKind::Policy, SetupKind::Calendar, SetupKind::OfficialYear], path)?;
    let depth = |it: &Entry| {
        it.node.and_then(|it| nodes.iter().position(|node| *node == it.0)).map_or(0, |it| it + 1)
    };
    let mut book = Rulebook::of(entries.into_iter().map(|it| (depth(&it), it)), zone)
        .map_err(|_| corrupt("a calendar's settings"))?;
    if book.asks_for_categories() {
        book.know_categories(&in_use_at(db, &[SetupKind::Category], path)?);
    }
    Ok(book)
}

/// The official years that were loaded beside those shipped.
///
/// # Errors
/// `Corrupt` when a stored year is none.
pub fn official_years(db: &mut Db) -> Result<OfficialYears, StoreError> {
    let mut years = OfficialYears::default();
    for entry in in_use_at(db, &[SetupKind::OfficialYear], "/")? {
        if let Details::OfficialYear(year) = entry.details {
            add_year(&mut years, &year)?;
        }
    }
    Ok(years)
}

/// As [`official_years`], of the database at `url`, for commands that open no store.
///
/// # Errors
/// Unavailable when it cannot be reached or has no tables yet.
pub fn official_years_at(url: &str) -> Result<OfficialYears, StoreError> {
    off_runtime(|| official_years(&mut connect_bare(url)?))
}

/// The duty rosters in use at exactly this node.
///
/// # Errors
/// Only those of the database.
pub fn rosters_at(db: &mut Db, node: &Node) -> Result<Vec<Roster>, StoreError> {
    let entries = in_use_at(db, &[SetupKind::Roster], &node.path)?;
    let here = entries.into_iter().filter(|it| it.node == Some(node.id));
    Ok(here
        .filter_map(|it| match it.details {
            Details::Roster(roster) => Some(roster),
            _ => None,
        })
        .collect())
}

fn add_year(years: &mut OfficialYears, year: &OfficialYear) -> Result<(), StoreError> {
    years.0.insert(year.year, year.notice().map_err(|_| corrupt("an official year"))?);
    Ok(())
}

/// Every node, entry and device token, for comparing with what the events add up to.
///
/// # Errors
/// Only those of the database.
pub fn state(db: &mut Db) -> Result<SetupState, StoreError> {
    Ok(SetupState {
        nodes: nodes::every(db)?.into_iter().map(|it| (it.id, it)).collect(),
        entries: entries::every(db)?.into_iter().map(|it| (it.id, it)).collect(),
        tokens: tokens::every(db)?.into_iter().map(|it| (it.kiosk, it)).collect(),
        slips: slips::every(db)?.into_iter().map(|it| (it.id, it)).collect(),
    })
}
