//! What the kiosk's page does as the device, beside putting in: files, its reserve of slips, its heartbeat, and the
//! door to what waits in it.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::form::{cross_site, is_own};
use super::kiosk::Device;
use crate::domain::refusal::Refusal;
use crate::domain::value::At;
use crate::http::limits::network_of;
use crate::http::problem::Problem;
use crate::http::upload::{Upload, UploadForm};
use crate::http::{Body, ClientAddress, IdempotencyKey, ReceiptCode, SignInTry};
use crate::service::{App, attachments, desk, setup, slips};

/// A photo or voice note of a matter that was put in here, by the receipt it was given.
#[utoipa::path(post, path = "/kiosk/tickets/{number}/attachments", tag = "kiosk", security(()),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    params(("number" = String, Path), ("Receipt-Code" = String, Header), ("Idempotency-Key" = String, Header)),
    responses((status = 201, description = "Attached")))]
pub async fn attach(
    app: web::Data<App>,
    device: Device,
    number: web::Path<String>,
    code: ReceiptCode,
    address: ClientAddress,
    key: IdempotencyKey,
    upload: Upload,
) -> Result<HttpResponse, Problem> {
    let Device(caller) = device;
    let code = code.read()?.unwrap_or_default();
    let network = network_of(address.0).to_string();
    let opened = desk::open(&app, &caller, &number, Some(&code), &network).await?;
    let (key, upload) = (key.read()?, upload.receive(&app).await?);
    attachments::attach(&app, opened, upload, key).await?;
    Ok(HttpResponse::Created().finish())
}

/// How many slips.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KioskReserve)]
pub struct ReserveBody {
    /// 1 to 200.
    count: u32,
}

/// A slip as the page prints it while the network is away.
#[derive(Debug, Serialize, ToSchema)]
pub struct KioskSlip {
    serial: String,
    code: String,
}

/// The slips that were given out.
#[derive(Debug, Serialize, ToSchema)]
pub struct KioskSlips {
    slips: Vec<KioskSlip>,
}

/// A reserve of slips for receipts without network.
#[utoipa::path(post, path = "/kiosk/slips", tag = "kiosk", security(()), request_body = ReserveBody,
    responses((status = 201, description = "Given out; the codes are told this once", body = KioskSlips)))]
pub async fn reserve(
    app: web::Data<App>,
    device: Device,
    body: Body<ReserveBody>,
) -> Result<HttpResponse, Problem> {
    let printed = slips::reserve(&app, &device.0, body.read()?.count).await?;
    let slip = |(serial, code): (crate::domain::number::Serial, String)| KioskSlip {
        serial: serial.to_string(),
        code,
    };
    Ok(HttpResponse::Created().json(KioskSlips { slips: printed.slips.into_iter().map(slip).collect() }))
}

/// A device's word on itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AliveBody {
    /// The time by the device's own clock, RFC 3339 with offset.
    now: String,
    /// Submissions that wait in its queue.
    waiting: u32,
}

/// What the device sets its times by.
#[derive(Debug, Serialize, ToSchema)]
pub struct AliveView {
    /// RFC 3339, UTC.
    now: String,
}

/// Shows that the kiosk is there, how its clock goes and how much waits in it; it hears what time it is.
#[utoipa::path(post, path = "/kiosk/alive", tag = "kiosk", security(()), request_body = AliveBody,
    responses((status = 200, description = "Heard", body = AliveView)))]
pub async fn alive(
    app: web::Data<App>,
    device: Device,
    body: Body<AliveBody>,
) -> Result<HttpResponse, Problem> {
    let AliveBody { now, waiting } = body.read()?;
    let now =
        At::parse(&now).ok_or_else(|| Refusal::field("now", "请用 RFC 3339 时间。 Use an RFC 3339 time."))?;
    let heard = setup::hear(&app, &device.0, now, waiting).await?;
    Ok(HttpResponse::Ok().json(AliveView { now: heard.server_time.to_rfc3339() }))
}

/// A device code, typed by staff.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnlockBody {
    token: String,
}

/// Whether this is a device code: the maintenance page shows what was refused only to who knows one.
#[utoipa::path(post, path = "/kiosk/unlock", tag = "kiosk", security(()), request_body = UnlockBody,
    responses((status = 204, description = "It is"), (status = 401, description = "No such device code")))]
pub async fn unlock(
    app: web::Data<App>,
    _try: SignInTry,
    request: actix_web::HttpRequest,
    body: Body<UnlockBody>,
) -> Result<HttpResponse, Problem> {
    if !is_own(&request) {
        return Err(cross_site());
    }
    setup::authenticate_device(&app, body.read()?.token.trim()).await?;
    Ok(HttpResponse::NoContent().finish())
}
