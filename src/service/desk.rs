//! The desk: open a ticket, do a verb with it, amend it, decide a reply. Load, decide, save.

use chrono_tz::Tz;

use super::circumstances::{Circumstances, keep};
use super::files::{self, TicketFile};
use super::orders::{self, LogBody, Order, RedirectBody};
use super::{App, Caller, Error, receipts, shared};
use crate::domain::category::suspects_danger;
use crate::domain::event::{Recorded, Stream};
use crate::domain::number::Reference;
use crate::domain::people::{Actor, Permission, Staff};
use crate::domain::refusal::{Faults, Refusal};
use crate::domain::ticket::intake::{
    Contact, DESCRIPTION_CHARS_MAX, Location, contact_text, location_text, parse_contact, parse_location,
    required_text,
};
use crate::domain::ticket::{Channel, Delivery, Kind, Priority, ReplyDecision, Ticket, Verb, text};
use crate::domain::value::{At, TicketId};
use crate::store::tickets::By;
use crate::store::{Db, StoreError, events, tickets};

/// A ticket that its caller may see.
#[derive(Debug, Clone)]
pub struct Opened {
    pub ticket: Ticket,
    pub surroundings: Circumstances,
    /// Who acts: the holder of a receipt acts as the resident, on whatever device.
    pub caller: Caller,
}

impl Opened {
    /// Lets the caller do `verb`, as far as rights go.
    ///
    /// # Errors
    /// `Forbidden`, or `Unauthenticated` for somebody unknown.
    pub fn authorise(&self, verb: Verb) -> Result<(), Refusal> {
        self.ticket.authorise(verb, &self.caller.actor, &self.surroundings.place)
    }

    /// Lets staff do what needs `permission` with this ticket.
    ///
    /// # Errors
    /// `Forbidden`.
    pub fn allow(&self, permission: Permission) -> Result<(), Refusal> {
        match &self.caller.actor {
            Actor::Staff(staff) if self.ticket.allows(staff, permission, &self.surroundings.place) => Ok(()),
            Actor::System => Ok(()),
            Actor::Staff(_) | Actor::Resident | Actor::Kiosk { .. } | Actor::Timer => {
                Err(Refusal::Forbidden(permission))
            }
        }
    }
}

/// Opens the ticket with `number`, or written on the slip of that serial, for staff, or for the holder of its
/// `code` at `address`.
///
/// # Errors
/// `Malformed` for what is no number; `Unauthenticated` without sign-in and code; `NotFound` for what is
/// not there, may not be seen, or a wrong code; `NotRegisteredYet` for a slip whose letter is not registered.
pub async fn open(
    app: &App,
    caller: &Caller,
    number: &str,
    code: Option<&str>,
    address: &str,
) -> Result<Opened, Error> {
    if code.is_none() && !matches!(caller.actor, Actor::Staff(_) | Actor::System) {
        return Err(Refusal::Unauthenticated.into());
    }
    let number = Reference::parse(number)?;
    if let Some(code) = code {
        let ticket = receipts::open(app, &number, code, address).await?;
        let place = match &caller.actor {
            Actor::Kiosk { code, .. } => format!("kiosk:{code}"),
            Actor::Staff(_) | Actor::Resident | Actor::Timer | Actor::System => "web".to_owned(),
        };
        let caller = Caller { actor: Actor::Resident, place: Some(place) };
        return app
            .store
            .read(move |db: &mut Db| -> Result<_, Error> {
                let surroundings = Circumstances::of(db, &ticket)?;
                Ok(Opened { ticket: ticket.clone(), surroundings, caller: caller.clone() })
            })
            .await;
    }
    let caller = caller.clone();
    app.store
        .read(move |db: &mut Db| {
            let (found, number) = find(db, &number)?;
            let unseen = || Error::from(Refusal::NotFound(number.clone()));
            let ticket = found.ok_or_else(unseen)?;
            let surroundings = Circumstances::of(db, &ticket)?;
            match &caller.actor {
                Actor::Staff(staff) if !ticket.is_seen_by(staff, &surroundings.place) => Err(unseen()),
                Actor::Staff(_) | Actor::Resident | Actor::Kiosk { .. } | Actor::Timer | Actor::System => {
                    Ok(Opened { ticket, surroundings, caller: caller.clone() })
                }
            }
        })
        .await
}

/// The ticket of a reference, and the reference as it is written.
fn find(db: &mut Db, reference: &Reference) -> Result<(Option<Ticket>, String), Error> {
    Ok(match reference {
        Reference::Number(number) => {
            let number = number.to_string();
            (tickets::find(db, By::Number(&number))?, number)
        }
        Reference::Serial(serial) => {
            let serial = serial.to_string();
            let found = tickets::find(db, By::Slip(&serial))?.ok_or(Refusal::NotRegisteredYet)?;
            (Some(found), serial)
        }
    })
}

/// What an action gave: the ticket's file, and what only this action tells.
#[derive(Debug, Clone)]
pub struct Done {
    pub file: TicketFile,
    /// The unmasked contact, for `contact-views`.
    pub contact: Option<Contact>,
    /// The new code, for `reissue-receipt`.
    pub receipt_code: Option<String>,
}

/// Does an order with an opened ticket.
///
/// `if_match` is the version staff decided on; a receipt holder needs none.
///
/// # Errors
/// In this order: `Invalid`, `PreconditionRequired`, `Stale`, `Illegal` or a rule's words.
pub async fn act(app: &App, opened: Opened, order: Order, if_match: Option<i64>) -> Result<Done, Error> {
    let (app_too, now) = (app.clone(), app.clock.now());
    app.store
        .write(move |db: &mut Db| {
            let app = &app_too;
            let caller = &opened.caller;
            // Two tickets are held in the order of their ids, or two opposite merges would wait for each other.
            let mut held = vec![opened.ticket.id];
            held.extend(order.also_about(db)?);
            held.sort_unstable();
            for id in held {
                tickets::lock(db, By::Id(id))?;
            }
            let ticket = reload(db, opened.ticket.id)?;
            let surroundings = Circumstances::of(db, &ticket)?;
            let verb = order.verb();
            ticket.authorise(verb, &caller.actor, &surroundings.place)?;
            let action = order.clone().resolve(db, &ticket, &surroundings, &caller.actor)?;
            let doing = surroundings.doing(caller, now);
            ticket.check(&action, &doing)?;
            if verb != Verb::ContactViews {
                check_version(caller, if_match, ticket.version)?;
            }
            let change = ticket.act(action, &doing)?;
            keep(db, app, &change)?;
            shared::follow_merged(db, app, caller, verb, &change, now)?;
            let mut done = Done {
                file: files::of(db, change.ticket().clone(), caller)?,
                contact: None,
                receipt_code: None,
            };
            match verb {
                Verb::ContactViews => {
                    if let Some(staff) = caller.actor.staff() {
                        let n_views_max = surroundings.policy.contact_views_per_day;
                        count_contact_view(db, staff, surroundings.owner.time_zone, n_views_max, now)?;
                    }
                    done.contact = Some(done.file.full_contact());
                }
                Verb::ReissueReceipt => done.receipt_code = Some(receipts::code_of(app, change.ticket())),
                _ => {}
            }
            Ok(done)
        })
        .await
}

pub(super) fn reload(db: &mut Db, id: TicketId) -> Result<Ticket, Error> {
    tickets::lock(db, By::Id(id))?.ok_or_else(|| StoreError::NotFound.into())
}

/// Staff say which version they decided on (RFC 9110 §13.1.1).
pub(super) fn check_version(caller: &Caller, if_match: Option<i64>, version: i64) -> Result<(), Refusal> {
    if caller.actor.staff().is_none() {
        return Ok(());
    }
    match if_match {
        None => Err(Refusal::PreconditionRequired),
        Some(it) if it != version => Err(Refusal::Stale { version }),
        Some(_) => Ok(()),
    }
}

/// One person unmasks so many contacts a day as policy says; more raises an alarm.
pub(super) fn count_contact_view(
    db: &mut Db,
    staff: &Staff,
    zone: Tz,
    n_views_max: u32,
    now: At,
) -> Result<(), Error> {
    let day = now.local_date(zone).to_string();
    if tickets::count_contact_view(db, staff.account, &day)? > n_views_max {
        tracing::warn!(
            account.id = staff.account.0,
            n_views_max,
            "the daily budget of contact views is used up"
        );
        return Err(Refusal::TooMany { retry_after_s: 3600 }.into());
    }
    Ok(())
}

/// New facts of a ticket; only what is given changes. An empty text removes what may be empty.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    #[serde(default)]
    pub subject: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub kind: Option<Kind>,
    /// A category's code.
    #[serde(default)]
    pub category: Option<String>,
    #[serde(default)]
    pub priority: Option<Priority>,
    /// Replaces the whole location.
    #[serde(default)]
    pub location: Option<Location>,
    /// Replaces the whole contact; without `channel` the channel stays.
    #[serde(default)]
    pub contact: Option<Contact>,
    #[serde(default)]
    pub may_publish: Option<bool>,
    /// True seals the ticket; it cannot be unsealed.
    #[serde(default)]
    pub about_staff: Option<bool>,
    /// Code of the unit complained about; empty removes it.
    #[serde(default)]
    pub about_unit: Option<String>,
    #[serde(default)]
    pub suspected_emergency: Option<bool>,
    #[serde(default)]
    pub attachments_expected: Option<u32>,
}

/// Amends an opened ticket.
///
/// # Errors
/// As [`act`].
pub async fn amend(
    app: &App,
    opened: Opened,
    amendment: Amendment,
    if_match: Option<i64>,
) -> Result<TicketFile, Error> {
    let (app_too, now) = (app.clone(), app.clock.now());
    app.store
        .write(move |db: &mut Db| {
            let caller = &opened.caller;
            let ticket = reload(db, opened.ticket.id)?;
            let surroundings = Circumstances::of(db, &ticket)?;
            let (facts, texts) = read_amendment(db, &ticket, &surroundings, amendment.clone())?;
            ticket.check_amend(&facts, &surroundings.doing(caller, now))?;
            check_version(caller, if_match, ticket.version)?;
            let parent = surroundings.owner.parent;
            let change = ticket.amend(facts, texts, parent, &surroundings.doing(caller, now))?;
            keep(db, &app_too, &change)?;
            files::of(db, change.ticket().clone(), caller)
        })
        .await
}

type Amended = (crate::domain::ticket::event::Facts, Vec<(String, String)>);

fn read_amendment(
    db: &mut Db,
    ticket: &Ticket,
    surroundings: &Circumstances,
    given: Amendment,
) -> Result<Amended, Error> {
    let mut facts = ticket.facts();
    let mut texts = Vec::new();
    let mut faults = Faults::default();
    if let Some(subject) = given.subject {
        texts.push((text::SUBJECT.to_owned(), required_text("subject", &subject, 200)?));
    }
    if let Some(description) = given.description {
        let description = required_text("description", &description, DESCRIPTION_CHARS_MAX)?;
        texts.push((text::DESCRIPTION.to_owned(), description));
    }
    if let Some(code) = given.category {
        facts.category = Some(orders::category(db, surroundings, &code)?);
    }
    if let Some(code) = given.about_unit {
        let code = code.trim();
        facts.about_unit = if code.is_empty() {
            None
        } else {
            Some(orders::unit(db, &surroundings.owner.path, "about_unit", code)?)
        };
    }
    facts.kind = given.kind.unwrap_or(facts.kind);
    facts.priority = given.priority.or(facts.priority);
    facts.may_publish = given.may_publish.unwrap_or(facts.may_publish);
    facts.suspected_emergency = given.suspected_emergency.unwrap_or(facts.suspected_emergency);
    if given.about_staff == Some(false) && facts.sealed {
        faults.add("about_staff", "保密件不能改回普通件。 A sealed ticket cannot be unsealed.");
    }
    facts.sealed = facts.sealed || given.about_staff == Some(true) || facts.kind == Kind::Report;
    if let Some(n) = given.attachments_expected {
        if n > 20 {
            faults.add("attachments_expected", "最多 20 个附件。 At most 20 attachments.");
        }
        facts.attachments_expected = n;
    }
    let says_publish = given.may_publish.is_some();
    let says_location = given.location.is_some();
    let location = parse_location("location", given.location.unwrap_or_default(), &mut faults);
    if says_location {
        facts.building.clone_from(&location.building);
        texts.push(location_text(&location).unwrap_or_else(|| (text::LOCATION.to_owned(), "{}".to_owned())));
    }
    // Whatever of them changes: the channel keeps an address it can use.
    if given.contact.is_some() || says_location || says_publish {
        let says_contact = given.contact.is_some();
        let mut contact = match given.contact {
            Some(contact) => contact,
            None => stored_contact(db, ticket)?,
        };
        contact.channel = contact.channel.or(Some(facts.channel));
        let place = Location { building: facts.building.clone(), ..Location::default() };
        let (parsed, channel): (Contact, Channel) =
            parse_contact(contact, &place, facts.may_publish, &mut faults);
        facts.channel = channel;
        if says_contact {
            texts.push(contact_text(&parsed).unwrap_or_else(|| (text::CONTACT.to_owned(), "{}".to_owned())));
        }
    }
    // Words written down from a photo may tell of danger that the intake could not see.
    let tells_danger = texts.iter().any(|(name, body)| {
        matches!(name.as_str(), text::SUBJECT | text::DESCRIPTION) && suspects_danger(body)
    });
    if tells_danger && ticket.accepted_at.is_none() && given.suspected_emergency.is_none() {
        facts.suspected_emergency = true;
    }
    Ok(faults.check((facts, texts))?)
}

fn stored_contact(db: &mut Db, ticket: &Ticket) -> Result<Contact, Error> {
    let texts = tickets::list_texts(db, &[ticket.id], &[text::CONTACT])?;
    Ok(texts.last().and_then(|it| serde_json::from_str(&it.body).ok()).unwrap_or_default())
}

/// What staff ask about a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyOrder {
    Approve,
    Reject,
    Retry,
    Redirect(RedirectBody),
    Log(LogBody),
}

impl ReplyOrder {
    /// What a member of staff needs for it.
    pub fn permission(&self) -> Permission {
        match self {
            ReplyOrder::Approve | ReplyOrder::Reject => Permission::Supervise,
            ReplyOrder::Retry | ReplyOrder::Redirect(_) | ReplyOrder::Log(_) => Permission::Reply,
        }
    }
}

/// Decides about reply `id` of an opened ticket.
///
/// # Errors
/// As [`act`]; `NotFound` for an unknown reply.
pub async fn decide_reply(
    app: &App,
    opened: Opened,
    id: u32,
    order: ReplyOrder,
    if_match: Option<i64>,
) -> Result<TicketFile, Error> {
    let (app_too, now) = (app.clone(), app.clock.now());
    app.store
        .write(move |db: &mut Db| {
            let caller = &opened.caller;
            let ticket = reload(db, opened.ticket.id)?;
            let surroundings = Circumstances::of(db, &ticket)?;
            ticket.find_reply(id)?;
            let decision = match order.clone() {
                ReplyOrder::Approve => ReplyDecision::Approve,
                ReplyOrder::Reject => ReplyDecision::Reject,
                ReplyOrder::Retry => ReplyDecision::Retry,
                ReplyOrder::Redirect(body) => {
                    orders::check_address(db, &ticket, body.channel)?;
                    let words = text_of_reply(db, &ticket, id)?;
                    ReplyDecision::Redirect { channel: body.channel, text: words }
                }
                ReplyOrder::Log(body) => ReplyDecision::Log { outcome: outcome_of(&ticket, id, &body)? },
            };
            check_version(caller, if_match, ticket.version)?;
            let change = ticket.decide_reply(id, decision.clone(), &surroundings.doing(caller, now))?;
            keep(db, &app_too, &change)?;
            shared::decide_merged(db, &app_too, caller, (change.ticket(), id), &decision, now)?;
            files::of(db, change.ticket().clone(), caller)
        })
        .await
}

fn text_of_reply(db: &mut Db, ticket: &Ticket, id: u32) -> Result<String, Error> {
    let name = text::reply(id);
    tickets::list_texts(db, &[ticket.id], &[&name])?
        .pop()
        .map(|it| it.body)
        .ok_or_else(|| Refusal::NotFound(format!("reply {id}")).into())
}

/// A call or visit needs its outcome; a letter handed over has reached the resident.
fn outcome_of(ticket: &Ticket, id: u32, body: &LogBody) -> Result<crate::domain::ticket::Reach, Refusal> {
    use crate::domain::ticket::Reach;
    let is_letter = ticket
        .replies
        .iter()
        .any(|it| it.id == id && it.channel == Channel::Letter && it.delivery == Delivery::Queued);
    match body.outcome {
        Some(outcome) => Ok(outcome),
        None if is_letter => Ok(Reach::Reached),
        None => Err(Refusal::field(
            "outcome",
            "请填 reached（联系上了）或 not_reached（没联系上）。 Say reached or not_reached.",
        )),
    }
}

/// A page of a ticket's trail, oldest first, without holes.
///
/// # Errors
/// `Forbidden` without the right to read the trail.
pub async fn list_events(app: &App, opened: &Opened, after: i64, limit: i64) -> Result<Vec<Recorded>, Error> {
    opened.allow(Permission::ReadTrail)?;
    let id = opened.ticket.id.0;
    Ok(app.store.read(move |db: &mut Db| events::list(db, Stream::Ticket, id, after, limit)).await?)
}

/// The file of an opened ticket, for views.
///
/// # Errors
/// Only those of the database.
pub async fn read(app: &App, opened: Opened) -> Result<TicketFile, Error> {
    app.store.read(move |db: &mut Db| files::of(db, opened.ticket.clone(), &opened.caller)).await
}
