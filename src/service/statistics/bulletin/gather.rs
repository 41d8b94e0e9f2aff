//! Gathering a bulletin's facts from the roll-ups, each put back to what it was at one event.

use std::collections::BTreeMap;

use super::{Bulletin, Line, Matter, Share};
use crate::domain::setup::NodeKind;
use crate::domain::statistics::{Days, Done, Tally};
use crate::domain::value::{At, NodeId, SetupId};
use crate::service::statistics::as_of::AsOf;
use crate::service::statistics::ask::node_label;
use crate::service::statistics::frame::{By, Frame};
use crate::service::statistics::sums::{Tallies, open_now, tallies};
use crate::service::{Error, mailboxes};
use crate::store::{Db, statistics};

/// Categories that are told of.
const CATEGORIES_SHOWN: usize = 10;
/// Matters that are told of.
const MATTERS_SHOWN: usize = 10;
/// From so many tickets on the same matter is told of.
pub(in crate::service::statistics) const RECURRING_MIN: i64 = 3;

/// A bulletin of these days for whoever asks, as of an event or the latest.
///
/// # Errors
/// As `AsOf::read`.
pub(in crate::service::statistics) fn gather(
    db: &mut Db,
    frame: &Frame,
    days: Days,
    event: Option<i64>,
    floor: i64,
) -> Result<Bulletin, Error> {
    let as_of = AsOf::read(db, event)?;
    let before = days.before();
    let spans = [before.bounds(frame.zone), days.bounds(frame.zone)];
    let mut all = Sums { db, frame, spans, as_of: &as_of };
    let timed = Frame { is_timed: true, ..frame.clone() };
    let [then, now] = Sums { frame: &timed, ..all.again() }.of(None)?.map(|mut it| it.remove(""));
    let backlog = all.open(None)?.remove("").unwrap_or(0);
    let kinds = all.shares(By::Kind)?;
    let mut categories = all.shares(By::Category)?;
    categories.truncate(CATEGORIES_SHOWN);
    let units = all.lines(By::Unit)?;
    let nodes_below = if all.is_above()? { all.lines(By::Node)? } else { Vec::new() };
    let matters = all.matters()?;
    let nodes: Vec<NodeId> = frame.wanted.nodes.iter().copied().map(NodeId).collect();
    let custody = mailboxes::custody_as_of(db, &nodes, spans[1], &as_of)?;
    let mut named = Vec::new();
    for root in &frame.roots {
        let node = as_of.node(db, root.id)?.unwrap_or_else(|| root.clone());
        named.push((node.code, node.name));
    }
    Ok(Bulletin {
        nodes: named,
        node: None,
        days,
        before,
        zone: frame.zone,
        as_of: as_of.event,
        as_of_at: as_of.at,
        floor,
        now: now.unwrap_or_default(),
        then: then.unwrap_or_default(),
        backlog,
        kinds,
        categories,
        units,
        nodes_below,
        matters,
        custody,
    })
}

/// Sums of two spans, put back to what they were.
struct Sums<'a> {
    db: &'a mut Db,
    frame: &'a Frame,
    /// The one before, and the one told of.
    spans: [(At, At); 2],
    as_of: &'a AsOf,
}

/// Code and name, where there are some.
type Label = (Option<String>, Option<String>);

impl Sums<'_> {
    fn again(&mut self) -> Sums<'_> {
        Sums { db: self.db, frame: self.frame, spans: self.spans, as_of: self.as_of }
    }

    /// True above several communities.
    fn is_above(&mut self) -> Result<bool, Error> {
        let mut n_communities = 0;
        for node in self.frame.nodes.values().filter(|it| it.kind == NodeKind::Community) {
            n_communities += usize::from(self.as_of.node(self.db, node.id)?.is_some());
        }
        Ok(n_communities > 1)
    }

    fn of(&mut self, by: Option<By>) -> Result<[Tallies; 2], Error> {
        let mut found = tallies(self.db, self.frame, &self.spans, by)?;
        self.as_of.put_back(self.frame, &self.spans, by, &mut found)?;
        for tallies in &mut found {
            tallies.retain(|_, it| *it != Tally::default());
        }
        let now = found.pop().unwrap_or_default();
        Ok([found.pop().unwrap_or_default(), now])
    }

    fn open(&mut self, by: Option<By>) -> Result<BTreeMap<String, i64>, Error> {
        let mut found = open_now(self.db, self.frame, by)?;
        self.as_of.put_back_open(self.frame, by, &mut found);
        Ok(found)
    }

    fn label(&mut self, by: By, value: &str) -> Result<Label, Error> {
        if value.is_empty() {
            return Ok((None, None));
        }
        match by {
            By::Unit | By::Category | By::Mailbox => {
                let id = value.parse().map(SetupId).ok();
                let label = id.map(|it| self.as_of.label(self.db, it)).transpose()?.flatten();
                Ok(label.map_or((Some(value.to_owned()), None), |(code, name)| (Some(code), Some(name))))
            }
            By::Node => {
                let (code, name) = node_label(self.frame, value);
                let id = self.frame.nodes.values().find(|it| it.code == code).map(|it| it.id);
                let then = id.map(|it| self.as_of.node(self.db, it)).transpose()?.flatten();
                Ok((Some(code), then.map(|it| it.name).or(name)))
            }
            By::Source | By::Building | By::Priority | By::Kind => Ok((Some(value.to_owned()), None)),
        }
    }

    /// Each value with how many, most first; units of two communities with one code are two.
    fn shares(&mut self, by: By) -> Result<Vec<Share>, Error> {
        let [then, now] = self.of(Some(by))?;
        let mut shares = Vec::with_capacity(now.len());
        for (id, tally) in &now {
            let (value, name) = self.label(by, id)?;
            let n_before = then.get(id).map_or(0, Tally::intake);
            shares.push(Share { value, name, n: tally.intake(), n_before });
        }
        shares.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| (&a.value, &a.name).cmp(&(&b.value, &b.name))));
        Ok(shares)
    }

    /// Each value with its figures, by code.
    fn lines(&mut self, by: By) -> Result<Vec<Line>, Error> {
        let [_, now] = self.of(Some(by))?;
        let open = self.open(Some(by))?;
        let mut ids: Vec<&String> = now.keys().chain(open.keys()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut lines: BTreeMap<(bool, Label, String), Line> = BTreeMap::new();
        for id in ids {
            let (value, name) = self.label(by, id)?;
            // Grids of a community are the community.
            let own = if by == By::Node { String::new() } else { id.clone() };
            let key = (value.is_none(), (value.clone(), name.clone()), own);
            let line =
                lines.entry(key).or_insert_with(|| Line { value, name, tally: Tally::default(), backlog: 0 });
            if let Some(tally) = now.get(id) {
                line.tally.add(tally);
            }
            line.backlog += open.get(id).copied().unwrap_or(0);
        }
        Ok(lines.into_values().collect())
    }

    fn matters(&mut self) -> Result<Vec<Matter>, Error> {
        let mut found: BTreeMap<(String, String), (i64, BTreeMap<Done, i64>)> = BTreeMap::new();
        for (place, span) in self.spans.into_iter().enumerate() {
            let mut groups = statistics::groups(self.db, &self.frame.wanted, span)?;
            self.as_of.put_back_groups(self.frame, span, &mut groups);
            for group in groups {
                let (before, done) = found.entry((group.category, group.building)).or_default();
                if place == 0 {
                    *before += group.n;
                } else {
                    *done.entry(group.done).or_default() += group.n;
                }
            }
        }
        let mut matters = Vec::new();
        for ((category, building), (n_before, done)) in found {
            let n: i64 = done.values().sum();
            if n < RECURRING_MIN || (category.is_empty() && building.is_empty()) {
                continue;
            }
            let (code, name) = self.label(By::Category, &category)?;
            matters.push(Matter {
                category: code.map(|code| (code.clone(), name.unwrap_or(code))),
                building: Some(building).filter(|it| !it.is_empty()),
                n,
                n_before,
                done: done.into_iter().filter(|it| it.1 != 0).collect(),
            });
        }
        matters.sort_by(|a, b| {
            let key = |it: &Matter| (it.category.clone(), it.building.clone());
            (b.n, b.n_before).cmp(&(a.n, a.n_before)).then_with(|| key(a).cmp(&key(b)))
        });
        matters.truncate(MATTERS_SHOWN);
        Ok(matters)
    }
}
