//! Staff pages: who sees them, what stands around each, and where a refusal leads.
//!
//! A page calls the same service functions as the API. Who is not signed in is led to `/login` and back;
//! who may not see a page is told so, and no fact of it.

pub mod account;
pub mod admin;
pub mod audit;
pub mod bulk;
pub mod door;
mod fields;
mod forms;
mod left;
pub mod mailboxes;
pub mod mine;
pub mod new;
pub mod notices;
mod orders;
pub mod queue;
mod row;
mod session;
pub mod slips;
pub mod ticket;
mod timeline;
pub mod times;
mod told;
pub mod watch;

use std::fmt;
use std::ops::Deref;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use chrono_tz::Tz;

use super::screen::Screen;
use crate::domain::people::{Permission, Role, Staff, may};
use crate::domain::refusal::Refusal;
use crate::domain::value::At;
use crate::http::Problem;
use crate::http::reply::segment;
use crate::service::agenda::{self, List};
use crate::service::{App, Error, notices as inbox, setup};

pub use self::session::{PageCaller, Sent, SentFile};
use self::told::Told;
use super::{answered, form, qr, screen, sheet};

/// Why a staff page is not shown.
#[derive(Debug)]
pub enum Turned {
    /// Nobody is signed in; the path to come back to.
    SignIn(String),
    Away(Problem),
}

impl Turned {
    /// What was wrong, when it was more than a missing sign-in.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Turned::SignIn(_) => None,
            Turned::Away(problem) => Some(problem),
        }
    }
}

impl fmt::Display for Turned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Turned::SignIn(_) => f.write_str("sign-in"),
            Turned::Away(problem) => problem.fmt(f),
        }
    }
}

impl ResponseError for Turned {
    fn status_code(&self) -> StatusCode {
        match self {
            Turned::SignIn(_) => StatusCode::SEE_OTHER,
            Turned::Away(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Turned::SignIn(back) => see(&format!("/login?next={}", segment(back))),
            Turned::Away(problem) => problem.error_response(),
        }
    }
}

impl From<Problem> for Turned {
    fn from(problem: Problem) -> Self {
        Turned::Away(problem)
    }
}

impl From<Error> for Turned {
    fn from(error: Error) -> Self {
        Turned::Away(error.into())
    }
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Self {
        Turned::Away(refusal.into())
    }
}

/// 303: the answer to a form that was done is another page.
pub(super) fn see(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path.to_owned())).finish()
}

/// `text` when it is a path of ours with perhaps a query: `//host` and `/\host` would lead elsewhere.
pub(super) fn own_path(text: &str) -> Option<&str> {
    let is_plain = |it: u8| it.is_ascii_alphanumeric() || b"/-_.~?&=%+,:".contains(&it);
    let is_own = text.starts_with('/') && !text.starts_with("//") && text.len() <= 2_000;
    (is_own && text.bytes().all(is_plain)).then_some(text)
}

/// Refuses whoever has no role with `permission` anywhere, before anything is read.
pub(super) fn check_somewhere(staff: &Staff, permission: Permission) -> Result<(), Refusal> {
    if staff.may_somewhere(permission) { Ok(()) } else { Err(Refusal::Forbidden(permission)) }
}

/// A page that the navigation leads to.
struct Place {
    path: &'static str,
    key: &'static str,
    is_shown: fn(&Staff) -> bool,
}

/// The navigation, in its order; a place is shown to whoever may see its page.
const PLACES: [Place; 8] = [
    Place {
        path: "/lead",
        key: "lead.title",
        is_shown: |it| it.grants.iter().any(|grant| grant.role == Role::Leader),
    },
    Place { path: "/desk/mine", key: "desk.mine", is_shown: |it| agenda::has_list(it, List::Units) },
    Place { path: "/desk/watch", key: "desk.watch", is_shown: |it| agenda::has_list(it, List::Supervised) },
    Place {
        path: "/desk/mailboxes",
        key: "desk.mailboxes",
        is_shown: |it| it.may_somewhere(Permission::Collect),
    },
    Place { path: "/desk", key: "desk.queue", is_shown: |it| it.may_somewhere(Permission::ReadTicket) },
    Place { path: "/desk/new", key: "desk.new", is_shown: takes_in },
    Place { path: "/audit", key: "desk.audit", is_shown: |it| it.may_somewhere(Permission::VerifyTrail) },
    Place {
        path: "/admin/nodes",
        key: "desk.admin",
        is_shown: |it| it.may_somewhere(Permission::WriteSetup),
    },
];

/// Whoever takes residents' matters in at a node; a handler does so for the own node, but not as a trade.
fn takes_in(staff: &Staff) -> bool {
    staff.grants.iter().any(|it| may(it.role, Permission::Submit) && it.role != Role::Handler)
}

/// The set-up has many pages under one link, and so has the audit.
fn is_below(path: &str, link: &str) -> bool {
    (link == "/admin/nodes" && path.starts_with("/admin/"))
        || (link == "/audit" && path.starts_with("/audit/"))
        || (link == "/desk/mailboxes"
            && ["/desk/mailboxes/", "/desk/collections/", "/desk/slips"]
                .iter()
                .any(|it| path.starts_with(it)))
}

/// Where a person begins the day.
pub(super) fn home_of(staff: &Staff) -> &'static str {
    PLACES.iter().find(|it| (it.is_shown)(staff)).map_or("/desk/account", |it| it.path)
}

/// A line of the navigation.
pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) label: String,
    pub(super) is_current: bool,
}

/// What stands around a staff page.
pub(super) struct Frame {
    screen: Screen,
    pub(super) zone: Tz,
    pub(super) now: At,
    pub(super) name: String,
    pub(super) links: Vec<Link>,
    pub(super) n_unread: usize,
    missing_year: Option<i32>,
    /// True for who can mend that.
    pub(super) may_load_years: bool,
    /// The hidden field of every form.
    pub(super) csrf: String,
}

impl Deref for Frame {
    type Target = Screen;

    fn deref(&self) -> &Screen {
        &self.screen
    }
}

impl Frame {
    /// The frame of a page asked for by its address.
    pub(super) async fn of(app: &App, caller: &PageCaller, request: &HttpRequest) -> Result<Self, Turned> {
        Self::around(app, caller, Screen::of(request)).await
    }

    /// The frame of the answer to a form that was not done.
    pub(super) async fn left(app: &App, caller: &PageCaller, request: &HttpRequest) -> Result<Self, Turned> {
        Self::around(app, caller, Screen::of(request)).await
    }

    async fn around(app: &App, caller: &PageCaller, screen: Screen) -> Result<Self, Turned> {
        let glance = inbox::glance(app, caller).await?;
        let shown = PLACES.iter().filter(|it| (it.is_shown)(caller.staff()));
        let links = shown.map(|it| Link {
            path: it.path,
            label: screen.say(it.key),
            is_current: screen.path == it.path || is_below(&screen.path, it.path),
        });
        Ok(Self {
            links: links.collect(),
            zone: glance.zone,
            now: app.clock.now(),
            n_unread: glance.n_unread,
            missing_year: glance.missing_year,
            may_load_years: setup::check_may_load(caller).is_ok(),
            name: caller.name().to_owned(),
            csrf: caller.form_token().to_owned(),
            screen,
        })
    }

    /// A moment on the clock of the person's community.
    pub(super) fn moment(&self, at: At) -> String {
        at.to_utc().with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string()
    }

    /// How many notices wait, as the head shows it.
    pub(super) fn unread(&self) -> String {
        if self.n_unread >= inbox::UNREAD_COUNTED_MAX {
            format!("{}+", inbox::UNREAD_COUNTED_MAX - 1)
        } else {
            self.n_unread.to_string()
        }
    }

    /// The alarm that stands on every page while a year's official days are missing.
    pub(super) fn alarm(&self) -> Option<String> {
        self.missing_year.map(|year| self.say_with("desk.missing_year", &[("year", &year.to_string())]))
    }

    pub(in crate::http::web) fn unread_in_words(&self) -> String {
        self.say_with("desk.n_unread", &[("n", &self.unread())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_ours_is_led_back_to() {
        for path in ["/desk", "/desk?status=received,accepted&q=%E8%B7%AF", "/desk/tickets/YD-20261123-00426"]
        {
            assert_eq!(own_path(path), Some(path));
        }
        for path in
            ["", "desk", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/路"]
        {
            assert_eq!(own_path(path), None, "{path}");
        }
    }
}
