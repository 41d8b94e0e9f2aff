//! The web: every URL of the product on one screen, and the server that answers them.
//!
//! Rules of this floor: a handler takes typed parts, calls one service function and wraps its view; it
//! holds no rule of the job. Extractors of bodies and headers do not refuse by themselves: a handler reads
//! them after it is settled who asks. Errors become answers in `problem` only. Nothing here names the store.

pub mod actor;
pub mod api;
pub mod body;
mod docs;
mod form;
pub mod headers;
mod limits;
mod live;
mod metrics;
mod openapi;
pub mod problem;
pub mod reply;
mod security;
mod server;
mod status;
mod strict;
mod upload;
pub mod web;

use actix_web::http::Method;
use actix_web::{Route, guard, web as actix};

pub use actor::{ClientAddress, SignInTry, StaffCaller};
pub use body::{Body, Query};
pub use headers::{IdempotencyKey, IfMatch, ReceiptCode};
pub use openapi::document;
pub use problem::Problem;
pub use server::Server;

/// One line of the table: a method, a path, and the handler behind them.
struct Line {
    method: Method,
    path: &'static str,
    handler: fn(Route) -> Route,
}

/// Makes the table of routes, and of the same lines the OpenAPI document: a handler without its
/// description does not compile.
macro_rules! routes {
    ($($method:ident $path:literal => $($handler:ident)::+;)+) => {
        /// Every route: one line each, in the order in which they are tried.
        fn table() -> Vec<Line> {
            vec![$(Line { method: Method::$method, path: $path, handler: |it| it.to($($handler)::+) }),+]
        }

        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($($handler)::+),+))]
        struct Described;
    };
}
routes! {
    // The server itself.
    GET "/livez" => status::livez;
    GET "/readyz" => status::readyz;
    GET "/metrics" => metrics::metrics;
    GET "/openapi.json" => docs::openapi_json;
    GET "/docs" => docs::without_slash;
    GET "/docs/{file:.*}" => docs::page;

    // Residents' pages.
    GET "/" => web::resident::home;
    GET "/report" => web::report::ask;
    POST "/report" => web::report::answer;
    GET "/track" => web::track::form;
    POST "/track" => web::track::look_up;
    POST "/track/act" => web::track::act;
    GET "/sent/{pass}" => web::sent::file;
    GET "/r/{number}" => web::track::receipt;
    GET "/board" => web::board::board;
    GET "/board/sheet" => web::board::sheet;
    POST "/look" => web::resident::look;
    GET "/assets/{file}" => web::asset;

    // Staff pages.
    GET "/login" => web::desk::door::login;
    POST "/login" => web::desk::door::sign_in;
    POST "/logout" => web::desk::door::sign_out;
    GET "/desk" => web::desk::queue::page;
    POST "/desk/bulk" => web::desk::bulk::act;
    GET "/desk/mine" => web::desk::mine::page;
    GET "/desk/times" => web::desk::times::page;
    GET "/desk/watch" => web::desk::watch::page;
    GET "/desk/new" => web::desk::new::page;
    POST "/desk/new" => web::desk::new::send;
    GET "/desk/mailboxes" => web::desk::mailboxes::list;
    GET "/desk/mailboxes/{code}" => web::desk::mailboxes::one::page;
    POST "/desk/mailboxes/{code}" => web::desk::mailboxes::one::open;
    GET "/desk/collections/{id}" => web::desk::mailboxes::collection::page;
    POST "/desk/collections/{id}/letters" => web::desk::mailboxes::letter::account_for;
    POST "/desk/collections/{id}/attachments" => web::desk::mailboxes::files::add;
    GET "/desk/collections/{id}/attachments/{attachment}" => web::desk::mailboxes::files::whole;
    POST "/desk/collections/{id}/confirm" => web::desk::mailboxes::collection::confirm;
    POST "/desk/collections/{id}/close" => web::desk::mailboxes::collection::close;
    GET "/desk/slips" => web::desk::slips::page;
    POST "/desk/slips" => web::desk::slips::print;
    GET "/desk/tickets/{number}" => web::desk::ticket::page;
    POST "/desk/tickets/{number}/attachments" => web::desk::ticket::files::add;
    GET "/desk/tickets/{number}/attachments/{id}" => web::desk::ticket::files::whole;
    GET "/desk/tickets/{number}/attachments/{id}/thumbnail" => web::desk::ticket::files::thumbnail;
    POST "/desk/tickets/{number}/replies/{id}" => web::desk::ticket::act::decide_reply;
    POST "/desk/tickets/{number}/extensions/{id}" => web::desk::ticket::act::decide_extension;
    POST "/desk/tickets/{number}/{verb}" => web::desk::ticket::act::act;
    GET "/lead" => web::lead::page;
    GET "/lead/tickets" => web::lead::tickets::page;
    GET "/lead/bulletin" => web::lead::bulletin::page;
    GET "/desk/account" => web::desk::account::page;
    POST "/desk/account/password" => web::desk::account::change_password;
    POST "/desk/account/sessions" => web::desk::account::end_sessions;
    POST "/desk/account/totp" => web::desk::account::change_totp;
    GET "/desk/tickets/{number}/replies/{id}/letter" => web::letter::for_desk;
    GET "/desk/notices" => web::desk::notices::page;
    POST "/desk/notices" => web::desk::notices::read;

    GET "/admin" => web::desk::admin::home;
    GET "/admin/users" => web::desk::admin::users::list;
    POST "/admin/users" => web::desk::admin::users::add;
    GET "/admin/users/{code}" => web::desk::admin::users::one;
    POST "/admin/users/{code}" => web::desk::admin::users::change;
    GET "/admin/years" => web::desk::admin::years::list;
    POST "/admin/years" => web::desk::admin::years::load;
    GET "/admin/{part}" => web::desk::admin::list;
    POST "/admin/{part}" => web::desk::admin::add;
    GET "/admin/{part}/{code}" => web::desk::admin::one;
    POST "/admin/{part}/{code}" => web::desk::admin::change;
    GET "/audit" => web::desk::audit::page;
    GET "/audit/setup" => web::desk::audit::setup;
    GET "/audit/tickets/{number}" => web::desk::audit::ticket;
    GET "/setup/{key}" => web::desk::admin::first::page;
    POST "/setup/{key}" => web::desk::admin::first::begin;
    // The kiosk's page.
    GET "/kiosk" => web::kiosk::page;
    GET "/kiosk/service" => web::kiosk::service;
    POST "/kiosk/service" => web::kiosk::pair;
    GET "/kiosk/worker.js" => web::kiosk::worker;
    POST "/kiosk/tickets" => web::kiosk::submit;
    POST "/kiosk/danger" => web::kiosk::danger;
    POST "/kiosk/tickets/{number}/attachments" => web::kiosk_device::attach;
    POST "/kiosk/slips" => web::kiosk_device::reserve;
    POST "/kiosk/alive" => web::kiosk_device::alive;
    POST "/kiosk/unlock" => web::kiosk_device::unlock;

    // Tickets.
    POST "/api/v1/tickets" => api::tickets::submit;
    GET "/api/v1/tickets" => api::tickets::list;
    GET "/api/v1/tickets/{number}" => api::tickets::read;
    PATCH "/api/v1/tickets/{number}" => api::tickets::amend;
    GET "/api/v1/events/stream" => live::stream;
    GET "/api/v1/tickets/{number}/events" => api::tickets::events;
    GET "/api/v1/tickets/{number}/clocks" => api::clocks::list;
    POST "/api/v1/tickets/{number}/attachments" => api::attachments::add;
    GET "/api/v1/tickets/{number}/attachments/{id}" => api::attachments::get;
    GET "/api/v1/tickets/{number}/attachments/{id}/thumbnail" => api::attachments::thumbnail;
    POST "/api/v1/tickets/{number}/accept" => api::actions::accept;
    POST "/api/v1/tickets/{number}/decline" => api::actions::decline;
    POST "/api/v1/tickets/{number}/assign" => api::actions::assign;
    POST "/api/v1/tickets/{number}/return" => api::actions::return_to_triage;
    POST "/api/v1/tickets/{number}/acknowledge" => api::actions::acknowledge;
    POST "/api/v1/tickets/{number}/contact" => api::actions::contact;
    POST "/api/v1/tickets/{number}/wait" => api::actions::wait;
    POST "/api/v1/tickets/{number}/resume" => api::actions::resume;
    POST "/api/v1/tickets/{number}/resolve" => api::actions::resolve;
    POST "/api/v1/tickets/{number}/send-back" => api::actions::send_back;
    POST "/api/v1/tickets/{number}/reply" => api::actions::reply;
    POST "/api/v1/tickets/{number}/close" => api::actions::close;
    POST "/api/v1/tickets/{number}/reopen" => api::actions::reopen;
    POST "/api/v1/tickets/{number}/merge" => api::actions::merge;
    POST "/api/v1/tickets/{number}/split" => api::actions::split;
    POST "/api/v1/tickets/{number}/withdraw" => api::actions::withdraw;
    POST "/api/v1/tickets/{number}/rate" => api::actions::rate;
    POST "/api/v1/tickets/{number}/note" => api::actions::note;
    POST "/api/v1/tickets/{number}/supplement" => api::actions::supplement;
    POST "/api/v1/tickets/{number}/escalate" => api::actions::escalate;
    POST "/api/v1/tickets/{number}/urge" => api::actions::urge;
    POST "/api/v1/tickets/{number}/extend" => api::actions::extend;
    POST "/api/v1/tickets/{number}/publish" => api::actions::publish;
    POST "/api/v1/tickets/{number}/unpublish" => api::actions::unpublish;
    POST "/api/v1/tickets/{number}/reissue-receipt" => api::actions::reissue_receipt;
    POST "/api/v1/tickets/{number}/contact-views" => api::actions::contact_views;
    POST "/api/v1/tickets/{number}/extensions/{id}/grant" => api::actions::grant_extension;
    POST "/api/v1/tickets/{number}/extensions/{id}/refuse" => api::actions::refuse_extension;
    GET "/api/v1/tickets/{number}/reply-draft" => web::letter::draft;
    GET "/api/v1/tickets/{number}/replies/{id}/letter" => web::letter::for_program;
    POST "/api/v1/tickets/{number}/replies/{id}/approve" => api::actions::approve_reply;
    POST "/api/v1/tickets/{number}/replies/{id}/reject" => api::actions::reject_reply;
    POST "/api/v1/tickets/{number}/replies/{id}/retry" => api::actions::retry_reply;
    POST "/api/v1/tickets/{number}/replies/{id}/redirect" => api::actions::redirect_reply;
    POST "/api/v1/tickets/{number}/replies/{id}/log" => api::actions::log_reply;

    GET "/api/v1/follow-ups" => api::follow_ups::list;
    // Collections: from the box to the desk.
    POST "/api/v1/collections" => api::collections::open;
    GET "/api/v1/collections" => api::collections::list;
    GET "/api/v1/collections/{id}" => api::collections::read;
    POST "/api/v1/collections/{id}/letters" => api::collections::register;
    POST "/api/v1/collections/{id}/attachments" => api::collections::attachments::add;
    GET "/api/v1/collections/{id}/attachments/{attachment}" => api::collections::attachments::get;
    GET "/api/v1/collections/{id}/attachments/{attachment}/thumbnail" => api::collections::attachments::thumbnail;
    POST "/api/v1/collections/{id}/confirm" => api::collections::confirm;
    POST "/api/v1/collections/{id}/close" => api::collections::close;
    POST "/api/v1/slips" => api::slips::print;
    POST "/api/v1/slips/reprint" => api::slips::reprint;
    POST "/api/v1/kiosk/heartbeat" => api::kiosk::heartbeat;
    POST "/api/v1/kiosk/slips" => api::kiosk::reserve;

    // The board.
    GET "/api/v1/board" => api::board::list;
    GET "/api/v1/board/figures" => api::board_figures::figures;

    // The trail.
    GET "/api/v1/audit/verify" => api::audit::verify;

    // Notices.
    GET "/api/v1/notices" => api::notices::list;
    POST "/api/v1/notices/{id}/read" => api::notices::read;

    // Figures.
    GET "/api/v1/stats/summary" => api::statistics::summary;
    GET "/api/v1/stats/custody" => api::custody::custody;
    GET "/api/v1/stats/series" => api::statistics::series;
    GET "/api/v1/stats/breakdown" => api::statistics::breakdown;
    GET "/api/v1/stats/backlog" => api::statistics::backlog;
    GET "/api/v1/stats/bulletin" => api::bulletin::bulletin;

    // Signing in.
    POST "/api/v1/auth/login" => api::auth::login;
    POST "/api/v1/auth/refresh" => api::auth::refresh;
    POST "/api/v1/auth/logout" => api::auth::logout;
    GET "/api/v1/auth/me" => api::auth::me;
    GET "/api/v1/auth/sessions" => api::auth::sessions;
    DELETE "/api/v1/auth/sessions" => api::auth::end_sessions;
    DELETE "/api/v1/auth/sessions/{id}" => api::auth::end_session;
    POST "/api/v1/auth/password" => api::auth::change_password;
    POST "/api/v1/auth/totp" => api::auth::enrol_totp;
    DELETE "/api/v1/auth/totp" => api::auth::remove_totp;
    POST "/api/v1/auth/totp/confirm" => api::auth::confirm_totp;

    // Set-up.
    GET "/api/v1/users" => api::users::list;
    POST "/api/v1/users" => api::users::add;
    GET "/api/v1/users/{code}" => api::users::find;
    PATCH "/api/v1/users/{code}" => api::users::change;
    DELETE "/api/v1/users/{code}" => api::users::disable;
    GET "/api/v1/nodes" => api::setup::nodes::list;
    POST "/api/v1/nodes" => api::setup::nodes::add;
    GET "/api/v1/nodes/{code}" => api::setup::nodes::get;
    PATCH "/api/v1/nodes/{code}" => api::setup::nodes::change;
    DELETE "/api/v1/nodes/{code}" => api::setup::nodes::retire;
    GET "/api/v1/units" => api::setup::units::list;
    POST "/api/v1/units" => api::setup::units::add;
    GET "/api/v1/units/{code}" => api::setup::units::get;
    PATCH "/api/v1/units/{code}" => api::setup::units::change;
    DELETE "/api/v1/units/{code}" => api::setup::units::retire;
    GET "/api/v1/categories" => api::setup::categories::list;
    POST "/api/v1/categories" => api::setup::categories::add;
    GET "/api/v1/categories/{code}" => api::setup::categories::get;
    PATCH "/api/v1/categories/{code}" => api::setup::categories::change;
    DELETE "/api/v1/categories/{code}" => api::setup::categories::retire;
    GET "/api/v1/mailboxes" => api::setup::mailboxes::list;
    POST "/api/v1/mailboxes" => api::setup::mailboxes::add;
    GET "/api/v1/mailboxes/{code}" => api::setup::mailboxes::get;
    PATCH "/api/v1/mailboxes/{code}" => api::setup::mailboxes::change;
    DELETE "/api/v1/mailboxes/{code}" => api::setup::mailboxes::retire;
    GET "/api/v1/kiosks" => api::setup::kiosks::list;
    POST "/api/v1/kiosks" => api::setup::kiosks::add;
    GET "/api/v1/kiosks/{code}" => api::setup::kiosks::get;
    PATCH "/api/v1/kiosks/{code}" => api::setup::kiosks::change;
    DELETE "/api/v1/kiosks/{code}" => api::setup::kiosks::retire;
    GET "/api/v1/templates" => api::setup::templates::list;
    POST "/api/v1/templates" => api::setup::templates::add;
    GET "/api/v1/templates/{code}" => api::setup::templates::get;
    PATCH "/api/v1/templates/{code}" => api::setup::templates::change;
    DELETE "/api/v1/templates/{code}" => api::setup::templates::retire;
    GET "/api/v1/policies" => api::setup::policies::list;
    POST "/api/v1/policies" => api::setup::policies::add;
    GET "/api/v1/policies/in-force" => api::setup::in_force::get;
    GET "/api/v1/policies/{code}" => api::setup::policies::get;
    PATCH "/api/v1/policies/{code}" => api::setup::policies::change;
    DELETE "/api/v1/policies/{code}" => api::setup::policies::retire;
    GET "/api/v1/calendars" => api::setup::calendars::list;
    POST "/api/v1/calendars" => api::setup::calendars::add;
    GET "/api/v1/calendars/{code}" => api::setup::calendars::get;
    PATCH "/api/v1/calendars/{code}" => api::setup::calendars::change;
    DELETE "/api/v1/calendars/{code}" => api::setup::calendars::retire;
    GET "/api/v1/rosters" => api::setup::rosters::list;
    POST "/api/v1/rosters" => api::setup::rosters::add;
    GET "/api/v1/rosters/{code}" => api::setup::rosters::get;
    PATCH "/api/v1/rosters/{code}" => api::setup::rosters::change;
    DELETE "/api/v1/rosters/{code}" => api::setup::rosters::retire;
    GET "/api/v1/official-years" => api::setup::years::list;
    POST "/api/v1/official-years" => api::setup::years::load;
    POST "/api/v1/kiosks/{code}/token" => api::setup::kiosks::issue_token;
    DELETE "/api/v1/kiosks/{code}/token" => api::setup::kiosks::revoke_token;
}

/// The methods of each path, for the test that compares them with the document.
pub fn routes_by_path() -> Vec<(&'static str, Vec<Method>)> {
    let mut paths: Vec<(&'static str, Vec<Method>)> = Vec::new();
    for line in table() {
        match paths.iter_mut().find(|it| it.0 == line.path) {
            Some((_, methods)) => methods.push(line.method),
            None => paths.push((line.path, vec![line.method])),
        }
    }
    paths
}

/// Registers every route: a wrong method is told the right ones, an unknown path is a problem.
fn register(config: &mut actix::ServiceConfig) {
    for (path, methods) in routes_by_path() {
        let mut allow: Vec<&str> = methods.iter().map(Method::as_str).collect();
        if methods.contains(&Method::GET) {
            allow.push("HEAD");
        }
        let allow = allow.join(", ");
        let mut resource = actix::resource(path);
        for line in table().into_iter().filter(|it| it.path == path) {
            let route = if line.method == Method::GET {
                actix::route().guard(guard::Any(guard::Get()).or(guard::Head()))
            } else {
                actix::method(line.method)
            };
            resource = resource.route((line.handler)(route));
        }
        config.service(resource.default_service(actix::to(move || {
            let allow = allow.clone();
            async move { Err::<String, _>(Problem::from(problem::WebFault::Method { allow })) }
        })));
    }
    config.default_service(actix::to(async || Err::<String, _>(Problem::from(problem::WebFault::NoRoute))));
}
