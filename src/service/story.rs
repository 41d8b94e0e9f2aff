//! A ticket as its resident follows it: what happened, in order, and who has it now.

use chrono_tz::Tz;
use serde_json::{Value, json};

use super::desk::Opened;
use super::files::{self, TicketFile};
use super::{App, Error};
use crate::domain::event::Stream;
use crate::domain::ticket::Status;
use crate::domain::ticket::event::TicketEvent;
use crate::domain::value::{At, SetupId};
use crate::store::tickets::By;
use crate::store::{Db, StoreError, events, setup, tickets};

/// So many events are read; a ticket has some dozens.
const EVENTS_MAX: i64 = 500;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub at: At,
    pub event: TicketEvent,
    /// Name of the unit it went to, where it went to one.
    pub unit: Option<String>,
}

/// A ticket with its course.
#[derive(Debug, Clone)]
pub struct Story {
    pub file: TicketFile,
    /// The receiving community's.
    pub zone: Tz,
    /// Name of the unit or node that has it now.
    pub holder: String,
    /// Oldest first; times are UTC.
    pub steps: Vec<Step>,
}

/// The story of an opened ticket as it is now.
///
/// # Errors
/// Only those of the database.
pub async fn tell(app: &App, opened: &Opened) -> Result<Story, Error> {
    let (id, caller) = (opened.ticket.id, opened.caller.clone());
    app.store
        .read(move |db: &mut Db| {
            let ticket = tickets::find(db, By::Id(id))?.ok_or(StoreError::NotFound)?;
            let mut steps = Vec::new();
            for recorded in events::list(db, Stream::Ticket, id.0, 0, EVENTS_MAX)? {
                let data: Value = serde_json::from_str(&recorded.data).unwrap_or_default();
                let event = serde_json::from_value(json!({ "type": recorded.kind, "data": data }));
                // What is no event of a ticket's course, such as an erasure, is not told.
                let Ok(event) = event else { continue };
                let unit = match event {
                    TicketEvent::Assigned { unit, .. } => Some(name_of(db, unit)?),
                    _ => None,
                };
                steps.push(Step { at: recorded.at, event, unit });
            }
            let node = setup::find_node(db, ticket.node)?;
            let holder = match (ticket.unit, ticket.status) {
                (Some(unit), Status::Assigned | Status::InProgress | Status::Waiting) => name_of(db, unit)?,
                _ => setup::find_node(db, ticket.handling_node)?.name,
            };
            Ok(Story { file: files::of(db, ticket, &caller)?, zone: node.time_zone, holder, steps })
        })
        .await
}

fn name_of(db: &mut Db, unit: SetupId) -> Result<String, Error> {
    Ok(setup::find_entry(db, unit)?.name)
}
