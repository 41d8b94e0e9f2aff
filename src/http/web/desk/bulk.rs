//! Several tickets at once: accepted, assigned or merged alike, each by itself.

use actix_web::{HttpRequest, HttpResponse, web};

use super::queue::{self, QueueAsked};
use super::{Frame, PageCaller, Sent, Told, Turned};
use crate::domain::number::Number;
use crate::domain::people::Permission;
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::setup::SetupKind;
use crate::domain::ticket::{Priority, Verb};
use crate::service::desk;
use crate::service::orders::{AcceptBody, AssignBody, MergeBody, Order};
use crate::service::setup::{self, Listing, PAGE_MAX, Page};
use crate::service::{App, Error};

/// A page of the queue is never longer.
const TICKETS_MAX: usize = 200;

/// What the forms under the list offer.
pub(super) struct BulkForm {
    pub(super) categories: Vec<(String, String)>,
    pub(super) units: Vec<(String, String)>,
}

impl BulkForm {
    /// The forms, for who triages somewhere.
    pub(super) async fn of(app: &App, caller: &PageCaller) -> Result<Option<Self>, Error> {
        if !caller.staff().may_somewhere(Permission::Triage) {
            return Ok(None);
        }
        let (categories, units) =
            (listed(app, caller, SetupKind::Category), listed(app, caller, SetupKind::Unit));
        Ok(Some(Self { categories: categories.await?, units: units.await? }))
    }
}

/// Code and name of what the caller's nodes have of a kind, each code once.
pub(super) async fn listed(
    app: &App,
    caller: &PageCaller,
    kind: SetupKind,
) -> Result<Vec<(String, String)>, Error> {
    let listing = Listing { kind, node: None, active: true };
    let mut named: Vec<(String, String)> = Vec::new();
    let cards = setup::list_entries(app, caller, listing, Page { after: 0, limit: PAGE_MAX }).await?;
    for card in cards.items {
        if named.iter().all(|it| it.0 != card.entry.code) {
            named.push((card.entry.code, card.entry.name));
        }
    }
    Ok(named)
}

/// The order that the form gives each ticket.
fn order_of(sent: &Sent) -> Result<Order, Refusal> {
    let mut faults = Faults::default();
    let mut needed = |name: &str, message: &str| {
        sent.given(name).unwrap_or_else(|| {
            faults.add(name, message);
            String::new()
        })
    };
    let order = match sent.text("verb") {
        "accept" => {
            let category = needed("category", "请选类别。 Choose a category.");
            let priority = Priority::parse(sent.text("priority")).unwrap_or(Priority::Normal);
            Order::Accept(AcceptBody { category, priority, may_publish: None })
        }
        "assign" => {
            let unit = needed("unit", "请选承办单位。 Choose a unit.");
            Order::Assign(AssignBody { unit, assignee: None, supporting: Vec::new(), note: None })
        }
        "merge" => Order::Merge(MergeBody {
            into: needed("into", "请填主件的编号。 Give the main one's number."),
        }),
        _ => return Err(Refusal::field("verb", "请用页面上的按钮。 Use a button of the page.")),
    };
    faults.check(order)
}

/// True when what was chosen is the ticket with this number, however that was typed.
fn is_number(chosen: &str, typed: &str) -> bool {
    let number = chosen.split(' ').next().unwrap_or_default();
    Number::parse(typed).is_ok_and(|it| it.to_string() == number)
}

/// Does the order with one ticket of the version that was seen.
async fn done(app: &App, caller: &PageCaller, chosen: &str, order: Order) -> Result<(), Error> {
    let (number, version) = chosen.split_once(' ').unwrap_or((chosen, ""));
    let opened = desk::open(app, caller, number, None, "").await?;
    opened.authorise(order.verb())?;
    desk::act(app, opened, order, version.parse().ok()).await.map(drop)
}

/// Accept, assign or merge every chosen ticket; what is refused is named, the rest is done.
#[utoipa::path(post, path = "/desk/bulk", tag = "pages",
    responses((status = 200, description = "The queue, with what was done", content_type = "text/html", body = String)))]
pub async fn act(app: web::Data<App>, request: HttpRequest, sent: Sent) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    super::check_somewhere(caller.staff(), Verb::Accept.permission())?;
    let frame = Frame::left(&app, caller, &request).await?;
    let mut chosen = sent.all("ticket");
    chosen.truncate(TICKETS_MAX);
    let order = order_of(&sent);
    if let Ok(Order::Merge(body)) = &order {
        // The main one is often chosen with the rest.
        chosen.retain(|it| !is_number(it, &body.into));
    }
    let order = match order {
        Ok(order) if !chosen.is_empty() => order,
        Ok(_) => {
            let none = Refusal::field("ticket", "请先勾选诉求件。 Choose tickets first.");
            let told = Told::refused(&frame, none.into());
            return queue::shown(&app, caller, frame, told, QueueAsked::default()).await;
        }
        Err(refusal) => {
            let told = Told::refused(&frame, refusal.into());
            return queue::shown(&app, caller, frame, told, QueueAsked::default()).await;
        }
    };
    let (mut n_done, mut told) = (0_usize, Told::default());
    for one in &chosen {
        match done(&app, caller, one, order.clone()).await {
            Ok(()) => n_done += 1,
            Err(error) => {
                let number = one.split(' ').next().unwrap_or_default();
                let why = Told::refused(&frame, error).faults;
                told.faults.extend(why.into_iter().map(|it| format!("{number}：{it}")));
            }
        }
    }
    told.done = frame.say_with("did.bulk", &[("n", &n_done.to_string())]);
    queue::shown(&app, caller, frame, told, QueueAsked::default()).await
}
