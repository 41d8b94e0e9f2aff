//! Accounts and the roles they hold.

pub mod attempts;
mod lookup;
pub mod sessions;

pub use lookup::{HandlerRow, find_active_near, find_active_with_unit, handlers_of, names, usernames};

use std::collections::HashMap;

use diesel::prelude::*;

use super::db::{Db, StoreError, can_be_stored, held, on};
use super::schema::{account, node, role_grant, setup_entry};
use crate::domain::accounts::{Account, Held, Username};
use crate::domain::people::{Grant, Role};
use crate::domain::value::{AccountId, At, NodeId, SetupId};

/// Roles one page of accounts can hold together, and one account by far.
const GRANTS_READ_MAX: i64 = 20_000;
/// Units of one code in the whole tree: one per node at most, and few nodes of one tree name units alike.
const UNITS_READ_MAX: i64 = 500;

#[derive(Queryable, Selectable)]
#[diesel(table_name = account)]
struct AccountRow {
    id: i64,
    username: String,
    name: String,
    email: Option<String>,
    totp_last_step: Option<i64>,
    token_version: i64,
    version: i64,
    disabled_at: Option<i64>,
}

/// What signing in needs to know of an account; it never leaves the service floor.
#[derive(Clone, Queryable, Selectable)]
#[diesel(table_name = account)]
pub struct Credentials {
    pub id: i64,
    pub password_hash: String,
    /// The seed of the one-time-code secret; good for signing in once `totp_last_step` is there.
    pub totp_secret: Option<String>,
    /// The last step a code was taken of; none while enrolment is not confirmed.
    pub totp_last_step: Option<i64>,
    pub token_version: i64,
    pub disabled_at: Option<i64>,
}

/// An account to be made.
#[derive(Clone, Insertable)]
#[diesel(table_name = account)]
pub struct NewAccount {
    pub username: String,
    pub name: String,
    pub email: Option<String>,
    pub password_hash: String,
    pub token_version: i64,
    pub version: i64,
    pub created_at: i64,
}

/// The account with this username.
///
/// # Errors
/// Only those of the database.
pub fn by_username(db: &mut Db, username: &Username) -> Result<Option<Account>, StoreError> {
    let row: Option<AccountRow> = on!(db, |c| account::table
        .filter(account::username.eq(username.as_str()))
        .select(AccountRow::as_select())
        .first(c)
        .optional())?;
    Ok(with_grants(db, row.into_iter().collect())?.pop())
}

/// The account with this id.
///
/// # Errors
/// Only those of the database.
pub fn by_id(db: &mut Db, id: AccountId) -> Result<Option<Account>, StoreError> {
    let row: Option<AccountRow> =
        on!(db, |c| account::table.find(id.0).select(AccountRow::as_select()).first(c).optional())?;
    Ok(with_grants(db, row.into_iter().collect())?.pop())
}

/// What signing in as `username` needs.
///
/// # Errors
/// Only those of the database.
pub fn credentials_of(db: &mut Db, username: &Username) -> Result<Option<Credentials>, StoreError> {
    Ok(on!(db, |c| account::table
        .filter(account::username.eq(username.as_str()))
        .select(Credentials::as_select())
        .first(c)
        .optional())?)
}

/// What signing in needs of one account, held until the transaction ends.
///
/// # Errors
/// Only those of the database.
pub fn lock_credentials(db: &mut Db, id: AccountId) -> Result<Option<Credentials>, StoreError> {
    let row = account::table.find(id.0);
    Ok(held!(db, row.select(Credentials::as_select()), |c, it| it.first(c).optional())?)
}

/// Accounts with a role at one of `paths` or below, by username after `after`, at most `limit`.
///
/// # Errors
/// Only those of the database.
pub fn list_within(
    db: &mut Db,
    paths: &[String],
    after: &str,
    limit: i64,
) -> Result<Vec<Account>, StoreError> {
    let rows: Vec<AccountRow> = on!(db, |c| {
        let mut within = role_grant::table
            .inner_join(node::table.on(node::id.eq(role_grant::node_id)))
            .select(role_grant::account_id)
            .filter(node::path.eq("")) // no node's path: an empty list of paths finds nobody
            .into_boxed();
        for path in paths {
            within = within.or_filter(node::path.like(format!("{path}%")));
        }
        account::table
            .filter(account::id.eq_any(within))
            .filter(account::username.gt(after))
            .order(account::username)
            .limit(limit)
            .select(AccountRow::as_select())
            .load(c)
    })?;
    with_grants(db, rows)
}

/// A role held, with the codes of its node and unit: account, role, node, unit, path, node code, unit code.
type GrantRow = (i64, String, i64, Option<i64>, String, String, Option<String>);

fn with_grants(db: &mut Db, rows: Vec<AccountRow>) -> Result<Vec<Account>, StoreError> {
    let ids: Vec<i64> = rows.iter().map(|it| it.id).collect();
    let grants: Vec<GrantRow> = on!(db, |c| role_grant::table
        .inner_join(node::table.on(node::id.eq(role_grant::node_id)))
        .left_join(setup_entry::table.on(setup_entry::id.nullable().eq(role_grant::unit_id)))
        .filter(role_grant::account_id.eq_any(&ids))
        .order(role_grant::id)
        .limit(GRANTS_READ_MAX)
        .select((
            role_grant::account_id,
            role_grant::role,
            role_grant::node_id,
            role_grant::unit_id,
            node::path,
            node::code,
            setup_entry::code.nullable(),
        ))
        .load(c))?;
    let mut held: HashMap<i64, Vec<Held>> = HashMap::new();
    for (account_id, role, node_id, unit_id, path, node_code, unit_code) in grants {
        let role = Role::parse(&role)
            .ok_or_else(|| StoreError::Bug(format!("an unknown role is stored: {role}")))?;
        let grant = Grant { role, node: NodeId(node_id), path, unit: unit_id.map(SetupId) };
        held.entry(account_id).or_default().push(Held { grant, node_code, unit_code });
    }
    let of_row = |row: AccountRow| Account {
        id: AccountId(row.id),
        held: held.remove(&row.id).unwrap_or_default(),
        username: row.username,
        name: row.name,
        email: row.email,
        has_totp: row.totp_last_step.is_some(),
        token_version: row.token_version,
        version: row.version,
        disabled_at: row.disabled_at.map(At::from_micros),
    };
    Ok(rows.into_iter().map(of_row).collect())
}

/// Makes an account.
///
/// # Errors
/// `Duplicate` when the username is taken.
pub fn insert(db: &mut Db, new: &NewAccount) -> Result<AccountId, StoreError> {
    let id: i64 =
        on!(db, |c| diesel::insert_into(account::table).values(new).returning(account::id).get_result(c))?;
    Ok(AccountId(id))
}

/// Writes what an admin can change, and moves the version on.
///
/// # Errors
/// Only those of the database.
pub fn change(
    db: &mut Db,
    id: AccountId,
    name: &str,
    email: Option<&str>,
    disabled_at: Option<At>,
) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(account::table.find(id.0))
        .set((
            account::name.eq(name),
            account::email.eq(email),
            account::disabled_at.eq(disabled_at.map(At::micros)),
            account::version.eq(account::version + 1),
        ))
        .execute(c))?;
    Ok(())
}

/// Writes the hash of a new password.
///
/// # Errors
/// Only those of the database.
pub fn set_password(db: &mut Db, id: AccountId, hash: &str) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(account::table.find(id.0)).set(account::password_hash.eq(hash)).execute(c))?;
    Ok(())
}

/// Writes the seed of the one-time codes and the last step used; both None takes them off.
///
/// # Errors
/// Only those of the database.
pub fn set_totp(
    db: &mut Db,
    id: AccountId,
    seed: Option<&str>,
    last_step: Option<i64>,
) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(account::table.find(id.0))
        .set((account::totp_secret.eq(seed), account::totp_last_step.eq(last_step)))
        .execute(c))?;
    Ok(())
}

/// Raises the token version, which ends every access token given out, and gives the new one.
///
/// # Errors
/// Only those of the database.
pub fn raise_token_version(db: &mut Db, id: AccountId) -> Result<i64, StoreError> {
    Ok(on!(db, |c| diesel::update(account::table.find(id.0))
        .set(account::token_version.eq(account::token_version + 1))
        .returning(account::token_version)
        .get_result(c))?)
}

/// Puts `grants` in the place of every role the account holds.
///
/// # Errors
/// `Duplicate` when one is named twice.
pub fn replace_grants(db: &mut Db, id: AccountId, grants: &[Grant]) -> Result<(), StoreError> {
    on!(db, |c| diesel::delete(role_grant::table.filter(role_grant::account_id.eq(id.0))).execute(c))?;
    for grant in grants {
        on!(db, |c| diesel::insert_into(role_grant::table)
            .values((
                role_grant::account_id.eq(id.0),
                role_grant::role.eq(grant.role.as_str()),
                role_grant::node_id.eq(grant.node.0),
                role_grant::unit_id.eq(grant.unit.map(|it| it.0)),
            ))
            .execute(c))?;
    }
    Ok(())
}

/// True when an enabled admin other than `id` exists; every admin is held until the transaction ends, so that two
/// last ones cannot take each other off at once.
///
/// # Errors
/// Only those of the database.
pub fn has_other_admin(db: &mut Db, id: AccountId) -> Result<bool, StoreError> {
    let admins =
        role_grant::table.filter(role_grant::role.eq(Role::Admin.as_str())).select(role_grant::account_id);
    let query = account::table
        .filter(account::id.eq_any(admins))
        .filter(account::disabled_at.is_null())
        .order(account::id)
        .select(account::id);
    // Every row is wanted for its lock; admins are few.
    let ids: Vec<i64> = held!(db, query, |c, it| it.load(c))?;
    Ok(ids.iter().any(|it| *it != id.0))
}

/// Whether anybody who can sign in is an administrator.
///
/// # Errors
/// Only those of the database.
pub fn has_admin(db: &mut Db) -> Result<bool, StoreError> {
    let admins =
        role_grant::table.filter(role_grant::role.eq(Role::Admin.as_str())).select(role_grant::account_id);
    Ok(on!(db, |c| diesel::select(diesel::dsl::exists(
        account::table.filter(account::id.eq_any(admins)).filter(account::disabled_at.is_null())
    ))
    .get_result(c))?)
}

/// The node with this code, with its path.
///
/// # Errors
/// Only those of the database.
pub fn node_by_code(db: &mut Db, code: &str) -> Result<Option<(NodeId, String)>, StoreError> {
    if !can_be_stored(code) {
        return Ok(None);
    }
    let found: Option<(i64, String)> = on!(db, |c| node::table
        .filter(node::code.eq(code))
        .filter(node::retired_at.is_null())
        .select((node::id, node::path))
        .first(c)
        .optional())?;
    Ok(found.map(|(id, path)| (NodeId(id), path)))
}

/// Units in use with this code, each with the path of its node (`/` for one of the whole installation).
///
/// # Errors
/// Only those of the database.
pub fn units_by_code(db: &mut Db, code: &str) -> Result<Vec<(SetupId, String)>, StoreError> {
    if !can_be_stored(code) {
        return Ok(Vec::new());
    }
    let found: Vec<(i64, Option<String>)> = on!(db, |c| setup_entry::table
        .left_join(node::table.on(node::id.nullable().eq(setup_entry::node_id)))
        .filter(setup_entry::kind.eq("unit"))
        .filter(setup_entry::code.eq(code))
        .filter(setup_entry::retired_at.is_null())
        .order(setup_entry::id)
        .limit(UNITS_READ_MAX)
        .select((setup_entry::id, node::path.nullable()))
        .load(c))?;
    Ok(found.into_iter().map(|(id, path)| (SetupId(id), path.unwrap_or_else(|| "/".to_owned()))).collect())
}
