//! What the set-up's events add up to: the rows, so that `audit verify` can compare the two.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::{Entry, Node, SetupKind};
use crate::domain::value::{At, NodeId, SetupId};

/// A kiosk's token, as far as the trail knows it: when it was given out and taken back, never what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceToken {
    pub kiosk: SetupId,
    pub issued_at: At,
    pub revoked_at: Option<At>,
}

impl DeviceToken {
    /// What the trail keeps of it.
    pub fn fields(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// A run of printed slips (来信单): serials `first` to `last` of a community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlipBatch {
    pub id: i64,
    /// The community.
    pub node: NodeId,
    pub first: u64,
    pub last: u64,
    /// The kiosk whose reserve it is; None for sheets that letters are written on.
    pub kiosk: Option<SetupId>,
    pub printed_at: At,
}

impl SlipBatch {
    /// What the trail keeps of it: no code.
    pub fn fields(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// Every node, entry, device token and run of slips.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetupState {
    pub nodes: BTreeMap<NodeId, Node>,
    pub entries: BTreeMap<SetupId, Entry>,
    pub tokens: BTreeMap<SetupId, DeviceToken>,
    pub slips: BTreeMap<i64, SlipBatch>,
}

/// Why an event does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FoldFault {
    #[error("its fields are not those of a {0}")]
    Fields(&'static str),
    #[error("it adds {0}, which is there already")]
    AddedTwice(String),
    #[error("it changes {0}, which is not there")]
    Unknown(String),
    #[error("it takes {0} back from version {1} to {2}")]
    Backwards(String, i64, i64),
}

/// Adds one event of the set-up stream. False when its type is not about nodes, entries, device tokens and slips.
///
/// # Errors
/// A `FoldFault` when the event cannot have followed.
pub fn fold(state: &mut SetupState, kind: &str, fields: &Value) -> Result<bool, FoldFault> {
    let Some((noun, verb)) = kind.strip_prefix("setup.").and_then(|it| it.rsplit_once('_')) else {
        return Ok(false);
    };
    if noun == "kiosk_token" {
        let token = DeviceToken::deserialize(fields).map_err(|_| FoldFault::Fields("device token"))?;
        state.tokens.insert(token.kiosk, token);
        return Ok(true);
    }
    if noun == "slips" && verb == "printed" {
        let batch = SlipBatch::deserialize(fields).map_err(|_| FoldFault::Fields("run of slips"))?;
        let id = batch.id;
        return match state.slips.insert(id, batch) {
            None => Ok(true),
            Some(_) => Err(FoldFault::AddedTwice(format!("run of slips {id}"))),
        };
    }
    let is_first = match verb {
        "added" => true,
        "changed" | "retired" => false,
        _ => return Ok(false),
    };
    if noun == "node" {
        let node = Node::deserialize(fields).map_err(|_| FoldFault::Fields("node"))?;
        follow(kind, is_first, state.nodes.get(&node.id).map(|it| it.version), node.version, &node.code)?;
        state.nodes.insert(node.id, node);
        return Ok(true);
    }
    let Some(setup_kind) = SetupKind::parse(noun) else { return Ok(false) };
    let entry = Entry::from_fields(fields)
        .filter(|it| it.kind == setup_kind)
        .ok_or(FoldFault::Fields(setup_kind.as_str()))?;
    follow(kind, is_first, state.entries.get(&entry.id).map(|it| it.version), entry.version, &entry.code)?;
    state.entries.insert(entry.id, entry);
    Ok(true)
}

/// Checks that an event may follow: a row is added once, and its version never falls.
fn follow(
    kind: &str,
    is_first: bool,
    before: Option<i64>,
    version: i64,
    code: &str,
) -> Result<(), FoldFault> {
    let named = || format!("{} {code}", kind.trim_start_matches("setup."));
    match before {
        Some(_) if is_first => Err(FoldFault::AddedTwice(named())),
        None if !is_first => Err(FoldFault::Unknown(named())),
        Some(before) if version < before => Err(FoldFault::Backwards(named(), before, version)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::setup::Details;

    fn unit(version: i64) -> Entry {
        Entry {
            id: SetupId(5),
            kind: SetupKind::Unit,
            node: Some(NodeId(1)),
            parent: None,
            code: "WY".to_owned(),
            name: "物业".to_owned(),
            details: Details::parse(SetupKind::Unit, &json!({"kind": "property"})).unwrap(),
            version,
            retired_at: None,
        }
    }

    #[test]
    fn folding_gives_the_last_row() {
        let mut state = SetupState::default();
        let renamed = Entry { name: "新物业".to_owned(), ..unit(2) };

        assert_eq!(fold(&mut state, "setup.unit_added", &unit(1).fields()), Ok(true));
        assert_eq!(fold(&mut state, "setup.unit_changed", &renamed.fields()), Ok(true));
        assert_eq!(fold(&mut state, "setup.user_added", &json!({})), Ok(false));

        assert_eq!(state.entries.into_values().collect::<Vec<_>>(), [renamed]);
    }

    #[test]
    fn an_event_that_cannot_follow_is_named() {
        let mut state = SetupState::default();
        let fault = fold(&mut state, "setup.unit_changed", &unit(2).fields());
        assert_eq!(fault, Err(FoldFault::Unknown("unit_changed WY".to_owned())));
        assert!(fold(&mut state, "setup.unit_added", &json!({"id": 1})).is_err());
        assert!(fold(&mut state, "setup.mailbox_added", &unit(1).fields()).is_err());
    }
}
