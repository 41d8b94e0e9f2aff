//! A collection's file: the collection with its texts and what its ids are called.

use std::collections::HashMap;
use std::collections::hash_map::Entry::{Occupied, Vacant};

use super::super::Error;
use super::super::intake::Receipt;
use crate::domain::mailbox::{Collection, CollectionAttachment, CollectionMove, text};
use crate::domain::people::{Permission, Role, Staff};
use crate::domain::setup::{Entry, Node};
use crate::domain::value::{CollectionId, NodeId, SetupId};
use crate::store::collections::{self as rows, CollectionText, TicketOfLetter};
use crate::store::{Db, setup};

/// Everything a view of a collection may need.
#[derive(Debug, Clone)]
pub struct CollectionFile {
    pub collection: Collection,
    /// The mailbox's code and name.
    pub mailbox: String,
    pub mailbox_name: String,
    /// Code of the community that receives the letters.
    pub community: String,
    /// What the reader may do now.
    pub moves: Vec<CollectionMove>,
    /// Numbers of the tickets that the reader may know, each with its letter.
    pub numbers: Vec<(u32, String)>,
    /// Those the reader may see.
    pub attachments: Vec<CollectionAttachment>,
    texts: Vec<CollectionText>,
}

/// A letter that was just accounted for, with the receipts of its tickets.
#[derive(Debug, Clone)]
pub struct Registered {
    pub file: CollectionFile,
    pub letter: u32,
    pub receipts: Vec<Receipt>,
}

impl CollectionFile {
    /// The latest text of `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.iter().rev().find(|it| it.name == name).map(|it| it.body.as_str())
    }

    /// The two who opened it, as they were named.
    pub fn openers(&self) -> Vec<String> {
        text::OPENERS.iter().map(|name| self.text(name).unwrap_or_default().to_owned()).collect()
    }
}

/// The file of one collection.
///
/// # Errors
/// Only those of the database.
pub(super) fn of(db: &mut Db, collection: Collection, staff: &Staff) -> Result<CollectionFile, Error> {
    let mut files = of_page(db, vec![collection], staff)?;
    files.pop().ok_or_else(|| Error::internal("a collection's file vanished"))
}

/// The files of a page of collections, in their order.
///
/// # Errors
/// Only those of the database.
pub(super) fn of_page(
    db: &mut Db,
    collections: Vec<Collection>,
    staff: &Staff,
) -> Result<Vec<CollectionFile>, Error> {
    let ids: Vec<CollectionId> = collections.iter().map(|it| it.id).collect();
    let mut texts_of: HashMap<i64, Vec<CollectionText>> = HashMap::new();
    for text in rows::list_texts(db, &ids)? {
        texts_of.entry(text.collection).or_default().push(text);
    }
    let mut numbers_of: HashMap<CollectionId, Vec<(u32, String)>> = HashMap::new();
    let (named, sealed): (Vec<_>, Vec<_>) =
        rows::tickets_of(db, &ids)?.into_iter().partition(|it| is_named(it, staff));
    for it in named {
        numbers_of.entry(it.letter.collection).or_default().push((it.letter.letter, it.number));
    }
    let mut mailboxes: HashMap<SetupId, Entry> = HashMap::new();
    let mut places: HashMap<NodeId, (Node, String)> = HashMap::new();
    let mut files = Vec::with_capacity(collections.len());
    for collection in collections {
        let mailbox = match mailboxes.entry(collection.mailbox) {
            Occupied(found) => found.into_mut(),
            Vacant(free) => free.insert(setup::find_entry(db, collection.mailbox)?),
        };
        let (node, community) = match places.entry(collection.node) {
            Occupied(found) => found.into_mut(),
            Vacant(free) => {
                let node = setup::find_node(db, collection.node)?;
                let community = super::community_at(db, &node.path)?.map(|it| it.code).unwrap_or_default();
                free.insert((node, community))
            }
        };
        files.push(CollectionFile {
            mailbox: mailbox.code.clone(),
            mailbox_name: mailbox.name.clone(),
            community: community.clone(),
            moves: moves(&collection, staff, &node.path),
            attachments: attachments(&collection, &sealed, staff, &node.path),
            numbers: numbers_of.remove(&collection.id).unwrap_or_default(),
            texts: texts_of.remove(&collection.id.0).unwrap_or_default(),
            collection,
        });
    }
    Ok(files)
}

/// The files `staff` may see, as those of tickets: leaders and auditors none, and no scan of a letter in which
/// something is sealed to them.
fn attachments(
    collection: &Collection,
    sealed: &[TicketOfLetter],
    staff: &Staff,
    path: &str,
) -> Vec<CollectionAttachment> {
    if !staff.may_at(Permission::ReadAttachments, path) {
        return Vec::new();
    }
    let is_sealed = |letter: u32| {
        sealed.iter().any(|it| it.letter.collection == collection.id && it.letter.letter == letter)
    };
    let shown = collection.attachments.iter().filter(|it| !it.letter.is_some_and(is_sealed));
    shown.cloned().collect()
}

/// A sealed ticket is named to the supervisor who handles it only.
fn is_named(it: &TicketOfLetter, staff: &Staff) -> bool {
    let is_handling = |grant: &crate::domain::people::Grant| {
        grant.role == Role::Supervisor && grant.node == it.handling_node
    };
    !it.sealed || staff.grants.iter().any(is_handling)
}

/// What of the possible moves `staff` may do.
fn moves(collection: &Collection, staff: &Staff, path: &str) -> Vec<CollectionMove> {
    let may_collect = staff.may_at(Permission::Collect, path);
    let is_asked =
        collection.openers.iter().any(|it| it.account == Some(staff.account) && it.confirmed_at.is_none());
    let may_do = |it: &CollectionMove| match it {
        CollectionMove::Letters | CollectionMove::Close => may_collect,
        CollectionMove::Confirm => is_asked,
    };
    collection.moves().into_iter().filter(may_do).collect()
}
