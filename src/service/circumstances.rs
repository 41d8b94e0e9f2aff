//! What surrounds a ticket when something is done with it: its place in the tree and the rules in force there.

use std::sync::Arc;

use super::standing::Standing;
use super::{App, Caller, Error, messages, notices};
use crate::domain::calendar::WorkingCalendar;
use crate::domain::refusal::Refusal;
use crate::domain::setup::{Node, PolicyInForce};
use crate::domain::sla::{Matter, Rulebook, Rules};
use crate::domain::ticket::{Change, Doing, Place, Ticket, text};
use crate::domain::value::{At, NodeId};
use crate::domain::{chain, ticket::intake::Contact};
use crate::store::{Db, outbox, search, setup, tickets};

/// A ticket's surroundings, read in the transaction that decides.
#[derive(Debug, Clone)]
pub struct Circumstances {
    pub owner: Node,
    pub handling: Node,
    pub place: Place,
    pub policy: PolicyInForce,
    pub calendar: WorkingCalendar,
    /// What clocks that start now are counted by.
    pub rulebook: Arc<Rulebook>,
    /// What was fixed for the ticket before.
    pub kept: Option<Arc<Rules>>,
}

impl Circumstances {
    /// Reads the nodes of a ticket and what is in force at its owner.
    ///
    /// # Errors
    /// Only those of the database.
    pub fn load(db: &mut Db, owner: NodeId, handling: NodeId) -> Result<Self, Error> {
        let owner_node = setup::find_node(db, owner)?;
        let handling_node =
            if handling == owner { owner_node.clone() } else { setup::find_node(db, handling)? };
        let standing = Standing::read(db)?;
        Self::between(db, &standing, owner_node, handling_node)
    }

    /// What is in force at `node` for what it receives and handles itself.
    ///
    /// # Errors
    /// Only those of the database.
    pub(super) fn at(db: &mut Db, standing: &Standing, node: Node) -> Result<Self, Error> {
        Self::between(db, standing, node.clone(), node)
    }

    fn between(db: &mut Db, standing: &Standing, owner: Node, handling: Node) -> Result<Self, Error> {
        let rulebook = standing.rulebook(db, &owner.path, owner.time_zone)?;
        Ok(Self {
            policy: rulebook.general(),
            calendar: rulebook.calendar.clone(),
            rulebook,
            kept: None,
            place: Place { owner_path: owner.path.clone(), handling_path: handling.path.clone() },
            owner,
            handling,
        })
    }

    /// The surroundings of `ticket`.
    ///
    /// # Errors
    /// Only those of the database.
    pub fn of(db: &mut Db, ticket: &Ticket) -> Result<Self, Error> {
        let kept = ticket.rules.map(|it| tickets::find_rules(db, it)).transpose()?;
        Ok(Self::load(db, ticket.node, ticket.handling_node)?.for_ticket(ticket, kept))
    }

    /// Those of a ticket of these nodes, with the rules kept for it.
    #[must_use]
    pub fn for_ticket(mut self, ticket: &Ticket, kept: Option<Arc<Rules>>) -> Self {
        self.policy = self.rulebook.policy(&Matter::of(ticket));
        self.kept = kept;
        self
    }

    /// `caller` doing something at `now`, here.
    pub fn doing<'a>(&'a self, caller: &'a Caller, now: At) -> Doing<'a> {
        Doing {
            actor: &caller.actor,
            from: caller.place.as_deref(),
            now,
            place: &self.place,
            policy: &self.policy,
            calendar: &self.calendar,
            rulebook: &self.rulebook,
            kept: self.kept.as_ref(),
            zone: self.owner.time_zone,
        }
    }
}

/// Saves a change with all that hangs on it: events, search words, phone index, messages to send.
///
/// # Errors
/// `Stale` as a refusal when somebody saved the ticket meanwhile.
pub fn keep(db: &mut Db, app: &App, change: &Change) -> Result<(), Error> {
    let ticket = change.ticket();
    tickets::save(db, &app.keys.seal, change).map_err(|error| match error {
        crate::store::StoreError::Stale => Error::from(Refusal::Stale { version: ticket.version }),
        other => Error::from(other),
    })?;
    if change.changes_words() {
        index_words(db, change)?;
    }
    if change.erases() {
        tickets::erase(db, ticket)?;
    }
    if let Some(contact) = change.contact() {
        let phone = serde_json::from_str::<Contact>(contact).ok().and_then(|it| it.phone);
        let hmac = phone.map(|it| chain::keyed_hash(&app.keys.phone, &it));
        tickets::index_phone(db, ticket.id, hmac.as_ref().map(<[u8; 32]>::as_slice), change.is_new())?;
    }
    notices::tell(db, app, change)?;
    messages::queue_extensions(db, app, change)?;
    for reply in change.to_send() {
        let message_id = format!(
            "{}.{}@{}",
            ticket.number.to_lowercase(),
            reply.id,
            app.settings.mail_from.rsplit('@').next().unwrap_or("localhost")
        );
        outbox::queue(db, ticket.id, reply.id, reply.channel.as_str(), &message_id, change.at())?;
    }
    Ok(())
}

/// Brings the search up to date with the words of a change.
fn index_words(db: &mut Db, change: &Change) -> Result<(), Error> {
    let ticket = change.ticket();
    let names = [text::SUBJECT, text::DESCRIPTION, text::LOCATION];
    // A new ticket has no words but those of the change: they need not be read back.
    let texts: Vec<(String, String)> = if change.is_new() {
        change.entries().iter().flat_map(|it| it.texts.iter().cloned()).collect()
    } else {
        let texts = tickets::list_texts(db, &[ticket.id], &names)?;
        texts.into_iter().map(|it| (it.name, it.body)).collect()
    };
    // Later texts stand for earlier ones of the same name.
    let latest: Vec<&str> = names
        .iter()
        .filter_map(|name| texts.iter().rev().find(|(it, _)| it == name))
        .map(|(_, body)| body.as_str())
        .collect();
    Ok(search::index_words(db, ticket, &latest, change.is_new())?)
}
