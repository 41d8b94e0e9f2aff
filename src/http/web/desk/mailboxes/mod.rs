//! The red mailboxes: when each is to be opened, what is being registered, and what is not as it should be.

pub mod collection;
pub mod letter;
pub mod one;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use super::left::moment;
use super::{Frame, PageCaller, Told, Turned, answered};
use crate::domain::people::Permission;
use crate::http::reply::segment;
use crate::service::App;
use crate::service::collections::{self, CollectionFile, CollectionsAsked, LIMIT_MAX, ListState};
use crate::service::rounds::{self, BoxCard, DAYS_BACK};

/// The newest exceptions; the leaders' figures hold them all.
const EXCEPTIONS_MAX: i64 = 50;

/// A box as a line.
struct BoxLine {
    href: String,
    code: String,
    name: String,
    /// Where it hangs and who holds the key.
    about: String,
    /// By when it is to be opened, and how that looks.
    due: String,
    tone: &'static str,
    opened: String,
    /// Openings that did not come or came late.
    counts: String,
}

impl BoxLine {
    fn of(frame: &Frame, card: &BoxCard) -> Self {
        let at = |it| moment(it, frame.now, card.zone);
        let (due, tone) = match (card.overdue_since, card.next_due) {
            (Some(since), _) => (frame.say_with("boxes.overdue", &[("due", &at(since))]), "late"),
            (None, Some(due)) => (frame.say_with("boxes.next", &[("due", &at(due))]), "fine"),
            (None, None) => (frame.say("boxes.no_schedule"), ""),
        };
        let mut about: Vec<String> = card.details.place.clone().into_iter().collect();
        about.extend(card.details.key_holder.as_ref().map(|it| frame.say_with("boxes.key", &[("name", it)])));
        Self {
            href: href(card),
            code: card.code.clone(),
            name: card.name.clone(),
            about: about.join(" · "),
            due,
            tone,
            opened: card
                .opened_at
                .map(|it| frame.say_with("boxes.opened", &[("at", &at(it))]))
                .unwrap_or_default(),
            counts: counts(frame, card),
        }
    }
}

/// What was missed and late of late; nothing when there is nothing to say.
fn counts(frame: &Frame, card: &BoxCard) -> String {
    if card.n_missed + card.n_late == 0 {
        return String::new();
    }
    let (missed, late) = (card.n_missed.to_string(), card.n_late.to_string());
    frame.say_with("boxes.counts", &[("days", &DAYS_BACK.to_string()), ("missed", &missed), ("late", &late)])
}

/// The page of a box; two communities may have a box of one code.
fn href(card: &BoxCard) -> String {
    format!("/desk/mailboxes/{}?community={}", segment(&card.code), segment(&card.community.0))
}

/// An opening as a line of a list.
struct OpeningLine {
    href: String,
    /// The mailbox.
    name: String,
    at: String,
    /// Counted, registered, set aside.
    counts: String,
    /// What is still to be done with it, and how that looks; nothing once it is closed.
    left: Option<(&'static str, String)>,
    exceptions: Vec<String>,
}

impl OpeningLine {
    fn of(frame: &Frame, file: &CollectionFile) -> Self {
        let it = &file.collection;
        let left = match it.unaccounted() {
            0 => ("", frame.say("collection.to_close")),
            n => ("risk", frame.say_with("collection.left", &[("n", &n.to_string())])),
        };
        Self {
            href: format!("/desk/collections/{}", it.id),
            name: file.mailbox_name.clone(),
            at: moment(it.opened_at, frame.now, frame.zone),
            counts: frame.say_with(
                "collection.counts",
                &[
                    ("counted", &it.letters_counted.to_string()),
                    ("registered", &it.n_registered().to_string()),
                    ("aside", &it.n_set_aside().to_string()),
                ],
            ),
            left: it.is_open().then_some(left),
            exceptions: it.exceptions().iter().map(|it| frame.say(&format!("exception.{it}"))).collect(),
        }
    }

    fn of_all(frame: &Frame, files: &[CollectionFile]) -> Vec<Self> {
        files.iter().map(|it| Self::of(frame, it)).collect()
    }
}

#[derive(Template)]
#[template(path = "desk/mailboxes.html")]
struct MailboxesPage {
    frame: Frame,
    told: Told,
    boxes: Vec<BoxLine>,
    in_work: Vec<OpeningLine>,
    exceptions: Vec<OpeningLine>,
    may_print: bool,
}

/// The boxes of one's nodes, what is being registered, and exceptions.
#[utoipa::path(get, path = "/desk/mailboxes", tag = "pages",
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn list(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
) -> Result<HttpResponse, Turned> {
    let cards = rounds::list(&app, &caller).await?;
    let listed = async |state, limit| {
        let asked =
            CollectionsAsked { state: Some(state), limit: Some(limit), ..CollectionsAsked::default() };
        collections::list(&app, &caller, asked).await
    };
    let (in_work, _) = listed(ListState::Open, LIMIT_MAX).await?;
    let (mut exceptions, _) = listed(ListState::Exception, EXCEPTIONS_MAX).await?;
    // What is being registered stands above with its exceptions.
    exceptions.retain(|it| !it.collection.is_open());
    let frame = Frame::of(&app, &caller, &request).await?;
    let page = MailboxesPage {
        told: Told::default(),
        boxes: cards.iter().map(|it| BoxLine::of(&frame, it)).collect(),
        in_work: OpeningLine::of_all(&frame, &in_work),
        exceptions: OpeningLine::of_all(&frame, &exceptions),
        may_print: caller.staff().may_somewhere(Permission::PrintSlips),
        frame,
    };
    Ok(answered(page.told.builder(), &page)?)
}
