//! Notices in the database: an inbox for each person.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::db::{Db, StoreError, on};
use super::schema::{account, node, notice, role_grant, ticket};
use crate::domain::notice::{NoticeKind, Telling};
use crate::domain::people::Role;
use crate::domain::value::{AccountId, At, NodeId, SetupId, TicketId};

/// People told of one thing; a unit or a node with more is told in part, and the queue shows it to all.
const PEOPLE_MAX: i64 = 50;
/// Admins of a whole installation who are told of one thing.
const ADMINS_MAX: i64 = 10_000;

/// A notice with the number of its ticket, or the code of the node it is about.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Notice {
    pub id: i64,
    pub number: Option<String>,
    pub node: Option<String>,
    pub kind: String,
    /// What of the node: the year of a missing calendar, the code of a box that was not opened.
    pub subject: Option<String>,
    pub stage: Option<String>,
    pub percent: Option<i64>,
    pub level: Option<String>,
    pub due_at: Option<i64>,
    pub created_at: i64,
    pub read_at: Option<i64>,
    /// Names of all who were told of an emergency, parted by 、.
    pub alerted: Option<String>,
}

/// Those with `role` at the nearest of these nodes, which go from the top down, that has any.
///
/// # Errors
/// Only those of the database.
pub fn nearest(db: &mut Db, role: Role, nodes: &[NodeId]) -> Result<Vec<AccountId>, StoreError> {
    Ok(nearest_at(db, role, nodes)?.into_iter().map(|(_, who)| who).collect())
}

/// As [`nearest`], each with that node.
///
/// # Errors
/// Only those of the database.
pub fn nearest_at(db: &mut Db, role: Role, nodes: &[NodeId]) -> Result<Vec<(NodeId, AccountId)>, StoreError> {
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
    let mut people: Vec<(NodeId, AccountId)> = held
        .iter()
        .filter(|(_, node)| Some(node) == nearest)
        .map(|(who, node)| (NodeId(*node), AccountId(*who)))
        .collect();
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

/// Puts a notice into an inbox and gives its id.
///
/// # Errors
/// Only those of the database.
pub fn add(
    db: &mut Db,
    to: AccountId,
    about: TicketId,
    told: &Telling,
    alerted: Option<&str>,
    now: At,
) -> Result<i64, StoreError> {
    Ok(on!(db, |c| diesel::insert_into(notice::table)
        .values((
            notice::account_id.eq(to.0),
            notice::ticket_id.eq(Some(about.0)),
            notice::kind.eq(told.kind.as_str()),
            notice::stage.eq(told.stage.map(crate::domain::sla::Stage::as_str)),
            notice::percent.eq(told.percent.map(i64::from)),
            notice::level.eq(told.level.map(crate::domain::sla::Level::as_str)),
            notice::due_at.eq(told.due_at.map(At::micros)),
            notice::alerted.eq(alerted),
            notice::created_at.eq(now.micros()),
        ))
        .returning(notice::id)
        .get_result(c))?)
}

/// Tells of the mailbox with the code `mailbox` at a node, which was not opened by `due_at`.
///
/// # Errors
/// Only those of the database.
pub fn tell_unopened(
    db: &mut Db,
    to: AccountId,
    at: NodeId,
    mailbox: &str,
    due_at: At,
    now: At,
) -> Result<(), StoreError> {
    on!(db, |c| diesel::insert_into(notice::table)
        .values((
            notice::account_id.eq(to.0),
            notice::node_id.eq(Some(at.0)),
            notice::kind.eq(NoticeKind::BoxUnopened.as_str()),
            notice::subject.eq(Some(mailbox)),
            notice::due_at.eq(Some(due_at.micros())),
            notice::created_at.eq(now.micros()),
        ))
        .execute(c))?;
    Ok(())
}

/// The enabled ones among these accounts, with the names people know them by, in the order of ids.
///
/// # Errors
/// Only those of the database.
pub fn names(db: &mut Db, people: &[AccountId]) -> Result<Vec<(AccountId, String)>, StoreError> {
    let ids: Vec<i64> = people.iter().map(|it| it.0).collect();
    let named: Vec<(i64, String)> = on!(db, |c| account::table
        .filter(account::id.eq_any(&ids))
        .filter(account::disabled_at.is_null())
        .order(account::id)
        .limit(PEOPLE_MAX * 20)
        .select((account::id, account::name))
        .load(c))?;
    Ok(named.into_iter().map(|(id, name)| (AccountId(id), name)).collect())
}

/// The admins of each node in use that has any, in the order of nodes.
///
/// # Errors
/// Only those of the database.
pub fn admins(db: &mut Db) -> Result<Vec<(NodeId, AccountId)>, StoreError> {
    let held: Vec<(i64, i64)> = on!(db, |c| role_grant::table
        .inner_join(account::table.on(account::id.eq(role_grant::account_id)))
        .inner_join(node::table.on(node::id.eq(role_grant::node_id)))
        .filter(role_grant::role.eq(Role::Admin.as_str()))
        .filter(account::disabled_at.is_null())
        .filter(node::retired_at.is_null())
        .order((role_grant::node_id, role_grant::account_id))
        .limit(ADMINS_MAX)
        .select((role_grant::node_id, role_grant::account_id))
        .load(c))?;
    Ok(held.into_iter().map(|(at, who)| (NodeId(at), AccountId(who))).collect())
}

/// Those who were told that the official days of `year` are missing, each with the node.
///
/// # Errors
/// Only those of the database.
pub fn told_missing(db: &mut Db, year: i32) -> Result<Vec<(NodeId, AccountId)>, StoreError> {
    // Word for word as the index says: one that is asked by a bound value is not used.
    let told: Vec<(Option<i64>, i64)> = on!(db, |c| notice::table
        .filter(sql::<Bool>("notice.kind = 'calendar_missing'"))
        .filter(notice::subject.eq(Some(year.to_string())))
        .order(notice::id)
        .limit(ADMINS_MAX)
        .select((notice::node_id, notice::account_id))
        .load(c))?;
    Ok(told.into_iter().filter_map(|(at, who)| Some((NodeId(at?), AccountId(who)))).collect())
}

/// Tells an admin of a node that the official days of `year` are missing; again changes nothing.
///
/// # Errors
/// Only those of the database.
pub fn tell_missing(db: &mut Db, to: AccountId, at: NodeId, year: i32, now: At) -> Result<(), StoreError> {
    on!(db, |c| diesel::insert_into(notice::table)
        .values((
            notice::account_id.eq(to.0),
            notice::node_id.eq(Some(at.0)),
            notice::kind.eq(NoticeKind::CalendarMissing.as_str()),
            notice::subject.eq(Some(year.to_string())),
            notice::created_at.eq(now.micros()),
        ))
        .on_conflict_do_nothing()
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
            .left_join(ticket::table.on(ticket::id.nullable().eq(notice::ticket_id)))
            .left_join(node::table.on(node::id.nullable().eq(notice::node_id)))
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
                ticket::number.nullable(),
                node::code.nullable(),
                notice::kind,
                notice::subject,
                notice::stage,
                notice::percent,
                notice::level,
                notice::due_at,
                notice::created_at,
                notice::read_at,
                notice::alerted,
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
