//! Pictures and sounds of residents' pages: read by a pass, which a page gives for a while.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::domain::ticket::Media;
use crate::http::problem::Problem;
use crate::service::enclosures::{self, Passed};
use crate::service::{App, Caller};

/// Nothing in it is loaded or run, even where somebody opens it in a tab.
const CSP_FILE: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// A picture or sound that a page shows; who was given its address may read it for half an hour.
#[utoipa::path(get, path = "/sent/{pass}", tag = "pages", security(()), params(("pass" = String, Path)),
    responses((status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part of it that was asked for", content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn file(
    app: web::Data<App>,
    _caller: Caller,
    request: HttpRequest,
    pass: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let Passed { media, bytes } = enclosures::open(&app, &pass).await?;
    let span = request.headers().get(header::RANGE).and_then(|it| span_of(it, bytes.len()));
    let mut builder = if span.is_some() { HttpResponse::PartialContent() } else { HttpResponse::Ok() };
    builder
        .insert_header((header::CONTENT_TYPE, media.as_str()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CSP_FILE));
    // Photos were written anew and sounds have no script; anything else is saved, not shown.
    if media == Media::Pdf {
        builder.insert_header((header::CONTENT_DISPOSITION, "attachment"));
    }
    let Some((first, last)) = span else { return Ok(builder.body(bytes)) };
    builder.insert_header((header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", bytes.len())));
    Ok(builder.body(bytes[first..=last].to_vec()))
}

/// First and last byte of one range, without which some phones play no sound; None for anything else.
fn span_of(value: &HeaderValue, length: usize) -> Option<(usize, usize)> {
    let (first, last) = value.to_str().ok()?.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let first: usize = first.parse().ok()?;
    let last = if last.is_empty() { end } else { last.parse::<usize>().ok()?.min(end) };
    (first <= last).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_stays_within_the_file() {
        for (asked, expected) in [
            ("bytes=0-", Some((0, 9))),
            ("bytes=2-4", Some((2, 4))),
            ("bytes=2-400", Some((2, 9))),
            ("bytes=9-9", Some((9, 9))),
            ("bytes=10-", None),
            ("bytes=4-2", None),
            ("bytes=-5", None),
            ("bytes=0-1,4-5", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(span_of(&HeaderValue::from_static(asked), 10), expected, "{asked}");
        }
        assert_eq!(span_of(&HeaderValue::from_static("bytes=0-"), 0), None);
    }
}
