//! The holding ledger (经办台账): in whose hands a ticket was, and for how long, from its events.

use super::{ClockEffect, Stage};
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::{Status, Ticket, WaitingFor};
use crate::domain::value::{AccountId, At, NodeId, SetupId, TicketId};

/// In whose hands a ticket is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Those who triage at a node, or answer there.
    Node(NodeId),
    /// The lead unit.
    Unit(SetupId),
    /// The resident was asked for something.
    Resident,
    /// Somebody outside was asked for something.
    ThirdParty,
}

/// A span in one pair of hands; the end is open while it still is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    pub holder: Holder,
    pub cycle: u32,
    pub from: At,
    pub to: Option<At>,
}

/// An event as the ledger reads it.
#[derive(Debug, Clone)]
pub struct Happened {
    pub event: TicketEvent,
    pub effects: Vec<ClockEffect>,
    pub at: At,
    pub by: Option<AccountId>,
}

/// The ledger of a ticket from all its events, oldest first.
///
/// A unit holds it from the assignment on, not while the resident or somebody else is asked; after an escalation
/// the node above holds it until it assigns. Nobody holds what is replied, merged or at rest.
pub fn ledger(id: TicketId, events: &[Happened]) -> Vec<Hold> {
    let mut holds: Vec<Hold> = Vec::new();
    let mut ticket: Option<Ticket> = None;
    let mut is_escalated = false;
    for it in events {
        let since = ticket.as_ref().map_or(it.at, |before| it.event.since(before, it.at));
        match &mut ticket {
            None => ticket = it.event.begin(id, it.at),
            Some(ticket) => it.event.apply_all(&it.effects, ticket, it.at, it.by),
        }
        let Some(ticket) = &ticket else { continue };
        is_escalated = matches!(it.event, TicketEvent::Escalated { .. })
            || is_escalated
                && !matches!(it.event, TicketEvent::Assigned { .. } | TicketEvent::Reopened { .. });
        // What came in earlier than it was entered was in the node's hands from then on.
        let from = if holds.is_empty() { ticket.received_at } else { since };
        let now = holder(ticket, is_escalated);
        let open = holds.last_mut().filter(|hold| hold.to.is_none());
        if let Some(open) = open {
            if Some(open.holder) == now && open.cycle == ticket.cycle {
                continue;
            }
            open.to = Some(since);
        }
        holds.extend(now.map(|holder| Hold { holder, cycle: ticket.cycle, from, to: None }));
    }
    holds
}

fn holder(ticket: &Ticket, is_escalated: bool) -> Option<Holder> {
    let node = Holder::Node(ticket.handling_node);
    match ticket.status {
        Status::Received | Status::Accepted | Status::Resolved => Some(node),
        Status::Assigned | Status::InProgress => {
            Some(ticket.unit.filter(|_| !is_escalated).map_or(node, Holder::Unit))
        }
        Status::Waiting => match ticket.waiting_for {
            Some(WaitingFor::ThirdParty) => Some(Holder::ThirdParty),
            Some(WaitingFor::Resident) | None => Some(Holder::Resident),
        },
        Status::Declined => {
            ticket.clock_now(Stage::Reply).is_some_and(super::Clock::is_unmet).then_some(node)
        }
        Status::Replied | Status::Closed | Status::Merged | Status::Withdrawn => None,
    }
}
