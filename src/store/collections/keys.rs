//! Idempotency keys of collections and letters.

use diesel::prelude::*;

use super::small;
use crate::domain::value::{AccountId, At, CollectionId};
use crate::store::db::{Db, StoreError, on};
use crate::store::schema::collection_key;

/// What was made under an Idempotency-Key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub collection: CollectionId,
    /// None for the collection itself.
    pub letter: Option<u32>,
    pub fingerprint: Vec<u8>,
}

/// Under which key something is made: whose, on which route, and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOf {
    pub account: AccountId,
    /// `collections` or `letters`.
    pub route: &'static str,
    pub hash: Vec<u8>,
}

/// What was made under `key`, unless its time is over.
///
/// # Errors
/// Only those of the database.
pub fn find_kept(db: &mut Db, key: &KeyOf, now: At) -> Result<Option<Kept>, StoreError> {
    let row: Option<(i64, Option<i64>, Vec<u8>)> = on!(db, |c| collection_key::table
        .find((key.account.0, key.route, &key.hash))
        .filter(collection_key::expires_at.gt(now.micros()))
        .select((collection_key::collection_id, collection_key::letter_id, collection_key::fingerprint))
        .first(c)
        .optional())?;
    let Some((collection, letter, fingerprint)) = row else { return Ok(None) };
    let letter = letter.map(|it| small(it, "letter")).transpose()?;
    Ok(Some(Kept { collection: CollectionId(collection), letter, fingerprint }))
}

/// Keeps what was made under `key` until `expires_at`.
///
/// # Errors
/// `Collision` when another transaction kept something first: run again, this one finds it.
pub fn keep(db: &mut Db, key: &KeyOf, kept: &Kept, now: At, expires_at: At) -> Result<(), StoreError> {
    on!(db, |c| diesel::delete(
        collection_key::table
            .find((key.account.0, key.route, &key.hash))
            .filter(collection_key::expires_at.le(now.micros()))
    )
    .execute(c))?;
    let written = on!(db, |c| diesel::insert_into(collection_key::table)
        .values((
            collection_key::account_id.eq(key.account.0),
            collection_key::route.eq(key.route),
            collection_key::key_hash.eq(&key.hash),
            collection_key::fingerprint.eq(&kept.fingerprint),
            collection_key::collection_id.eq(kept.collection.0),
            collection_key::letter_id.eq(kept.letter.map(i64::from)),
            collection_key::expires_at.eq(expires_at.micros()),
        ))
        .execute(c))
    .map_err(StoreError::from);
    match written {
        Err(StoreError::Duplicate { .. }) => Err(StoreError::Collision),
        other => other.map(drop),
    }
}

/// Forgets up to `limit` keys whose time is over.
///
/// # Errors
/// Only those of the database.
pub fn forget_kept(db: &mut Db, now: At, limit: i64) -> Result<usize, StoreError> {
    let old: Vec<(i64, String, Vec<u8>)> = on!(db, |c| collection_key::table
        .filter(collection_key::expires_at.le(now.micros()))
        .order((collection_key::expires_at, collection_key::account_id, collection_key::key_hash))
        .limit(limit)
        .select((collection_key::account_id, collection_key::route, collection_key::key_hash))
        .load(c))?;
    for (account, route, hash) in &old {
        on!(db, |c| diesel::delete(collection_key::table.find((account, route, hash))).execute(c))?;
    }
    Ok(old.len())
}
