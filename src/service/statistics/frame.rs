//! What a question about figures is asked of: whose nodes, which span of time, which tickets.

use std::collections::HashMap;

use chrono_tz::Tz;

use crate::domain::people::{Permission, Staff, may};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::setup::{DEFAULT_ZONE, Node, SetupKind};
use crate::domain::statistics::Dimension;
use crate::domain::ticket::intake::clean_line;
use crate::domain::ticket::{Kind, Priority, Source};
use crate::domain::value::At;
use crate::service::queue::{entries_of, one_of, time, unknown, word};
use crate::service::{Caller, Error};
use crate::store::statistics::Wanted;
use crate::store::{Db, setup};
use crate::words;

words! {
    /// The length of a series' steps, in the node's time zone; weeks begin on Monday.
    Interval { Hour = "hour", Day = "day", Week = "week", Month = "month" }
}

words! {
    /// By what figures are broken down.
    By {
        Node = "node", Unit = "unit", Category = "category", Mailbox = "mailbox", Source = "source",
        Building = "building", Priority = "priority", Kind = "kind",
    }
}

impl By {
    /// The dimension sums are kept by; None for nodes, which every sum is kept by.
    pub(super) fn dimension(self) -> Option<Dimension> {
        match self {
            By::Node => None,
            By::Unit => Some(Dimension::Unit),
            By::Category => Some(Dimension::Category),
            By::Mailbox => Some(Dimension::Mailbox),
            By::Source => Some(Dimension::Source),
            By::Building => Some(Dimension::Building),
            By::Priority => Some(Dimension::Priority),
            By::Kind => Some(Dimension::Kind),
        }
    }
}

/// What is asked for, as text; each part optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// Code of a node, with what is below it; default: all of the caller's.
    pub node: Option<String>,
    /// Received at or after, RFC 3339 with offset; default: since the beginning. A series needs it.
    pub from: Option<String>,
    /// Received before, RFC 3339 with offset; default: until now.
    pub to: Option<String>,
    /// For a breakdown: `node`, `unit` (default), `category`, `mailbox`, `source`, `building`, `priority` or `kind`.
    pub by: Option<String>,
    /// For a series: `hour`, `day` (default), `week` or `month`, in the node's time zone.
    pub interval: Option<String>,
    /// For a breakdown or a series: `true` adds the times, which a summary always has.
    pub time_to: Option<bool>,
    /// Code of the lead unit.
    pub unit: Option<String>,
    /// Code of a category; those below it are meant too.
    pub category: Option<String>,
    pub source: Option<String>,
    /// Code of a mailbox.
    pub mailbox: Option<String>,
    pub building: Option<String>,
    pub priority: Option<String>,
    pub kind: Option<String>,
}

/// A question that was read.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub wanted: Wanted,
    /// The nodes that were asked for; what is below them counts too.
    pub roots: Vec<Node>,
    /// Every node asked about, by id.
    pub nodes: HashMap<i64, Node>,
    /// UTC, as asked; without one there is no bound.
    pub from: Option<At>,
    pub to: Option<At>,
    pub zone: Tz,
    pub by: By,
    pub interval: Interval,
    pub is_timed: bool,
    pub now: At,
}

/// Which of the optional parts a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Neither,
    By,
    Interval,
    /// Neither of them and no time either: it is of now.
    Now,
}

impl Frame {
    /// Reads a question of `caller` at `now`.
    ///
    /// # Errors
    /// `Unauthenticated`, `Forbidden` without the right, `NotFound` for a node that is not the person's, `Invalid`
    /// with each wrong part.
    pub(super) fn read(
        db: &mut Db,
        caller: &Caller,
        asked: &Asked,
        takes: Takes,
        now: At,
    ) -> Result<Self, Error> {
        let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?;
        if !staff.may_somewhere(Permission::ReadStatistics) {
            return Err(Refusal::Forbidden(Permission::ReadStatistics).into());
        }
        let roots = roots(db, staff, asked.node.as_deref())?;
        let mut faults = Faults::default();
        let from = time("from", asked.from.as_deref(), &mut faults);
        let to = time("to", asked.to.as_deref(), &mut faults);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            faults.add("to", "结束时间要晚于开始时间。 The end must be after the beginning.");
        }
        check_apt(asked, takes, &mut faults);
        let by = word("by", asked.by.as_deref(), By::parse, By::ALL, &mut faults);
        let interval =
            word("interval", asked.interval.as_deref(), Interval::parse, Interval::ALL, &mut faults);
        let filters = filters(db, staff, asked, &mut faults)?;
        faults.check(())?;
        let mut nodes = HashMap::new();
        for root in &roots {
            nodes.extend(setup::subtree_nodes(db, &root.path)?.into_iter().map(|it| (it.id.0, it)));
        }
        let mut ids: Vec<i64> = nodes.keys().copied().collect();
        ids.sort_unstable();
        // What is sealed counts for those who answer at the node that handles it, and for nobody below.
        let mut sealed_nodes = statistics_nodes(db, staff)?;
        sealed_nodes.push(0);
        Ok(Self {
            wanted: Wanted { nodes: ids, sealed_nodes, filters },
            zone: roots.first().map_or(DEFAULT_ZONE, |it| it.time_zone),
            roots,
            nodes,
            from,
            to,
            by: by.unwrap_or(By::Unit),
            interval: interval.unwrap_or(Interval::Day),
            is_timed: takes == Takes::Neither || asked.time_to == Some(true),
            now,
        })
    }
}

/// Refuses what the route does not take, rather than pass it over.
fn check_apt(asked: &Asked, takes: Takes, faults: &mut Faults) {
    let not_here = "这里不用这个参数。 This parameter is not for this route.";
    if asked.by.is_some() && takes != Takes::By {
        faults.add("by", not_here);
    }
    if asked.interval.is_some() && takes != Takes::Interval {
        faults.add("interval", not_here);
    }
    if asked.time_to.is_some() && !matches!(takes, Takes::By | Takes::Interval) {
        faults.add("time_to", not_here);
    }
    if takes == Takes::Now {
        for (field, given) in [("from", &asked.from), ("to", &asked.to)] {
            if given.is_some() {
                faults.add(field, "在办量总是现在的。 The backlog is always of now; leave this out.");
            }
        }
    }
}

/// The node of `code`, or the topmost nodes whose figures the person may read.
fn roots(db: &mut Db, staff: &Staff, code: Option<&str>) -> Result<Vec<Node>, Error> {
    if let Some(code) = code {
        let node = setup::find_node_by_code(db, &code.trim().to_uppercase())?
            .filter(|it| staff.may_at(Permission::ReadStatistics, &it.path))
            .ok_or_else(|| Refusal::NotFound(shown(code).to_owned()))?;
        return Ok(vec![node]);
    }
    let grants = staff.grants.iter().filter(|it| may(it.role, Permission::ReadStatistics));
    let mut paths: Vec<_> = grants.map(|it| (it.path.as_str(), it.node)).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut roots: Vec<Node> = Vec::new();
    for (path, id) in paths {
        if roots.iter().all(|it| !path.starts_with(&it.path)) {
            roots.push(setup::find_node(db, id)?);
        }
    }
    Ok(roots)
}

/// Every node whose figures the person may read, by id.
///
/// # Errors
/// Only those of the database.
pub(in crate::service) fn statistics_nodes(db: &mut Db, staff: &Staff) -> Result<Vec<i64>, Error> {
    let mut nodes = Vec::new();
    for root in roots(db, staff, None)? {
        nodes.extend(setup::subtree(db, &root.path)?.into_iter().map(|it| it.0));
    }
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}

fn filters(
    db: &mut Db,
    staff: &Staff,
    asked: &Asked,
    faults: &mut Faults,
) -> Result<Vec<(Dimension, Vec<String>)>, Error> {
    let mut filters: Vec<(Dimension, Vec<String>)> = Vec::new();
    for (field, kind, code, dimension, words) in [
        ("unit", SetupKind::Unit, &asked.unit, Dimension::Unit, ("承办单位", "unit")),
        ("category", SetupKind::Category, &asked.category, Dimension::Category, ("类别", "category")),
        ("mailbox", SetupKind::Mailbox, &asked.mailbox, Dimension::Mailbox, ("信箱", "mailbox")),
    ] {
        let Some(code) = code else { continue };
        let ids = entries_of(db, staff, kind, code)?;
        if ids.is_empty() {
            faults.add(field, unknown(words.0, words.1, code));
        }
        filters.push((dimension, ids.iter().map(ToString::to_string).collect()));
    }
    let mut plain = |field, dimension, given: Option<&String>, all: Vec<&'static str>| {
        let Some(given) = given else { return };
        if !all.contains(&given.trim()) {
            faults.add(field, one_of(all.into_iter()));
        }
        filters.push((dimension, vec![given.trim().to_owned()]));
    };
    let words = |all: Vec<&'static str>| all;
    plain(
        "source",
        Dimension::Source,
        asked.source.as_ref(),
        words(Source::ALL.iter().map(|it| it.as_str()).collect()),
    );
    plain(
        "priority",
        Dimension::Priority,
        asked.priority.as_ref(),
        words(Priority::ALL.iter().map(|it| it.as_str()).collect()),
    );
    plain(
        "kind",
        Dimension::Kind,
        asked.kind.as_ref(),
        words(Kind::ALL.iter().map(|it| it.as_str()).collect()),
    );
    if let Some(building) = &asked.building {
        filters.push((Dimension::Building, vec![clean_line(building)]));
    }
    Ok(filters)
}
