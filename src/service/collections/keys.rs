//! Idempotency keys of collections and letters: the same key and body give what was made the first time.

use chrono::TimeDelta;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::super::Error;
use crate::domain::people::Staff;
use crate::domain::refusal::Refusal;
use crate::domain::value::{At, CollectionId};
use crate::store::Db;
use crate::store::collections::{self as rows, Kept, KeyOf};

/// Answers to keys of people are kept this long, as those of intake.
const ANSWERS_KEPT: TimeDelta = TimeDelta::hours(48);

/// A key with the route it came on and what its body says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    route: &'static str,
    hash: Vec<u8>,
    fingerprint: Vec<u8>,
}

impl Key {
    /// The key `text` on `route` with `body`.
    pub(super) fn of(text: &str, route: &'static str, body: &impl Serialize) -> Self {
        let fingerprint = serde_json::to_vec(body).map(|it| Sha256::digest(&it).to_vec()).unwrap_or_default();
        Self { route, hash: Sha256::digest(text.as_bytes()).to_vec(), fingerprint }
    }

    fn of_staff(&self, staff: &Staff) -> KeyOf {
        KeyOf { account: staff.account, route: self.route, hash: self.hash.clone() }
    }
}

/// What was made under the key before, if anything was.
pub(super) fn made_before(
    db: &mut Db,
    staff: &Staff,
    key: Option<&Key>,
    now: At,
) -> Result<Option<Kept>, Error> {
    let Some(key) = key else { return Ok(None) };
    match rows::find_kept(db, &key.of_staff(staff), now)? {
        Some(kept) if kept.fingerprint != key.fingerprint => Err(Refusal::KeyReused.into()),
        kept => Ok(kept),
    }
}

/// Keeps what was made under the key.
pub(super) fn keep(
    db: &mut Db,
    staff: &Staff,
    key: Option<&Key>,
    collection: CollectionId,
    letter: Option<u32>,
    now: At,
) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    let kept = Kept { collection, letter, fingerprint: key.fingerprint.clone() };
    Ok(rows::keep(db, &key.of_staff(staff), &kept, now, now + ANSWERS_KEPT)?)
}
