//! Clocks over JSON: in a ticket, and explained (为什么是这一天).

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::tickets::opened;
use crate::domain::calendar::DayRule;
use crate::domain::sla::explain::DayLine;
use crate::domain::sla::holding::Holder;
use crate::domain::sla::{Clock, ClockState, Extension, ExtensionState, Stage, Target};
use crate::domain::value::At;
use crate::http::reply::ok;
use crate::http::{ClientAddress, Problem, ReceiptCode};
use crate::service::clocks::{self, ClockTold, ExtensionTold, HoldTold, PauseTold};
use crate::service::{App, Caller};

fn time(at: Option<At>) -> Option<String> {
    at.map(At::to_rfc3339)
}

/// A clock; times are RFC 3339.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Clock)]
pub struct ClockView {
    stage: Stage,
    cycle: u32,
    state: ClockState,
    started_at: String,
    due_at: String,
    paused_at: Option<String>,
    met_at: Option<String>,
    /// The due time that passed, however late that was noticed.
    breached_at: Option<String>,
    /// The official days of a counted year are not known yet.
    provisional: bool,
}

impl ClockView {
    /// A clock as everybody who sees the ticket may see it.
    pub fn of(it: &Clock) -> Self {
        Self {
            stage: it.stage,
            cycle: it.cycle,
            state: it.state,
            started_at: it.started_at.to_rfc3339(),
            due_at: it.due_at.to_rfc3339(),
            paused_at: time(it.paused_at),
            met_at: time(it.met_at),
            breached_at: time(it.breached_at),
            provisional: it.details.provisional,
        }
    }
}

/// A request for more time.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Extension)]
pub struct ExtensionView {
    id: u32,
    cycle: u32,
    due_at: String,
    reason: Option<String>,
    state: ExtensionState,
    requested_at: String,
    decided_at: Option<String>,
}

impl ExtensionView {
    /// A request with its reason, which reaches the resident (PRODUCT §5).
    pub fn of(it: &Extension, reason: Option<&str>) -> Self {
        Self {
            id: it.id,
            cycle: it.cycle,
            due_at: it.due_at.to_rfc3339(),
            reason: reason.map(str::to_owned),
            state: it.state,
            requested_at: it.requested_at.to_rfc3339(),
            decided_at: time(it.decided_at),
        }
    }
}

/// A request for more time, with who decided it (staff only).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExtensionExplained)]
pub struct ExtensionToldView {
    #[serde(flatten)]
    extension: ExtensionView,
    decided_by: Option<String>,
}

/// A span in which the clock stood still.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClockPause)]
pub struct PauseView {
    from: String,
    to: Option<String>,
    working_minutes: Option<i64>,
    /// Staff only.
    reason: Option<String>,
}

/// A day between start and due time.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClockDay)]
pub struct DayView {
    on: String,
    is_working: bool,
    /// What decided whether it is worked.
    rule: DayRule,
    name: Option<String>,
    /// Which working day of the target it is.
    counted: Option<u32>,
    /// Open minutes counted, for targets in working minutes.
    minutes: Option<i64>,
}

/// Why, in one sentence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sentence)]
pub struct SentenceView {
    zh: String,
    en: String,
}

/// A clock with why it is so.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClockExplained)]
pub struct ClockToldView {
    #[serde(flatten)]
    clock: ClockView,
    nth: u32,
    target: Target,
    warned_percent: Option<u8>,
    /// Due times before an extension.
    due_before: Vec<String>,
    /// Days on which nobody was reached; contact only.
    tried_on: Vec<String>,
    pauses: Vec<PauseView>,
    extensions: Vec<ExtensionToldView>,
    days: Vec<DayView>,
    explanation: SentenceView,
    /// Names the policy and calendar in force, which are kept with the clock.
    rules: String,
}

/// A span in one pair of hands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hold)]
pub struct HoldView {
    /// `node`, `unit`, `resident` or `third_party`.
    holder: &'static str,
    /// Code of the node or unit.
    code: Option<String>,
    cycle: u32,
    from: String,
    to: Option<String>,
    working_minutes: i64,
    calendar_minutes: i64,
}

/// A ticket's clocks and, for staff, its holding ledger.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClockListView {
    pub items: Vec<ClockToldView>,
    pub holding: Option<Vec<HoldView>>,
}

impl From<PauseTold> for PauseView {
    fn from(it: PauseTold) -> Self {
        Self {
            from: it.from.to_rfc3339(),
            to: time(it.to),
            working_minutes: it.working_minutes,
            reason: it.reason,
        }
    }
}

impl From<DayLine> for DayView {
    fn from(it: DayLine) -> Self {
        Self {
            on: it.on.to_string(),
            is_working: it.is_working,
            rule: it.rule,
            name: it.name,
            counted: it.counted,
            minutes: it.minutes,
        }
    }
}

impl From<ExtensionTold> for ExtensionToldView {
    fn from(it: ExtensionTold) -> Self {
        Self { extension: ExtensionView::of(&it.extension, it.reason.as_deref()), decided_by: it.decided_by }
    }
}

impl From<ClockTold> for ClockToldView {
    fn from(it: ClockTold) -> Self {
        let details = &it.clock.details;
        Self {
            clock: ClockView::of(&it.clock),
            nth: it.clock.nth,
            target: details.target,
            warned_percent: it.clock.warned,
            due_before: details.due_before.iter().map(|it| it.to_rfc3339()).collect(),
            tried_on: details.tried_on.iter().map(ToString::to_string).collect(),
            pauses: it.pauses.into_iter().map(PauseView::from).collect(),
            extensions: it.extensions.into_iter().map(ExtensionToldView::from).collect(),
            days: it.explanation.days.into_iter().map(DayView::from).collect(),
            explanation: SentenceView { zh: it.explanation.zh, en: it.explanation.en },
            rules: it.clock.rules.as_hex(),
        }
    }
}

impl From<HoldTold> for HoldView {
    fn from(it: HoldTold) -> Self {
        Self {
            holder: match it.hold.holder {
                Holder::Node(_) => "node",
                Holder::Unit(_) => "unit",
                Holder::Resident => "resident",
                Holder::ThirdParty => "third_party",
            },
            code: it.code,
            cycle: it.hold.cycle,
            from: it.hold.from.to_rfc3339(),
            to: time(it.hold.to),
            working_minutes: it.working_minutes,
            calendar_minutes: it.calendar_minutes,
        }
    }
}

/// The clocks of a ticket, explained day by day and in one sentence; for staff also who held it how long.
#[utoipa::path(get, path = "/api/v1/tickets/{number}/clocks", tag = "tickets",
    params(("number" = String, Path), ("Receipt-Code" = Option<String>, Header)),
    responses((status = 200, description = "In the order in which they started", body = ClockListView)),
    security(("bearer" = []), ("receipt" = [])))]
pub async fn list(
    app: web::Data<App>,
    caller: Caller,
    number: web::Path<String>,
    code: ReceiptCode,
    address: ClientAddress,
) -> Result<HttpResponse, Problem> {
    let opened = opened(&app, &caller, &number, code, address).await?;
    let told = clocks::tell(&app, opened).await?;
    Ok(ok(ClockListView {
        items: told.clocks.into_iter().map(ClockToldView::from).collect(),
        holding: told.holding.map(|it| it.into_iter().map(HoldView::from).collect()),
    }))
}
