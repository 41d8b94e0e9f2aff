//! The queue: what needs me now, and every list that a link can name.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use super::bulk::BulkForm;
use super::row::Row;
use super::{Frame, PageCaller, Told, Turned, answered, check_somewhere};
use crate::domain::people::Permission;
use crate::domain::ticket::{Priority, Status};
use crate::http::Query;
use crate::http::reply::segment;
use crate::service::agenda::{self, Agenda, List};
use crate::service::queue::{self, Asked};
use crate::service::{App, Error};

/// Which list; each part optional, an empty one is none.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QueueAsked {
    /// `now`, `open`, `late` or `all`.
    view: Option<String>,
    /// Words, a ticket's number, or a whole phone number (which is logged).
    q: Option<String>,
    status: Option<String>,
    priority: Option<String>,
    category: Option<String>,
    unit: Option<String>,
    building: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// What was just done.
    done: Option<String>,
}

impl QueueAsked {
    fn has_filter(&self) -> bool {
        [&self.q, &self.status, &self.priority, &self.category, &self.unit, &self.building]
            .iter()
            .any(|it| it.as_deref().is_some_and(|it| !it.trim().is_empty()))
    }

    /// What the service is asked for.
    fn asked(&self, view: View) -> Asked {
        let given = |it: &Option<String>| it.clone().filter(|it| !it.trim().is_empty());
        let open = || Status::ALL.iter().filter(|it| it.is_open()).map(|it| it.as_str()).collect::<Vec<_>>();
        let status = match (given(&self.status), view) {
            (Some(status), _) => Some(status),
            (None, View::Open | View::Late) => Some(open().join(",")),
            (None, View::Now | View::All) => None,
        };
        Asked {
            status,
            overdue: Some(view == View::Late),
            q: given(&self.q),
            priority: given(&self.priority),
            category: given(&self.category),
            unit: given(&self.unit),
            building: given(&self.building),
            cursor: given(&self.cursor),
            ..Asked::default()
        }
    }

    /// The query of this list as it stands in a link, without its cursor.
    fn link(&self, view: View) -> String {
        let parts = [
            ("q", &self.q),
            ("status", &self.status),
            ("priority", &self.priority),
            ("category", &self.category),
            ("unit", &self.unit),
            ("building", &self.building),
        ];
        let given = parts.iter().filter_map(|(name, value)| {
            let value = value.as_deref().filter(|it| !it.trim().is_empty())?;
            Some(format!("&{name}={}", segment(value)))
        });
        let given: Vec<String> = given.collect();
        format!("/desk?view={view}{}", given.concat())
    }
}

crate::words! {
    /// The lists that have a tab.
    View { Now = "now", Open = "open", Late = "late", All = "all" }
}

/// A tab above the list.
struct Tab {
    href: String,
    label: String,
    n: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "desk/queue.html")]
pub(super) struct QueuePage {
    frame: Frame,
    told: Told,
    tabs: Vec<Tab>,
    asked: QueueAsked,
    view: View,
    rows: Vec<Row>,
    next: Option<String>,
    statuses: Vec<Chosen>,
    priorities: Vec<Chosen>,
    bulk: Option<BulkForm>,
}

/// A choice of a filter, and whether it is the one chosen.
struct Chosen {
    value: &'static str,
    label: String,
    is_chosen: bool,
}

/// The queue.
#[utoipa::path(get, path = "/desk", tag = "pages", params(QueueAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<QueueAsked>,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::ReadTicket)?;
    let asked = asked.read()?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let told = Told::done(&frame, asked.done.as_deref());
    shown(&app, &caller, frame, told, asked).await
}

/// The list that is asked for, with `told` above it.
pub(super) async fn shown(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    mut told: Told,
    asked: QueueAsked,
) -> Result<HttpResponse, Turned> {
    let agenda = if agenda::has_list(caller.staff(), List::Mine) {
        Some(agenda::list(app, caller, List::Mine, None).await?)
    } else {
        None
    };
    let view = view_of(&asked, agenda.is_some());
    let (rows, next) = match (&agenda, view) {
        (Some(agenda), View::Now) => (agenda.files.iter().map(|it| Row::of(&frame, it)).collect(), None),
        _ => match queue::list(app, caller, asked.asked(view)).await {
            Ok(listed) => (listed.files.iter().map(|it| Row::of(&frame, it)).collect(), listed.next_cursor),
            Err(error @ Error::Refusal(_)) => {
                told = Told::refused(&frame, error);
                (Vec::new(), None)
            }
            Err(fault) => return Err(fault.into()),
        },
    };
    let chosen = |section: &str, value: &'static str, given: Option<&str>| Chosen {
        value,
        label: frame.say(&format!("{section}.{value}")),
        is_chosen: given == Some(value),
    };
    let (status, priority) = (asked.status.as_deref(), asked.priority.as_deref());
    let page = QueuePage {
        tabs: tabs(&frame, agenda.as_ref(), view, asked.has_filter()),
        statuses: Status::ALL.iter().map(|it| chosen("state", it.as_str(), status)).collect(),
        priorities: Priority::ALL.iter().map(|it| chosen("priority", it.as_str(), priority)).collect(),
        bulk: BulkForm::of(app, caller).await?,
        next: next.map(|it| format!("{}&cursor={it}", asked.link(view))),
        frame,
        told,
        asked,
        view,
        rows,
    };
    Ok(answered(page.told.builder(), &page)?)
}

/// A filter is looked for in all tickets unless a list is named.
fn view_of(asked: &QueueAsked, has_agenda: bool) -> View {
    let named = asked.view.as_deref().and_then(View::parse);
    match named {
        Some(View::Now) | None if asked.has_filter() => View::All,
        Some(View::Now) | None if !has_agenda => View::Open,
        Some(view) => view,
        None => View::Now,
    }
}

fn tabs(frame: &Frame, agenda: Option<&Agenda>, view: View, has_filter: bool) -> Vec<Tab> {
    let shown = View::ALL.iter().filter(|it| **it != View::Now || agenda.is_some());
    let n_of = |it: View| match agenda.filter(|_| it == View::Now) {
        Some(agenda) if agenda.n_all >= agenda::COUNTED_MAX => format!("{}+", agenda::COUNTED_MAX - 1),
        Some(agenda) => agenda.n_all.to_string(),
        None => String::new(),
    };
    let tab = |it: &View| Tab {
        href: format!("/desk?view={it}"),
        label: frame.say(&format!("view.{it}")),
        n: n_of(*it),
        is_current: *it == view && !has_filter,
    };
    shown.map(tab).collect()
}
