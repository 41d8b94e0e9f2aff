//! Events as such: who did what, when and from where; the ticket's own are in `ticket::event`.

use serde_json::Value;

use super::people::Actor;
use super::value::At;
use crate::words;

words! {
    /// The kinds of chains events are linked in.
    Stream {
        /// One chain per ticket.
        Ticket = "ticket",
        /// One chain, id 0, for nodes, units, users and everything else that is set up.
        Setup = "setup",
        /// One chain per collection.
        Collection = "collection",
    }
}

words! {
    /// Who acts, in the trail.
    ActorKind {
        User = "user", Resident = "resident", Kiosk = "kiosk", Timer = "timer", System = "system",
    }
}

/// Who did it and from where, as the trail keeps it.
///
/// A resident has no name and no address here: the log holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub kind: ActorKind,
    pub id: Option<i64>,
    pub name: Option<String>,
    pub place: Option<String>,
}

impl Stamp {
    /// The stamp of `actor`; `place` is a staff member's network address, or a resident's way in.
    pub fn of(actor: &Actor, place: Option<&str>) -> Self {
        let place = place.map(str::to_owned);
        match actor {
            Actor::Staff(staff) => Self {
                kind: ActorKind::User,
                id: Some(staff.account.0),
                name: Some(staff.username.clone()),
                place,
            },
            Actor::Resident => Self { kind: ActorKind::Resident, id: None, name: None, place },
            Actor::Kiosk { id, code, .. } => {
                Self { kind: ActorKind::Kiosk, id: Some(id.0), name: Some(code.clone()), place }
            }
            Actor::Timer => Self { kind: ActorKind::Timer, id: None, name: None, place },
            Actor::System => Self { kind: ActorKind::System, id: None, name: None, place },
        }
    }
}

/// An event before it has its place in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The exact type, `ticket.accepted`.
    pub kind: String,
    pub at: At,
    pub stamp: Stamp,
    /// A JSON object without personal data and free text.
    pub fields: Value,
    /// Texts by name; the event gets a commitment of each, the text is kept beside the log.
    pub texts: Vec<(String, String)>,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub id: i64,
    pub stream: String,
    pub stream_id: i64,
    pub seq: i64,
    pub kind: String,
    pub at: At,
    pub actor_kind: String,
    pub actor_id: Option<i64>,
    pub actor_name: Option<String>,
    pub place: Option<String>,
    /// The event's fields and commitments, the JSON text as it was hashed.
    pub data: String,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}
