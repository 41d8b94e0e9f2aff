//! Kiosks: their device tokens, shown once, kept as hashes, revoked at any time.

use chrono::TimeDelta;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::entries::{EntryCard, add, card, to_change};
use super::{App, Caller, Doing, Error};
use crate::domain::chain::hex;
use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::setup::{DeviceToken, NewEntry, SetupKind};
use crate::domain::value::{At, SetupId};
use crate::store::Db;
use crate::store::setup as rows;

/// What a device token begins with; no other token does.
pub const DEVICE_TOKEN_PREFIX: &str = "rmk_";
/// Hexadecimal digits of the 256 random bits that follow.
const DIGITS: usize = 64;
/// A kiosk's last sight is written down at most so often.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

/// Adds a kiosk and issues its token, which is never shown again.
///
/// # Errors
/// As `add_entry`.
pub async fn add_kiosk(
    app: &App,
    caller: &Caller,
    fields: Map<String, Value>,
) -> Result<(EntryCard, String), Error> {
    super::check_may_add(caller)?;
    let new = NewEntry::parse(SetupKind::Kiosk, fields)?;
    let (doing, token) = (Doing::of(app, caller), new_token());
    app.store
        .write(move |db| {
            let kiosk = add(db, &doing, &new, false)?;
            issue(db, &doing, kiosk.entry.id, &token)?;
            Ok((card(db, kiosk.entry)?, token.clone()))
        })
        .await
}

/// Issues a kiosk's token anew; the one before ends at once.
///
/// # Errors
/// As `check_may_change`; `Rule` when the kiosk is retired.
pub async fn issue_device_token(
    app: &App,
    caller: &Caller,
    code: &str,
    node: Option<&str>,
) -> Result<(EntryCard, String), Error> {
    let (code, node) = (code.to_owned(), node.map(str::to_owned));
    let (doing, token) = (Doing::of(app, caller), new_token());
    app.store
        .write(move |db| {
            let (kiosk, _) = to_change(db, &doing, SetupKind::Kiosk, &code, node.as_deref())?;
            if kiosk.retired_at.is_some() {
                return Err(Refusal::Rule {
                    slug: "retired",
                    message: "这台终端已停用，请先恢复。 This kiosk is retired; bring it back first."
                        .to_owned(),
                }
                .into());
            }
            issue(db, &doing, kiosk.id, &token)?;
            Ok((card(db, kiosk)?, token.clone()))
        })
        .await
}

/// Takes a kiosk's token back. Nothing happens when it has none.
///
/// # Errors
/// As `check_may_change`.
pub async fn revoke_device_token(
    app: &App,
    caller: &Caller,
    code: &str,
    node: Option<&str>,
) -> Result<(), Error> {
    let (doing, code, node) = (Doing::of(app, caller), code.to_owned(), node.map(str::to_owned));
    app.store
        .write(move |db| {
            let (kiosk, _) = to_change(db, &doing, SetupKind::Kiosk, &code, node.as_deref())?;
            revoke(db, &doing, kiosk.id)
        })
        .await
}

/// The kiosk whose token this is.
///
/// # Errors
/// `Unauthenticated` when the token is unknown or revoked, or the kiosk or its node retired.
pub async fn authenticate_device(app: &App, token: &str) -> Result<Actor, Error> {
    let digits = token.strip_prefix(DEVICE_TOKEN_PREFIX).ok_or(Refusal::Unauthenticated)?;
    if digits.len() != DIGITS || !digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(Refusal::Unauthenticated.into());
    }
    let (hash, now) = (hash(token), app.clock.now());
    let (actor, kiosk, is_due) = app.store.read(move |db| holder(db, &hash, now)).await?;
    if is_due {
        let seen = app.store.write(move |db| rows::see_token(db, kiosk, now)).await;
        if let Err(fault) = seen {
            // The kiosk works on all the same; the next request notes it.
            tracing::debug!("could not note that a kiosk was seen: {fault}");
        }
    }
    Ok(actor)
}

/// The kiosk of a token's hash, and whether its sight is to be written down.
fn holder(db: &mut Db, hash: &[u8], now: At) -> Result<(Actor, SetupId, bool), Error> {
    let holder = rows::token_holder(db, hash)?.ok_or(Refusal::Unauthenticated)?;
    let kiosk = rows::find_entry(db, holder.kiosk)?;
    let node = kiosk.node.ok_or(Refusal::Unauthenticated)?;
    let node = rows::find_node(db, node)?;
    if kiosk.retired_at.is_some() || node.retired_at.is_some() {
        return Err(Refusal::Unauthenticated.into());
    }
    let is_due = holder.last_seen_at.is_none_or(|seen| now - seen >= SEEN_EVERY);
    let actor = Actor::Kiosk { id: kiosk.id, code: kiosk.code, node: node.id, path: node.path };
    Ok((actor, holder.kiosk, is_due))
}

/// What a device says of itself, and what it hears: the server's time and how far its own clock is ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub kiosk: String,
    pub server_time: At,
    pub clock_skew_ms: i64,
}

/// Hears a kiosk's heartbeat: `device_time` by its own clock, and how many submissions wait in its queue.
///
/// # Errors
/// `NotYours` for anyone but a kiosk.
pub async fn hear(app: &App, caller: &Caller, device_time: At, n_waiting: u32) -> Result<Heard, Error> {
    let Actor::Kiosk { id, code, .. } = caller.actor.clone() else {
        return Err(
            Refusal::NotYours("只有自助终端可以报到。 Only a kiosk has a heartbeat.".to_owned()).into()
        );
    };
    let now = app.clock.now();
    let clock_skew_ms = (device_time - now).num_milliseconds();
    let heartbeat = rows::Heartbeat { heard_at: now, clock_skew_ms, n_waiting: n_waiting.into() };
    app.store.write(move |db| -> Result<(), Error> { Ok(rows::hear(db, id, &heartbeat)?) }).await?;
    Ok(Heard { kiosk: code, server_time: now, clock_skew_ms })
}

fn new_token() -> String {
    let bits: [u8; 32] = rand::random();
    format!("{DEVICE_TOKEN_PREFIX}{}", hex(&bits))
}

/// A token has 256 random bits, so a plain hash is enough: there is nothing to guess.
fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn issue(db: &mut Db, doing: &Doing, kiosk: SetupId, token: &str) -> Result<(), Error> {
    let token = rows::issue_token(db, kiosk, &hash(token), doing.now)?;
    record(db, doing, "issued", &token)
}

/// Revokes a kiosk's token with its event; nothing when it has none that is good.
pub(super) fn revoke(db: &mut Db, doing: &Doing, kiosk: SetupId) -> Result<(), Error> {
    match rows::revoke_token(db, kiosk, doing.now)? {
        Some(token) => record(db, doing, "revoked", &token),
        None => Ok(()),
    }
}

fn record(db: &mut Db, doing: &Doing, verb: &str, token: &DeviceToken) -> Result<(), Error> {
    Ok(doing.record(db, format!("setup.kiosk_token_{verb}"), token.fields())?)
}
