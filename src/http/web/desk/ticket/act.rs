//! Doing something with a ticket from its page: every verb, and decisions about replies and more time.

use actix_web::{HttpRequest, HttpResponse, web};

use super::super::fields::keep;
use super::super::forms::{self, VerbForm};
use super::super::{Frame, Sent, Told, Turned, orders, own_path, see};
use super::{Once, amend, shown};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::{Channel, ExtensionDecision, Reach, Verb};
use crate::http::problem::{Problem, WebFault};
use crate::http::reply::segment;
use crate::service::desk::{self, Done, Opened, ReplyOrder};
use crate::service::orders::{LogBody, RedirectBody};
use crate::service::{App, Error, clocks, dossier};

/// Do a verb, or amend the facts. A refusal shows the page with what was typed; a conflict also what others did.
#[utoipa::path(post, path = "/desk/tickets/{number}/{verb}", tag = "pages",
    params(("number" = String, Path), ("verb" = String, Path)),
    responses((status = 303, description = "Done"), (status = 412, description = "Somebody was faster: the page again")))]
pub async fn act(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let (number, verb) = path.into_inner();
    let opened = desk::open(&app, &sent.caller, &number, None, "").await?;
    if verb == "amend" {
        return Box::pin(amended(&app, &request, opened, sent)).await;
    }
    let verb = Verb::parse(&verb).ok_or_else(|| Problem::from(WebFault::NoRoute))?;
    opened.authorise(verb)?;
    let result = match orders::order(verb, &sent, opened.surroundings.owner.time_zone) {
        Ok(order) => desk::act(&app, opened.clone(), order, version(&sent)).await,
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok(Done { contact: None, receipt_code: None, .. }) => Ok(back(&sent, &opened, verb.as_str())),
        Ok(Done { contact, receipt_code, .. }) => {
            let once = Once { contact, receipt_code, ..Once::default() };
            let frame = Frame::left(&app, &sent.caller, &request).await?;
            let now = desk::open(&app, &sent.caller, &number, None, "").await?;
            shown(&app, now, frame, Told::default(), once).await
        }
        Err(error) => refused(&app, &request, &opened, sent, Some(verb), error).await,
    }
}

/// The version that the person saw when the form was opened.
fn version(sent: &Sent) -> Option<i64> {
    sent.text("version").parse().ok()
}

/// To the list that the form stood in, or to the ticket with what was done.
pub(super) fn back(sent: &Sent, opened: &Opened, done: &str) -> HttpResponse {
    match own_path(sent.text("back")) {
        Some(list) => see(list),
        None => see(&format!("/desk/tickets/{}?done={done}", segment(&opened.ticket.number))),
    }
}

/// The page as it is now, with what was refused, why, and every word that was typed.
pub(super) async fn refused(
    app: &App,
    request: &HttpRequest,
    opened: &Opened,
    sent: Sent,
    verb: Option<Verb>,
    error: Error,
) -> Result<HttpResponse, Turned> {
    let now = desk::open(app, &sent.caller, &opened.ticket.number, None, "").await?;
    let frame = Frame::left(app, &sent.caller, request).await?;
    let is_stale = matches!(error, Error::Refusal(Refusal::Stale { .. }));
    let since = sent.text("seen").parse().ok().filter(|_| is_stale);
    let faults = match &error {
        Error::Refusal(Refusal::Invalid(faults)) => faults.0.clone(),
        _ => Vec::new(),
    };
    let told = Told::refused(&frame, error);
    let dossier = dossier::tell(app, &now).await?;
    let kept = verb.map(|verb| {
        let mut form = VerbForm { is_open: true, ..forms::form(&frame, &dossier, verb) };
        keep(&mut form.fields, &sent);
        form.blame(&frame, &faults);
        form
    });
    shown(app, now, frame, told, Once { left: kept, since, ..Once::default() }).await
}

async fn amended(
    app: &App,
    request: &HttpRequest,
    opened: Opened,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    opened.allow(Permission::Amend)?;
    let file = desk::read(app, opened.clone()).await?;
    let result = match amend::amendment(&file, &sent) {
        Ok(amendment) => desk::amend(app, opened.clone(), amendment, version(&sent)).await,
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok(_) => Ok(back(&sent, &opened, "amend")),
        Err(error) => refused_amendment(app, request, &opened, sent, error).await,
    }
}

async fn refused_amendment(
    app: &App,
    request: &HttpRequest,
    opened: &Opened,
    sent: Sent,
    error: Error,
) -> Result<HttpResponse, Turned> {
    let now = desk::open(app, &sent.caller, &opened.ticket.number, None, "").await?;
    let frame = Frame::left(app, &sent.caller, request).await?;
    let is_stale = matches!(error, Error::Refusal(Refusal::Stale { .. }));
    let since = sent.text("seen").parse().ok().filter(|_| is_stale);
    let told = Told::refused(&frame, error);
    let mut form = amend::form(&frame, &dossier::tell(app, &now).await?);
    keep(&mut form.fields, &sent);
    form.is_open = true;
    shown(app, now, frame, told, Once { amend: Some(form), since, ..Once::default() }).await
}

/// Approve, reject, retry, redirect or log a reply, by the button that was pressed.
#[utoipa::path(post, path = "/desk/tickets/{number}/replies/{id}", tag = "pages",
    params(("number" = String, Path), ("id" = u32, Path)), responses((status = 303, description = "Done")))]
pub async fn decide_reply(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let (number, id) = path.into_inner();
    let opened = desk::open(&app, &sent.caller, &number, None, "").await?;
    let order = reply_order(&sent)?;
    opened.allow(order.permission())?;
    let id = id.parse().map_err(|_| Refusal::NotFound(format!("reply {id}")))?;
    match desk::decide_reply(&app, opened.clone(), id, order, version(&sent)).await {
        Ok(_) => Ok(back(&sent, &opened, "decided")),
        Err(error) => refused(&app, &request, &opened, sent, None, error).await,
    }
}

fn reply_order(sent: &Sent) -> Result<ReplyOrder, Refusal> {
    let log = |outcome| Ok(ReplyOrder::Log(LogBody { outcome: Some(outcome) }));
    match sent.text("decision") {
        "approve" => Ok(ReplyOrder::Approve),
        "reject" => Ok(ReplyOrder::Reject),
        "retry" => Ok(ReplyOrder::Retry),
        "log_reached" => log(Reach::Reached),
        "log_not_reached" => log(Reach::NotReached),
        "redirect" => Channel::parse(sent.text("channel"))
            .map(|channel| ReplyOrder::Redirect(RedirectBody { channel }))
            .ok_or_else(|| Refusal::field("channel", "请选答复方式。 Choose a channel.")),
        _ => Err(Refusal::field("decision", "请用页面上的按钮。 Use a button of the page.")),
    }
}

/// Grant or refuse more time.
#[utoipa::path(post, path = "/desk/tickets/{number}/extensions/{id}", tag = "pages",
    params(("number" = String, Path), ("id" = u32, Path)), responses((status = 303, description = "Done")))]
pub async fn decide_extension(
    app: web::Data<App>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let (number, id) = path.into_inner();
    let opened = desk::open(&app, &sent.caller, &number, None, "").await?;
    opened.allow(Permission::Supervise)?;
    let id = id.parse().map_err(|_| Refusal::NotFound(format!("extension {id}")))?;
    let decision = if sent.text("decision") == "grant" {
        ExtensionDecision::Grant
    } else {
        ExtensionDecision::Refuse { reason: sent.given("reason") }
    };
    match clocks::decide_extension(&app, opened.clone(), id, decision, version(&sent)).await {
        Ok(_) => Ok(back(&sent, &opened, "decided")),
        Err(error) => refused(&app, &request, &opened, sent, None, error).await,
    }
}
