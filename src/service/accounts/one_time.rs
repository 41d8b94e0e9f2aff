//! One-time codes (TOTP): enrolled, confirmed, taken off.
//!
//! The database keeps a random seed; the secret is worked out from it with the installation's key, so a copy of the
//! database alone gives no codes.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use totp_rs::{Builder, Totp};

use super::{SignedIn, passwords, record};
use crate::domain::accounts::may_use_step;
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, At};
use crate::service::{App, Caller, Error};
use crate::store::people;

/// Bytes of a one-time-code secret. Source: RFC 4226 §4, R6.
const SECRET_BYTES: usize = 20;
/// Who the codes are for, as the phone shows it.
const ISSUER: &str = "red-mailbox";

/// What a phone needs to make codes; shown once.
pub struct Enrolment {
    /// The secret, base32.
    pub secret: String,
    /// The same as an `otpauth:` address, for a QR code.
    pub otpauth_url: String,
}

/// SHA-1, six digits, 30 s, one step of skew either way: what every phone can do. Source: RFC 6238.
fn codes(key: &[u8], account: AccountId, seed: &str) -> Option<Totp> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("totp\0{account}\0{seed}").as_bytes());
    let mut secret = mac.finalize().into_bytes().to_vec();
    secret.truncate(SECRET_BYTES);
    Builder::new().with_secret(secret).build().ok()
}

/// The step `code` belongs to, when it is good at `now` and later than the last one taken.
pub(super) fn step_of(
    key: &[u8],
    account: AccountId,
    seed: &str,
    code: &str,
    last_step: Option<i64>,
    now: At,
) -> Option<i64> {
    let time_s = u64::try_from(now.micros() / 1_000_000).ok()?;
    let digits: String = code.chars().filter(|it| !it.is_whitespace()).collect();
    let step = i64::try_from(codes(key, account, seed)?.check(&digits, time_s)?).ok()?;
    may_use_step(step, last_step).then_some(step)
}

fn wrong_code() -> Error {
    Refusal::field(
        "code",
        "动态码不对或已用过，请等下一个。 This code is wrong or used; wait for the next one.",
    )
    .into()
}

/// Begins enrolment: makes a secret, which counts only once it is confirmed with a code.
///
/// # Errors
/// `Invalid` for a wrong password, `Locked` after too many, `Rule` when codes are on already.
pub async fn enrol_totp(app: &App, signed_in: &SignedIn, password: &str) -> Result<Enrolment, Error> {
    passwords::prove(app, signed_in, "password", password).await?;
    let account = signed_in.staff.account;
    let seed = format!("{:032x}", rand::random::<u128>());
    let totp = codes(&app.keys.totp, account, &seed)
        .ok_or_else(|| Error::Internal("could not make a one-time-code secret".to_owned()))?;
    app.store
        .write(move |db| -> Result<(), Error> {
            let stored = people::lock_credentials(db, account)?.ok_or(Refusal::Unauthenticated)?;
            if stored.totp_last_step.is_some() {
                let message = "动态码已经启用；要换手机，请先关闭。 One-time codes are on already; to change the phone, take them off first.";
                return Err(Refusal::Rule { slug: "totp-on", message: message.to_owned() }.into());
            }
            passwords::forgive(db, account)?;
            Ok(people::set_totp(db, account, Some(&seed), None)?)
        })
        .await?;
    let secret = totp.secret().to_base32();
    let username = &signed_in.staff.username;
    let otpauth_url = format!(
        "otpauth://totp/{ISSUER}:{username}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30"
    );
    Ok(Enrolment { secret, otpauth_url })
}

/// Ends enrolment with the first code: from now on signing in asks for one.
///
/// # Errors
/// `Invalid` for a wrong code, `Rule` when enrolment was not begun.
pub async fn confirm_totp(app: &App, caller: &Caller, signed_in: &SignedIn, code: &str) -> Result<(), Error> {
    let now = app.clock.now();
    let (account, username) = (signed_in.staff.account, signed_in.staff.username.clone());
    let (keys, caller, code) = (app.keys.clone(), caller.clone(), code.to_owned());
    app.store
        .write(move |db| -> Result<(), Error> {
            let stored = people::lock_credentials(db, account)?.ok_or(Refusal::Unauthenticated)?;
            let (Some(seed), None) = (&stored.totp_secret, stored.totp_last_step) else {
                let message =
                    "没有待确认的动态码，请先申请。 There is no enrolment to confirm; begin one first.";
                return Err(Refusal::Rule { slug: "totp-not-begun", message: message.to_owned() }.into());
            };
            let step = step_of(&keys.totp, account, seed, &code, None, now).ok_or_else(wrong_code)?;
            people::set_totp(db, account, Some(seed), Some(step))?;
            Ok(record(
                db,
                &keys.seal,
                &caller,
                now,
                "setup.totp_enabled",
                json!({"id": account.0, "username": username}),
            )?)
        })
        .await
}

/// Takes one-time codes off, or gives up an enrolment that was not confirmed (then no code is asked).
///
/// # Errors
/// `Invalid` for a wrong password or code, `Locked` after too many, `Rule` when there is nothing to take off.
pub async fn remove_totp(
    app: &App,
    caller: &Caller,
    signed_in: &SignedIn,
    password: &str,
    code: Option<&str>,
) -> Result<(), Error> {
    passwords::prove(app, signed_in, "password", password).await?;
    let now = app.clock.now();
    let (account, username) = (signed_in.staff.account, signed_in.staff.username.clone());
    let (keys, caller, code) = (app.keys.clone(), caller.clone(), code.unwrap_or_default().to_owned());
    app.store
        .write(move |db| -> Result<(), Error> {
            let stored = people::lock_credentials(db, account)?.ok_or(Refusal::Unauthenticated)?;
            let Some(seed) = &stored.totp_secret else {
                let message = "动态码没有启用。 One-time codes are not on.";
                return Err(Refusal::Rule { slug: "totp-off", message: message.to_owned() }.into());
            };
            if let Some(last_step) = stored.totp_last_step {
                step_of(&keys.totp, account, seed, &code, Some(last_step), now).ok_or_else(wrong_code)?;
                record(
                    db,
                    &keys.seal,
                    &caller,
                    now,
                    "setup.totp_disabled",
                    json!({"id": account.0, "username": username}),
                )?;
            }
            passwords::forgive(db, account)?;
            Ok(people::set_totp(db, account, None, None)?)
        })
        .await
}
