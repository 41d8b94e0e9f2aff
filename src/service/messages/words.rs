//! What messages say, from the catalogue: Chinese first, then English. A notice holds nothing of a resident's.

use chrono_tz::Tz;

use crate::domain::sla::{Clock, ExtensionState, Stage};
use crate::domain::ticket::intake::Contact;
use crate::domain::ticket::{Channel, text};
use crate::domain::value::{AccountId, At, TicketId};
use crate::notify::catalogue::{Language, say};
use crate::notify::mail::Letter;
use crate::notify::sms::TextMessage;
use crate::service::Error;
use crate::service::carriage::{Outgoing, Ready};
use crate::service::circumstances::Circumstances;
use crate::service::delivery::{TEXT_CHARS_MAX, cut};
use crate::store::messages::{Mailed, Message, MessageKind};
use crate::store::tickets::By;
use crate::store::{Db, messages as rows, people, setup, tickets};

/// Lines of one digest; who has more looks into the inbox.
const LINES_MAX: usize = 40;

/// Writes a message as its channel has it; the address is read here and kept nowhere else.
pub(super) fn prepare(db: &mut Db, public_url: &str, message: &Message) -> Result<Ready, Error> {
    match MessageKind::parse(&message.kind) {
        Some(MessageKind::Digest) => notices(db, public_url, message, "mail_digest"),
        Some(MessageKind::Emergency) => notices(db, public_url, message, "mail_emergency"),
        Some(MessageKind::Extension) => extension(db, public_url, message),
        None => Ok(Ready::Impossible("no such kind of message")),
    }
}

/// The notices of a message, for whoever they are for.
fn notices(db: &mut Db, public_url: &str, message: &Message, section: &str) -> Result<Ready, Error> {
    let account = message.account_id.map(|it| people::by_id(db, AccountId(it))).transpose()?.flatten();
    let Some(account) = account.filter(|it| it.disabled_at.is_none()) else { return Ok(Ready::NotWanted) };
    let (Some(to), Some(held)) = (account.email, account.held.first()) else { return Ok(Ready::NotWanted) };
    let zone = setup::find_node(db, held.grant.node)?.time_zone;
    let told = rows::told_by(db, message.id)?;
    if told.is_empty() {
        return Ok(Ready::NotWanted);
    }
    let number = told.iter().find_map(|it| it.number.clone()).unwrap_or_default();
    let n = told.len().to_string();
    let fields =
        [("n", n.as_str()), ("number", number.as_str()), ("inbox_url", &format!("{public_url}/desk"))];
    let part = |language| -> Result<String, String> {
        let mut lines = vec![say(language, section, "intro", &fields)?, String::new()];
        for it in told.iter().take(LINES_MAX) {
            lines.push(line(language, it, zone, public_url)?);
        }
        if told.len() > LINES_MAX {
            let n_more = (told.len() - LINES_MAX).to_string();
            lines.push(say(language, "mail_digest", "more", &[("n", n_more.as_str())])?);
        }
        lines.push(String::new());
        lines.push(say(language, section, "footer", &fields)?);
        Ok(lines.join("\n"))
    };
    let write = || -> Result<(String, String), String> {
        let subject = format!(
            "{} {}",
            say(Language::Chinese, section, "subject", &fields)?,
            say(Language::English, section, "subject", &fields)?
        );
        Ok((subject, format!("{}\n\n----\n\n{}\n", part(Language::Chinese)?, part(Language::English)?)))
    };
    let (subject, body) = write().map_err(Error::Internal)?;
    let sender = say(Language::Chinese, "mail_digest", "sender", &fields).map_err(Error::Internal)?;
    Ok(Ready::Send(Outgoing::Mail(letter(to, sender, subject, body, message))))
}

fn letter(to: String, sender: String, subject: String, body: String, message: &Message) -> Letter {
    let (message_id, made_at) = (message.message_id.clone(), At::from_micros(message.created_at));
    Letter { to, sender, subject, body, message_id, made_at }
}

/// One notice: number, category, what happened, link.
fn line(language: Language, it: &Mailed, zone: Tz, public_url: &str) -> Result<String, String> {
    let none = say(language, "mail_notice", "none", &[])?;
    let stage = match it.stage.as_deref().and_then(Stage::parse) {
        Some(stage) => say(language, "mail_stage", stage.as_str(), &[])?,
        None => String::new(),
    };
    let percent = it.percent.map_or_else(String::new, |it| it.to_string());
    let due = it.due_at.map_or_else(String::new, |due| local(At::from_micros(due), zone));
    let what = say(
        language,
        "mail_notice",
        &it.kind,
        &[
            ("stage", &stage),
            ("percent", &percent),
            ("due", &due),
            ("node", it.node.as_deref().unwrap_or_default()),
            ("subject", it.subject.as_deref().unwrap_or_default()),
            ("alerted", it.alerted.as_deref().unwrap_or_default()),
        ],
    )?;
    let Some(number) = &it.number else { return Ok(format!("- {what}")) };
    let category = it.category.as_deref().unwrap_or(&none);
    let url = format!("{public_url}/desk/tickets/{number}");
    say(
        language,
        "mail_notice",
        "line",
        &[("number", number), ("category", category), ("what", &what), ("url", &url)],
    )
}

fn local(at: At, zone: Tz) -> String {
    at.to_utc().with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// Word of a new date, while it still matters.
fn extension(db: &mut Db, public_url: &str, message: &Message) -> Result<Ready, Error> {
    let id = message.ticket_id.map(TicketId);
    let Some(ticket) = id.map(|it| tickets::find(db, By::Id(it))).transpose()?.flatten() else {
        return Ok(Ready::NotWanted);
    };
    let granted = ticket
        .extensions
        .iter()
        .find(|it| Some(i64::from(it.id)) == message.extension_id && it.state == ExtensionState::Granted);
    let is_awaited = ticket.clock_now(Stage::Resolve).is_some_and(Clock::is_unmet);
    let Some(granted) = granted.filter(|_| is_awaited) else { return Ok(Ready::NotWanted) };
    let reason_name = text::extension(granted.id);
    let texts = tickets::list_texts(db, &[ticket.id], &[text::CONTACT, text::SUBJECT, &reason_name])?;
    let latest = |name: &str| texts.iter().rev().find(|it| it.name == name).map(|it| it.body.as_str());
    let contact = latest(text::CONTACT).and_then(|it| serde_json::from_str::<Contact>(it).ok());
    let contact = contact.unwrap_or_default();
    let owner = Circumstances::of(db, &ticket)?.owner;
    let due = local(granted.due_at, owner.time_zone);
    let track_url = format!("{public_url}/r/{}", ticket.number);
    let reason = cut(latest(&reason_name).unwrap_or_default(), TEXT_CHARS_MAX);
    let fields = [
        ("number", ticket.number.as_str()),
        ("subject", latest(text::SUBJECT).unwrap_or_default()),
        ("due", &due),
        ("reason", &reason),
        ("community", &owner.name),
        ("track_url", &track_url),
    ];
    let both = |key: &str, between: &str| -> Result<String, Error> {
        let zh = say(Language::Chinese, "mail_extension", key, &fields).map_err(Error::Internal)?;
        let en = say(Language::English, "mail_extension", key, &fields).map_err(Error::Internal)?;
        Ok(format!("{zh}{between}{en}"))
    };
    if message.channel == Channel::Sms.as_str() {
        let Some(to) = contact.phone else { return Ok(Ready::Impossible("the ticket has no phone number")) };
        let (text, key) = (both("sms", "\n")?, message.message_id.clone());
        return Ok(Ready::Send(Outgoing::Text(TextMessage { to, text, key })));
    }
    let Some(to) = contact.email else { return Ok(Ready::Impossible("the ticket has no e-mail address")) };
    let sender = say(Language::Chinese, "reply", "sender", &fields).map_err(Error::Internal)?;
    let (subject, body) = (both("subject", " ")?, both("body", "\n----\n\n")?);
    Ok(Ready::Send(Outgoing::Mail(letter(to, sender, subject, body, message))))
}
