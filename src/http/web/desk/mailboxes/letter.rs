//! A letter: registered as one matter or several, or set aside; then the next.

use actix_web::{HttpRequest, HttpResponse, web};

use super::super::bulk::listed;
use super::super::fields::{Field, Input, blame, keep};
use super::super::new::{contact_of, location_of, on_behalf_of};
use super::super::{Frame, PageCaller, Sent, Told, Turned};
use super::collection::{Once, id_of, shown};
use crate::domain::mailbox::{LetterBody, LetterTicket, SetAside, TICKETS_PER_LETTER_MAX};
use crate::domain::people::Permission;
use crate::domain::refusal::{FieldFault, Refusal};
use crate::domain::setup::SetupKind;
use crate::domain::ticket::{Channel, Kind};
use crate::domain::value::CollectionId;
use crate::service::collections::{self, Registered};
use crate::service::{App, Error};

/// The form of the next letter.
pub(super) struct LetterForm {
    /// Makes the same form sent twice one letter.
    pub(super) key: String,
    /// The matters of the same letter that were typed before: as they are sent again, and as they are read.
    pub(super) before: Vec<(String, String)>,
    /// What most letters have.
    pub(super) main: Vec<Field>,
    /// What some have.
    pub(super) more: Vec<Field>,
    /// Setting it aside.
    pub(super) aside: Vec<Field>,
    pub(super) is_aside: bool,
    pub(super) has_more: bool,
}

/// A letter that was just accounted for.
pub(super) struct Registration {
    pub(super) words: String,
    /// Number and code of each ticket.
    pub(super) receipts: Vec<(String, String)>,
}

impl LetterForm {
    /// The empty form.
    pub(super) async fn of(app: &App, caller: &PageCaller, frame: &Frame) -> Result<Self, Error> {
        let label = |key: &str| frame.say(&format!("fact.{key}"));
        let line = |name: &'static str| Field::new(name, Input::Line, label(name));
        let of_contact =
            |name: &'static str| Field::new(name, Input::Line, frame.say(&format!("contact.{name}")));
        let none = || (String::new(), frame.say("field.choose"));
        let kinds = Kind::ALL.iter().map(|it| (it.as_str(), frame.say(&format!("kinds.{it}"))));
        let channels = Channel::ALL.iter().map(|it| (it.as_str(), frame.say(&format!("by.{it}"))));
        let reasons = SetAside::ALL.iter().map(|it| (it.as_str(), frame.say(&format!("set_aside.{it}"))));
        let mut categories = vec![none()];
        categories.extend(listed(app, caller, SetupKind::Category).await?);
        let letter = |key: &str| frame.say(&format!("collection.{key}"));
        Ok(Self {
            key: format!("{:032x}", rand::random::<u128>()),
            before: Vec::new(),
            main: vec![
                Field::new("description", Input::Area, letter("words")).required().first(),
                Field::new("category", Input::Choice, label("category")).picks(categories),
                Field::new("kind", Input::Choice, label("kind")).picks(kinds),
                line("building"),
                line("door"),
                line("room"),
                of_contact("name"),
                of_contact("phone"),
                Field::new("channel", Input::Choice, label("channel")).picks(channels).value("none"),
                Field::new("slip", Input::Line, letter("slip")),
            ],
            more: vec![
                line("subject").hint(frame.say("new.subject_hint")),
                Field::new("put_in_on", Input::Day, letter("put_in_on")),
                line("place"),
                of_contact("address"),
                of_contact("email"),
                Field::new("for_name", Input::Line, frame.say("new.for_name")),
                Field::new("for_relation", Input::Line, frame.say("new.for_relation")),
                Field::new("may_publish", Input::Tick, label("may_publish")),
                Field::new("about_staff", Input::Tick, label("about_staff")),
            ],
            aside: vec![
                Field::new("set_aside", Input::Choice, letter("why_aside"))
                    .picks(
                        std::iter::once(none()).chain(reasons.map(|(code, label)| (code.to_owned(), label))),
                    )
                    .required(),
                Field::new("note", Input::Line, frame.say("field.note")),
            ],
            is_aside: false,
            has_more: false,
        })
    }

    pub(super) fn id_of(&self, field: &Field) -> String {
        debug_assert!(!self.main.is_empty());
        format!("letter-{}", field.name)
    }

    fn keep(&mut self, sent: &Sent) {
        sent.text("key").clone_into(&mut self.key);
        self.before = matters(sent);
        self.is_aside = sent.text("do") == "aside";
        if self.is_aside {
            keep(&mut self.aside, sent);
        } else {
            keep(&mut self.main, sent);
            keep(&mut self.more, sent);
        }
        self.has_more = self.more.iter().any(|it| !it.text().is_empty());
    }

    /// Makes room for another matter of the same letter: who wrote, and where from, stays.
    fn next_matter(&mut self, matter: &LetterTicket) {
        let words = matter.subject.clone().or_else(|| matter.description.clone()).unwrap_or_default();
        self.before.push((serde_json::to_string(matter).unwrap_or_default(), words));
        for field in self.main.iter_mut().chain(&mut self.more) {
            if ["description", "subject", "category", "about_staff"].contains(&field.name) {
                field.values.clear();
            }
        }
    }
}

/// The matters that were typed before, with what they are read as.
fn matters(sent: &Sent) -> Vec<(String, String)> {
    let read = sent.all("matter").into_iter().take(TICKETS_PER_LETTER_MAX).filter_map(|json| {
        let matter: LetterTicket = serde_json::from_str(&json).ok()?;
        Some((json, matter.subject.or(matter.description).unwrap_or_default()))
    });
    read.collect()
}

/// The matter that the form holds.
fn matter(sent: &Sent) -> LetterTicket {
    LetterTicket {
        kind: Kind::parse(sent.text("kind")),
        subject: sent.given("subject"),
        description: sent.given("description"),
        category: sent.given("category"),
        location: Some(location_of(sent)),
        contact: Some(contact_of(sent)),
        may_publish: Some(sent.has("may_publish")),
        about_staff: Some(sent.has("about_staff")),
        on_behalf_of: on_behalf_of(sent),
        ..LetterTicket::default()
    }
}

/// The letter as the form tells it.
fn letter(sent: &Sent) -> Result<LetterBody, Refusal> {
    if sent.text("do") == "aside" {
        let reason = SetAside::parse(sent.text("set_aside"));
        let wrong = || Refusal::field("set_aside", "请选搁置的原因。 Choose why it is set aside.");
        return Ok(LetterBody {
            set_aside: Some(reason.ok_or_else(wrong)?),
            note: sent.given("note"),
            ..LetterBody::default()
        });
    }
    let before = sent.all("matter");
    let mut tickets = Vec::with_capacity(before.len() + 1);
    for json in before.iter().take(TICKETS_PER_LETTER_MAX) {
        let unreadable = || Refusal::field("matter", "请用页面上的表单。 Use the form of the page.");
        tickets.push(serde_json::from_str(json).map_err(|_cause| unreadable())?);
    }
    tickets.push(matter(sent));
    Ok(LetterBody {
        slip: sent.given("slip"),
        put_in_on: sent.given("put_in_on"),
        tickets: Some(tickets),
        ..LetterBody::default()
    })
}

/// Register a letter or set it aside, and go on to the next; or keep its first matter and type another.
///
/// The answer holds the receipts' codes, so it is no redirect; the same form sent again gives the same.
#[utoipa::path(post, path = "/desk/collections/{id}/letters", tag = "pages", params(("id" = i64, Path)),
    responses((status = 201, description = "Accounted for, and the form of the next", content_type = "text/html", body = String),
        (status = 422, description = "The form again, with what was typed")))]
pub async fn account_for(
    app: web::Data<App>,
    request: HttpRequest,
    id: web::Path<String>,
    sent: Sent,
) -> Result<HttpResponse, Turned> {
    let (id, caller) = (id_of(&id)?, &sent.caller);
    collections::authorise(&app, caller, id, Permission::Collect).await?;
    if sent.text("do") == "matter" && sent.given("description").is_some() {
        return another(&app, &request, &sent, id).await;
    }
    let key = Some(sent.text("key").to_owned()).filter(|it| it.len() >= 16);
    let result = match letter(&sent) {
        Ok(body) => collections::register(&app, caller, id, body, key).await,
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok(registered) => accounted_for(&app, &request, &sent, registered).await,
        Err(error) => refused(&app, &request, &sent, id, error).await,
    }
}

/// The form again for another matter of the same letter; nothing is registered yet.
async fn another(
    app: &App,
    request: &HttpRequest,
    sent: &Sent,
    id: CollectionId,
) -> Result<HttpResponse, Turned> {
    let file = collections::read(app, &sent.caller, id).await?;
    let frame = Frame::left(app, &sent.caller, request).await?;
    let mut form = LetterForm::of(app, &sent.caller, &frame).await?;
    form.keep(sent);
    form.next_matter(&matter(sent));
    let once = Once { form: Some(form), ..Once::default() };
    shown(app, &sent.caller, frame, Told::default(), &file, once).await
}

async fn accounted_for(
    app: &App,
    request: &HttpRequest,
    sent: &Sent,
    registered: Registered,
) -> Result<HttpResponse, Turned> {
    let frame = Frame::left(app, &sent.caller, request).await?;
    let Registered { letter, receipts, .. } = registered;
    let key = if receipts.is_empty() { "collection.aside" } else { "collection.registered" };
    let registration = Registration {
        words: frame.say_with(key, &[("n", &letter.to_string())]),
        receipts: receipts.into_iter().map(|it| (it.ticket.number, it.receipt_code)).collect(),
    };
    // As it is now: the same form may have been sent before.
    let file = collections::read(app, &sent.caller, registered.file.collection.id).await?;
    let once = Once { registered: Some(registration), is_created: true, ..Once::default() };
    shown(app, &sent.caller, frame, Told::default(), &file, once).await
}

async fn refused(
    app: &App,
    request: &HttpRequest,
    sent: &Sent,
    id: CollectionId,
    error: Error,
) -> Result<HttpResponse, Turned> {
    let file = collections::read(app, &sent.caller, id).await?;
    let frame = Frame::left(app, &sent.caller, request).await?;
    let nth = sent.all("matter").len();
    let faults: Vec<FieldFault> = match &error {
        Error::Refusal(Refusal::Invalid(faults)) => faults.0.iter().map(|it| of_form(nth, it)).collect(),
        _ => Vec::new(),
    };
    let told = Told::refused(&frame, error);
    let mut form = LetterForm::of(app, &sent.caller, &frame).await?;
    form.keep(sent);
    for part in [&mut form.main, &mut form.more, &mut form.aside] {
        // What is of no field here stands above the form.
        drop(blame(part, &faults, &frame));
    }
    form.has_more |= form.more.iter().any(|it| !it.fault.is_empty());
    shown(app, &sent.caller, frame, told, &file, Once { form: Some(form), ..Once::default() }).await
}

/// The fault with the name that its field has in the form, which holds the `nth` matter of the letter.
fn of_form(nth: usize, fault: &FieldFault) -> FieldFault {
    let own = format!("tickets[{nth}].");
    let field = match fault.field.strip_prefix(&own).unwrap_or(&fault.field) {
        "location.unit" => "door",
        "for.name" => "for_name",
        "for.relation" => "for_relation",
        other if other.starts_with("tickets[") => "matter",
        other => other.rsplit('.').next().unwrap_or(other),
    };
    FieldFault { field: field.to_owned(), message: fault.message.clone() }
}
