//! `red-mailbox node …`: the organisation tree from the server's own command line.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Failure, Outcome, say};
use crate::domain::people::Actor;
use crate::domain::setup::NodeKind;
use crate::service::setup::{self, PAGE_MAX, Page};
use crate::service::{App, Caller, Error};

/// What to do with nodes.
#[derive(Debug, Clone, Subcommand)]
pub(super) enum NodeCommand {
    /// Add a node
    Add {
        /// The code: 2 to 8 capital letters for a community
        code: String,
        /// The name people read
        #[arg(long)]
        name: String,
        /// district, street, community, grid, building or place
        #[arg(long, value_parser = parse_kind)]
        kind: NodeKind,
        /// Code of the node above
        #[arg(long, value_name = "CODE")]
        parent: Option<String>,
        /// IANA name [default: the parent's, or Asia/Shanghai]
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
    },
    /// List every node in use
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn parse_kind(text: &str) -> Result<NodeKind, String> {
    let known = || NodeKind::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
    NodeKind::parse(text).ok_or_else(|| format!("no such kind; one of: {}", known()))
}

/// Runs one `node` command on an opened application.
///
/// # Errors
/// What was refused or failed, in words for operators.
pub(super) fn run(app: &App, command: NodeCommand) -> Outcome {
    block_on(async {
        match command {
            NodeCommand::Add { code, name, kind, parent, time_zone } => {
                let fields = json!({"code": code, "name": name, "kind": kind, "parent": parent,
                    "time_zone": time_zone});
                let card = setup::add_node(app, &on_the_server(), object(fields)).await;
                let card = card.map_err(|error| failed("add node", error))?;
                say(&format!("node added: {} {}", card.node.code, card.node.name))
            }
            NodeCommand::List { json } => list(app, json).await,
        }
    })
}

async fn list(app: &App, json: bool) -> Outcome {
    let mut items = Vec::new();
    let mut page = Page { after: 0, limit: PAGE_MAX };
    loop {
        let listed = setup::list_nodes(app, &on_the_server(), true, page)
            .await
            .map_err(|error| failed("list nodes", error))?;
        for card in listed.items {
            let (node, parent) = (card.node, card.parent);
            if json {
                items.push(json!({"code": node.code, "name": node.name, "kind": node.kind, "parent": parent,
                    "time_zone": node.time_zone.name(), "version": node.version}));
            } else {
                let parent = parent.as_deref().unwrap_or("-");
                say(&format!("{:<16} {:<10} {parent:<16} {}", node.code, node.kind.as_str(), node.name))?;
            }
        }
        match listed.next {
            Some(after) => page.after = after,
            None if json => return say(&Value::Array(items).to_string()),
            None => return Ok(()),
        }
    }
}

/// Whoever has the command line has the machine.
pub(super) fn on_the_server() -> Caller {
    Caller { actor: Actor::System, place: None }
}

/// The fields of a JSON object that was just written down; those that are null are as good as left out.
pub(super) fn object(fields: Value) -> Map<String, Value> {
    if let Value::Object(fields) = fields { fields } else { Map::new() }
}

/// Runs one command's work to its end.
///
/// # Errors
/// As `work`.
pub(super) fn block_on(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::of)?;
    runtime.block_on(work)
}

/// A refusal or fault in words for operators, and what may help.
#[expect(clippy::needless_pass_by_value, reason = "used as a function in map_err")]
pub(super) fn failed(doing: &str, error: Error) -> Failure {
    Failure::of_service(doing, &error)
}
