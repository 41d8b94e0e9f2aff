//! Accounts as tickets name them: by username, by id.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::domain::people::Role;
use crate::domain::value::{AccountId, SetupId};
use crate::store::db::{Db, StoreError, can_be_stored, on};
use crate::store::schema::{account, node, role_grant};

/// The account with `username`, unless it is disabled.
///
/// # Errors
/// Only those of the database.
fn find_active(db: &mut Db, username: &str) -> Result<Option<AccountId>, StoreError> {
    if !can_be_stored(username) {
        return Ok(None);
    }
    let username = username.to_lowercase();
    let id: Option<i64> = on!(db, |c| account::table
        .filter(account::username.eq(&username))
        .filter(account::disabled_at.is_null())
        .select(account::id)
        .first(c)
        .optional())?;
    Ok(id.map(AccountId))
}

/// The same, if the account holds a role at, above or below one of `paths`: others are not told from none.
///
/// # Errors
/// Only those of the database.
pub fn find_active_near(
    db: &mut Db,
    username: &str,
    paths: &[&str],
) -> Result<Option<AccountId>, StoreError> {
    let Some(id) = find_active(db, username)? else { return Ok(None) };
    let held: Vec<String> = on!(db, |c| role_grant::table
        .inner_join(node::table.on(node::id.eq(role_grant::node_id)))
        .filter(role_grant::account_id.eq(id.0))
        .order(role_grant::id)
        .limit(1000)
        .select(node::path)
        .load(c))?;
    let is_near =
        |it: &String| paths.iter().any(|path| it.starts_with(path) || path.starts_with(it.as_str()));
    Ok(held.iter().any(is_near).then_some(id))
}

/// The same, if the account holds `role` for `unit`.
///
/// # Errors
/// Only those of the database.
pub fn find_active_with_unit(
    db: &mut Db,
    username: &str,
    role: Role,
    unit: SetupId,
) -> Result<Option<AccountId>, StoreError> {
    let Some(id) = find_active(db, username)? else { return Ok(None) };
    let held: i64 = on!(db, |c| role_grant::table
        .filter(role_grant::account_id.eq(id.0))
        .filter(role_grant::role.eq(role.as_str()))
        .filter(role_grant::unit_id.eq(unit.0))
        .count()
        .get_result(c))?;
    Ok((held > 0).then_some(id))
}

/// The usernames of accounts, disabled ones too.
///
/// # Errors
/// Only those of the database.
pub fn usernames(db: &mut Db, ids: &[AccountId]) -> Result<HashMap<AccountId, String>, StoreError> {
    let mut usernames = HashMap::new();
    // 500 at a time: SQLite takes 32,766 bound values a statement.
    for some in ids.chunks(500) {
        let some: Vec<i64> = some.iter().map(|it| it.0).collect();
        let found: Vec<(i64, String)> = on!(db, |c| account::table
            .filter(account::id.eq_any(&some))
            .select((account::id, account::username))
            .load(c))?;
        usernames.extend(found.into_iter().map(|(id, username)| (AccountId(id), username)));
    }
    Ok(usernames)
}

/// The names of accounts, disabled ones too.
///
/// # Errors
/// Only those of the database.
pub fn names(db: &mut Db, ids: &[AccountId]) -> Result<HashMap<AccountId, String>, StoreError> {
    let mut names = HashMap::new();
    for some in ids.chunks(500) {
        let some: Vec<i64> = some.iter().map(|it| it.0).collect();
        let found: Vec<(i64, String)> = on!(db, |c| account::table
            .filter(account::id.eq_any(&some))
            .select((account::id, account::name))
            .load(c))?;
        names.extend(found.into_iter().map(|(id, name)| (AccountId(id), name)));
    }
    Ok(names)
}

/// A handler as a form offers them.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct HandlerRow {
    pub username: String,
    pub name: String,
    pub unit_id: Option<i64>,
}

/// More handlers are not offered; an assignment without one reaches the whole unit.
const HANDLERS_MAX: i64 = 500;

/// The handlers of these units, by unit and username; disabled ones are left out.
///
/// # Errors
/// Only those of the database.
pub fn handlers_of(db: &mut Db, units: &[SetupId]) -> Result<Vec<HandlerRow>, StoreError> {
    let units: Vec<i64> = units.iter().map(|it| it.0).collect();
    Ok(on!(db, |c| role_grant::table
        .inner_join(account::table.on(account::id.eq(role_grant::account_id)))
        .filter(role_grant::role.eq(Role::Handler.as_str()))
        .filter(role_grant::unit_id.eq_any(&units))
        .filter(account::disabled_at.is_null())
        .order((role_grant::unit_id, account::username))
        .limit(HANDLERS_MAX)
        .select((account::username, account::name, role_grant::unit_id))
        .load(c))?)
}
