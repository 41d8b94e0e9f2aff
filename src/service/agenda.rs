//! What needs whom now: lists by time left, from what each role does next with a ticket in which status.

use super::files::{self, TicketFile};
use super::{App, Caller, Error};
use crate::domain::people::{Role, Staff};
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Status;
use crate::domain::value::At;
use crate::store::agenda::{self, Lane, Whose};
use crate::store::{Db, setup};

/// A list is never longer: who has more to do now is not helped by seeing it.
pub const LIMIT_MAX: i64 = 100;
/// More are not counted.
pub const COUNTED_MAX: usize = 200;

/// Where the next step is a triager's: accept, assign, reply.
const TRIAGED: [Status; 4] = [Status::Received, Status::Accepted, Status::Resolved, Status::Declined];
/// Where it is the lead unit's: acknowledge, resolve.
const HANDLED: [Status; 2] = [Status::Assigned, Status::InProgress];
/// Where some clock may be late.
const TIMED: [Status; 6] = [
    Status::Received,
    Status::Accepted,
    Status::Assigned,
    Status::InProgress,
    Status::Resolved,
    Status::Declined,
];

/// Whose list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// All that the person's roles do next.
    Mine,
    /// What the person's own units have in hand.
    Units,
    /// Every running clock of the nodes that the person supervises.
    Supervised,
}

/// A list by time left, the first due first.
#[derive(Debug, Clone)]
pub struct Agenda {
    pub files: Vec<TicketFile>,
    /// How many there are, at most [`COUNTED_MAX`].
    pub n_all: usize,
}

/// True for whom the list can hold anything.
pub fn has_list(staff: &Staff, list: List) -> bool {
    let roles: &[Role] = match list {
        List::Mine => &[Role::Clerk, Role::Triager, Role::Supervisor, Role::Handler],
        List::Units => &[Role::Handler],
        List::Supervised => &[Role::Supervisor],
    };
    staff.grants.iter().any(|it| roles.contains(&it.role))
}

/// The list; with `due_before` only what is due earlier.
///
/// # Errors
/// `Forbidden` for whom it can hold nothing.
pub async fn list(app: &App, caller: &Caller, list: List, due_before: Option<At>) -> Result<Agenda, Error> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?.clone();
    if !has_list(&staff, list) {
        let permission = crate::domain::people::Permission::Handle;
        return Err(Refusal::Forbidden(permission).into());
    }
    let caller = caller.clone();
    app.store
        .read(move |db: &mut Db| {
            let lanes = lanes_of(db, &staff, list)?;
            let n_counted = i64::try_from(COUNTED_MAX).unwrap_or(LIMIT_MAX);
            let mut ids = agenda::list_ids(db, &lanes, due_before, n_counted)?;
            let n_all = ids.len();
            ids.truncate(usize::try_from(LIMIT_MAX).unwrap_or(0));
            let tickets = agenda::find_all(db, &ids)?;
            let mut files = files::of_page(db, tickets, &caller)?;
            // Where life may be at stake, nothing that is merely late stands above.
            files.sort_by_key(|it| !it.ticket.suspected_emergency);
            Ok(Agenda { files, n_all })
        })
        .await
}

/// What a supervisor has to decide: requests for more time, and replies that await approval.
///
/// # Errors
/// `Forbidden` for who supervises nothing.
pub async fn undecided(app: &App, caller: &Caller) -> Result<Vec<TicketFile>, Error> {
    let staff = caller.actor.staff().ok_or(Refusal::Unauthenticated)?.clone();
    if !has_list(&staff, List::Supervised) {
        return Err(Refusal::Forbidden(crate::domain::people::Permission::Supervise).into());
    }
    let caller = caller.clone();
    app.store
        .read(move |db: &mut Db| {
            let mut nodes = Vec::new();
            for grant in staff.grants.iter().filter(|it| it.role == Role::Supervisor) {
                nodes.extend(setup::subtree(db, &grant.path)?.into_iter().map(|it| it.0));
            }
            let ids = agenda::list_undecided(db, &nodes, LIMIT_MAX)?;
            let tickets = agenda::find_all(db, &ids)?;
            let found = files::of_page(db, tickets, &caller)?;
            // A sealed ticket is another supervisor's.
            let mut seen = Vec::with_capacity(found.len());
            for file in found {
                if super::caller_sees_number(db, &caller.actor, &file.ticket)? {
                    seen.push(file);
                }
            }
            Ok(seen)
        })
        .await
}

fn lanes_of(db: &mut Db, staff: &Staff, list: List) -> Result<Vec<Lane>, Error> {
    let mut lanes: Vec<Lane> = Vec::new();
    for grant in &staff.grants {
        let mut add = |whose: Whose, statuses: &[Status]| {
            lanes.extend(statuses.iter().map(|status| Lane { whose, status: *status }));
        };
        match (grant.role, list) {
            (Role::Handler, List::Mine | List::Units) => {
                if let Some(unit) = grant.unit {
                    add(Whose::Unit(unit.0), &HANDLED);
                }
            }
            (Role::Triager | Role::Supervisor, List::Mine) => {
                for node in setup::subtree(db, &grant.path)? {
                    add(Whose::Node(node.0), &TRIAGED);
                    add(Whose::Escalated(node.0), &TIMED);
                }
                if grant.role == Role::Supervisor {
                    add(Whose::Sealed(grant.node.0), &TIMED);
                }
            }
            (Role::Clerk, List::Mine) => {
                for node in setup::subtree(db, &grant.path)? {
                    add(Whose::Node(node.0), &[Status::Received]);
                }
            }
            (Role::Supervisor, List::Supervised) => {
                for node in setup::subtree(db, &grant.path)? {
                    add(Whose::Owner(node.0), &TIMED);
                    add(Whose::Escalated(node.0), &TIMED);
                }
                add(Whose::Sealed(grant.node.0), &TIMED);
            }
            (Role::Clerk | Role::Triager, List::Units | List::Supervised)
            | (Role::Supervisor, List::Units)
            | (Role::Handler, List::Supervised)
            | (Role::Leader | Role::Auditor | Role::Admin, _) => {}
        }
    }
    Ok(lanes)
}
