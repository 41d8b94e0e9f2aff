//! Clocks explained, the holding ledger, and decisions about more time.

use std::collections::BTreeMap;

use super::circumstances::{Circumstances, keep};
use super::desk::{Opened, check_version, reload};
use super::files::{self, TicketFile};
use super::{App, Error};
use crate::domain::event::{Recorded, Stream};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::sla::explain::{Causes, Explanation, Grounds, explain};
use crate::domain::sla::holding::{Happened, Hold, Holder, ledger};
use crate::domain::sla::{Clock, Extension, ExtensionState, Rules, RulesDigest, Stage};
use crate::domain::ticket::event::{TicketEvent, effects_of};
use crate::domain::ticket::{ExtensionDecision, Ticket, text};
use crate::domain::value::{AccountId, At};
use crate::store::tickets::TicketText;
use crate::store::{Db, events, setup, tickets};

/// A ticket of years has some hundred events; more are not explained one by one.
const EVENTS_MAX: i64 = 10_000;

/// A pause with what was said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseTold {
    pub from: At,
    pub to: Option<At>,
    /// Open minutes that it lasted; none while it lasts.
    pub working_minutes: Option<i64>,
    /// Why, for staff.
    pub reason: Option<String>,
}

/// A request for more time with who decided it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionTold {
    pub extension: Extension,
    pub reason: Option<String>,
    pub decided_by: Option<String>,
}

/// A clock with why it is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockTold {
    pub clock: Clock,
    pub explanation: Explanation,
    pub pauses: Vec<PauseTold>,
    pub extensions: Vec<ExtensionTold>,
}

/// A span in one pair of hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldTold {
    pub hold: Hold,
    /// Code of the unit or node; none for those outside.
    pub code: Option<String>,
    pub working_minutes: i64,
    pub calendar_minutes: i64,
}

/// A ticket's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub clocks: Vec<ClockTold>,
    /// None for the holder of the receipt.
    pub holding: Option<Vec<HoldTold>>,
}

/// Explains every clock of an opened ticket; to staff who may read the trail, with the ledger.
///
/// # Errors
/// Only those of the database, or `Internal` for events this version cannot read.
pub async fn tell(app: &App, opened: Opened) -> Result<Told, Error> {
    let now = app.clock.now();
    app.store
        .read(move |db: &mut Db| {
            let ticket = &opened.ticket;
            let is_staff = opened.allow(Permission::ReadTrail).is_ok();
            let recorded = events::list(db, Stream::Ticket, ticket.id.0, 0, EVENTS_MAX)?;
            let texts = tickets::list_texts(db, &[ticket.id], &[])?;
            let rules = rules_of(db, ticket)?;
            let clocks = ticket
                .clocks
                .iter()
                .filter_map(|clock| {
                    let rules = rules.get(&clock.rules)?;
                    Some(told(ticket, clock, rules, &recorded, &texts, is_staff))
                })
                .collect();
            let holding = is_staff.then(|| holding(db, &opened, &recorded, now)).transpose()?;
            Ok(Told { clocks, holding })
        })
        .await
}

/// What the resident is told of the clocks of `ticket`, explained.
///
/// # Errors
/// Only those of the database.
pub async fn tell_resident(app: &App, ticket: &Ticket) -> Result<Vec<ClockTold>, Error> {
    let ticket = ticket.clone();
    app.store
        .read(move |db: &mut Db| {
            let texts = tickets::list_texts(db, &[ticket.id], &[])?;
            let rules = rules_of(db, &ticket)?;
            // Why somebody waited is staff's to read, so no event is looked at.
            let explained = ticket
                .clocks
                .iter()
                .filter_map(|clock| Some(told(&ticket, clock, rules.get(&clock.rules)?, &[], &texts, false)));
            Ok(explained.collect())
        })
        .await
}

/// Grants or refuses request `id` for more time.
///
/// # Errors
/// As for other actions; `NotFound` for an unknown request.
pub async fn decide_extension(
    app: &App,
    opened: Opened,
    id: u32,
    decision: ExtensionDecision,
    if_match: Option<i64>,
) -> Result<TicketFile, Error> {
    let (app_too, now) = (app.clone(), app.clock.now());
    app.store
        .write(move |db: &mut Db| {
            let caller = &opened.caller;
            let ticket = reload(db, opened.ticket.id)?;
            let surroundings = Circumstances::of(db, &ticket)?;
            if ticket.extensions.iter().all(|it| it.id != id) {
                return Err(Refusal::NotFound(format!("extension {id}")).into());
            }
            check_version(caller, if_match, ticket.version)?;
            let doing = surroundings.doing(caller, now);
            let change = ticket.decide_extension_request(id, decision.clone(), &doing)?;
            keep(db, &app_too, &change)?;
            files::of(db, change.ticket().clone(), caller)
        })
        .await
}

fn rules_of(db: &mut Db, ticket: &Ticket) -> Result<BTreeMap<RulesDigest, std::sync::Arc<Rules>>, Error> {
    let mut rules = BTreeMap::new();
    for clock in &ticket.clocks {
        if let std::collections::btree_map::Entry::Vacant(place) = rules.entry(clock.rules) {
            place.insert(tickets::find_rules(db, clock.rules)?);
        }
    }
    Ok(rules)
}

fn told(
    ticket: &Ticket,
    clock: &Clock,
    rules: &Rules,
    recorded: &[Recorded],
    texts: &[TicketText],
    is_staff: bool,
) -> ClockTold {
    // The event that began a pause is the one recorded at that moment.
    let reason = |from: At| {
        let waiting = recorded.iter().find(|it| it.kind == "ticket.waiting" && it.at == from)?;
        let text = texts.iter().find(|it| it.seq == waiting.seq && it.name == text::REASON)?;
        is_staff.then(|| text.body.clone())
    };
    let pauses: Vec<PauseTold> = clock
        .details
        .pauses
        .iter()
        .map(|it| PauseTold {
            from: it.from,
            to: it.to,
            working_minutes: it.to.and_then(|to| rules.calendar.working_minutes_between(it.from, to).ok()),
            reason: reason(it.from),
        })
        .collect();
    // The resident hears of more time that was granted; what was asked for in vain stays inside.
    let is_told = |it: &&Extension| is_staff || it.state == ExtensionState::Granted;
    let asked = ticket.extensions.iter().filter(|it| it.cycle == clock.cycle).filter(is_told);
    let extensions: Vec<ExtensionTold> = asked
        .filter(|_| clock.stage == Stage::Resolve)
        .map(|it| ExtensionTold {
            extension: *it,
            reason: texts
                .iter()
                .find(|text| text.name == text::extension(it.id))
                .map(|text| text.body.clone()),
            decided_by: is_staff.then(|| decider(recorded, it.id)).flatten(),
        })
        .collect();
    let causes = causes(&pauses, &extensions);
    ClockTold { clock: clock.clone(), explanation: explain(clock, rules, &causes), pauses, extensions }
}

/// What the reader may know of why a clock stood still and was given more time.
fn causes(pauses: &[PauseTold], extensions: &[ExtensionTold]) -> Causes {
    let granted = extensions.iter().filter(|it| it.extension.state == ExtensionState::Granted);
    Causes {
        pauses: pauses.iter().map(|it| it.reason.clone()).collect(),
        extensions: granted
            .map(|it| Grounds { reason: it.reason.clone(), by: it.decided_by.clone() })
            .collect(),
    }
}

/// Who granted or refused a request.
fn decider(recorded: &[Recorded], id: u32) -> Option<String> {
    recorded.iter().find_map(|it| {
        if !matches!(it.kind.as_str(), "ticket.extension_granted" | "ticket.extension_refused") {
            return None;
        }
        match TicketEvent::from_parts(&it.kind, &it.data) {
            Ok(
                TicketEvent::ExtensionGranted { extension, .. } | TicketEvent::ExtensionRefused { extension },
            ) if extension == id => it.actor_name.clone(),
            _ => None,
        }
    })
}

fn holding(db: &mut Db, opened: &Opened, recorded: &[Recorded], now: At) -> Result<Vec<HoldTold>, Error> {
    let calendar = &opened.surroundings.calendar;
    let mut happened = Vec::with_capacity(recorded.len());
    for it in recorded {
        happened.push(Happened {
            event: TicketEvent::from_parts(&it.kind, &it.data).map_err(Error::Internal)?,
            effects: effects_of(&it.data).map_err(Error::Internal)?,
            at: it.at,
            by: it.actor_id.map(AccountId),
        });
    }
    let mut told = Vec::new();
    for hold in ledger(opened.ticket.id, &happened) {
        let to = hold.to.unwrap_or(now).max(hold.from);
        let code = match hold.holder {
            Holder::Unit(unit) => setup::codes(db, &[unit])?.remove(&unit),
            Holder::Node(node) => Some(setup::find_node(db, node)?.code),
            Holder::Resident | Holder::ThirdParty => None,
        };
        told.push(HoldTold {
            code,
            working_minutes: calendar.working_minutes_between(hold.from, to).unwrap_or_default(),
            calendar_minutes: (to - hold.from).num_minutes(),
            hold,
        });
    }
    Ok(told)
}
