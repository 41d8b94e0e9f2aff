//! The first start: whoever runs the server gets a link that makes the first administrator, and only the first.

use subtle::ConstantTimeEq as _;

use super::accounts::{self, NewUser, RoleAt};
use super::setup::Doing;
use super::{App, Caller, Error, setup, tokens};
use crate::domain::event::Stream;
use crate::domain::people::{Actor, Role};
use crate::domain::refusal::Refusal;
use crate::store::{Db, events, people};

/// What the first page asks.
#[derive(Clone)]
pub struct First {
    pub community: String,
    pub community_name: String,
    pub username: String,
    pub name: Option<String>,
    pub password: String,
}

/// True while nobody can sign in as an administrator.
///
/// # Errors
/// Only those of the database.
pub async fn is_open(app: &App) -> Result<bool, Error> {
    Ok(!app.store.read(people::has_admin).await?)
}

/// The link's last part, worked out from the installation's key: whoever reads the database does not know it.
pub fn key(app: &App) -> String {
    tokens::first_key(&app.keys.token)
}

/// Refuses every key but the right one, and that one too once there is an administrator.
///
/// # Errors
/// `NotFound`.
pub async fn check(app: &App, given: &str) -> Result<(), Error> {
    let is_right = bool::from(key(app).as_bytes().ct_eq(given.as_bytes()));
    if is_right && is_open(app).await? {
        return Ok(());
    }
    Err(gone())
}

/// Makes the community and its administrator: of several who try at once, one.
///
/// # Errors
/// As [`check`]; `Invalid` with what is wrong.
pub async fn begin(app: &App, given_key: &str, first: First) -> Result<(), Error> {
    check(app, given_key).await?;
    let now = app.clock.now();
    let code = first.community.trim().to_uppercase();
    let role = RoleAt { role: Role::Admin, node: code.clone(), unit: None };
    let First { community_name, username, name, password, .. } = first;
    let new = NewUser { username, name, email: None, password, roles: vec![role] };
    let new = accounts::read_user(new, now).await?;
    let (app_too, caller) = (app.clone(), Caller { actor: Actor::System, place: None });
    app.store
        .write(move |db: &mut Db| {
            // The chain stands since the server's start, which seeds it. Whoever comes second waits here, and finds the first one's administrator.
            events::hold(db, Stream::Setup, 0)?;
            if people::has_admin(db)? {
                return Err(gone());
            }
            // The node may stand from a try whose user was refused, or from the command line.
            setup::add_community(db, &Doing::of(&app_too, &caller), &code, &community_name)?;
            accounts::insert_user(db, &app_too.keys.seal, &caller, &new, now).map(drop)
        })
        .await
}

fn gone() -> Error {
    Refusal::NotFound("setup".to_owned()).into()
}
