//! One opening: how many letters are still to be registered, the form for the next, and what came of the others.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use super::super::fields::Input;
use super::super::left::moment;
use super::super::{Frame, PageCaller, Sent, Told, Turned, answered, see};
use super::letter::{LetterForm, Registration};
use crate::domain::mailbox::{CollectionMove, Letter, text};
use crate::domain::people::Permission;
use crate::domain::refusal::{Refusal, shown as as_code};
use crate::domain::value::CollectionId;
use crate::http::Query;
use crate::http::reply::segment;
use crate::service::collections::{self, CloseBody, CollectionFile};
use crate::service::{App, Error};

/// What the page says first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CollectionAsked {
    /// What was just done.
    done: Option<String>,
}

/// A letter that was accounted for.
struct LetterLine {
    n: u32,
    /// Why it was set aside; empty when it was registered.
    aside: String,
    note: String,
    slip: String,
    put_in: String,
    numbers: Vec<String>,
    /// Tickets that the reader may not know.
    n_hidden: usize,
}

impl LetterLine {
    fn of(frame: &Frame, file: &CollectionFile, letter: &Letter) -> Self {
        let numbers: Vec<String> =
            file.numbers.iter().filter(|it| it.0 == letter.id).map(|it| it.1.clone()).collect();
        let n_tickets = usize::try_from(letter.n_tickets).unwrap_or(usize::MAX);
        Self {
            n: letter.id,
            aside: letter.set_aside.map(|it| frame.say(&format!("set_aside.{it}"))).unwrap_or_default(),
            note: file.text(&text::note(letter.id)).unwrap_or_default().to_owned(),
            slip: letter.slip.clone().unwrap_or_default(),
            put_in: letter.put_in_on.map(|it| it.to_string()).unwrap_or_default(),
            n_hidden: n_tickets.saturating_sub(numbers.len()),
            numbers,
        }
    }
}

/// What one answer shows beside the opening itself.
#[derive(Default)]
pub(super) struct Once {
    /// What was just registered.
    pub(super) registered: Option<Registration>,
    /// The letter's form with what was typed.
    pub(super) form: Option<LetterForm>,
    /// The reason for closing that was typed.
    pub(super) reason: String,
    pub(super) is_created: bool,
}

/// How the reader may close it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    NotTheirs,
    /// Once every letter is accounted for.
    NotYet,
    /// With letters unaccounted for, and a reason: a supervisor.
    Short,
    AddsUp,
}

impl Closing {
    fn of(file: &CollectionFile, caller: &PageCaller) -> Self {
        if !file.moves.contains(&CollectionMove::Close) {
            Closing::NotTheirs
        } else if file.collection.unaccounted() == 0 {
            Closing::AddsUp
        } else if caller.staff().may_somewhere(Permission::Supervise) {
            Closing::Short
        } else {
            Closing::NotYet
        }
    }
}

#[derive(Template)]
#[template(path = "desk/collection.html")]
struct CollectionPage {
    frame: Frame,
    told: Told,
    id: CollectionId,
    version: i64,
    mailbox: String,
    mailbox_href: String,
    at: String,
    /// Name, and how it was confirmed.
    openers: Vec<(String, String)>,
    seals: String,
    n_counted: u32,
    n_registered: u32,
    n_aside: u32,
    n_left: u32,
    is_open: bool,
    exceptions: Vec<String>,
    reason: String,
    letters: Vec<LetterLine>,
    /// Which letter comes next, in words.
    next: String,
    registered: Option<Registration>,
    form: Option<LetterForm>,
    may_confirm: bool,
    closing: Closing,
    typed_reason: String,
}

impl CollectionPage {
    fn of(frame: Frame, caller: &PageCaller, told: Told, file: &CollectionFile, once: Once) -> Self {
        let it = &file.collection;
        let said = |name| file.text(name).unwrap_or("—");
        let opener = |(name, opener): (String, &crate::domain::mailbox::Opener)| {
            let how = match (opener.account, opener.confirmed_at) {
                (_, Some(_)) => "confirmed",
                (Some(_), None) => "unconfirmed",
                (None, None) => "on_paper",
            };
            (name, frame.say(&format!("collection.{how}")))
        };
        let seals = [("before", said(text::SEAL_BEFORE)), ("after", said(text::SEAL_AFTER))];
        Self {
            id: it.id,
            version: it.version,
            mailbox: file.mailbox_name.clone(),
            mailbox_href: format!(
                "/desk/mailboxes/{}?community={}",
                segment(&file.mailbox),
                segment(&file.community)
            ),
            at: moment(it.opened_at, frame.now, frame.zone),
            openers: file.openers().into_iter().zip(&it.openers).map(opener).collect(),
            seals: frame.say_with("collection.seals", &seals),
            n_counted: it.letters_counted,
            n_registered: it.n_registered(),
            n_aside: it.n_set_aside(),
            n_left: it.unaccounted(),
            is_open: it.is_open(),
            exceptions: it.exceptions().iter().map(|it| frame.say(&format!("exception.{it}"))).collect(),
            reason: file.text(text::REASON).unwrap_or_default().to_owned(),
            letters: it.letters.iter().rev().map(|letter| LetterLine::of(&frame, file, letter)).collect(),
            next: frame.say_with("collection.next", &[("n", &it.next_letter().to_string())]),
            registered: once.registered,
            form: once.form,
            may_confirm: file.moves.contains(&CollectionMove::Confirm),
            closing: Closing::of(file, caller),
            typed_reason: once.reason,
            frame,
            told,
        }
    }
}

/// The id of a path; what is no id of ours is simply not there.
pub(super) fn id_of(text: &str) -> Result<CollectionId, Refusal> {
    let id = text.parse().ok().filter(|it| *it > 0).map(CollectionId);
    id.ok_or_else(|| Refusal::NotFound(format!("collections/{}", as_code(text))))
}

/// An opening with its letters.
#[utoipa::path(get, path = "/desk/collections/{id}", tag = "pages", params(("id" = i64, Path), CollectionAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    id: web::Path<String>,
    asked: Query<CollectionAsked>,
) -> Result<HttpResponse, Turned> {
    let file = collections::read(&app, &caller, id_of(&id)?).await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let told = Told::done(&frame, asked.read()?.done.as_deref());
    shown(&app, &caller, frame, told, &file, Once::default()).await
}

/// The page of an opening as it is in `file`.
pub(super) async fn shown(
    app: &App,
    caller: &PageCaller,
    frame: Frame,
    told: Told,
    file: &CollectionFile,
    once: Once,
) -> Result<HttpResponse, Turned> {
    let takes_more = file.moves.contains(&CollectionMove::Letters);
    let form = match once.form {
        Some(form) if takes_more => Some(form),
        None if takes_more => Some(LetterForm::of(app, caller, &frame).await?),
        Some(_) | None => None,
    };
    let mut builder = told.builder();
    if once.is_created {
        builder.status(actix_web::http::StatusCode::CREATED);
    }
    let page = CollectionPage::of(frame, caller, told, file, Once { form, ..once });
    Ok(answered(builder, &page)?)
}

/// One of the two openers says: I was there.
#[utoipa::path(post, path = "/desk/collections/{id}/confirm", tag = "pages", params(("id" = i64, Path)),
    responses((status = 303, description = "Confirmed")))]
pub async fn confirm(app: web::Data<App>, id: web::Path<String>, sent: Sent) -> Result<HttpResponse, Turned> {
    let id = id_of(&id)?;
    collections::confirm(&app, &sent.caller, id).await?;
    Ok(see(&format!("/desk/collections/{id}?done=confirmed")))
}

/// Close an opening whose letters are all accounted for; a supervisor may close it short, with a reason.
#[utoipa::path(post, path = "/desk/collections/{id}/close", tag = "pages", params(("id" = i64, Path)),
    responses((status = 303, description = "Closed"),
        (status = 409, description = "Letters are unaccounted for: the page again")))]
pub async fn close(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let (id, caller) = (id_of(&id)?, &sent.caller);
    collections::authorise(&app, caller, id, Permission::Collect).await?;
    let body = CloseBody { reason: sent.given("reason") };
    match collections::close(&app, caller, id, body, sent.text("version").parse().ok()).await {
        Ok(_) => Ok(see(&format!("/desk/collections/{id}?done=collection_closed"))),
        Err(error) => left(&app, &request, &sent, id, error).await,
    }
}

/// The page as it is now, with why it was not closed and the reason that was typed.
async fn left(
    app: &App,
    request: &HttpRequest,
    sent: &Sent,
    id: CollectionId,
    error: Error,
) -> Result<HttpResponse, Turned> {
    let file = collections::read(app, &sent.caller, id).await?;
    let frame = Frame::left(app, &sent.caller, request).await?;
    let told = Told::refused(&frame, error);
    let once = Once { reason: sent.text("reason").to_owned(), ..Once::default() };
    shown(app, &sent.caller, frame, told, &file, once).await
}
