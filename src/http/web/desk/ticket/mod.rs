//! A ticket as staff work with it: what is known, what happened, and what can be done now.

pub mod act;
mod amend;
pub mod files;
mod parts;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use utoipa::IntoParams;

use self::files::FileLine;
use self::parts::{ClockLine, ExtensionLine, HoldLine, ReplyLine};
use super::fields::Input;
use super::forms::{self, VerbForm};
use super::left::{self, Left};
use super::row::marks;
use super::timeline::{self, Line};
use super::{Frame, PageCaller, Told, Turned, answered};
use crate::domain::people::Permission;
use crate::domain::ticket::intake::Contact;
use crate::domain::ticket::{Verb, text};
use crate::http::Query;
use crate::http::reply::segment;
use crate::service::App;
use crate::service::clocks;
use crate::service::desk::{self, Opened};
use crate::service::dossier::{self, Dossier, TemplateOffered};
use crate::service::files::ContactShown;

/// What the page says first.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketAsked {
    /// What was just done.
    done: Option<String>,
}

/// What only one answer tells.
#[derive(Default)]
struct Once {
    /// The whole contact, after somebody asked for it with a reason.
    contact: Option<Contact>,
    /// The new code of the receipt.
    receipt_code: Option<String>,
    /// A form that was not done, with what was typed.
    left: Option<VerbForm>,
    /// The same for the correction of facts.
    amend: Option<VerbForm>,
    /// What happened since the form was opened, when somebody was faster.
    since: Option<i64>,
}

#[derive(Template)]
#[template(path = "desk/ticket.html")]
struct TicketPage {
    frame: Frame,
    told: Told,
    number: String,
    version: i64,
    last_seq: i64,
    subject: String,
    description: String,
    status: String,
    marks: Vec<(&'static str, String)>,
    left: Option<Left>,
    facts: Vec<(String, String)>,
    contact: Vec<(String, String)>,
    /// True once the whole contact is shown.
    is_whole: bool,
    unmask: Option<VerbForm>,
    receipt_code: Option<String>,
    may_reissue: bool,
    forms: Vec<VerbForm>,
    amend: Option<VerbForm>,
    replies: Vec<ReplyLine>,
    extensions: Vec<ExtensionLine>,
    clocks: Vec<ClockLine>,
    holding: Vec<HoldLine>,
    lines: Vec<Line>,
    /// What others did meanwhile.
    changed: Vec<Line>,
    templates: Vec<TemplateOffered>,
    files: Vec<FileLine>,
    may_add_file: bool,
    /// Makes the same file sent twice one attachment.
    file_key: String,
    /// What else there is in the same building.
    neighbours: Option<String>,
    merged_title: String,
    /// Numbers of what is merged into it.
    merged: Vec<String>,
}

/// A ticket.
#[utoipa::path(get, path = "/desk/tickets/{number}", tag = "pages", params(("number" = String, Path), TicketAsked),
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
    number: web::Path<String>,
    asked: Query<TicketAsked>,
) -> Result<HttpResponse, Turned> {
    let opened = desk::open(&app, &caller, &number, None, "").await?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let told = Told::done(&frame, asked.read()?.done.as_deref());
    shown(&app, opened, frame, told, Once::default()).await
}

/// The page of an opened ticket.
async fn shown(
    app: &App,
    opened: Opened,
    frame: Frame,
    told: Told,
    once: Once,
) -> Result<HttpResponse, Turned> {
    let dossier = dossier::tell(app, &opened).await?;
    let time = clocks::tell(app, opened.clone()).await?;
    let page = TicketPage::of(frame, told, &opened, &dossier, &time, once);
    Ok(answered(page.told.builder(), &page)?)
}

impl TicketPage {
    fn of(
        frame: Frame,
        told: Told,
        opened: &Opened,
        dossier: &Dossier,
        time: &clocks::Told,
        once: Once,
    ) -> Self {
        let (file, ticket) = (&dossier.file, &dossier.file.ticket);
        let may = |verb: Verb| file.actions.contains(&verb);
        let shown = once.contact.clone().or_else(|| match file.contact_shown {
            ContactShown::Masked => Some(file.full_contact().masked()),
            ContactShown::Nothing => None,
        });
        let mut forms = forms::all(&frame, dossier);
        let mut unmask = may(Verb::ContactViews).then(|| forms::form(&frame, dossier, Verb::ContactViews));
        if let Some(kept) = once.left {
            if kept.key == Verb::ContactViews.as_str() {
                unmask = Some(kept);
            } else {
                forms.retain(|it| it.key != kept.key);
                forms.insert(0, kept);
            }
        }
        let lines = timeline::lines(&frame, dossier);
        let since = once.since.unwrap_or(i64::MAX);
        let changed = timeline::lines(&frame, dossier).into_iter().filter(|it| it.seq > since).collect();
        let may_amend = opened.allow(Permission::Amend).is_ok();
        Self {
            number: ticket.number.clone(),
            version: ticket.version,
            last_seq: dossier.last_seq,
            subject: file.text(text::SUBJECT).unwrap_or("—").to_owned(),
            description: file.text(text::DESCRIPTION).unwrap_or_default().to_owned(),
            status: frame.say(&format!("state.{}", ticket.status)),
            marks: marks(&frame, ticket),
            left: left::next(&frame, ticket, dossier.zone),
            facts: parts::facts(&frame, dossier),
            contact: shown.as_ref().map(|it| parts::contact(&frame, it)).unwrap_or_default(),
            is_whole: once.contact.is_some(),
            unmask: unmask.filter(|_| once.contact.is_none()),
            receipt_code: once.receipt_code,
            may_reissue: may(Verb::ReissueReceipt),
            amend: once.amend.or_else(|| may_amend.then(|| amend::form(&frame, dossier))),
            replies: parts::replies(&frame, opened, dossier),
            extensions: parts::extensions(&frame, opened, dossier),
            clocks: time.clocks.iter().map(|it| ClockLine::of(&frame, it, dossier.zone)).collect(),
            holding: parts::holding(&frame, dossier, time.holding.as_deref()),
            neighbours: ticket.building.as_ref().map(|it| format!("/desk?view=all&building={}", segment(it))),
            merged_title: frame.say_with("ticket_page.merged", &[("n", &file.merged.len().to_string())]),
            merged: file.merged.clone(),
            templates: if may(Verb::Reply) { dossier.choices.templates.clone() } else { Vec::new() },
            files: files::lines(&frame, dossier),
            may_add_file: files::may_add(opened),
            file_key: format!("{:032x}", rand::random::<u128>()),
            lines,
            changed,
            forms,
            frame,
            told,
        }
    }
}
