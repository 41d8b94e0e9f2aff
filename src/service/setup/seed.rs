//! What a fresh database is given: the starter tree of categories.

use crate::domain::category::STARTER;
use crate::domain::event::{Draft, Stamp, Stream};
use crate::domain::people::Actor;
use crate::domain::setup::{Category, Details, Entry, SetupKind};
use crate::domain::value::{At, SetupId};
use crate::keys::Keys;
use crate::store::setup::{self as rows, EntryDraft};
use crate::store::{Db, Store, StoreError, events};

/// Gives a fresh database the starter categories, installation-wide, with their events. Blocks.
///
/// Nothing happens when there are any; two processes that start together give them once.
///
/// # Errors
/// Only those of the database.
pub fn ensure_seeded(store: &Store, keys: &Keys, now: At) -> Result<(), StoreError> {
    let is_seeded = |db: &mut Db| rows::has_installation_wide(db, SetupKind::Category);
    if store.read_blocking(is_seeded)? {
        return Ok(());
    }
    let key = keys.seal.clone();
    let seeded = store.write_blocking(move |db| {
        if is_seeded(db)? {
            return Ok(());
        }
        let drafts = insert_starter(db)?.iter().map(|it| added(it, now)).collect();
        events::append(db, &key, Stream::Setup, 0, drafts)
    });
    match seeded {
        // The other process was faster by a moment.
        Err(StoreError::Duplicate { .. }) if store.read_blocking(is_seeded)? => Ok(()),
        seeded => seeded,
    }
}

fn insert_starter(db: &mut Db) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    for group in STARTER {
        let parent = insert(db, None, group.code, group.name_zh, false)?;
        let parent_id = parent.id;
        entries.push(parent);
        for leaf in group.leaves {
            entries.push(insert(db, Some(parent_id), leaf.code, leaf.name_zh, leaf.is_danger)?);
        }
    }
    Ok(entries)
}

fn insert(
    db: &mut Db,
    parent: Option<SetupId>,
    code: &str,
    name: &str,
    danger: bool,
) -> Result<Entry, StoreError> {
    let details = Details::Category(Category { danger });
    rows::insert_entry(db, &EntryDraft { node: None, parent, code, name, details: &details })
}

fn added(entry: &Entry, now: At) -> Draft {
    Draft {
        kind: "setup.category_added".to_owned(),
        at: now,
        stamp: Stamp::of(&Actor::System, None),
        fields: entry.fields(),
        texts: Vec::new(),
    }
}
