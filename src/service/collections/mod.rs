//! Collections: two people open a box, its letters are counted, then each is registered or set aside.

pub mod attachments;
mod file;
mod keys;

use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

pub use self::file::{CollectionFile, Registered};
use self::keys::{Key, keep, made_before};
use super::intake::{Arrival, Receipt, arrive, first_receipt};
use super::{App, Caller, Error, slips};
use crate::domain::mailbox::{Collection, Doing, LetterBody, OpeningBody, ReadLetter};
use crate::domain::people::{Permission, Staff, may};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::setup::{Entry, Node, NodeKind, SetupKind};
use crate::domain::ticket::LetterOf;
use crate::domain::ticket::intake::clean;
use crate::domain::value::{At, CollectionId, SetupId};
use crate::store::collections as rows;
use crate::store::tickets::By;
use crate::store::{Db, StoreError, people, setup, tickets};

pub use crate::store::collections::ListState;

/// A page is never longer (PRODUCT §10).
pub const LIMIT_MAX: i64 = 200;
const LIMIT_DEFAULT: i64 = 50;
/// A reason is a few sentences.
const REASON_CHARS_MAX: usize = 1_000;

fn staff_of(caller: &Caller) -> Result<&Staff, Refusal> {
    caller.actor.staff().ok_or(Refusal::Unauthenticated)
}

fn doing(caller: &Caller, now: At) -> Doing<'_> {
    Doing { actor: &caller.actor, from: caller.place.as_deref(), now }
}

/// Refuses whoever may record openings nowhere, before anything is read.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`.
pub fn check_may_collect(caller: &Caller) -> Result<(), Error> {
    if staff_of(caller)?.may_somewhere(Permission::Collect) {
        return Ok(());
    }
    Err(Refusal::Forbidden(Permission::Collect).into())
}

/// Records an opening; the same again for the same `key` and body.
///
/// # Errors
/// `Invalid` with every wrong field, `Forbidden` at another's mailbox, `KeyReused`.
pub async fn open(
    app: &App,
    caller: &Caller,
    body: OpeningBody,
    key: Option<String>,
) -> Result<CollectionFile, Error> {
    check_may_collect(caller)?;
    let (now, key) = (app.clock.now(), key.map(|it| Key::of(&it, "collections", &body)));
    let (app_too, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |db: &mut Db| {
            let staff = staff_of(&caller)?;
            if let Some(kept) = made_before(db, staff, key.as_ref(), now)? {
                let collection = found(db, kept.collection)?.as_opened();
                return file::of(db, collection, staff);
            }
            let opening = body.clone().parse(now)?;
            let (mailbox, node) = mailbox(db, staff, &opening.mailbox, opening.community.as_deref())?;
            let mut accounts = [None; 2];
            for (account, name) in accounts.iter_mut().zip(&opening.openers) {
                *account = people::find_active_near(db, name, &[&node.path])?;
            }
            let id = rows::next_id(db)?;
            let change = Collection::open(id, mailbox.id, node.id, &opening, accounts, &doing(&caller, now));
            rows::save(db, &app_too.keys.seal, &change)?;
            keep(db, staff, key.as_ref(), id, None, now)?;
            file::of(db, change.collection().clone(), staff)
        })
        .await
}

/// The mailbox in use with this code where `staff` may collect, and its node.
fn mailbox(db: &mut Db, staff: &Staff, code: &str, community: Option<&str>) -> Result<(Entry, Node), Error> {
    let within = match community {
        Some(code) => setup::find_node_by_code(db, code)?.map_or_else(|| "none".to_owned(), |it| it.path),
        None => "/".to_owned(),
    };
    let mut coded = setup::entries_coded(db, SetupKind::Mailbox, code)?;
    coded.retain(|(it, path)| it.retired_at.is_none() && path.starts_with(&within) && !path.is_empty());
    let is_seen = coded.iter().any(|(_, path)| staff.may_at(Permission::ReadSetup, path));
    coded.retain(|(_, path)| staff.may_at(Permission::Collect, path));
    let fault = |message: String| Err(Refusal::field("mailbox", message).into());
    let code = shown(code);
    let (entry, path) = match (coded.pop(), coded.is_empty()) {
        (Some(found), true) => found,
        (Some(_), false) => {
            return fault(format!(
                "有几个信箱都叫 {code}，请写明社区（community）。 Several mailboxes are called {code}; name the community."
            ));
        }
        (None, _) if is_seen => return Err(Refusal::Forbidden(Permission::Collect).into()),
        (None, _) => {
            return fault(format!("没有在用的红色信箱 {code}。 There is no mailbox {code} in use."));
        }
    };
    let node = entry.node.ok_or_else(|| Error::internal("a mailbox without a node"))?;
    let node = setup::find_node(db, node)?;
    if community_at(db, &path)?.is_none() {
        return fault(format!("信箱 {code} 不在任何社区。 The mailbox {code} belongs to no community."));
    }
    Ok((entry, node))
}

/// The nearest community at or above the node with `path`: the one that receives the letters.
pub(super) fn community_at(db: &mut Db, path: &str) -> Result<Option<Node>, Error> {
    for id in path.split('/').rev().filter_map(|it| it.parse().ok()) {
        let node = setup::find_node(db, crate::domain::value::NodeId(id))?;
        if node.kind == NodeKind::Community {
            return Ok(Some(node));
        }
    }
    Ok(None)
}

fn found(db: &mut Db, id: CollectionId) -> Result<Collection, Error> {
    rows::find(db, id)?.ok_or_else(|| unknown(id).into())
}

fn unknown(id: CollectionId) -> Refusal {
    Refusal::NotFound(format!("collections/{id}"))
}

/// Lets `staff` do what needs `permission` with a collection; its two openers may always read and confirm it.
fn allow(db: &mut Db, staff: &Staff, it: &Collection, permission: Permission) -> Result<String, Error> {
    let path = setup::find_node(db, it.node)?.path;
    let is_opener = it.openers.iter().any(|opener| opener.account == Some(staff.account));
    if !is_opener && !staff.may_at(Permission::ReadCollection, &path) {
        return Err(unknown(it.id).into());
    }
    let may_do = staff.may_at(permission, &path) || is_opener && permission == Permission::ReadCollection;
    if may_do { Ok(path) } else { Err(Refusal::Forbidden(permission).into()) }
}

/// Settles whether `caller` may do what needs `permission` with a collection, before the body is read.
///
/// # Errors
/// `NotFound` for what one may not see, `Forbidden` for what one may not do.
pub async fn authorise(
    app: &App,
    caller: &Caller,
    id: CollectionId,
    permission: Permission,
) -> Result<(), Error> {
    let caller = caller.clone();
    app.store
        .read(move |db: &mut Db| {
            let collection = found(db, id)?;
            allow(db, staff_of(&caller)?, &collection, permission).map(drop)
        })
        .await
}

/// One collection with its letters.
///
/// # Errors
/// `NotFound` when the caller may not see it.
pub async fn read(app: &App, caller: &Caller, id: CollectionId) -> Result<CollectionFile, Error> {
    let caller = caller.clone();
    app.store
        .read(move |db: &mut Db| {
            let staff = staff_of(&caller)?;
            let collection = found(db, id)?;
            allow(db, staff, &collection, Permission::ReadCollection)?;
            file::of(db, collection, staff)
        })
        .await
}

/// Which collections.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CollectionsAsked {
    /// Code of a mailbox.
    pub mailbox: Option<String>,
    /// `open`, `closed`, or `exception`: those with something that is not as it should be.
    #[param(inline)]
    pub state: Option<ListState>,
    /// `next_cursor` of the page before.
    pub cursor: Option<i64>,
    /// 1 to 200, default 50.
    pub limit: Option<i64>,
}

/// A page of the collections of the caller's nodes, newest first, and where the next begins.
///
/// # Errors
/// `Forbidden` without the right anywhere; `Invalid` with each wrong filter.
pub async fn list(
    app: &App,
    caller: &Caller,
    asked: CollectionsAsked,
) -> Result<(Vec<CollectionFile>, Option<i64>), Error> {
    let staff = staff_of(caller)?.clone();
    if !staff.may_somewhere(Permission::ReadCollection) {
        return Err(Refusal::Forbidden(Permission::ReadCollection).into());
    }
    app.store
        .read(move |db: &mut Db| {
            let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
            let filter = filter(db, &staff, &asked, limit)?;
            let before = asked.cursor.unwrap_or(i64::MAX);
            let mut page = rows::list(db, &filter, before, limit + 1)?;
            let n_asked = usize::try_from(limit).unwrap_or(0);
            let has_more = page.len() > n_asked;
            page.truncate(n_asked);
            let next = page.last().map(|it| it.id.0).filter(|_| has_more);
            Ok((file::of_page(db, page, &staff)?, next))
        })
        .await
}

fn filter(db: &mut Db, staff: &Staff, asked: &CollectionsAsked, limit: i64) -> Result<rows::Filter, Error> {
    let grants = staff.grants.iter().filter(|it| may(it.role, Permission::ReadCollection));
    let paths: Vec<String> = grants.map(|it| it.path.clone()).collect();
    let mut faults = Faults::default();
    if !(1..=LIMIT_MAX).contains(&limit) {
        faults.add("limit", format!("1 到 {LIMIT_MAX}。 1 to {LIMIT_MAX}."));
    }
    let mailboxes = match &asked.mailbox {
        None => None,
        Some(code) => {
            let mut coded = setup::entries_coded(db, SetupKind::Mailbox, code)?;
            coded.retain(|(_, path)| staff.may_at(Permission::ReadCollection, path));
            if coded.is_empty() {
                let code = shown(code);
                faults.add("mailbox", format!("没有这个红色信箱：{code}。 There is no mailbox {code}."));
            }
            Some(coded.into_iter().map(|(it, _)| it.id).collect::<Vec<SetupId>>())
        }
    };
    let nodes = setup::nodes_of(db, &paths)?;
    Ok(faults.check(rows::Filter { nodes, mailboxes, state: asked.state })?)
}

/// Accounts for one letter: registers it as tickets, all of them or none, or sets it aside.
///
/// # Errors
/// In this order: `NotFound`, `Forbidden`, `Invalid` with each wrong field, `Illegal` or a rule's words.
pub async fn register(
    app: &App,
    caller: &Caller,
    id: CollectionId,
    body: LetterBody,
    key: Option<String>,
) -> Result<Registered, Error> {
    let (now, key) = (app.clock.now(), key.map(|it| Key::of(&it, "letters", &(id.0, &body))));
    let (app_too, caller) = (app.clone(), caller.clone());
    app.store
        .write_intake(move |db: &mut Db| {
            let staff = staff_of(&caller)?;
            let collection = rows::lock(db, id)?.ok_or_else(|| unknown(id))?;
            let path = allow(db, staff, &collection, Permission::Collect)?;
            if let Some(kept) = made_before(db, staff, key.as_ref(), now)? {
                return registered_before(db, &app_too, staff, kept.collection, kept.letter);
            }
            let registered = take(db, &app_too, &caller, collection, &path, body.clone(), now)?;
            keep(db, staff, key.as_ref(), id, Some(registered.letter), now)?;
            Ok(registered)
        })
        .await
}

/// Reads a letter, makes its tickets, and keeps all of it.
fn take(
    db: &mut Db,
    app: &App,
    caller: &Caller,
    collection: Collection,
    path: &str,
    body: LetterBody,
    now: At,
) -> Result<Registered, Error> {
    let staff = staff_of(caller)?;
    let community =
        community_at(db, path)?.ok_or_else(|| Error::internal("a mailbox outside of any community"))?;
    let starts_on = setup::policy_in_force(db, &community.path)?.clock_starts_on;
    let read =
        body.parse(&collection, &community.code, community.time_zone, starts_on, &caller.actor, now)?;
    let letter = collection.next_letter();
    let mut receipts = Vec::new();
    let change = match read {
        ReadLetter::SetAside { reason, note } => collection.set_aside(reason, note, &doing(caller, now))?,
        ReadLetter::Tickets { slip, put_in_on, tickets } => {
            collection.check_letter()?;
            let slip = match &slip {
                Some(serial) => Some(slips::check_free(db, &community, serial, None)?),
                None => None,
            };
            for (nth, parsed) in tickets.iter().enumerate() {
                let arrival = Arrival {
                    parsed,
                    once: None,
                    mailbox: Some(collection.mailbox),
                    letter: Some(LetterOf { collection: collection.id, letter }),
                    // The stub opens the letter's first ticket, which names the others.
                    slip: slip.as_deref().filter(|_| nth == 0),
                    is_live: true,
                };
                let receipt = arrive(db, app, caller, &arrival, now).map_err(|it| placed(nth, it))?;
                let of = (&collection, letter);
                let ticket = attachments::hand_on(db, app, caller, of, receipt.ticket, now)?;
                receipts.push(Receipt { ticket, ..receipt });
            }
            let ids = receipts.iter().map(|it| it.ticket.id).collect();
            collection.register(ids, put_in_on, slip, &doing(caller, now))?
        }
    };
    rows::save(db, &app.keys.seal, &change)?;
    Ok(Registered { file: file::of(db, change.collection().clone(), staff)?, letter, receipts })
}

/// Puts the faults of the `nth` ticket under its place in the body.
fn placed(nth: usize, error: Error) -> Error {
    let Error::Refusal(Refusal::Invalid(faults)) = error else { return error };
    let mut moved = Faults::default();
    for it in faults.0 {
        moved.add(format!("tickets[{nth}].{}", it.field), it.message);
    }
    Refusal::Invalid(moved).into()
}

/// What was answered when the letter was registered.
fn registered_before(
    db: &mut Db,
    app: &App,
    staff: &Staff,
    id: CollectionId,
    letter: Option<u32>,
) -> Result<Registered, Error> {
    let letter = letter.ok_or_else(|| Error::internal("a kept answer names no letter"))?;
    let collection = found(db, id)?;
    let mut receipts = Vec::new();
    for it in rows::tickets_of(db, &[id])? {
        if it.letter.letter == letter {
            let ticket = tickets::find(db, By::Id(it.ticket))?.ok_or(StoreError::NotFound)?;
            receipts.push(first_receipt(app, ticket));
        }
    }
    Ok(Registered { file: file::of(db, collection, staff)?, letter, receipts })
}

/// One of the two openers confirms; again changes nothing.
///
/// # Errors
/// `NotFound` for what one may not see, `NotYours` for anyone but the openers.
pub async fn confirm(app: &App, caller: &Caller, id: CollectionId) -> Result<CollectionFile, Error> {
    let (app_too, caller, now) = (app.clone(), caller.clone(), app.clock.now());
    app.store
        .write(move |db: &mut Db| {
            let staff = staff_of(&caller)?;
            let collection = rows::lock(db, id)?.ok_or_else(|| unknown(id))?;
            allow(db, staff, &collection, Permission::ReadCollection)?;
            let Some(change) = collection.clone().confirm(&doing(&caller, now))? else {
                return file::of(db, collection, staff);
            };
            rows::save(db, &app_too.keys.seal, &change)?;
            file::of(db, change.collection().clone(), staff)
        })
        .await
}

/// Why a collection is closed with letters unaccounted for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseBody {
    /// Only a supervisor's counts; at most 1000 characters.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Closes a collection that has the version `if_match`.
///
/// # Errors
/// In this order: `NotFound`, `Forbidden`, `Invalid`, `PreconditionRequired`, `Stale`, `Illegal` or a rule's words.
pub async fn close(
    app: &App,
    caller: &Caller,
    id: CollectionId,
    body: CloseBody,
    if_match: Option<i64>,
) -> Result<CollectionFile, Error> {
    let (app_too, caller, now) = (app.clone(), caller.clone(), app.clock.now());
    app.store
        .write(move |db: &mut Db| {
            let staff = staff_of(&caller)?;
            let collection = rows::lock(db, id)?.ok_or_else(|| unknown(id))?;
            let path = allow(db, staff, &collection, Permission::Collect)?;
            let reason = body.reason.as_deref().map(clean).filter(|it| !it.is_empty());
            if reason.as_ref().is_some_and(|it| it.chars().count() > REASON_CHARS_MAX) {
                let message =
                    format!("最多 {REASON_CHARS_MAX} 个字。 At most {REASON_CHARS_MAX} characters.");
                return Err(Refusal::field("reason", message).into());
            }
            match if_match {
                None => return Err(Refusal::PreconditionRequired.into()),
                Some(it) if it != collection.version => {
                    return Err(Refusal::Stale { version: collection.version }.into());
                }
                Some(_) => {}
            }
            let is_supervisor = staff.may_at(Permission::Supervise, &path);
            let change = collection.close(reason, is_supervisor, &doing(&caller, now))?;
            rows::save(db, &app_too.keys.seal, &change)?;
            file::of(db, change.collection().clone(), staff)
        })
        .await
}
