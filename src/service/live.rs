//! What moves, as it moves: tickets by the events written since, whichever process wrote them.

use std::collections::{BTreeSet, HashMap};

use super::{App, Error};
use crate::domain::people::Staff;
use crate::domain::ticket::{Place, Ticket};
use crate::domain::value::{NodeId, TicketId};
use crate::store::{Db, agenda, events, setup};

/// Events looked at in one round; what is beyond comes with the next.
pub const EVENTS_MAX: i64 = 500;

/// A ticket that moved, by the last event that moved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub event: i64,
    pub kind: String,
    ticket: Ticket,
    place: Place,
}

impl Moved {
    /// The ticket's number.
    pub fn number(&self) -> &str {
        &self.ticket.number
    }

    /// True when `staff` may know of it.
    pub fn is_seen_by(&self, staff: &Staff) -> bool {
        self.ticket.is_seen_by(staff, &self.place)
    }
}

/// The last event that was written; 0 before the first.
///
/// # Errors
/// Only those of the database.
pub async fn latest(app: &App) -> Result<i64, Error> {
    Ok(app.store.read(events::latest_id).await?)
}

/// What a round of looking found.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// By event, oldest first.
    pub moved: Vec<Moved>,
    /// Every event that was looked at.
    pub events: BTreeSet<i64>,
}

/// The tickets that events after `after` moved, but for those in `seen`.
///
/// # Errors
/// Only those of the database.
pub async fn since(app: &App, after: i64, seen: BTreeSet<i64>) -> Result<Round, Error> {
    app.store
        .read(move |db: &mut Db| {
            let moves = events::list_moves(db, after, EVENTS_MAX)?;
            let events: BTreeSet<i64> = moves.iter().map(|it| it.0).collect();
            let mut by_ticket: HashMap<i64, (i64, String)> = HashMap::new();
            for (event, ticket, kind) in moves.into_iter().filter(|it| !seen.contains(&it.0)) {
                by_ticket.insert(ticket, (event, kind));
            }
            let ids: Vec<TicketId> = by_ticket.keys().copied().map(TicketId).collect();
            let mut paths: HashMap<NodeId, String> = HashMap::new();
            let mut found = Vec::with_capacity(ids.len());
            for ticket in agenda::find_all(db, &ids)? {
                for node in [ticket.node, ticket.handling_node] {
                    if let std::collections::hash_map::Entry::Vacant(place) = paths.entry(node) {
                        place.insert(setup::find_node(db, node)?.path);
                    }
                }
                let path = |node: NodeId| paths.get(&node).cloned().unwrap_or_default();
                let place =
                    Place { owner_path: path(ticket.node), handling_path: path(ticket.handling_node) };
                let Some((event, kind)) = by_ticket.remove(&ticket.id.0) else { continue };
                found.push(Moved { event, kind, ticket, place });
            }
            found.sort_by_key(|it| it.event);
            Ok(Round { moved: found, events })
        })
        .await
}
