//! The set-up's verbs: list, get, add, change, retire, for nodes and for every kind of entry.
//!
//! Staff see what hangs at, above and below the nodes they hold a role at, and what is installation-wide;
//! an admin writes at and below the own nodes. A command on the server may do everything.

mod entries;
mod kiosks;
mod nodes;
mod seed;
mod years;

pub use entries::{
    EntryCard, Listing, add_entry, change_entry, check_may_change, get_entry, list_entries,
    public_categories, retire_entry,
};
pub use kiosks::{
    DEVICE_TOKEN_PREFIX, Heard, add_kiosk, authenticate_device, hear, issue_device_token, revoke_device_token,
};
pub(super) use nodes::add_community;
pub use nodes::{
    NodeCard, add_node, change_node, check_may_change_node, community_of, get_node, list_nodes, retire_node,
    zone_of,
};
pub use seed::ensure_seeded;
pub use years::{YearCard, YearFate, YearLoaded, YearOrigin, check_may_load, list_years, load_years};

use serde_json::Value;

use super::{App, Caller, Error};
use crate::domain::chain::SealKey;
use crate::domain::event::{Draft, Stamp, Stream};
use crate::domain::people::{Actor, Permission, may};
use crate::domain::refusal::{Refusal, shown};
use crate::domain::setup::Node;
use crate::domain::value::At;
pub use crate::store::setup::Device;
use crate::store::setup::Sight;
use crate::store::{Db, StoreError, events, setup as rows};

/// Entries on a page when nobody says how many.
pub const PAGE_DEFAULT: i64 = 50;
/// Entries on a page at most (PRODUCT §10).
pub const PAGE_MAX: i64 = 200;

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// The last id of the page before; 0 for the first page.
    pub after: i64,
    /// 1 to 200.
    pub limit: i64,
}

/// A page of a list, and where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    pub items: Vec<T>,
    /// `after` of the next page; None on the last.
    pub next: Option<i64>,
}

impl Page {
    /// Reads a page's bounds as a caller gives them.
    ///
    /// # Errors
    /// `Malformed` when the limit is not 1 to 200, or the cursor none of ours.
    pub fn parse(limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Refusal> {
        let limit = limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(Refusal::Malformed(format!(
                "limit 须为 1 到 {PAGE_MAX}。 limit is 1 to {PAGE_MAX}."
            )));
        }
        let after = match cursor {
            None => 0,
            Some(cursor) => cursor.parse().ok().filter(|it| *it > 0).ok_or_else(|| {
                Refusal::Malformed(
                    "cursor 须照上一页的 next_cursor 填写。 cursor is the next_cursor of the page before."
                        .to_owned(),
                )
            })?,
        };
        Ok(Self { after, limit })
    }

    /// Cuts `items`, read one more than the limit, into a page.
    fn cut<T>(self, mut items: Vec<T>, id: impl Fn(&T) -> i64) -> PageOf<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().map(id).filter(|_| has_more);
        PageOf { items, next }
    }
}

/// Refuses a change that is not based on the `stored` version; asked once the fields have been read.
fn check_version(seen: Option<i64>, stored: i64) -> Result<(), Refusal> {
    match seen {
        None => Err(Refusal::PreconditionRequired),
        Some(seen) if seen == stored => Ok(()),
        Some(_) => Err(Refusal::Stale { version: stored }),
    }
}

/// One verb being done: who, when, and the key that seals its events.
#[derive(Clone)]
pub(super) struct Doing {
    pub(super) caller: Caller,
    key: SealKey,
    pub(super) now: At,
}

impl Doing {
    pub(super) fn of(app: &App, caller: &Caller) -> Self {
        Self { caller: caller.clone(), key: app.keys.seal.clone(), now: app.clock.now() }
    }

    /// Writes one event of the set-up.
    pub(super) fn record(&self, db: &mut Db, kind: String, fields: Value) -> Result<(), StoreError> {
        let stamp = Stamp::of(&self.caller.actor, self.caller.place.as_deref());
        let draft = Draft { kind, at: self.now, stamp, fields, texts: Vec::new() };
        events::append(db, &self.key, Stream::Setup, 0, vec![draft])
    }

    fn sight(&self) -> Result<Sight, Refusal> {
        sight(&self.caller.actor)
    }

    /// Whether the set-up may be written at the node with `path`.
    fn may_write(&self, path: &str) -> bool {
        match &self.caller.actor {
            Actor::System => true,
            Actor::Staff(staff) => staff.may_at(Permission::WriteSetup, path),
            Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => false,
        }
    }

    fn check_write(&self, path: &str) -> Result<(), Refusal> {
        if self.may_write(path) { Ok(()) } else { Err(Refusal::Forbidden(Permission::WriteSetup)) }
    }

    /// The node with this code, if it is in sight.
    fn node_in_sight(&self, db: &mut Db, code: &str) -> Result<Node, Error> {
        let sight = self.sight()?;
        let node = rows::find_node_by_code(db, code)?.filter(|it| sight.sees(&it.path));
        Ok(node.ok_or_else(|| Refusal::NotFound(format!("nodes/{}", shown(code))))?)
    }
}

/// Refuses whoever may not write the set-up at the node with this code.
///
/// # Errors
/// `NotFound` when the caller does not see it, `Forbidden` when it is not theirs to change.
pub(super) async fn check_may_write_at(app: &App, caller: &Caller, code: &str) -> Result<(), Error> {
    let (doing, code) = (Doing::of(app, caller), code.to_owned());
    app.store
        .read(move |db: &mut Db| {
            let node = doing.node_in_sight(db, &code)?;
            Ok(doing.check_write(&node.path)?)
        })
        .await
}

/// What `actor` sees of the tree.
fn sight(actor: &Actor) -> Result<Sight, Refusal> {
    match actor {
        Actor::Staff(staff) => {
            let grants = staff.grants.iter().filter(|it| may(it.role, Permission::ReadSetup));
            Ok(Sight::from(grants.map(|it| it.path.clone())))
        }
        Actor::System | Actor::Timer => Ok(Sight::everywhere()),
        Actor::Kiosk { .. } => Err(Refusal::NotYours(
            "自助终端只能提交和查询。 A kiosk may submit and track, no more.".to_owned(),
        )),
        Actor::Resident => Err(Refusal::Unauthenticated),
    }
}

/// Whether `caller` sees the node with `path`.
///
/// # Errors
/// `Unauthenticated` for the public.
pub(super) fn sees(caller: &Caller, path: &str) -> Result<bool, Refusal> {
    Ok(sight(&caller.actor)?.sees(path))
}

/// Refuses whoever may write the set-up nowhere, before anything is read.
///
/// # Errors
/// `Unauthenticated` for the public, `Forbidden` for staff who are no admin.
pub fn check_may_add(caller: &Caller) -> Result<(), Error> {
    sight(&caller.actor)?;
    let may_add = match &caller.actor {
        Actor::System => true,
        Actor::Staff(staff) => staff.may_somewhere(Permission::WriteSetup),
        Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => false,
    };
    if may_add { Ok(()) } else { Err(Refusal::Forbidden(Permission::WriteSetup).into()) }
}

/// What is said of a code that is taken.
fn taken(what: &str, code: &str, is_retired: bool) -> Refusal {
    Refusal::Exists(if is_retired {
        format!(
            "{what} {code}（已停用；PATCH {{\"active\":true}} 可恢复 retired; PATCH {{\"active\":true}} brings it back）"
        )
    } else {
        format!("{what} {code}")
    })
}
