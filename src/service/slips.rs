//! Slips (来信单): printed in runs, bound once, each with a code that is never stored.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::setup::Doing;
use super::{App, Caller, Error, receipts};
use crate::domain::number::Serial;
use crate::domain::people::{Actor, Permission};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::setup::{Node, NodeKind, SlipBatch};
use crate::domain::value::SetupId;
use crate::store::setup::SlipDraft;
use crate::store::tickets::By;
use crate::store::{Db, setup, tickets};

/// Slips of one run, at most: two reams of paper.
pub const COUNT_MAX: u32 = 1_000;
/// Slips a kiosk is given at once, at most: a roll of receipts.
pub const RESERVE_MAX: u32 = 200;
/// Slips a kiosk is given a day, at most: far above what any hall sees, so that a stolen token is noticed.
const RESERVE_PER_DAY_MAX: u64 = 1_000;

/// How many slips of which community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SlipsBody {
    /// The community's code, `YD`.
    pub community: String,
    /// 1 to 1000.
    pub count: u32,
}

/// Slips that were just given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    pub community: Node,
    /// Each serial with the code that stands on its sheet and stub.
    pub slips: Vec<(Serial, String)>,
}

/// Refuses whoever may have slips printed nowhere, before anything is read.
///
/// # Errors
/// `Unauthenticated`, `Forbidden`.
pub fn check_may_print(caller: &Caller) -> Result<(), Error> {
    match &caller.actor {
        Actor::System => Ok(()),
        Actor::Staff(staff) if staff.may_somewhere(Permission::PrintSlips) => Ok(()),
        Actor::Staff(_) => Err(Refusal::Forbidden(Permission::PrintSlips).into()),
        Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => Err(Refusal::Unauthenticated.into()),
    }
}

/// Gives out a run of slips to be printed.
///
/// # Errors
/// `Invalid` with each wrong field; `Forbidden` at another's community.
pub async fn print(app: &App, caller: &Caller, body: SlipsBody) -> Result<Printed, Error> {
    check_may_print(caller)?;
    let (app_too, doing) = (app.clone(), Doing::of(app, caller));
    app.store
        .write(move |db: &mut Db| {
            let mut faults = Faults::default();
            let code = body.community.trim().to_uppercase();
            let node = setup::find_node_by_code(db, &code)?
                .filter(|it| it.kind == NodeKind::Community && it.retired_at.is_none());
            if node.is_none() {
                let code = shown(&code);
                faults.add(
                    "community",
                    format!("没有编号为 {code} 的社区。 There is no community with the code {code}."),
                );
            }
            if let (Actor::Staff(staff), Some(node)) = (&doing.caller.actor, &node)
                && !staff.may_at(Permission::PrintSlips, &node.path)
            {
                return Err(Refusal::Forbidden(Permission::PrintSlips).into());
            }
            if !(1..=COUNT_MAX).contains(&body.count) {
                faults
                    .add("count", format!("一次 1 到 {COUNT_MAX} 张。 Between 1 and {COUNT_MAX} at a time."));
            }
            let node = faults.check(node)?.ok_or_else(|| Error::internal("a community vanished"))?;
            give_out(db, &app_too, &doing, node, body.count, None)
        })
        .await
}

/// Which slips are printed again: a page that the printer lost, or a whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReprintBody {
    /// The first serial, `YD-S000018`.
    pub first: String,
    /// The last one; without it only the first.
    #[serde(default)]
    pub last: Option<String>,
}

/// Prints slips once more, with the serials and codes they have; the trail keeps that it was done.
///
/// # Errors
/// `Invalid` for serials that were never printed, are a kiosk's, or whose letters are registered: their stubs are
/// with their writers, and a second one would open the ticket. `Forbidden` at another's community.
pub async fn reprint(app: &App, caller: &Caller, body: ReprintBody) -> Result<Printed, Error> {
    check_may_print(caller)?;
    let (app_too, doing) = (app.clone(), Doing::of(app, caller));
    app.store
        .write(move |db: &mut Db| {
            let serials = read_range(&body)?;
            let community = match serials.first() {
                Some(first) => setup::find_node_by_code(db, first.community())?,
                None => None,
            };
            let community = community.ok_or_else(never_printed)?;
            if let Actor::Staff(staff) = &doing.caller.actor
                && !staff.may_at(Permission::PrintSlips, &community.path)
            {
                return Err(Refusal::Forbidden(Permission::PrintSlips).into());
            }
            check_reprint(db, &community, &serials)?;
            let running = |it: Option<&Serial>| it.and_then(Serial::running);
            let fields = json!({
                "node": community.id.0, "first": running(serials.first()), "last": running(serials.last()),
            });
            doing.record(db, "setup.slips_reprinted".to_owned(), fields)?;
            let slips = serials.into_iter().map(|it| {
                let code = receipts::code_of_slip(&app_too, &it);
                (it, code)
            });
            Ok(Printed { slips: slips.collect(), community })
        })
        .await
}

fn never_printed() -> Refusal {
    Refusal::field(
        "first",
        "没有印过这个编号的来信单，或它属于自助终端。请核对编号。 No such slip was printed, or it is a kiosk's; check the serial.",
    )
}

/// The serials from the first to the last.
fn read_range(body: &ReprintBody) -> Result<Vec<Serial>, Refusal> {
    let read = |field: &str, text: &str| {
        Serial::parse(text).map_err(|refusal| Refusal::field(field, refusal.to_string()))
    };
    let first = read("first", &body.first)?;
    let last = match body.last.as_deref().filter(|it| !it.trim().is_empty()) {
        Some(last) => read("last", last)?,
        None => first.clone(),
    };
    let (Some(from), Some(to)) = (first.running(), last.running()) else { return Err(never_printed()) };
    let is_one_run = first.community() == last.community() && from <= to;
    if !is_one_run || to - from >= u64::from(COUNT_MAX) {
        let message = format!(
            "应在第一张之后，同一社区，一次最多 {COUNT_MAX} 张。 It comes after the first, of the same community, at most {COUNT_MAX} slips at a time."
        );
        return Err(Refusal::field("last", message));
    }
    Ok((from..=to).map(|it| Serial::new(first.community(), it)).collect())
}

/// Refuses serials that are not to be printed again.
fn check_reprint(db: &mut Db, community: &Node, serials: &[Serial]) -> Result<(), Error> {
    let mut printed_to = 0;
    for running in serials.iter().filter_map(Serial::running) {
        if running <= printed_to {
            continue;
        }
        let batch = setup::find_slip_batch(db, community.id, running)?.filter(|it| it.kiosk.is_none());
        printed_to = batch.ok_or_else(never_printed)?.last;
    }
    let texts: Vec<String> = serials.iter().map(ToString::to_string).collect();
    let bound = tickets::list_bound_slips(db, &texts)?;
    if bound.is_empty() {
        return Ok(());
    }
    let (n, some) = (bound.len(), bound.iter().take(5).cloned().collect::<Vec<_>>().join("、"));
    let message = format!(
        "其中 {n} 张已经登记（{some}），不能重印。请分段重印没有登记的。 {n} of them are registered ({some}) and are not printed again; give ranges without them."
    );
    Err(Refusal::field("first", message).into())
}

/// Gives a kiosk a reserve of slips for receipts that it prints while the network is away.
///
/// # Errors
/// `NotYours` for anyone but a kiosk; `Invalid` for a count out of its range; `TooMany` beyond a day's share.
pub async fn reserve(app: &App, caller: &Caller, count: u32) -> Result<Printed, Error> {
    let Actor::Kiosk { id, node, .. } = caller.actor else {
        return Err(Refusal::NotYours(
            "只有自助终端可以领取备用来信单。 Only a kiosk may ask for a reserve of slips.".to_owned(),
        )
        .into());
    };
    if !(1..=RESERVE_MAX).contains(&count) {
        let message = format!("一次 1 到 {RESERVE_MAX} 张。 Between 1 and {RESERVE_MAX} at a time.");
        return Err(Refusal::field("count", message).into());
    }
    let (app_too, doing) = (app.clone(), Doing::of(app, caller));
    app.store
        .write(move |db: &mut Db| {
            let path = setup::find_node(db, node)?.path;
            let community = super::collections::community_at(db, &path)?.ok_or_else(|| {
                Refusal::NotYours("这台终端不在任何社区。 This device stands in no community.".to_owned())
            })?;
            let since = doing.now + -TimeDelta::days(1);
            if setup::count_reserve(db, id, since)? + u64::from(count) > RESERVE_PER_DAY_MAX {
                return Err(Refusal::TooMany { retry_after_s: 3_600 }.into());
            }
            give_out(db, &app_too, &doing, community, count, Some(id))
        })
        .await
}

fn give_out(
    db: &mut Db,
    app: &App,
    doing: &Doing,
    community: Node,
    count: u32,
    kiosk: Option<SetupId>,
) -> Result<Printed, Error> {
    let draft = SlipDraft { node: community.id, count, kiosk, printed_at: doing.now };
    let batch: SlipBatch = setup::print_slips(db, &draft)?;
    doing.record(db, "setup.slips_printed".to_owned(), batch.fields())?;
    let slip = |running| {
        let serial = Serial::new(&community.code, running);
        let code = receipts::code_of_slip(app, &serial);
        (serial, code)
    };
    let slips = (batch.first..=batch.last).map(slip).collect();
    Ok(Printed { community, slips })
}

/// The text under which a slip of `community` is bound: a sheet that a letter was written on, or one of the reserve
/// of `kiosk`.
///
/// # Errors
/// `Invalid`, field `slip`, for one that was never printed, is another's, or is bound already.
pub(super) fn check_free(
    db: &mut Db,
    community: &Node,
    serial: &Serial,
    kiosk: Option<SetupId>,
) -> Result<String, Error> {
    let fault = |message: &str| Err(Refusal::field("slip", message).into());
    let running = serial.running().filter(|_| serial.community() == community.code);
    let batch = match running {
        Some(running) => setup::find_slip_batch(db, community.id, running)?,
        None => None,
    };
    let Some(batch) = batch else {
        return fault(
            "本社区没有印过这个编号的来信单。请核对编号。 No slip of this community has this serial; check it.",
        );
    };
    if batch.kiosk != kiosk {
        return fault(
            "这张来信单是留给自助终端（或别的终端）用的。请核对编号。 This slip is a kiosk's, or another kiosk's; check the serial.",
        );
    }
    let text = serial.to_string();
    if tickets::find(db, By::Slip(&text))?.is_some() {
        return fault(
            "这张来信单已经登记过了。请核对编号。 This slip is registered already; check the serial.",
        );
    }
    Ok(text)
}
