//! The API's description: the document, and pages to browse it without the network.

use std::io::Read as _;
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};

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

/// Written when it is first asked for: its making takes ten times the memory that it needs, and most servers are
/// never asked.
static DOCUMENT: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
    let written = super::document().to_json();
    written.map(Bytes::from).map_err(|it| format!("could not write OpenAPI: {it}"))
});

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "server", security(()), responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = serde_json::Value)))]
pub(super) async fn openapi_json() -> Result<HttpResponse, Problem> {
    let document = DOCUMENT.as_ref().map_err(|it| Error::Internal(it.clone()))?;
    Ok(HttpResponse::Ok().content_type("application/json").body(document.clone()))
}

/// A file of the browsable description: Swagger UI as it is published, packed, and a page of ours that starts it.
struct File {
    media_type: &'static str,
    is_packed: bool,
    bytes: &'static [u8],
}

fn file(name: &str) -> Option<File> {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    let (media_type, is_packed, bytes): (_, _, &'static [u8]) = match name {
        "" | "index.html" => ("text/html; charset=utf-8", false, include_bytes!("../../assets/docs.html")),
        "docs.js" => (SCRIPT, false, include_bytes!("../../assets/docs.js")),
        "swagger-ui-bundle.js" => {
            (SCRIPT, true, include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")))
        }
        "swagger-ui.css" => {
            ("text/css; charset=utf-8", true, include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")))
        }
        _ => return None,
    };
    Some(File { media_type, is_packed, bytes })
}

/// A file of the browsable description.
#[utoipa::path(get, path = "/docs/{file}", tag = "server", security(()),
    params(("file" = String, Path, description = "A file of the pages")),
    responses((status = 200, description = "The file", content_type = "text/html", body = String)))]
pub(super) async fn page(name: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let file = file(&name).ok_or(WebFault::NoRoute)?;
    let mut answer = HttpResponse::Ok();
    answer
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP))
        .insert_header((header::CACHE_CONTROL, "private, max-age=3600"))
        .content_type(file.media_type);
    if !file.is_packed {
        return Ok(answer.body(file.bytes));
    }
    answer.insert_header((header::VARY, "Accept-Encoding"));
    let takes = request.headers().get(header::ACCEPT_ENCODING).and_then(|it| it.to_str().ok());
    if takes.is_some_and(|it| it.contains("gzip")) {
        return Ok(answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(file.bytes));
    }
    let mut plain = Vec::new();
    let unpacked = flate2::read::GzDecoder::new(file.bytes).read_to_end(&mut plain);
    unpacked.map_err(|error| Error::Internal(format!("could not unpack a file of /docs: {error}")))?;
    Ok(answer.body(plain))
}
