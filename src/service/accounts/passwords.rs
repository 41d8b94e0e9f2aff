//! Passwords: hashed with Argon2id on threads of their own, checked with tries counted first.

use std::sync::OnceLock;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use serde_json::json;
use tokio::sync::Semaphore;

use super::sessions::Opened;
use super::{SCOPE_PASSWORD, SignedIn, count_try, record};
use crate::domain::accounts::{NewPassword, PASSWORD_CHARS_MAX, normal_password};
use crate::domain::refusal::Refusal;
use crate::domain::value::AccountId;
use crate::service::{App, Caller, Error, tokens};
use crate::store::db::{Db, StoreError};
use crate::store::people::{self, Credentials, attempts};

/// Memory, passes and lanes of Argon2id. Source: OWASP Password Storage Cheat Sheet, "m=19456 (19 MiB), t=2, p=1".
const ARGON2_MEMORY_KIB: u32 = 19_456;
const ARGON2_PASSES: u32 = 2;
const ARGON2_LANES: u32 = 1;
/// Hashes worked out at once: each takes a core for tens of milliseconds and 19 MiB.
const HASHES_AT_ONCE: usize = 2;
/// How long a sign-in waits for its turn before it is told that the server is busy.
const TURN_WAIT_MAX: Duration = Duration::from_secs(15);

/// Sign-ins that may wait for their turn; one more is told at once that the server is busy.
const WAITING_MAX: usize = 32;

static PLACES: Semaphore = Semaphore::const_new(HASHES_AT_ONCE + WAITING_MAX);
static TURNS: Semaphore = Semaphore::const_new(HASHES_AT_ONCE);

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(ARGON2_MEMORY_KIB, ARGON2_PASSES, ARGON2_LANES, None);
    let params = params.map_err(|it| Error::Internal(format!("could not set up argon2: {it}")))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Runs hashing off the threads that answer requests, a few at a time.
async fn in_turn<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let place = PLACES.try_acquire().map_err(|_| StoreError::Busy)?;
    let turn = tokio::time::timeout(TURN_WAIT_MAX, TURNS.acquire()).await.map_err(|_| StoreError::Busy)?;
    let turn = turn.map_err(|it| Error::Internal(format!("could not wait for hashing: {it}")))?;
    // The turn goes with the work: a client that hangs up does not free it early.
    let work = tokio::task::spawn_blocking(move || {
        let done = job();
        drop((turn, place));
        done
    });
    work.await.map_err(|it| Error::Internal(format!("could not hash: {it}")))?
}

/// The hash of a new password, in PHC form.
pub(super) async fn hash(password: NewPassword) -> Result<String, Error> {
    in_turn(move || hash_bytes(password.as_bytes())).await
}

fn hash_bytes(password: &[u8]) -> Result<String, Error> {
    let hashed = argon2()?.hash_password(password);
    Ok(hashed.map_err(|it| Error::Internal(format!("could not hash a password: {it}")))?.to_string())
}

/// True when `password` is the one of `stored`. Without a stored hash the same work is done for nothing, so
/// that time does not tell whether an account exists.
pub(super) async fn is_right(password: &str, stored: Option<String>) -> Result<bool, Error> {
    if password.chars().count() > PASSWORD_CHARS_MAX {
        return Err(Refusal::field("password", too_long()).into());
    }
    let password = normal_password(password);
    in_turn(move || {
        let nobodys = hash_of_nobody()?;
        let is_known = stored.is_some();
        let stored = stored.unwrap_or(nobodys);
        let hash = PasswordHash::new(&stored)
            .map_err(|it| Error::Internal(format!("could not read a password hash: {it}")))?;
        let is_equal = argon2()?.verify_password(password.as_bytes(), &hash).is_ok();
        Ok(is_equal && is_known)
    })
    .await
}

fn too_long() -> String {
    format!("密码最多 {PASSWORD_CHARS_MAX} 个字符。 A password has at most {PASSWORD_CHARS_MAX} characters.")
}

/// A hash that no password has, made once with the same cost as every other.
fn hash_of_nobody() -> Result<String, Error> {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(hash) = HASH.get() {
        return Ok(hash.clone());
    }
    let made = hash_bytes(&rand::random::<[u8; 32]>())?;
    Ok(HASH.get_or_init(|| made).clone())
}

/// Checks the own password of whoever is signed in, with tries counted; gives what is stored.
///
/// The count stays until `forgive`, in the transaction of what the password was asked for.
///
/// # Errors
/// `Locked` after too many tries; `Invalid` naming `field` for a wrong password.
pub(super) async fn prove(
    app: &App,
    signed_in: &SignedIn,
    field: &'static str,
    password: &str,
) -> Result<Credentials, Error> {
    let now = app.clock.now();
    let account = signed_in.staff.account;
    let subject = account.to_string();
    let credentials = app
        .store
        .write(move |db| -> Result<Option<Credentials>, Error> {
            count_try(db, SCOPE_PASSWORD, &subject, now)?;
            Ok(people::lock_credentials(db, account)?)
        })
        .await?;
    let credentials = credentials.ok_or(Refusal::Unauthenticated)?;
    if !is_right(password, Some(credentials.password_hash.clone())).await? {
        return Err(Refusal::field(field, "密码不对。 This password is wrong.").into());
    }
    Ok(credentials)
}

/// Clears the tries at the own password, after a success.
pub(super) fn forgive(db: &mut Db, account: AccountId) -> Result<(), StoreError> {
    attempts::clear(db, SCOPE_PASSWORD, &account.to_string())
}

/// Sets a new password for whoever is signed in; every other session ends at once, this one gets a new access token.
///
/// # Errors
/// `Invalid` for a wrong current password or a new one that may not be; `Locked` after too many tries;
/// `Stale` when the password was changed meanwhile.
pub async fn change_password(
    app: &App,
    caller: &Caller,
    signed_in: &SignedIn,
    current: &str,
    new: &str,
) -> Result<Opened, Error> {
    let username = signed_in.staff.username.clone();
    let new = NewPassword::parse(new, &username).map_err(|it| Refusal::field("new", it))?;
    let proven = prove(app, signed_in, "current", current).await?;
    let hash = hash(new).await?;

    let now = app.clock.now();
    let (account, session_id) = (signed_in.staff.account, signed_in.session_id.clone());
    let (keys, caller) = (app.keys.clone(), caller.clone());
    let kept = session_id.clone();
    let token_version = app
        .store
        .write(move |db| -> Result<i64, Error> {
            let stored = people::lock_credentials(db, account)?.ok_or(Refusal::Unauthenticated)?;
            if stored.password_hash != proven.password_hash || stored.disabled_at.is_some() {
                return Err(Refusal::Unauthenticated.into());
            }
            forgive(db, account)?;
            people::set_password(db, account, &hash)?;
            let token_version = people::raise_token_version(db, account)?;
            people::sessions::revoke_all(db, account, Some(&kept), now)?;
            record(
                db,
                &keys.seal,
                &caller,
                now,
                "setup.password_changed",
                json!({"id": account.0, "username": username}),
            )?;
            Ok(token_version)
        })
        .await?;
    let access = tokens::Access { account, session_id, token_version };
    Opened::without_refresh(app, &access, now)
}
