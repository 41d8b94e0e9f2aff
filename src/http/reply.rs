//! Answers that are no errors: a view with its version, a creation with its place.

use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;

/// 200 with a view.
pub fn ok(view: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(view)
}

/// 200 with a view and the version it has, as ETag.
pub fn ok_at(version: i64, view: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header(etag(version)).json(view)
}

/// 201 with the path of what was made, its version as ETag, and its view.
pub fn created(location: &str, version: i64, view: impl Serialize) -> HttpResponse {
    HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header(etag(version))
        .json(view)
}

/// 204: done, nothing to tell.
pub fn done() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

fn etag(version: i64) -> (header::HeaderName, String) {
    (header::ETAG, format!("\"{version}\""))
}

/// `text` as one segment of a path.
pub fn segment(text: &str) -> String {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"-_.~".contains(&it);
    text.bytes()
        .map(|it| if is_plain(it) { char::from(it).to_string() } else { format!("%{it:02X}") })
        .collect()
}
