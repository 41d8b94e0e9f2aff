//! One function per verb: load, decide, save.
//!
//! Rules of this floor: it knows order and transactions; no SQL, no HTTP, no status code. One verb is one
//! transaction; no mail, file or network inside it. `&App` stops here: below, narrow things are asked for.

pub mod accounts;
pub mod agenda;
pub mod attachments;
pub mod audit;
pub mod board;
mod calendars;
mod carriage;
pub mod circumstances;
pub mod clocks;
pub mod collections;
pub mod delivery;
pub mod desk;
pub mod dossier;
pub mod enclosures;
pub mod erasure;
pub mod export;
pub mod files;
pub mod first;
pub mod follow_ups;
pub mod guide;
pub mod health;
pub mod import;
pub mod in_force;
pub mod intake;
pub mod letters;
pub mod live;
pub mod mailboxes;
pub mod messages;
pub mod notices;
pub mod orders;
pub mod queue;
pub mod receipts;
pub mod rounds;
pub mod setup;
pub mod shared;
pub mod simulate;
pub mod slips;
mod standing;
pub mod start;
pub mod statistics;
pub mod story;
pub mod timer;
pub mod tokens;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::Ticket;
use crate::keys::Keys;
use crate::store::{Db, Store, StoreError, StoreFault};

/// What every verb works with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub store: Store,
    pub clock: Clock,
    pub keys: Arc<Keys>,
    pub settings: Arc<Settings>,
}

/// Who asks, and from where: an address for staff and devices, nothing for residents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub actor: Actor,
    pub place: Option<String>,
}

/// Why a verb was not done. Nothing has changed when one of these is returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The job's rules say no.
    #[error(transparent)]
    Refusal(#[from] Refusal),
    /// The database could not do it; the store sees this to run a job again after a collision.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of ours; the words are for the log.
    #[error("{0}")]
    Internal(String),
}

/// An error as the world outside may know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    Refused(Refusal),
    /// Too much at once; again shortly.
    Busy,
    /// The database is away; the words are for the log.
    Unavailable(String),
    /// A fault of ours; the words are for the log.
    Internal(String),
}

impl Error {
    /// A fault of ours.
    pub fn internal(words: impl Into<String>) -> Self {
        Error::Internal(words.into())
    }

    /// What this is to whoever asked.
    pub fn outside(self) -> Outside {
        match self {
            Error::Refusal(refusal) => Outside::Refused(refusal),
            Error::Internal(words) => Outside::Internal(words),
            Error::Store(StoreError::Busy | StoreError::Collision) => Outside::Busy,
            Error::Store(StoreError::Unavailable(words)) => Outside::Unavailable(words),
            Error::Store(StoreError::NotFound) => {
                Outside::Refused(Refusal::NotFound("记录 the record".to_owned()))
            }
            Error::Store(fault @ (StoreError::Duplicate { .. } | StoreError::Stale)) => {
                Outside::Internal(format!("not met where it can happen: {fault}"))
            }
            Error::Store(fault @ (StoreError::Corrupt(_) | StoreError::Panicked | StoreError::Bug(_))) => {
                Outside::Internal(fault.to_string())
            }
        }
    }
}

impl StoreFault for Error {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Error::Store(fault) => Some(fault),
            Error::Refusal(_) | Error::Internal(_) => None,
        }
    }
}

/// True when `actor` may know that `ticket` exists.
///
/// # Errors
/// Only those of the database.
fn caller_sees_number(db: &mut Db, actor: &Actor, ticket: &Ticket) -> Result<bool, Error> {
    let Some(staff) = actor.staff() else { return Ok(*actor == Actor::System) };
    let surroundings = circumstances::Circumstances::of(db, ticket)?;
    Ok(ticket.is_seen_by(staff, &surroundings.place))
}
