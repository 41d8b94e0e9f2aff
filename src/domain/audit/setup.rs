//! The set-up's chain: what its events add up to, compared with nodes, entries, device tokens and accounts.

use std::collections::{BTreeMap, HashMap};

use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;

use super::numbers::Community;
use super::{
    AccountRow, AuditKeys, Chain, EntryRow, Finding, GrantRow, HeadRow, NodeRow, Report, SlipRow, Spot,
    TokenRow,
};
use crate::domain::event::{Recorded, Stream};
use crate::domain::setup::{Details, Entry, SetupKind, SetupState, fold};
use crate::domain::value::At;

/// Every row of the set-up, each as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetupRows {
    pub nodes: Vec<Vec<u8>>,
    pub entries: Vec<Vec<u8>>,
    pub tokens: Vec<Vec<u8>>,
    pub accounts: Vec<Vec<u8>>,
    pub grants: Vec<Vec<u8>>,
    pub slips: Vec<Vec<u8>>,
}

/// A role as an event names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
struct RoleFact {
    role: String,
    node: String,
    unit: Option<String>,
}

/// An account as events know it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct AccountFact {
    id: i64,
    username: String,
    name: String,
    roles: Vec<RoleFact>,
    active: bool,
    totp: bool,
    version: i64,
}

/// The set-up as its chain is followed.
#[derive(Debug, Clone)]
pub struct SetupAudit {
    chain: Chain,
    state: SetupState,
    accounts: BTreeMap<i64, AccountFact>,
    /// Every zone a node ever had: numbers were given out by the one in force then.
    zones: HashMap<i64, Vec<Tz>>,
}

impl Default for SetupAudit {
    fn default() -> Self {
        Self {
            chain: Chain::new(Stream::Setup.as_str(), 0),
            state: SetupState::default(),
            accounts: BTreeMap::new(),
            zones: HashMap::new(),
        }
    }
}

impl SetupAudit {
    /// The chain.
    pub fn chain(&mut self) -> &mut Chain {
        &mut self.chain
    }

    /// Takes the next event.
    pub fn follow(&mut self, event: &Recorded, report: &mut Report) {
        self.chain.follow(event, report);
        if self.chain.is_whole()
            && let Err(fault) = self.fold(event)
        {
            let spot = Spot { column: "data".to_owned(), ..self.chain.spot(Some(event.seq), "event") };
            report.add(Finding::new("event", spot, "这个事件接不上前面的设置", fault));
            self.chain.give_up();
        }
    }

    fn fold(&mut self, event: &Recorded) -> Result<(), String> {
        let fields: Value =
            serde_json::from_str(&event.data).map_err(|_| "its fields are no JSON object".to_owned())?;
        if fold(&mut self.state, &event.kind, &fields).map_err(|it| it.to_string())? {
            if let Some(node) = self.state.nodes.values().find(|it| Some(it.id.0) == fields["id"].as_i64())
                && event.kind.starts_with("setup.node_")
            {
                self.zones.entry(node.id.0).or_default().push(node.time_zone);
            }
            return Ok(());
        }
        if fields.get("roles").is_some() && fields.get("username").is_some() {
            let fact = AccountFact::deserialize(&fields)
                .map_err(|_| "its fields are not those of an account".to_owned())?;
            self.accounts.insert(fact.id, fact);
        } else if let Some(has_totp) = match event.kind.as_str() {
            "setup.totp_enabled" => Some(true),
            "setup.totp_disabled" => Some(false),
            _ => None,
        } {
            let account = fields["id"].as_i64().and_then(|it| self.accounts.get_mut(&it));
            account.ok_or("it is about an account that is not there")?.totp = has_totp;
        }
        Ok(())
    }

    /// Compares the head.
    pub fn close<const FROM_STORE: bool>(
        &mut self,
        head: Option<&HeadRow<FROM_STORE>>,
        keys: AuditKeys,
        report: &mut Report,
    ) {
        self.chain.close(head, keys, report);
    }

    /// Compares the rows with what the events add up to, and gives what numbers are compared by.
    pub fn compare(self, rows: &SetupRows, report: &mut Report) -> HashMap<i64, Community> {
        let stream = Stream::Setup.as_str();
        let nodes: Vec<NodeRow> = report.read_rows(stream, &rows.nodes);
        let entries: Vec<EntryRow> = report.read_rows(stream, &rows.entries);
        let tokens: Vec<TokenRow> = report.read_rows(stream, &rows.tokens);
        let accounts: Vec<AccountRow> = report.read_rows(stream, &rows.accounts);
        let grants: Vec<GrantRow> = report.read_rows(stream, &rows.grants);
        let slips: Vec<SlipRow> = report.read_rows(stream, &rows.slips);
        if self.chain.is_whole() {
            self.compare_nodes(&nodes, report);
            self.compare_entries(&entries, report);
            self.compare_tokens(&tokens, report);
            self.compare_slips(&slips, report);
            self.compare_accounts(&accounts, &grants, &nodes, &entries, report);
        }
        let mut communities = HashMap::new();
        for node in nodes {
            let mut zones = self.zones.get(&node.id).cloned().unwrap_or_default();
            zones.extend(node.time_zone.parse::<Tz>());
            communities.insert(node.id, Community { code: node.code, zones });
        }
        communities
    }

    fn spot(&self, table: &'static str) -> Spot {
        self.chain.spot(None, table)
    }

    fn compare_nodes(&self, found: &[NodeRow], report: &mut Report) {
        let spot = self.spot("node");
        let mut found: BTreeMap<i64, &NodeRow> = found.iter().map(|it| (it.id, it)).collect();
        for node in self.state.nodes.values() {
            match found.remove(&node.id.0) {
                Some(found) => {
                    report.add_differences(&at(&spot, &node.code), NodeRow::of(node).differences(found));
                }
                None => report.add(missing(&spot, &node.code)),
            }
        }
        for it in found.values() {
            report.add(stray(&spot, &it.code));
        }
    }

    fn compare_entries(&self, found: &[EntryRow], report: &mut Report) {
        let spot = self.spot("setup_entry");
        let mut found: BTreeMap<i64, &EntryRow> = found.iter().map(|it| (it.id, it)).collect();
        for entry in self.state.entries.values() {
            match found.remove(&entry.id.0) {
                Some(found) => {
                    let expected = entry_row(entry, found);
                    report.add_differences(&at(&spot, &entry.code), expected.differences(found));
                }
                None => report.add(missing(&spot, &entry.code)),
            }
        }
        for it in found.values() {
            report.add(stray(&spot, &it.code));
        }
    }

    fn compare_tokens(&self, found: &[TokenRow], report: &mut Report) {
        let spot = self.spot("device_token");
        let mut found: BTreeMap<i64, &TokenRow> = found.iter().map(|it| (it.kiosk_id, it)).collect();
        for token in self.state.tokens.values() {
            let expected = TokenRow {
                kiosk_id: token.kiosk.0,
                issued_at: token.issued_at.micros(),
                revoked_at: token.revoked_at.map(At::micros),
            };
            match found.remove(&token.kiosk.0) {
                Some(found) => report.add_differences(&spot, expected.differences(found)),
                None => report.add(missing(&spot, &token.kiosk.to_string())),
            }
        }
        for it in found.values() {
            report.add(stray(&spot, &it.kiosk_id.to_string()));
        }
    }

    fn compare_slips(&self, found: &[SlipRow], report: &mut Report) {
        let spot = self.spot("slip_batch");
        let mut found: BTreeMap<i64, &SlipRow> = found.iter().map(|it| (it.id, it)).collect();
        for batch in self.state.slips.values() {
            match found.remove(&batch.id) {
                Some(found) => report.add_differences(&spot, SlipRow::of(batch).differences(found)),
                None => report.add(missing(&spot, &batch.id.to_string())),
            }
        }
        for it in found.values() {
            report.add(stray(&spot, &it.id.to_string()));
        }
    }

    fn compare_accounts(
        &self,
        accounts: &[AccountRow],
        grants: &[GrantRow],
        nodes: &[NodeRow],
        entries: &[EntryRow],
        report: &mut Report,
    ) {
        let spot = self.spot("account");
        let node_codes: HashMap<i64, &str> = nodes.iter().map(|it| (it.id, it.code.as_str())).collect();
        let unit_codes: HashMap<i64, &str> = entries.iter().map(|it| (it.id, it.code.as_str())).collect();
        let code = |codes: &HashMap<i64, &str>, id: i64| codes.get(&id).copied().unwrap_or("?").to_owned();
        let mut held: HashMap<i64, Vec<RoleFact>> = HashMap::new();
        for grant in grants {
            held.entry(grant.account_id).or_default().push(RoleFact {
                role: grant.role.clone(),
                node: code(&node_codes, grant.node_id),
                unit: grant.unit_id.map(|it| code(&unit_codes, it)),
            });
        }
        let mut found: BTreeMap<i64, &AccountRow> = accounts.iter().map(|it| (it.id, it)).collect();
        for expected in self.accounts.values() {
            let Some(row) = found.remove(&expected.id) else {
                report.add(missing(&spot, &expected.username));
                continue;
            };
            let found = AccountFact {
                id: row.id,
                username: row.username.clone(),
                name: row.name.clone(),
                roles: held.remove(&row.id).unwrap_or_default(),
                active: row.disabled_at.is_none(),
                totp: row.totp_last_step.is_some(),
                version: row.version,
            };
            compare_account(expected, found, &spot, report);
        }
        for it in found.values() {
            report.add(stray(&spot, &it.username));
        }
    }
}

fn compare_account(expected: &AccountFact, mut found: AccountFact, spot: &Spot, report: &mut Report) {
    let mut expected = expected.clone();
    expected.roles.sort();
    found.roles.sort();
    let columns = [
        ("username", expected.username == found.username),
        ("name", expected.name == found.name),
        ("role_grant", expected.roles == found.roles),
        ("disabled_at", expected.active == found.active),
        ("totp_last_step", expected.totp == found.totp),
        ("version", expected.version == found.version),
    ];
    for (column, _) in columns.into_iter().filter(|(_, is_same)| !is_same) {
        let spot = Spot { column: column.to_owned(), ..at(spot, &expected.username) };
        report.add(Finding::new(
            "row",
            spot,
            format!("用户 {} 与事件不符", expected.username),
            format!("user {} is not what the events add up to", expected.username),
        ));
    }
}

/// The row of an entry; details that say the same in other words are no difference.
fn entry_row(entry: &Entry, found: &EntryRow) -> EntryRow {
    let read = |kind: SetupKind| {
        let details = serde_json::from_str(&found.details).ok()?;
        Details::parse(kind, &details).ok()
    };
    let is_same = read(entry.kind).is_some_and(|it| it == entry.details);
    EntryRow {
        id: entry.id.0,
        kind: entry.kind.to_string(),
        node_id: entry.node.map(|it| it.0),
        parent_id: entry.parent.map(|it| it.0),
        code: entry.code.clone(),
        name: entry.name.clone(),
        details: if is_same { found.details.clone() } else { entry.details.to_value().to_string() },
        version: entry.version,
        retired_at: entry.retired_at.map(At::micros),
    }
}

fn at(spot: &Spot, code: &str) -> Spot {
    Spot { number: Some(code.to_owned()), ..spot.clone() }
}

fn missing(spot: &Spot, code: &str) -> Finding {
    Finding::new(
        "row",
        at(spot, code),
        format!("{code} 按事件应有，现在没有"),
        format!("{code} should be there after the events and is not"),
    )
}

fn stray(spot: &Spot, code: &str) -> Finding {
    Finding::new(
        "row",
        at(spot, code),
        format!("{code} 没有事件说它被添加过"),
        format!("no event says that {code} was added"),
    )
}
