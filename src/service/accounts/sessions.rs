//! Sessions: refreshed with a token that is good once, listed, ended.

use chrono::TimeDelta;

use super::SignedIn;
use crate::domain::accounts::{ACCESS_LIFETIME, session_expires_at};
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, At};
use crate::service::{App, Error, tokens};
use crate::store::people::{self, sessions};

/// What a client gets when a session is opened or refreshed.
pub struct Opened {
    /// The access token, for `Authorization: Bearer`.
    pub access_token: String,
    /// Seconds for which the access token is good.
    pub expires_in_s: i64,
    /// The refresh token, good once, and the seconds it may be kept; none when the old one stays good.
    pub refresh: Option<(String, i64)>,
}

impl Opened {
    pub(super) fn new(
        app: &App,
        access: &tokens::Access,
        refresh: tokens::Refresh,
        created_at: At,
        now: At,
    ) -> Result<Self, Error> {
        let kept = session_expires_at(created_at, now) - now;
        let opened = Self::without_refresh(app, access, now)?;
        Ok(Self { refresh: Some((refresh.token, kept.max(TimeDelta::zero()).num_seconds())), ..opened })
    }

    pub(super) fn without_refresh(app: &App, access: &tokens::Access, now: At) -> Result<Self, Error> {
        let access_token = tokens::sign_access(&app.keys.token, access, now).map_err(Error::Internal)?;
        Ok(Self { access_token, expires_in_s: ACCESS_LIFETIME.num_seconds(), refresh: None })
    }
}

/// One session, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub place: Option<String>,
    pub created_at: At,
    pub used_at: At,
    pub expires_at: At,
    /// True for the one that asks.
    pub is_current: bool,
}

enum Turned {
    Good { account: AccountId, token_version: i64, created_at: At },
    Reused { account: AccountId },
    Ended,
}

/// Gives a new access token and a new refresh token for one refresh token.
///
/// A refresh token is good once. One that was used already is in two hands, so the whole session ends.
/// Source: RFC 9700 §4.14.2.
///
/// # Errors
/// `Unauthenticated` for anything but the newest refresh token of a standing session.
pub async fn refresh(app: &App, token: &str) -> Result<Opened, Error> {
    let now = app.clock.now();
    let session_id = tokens::session_of_refresh(&app.keys.token, token).ok_or(Refusal::Unauthenticated)?;
    let given = tokens::refresh_hash(token);
    let fresh = tokens::new_refresh(&app.keys.token, &session_id);
    let (id, fresh_hash) = (session_id.clone(), fresh.hash.clone());
    let turned = app
        .store
        .write(move |db| -> Result<Turned, Error> {
            let Some(session) = sessions::lock(db, &id)?.filter(|it| it.stands_at(now)) else {
                return Ok(Turned::Ended);
            };
            let account = AccountId(session.account_id);
            if session.refresh_hash != given {
                sessions::revoke(db, account, &id, now)?;
                return Ok(Turned::Reused { account });
            }
            let Some(holder) = people::by_id(db, account)?.filter(|it| it.disabled_at.is_none()) else {
                return Ok(Turned::Ended);
            };
            let created_at = At::from_micros(session.created_at);
            sessions::rotate(db, &id, &fresh_hash, now, session_expires_at(created_at, now))?;
            Ok(Turned::Good { account, token_version: holder.token_version, created_at })
        })
        .await?;
    match turned {
        Turned::Good { account, token_version, created_at } => {
            let access = tokens::Access { account, session_id, token_version };
            Opened::new(app, &access, fresh, created_at, now)
        }
        Turned::Reused { account } => {
            tracing::warn!(account.id = account.0, "a refresh token was used twice; its session was ended");
            Err(Refusal::Unauthenticated.into())
        }
        Turned::Ended => Err(Refusal::Unauthenticated.into()),
    }
}

/// Ends the session of whoever is signed in.
///
/// # Errors
/// Only those of the database.
pub async fn log_out(app: &App, signed_in: &SignedIn) -> Result<(), Error> {
    let (account, id, now) = (signed_in.staff.account, signed_in.session_id.clone(), app.clock.now());
    app.store
        .write(move |db| -> Result<bool, Error> { Ok(sessions::revoke(db, account, &id, now)?) })
        .await?;
    Ok(())
}

/// Ends the session a refresh token belongs to, for a client whose access token has expired.
///
/// # Errors
/// `Unauthenticated` when the token is not the newest of a standing session.
pub async fn log_out_by_refresh(app: &App, token: &str) -> Result<(), Error> {
    let now = app.clock.now();
    let id = tokens::session_of_refresh(&app.keys.token, token).ok_or(Refusal::Unauthenticated)?;
    let given = tokens::refresh_hash(token);
    app.store
        .write(move |db| -> Result<(), Error> {
            let session = sessions::lock(db, &id)?.filter(|it| it.stands_at(now) && it.refresh_hash == given);
            let session = session.ok_or(Refusal::Unauthenticated)?;
            sessions::revoke(db, AccountId(session.account_id), &id, now)?;
            Ok(())
        })
        .await
}

/// The standing sessions of whoever is signed in, last used first.
///
/// # Errors
/// Only those of the database.
pub async fn list_sessions(app: &App, signed_in: &SignedIn) -> Result<Vec<Session>, Error> {
    let (account, now) = (signed_in.staff.account, app.clock.now());
    let rows = app.store.read(move |db| sessions::list(db, account, now).map_err(Error::from)).await?;
    let seen = |row: sessions::SessionRow| Session {
        is_current: row.id == signed_in.session_id,
        id: row.id,
        place: row.place,
        created_at: At::from_micros(row.created_at),
        used_at: At::from_micros(row.used_at),
        expires_at: At::from_micros(row.expires_at),
    };
    Ok(rows.into_iter().map(seen).collect())
}

/// Ends one session of whoever is signed in; its access token dies at once.
///
/// # Errors
/// `NotFound` when it is somebody else's or has ended.
pub async fn end_session(app: &App, signed_in: &SignedIn, id: &str) -> Result<(), Error> {
    if !tokens::is_session_id(id) {
        return Err(Refusal::NotFound(id.to_owned()).into());
    }
    let (account, ended, now) = (signed_in.staff.account, id.to_owned(), app.clock.now());
    let is_ended = app
        .store
        .write(move |db| -> Result<bool, Error> { Ok(sessions::revoke(db, account, &ended, now)?) })
        .await?;
    if is_ended { Ok(()) } else { Err(Refusal::NotFound(id.to_owned()).into()) }
}

/// Ends every session of whoever is signed in but the one that asks.
///
/// # Errors
/// Only those of the database.
pub async fn end_other_sessions(app: &App, signed_in: &SignedIn) -> Result<(), Error> {
    let (account, kept, now) = (signed_in.staff.account, signed_in.session_id.clone(), app.clock.now());
    app.store
        .write(move |db| -> Result<(), Error> { Ok(sessions::revoke_all(db, account, Some(&kept), now)?) })
        .await
}
