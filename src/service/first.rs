//! The first start: whoever runs the server gets a link that makes the first administrator, and only the first.

use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

use super::accounts::{self, NewUser, RoleAt};
use super::{App, Caller, Error, setup, tokens};
use crate::domain::people::{Actor, Role};
use crate::domain::refusal::Refusal;
use crate::store::people;

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
    Err(Refusal::NotFound("setup".to_owned()).into())
}

/// Makes the community and its administrator.
///
/// # Errors
/// As [`check`]; `Invalid` with what is wrong.
pub async fn begin(app: &App, given_key: &str, first: First) -> Result<(), Error> {
    check(app, given_key).await?;
    let caller = Caller { actor: Actor::System, place: None };
    let code = first.community.trim().to_uppercase();
    let fields: Map<String, Value> =
        [("code", code.as_str()), ("name", first.community_name.as_str()), ("kind", "community")]
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text.into()))
            .collect();
    match setup::add_node(app, &caller, fields).await {
        // The node may stand from a try whose user was refused, or from the command line.
        Ok(_) | Err(Error::Refusal(Refusal::Exists(_))) => {}
        Err(error) => return Err(error),
    }
    let role = RoleAt { role: Role::Admin, node: code, unit: None };
    let First { username, name, password, .. } = first;
    let new = NewUser { username, name, email: None, password, roles: vec![role] };
    accounts::add_user(app, &caller, new).await.map(drop)
}
