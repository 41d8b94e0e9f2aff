//! `red-mailbox unit …`: units from the server's own command line.

use clap::Subcommand;
use serde_json::{Value, json};

use super::node::{block_on, failed, object, on_the_server};
use super::{Outcome, say};
use crate::domain::setup::{SetupKind, UnitKind};
use crate::service::App;
use crate::service::setup::{self, Listing, PAGE_MAX, Page};

/// What to do with units.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum UnitCommand {
    /// Add a unit
    Add {
        /// The code, unique at its node
        code: String,
        /// The name people read
        #[arg(long)]
        name: String,
        /// Code of the node it works for
        #[arg(long, value_name = "CODE")]
        node: String,
        /// What sort of unit, such as property; a wrong one is told the others
        #[arg(long, value_parser = parse_kind)]
        kind: Option<UnitKind>,
    },
    /// List every unit in use
    List {
        /// Only those in use at this node
        #[arg(long, value_name = "CODE")]
        node: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn parse_kind(text: &str) -> Result<UnitKind, String> {
    let known = || UnitKind::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
    UnitKind::parse(text).ok_or_else(|| format!("no such kind; one of: {}", known()))
}

/// Runs one `unit` command on an opened application.
///
/// # Errors
/// What was refused or failed, in words for operators.
pub(super) fn run(app: &App, command: UnitCommand) -> Outcome {
    block_on(async {
        match command {
            UnitCommand::Add { code, name, node, kind } => {
                let fields = json!({"code": code, "name": name, "node": node, "kind": kind});
                let card = setup::add_entry(app, &on_the_server(), SetupKind::Unit, object(fields)).await;
                let card = card.map_err(|error| failed("add unit", error))?;
                say(&format!("unit added: {} {}", card.entry.code, card.entry.name))
            }
            UnitCommand::List { node, json } => list(app, node, json).await,
        }
    })
}

async fn list(app: &App, node: Option<String>, json: bool) -> Outcome {
    let listing = Listing { kind: SetupKind::Unit, node, active: true };
    let mut items = Vec::new();
    let mut page = Page { after: 0, limit: PAGE_MAX };
    loop {
        let listed = setup::list_entries(app, &on_the_server(), listing.clone(), page)
            .await
            .map_err(|error| failed("list units", error))?;
        for card in listed.items {
            let entry = card.entry;
            if json {
                let mut fields = entry.details.to_fields();
                fields.insert("code".to_owned(), entry.code.into());
                fields.insert("name".to_owned(), entry.name.into());
                fields.insert("node".to_owned(), card.node.into());
                fields.insert("version".to_owned(), entry.version.into());
                items.push(Value::Object(fields));
            } else {
                let node = card.node.as_deref().unwrap_or("-");
                say(&format!("{:<16} {node:<16} {}", entry.code, entry.name))?;
            }
        }
        match listed.next {
            Some(after) => page.after = after,
            None if json => return say(&Value::Array(items).to_string()),
            None => return Ok(()),
        }
    }
}
