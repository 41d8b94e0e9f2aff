//! A handler's own list, for one thumb: by time left, each with the three things done most.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::IntoParams;

use super::row::Row;
use super::{Frame, PageCaller, Told, Turned, answered};
use crate::domain::ticket::{Outcome, Verb, text};
use crate::http::Query;
use crate::service::App;
use crate::service::agenda::{self, List};
use crate::service::files::TicketFile;

/// What the list says first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MineAsked {
    /// What was just done.
    done: Option<String>,
}

/// One ticket in hand.
struct Card {
    row: Row,
    description: String,
    /// What may be done from the list.
    may: Vec<Verb>,
    /// A later time to ask for, as the field takes it.
    later: String,
    /// Makes the same photo sent twice one attachment.
    file_key: String,
    /// True when it is too late to ask for more time.
    is_over: bool,
}

impl Card {
    fn may(&self, verb: Verb) -> bool {
        self.may.contains(&verb)
    }
}

#[derive(Template)]
#[template(path = "desk/mine.html")]
struct MinePage {
    frame: Frame,
    told: Told,
    cards: Vec<Card>,
    outcomes: Vec<(&'static str, String)>,
}

fn card(frame: &Frame, file: &TicketFile) -> Card {
    // Three days more: what is asked for most, to be changed by hand.
    let later = file.ticket.due_at.unwrap_or(frame.now).max(frame.now) + TimeDelta::days(3);
    Card {
        row: Row::of(frame, file),
        description: file.text(text::DESCRIPTION).unwrap_or_default().to_owned(),
        may: file.actions.clone(),
        later: later.to_utc().with_timezone(&frame.zone).format("%Y-%m-%dT%H:%M").to_string(),
        file_key: format!("{:032x}", rand::random::<u128>()),
        is_over: file.ticket.due_at.is_some_and(|it| it <= frame.now),
    }
}

/// What the own units have in hand.
#[utoipa::path(get, path = "/desk/mine", tag = "pages", params(MineAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    asked: Query<MineAsked>,
) -> Result<HttpResponse, Turned> {
    let listed = agenda::list(&app, &caller, List::Units, None).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let outcomes = Outcome::ALL.iter().map(|it| (it.as_str(), frame.say(&format!("result.{it}"))));
    let page = MinePage {
        told: Told::done(&frame, asked.read()?.done.as_deref()),
        cards: listed.files.iter().map(|it| card(&frame, it)).collect(),
        outcomes: outcomes.collect(),
        frame,
    };
    Ok(answered(page.told.builder(), &page)?)
}
