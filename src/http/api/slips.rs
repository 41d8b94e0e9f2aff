//! Slips over JSON, and as sheets to print.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::web::slips::sheets;
use crate::http::{Body, Problem, StaffCaller};
use crate::service::App;
use crate::service::slips::{self, Printed, ReprintBody, SlipsBody};

/// Slips that were given out. Their codes stand on the sheets only.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Slips)]
pub struct SlipsView {
    community: String,
    count: usize,
    serials: Vec<String>,
}

impl SlipsView {
    fn of(printed: &Printed) -> Self {
        Self {
            community: printed.community.code.clone(),
            count: printed.slips.len(),
            serials: printed.slips.iter().map(|(serial, _)| serial.to_string()).collect(),
        }
    }
}

/// Give out a run of slips: their serials, or with `Accept: text/html` the sheets to print.
#[utoipa::path(post, path = "/api/v1/slips", tag = "slips", request_body = SlipsBody,
    params(("Accept" = Option<String>, Header, description = "`text/html` for the sheets, which hold the codes")),
    responses((status = 201, description = "Given out", content((SlipsView = "application/json"), (String = "text/html")))),
    security(("bearer" = [])))]
pub async fn print(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<SlipsBody>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    slips::check_may_print(&caller)?;
    let printed = slips::print(&app, &caller, body.read()?).await?;
    answer(&app, &printed, &request, HttpResponse::Created())
}

/// Print slips once more, as a page that the printer lost: those of a range whose letters are not registered.
#[utoipa::path(post, path = "/api/v1/slips/reprint", tag = "slips", request_body = ReprintBody,
    params(("Accept" = Option<String>, Header, description = "`text/html` for the sheets, which hold the codes")),
    responses((status = 200, description = "The same serials and codes", content((SlipsView = "application/json"), (String = "text/html")))),
    security(("bearer" = [])))]
pub async fn reprint(
    app: web::Data<App>,
    caller: StaffCaller,
    body: Body<ReprintBody>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    slips::check_may_print(&caller)?;
    let printed = slips::reprint(&app, &caller, body.read()?).await?;
    answer(&app, &printed, &request, HttpResponse::Ok())
}

/// Serials, or the sheets for whoever asks for a page.
fn answer(
    app: &App,
    printed: &Printed,
    request: &HttpRequest,
    mut builder: HttpResponseBuilder,
) -> Result<HttpResponse, Problem> {
    let accepts = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if !accepts.contains("text/html") {
        return Ok(builder.json(SlipsView::of(printed)));
    }
    let html = sheets(app, printed, false)?;
    Ok(crate::http::web::sheet(builder, html))
}
