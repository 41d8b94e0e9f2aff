//! See how a ticket stands, and what its resident does with it.
//!
//! Number and code are the authority. They come with each form, in its body, and are checked each time.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError as _, web};
use askama::Template;
use chrono_tz::Tz;
use serde::Deserialize;

use super::form::{FilesForm, Form};
use super::promise::{Promised, promised};
use super::report::{ReceiptPage, too_large};
use super::screen::{Again, Screen, in_language};
use super::{answered, answered_with_senses};
use crate::domain::number::parse_receipt_code;
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::ticket::event::TicketEvent;
use crate::domain::ticket::{Attachment, Delivery, Reach, Verb, WaitingFor, text};
use crate::http::ClientAddress;
use crate::http::limits::network_of;
use crate::http::problem::Problem;
use crate::http::upload::PageFile;
use crate::service::attachments::{self, Part, Upload};
use crate::service::desk::{self, Opened};
use crate::service::files::TicketFile;
use crate::service::orders::{OptionalReasonBody, Order, RateBody, ReasonBody, TextBody};
use crate::service::story::{self, Step, Story};
use crate::service::{App, Caller, Error, Outside, clocks, enclosures, erasure};

/// Fewer characters are no random key.
const KEY_CHARS_MIN: usize = 16;

#[derive(Template)]
#[template(path = "track.html")]
struct TrackPage {
    screen: Screen,
    number: String,
    fault: String,
}

/// The form that asks for number and code.
#[utoipa::path(get, path = "/track", tag = "pages", security(()),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn form(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let page = TrackPage { screen: Screen::of(&request), number: String::new(), fault: String::new() };
    answered(HttpResponse::Ok(), &page)
}

/// The same form with the number of a printed receipt; its code is in the fragment, which stays in the browser.
#[utoipa::path(get, path = "/r/{number}", tag = "pages", security(()), params(("number" = String, Path)),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn receipt(request: HttpRequest, number: web::Path<String>) -> Result<HttpResponse, Problem> {
    let page = TrackPage { screen: Screen::of(&request), number: number.into_inner(), fault: String::new() };
    answered(HttpResponse::Ok(), &page)
}

/// Number and code of a receipt.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TrackForm {
    number: String,
    code: String,
    /// `receipt` to see the receipt itself again.
    show: String,
    /// After a change of look the page is drawn again.
    set: String,
    back: String,
}

/// See how a ticket stands.
#[utoipa::path(post, path = "/track", tag = "pages", security(()), request_body = TrackForm,
    responses((status = 200, description = "The ticket", content_type = "text/html", body = String)))]
pub async fn look_up(
    app: web::Data<App>,
    caller: Caller,
    address: ClientAddress,
    request: HttpRequest,
    form: Form<TrackForm>,
) -> Result<HttpResponse, Problem> {
    let Form(TrackForm { number, code, show, set: _, back: _ }) = form;
    let screen = Screen::of(&request);
    match open(&app, &caller, &number, &code, address).await.map_err(Error::outside) {
        Ok(opened) if show == "receipt" => {
            let code = parse_receipt_code(&code).unwrap_or(code);
            let page = ReceiptPage::new(&app, screen, &opened.ticket, code).await?;
            answered(HttpResponse::Ok(), &page)
        }
        Ok(opened) => shown(&app, &opened, screen, code, Told::default()).await,
        Err(outside) => not_opened(screen, number, outside),
    }
}

async fn open(
    app: &App,
    caller: &Caller,
    number: &str,
    code: &str,
    address: ClientAddress,
) -> Result<Opened, Error> {
    let address = network_of(address.0).to_string();
    desk::open(app, caller, number, Some(code), &address).await
}

/// A wrong code and an unknown number are told in the same words.
fn not_opened(screen: Screen, number: String, outside: Outside) -> Result<HttpResponse, Problem> {
    let (status, fault) = match &outside {
        Outside::Refused(Refusal::NotFound(_)) => (StatusCode::NOT_FOUND, screen.say("track.wrong")),
        Outside::Refused(refusal @ Refusal::NotRegisteredYet) => {
            (StatusCode::NOT_FOUND, in_language(&refusal.to_string(), screen.language).to_owned())
        }
        Outside::Refused(Refusal::Malformed(message)) => {
            (StatusCode::BAD_REQUEST, in_language(message, screen.language).to_owned())
        }
        _ => return Err(outside.into()),
    };
    let screen = screen.again("/track", Again::Asked);
    answered(HttpResponseBuilder::new(status), &TrackPage { screen, number, fault })
}

/// What the resident does: `add`, `rate`, `reopen`, `withdraw` or `erase`.
#[derive(Debug, Clone, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ActForm {
    number: String,
    code: String,
    verb: String,
    /// What is added, or why.
    words: String,
    /// `yes` or `no`, to rate.
    solved: String,
    /// 1 to 5, to rate.
    satisfaction: String,
    /// `yes` to erase: nothing brings it back.
    sure: String,
    /// At least 16 random characters: files sent twice are added once.
    key: String,
}

impl ActForm {
    fn order(&self) -> Result<Order, Refusal> {
        let words = Some(self.words.clone()).filter(|it| !it.trim().is_empty());
        match self.verb.as_str() {
            "add" => Ok(Order::Supplement(TextBody { text: self.words.clone() })),
            "reopen" => Ok(Order::Reopen(ReasonBody { reason: self.words.clone() })),
            "withdraw" => Ok(Order::Withdraw(OptionalReasonBody { reason: words })),
            "rate" => self.rating(words),
            _ => Err(Refusal::field("verb", "请用页面上的按钮。 Use a button of the page.")),
        }
    }

    fn rating(&self, comment: Option<String>) -> Result<Order, Refusal> {
        let mut faults = Faults::default();
        if !matches!(self.solved.as_str(), "yes" | "no") {
            faults.add("solved", "请先选“解决了”或“没有解决”。 Say first whether it is solved.");
        }
        let satisfaction = match self.satisfaction.as_str() {
            "" => None,
            points => {
                let points = points.parse().ok().filter(|it| (1..=5).contains(it));
                if points.is_none() {
                    faults.add("satisfaction", "满意程度请选 1 到 5。 Choose 1 to 5.");
                }
                points
            }
        };
        let solved = self.solved == "yes";
        faults.check(Order::Rate(RateBody { solved, satisfaction, comment, asked_by: None }))
    }
}

/// Do something with one's ticket: add words, rate, have it taken up again, withdraw.
#[utoipa::path(post, path = "/track/act", tag = "pages", security(()), request_body = ActForm,
    responses((status = 200, description = "The ticket", content_type = "text/html", body = String)))]
pub async fn act(
    app: web::Data<App>,
    caller: Caller,
    address: ClientAddress,
    request: HttpRequest,
    form: FilesForm<ActForm>,
) -> Result<HttpResponse, Problem> {
    let FilesForm { form, files } = form;
    let screen = Screen::of(&request);
    match open(&app, &caller, &form.number, &form.code, address).await.map_err(Error::outside) {
        Ok(opened) => done(&app, opened, screen, form, files).await,
        Err(outside) => not_opened(screen, form.number, outside),
    }
}

/// Does it, and shows the ticket with what came of it; a refusal keeps what was typed.
async fn done(
    app: &App,
    opened: Opened,
    screen: Screen,
    form: ActForm,
    files: Vec<PageFile>,
) -> Result<HttpResponse, Problem> {
    let result = do_it(app, &opened, &form, files).await;
    let told = match result.map_err(Error::outside) {
        Ok(()) if form.verb == "rate" && form.solved == "no" => Told::of(screen.say("done.unsolved")),
        Ok(()) => Told::of(screen.say(&format!("done.{}", form.verb))),
        Err(Outside::Refused(Refusal::Invalid(faults))) => {
            let faults = faults.0.iter();
            let faults = faults.map(|it| in_language(&it.message, screen.language).to_owned()).collect();
            Told { faults, status: StatusCode::UNPROCESSABLE_ENTITY, typed: form.words, ..Told::default() }
        }
        Err(outside) => {
            let problem = Problem::from(outside);
            let faults = vec![in_language(problem.detail(), screen.language).to_owned()];
            Told { faults, status: problem.status_code(), typed: form.words, ..Told::default() }
        }
    };
    shown(app, &opened, screen, form.code, told).await
}

/// Adds files before words: a file that is not fit leaves the words in their field.
async fn do_it(app: &App, opened: &Opened, form: &ActForm, files: Vec<PageFile>) -> Result<(), Error> {
    if form.verb == "erase" {
        if form.sure != "yes" {
            let message = "请先勾选“我确定要删除”。 Tick first that you are sure.";
            return Err(Refusal::field("sure", message).into());
        }
        return erasure::erase(app, opened).await;
    }
    if form.verb != "add" || files.is_empty() {
        return desk::act(app, opened.clone(), form.order()?, None).await.map(drop);
    }
    for (nth, PageFile { arriving, name }) in files.into_iter().enumerate() {
        let arriving = arriving.ok_or_else(too_large)?;
        let upload = Upload { arriving, name, shown: true, also_for: Vec::new() };
        let key = (form.key.len() >= KEY_CHARS_MIN).then(|| format!("{}/{nth}", form.key));
        attachments::attach(app, opened.clone(), upload, key).await?;
    }
    if form.words.trim().is_empty() {
        return Ok(());
    }
    desk::act(app, opened.clone(), form.order()?, None).await.map(drop)
}

/// What a page of a ticket says on top.
#[derive(Default)]
struct Told {
    status: StatusCode,
    done: String,
    faults: Vec<String>,
    typed: String,
}

impl Told {
    fn of(done: String) -> Self {
        Self { done, ..Self::default() }
    }
}

async fn shown(
    app: &App,
    opened: &Opened,
    screen: Screen,
    code: String,
    told: Told,
) -> Result<HttpResponse, Problem> {
    let story = story::tell(app, opened).await?;
    let clocks = clocks::tell_resident(app, &story.file.ticket).await?;
    let promised = promised(&clocks, story.zone, &screen);
    let fields = vec![("number", story.file.ticket.number.clone()), ("code", code.clone())];
    let screen = screen.again("/track", Again::Sent(fields));
    let mut builder = HttpResponseBuilder::new(told.status);
    // Nothing of it may be kept: the forms hold the code.
    builder.insert_header((header::CACHE_CONTROL, "no-store"));
    let attached = Attached::grouped(app, &story.file.attachments, &screen);
    let page = TicketPage { attached, ..TicketPage::of(&story, screen, code, promised, told) };
    answered_with_senses(builder, &page)
}

/// A line of the course.
struct Line {
    at: String,
    words: String,
}

/// A photo, voice note or document of the ticket.
struct Attached {
    /// Where its picture, or its sound, is for a while.
    shown: String,
    /// Where all of it is.
    whole: String,
    is_photo: bool,
    is_voice: bool,
}

impl Attached {
    /// The attachments under their two headings.
    fn grouped(app: &App, all: &[Attachment], screen: &Screen) -> Vec<(String, Vec<Self>)> {
        let groups = [(true, "ticket.your_files"), (false, "ticket.shown_files")];
        let groups = groups.map(|(by_resident, key)| {
            let group = all.iter().filter(|it| it.by_resident == by_resident);
            (screen.say(key), group.map(|it| Self::of(app, it)).collect::<Vec<_>>())
        });
        groups.into_iter().filter(|it| !it.1.is_empty()).collect()
    }

    fn of(app: &App, it: &Attachment) -> Self {
        let is_photo = it.filed.media.is_photo();
        let address = |part| format!("/sent/{}", enclosures::pass(app, &it.filed, part));
        Self {
            shown: address(if is_photo { Part::Thumbnail } else { Part::Whole }),
            whole: address(Part::Whole),
            is_photo,
            is_voice: it.filed.duration_ms.is_some(),
        }
    }
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage {
    screen: Screen,
    told: Told,
    number: String,
    code: String,
    subject: String,
    status: String,
    /// Who has it now; empty once it is over.
    holder: String,
    promised: Vec<Promised>,
    description: String,
    is_erased: bool,
    /// True when erasing withdraws it too.
    is_open: bool,
    supplements: Vec<String>,
    replies: Vec<String>,
    lines: Vec<Line>,
    /// What the resident sent and what staff show, each under its heading.
    attached: Vec<(String, Vec<Attached>)>,
    /// Of the form that adds something.
    key: String,
    may: Vec<Verb>,
    points: Vec<(u8, String)>,
}

impl TicketPage {
    fn of(story: &Story, screen: Screen, code: String, promised: Vec<Promised>, told: Told) -> Self {
        let (file, zone) = (&story.file, story.zone);
        let ticket = &file.ticket;
        let owned = |name: &str| file.text(name).unwrap_or_default().to_owned();
        // What waits for approval, was rejected or never went out is not the resident's to read.
        let replies = ticket.replies.iter();
        let replies =
            replies.filter(|it| !matches!(it.delivery, Delivery::AwaitingApproval | Delivery::Failed));
        let lines = story.steps.iter().filter_map(|it| {
            let at = it.at.to_utc().with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
            let words = in_words(it, &screen).or_else(|| extended(it, file, zone, &screen));
            Some(Line { at, words: words? })
        });
        Self {
            number: ticket.number.clone(),
            subject: if ticket.erased_at.is_some() {
                screen.say("ticket.erased")
            } else {
                owned(text::SUBJECT)
            },
            status: screen.say(&format!("status.{}", ticket.status)),
            holder: if ticket.status.is_open() { story.holder.clone() } else { String::new() },
            promised,
            description: owned(text::DESCRIPTION),
            is_erased: ticket.erased_at.is_some(),
            is_open: file.actions.contains(&Verb::Withdraw),
            supplements: file.texts(text::SUPPLEMENT).map(str::to_owned).collect(),
            replies: replies.map(|it| owned(&text::reply(it.id))).collect(),
            lines: lines.collect(),
            attached: Vec::new(),
            key: format!("{:032x}", rand::random::<u128>()),
            may: file.actions.clone(),
            points: (1..=5).rev().map(|it| (it, screen.say(&format!("points.{it}")))).collect(),
            screen,
            told,
            code,
        }
    }

    fn may(&self, verb: Verb) -> bool {
        self.may.contains(&verb)
    }

    /// One that may be rated is taken up again by saying that it is not solved.
    fn may_only_reopen(&self) -> bool {
        self.may(Verb::Reopen) && !self.may(Verb::Rate)
    }
}

/// A step in the resident's words; None for what staff do among themselves, and for all that has no words yet.
fn in_words(step: &Step, screen: &Screen) -> Option<String> {
    let key = match &step.event {
        TicketEvent::Received(_) => "received",
        TicketEvent::Accepted { .. } => "accepted",
        TicketEvent::Declined {} => "declined",
        TicketEvent::Assigned { .. } => "assigned",
        TicketEvent::Acknowledged { .. } => "acknowledged",
        TicketEvent::Contacted { outcome: Reach::Reached, .. } => "contacted",
        TicketEvent::Waiting { waiting_for: WaitingFor::Resident, .. } => "waiting_for_you",
        TicketEvent::Waiting { waiting_for: WaitingFor::ThirdParty, .. } => "waiting",
        TicketEvent::Resumed {} => "resumed",
        TicketEvent::Resolved { .. } => "resolved",
        TicketEvent::Replied { .. } => "replied",
        TicketEvent::Rated { solved: true, .. } => "rated_solved",
        TicketEvent::Rated { solved: false, .. } => "rated_unsolved",
        TicketEvent::Reopened { .. } => "reopened",
        TicketEvent::Closed { .. } => "closed",
        TicketEvent::Merged { .. } => "merged",
        TicketEvent::Split { .. } => "split",
        TicketEvent::Withdrawn {} => "withdrawn",
        TicketEvent::Supplemented {} => "supplemented",
        TicketEvent::AttachmentAdded { by_resident: true, .. } => "attached",
        TicketEvent::AttachmentAdded { shown: true, .. } => "attached_for_you",
        TicketEvent::Escalated { .. } => "escalated",
        TicketEvent::Published {} => "published",
        TicketEvent::Erased {} => "erased",
        _ => return None,
    };
    let unit = step.unit.as_deref().unwrap_or_default();
    Some(screen.say_with(&format!("step.{key}"), &[("unit", unit)]))
}

/// More time that was granted, with the new date and the reason.
fn extended(step: &Step, file: &TicketFile, zone: Tz, screen: &Screen) -> Option<String> {
    let TicketEvent::ExtensionGranted { extension, due_at } = step.event else { return None };
    let due = due_at.to_utc().with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    let reason = file.text(&text::extension(extension)).unwrap_or_default();
    Some(screen.say_with("step.extended", &[("due", &due), ("reason", reason)]))
}
