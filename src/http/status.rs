//! Whether the process lives, and whether it can do its work.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::problem::{MEDIA_TYPE, Problem, ProblemView, WebFault};
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
    (status = 503, description = "It cannot; `current` says why", body = ProblemView, content_type = MEDIA_TYPE),
))]
pub(super) async fn readyz(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let checks: Vec<CheckView> = health::checks(&app)
        .await
        .into_iter()
        .map(|it| CheckView { name: it.name, is_ok: it.is_ok, detail: it.detail })
        .collect();
    if checks.iter().all(|it| it.is_ok) {
        return Ok(super::reply::ok(ReadyzView { status: "ready", checks }));
    }
    Err(Problem::from(WebFault::Unready).with_current(json!({ "checks": checks })))
}
