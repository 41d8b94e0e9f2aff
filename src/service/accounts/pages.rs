//! Sessions of pages: a browser keeps one token until the session ends.

use chrono::TimeDelta;

use super::SignedIn;
use crate::domain::accounts::session_expires_at;
use crate::domain::refusal::Refusal;
use crate::domain::value::{AccountId, At};
use crate::service::{App, Error, tokens};
use crate::store::people::{self, sessions};

/// A session in use is written down so often: each page would be too much for the writer.
const USE_NOTED_EVERY: TimeDelta = TimeDelta::minutes(5);

/// Who sees a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPages {
    pub signed_in: SignedIn,
    /// The person's name, for the head of the page.
    pub name: String,
    /// What each form of theirs carries.
    pub form_token: String,
}

/// Reads a page's token and asks whether its session still stands: one read of the database per page.
///
/// # Errors
/// `Unauthenticated` for anything but the token of a standing session.
pub async fn authenticate_page(app: &App, token: &str) -> Result<OnPages, Error> {
    let now = app.clock.now();
    let session_id = tokens::session_of_page(&app.keys.token, token).ok_or(Refusal::Unauthenticated)?;
    let given = tokens::refresh_hash(token);
    let id = session_id.clone();
    let found = app
        .store
        .read(move |db| -> Result<_, Error> {
            let session = sessions::find(db, &id)?.filter(|it| it.stands_at(now) && it.refresh_hash == given);
            let Some(session) = session else { return Ok(None) };
            let account = people::by_id(db, AccountId(session.account_id))?;
            Ok(account.filter(|it| it.disabled_at.is_none()).map(|it| (session, it)))
        })
        .await?;
    let (session, account) = found.ok_or(Refusal::Unauthenticated)?;
    if now - At::from_micros(session.used_at) >= USE_NOTED_EVERY {
        note_use(app, session, now).await;
    }
    let signed_in = SignedIn { staff: account.staff(), session_id };
    let form_token = tokens::form_token(&app.keys.token, token);
    Ok(OnPages { signed_in, name: account.name, form_token })
}

/// Writes down that the session is in use; a page is shown all the same when that cannot be done now.
async fn note_use(app: &App, session: sessions::SessionRow, now: At) {
    let expires_at = session_expires_at(At::from_micros(session.created_at), now);
    let noted = app
        .store
        .write(move |db| -> Result<(), Error> {
            Ok(sessions::rotate(db, &session.id, &session.refresh_hash, now, expires_at)?)
        })
        .await;
    if let Err(error) = noted {
        tracing::warn!("could not note the use of a session: {error}");
    }
}

/// Ends the session of a page's token; a token of none is no fault.
///
/// # Errors
/// Only those of the database.
pub async fn log_out_of_pages(app: &App, token: &str) -> Result<(), Error> {
    match authenticate_page(app, token).await {
        Ok(on_pages) => super::log_out(app, &on_pages.signed_in).await,
        Err(Error::Refusal(Refusal::Unauthenticated)) => Ok(()),
        Err(fault) => Err(fault),
    }
}
