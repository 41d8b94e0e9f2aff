//! A matter taken down for a resident who called, was visited or came in; its receipt to print.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{NaiveDateTime, TimeZone as _};

use super::bulk::listed;
use super::fields::{Field, Input, blame, keep};
use super::qr::Qr;
use super::{Frame, PageCaller, Sent, Told, Turned, answered, check_somewhere};
use crate::domain::people::Permission;
use crate::domain::refusal::{FieldFault, Refusal};
use crate::domain::setup::{NodeKind, SetupKind};
use crate::domain::ticket::intake::{Contact, Location, OnBehalfOf, Submission};
use crate::domain::ticket::{Channel, Kind, Source};
use crate::service::intake::{self, Once, Receipt};
use crate::service::setup::{self, PAGE_MAX, Page};
use crate::service::{App, Error};

#[derive(Template)]
#[template(path = "desk/new.html")]
struct NewPage {
    frame: Frame,
    told: Told,
    /// Makes the same form sent twice one ticket.
    key: String,
    form: NewForm,
}

/// The fields, by what is asked first.
struct NewForm {
    matter: Vec<Field>,
    place: Vec<Field>,
    contact: Vec<Field>,
    more: Vec<Field>,
}

impl NewForm {
    async fn of(app: &App, caller: &PageCaller, frame: &Frame) -> Result<Self, Error> {
        let label = |key: &str| frame.say(&format!("fact.{key}"));
        let line = |name: &'static str| Field::new(name, Input::Line, label(name));
        let word = |section: &str, code: &str| frame.say(&format!("{section}.{code}"));
        let none = || (String::new(), frame.say("field.choose"));
        let sources = [Source::Call, Source::WalkIn, Source::Visit];
        let sources = sources.map(|it| (it.as_str(), word("source", it.as_str())));
        let kinds = Kind::ALL.iter().map(|it| (it.as_str(), word("kinds", it.as_str())));
        let channels = Channel::ALL.iter().map(|it| (it.as_str(), word("by", it.as_str())));
        let mut categories = vec![none()];
        categories.extend(listed(app, caller, SetupKind::Category).await?);
        let communities = communities(app, caller, Permission::Submit).await?;
        Ok(Self {
            matter: vec![
                Field::new("source", Input::Choice, label("source")).picks(sources),
                Field::new("description", Input::Area, label("description")).required(),
                line("subject").hint(frame.say("new.subject_hint")),
                Field::new("kind", Input::Choice, label("kind")).picks(kinds),
            ],
            place: vec![
                Field::new("community", Input::Choice, label("community")).picks(communities),
                line("building"),
                line("door"),
                line("room"),
                line("place"),
            ],
            contact: vec![
                Field::new("channel", Input::Choice, label("channel")).picks(channels).value("none"),
                Field::new("name", Input::Line, word("contact", "name")),
                Field::new("phone", Input::Line, word("contact", "phone")),
                Field::new("email", Input::Line, word("contact", "email")),
                Field::new("address", Input::Line, word("contact", "address")),
                Field::new("for_name", Input::Line, frame.say("new.for_name")),
                Field::new("for_relation", Input::Line, frame.say("new.for_relation")),
            ],
            more: vec![
                Field::new("category", Input::Choice, label("category")).picks(categories),
                Field::new("received_at", Input::Moment, frame.say("new.received_at"))
                    .hint(frame.say("new.received_hint")),
                Field::new("may_publish", Input::Tick, label("may_publish")),
                Field::new("about_staff", Input::Tick, label("about_staff")),
            ],
        })
    }

    fn id_of(&self, field: &Field) -> String {
        debug_assert!(!self.matter.is_empty());
        format!("new-{}", field.name)
    }

    fn parts(&mut self) -> [&mut Vec<Field>; 4] {
        [&mut self.matter, &mut self.place, &mut self.contact, &mut self.more]
    }
}

/// Code and name of the communities where the caller has `permission`.
pub(super) async fn communities(
    app: &App,
    caller: &PageCaller,
    permission: Permission,
) -> Result<Vec<(String, String)>, Error> {
    let nodes = setup::list_nodes(app, caller, true, Page { after: 0, limit: PAGE_MAX }).await?;
    let own = nodes.items.into_iter().map(|it| it.node).filter(|it| it.kind == NodeKind::Community);
    let own = own.filter(|it| caller.staff().may_at(permission, &it.path));
    Ok(own.map(|it| (it.code, it.name)).collect())
}

/// The empty form.
#[utoipa::path(get, path = "/desk/new", tag = "pages",
    responses((status = 200, description = "The page", content_type = "text/html", body = String)))]
pub async fn page(
    app: web::Data<App>,
    caller: PageCaller,
    request: HttpRequest,
) -> Result<HttpResponse, Turned> {
    check_somewhere(caller.staff(), Permission::Submit)?;
    let frame = Frame::of(&app, &caller, &request).await?;
    let form = NewForm::of(&app, &caller, &frame).await?;
    let key = format!("{:032x}", rand::random::<u128>());
    let page = NewPage { frame, told: Told::default(), key, form };
    Ok(answered(page.told.builder(), &page)?)
}

#[derive(Template)]
#[template(path = "desk/receipt.html")]
struct ReceiptPage {
    frame: Frame,
    number: String,
    code: String,
    received: String,
    due: String,
    qr: Option<Qr>,
}

/// Take a matter in; the same form sent again gives the same receipt.
#[utoipa::path(post, path = "/desk/new", tag = "pages",
    responses((status = 201, description = "The receipt", content_type = "text/html", body = String),
        (status = 422, description = "The form again, with what was typed")))]
pub async fn send(app: web::Data<App>, request: HttpRequest, sent: Sent) -> Result<HttpResponse, Turned> {
    let caller = &sent.caller;
    check_somewhere(caller.staff(), Permission::Submit)?;
    let frame = Frame::left(&app, caller, &request).await?;
    let result = match submission(&sent, &frame) {
        Ok(submission) => {
            let key = sent.text("key");
            let once = (key.len() >= 16).then(|| Once::by_key(caller, key, &submission));
            intake::submit(&app, caller, submission, once).await
        }
        Err(refusal) => Err(refusal.into()),
    };
    match result {
        Ok(receipt) => received(&app, frame, receipt).await,
        Err(error) => refused(&app, &sent, frame, error).await,
    }
}

async fn received(app: &App, frame: Frame, receipt: Receipt) -> Result<HttpResponse, Turned> {
    let zone = setup::zone_of(app, receipt.ticket.node).await?;
    let (ticket, code) = (receipt.ticket, receipt.receipt_code);
    // The fragment stays in the browser: the code reaches neither a server's log nor a proxy's.
    let address = format!("{}/r/{}#{code}", app.settings.public_url, ticket.number);
    let page = ReceiptPage {
        received: ticket.received_at.local_date(zone).to_string(),
        due: ticket.due_at.map(|it| it.local_date(zone).to_string()).unwrap_or_default(),
        qr: Qr::of(&address),
        number: ticket.number,
        frame,
        code,
    };
    Ok(answered(HttpResponse::Created(), &page)?)
}

async fn refused(app: &App, sent: &Sent, frame: Frame, error: Error) -> Result<HttpResponse, Turned> {
    let faults: Vec<FieldFault> = match &error {
        Error::Refusal(Refusal::Invalid(faults)) => faults.0.iter().map(of_form).collect(),
        _ => Vec::new(),
    };
    let told = Told::refused(&frame, error);
    let mut form = NewForm::of(app, &sent.caller, &frame).await?;
    for part in form.parts() {
        keep(part, sent);
        // What is of no field here stands above the form.
        drop(blame(part, &faults, &frame));
    }
    let page = NewPage { frame, told, key: sent.text("key").to_owned(), form };
    Ok(answered(page.told.builder(), &page)?)
}

/// The fault with the name that its field has in the form.
fn of_form(fault: &FieldFault) -> FieldFault {
    let field = match fault.field.as_str() {
        "location.unit" => "door",
        "for.name" => "for_name",
        "for.relation" => "for_relation",
        other => other.rsplit('.').next().unwrap_or(other),
    };
    FieldFault { field: field.to_owned(), message: fault.message.clone() }
}

/// Where it is, as the form has it.
pub(super) fn location_of(sent: &Sent) -> Location {
    Location {
        building: sent.given("building"),
        unit: sent.given("door"),
        room: sent.given("room"),
        place: sent.given("place"),
        ..Location::default()
    }
}

/// How to reach whoever put it in, as the form has it.
pub(super) fn contact_of(sent: &Sent) -> Contact {
    Contact {
        name: sent.given("name"),
        phone: sent.given("phone"),
        email: sent.given("email"),
        address: sent.given("address"),
        channel: Channel::parse(sent.text("channel")),
    }
}

/// For whom it was put in, where the form says so.
pub(super) fn on_behalf_of(sent: &Sent) -> Option<OnBehalfOf> {
    let told = OnBehalfOf { name: sent.given("for_name"), relation: sent.given("for_relation") };
    Some(told).filter(|it| *it != OnBehalfOf::default())
}

fn submission(sent: &Sent, frame: &Frame) -> Result<Submission, Refusal> {
    let received_at = match sent.given("received_at") {
        None => None,
        Some(given) => {
            let local = NaiveDateTime::parse_from_str(&given, "%Y-%m-%dT%H:%M").ok();
            let moment = local.and_then(|it| frame.zone.from_local_datetime(&it).earliest());
            let wrong = || Refusal::field("received_at", "请选日期和时间。 Choose a day and a time.");
            Some(moment.ok_or_else(wrong)?.to_rfc3339())
        }
    };
    Ok(Submission {
        community: sent.text("community").to_owned(),
        source: Source::parse(sent.text("source")),
        kind: Kind::parse(sent.text("kind")),
        subject: sent.given("subject"),
        description: sent.given("description"),
        category: sent.given("category"),
        received_at,
        location: Some(location_of(sent)),
        contact: Some(contact_of(sent)),
        may_publish: Some(sent.has("may_publish")),
        about_staff: Some(sent.has("about_staff")),
        on_behalf_of: on_behalf_of(sent),
        ..Submission::default()
    })
}
