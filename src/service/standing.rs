//! What is set up, remembered between jobs for as long as nothing of it changes.
//!
//! Every change of the set-up is an event of one chain, so the hash of that chain's head names all that is set up.
//! A job reads the hash in its own transaction; what was read under the same hash before holds, and nothing else is
//! taken from memory. So it is never stale, and a group that was rolled back leaves nothing behind: its hash does
//! not come again.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use chrono_tz::Tz;

use crate::domain::event::Stream;
use crate::domain::setup::{Entry, Node, SetupKind};
use crate::domain::sla::Rulebook;
use crate::store::{Db, StoreError, events, setup};

/// Codes and places remembered by one thread; beyond that it begins anew, so that made-up codes take no memory.
const KEPT_MAX: usize = 1_000;

thread_local! {
    /// Each thread of the store remembers for itself: nothing to wait for, and one database only.
    static KEPT: RefCell<Kept> = RefCell::default();
}

#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    nodes: HashMap<String, Option<Node>>,
    entries: HashMap<(SetupKind, String, String), Option<Entry>>,
    rulebooks: HashMap<String, Arc<Rulebook>>,
}

/// The set-up as a transaction sees it.
pub(super) struct Standing {
    head: Vec<u8>,
}

impl Standing {
    /// What is set up now.
    ///
    /// # Errors
    /// Only those of the database.
    pub(super) fn read(db: &mut Db) -> Result<Self, StoreError> {
        let head = events::head(db, Stream::Setup, 0)?;
        Ok(Self { head: head.map(|it| it.hash).unwrap_or_default() })
    }

    /// The node with this code, retired or not.
    ///
    /// # Errors
    /// Only those of the database.
    pub(super) fn node(&self, db: &mut Db, code: &str) -> Result<Option<Node>, StoreError> {
        self.remembered(|it| &mut it.nodes, code.to_owned(), || setup::find_node_by_code(db, code))
    }

    /// The entry in use under this code at the node with `path` or above.
    ///
    /// # Errors
    /// Only those of the database.
    pub(super) fn entry(
        &self,
        db: &mut Db,
        kind: SetupKind,
        path: &str,
        code: &str,
    ) -> Result<Option<Entry>, StoreError> {
        let key = (kind, path.to_owned(), code.to_owned());
        self.remembered(|it| &mut it.entries, key, || setup::find_by_code(db, kind, path, code))
    }

    /// The policies and the calendar in force at the node with `path`, whose time zone is `zone`.
    ///
    /// # Errors
    /// `Corrupt` when a stored calendar is none.
    pub(super) fn rulebook(&self, db: &mut Db, path: &str, zone: Tz) -> Result<Arc<Rulebook>, StoreError> {
        let read = || setup::rulebook(db, path, zone).map(Arc::new);
        self.remembered(|it| &mut it.rulebooks, path.to_owned(), read)
    }

    fn remembered<K: std::hash::Hash + Eq, V: Clone>(
        &self,
        place: fn(&mut Kept) -> &mut HashMap<K, V>,
        key: K,
        read: impl FnOnce() -> Result<V, StoreError>,
    ) -> Result<V, StoreError> {
        let known = KEPT.with_borrow_mut(|kept| {
            if kept.head != self.head {
                *kept = Kept { head: self.head.clone(), ..Kept::default() };
            }
            place(kept).get(&key).cloned()
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let value = read()?;
        // A chain that has not begun names nothing.
        if !self.head.is_empty() {
            KEPT.with_borrow_mut(|kept| {
                let known = place(kept);
                if known.len() >= KEPT_MAX {
                    known.clear();
                }
                known.insert(key, value.clone());
            });
        }
        Ok(value)
    }
}
