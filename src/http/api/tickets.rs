//! Tickets over JSON: submit, list, read, amend, the trail.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::clocks::ClockView;
use super::views::{ContactView, EventView, ResidentView, TicketView, view_of};
use crate::domain::ticket::intake::Submission;
use crate::http::limits::network_of;
use crate::http::reply::{created, ok, ok_at};
use crate::http::{Body, ClientAddress, IdempotencyKey, IfMatch, Problem, Query, ReceiptCode, StaffCaller};
use crate::service::desk::{self, Amendment, Opened};
use crate::service::files::TicketFile;
use crate::service::intake::{self, Once};
use crate::service::queue::{self, Asked};
use crate::service::{App, Caller};

/// The longest page of a trail.
const EVENTS_MAX: i64 = 200;

/// What a resident is given for a matter put in. The same again for the same `Idempotency-Key`.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReceiptView {
    pub number: String,
    /// Opens the ticket, with the number.
    pub receipt_code: String,
    pub status: &'static str,
    pub received_at: String,
    /// Promised times.
    pub clocks: Vec<ClockView>,
    /// The code stands in the fragment, which no server sees.
    pub track_url: String,
}

impl ReceiptView {
    /// The receipt as it was first given.
    pub(super) fn of(app: &App, receipt: intake::Receipt) -> Self {
        let number = receipt.ticket.number;
        Self {
            track_url: format!("{}/r/{number}#{}", app.settings.public_url, receipt.receipt_code),
            receipt_code: receipt.receipt_code,
            status: "received",
            received_at: receipt.ticket.received_at.to_rfc3339(),
            clocks: receipt.ticket.clocks.iter().map(ClockView::of).collect(),
            number,
        }
    }
}

/// Put a matter in: the public, a kiosk, or staff on a resident's behalf.
#[utoipa::path(post, path = "/api/v1/tickets", tag = "tickets", request_body = Submission,
    params(("Idempotency-Key" = Option<String>, Header, description = "16 to 255 random visible characters: the same key and body give the same answer")),
    responses((status = 201, description = "Received", body = ReceiptView)),
    security((), ("bearer" = [])))]
pub async fn submit(
    app: web::Data<App>,
    caller: Caller,
    key: IdempotencyKey,
    body: Body<Submission>,
) -> Result<HttpResponse, Problem> {
    let (submission, key) = (body.read()?, key.read()?);
    let once = key.map(|it| Once::by_key(&caller, &it, &submission));
    let view = ReceiptView::of(&app, intake::submit(&app, &caller, submission, once).await?);
    // Version 1, even when the ticket has moved since: a repeated submission hears the same.
    Ok(created(&format!("/api/v1/tickets/{}", view.number), 1, view))
}

/// A page of tickets.
#[derive(Debug, Serialize, ToSchema)]
pub struct TicketListView {
    pub items: Vec<TicketView>,
    pub next_cursor: Option<String>,
}

/// The queue and the search, newest first: what the caller's nodes and units hold.
#[utoipa::path(get, path = "/api/v1/tickets", tag = "tickets", params(Asked),
    responses((status = 200, description = "A page; `Link: rel=\"next\"` leads to the next", body = TicketListView)),
    security(("bearer" = [])))]
pub async fn list(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<Asked>,
    request: actix_web::HttpRequest,
) -> Result<HttpResponse, Problem> {
    let listed = queue::list(&app, &caller, asked.read()?).await?;
    let items = listed.files.iter().map(TicketView::of).collect();
    let mut answer = ok(TicketListView { items, next_cursor: listed.next_cursor.clone() });
    link_next(&mut answer, &request, listed.next_cursor.as_deref());
    Ok(answer)
}

/// Adds `Link: <…>; rel="next"` (RFC 8288) with the request's own query and the next cursor.
pub(super) fn link_next(answer: &mut HttpResponse, request: &actix_web::HttpRequest, cursor: Option<&str>) {
    let Some(cursor) = cursor else { return };
    let mut query: Vec<&str> =
        request.query_string().split('&').filter(|it| !it.is_empty() && !it.starts_with("cursor=")).collect();
    let cursor = format!("cursor={cursor}");
    query.push(&cursor);
    let link = format!("<{}?{}>; rel=\"next\"", request.path(), query.join("&"));
    if let Ok(value) = header::HeaderValue::from_str(&link) {
        answer.headers_mut().insert(header::LINK, value);
    }
}

/// Opens the ticket of a path for whoever asks.
pub(super) async fn opened(
    app: &App,
    caller: &Caller,
    number: &str,
    code: ReceiptCode,
    address: ClientAddress,
) -> Result<Opened, Problem> {
    let code = code.read()?;
    Ok(desk::open(app, caller, number, code.as_deref(), &network_of(address.0).to_string()).await?)
}

/// Answers a ticket as its reader may see it, with its ETag.
pub(super) fn answer(file: &TicketFile) -> HttpResponse {
    ok_at(file.ticket.version, view_of(file))
}

/// One ticket: by staff, or by its receipt code (then what a resident may see).
#[utoipa::path(get, path = "/api/v1/tickets/{number}", tag = "tickets",
    params(("number" = String, Path), ("Receipt-Code" = Option<String>, Header)),
    responses((status = 200, description = "For staff a Ticket, for the holder of the receipt a ResidentTicket",
        body = TicketView), (status = 203, description = "never sent; documents the resident's view", body = ResidentView)),
    security(("bearer" = []), ("receipt" = [])))]
pub async fn read(
    app: web::Data<App>,
    caller: Caller,
    number: web::Path<String>,
    code: ReceiptCode,
    address: ClientAddress,
) -> Result<HttpResponse, Problem> {
    let opened = opened(&app, &caller, &number, code, address).await?;
    Ok(answer(&desk::read(&app, opened).await?))
}

/// Amend facts.
#[utoipa::path(patch, path = "/api/v1/tickets/{number}", tag = "tickets", request_body = Amendment,
    params(("number" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "As it is now", body = TicketView)), security(("bearer" = [])))]
pub async fn amend(
    app: web::Data<App>,
    caller: StaffCaller,
    number: web::Path<String>,
    if_match: IfMatch,
    body: Body<Amendment>,
) -> Result<HttpResponse, Problem> {
    let opened = desk::open(&app, &caller, &number, None, "").await?;
    opened.allow(crate::domain::people::Permission::Amend)?;
    let (amendment, if_match) = (body.read()?, if_match.read()?);
    let seen = opened.clone();
    match desk::amend(&app, opened, amendment, if_match).await {
        Ok(file) => Ok(answer(&file)),
        Err(error) => Err(with_current(&app, seen, error.into()).await),
    }
}

/// A stale version is told with what is there now, a move that is not possible with those that are.
pub(super) async fn with_current(app: &App, seen: Opened, problem: Problem) -> Problem {
    if problem.slug() != "stale" {
        let actions = || seen.ticket.actions(&seen.caller.actor, &seen.surroundings.place);
        return problem.with_legal(|| actions().into_iter().map(|it| it.to_string()).collect());
    }
    let number = seen.ticket.number.clone();
    let Ok(now) = desk::open(app, &seen.caller, &number, None, "").await else { return problem };
    match desk::read(app, now).await {
        Ok(file) => problem.with_current(view_of(&file)),
        Err(_unseen) => problem,
    }
}

/// Which part of a trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsAsked {
    /// `next_cursor` of the page before.
    cursor: Option<i64>,
    /// 1 to 200, default 200.
    limit: Option<i64>,
}

/// A page of a trail.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventListView {
    pub items: Vec<EventView>,
    pub next_cursor: Option<String>,
}

/// The audit trail of a ticket: oldest first, without holes, without texts.
#[utoipa::path(get, path = "/api/v1/tickets/{number}/events", tag = "tickets",
    params(("number" = String, Path), EventsAsked),
    responses((status = 200, description = "A page", body = EventListView)), security(("bearer" = [])))]
pub async fn events(
    app: web::Data<App>,
    caller: StaffCaller,
    number: web::Path<String>,
    asked: Query<EventsAsked>,
    request: actix_web::HttpRequest,
) -> Result<HttpResponse, Problem> {
    let opened = desk::open(&app, &caller, &number, None, "").await?;
    opened.allow(crate::domain::people::Permission::ReadTrail)?;
    let asked = asked.read()?;
    let limit = asked.limit.unwrap_or(EVENTS_MAX);
    if !(1..=EVENTS_MAX).contains(&limit) {
        return Err(crate::domain::refusal::Refusal::field(
            "limit",
            format!("1 到 {EVENTS_MAX}。 1 to {EVENTS_MAX}."),
        )
        .into());
    }
    let mut events = desk::list_events(&app, &opened, asked.cursor.unwrap_or(0), limit + 1).await?;
    let n_asked = usize::try_from(limit).unwrap_or(0);
    let has_more = events.len() > n_asked;
    events.truncate(n_asked);
    let next_cursor = events.last().filter(|_| has_more).map(|it| it.seq.to_string());
    let items = events.into_iter().map(EventView::of).collect();
    let mut answer = ok(EventListView { items, next_cursor: next_cursor.clone() });
    link_next(&mut answer, &request, next_cursor.as_deref());
    Ok(answer)
}

/// The contact of a ticket, unmasked.
pub(super) fn contact_answer(contact: crate::domain::ticket::intake::Contact) -> HttpResponse {
    ok(ContactView::full(contact))
}
