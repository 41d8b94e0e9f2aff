//! Sessions: one row per sign-in, with the hash of the one refresh token that is good.

use diesel::prelude::*;

use crate::domain::value::{AccountId, At};
use crate::store::db::{Db, StoreError, held, on};
use crate::store::schema::session;

/// Sessions shown to their owner; older ones are ended when more are opened.
pub const SESSIONS_MAX: i64 = 50;

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = session)]
pub struct SessionRow {
    pub id: String,
    pub account_id: i64,
    pub refresh_hash: Vec<u8>,
    pub place: Option<String>,
    pub created_at: i64,
    pub used_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
}

impl SessionRow {
    /// True when the session is neither revoked nor expired at `now`.
    pub fn stands_at(&self, now: At) -> bool {
        self.revoked_at.is_none() && now.micros() < self.expires_at
    }
}

/// Opens a session.
///
/// # Errors
/// Only those of the database.
pub fn insert(db: &mut Db, new: &SessionRow) -> Result<(), StoreError> {
    on!(db, |c| diesel::insert_into(session::table).values(new).execute(c))?;
    Ok(())
}

/// The session with this id.
///
/// # Errors
/// Only those of the database.
pub fn find(db: &mut Db, id: &str) -> Result<Option<SessionRow>, StoreError> {
    Ok(on!(db, |c| session::table.find(id).select(SessionRow::as_select()).first(c).optional())?)
}

/// The session with this id, held until the transaction ends: one refresh token rotates once.
///
/// # Errors
/// Only those of the database.
pub fn lock(db: &mut Db, id: &str) -> Result<Option<SessionRow>, StoreError> {
    let row = session::table.find(id);
    Ok(held!(db, row.select(SessionRow::as_select()), |c, it| it.first(c).optional())?)
}

/// Sessions of the account that stand at `now`, last used first.
///
/// # Errors
/// Only those of the database.
pub fn list(db: &mut Db, account: AccountId, now: At) -> Result<Vec<SessionRow>, StoreError> {
    Ok(on!(db, |c| session::table
        .filter(session::account_id.eq(account.0))
        .filter(session::revoked_at.is_null())
        .filter(session::expires_at.gt(now.micros()))
        .order((session::used_at.desc(), session::id))
        .limit(SESSIONS_MAX)
        .select(SessionRow::as_select())
        .load(c))?)
}

/// Puts a new refresh token in the place of the old one.
///
/// # Errors
/// Only those of the database.
pub fn rotate(db: &mut Db, id: &str, hash: &[u8], now: At, expires_at: At) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(session::table.find(id))
        .set((
            session::refresh_hash.eq(hash),
            session::used_at.eq(now.micros()),
            session::expires_at.eq(expires_at.micros()),
        ))
        .execute(c))?;
    Ok(())
}

/// Ends one session of the account; false when it is not theirs or has ended.
///
/// # Errors
/// Only those of the database.
pub fn revoke(db: &mut Db, account: AccountId, id: &str, now: At) -> Result<bool, StoreError> {
    let n_ended = on!(db, |c| diesel::update(session::table.find(id))
        .filter(session::account_id.eq(account.0))
        .filter(session::revoked_at.is_null())
        .set(session::revoked_at.eq(now.micros()))
        .execute(c))?;
    Ok(n_ended > 0)
}

/// Ends every session of the account but `kept`.
///
/// # Errors
/// Only those of the database.
pub fn revoke_all(db: &mut Db, account: AccountId, kept: Option<&str>, now: At) -> Result<(), StoreError> {
    // No session has an empty id.
    on!(db, |c| diesel::update(session::table.filter(session::account_id.eq(account.0)))
        .filter(session::revoked_at.is_null())
        .filter(session::id.ne(kept.unwrap_or("")))
        .set(session::revoked_at.eq(now.micros()))
        .execute(c))?;
    Ok(())
}

/// Ends the account's sessions beyond the newest `SESSIONS_MAX`.
///
/// # Errors
/// Only those of the database.
pub fn revoke_surplus(db: &mut Db, account: AccountId, now: At) -> Result<(), StoreError> {
    let surplus: Vec<String> = on!(db, |c| session::table
        .filter(session::account_id.eq(account.0))
        .filter(session::revoked_at.is_null())
        .order((session::used_at.desc(), session::id))
        .offset(SESSIONS_MAX)
        .limit(SESSIONS_MAX)
        .select(session::id)
        .load(c))?;
    on!(db, |c| diesel::update(session::table.filter(session::id.eq_any(&surplus)))
        .set(session::revoked_at.eq(now.micros()))
        .execute(c))?;
    Ok(())
}

/// Deletes up to `limit` sessions that ended before `before`.
///
/// # Errors
/// Only those of the database.
pub fn forget(db: &mut Db, before: At, limit: i64) -> Result<usize, StoreError> {
    let ended: Vec<String> = on!(db, |c| session::table
        .filter(session::expires_at.lt(before.micros()).or(session::revoked_at.lt(before.micros())))
        .order(session::id)
        .limit(limit)
        .select(session::id)
        .load(c))?;
    Ok(on!(db, |c| diesel::delete(session::table.filter(session::id.eq_any(&ended))).execute(c))?)
}
