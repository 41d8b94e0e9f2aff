//! What surrounds every request: its id, its span in the log, its headers, its figures.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{ResponseError as _, web};
use tracing::Instrument as _;

use super::metrics::Metrics;
use super::problem::{MEDIA_TYPE, Problem};
use crate::service::App;

/// For answers that are no page: nothing may be loaded, run or framed.
const CSP_API: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Runs one request with everything that surrounds it.
pub(super) async fn surround(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = id_of(&request);
    let started = Instant::now();
    let method = request.method().clone();
    let metrics = request.app_data::<web::Data<Metrics>>().cloned();
    // Neither query nor headers: they may hold a name, a number or a token.
    let span = tracing::info_span!("request", request.id = id, http.method = %method);
    let answered = next.call(request).instrument(span.clone()).await?;
    let answered = span.in_scope(|| put_right(answered.map_into_boxed_body(), &id));
    let answer = with_headers(answered, &id);

    let route = answer.request().match_pattern().unwrap_or_else(|| "none".to_owned());
    let status = answer.status().as_u16();
    if let Some(metrics) = metrics {
        metrics.request(&route, &method, status, started.elapsed());
    }
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::debug!(http.route = route, http.status = status, duration_ms, "answered"));
    Ok(answer)
}

/// The id a proxy gave, if it is a plain one; else a new one.
fn id_of(request: &ServiceRequest) -> String {
    let given = request.headers().get("x-request-id").and_then(|it| it.to_str().ok());
    let is_plain = |it: &&str| {
        (8..=64).contains(&it.len())
            && it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it))
    };
    given.filter(is_plain).map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned)
}

/// Gives every error answer the shape of a problem, whoever made it.
fn put_right(answer: ServiceResponse, id: &str) -> ServiceResponse {
    let error = answer.response().error();
    let turned = error.and_then(|it| it.as_error::<super::web::desk::Turned>());
    let ours = error.and_then(|it| it.as_error::<Problem>()).or(turned.and_then(|it| it.problem())).cloned();
    let status = answer.status();
    let is_told = answer.headers().get(header::CONTENT_TYPE).is_some_and(|it| {
        // A page says in its own words what is wrong with a form.
        it.as_bytes() == MEDIA_TYPE.as_bytes() || it.as_bytes().starts_with(b"text/html")
    });
    let problem = match ours {
        Some(problem) => problem,
        None if is_told || !(status.is_client_error() || status.is_server_error()) => return answer,
        None => Problem::of_status(status),
    };
    let request = answer.request().clone();
    let public_url =
        request.app_data::<web::Data<App>>().map_or_else(String::new, |it| it.settings.public_url.clone());
    debug_assert!(problem.status_code().as_u16() >= 400);
    let answer = problem.answer(&public_url, id);
    let answer = super::web::for_reader(&request, &problem, answer);
    ServiceResponse::new(request, answer)
}

fn with_headers(mut answer: ServiceResponse, id: &str) -> ServiceResponse {
    let headers = answer.headers_mut();
    let mut put = |name: HeaderName, text: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(text));
        }
    };
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(header::CONTENT_SECURITY_POLICY, CSP_API);
    put(header::REFERRER_POLICY, "no-referrer");
    put(header::CACHE_CONTROL, "no-store");
    put(header::X_FRAME_OPTIONS, "DENY");
    put(super::web::PERMISSIONS, "camera=(), microphone=(), geolocation=()");
    put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    answer
}
