//! Replies on paper, and replies begun from a template.

use chrono::NaiveDate;

use super::desk::{self, Opened};
use super::orders::{Order, ReasonBody};
use super::{App, Error};
use crate::domain::people::Permission;
use crate::domain::refusal::{Refusal, shown};
use crate::domain::setup::{Details, SetupKind, TemplateChannel};
use crate::domain::ticket::{Delivery, text};
use crate::notify::catalogue::fill;
use crate::store::{Db, setup};

/// What the trail says of a printed name and address.
const REASON: &str = "打印答复信 to print the reply letter";

/// A reply as it is printed, for one resident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    pub number: String,
    pub community: String,
    pub name: Option<String>,
    /// Where it is brought.
    pub address: Option<String>,
    pub building: Option<String>,
    pub unit: Option<String>,
    pub room: Option<String>,
    pub subject: String,
    pub received_on: NaiveDate,
    pub written_on: NaiveDate,
    /// Without empty ones.
    pub paragraphs: Vec<String>,
    /// Where its resident sees how it stands; without the code.
    pub track_url: String,
}

/// Reply `id` of an opened ticket as a letter. A name or address on it is a view of the contact, which the trail keeps
/// and the daily budget counts.
///
/// # Errors
/// `Forbidden` without the right to reply; `NotFound` for an unknown reply or erased words; `Rule` for one that is not
/// to go out; `TooMany` beyond the budget.
pub async fn letter(app: &App, opened: Opened, id: u32) -> Result<Letter, Error> {
    opened.allow(Permission::Reply)?;
    let reply = opened.ticket.find_reply(id)?.clone();
    if matches!(reply.delivery, Delivery::AwaitingApproval | Delivery::Failed) {
        return Err(Refusal::Rule {
            slug: "reply-not-in-that-state",
            message: "这条答复还没有批准，或已经作废，不能打印。 This reply is not approved, or is void; it cannot be printed."
                .to_owned(),
        }
        .into());
    }
    let file = desk::read(app, opened.clone()).await?;
    let words = file.text(&text::reply(id)).ok_or_else(|| Refusal::NotFound(format!("reply {id}")))?;
    let paragraphs = words.lines().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let (contact, location) = (file.full_contact(), file.location());
    let owner = opened.surroundings.owner.clone();
    if contact.name.is_some() || contact.address.is_some() {
        let order = Order::ContactViews(ReasonBody { reason: REASON.to_owned() });
        desk::act(app, opened, order, None).await?;
    }
    Ok(Letter {
        track_url: format!("{}/r/{}", app.settings.public_url, file.ticket.number),
        number: file.ticket.number.clone(),
        community: owner.name,
        name: contact.name,
        address: contact.address,
        building: location.building,
        unit: location.unit,
        room: location.room,
        subject: file.text(text::SUBJECT).unwrap_or_default().to_owned(),
        received_on: file.ticket.received_at.local_date(owner.time_zone),
        written_on: reply.written_at.local_date(owner.time_zone),
        paragraphs,
    })
}

/// A template filled in for one ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub template: String,
    pub channel: Option<TemplateChannel>,
    pub text: String,
}

/// Fills in the template with `code` for an opened ticket, as the beginning of a reply; nothing is written.
///
/// Every channel greets by name, so `{name}` stands for "neighbour" here and unmasks nobody.
///
/// # Errors
/// `Forbidden` without the right to reply; `Invalid` for an unknown template.
pub async fn draft(app: &App, opened: Opened, code: &str) -> Result<Draft, Error> {
    opened.allow(Permission::Reply)?;
    let file = desk::read(app, opened.clone()).await?;
    let (path, unit, code) =
        (opened.surroundings.owner.path.clone(), file.ticket.unit, code.trim().to_owned());
    let job = move |db: &mut Db| -> Result<_, Error> {
        let found = setup::find_by_code(db, SetupKind::Template, &path, &code)?;
        let unit = unit.map(|it| setup::find_entry(db, it)).transpose()?;
        let unknown = || {
            let code = shown(&code);
            Refusal::field("template", format!("没有这个模板：{code}。 There is no template {code}."))
        };
        Ok((found.ok_or_else(unknown)?, unit.map(|it| it.name).unwrap_or_default()))
    };
    let (entry, unit) = app.store.read(job).await?;
    let Details::Template(template) = entry.details else {
        return Err(Error::internal("a template without its text"));
    };
    let result = file.ticket.resolved_at.and_then(|_| file.text(text::RESULT)).unwrap_or_default();
    let fields = [
        ("number", file.ticket.number.as_str()),
        ("subject", file.text(text::SUBJECT).unwrap_or_default()),
        ("result", result),
        ("unit", &unit),
        ("name", "居民朋友"),
        ("community", &opened.surroundings.owner.name),
    ];
    let text = fill(&template.text, &fields)
        .map_err(|name| Error::internal(format!("a template asks for {name}")))?;
    Ok(Draft { template: entry.code, channel: template.channel, text })
}
