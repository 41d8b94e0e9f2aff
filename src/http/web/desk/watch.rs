//! A supervisor's page: what is late, what will be, and what waits for a decision.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::IntoParams;

use super::left::moment;
use super::row::Row;
use super::{Frame, PageCaller, Told, Turned, answered};
use crate::domain::sla::ExtensionState;
use crate::domain::ticket::{Delivery, text};
use crate::http::Query;
use crate::service::App;
use crate::service::agenda::{self, List};
use crate::service::files::TicketFile;

/// What is due later is not looked at.
const AHEAD: TimeDelta = TimeDelta::days(7);

/// What the page says first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WatchAsked {
    /// What was just done.
    done: Option<String>,
}

/// A decision that waits.
struct Decision {
    row: Row,
    /// `extensions` or `replies`: the part of the address.
    what: &'static str,
    id: u32,
    title: String,
    words: String,
    yes: (&'static str, String),
    no: (&'static str, String),
}

#[derive(Template)]
#[template(path = "desk/watch.html")]
struct WatchPage {
    frame: Frame,
    told: Told,
    decisions: Vec<Decision>,
    late: Vec<Row>,
    at_risk: Vec<Row>,
    /// True when more is late than is shown.
    has_more: bool,
}

fn decisions(frame: &Frame, file: &TicketFile) -> Vec<Decision> {
    let button = |code: &'static str| (code, frame.say(&format!("decide.{code}")));
    let asked = file.ticket.extensions.iter().filter(|it| it.state == ExtensionState::Requested);
    let asked = asked.map(|it| Decision {
        row: Row::of(frame, file),
        what: "extensions",
        id: it.id,
        title: frame.say_with("watch.extension", &[("due", &moment(it.due_at, frame.now, frame.zone))]),
        words: file.text(&text::extension(it.id)).unwrap_or_default().to_owned(),
        yes: button("grant"),
        no: button("refuse"),
    });
    let written = file.ticket.replies.iter().filter(|it| it.delivery == Delivery::AwaitingApproval);
    let written = written.map(|it| Decision {
        row: Row::of(frame, file),
        what: "replies",
        id: it.id,
        title: frame.say_with("watch.reply", &[("channel", &frame.say(&format!("by.{}", it.channel)))]),
        words: file.text(&text::reply(it.id)).unwrap_or_default().to_owned(),
        yes: button("approve"),
        no: button("reject"),
    });
    asked.chain(written).collect()
}

/// Late, at risk, to decide.
#[utoipa::path(get, path = "/desk/watch", tag = "pages", params(WatchAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<WatchAsked>,
) -> Result<HttpResponse, Turned> {
    let until = app.clock.now() + AHEAD;
    let listed = agenda::list(&app, &caller, List::Supervised, Some(until)).await?;
    let undecided = agenda::undecided(&app, &caller).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let (mut late, mut at_risk) = (Vec::new(), Vec::new());
    for row in listed.files.iter().map(|it| Row::of(&frame, it)) {
        match row.left.as_ref().map(|it| it.tone) {
            Some("late") => late.push(row),
            Some("risk") => at_risk.push(row),
            _ => {}
        }
    }
    let page = WatchPage {
        told: Told::done(&frame, asked.read()?.done.as_deref()),
        decisions: undecided.iter().flat_map(|it| decisions(&frame, it)).collect(),
        has_more: listed.n_all > listed.files.len(),
        late,
        at_risk,
        frame,
    };
    Ok(answered(page.told.builder(), &page)?)
}
