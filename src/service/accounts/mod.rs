//! Staff accounts: signing in, sessions, passwords, one-time codes, and the users an admin keeps.

mod import;
mod one_time;
mod pages;
mod passwords;
mod sessions;
mod sign_in;
mod users;

use chrono::TimeDelta;
use serde_json::{Value, json};

pub use import::import_users;
pub use one_time::{Enrolment, confirm_totp, enrol_totp, remove_totp};
pub use pages::{OnPages, authenticate_page, log_out_of_pages};
pub use passwords::change_password;
pub use sessions::{
    Opened, Session, end_other_sessions, end_session, list_sessions, log_out, log_out_by_refresh, refresh,
};
pub use sign_in::{SignIn, sign_in, sign_in_to_pages};
pub use users::{
    NewUser, RoleAt, UserChange, add_user, change_user, disable_user, find_user, list_users, may_manage,
};
pub(super) use users::{insert_user, read_user};

use super::{App, Caller, Error, tokens};
use crate::domain::accounts::{Account, Tries};
use crate::domain::chain::SealKey;
use crate::domain::event::{Draft, Stamp, Stream};
use crate::domain::people::Staff;
use crate::domain::refusal::Refusal;
use crate::domain::value::At;
use crate::store;
use crate::store::db::{Db, StoreError};
use crate::store::people::{self, attempts};

/// Tries at signing in.
const SCOPE_LOGIN: &str = "login";
/// Tries at one's own password while signed in; apart, so that a stranger's tries at the door do not hinder.
const SCOPE_PASSWORD: &str = "password";
/// Rows one round of `tidy` deletes, so that it never holds the writer for long.
const TIDY_ROWS_MAX: i64 = 1_000;
/// Ended sessions are kept a month, for whoever has to find out what happened.
const ENDED_SESSIONS_KEPT: TimeDelta = TimeDelta::days(30);

/// Who a request comes from, proven by an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub staff: Staff,
    pub session_id: String,
}

/// Reads an access token, and asks whether its session still stands: one read of the database per request.
///
/// A disabled account, a changed password, changed roles and an ended session count at once.
///
/// # Errors
/// `Unauthenticated` for anything but a good token of a standing session.
pub async fn authenticate(app: &App, bearer: &str) -> Result<SignedIn, Error> {
    let now = app.clock.now();
    let access = tokens::read_access(&app.keys.token, bearer, now).ok_or(Refusal::Unauthenticated)?;
    let session_id = access.session_id.clone();
    let found: Option<Account> = app
        .store
        .read(move |db| -> Result<Option<Account>, Error> {
            let session = people::sessions::find(db, &access.session_id)?;
            if !session.is_some_and(|it| it.stands_at(now) && it.account_id == access.account.0) {
                return Ok(None);
            }
            let account = people::by_id(db, access.account)?;
            Ok(account.filter(|it| it.disabled_at.is_none() && it.token_version == access.token_version))
        })
        .await?;
    let account = found.ok_or(Refusal::Unauthenticated)?;
    Ok(SignedIn { staff: account.staff(), session_id })
}

/// The account of whoever is signed in.
///
/// # Errors
/// `Unauthenticated` when it is gone.
pub async fn me(app: &App, signed_in: &SignedIn) -> Result<Account, Error> {
    let id = signed_in.staff.account;
    let found: Option<Account> = app.store.read(move |db| people::by_id(db, id).map_err(Error::from)).await?;
    Ok(found.ok_or(Refusal::Unauthenticated)?)
}

/// Forgets tries that no longer matter and sessions that ended long ago; gives how many rows went.
///
/// Called with time passing; each round is bounded, and an unfinished rest waits for the next.
///
/// # Errors
/// Only those of the database.
pub async fn tidy(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    app.store
        .write(move |db| -> Result<usize, Error> {
            let mut n_rows = people::sessions::forget(db, now + (-ENDED_SESSIONS_KEPT), TIDY_ROWS_MAX)?;
            for scope in [SCOPE_LOGIN, SCOPE_PASSWORD] {
                n_rows += attempts::forget(db, scope, Tries::forgotten_before(now), TIDY_ROWS_MAX)?;
            }
            Ok(n_rows)
        })
        .await
}

/// Counts a try before it is checked.
fn count_try(db: &mut Db, scope: &str, subject: &str, now: At) -> Result<(), Error> {
    attempts::count(db, scope, subject, now)?.map_err(|until| {
        // Rounded up: whoever comes back after so many whole seconds is heard.
        let left_s = (until - now + TimeDelta::microseconds(999_999)).num_seconds();
        Refusal::Locked { until, retry_after_s: u64::try_from(left_s).unwrap_or(0) }.into()
    })
}

/// Puts one change of an account on the set-up chain, with what is there after it.
fn record(
    db: &mut Db,
    key: &SealKey,
    caller: &Caller,
    now: At,
    kind: &str,
    fields: Value,
) -> Result<(), StoreError> {
    let draft = Draft {
        kind: kind.to_owned(),
        at: now,
        stamp: Stamp::of(&caller.actor, caller.place.as_deref()),
        fields,
        texts: Vec::new(),
    };
    store::events::append(db, key, Stream::Setup, 0, vec![draft])
}

/// What the trail keeps of an account: no password, no secret, no e-mail address.
fn facts(account: &Account) -> Value {
    let role = |it: &crate::domain::accounts::Held| json!({"role": it.grant.role.as_str(), "node": it.node_code, "unit": it.unit_code});
    let roles: Vec<Value> = account.held.iter().map(role).collect();
    json!({
        "id": account.id.0,
        "username": account.username,
        "name": account.name,
        "roles": roles,
        "active": account.disabled_at.is_none(),
        "totp": account.has_totp,
        "version": account.version,
    })
}
