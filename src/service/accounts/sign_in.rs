//! Signing in: the try is counted, then the hash is checked, then the session is opened.

use super::sessions::Opened;
use super::{SCOPE_LOGIN, count_try, one_time, passwords};
use crate::domain::accounts::{Username, session_expires_at};
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, At};
use crate::service::{App, Error, tokens};
use crate::store::db::Db;
use crate::store::people::sessions::SessionRow;
use crate::store::people::{self, Credentials, attempts};

/// What somebody types to sign in.
#[derive(Clone)]
pub struct SignIn {
    pub username: String,
    pub password: String,
    pub totp: Option<String>,
}

/// Signs somebody in from `place` (a network address).
///
/// An unknown name, a wrong password, a missing or wrong one-time code and a disabled account get the same answer after
/// the same work. Each try is counted before its hash is looked at; a success clears the count.
///
/// # Errors
/// `WrongCredentials`; `Locked` after five tries, for known and unknown names alike.
pub async fn sign_in(app: &App, place: Option<&str>, given: SignIn) -> Result<Opened, Error> {
    let now = app.clock.now();
    let (access, refresh) = open(app, place, given, tokens::new_refresh).await?;
    Opened::new(app, &access, refresh, now, now)
}

/// As [`sign_in`], for pages: gives the token that the browser keeps.
///
/// # Errors
/// As [`sign_in`].
pub async fn sign_in_to_pages(app: &App, place: Option<&str>, given: SignIn) -> Result<String, Error> {
    let (_, page) = open(app, place, given, tokens::new_page).await?;
    Ok(page.token)
}

/// Checks what was given, and opens a session with a token made by `make`.
async fn open(
    app: &App,
    place: Option<&str>,
    given: SignIn,
    make: fn(&[u8], &str) -> tokens::Refresh,
) -> Result<(tokens::Access, tokens::Refresh), Error> {
    let now = app.clock.now();
    let subject = tokens::attempt_subject(&app.keys.token, &given.username);
    let counted = subject.clone();
    let username = Username::parse(&given.username).ok();
    let found: Option<Credentials> = app
        .store
        .write(move |db| -> Result<Option<Credentials>, Error> {
            count_try(db, SCOPE_LOGIN, &counted, now)?;
            Ok(username.as_ref().map(|it| people::credentials_of(db, it)).transpose()?.flatten())
        })
        .await?;

    let stored = found.as_ref().map(|it| it.password_hash.clone());
    let is_right = passwords::is_right(&given.password, stored).await?;
    let Some(known) = found.filter(|_| is_right) else {
        tracing::info!("a sign-in failed");
        return Err(Refusal::WrongCredentials.into());
    };

    let account = AccountId(known.id);
    let session_id = tokens::new_session_id();
    let token = make(&app.keys.token, &session_id);
    let session = SessionRow {
        id: session_id.clone(),
        account_id: known.id,
        refresh_hash: token.hash.clone(),
        place: place.map(str::to_owned),
        created_at: now.micros(),
        used_at: now.micros(),
        expires_at: session_expires_at(now, now).micros(),
        revoked_at: None,
    };
    let (keys, code, checked_hash) = (app.keys.clone(), given.totp, known.password_hash);
    let token_version = app
        .store
        .write(move |db| -> Result<i64, Error> {
            let stored = people::lock_credentials(db, account)?.ok_or(Refusal::WrongCredentials)?;
            // Between the check and now the account may have been disabled or its password changed.
            if stored.disabled_at.is_some() || stored.password_hash != checked_hash {
                return Err(Refusal::WrongCredentials.into());
            }
            take_code(db, &keys.totp, account, &stored, code.as_deref(), now)?;
            attempts::clear(db, SCOPE_LOGIN, &subject)?;
            people::sessions::insert(db, &session)?;
            people::sessions::revoke_surplus(db, account, now)?;
            Ok(stored.token_version)
        })
        .await
        .inspect_err(|_| tracing::info!(account.id = account.0, "a sign-in failed after the password"))?;

    tracing::info!(account.id = account.0, "signed in");
    Ok((tokens::Access { account, session_id, token_version }, token))
}

/// Takes the one-time code when the account asks for one, and marks its step as used.
fn take_code(
    db: &mut Db,
    key: &[u8],
    account: AccountId,
    stored: &Credentials,
    code: Option<&str>,
    now: At,
) -> Result<(), Error> {
    let (Some(seed), Some(last_step)) = (&stored.totp_secret, stored.totp_last_step) else { return Ok(()) };
    let step = code.and_then(|it| one_time::step_of(key, account, seed, it, Some(last_step), now));
    let step = step.ok_or(Refusal::WrongCredentials)?;
    people::set_totp(db, account, Some(seed), Some(step))?;
    Ok(())
}
