//! Orders: what staff and residents ask to be done with a ticket, in codes as they give them.

use serde::Deserialize;
use utoipa::ToSchema;

use super::circumstances::Circumstances;
use super::shared::MERGED_MAX;
use super::{Error, caller_sees_number};
use crate::domain::number::Number;
use crate::domain::people::{Actor, Role};
use crate::domain::refusal::{Faults, Refusal, shown};
use crate::domain::setup::SetupKind;
use crate::domain::ticket::intake::required_text;
use crate::domain::ticket::{Action, Channel, Outcome, Priority, Reach, Ticket, Verb, WaitingFor};
use crate::domain::value::{AccountId, At, SetupId, TicketId};
use crate::store::tickets::By;
use crate::store::{Db, people, setup, tickets};

/// A reason is a paragraph.
const REASON_CHARS_MAX: usize = 2_000;
/// A result or reply is a page or two.
const PAGE_CHARS_MAX: usize = 5_000;
const SUPPORTING_UNITS_MAX: usize = 10;

/// Bodies of the ticket's actions; unknown fields are refused by name.
macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty),* $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_meta])* pub $field: $ty),* }
    )+};
}
bodies! {
    AcceptBody {
        /// A category's code.
        category: String,
        priority: Priority,
        #[serde(default)] may_publish: Option<bool>,
    }
    DeclineBody { reason: String, #[serde(default)] refer_to: Option<String> }
    AssignBody {
        /// Code of the lead unit.
        unit: String,
        /// Username of a handler of that unit.
        #[serde(default)] assignee: Option<String>,
        /// Codes of supporting units.
        #[serde(default)] supporting: Vec<String>,
        #[serde(default)] note: Option<String>,
    }
    ReasonBody { reason: String }
    OptionalReasonBody { #[serde(default)] reason: Option<String> }
    EmptyBody {}
    ContactBody { channel: Channel, outcome: Reach, #[serde(default)] note: Option<String> }
    WaitBody { #[serde(rename = "for")] waiting_for: WaitingFor, reason: String }
    ResolveBody {
        /// Default: solved.
        #[serde(default)] outcome: Option<Outcome>,
        result: String,
    }
    ReplyBody {
        text: String,
        /// Default: the resident's.
        #[serde(default)] channel: Option<Channel>,
        /// For call and visit.
        #[serde(default)] outcome: Option<Reach>,
    }
    RateBody {
        solved: bool,
        /// 1 to 5.
        #[serde(default)] satisfaction: Option<u8>,
        #[serde(default)] comment: Option<String>,
        /// Username of who asked; staff logging a call-back.
        #[serde(default)] asked_by: Option<String>,
    }
    TextBody { text: String }
    MergeBody {
        /// Number of the main ticket.
        into: String,
    }
    EscalateBody {
        /// Code of the node it goes to.
        to: String,
        reason: String,
    }
    ExtendBody {
        /// RFC 3339 with offset: later than the due time, within the working days that policy allows.
        due_at: String,
        reason: String,
    }
    RedirectBody { channel: Channel }
    LogBody {
        /// For call and visit; a letter handed over needs none.
        #[serde(default)] outcome: Option<Reach>,
    }
}

/// An order with its verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Accept(AcceptBody),
    Decline(DeclineBody),
    Assign(AssignBody),
    Return(ReasonBody),
    Acknowledge(EmptyBody),
    Contact(ContactBody),
    Wait(WaitBody),
    Resume(EmptyBody),
    Resolve(ResolveBody),
    SendBack(ReasonBody),
    Reply(ReplyBody),
    Rate(RateBody),
    Close(ReasonBody),
    Reopen(ReasonBody),
    Note(TextBody),
    Supplement(TextBody),
    Withdraw(OptionalReasonBody),
    Merge(MergeBody),
    Split(EmptyBody),
    Escalate(EscalateBody),
    Urge(TextBody),
    Extend(ExtendBody),
    Publish(EmptyBody),
    Unpublish(EmptyBody),
    ReissueReceipt(EmptyBody),
    ContactViews(ReasonBody),
}

impl Order {
    /// Looks its codes up and reads its texts, so that the domain can decide.
    ///
    /// # Errors
    /// `Invalid` with each wrong field.
    pub fn resolve(
        self,
        db: &mut Db,
        ticket: &Ticket,
        surroundings: &Circumstances,
        actor: &Actor,
    ) -> Result<Action, Error> {
        let reason = |given: &str| required_text("reason", given, REASON_CHARS_MAX);
        let words = |given: &str| required_text("text", given, PAGE_CHARS_MAX);
        Ok(match self {
            Order::Accept(body) => accept(db, ticket, surroundings, &body)?,
            Order::Decline(body) => Action::Decline {
                reason: reason(&body.reason)?,
                refer_to: optional_text("refer_to", body.refer_to.as_deref())?,
            },
            Order::Assign(body) => assign(db, surroundings, &body)?,
            Order::Return(body) => Action::Return { reason: reason(&body.reason)? },
            Order::Acknowledge(_) => Action::Acknowledge,
            Order::Contact(body) => Action::Contact {
                channel: body.channel,
                outcome: body.outcome,
                note: optional_text("note", body.note.as_deref())?,
            },
            Order::Wait(body) => {
                Action::Wait { waiting_for: body.waiting_for, reason: reason(&body.reason)? }
            }
            Order::Resume(_) => Action::Resume,
            Order::Resolve(body) => Action::Resolve {
                outcome: body.outcome.unwrap_or(Outcome::Solved),
                result: required_text("result", &body.result, PAGE_CHARS_MAX)?,
            },
            Order::SendBack(body) => Action::SendBack { reason: reason(&body.reason)? },
            Order::Reply(body) => {
                let channel = body.channel.unwrap_or(ticket.channel);
                check_address(db, ticket, channel)?;
                Action::Reply { text: words(&body.text)?, channel: body.channel, outcome: body.outcome }
            }
            Order::Rate(body) => rate(db, ticket, &surroundings.owner.path, actor, &body)?,
            Order::Close(body) => Action::Close { reason: reason(&body.reason)? },
            Order::Reopen(body) => Action::Reopen { reason: reason(&body.reason)? },
            Order::Note(body) => Action::Note { text: words(&body.text)? },
            Order::Supplement(body) => Action::Supplement { text: words(&body.text)? },
            Order::Withdraw(body) => {
                Action::Withdraw { reason: optional_text("reason", body.reason.as_deref())? }
            }
            Order::Merge(body) => merge(db, ticket, actor, &body)?,
            Order::Split(_) => split(db, ticket)?,
            Order::Escalate(body) => {
                let reason = reason(&body.reason)?;
                let to = setup::find_node_by_code(db, &body.to.trim().to_uppercase())?
                    .filter(|it| it.retired_at.is_none())
                    .ok_or_else(|| {
                        Refusal::field(
                            "to",
                            format!("没有这个节点：{0}。 There is no node {0}.", shown(&body.to)),
                        )
                    })?;
                Action::Escalate { to: to.id, to_path: to.path, reason }
            }
            Order::Urge(body) => Action::Urge { text: words(&body.text)? },
            Order::Extend(body) => Action::Extend {
                due_at: At::parse(&body.due_at).ok_or_else(|| {
                    Refusal::field(
                        "due_at",
                        "请写 RFC 3339 时间，如 2026-12-01T17:30:00+08:00。 Write an RFC 3339 time with offset.",
                    )
                })?,
                reason: reason(&body.reason)?,
            },
            Order::Publish(_) => Action::Publish,
            Order::Unpublish(_) => Action::Unpublish,
            Order::ReissueReceipt(_) => Action::ReissueReceipt,
            Order::ContactViews(body) => Action::ViewContact { reason: reason(&body.reason)? },
        })
    }

    /// The other ticket this order decides on, to be held with the first.
    ///
    /// # Errors
    /// Only those of the database.
    pub fn also_about(&self, db: &mut Db) -> Result<Option<TicketId>, Error> {
        let Order::Merge(body) = self else { return Ok(None) };
        let Ok(number) = Number::parse(&body.into) else { return Ok(None) };
        Ok(tickets::find(db, By::Number(&number.to_string()))?.map(|it| it.id))
    }

    /// The verb of this order.
    pub fn verb(&self) -> Verb {
        match self {
            Order::Accept(_) => Verb::Accept,
            Order::Decline(_) => Verb::Decline,
            Order::Assign(_) => Verb::Assign,
            Order::Return(_) => Verb::Return,
            Order::Acknowledge(_) => Verb::Acknowledge,
            Order::Contact(_) => Verb::Contact,
            Order::Wait(_) => Verb::Wait,
            Order::Resume(_) => Verb::Resume,
            Order::Resolve(_) => Verb::Resolve,
            Order::SendBack(_) => Verb::SendBack,
            Order::Reply(_) => Verb::Reply,
            Order::Rate(_) => Verb::Rate,
            Order::Close(_) => Verb::Close,
            Order::Reopen(_) => Verb::Reopen,
            Order::Note(_) => Verb::Note,
            Order::Supplement(_) => Verb::Supplement,
            Order::Withdraw(_) => Verb::Withdraw,
            Order::Merge(_) => Verb::Merge,
            Order::Split(_) => Verb::Split,
            Order::Escalate(_) => Verb::Escalate,
            Order::Urge(_) => Verb::Urge,
            Order::Extend(_) => Verb::Extend,
            Order::Publish(_) => Verb::Publish,
            Order::Unpublish(_) => Verb::Unpublish,
            Order::ReissueReceipt(_) => Verb::ReissueReceipt,
            Order::ContactViews(_) => Verb::ContactViews,
        }
    }
}

fn optional_text(field: &str, given: Option<&str>) -> Result<Option<String>, Refusal> {
    given.filter(|it| !it.trim().is_empty()).map(|it| required_text(field, it, REASON_CHARS_MAX)).transpose()
}

fn accept(
    db: &mut Db,
    ticket: &Ticket,
    surroundings: &Circumstances,
    body: &AcceptBody,
) -> Result<Action, Error> {
    let category = category(db, surroundings, &body.category)?;
    if body.may_publish == Some(false) && ticket.channel == Channel::Board {
        return Err(Refusal::field(
            "may_publish",
            "居民选择在公示栏答复，要同意公开；如不公开，请先改答复方式。 The resident is answered on the board, which needs may_publish; change the channel first.",
        )
        .into());
    }
    Ok(Action::Accept {
        category,
        priority: body.priority,
        may_publish: body.may_publish,
        has_description: has_description(db, ticket)?,
    })
}

fn has_description(db: &mut Db, ticket: &Ticket) -> Result<bool, Error> {
    use crate::domain::ticket::text::DESCRIPTION;
    Ok(!tickets::list_texts(db, &[ticket.id], &[DESCRIPTION])?.is_empty())
}

/// The category with `code`, looked up where the ticket was received and above.
///
/// # Errors
/// `Invalid` when there is none.
pub fn category(db: &mut Db, surroundings: &Circumstances, code: &str) -> Result<SetupId, Error> {
    setup::find_by_code(db, SetupKind::Category, &surroundings.owner.path, code.trim())?
        .map(|it| it.id)
        .ok_or_else(|| {
            let code = shown(code);
            Refusal::field("category", format!("没有这个类别：{code}。 There is no category {code}.")).into()
        })
}

/// The unit with `code`, looked up at the node with `path` and above.
///
/// # Errors
/// `Invalid` when there is none.
pub fn unit(db: &mut Db, path: &str, field: &str, code: &str) -> Result<SetupId, Error> {
    setup::find_by_code(db, SetupKind::Unit, path, code.trim())?.map(|it| it.id).ok_or_else(|| {
        let code = shown(code);
        Refusal::field(field, format!("没有这个承办单位：{code}。 There is no unit {code}.")).into()
    })
}

fn assign(db: &mut Db, surroundings: &Circumstances, body: &AssignBody) -> Result<Action, Error> {
    let path = &surroundings.handling.path;
    let lead = unit(db, path, "unit", &body.unit)?;
    if body.supporting.len() > SUPPORTING_UNITS_MAX {
        return Err(Refusal::field(
            "supporting",
            format!(
                "协办单位最多 {SUPPORTING_UNITS_MAX} 个。 At most {SUPPORTING_UNITS_MAX} supporting units."
            ),
        )
        .into());
    }
    let mut supporting = Vec::with_capacity(body.supporting.len());
    for (at, code) in body.supporting.iter().enumerate() {
        supporting.push(unit(db, path, &format!("supporting[{at}]"), code)?);
    }
    let assignee = match body.assignee.as_deref() {
        Some(username) => Some(handler_of(db, username, lead)?),
        None => None,
    };
    let note = optional_text("note", body.note.as_deref())?;
    Ok(Action::Assign { unit: lead, assignee, supporting, note })
}

/// The handler with `username`, who must belong to the lead unit.
fn handler_of(db: &mut Db, username: &str, lead: SetupId) -> Result<AccountId, Error> {
    people::find_active_with_unit(db, username.trim(), Role::Handler, lead)?.ok_or_else(|| {
        Refusal::field(
            "assignee",
            format!("{0} 不是这个单位的承办人。 {0} is not a handler of this unit.", shown(username)),
        )
        .into()
    })
}

fn rate(db: &mut Db, ticket: &Ticket, place: &str, actor: &Actor, body: &RateBody) -> Result<Action, Error> {
    let mut faults = Faults::default();
    if body.satisfaction.is_some_and(|it| !(1..=5).contains(&it)) {
        faults.add("satisfaction", "满意度为 1 到 5。 Satisfaction is 1 to 5.");
    }
    if body.asked_by.is_some() && actor.staff().is_none() {
        faults.add("asked_by", "只有工作人员可以填写。 Staff only.");
    }
    let asked_by = match body.asked_by.as_deref() {
        Some(username) if actor.staff().is_some() => {
            let found = people::find_active_near(db, username.trim(), &[place])?;
            if found.is_none() {
                let username = shown(username);
                faults.add("asked_by", format!("没有这个用户：{username}。 There is no user {username}."));
            }
            found
        }
        _ => None,
    };
    faults.check(())?;
    let main = match ticket.merged_into {
        Some(main) => tickets::find(db, By::Id(main))?.map(Box::new),
        None => None,
    };
    let comment = optional_text("comment", body.comment.as_deref())?;
    Ok(Action::Rate { solved: body.solved, satisfaction: body.satisfaction, comment, asked_by, main })
}

fn merge(db: &mut Db, ticket: &Ticket, actor: &Actor, body: &MergeBody) -> Result<Action, Error> {
    let number = Number::parse(&body.into).map_err(|refusal| Refusal::field("into", refusal.to_string()))?;
    let main = tickets::find(db, By::Number(&number.to_string()))?;
    // Another's ticket is not told from none.
    let main = match main {
        Some(main) if caller_sees_number(db, actor, &main)? => main,
        _ => {
            return Err(Refusal::field(
                "into",
                format!("找不到这一件：{number}。 There is no such ticket: {number}."),
            )
            .into());
        }
    };
    if tickets::list_merged_numbers(db, &[main.id])?.len() >= MERGED_MAX {
        let message = format!(
            "那一件已并入 {MERGED_MAX} 件，请另立一件主件。 {MERGED_MAX} tickets are merged into that one; begin another main one."
        );
        return Err(Refusal::field("into", message).into());
    }
    let is_main = !tickets::list_merged_numbers(db, &[ticket.id])?.is_empty();
    Ok(Action::Merge { into: Box::new(main), is_main })
}

fn split(db: &mut Db, ticket: &Ticket) -> Result<Action, Error> {
    let main = match ticket.merged_into {
        Some(main) => tickets::find(db, By::Id(main))?,
        None => None,
    };
    // Not merged: the domain refuses the verb by status; any ticket stands in.
    Ok(Action::Split { main: Box::new(main.unwrap_or_else(|| ticket.clone())) })
}

/// A channel needs its address.
///
/// # Errors
/// `Invalid` when the ticket has none.
pub fn check_address(db: &mut Db, ticket: &Ticket, channel: Channel) -> Result<(), Error> {
    use crate::domain::ticket::intake::Contact;
    use crate::domain::ticket::text::CONTACT;
    let contact: Contact = tickets::list_texts(db, &[ticket.id], &[CONTACT])?
        .last()
        .and_then(|it| serde_json::from_str(&it.body).ok())
        .unwrap_or_default();
    let has = match channel {
        Channel::Email => contact.email.is_some(),
        Channel::Sms | Channel::Call => contact.phone.is_some(),
        Channel::Letter | Channel::Visit => contact.address.is_some() || ticket.building.is_some(),
        Channel::Board => ticket.may_publish,
        Channel::None => true,
    };
    if has {
        return Ok(());
    }
    Err(Refusal::field(
        "channel",
        format!("居民没有留下这种方式的联系地址：{channel}。请换一种方式。 The resident left no address for {channel}; choose another channel."),
    )
    .into())
}
