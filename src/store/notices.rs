//! Notices in the database: an inbox for each person.

use diesel::prelude::*;

use super::db::{Db, StoreError, on};
use super::schema::{account, notice, role_grant, ticket};
use crate::domain::notice::Telling;
use crate::domain::people::Role;
use crate::domain::value::{AccountId, At, NodeId, SetupId, TicketId};

/// People told of one thing; a unit or a node with more is told in part, and the queue shows it to all.
const PEOPLE_MAX: i64 = 50;

/// A notice with the number of its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Notice {
    pub id: i64,
    pub number: String,
    pub kind: String,
    pub stage: Option<String>,
    pub percent: Option<i64>,
    pub level: Option<String>,
    pub due_at: Option<i64>,
    pub created_at: i64,
    pub read_at: Option<i64>,
}

/// Those with `role` at the nearest of these nodes, which go from the top down, that has any.
///
/// # Errors
/// Only those of the database.
pub fn nearest(db: &mut Db, role: Role, nodes: &[NodeId]) -> Result<Vec<AccountId>, StoreError> {
    let ids: Vec<i64> = nodes.iter().map(|it| it.0).collect();
    let held: Vec<(i64, i64)> = on!(db, |c| role_grant::table
        .inner_join(account::table.on(account::id.eq(role_grant::account_id)))
        .filter(role_grant::role.eq(role.as_str()))
        .filter(role_grant::node_id.eq_any(&ids))
        .filter(account::disabled_at.is_null())
        .order((role_grant::node_id, role_grant::account_id))
        .limit(PEOPLE_MAX * 20)
        .select((role_grant::account_id, role_grant::node_id))
        .load(c))?;
    let nearest = ids.iter().rev().find(|id| held.iter().any(|(_, node)| node == *id));
    let mut people: Vec<AccountId> =
        held.iter().filter(|(_, node)| Some(node) == nearest).map(|(who, _)| AccountId(*who)).collect();
    people.dedup();
    people.truncate(usize::try_from(PEOPLE_MAX).unwrap_or(0));
    Ok(people)
}

/// The handlers of a unit.
///
/// # Errors
/// Only those of the database.
pub fn handlers(db: &mut Db, unit: SetupId) -> Result<Vec<AccountId>, StoreError> {
    let ids: Vec<i64> = on!(db, |c| role_grant::table
        .inner_join(account::table.on(account::id.eq(role_grant::account_id)))
        .filter(role_grant::role.eq(Role::Handler.as_str()))
        .filter(role_grant::unit_id.eq(unit.0))
        .filter(account::disabled_at.is_null())
        .order(role_grant::account_id)
        .limit(PEOPLE_MAX)
        .select(role_grant::account_id)
        .load(c))?;
    let mut people: Vec<AccountId> = ids.into_iter().map(AccountId).collect();
    people.dedup();
    Ok(people)
}

/// Puts a notice into an inbox.
///
/// # Errors
/// Only those of the database.
pub fn add(db: &mut Db, to: AccountId, about: TicketId, told: &Telling, now: At) -> Result<(), StoreError> {
    on!(db, |c| diesel::insert_into(notice::table)
        .values((
            notice::account_id.eq(to.0),
            notice::ticket_id.eq(about.0),
            notice::kind.eq(told.kind.as_str()),
            notice::stage.eq(told.stage.map(crate::domain::sla::Stage::as_str)),
            notice::percent.eq(told.percent.map(i64::from)),
            notice::level.eq(told.level.map(crate::domain::sla::Level::as_str)),
            notice::due_at.eq(told.due_at.map(At::micros)),
            notice::created_at.eq(now.micros()),
        ))
        .execute(c))?;
    Ok(())
}

/// Notices of `account` older than `before`, newest first; with `unread` only those not read yet.
///
/// # Errors
/// Only those of the database.
pub fn list(
    db: &mut Db,
    account: AccountId,
    unread: bool,
    before: i64,
    limit: i64,
) -> Result<Vec<Notice>, StoreError> {
    Ok(on!(db, |c| {
        let mut query = notice::table
            .inner_join(ticket::table.on(ticket::id.eq(notice::ticket_id)))
            .filter(notice::account_id.eq(account.0))
            .filter(notice::id.lt(before))
            .into_boxed();
        if unread {
            query = query.filter(notice::read_at.is_null());
        }
        query
            .order(notice::id.desc())
            .limit(limit)
            .select((
                notice::id,
                ticket::number,
                notice::kind,
                notice::stage,
                notice::percent,
                notice::level,
                notice::due_at,
                notice::created_at,
                notice::read_at,
            ))
            .load(c)
    })?)
}

/// Marks a notice of `account` as read; false when it has none with this id.
///
/// # Errors
/// Only those of the database.
pub fn read(db: &mut Db, account: AccountId, id: i64, now: At) -> Result<bool, StoreError> {
    let own = notice::table.filter(notice::id.eq(id)).filter(notice::account_id.eq(account.0));
    let n_own: i64 = on!(db, |c| own.count().get_result(c))?;
    on!(db, |c| diesel::update(
        notice::table
            .filter(notice::id.eq(id))
            .filter(notice::account_id.eq(account.0))
            .filter(notice::read_at.is_null())
    )
    .set(notice::read_at.eq(Some(now.micros())))
    .execute(c))?;
    Ok(n_own > 0)
}

/// How many notices of `account` are not read yet, counted up to `n_max`.
///
/// # Errors
/// Only those of the database.
pub fn count_unread(db: &mut Db, account: AccountId, n_max: usize) -> Result<usize, StoreError> {
    let unread: Vec<i64> = on!(db, |c| notice::table
        .filter(notice::account_id.eq(account.0))
        .filter(notice::read_at.is_null())
        .order(notice::id.desc())
        .limit(i64::try_from(n_max).unwrap_or(i64::MAX))
        .select(notice::id)
        .load(c))?;
    Ok(unread.len())
}

/// Marks the notices of `account` up to the one with `id` as read.
///
/// # Errors
/// Only those of the database.
pub fn read_up_to(db: &mut Db, account: AccountId, id: i64, now: At) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(
        notice::table
            .filter(notice::account_id.eq(account.0))
            .filter(notice::id.le(id))
            .filter(notice::read_at.is_null())
    )
    .set(notice::read_at.eq(Some(now.micros())))
    .execute(c))?;
    Ok(())
}
