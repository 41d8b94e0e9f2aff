//! A ticket's file: the ticket with its texts and what its ids are called, read in a few queries for many.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::{Caller, Error, shared};
use crate::domain::people::{Actor, Permission};
use crate::domain::setup::Node;
use crate::domain::ticket::intake::{Contact, Location, OnBehalfOf};
use crate::domain::ticket::{Attachment, LetterOf, Place, Ticket, Verb, text};
use crate::domain::value::{AccountId, At, CollectionId, NodeId, SetupId, TicketId};
use crate::store::tickets::{By, TicketText};
use crate::store::{Db, collections, people, setup, tickets};

/// How much of a contact a reader is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContactShown {
    Masked,
    Nothing,
}

/// What a ticket's letter says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterShown {
    pub of: LetterOf,
    /// The day its writer put it in, if that is known.
    pub put_in_on: Option<NaiveDate>,
    /// When its box was opened.
    pub collected_at: At,
    /// Numbers of the other tickets of the letter that the reader may know.
    pub same_letter: Vec<String>,
}

/// Everything a view of a ticket may need; each view takes what its reader may see.
#[derive(Debug, Clone)]
pub struct TicketFile {
    pub ticket: Ticket,
    pub community: String,
    pub handling_node: String,
    /// Code of the unit that answers for it, or of the receiving node.
    pub answerable: String,
    pub merged_into: Option<String>,
    /// Numbers of the tickets merged into it that the reader may know, oldest first.
    pub merged: Vec<String>,
    pub actions: Vec<Verb>,
    /// Those the reader may see.
    pub attachments: Vec<Attachment>,
    pub contact_shown: ContactShown,
    /// True when the reader holds the receipt and is no staff.
    pub is_residents: bool,
    /// The letter it came in, if it came in one.
    pub letter: Option<LetterShown>,
    texts: Vec<TicketText>,
    called: HashMap<SetupId, (String, String)>,
    usernames: HashMap<AccountId, String>,
}

impl TicketFile {
    /// The latest text of `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().rev().find(|it| it.name == name).map(|it| it.body.as_str())
    }

    /// All texts of `name`, oldest first.
    pub fn texts<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.texts.iter().filter(move |it| it.name == name).map(|it| it.body.as_str())
    }

    /// The code of a unit, category or mailbox.
    pub fn code(&self, id: Option<SetupId>) -> Option<&str> {
        id.and_then(|it| self.called.get(&it)).map(|it| it.0.as_str())
    }

    /// The name of a unit, category or mailbox.
    pub fn name(&self, id: Option<SetupId>) -> Option<&str> {
        id.and_then(|it| self.called.get(&it)).map(|it| it.1.as_str())
    }

    /// The username of a staff member.
    pub fn username(&self, id: Option<AccountId>) -> Option<&str> {
        id.and_then(|it| self.usernames.get(&it)).map(String::as_str)
    }

    /// The location with its building.
    pub fn location(&self) -> Location {
        let beside: Location = self.json(text::LOCATION);
        Location { building: self.ticket.building.clone(), ..beside }
    }

    /// The contact as it was given, with the channel; only for who may see it.
    pub fn full_contact(&self) -> Contact {
        Contact { channel: Some(self.ticket.channel), ..self.json(text::CONTACT) }
    }

    /// True for readers who see nothing of who put it in.
    pub fn full_contact_is_hidden(&self) -> bool {
        self.contact_shown == ContactShown::Nothing
    }

    /// Whom it was put in for.
    pub fn on_behalf_of(&self) -> Option<OnBehalfOf> {
        self.text(text::FOR).and_then(|it| serde_json::from_str(it).ok())
    }

    fn json<T: serde::de::DeserializeOwned + Default>(&self, name: &str) -> T {
        self.text(name).and_then(|it| serde_json::from_str(it).ok()).unwrap_or_default()
    }
}

/// The file of one ticket.
///
/// # Errors
/// Only those of the database.
pub fn of(db: &mut Db, ticket: Ticket, caller: &Caller) -> Result<TicketFile, Error> {
    let mut files = of_page(db, vec![ticket], caller)?;
    files.pop().ok_or_else(|| Error::internal("a ticket's file vanished"))
}

/// The files of a page of tickets, in their order.
///
/// # Errors
/// Only those of the database.
pub fn of_page(db: &mut Db, tickets: Vec<Ticket>, caller: &Caller) -> Result<Vec<TicketFile>, Error> {
    let ids: Vec<TicketId> = tickets.iter().map(|it| it.id).collect();
    let mut texts_of: HashMap<TicketId, Vec<TicketText>> = HashMap::new();
    for text in tickets::list_texts(db, &ids, &[])? {
        texts_of.entry(text.ticket).or_default().push(text);
    }
    let nodes = nodes_of(db, &tickets)?;
    let names = called_of(db, &tickets)?;
    let usernames = usernames_of(db, &tickets)?;
    let letters = letters_of(db, &tickets, caller)?;
    let mut merged = merged_of(db, &tickets, &nodes, caller)?;

    let mut files = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        let (owner, handling) = (node(&nodes, ticket.node)?, node(&nodes, ticket.handling_node)?);
        let place = Place { owner_path: owner.path.clone(), handling_path: handling.path.clone() };
        let merged_into = match ticket.merged_into {
            Some(main) => tickets::find(db, By::Id(main))?.map(|it| it.number),
            None => None,
        };
        files.push(TicketFile {
            community: owner.code.clone(),
            handling_node: handling.code.clone(),
            answerable: ticket
                .answerable_unit
                .and_then(|it| names.get(&it))
                .map_or_else(|| owner.code.clone(), |it| it.0.clone()),
            merged_into,
            merged: merged.remove(&ticket.id).unwrap_or_default(),
            actions: ticket.actions(&caller.actor, &place),
            attachments: ticket.attachments_for(&caller.actor, &place).cloned().collect(),
            contact_shown: contact_shown(&ticket, caller, &place),
            letter: letters.get(&ticket.id).cloned(),
            is_residents: !matches!(caller.actor, Actor::Staff(_) | Actor::System),
            texts: texts_of.remove(&ticket.id).unwrap_or_default(),
            called: names.clone(),
            usernames: usernames.clone(),
            ticket,
        });
    }
    Ok(files)
}

/// What is merged into some of the tickets.
fn merged_of(
    db: &mut Db,
    tickets: &[Ticket],
    nodes: &HashMap<NodeId, Node>,
    caller: &Caller,
) -> Result<HashMap<TicketId, Vec<String>>, Error> {
    let mut mains = Vec::with_capacity(tickets.len());
    for ticket in tickets.iter().filter(|it| it.merged_into.is_none()) {
        mains.push((ticket, node(nodes, ticket.node)?.path.as_str()));
    }
    shared::merged_into(db, &mains, caller)
}

/// The letters that some of the tickets came in.
fn letters_of(
    db: &mut Db,
    tickets: &[Ticket],
    caller: &Caller,
) -> Result<HashMap<TicketId, LetterShown>, Error> {
    let mut shown = HashMap::new();
    let wanted: Vec<LetterOf> = tickets.iter().filter_map(|it| it.letter).collect();
    if wanted.is_empty() {
        return Ok(shown);
    }
    let mut ids: Vec<CollectionId> = wanted.iter().map(|it| it.collection).collect();
    ids.sort_unstable();
    ids.dedup();
    let letters = collections::letters(db, &wanted)?;
    let named = collections::tickets_of(db, &ids)?;
    for ticket in tickets {
        let found = letters.iter().find(|(of, _, _)| Some(*of) == ticket.letter);
        let Some((of, letter, collected_at)) = found else { continue };
        let mut same_letter = Vec::new();
        for other in named.iter().filter(|it| it.letter == *of && it.ticket != ticket.id) {
            if may_know(db, other.ticket, caller)? {
                same_letter.push(other.number.clone());
            }
        }
        let (of, put_in_on, collected_at) = (*of, letter.put_in_on, *collected_at);
        shown.insert(ticket.id, LetterShown { of, put_in_on, collected_at, same_letter });
    }
    Ok(shown)
}

/// Whoever wrote a letter knows all of it; staff know of a matter what they may see.
fn may_know(db: &mut Db, other: TicketId, caller: &Caller) -> Result<bool, Error> {
    if !matches!(caller.actor, Actor::Staff(_)) {
        return Ok(true);
    }
    match tickets::find(db, By::Id(other))? {
        Some(other) => super::caller_sees_number(db, &caller.actor, &other),
        None => Ok(false),
    }
}

fn node(nodes: &HashMap<NodeId, Node>, id: NodeId) -> Result<&Node, Error> {
    nodes.get(&id).ok_or_else(|| Error::internal("a ticket names no node"))
}

fn contact_shown(ticket: &Ticket, caller: &Caller, place: &Place) -> ContactShown {
    match &caller.actor {
        Actor::Staff(staff) if ticket.allows(staff, Permission::ReadMaskedContact, place) => {
            ContactShown::Masked
        }
        Actor::System => ContactShown::Masked,
        Actor::Staff(_) | Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => ContactShown::Nothing,
    }
}

fn nodes_of(db: &mut Db, tickets: &[Ticket]) -> Result<HashMap<NodeId, Node>, Error> {
    let mut ids: Vec<NodeId> = tickets.iter().flat_map(|it| [it.node, it.handling_node]).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut nodes = HashMap::new();
    for id in ids {
        nodes.insert(id, setup::find_node(db, id)?);
    }
    Ok(nodes)
}

fn called_of(db: &mut Db, tickets: &[Ticket]) -> Result<HashMap<SetupId, (String, String)>, Error> {
    let mut ids: Vec<SetupId> = tickets
        .iter()
        .flat_map(|it| {
            [it.category, it.unit, it.answerable_unit, it.about_unit, it.mailbox]
                .into_iter()
                .flatten()
                .chain(it.supporting.iter().copied())
        })
        .collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(setup::labels(db, &ids)?)
}

fn usernames_of(db: &mut Db, tickets: &[Ticket]) -> Result<HashMap<AccountId, String>, Error> {
    let mut ids: Vec<AccountId> =
        tickets.iter().flat_map(|it| [it.assignee, it.resolved_by]).flatten().collect();
    ids.sort_unstable();
    ids.dedup();
    Ok(people::usernames(db, &ids)?)
}
