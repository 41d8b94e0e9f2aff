//! What a kiosk's device says and asks for, beside submitting and tracking.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::people::Actor;
use crate::domain::refusal::Refusal;
use crate::domain::value::At;
use crate::http::reply::ok;
use crate::http::{Body, Problem};
use crate::service::{App, Caller, setup, slips};

/// A device's word on itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatBody {
    /// The time by the device's own clock, RFC 3339 with offset.
    now: String,
    /// Submissions that wait in its queue.
    #[serde(default)]
    waiting: u32,
}

/// What the device hears.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Heartbeat)]
pub struct HeartbeatView {
    /// The kiosk's code.
    kiosk: String,
    server_time: String,
    /// How far the device's clock is ahead, in milliseconds; negative when it is behind.
    clock_skew_ms: i64,
}

/// Only devices come in here: the public is asked to sign in, staff are told whose it is.
fn check_device(caller: &Caller) -> Result<(), Refusal> {
    match &caller.actor {
        Actor::Kiosk { .. } => Ok(()),
        Actor::Staff(_) => Err(Refusal::NotYours(
            "这里只接受自助终端的设备令牌。 Only a kiosk's device token is taken here.".to_owned(),
        )),
        Actor::Resident | Actor::Timer | Actor::System => Err(Refusal::Unauthenticated),
    }
}

/// A heartbeat: shows that the device is there, and measures its clock.
#[utoipa::path(post, path = "/api/v1/kiosk/heartbeat", tag = "kiosk", request_body = HeartbeatBody,
    responses((status = 200, description = "Heard", body = HeartbeatView)), security(("bearer" = [])))]
pub async fn heartbeat(
    app: web::Data<App>,
    caller: Caller,
    body: Body<HeartbeatBody>,
) -> Result<HttpResponse, Problem> {
    check_device(&caller)?;
    let HeartbeatBody { now, waiting } = body.read()?;
    let now = At::parse(&now).ok_or_else(|| {
        Refusal::field(
            "now",
            "请用 RFC 3339 时间，如 2026-11-23T09:30:00+08:00。 Use an RFC 3339 time such as 2026-11-23T09:30:00+08:00.",
        )
    })?;
    let heard = setup::hear(&app, &caller, now, waiting).await?;
    Ok(ok(HeartbeatView {
        kiosk: heard.kiosk,
        server_time: heard.server_time.to_rfc3339(),
        clock_skew_ms: heard.clock_skew_ms,
    }))
}

/// How many slips.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveBody {
    /// 1 to 200.
    count: u32,
}

/// A slip of the reserve.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReservedSlip)]
pub struct ReservedView {
    serial: String,
    /// Opens the ticket that is submitted with this slip, as a receipt code does.
    code: String,
}

/// The slips that were given out.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReserveView {
    slips: Vec<ReservedView>,
}

/// A reserve of slips for receipts that the device prints while the network is away.
#[utoipa::path(post, path = "/api/v1/kiosk/slips", tag = "kiosk", request_body = ReserveBody,
    responses((status = 201, description = "Given out; the codes are told this once", body = ReserveView)),
    security(("bearer" = [])))]
pub async fn reserve(
    app: web::Data<App>,
    caller: Caller,
    body: Body<ReserveBody>,
) -> Result<HttpResponse, Problem> {
    check_device(&caller)?;
    let printed = slips::reserve(&app, &caller, body.read()?.count).await?;
    let view = |(serial, code): (crate::domain::number::Serial, String)| ReservedView {
        serial: serial.to_string(),
        code,
    };
    let slips = printed.slips.into_iter().map(view).collect();
    Ok(HttpResponse::Created().insert_header(("Cache-Control", "no-store")).json(ReserveView { slips }))
}
