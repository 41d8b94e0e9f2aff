//! Custody over JSON: what came out of each mailbox, and whether it was opened when it should be.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::reply::ok;
use crate::http::{Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::mailboxes::{self, Custody};

/// Which figures.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CustodyAsked {
    /// Code of a node; default: all of the caller's.
    node: Option<String>,
    /// Opened or due at or after: RFC 3339 with offset, or a day.
    from: Option<String>,
    /// Opened or due before: RFC 3339 with offset, or a day; default: now.
    to: Option<String>,
}

/// The custody of one mailbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Custody)]
pub struct CustodyView {
    /// The mailbox's code.
    mailbox: String,
    name: String,
    /// Code of the node it hangs at.
    node: String,
    /// Letters counted when boxes were opened.
    letters_counted: i64,
    /// Of these: letters registered as tickets.
    registered: i64,
    /// Of these: letters set aside.
    set_aside: i64,
    /// Of these: letters neither registered nor set aside.
    unaccounted: i64,
    /// Scheduled openings that came after their time.
    late: u32,
    /// Scheduled openings that did not come.
    missed: u32,
}

impl From<Custody> for CustodyView {
    fn from(it: Custody) -> Self {
        Self {
            mailbox: it.mailbox,
            name: it.name,
            node: it.node,
            letters_counted: it.letters.counted,
            registered: it.letters.registered,
            set_aside: it.letters.set_aside,
            unaccounted: it.letters.counted - it.letters.registered - it.letters.set_aside,
            late: it.late,
            missed: it.missed,
        }
    }
}

/// Custody of every mailbox of a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustodyListView {
    items: Vec<CustodyView>,
}

/// Letters counted, registered, set aside and unaccounted for, and openings late or missed, by mailbox.
#[utoipa::path(get, path = "/api/v1/stats/custody", tag = "statistics", params(CustodyAsked),
    responses((status = 200, description = "The figures", body = CustodyListView)), security(("bearer" = [])))]
pub async fn custody(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<CustodyAsked>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.read()?;
    let items = mailboxes::custody(&app, &caller, asked.node, asked.from, asked.to).await?;
    Ok(ok(CustodyListView { items: items.into_iter().map(CustodyView::from).collect() }))
}
