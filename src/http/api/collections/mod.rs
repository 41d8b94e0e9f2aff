//! Collections over JSON: record an opening, account for each letter, confirm, close.

pub mod attachments;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use self::attachments::CollectionAttachmentView;
use super::tickets::{ReceiptView, link_next};
use crate::domain::mailbox::{CollectionMove, Exception, LetterBody, OpeningBody, SetAside, text};
use crate::domain::people::Permission;
use crate::domain::refusal::{Refusal, shown};
use crate::domain::value::{At, CollectionId};
use crate::http::reply::{created, ok, ok_at};
use crate::http::{Body, IdempotencyKey, IfMatch, Problem, Query, StaffCaller};
use crate::service::App;
use crate::service::collections::{self, CloseBody, CollectionFile, CollectionsAsked, Registered};
use crate::service::orders::EmptyBody;

/// One opening of one mailbox.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Collection)]
pub struct CollectionView {
    id: i64,
    /// The mailbox's code.
    mailbox: String,
    mailbox_name: String,
    community: String,
    /// open or closed.
    state: &'static str,
    opened_at: String,
    recorded_at: String,
    /// The two who opened it, as they were named.
    opened_by: Vec<String>,
    /// Those of them who have confirmed.
    confirmed_by: Vec<String>,
    /// Those of them who have an account and have not confirmed.
    unconfirmed_by: Vec<String>,
    seal_before: Option<String>,
    seal_after: Option<String>,
    letters_counted: u32,
    /// Letters registered as tickets.
    registered: u32,
    /// Letters set aside.
    set_aside: u32,
    /// Letters that are still to be registered or set aside.
    unaccounted: u32,
    exceptions: Vec<Exception>,
    closed_at: Option<String>,
    /// Why it was closed, where that was said.
    reason: Option<String>,
    letters: Vec<LetterView>,
    /// The photo of the opening and scans of letters, as far as the reader may see them.
    attachments: Vec<CollectionAttachmentView>,
    /// What the reader may do now.
    actions: Vec<CollectionMove>,
    version: i64,
}

/// A letter that was accounted for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Letter)]
pub struct LetterView {
    /// From 1, within the collection.
    letter: u32,
    set_aside: Option<SetAside>,
    note: Option<String>,
    slip: Option<String>,
    put_in_on: Option<String>,
    registered_at: String,
    /// Numbers of its tickets, as far as the reader may know them.
    tickets: Vec<String>,
}

/// A letter that was just accounted for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RegisteredLetter)]
pub struct RegisteredView {
    letter: u32,
    set_aside: Option<SetAside>,
    note: Option<String>,
    slip: Option<String>,
    put_in_on: Option<String>,
    registered_at: String,
    tickets: Vec<ReceiptView>,
    /// Letters of this collection that were still to be accounted for after this one.
    unaccounted: u32,
}

impl CollectionView {
    fn of(file: &CollectionFile) -> Self {
        let it = &file.collection;
        let opened_by = file.openers();
        let named = |is_wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
            opened_by.iter().enumerate().filter(|(nth, _)| is_wanted(*nth)).map(|it| it.1.clone()).collect()
        };
        Self {
            id: it.id.0,
            mailbox: file.mailbox.clone(),
            mailbox_name: file.mailbox_name.clone(),
            community: file.community.clone(),
            state: if it.is_open() { "open" } else { "closed" },
            opened_at: it.opened_at.to_rfc3339(),
            recorded_at: it.recorded_at.to_rfc3339(),
            confirmed_by: named(&|nth| it.openers[nth].confirmed_at.is_some()),
            unconfirmed_by: named(&|nth| it.openers[nth].is_unconfirmed()),
            opened_by,
            seal_before: file.text(text::SEAL_BEFORE).map(str::to_owned),
            seal_after: file.text(text::SEAL_AFTER).map(str::to_owned),
            letters_counted: it.letters_counted,
            registered: it.n_registered(),
            set_aside: it.n_set_aside(),
            unaccounted: it.unaccounted(),
            exceptions: it.exceptions(),
            closed_at: it.closed_at.map(At::to_rfc3339),
            reason: file.text(text::REASON).map(str::to_owned),
            letters: it.letters.iter().map(|letter| LetterView::of(file, letter)).collect(),
            attachments: file.attachments.iter().map(|it| CollectionAttachmentView::of(file, it)).collect(),
            actions: file.moves.clone(),
            version: it.version,
        }
    }
}

impl LetterView {
    fn of(file: &CollectionFile, letter: &crate::domain::mailbox::Letter) -> Self {
        let own = file.numbers.iter().filter(|(of, _)| *of == letter.id);
        Self {
            letter: letter.id,
            set_aside: letter.set_aside,
            note: file.text(&text::note(letter.id)).map(str::to_owned),
            slip: letter.slip.clone(),
            put_in_on: letter.put_in_on.map(|it| it.to_string()),
            registered_at: letter.registered_at.to_rfc3339(),
            tickets: own.map(|it| it.1.clone()).collect(),
        }
    }
}

impl RegisteredView {
    fn of(app: &App, registered: Registered) -> Result<Self, Refusal> {
        let Registered { file, letter, receipts } = registered;
        let counted = file.collection.letters_counted;
        let letters = &file.collection.letters;
        let found = letters.iter().find(|it| it.id == letter);
        let view = LetterView::of(&file, found.ok_or(Refusal::NotFound(format!("letter {letter}")))?);
        Ok(Self {
            letter,
            set_aside: view.set_aside,
            note: view.note,
            slip: view.slip,
            put_in_on: view.put_in_on,
            registered_at: view.registered_at,
            tickets: receipts.into_iter().map(|it| ReceiptView::of(app, it)).collect(),
            unaccounted: counted.saturating_sub(letter),
        })
    }
}

/// The id of a path; what is no id of ours is simply not there.
fn id_of(text: &str) -> Result<CollectionId, Problem> {
    let id = text.parse().ok().filter(|it| *it > 0).map(CollectionId);
    id.ok_or_else(|| Refusal::NotFound(format!("collections/{}", shown(text))).into())
}

fn answer(file: &CollectionFile) -> HttpResponse {
    ok_at(file.collection.version, CollectionView::of(file))
}

/// A stale version is told with what is there now, a move that is not possible with those that are.
async fn with_current(app: &App, caller: &StaffCaller, id: CollectionId, problem: Problem) -> Problem {
    match collections::read(app, caller, id).await {
        Ok(file) if problem.slug() == "stale" => {
            problem.with_current(serde_json::to_value(CollectionView::of(&file)).unwrap_or_default())
        }
        Ok(file) => problem.with_legal(|| file.moves.iter().map(ToString::to_string).collect()),
        Err(_unseen) => problem,
    }
}

/// Record an opening: who, when, the seals, and how many letters were counted before any is typed.
#[utoipa::path(post, path = "/api/v1/collections", tag = "collections", request_body = OpeningBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same answer")),
    responses((status = 201, description = "Recorded", body = CollectionView)), security(("bearer" = [])))]
pub async fn open(
    app: web::Data<App>,
    caller: StaffCaller,
    key: IdempotencyKey,
    body: Body<OpeningBody>,
) -> Result<HttpResponse, Problem> {
    collections::check_may_collect(&caller)?;
    let (body, key) = (body.read()?, key.read()?);
    let file = collections::open(&app, &caller, body, key).await?;
    let place = format!("/api/v1/collections/{}", file.collection.id);
    Ok(created(&place, file.collection.version, CollectionView::of(&file)))
}

/// A page of collections.
#[derive(Debug, Serialize, ToSchema)]
pub struct CollectionListView {
    items: Vec<CollectionView>,
    next_cursor: Option<String>,
}

/// The collections of the caller's nodes, newest first.
#[utoipa::path(get, path = "/api/v1/collections", tag = "collections", params(CollectionsAsked),
    responses((status = 200, description = "A page", body = CollectionListView)), security(("bearer" = [])))]
pub async fn list(
    app: web::Data<App>,
    caller: StaffCaller,
    asked: Query<CollectionsAsked>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (page, next) = collections::list(&app, &caller, asked.read()?).await?;
    let next_cursor = next.map(|it| it.to_string());
    let items = page.iter().map(CollectionView::of).collect();
    let mut answer = ok(CollectionListView { items, next_cursor: next_cursor.clone() });
    link_next(&mut answer, &request, next_cursor.as_deref());
    Ok(answer)
}

/// One collection: counted, registered, set aside, unaccounted for, and its letters with their tickets.
#[utoipa::path(get, path = "/api/v1/collections/{id}", tag = "collections", params(("id" = i64, Path)),
    responses((status = 200, description = "It, with its ETag", body = CollectionView)), security(("bearer" = [])))]
pub async fn read(
    app: web::Data<App>,
    caller: StaffCaller,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Ok(answer(&collections::read(&app, &caller, id_of(&id)?).await?))
}

/// Account for one letter: register it as tickets, or set it aside.
#[utoipa::path(post, path = "/api/v1/collections/{id}/letters", tag = "collections", request_body = LetterBody,
    params(("id" = i64, Path),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key and body give the same answer")),
    responses((status = 201, description = "Accounted for", body = RegisteredView)), security(("bearer" = [])))]
pub async fn register(
    app: web::Data<App>,
    caller: StaffCaller,
    id: web::Path<String>,
    key: IdempotencyKey,
    body: Body<LetterBody>,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    collections::authorise(&app, &caller, id, Permission::Collect).await?;
    let (body, key) = (body.read()?, key.read()?);
    match collections::register(&app, &caller, id, body, key).await {
        Ok(registered) => {
            let version = registered.file.collection.version;
            let view = RegisteredView::of(&app, registered)?;
            Ok(created(&format!("/api/v1/collections/{id}"), version, view))
        }
        Err(error) => Err(with_current(&app, &caller, id, error.into()).await),
    }
}

/// An opener with an account confirms having been there; again changes nothing.
#[utoipa::path(post, path = "/api/v1/collections/{id}/confirm", tag = "collections", params(("id" = i64, Path)),
    responses((status = 200, description = "Confirmed", body = CollectionView)), security(("bearer" = [])))]
pub async fn confirm(
    app: web::Data<App>,
    caller: StaffCaller,
    id: web::Path<String>,
    body: Body<EmptyBody>,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    collections::authorise(&app, &caller, id, Permission::ReadCollection).await?;
    body.read()?;
    Ok(answer(&collections::confirm(&app, &caller, id).await?))
}

/// Close a collection whose letters are all accounted for; a supervisor may close it short, with a reason.
#[utoipa::path(post, path = "/api/v1/collections/{id}/close", tag = "collections", request_body = CloseBody,
    params(("id" = i64, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "Closed", body = CollectionView)), security(("bearer" = [])))]
pub async fn close(
    app: web::Data<App>,
    caller: StaffCaller,
    id: web::Path<String>,
    if_match: IfMatch,
    body: Body<CloseBody>,
) -> Result<HttpResponse, Problem> {
    let id = id_of(&id)?;
    collections::authorise(&app, &caller, id, Permission::Collect).await?;
    let (body, if_match) = (body.read()?, if_match.read()?);
    match collections::close(&app, &caller, id, body, if_match).await {
        Ok(file) => Ok(answer(&file)),
        Err(error) => Err(with_current(&app, &caller, id, error.into()).await),
    }
}
