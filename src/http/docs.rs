//! The API's description: the document, and pages to browse it without the network.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpResponse, web};

use super::problem::{Problem, WebFault};
use crate::service::Error;

/// The pages load their own files and call this server; Swagger UI sets styles while it draws.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The browsable description, under its proper address.
#[utoipa::path(get, path = "/docs", tag = "server", security(()), responses((status = 303, description = "See /docs/")))]
pub(super) async fn without_slash() -> HttpResponse {
    see("/docs/")
}

fn see(path: &'static str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()), responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value)))]
pub(super) async fn openapi_json(document: web::Data<String>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.as_str().to_owned())
}

/// A file of the browsable description.
#[utoipa::path(get, path = "/docs/{file}", tag = "server", security(()),
    params(("file" = String, Path, description = "A file of the pages")),
    responses((status = 200, description = "The file", content_type = "text/html", body = String)))]
pub(super) async fn page(file: web::Path<String>) -> Result<HttpResponse, Problem> {
    // Without `validator_url` the page would ask a server of the vendor what it thinks of the document.
    let config =
        utoipa_swagger_ui::Config::from("/openapi.json").validator_url("none").display_request_duration(true);
    let found = utoipa_swagger_ui::serve(&file, Arc::new(config));
    let found = found.map_err(|error| Error::Internal(format!("could not draw /docs: {error}")))?;
    let found = found.ok_or(WebFault::NoRoute)?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP))
        .insert_header((header::CACHE_CONTROL, "private, max-age=3600"))
        .content_type(found.content_type)
        .body(found.bytes.into_owned()))
}
