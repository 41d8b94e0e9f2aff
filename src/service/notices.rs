//! Notices: put into inboxes in the transaction that made them due, so that each comes exactly once.

use chrono_tz::Tz;

use super::{App, Caller, Error, messages};
use crate::domain::notice::{Audience, NoticeKind, Telling, tellings};
use crate::domain::people::Role;
use crate::domain::refusal::Refusal;
use crate::domain::setup::{DEFAULT_ZONE, Node};
use crate::domain::ticket::{Change, Ticket};
use crate::domain::value::{AccountId, At, NodeId, TicketId};
use crate::store::tickets::By;
use crate::store::{Db, notices, people, setup, tickets};

pub use crate::store::notices::Notice as Shown;

/// A page is never longer.
pub const LIMIT_MAX: i64 = 200;

/// Tells staff what a change holds for them.
pub(super) fn tell(db: &mut Db, app: &App, change: &Change) -> Result<(), Error> {
    let told = tellings(change);
    let ticket = change.ticket();
    if change.missing_year().is_some() {
        let owner = setup::find_node(db, ticket.node)?;
        super::calendars::tell_of_provisional(db, change, &nodes_down_to(&owner.path))?;
    }
    if told.is_empty() {
        return Ok(());
    }
    for telling in told {
        tell_of(db, app, ticket, &telling, change.at())?;
    }
    Ok(())
}

/// Tells whom it is meant for of one thing, at the nodes from the top down to the one that handles the ticket.
pub(super) fn tell_of(
    db: &mut Db,
    app: &App,
    ticket: &Ticket,
    telling: &Telling,
    now: At,
) -> Result<(), Error> {
    let path = setup::find_node(db, ticket.handling_node)?.path;
    let nodes = nodes_down_to(&path);
    let mut people = Vec::new();
    for audience in &telling.to {
        people.extend(people_of(db, *audience, ticket, &nodes, now)?);
    }
    people.sort_unstable();
    people.dedup();
    let alerted = match telling.kind {
        NoticeKind::Emergency => Some(names_of(db, &people)?),
        _ => None,
    };
    for person in people {
        let id = notices::add(db, person, ticket.id, telling, alerted.as_deref(), now)?;
        if telling.kind == NoticeKind::Emergency {
            messages::queue_emergency(db, app, person, id, now)?;
        }
    }
    Ok(())
}

/// Tells clerks and supervisors, those nearest to its node, that a box was not opened by `due_at`.
pub(super) fn tell_unopened(
    db: &mut Db,
    node: &Node,
    mailbox: &str,
    due_at: At,
    now: At,
) -> Result<(), Error> {
    let nodes = nodes_down_to(&node.path);
    let mut people = notices::nearest(db, Role::Clerk, &nodes)?;
    people.extend(notices::nearest(db, Role::Supervisor, &nodes)?);
    people.sort_unstable();
    people.dedup();
    for person in people {
        notices::tell_unopened(db, person, node.id, mailbox, due_at, now)?;
    }
    Ok(())
}

/// The nodes from the top down to the one with `path`.
fn nodes_down_to(path: &str) -> Vec<NodeId> {
    path.split('/').filter_map(|it| it.parse().ok()).map(NodeId).collect()
}

/// Who that is for this ticket; a sealed one is told to nobody who may not see it.
fn people_of(
    db: &mut Db,
    audience: Audience,
    ticket: &Ticket,
    nodes: &[NodeId],
    now: At,
) -> Result<Vec<AccountId>, Error> {
    let here = [ticket.handling_node];
    Ok(match audience {
        // Whoever may not see a sealed one is not called to it.
        Audience::OnDuty if ticket.sealed => people_of(db, Audience::Supervisors, ticket, nodes, now)?,
        Audience::OnDuty => {
            let mut people = on_duty(db, nodes, now)?;
            if people.is_empty() {
                people.extend(people_of(db, Audience::Triagers, ticket, nodes, now)?);
                people.extend(people_of(db, Audience::Supervisors, ticket, nodes, now)?);
            }
            people
        }
        // Whoever supervises a sealed ticket triages it too.
        Audience::Supervisors | Audience::Triagers if ticket.sealed => {
            notices::nearest(db, Role::Supervisor, &here)?
        }
        Audience::Leaders if ticket.sealed => Vec::new(),
        Audience::Supervisors => notices::nearest(db, Role::Supervisor, nodes)?,
        Audience::Triagers => notices::nearest(db, Role::Triager, nodes)?,
        Audience::Leaders => notices::nearest(db, Role::Leader, nodes)?,
        Audience::Hands => match ticket.unit {
            Some(unit) => {
                let handlers = notices::handlers(db, unit)?;
                // An assignee who has left tells nobody: then the unit hears.
                match ticket.assignee.filter(|it| handlers.contains(it)) {
                    Some(assignee) => vec![assignee],
                    None => handlers,
                }
            }
            None => people_of(db, Audience::Triagers, ticket, nodes, now)?,
        },
    })
}

/// A resident could not be told of a new date by machine: whoever has the ticket in hand shall.
///
/// # Errors
/// Only those of the database.
pub(super) fn tell_by_hand(
    db: &mut Db,
    ticket: Option<i64>,
    extension: Option<i64>,
    now: At,
) -> Result<(), Error> {
    let Some(ticket) = ticket.map(|it| tickets::find(db, By::Id(TicketId(it)))).transpose()?.flatten() else {
        return Ok(());
    };
    let granted = ticket.extensions.iter().find(|it| Some(i64::from(it.id)) == extension);
    let Some(telling) = granted.map(|it| Telling::by_hand(it.due_at)) else { return Ok(()) };
    let nodes = nodes_down_to(&setup::find_node(db, ticket.handling_node)?.path);
    for person in people_of(db, Audience::Hands, &ticket, &nodes, now)? {
        notices::add(db, person, ticket.id, &telling, None, now)?;
    }
    Ok(())
}

/// Who is on duty at `now` at the nearest of these nodes, which go from the top down, where anybody is.
fn on_duty(db: &mut Db, nodes: &[NodeId], now: At) -> Result<Vec<AccountId>, Error> {
    for node in nodes.iter().rev() {
        let node = setup::find_node(db, *node)?;
        let local = now.to_utc().with_timezone(&node.time_zone).naive_local();
        let mut people = Vec::new();
        for roster in setup::rosters_at(db, &node)? {
            for username in roster.on_duty(local) {
                people.extend(people::find_active_near(db, username, &[&node.path])?);
            }
        }
        if !people.is_empty() {
            return Ok(people);
        }
    }
    Ok(Vec::new())
}

/// Their names in one line, for whoever reads the notice.
fn names_of(db: &mut Db, people: &[AccountId]) -> Result<String, Error> {
    let named = notices::names(db, people)?;
    Ok(named.into_iter().map(|(_, name)| name.replace('、', " ")).collect::<Vec<_>>().join("、"))
}

fn account(caller: &Caller) -> Result<AccountId, Refusal> {
    caller.actor.staff().map(|it| it.account).ok_or(Refusal::Unauthenticated)
}

/// A page of the caller's own inbox, newest first, and where the next begins.
///
/// # Errors
/// `Invalid` for a limit out of its range.
pub async fn list(
    app: &App,
    caller: &Caller,
    unread: bool,
    before: Option<i64>,
    limit: Option<i64>,
) -> Result<(Vec<Shown>, Option<i64>), Error> {
    let account = account(caller)?;
    let limit = limit.unwrap_or(50);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Refusal::field("limit", format!("1 到 {LIMIT_MAX}。 1 to {LIMIT_MAX}.")).into());
    }
    let before = before.unwrap_or(i64::MAX);
    let mut page = app
        .store
        .read(move |db: &mut Db| -> Result<_, Error> {
            Ok(notices::list(db, account, unread, before, limit + 1)?)
        })
        .await?;
    let n_asked = usize::try_from(limit).unwrap_or(0);
    let has_more = page.len() > n_asked;
    page.truncate(n_asked);
    let next = page.last().filter(|_| has_more).map(|it| it.id);
    Ok((page, next))
}

/// What stands at the head of each of a person's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// Notices not read yet, at most [`UNREAD_COUNTED_MAX`].
    pub n_unread: usize,
    /// The zone of the person's first node, for times that are no ticket's.
    pub zone: Tz,
    /// The year whose official days are missing at a node of the person's: times that reach there are provisional.
    pub missing_year: Option<i32>,
}

/// More unread notices are not counted.
pub const UNREAD_COUNTED_MAX: usize = 100;

/// How many notices wait for the caller, in which zone they read the time, and whether a year of it is missing.
///
/// # Errors
/// Only those of the database.
pub async fn glance(app: &App, caller: &Caller) -> Result<Glance, Error> {
    let account = account(caller)?;
    let grants = caller.actor.staff().map(|it| it.grants.clone()).unwrap_or_default();
    let now = app.clock.now();
    app.store
        .read(move |db: &mut Db| -> Result<_, Error> {
            let zone = match grants.first() {
                Some(grant) => setup::find_node(db, grant.node)?.time_zone,
                None => DEFAULT_ZONE,
            };
            let n_unread = notices::count_unread(db, account, UNREAD_COUNTED_MAX)?;
            Ok(Glance { n_unread, zone, missing_year: super::calendars::missing_year(db, &grants, now)? })
        })
        .await
}

/// Marks all notices of the caller's own as read that are no newer than `up_to`: what came since was not seen.
///
/// # Errors
/// Only those of the database.
pub async fn read_all(app: &App, caller: &Caller, up_to: i64) -> Result<(), Error> {
    let (account, now) = (account(caller)?, app.clock.now());
    app.store
        .write(move |db: &mut Db| -> Result<(), Error> { Ok(notices::read_up_to(db, account, up_to, now)?) })
        .await
}

/// Marks a notice of the caller's own as read; again changes nothing.
///
/// # Errors
/// `NotFound` for one that is not in the caller's inbox.
pub async fn read(app: &App, caller: &Caller, id: i64) -> Result<(), Error> {
    let (account, now) = (account(caller)?, app.clock.now());
    app.store
        .write(move |db: &mut Db| -> Result<(), Error> {
            if notices::read(db, account, id, now)? {
                Ok(())
            } else {
                Err(Refusal::NotFound(format!("notice {id}")).into())
            }
        })
        .await
}
