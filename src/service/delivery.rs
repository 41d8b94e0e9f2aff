//! Replies that a machine sends: claimed, sent outside any transaction, and settled with the ticket.

use super::carriage::{
    Carrier, Fate, LEASE, MESSAGES_PER_ROUND, Outgoing, Ready, gateway, mailer, next_attempt, send_each,
    spread,
};
use super::circumstances::{Circumstances, keep};
use super::{App, Caller, Error};
use crate::config::Settings;
use crate::domain::people::Actor;
use crate::domain::ticket::intake::Contact;
use crate::domain::ticket::{Channel, Delivery, text};
use crate::domain::value::{At, TicketId};
use crate::notify::catalogue::{Language, say};
use crate::notify::mail::Letter;
use crate::notify::sms::{TextMessage, Texter};
use crate::store::outbox::Message;
use crate::store::tickets::By;
use crate::store::{Db, outbox, tickets};

pub use super::carriage::{Delivered, is_set};

/// Characters of a reply that a text message carries; the rest stands at the receipt.
pub(super) const TEXT_CHARS_MAX: usize = 300;

/// Sends the replies by e-mail and by text message that are due at `now`; safe in any number of processes.
///
/// # Errors
/// As [`deliver_by`]; one channel's fault does not keep the other's from being sent.
pub async fn deliver_due(app: &App, now: At) -> Result<Delivered, Error> {
    let by_mail = deliver_by(app, Channel::Email, now).await;
    let by_text = deliver_by(app, Channel::Sms, now).await?;
    let by_mail = by_mail?;
    Ok(Delivered {
        n_delivered: by_mail.n_delivered + by_text.n_delivered,
        n_postponed: by_mail.n_postponed + by_text.n_postponed,
        n_given_up: by_mail.n_given_up + by_text.n_given_up,
        n_cancelled: by_mail.n_cancelled + by_text.n_cancelled,
    })
}

/// Sends the replies on `channel` that are due at `now`; safe in any number of processes.
///
/// At least once: one whose answer is lost is sent again, with the same Message-ID or key. Without a mail
/// server or a text message command nothing is claimed, so no attempt is counted.
///
/// # Errors
/// Those of the database, and `Internal` for settings nothing can be sent with. What was done stays done.
pub async fn deliver_by(app: &App, channel: Channel, now: At) -> Result<Delivered, Error> {
    let code = channel.as_str();
    if !is_set(&app.settings, channel) {
        return Ok(Delivered::default());
    }
    if !app.store.read(move |db: &mut Db| outbox::has_due(db, code, now)).await? {
        return Ok(Delivered::default());
    }
    let Some(carrier) = Carrier::of(&app.settings, channel).map_err(Error::Internal)? else {
        return Ok(Delivered::default());
    };
    let chance: f64 = rand::random();
    let claimed = app
        .store
        .write(move |db: &mut Db| {
            outbox::claim(db, code, now, now + LEASE, MESSAGES_PER_ROUND, |it| {
                next_attempt(now, it.n_attempts, spread(chance, it.id))
            })
        })
        .await?;
    let send = |message| {
        let (app, carrier) = (app.clone(), carrier.clone());
        async move { deliver(&app, &carrier, message).await }
    };
    send_each(claimed, "replies", send).await
}

async fn deliver(app: &App, carrier: &Carrier, message: Message) -> Result<Fate, Error> {
    let ready = {
        let (message, public_url) = (message.clone(), app.settings.public_url.clone());
        app.store.read(move |db: &mut Db| prepare(db, &public_url, &message)).await?
    };
    let fate = carrier.carry(ready, message.n_attempts).await;
    let (app_too, now) = (app.clone(), app.clock.now());
    app.store.write(move |db: &mut Db| settle(db, &app_too, &message, fate.clone(), now)).await
}

/// Writes a message as its channel has it; the address is read here and kept nowhere else.
fn prepare(db: &mut Db, public_url: &str, message: &Message) -> Result<Ready, Error> {
    let Some(ticket) = tickets::find(db, By::Id(TicketId(message.ticket_id)))? else {
        return Ok(Ready::NotWanted);
    };
    let is_wanted = |it: &&crate::domain::ticket::Reply| {
        i64::from(it.id) == message.reply_id
            && it.channel.as_str() == message.channel
            && matches!(it.delivery, Delivery::Queued | Delivery::Sent)
    };
    let Some(reply) = ticket.replies.iter().find(is_wanted) else { return Ok(Ready::NotWanted) };
    let words_name = text::reply(reply.id);
    let texts = tickets::list_texts(db, &[ticket.id], &[text::CONTACT, text::SUBJECT, &words_name])?;
    let latest = |name: &str| texts.iter().rev().find(|it| it.name == name).map(|it| it.body.as_str());
    let contact = latest(text::CONTACT).and_then(|it| serde_json::from_str::<Contact>(it).ok());
    let contact = contact.unwrap_or_default();
    let Some(words) = latest(&words_name) else {
        return Ok(Ready::Impossible("the words of the reply were erased"));
    };
    let community = Circumstances::of(db, &ticket)?.owner.name;
    let shown = if reply.channel == Channel::Sms { cut(words, TEXT_CHARS_MAX) } else { words.to_owned() };
    let fields = [
        ("name", contact.name.as_deref().unwrap_or_default()),
        ("number", &ticket.number),
        ("subject", latest(text::SUBJECT).unwrap_or_default()),
        ("words", &shown),
        ("community", &community),
        ("track_url", &format!("{public_url}/r/{}", ticket.number)),
    ];
    if reply.channel == Channel::Sms {
        let Some(to) = contact.phone else { return Ok(Ready::Impossible("the ticket has no phone number")) };
        let text = write_text(&fields).map_err(Error::Internal)?;
        let key = message.message_id.clone();
        return Ok(Ready::Send(Outgoing::Text(TextMessage { to, text, key })));
    }
    let Some(to) = contact.email else { return Ok(Ready::Impossible("the ticket has no e-mail address")) };
    let (sender, subject, body) = write_letter(&fields).map_err(Error::Internal)?;
    Ok(Ready::Send(Outgoing::Mail(Letter {
        to,
        sender,
        subject,
        body,
        message_id: message.message_id.clone(),
        made_at: At::from_micros(message.created_at),
    })))
}

/// The text with at most `chars_max` characters; what is left out is marked.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((at, _)) => format!("{}……", &text[..at]),
        None => text.to_owned(),
    }
}

/// A text message: the reply in Chinese, and one line in English.
fn write_text(fields: &[(&str, &str)]) -> Result<String, String> {
    let (zh, en) =
        (say(Language::Chinese, "sms", "body", fields)?, say(Language::English, "sms", "body", fields)?);
    Ok(format!("{zh}\n{en}"))
}

/// Sender, subject and body: Chinese first, then English.
fn write_letter(fields: &[(&str, &str)]) -> Result<(String, String, String), String> {
    let has_name = fields.iter().any(|(name, value)| *name == "name" && !value.is_empty());
    let greeting = if has_name { "greeting_named" } else { "greeting" };
    let part = |language| -> Result<String, String> {
        let greeting = say(language, "reply", greeting, fields)?;
        let body = say(language, "reply", "body", fields)?;
        let footer = say(language, "reply", "footer", fields)?;
        Ok(format!("{greeting}\n\n{body}\n{footer}\n"))
    };
    let both = |key| -> Result<String, String> {
        let (zh, en) =
            (say(Language::Chinese, "reply", key, fields)?, say(Language::English, "reply", key, fields)?);
        Ok(format!("{zh} {en}"))
    };
    Ok((
        say(Language::Chinese, "reply", "sender", fields)?,
        both("subject")?,
        format!("{}\n----\n\n{}", part(Language::Chinese)?, part(Language::English)?),
    ))
}

/// Writes down how a message ended: ticket, event and outbox in one transaction.
fn settle(db: &mut Db, app: &App, message: &Message, fate: Fate, now: At) -> Result<Fate, Error> {
    if let Fate::Postponed(cause) = &fate {
        outbox::postpone(db, message.id, cause)?;
        return Ok(fate);
    }
    let Some(ticket) = tickets::lock(db, By::Id(TicketId(message.ticket_id)))? else {
        return Err(Error::internal("a message of no ticket"));
    };
    let number = ticket.number.clone();
    let reply = u32::try_from(message.reply_id).unwrap_or(0);
    let surroundings = Circumstances::of(db, &ticket)?;
    let caller = Caller { actor: Actor::System, place: None };
    let doing = surroundings.doing(&caller, now);
    let (state, cause, decided) = match &fate {
        Fate::Delivered => ("delivered", None, Some(ticket.delivered(reply, &doing))),
        Fate::GivenUp(cause) => ("given_up", Some(cause.as_str()), Some(ticket.given_up(reply, &doing))),
        Fate::Cancelled | Fate::Postponed(_) => ("cancelled", None, None),
    };
    match decided {
        Some(Ok(change)) => {
            keep(db, app, &change)?;
            outbox::settle(db, message.id, state, cause, now)?;
            match &fate {
                Fate::GivenUp(cause) => tracing::warn!(
                    ticket.number = number,
                    reply.id = reply,
                    "gave up reply {reply} of {number}: {cause}"
                ),
                Fate::Delivered | Fate::Cancelled | Fate::Postponed(_) => tracing::info!(
                    ticket.number = number,
                    reply.id = reply,
                    "delivered reply {reply} of {number}"
                ),
            }
            Ok(fate)
        }
        // Staff chose another way while it was under way; their decision stands.
        Some(Err(_not_on_its_way)) => {
            let told = format!("{state}, but no longer wanted");
            outbox::settle(db, message.id, "cancelled", Some(&told), now)?;
            Ok(Fate::Cancelled)
        }
        None => {
            outbox::settle(db, message.id, state, cause, now)?;
            Ok(fate)
        }
    }
}

/// What the settings say about mail: whether it can be sent, or that replies by e-mail wait.
pub fn outlook(settings: &Settings) -> Result<String, String> {
    match &settings.smtp_url {
        Some(_url) => mailer(settings).map(|_mailer| "a mail server is set".to_owned()),
        None => {
            Ok("no mail server: replies by e-mail stay queued\nhint: set RED_MAILBOX_SMTP_URL".to_owned())
        }
    }
}

/// What the settings say about text messages: whether they can be sent, or that they wait.
pub fn outlook_of_texts(settings: &Settings) -> Result<String, String> {
    if gateway(settings)?.is_some() {
        return Ok("a text message gateway is set".to_owned());
    }
    match &settings.sms_command {
        Some(command) => Texter::new(command).map(|_texter| "a text message command is set".to_owned()),
        None => Ok("no text message gateway: replies by SMS stay queued\nhint: set RED_MAILBOX_SMS_URL or RED_MAILBOX_SMS_COMMAND"
            .to_owned()),
    }
}

/// Sends a test mail to `to`.
///
/// # Errors
/// A text for operators: no mail server is set, or what it said.
pub async fn send_test(settings: &Settings, to: &str, now: At) -> Result<String, String> {
    let mailer = mailer(settings)?;
    let both = |key| -> Result<String, String> {
        Ok(format!(
            "{} {}",
            say(Language::Chinese, "test", key, &[])?,
            say(Language::English, "test", key, &[])?
        ))
    };
    let host = settings.mail_from.rsplit('@').next().unwrap_or("localhost");
    let letter = Letter {
        to: to.to_owned(),
        sender: "red-mailbox".to_owned(),
        subject: both("subject")?,
        body: both("body")?,
        message_id: format!("test.{}@{host}", now.micros()),
        made_at: now,
    };
    mailer.send(&letter).await.map(|()| "taken by the mail server".to_owned()).map_err(|it| it.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_at_a_character_and_says_so() {
        assert_eq!(cut("路灯修好了", 5), "路灯修好了");
        assert_eq!(cut("路灯修好了", 2), "路灯……");
    }

    #[test]
    fn a_letter_is_complete_in_both_languages() {
        let fields = [
            ("name", "李华"),
            ("number", "YD-1"),
            ("subject", "路灯"),
            ("words", "修好了{name}"),
            ("community", "雨前社区"),
            ("track_url", "http://x/r/YD-1"),
        ];

        let (sender, subject, body) = write_letter(&fields).expect("written");

        assert_eq!(sender, "雨前社区红色信箱");
        assert!(subject.starts_with("您反映的事项 YD-1"), "{subject}");
        for words in ["李华：您好！", "修好了{name}", "路灯", "http://x/r/YD-1", "Dear 李华,"] {
            assert!(body.contains(words), "{words} not in {body}");
        }
    }
}
