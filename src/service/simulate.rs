//! What-if of policies: a past period counted again under a changed policy. It reads, and changes nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Map, Value};

use super::export::Wanted;
use super::{App, Caller, Error};
use crate::domain::event::Stream;
use crate::domain::refusal::Refusal;
use crate::domain::setup::{Details, Entry, EntryChange, Node, SetupHistory, SetupKind};
use crate::domain::sla::holding::Happened;
use crate::domain::sla::whatif::{Difference, Lateness, as_it_was, count, differences, replayed};
use crate::domain::sla::{Rulebook, Stage};
use crate::domain::ticket::event::{TicketEvent, effects_of};
use crate::domain::value::{AccountId, At, NodeId, SetupId, TicketId};
use crate::store::{Db, Store, StoreError, events, setup};

/// Events read at once.
const EVENTS_PAGE: i64 = 2_000;
/// A ticket of years has some hundred events.
const EVENTS_MAX: i64 = 10_000;
/// An id that no entry has.
const NEW_POLICY: SetupId = SetupId(i64::MAX);

/// A changed policy, as if it had held all the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    /// Code of the node it hangs at.
    pub node: String,
    /// Code of the policy there that is changed; None adds one.
    pub policy: Option<String>,
    /// The policy's fields: those given replace, null removes, as in a PATCH.
    pub fields: Map<String, Value>,
}

/// A ticket that would have gone otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    pub number: String,
    pub clocks: Vec<Difference>,
}

/// What was late, and what would have been.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Simulation {
    pub n_tickets: u64,
    pub stages: BTreeMap<Stage, Lateness>,
    /// In the order of ids.
    pub tickets: Vec<Differing>,
    /// Tickets whose trail this version cannot read; `audit verify` says more.
    pub n_unread: u64,
}

/// Counts the tickets `wanted` again as if `what` had held; `tell` hears how many are done. Blocks.
///
/// # Errors
/// `NotFound` for node or policy, `Invalid` for fields of the policy, and those of the database.
pub fn simulate(
    store: &Store,
    wanted: &Wanted,
    what: &WhatIf,
    now: At,
    tell: impl Fn(u64),
) -> Result<Simulation, Error> {
    let what = what.clone();
    let history = store.read_blocking(move |db: &mut Db| changed_history(db, &what))?;
    let (history, wanted) = (Arc::new(history), Arc::new(wanted.clone()));
    let mut done = Simulation::default();
    let mut after = 0;
    loop {
        let (history, wanted) = (Arc::clone(&history), Arc::clone(&wanted));
        let (last, page) = store.read_blocking(move |db: &mut Db| -> Result<_, Error> {
            let ids = wanted.ids(db, after)?;
            let mut page = Simulation::default();
            let mut books = Books { history: &history, known: HashMap::new() };
            for id in &ids {
                one(db, TicketId(*id), &mut books, now, &mut page)?;
            }
            Ok((ids.last().copied(), page))
        })?;
        let Some(last) = last else { return Ok(done) };
        after = last;
        done.add(page);
        tell(done.n_tickets);
    }
}

/// Days that [`recent`] can be asked for: a year of a community is some thousand tickets.
const DAYS_MAX: i64 = 366;
/// Counting again reads whole trails; one at a time leaves the server to everybody else.
static TURN: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(1);

/// Counts the tickets received in the last `days` again as if `what` had held, for an admin of its node.
///
/// # Errors
/// As [`simulate`]; `Forbidden` for whoever does not write the set-up there, `Invalid` for days out of range,
/// `TooMany` while another is counted.
pub async fn recent(app: &App, caller: &Caller, what: WhatIf, days: i64) -> Result<Simulation, Error> {
    super::setup::check_may_write_at(app, caller, &what.node).await?;
    if !(1..=DAYS_MAX).contains(&days) {
        let message = format!("应在 1 到 {DAYS_MAX} 之间。 It must be between 1 and {DAYS_MAX}.");
        return Err(Refusal::field("days", message).into());
    }
    let turn = TURN.try_acquire().map_err(|_taken| Refusal::TooMany { retry_after_s: 10 })?;
    let (app, now) = (app.clone(), app.clock.now());
    let from = (now + -TimeDelta::days(days)).to_rfc3339();
    let work = tokio::task::spawn_blocking(move || {
        let wanted = Wanted::read(&app.store, Some(&what.node), Some(&from), None)?;
        simulate(&app.store, &wanted, &what, now, |_| ())
    });
    let done = work.await.map_err(|it| Error::internal(format!("could not count again: {it}")))?;
    drop(turn);
    done
}

impl Simulation {
    fn add(&mut self, page: Simulation) {
        self.n_tickets += page.n_tickets;
        self.n_unread += page.n_unread;
        for (stage, it) in page.stages {
            let sum = self.stages.entry(stage).or_default();
            sum.n_clocks_was += it.n_clocks_was;
            sum.n_late_was += it.n_late_was;
            sum.n_clocks_would += it.n_clocks_would;
            sum.n_late_would += it.n_late_would;
        }
        self.tickets.extend(page.tickets);
    }
}

/// The set-up's history with the changed policy in it.
fn changed_history(db: &mut Db, what: &WhatIf) -> Result<SetupHistory, Error> {
    let code = what.node.trim().to_uppercase();
    let node =
        setup::find_node_by_code(db, &code)?.ok_or_else(|| Refusal::NotFound(format!("nodes/{code}")))?;
    let policy = changed_policy(db, &node, what)?;
    let mut history = SetupHistory::default();
    let mut after = 0;
    loop {
        let page = events::list(db, Stream::Setup, 0, after, EVENTS_PAGE)?;
        let Some(last) = page.last() else { return Ok(history.with(policy)) };
        after = last.seq;
        for it in page {
            let fields = serde_json::from_str(&it.data).unwrap_or_default();
            history
                .add(it.at, &it.kind, &fields)
                .map_err(|fault| StoreError::Corrupt(format!("event {} of the set-up: {fault}", it.seq)))?;
        }
    }
}

fn changed_policy(db: &mut Db, node: &Node, what: &WhatIf) -> Result<Entry, Error> {
    let before = match &what.policy {
        Some(code) => {
            let found = setup::find_own(db, SetupKind::Policy, Some(node.id), code)?;
            found.ok_or_else(|| Refusal::NotFound(format!("policies/{code} at {}", node.code)))?
        }
        None => Entry {
            id: NEW_POLICY,
            kind: SetupKind::Policy,
            node: Some(node.id),
            parent: None,
            code: "what-if".to_owned(),
            name: "what if".to_owned(),
            details: Details::parse(SetupKind::Policy, &Value::Object(Map::new()))?,
            version: 1,
            retired_at: None,
        },
    };
    let change = EntryChange::parse(&before, Some(&node.code), what.fields.clone())?;
    Ok(Entry { details: change.details, retired_at: None, ..before })
}

/// Rulebooks by stretch of the history and node: most tickets of a page share one.
struct Books<'a> {
    history: &'a SetupHistory,
    known: HashMap<(usize, NodeId), Arc<Rulebook>>,
}

impl Books<'_> {
    /// Every rulebook that the moments ask for, for a node.
    fn learn(&mut self, node: &Node, moments: impl Iterator<Item = At>) -> Result<(), Error> {
        let nodes: Vec<NodeId> = node.path.split('/').filter_map(|it| it.parse().ok()).map(NodeId).collect();
        for at in moments {
            let key = (self.history.stretch(at), node.id);
            if !self.known.contains_key(&key) {
                let book = self.history.rulebook(at, &nodes, node.time_zone)?;
                self.known.insert(key, Arc::new(book));
            }
        }
        Ok(())
    }
}

/// Counts one ticket again.
fn one(
    db: &mut Db,
    id: TicketId,
    books: &mut Books,
    now: At,
    simulation: &mut Simulation,
) -> Result<(), Error> {
    let recorded = events::list(db, Stream::Ticket, id.0, 0, EVENTS_MAX)?;
    let happened: Result<Vec<Happened>, String> = recorded
        .iter()
        .filter(|it| it.kind != "ticket.erased")
        .map(|it| {
            Ok(Happened {
                event: TicketEvent::from_parts(&it.kind, &it.data)?,
                effects: effects_of(&it.data)?,
                at: it.at,
                by: it.actor_id.map(AccountId),
            })
        })
        .collect();
    let Some((was, happened)) = happened.ok().and_then(|it| Some((as_it_was(id, &it)?, it))) else {
        simulation.n_unread += 1;
        return Ok(());
    };
    let node = setup::find_node(db, was.node)?;
    books.learn(&node, happened.iter().map(|it| it.at).chain([now]))?;
    let book = |at: At| {
        let known = books.known.get(&(books.history.stretch(at), node.id));
        known.cloned().unwrap_or_default()
    };
    let Some(would) = replayed(id, &happened, book, node.time_zone, now) else { return Ok(()) };
    simulation.n_tickets += 1;
    for stage in Stage::ALL {
        count(simulation.stages.entry(*stage).or_default(), *stage, &was, &would);
    }
    let clocks = differences(&was, &would);
    if !clocks.is_empty() {
        simulation.tickets.push(Differing { number: was.number, clocks });
    }
    Ok(())
}
