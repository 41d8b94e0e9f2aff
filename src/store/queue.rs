//! The queue and the search: pages of tickets in the newest-first order, for one person's nodes and units.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diesel::prelude::*;

use super::db::{Db, StoreError, on};
use super::schema::{phone_index, statistics_ticket, ticket, ticket_supporting};
use super::search::{self, Start};
use super::tickets::{TicketRow, complete};
use crate::domain::search::Query;
use crate::domain::statistics::{Figure, Hint, Part};
use crate::domain::ticket::{Kind, Priority, Source, Status, Ticket, position};
use crate::domain::value::{AccountId, At, SetupId, TicketId};

/// With more nodes than this, one scan in order is cheaper than a query for each.
const BRANCHES_MAX: usize = 64;
/// How many hits of the word index are looked at in one step, at first.
const HITS_PER_STEP: i64 = 64;
/// How many at most: each is one value of a statement.
const HITS_PER_STEP_MAX: i64 = 16_384;
/// A search that finds nothing the filters let through ends after this many hits.
const HITS_MAX: i64 = 200_000;

/// A page that takes longer is given up: whoever waits has gone, and others wait for the connection. SQLite has
/// no limit of its own, and the server's holds for one statement only.
const PAGE_WITHIN: Duration = Duration::from_secs(5);

/// How long something may go on.
struct Until {
    began: Instant,
    within: Duration,
}

impl Until {
    fn check(&self) -> Result<(), StoreError> {
        if self.began.elapsed() >= self.within { Err(StoreError::Busy) } else { Ok(()) }
    }
}

/// Whose tickets may be seen: the same rules as `Ticket::is_seen_by`, as sets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Nodes whose unsealed tickets are seen, received or handled there.
    pub nodes: Vec<i64>,
    /// Units the person handles for.
    pub units: Vec<i64>,
    /// Nodes the person supervises itself, for sealed tickets handled there.
    pub sealed_nodes: Vec<i64>,
}

/// What is asked for; empty means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub statuses: Vec<Status>,
    pub units: Vec<SetupId>,
    pub assignee: Option<AccountId>,
    pub categories: Vec<SetupId>,
    pub source: Option<Source>,
    pub priority: Option<Priority>,
    pub mailboxes: Vec<SetupId>,
    pub building: Option<String>,
    pub kind: Option<Kind>,
    /// Behind this figure, as its roll-up counted them.
    pub behind: Option<(Figure, Part)>,
    /// Giving this hint.
    pub hint: Option<Hint>,
    /// Received in one of these nodes.
    pub nodes: Option<Vec<i64>>,
    pub received_from: Option<At>,
    pub received_to: Option<At>,
    pub due_before: Option<At>,
    /// Keyed hash of a whole phone number.
    pub phone_hmac: Option<Vec<u8>>,
    pub words: Option<Query>,
}

/// The column with the marks of a part.
fn marks_of(part: Part) -> &'static str {
    match part {
        Part::Numerator => "numerators",
        Part::Denominator => "denominators",
        Part::Missed => "missed",
        Part::Excluded => "excluded",
    }
}

/// Which part of the list.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The position after which to go on, in the list's direction.
    pub after: Option<i64>,
    pub is_newest_first: bool,
    pub limit: i64,
}

type Boxed<'a, DB> = ticket::BoxedQuery<'a, DB>;

/// Narrows a boxed query by every filter but the words; a macro because the two engines' queries are two
/// types, and generic Diesel is a wall.
macro_rules! narrowed {
    ($query:expr, $filter:expr, $page:expr) => {{
        let (filter, page): (&Filter, &Page) = ($filter, $page);
        let mut query = $query;
        if !filter.statuses.is_empty() {
            let statuses: Vec<&'static str> = filter.statuses.iter().map(|it| it.as_str()).collect();
            query = match statuses.as_slice() {
                [one] => query.filter(ticket::status.eq(*one)),
                _ => query.filter(ticket::status.eq_any(statuses)),
            };
        }
        if !filter.units.is_empty() {
            let ids: Vec<i64> = filter.units.iter().map(|it| it.0).collect();
            query = query.filter(ticket::unit_id.eq_any(ids));
        }
        if let Some(assignee) = filter.assignee {
            query = query.filter(ticket::assignee_id.eq(assignee.0));
        }
        if !filter.categories.is_empty() {
            let ids: Vec<i64> = filter.categories.iter().map(|it| it.0).collect();
            query = query.filter(ticket::category_id.eq_any(ids));
        }
        if let Some(source) = filter.source {
            query = query.filter(ticket::source.eq(source.as_str()));
        }
        if let Some(priority) = filter.priority {
            query = query.filter(ticket::priority.eq(priority.as_str()));
        }
        if !filter.mailboxes.is_empty() {
            let ids: Vec<i64> = filter.mailboxes.iter().map(|it| it.0).collect();
            query = query.filter(ticket::mailbox_id.eq_any(ids));
        }
        if let Some(building) = &filter.building {
            query = query.filter(ticket::building.eq(building));
        }
        if let Some(kind) = filter.kind {
            query = query.filter(ticket::kind.eq(kind.as_str()));
        }
        let marks = [
            filter.behind.map(|(figure, part)| (marks_of(part), figure.mark())),
            filter.hint.map(|it| ("hints", it.mark())),
        ];
        for (column, mark) in marks.into_iter().flatten() {
            // The marks are numbers of our own: nothing to bind.
            let marked = format!("(statistics_ticket.{column} & {mark}) <> 0");
            query = query.filter(diesel::dsl::exists(
                statistics_ticket::table
                    .filter(statistics_ticket::ticket_id.eq(ticket::id))
                    .filter(diesel::dsl::sql::<diesel::sql_types::Bool>(&marked)),
            ));
        }
        if let Some(nodes) = &filter.nodes {
            query = query.filter(ticket::node_id.eq_any(nodes));
        }
        if let Some(from) = filter.received_from {
            query = query.filter(ticket::received_at.ge(from.micros()));
            // The order's own column bounds the walk through its index.
            query = query.filter(ticket::position.ge(position(from, TicketId(0))));
        }
        if let Some(to) = filter.received_to {
            query = query.filter(ticket::received_at.lt(to.micros()));
            query = query.filter(ticket::position.le(position(to, TicketId((1 << 30) - 1))));
        }
        if let Some(due_before) = filter.due_before {
            query = query.filter(ticket::due_at.lt(due_before.micros()));
        }
        if let Some(phone_hmac) = &filter.phone_hmac {
            query = query.filter(
                ticket::id.eq_any(
                    phone_index::table
                        .filter(phone_index::phone_hmac.eq(phone_hmac))
                        .select(phone_index::ticket_id),
                ),
            );
        }
        if page.is_newest_first {
            if let Some(after) = page.after {
                query = query.filter(ticket::position.lt(after));
            }
            query.order(ticket::position.desc()).limit(page.limit)
        } else {
            if let Some(after) = page.after {
                query = query.filter(ticket::position.gt(after));
            }
            query.order(ticket::position.asc()).limit(page.limit)
        }
    }};
}

/// One way of seeing tickets, each with an index of its own.
#[derive(Debug, Clone)]
enum Branch {
    Received(i64),
    HandledHere(i64),
    Sealed(i64),
    Leads(i64),
    Supports(i64),
}

macro_rules! branched {
    ($query:expr, $branch:expr) => {
        match $branch {
            Branch::Received(node) => {
                $query.filter(ticket::node_id.eq(node)).filter(ticket::sealed.eq(false))
            }
            Branch::HandledHere(node) => $query
                .filter(ticket::handling_node_id.eq(node))
                .filter(ticket::handling_node_id.ne(ticket::node_id))
                .filter(ticket::sealed.eq(false)),
            Branch::Sealed(node) => $query.filter(ticket::handling_node_id.eq(node)).filter(ticket::sealed),
            Branch::Leads(unit) => $query.filter(ticket::unit_id.eq(unit)),
            Branch::Supports(unit) => $query.filter(ticket::sealed.eq(false)).filter(
                ticket::id.eq_any(
                    ticket_supporting::table
                        .filter(ticket_supporting::unit_id.eq(unit))
                        .select(ticket_supporting::ticket_id),
                ),
            ),
        }
    };
}

/// Everything in scope in one condition, where the rows are already few or the nodes too many.
macro_rules! scoped {
    ($query:expr, $scope:expr) => {{
        let scope: &Scope = $scope;
        $query.filter(
            ticket::sealed
                .eq(false)
                .and(ticket::node_id.eq_any(&scope.nodes).or(ticket::handling_node_id.eq_any(&scope.nodes)))
                .or(ticket::unit_id.eq_any(&scope.units).assume_not_null())
                .or(ticket::sealed.and(ticket::handling_node_id.eq_any(&scope.sealed_nodes)))
                .or(ticket::sealed.eq(false).and(
                    ticket::id.eq_any(
                        ticket_supporting::table
                            .filter(ticket_supporting::unit_id.eq_any(&scope.units))
                            .select(ticket_supporting::ticket_id),
                    ),
                )),
        )
    }};
}

/// One page of the tickets in `scope` that `filter` lets through.
///
/// # Errors
/// `Busy` when it took too long; else only those of the database.
pub fn list(db: &mut Db, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Ticket>, StoreError> {
    list_within(db, scope, filter, page, PAGE_WITHIN)
}

/// As [`list`], with a limit on time of the caller's own; it is looked at between statements.
///
/// # Errors
/// `Busy` when time is up before the page is full; else only those of the database.
pub fn list_within(
    db: &mut Db,
    scope: &Scope,
    filter: &Filter,
    page: Page,
    within: Duration,
) -> Result<Vec<Ticket>, StoreError> {
    let until = Until { began: Instant::now(), within };
    let rows = match &filter.words {
        Some(words) => find_words(db, scope, filter, (words, page), &until)?,
        None => browse(db, scope, filter, page, &until)?,
    };
    complete(db, &rows)
}

/// Reads each branch by its own index and merges: nobody else's rows are touched, and the time does not
/// grow with them.
fn browse(
    db: &mut Db,
    scope: &Scope,
    filter: &Filter,
    page: Page,
    until: &Until,
) -> Result<Vec<TicketRow>, StoreError> {
    let mut branches: Vec<Branch> = Vec::new();
    for node in &scope.nodes {
        if filter.nodes.as_ref().is_none_or(|it| it.contains(node)) {
            branches.push(Branch::Received(*node));
        }
        branches.push(Branch::HandledHere(*node));
    }
    branches.extend(scope.sealed_nodes.iter().map(|it| Branch::Sealed(*it)));
    for unit in &scope.units {
        branches.push(Branch::Leads(*unit));
        branches.push(Branch::Supports(*unit));
    }

    if branches.len() > 2 * BRANCHES_MAX || filter.phone_hmac.is_some() {
        return Ok(match db {
            Db::Lite(c) => {
                let query: Boxed<diesel::sqlite::Sqlite> = ticket::table.into_boxed();
                narrowed!(scoped!(query, scope), filter, &page).select(TicketRow::as_select()).load(c)?
            }
            Db::Pg(c) => {
                let query: Boxed<diesel::pg::Pg> = ticket::table.into_boxed();
                narrowed!(scoped!(query, scope), filter, &page).select(TicketRow::as_select()).load(c)?
            }
        });
    }

    let mut merged: BTreeMap<i64, TicketRow> = BTreeMap::new();
    for branch in branches {
        until.check()?;
        let rows: Vec<TicketRow> = match db {
            Db::Lite(c) => {
                let query: Boxed<diesel::sqlite::Sqlite> = ticket::table.into_boxed();
                narrowed!(branched!(query, branch), filter, &page).select(TicketRow::as_select()).load(c)?
            }
            Db::Pg(c) => {
                let query: Boxed<diesel::pg::Pg> = ticket::table.into_boxed();
                narrowed!(branched!(query, branch), filter, &page).select(TicketRow::as_select()).load(c)?
            }
        };
        merged.extend(rows.into_iter().map(|it| (it.position, it)));
    }
    let limit = usize::try_from(page.limit).unwrap_or(0);
    Ok(if page.is_newest_first {
        merged.into_values().rev().take(limit).collect()
    } else {
        merged.into_values().take(limit).collect()
    })
}

/// Walks the word index newest first, and looks up the rows of each step of hits.
fn find_words(
    db: &mut Db,
    scope: &Scope,
    filter: &Filter,
    (words, page): (&Query, Page),
    until: &Until,
) -> Result<Vec<TicketRow>, StoreError> {
    let nodes = owners_in(db, scope)?;
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows: Vec<TicketRow> = Vec::new();
    let (mut from, mut n_seen) = (Some(Start { after: page.after, is_first: true }), 0);
    let mut step = page.limit.clamp(HITS_PER_STEP, HITS_PER_STEP_MAX);
    while let Some(start) = from
        && n_seen < HITS_MAX
        && i64::try_from(rows.len()).unwrap_or(i64::MAX) < page.limit
    {
        until.check()?;
        let hits = search::hits(db, words, &nodes, start, page.is_newest_first, step)?;
        n_seen += i64::try_from(hits.positions.len()).unwrap_or(step);
        let rest =
            Page { after: None, limit: page.limit - i64::try_from(rows.len()).unwrap_or(page.limit), ..page };
        let found: Vec<TicketRow> = match db {
            _ if hits.positions.is_empty() => Vec::new(),
            Db::Lite(c) => {
                let query: Boxed<diesel::sqlite::Sqlite> = ticket::table.into_boxed();
                let query = query.filter(ticket::position.eq_any(hits.positions));
                narrowed!(scoped!(query, scope), filter, &rest).select(TicketRow::as_select()).load(c)?
            }
            Db::Pg(c) => {
                let query: Boxed<diesel::pg::Pg> = ticket::table.into_boxed();
                let query = query.filter(ticket::position.eq_any(hits.positions));
                narrowed!(scoped!(query, scope), filter, &rest).select(TicketRow::as_select()).load(c)?
            }
        };
        rows.extend(found);
        from = hits.next;
        step = (step * 4).min(HITS_PER_STEP_MAX);
    }
    Ok(rows)
}

/// The nodes whose tickets can be in scope: the scope's own, and the owners of what is handled there.
fn owners_in(db: &mut Db, scope: &Scope) -> Result<Vec<i64>, StoreError> {
    let mut handling: Vec<i64> = scope.nodes.clone();
    handling.extend(&scope.sealed_nodes);
    let elsewhere: Vec<i64> = on!(db, |c| ticket::table
        .filter(ticket::handling_node_id.eq_any(&handling))
        .filter(ticket::handling_node_id.ne(ticket::node_id))
        .select(ticket::node_id)
        .distinct()
        .limit(1000)
        .load(c))?;
    let led: Vec<i64> = on!(db, |c| ticket::table
        .filter(ticket::unit_id.eq_any(&scope.units))
        .select(ticket::node_id)
        .distinct()
        .limit(1000)
        .load(c))?;
    let supported: Vec<i64> = on!(db, |c| ticket::table
        .filter(
            ticket::id.eq_any(
                ticket_supporting::table
                    .filter(ticket_supporting::unit_id.eq_any(&scope.units))
                    .select(ticket_supporting::ticket_id)
            )
        )
        .select(ticket::node_id)
        .distinct()
        .limit(1000)
        .load(c))?;
    let mut nodes = handling;
    nodes.extend(elsewhere.into_iter().chain(led).chain(supported));
    nodes.sort_unstable();
    nodes.dedup();
    Ok(nodes)
}
