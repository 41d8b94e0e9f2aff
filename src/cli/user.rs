//! `red-mailbox user …`: accounts from the server's own command line.

use std::io::{self, Read as _};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Failure, Outcome, say};
use crate::domain::accounts::{Account, Held, PASSWORD_CHARS_MAX};
use crate::domain::people::{Actor, Role};
use crate::service::accounts::{self, NewUser, RoleAt, UserChange};
use crate::service::{App, Caller, Error};

/// A password's bytes at most, with its line end.
const PASSWORD_BYTES_MAX: u64 = 4 * PASSWORD_CHARS_MAX as u64 + 2;
/// Accounts read at once while listing.
const PAGE: i64 = 200;

/// What to do with users.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum UserCommand {
    /// Make a user with one role at one node
    Add {
        /// The username
        username: String,
        #[command(flatten)]
        role: RoleArgs,
        /// The person's name [default: the username]
        #[arg(long)]
        name: Option<String>,
        /// The person's e-mail address
        #[arg(long)]
        email: Option<String>,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// List every user
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// End a user's sessions and let nobody sign in as them
    Disable { username: String },
    /// Let a disabled user sign in again
    Enable { username: String },
    /// Set a user's password; ends their sessions
    ResetPassword {
        username: String,
        /// Read the password from standard input
        #[arg(long, required = true)]
        password_stdin: bool,
        /// Take one-time codes off, too
        #[arg(long)]
        without_totp: bool,
    },
    /// Give a user one more role
    Grant {
        username: String,
        #[command(flatten)]
        role: RoleArgs,
    },
    /// Take a role from a user
    Revoke {
        username: String,
        #[command(flatten)]
        role: RoleArgs,
    },
}

/// A role at a node.
#[derive(Debug, Clone, Args)]
pub(super) struct RoleArgs {
    /// clerk, triager, handler, supervisor, leader, auditor or admin
    #[arg(long, value_parser = parse_role)]
    role: Role,
    /// The node's code
    #[arg(long, value_name = "CODE")]
    node: String,
    /// The unit's code; a handler needs one
    #[arg(long, value_name = "CODE")]
    unit: Option<String>,
}

impl RoleArgs {
    fn into_role(self) -> RoleAt {
        RoleAt { role: self.role, node: self.node, unit: self.unit }
    }
}

fn parse_role(text: &str) -> Result<Role, String> {
    let known = || Role::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
    Role::parse(text).ok_or_else(|| format!("no such role; one of: {}", known()))
}

/// Runs one `user` command on an opened application.
///
/// # Errors
/// What was refused or failed, in words for operators.
pub(super) fn run(app: &App, command: UserCommand) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::of)?;
    runtime.block_on(done(app, command))
}

async fn done(app: &App, command: UserCommand) -> Outcome {
    let caller = Caller { actor: Actor::System, place: None };
    match command {
        UserCommand::Add { username, role, name, email, password_stdin: _ } => {
            let roles = vec![role.into_role()];
            let new = NewUser { username, name, email, password: password_from_stdin()?, roles };
            let account = accounts::add_user(app, &caller, new).await.map_err(failed)?;
            say(&format!("user added: {}", account.username))
        }
        UserCommand::List { json } => list(app, &caller, json).await,
        UserCommand::Disable { username } => {
            accounts::disable_user(app, &caller, &username).await.map_err(failed)?;
            say(&format!("user disabled: {username}"))
        }
        UserCommand::Enable { username } => {
            let change = UserChange { active: Some(true), ..UserChange::default() };
            change_user(app, &caller, &username, change).await?;
            say(&format!("user enabled: {username}"))
        }
        UserCommand::ResetPassword { username, without_totp, password_stdin: _ } => {
            let password = Some(password_from_stdin()?);
            let change = UserChange { password, is_without_totp: without_totp, ..UserChange::default() };
            change_user(app, &caller, &username, change).await?;
            say(&format!("password set, sessions ended: {username}"))
        }
        UserCommand::Grant { username, role } => {
            let mut roles = roles_of(app, &caller, &username).await?;
            roles.push(role.into_role());
            change_roles(app, &caller, &username, roles).await?;
            say(&format!("role granted: {username}"))
        }
        UserCommand::Revoke { username, role } => {
            let mut roles = roles_of(app, &caller, &username).await?;
            let (n_before, taken) = (roles.len(), role.into_role());
            roles.retain(|it| {
                it.role != taken.role
                    || it.node != taken.node
                    || (taken.unit.is_some() && it.unit != taken.unit)
            });
            if roles.len() == n_before {
                return Err(Failure::Failed(format!("could not revoke a role: {username} does not hold it")));
            }
            change_roles(app, &caller, &username, roles).await?;
            say(&format!("role revoked: {username}"))
        }
    }
}

async fn change_user(app: &App, caller: &Caller, username: &str, change: UserChange) -> Outcome {
    accounts::change_user(app, caller, username, None, change).await.map(|_| ()).map_err(failed)
}

async fn change_roles(app: &App, caller: &Caller, username: &str, roles: Vec<RoleAt>) -> Outcome {
    let change = UserChange { roles: Some(roles), ..UserChange::default() };
    change_user(app, caller, username, change).await
}

async fn roles_of(app: &App, caller: &Caller, username: &str) -> Result<Vec<RoleAt>, Failure> {
    let account = accounts::find_user(app, caller, username).await.map_err(failed)?;
    let role = |it: Held| RoleAt { role: it.grant.role, node: it.node_code, unit: it.unit_code };
    Ok(account.held.into_iter().map(role).collect())
}

async fn list(app: &App, caller: &Caller, is_json: bool) -> Outcome {
    let mut after = String::new();
    loop {
        let page = accounts::list_users(app, caller, &after, PAGE).await.map_err(failed)?;
        let Some(last) = page.last() else { return Ok(()) };
        after.clone_from(&last.username);
        for account in &page {
            say(&if is_json { json_line(account) } else { plain_line(account) })?;
        }
    }
}

fn plain_line(account: &Account) -> String {
    let role = |it: &Held| match &it.unit_code {
        Some(unit) => format!("{}@{}/{unit}", it.grant.role, it.node_code),
        None => format!("{}@{}", it.grant.role, it.node_code),
    };
    let roles: Vec<String> = account.held.iter().map(role).collect();
    let state = if account.disabled_at.is_none() { "active" } else { "disabled" };
    format!("{}\t{}\t{state}\t{}", account.username, account.name, roles.join(" "))
}

fn json_line(account: &Account) -> String {
    let role = |it: &Held| json!({"role": it.grant.role, "node": it.node_code, "unit": it.unit_code});
    json!({
        "code": account.username,
        "name": account.name,
        "email": account.email,
        "roles": account.held.iter().map(role).collect::<Vec<_>>(),
        "active": account.disabled_at.is_none(),
        "totp": account.has_totp,
        "version": account.version,
    })
    .to_string()
}

/// The first line of standard input, without its end.
fn password_from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    let read = io::stdin().lock().take(PASSWORD_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|cause| {
        Failure::Failed(format!("could not read the password from standard input: {cause}"))
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

/// A refusal in an operator's words: every field at fault on a line of its own.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn failed(error: Error) -> Failure {
    Failure::of_service("change users", &error)
}
