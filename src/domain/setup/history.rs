//! The set-up as it was at any moment, from its events: what held at a node then.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde_json::Value;

use super::{Details, Entry, FoldFault, SetupKind};
use crate::domain::refusal::Refusal;
use crate::domain::sla::Rulebook;
use crate::domain::value::{At, NodeId, SetupId};

/// The kinds that decide how clocks are counted.
const KINDS: [SetupKind; 4] =
    [SetupKind::Policy, SetupKind::Calendar, SetupKind::OfficialYear, SetupKind::Category];

/// Every version of what decides how clocks are counted.
#[derive(Debug, Clone, Default)]
pub struct SetupHistory {
    /// Oldest version first.
    versions: BTreeMap<SetupId, Vec<(At, Entry)>>,
    /// The moments at which anything changed, rising.
    changes: Vec<At>,
}

impl SetupHistory {
    /// Adds an event of the set-up, the oldest first; what decides nothing about clocks is passed over.
    ///
    /// # Errors
    /// `FoldFault` for fields that are no entry's.
    pub fn add(&mut self, at: At, kind: &str, fields: &Value) -> Result<(), FoldFault> {
        let noun = kind.strip_prefix("setup.").and_then(|it| it.rsplit_once('_'));
        let setup_kind = noun.and_then(|(noun, _)| SetupKind::parse(noun)).filter(|it| KINDS.contains(it));
        let Some(setup_kind) = setup_kind else { return Ok(()) };
        let entry = Entry::from_fields(fields).ok_or(FoldFault::Fields(setup_kind.as_str()))?;
        self.versions.entry(entry.id).or_default().push((at, entry));
        if self.changes.last().is_none_or(|it| *it < at) {
            self.changes.push(at);
        }
        Ok(())
    }

    /// The same history as if `entry` had been in force, as it is, all the time.
    #[must_use]
    pub fn with(mut self, entry: Entry) -> Self {
        let always = At::from_micros(i64::MIN);
        self.versions.insert(entry.id, vec![(always, entry)]);
        self
    }

    /// Which stretch between two changes `at` lies in; within one, the same rules hold.
    pub fn stretch(&self, at: At) -> usize {
        self.changes.partition_point(|it| *it <= at)
    }

    /// What held at `at` at the node at the end of `nodes`, which go from the top down.
    ///
    /// # Errors
    /// `Refusal::Invalid` when a calendar of then is none now.
    pub fn rulebook(&self, at: At, nodes: &[NodeId], zone: Tz) -> Result<Rulebook, Refusal> {
        let depth = |it: &Entry| match it.node {
            None => Some(0),
            Some(node) => nodes.iter().position(|it| *it == node).map(|it| it + 1),
        };
        let of_then = |versions: &Vec<(At, Entry)>| {
            let last = versions.iter().rev().find(|(since, _)| *since <= at)?;
            Some(last.1.clone()).filter(|it| it.retired_at.is_none())
        };
        let mut entries: Vec<(usize, Entry)> =
            (self.versions.values()).filter_map(of_then).filter_map(|it| Some((depth(&it)?, it))).collect();
        entries.sort_by_key(|(depth, it)| (*depth, it.id));
        let (categories, rules): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(_, it)| matches!(it.details, Details::Category(_)));
        let categories: Vec<Entry> = categories.into_iter().map(|(_, it)| it).collect();
        let mut book = Rulebook::of(rules, zone)?;
        if book.asks_for_categories() {
            book.know_categories(&categories);
        }
        Ok(book)
    }
}
