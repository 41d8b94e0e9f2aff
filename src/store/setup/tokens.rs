//! Device tokens of kiosks: only their hashes are kept.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::domain::setup::DeviceToken;
use crate::domain::value::{At, SetupId};
use crate::store::db::{Db, StoreError, on};
use crate::store::schema::device_token;

#[derive(Queryable, Selectable)]
#[diesel(table_name = device_token)]
struct TokenRow {
    kiosk_id: i64,
    issued_at: i64,
    revoked_at: Option<i64>,
}

impl From<TokenRow> for DeviceToken {
    fn from(row: TokenRow) -> Self {
        Self {
            kiosk: SetupId(row.kiosk_id),
            issued_at: At::from_micros(row.issued_at),
            revoked_at: row.revoked_at.map(At::from_micros),
        }
    }
}

/// Whose token it is, and when it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHolder {
    pub kiosk: SetupId,
    pub last_seen_at: Option<At>,
}

/// Keeps the hash of a kiosk's new token; the one before is no longer good.
///
/// # Errors
/// Only those of the database.
pub fn issue_token(
    db: &mut Db,
    kiosk: SetupId,
    hash: &[u8],
    issued_at: At,
) -> Result<DeviceToken, StoreError> {
    let issued_at = issued_at.micros();
    on!(db, |c| diesel::delete(device_token::table.find(kiosk.0)).execute(c))?;
    on!(db, |c| diesel::insert_into(device_token::table)
        .values((
            device_token::kiosk_id.eq(kiosk.0),
            device_token::token_hash.eq(hash),
            device_token::issued_at.eq(issued_at),
        ))
        .execute(c))?;
    Ok(DeviceToken { kiosk, issued_at: At::from_micros(issued_at), revoked_at: None })
}

/// Takes a kiosk's token back; None when it has none that is good.
///
/// # Errors
/// Only those of the database.
pub fn revoke_token(db: &mut Db, kiosk: SetupId, at: At) -> Result<Option<DeviceToken>, StoreError> {
    let n_rows = on!(db, |c| {
        diesel::update(device_token::table.find(kiosk.0).filter(device_token::revoked_at.is_null()))
            .set(device_token::revoked_at.eq(at.micros()))
            .execute(c)
    })?;
    if n_rows == 0 { Ok(None) } else { find_token(db, kiosk) }
}

/// When a kiosk's token was issued and revoked; None when it never had one.
///
/// # Errors
/// Only those of the database.
pub fn find_token(db: &mut Db, kiosk: SetupId) -> Result<Option<DeviceToken>, StoreError> {
    let row: Option<TokenRow> =
        on!(db, |c| device_token::table.find(kiosk.0).select(TokenRow::as_select()).first(c).optional())?;
    Ok(row.map(DeviceToken::from))
}

/// The holder of the good token with this hash; None when it is unknown or revoked.
///
/// # Errors
/// Only those of the database.
pub fn token_holder(db: &mut Db, hash: &[u8]) -> Result<Option<TokenHolder>, StoreError> {
    let row: Option<(i64, Option<i64>)> = on!(db, |c| device_token::table
        .filter(device_token::token_hash.eq(hash))
        .filter(device_token::revoked_at.is_null())
        .select((device_token::kiosk_id, device_token::last_seen_at))
        .first(c)
        .optional())?;
    Ok(row
        .map(|(kiosk, seen)| TokenHolder { kiosk: SetupId(kiosk), last_seen_at: seen.map(At::from_micros) }))
}

/// Notes that a kiosk was seen at `at`.
///
/// # Errors
/// Only those of the database.
pub fn see_token(db: &mut Db, kiosk: SetupId, at: At) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(device_token::table.find(kiosk.0))
        .set(device_token::last_seen_at.eq(at.micros()))
        .execute(c))?;
    Ok(())
}

/// What is known of a kiosk's device: whether it may ask, when it was seen, what it last said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub has_token: bool,
    pub last_seen_at: Option<At>,
    pub heard: Option<Heartbeat>,
}

/// What a device says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heartbeat {
    /// The server's time when it was heard.
    pub heard_at: At,
    /// How far the device's clock was ahead, in milliseconds; negative when it was behind.
    pub clock_skew_ms: i64,
    /// Submissions that wait in its queue.
    pub n_waiting: i64,
}

/// Writes down what a kiosk's device says of itself.
///
/// # Errors
/// Only those of the database.
pub fn hear(db: &mut Db, kiosk: SetupId, it: &Heartbeat) -> Result<(), StoreError> {
    on!(db, |c| diesel::update(device_token::table.find(kiosk.0))
        .set((
            device_token::last_seen_at.eq(it.heard_at.micros()),
            device_token::heard_at.eq(it.heard_at.micros()),
            device_token::clock_skew_ms.eq(it.clock_skew_ms),
            device_token::n_waiting.eq(it.n_waiting),
        ))
        .execute(c))?;
    Ok(())
}

type DeviceRow = (i64, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// What is known of the devices of these kiosks.
///
/// # Errors
/// Only those of the database.
pub fn devices(db: &mut Db, kiosks: &[SetupId]) -> Result<HashMap<SetupId, Device>, StoreError> {
    let ids: Vec<i64> = kiosks.iter().map(|it| it.0).collect();
    let rows: Vec<DeviceRow> = on!(db, |c| device_token::table
        .filter(device_token::kiosk_id.eq_any(&ids))
        .order(device_token::kiosk_id)
        .limit(super::ROWS_MAX)
        .select((
            device_token::kiosk_id,
            device_token::revoked_at,
            device_token::last_seen_at,
            device_token::heard_at,
            device_token::clock_skew_ms,
            device_token::n_waiting,
        ))
        .load(c))?;
    let device = |(kiosk, revoked_at, seen, heard_at, skew, waiting): DeviceRow| {
        let heard = match (heard_at, skew, waiting) {
            (Some(heard_at), Some(clock_skew_ms), Some(n_waiting)) => {
                Some(Heartbeat { heard_at: At::from_micros(heard_at), clock_skew_ms, n_waiting })
            }
            _ => None,
        };
        let last_seen_at = seen.map(At::from_micros);
        (SetupId(kiosk), Device { has_token: revoked_at.is_none(), last_seen_at, heard })
    };
    Ok(rows.into_iter().map(device).collect())
}

pub(super) fn every(db: &mut Db) -> Result<Vec<DeviceToken>, StoreError> {
    let rows: Vec<TokenRow> =
        on!(db, |c| device_token::table.order(device_token::kiosk_id).select(TokenRow::as_select()).load(c))?;
    Ok(rows.into_iter().map(DeviceToken::from).collect())
}
