//! The auditor's page: the trail of a ticket and of the set-up, and whether all of it is whole, in words.

use std::time::{Duration, Instant};

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use super::screen::in_language;
use super::{Frame, PageCaller, Turned, answered, check_somewhere};
use crate::domain::audit::Finding;
use crate::domain::chain::hex;
use crate::domain::event::Recorded;
use crate::domain::people::Permission;
use crate::http::Query;
use crate::http::reply::segment;
use crate::service::{App, audit, desk};

/// One answer verifies for so long; a button goes on from there.
const VERIFY_WITHIN: Duration = Duration::from_secs(3);
/// Events on a page.
const EVENTS_MAX: i64 = 200;
/// Findings shown; one is enough to act.
const FINDINGS_MAX: usize = 100;

/// Which part is verified, and what was before.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditAsked {
    /// A ticket's number: leads to its trail.
    number: Option<String>,
    /// `true`: verify.
    verify: Option<bool>,
    cursor: Option<String>,
    /// Tickets and events verified before this part.
    n_tickets: Option<u64>,
    n_events: Option<u64>,
}

/// What was verified so far.
struct Verdict {
    n_tickets: u64,
    n_events: u64,
    findings: Vec<String>,
    /// Where to go on; none when everything was looked at.
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "desk/audit.html")]
struct AuditPage {
    frame: Frame,
    verdict: Option<Verdict>,
    sentence: String,
}

/// The way to a trail, and the verification.
#[utoipa::path(get, path = "/audit", tag = "pages", params(AuditAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String),
        (status = 303, description = "To the trail of a ticket")))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<AuditAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::VerifyTrail)?;
    let asked = asked.read()?;
    if let Some(number) = asked.number.as_deref().map(str::trim).filter(|it| !it.is_empty()) {
        let opened = desk::open(&app, &caller, number, None, "").await?;
        return Ok(super::see(&format!("/audit/tickets/{}", segment(&opened.ticket.number))));
    }
    let frame = Frame::of(&app, &caller, &request).await?;
    let verdict = match asked.verify {
        Some(true) => Some(verified(&app, &caller, &frame, &asked).await?),
        Some(false) | None => None,
    };
    let sentence = verdict.as_ref().map(|it| sentence(&frame, it)).unwrap_or_default();
    Ok(answered(HttpResponse::Ok(), &AuditPage { frame, verdict, sentence })?)
}

/// Verifies part after part until time is up.
async fn verified(
    app: &App,
    caller: &PageCaller,
    frame: &Frame,
    asked: &AuditAsked,
) -> Result<Verdict, Turned> {
    let began = Instant::now();
    let mut verdict = Verdict {
        n_tickets: asked.n_tickets.unwrap_or(0),
        n_events: asked.n_events.unwrap_or(0),
        findings: Vec::new(),
        next: None,
    };
    let mut cursor = asked.cursor.clone();
    loop {
        let part = audit::verify_nodes(app, caller, cursor.as_deref(), Some(audit::LIMIT_MAX)).await?;
        verdict.n_tickets = verdict.n_tickets.saturating_add(part.report.n_tickets);
        verdict.n_events = verdict.n_events.saturating_add(part.report.n_events);
        verdict.findings.extend(part.report.findings.iter().map(|it| finding(frame, it)));
        verdict.findings.truncate(FINDINGS_MAX);
        cursor = part.next_cursor;
        let Some(cursor) = &cursor else { break };
        if began.elapsed() >= VERIFY_WITHIN {
            let (n_tickets, n_events) = (verdict.n_tickets, verdict.n_events);
            let cursor = segment(cursor);
            verdict.next =
                Some(format!("/audit?verify=true&cursor={cursor}&n_tickets={n_tickets}&n_events={n_events}"));
            break;
        }
    }
    Ok(verdict)
}

fn finding(frame: &Frame, it: &Finding) -> String {
    let number = it.spot.number.as_deref().unwrap_or_default();
    let seq = it.spot.seq.map(|it| format!(" #{it}")).unwrap_or_default();
    format!("{number}{seq} {}", in_language(&it.message, frame.language))
}

fn sentence(frame: &Frame, verdict: &Verdict) -> String {
    let key = match (verdict.findings.is_empty(), &verdict.next) {
        (false, _) => "audit.broken",
        (true, Some(_)) => "audit.so_far",
        (true, None) => "audit.whole",
    };
    let fields = [("tickets", verdict.n_tickets.to_string()), ("events", verdict.n_events.to_string())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|it| (it.0, it.1.as_str())).collect();
    frame.say_with(key, &fields)
}

/// Which part of a trail.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrailAsked {
    /// The last event of the page before.
    cursor: Option<i64>,
}

/// An event as it was written.
struct Line {
    seq: i64,
    kind: String,
    at: String,
    who: String,
    place: String,
    data: String,
    prev_hash: String,
    hash: String,
}

#[derive(Template)]
#[template(path = "desk/trail.html")]
struct TrailPage {
    frame: Frame,
    title: String,
    lines: Vec<Line>,
    next: Option<String>,
}

impl TrailPage {
    fn of(frame: Frame, title: String, path: &str, mut events: Vec<Recorded>) -> Self {
        let n_shown = usize::try_from(EVENTS_MAX).unwrap_or(usize::MAX);
        let has_more = events.len() > n_shown;
        events.truncate(n_shown);
        let last = events.last().map_or(0, |it| it.seq);
        let next = has_more.then(|| format!("{path}?cursor={last}"));
        let lines = events.into_iter().map(|it| Line {
            who: it.actor_name.unwrap_or_else(|| frame.say(&format!("actor.{}", it.actor_kind))),
            seq: it.seq,
            kind: it.kind,
            at: it.at.to_rfc3339(),
            place: it.place.unwrap_or_default(),
            data: it.data,
            prev_hash: hex(&it.prev_hash),
            hash: hex(&it.hash),
        });
        Self { lines: lines.collect(), frame, title, next }
    }
}

/// The trail of a ticket, event by event, as it was written and linked.
#[utoipa::path(get, path = "/audit/tickets/{number}", tag = "pages", params(("number" = String, Path), TrailAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn ticket(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    number: web::Path<String>,
    asked: Query<TrailAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::VerifyTrail)?;
    let opened = desk::open(&app, &caller, &number, None, "").await?;
    let after = asked.read()?.cursor.unwrap_or(0);
    let events = desk::list_events(&app, &opened, after, EVENTS_MAX + 1).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let number = opened.ticket.number;
    let path = format!("/audit/tickets/{}", segment(&number));
    Ok(answered(HttpResponse::Ok(), &TrailPage::of(frame, number, &path, events))?)
}

/// The trail of the set-up.
#[utoipa::path(get, path = "/audit/setup", tag = "pages", params(TrailAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn setup(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<TrailAsked>,
) -> Result<HttpResponse, Turned> {
    let after = asked.read()?.cursor.unwrap_or(0);
    let events = audit::list_setup_events(&app, &caller, after, EVENTS_MAX + 1).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let title = frame.say("audit.setup");
    Ok(answered(HttpResponse::Ok(), &TrailPage::of(frame, title, "/audit/setup", events))?)
}
