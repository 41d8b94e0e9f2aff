//! Users as an admin keeps them: within the own nodes, never beyond.

use super::passwords;
use super::{facts, record};
use crate::domain::accounts::{
    Account, GRANTS_MAX, NewPassword, Username, covers, managed_paths, needs_unit, parse_email, parse_name,
    unit_fits,
};
use crate::domain::chain::SealKey;
use crate::domain::people::{Actor, Grant, Permission, Role};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::value::{AccountId, At, SetupId};
use crate::service::{App, Caller, Error};
use crate::store::db::{Db, StoreError};
use crate::store::people::{self, NewAccount};

/// A role at a node, by codes; a handler's names the unit too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAt {
    pub role: Role,
    pub node: String,
    pub unit: Option<String>,
}

/// A user to be made.
#[derive(Clone)]
pub struct NewUser {
    pub username: String,
    /// The username when none is given.
    pub name: Option<String>,
    pub email: Option<String>,
    pub password: String,
    pub roles: Vec<RoleAt>,
}

/// What to change of a user; None leaves it as it is.
#[derive(Clone, Default)]
pub struct UserChange {
    pub name: Option<String>,
    /// An empty text takes the address off.
    pub email: Option<String>,
    pub password: Option<String>,
    pub roles: Option<Vec<RoleAt>>,
    pub active: Option<bool>,
    /// True takes one-time codes off, for a person who lost the phone.
    pub is_without_totp: bool,
}

/// The places where `caller` manages users.
fn places_of(caller: &Caller) -> Result<Vec<String>, Refusal> {
    let paths = match &caller.actor {
        Actor::System => vec!["/".to_owned()],
        Actor::Staff(staff) => managed_paths(staff),
        Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => Vec::new(),
    };
    if paths.is_empty() { Err(Refusal::Forbidden(Permission::WriteSetup)) } else { Ok(paths) }
}

/// Whether `caller` manages users anywhere, asked before a body is looked at.
///
/// # Errors
/// `Forbidden` for whoever is no admin.
pub fn may_manage(caller: &Caller) -> Result<(), Error> {
    Ok(places_of(caller).map(|_| ())?)
}

/// The user, when some role of theirs is within `paths`.
fn seen(db: &mut Db, paths: &[String], username: &str) -> Result<Account, Error> {
    let account =
        Username::parse(username).ok().map(|it| people::by_username(db, &it)).transpose()?.flatten();
    let seen = account.filter(|it| it.is_seen_from(paths));
    Ok(seen.ok_or_else(|| Refusal::NotFound(username.to_owned()))?)
}

/// The account without the roles that lie beyond `paths`: these are not the caller's to know.
fn narrowed(mut account: Account, paths: &[String]) -> Account {
    account.held.retain(|it| covers(paths, &it.grant.path));
    account
}

/// Users with a role in the caller's nodes, by username after `after`, at most `limit`.
///
/// # Errors
/// `Forbidden` for whoever is no admin anywhere, `Malformed` when `after` is no username.
pub async fn list_users(app: &App, caller: &Caller, after: &str, limit: i64) -> Result<Vec<Account>, Error> {
    let paths = places_of(caller)?;
    if !after.is_empty() && Username::parse(after).is_err() {
        let message = "cursor 不是上一页给出的。 This cursor is none of a page before.";
        return Err(Refusal::Malformed(message.to_owned()).into());
    }
    let (within, after) = (paths.clone(), after.to_owned());
    let found = app
        .store
        .read(move |db| people::list_within(db, &within, &after, limit).map_err(Error::from))
        .await?;
    Ok(found.into_iter().map(|it| narrowed(it, &paths)).collect())
}

/// One user with a role in the caller's nodes.
///
/// # Errors
/// `Forbidden` for whoever is no admin anywhere, `NotFound` for a user of other nodes.
pub async fn find_user(app: &App, caller: &Caller, username: &str) -> Result<Account, Error> {
    let paths = places_of(caller)?;
    let (within, username) = (paths.clone(), username.to_owned());
    let found = app.store.read(move |db| seen(db, &within, &username)).await?;
    Ok(narrowed(found, &paths))
}

/// A user to be made whose fields were read and found good; roles are not looked up yet.
#[derive(Clone)]
pub(in crate::service) struct ReadUser {
    username: Username,
    row: NewAccount,
    roles: Vec<RoleAt>,
}

/// Reads every field of `new` and hashes its password.
///
/// # Errors
/// `Invalid` naming every field at fault.
pub(in crate::service) async fn read_user(new: NewUser, now: At) -> Result<ReadUser, Error> {
    let mut faults = Faults::default();
    let username = Username::parse(&new.username).map_err(|it| faults.add("code", it)).ok();
    let plain = username.as_ref().map_or("", Username::as_str).to_owned();
    let name = new.name.as_deref().map(parse_name).transpose().map_err(|it| faults.add("name", it)).ok();
    let email = new.email.as_deref().map(parse_email).transpose().map_err(|it| faults.add("email", it)).ok();
    let password = NewPassword::parse(&new.password, &plain).map_err(|it| faults.add("password", it)).ok();
    check_count(&new.roles, &mut faults);
    let (Some(username), Some(name), Some(email), Some(password)) = (username, name, email, password) else {
        return Err(Refusal::Invalid(faults).into());
    };
    faults.check(())?;
    let row = NewAccount {
        username: username.as_str().to_owned(),
        name: name.unwrap_or_else(|| username.as_str().to_owned()),
        email,
        password_hash: passwords::hash(password).await?,
        token_version: 1,
        version: 1,
        created_at: now.micros(),
    };
    Ok(ReadUser { username, row, roles: new.roles })
}

/// Makes a user within the caller's transaction.
///
/// # Errors
/// `Invalid` for roles beyond the caller's nodes, `Exists` for a username taken, `Forbidden` for whoever is no admin.
pub(in crate::service) fn insert_user(
    db: &mut Db,
    key: &SealKey,
    caller: &Caller,
    new: &ReadUser,
    now: At,
) -> Result<Account, Error> {
    let grants = resolve(db, &places_of(caller)?, &new.roles)?;
    if people::by_username(db, &new.username)?.is_some() {
        return Err(Refusal::Exists(new.row.username.clone()).into());
    }
    let id = people::insert(db, &new.row).map_err(|it| taken(it, &new.row.username))?;
    people::replace_grants(db, id, &grants)?;
    let account = stored(db, id)?;
    record(db, key, caller, now, "setup.user_added", facts(&account))?;
    Ok(account)
}

/// Makes a user.
///
/// # Errors
/// `Invalid` naming every field at fault, `Exists` for a username taken, `Forbidden` for whoever is no admin.
pub async fn add_user(app: &App, caller: &Caller, new: NewUser) -> Result<Account, Error> {
    places_of(caller)?;
    let now = app.clock.now();
    let read = read_user(new, now).await?;
    let (keys, caller) = (app.keys.clone(), caller.clone());
    app.store.write(move |db| insert_user(db, &keys.seal, &caller, &read, now)).await
}

/// Changes a user; `version` is the one the caller has seen (None skips the check, for commands on the server).
///
/// A new password, new roles, disabling and taking off one-time codes end every session at once.
///
/// # Errors
/// `NotFound` for a user of other nodes, `Forbidden` for one who also has a role elsewhere, `Stale` when somebody was
/// faster, `Invalid`, and `Rule` (`last-admin`) for what would leave the installation without an admin.
pub async fn change_user(
    app: &App,
    caller: &Caller,
    username: &str,
    version: Option<i64>,
    change: UserChange,
) -> Result<Account, Error> {
    let paths = places_of(caller)?;
    // Whether the caller may see the user comes first: no fault of the body tells of one who is elsewhere.
    find_user(app, caller, username).await?;
    let mut faults = Faults::default();
    let plain = username.trim().to_ascii_lowercase();
    let name = change.name.as_deref().map(parse_name).transpose().map_err(|it| faults.add("name", it)).ok();
    let email = change.email.as_deref().map(EmailChange::parse).transpose();
    let email = email.map_err(|it| faults.add("email", it)).ok();
    let password = change.password.as_deref().map(|it| NewPassword::parse(it, &plain)).transpose();
    let password = password.map_err(|it| faults.add("password", it)).ok();
    if let Some(roles) = &change.roles {
        check_count(roles, &mut faults);
    }
    let (Some(name), Some(email), Some(password)) = (name, email, password) else {
        return Err(Refusal::Invalid(faults).into());
    };
    faults.check(())?;
    let hash = match password {
        Some(password) => Some(passwords::hash(password).await?),
        None => None,
    };

    let now = app.clock.now();
    let (keys, caller, username) = (app.keys.clone(), caller.clone(), username.to_owned());
    app.store
        .write(move |db| -> Result<Account, Error> {
            let found = seen(db, &paths, &username)?;
            let credentials = people::lock_credentials(db, found.id)?;
            let before = stored(db, found.id)?;
            if !before.is_within(&paths) {
                return Err(Refusal::Forbidden(Permission::WriteSetup).into());
            }
            if version.is_some_and(|it| it != before.version) {
                return Err(Refusal::Stale { version: before.version }.into());
            }
            let wanted =
                Wanted { name: name.clone(), email: email.clone(), hash: hash.clone(), change: &change };
            let has_totp = credentials.is_some_and(|it| it.totp_secret.is_some());
            let (after, kinds) = apply(db, &paths, &before, wanted, has_totp, now)?;
            for kind in kinds {
                record(db, &keys.seal, &caller, now, kind, facts(&after))?;
            }
            Ok(narrowed(after, &paths))
        })
        .await
}

/// Disables a user: nothing is deleted, for the trail names people. Disabling twice is the same as once.
///
/// # Errors
/// As `change_user`.
pub async fn disable_user(app: &App, caller: &Caller, username: &str) -> Result<(), Error> {
    let change = UserChange { active: Some(false), ..UserChange::default() };
    change_user(app, caller, username, None, change).await.map(|_| ())
}

/// What becomes of an e-mail address.
#[derive(Clone)]
enum EmailChange {
    Off,
    To(String),
}

impl EmailChange {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self::Off) } else { parse_email(text).map(Self::To) }
    }
}

/// What a change comes to, once its fields are read.
struct Wanted<'a> {
    name: Option<String>,
    email: Option<EmailChange>,
    hash: Option<String>,
    change: &'a UserChange,
}

/// Writes the change and ends what it ends; gives the account after it and the types of the events.
fn apply(
    db: &mut Db,
    paths: &[String],
    before: &Account,
    wanted: Wanted<'_>,
    has_totp: bool,
    now: At,
) -> Result<(Account, Vec<&'static str>), Error> {
    let id = before.id;
    let was_active = before.disabled_at.is_none();
    let is_active = wanted.change.active.unwrap_or(was_active);
    let grants = wanted.change.roles.as_ref().map(|it| resolve(db, paths, it)).transpose()?;
    let grants = grants.filter(|it| !is_same(it, before));
    let stays_admin = is_active
        && grants.as_ref().map_or_else(
            || before.is_working_admin() || !was_active,
            |it| it.iter().any(|it| it.role == Role::Admin),
        );
    if before.is_working_admin() && !stays_admin && !people::has_other_admin(db, id)? {
        let message = "这是最后一位管理员，不能停用或撤销其角色；请先指定另一位。 This is the last admin; name another one first.";
        return Err(Refusal::Rule { slug: "last-admin", message: message.to_owned() }.into());
    }

    let takes_totp_off = wanted.change.is_without_totp && has_totp;
    let ends_sessions =
        wanted.hash.is_some() || grants.is_some() || takes_totp_off || is_active != was_active;
    let mut kinds = Vec::new();
    if let Some(hash) = &wanted.hash {
        people::set_password(db, id, hash)?;
        kinds.push("setup.password_changed");
    }
    if takes_totp_off {
        people::set_totp(db, id, None, None)?;
        kinds.push("setup.totp_disabled");
    }
    if let Some(grants) = &grants {
        people::replace_grants(db, id, grants)?;
    }
    let has_other_change =
        wanted.name.is_some() || wanted.email.is_some() || grants.is_some() || (is_active && !was_active);
    if was_active && !is_active {
        kinds.push("setup.user_disabled");
    } else if has_other_change {
        kinds.push("setup.user_changed");
    }
    if kinds.is_empty() {
        return Ok((before.clone(), kinds));
    }
    let name = wanted.name.unwrap_or_else(|| before.name.clone());
    let email = match wanted.email {
        None => before.email.clone(),
        Some(EmailChange::Off) => None,
        Some(EmailChange::To(email)) => Some(email),
    };
    let disabled_at = if is_active { None } else { before.disabled_at.or(Some(now)) };
    people::change(db, id, &name, email.as_deref(), disabled_at)?;
    if ends_sessions {
        people::raise_token_version(db, id)?;
        people::sessions::revoke_all(db, id, None, now)?;
    }
    Ok((stored(db, id)?, kinds))
}

/// True when `grants` are the roles the account holds already, in whatever order.
fn is_same(grants: &[Grant], account: &Account) -> bool {
    grants.len() == account.held.len() && account.held.iter().all(|it| grants.contains(&it.grant))
}

fn stored(db: &mut Db, id: AccountId) -> Result<Account, Error> {
    let account = people::by_id(db, id)?;
    account.ok_or_else(|| Error::Internal(format!("could not read back an account: {id}")))
}

fn taken(error: StoreError, username: &str) -> Error {
    match error {
        StoreError::Duplicate { .. } => Refusal::Exists(username.to_owned()).into(),
        other => other.into(),
    }
}

fn check_count(roles: &[RoleAt], faults: &mut Faults) {
    if roles.is_empty() || roles.len() > GRANTS_MAX {
        faults.add("roles", format!("须有 1 到 {GRANTS_MAX} 个角色。 A user has 1 to {GRANTS_MAX} roles."));
    }
}

/// The roles by ids: each at a node within `paths`, a handler's with a unit of `paths` that fits it.
fn resolve(db: &mut Db, paths: &[String], roles: &[RoleAt]) -> Result<Vec<Grant>, Error> {
    let mut faults = Faults::default();
    let mut grants: Vec<Grant> = Vec::with_capacity(roles.len());
    for (i, role) in roles.iter().enumerate() {
        let node = people::node_by_code(db, &role.node)?.filter(|(_, path)| covers(paths, path));
        let Some((node, path)) = node else {
            let message = format!("您的范围内没有这个节点：{0}。 No node {0} among yours.", role.node);
            faults.add(format!("roles[{i}].node"), message);
            continue;
        };
        let unit = match &role.unit {
            Some(code) => unit_for(db, paths, &path, code)?,
            None => None,
        };
        if role.unit.is_some() && unit.is_none() {
            let code = role.unit.as_deref().unwrap_or_default();
            let message = format!(
                "{0} 没有这个单位：{code}。请先添加。 No unit {code} for {0}; add it first.",
                role.node
            );
            faults.add(format!("roles[{i}].unit"), message);
            continue;
        }
        if unit.is_none() && needs_unit(role.role) {
            let message = "经办人须写明单位。 A handler names a unit.";
            faults.add(format!("roles[{i}].unit"), message);
            continue;
        }
        let grant = Grant { role: role.role, node, path, unit };
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    Ok(faults.check(grants)?)
}

/// The unit with this code that is nearest to the node: its own, else the nearest above, else the only one below.
///
/// Only one within `paths`: a unit's handlers read its tickets, and those of a unit above are other communities' too.
fn unit_for(db: &mut Db, paths: &[String], node_path: &str, code: &str) -> Result<Option<SetupId>, Error> {
    let units = people::units_by_code(db, code)?;
    let fitting = || units.iter().filter(|(_, path)| covers(paths, path) && unit_fits(path, node_path));
    let at_or_above =
        fitting().filter(|(_, path)| node_path.starts_with(path.as_str())).max_by_key(|(_, path)| path.len());
    let below: Vec<_> = fitting().filter(|(_, path)| !node_path.starts_with(path.as_str())).collect();
    Ok(match (at_or_above, below.as_slice()) {
        (Some((id, _)), _) | (None, [(id, _)]) => Some(*id),
        (None, _) => None,
    })
}
