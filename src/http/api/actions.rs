//! The verbs of a ticket over JSON, and the decisions about its replies.

use actix_web::{HttpResponse, web};

use super::tickets::{answer, contact_answer, opened, with_current};
use super::views::{ContactView, TicketView};
use crate::domain::people::Permission;
use crate::domain::refusal::Refusal;
use crate::domain::ticket::intake::required_text;
use crate::domain::ticket::{ExtensionDecision, Verb};
use crate::http::reply::ok_at;
use crate::http::{Body, ClientAddress, IfMatch, Problem, ReceiptCode, StaffCaller};
use crate::service::clocks;
use crate::service::desk::{self, Opened, ReplyOrder};
use crate::service::orders::{
    AcceptBody, AssignBody, ContactBody, DeclineBody, EmptyBody, EscalateBody, ExtendBody, LogBody,
    MergeBody, OptionalReasonBody, Order, RateBody, ReasonBody, RedirectBody, ReplyBody, ResolveBody,
    TextBody, WaitBody,
};
use crate::service::{App, Caller};

/// Settles who asks and what they may, then reads the body, then does it (PRODUCT §4, order of refusals).
async fn act<T>(
    app: &App,
    opened: Opened,
    body: Body<T>,
    if_match: IfMatch,
    order: impl FnOnce(T) -> Order,
) -> Result<HttpResponse, Problem> {
    let (order, if_match) = (order(body.read()?), if_match.read()?);
    let seen = opened.clone();
    match desk::act(app, opened, order, if_match).await {
        Ok(done) => match (done.contact, done.receipt_code) {
            (Some(contact), _) => Ok(contact_answer(contact)),
            (None, Some(receipt_code)) => {
                let mut view = super::views::view_of(&done.file);
                view["receipt_code"] = receipt_code.into();
                Ok(ok_at(done.file.ticket.version, view))
            }
            (None, None) => Ok(answer(&done.file)),
        },
        Err(error) => Err(with_current(app, seen, error.into()).await),
    }
}

/// Handlers of verbs that staff do: one line each.
macro_rules! staff_actions {
    ($($(#[$doc:meta])+ $name:ident $path:literal $verb:ident($body:ty) -> $view:ty;)+) => {$(
        $(#[$doc])+
        #[utoipa::path(post, path = $path, tag = "actions", request_body = $body,
            params(("number" = String, Path), ("If-Match" = Option<String>, Header)),
            responses((status = 200, description = "As it is now", body = $view)), security(("bearer" = [])))]
        pub async fn $name(
            app: web::Data<App>, caller: StaffCaller, number: web::Path<String>, if_match: IfMatch, body: Body<$body>,
        ) -> Result<HttpResponse, Problem> {
            let opened = desk::open(&app, &caller, &number, None, "").await?;
            opened.authorise(Verb::$verb)?;
            act(&app, opened, body, if_match, Order::$verb).await
        }
    )+};
}
staff_actions! {
    /// Accept 受理: category, priority and visibility are set.
    accept "/api/v1/tickets/{number}/accept" Accept(AcceptBody) -> TicketView;
    /// Decline: out of remit; why, and where to go instead, go out as a reply.
    decline "/api/v1/tickets/{number}/decline" Decline(DeclineBody) -> TicketView;
    /// Assign 派单 to a lead unit, supporting ones, perhaps a person; again: transfer 转办.
    assign "/api/v1/tickets/{number}/assign" Assign(AssignBody) -> TicketView;
    /// Return 退单 with a reason: once per cycle, within 2 working days.
    return_to_triage "/api/v1/tickets/{number}/return" Return(ReasonBody) -> TicketView;
    /// Acknowledge 签收.
    acknowledge "/api/v1/tickets/{number}/acknowledge" Acknowledge(EmptyBody) -> TicketView;
    /// Log a contact 联系 with the resident.
    contact "/api/v1/tickets/{number}/contact" Contact(ContactBody) -> TicketView;
    /// Wait 待补充 for the resident or a third party.
    wait "/api/v1/tickets/{number}/wait" Wait(WaitBody) -> TicketView;
    /// Go on after waiting.
    resume "/api/v1/tickets/{number}/resume" Resume(EmptyBody) -> TicketView;
    /// Resolve 办结 with outcome and result.
    resolve "/api/v1/tickets/{number}/resolve" Resolve(ResolveBody) -> TicketView;
    /// Send a resolution back to the unit.
    send_back "/api/v1/tickets/{number}/send-back" SendBack(ReasonBody) -> TicketView;
    /// Reply 答复 to the resident; merged tickets are answered each.
    reply "/api/v1/tickets/{number}/reply" Reply(ReplyBody) -> TicketView;
    /// Close with a reason (supervisor).
    close "/api/v1/tickets/{number}/close" Close(ReasonBody) -> TicketView;
    /// Merge 合并办理 into the main ticket.
    merge "/api/v1/tickets/{number}/merge" Merge(MergeBody) -> TicketView;
    /// Split off from the main ticket again.
    split "/api/v1/tickets/{number}/split" Split(EmptyBody) -> TicketView;
    /// Add a note for colleagues.
    note "/api/v1/tickets/{number}/note" Note(TextBody) -> TicketView;
    /// Escalate 上报 up the tree, or hand down again.
    escalate "/api/v1/tickets/{number}/escalate" Escalate(EscalateBody) -> TicketView;
    /// Urge 催办 whoever holds it.
    urge "/api/v1/tickets/{number}/urge" Urge(TextBody) -> TicketView;
    /// Ask for more time 延期: before the deadline, once a cycle.
    extend "/api/v1/tickets/{number}/extend" Extend(ExtendBody) -> TicketView;
    /// Put on the board.
    publish "/api/v1/tickets/{number}/publish" Publish(EmptyBody) -> TicketView;
    /// Take off the board.
    unpublish "/api/v1/tickets/{number}/unpublish" Unpublish(EmptyBody) -> TicketView;
    /// Give out a new receipt code; the old one ends. The answer holds `receipt_code` too.
    reissue_receipt "/api/v1/tickets/{number}/reissue-receipt" ReissueReceipt(EmptyBody) -> TicketView;
    /// See the whole contact, with a reason, within the daily budget. Needs no If-Match.
    contact_views "/api/v1/tickets/{number}/contact-views" ContactViews(ReasonBody) -> ContactView;
}

/// Handlers of verbs that the resident does with the receipt, or staff on the resident's behalf.
macro_rules! resident_actions {
    ($($(#[$doc:meta])+ $name:ident $path:literal $verb:ident($body:ty);)+) => {$(
        $(#[$doc])+
        #[utoipa::path(post, path = $path, tag = "actions", request_body = $body,
            params(("number" = String, Path), ("If-Match" = Option<String>, Header, description = "staff"),
                ("Receipt-Code" = Option<String>, Header)),
            responses((status = 200, description = "As its reader may see it", body = TicketView)),
            security(("bearer" = []), ("receipt" = [])))]
        pub async fn $name(
            app: web::Data<App>, caller: Caller, number: web::Path<String>, code: ReceiptCode,
            address: ClientAddress, if_match: IfMatch, body: Body<$body>,
        ) -> Result<HttpResponse, Problem> {
            let opened = opened(&app, &caller, &number, code, address).await?;
            opened.authorise(Verb::$verb)?;
            act(&app, opened, body, if_match, Order::$verb).await
        }
    )+};
}
resident_actions! {
    /// Rate 评价: solved closes it, unsolved starts the next cycle.
    rate "/api/v1/tickets/{number}/rate" Rate(RateBody);
    /// Reopen, within M days.
    reopen "/api/v1/tickets/{number}/reopen" Reopen(ReasonBody);
    /// Withdraw 撤回, until it is resolved.
    withdraw "/api/v1/tickets/{number}/withdraw" Withdraw(OptionalReasonBody);
    /// Add something; ends waiting for the resident.
    supplement "/api/v1/tickets/{number}/supplement" Supplement(TextBody);
}

async fn decide<T>(
    app: &App,
    caller: &StaffCaller,
    path: (String, String),
    body: Body<T>,
    if_match: IfMatch,
    order: impl Fn(T) -> ReplyOrder,
    permission: crate::domain::people::Permission,
) -> Result<HttpResponse, Problem> {
    let (number, id) = path;
    let opened = desk::open(app, caller, &number, None, "").await?;
    opened.allow(permission)?;
    let id: u32 = id.parse().map_err(|_| Refusal::NotFound(format!("reply {id}")))?;
    let (order, if_match) = (order(body.read()?), if_match.read()?);
    let seen = opened.clone();
    match desk::decide_reply(app, opened, id, order, if_match).await {
        Ok(file) => Ok(answer(&file)),
        Err(error) => Err(with_current(app, seen, error.into()).await),
    }
}

/// Handlers of decisions about one reply: one line each.
macro_rules! reply_decisions {
    ($($(#[$doc:meta])+ $name:ident $path:literal $permission:ident($body:ty) $order:expr;)+) => {$(
        $(#[$doc])+
        #[utoipa::path(post, path = $path, tag = "replies", request_body = $body,
            params(("number" = String, Path), ("id" = u32, Path), ("If-Match" = String, Header)),
            responses((status = 200, description = "As it is now", body = TicketView)), security(("bearer" = [])))]
        pub async fn $name(
            app: web::Data<App>, caller: StaffCaller, path: web::Path<(String, String)>, if_match: IfMatch,
            body: Body<$body>,
        ) -> Result<HttpResponse, Problem> {
            let permission = crate::domain::people::Permission::$permission;
            decide(&app, &caller, path.into_inner(), body, if_match, $order, permission).await
        }
    )+};
}
reply_decisions! {
    /// Let a reply go out (supervisor).
    approve_reply "/api/v1/tickets/{number}/replies/{id}/approve" Supervise(EmptyBody) |_| ReplyOrder::Approve;
    /// Stop a reply (supervisor).
    reject_reply "/api/v1/tickets/{number}/replies/{id}/reject" Supervise(EmptyBody) |_| ReplyOrder::Reject;
    /// Try the same channel again.
    retry_reply "/api/v1/tickets/{number}/replies/{id}/retry" Reply(EmptyBody) |_| ReplyOrder::Retry;
    /// Use another channel for the same words.
    redirect_reply "/api/v1/tickets/{number}/replies/{id}/redirect" Reply(RedirectBody) ReplyOrder::Redirect;
    /// Log a letter handed over, or how a call or visit went.
    log_reply "/api/v1/tickets/{number}/replies/{id}/log" Reply(LogBody) ReplyOrder::Log;
}

async fn decide_extension(
    app: &App,
    caller: &StaffCaller,
    path: (String, String),
    if_match: IfMatch,
    decision: impl FnOnce() -> Result<ExtensionDecision, Problem>,
) -> Result<HttpResponse, Problem> {
    let (number, id) = path;
    let opened = desk::open(app, caller, &number, None, "").await?;
    opened.allow(Permission::Supervise)?;
    let id: u32 = id.parse().map_err(|_| Refusal::NotFound(format!("extension {id}")))?;
    let (decision, if_match) = (decision()?, if_match.read()?);
    let seen = opened.clone();
    match clocks::decide_extension(app, opened, id, decision, if_match).await {
        Ok(file) => Ok(answer(&file)),
        Err(error) => Err(with_current(app, seen, error.into()).await),
    }
}

/// Grant more time (supervisor): the resolve clock is due then.
#[utoipa::path(post, path = "/api/v1/tickets/{number}/extensions/{id}/grant", tag = "actions", request_body = EmptyBody,
    params(("number" = String, Path), ("id" = u32, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "As it is now", body = TicketView)), security(("bearer" = [])))]
pub async fn grant_extension(
    app: web::Data<App>,
    caller: StaffCaller,
    path: web::Path<(String, String)>,
    if_match: IfMatch,
    body: Body<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let decision = || body.read().map(|_| ExtensionDecision::Grant);
    decide_extension(&app, &caller, path.into_inner(), if_match, decision).await
}

/// Refuse more time (supervisor): the old due time stays.
#[utoipa::path(post, path = "/api/v1/tickets/{number}/extensions/{id}/refuse", tag = "actions",
    request_body = OptionalReasonBody,
    params(("number" = String, Path), ("id" = u32, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "As it is now", body = TicketView)), security(("bearer" = [])))]
pub async fn refuse_extension(
    app: web::Data<App>,
    caller: StaffCaller,
    path: web::Path<(String, String)>,
    if_match: IfMatch,
    body: Body<OptionalReasonBody>,
) -> Result<HttpResponse, Problem> {
    let decision = || {
        let reason = body.read()?.reason.filter(|it| !it.trim().is_empty());
        let reason = reason.map(|it| required_text("reason", &it, 2_000)).transpose()?;
        Ok(ExtensionDecision::Refuse { reason })
    };
    decide_extension(&app, &caller, path.into_inner(), if_match, decision).await
}
