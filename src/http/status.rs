//! Whether the process lives, and whether it can do its work.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::service::{App, health};

/// The state of the process.
#[derive(Serialize, ToSchema)]
struct LivezView {
    #[schema(example = "alive")]
    status: &'static str,
    version: &'static str,
}

/// What was looked at, and what was found.
#[derive(Serialize, ToSchema)]
struct ReadyzView {
    /// `ready` or `unready`.
    #[schema(example = "ready")]
    status: &'static str,
    checks: Vec<CheckView>,
}

#[derive(Serialize, ToSchema)]
struct CheckView {
    name: &'static str,
    is_ok: bool,
    /// For operators; names no address and no secret.
    detail: String,
}

/// The process runs and answers.
#[utoipa::path(get, path = "/livez", tag = "server", security(()), responses((status = 200, body = LivezView)))]
pub(super) async fn livez() -> HttpResponse {
    super::reply::ok(LivezView { status: "alive", version: env!("CARGO_PKG_VERSION") })
}

/// The server can do its work: it can write to its database and has room on its disk.
#[utoipa::path(get, path = "/readyz", tag = "server", security(()), responses(
    (status = 200, description = "It can", body = ReadyzView),
    (status = 503, description = "It cannot; `checks` says why", body = ReadyzView),
))]
pub(super) async fn readyz(app: web::Data<App>) -> HttpResponse {
    let checks = health::checks(&app).await;
    let is_ready = checks.iter().all(|it| it.is_ok);
    let mut builder = if is_ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    if !is_ready {
        builder.insert_header(("Retry-After", "5"));
    }
    builder.json(ReadyzView {
        status: if is_ready { "ready" } else { "unready" },
        checks: checks
            .into_iter()
            .map(|it| CheckView { name: it.name, is_ok: it.is_ok, detail: it.detail })
            .collect(),
    })
}
